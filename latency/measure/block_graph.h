/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks into the graphs that are measured: batch norm folded into the convolutions, as the network
 * runs on the device. Inputs and parameters are external tensors without data; whoever runs the
 * graph fills them (latency/measure/synthetic.h).
 *
 *     onp_graph *g = NULL;
 *     ONP_TRY(onp_measure_block_graph(ctx, &block, 1, &g, err));
 *     ONP_TRY_GOTO(onp_runner_measure(runner, g, NULL, &timing, err));
 */
#ifndef ONP_LATENCY_MEASURE_BLOCK_GRAPH_H
#define ONP_LATENCY_MEASURE_BLOCK_GRAPH_H

#include "graph/block_build.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Appends blocks[0..n-1] to g, each on the output of the one before; the first on a new external
 * {batch, in_h, in_w, in_c}. Nodes of blocks[i] have group i. Returns the kept output, or ONP_NONE
 * after a failure, which sticks to g (ONP_E_SHAPE where neighbours do not fit, ONP_E_RANGE without
 * blocks or with a batch below 1). eps: of batch norm, where the mode has one.
 */
onp_tid onp_network_graph(onp_graph *g, const onp_block *blocks, size_t n, int64_t batch,
                          onp_block_mode mode, double eps);

/*
 * The graph of one folded block; *out is the caller's (onp_graph_free). Errors: ONP_E_RANGE for the
 * zero block, which costs exactly 0 by definition; ONP_E_NOMEM.
 */
onp_status onp_measure_block_graph(const onp_context *ctx, const onp_block *block, int64_t batch,
                                   onp_graph **out, onp_error *err) ONP_MUST_USE;

/*
 * The number of groups that g's nodes have: 0, 1, ... in the order of the nodes, as
 * onp_network_graph makes them. Errors: ONP_E_RANGE where they are otherwise.
 */
onp_status onp_measure_groups(const onp_graph *g, int32_t *n_groups, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
