/* SPDX-License-Identifier: Apache-2.0 */
#include "export/onnx_ops.h"

#include "export/onnx_synthetic.h"

/* Each tensor of the graph is a value of ONNX; memory layout is the only difference between them:
 * NHWC here, NCHW there. */
typedef struct emitter {
    onp_onnx_tree *t;
    const onp_onnx_network *net;
    bool synthetic;
    const char **value;      /* [tensors] name of each */
    int32_t block;           /* of the nodes counted below */
    int32_t n[ONP_OP_COUNT]; /* of each operation in it, so far */
    bool clip;               /* the bounds of ReLU6 are there */
} emitter;

/* A node of the graph with what names are made of. */
typedef struct source {
    const onp_node *node;
    const char *name, *out; /* the node's, and its result's */
} source;

static const char *value_of(const emitter *e, const source *s, int input)
{
    return e->value[s->node->in[input]];
}

static onp_shape shape_of(const emitter *e, const source *s, int input)
{
    return onp_graph_shape(e->net->g, s->node->in[input]);
}

/* A node whose inputs are the first n_in of the graph's node. */
static Onnx__NodeProto *plain(emitter *e, const source *s, const char *op, int n_in)
{
    const char *in[ONP_OP_MAX_IN];
    for (int i = 0; i < n_in; i++)
        in[i] = value_of(e, s, i);
    return onp_onnx_node(e->t, op, s->name, in, (size_t)n_in, s->out);
}

/* ---- weights ---- */

/* w[k][k][in][out] -> [out][in][k][k]; n_dims 2: [out][in] of a linear layer. */
static const char *add_weight(emitter *e, const source *s, size_t n_dims)
{
    const onp_tensor *w = onp_graph_tensor(e->net->g, s->node->in[1]);
    const int64_t taps = w->shape.n * w->shape.h, in = w->shape.w, out = w->shape.c;
    const int64_t dims[4] = {out, in, w->shape.n, w->shape.h};
    const char *name = onp_onnx_text(e->t, "%s.weight", s->name);
    if (e->synthetic) {
        onp_onnx_synthetic_weight(e->t, e->net->g, s->node, name, dims, n_dims);
        return name;
    }
    const float *from = w->data;
    float *to = onp_onnx_initializer(e->t, name, dims, n_dims);
    for (int64_t j = 0; to != NULL && j < out; j++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t u = 0; u < taps; u++)
                to[(j * in + i) * taps + u] = from[(u * in + i) * out + j];
    return name;
}

static const char *add_bias(emitter *e, const source *s)
{
    const onp_tensor *b = onp_graph_tensor(e->net->g, s->node->in[2]);
    const int64_t c = b->shape.c;
    const char *name = onp_onnx_text(e->t, "%s.bias", s->name);
    if (e->synthetic) {
        onp_onnx_synthetic_bias(e->t, name, c);
        return name;
    }
    const float *from = b->data;
    float *to = onp_onnx_initializer(e->t, name, &c, 1);
    for (int64_t j = 0; to != NULL && j < c; j++)
        to[j] = from[j];
    return name;
}

/* ---- operations ---- */

/* Order of pads: top, left, bottom, right. */
static void add_window(emitter *e, const source *s, Onnx__NodeProto *n, const int64_t pads[4])
{
    const int64_t k = s->node->attr.kernel, stride = s->node->attr.stride;
    onp_onnx_ints(e->t, n, "kernel_shape", (const int64_t[]){k, k}, 2);
    onp_onnx_ints(e->t, n, "pads", pads, 4);
    onp_onnx_ints(e->t, n, "strides", (const int64_t[]){stride, stride}, 2);
}

static void emit_conv(emitter *e, const source *s)
{
    const onp_attr *a = &s->node->attr;
    const int64_t d = onp_attr_dilation(a), pad = a->kernel / 2 * d;
    const int64_t groups =
        s->node->op == ONP_OP_DEPTHWISE ? shape_of(e, s, 0).c : onp_attr_groups(a);
    const char *in[3] = {value_of(e, s, 0), add_weight(e, s, 4)};
    if (s->node->n_in == 3)
        in[2] = add_bias(e, s);
    Onnx__NodeProto *n = onp_onnx_node(e->t, "Conv", s->name, in, (size_t)s->node->n_in, s->out);
    onp_onnx_ints(e->t, n, "dilations", (const int64_t[]){d, d}, 2);
    onp_onnx_int(e->t, n, "group", groups);
    add_window(e, s, n, (const int64_t[]){pad, pad, pad, pad});
}

