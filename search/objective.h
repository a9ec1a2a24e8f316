/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objective of an architecture step: cross entropy and expected latency in one number.
 *
 *     onp_objective_value v = onp_objective(&cfg->search.loss, ce, expected_ns, target_ns);
 *     grad[i] = v.d_ce * gate_grad[i] + v.d_expected * latency_grad[i];
 *
 * hinge       CE + lambda * max(0, E/T - 1), T being the target less cfg->margin of it
 * add-linear  CE + lambda * (E - T) / T
 * mul-log     alpha * CE * (ln E / ln T)^beta, E and T counted in cfg->unit_ns          (H. Cai et
 * al., 2019, and their code)
 */
#ifndef ONP_SEARCH_OBJECTIVE_H
#define ONP_SEARCH_OBJECTIVE_H

#include "search/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_objective_value {
    double loss;
    double d_ce;       /* d loss / d CE */
    double d_expected; /* d loss / d E, per nanosecond */
} onp_objective_value;

/* ce: mean cross entropy; expected_ns, target_ns > 0. mul-log needs both above one unit, see
 * onp_objective_check. */
onp_objective_value onp_objective(const onp_loss_config *cfg, double ce, double expected_ns,
                                  double target_ns);

/* Before a search: whether the loss is defined all the way, from the fastest network of the space
 * (least_ns) up. Errors: ONP_E_CONFIG. */
onp_status onp_objective_check(const onp_loss_config *cfg, int64_t least_ns, double target_ns,
                               onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
