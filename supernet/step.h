/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a supernet on one batch: a path becomes a graph, the graph a plan, the plan runs. Only
 * the drawn path is in memory; the memory is kept from step to step.
 *
 *     onp_step *s;
 *     ONP_TRY(onp_step_new(ctx, net, 64, &s, err));
 *     fill(onp_step_images(s), onp_step_labels(s));                      // the caller's batch
 *     ONP_TRY(onp_step_train(s, 64, path, &(onp_sgd){.lr = 0.05, .momentum = 0.9}, 0.1, &r, err));
 */
#ifndef ONP_SUPERNET_STEP_H
#define ONP_SUPERNET_STEP_H

#include "graph/plan.h"
#include "graph/recompute.h"
#include "supernet/supernet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_step onp_step;

typedef struct onp_step_result {
    double loss; /* mean cross entropy of the batch */
    int64_t hits;
} onp_step_result;

typedef struct onp_sgd {
    double lr, momentum, decay;
} onp_sgd;

/* net is borrowed; max_batch sizes the batch buffers. Errors: ONP_E_NOMEM. */
onp_status onp_step_new(const onp_context *ctx, onp_supernet *net, int64_t max_batch,
                        onp_step **out, onp_error *err) ONP_MUST_USE;
void onp_step_free(onp_step *s);
/* Where the caller puts a batch: [max_batch][h][w][c] and [max_batch]. */
float *onp_step_images(onp_step *s);
int32_t *onp_step_labels(onp_step *s);

/* How steps with gradients trade time for memory: `mode` (ONP_RECOMPUTE_CHEAP from the start), or,
 * with limit_bytes > 0, for each path the fastest mode whose arena and scratch take no more than
 * that (ONP_E_NOMEM from the step when none does). Results have the same bits in every mode. */
void onp_step_set_recompute(onp_step *s, onp_recompute mode, size_t limit_bytes);

/*
 * Weight steps with these statistics in place of each batch's (layout of onp_step_infer; borrowed;
 * NULL: each batch's, as from the start). They are constants in the gradient, and samples do not
 * depend on each other, so that a batch can be run in pieces: with piece > 0, so many samples at a
 * time (the last piece may be shorter) through the memory of one piece. Their gradients are added
 * up in order to that of the batch's mean loss, and the weights move once. Such a step leaves the
 * caller's batch undefined. piece is 0 without statistics.
 */
void onp_step_set_frozen(onp_step *s, float *stats, int64_t piece);

/* Weight steps with a dropout of this rate (0 to below 1; 0, as from the start: none) before the
 * last layer of a head. key: of the next step; its mask is a function of the key and the sample's
 * place in the batch, in one piece or several. */
void onp_step_set_dropout(onp_step *s, double rate, onp_rng key);

/* Weight step (proxylessnas.md 1.3): forward, cross entropy with label smoothing, backward, SGD on
 * the path's weights only. A loss that is not finite is ONP_E_FAIL and leaves the weights alone.
 * Other errors: ONP_E_NOMEM. */
onp_status onp_step_train(onp_step *s, int64_t batch, const int32_t *path, const onp_sgd *sgd,
                          double smoothing, onp_step_result *result, onp_error *err) ONP_MUST_USE;

/*
 * Gate gradients (H. Cai et al., 2019, equation 4): forward and backward of the drawn path without
 * weight gradients, and G_j = <dL/dy, o_j> for the drawn candidate of every position and for each
 * other one with wanted[position][j], run forward inside the backward pass; its memory is free
 * again once its G is known. y: the block's output, o_j: the candidate's without the shortcut; zero
 * has G = 0. gates: [n_positions][ONP_MAX_CANDIDATES], entries not asked for are 0.
 */
onp_status onp_step_gates(onp_step *s, int64_t batch, const int32_t *path,
                          const bool (*wanted)[ONP_MAX_CANDIDATES],
                          double (*gates)[ONP_MAX_CANDIDATES], onp_step_result *result,
                          onp_error *err) ONP_MUST_USE;

/* Forward with batch statistics. Loss without smoothing. */
onp_status onp_step_evaluate(onp_step *s, int64_t batch, const int32_t *path,
                             onp_step_result *result, onp_error *err) ONP_MUST_USE;

/* Forward with batch statistics, adding them to sums: for each batch norm of the path in order
 * [2][c], mean and mean square, in double. onp_step_n_stats() doubles. */
onp_status onp_step_statistics(onp_step *s, int64_t batch, const int32_t *path, double *sums,
                               onp_error *err) ONP_MUST_USE;
/* Statistics of n_batches equal batches from their sums: [2][c], mean and variance. */
void onp_step_statistics_finish(const onp_step *s, const int32_t *path, const double *sums,
                                int64_t n_batches, float *stats);
int64_t onp_step_n_stats(const onp_step *s, const int32_t *path);

/* Forward with stored statistics (same layout, float): evaluation mode. logits (may be NULL):
 * [batch][classes]. */
onp_status onp_step_infer(onp_step *s, int64_t batch, const int32_t *path, float *stats,
                          float *logits, onp_step_result *result, onp_error *err) ONP_MUST_USE;

/* Sizes of the last plan. */
onp_plan_info onp_step_info(const onp_step *s);

#ifdef __cplusplus
}
#endif
#endif
