/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures how long a callable takes: warm-up, samples long enough for the clock, a stop rule, and
 * a verdict on whether the result can be trusted.
 *
 *     onp_timing t;
 *     ONP_TRY(onp_timing_measure(ctx, run, plan, NULL, NULL, &t, err));    // default stop rule
 *     printf("%" PRId64 " ns, %s\n", t.stats.median_ns, onp_timing_quality_name(t.quality));
 *     onp_timing_reset(ctx, &t);
 *
 * A sample is the time of `inner_reps` calls in a row divided by their number, the time of an empty
 * loop subtracted. The clock of the core is estimated before and after each sample
 * (latency/measure/clock.h). A sample during which the system took the processor away from this
 * process is rejected and counted; no sample is rejected for being slow.
 */
#ifndef ONP_LATENCY_MEASURE_TIMING_H
#define ONP_LATENCY_MEASURE_TIMING_H

#include "base/context.h"
#include "latency/measure/device.h"
#include "latency/measure/stats.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When to stop. A field that is 0 has the default beside it. */
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
    double cv_max;         /* 0.03: above it a row is noisy */
} onp_stop_rule;

#define ONP_TIMING_MAX_SAMPLES 100000

/* The rule with its defaults filled in. rule may be NULL. */
onp_stop_rule onp_stop_rule_resolve(const onp_stop_rule *rule);
/* Errors: ONP_E_RANGE naming the field: a negative or absurd limit (more than an hour, more than
 * ONP_TIMING_MAX_SAMPLES samples, a share above 1). */
onp_status onp_stop_rule_check(const onp_stop_rule *rule, onp_error *err) ONP_MUST_USE;

typedef enum onp_timing_quality {
    ONP_TIMING_OK,
    ONP_TIMING_NOISY,     /* interval or CV too wide, or too many samples rejected */
    ONP_TIMING_THROTTLED, /* the clock fell during the measurement */
    ONP_TIMING_BIMODAL,   /* two modes */
    ONP_TIMING_QUALITY_COUNT
} onp_timing_quality;
const char *onp_timing_quality_name(onp_timing_quality q); /* "ok", "noisy", ... */

/* Why a sample was left out; never for being slow. */
typedef enum onp_reject {
    ONP_REJECT_PREEMPTED, /* others had the processor meanwhile */
    ONP_REJECT_STOLEN,    /* the host of this virtual machine had it */
    ONP_REJECT_MOVED,     /* a thread was seen on another core than before */
    ONP_REJECT_CLOCK,     /* the core ran below 98 % of its usual clock */
    ONP_REJECT_COUNT
} onp_reject;
const char *onp_reject_name(onp_reject r); /* "preempted", "stolen", "moved", "clock" */

#define ONP_TIMING_REASON     160
#define ONP_TIMING_MAX_STAMPS 1000000 /* groups times samples */

typedef struct onp_timing {
    size_t n;
    int64_t *samples_ns;     /* n, in the order taken */
    int64_t *clock_khz;      /* n: mean of the clocks before and after the sample; 0: not known */
    int64_t *temperature_mc; /* n, millidegrees Celsius or ONP_UNKNOWN_MC; NULL: not known */
    size_t n_groups;         /* 0: the whole only */
    int64_t *stamps_ns;      /* [n_groups][n]: of each group's share of the sample; NULL without */
    int64_t inner_reps;
    int64_t n_rejected;
    int64_t rejected[ONP_REJECT_COUNT]; /* of these, for each reason */
    double overhead_ns;                 /* of one turn of the empty loop; already subtracted */
    char cores[ONP_CORES_TEXT];         /* where threads were seen: "4-7"; "": not known */
    onp_stats stats;
    onp_timing_quality quality;
    char reason[ONP_TIMING_REASON]; /* why it is not ok; "" when it is */
} onp_timing;

static inline const int64_t *onp_timing_group(const onp_timing *t, size_t group)
{
    return t->stamps_ns + group * t->n;
}

/* Where time comes from. */
typedef struct onp_time_source {
    int64_t (*now_ns)(void *user);
    int64_t (*clock_khz)(void *user);   /* NULL: not known */
    int64_t (*preemptions)(void *user); /* so far, of this process; NULL: not known */
    void *user;
} onp_time_source;

/* This machine: onp_now_ns, onp_clock_khz, involuntary context switches of all threads. */
const onp_time_source *onp_time_source_system(void);

/*
 * Measures run(user). rule: NULL or zero fields mean the defaults; source: NULL is this machine.
 * *out is then the caller's (onp_timing_reset). Errors: ONP_E_RANGE (onp_stop_rule_check),
 * ONP_E_NOMEM; *out is then unchanged. A poor measurement is not an error but a quality.
 */
onp_status onp_timing_measure(const onp_context *ctx, void (*run)(void *user), void *user,
                              const onp_stop_rule *rule, const onp_time_source *source,
                              onp_timing *out, onp_error *err) ONP_MUST_USE;

/* Makes room for n samples of n_groups groups (0: the whole only) in an all-zero *t; t->n and
 * t->n_groups are then these. Temperatures are not known. Errors: ONP_E_NOMEM. */
onp_status onp_timing_init(const onp_context *ctx, size_t n, size_t n_groups, onp_timing *t,
                           onp_error *err) ONP_MUST_USE;
/* Releases the arrays; *t is then all zero. */
void onp_timing_reset(const onp_context *ctx, onp_timing *t);

/*
 * Fills stats, quality and reason from samples, clocks and n_rejected; n >= 1. scratch: n values.
 * In this order: throttled when more than a fifth of the samples ran below 98 % of the clock that a
 * tenth of them exceeded; bimodal (onp_stats_take); noisy when more than a fifth of all samples
 * were rejected, when the interval of the median is wider than the rule wants, or CV is above
 * cv_max.
 */
void onp_timing_judge(onp_timing *t, const onp_stop_rule *rule, int64_t *scratch);

/* Median of the samples each scaled to reference_khz by its own clock; 0 when a clock is not known.
 * scratch: n values. */
int64_t onp_timing_normalised_median(const onp_timing *t, int64_t reference_khz, int64_t *scratch);

#ifdef __cplusplus
}
#endif
#endif
