/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs that are never stored again. When the backward pass needs the wide output of a pointwise
 * convolution once more, its rows can be multiplied out where they are read: by the one call for
 * both gradients of the depthwise convolution behind it, and by the one for both gradients of the
 * convolution itself. That holds for
 *
 *     conv -> batch norm -> ReLU -> depthwise
 *
 * computed again, when both gradients of both convolutions are wanted, in one block: the batch
 * norm's sums ride on the depthwise convolution's call, which alone has the rows. Where the
 * depthwise convolution is computed again as well, the output is stored for that, and forgotten.
 */
#include "graph/plan_internal.h"

/* How far behind a node its readers are looked for: a block. */
#define REACH 64

const onp_node *onp_plan_weight_partner(const onp_graph *g, int32_t index, onp_op op)
{
    const onp_node *data = onp_graph_node(g, index);
    for (int32_t i = index + 1; i <= index + 2 && i < onp_graph_n_nodes(g); i++) {
        const onp_node *n = onp_graph_node(g, i);
        if (n->op == op && n->in[1] == data->in[0] && n->attr.kernel == data->attr.kernel &&
            n->attr.stride == data->attr.stride &&
            onp_attr_dilation(&n->attr) == onp_attr_dilation(&data->attr) &&
            onp_attr_groups(&n->attr) == onp_attr_groups(&data->attr) &&
            onp_shape_equal(onp_graph_shape(g, n->in[0]), onp_graph_shape(g, data->out[0])) &&
            onp_shape_equal(onp_graph_shape(g, n->out[0]), onp_graph_shape(g, data->in[1])))
            return n;
    }
    return NULL;
}

typedef struct search {
    const onp_plan *p;
    const onp_graph *g;
    int32_t from; /* readers stand behind this node */
} search;

/* The node with operation op that reads t as its k-th input, or ONP_NONE. */
static int32_t reader(const search *s, onp_tid t, onp_op op, int k)
{
    for (int32_t i = s->from + 1; i <= s->from + REACH && i < onp_graph_n_nodes(s->g); i++) {
        const onp_node *n = onp_graph_node(s->g, i);
        if (n->op == op && k < n->n_in && n->in[k] == t)
            return i;
    }
    return ONP_NONE;
}

static int32_t relu_reader(const search *s, onp_tid t, bool backward, int k)
{
    const int32_t i = reader(s, t, backward ? ONP_OP_RELU6_BWD : ONP_OP_RELU6, k);
    return i != ONP_NONE ? i : reader(s, t, backward ? ONP_OP_RELU_BWD : ONP_OP_RELU, k);
}

static onp_tid out_of(const search *s, int32_t node)
{
    return node == ONP_NONE ? ONP_NONE : onp_graph_node(s->g, node)->out[0];
}

/* t has this many readers and no memory of its own. */
static bool is_lazy(const search *s, onp_tid t, int32_t n_uses)
{
    return t != ONP_NONE && s->p->state[t].unstored && s->p->state[t].n_uses == n_uses;
}

/* Also reads it: the depthwise convolution, run again. */
static bool is_repeated(const search *s, onp_tid active)
{
    return reader(s, active, ONP_OP_DEPTHWISE, 0) != ONP_NONE;
}

/* Its weight gradient stands beside the data gradient that reads `gy`. */
static const onp_node *partner(const search *s, onp_tid gy, onp_op data, onp_op weight)
{
    const int32_t i = reader(s, gy, data, 0);
    return i == ONP_NONE ? NULL : onp_plan_weight_partner(s->g, i, weight);
}

/* conv -> batch norm -> ReLU -> depthwise, whose gradients are one call, of gradient *gy. */
static bool forward_side(const search *s, onp_tid raw, onp_tid *normed, onp_tid *gy)
{
    *normed = out_of(s, reader(s, raw, ONP_OP_BN_APPLY, 0));
    if (!is_lazy(s, *normed, 2))
        return false;
    const onp_tid active = out_of(s, relu_reader(s, *normed, false, 0));
    if (active == ONP_NONE || !is_lazy(s, active, is_repeated(s, active) ? 2 : 1))
        return false;
    const int32_t weight = reader(s, active, ONP_OP_DEPTHWISE_BWD_WEIGHT, 0);
    if (weight == ONP_NONE)
        return false;
    const onp_node *n = onp_graph_node(s->g, weight);
    *gy = n->in[1];
    return partner(s, n->in[1], ONP_OP_DEPTHWISE_BWD_DATA, ONP_OP_DEPTHWISE_BWD_WEIGHT) == n;
}

/* What is masked is the gradient of the depthwise convolution and of nothing beside it, such as a
 * shortcut, and in the convolution's own block: else the sums over it are another call's. */
static bool comes_from_depthwise(const search *s, const onp_node *conv, onp_tid masked, onp_tid gy)
{
    const onp_tid g = onp_graph_node(s->g, onp_graph_tensor(s->g, masked)->producer)->in[0];
    const int32_t producer = onp_graph_tensor(s->g, g)->producer;
    if (producer == ONP_NONE)
        return false;
    const onp_node *data = onp_graph_node(s->g, producer);
    return data->op == ONP_OP_DEPTHWISE_BWD_DATA && data->in[0] == gy && data->group == conv->group;
}

/* The gradient comes back through ReLU and batch norm to the convolution's own gradients. */
static bool backward_side(const search *s, const onp_node *conv, onp_tid normed, onp_tid depth_gy)
{
    const onp_tid raw = conv->out[0];
    const onp_tid masked = out_of(s, relu_reader(s, normed, true, 1));
    const int32_t sums = reader(s, raw, ONP_OP_BN_BWD_SUMS, 1);
    const onp_tid gy = out_of(s, reader(s, raw, ONP_OP_BN_BWD_APPLY, 1));
    if (!is_lazy(s, masked, 2) || !is_lazy(s, gy, 2) || sums == ONP_NONE ||
        onp_graph_node(s->g, sums)->in[0] != masked ||
        onp_graph_node(s->g, onp_graph_tensor(s->g, gy)->producer)->in[0] != masked ||
        !comes_from_depthwise(s, conv, masked, depth_gy))
        return false;
    const int32_t data = reader(s, gy, ONP_OP_CONV_BWD_DATA, 0);
    const onp_node *weight = partner(s, gy, ONP_OP_CONV_BWD_DATA, ONP_OP_CONV_BWD_WEIGHT);
    return weight != NULL && weight->in[0] == conv->in[0] &&
           onp_graph_node(s->g, data)->in[1] == conv->in[1];
}

onp_made onp_plan_makes_again(const onp_plan *p, const onp_graph *g, int32_t node)
{
    const onp_node *n = onp_graph_node(g, node);
    const search s = {p, g, node};
    onp_tid normed, gy;
    if (n->op != ONP_OP_CONV || n->repeats == ONP_NONE || n->n_in != 2 || n->attr.kernel != 1 ||
        n->attr.stride != 1 || onp_attr_groups(&n->attr) != 1 || p->state[n->out[0]].n_uses != 3)
        return ONP_MADE_NOT;
    if (!forward_side(&s, n->out[0], &normed, &gy) || !backward_side(&s, n, normed, gy))
        return ONP_MADE_NOT;
    return is_repeated(&s, out_of(&s, relu_reader(&s, normed, false, 0))) ? ONP_MADE_BACKWARD
                                                                          : ONP_MADE_ALWAYS;
}
