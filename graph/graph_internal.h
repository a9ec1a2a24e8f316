/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a graph, for the files of this folder that append to it (graph.c, autodiff.c). */
#ifndef ONP_GRAPH_GRAPH_INTERNAL_H
#define ONP_GRAPH_GRAPH_INTERNAL_H

#include "graph/graph.h"

struct onp_graph {
    const onp_context *ctx;
    onp_tensor *tensors;
    size_t tensors_cap;
    onp_node *nodes;
    size_t nodes_cap;
    int32_t n_tensors, n_nodes;
    int32_t group;
    bool in_backward;
    bool *needs; /* autodiff: the gradient of this tensor is used */
    size_t needs_cap;
    onp_error failure;
};

#endif
