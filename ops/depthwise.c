/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i][j][c] = bias[c] + sum_{u,v} x[n][i*s+d*(u-p)][j*s+d*(v-p)][c] * w[u][v][0][c],
 * zero outside of the map */
#include "ops/contract.h"

const onp_grad_rule onp_depthwise_rules[3] = {
    {ONP_OP_DEPTHWISE_BWD_DATA, 2, 1, {ONP_FROM_GY, ONP_FROM_X(1)}, {0}, 0},
    {ONP_OP_DEPTHWISE_BWD_WEIGHT, 2, 1, {ONP_FROM_X(0), ONP_FROM_GY}, {1}, 0},
    {ONP_OP_COLUMN_SUM, 1, 1, {ONP_FROM_GY}, {2}, .optional_input = 2},
};

onp_status onp_depthwise_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                               onp_error *err)
{
    ONP_TRY(onp_contract_inputs(ONP_OP_DEPTHWISE, in, n_in, err));
    const onp_shape x = in[0], w = in[1];
    if (x.c != w.c)
        return onp_fail(err, ONP_E_SHAPE,
                        "depthwise: x has %" PRId64 " channels, kernel expects %" PRId64, x.c, w.c);
    const onp_shape want_w = {attr->kernel, attr->kernel, 1, x.c};
    return onp_contract_convolution(ONP_OP_DEPTHWISE, in, n_in, attr, want_w, out, err);
}

int64_t onp_depthwise_macs(const onp_shape *in, const onp_shape *out, const onp_attr *attr)
{
    (void)in;
    return onp_shape_count(*out) * attr->kernel * attr->kernel;
}
