/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/runners/xnnpack/nodes.h"

#include <math.h>
#include <string.h>

/* ---- errors ---- */

static const char *meaning(enum xnn_status code)
{
    switch (code) {
    case xnn_status_uninitialized:
        return "XNNPACK is not initialised";
    case xnn_status_invalid_parameter:
        return "an invalid parameter";
    case xnn_status_invalid_state:
        return "an invalid state";
    case xnn_status_unsupported_parameter:
        return "a parameter that XNNPACK does not support";
    case xnn_status_unsupported_hardware:
        return "a processor that XNNPACK does not support";
    case xnn_status_out_of_memory:
        return "out of memory";
    default:
        return "unknown";
    }
}

onp_status onp_xnn_check(enum xnn_status got, const char *what, onp_error *err)
{
    if (got == xnn_status_success)
        return ONP_OK;
    return onp_fail(err, got == xnn_status_out_of_memory ? ONP_E_NOMEM : ONP_E_RANGE,
                    "xnnpack: %s: %s", what, meaning(got));
}

/* ---- values ---- */

onp_status onp_xnn_value(onp_xnn_builder *b, onp_shape s, uint32_t external_id, uint32_t flags,
                         uint32_t *id, onp_error *err)
{
    const size_t dims[4] = {(size_t)s.n, (size_t)s.h, (size_t)s.w, (size_t)s.c};
    return onp_xnn_check(xnn_define_tensor_value(b->subgraph, xnn_datatype_fp32, 4, dims, NULL,
                                                 external_id, flags, id),
                         "tensor", err);
}

/* Room for count floats as long as the model lives, and the bytes that XNNPACK may read behind. */
static float *take(onp_xnn_builder *b, size_t count)
{
    onp_xnn_weights *w = b->weights;
    void *list = w->data, *x = NULL;
    if (onp_grow(b->ctx, &list, &w->capacity, w->n + 1, sizeof(void *), NULL) == ONP_OK)
        x = onp_alloc(b->ctx, count + XNN_EXTRA_BYTES / sizeof(float), sizeof(float));
    w->data = list;
    if (x != NULL)
        w->data[w->n++] = x;
    b->no_memory |= x == NULL;
    return x;
}

/* Defines the constant x, which may be NULL: then XNN_INVALID_VALUE_ID. */
static uint32_t constant(onp_xnn_builder *b, const float *x, const size_t *dims, size_t n_dims)
{
    uint32_t id = XNN_INVALID_VALUE_ID;
    if (x != NULL && xnn_define_tensor_value(b->subgraph, xnn_datatype_fp32, n_dims, dims, x,
                                             XNN_INVALID_VALUE_ID, 0, &id) != xnn_status_success)
        id = XNN_INVALID_VALUE_ID;
    return id;
}

static uint32_t scalar(onp_xnn_builder *b, float value)
{
    float *x = take(b, 1);
    if (x != NULL)
        *x = value;
    return constant(b, x, (const size_t[]){1}, 1);
}

static uint32_t copy(onp_xnn_builder *b, onp_tid t, const size_t *dims, size_t n_dims)
{
    const size_t count = (size_t)onp_shape_count(onp_graph_shape(b->g, t));
    float *x = take(b, count);
    if (x != NULL)
        memcpy(x, onp_graph_tensor(b->g, t)->data, count * sizeof *x);
    return constant(b, x, dims, n_dims);
}

/* ---- operations ---- */

typedef struct source {
    const onp_node *node;
    onp_shape in, out;     /* of input 0 and output 0 */
    uint32_t x, y, second; /* values: input 0, output 0, input 1 where that is no weight */
} source;

typedef enum xnn_status (*define_fn)(onp_xnn_builder *b, const source *s);

/* The output of a node that has none of ours: as large as its input. */
static uint32_t between(onp_xnn_builder *b, const source *s)
{
    uint32_t id;
    return onp_xnn_value(b, s->in, XNN_INVALID_VALUE_ID, 0, &id, NULL) == ONP_OK
               ? id
               : XNN_INVALID_VALUE_ID;
}

static uint32_t bias(onp_xnn_builder *b, const source *s)
{
    const size_t channels = (size_t)s->out.c;
    if (s->node->n_in == 3)
        return copy(b, s->node->in[2], &channels, 1);
    return constant(b, take(b, channels), &channels, 1);
}

