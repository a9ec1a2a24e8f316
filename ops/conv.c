/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i][j][co] = bias[co] + sum_{u,v,ci} x[n][i*s+u-p][j*s+v-p][ci] * w[u][v][ci][co],
 * zero outside of the map */
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
    if (x.c != w.w)
        return onp_fail(err, ONP_E_SHAPE,
                        "conv: x has %" PRId64 " channels, kernel expects %" PRId64, x.c, w.w);
    const onp_shape want_w = {attr->kernel, attr->kernel, x.c, w.c};
    return onp_contract_convolution(ONP_OP_CONV, in, n_in, attr, want_w, out, err);
}

int64_t onp_conv_macs(const onp_shape *in, const onp_shape *out, const onp_attr *attr)
{
    return onp_shape_count(*out) * attr->kernel * attr->kernel * in[0].c;
}
