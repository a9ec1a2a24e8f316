/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latency of a network, or its expectation, as a weighted sum of table rows.
 *
 *     onp_weighted_key terms[] = {{"stem in=...", 1}, {"mbconv in=...", 1.0 / 6}, ...};
 *     onp_estimate_total total;
 *     ONP_TRY(onp_estimate_sum(store, platform, terms, n, NULL, NULL, &total, err));
 */
#ifndef ONP_LATENCY_TABLE_ESTIMATE_SUM_H
#define ONP_LATENCY_TABLE_ESTIMATE_SUM_H

#include "graph/block.h"
#include "latency/table/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_weighted_key {
    const char *key;
    double weight; /* 0: not used, its row need not exist */
} onp_weighted_key;

typedef struct onp_estimate_total {
    double sum_ns;
    double n_ops;       /* sum of their weights: blocks that run */
    size_t n_rows;      /* used terms, zero blocks left out */
    size_t n_noisy;     /* those of a quality other than ok */
    size_t n_predicted; /* neither measured nor imported: interpolated, modelled, transferred */
    size_t n_stale;
} onp_estimate_total;

/*
 * sum of weight * median_ns. `missing` (NULL allowed) is called once for each distinct key without
 * a row, in order.
 * Errors: ONP_E_MISSING (the message counts the keys and names as many as fit), ONP_E_RANGE (a
 * weight that is negative or not finite); *out is then unchanged.
 */
typedef void (*onp_key_visit)(void *user, const char *key);
onp_status onp_estimate_sum(onp_store *s, int64_t platform, const onp_weighted_key *terms, size_t n,
                            onp_key_visit missing, void *user, onp_estimate_total *out,
                            onp_error *err) ONP_MUST_USE;

/* The same for a network: n blocks, each once. Errors: also ONP_E_NOMEM. */
onp_status onp_estimate_blocks(onp_store *s, int64_t platform, const onp_block *blocks, int32_t n,
                               onp_key_visit missing, void *user, onp_estimate_total *out,
                               onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