/* w[k][k][in][out] -> [out][k][k][in]; in: of one group. */
static uint32_t conv_weight(onp_xnn_builder *b, const source *s)
{
    const onp_tensor *w = onp_graph_tensor(b->g, s->node->in[1]);
    const size_t k = (size_t)w->shape.n, in = (size_t)w->shape.w, out = (size_t)w->shape.c;
    const float *from = w->data;
    float *to = take(b, (size_t)onp_shape_count(w->shape));
    for (size_t j = 0; to != NULL && j < out; j++)
        for (size_t i = 0; i < k * k * in; i++)
            to[j * k * k * in + i] = from[i * out + j];
    return constant(b, to, (const size_t[]){out, k, k, in}, 4);
}

/* Weights of a 1x1 convolution, [in][out], are those of a linear layer when transposed. */
static enum xnn_status define_linear(onp_xnn_builder *b, const source *s)
{
    const size_t dims[2] = {(size_t)s->in.c, (size_t)s->out.c};
    return xnn_define_fully_connected(b->subgraph, -INFINITY, INFINITY, s->x,
                                      copy(b, s->node->in[1], dims, 2), bias(b, s), s->y,
                                      XNN_FLAG_TRANSPOSE_WEIGHTS);
}

static enum xnn_status define_conv(onp_xnn_builder *b, const source *s)
{
    const onp_attr *a = &s->node->attr;
    const uint32_t groups = (uint32_t)onp_attr_groups(a);
    if (a->kernel == 1 && groups == 1 && s->in.h == 1 && s->in.w == 1)
        return define_linear(b, s);
    const uint32_t k = (uint32_t)a->kernel, stride = (uint32_t)a->stride;
    const uint32_t dilation = (uint32_t)onp_attr_dilation(a), pad = k / 2 * dilation;
    return xnn_define_convolution_2d(b->subgraph, pad, pad, pad, pad, k, k, stride, stride,
                                     dilation, dilation, groups, (size_t)s->in.c / groups,
                                     (size_t)s->out.c / groups, -INFINITY, INFINITY, s->x,
                                     conv_weight(b, s), bias(b, s), s->y, 0);
}

static enum xnn_status define_depthwise(onp_xnn_builder *b, const source *s)
{
    const onp_attr *a = &s->node->attr;
    const uint32_t k = (uint32_t)a->kernel, stride = (uint32_t)a->stride;
    const uint32_t dilation = (uint32_t)onp_attr_dilation(a), pad = k / 2 * dilation;
    const size_t dims[4] = {1, k, k, (size_t)s->in.c};
    return xnn_define_depthwise_convolution_2d(
        b->subgraph, pad, pad, pad, pad, k, k, stride, stride, dilation, dilation, 1,
        (size_t)s->in.c, -INFINITY, INFINITY, s->x, copy(b, s->node->in[1], dims, 4), bias(b, s),
        s->y, 0);
}

/* XNNPACK makes these clamps the bounds of what stands before, where it can. */
static enum xnn_status define_relu6(onp_xnn_builder *b, const source *s)
{
    return xnn_define_clamp(b->subgraph, 0.0F, 6.0F, s->x, s->y, 0);
}

static enum xnn_status define_relu(onp_xnn_builder *b, const source *s)
{
    return xnn_define_clamp(b->subgraph, 0.0F, INFINITY, s->x, s->y, 0);
}

static enum xnn_status define_hswish(onp_xnn_builder *b, const source *s)
{
    return xnn_define_hardswish(b->subgraph, s->x, s->y, 0);
}

static enum xnn_status define_hsigmoid(onp_xnn_builder *b, const source *s)
{
    const uint32_t sum = between(b, s);
    enum xnn_status st = xnn_define_add2(b->subgraph, 0.0F, 6.0F, s->x, scalar(b, 3.0F), sum, 0);
    if (st == xnn_status_success)
        st = xnn_define_multiply2(b->subgraph, -INFINITY, INFINITY, sum, scalar(b, 1.0F / 6.0F),
                                  s->y, 0);
    return st;
}

static enum xnn_status define_global_avg_pool(onp_xnn_builder *b, const source *s)
{
    return xnn_define_global_average_pooling_2d(b->subgraph, -INFINITY, INFINITY, s->x, s->y, 0);
}

