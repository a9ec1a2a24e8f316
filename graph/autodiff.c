/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation by the rule tables of ops/: a graph goes in, the same graph with
 * gradient nodes comes out. */
#include "graph/graph_internal.h"

#include <string.h>

#include "graph/recompute.h"

/* A tensor needs a gradient when it was asked for, or when something before it did. */
static onp_status mark_needs(onp_graph *g, int32_t n_nodes, onp_error *err)
{
    ONP_TRY(onp_grow(g->ctx, (void **)&g->needs, &g->needs_cap, (size_t)g->n_tensors,
                     sizeof *g->needs, err));
    for (onp_tid t = 0; t < g->n_tensors; t++)
        g->needs[t] = g->tensors[t].grad_data != NULL || g->tensors[t].tap;
    for (int32_t i = 0; i < n_nodes; i++) {
        const onp_node *node = &g->nodes[i];
        const onp_op_def *def = onp_op_get(node->op);
        if (def->rules == NULL && !def->pass_gradient)
            continue;
        bool any = false;
        for (int k = 0; k < node->n_in; k++)
            any = any || g->needs[node->in[k]];
        if (any)
            g->needs[node->out[0]] = true;
    }
    return ONP_OK;
}

/* Adds `part` to the gradient of t; the last sum of a parameter's gradient is bound to its memory.
 */
static void accumulate(onp_graph *g, onp_tid t, onp_tid part)
{
    onp_tensor *tensor = &g->tensors[t];
    if (tensor->grad != ONP_NONE) {
        const onp_tid both[2] = {tensor->grad, part};
        onp_shape shape = tensor->shape;
        if (g->tensors[tensor->grad].data == tensor->grad_data)
            g->tensors[tensor->grad].external = false; /* not the last sum after all */
        int32_t node = onp_graph_add_node(g, ONP_OP_ADD, both, 2, &shape, 1, NULL);
        if (node == ONP_NONE)
            return;
        part = g->nodes[node].out[0];
        tensor = &g->tensors[t];
    }
    tensor->grad = part;
    if (tensor->grad_data == NULL)
        return;
    if (g->tensors[part].external) /* only ADD of two parameters gives both the same gradient */
        (void)onp_graph_fail(g, ONP_E_FAIL, "backward: parameter %d is only added to another", t);
    else
        onp_graph_bind(g, part, tensor->grad_data);
}

static bool rule_applies(const onp_node *node, const onp_grad_rule *rule)
{
    return rule->optional_input == 0 || rule->optional_input < node->n_in;
}

/* Which rules of a node must run: those that give a needed gradient, and those that such a rule
 * reads. */
static unsigned wanted_rules(const onp_graph *g, const onp_node *node, const onp_op_def *def)
{
    unsigned wanted = 0;
    for (int r = def->n_rules - 1; r >= 0; r--) {
        const onp_grad_rule *rule = &def->rules[r];
        if (!rule_applies(node, rule))
            continue;
        bool run = (wanted >> r & 1U) != 0;
        for (int o = 0; o < rule->n_out; o++)
            run = run || (rule->out[o] >= 0 && rule->out[o] < node->n_in &&
                          g->needs[node->in[rule->out[o]]]);
        if (!run)
            continue;
        wanted |= 1U << r;
        for (int k = 0; k < rule->n_in; k++)
            if (rule->in[k] >= ONP_FROM_RULE(0, 0))
                wanted |= 1U << ((rule->in[k] - ONP_FROM_RULE(0, 0)) / 4);
    }
    return wanted;
}

static onp_tid rule_input(onp_graph *g, const onp_node *node, const int32_t *rule_node, int code)
{
    if (code == ONP_FROM_GY)
        return g->tensors[node->out[0]].grad;
    if (code < ONP_FROM_RULE(0, 0))
        return onp_graph_again(g, node->in[code - ONP_FROM_X(0)]);
    code -= ONP_FROM_RULE(0, 0);
    return g->nodes[rule_node[code / 4]].out[code % 4];
}

