/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i][j][c] = mean over u, v of x[n][i*s+u-p][j*s+v-p][c], p = (kernel - 1) / 2, within the map
 */
#include "ops/contract.h"

const onp_grad_rule onp_avg_pool_rules[1] = {
    {ONP_OP_AVG_POOL_BWD, 1, 1, {ONP_FROM_GY}, {0}, 0},
};

onp_status onp_avg_pool_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                              onp_error *err)
{
    return onp_contract_pool(ONP_OP_AVG_POOL, in, n_in, attr, out, err);
}
