/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finished network as it is shipped: batch norms folded into the weights of the convolutions
 * before them, as a graph.
 *
 *     bench_folded net;
 *     ONP_TRY(bench_fold(&ctx, model, batch, &net, err));
 *     ONP_TRY_GOTO(onp_plan_make(plan, net.g, NULL, err));
 *     onp_plan_run(plan);                      // net.input [batch][h][w][c] -> net.logits
 *     bench_folded_free(&ctx, &net);
 */
#ifndef ONP_BENCH_FOLD_H
#define ONP_BENCH_FOLD_H

#include "supernet/model.h"

typedef struct bench_folded {
    onp_graph *g;
    float *memory; /* of all that follows */
    float *input, *logits;
    int64_t n_input, n_logits; /* floats of the batch */
} bench_folded;

/* The weights are copied. *out is all zero after a failure. Errors: ONP_E_NOMEM. */
onp_status bench_fold(const onp_context *ctx, const onp_model *m, int64_t batch, bench_folded *out,
                      onp_error *err) ONP_MUST_USE;
void bench_folded_free(const onp_context *ctx, bench_folded *f);

/*
 * Gives a fresh model what training would: gamma and beta with some spread, and the batch-norm
 * statistics of random images, so that activations are near 1 everywhere. Without it they fade to
 * nothing, which spoils both times and comparisons. Errors: ONP_E_NOMEM.
 */
onp_status bench_season(onp_model *m, uint64_t seed, onp_error *err) ONP_MUST_USE;

#endif