/* The last layer: its 1x1 map becomes [N][classes]. */
static void emit_linear(emitter *e, const source *s)
{
    const char *x = value_of(e, s, 0), *flat = onp_onnx_text(e->t, "%s.flatten", s->name);
    Onnx__NodeProto *flatten = onp_onnx_node(e->t, "Flatten", flat, &x, 1, flat);
    onp_onnx_int(e->t, flatten, "axis", 1);
    const char *in[3] = {flat, add_weight(e, s, 2)};
    if (s->node->n_in == 3)
        in[2] = add_bias(e, s);
    Onnx__NodeProto *n = onp_onnx_node(e->t, "Gemm", s->name, in, (size_t)s->node->n_in, s->out);
    onp_onnx_int(e->t, n, "transB", 1);
}

static void emit_relu6(emitter *e, const source *s)
{
    static const char *const bounds[2] = {"relu6.min", "relu6.max"};
    for (int i = 0; i < 2 && !e->clip; i++) {
        float *bound = onp_onnx_initializer(e->t, bounds[i], NULL, 0);
        if (bound != NULL)
            *bound = i == 0 ? 0.0F : 6.0F;
    }
    e->clip = true;
    const char *in[3] = {value_of(e, s, 0), bounds[0], bounds[1]};
    (void)onp_onnx_node(e->t, "Clip", s->name, in, 3, s->out);
}

static void emit_relu(emitter *e, const source *s)
{
    (void)plain(e, s, "Relu", 1);
}

static void emit_add(emitter *e, const source *s)
{
    (void)plain(e, s, "Add", 2);
}

static void emit_global_avg_pool(emitter *e, const source *s)
{
    (void)plain(e, s, "GlobalAveragePool", 1);
}

/* What a pool of ceil(map / stride) windows reaches below or right of its map. */
static int64_t pad_after(const onp_attr *a, int64_t map, int64_t windows, int64_t before)
{
    const int64_t after = (windows - 1) * a->stride + a->kernel - map - before;
    return after > 0 ? after : 0;
}

/* Taps outside of the map do not count in either, as here. */
static void add_pool_window(emitter *e, const source *s, Onnx__NodeProto *n)
{
    const onp_attr *a = &s->node->attr;
    const onp_shape x = shape_of(e, s, 0), y = onp_graph_shape(e->net->g, s->node->out[0]);
    const int64_t before = (a->kernel - 1) / 2;
    add_window(e, s, n,
               (const int64_t[]){before, before, pad_after(a, x.h, y.h, before),
                                 pad_after(a, x.w, y.w, before)});
}

static void emit_max_pool(emitter *e, const source *s)
{
    add_pool_window(e, s, plain(e, s, "MaxPool", 1));
}

/* Opset 13 divides by the taps within the map unless told otherwise; said all the same. */
static void emit_avg_pool(emitter *e, const source *s)
{
    Onnx__NodeProto *n = plain(e, s, "AveragePool", 1);
    onp_onnx_int(e->t, n, "count_include_pad", 0);
    add_pool_window(e, s, n);
}

/* min(max(x / 6 + 1 / 2, 0), 1) */
static void add_hsigmoid(emitter *e, const char *x, const char *name, const char *out)
{
    Onnx__NodeProto *n = onp_onnx_node(e->t, "HardSigmoid", name, &x, 1, out);
    onp_onnx_float(e->t, n, "alpha", 1.0F / 6.0F);
    onp_onnx_float(e->t, n, "beta", 0.5F);
}

static void emit_hsigmoid(emitter *e, const source *s)
{
    add_hsigmoid(e, value_of(e, s, 0), s->name, s->out);
}

/* HardSwish is of opset 14. */
static void emit_hswish(emitter *e, const source *s)
{
    const char *in[2] = {value_of(e, s, 0), onp_onnx_text(e->t, "%s.gate", s->name)};
    add_hsigmoid(e, in[0], in[1], in[1]);
    (void)onp_onnx_node(e->t, "Mul", s->name, in, 2, s->out);
}

