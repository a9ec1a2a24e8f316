/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a platform's rows can be trusted, by what the table itself knows: the facts for the rules
 * of latency/table/stale.h, its calibration and its last validation.
 *
 *     onp_trust trust;
 *     ONP_TRY(onp_trust_take(store, platform, os_now, &trust, err));
 *     if (trust.verdict.action == ONP_STALE_ROWS)
 *         ONP_TRY(onp_store_stale_set(store, platform, trust.verdict.reason, NULL, err));
 */
#ifndef ONP_LATENCY_TABLE_TRUST_H
#define ONP_LATENCY_TABLE_TRUST_H

#include "latency/predict/agreement.h"
#include "latency/table/stale.h"
#include "latency/table/store_evidence.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_trust {
    onp_stale_verdict verdict;
    onp_calibration calibration; /* n 0: there is none */
    onp_agreement validation;    /* of the last one's test networks; n 0: there was none */
    double noise;                /* mean |repeated / measured - 1| of it; NAN: unknown */
    int64_t validated_unix_ns;
} onp_trust;

/*
 * os_now: NULL when it is not known. Sentinels are compared at one clock where clocks are known:
 * the newest run's with those before it, back to the run of the oldest fresh row; only runs that
 * ended well count. What was checked
 * again (a run that says so in its settings: "check") is as good as new from then on. Errors:
 * ONP_E_MISSING (no such platform), ONP_E_NOMEM, those of the store.
 */
onp_status onp_trust_take(onp_store *s, int64_t platform, const char *os_now, onp_trust *out,
                          onp_error *err) ONP_MUST_USE;

/*
 * Rows of this platform are about to be used or measured: those of platforms that differ from it in
 * kernels' sources, flags or the runner's version alone become stale, its own that became stale so
 * are fresh again. *n (NULL allowed): how many became stale.
 */
onp_status onp_trust_supersede(onp_store *s, int64_t platform, int64_t *n,
                               onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
