/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that a platform lacks, from those it has. Nothing is made up in silence: each estimate says
 * by its source, method and interval what it is, and a block that cannot be predicted is refused.
 *
 *     onp_fill_result r;
 *     const onp_fill_options options = {.command = "table fill", .visit = print_row};
 *     ONP_TRY(onp_fill(store, platform, blocks, n, &options, &r, err));
 *
 * In this order:
 *
 *     interpolated  the same op at smaller and larger maps, or hidden widths
 *     modelled      from ONP_FILL_OWN_ROWS own rows on: latency/predict/block_predictor.h
 *     transferred   another platform's row of the block, by the blocks that both have
 *     modelled      with fewer own rows
 */
#ifndef ONP_LATENCY_TABLE_FILL_H
#define ONP_LATENCY_TABLE_FILL_H

#include "latency/predict/block_predictor.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_FILL_OWN_ROWS 30

/* The estimate of a block that was missing. */
typedef void (*onp_fill_visit)(void *user, const char *key, const onp_estimate *e);

typedef struct onp_fill_options {
    const char *command;  /* for the run; NULL allowed */
    bool try_only;        /* nothing is stored */
    onp_fill_visit visit; /* NULL allowed; called for each, before it is stored */
    void *user;
} onp_fill_options;

typedef struct onp_fill_result {
    int32_t n_known; /* blocks with a fresh estimate already, each once; free ones do not count */
    int32_t n_interpolated, n_modelled, n_transferred;
    int32_t n_extrapolated; /* of these, beyond the sizes of the known rows */
} onp_fill_result;

/*
 * Own rows are those measured or imported on the platform, and fresh; so are other platforms'.
 * Blocks may repeat. All missing rows are stored, in one run, or none. Errors: ONP_E_MISSING when
 * some cannot be predicted (the message counts and names them), ONP_E_NOMEM, those of the store.
 */
onp_status onp_fill(onp_store *s, int64_t platform, const onp_block *blocks, int32_t n,
                    const onp_fill_options *options, onp_fill_result *out,
                    onp_error *err) ONP_MUST_USE;

/* Made by onp_fill, not measured. */
bool onp_estimate_is_predicted(const onp_estimate *e);

#ifdef __cplusplus
}
#endif
#endif
