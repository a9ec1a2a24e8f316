/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/runners/xnnpack/model.h"

#include <inttypes.h>
#include <string.h>

#include "graph/placement.h"
#include "latency/measure/synthetic.h"
#include "latency/runners/xnnpack/nodes.h"

/* A run of nodes in a runtime of its own. */
typedef struct part {
    int32_t begin, end; /* nodes */
    xnn_runtime_t runtime;
} part;

struct onp_xnn_model {
    const onp_context *ctx;
    bool initialised;
    part *parts;
    size_t n_parts;
    float **buffer; /* [tensors] of those that runtimes get and give; else NULL */
    int32_t n_tensors;
    char *arena; /* all of them */
    onp_xnn_weights weights;
    enum xnn_status last; /* the first failure of a run */
};

/* ---- which tensors runtimes hand over, and where they lie ---- */

static bool is_weight(onp_op op, int input)
{
    return input > 0 && (op == ONP_OP_CONV || op == ONP_OP_DEPTHWISE);
}

static bool begins_part(const onp_graph *g, int32_t i, onp_xnn_split split)
{
    return i == 0 || (split == ONP_XNN_BY_GROUP &&
                      onp_graph_node(g, i)->group != onp_graph_node(g, i - 1)->group);
}

static void split_nodes(onp_xnn_model *m, const onp_graph *g, onp_xnn_split split)
{
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        if (begins_part(g, i, split))
            m->parts[m->n_parts++].begin = i;
        m->parts[m->n_parts - 1].end = i + 1;
    }
}

/* When a tensor is there: from the node that makes it to the last that reads it. */
typedef struct tensor_use {
    int32_t n_readers, first, last;
} tensor_use;

static void find_uses(const onp_graph *g, tensor_use *use)
{
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++) {
        const onp_tensor *tensor = onp_graph_tensor(g, t);
        use[t].first = use[t].last = tensor->producer != ONP_NONE ? tensor->producer : 0;
    }
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        const onp_node *node = onp_graph_node(g, i);
        for (int k = 0; k < node->n_in; k++)
            if (!is_weight(node->op, k)) {
                use[node->in[k]].n_readers++;
                use[node->in[k]].last = i;
            }
    }
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++) /* inputs are there for the next run */
        if (onp_graph_tensor(g, t)->keep || onp_graph_tensor(g, t)->producer == ONP_NONE) {
            use[t].first = 0;
            use[t].last = onp_graph_n_nodes(g) - 1;
        }
}

/*
 * One runtime places what it computes in an arena of its own. Parts with an arena each would run
 * with colder caches than the whole does (8 % slower, a network of 224x224 on one thread of an AMD
 * EPYC), so that they share one: all tensors are handed over but those that disappear in a fused
 * clamp.
 */
static bool is_handed_over(const onp_graph *g, onp_tid t, const tensor_use *use,
                           onp_xnn_split split)
{
    const onp_tensor *tensor = onp_graph_tensor(g, t);
    if (tensor->producer == ONP_NONE)
        return use->n_readers > 0;
    if (tensor->keep || use->n_readers == 0)
        return true;
    const onp_op reader = onp_graph_node(g, use->last)->op;
    const bool fused = use->n_readers == 1 && (reader == ONP_OP_RELU || reader == ONP_OP_RELU6) &&
                       !begins_part(g, use->last, split);
    return split == ONP_XNN_BY_GROUP && !fused;
}

/* What a fused clamp gives is written when the node before it runs. */
static int32_t first_write(const onp_graph *g, onp_tid t, const tensor_use *use,
                           onp_xnn_split split)
{
    const int32_t producer = onp_graph_tensor(g, t)->producer;
    if (producer == ONP_NONE)
        return use[t].first;
    const onp_tid x = onp_graph_node(g, producer)->in[0];
    return is_handed_over(g, x, &use[x], split) ? use[t].first : use[x].first;
}

static int32_t find_lives(const onp_graph *g, onp_xnn_split split, const tensor_use *use,
                          onp_life *lives, onp_tid *tensor)
{
    int32_t n = 0;
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++)
        if (is_handed_over(g, t, &use[t], split)) {
            const int64_t size = onp_shape_count(onp_graph_shape(g, t)) * (int64_t)sizeof(float);
            tensor[n] = t;
            lives[n++] = (onp_life){.size = (size + XNN_EXTRA_BYTES + 63) / 64 * 64,
                                    .first = first_write(g, t, use, split),
                                    .last = use[t].last};
        }
    return n;
}

