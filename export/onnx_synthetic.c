/* SPDX-License-Identifier: Apache-2.0 */
#include "export/onnx_synthetic.h"

#include "base/philox.h"
#include "graph/spread.h"

#define TABLE "synthetic.table"
#define STEP  1009 /* in the table, from the beginning of one weight to that of the next */

void onp_onnx_synthetic_table(onp_onnx_tree *t)
{
    const int64_t n = ONP_ONNX_TABLE;
    const onp_rng rng = onp_rng_make(1, ONP_RNG_SYNTHETIC);
    float *table = onp_onnx_initializer(t, TABLE, &n, 1);
    for (int64_t i = 0; table != NULL && i < n; i++)
        table[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 0);
}

/* A node OP(x, integers) named NAME.OP; the integers are an initialiser. */
static const char *with_ints(onp_onnx_tree *t, const char *op, const char *name, const char *x,
                             const int64_t *values, size_t n)
{
    const char *out = onp_onnx_text(t, "%s.%s", name, op);
    const char *in[2] = {x, onp_onnx_text(t, "%s.arg", out)};
    onp_onnx_initializer_ints(t, in[1], values, n);
    (void)onp_onnx_node(t, op, out, in, 2, out);
    return out;
}

static const char *slice(onp_onnx_tree *t, const char *name, const char *x, int64_t from,
                         int64_t count)
{
    const char *out = onp_onnx_text(t, "%s.Slice", name);
    const char *in[3] = {x, onp_onnx_text(t, "%s.from", out), onp_onnx_text(t, "%s.to", out)};
    onp_onnx_initializer_ints(t, in[1], &from, 1);
    onp_onnx_initializer_ints(t, in[2], (const int64_t[]){from + count}, 1);
    (void)onp_onnx_node(t, "Slice", out, in, 3, out);
    return out;
}

void onp_onnx_synthetic_weight(onp_onnx_tree *t, const onp_graph *g, const onp_node *node,
                               const char *name, const int64_t *dims, size_t n_dims)
{
    const int64_t count = onp_shape_count(onp_graph_shape(g, node->in[1]));
    const int64_t from = (int64_t)node->in[1] * STEP % ONP_ONNX_TABLE;
    const int64_t times = (from + count + ONP_ONNX_TABLE - 1) / ONP_ONNX_TABLE;
    const char *x = slice(t, name, with_ints(t, "Tile", name, TABLE, &times, 1), from, count);
    const char *in[2] = {with_ints(t, "Reshape", name, x, dims, n_dims),
                         onp_onnx_text(t, "%s.deviation", name)};
    float *scale = onp_onnx_initializer(t, in[1], NULL, 0);
    if (scale != NULL)
        *scale = (float)onp_weight_deviation(g, node);
    (void)onp_onnx_node(t, "Mul", name, in, 2, name);
}

void onp_onnx_synthetic_bias(onp_onnx_tree *t, const char *name, int64_t c)
{
    const char *shape = onp_onnx_text(t, "%s.shape", name);
    onp_onnx_initializer_ints(t, shape, &c, 1);
    (void)onp_onnx_node(t, "ConstantOfShape", name, &shape, 1, name); /* of 0, unless told */
}
