/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/block_build.h"

/* What the pieces of a block share while it is built. */
typedef struct builder {
    onp_graph *g;
    onp_block_mode mode;
    double eps;
    const onp_tid *params; /* the next parameter */
    onp_block_nodes *nodes;
} builder;

static const onp_op activation_ops[ONP_ACT_COUNT] = {
    [ONP_ACT_RELU6] = ONP_OP_RELU6, [ONP_ACT_RELU] = ONP_OP_RELU, [ONP_ACT_HSWISH] = ONP_OP_HSWISH};

static onp_tid add1(const builder *b, onp_op op, onp_tid x)
{
    return onp_graph_add(b->g, op, &x, 1, NULL);
}

/* Convolution with batch norm as the mode has it, and an activation when `act` is not NULL. */
static onp_tid conv_bn(builder *b, onp_op op, onp_tid x, const onp_attr *attr,
                       const onp_activation *act)
{
    onp_tid y;
    if (b->mode == ONP_MODE_FOLDED) {
        const onp_tid in[3] = {x, b->params[0], b->params[1]};
        b->params += 2;
        y = onp_graph_add(b->g, op, in, 3, attr);
    } else {
        const onp_tid in[2] = {x, b->params[0]};
        const onp_tid gamma = b->params[1], beta = b->params[2];
        onp_tid raw = onp_graph_add(b->g, op, in, 2, attr);
        onp_tid stats = b->mode == ONP_MODE_EVAL ? b->params[3] : add1(b, ONP_OP_BN_STATS, raw);
        b->params += b->mode == ONP_MODE_EVAL ? 4 : 3;
        const onp_tid bn[4] = {raw, stats, gamma, beta};
        y = onp_graph_add(b->g, ONP_OP_BN_APPLY, bn, 4, &(onp_attr){.eps = b->eps});
        b->nodes->stats[b->nodes->n_stats++] = stats;
        if (act == NULL) {
            b->nodes->last_raw = raw;
            b->nodes->last_stats = stats;
            b->nodes->gamma = gamma;
            b->nodes->beta = beta;
        }
    }
    return act != NULL ? add1(b, activation_ops[*act], y) : y;
}

/* A layer without batch norm: 1x1 on any map. */
static onp_tid linear(builder *b, onp_tid x, bool bias)
{
    const onp_tid in[3] = {x, b->params[0], bias ? b->params[1] : ONP_NONE};
    b->params += bias ? 2 : 1;
    return onp_graph_add(b->g, ONP_OP_CONV, in, bias ? 3 : 2,
                         &(onp_attr){.kernel = 1, .stride = 1});
}

/* An attribute's 0 means 1: graphs with and without the field are the same text. */
static int32_t attr_of(int32_t value)
{
    return value > 1 ? value : 0;
}

static onp_tid conv(builder *b, const onp_block *block, onp_tid x)
{
    return conv_bn(b, ONP_OP_CONV, x,
                   &(onp_attr){.kernel = block->kernel,
                               .stride = block->stride,
                               .dilation = attr_of(block->dilation),
                               .groups = attr_of(block->groups)},
                   &block->act);
}

/* J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation networks", 2018, as MobileNetV3 has it. */
static onp_tid squeeze_excite(builder *b, onp_tid x)
{
    onp_tid s = add1(b, ONP_OP_GLOBAL_AVG_POOL, x);
    s = add1(b, ONP_OP_RELU, linear(b, s, true));
    s = add1(b, ONP_OP_HSIGMOID, linear(b, s, true));
    return onp_graph_add(b->g, ONP_OP_CHANNEL_SCALE, (onp_tid[]){x, s}, 2, NULL);
}

