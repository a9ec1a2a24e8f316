/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights that a model computes when it is loaded, in place of megabytes of initialisers. Internal
 * to export/.
 *
 *     onp_onnx_synthetic_table(tree);                                       // once
 *     onp_onnx_synthetic_weight(tree, g, node, "block0.conv.0.weight", dims, 4);
 *     onp_onnx_synthetic_bias(tree, "block0.conv.0.bias", 16);
 *
 * A weight is Mul(Reshape(Slice(Tile(table))), deviation): four operations on constants, which a
 * runtime folds. The table has a prime number of values, so that rows of a matrix differ.
 */
#ifndef ONP_EXPORT_ONNX_SYNTHETIC_H
#define ONP_EXPORT_ONNX_SYNTHETIC_H

#include "export/onnx_tree.h"
#include "graph/graph.h"

#define ONP_ONNX_TABLE 4093 /* normal numbers, 16 KiB */

/* The initialisers that all weights share. */
void onp_onnx_synthetic_table(onp_onnx_tree *t);

/*
 * The value `name` of these dims, normal with onp_weight_deviation(g, node) (graph/spread.h). Each
 * weight begins elsewhere in the table.
 */
void onp_onnx_synthetic_weight(onp_onnx_tree *t, const onp_graph *g, const onp_node *node,
                               const char *name, const int64_t *dims, size_t n_dims);

/* c zeros. */
void onp_onnx_synthetic_bias(onp_onnx_tree *t, const char *name, int64_t c);

#endif
