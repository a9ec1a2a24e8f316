/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ONNX graph under construction: protobuf-c's structs, all of them in memory that goes at once.
 * Internal to export/.
 *
 *     onp_onnx_tree t;
 *     onp_onnx_tree_init(&t, ctx);
 *     Onnx__NodeProto *n = onp_onnx_node(&t, "Relu", "block0.relu.0", in, 1, "block0.relu.0");
 *     ONP_TRY_GOTO(onp_onnx_tree_status(&t, err));
 *     use(&t.graph);
 *   done:
 *     onp_onnx_tree_reset(&t);
 *
 * A failure sticks: functions then return NULL, which they accept in place of a node or text.
 */
#ifndef ONP_EXPORT_ONNX_TREE_H
#define ONP_EXPORT_ONNX_TREE_H

#include <onnx.pb-c.h>

#include "base/context.h"

#define ONP_ONNX_MAX_ATTRS 6 /* of a Conv: 5 */

typedef struct onp_onnx_tree {
    const onp_context *ctx;
    struct onp_onnx_chunk *chunks;
    bool failed;
    Onnx__GraphProto graph;
    size_t node_cap, initializer_cap;
} onp_onnx_tree;

void onp_onnx_tree_init(onp_onnx_tree *t, const onp_context *ctx);
void onp_onnx_tree_reset(onp_onnx_tree *t);
/* ONP_OK, or ONP_E_NOMEM. */
onp_status onp_onnx_tree_status(const onp_onnx_tree *t, onp_error *err) ONP_MUST_USE;

/* Zeroed memory that lives as long as the tree, or NULL. */
void *onp_onnx_take(onp_onnx_tree *t, size_t count, size_t size);
char *onp_onnx_text(onp_onnx_tree *t, const char *fmt, ...) ONP_PRINTF(2, 3);

/* Appends a node with n_in inputs and one output. Names are borrowed, op is a literal. */
Onnx__NodeProto *onp_onnx_node(onp_onnx_tree *t, const char *op, const char *name,
                               const char *const *in, size_t n_in, const char *out);
/* Its attributes, ONP_ONNX_MAX_ATTRS at most; in the order in which they are added. */
void onp_onnx_int(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name, int64_t value);
void onp_onnx_ints(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name, const int64_t *values,
                   size_t n_values);
void onp_onnx_float(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name, float value);

/* Appends an initialiser of n_dims (0: a scalar) and returns where its values go, row by row. */
float *onp_onnx_initializer(onp_onnx_tree *t, const char *name, const int64_t *dims, size_t n_dims);
/* The same with n integers in one row. */
void onp_onnx_initializer_ints(onp_onnx_tree *t, const char *name, const int64_t *values, size_t n);

/* An input or output: float32, [N][rest...]. */
Onnx__ValueInfoProto *onp_onnx_value(onp_onnx_tree *t, const char *name, const int64_t *rest,
                                     size_t n_rest);

#endif
