/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation (S. Ioffe, C. Szegedy, 2015) in two operations, so that the second can be
 * folded into whoever reads its output. */
#include "ops/contract.h"

#include <math.h>

/* BN_STATS has no rules: BN_BWD_APPLY carries the gradient through mean and variance, unless they
 * are frozen. */
const onp_grad_rule onp_bn_apply_rules[2] = {
    {ONP_OP_BN_BWD_SUMS, 3, 2, {ONP_FROM_GY, ONP_FROM_X(0), ONP_FROM_X(1)}, {2, 3}, 0},
    {ONP_OP_BN_BWD_APPLY,
     6,
     1,
     {ONP_FROM_GY, ONP_FROM_X(0), ONP_FROM_X(1), ONP_FROM_X(2), ONP_FROM_RULE(0, 0),
      ONP_FROM_RULE(0, 1)},
     {0},
     0},
};

onp_status onp_bn_stats_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                              onp_error *err)
{
    (void)attr;
    ONP_TRY(onp_contract_inputs(ONP_OP_BN_STATS, in, n_in, err));
    *out = (onp_shape){1, 1, 2, in[0].c};
    return ONP_OK;
}

onp_status onp_bn_apply_infer(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                              onp_error *err)
{
    ONP_TRY(onp_contract_inputs(ONP_OP_BN_APPLY, in, n_in, err));
    const onp_shape vector = {1, 1, 1, in[0].c}, stats = {1, 1, 2, in[0].c};
    ONP_TRY(onp_contract_equal(ONP_OP_BN_APPLY, "stats", in[1], stats, err));
    ONP_TRY(onp_contract_equal(ONP_OP_BN_APPLY, "gamma", in[2], vector, err));
    ONP_TRY(onp_contract_equal(ONP_OP_BN_APPLY, "beta", in[3], vector, err));
    if (!(attr->eps > 0) || !isfinite(attr->eps))
        return onp_fail(err, ONP_E_RANGE, "bn-apply: eps is %g, expected above 0", attr->eps);
    *out = in[0];
    return ONP_OK;
}
