/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph_internal.h"

#include <stdio.h>
#include <string.h>

onp_graph *onp_graph_new(const onp_context *ctx, onp_error *err)
{
    onp_graph *g = onp_alloc(ctx, 1, sizeof *g);
    if (g == NULL) {
        (void)onp_fail(err, ONP_E_NOMEM, "graph: out of memory");
        return NULL;
    }
    g->ctx = ctx;
    g->group = ONP_NONE;
    return g;
}

void onp_graph_free(onp_graph *g)
{
    if (g == NULL)
        return;
    onp_free(g->ctx, g->tensors);
    onp_free(g->ctx, g->nodes);
    onp_free(g->ctx, g->needs);
    onp_free(g->ctx, g);
}

void onp_graph_clear(onp_graph *g)
{
    g->n_tensors = 0;
    g->n_nodes = 0;
    g->group = ONP_NONE;
    g->in_backward = false;
    g->failure = (onp_error){0};
}

onp_tid onp_graph_fail(onp_graph *g, onp_status st, const char *fmt, ...)
{
    if (g->failure.status == ONP_OK) {
        va_list ap;
        va_start(ap, fmt);
        g->failure.status = st;
        (void)vsnprintf(g->failure.msg, sizeof g->failure.msg, fmt, ap);
        va_end(ap);
    }
    return ONP_NONE;
}

onp_status onp_graph_status(const onp_graph *g, onp_error *err)
{
    if (g->failure.status != ONP_OK && err != NULL)
        *err = g->failure;
    return g->failure.status;
}

static onp_tid new_tensor(onp_graph *g, onp_shape shape)
{
    if (g->failure.status != ONP_OK)
        return ONP_NONE;
    if (onp_grow(g->ctx, (void **)&g->tensors, &g->tensors_cap, (size_t)g->n_tensors + 1,
                 sizeof *g->tensors, &g->failure) != ONP_OK)
        return ONP_NONE;
    g->tensors[g->n_tensors] =
        (onp_tensor){.shape = shape, .producer = ONP_NONE, .grad = ONP_NONE, .again = ONP_NONE};
    return g->n_tensors++;
}

onp_tid onp_graph_external(onp_graph *g, onp_shape shape, float *data)
{
    onp_tid t = new_tensor(g, shape);
    if (t != ONP_NONE) {
        g->tensors[t].external = true;
        g->tensors[t].data = data;
    }
    return t;
}

onp_tid onp_graph_param(onp_graph *g, onp_shape shape, float *data, float *grad_data)
{
    onp_tid t = onp_graph_external(g, shape, data);
    if (t != ONP_NONE)
        g->tensors[t].grad_data = grad_data;
    return t;
}

onp_tid onp_graph_labels(onp_graph *g, int64_t n, int32_t *data)
{
    onp_tid t = onp_graph_external(g, (onp_shape){1, 1, 1, n}, NULL);
    if (t != ONP_NONE) {
        g->tensors[t].labels = true;
        g->tensors[t].data = data;
    }
    return t;
}

int32_t onp_graph_add_node(onp_graph *g, onp_op op, const onp_tid *in, int n_in,
                           const onp_shape *out_shape, int n_out, const onp_attr *attr)
{
    if (g->failure.status != ONP_OK)
        return ONP_NONE;
    if (onp_grow(g->ctx, (void **)&g->nodes, &g->nodes_cap, (size_t)g->n_nodes + 1,
                 sizeof *g->nodes, &g->failure) != ONP_OK)
        return ONP_NONE;
    onp_node node = {.op = op,
                     .n_in = n_in,
                     .n_out = n_out,
                     .group = g->group,
                     .backward = g->in_backward,
                     .repeats = ONP_NONE};
    if (attr != NULL)
        node.attr = *attr;
    for (int i = 0; i < n_in; i++)
        node.in[i] = in[i];
    for (int i = 0; i < n_out; i++) {
        node.out[i] = new_tensor(g, out_shape[i]);
        if (node.out[i] == ONP_NONE)
            return ONP_NONE;
        g->tensors[node.out[i]].producer = g->n_nodes;
    }
    g->nodes[g->n_nodes] = node;
    return g->n_nodes++;
}

