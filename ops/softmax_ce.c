/* SPDX-License-Identifier: Apache-2.0 */
/* loss = -1/n sum_n sum_c t[n][c] * ln softmax(x[n])[c], t = (1 - e) onehot(label) + e / classes */
#include "ops/contract.h"

/* A loss is where gradients begin, so the rule takes no gradient of the output. */
const onp_grad_rule onp_softmax_ce_rules[1] = {
    {ONP_OP_SOFTMAX_CE_BWD, 2, 1, {ONP_FROM_X(0), ONP_FROM_X(1)}, {0}, 0},
};

onp_status onp_softmax_ce_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                                onp_error *err)
{
    ONP_TRY(onp_contract_inputs(ONP_OP_SOFTMAX_CE, in, n_in, err));
    const onp_shape logits = {in[0].n, 1, 1, in[0].c}, labels = {1, 1, 1, in[0].n};
    ONP_TRY(onp_contract_equal(ONP_OP_SOFTMAX_CE, "logits", in[0], logits, err));
    ONP_TRY(onp_contract_equal(ONP_OP_SOFTMAX_CE, "labels", in[1], labels, err));
    if (!(attr->smoothing >= 0 && attr->smoothing < 1))
        return onp_fail(err, ONP_E_RANGE, "softmax-ce: smoothing is %g, expected 0 to below 1",
                        attr->smoothing);
    *out = (onp_shape){1, 1, 1, 2};
    return ONP_OK;
}
