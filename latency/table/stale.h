/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the rows of a platform may still be believed. Pure rules: the caller gathers the facts
 * and does what the verdict asks for (measures again, marks rows, stops). Kernels, compiler or
 * agent of another version are no matter here: they make another platform.
 *
 *     onp_stale_verdict v;
 *     onp_stale_judge(&facts, &v);
 *     if (v.action == ONP_STALE_RECHECK)
 *         ... measure a sentinel and ONP_STALE_RECHECK_ROWS rows, then onp_stale_recheck()
 *     if (v.action == ONP_STALE_ROWS)
 *         ONP_TRY(onp_store_stale_set(s, platform, v.reason, &n, err));
 */
#ifndef ONP_LATENCY_TABLE_STALE_H
#define ONP_LATENCY_TABLE_STALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_STALE_DAYS         90   /* older rows are checked again */
#define ONP_STALE_RECHECK_ROWS 10   /* random rows that are measured again */
#define ONP_STALE_CHANGE       0.03 /* their median change above which all are stale */
#define ONP_STALE_SENTINEL     0.05 /* a sentinel's distance from the median of its history */
#define ONP_STALE_MAPE         0.05 /* of a validation; above it the platform is recalibrated */
#define ONP_STALE_BIAS         0.03
#define ONP_STALE_NETWORKS     5 /* measured ones by which a calibration makes imported rows usable */

#define ONP_STALE_REASON 120

typedef enum onp_stale_action {
    ONP_STALE_FRESH,
    ONP_STALE_RECALIBRATE, /* usable, but the sum of rows is not the network's latency any more */
    ONP_STALE_RECHECK,     /* measure some again: onp_stale_recheck */
    ONP_STALE_IMPORTED,    /* only when it is asked for, or after a calibration */
    ONP_STALE_ROWS         /* do not use: measure again */
} onp_stale_action;

/* What is known of a platform; zero and NULL are unknown. */
typedef struct onp_stale_facts {
    bool imported;                         /* its rows are of a table from elsewhere */
    int64_t n_calibrated;                  /* networks that its calibration was fitted to */
    const char *os_then, *os_now;          /* of the run that made its rows, and today's */
    int64_t oldest_unix_ns, now_unix_ns;   /* of its rows, today */
    double sentinel_then, sentinel_now;    /* median of the earlier runs, the newest: any unit */
    int64_t n_validated;                   /* networks of the last validation ... */
    double validated_mape, validated_bias; /* ... and how their calibrated predictions agreed */
} onp_stale_facts;

typedef struct onp_stale_verdict {
    onp_stale_action action;
    bool stop;                     /* the device is not what it was: a search says so and ends */
    char reason[ONP_STALE_REASON]; /* "" when it is fresh */
} onp_stale_verdict;

/* The severest of all that holds. */
void onp_stale_judge(const onp_stale_facts *facts, onp_stale_verdict *out);

/*
 * After ONP_STALE_RECHECK: the median over n rows, 1 or more, of now / then - 1. ONP_STALE_ROWS
 * when it is more than ONP_STALE_CHANGE from 0, else ONP_STALE_FRESH, the reason then being a note
 * ("checked again: ...").
 */
void onp_stale_recheck(double median_change, int64_t n, onp_stale_verdict *out);

#ifdef __cplusplus
}
#endif
#endif