onp_tid onp_graph_add(onp_graph *g, onp_op op, const onp_tid *in, int n_in, const onp_attr *attr)
{
    if (g->failure.status != ONP_OK)
        return ONP_NONE;
    const onp_op_def *def = onp_op_get(op);
    static const onp_attr no_attr;
    if (attr == NULL)
        attr = &no_attr;
    if (n_in < def->min_in || n_in > def->max_in)
        return onp_graph_fail(g, ONP_E_SHAPE, "%s: has %d inputs, wanted %d..%d", def->name, n_in,
                              def->min_in, def->max_in);
    onp_shape shapes[ONP_OP_MAX_IN];
    for (int i = 0; i < n_in; i++) {
        if (in[i] < 0 || in[i] >= g->n_tensors)
            return onp_graph_fail(g, ONP_E_RANGE, "%s: input %d is tensor %d of %d", def->name, i,
                                  in[i], g->n_tensors);
        shapes[i] = g->tensors[in[i]].shape;
    }
    onp_shape out[ONP_OP_MAX_OUT];
    if (def->infer == NULL)
        return onp_graph_fail(g, ONP_E_SHAPE, "%s: not a forward operation", def->name);
    onp_status st = def->infer(shapes, n_in, attr, out, &g->failure);
    if (st != ONP_OK) {
        g->failure.status = st;
        return ONP_NONE;
    }
    int32_t node = onp_graph_add_node(g, op, in, n_in, out, def->n_out, attr);
    return node == ONP_NONE ? ONP_NONE : g->nodes[node].out[0];
}

void onp_graph_bind(onp_graph *g, onp_tid t, float *data)
{
    if (t == ONP_NONE)
        return;
    g->tensors[t].external = true;
    g->tensors[t].data = data;
}

void onp_graph_keep(onp_graph *g, onp_tid t)
{
    if (t != ONP_NONE)
        g->tensors[t].keep = true;
}

void onp_graph_tap(onp_graph *g, onp_tid t)
{
    if (t != ONP_NONE)
        g->tensors[t].tap = true;
}

void onp_graph_set_group(onp_graph *g, int32_t group)
{
    g->group = group;
}

int32_t onp_graph_n_tensors(const onp_graph *g)
{
    return g->n_tensors;
}

int32_t onp_graph_n_nodes(const onp_graph *g)
{
    return g->n_nodes;
}

const onp_tensor *onp_graph_tensor(const onp_graph *g, onp_tid t)
{
    return &g->tensors[t];
}

const onp_node *onp_graph_node(const onp_graph *g, int32_t i)
{
    return &g->nodes[i];
}

onp_shape onp_graph_shape(const onp_graph *g, onp_tid t)
{
    return t == ONP_NONE ? (onp_shape){0} : g->tensors[t].shape;
}

int32_t onp_graph_find(const onp_graph *g, onp_op op, const onp_tid *in, int n_in)
{
    for (int32_t i = g->n_nodes - 1; i >= 0; i--) {
        const onp_node *node = &g->nodes[i];
        if (node->op == op && memcmp(node->in, in, (size_t)n_in * sizeof *in) == 0)
            return i;
    }
    return ONP_NONE;
}

int64_t onp_graph_n_macs(const onp_graph *g)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const onp_node *node = &g->nodes[i];
        const onp_op_def *def = onp_op_get(node->op);
        if (node->backward || def->macs == NULL)
            continue;
        onp_shape in[ONP_OP_MAX_IN];
        for (int k = 0; k < node->n_in; k++)
            in[k] = g->tensors[node->in[k]].shape;
        sum += def->macs(in, &g->tensors[node->out[0]].shape, &node->attr);
    }
    return sum;
}