static onp_status place(onp_xnn_model *m, const onp_graph *g, const onp_life *lives,
                        const onp_tid *tensor, int32_t n, int64_t bytes, onp_error *err)
{
    m->arena = onp_alloc(m->ctx, (size_t)bytes, 1);
    if (m->arena == NULL)
        return onp_fail(err, ONP_E_NOMEM, "xnnpack: no memory for tensors of %" PRId64 " bytes",
                        bytes);
    for (int32_t i = 0; i < n; i++) {
        const onp_tensor *from = onp_graph_tensor(g, tensor[i]);
        m->buffer[tensor[i]] = (float *)(void *)(m->arena + lives[i].offset);
        if (from->producer == ONP_NONE)
            memcpy(m->buffer[tensor[i]], from->data,
                   (size_t)onp_shape_count(from->shape) * sizeof(float));
    }
    return ONP_OK;
}

/* What a run needs at least, whoever places it. */
static onp_status check_size(const onp_graph *g, const tensor_use *use, onp_placer *placer,
                             onp_life *lives, onp_tid *tensor, onp_error *err)
{
    int64_t bytes;
    const int32_t n = find_lives(g, ONP_XNN_BY_GROUP, use, lives, tensor);
    ONP_TRY(onp_place_bound(placer, lives, n, &bytes, err));
    if (bytes > (int64_t)ONP_SYNTHETIC_MAX_BYTES)
        return onp_fail(err, ONP_E_RANGE,
                        "xnnpack: the graph needs %" PRId64 " MiB, wanted at most %zu",
                        bytes / (int64_t)ONP_MIB, ONP_SYNTHETIC_MAX_BYTES / ONP_MIB);
    return ONP_OK;
}

static onp_status place_all(onp_xnn_model *m, const onp_graph *g, onp_xnn_split split,
                            tensor_use *use, onp_life *lives, onp_tid *tensor, onp_placer *placer,
                            onp_error *err)
{
    onp_placement placement;
    find_uses(g, use);
    ONP_TRY(check_size(g, use, placer, lives, tensor, err));
    const int32_t n = find_lives(g, split, use, lives, tensor);
    /* XNNPACK's own rule, where there are not too many */
    const onp_place_rule rule = n <= ONP_PLACE_MAX_PAIRED ? ONP_PLACE_BY_SIZE : ONP_PLACE_IN_TIME;
    ONP_TRY(onp_place_by(placer, rule, lives, n, &placement, err));
    return place(m, g, lives, tensor, n, placement.peak, err);
}

static onp_status make_buffers(onp_xnn_model *m, const onp_graph *g, onp_xnn_split split,
                               onp_error *err)
{
    const size_t n_tensors = (size_t)m->n_tensors;
    tensor_use *use = onp_alloc(m->ctx, n_tensors, sizeof *use);
    onp_life *lives = onp_alloc(m->ctx, n_tensors, sizeof *lives);
    onp_tid *tensor = onp_alloc(m->ctx, n_tensors, sizeof *tensor);
    onp_placer placer = {.ctx = m->ctx};
    onp_status st = use != NULL && lives != NULL && tensor != NULL
                        ? place_all(m, g, split, use, lives, tensor, &placer, err)
                        : onp_fail(err, ONP_E_NOMEM, "xnnpack: out of memory");
    onp_placer_reset(&placer);
    onp_free(m->ctx, tensor);
    onp_free(m->ctx, lives);
    onp_free(m->ctx, use);
    return st;
}

/* ---- one part ---- */

typedef struct maker {
    onp_xnn_builder b;
    onp_xnn_model *m;
    struct xnn_external_value *ends; /* [tensors] */
    size_t n_ends;
    pthreadpool_t pool;
} maker;

static onp_status define_tensor(maker *k, onp_tid t, bool made, onp_error *err)
{
    if (k->b.value[t] != XNN_INVALID_VALUE_ID)
        return ONP_OK;
    float *buffer = k->m->buffer[t];
    uint32_t id = XNN_INVALID_VALUE_ID, flags = 0;
    if (buffer != NULL) {
        id = (uint32_t)k->n_ends;
        flags = made ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT : XNN_VALUE_FLAG_EXTERNAL_INPUT;
        k->ends[k->n_ends++] = (struct xnn_external_value){id, buffer};
    }
    return onp_xnn_value(&k->b, onp_graph_shape(k->b.g, t), id, flags, &k->b.value[t], err);
}

static onp_status define_node(maker *k, int32_t i, onp_error *err)
{
    const onp_node *node = onp_graph_node(k->b.g, i);
    for (int j = 0; j < node->n_in; j++)
        if (!is_weight(node->op, j))
            ONP_TRY(define_tensor(k, node->in[j], false, err));
    for (int j = 0; j < node->n_out; j++)
        ONP_TRY(define_tensor(k, node->out[j], true, err));
    return onp_xnn_define(&k->b, i, err);
}