/* [N][C][1][1] is broadcast over the map. */
static void emit_channel_scale(emitter *e, const source *s)
{
    (void)plain(e, s, "Mul", 2);
}

static void (*const emitters[ONP_OP_COUNT])(emitter *e, const source *s) = {
    [ONP_OP_CONV] = emit_conv,
    [ONP_OP_DEPTHWISE] = emit_conv,
    [ONP_OP_RELU6] = emit_relu6,
    [ONP_OP_RELU] = emit_relu,
    [ONP_OP_ADD] = emit_add,
    [ONP_OP_GLOBAL_AVG_POOL] = emit_global_avg_pool,
    [ONP_OP_MAX_POOL] = emit_max_pool,
    [ONP_OP_AVG_POOL] = emit_avg_pool,
    [ONP_OP_HSIGMOID] = emit_hsigmoid,
    [ONP_OP_HSWISH] = emit_hswish,
    [ONP_OP_CHANNEL_SCALE] = emit_channel_scale,
};

/* ---- the graph ---- */

bool onp_onnx_is_linear(const onp_graph *g, int32_t node)
{
    const onp_node *n = onp_graph_node(g, node);
    const onp_shape x = onp_graph_shape(g, n->in[0]);
    return n->op == ONP_OP_CONV && n->attr.kernel == 1 && x.h == 1 && x.w == 1;
}

static const char *name_of(emitter *e, const onp_node *n)
{
    if (n->group != e->block) {
        for (int i = 0; i < ONP_OP_COUNT; i++)
            e->n[i] = 0;
        e->block = n->group;
    }
    return onp_onnx_text(e->t, "block%d.%s.%d", (int)n->group, onp_op_get(n->op)->name,
                         (int)e->n[n->op]++);
}

/* Only the first of several inputs has a name; where a name is missing for lack of memory, that is
 * the error. */
static onp_status check_inputs(const emitter *e, const onp_node *n, onp_error *err)
{
    const bool two = n->op == ONP_OP_ADD || n->op == ONP_OP_CHANNEL_SCALE;
    if (e->value[n->in[0]] != NULL && (!two || e->value[n->in[1]] != NULL))
        return ONP_OK;
    ONP_TRY(onp_onnx_tree_status(e->t, err));
    return onp_fail(err, ONP_E_SHAPE,
                    "onnx: block %d: %s reads another input than the first node's", (int)n->group,
                    onp_op_get(n->op)->name);
}

static onp_status add_node(emitter *e, int32_t i, onp_error *err)
{
    const onp_node *n = onp_graph_node(e->net->g, i);
    const bool last = n->out[0] == e->net->logits, linear = onp_onnx_is_linear(e->net->g, i);
    const char *name = name_of(e, n);
    const source s = {n, name, last ? "logits" : name};
    if (emitters[n->op] == NULL || (last && !linear && !e->synthetic))
        return onp_fail(err, ONP_E_SHAPE, "onnx: block %d: %s, wanted %s", (int)n->group,
                        onp_op_get(n->op)->name,
                        last ? "a linear layer at the end" : "an operation of a folded network");
    ONP_TRY(check_inputs(e, n, err));
    (last && linear ? emit_linear : emitters[n->op])(e, &s);
    e->value[n->out[0]] = s.out;
    return ONP_OK;
}

onp_status onp_onnx_add_nodes(onp_onnx_tree *tree, const onp_onnx_network *net, bool synthetic,
                              onp_error *err)
{
    emitter e = {.t = tree, .net = net, .synthetic = synthetic, .block = -1};
    e.value = onp_onnx_take(tree, (size_t)onp_graph_n_tensors(net->g), sizeof *e.value);
    if (e.value == NULL)
        return onp_onnx_tree_status(tree, err);
    e.value[net->input] = "input";
    if (synthetic)
        onp_onnx_synthetic_table(tree);
    for (int32_t i = 0; i < onp_graph_n_nodes(net->g); i++)
        ONP_TRY(add_node(&e, i, err));
    if (e.value[net->logits] == NULL)
        return onp_fail(err, ONP_E_SHAPE, "onnx: nothing in the network makes its logits");
    return ONP_OK;
}
