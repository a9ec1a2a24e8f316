/* SPDX-License-Identifier: Apache-2.0 */
/* hsigmoid: y = relu6(x + 3) / 6;  hswish: y = x * relu6(x + 3) / 6 */
#include "ops/contract.h"

const onp_grad_rule onp_hswish_rules[1] = {
    {ONP_OP_HSWISH_BWD, 2, 1, {ONP_FROM_GY, ONP_FROM_X(0)}, {0}, 0},
};

const onp_grad_rule onp_hsigmoid_rules[1] = {
    {ONP_OP_HSIGMOID_BWD, 2, 1, {ONP_FROM_GY, ONP_FROM_X(0)}, {0}, 0},
};

onp_status onp_hswish_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                            onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_HSWISH, in, n_in, err));
    *out = in[0];
    return ONP_OK;
}

onp_status onp_hsigmoid_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                              onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_HSIGMOID, in, n_in, err));
    *out = in[0];
    return ONP_OK;
}