/* mbconv, and depthwise-separable, which is one without expansion but for its dilation. */
static onp_tid inverted(builder *b, const onp_block *block, onp_tid x)
{
    const onp_attr point = {.kernel = 1, .stride = 1};
    const onp_attr depth = {
        .kernel = block->kernel, .stride = block->stride, .dilation = attr_of(block->dilation)};
    onp_tid y = x;
    if (block->kind == ONP_BLOCK_MBCONV && block->expand != 1)
        y = conv_bn(b, ONP_OP_CONV, y, &point, &block->act);
    y = conv_bn(b, ONP_OP_DEPTHWISE, y, &depth, &block->act);
    if (block->se)
        y = squeeze_excite(b, y);
    y = conv_bn(b, ONP_OP_CONV, y, &point, NULL);
    b->nodes->own = y;
    return block->skip ? onp_graph_add(b->g, ONP_OP_ADD, (onp_tid[]){x, y}, 2, NULL) : y;
}

static onp_tid pool(const builder *b, const onp_block *block, onp_op op, onp_tid x)
{
    return onp_graph_add(b->g, op, &x, 1,
                         &(onp_attr){.kernel = block->kernel, .stride = block->stride});
}

static onp_tid head(builder *b, const onp_block *block, const onp_block_dropout *drop, onp_tid x)
{
    onp_tid y = add1(b, ONP_OP_GLOBAL_AVG_POOL, x);
    if (block->mid > 0)
        y = add1(b, activation_ops[block->act], linear(b, y, false));
    if (drop != NULL && drop->rate > 0)
        y = onp_graph_add(b->g, ONP_OP_DROPOUT, &y, 1,
                          &(onp_attr){.rate = drop->rate, .key = drop->key});
    return linear(b, y, true);
}

static onp_tid build(builder *b, const onp_block *block, const onp_block_dropout *drop, onp_tid x)
{
    switch (block->kind) {
    case ONP_BLOCK_STEM:
    case ONP_BLOCK_MIX:
    case ONP_BLOCK_CONV:
        return conv(b, block, x);
    case ONP_BLOCK_MBCONV:
    case ONP_BLOCK_SEPARABLE:
        return inverted(b, block, x);
    case ONP_BLOCK_MAX_POOL:
        return pool(b, block, ONP_OP_MAX_POOL, x);
    case ONP_BLOCK_AVG_POOL:
        return pool(b, block, ONP_OP_AVG_POOL, x);
    case ONP_BLOCK_HEAD:
        return head(b, block, drop, x);
    case ONP_BLOCK_ZERO:
    case ONP_BLOCK_IDENTITY:
        return x;
    case ONP_BLOCK_KIND_COUNT:
        break;
    }
    return onp_graph_fail(b->g, ONP_E_RANGE, "block: kind %d is unknown", (int)block->kind);
}

onp_tid onp_block_build_dropout(onp_graph *g, const onp_block *block, onp_block_mode mode,
                                double eps, onp_tid x, const onp_tid *params,
                                const onp_block_dropout *drop, onp_block_nodes *nodes)
{
    onp_block_nodes unused;
    builder b = {g, mode, eps, params, nodes != NULL ? nodes : &unused};
    *b.nodes = (onp_block_nodes){.own = ONP_NONE,
                                 .last_raw = ONP_NONE,
                                 .last_stats = ONP_NONE,
                                 .gamma = ONP_NONE,
                                 .beta = ONP_NONE};
    onp_shape s = onp_graph_shape(g, x);
    if (x != ONP_NONE && !onp_block_is_free(block) &&
        (s.h != block->in_h || s.w != block->in_w || s.c != block->in_c)) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(block, key);
        return onp_graph_fail(g, ONP_E_SHAPE, "%s: its input is %lldx%lldx%lld", key,
                              (long long)s.h, (long long)s.w, (long long)s.c);
    }
    onp_tid y = build(&b, block, drop, x);
    if (b.nodes->own == ONP_NONE && block->kind != ONP_BLOCK_ZERO)
        b.nodes->own = y;
    return y;
}

onp_tid onp_block_build(onp_graph *g, const onp_block *block, onp_block_mode mode, double eps,
                        onp_tid x, const onp_tid *params, onp_block_nodes *nodes)
{
    return onp_block_build_dropout(g, block, mode, eps, x, params, NULL, nodes);
}
