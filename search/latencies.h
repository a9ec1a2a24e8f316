/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting the latencies of a search: rows of the table for the target's platform, missing ones
 * measured first when the target is within reach, all copied into the run's database. And the
 * measurement of the finished network.
 */
#ifndef ONP_SEARCH_LATENCIES_H
#define ONP_SEARCH_LATENCIES_H

#include "search/rundb.h"
#include "search/search.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The device name that stands for the machine this runs on. */
#define ONP_THIS_MACHINE "this-machine"

/* Where the latencies of a search are from. */
typedef struct onp_latency_origin {
    char signature[65];  /* the platform's */
    char platform[1024]; /* its canonical JSON (latency/table/platform.h); "" when that is longer */
    char label[128];     /* "pixel1 (import:csv)" */
    int32_t n_imported;  /* how many of the rows are of a table from elsewhere */
    int32_t n_predicted; /* ... are interpolated, modelled or transferred (latency/table/fill.h) */
    double predicted_share; /* of the mean latency over all paths */
} onp_latency_origin;

/*
 * Copies a latency for every block of the space into db, in one transaction. What is missing is
 * measured, or where the device cannot be measured from here predicted, each row with its interval
 * in the log. Errors: ONP_E_MISSING listing the keys when rows are missing that cannot be predicted
 * (all of them go to the log), or when options->no_predicted forbids predicted ones, ONP_E_FAIL
 * when the rows are imported ones and that was not allowed, ONP_E_DEVICE, ONP_E_INTERRUPTED.
 */
onp_status onp_latencies_collect(const onp_context *ctx, const onp_search_options *options,
                                 onp_rundb *db, onp_latency_origin *origin,
                                 onp_error *err) ONP_MUST_USE;

/* Whether rows of a table from elsewhere may be used: when that is asked for, or when the
 * calibration in db is of enough networks measured on the device. Errors: those of db. */
onp_status onp_latencies_allow_imported(onp_rundb *db, const onp_search_options *options,
                                        bool *allowed, onp_error *err) ONP_MUST_USE;

/* Measures the folded network of these blocks on the target; stored in the table too.
 * result->measured is false, and nothing is done, when the target is a device of the table. Fills
 * measured_*, n_samples of result. */
onp_status onp_latencies_measure(const onp_context *ctx, const onp_search_options *options,
                                 const onp_block *blocks, int32_t n, const char *arch_hash,
                                 onp_search_result *result, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