static onp_status make_runtime(maker *k, part *p, onp_error *err)
{
    for (int32_t i = p->begin; i < p->end; i++)
        ONP_TRY(define_node(k, i, err));
    ONP_TRY(onp_xnn_check(xnn_create_runtime_v2(k->b.subgraph, k->pool, 0, &p->runtime), "runtime",
                          err));
    return onp_xnn_check(xnn_setup_runtime(p->runtime, k->n_ends, k->ends), "setup", err);
}

static onp_status make_part(maker *k, part *p, onp_error *err)
{
    for (onp_tid t = 0; t < k->m->n_tensors; t++)
        k->b.value[t] = XNN_INVALID_VALUE_ID;
    k->n_ends = 0;
    ONP_TRY(onp_xnn_check(xnn_create_subgraph((uint32_t)k->m->n_tensors, 0, &k->b.subgraph),
                          "subgraph", err));
    onp_status st = make_runtime(k, p, err);
    (void)xnn_delete_subgraph(k->b.subgraph);
    return st;
}

static onp_status make_parts(onp_xnn_model *m, const onp_graph *g, pthreadpool_t pool,
                             onp_error *err)
{
    maker k = {.b = {.ctx = m->ctx, .g = g, .weights = &m->weights}, .m = m, .pool = pool};
    k.b.value = onp_alloc(m->ctx, (size_t)m->n_tensors, sizeof *k.b.value);
    k.ends = onp_alloc(m->ctx, (size_t)m->n_tensors, sizeof *k.ends);
    onp_status st = ONP_OK;
    if (k.b.value == NULL || k.ends == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "xnnpack: out of memory");
    for (size_t i = 0; i < m->n_parts && st == ONP_OK; i++)
        st = make_part(&k, &m->parts[i], err);
    onp_free(m->ctx, k.b.value);
    onp_free(m->ctx, k.ends);
    return st;
}

/* ---- the model ---- */

static onp_status make_model(onp_xnn_model *m, const onp_graph *g, onp_xnn_split split,
                             pthreadpool_t pool, onp_error *err)
{
    const int32_t n_nodes = onp_graph_n_nodes(g);
    if (n_nodes == 0)
        return onp_fail(err, ONP_E_RANGE, "xnnpack: the graph has no nodes");
    ONP_TRY(onp_xnn_check(xnn_initialize(NULL), "initialise", err));
    m->initialised = true;
    m->n_tensors = onp_graph_n_tensors(g);
    m->parts = onp_alloc(m->ctx, (size_t)n_nodes, sizeof *m->parts);
    m->buffer = onp_alloc(m->ctx, (size_t)m->n_tensors, sizeof *m->buffer);
    if (m->parts == NULL || m->buffer == NULL)
        return onp_fail(err, ONP_E_NOMEM, "xnnpack: out of memory");
    split_nodes(m, g, split);
    ONP_TRY(make_buffers(m, g, split, err));
    return make_parts(m, g, pool, err);
}

onp_status onp_xnn_model_new(const onp_context *ctx, const onp_graph *g, onp_xnn_split split,
                             pthreadpool_t pool, onp_xnn_model **out, onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    onp_xnn_model *m = onp_alloc(ctx, 1, sizeof *m);
    if (m == NULL)
        return onp_fail(err, ONP_E_NOMEM, "xnnpack: out of memory");
    m->ctx = ctx;
    onp_status st = make_model(m, g, split, pool, err);
    if (st == ONP_OK)
        *out = m;
    else
        onp_xnn_model_free(m);
    return st;
}

void onp_xnn_model_free(onp_xnn_model *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].runtime != NULL)
            (void)xnn_delete_runtime(m->parts[i].runtime);
    for (size_t i = 0; i < m->weights.n; i++)
        onp_free(m->ctx, m->weights.data[i]);
    onp_free(m->ctx, m->weights.data);
    onp_free(m->ctx, m->arena);
    onp_free(m->ctx, m->buffer);
    onp_free(m->ctx, m->parts);
    if (m->initialised)
        (void)xnn_deinitialize();
    onp_free(m->ctx, m);
}

size_t onp_xnn_model_n_parts(const onp_xnn_model *m)
{
    return m->n_parts;
}

void onp_xnn_model_run(onp_xnn_model *m, size_t i)
{
    const enum xnn_status st = xnn_invoke_runtime(m->parts[i].runtime);
    if (m->last == xnn_status_success)
        m->last = st;
}

onp_status onp_xnn_model_status(const onp_xnn_model *m, onp_error *err)
{
    return onp_xnn_check(m->last, "run", err);
}

const float *onp_xnn_model_data(const onp_xnn_model *m, onp_tid t)
{
    return m->buffer[t];
}