/* Windows begin (kernel - 1) / 2 before the map and end behind it where they must. */
static uint32_t pad_after(const onp_attr *a, int64_t map, int64_t windows)
{
    const int64_t after = (windows - 1) * a->stride + a->kernel - map - (a->kernel - 1) / 2;
    return after > 0 ? (uint32_t)after : 0;
}

static enum xnn_status define_max_pool(onp_xnn_builder *b, const source *s)
{
    const onp_attr *a = &s->node->attr;
    const uint32_t k = (uint32_t)a->kernel, stride = (uint32_t)a->stride, before = (k - 1) / 2;
    return xnn_define_max_pooling_2d(b->subgraph, before, pad_after(a, s->in.w, s->out.w),
                                     pad_after(a, s->in.h, s->out.h), before, k, k, stride, stride,
                                     1, 1, -INFINITY, INFINITY, s->x, s->y, 0);
}

/* Taps outside of the map do not count in XNNPACK either. */
static enum xnn_status define_avg_pool(onp_xnn_builder *b, const source *s)
{
    const onp_attr *a = &s->node->attr;
    const uint32_t k = (uint32_t)a->kernel, stride = (uint32_t)a->stride, before = (k - 1) / 2;
    return xnn_define_average_pooling_2d(b->subgraph, before, pad_after(a, s->in.w, s->out.w),
                                         pad_after(a, s->in.h, s->out.h), before, k, k, stride,
                                         stride, -INFINITY, INFINITY, s->x, s->y, 0);
}

static enum xnn_status define_flatten(onp_xnn_builder *b, const source *s)
{
    const size_t dims[4] = {(size_t)s->out.n, 1, 1, (size_t)s->out.c};
    return xnn_define_static_reshape(b->subgraph, 4, dims, s->x, s->y, 0);
}

static enum xnn_status define_add(onp_xnn_builder *b, const source *s)
{
    return xnn_define_add2(b->subgraph, -INFINITY, INFINITY, s->x, s->second, s->y, 0);
}

/* [n][1][1][c] is broadcast over the map. */
static enum xnn_status define_channel_scale(onp_xnn_builder *b, const source *s)
{
    return xnn_define_multiply2(b->subgraph, -INFINITY, INFINITY, s->x, s->second, s->y, 0);
}

static const define_fn definers[ONP_OP_COUNT] = {
    [ONP_OP_CONV] = define_conv,
    [ONP_OP_DEPTHWISE] = define_depthwise,
    [ONP_OP_RELU6] = define_relu6,
    [ONP_OP_RELU] = define_relu,
    [ONP_OP_GLOBAL_AVG_POOL] = define_global_avg_pool,
    [ONP_OP_MAX_POOL] = define_max_pool,
    [ONP_OP_AVG_POOL] = define_avg_pool,
    [ONP_OP_FLATTEN] = define_flatten,
    [ONP_OP_ADD] = define_add,
    [ONP_OP_HSWISH] = define_hswish,
    [ONP_OP_HSIGMOID] = define_hsigmoid,
    [ONP_OP_CHANNEL_SCALE] = define_channel_scale,
};

onp_status onp_xnn_define(onp_xnn_builder *b, int32_t node, onp_error *err)
{
    const onp_node *n = onp_graph_node(b->g, node);
    const char *name = onp_op_get(n->op)->name;
    if (definers[n->op] == NULL)
        return onp_fail(err, ONP_E_RANGE,
                        "xnnpack: node %d: %s cannot run here, wanted an operation of a folded "
                        "network",
                        (int)node, name);
    const source s = {.node = n,
                      .in = onp_graph_shape(b->g, n->in[0]),
                      .out = onp_graph_shape(b->g, n->out[0]),
                      .x = b->value[n->in[0]],
                      .y = b->value[n->out[0]],
                      .second = n->n_in > 1 ? b->value[n->in[1]] : XNN_INVALID_VALUE_ID};
    const enum xnn_status got = definers[n->op](b, &s);
    if (b->no_memory)
        return onp_fail(err, ONP_E_NOMEM, "xnnpack: no memory for the weights");
    if (got == xnn_status_success)
        return ONP_OK;
    return onp_fail_prefix(err, onp_xnn_check(got, name, err), "node %d: ", (int)node);
}
