/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latencies of a supernet's candidates and what follows from them: expected latency over the
 * probabilities, the latency of a path, a path within a budget. Nanoseconds.
 *
 *     onp_latency_model m;
 *     ONP_TRY(onp_latency_model_load(ctx, net, db, &m, err));
 *     const double expected_ns = onp_latency_model_expected(&m, net);
 *     ...
 *     onp_latency_model_free(&m);
 */
#ifndef ONP_SEARCH_LATENCY_MODEL_H
#define ONP_SEARCH_LATENCY_MODEL_H

#include "search/rundb.h"
#include "supernet/supernet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_latency_model {
    const onp_context *ctx;
    int32_t n_positions;
    int64_t (*ns)[ONP_MAX_CANDIDATES]; /* [n_positions]; zero: 0 */
} onp_latency_model;

/* Reads the row of every candidate from the run's database. Errors: ONP_E_MISSING naming the key,
 * ONP_E_NOMEM. */
onp_status onp_latency_model_load(const onp_context *ctx, const onp_supernet *net, onp_rundb *db,
                                  onp_latency_model *out, onp_error *err) ONP_MUST_USE;
void onp_latency_model_free(onp_latency_model *m); /* all zero allowed */

/* E = sum over positions of sum_j p_j F_j (H. Cai et al., 2019, equation 6). */
double onp_latency_model_expected(const onp_latency_model *m, const onp_supernet *net);
/* E with equal p everywhere: what a search starts from. */
double onp_latency_model_uniform(const onp_latency_model *m, const onp_supernet *net);
/* Cheapest network of the space. */
int64_t onp_latency_model_least(const onp_latency_model *m, const onp_supernet *net);
int64_t onp_latency_model_path(const onp_latency_model *m, const int32_t *path);

/*
 * A probable path that takes at most budget_ns: the argmax path, then, while it is over, the one
 * change of a position that costs the least log-probability per nanosecond saved. Greedy: a more
 * probable path within the budget may exist, but one is found whenever there is one. Pruned
 * candidates are not used. Errors: ONP_E_BUDGET when what is left of the space has no such path;
 * path is then the argmax path.
 */
onp_status onp_latency_model_derive(const onp_latency_model *m, const onp_supernet *net,
                                    double budget_ns, int32_t *path, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
