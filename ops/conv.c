/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i][j][co] = bias[co] + sum_{u,v,ci} x[n][i*s+d*(u-p)][j*s+d*(v-p)][c0+ci] * w[u][v][ci][co],
 * zero outside of the map; ci runs through the channels of co's group, which begin at c0 */
#include "ops/contract.h"

const onp_grad_rule onp_conv_rules[3] = {
    {ONP_OP_CONV_BWD_DATA, 2, 1, {ONP_FROM_GY, ONP_FROM_X(1)}, {0}, 0},
    {ONP_OP_CONV_BWD_WEIGHT, 2, 1, {ONP_FROM_X(0), ONP_FROM_GY}, {1}, 0},
    {ONP_OP_COLUMN_SUM, 1, 1, {ONP_FROM_GY}, {2}, .optional_input = 2},
};

onp_status onp_conv_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                          onp_error *err)
{
    ONP_TRY(onp_contract_inputs(ONP_OP_CONV, in, n_in, err));
    const onp_shape x = in[0], w = in[1];
    const int64_t groups = onp_attr_groups(attr);
    if (attr->groups < 0 || x.c % groups != 0 || w.c % groups != 0)
        return onp_fail(err, ONP_E_RANGE,
                        "conv: %d groups of %" PRId64 " channels to %" PRId64
                        ", expected a divisor of both",
                        attr->groups, x.c, w.c);
    if (x.c != w.w * groups)
        return onp_fail(err, ONP_E_SHAPE,
                        "conv: x has %" PRId64 " channels, kernel expects %" PRId64, x.c,
                        w.w * groups);
    const onp_shape want_w = {attr->kernel, attr->kernel, w.w, w.c};
    return onp_contract_convolution(ONP_OP_CONV, in, n_in, attr, want_w, out, err);
}

int64_t onp_conv_macs(const onp_shape *in, const onp_shape *out, const onp_attr *attr)
{
    return onp_shape_count(*out) * attr->kernel * attr->kernel * (in[0].c / onp_attr_groups(attr));
}
