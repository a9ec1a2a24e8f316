/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/recompute.h"

#include "graph/graph_internal.h"

const char *const onp_recompute_names[ONP_RECOMPUTE_COUNT + 1] = {"none", "cheap", "blocks", "sqrt",
                                                                  NULL};

/*
 * Marks: an INSIDE tensor is computed again for its own block and forgotten by later ones; a
 * BETWEEN tensor, for the rest of the backward pass: what a run of blocks without a kept tensor
 * leads through.
 */
enum { KEPT, INSIDE, BETWEEN };

/* Nodes whose outputs may be dropped: they follow from their inputs alone, and are large. */
static bool can_repeat(onp_op op)
{
    switch (op) {
    case ONP_OP_CONV:
    case ONP_OP_DEPTHWISE:
    case ONP_OP_BN_APPLY:
    case ONP_OP_RELU6:
    case ONP_OP_RELU:
    case ONP_OP_MAX_POOL:
    case ONP_OP_AVG_POOL:
    case ONP_OP_ADD:
    case ONP_OP_HSWISH:
    case ONP_OP_CHANNEL_SCALE:
    case ONP_OP_DROPOUT:
        return true;
    default:
        return false;
    }
}

/* Those that a reader computes while it loads: they are never worth keeping. */
static bool is_lazy(onp_op op)
{
    return op == ONP_OP_BN_APPLY || op == ONP_OP_RELU6 || op == ONP_OP_RELU;
}

/* Stored, but one pass over memory that is kept, or that is made again for others as well. */
static bool is_elementwise(onp_op op)
{
    return op == ONP_OP_HSWISH || op == ONP_OP_CHANNEL_SCALE || op == ONP_OP_DROPOUT;
}

static bool widens(const onp_graph *g, const onp_node *n)
{
    const onp_shape s = g->tensors[n->out[0]].shape;
    return n->op == ONP_OP_CONV && n->attr.kernel == 1 && s.h * s.w > 1 &&
           onp_shape_count(g->tensors[n->out[0]].shape) >
               onp_shape_count(g->tensors[n->in[0]].shape);
}

static bool may_drop(const onp_graph *g, const onp_node *n)
{
    const onp_tensor *t = &g->tensors[n->out[0]];
    return can_repeat(n->op) && n->group != ONP_NONE && !t->external && !t->keep;
}

/* A lazy node over a dropped tensor is dropped with it. */
static void mark_readers(onp_graph *g)
{
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const onp_node *n = &g->nodes[i];
        if (is_lazy(n->op) && may_drop(g, n) && g->tensors[n->in[0]].recompute != KEPT &&
            g->tensors[n->out[0]].recompute == KEPT)
            g->tensors[n->out[0]].recompute = INSIDE;
    }
}

static void mark_cheap(onp_graph *g)
{
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const onp_node *n = &g->nodes[i];
        if (may_drop(g, n) && (widens(g, n) || is_elementwise(n->op)))
            g->tensors[n->out[0]].recompute = INSIDE;
    }
    mark_readers(g);
}

/* Everything inside a group, unless another group reads it. Returns how many tensors lie between
 * groups. */
static int32_t mark_blocks(onp_graph *g)
{
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (may_drop(g, &g->nodes[i]))
            g->tensors[g->nodes[i].out[0]].recompute = INSIDE;
    int32_t between = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const onp_node *n = &g->nodes[i];
        for (int k = 0; k < n->n_in; k++) {
            onp_tensor *t = &g->tensors[n->in[k]];
            if (t->recompute != INSIDE || g->nodes[t->producer].group == n->group)
                continue;
            t->recompute = BETWEEN;
            between++;
        }
    }
    return between;
}

/* A lazy tensor lies in memory as the raw one behind it: that is kept, or dropped, like the lazy
 * one. */
static void mark_raw(onp_graph *g)
{
    for (int32_t i = g->n_nodes - 1; i >= 0; i--) {
        const onp_node *n = &g->nodes[i];
        if (is_lazy(n->op) && g->tensors[n->in[0]].recompute == INSIDE &&
            g->nodes[g->tensors[n->in[0]].producer].group == n->group)
            g->tensors[n->in[0]].recompute = g->tensors[n->out[0]].recompute;
    }
}

/* Keeps every `each`-th of the tensors between groups; what the first group makes, such as a stem,
 * follows from the input, which is always there. */
static void keep_between(onp_graph *g, int32_t each)
{
    int32_t seen = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        onp_tensor *t = &g->tensors[g->nodes[i].out[0]];
        if (t->recompute == BETWEEN && g->nodes[i].group != g->nodes[0].group && ++seen % each == 0)
            t->recompute = KEPT;
    }
}

static int32_t square_root(int32_t n)
{
    int32_t root = 1;
    while ((root + 1) * (root + 1) <= n)
        root++;
    return root;
}

onp_status onp_graph_recompute(onp_graph *g, onp_recompute mode, onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    for (onp_tid t = 0; t < g->n_tensors; t++) {
        g->tensors[t].recompute = KEPT;
        g->tensors[t].again = ONP_NONE;
    }
    int32_t between = 0;
    if (mode == ONP_RECOMPUTE_CHEAP)
        mark_cheap(g);
    if (mode == ONP_RECOMPUTE_BLOCKS || mode == ONP_RECOMPUTE_SQRT)
        between = mark_blocks(g);
    if (between > 0)
        keep_between(g, mode == ONP_RECOMPUTE_SQRT ? square_root(between) : 1);
    if (mode == ONP_RECOMPUTE_BLOCKS || mode == ONP_RECOMPUTE_SQRT)
        mark_raw(g);
    return ONP_OK;
}

/* Appends a copy of node `index` over inputs that are there again. */
static void repeat(onp_graph *g, int32_t index)
{
    onp_tid in[ONP_OP_MAX_IN];
    const onp_node node = g->nodes[index]; /* a copy: the array grows below */
    for (int k = 0; k < node.n_in; k++)
        in[k] = onp_graph_again(g, node.in[k]);
    const onp_shape shape = g->tensors[node.out[0]].shape;
    const int32_t group = g->group;
    g->group = node.group;
    const int32_t copy = onp_graph_add_node(g, node.op, in, node.n_in, &shape, 1, &node.attr);
    g->group = group;
    if (copy == ONP_NONE)
        return;
    g->nodes[copy].repeats = index;
    g->tensors[node.out[0]].again = g->nodes[copy].out[0];
}

/* Forgets what was computed again inside the blocks that led to a tensor between blocks: their own
 * backward pass comes much later, and computes it once more. */
static void forget_inside(onp_graph *g, int32_t first_node)
{
    for (int32_t i = first_node; i < g->n_nodes; i++) {
        const int32_t original = g->nodes[i].repeats;
        if (original != ONP_NONE && g->tensors[g->nodes[original].out[0]].recompute == INSIDE)
            g->tensors[g->nodes[original].out[0]].again = ONP_NONE;
    }
}

onp_tid onp_graph_again(onp_graph *g, onp_tid t)
{
    if (t == ONP_NONE || g->tensors[t].recompute == KEPT)
        return t;
    if (g->tensors[t].again == ONP_NONE) {
        const int32_t first = g->n_nodes;
        repeat(g, g->tensors[t].producer);
        if (g->tensors[t].recompute == BETWEEN)
            forget_inside(g, first);
    }
    return g->tensors[t].again;
}
