/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures how long a callable takes: warm-up, samples long enough for the clock, a stop rule, and
 * a verdict on whether the result can be trusted.
 *
 *     const onp_timed what = {.run = run, .user = plan};
 *     onp_timing t;
 *     ONP_TRY(onp_timing_measure(ctx, &what, NULL, NULL, &t, err));    // default stop rule
 *     printf("%" PRId64 " ns, %s\n", t.stats.median_ns, onp_timing_quality_name(t.quality));
 *     onp_timing_reset(ctx, &t);
 *
 * A sample is the time of `inner_reps` calls in a row divided by their number, the time of an empty
 * loop subtracted. What runs in parts can be stamped: the time source is read at each bound, and
 * the cost of reading it subtracted, so that the parts' times add up to the whole's.
 *
 * Before and after each sample its surroundings are looked at (latency/measure/time_source.h). A
 * sample is rejected, and counted, for one of the reasons of onp_reject; none for being slow.
 */
#ifndef ONP_LATENCY_MEASURE_TIMING_H
#define ONP_LATENCY_MEASURE_TIMING_H

#include "latency/measure/stats.h"
#include "latency/measure/stop_rule.h"
#include "latency/measure/time_source.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_timing_quality {
    ONP_TIMING_OK,
    ONP_TIMING_NOISY, /* interval or CV too wide, too many samples rejected, or a binding lost */
    ONP_TIMING_THROTTLED, /* the clock changed during the measurement */
    ONP_TIMING_BIMODAL,   /* two modes */
    ONP_TIMING_QUALITY_COUNT
} onp_timing_quality;
const char *onp_timing_quality_name(onp_timing_quality q); /* "ok", "noisy", ... */

/* Why a sample was left out. */
typedef enum onp_reject {
    ONP_REJECT_PREEMPTED, /* others had the processor for more than half a percent of it */
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
    int64_t *temperature_mc; /* n, or ONP_UNKNOWN_MC; NULL: none is known */
    size_t n_groups;         /* 0: the whole only */
    int64_t *stamps_ns;      /* [n_groups][n]: of each group's share of the sample; NULL without */
    int64_t inner_reps;
    int64_t n_rejected;
    int64_t rejected[ONP_REJECT_COUNT]; /* of these, for each reason */
    double overhead_ns;         /* of one turn of the empty loop, its stamps too; subtracted */
    char cores[ONP_CORES_TEXT]; /* where threads were seen: "4-7"; "": not known */
    onp_stats stats;
    onp_timing_quality quality;
    char reason[ONP_TIMING_REASON]; /* why it is not ok; "" when it is */
} onp_timing;

static inline const int64_t *onp_timing_group(const onp_timing *t, size_t group)
{
    return t->stamps_ns + group * t->n;
}

/* What is measured: run(user), or run_group(user, 0), ... run_group(user, n_groups - 1), which
 * together are one call, with a stamp behind each. */
typedef struct onp_timed {
    void (*run)(void *user);
    void (*run_group)(void *user, int32_t group);
    int32_t n_groups; /* 0: run; at most ONP_TIMING_MAX_STAMPS / 3 */
    void *user;
} onp_timed;

/*
 * rule: NULL or zero fields mean the defaults; samples_max is lower where stamps would be more than
 * ONP_TIMING_MAX_STAMPS. source: NULL is this machine. *out is then the caller's
 * (onp_timing_reset). Errors: ONP_E_RANGE (onp_stop_rule_check, too many groups), ONP_E_NOMEM; *out
 * is then unchanged. A poor measurement is not an error but a quality.
 */
onp_status onp_timing_measure(const onp_context *ctx, const onp_timed *what,
                              const onp_stop_rule *rule, const onp_time_source *source,
                              onp_timing *out, onp_error *err) ONP_MUST_USE;

/* Makes room for n samples of n_groups groups (0: the whole only) in an all-zero *t; t->n and
 * t->n_groups are then these. Temperatures are not known. Errors: ONP_E_NOMEM. */
onp_status onp_timing_init(const onp_context *ctx, size_t n, size_t n_groups, onp_timing *t,
                           onp_error *err) ONP_MUST_USE;
/* Releases the arrays; *t is then all zero. */
void onp_timing_reset(const onp_context *ctx, onp_timing *t);

/*
 * Rejects the samples that ran below 98 % of the usual clock, unless more than a fifth of all are
 * that far below it or above: the clock has then changed, which onp_timing_judge says. A clock is
 * smoothed by the median of five samples around, since one estimate is only good to half a percent
 * or so; the usual clock is the median of those in the band of 2 % to either side in which most of
 * them lie. scratch: 2 n values.
 */
void onp_timing_reject_slow_clock(onp_timing *t, int64_t *scratch);

/*
 * Fills stats, quality and reason from samples, clocks and n_rejected; n >= 1. scratch: 2 n values.
 * In this order: throttled when the clock changed; bimodal (onp_stats_take); noisy when more than a
 * fifth of all samples were rejected, when the interval of the median is wider than the rule wants,
 * or CV, without the slowest twentieth of the samples, is above cv_max.
 */
void onp_timing_judge(onp_timing *t, const onp_stop_rule *rule, int64_t *scratch);

/* Median of the samples each scaled to reference_khz by its own clock; 0 when a clock is not known.
 * scratch: n values. */
int64_t onp_timing_normalised_median(const onp_timing *t, int64_t reference_khz, int64_t *scratch);

#ifdef __cplusplus
}
#endif
#endif
