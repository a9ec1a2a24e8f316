/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling the table from a device: each block that has no estimate on the runner's platform is
 * measured and stored, one transaction each, so that a profile that was stopped goes on where it
 * was.
 *
 *     const onp_profile_options options = {.max_block_ns = 800000000, .seed = 1};
 *     onp_profile_result result;
 *     ONP_TRY(onp_profile(store, runner, blocks, n, &options, &result, err));
 *
 * A measurement's row keeps the raw median and the median normalised to the clock that the runner's
 * hello names (its run's settings: reference_khz). An estimate is the raw one, with its interval: a
 * budget is in the seconds that pass, and clocks are not known on every device.
 */
#ifndef ONP_LATENCY_TABLE_PROFILE_H
#define ONP_LATENCY_TABLE_PROFILE_H

#include <signal.h>

#include "base/progress.h"
#include "base/watch.h"
#include "graph/block.h"
#include "latency/measure/driver.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_profile_options {
    int64_t max_block_ns; /* for one block, warm-up and samples; 0: 5 s (the stop rule's own cap).
                           * Three samples are taken whatever they last */
    uint64_t seed;        /* of the order */
    int64_t batch;        /* 0: the runner's, 1 when it does not say */
    const char *target, *command;      /* for the run's row; NULL: unknown */
    const volatile sig_atomic_t *stop; /* may be NULL; not 0: end after the current block */
    onp_progress *progress;            /* may be NULL */
    const onp_watch *watch;            /* may be NULL: told of every block */
} onp_profile_options;

typedef struct onp_profile_result {
    int64_t platform, run;       /* run: 0 when there was nothing to measure, and then no row */
    int32_t n_measured, n_noisy; /* now; noisy: of these, any quality but ok */
    int32_t n_failed;            /* now; no estimate */
    int32_t n_known;             /* had an estimate */
} onp_profile_result;

/* The platform that a runner's hello describes: id in the store, added when new. batch: as in the
 * options. Errors: ONP_E_USAGE when the runner measures another batch, those of the store. */
onp_status onp_profile_platform(onp_store *s, const onp_runner *r, int64_t batch, int64_t *platform,
                                onp_error *err) ONP_MUST_USE;

/*
 * Measures blocks[0..n-1] (complete; zero blocks and duplicates are passed over) in an order that
 * depends on the seed and the blocks. options may be NULL. Noisy rows give estimates, marked. A
 * block that the runner cannot measure has a row of quality failed and no estimate; the others go
 * on, and ONP_E_DEVICE at the end names the first. The run's row ends as done, interrupted
 * or (any other error) failed.
 *
 * Errors: ONP_E_INTERRUPTED when *stop was set and blocks are left; ONP_E_DEVICE, at once when the
 * runner has died; ONP_E_USAGE as above; ONP_E_RANGE for max_block_ns (negative, above an hour);
 * ONP_E_NOMEM; those of the store. What was measured stays; result is filled in all cases.
 */
onp_status onp_profile(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_profile_result *result,
                       onp_error *err) ONP_MUST_USE;

/*
 * Measures a network: its folded blocks run as one graph, within max_block_ns. Stored under the
 * architecture hash (64 digits) in a run of its own; hash NULL: not stored. reason and samples of
 * *out are NULL. Errors: as above, and ONP_E_SHAPE when neighbours do not fit; *out is then
 * unchanged.
 */
onp_status onp_profile_network(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                               const char *hash, const onp_profile_options *options,
                               onp_measurement *out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
