/* SPDX-License-Identifier: Apache-2.0 */
/* The graph that trains a network: its blocks, the loss, and their gradients. Built to be looked
 * at, not to be run. */
#ifndef ONP_CLI_TRAINING_GRAPH_H
#define ONP_CLI_TRAINING_GRAPH_H

#include "graph/block.h"

typedef struct onp_training_graph_size {
    int32_t n_forward, n_backward; /* nodes */
    int32_t n_tensors;
} onp_training_graph_size;

/* blocks: complete, the last one a head. Errors: ONP_E_SHAPE where they do not fit, ONP_E_NOMEM. */
onp_status onp_training_graph_measure(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                      double bn_eps, onp_training_graph_size *out,
                                      onp_error *err) ONP_MUST_USE;

#endif
