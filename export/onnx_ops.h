/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of an inference graph as ONNX nodes. Internal to export/.
 *
 *     onp_onnx_tree tree;                        // empty
 *     ONP_TRY(onp_onnx_add_nodes(&tree, net, false, err));
 */
#ifndef ONP_EXPORT_ONNX_OPS_H
#define ONP_EXPORT_ONNX_OPS_H

#include "export/onnx.h"
#include "export/onnx_tree.h"

/*
 * Appends the nodes and initialisers of net->g, from the value "input" to the value "logits".
 * synthetic: weights are computed in the model and any operation may be the last
 * (onp_onnx_encode_synthetic). Errors: ONP_E_SHAPE as onp_onnx_save; lack of memory sticks to the
 * tree.
 */
onp_status onp_onnx_add_nodes(onp_onnx_tree *tree, const onp_onnx_network *net, bool synthetic,
                              onp_error *err) ONP_MUST_USE;

/* Whether a node is a linear layer: a convolution on a 1x1 map. */
bool onp_onnx_is_linear(const onp_graph *g, int32_t node);

#endif
