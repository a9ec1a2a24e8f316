/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latencies of a supernet's candidates and what follows from them: expected latency over the
 * probabilities, how far it can be trusted, the latency of a path, a path within a budget.
 * Nanoseconds.
 *
 *     onp_latency_model m;
 *     ONP_TRY(onp_latency_model_load(ctx, net, db, &m, err));
 *     const double expected_ns = onp_latency_model_expected(&m, net);
 *     ...
 *     onp_latency_model_free(&m);
 *
 * Where the run's platform has a calibration, a sum of rows becomes a * sum + b * blocks that run
 * + c. With deviations k above 0, what the budget bounds is not the latency E but E + k sqrt(V),
 *
 *     V = sum over positions of sum_j p_j^2 (a sd_j)^2 + (r E)^2
 *
 * sd_j being the standard deviation of a row, r that of the calibration's relative error.
 */
#ifndef ONP_SEARCH_LATENCY_MODEL_H
#define ONP_SEARCH_LATENCY_MODEL_H

#include "latency/predict/calibration.h"
#include "search/rundb.h"
#include "supernet/supernet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_latency_model {
    const onp_context *ctx;
    int32_t n_positions;
    int64_t (*ns)[ONP_MAX_CANDIDATES]; /* [n_positions]; zero: 0 */
    double (*sd)[ONP_MAX_CANDIDATES];  /* of the above; NULL: all 0 */
    bool (*runs)[ONP_MAX_CANDIDATES];  /* what b counts; NULL: nothing */
    onp_calibration calibration;       /* n = 0: none, sums are latencies */
    double deviations;                 /* k; 0: the latency itself is bounded */
} onp_latency_model;

/* Reads the row of every candidate, and the calibration, from the run's database; deviations: 0,
 * for the caller to set. Errors: ONP_E_MISSING naming the key, ONP_E_NOMEM. */
onp_status onp_latency_model_load(const onp_context *ctx, const onp_supernet *net, onp_rundb *db,
                                  onp_latency_model *out, onp_error *err) ONP_MUST_USE;
void onp_latency_model_free(onp_latency_model *m); /* all zero allowed */

/* E = a sum over positions of sum_j p_j F_j + b expected blocks + c (H. Cai et al., 2019, equation
 * 6, with a = 1, b = c = 0). */
double onp_latency_model_expected(const onp_latency_model *m, const onp_supernet *net);
/* What the budget bounds, E or E + k sqrt(V); and its derivatives by each p, so that by alpha they
 * are p_i (slope_i - sum_j p_j slope_j). Those of pruned candidates are there too. */
double onp_latency_model_bound(const onp_latency_model *m, const onp_supernet *net);
void onp_latency_model_slopes(const onp_latency_model *m, const onp_supernet *net,
                              double (*slopes)[ONP_MAX_CANDIDATES]);
/* E with equal p everywhere: what a search starts from. */
double onp_latency_model_uniform(const onp_latency_model *m, const onp_supernet *net);
/* The smallest bound of a network of the space (with deviations: that single changes of the fastest
 * lead to). */
double onp_latency_model_least(const onp_latency_model *m, const onp_supernet *net);
/* Predicted latency of a path, and its 95 % interval: from the calibration and the rows' own; both
 * 0 where neither has one. */
double onp_latency_model_path(const onp_latency_model *m, const int32_t *path);
void onp_latency_model_interval(const onp_latency_model *m, const int32_t *path, double *lo_ns,
                                double *hi_ns);

/*
 * A probable path whose bound is at most budget_ns: the argmax path, then, while it is over, the
 * one change of a position that costs the least log-probability per nanosecond saved. Greedy: a
 * more probable path within the budget may exist, but one is found whenever there is one (with
 * deviations: whenever single changes lead to it). Pruned candidates are not used. Errors:
 * ONP_E_BUDGET when what is left of the space has no such path; path is then the argmax path.
 */
onp_status onp_latency_model_derive(const onp_latency_model *m, const onp_supernet *net,
                                    double budget_ns, int32_t *path, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
