/* SPDX-License-Identifier: Apache-2.0 */
#include "search/objective.h"

#include <math.h>

/* Constant push towards speed, below the target too. */
static onp_objective_value add_linear(double lambda, double ce, double e, double t)
{
    return (onp_objective_value){
        .loss = ce + lambda * (e - t) / t, .d_ce = 1, .d_expected = lambda / t};
}

/* The same above the target, no push at or below it. */
static onp_objective_value hinge(double lambda, double ce, double e, double t)
{
    if (e <= t)
        return (onp_objective_value){.loss = ce, .d_ce = 1};
    return add_linear(lambda, ce, e, t);
}

/* e and t in cfg->unit_ns; d_expected per that unit. */
static onp_objective_value mul_log(const onp_loss_config *cfg, double ce, double e, double t)
{
    const double ratio = log(e) / log(t);
    const double scale = cfg->alpha * pow(ratio, cfg->beta);
    return (onp_objective_value){.loss = scale * ce,
                                 .d_ce = scale,
                                 .d_expected = cfg->alpha * ce * cfg->beta *
                                               pow(ratio, cfg->beta - 1) / (e * log(t))};
}

onp_objective_value onp_objective(const onp_loss_config *cfg, double ce, double expected_ns,
                                  double target_ns)
{
    if (cfg->kind == ONP_LOSS_HINGE)
        return hinge(cfg->lambda, ce, expected_ns, target_ns * (1 - cfg->margin));
    if (cfg->kind == ONP_LOSS_ADD_LINEAR)
        return add_linear(cfg->lambda, ce, expected_ns, target_ns);
    const double unit = (double)cfg->unit_ns;
    onp_objective_value v = mul_log(cfg, ce, expected_ns / unit, target_ns / unit);
    v.d_expected /= unit;
    return v;
}

onp_status onp_objective_check(const onp_loss_config *cfg, int64_t least_ns, double target_ns,
                               onp_error *err)
{
    const double unit = (double)cfg->unit_ns;
    const double smaller = fmin((double)least_ns, target_ns);
    if (cfg->kind != ONP_LOSS_MUL_LOG || smaller > unit)
        return ONP_OK;
    return onp_fail(err, ONP_E_CONFIG,
                    "search.loss: mul-log takes logarithms, so its unit (%.6g ms) must be below "
                    "the target (%.6g ms) and the fastest network of the space (%.6g ms)",
                    unit / 1e6, target_ns / 1e6, (double)least_ns / 1e6);
}
