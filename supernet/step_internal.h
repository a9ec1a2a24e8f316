/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of steps share: the step itself, and how a path's gradient is planned and run. */
#ifndef ONP_SUPERNET_STEP_INTERNAL_H
#define ONP_SUPERNET_STEP_INTERNAL_H

#include "graph/block_build.h"
#include "supernet/step.h"

struct onp_step {
    const onp_context *ctx;
    onp_supernet *net;
    int64_t max_batch;
    onp_recompute recompute;
    size_t limit_bytes; /* 0: none */
    onp_graph *g;
    onp_plan *plan;
    float *images;
    int32_t *labels;
    float *frozen; /* NULL: weight steps take the batch's statistics */
    int64_t piece; /* samples at a time; 0: the batch */
    onp_block_dropout dropout;
    float *grads;      /* of the path's weights */
    float *grads_sums; /* of the pieces of a batch */
    size_t grads_cap, grads_sums_cap;
    float *stats; /* batch statistics taken by onp_step_statistics */
    size_t stats_cap;
    float (*gates)[ONP_MAX_CANDIDATES];
    /* the path being built */
    onp_tid *input, *output; /* of each position */
    onp_block_nodes *nodes;
    onp_tid logits, loss;
};

/* What the gradient of a path is taken of. */
typedef struct onp_step_gradient {
    int64_t batch;
    const int32_t *path;
    float *grads; /* of weights, or NULL */
    float *stats; /* of batch norms, or NULL: the batch's */
    double smoothing;
    const onp_block_dropout *dropout; /* may be NULL */
    onp_tap_hook hook; /* not NULL: called for the output of each position with a choice */
    void *user;
} onp_step_gradient;

/* The parameters of a candidate as tensors: weights from its slab, and where gradients (and
 * statistics, in evaluation) lie. */
void onp_step_add_params(onp_step *s, const onp_block *b, onp_block_mode mode, float *weights,
                         float *grads, float **stats, onp_tid *params);

/* Plans the gradient in the mode that was set, or in the fastest one within the limit. */
onp_status onp_step_plan_gradient(onp_step *s, const onp_step_gradient *a,
                                  onp_error *err) ONP_MUST_USE;

/* Runs the plan. Errors: ONP_E_FAIL, the loss is not finite. */
onp_status onp_step_run(onp_step *s, onp_step_result *result, onp_error *err) ONP_MUST_USE;

#endif
