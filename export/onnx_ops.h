/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of an inference graph as ONNX nodes. Internal to export/.
 *
 *     onp_onnx_tree tree;                        // empty
 *     ONP_TRY(onp_onnx_add_nodes(&tree, net, err));
 */
#ifndef ONP_EXPORT_ONNX_OPS_H
#define ONP_EXPORT_ONNX_OPS_H

#include "export/onnx.h"
#include "export/onnx_tree.h"

/* Appends the nodes and initialisers of net->g, from the value "input" to the value "logits".
 * Errors: ONP_E_SHAPE as onp_onnx_save; lack of memory sticks to the tree. */
onp_status onp_onnx_add_nodes(onp_onnx_tree *tree, const onp_onnx_network *net,
                              onp_error *err) ONP_MUST_USE;

#endif
