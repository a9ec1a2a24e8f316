/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/stop_rule.h"

#include <inttypes.h>
#include <stddef.h>

#define SECOND_NS ((int64_t)1000000000)

static const onp_stop_rule defaults = {
    .warmup_calls = 3,
    .warmup_min_ns = 3 * SECOND_NS / 10,
    .sample_min_ns = SECOND_NS / 1000,
    .samples_min = 30,
    .samples_max = 2000,
    .time_min_ns = SECOND_NS / 2,
    .time_max_ns = 5 * SECOND_NS,
    .ci_half_width = 0.01,
    .cv_max = 0.03,
};

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value != 0 ? value : fallback;
}

onp_stop_rule onp_stop_rule_resolve(const onp_stop_rule *rule)
{
    if (rule == NULL)
        return defaults;
    onp_stop_rule r = {
        .warmup_calls = or_default(rule->warmup_calls, defaults.warmup_calls),
        .warmup_min_ns = or_default(rule->warmup_min_ns, defaults.warmup_min_ns),
        .sample_min_ns = or_default(rule->sample_min_ns, defaults.sample_min_ns),
        .samples_min = or_default(rule->samples_min, defaults.samples_min),
        .samples_max = or_default(rule->samples_max, defaults.samples_max),
        .time_min_ns = or_default(rule->time_min_ns, defaults.time_min_ns),
        .time_max_ns = or_default(rule->time_max_ns, defaults.time_max_ns),
        .ci_half_width = rule->ci_half_width > 0.0 ? rule->ci_half_width : defaults.ci_half_width,
        .cv_max = rule->cv_max > 0.0 ? rule->cv_max : defaults.cv_max,
    };
    return r;
}

static onp_status check_int(const char *name, int64_t value, int64_t max, onp_error *err)
{
    if (value < 0 || value > max)
        return onp_fail(err, ONP_E_RANGE,
                        "stop rule: %s is %" PRId64 ", wanted 0 (default)..%" PRId64, name, value,
                        max);
    return ONP_OK;
}

static onp_status check_share(const char *name, double value, onp_error *err)
{
    if (!(value >= 0.0 && value <= 1.0))
        return onp_fail(err, ONP_E_RANGE, "stop rule: %s is %g, wanted 0 (default)..1", name,
                        value);
    return ONP_OK;
}

onp_status onp_stop_rule_check(const onp_stop_rule *rule, onp_error *err)
{
    const int64_t hour = 3600 * SECOND_NS;
    ONP_TRY(check_int("warmup_calls", rule->warmup_calls, 1000000, err));
    ONP_TRY(check_int("warmup_min_ns", rule->warmup_min_ns, hour, err));
    ONP_TRY(check_int("sample_min_ns", rule->sample_min_ns, hour, err));
    ONP_TRY(check_int("samples_min", rule->samples_min, ONP_TIMING_MAX_SAMPLES, err));
    ONP_TRY(check_int("samples_max", rule->samples_max, ONP_TIMING_MAX_SAMPLES, err));
    ONP_TRY(check_int("time_min_ns", rule->time_min_ns, hour, err));
    ONP_TRY(check_int("time_max_ns", rule->time_max_ns, hour, err));
    ONP_TRY(check_share("ci_half_width", rule->ci_half_width, err));
    return check_share("cv_max", rule->cv_max, err);
}