/* Attributes of a node's gradient: statistics that no BN_STATS took are constants. */
static onp_attr gradient_attr(const onp_graph *g, const onp_node *node)
{
    onp_attr attr = node->attr;
    if (node->op == ONP_OP_BN_APPLY) {
        const int32_t producer = g->tensors[node->in[1]].producer;
        attr.frozen = producer == ONP_NONE || g->nodes[producer].op != ONP_OP_BN_STATS;
    }
    return attr;
}

static void differentiate_node(onp_graph *g, int32_t index)
{
    const onp_node node = g->nodes[index]; /* a copy: the array grows below */
    const onp_op_def *def = onp_op_get(node.op);
    g->group = node.group;
    if (def->pass_gradient) {
        onp_tid gy = g->tensors[node.out[0]].grad;
        for (int k = 0; k < node.n_in; k++)
            if (g->needs[node.in[k]])
                accumulate(g, node.in[k], gy);
        return;
    }
    const onp_attr attr = gradient_attr(g, &node);
    unsigned wanted = wanted_rules(g, &node, def);
    int32_t rule_node[8] = {0};
    /* What is computed again comes before the node's gradients, so that these stand together and
     * can be one call, and can take sums over it. */
    for (int k = 0; k < node.n_in; k++)
        if (g->needs[node.in[k]])
            (void)onp_graph_again(g, node.in[k]);
    for (int r = 0; r < def->n_rules; r++) {
        const onp_grad_rule *rule = &def->rules[r];
        if ((wanted >> r & 1U) == 0)
            continue;
        onp_tid in[ONP_OP_MAX_IN];
        onp_shape out[ONP_OP_MAX_OUT];
        for (int k = 0; k < rule->n_in; k++)
            in[k] = rule_input(g, &node, rule_node, rule->in[k]);
        for (int o = 0; o < rule->n_out; o++)
            out[o] = g->tensors[node.in[rule->out[o]]].shape;
        /* sums may be there already: a hook asked for them */
        rule_node[r] = rule->n_out > 1 ? onp_graph_find(g, rule->op, in, rule->n_in) : ONP_NONE;
        if (rule_node[r] == ONP_NONE)
            rule_node[r] = onp_graph_add_node(g, rule->op, in, rule->n_in, out, rule->n_out, &attr);
        if (rule_node[r] == ONP_NONE)
            return;
        for (int o = 0; o < rule->n_out; o++) {
            onp_tid target = node.in[rule->out[o]];
            if (g->needs[target])
                accumulate(g, target, g->nodes[rule_node[r]].out[o]);
        }
    }
}

static onp_status call_hook(onp_graph *g, onp_tid t, onp_tap_hook hook, void *user, onp_error *err)
{
    if (hook == NULL || !g->tensors[t].tap || g->tensors[t].grad == ONP_NONE)
        return ONP_OK;
    ONP_TRY(hook(user, g, t, g->tensors[t].grad, err));
    return onp_graph_status(g, err);
}

onp_status onp_graph_backward(onp_graph *g, onp_tid loss, onp_tap_hook hook, void *user,
                              onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    const int32_t n_forward = g->n_nodes;
    const int32_t n_tensors = g->n_tensors;
    if (loss < 0 || loss >= n_tensors || g->tensors[loss].producer == ONP_NONE ||
        g->nodes[g->tensors[loss].producer].op != ONP_OP_SOFTMAX_CE)
        return onp_fail(err, ONP_E_SHAPE, "backward: tensor %d is not a loss", loss);
    ONP_TRY(mark_needs(g, n_forward, err));
    g->in_backward = true;
    const int32_t group = g->group;
    for (int32_t i = g->tensors[loss].producer; i >= 0; i--) {
        onp_tid out = g->nodes[i].out[0];
        ONP_TRY(call_hook(g, out, hook, user, err));
        bool is_loss = out == loss;
        if (!g->needs[out] || (!is_loss && g->tensors[out].grad == ONP_NONE))
            continue;
        differentiate_node(g, i);
        ONP_TRY(onp_graph_status(g, err));
    }
    for (onp_tid t = 0; t < n_tensors; t++)
        if (g->tensors[t].producer == ONP_NONE)
            ONP_TRY(call_hook(g, t, hook, user, err));
    g->group = group;
    return onp_graph_status(g, err);
}
