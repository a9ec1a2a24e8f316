/* SPDX-License-Identifier: Apache-2.0 */
/* y = min(max(x, 0), 6) */
#include "ops/contract.h"

const onp_grad_rule onp_relu6_rules[1] = {
    {ONP_OP_RELU6_BWD, 2, 1, {ONP_FROM_GY, ONP_FROM_X(0)}, {0}, 0},
};

onp_status onp_relu6_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                           onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_RELU6, in, n_in, err));
    *out = in[0];
    return ONP_OK;
}
