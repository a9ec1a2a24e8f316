/* SPDX-License-Identifier: Apache-2.0 */
/* y = max(x, 0) */
#include "ops/contract.h"

const onp_grad_rule onp_relu_rules[1] = {
    {ONP_OP_RELU_BWD, 2, 1, {ONP_FROM_GY, ONP_FROM_X(0)}, {0}, 0},
};

onp_status onp_relu_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                          onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_RELU, in, n_in, err));
    *out = in[0];
    return ONP_OK;
}
