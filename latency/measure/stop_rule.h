/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a measurement has seen enough: how long to warm up, how long a sample lasts, how narrow the
 * interval of the median must be, and when to give up.
 *
 *     const onp_stop_rule rule = {.time_max_ns = 800000000};       // all else as by default
 *     ONP_TRY(onp_stop_rule_check(&rule, err));
 *     const onp_stop_rule all = onp_stop_rule_resolve(&rule);
 */
#ifndef ONP_LATENCY_MEASURE_STOP_RULE_H
#define ONP_LATENCY_MEASURE_STOP_RULE_H

#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_TIMING_MAX_SAMPLES 100000

/* A field that is 0 has the default beside it. */
typedef struct onp_stop_rule {
    int64_t warmup_calls;  /* 3: at least so many calls before the first sample */
    int64_t warmup_min_ns; /* 0.3 s: and for so long, and until the median of the last five samples
                            * is within 1 % of that of the five before (a quarter of time_max_ns
                            * ends the wait) */
    int64_t sample_min_ns; /* 1 ms: a sample lasts so long, and 200 ticks of the time source */
    int64_t samples_min;   /* 30 */
    int64_t samples_max;   /* 2000; at most ONP_TIMING_MAX_SAMPLES */
    int64_t time_min_ns;   /* 0.5 s of samples */
    int64_t time_max_ns;   /* 5 s in all, warm-up included; three samples are always taken */
    double ci_half_width;  /* 0.01: stop when the 95 % interval of the median is this narrow */
    double cv_max;         /* 0.03: above it a row is noisy (onp_timing_judge) */
} onp_stop_rule;

/* The rule with its defaults filled in. rule may be NULL. */
onp_stop_rule onp_stop_rule_resolve(const onp_stop_rule *rule);
/* Errors: ONP_E_RANGE naming the field: a negative or absurd limit (more than an hour, more than
 * ONP_TIMING_MAX_SAMPLES samples, a share above 1). */
onp_status onp_stop_rule_check(const onp_stop_rule *rule, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
