/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A graph in XNNPACK: what TensorFlow Lite and PyTorch Mobile run on processors. Layouts are the
 * same (NHWC), weights are put in XNNPACK's order, and clamps are fused by XNNPACK itself.
 *
 *     onp_xnn_model *m = NULL;
 *     ONP_TRY(onp_xnn_model_new(ctx, g, ONP_XNN_WHOLE, NULL, &m, err));    // g's tensors have data
 *     onp_xnn_model_run(m, 0);
 *     y = onp_xnn_model_data(m, logits);
 *   done:
 *     onp_xnn_model_free(m);
 *
 * Operations of an inference graph are convolutions (a linear layer becomes a fully connected
 * node), activations, pools, sums and scales. XNNPACK has no hard sigmoid: it is min(max(x + 3, 0),
 * 6) and a multiplication by 1/6, as converters to TensorFlow Lite write it.
 */
#ifndef ONP_LATENCY_RUNNERS_XNNPACK_MODEL_H
#define ONP_LATENCY_RUNNERS_XNNPACK_MODEL_H

#include <pthreadpool.h>

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_xnn_model onp_xnn_model;

typedef enum onp_xnn_split {
    ONP_XNN_WHOLE,   /* one runtime for the graph */
    ONP_XNN_BY_GROUP /* one for each run of nodes of the same group, which hand tensors over in
                        buffers of their own */
} onp_xnn_split;

/*
 * g: forward nodes; every external tensor has data, which is copied. pool: threads, borrowed for
 * the model's life; NULL: the calling thread only. *out is released by onp_xnn_model_free. Errors:
 * ONP_E_RANGE naming the node for an operation that XNNPACK has not, or refuses in this form;
 * and for a graph without nodes; ONP_E_NOMEM.
 */
onp_status onp_xnn_model_new(const onp_context *ctx, const onp_graph *g, onp_xnn_split split,
                             pthreadpool_t pool, onp_xnn_model **out, onp_error *err) ONP_MUST_USE;
void onp_xnn_model_free(onp_xnn_model *m); /* NULL is fine */

/* Runtimes, to be run in turn; 1 when whole. */
size_t onp_xnn_model_n_parts(const onp_xnn_model *m);
void onp_xnn_model_run(onp_xnn_model *m, size_t part);
/* ONP_OK, or ONP_E_RANGE when a run has failed. */
onp_status onp_xnn_model_status(const onp_xnn_model *m, onp_error *err) ONP_MUST_USE;

/* What a tensor that is kept, the graph's input or between parts holds, NHWC; else NULL. */
const float *onp_xnn_model_data(const onp_xnn_model *m, onp_tid t);

#ifdef __cplusplus
}
#endif
#endif
