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

/* Convolution, batch norm as the mode has it, and ReLU6 when asked for. */
static onp_tid conv_bn(builder *b, onp_op op, onp_tid x, int kernel, int stride, bool relu6)
{
    const onp_attr attr = {.kernel = kernel, .stride = stride};
    onp_tid y;
    if (b->mode == ONP_MODE_FOLDED) {
        const onp_tid in[3] = {x, b->params[0], b->params[1]};
        b->params += 2;
        y = onp_graph_add(b->g, op, in, 3, &attr);
    } else {
        const onp_tid in[2] = {x, b->params[0]};
        const onp_tid gamma = b->params[1], beta = b->params[2];
        onp_tid raw = onp_graph_add(b->g, op, in, 2, &attr);
        onp_tid stats = b->mode == ONP_MODE_EVAL
                            ? b->params[3]
                            : onp_graph_add(b->g, ONP_OP_BN_STATS, &raw, 1, NULL);
        b->params += b->mode == ONP_MODE_EVAL ? 4 : 3;
        const onp_tid bn[4] = {raw, stats, gamma, beta};
        y = onp_graph_add(b->g, ONP_OP_BN_APPLY, bn, 4, &(onp_attr){.eps = b->eps});
        b->nodes->last_raw = raw;
        b->nodes->last_stats = stats;
        b->nodes->gamma = gamma;
        b->nodes->beta = beta;
        b->nodes->stats[b->nodes->n_stats++] = stats;
    }
    return relu6 ? onp_graph_add(b->g, ONP_OP_RELU6, &y, 1, NULL) : y;
}

static onp_tid mbconv(builder *b, const onp_block *block, onp_tid x)
{
    onp_tid y = x;
    if (block->mid != block->in_c || block->expand != 1)
        y = conv_bn(b, ONP_OP_CONV, y, 1, 1, true);
    y = conv_bn(b, ONP_OP_DEPTHWISE, y, block->kernel, block->stride, true);
    y = conv_bn(b, ONP_OP_CONV, y, 1, 1, false);
    if (block->skip) {
        const onp_tid both[2] = {x, y};
        y = onp_graph_add(b->g, ONP_OP_ADD, both, 2, NULL);
    }
    return y;
}

static onp_tid head(builder *b, onp_tid x)
{
    onp_tid pooled = onp_graph_add(b->g, ONP_OP_GLOBAL_AVG_POOL, &x, 1, NULL);
    const onp_tid in[3] = {pooled, b->params[0], b->params[1]};
    return onp_graph_add(b->g, ONP_OP_CONV, in, 3, &(onp_attr){.kernel = 1, .stride = 1});
}

onp_tid onp_block_build(onp_graph *g, const onp_block *block, onp_block_mode mode, double eps,
                        onp_tid x, const onp_tid *params, onp_block_nodes *nodes)
{
    onp_block_nodes unused;
    builder b = {g, mode, eps, params, nodes != NULL ? nodes : &unused};
    *b.nodes = (onp_block_nodes){
        .last_raw = ONP_NONE, .last_stats = ONP_NONE, .gamma = ONP_NONE, .beta = ONP_NONE};
    onp_shape s = onp_graph_shape(g, x);
    if (x != ONP_NONE && block->kind != ONP_BLOCK_ZERO &&
        (s.h != block->in_h || s.w != block->in_w || s.c != block->in_c)) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(block, key);
        return onp_graph_fail(g, ONP_E_SHAPE, "%s: its input is %lldx%lldx%lld", key,
                              (long long)s.h, (long long)s.w, (long long)s.c);
    }
    switch (block->kind) {
    case ONP_BLOCK_STEM:
        return conv_bn(&b, ONP_OP_CONV, x, block->kernel, block->stride, true);
    case ONP_BLOCK_MBCONV:
        return mbconv(&b, block, x);
    case ONP_BLOCK_MIX:
        return conv_bn(&b, ONP_OP_CONV, x, 1, 1, true);
    case ONP_BLOCK_HEAD:
        return head(&b, x);
    case ONP_BLOCK_ZERO:
        return x;
    case ONP_BLOCK_KIND_COUNT:
        break;
    }
    return onp_graph_fail(g, ONP_E_RANGE, "block: kind %d is unknown", (int)block->kind);
}
