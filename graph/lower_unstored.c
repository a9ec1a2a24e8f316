/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which outputs are not stored: those of batch norms, ReLU6 and their gradients, as long as every
 * reader can load them through one lazy operand.
 */
#include "graph/plan_internal.h"

typedef struct marking {
    onp_plan *p;
    const onp_graph *g;
    bool changed; /* an output was found to need storing after all */
} marking;

static onp_tensor_state *state_of(const marking *l, onp_tid t)
{
    return &l->p->state[t];
}

static const onp_node *producer_of(const marking *l, onp_tid t)
{
    const int32_t i = onp_graph_tensor(l->g, t)->producer;
    return i == ONP_NONE ? NULL : onp_graph_node(l->g, i);
}

static bool is_relu(onp_op op)
{
    return op == ONP_OP_RELU6 || op == ONP_OP_RELU;
}

static bool is_relu_bwd(onp_op op)
{
    return op == ONP_OP_RELU6_BWD || op == ONP_OP_RELU_BWD;
}

static bool is_lazy_op(onp_op op)
{
    return op == ONP_OP_BN_APPLY || op == ONP_OP_BN_BWD_APPLY || is_relu(op) || is_relu_bwd(op);
}

static void store(marking *l, onp_tid t)
{
    l->changed = l->changed || state_of(l, t)->unstored;
    state_of(l, t)->unstored = false;
}

static bool unstored_by(const marking *l, onp_tid t, onp_op op)
{
    return state_of(l, t)->unstored && producer_of(l, t)->op == op;
}

static bool masked_lazily(const marking *l, onp_tid g)
{
    return state_of(l, g)->unstored && is_relu_bwd(producer_of(l, g)->op);
}

/* The raw tensor that the mask of a ReLU gradient compares: behind the batch norm when that is not
 * stored. */
static onp_tid mask_tensor(const marking *l, const onp_node *relu_bwd)
{
    const onp_tid x = relu_bwd->in[1];
    return unstored_by(l, x, ONP_OP_BN_APPLY) ? producer_of(l, x)->in[0] : x;
}

/* A gradient that a batch-norm gradient over `x` can read: stored, or masked by the same x. */
static void need_gradient_of(marking *l, onp_tid g, onp_tid x)
{
    if (masked_lazily(l, g) && mask_tensor(l, producer_of(l, g)) == x)
        return;
    store(l, g);
}

/* Stores those inputs of a node that it cannot read through an operand. */
static void need_inputs(marking *l, const onp_node *n)
{
    switch (n->op) {
    case ONP_OP_CONV:
    case ONP_OP_DEPTHWISE:
    case ONP_OP_CONV_BWD_DATA:
    case ONP_OP_DEPTHWISE_BWD_DATA:
        for (int i = 1; i < n->n_in; i++) /* weights and biases are read as they lie */
            store(l, n->in[i]);
        return;
    case ONP_OP_CONV_BWD_WEIGHT:
    case ONP_OP_DEPTHWISE_BWD_WEIGHT:
    case ONP_OP_GLOBAL_AVG_POOL:
    case ONP_OP_GLOBAL_AVG_POOL_BWD:
    case ONP_OP_MAX_POOL:
    case ONP_OP_MAX_POOL_BWD:
    case ONP_OP_AVG_POOL:
    case ONP_OP_AVG_POOL_BWD:
    case ONP_OP_ADD:
    case ONP_OP_HSWISH:
    case ONP_OP_HSIGMOID:
    case ONP_OP_HSWISH_BWD:
    case ONP_OP_HSIGMOID_BWD:
    case ONP_OP_CHANNEL_SCALE:
    case ONP_OP_CHANNEL_SCALE_BWD_SCALE:
    case ONP_OP_DROPOUT:
    case ONP_OP_DOT:
    case ONP_OP_BN_STATS:
        return;
    case ONP_OP_RELU6:
    case ONP_OP_RELU:
        if (!unstored_by(l, n->in[0], ONP_OP_BN_APPLY))
            store(l, n->in[0]);
        return;
    case ONP_OP_RELU6_BWD:
    case ONP_OP_RELU_BWD:
        store(l, n->in[0]);
        if (!unstored_by(l, n->in[1], ONP_OP_BN_APPLY))
            store(l, n->in[1]);
        return;
    case ONP_OP_BN_BWD_SUMS:
    case ONP_OP_BN_BWD_APPLY:
        store(l, n->in[1]);
        need_gradient_of(l, n->in[0], n->in[1]);
        return;
    default:
        for (int i = 0; i < n->n_in; i++)
            store(l, n->in[i]);
        return;
    }
}

void onp_plan_mark_unstored(onp_plan *p, const onp_graph *g, bool stored)
{
    marking l = {.p = p, .g = g};
    for (onp_tid t = 0; t < p->n_tensors; t++) {
        const onp_tensor *tensor = onp_graph_tensor(g, t);
        const onp_node *n = producer_of(&l, t);
        *state_of(&l, t) =
            (onp_tensor_state){.buffer = ONP_NONE,
                               .writer = ONP_NONE,
                               .coef = ONP_NONE,
                               .unstored = n != NULL && !stored && is_lazy_op(n->op) &&
                                           !tensor->keep && !tensor->external};
    }
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        const onp_node *n = onp_graph_node(g, i);
        for (int k = 0; k < n->n_in; k++)
            state_of(&l, n->in[k])->n_uses++;
    }
    do { /* storing one output can take another's lazy operand apart */
        l.changed = false;
        for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
            need_inputs(&l, onp_graph_node(g, i));
    } while (l.changed);
}
