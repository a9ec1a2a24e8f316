/* SPDX-License-Identifier: Apache-2.0 */
/* y[n][i] = x[n][i] / (1 - rate) where the mask (ops/dropout.h) keeps element i of sample n, else
 * 0; linear in x with a mask that does not depend on it, so gx is the same of gy */
#include "ops/contract.h"

const onp_grad_rule onp_dropout_rules[1] = {
    {ONP_OP_DROPOUT, 1, 1, {ONP_FROM_GY}, {0}, 0},
};

onp_status onp_dropout_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                             onp_error *err)
{
    ONP_TRY(onp_contract_inputs(ONP_OP_DROPOUT, in, n_in, err));
    if (!(attr->rate >= 0 && attr->rate < 1))
        return onp_fail(err, ONP_E_RANGE, "dropout: rate is %g, expected 0 to below 1", attr->rate);
    *out = in[0];
    return ONP_OK;
}
