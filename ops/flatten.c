/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][0][0][(i * w + j) * c + k] = x[n][i][j][k]: the same memory seen as one pixel an image */
#include "ops/contract.h"

const onp_grad_rule onp_flatten_rules[1] = {
    {ONP_OP_FLATTEN_BWD, 1, 1, {ONP_FROM_GY}, {0}, 0},
};

onp_status onp_flatten_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                             onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_FLATTEN, in, n_in, err));
    *out = (onp_shape){in[0].n, 1, 1, in[0].h * in[0].w * in[0].c};
    return ONP_OK;
}
