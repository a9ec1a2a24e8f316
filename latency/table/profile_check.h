/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring rows of the table again, to see whether they still hold.
 *
 *     onp_profile_drift drift;
 *     const onp_profile_check check = {.share = 0.1};
 *     ONP_TRY(onp_profile_recheck(store, runner, blocks, n, &options, &check, &drift, err));
 *     printf("%d of %d rows within 2 %%\n", drift.normalised.within2, drift.normalised.n);
 */
#ifndef ONP_LATENCY_TABLE_PROFILE_CHECK_H
#define ONP_LATENCY_TABLE_PROFILE_CHECK_H

#include "latency/table/profile.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_profile_check {
    double share; /* of the rows, 0 to 1; at least one */
    bool update;  /* what was measured becomes the estimate */
} onp_profile_check;

/* Changes, new / old - 1, over rows. */
typedef struct onp_profile_changes {
    int32_t n; /* rows of which both are known; 0: the rest is NaN */
    int32_t within1, within2, within5;
    double median, worst; /* signed; worst: the largest in size */
    char worst_key[ONP_BLOCK_KEY];
} onp_profile_changes;

typedef struct onp_profile_drift {
    onp_profile_mode mode;
    int64_t platform, run;
    int32_t n_rows; /* that the platform has of these blocks */
    int32_t n_measured, n_noisy, n_failed;
    onp_profile_changes raw, normalised; /* as time passed, and at one clock */
    onp_profile_changes same_load;       /* at the load of before; rows of eight values or more */
    double load;                         /* of now over that of before - 1; NaN: unknown */
    onp_profile_trust trust;             /* of what was measured now */
} onp_profile_drift;

/*
 * Measures a random part of the rows that the runner's platform has of blocks[0..n-1] again, as
 * onp_profile() does, all in a run of its own (settings: "check"). Where the samples that a row was
 * made of are in the table, those of the same paths are compared with the new ones; else the row
 * itself is, in time as it passed. Of paths, as many are measured as give each chosen block twelve
 * values; all of them when share is 1. options as for onp_profile(); budget_ns is for all paths.
 *
 * Errors: ONP_E_MISSING when there is no row; ONP_E_RANGE for the share; those of onp_profile().
 * *out is filled in all cases.
 */
onp_status onp_profile_recheck(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                               const onp_profile_options *options, const onp_profile_check *check,
                               onp_profile_drift *out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
