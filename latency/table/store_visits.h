/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measurements read back with their raw samples: what an unfinished profile has stored, what a
 * finished one was made of. The contract of latency/table/store.h holds here too.
 *
 *     const onp_visit_query q = {.platform = platform, .plan = hash};
 *     ONP_TRY(onp_store_visits(s, &q, take_over, user, err));
 */
#ifndef ONP_LATENCY_TABLE_STORE_VISITS_H
#define ONP_LATENCY_TABLE_STORE_VISITS_H

#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A measurement that belongs to a pass of a run. Borrowed during the visit; 0 and NULL: unknown. */
typedef struct onp_visit {
    int64_t run, seq, pass;
    const char *key; /* a block's key, or a network's hash */
    int64_t median_ns, ci95_lo_ns, ci95_hi_ns, normalized_median_ns;
    int64_t reference_khz; /* of normalized_median_ns */
    onp_quality quality;   /* never failed */
    const char *reason;
    const int64_t *samples_ns, *clocks_khz; /* n_samples */
    const int64_t *stamps_ns;               /* [n_groups][n_samples] */
    size_t n_samples, n_groups;
    /* the same run's sentinels that were measured last before it and first after it, as in
     * onp_quiet_value(); 0: there is none */
    double sentinel_before, sentinel_after;
} onp_visit;

/* Runs on a platform whose settings name this plan. */
typedef struct onp_visit_query {
    int64_t platform;
    const char *plan;
    int64_t done; /* 0: of the runs since the last one that is done, without it; else: of this one,
                     which is done, and of those since the one that was done before it */
} onp_visit_query;

/* Calls visit for each such measurement, oldest first. Stops at, and returns, the first failure.
 * Errors: ONP_E_FORMAT (damaged samples), ONP_E_NOMEM. */
typedef onp_status (*onp_visit_fn)(void *user, const onp_visit *v, onp_error *err);
onp_status onp_store_visits(onp_store *s, const onp_visit_query *q, onp_visit_fn visit, void *user,
                            onp_error *err) ONP_MUST_USE;

/* Calls one measurement of a run failed, for a reason: it is made again. Its row stays, for the
 * record. */
onp_status onp_store_distrust(onp_store *s, int64_t run, int64_t seq, const char *reason,
                              onp_error *err) ONP_MUST_USE;

/* The plan of a run's settings, ONP_SHA256_HEX bytes; "" when it has none. */
onp_status onp_store_run_plan(onp_store *s, int64_t run, char plan[ONP_SHA256_HEX],
                              onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
