/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i][j][c] = max over u, v of x[n][i*s+u-p][j*s+v-p][c], p = (kernel - 1) / 2, within the map
 */
#include "ops/contract.h"

const onp_grad_rule onp_max_pool_rules[1] = {
    {ONP_OP_MAX_POOL_BWD, 2, 1, {ONP_FROM_GY, ONP_FROM_X(0)}, {0}, 0},
};

onp_status onp_max_pool_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                              onp_error *err)
{
    ONP_TRY(onp_contract_inputs(ONP_OP_MAX_POOL, in, n_in, err));
    const int64_t s = attr->stride;
    /* a window starts at most p before its place and so always meets the map */
    if (attr->kernel < 1)
        return onp_fail(err, ONP_E_RANGE, "max-pool: kernel is %d, expected at least 1",
                        attr->kernel);
    if (s < 1 || s > ONP_STRIDE_MAX)
        return onp_fail(err, ONP_E_RANGE, "max-pool: stride is %d, expected 1 to %d", attr->stride,
                        ONP_STRIDE_MAX);
    *out = (onp_shape){in[0].n, (in[0].h + s - 1) / s, (in[0].w + s - 1) / s, in[0].c};
    return ONP_OK;
}
