/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling the table from a device: each block that has no estimate on the runner's platform is
 * measured and stored, one transaction each, so that a profile that was stopped goes on where it
 * was.
 *
 *     onp_runner *r;      // latency/measure/driver.h
 *     onp_profile_result result;
 *     ONP_TRY(onp_profile(store, r, blocks, n, &(onp_profile_options){.max_block_ns = 800000000},
 * &result, err));
 */
#ifndef ONP_LATENCY_TABLE_PROFILE_H
#define ONP_LATENCY_TABLE_PROFILE_H

#include <signal.h>

#include "base/progress.h"
#include "graph/block.h"
#include "latency/measure/driver.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_profile_options {
    int64_t max_block_ns;         /* time for one block in all; 0: 5 s (the stop rule's own cap) */
    uint64_t seed;                /* of the order */
    int64_t batch;                /* 0: 1 */
    const char *target, *command; /* for the run's row; NULL: unknown */
    const volatile sig_atomic_t *stop; /* may be NULL; not 0: end after the current block */
    onp_progress *progress;            /* may be NULL */
} onp_profile_options;

typedef struct onp_profile_result {
    int64_t platform, run;
    int32_t n_measured, n_noisy; /* now; noisy: any quality but ok */
    int32_t n_known;             /* had an estimate */
} onp_profile_result;

/* The platform that a runner's hello describes: id in the store, added when new. */
onp_status onp_profile_platform(onp_store *s, const onp_runner *r, int64_t batch, int64_t *platform,
                                onp_error *err) ONP_MUST_USE;

/*
 * Measures blocks[0..n-1] (complete; zero blocks and duplicates are passed over). A block whose
 * measurement failed gets no estimate: ONP_E_DEVICE at the end names the first; rows measured so
 * far stay. Errors: ONP_E_INTERRUPTED when *stop was set, ONP_E_DEVICE when the runner fails, those
 * of the store. result is filled in all cases.
 */
onp_status onp_profile(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_profile_result *result,
                       onp_error *err) ONP_MUST_USE;

/* A measured network: median, interval and count of the folded blocks run as one graph. Stored
 * under the architecture hash when `hash` is not NULL. */
onp_status onp_profile_network(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                               const char *hash, const onp_profile_options *options,
                               onp_measurement *out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
