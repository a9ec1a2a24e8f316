/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/ref_exec.h"

#include "ops/ref.h"

struct onp_ref_exec {
    const onp_context *ctx;
    const onp_graph *g;
    double *
        *data; /* one array a tensor; each its own allocation, so that a sanitizer sees overruns */
    int32_t n_tensors;
};

static void copy_floats(double *to, const float *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

static onp_status make_tensor(onp_ref_exec *r, onp_tid t, onp_error *err)
{
    const onp_tensor *tensor = onp_graph_tensor(r->g, t);
    if (tensor->labels) {
        if (tensor->data == NULL)
            return onp_fail(err, ONP_E_SHAPE, "reference executor: labels %d have no data", t);
        return ONP_OK;
    }
    const int64_t count = onp_shape_count(tensor->shape);
    r->data[t] = onp_alloc(r->ctx, (size_t)count, sizeof **r->data);
    if (r->data[t] == NULL)
        return onp_fail(err, ONP_E_NOMEM, "reference executor: no memory for tensor %d", t);
    /* What a node produces (a gradient bound to its place) is a result: nothing to read there. */
    if (tensor->external && tensor->producer == ONP_NONE && tensor->data != NULL)
        copy_floats(r->data[t], tensor->data, count);
    return ONP_OK;
}

static onp_status make_tensors(onp_ref_exec *r, onp_error *err)
{
    const int32_t n = onp_graph_n_tensors(r->g);
    r->data = onp_alloc(r->ctx, (size_t)n, sizeof *r->data);
    if (r->data == NULL)
        return onp_fail(err, ONP_E_NOMEM, "reference executor: no memory for %d tensors", n);
    r->n_tensors = n;
    for (onp_tid t = 0; t < n; t++)
        ONP_TRY(make_tensor(r, t, err));
    return ONP_OK;
}

onp_status onp_ref_exec_new(const onp_context *ctx, const onp_graph *g, onp_ref_exec **out,
                            onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    onp_ref_exec *r = onp_alloc(ctx, 1, sizeof *r);
    if (r == NULL)
        return onp_fail(err, ONP_E_NOMEM, "reference executor: out of memory");
    r->ctx = ctx;
    r->g = g;
    onp_status st = make_tensors(r, err);
    if (st != ONP_OK) {
        onp_ref_exec_free(r);
        return st;
    }
    *out = r;
    return ONP_OK;
}

void onp_ref_exec_free(onp_ref_exec *r)
{
    if (r == NULL)
        return;
    for (int32_t t = 0; t < r->n_tensors; t++)
        onp_free(r->ctx, r->data[t]);
    onp_free(r->ctx, r->data);
    onp_free(r->ctx, r);
}

static void run_node(const onp_ref_exec *r, const onp_node *node)
{
    const double *in[ONP_OP_MAX_IN];
    onp_shape in_shape[ONP_OP_MAX_IN];
    const int32_t *labels = NULL;
    for (int k = 0; k < node->n_in; k++) {
        const onp_tensor *tensor = onp_graph_tensor(r->g, node->in[k]);
        in[k] = r->data[node->in[k]];
        in_shape[k] = tensor->shape;
        if (tensor->labels)
            labels = tensor->data;
    }
    double *out[ONP_OP_MAX_OUT];
    onp_shape out_shape[ONP_OP_MAX_OUT];
    for (int k = 0; k < node->n_out; k++) {
        out[k] = r->data[node->out[k]];
        out_shape[k] = onp_graph_shape(r->g, node->out[k]);
    }
    onp_ref_run(node->op, &node->attr, in, in_shape, node->n_in, labels, out, out_shape);
}

void onp_ref_exec_run(onp_ref_exec *r)
{
    const int32_t n_nodes = onp_graph_n_nodes(r->g);
    for (int32_t i = 0; i < n_nodes; i++)
        run_node(r, onp_graph_node(r->g, i));
}

double *onp_ref_exec_data(onp_ref_exec *r, onp_tid t)
{
    return r->data[t];
}
