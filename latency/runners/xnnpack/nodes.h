/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node of ours as nodes of an XNNPACK subgraph. Internal to this folder.
 *
 *     onp_xnn_builder b = {.ctx = ctx, .g = g, .value = ids, .subgraph = subgraph};
 *     ONP_TRY(onp_xnn_define(&b, node, err));    // values of its tensors are defined already
 */
#ifndef ONP_LATENCY_RUNNERS_XNNPACK_NODES_H
#define ONP_LATENCY_RUNNERS_XNNPACK_NODES_H

#include <xnnpack.h>

#include "graph/graph.h"

/* Weights live as long as the runtimes that are made of them. */
typedef struct onp_xnn_weights {
    void **data;
    size_t n, capacity;
} onp_xnn_weights;

typedef struct onp_xnn_builder {
    const onp_context *ctx;
    const onp_graph *g;
    uint32_t *value; /* of each tensor of g, XNN_INVALID_VALUE_ID before it is defined */
    xnn_subgraph_t subgraph;
    onp_xnn_weights *weights;
    bool no_memory; /* a weight could not be copied */
} onp_xnn_builder;

/* Errors: ONP_E_RANGE naming the node and what XNNPACK says, ONP_E_NOMEM. */
onp_status onp_xnn_define(onp_xnn_builder *b, int32_t node, onp_error *err) ONP_MUST_USE;

/* A value of this shape that is computed (external_id: XNN_INVALID_VALUE_ID and no flags), or
 * handed over from or to another runtime. */
onp_status onp_xnn_value(onp_xnn_builder *b, onp_shape s, uint32_t external_id, uint32_t flags,
                         uint32_t *id, onp_error *err) ONP_MUST_USE;

/* ONP_OK for success, else a failure with `what` and the code's meaning. */
onp_status onp_xnn_check(enum xnn_status got, const char *what, onp_error *err) ONP_MUST_USE;

#endif
