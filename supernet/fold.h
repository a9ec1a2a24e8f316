/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finished network as it is shipped: batch norms folded into the weights of the convolutions
 * before them, as a graph.
 *
 *     onp_folded net;
 *     ONP_TRY(onp_model_fold(model, batch, &net, err));
 *     ONP_TRY_GOTO(onp_plan_make(plan, net.g, NULL, err));
 *     onp_plan_run(plan);                      // net.input [batch][h][w][c] -> net.logits
 *   done:
 *     onp_folded_free(&net);
 */
#ifndef ONP_SUPERNET_FOLD_H
#define ONP_SUPERNET_FOLD_H

#include "supernet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_folded {
    const onp_context *ctx; /* borrowed */
    onp_graph *g;
    onp_tid input_tid, logits_tid;
    float *memory; /* of all that follows, weights too */
    float *input, *logits;
    int64_t n_input, n_logits; /* floats of the batch */
} onp_folded;

/*
 * For a batch norm gamma (x - mean) / sqrt(var + eps) + beta behind a convolution with weights w:
 *
 *     w' = w * gamma / sqrt(var + eps)        b' = beta - mean * gamma / sqrt(var + eps)
 *
 * in double, rounded once. The weights are copied, m may go. *out is all zero after a failure.
 * Errors: ONP_E_NOMEM.
 */
onp_status onp_model_fold(const onp_model *m, int64_t batch, onp_folded *out,
                          onp_error *err) ONP_MUST_USE;
void onp_folded_free(onp_folded *f); /* all zero allowed, and what it becomes */

#ifdef __cplusplus
}
#endif
#endif
