/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for a graph that is only to be timed. Zeros, denormals and overflows change how fast a
 * processor computes, so that activations are kept at a spread near that of a real network.
 *
 *     float *memory = NULL;
 *     ONP_TRY(onp_synthetic_fill(ctx, g, 1, 1, &memory, err));
 *     ... onp_plan_make(plan, g, NULL, err), onp_plan_run(plan) ...
 *     onp_free(ctx, memory);
 */
#ifndef ONP_LATENCY_MEASURE_SYNTHETIC_H
#define ONP_LATENCY_MEASURE_SYNTHETIC_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a graph from outside may ask for: bytes of its external tensors, and of its arena. */
#define ONP_SYNTHETIC_MAX_BYTES (4 * ONP_GIB)

/*
 * Binds every external tensor of g to a part of one allocation, *memory, which is then the caller's
 * (onp_free) and must outlive the graph's last run. By use:
 *   inputs       normal (0, 1)
 *   weights      normal (0, onp_weight_deviation), graph/spread.h
 *   batch norm   gamma 1, beta 0, mean 0, variance 1
 *   others       0 (biases, labels, results)
 * Numbers are Philox with the purpose ONP_RNG_SYNTHETIC, some thousands that are repeated. batch:
 * what every input must have as its batch; 0: any. Errors: ONP_E_RANGE when an input has another
 * batch or the tensors need more than ONP_SYNTHETIC_MAX_BYTES, ONP_E_NOMEM.
 */
onp_status onp_synthetic_fill(const onp_context *ctx, onp_graph *g, uint64_t seed, int64_t batch,
                              float **memory, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
