/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][0][0][c] = mean over i, j of x[n][i][j][c] */
#include "ops/contract.h"

const onp_grad_rule onp_global_avg_pool_rules[1] = {
    {ONP_OP_GLOBAL_AVG_POOL_BWD, 1, 1, {ONP_FROM_GY}, {0}, 0},
};

onp_status onp_global_avg_pool_infer(const onp_shape *in, int n_in, const onp_attr *attr,
                                     onp_shape *out, onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_GLOBAL_AVG_POOL, in, n_in, err));
    *out = (onp_shape){in[0].n, 1, 1, in[0].c};
    return ONP_OK;
}
