/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A graph as JSON and back: what a runner is sent to measure, and what a picture is drawn from.
 *
 *     {"tensors": [{"shape": [1, 28, 28, 1], "external": true},
 *                  {"shape": [3, 3, 1, 16], "external": true},
 *                  {"shape": [1, 28, 28, 16], "keep": true}],
 *      "nodes": [{"op": "conv", "in": [0, 1], "out": [2], "kernel": 3, "stride": 1}]}
 *
 *     json_t *root = NULL;
 *     ONP_TRY(onp_graph_to_json(g, &root, err));
 *     ONP_TRY(onp_graph_from_json(ctx, root, "measure", &copy, err));
 *     for (onp_tid t = 0; t < onp_graph_n_tensors(copy); t++)
 *         if (onp_graph_tensor(copy, t)->external)
 *             onp_graph_bind(copy, t, memory[t]);
 *
 * Tensors are numbered by their place in the list, in the order in which the graph made them; a
 * node's outputs follow everything made before it. "external", "labels" and "keep" are written when
 * true, the attributes "kernel", "stride", "dilation", "groups", "eps", "smoothing" and "rate" when
 * not 0, with a rate "key": [word, word], "group" when the node has one. Data, gradients and taps
 * are not part of it.
 */
#ifndef ONP_GRAPH_JSON_H
#define ONP_GRAPH_JSON_H

#include "base/json.h"
#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_GRAPH_JSON_MAX_NODES    65536
#define ONP_GRAPH_JSON_MAX_TENSORS  (4 * ONP_GRAPH_JSON_MAX_NODES)
#define ONP_GRAPH_JSON_MAX_ELEMENTS ((int64_t)1 << 30) /* of one tensor */

/* The graph as one JSON object, backward nodes too. *out is the caller's (json_decref). Errors: a
 * failure that sticks to g; ONP_E_NOMEM. */
onp_status onp_graph_to_json(const onp_graph *g, json_t **out, onp_error *err) ONP_MUST_USE;

/*
 * The graph that root (borrowed) describes; *out is the caller's (onp_graph_free). Nothing in root
 * is trusted: counts and sizes are bounded as above, keys must be known, every node is a forward
 * operation added by its contract, and the shapes and numbers of its outputs must be the stated
 * ones. External tensors have no data: the caller binds each before the graph runs (labels too, by
 * their int32 array cast to float *), and answers for the values of labels. Errors, with `where` in
 * front of the text: ONP_E_FORMAT, ONP_E_NOMEM.
 */
onp_status onp_graph_from_json(const onp_context *ctx, const json_t *root, const char *where,
                               onp_graph **out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
