/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/synthetic.h"

#include <inttypes.h>

#include "base/philox.h"
#include "graph/spread.h"

#define LINE_FLOATS (ONP_ALIGN / (int64_t)sizeof(float))

#define TABLE 16381 /* prime: rows of a tensor begin at different numbers */

/* Where numbers come from. */
typedef struct source {
    onp_rng rng;
    float *table; /* [TABLE] normal (0, 1) */
} source;

/* Tensors are filled one after the other: normal(0, sd), or a constant where sd is 0. */
typedef struct filling {
    double sd, constant;
    bool input;
} filling;

static bool is_conv(onp_op op)
{
    return op == ONP_OP_CONV || op == ONP_OP_DEPTHWISE;
}

/* What the k-th input of a node is filled with. */
static filling filling_of(const onp_graph *g, const onp_node *node, int k)
{
    if (is_conv(node->op) && k == 1)
        return (filling){.sd = onp_weight_deviation(g, node)};
    if (is_conv(node->op) && k == 2)
        return (filling){0};
    if (node->op == ONP_OP_BN_APPLY && k > 0)
        return (filling){.constant = k == 2 ? 1.0 : 0.0};
    return (filling){.sd = 1.0, .input = true};
}

static bool is_stats(const onp_node *node, int k)
{
    return node->op == ONP_OP_BN_APPLY && k == 1;
}

/* Normal numbers are drawn once and repeated: a network has millions of weights. */
static onp_status draw_table(const onp_context *ctx, onp_rng rng, float **out, onp_error *err)
{
    float *table = onp_alloc(ctx, TABLE, sizeof *table);
    if (table == NULL)
        return onp_fail(err, ONP_E_NOMEM, "graph: no memory for %d numbers", TABLE);
    for (int64_t i = 0; i < TABLE; i++)
        table[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 0);
    *out = table;
    return ONP_OK;
}

static void fill(float *x, int64_t count, filling f, const source *from, uint32_t tensor)
{
    const float sd = (float)f.sd;
    int64_t at = (int64_t)onp_rng_below(from->rng, 0, tensor, 1, TABLE);
    for (int64_t i = 0; i < count; i++) {
        x[i] = f.sd > 0.0 ? sd * from->table[at] : (float)f.constant;
        at = at + 1 < TABLE ? at + 1 : 0;
    }
}

static int64_t padded(int64_t count)
{
    return (count + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

static onp_status allocate(const onp_context *ctx, const onp_graph *g, float **memory,
                           onp_error *err)
{
    int64_t total = 0;
    const int64_t limit = (int64_t)(ONP_SYNTHETIC_MAX_BYTES / sizeof(float));
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++) {
        if (onp_graph_tensor(g, t)->external)
            total += padded(onp_shape_count(onp_graph_shape(g, t)));
        if (total > limit) /* one tensor has at most ONP_SHAPE_MAX_COUNT: the sum cannot overflow */
            return onp_fail(err, ONP_E_RANGE,
                            "graph: its external tensors have more than %" PRId64 " elements",
                            limit);
    }
    *memory = onp_alloc(ctx, (size_t)total, sizeof **memory);
    if (*memory == NULL)
        return onp_fail(err, ONP_E_NOMEM, "graph: no memory for %" PRId64 " elements", total);
    return ONP_OK;
}

static void bind(onp_graph *g, float *memory)
{
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++) {
        if (!onp_graph_tensor(g, t)->external)
            continue;
        onp_graph_bind(g, t, memory);
        memory += padded(onp_shape_count(onp_graph_shape(g, t)));
    }
}

static onp_status fill_inputs(onp_graph *g, const onp_node *node, const source *from, int64_t batch,
                              onp_error *err)
{
    for (int k = 0; k < node->n_in; k++) {
        const onp_tensor *t = onp_graph_tensor(g, node->in[k]);
        if (!t->external || t->labels || t->producer != ONP_NONE)
            continue;
        const filling f = filling_of(g, node, k);
        if (f.input && batch > 0 && t->shape.n != batch)
            return onp_fail(err, ONP_E_RANGE,
                            "graph: its input has a batch of %" PRId64 ", wanted %" PRId64,
                            t->shape.n, batch);
        fill(t->data, onp_shape_count(t->shape), f, from, (uint32_t)node->in[k]);
        if (is_stats(node, k)) /* {1, 1, 2, c}: means, then variances */
            fill((float *)t->data + t->shape.c, t->shape.c, (filling){.constant = 1.0}, from, 0);
    }
    return ONP_OK;
}

static onp_status fill_all(onp_graph *g, const source *from, int64_t batch, onp_error *err)
{
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
        ONP_TRY(fill_inputs(g, onp_graph_node(g, i), from, batch, err));
    return ONP_OK;
}

onp_status onp_synthetic_fill(const onp_context *ctx, onp_graph *g, uint64_t seed, int64_t batch,
                              float **memory, onp_error *err)
{
    float *values = NULL;
    source from = {.rng = onp_rng_make(seed, ONP_RNG_SYNTHETIC)};
    ONP_TRY(onp_graph_status(g, err));
    ONP_TRY(allocate(ctx, g, &values, err));
    bind(g, values);
    onp_status st = draw_table(ctx, from.rng, &from.table, err);
    if (st == ONP_OK)
        st = fill_all(g, &from, batch, err);
    onp_free(ctx, from.table);
    if (st == ONP_OK)
        *memory = values;
    else
        onp_free(ctx, values);
    return st;
}
