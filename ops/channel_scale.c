/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i][j][c] = x[n][i][j][c] * s[n][0][0][c]; linear in x, so gx = gy * s */
#include "ops/contract.h"

const onp_grad_rule onp_channel_scale_rules[2] = {
    {ONP_OP_CHANNEL_SCALE, 2, 1, {ONP_FROM_GY, ONP_FROM_X(1)}, {0}, 0},
    {ONP_OP_CHANNEL_SCALE_BWD_SCALE, 2, 1, {ONP_FROM_GY, ONP_FROM_X(0)}, {1}, 0},
};

onp_status onp_channel_scale_infer(const onp_shape *in, int n_in, const onp_attr *attr,
                                   onp_shape *out, onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_CHANNEL_SCALE, in, n_in, err));
    const onp_shape scale = {in[0].n, 1, 1, in[0].c};
    ONP_TRY(onp_contract_equal(ONP_OP_CHANNEL_SCALE, "scale", in[1], scale, err));
    *out = in[0];
    return ONP_OK;
}
