/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes as items, and what makes a picture of any zoom. */
#include <inttypes.h>
#include <stdio.h>

#include "graph/draw/internal.h"

/* ---- calls and nodes ---- */

/* The first node whose output the call writes; a call that only takes sums or makes coefficients is
 * for the node whose tensor it reads or whose coefficients they are. */
onp_status onp_draw_call_nodes(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                               int32_t **out, onp_error *err)
{
    const int32_t n_calls = onp_plan_get_info(plan).n_calls;
    const int32_t n_buffers = onp_plan_n_buffers(plan);
    int32_t *nodes = onp_alloc(ctx, (size_t)n_calls, sizeof *nodes);
    int32_t *made = onp_alloc(ctx, (size_t)n_buffers, sizeof *made); /* node + 1 behind a buffer */
    if (nodes == NULL || made == NULL) {
        onp_free(ctx, nodes);
        onp_free(ctx, made);
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d calls", n_calls);
    }
    for (int32_t i = 0; i < n_calls; i++)
        nodes[i] = ONP_NONE;
    for (onp_tid t = onp_graph_n_tensors(g) - 1; t >= 0; t--) {
        const int32_t node = onp_graph_tensor(g, t)->producer;
        const int32_t writer = onp_plan_tensor_writer(plan, t);
        if (node == ONP_NONE)
            continue;
        if (writer != ONP_NONE)
            nodes[writer] = node;
        if (onp_plan_tensor_buffer(plan, t) != ONP_NONE)
            made[onp_plan_tensor_buffer(plan, t)] = node + 1;
        if (onp_plan_tensor_coef(plan, t) != ONP_NONE)
            made[onp_plan_tensor_coef(plan, t)] = node + 1;
    }
    for (int pass = 0; pass < 2; pass++) /* coefficients first, then what is read */
        for (int32_t i = 0; i < onp_plan_n_accesses(plan); i++) {
            const onp_access a = onp_plan_access(plan, i);
            const bool fits = pass == 0 ? a.role == ONP_ACCESS_COEF : a.role == ONP_ACCESS_ROWS;
            if (fits && nodes[a.call] == ONP_NONE && made[a.buffer] > 0)
                nodes[a.call] = made[a.buffer] - 1;
        }
    onp_free(ctx, made);
    *out = nodes;
    return ONP_OK;
}

/* ---- items ---- */

static uint64_t hash_shape(uint64_t h, onp_shape s)
{
    return onp_fold_hash(h, (const int64_t[]){s.n, s.h, s.w, s.c}, 4);
}

/* Of operation, shapes, and where inputs come from as seen from the group. */
static uint64_t hash_node(const onp_graph *g, int32_t index)
{
    const onp_node *n = onp_graph_node(g, index);
    uint64_t h = onp_fold_hash(0,
                               (const int64_t[]){n->op, n->attr.kernel, n->attr.stride,
                                                 onp_attr_dilation(&n->attr),
                                                 onp_attr_groups(&n->attr), n->n_in, n->n_out},
                               7);
    for (int i = 0; i < n->n_out; i++)
        h = hash_shape(h, onp_graph_shape(g, n->out[i]));
    for (int i = 0; i < n->n_in; i++) {
        const int32_t from = onp_graph_tensor(g, n->in[i])->producer;
        const onp_node *b = from == ONP_NONE ? NULL : onp_graph_node(g, from);
        const bool inside = b != NULL && b->group == n->group;
        h = hash_shape(h, onp_graph_shape(g, n->in[i]));
        h = onp_fold_hash(
            h,
            (const int64_t[]){b == NULL ? 1 : 2, inside, inside ? b->op : 0,
                              inside && b->backward == n->backward ? index - from : 0},
            4);
    }
    return h;
}

static double node_bytes(const onp_graph *g, const onp_node *n)
{
    double bytes = 0;
    for (int i = 0; i < n->n_out; i++)
        bytes += (double)onp_shape_count(onp_graph_shape(g, n->out[i])) * sizeof(float);
    return bytes;
}

static onp_status add_times(onp_flow *f, onp_error *err)
{
    int32_t *nodes = NULL;
    ONP_TRY(onp_draw_call_nodes(f->ctx, f->g, f->plan, &nodes, err));
    for (int32_t i = 0; i < onp_plan_get_info(f->plan).n_calls; i++)
        if (nodes[i] != ONP_NONE)
            f->value[nodes[i]] += f->o->call_ns[i];
    onp_free(f->ctx, nodes);
    return ONP_OK;
}

static void describe_node(const onp_flow *f, int32_t item, onp_picture_vertex *v)
{
    const onp_node *n = onp_graph_node(f->g, item);
    char tensor[96], shape[48], amount[32];
    onp_draw_node_name(n, v->label, sizeof v->label);
    onp_draw_tensor_name(f->g, f->o, n->out[0], tensor, sizeof tensor);
    onp_draw_shape(onp_graph_shape(f->g, n->out[0]), shape, sizeof shape);
    onp_draw_quantity(f->o->colour, f->value[item], amount, sizeof amount);
    if (f->value[item] > 0)
        (void)snprintf(v->note, sizeof v->note, "%s", amount);
    v->again = n->repeats != ONP_NONE;
    (void)snprintf(v->title, sizeof v->title, "node %" PRId32 ": %s -> %s%s%s", item, tensor, shape,
                   f->value[item] > 0 ? ", " : "", f->value[item] > 0 ? amount : "");
}

onp_status onp_flow_of_nodes(onp_flow *f, onp_error *err)
{
    f->n_items = onp_graph_n_nodes(f->g);
    f->describe = describe_node;
    f->items = onp_alloc(f->ctx, (size_t)f->n_items, sizeof *f->items);
    f->value = onp_alloc(f->ctx, (size_t)f->n_items, sizeof *f->value);
    if (f->items == NULL || f->value == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d nodes", f->n_items);
    for (int32_t i = 0; i < f->n_items; i++) {
        const onp_node *n = onp_graph_node(f->g, i);
        f->items[i] = (onp_fold_item){n->group, n->backward, hash_node(f->g, i)};
        if (f->o->colour == ONP_COLOUR_MACS)
            f->value[i] = (double)onp_draw_node_macs(f->g, n);
        else if (f->o->colour == ONP_COLOUR_BYTES)
            f->value[i] = node_bytes(f->g, n);
        for (int k = 0; k < n->n_in; k++) {
            const onp_tensor *t = onp_graph_tensor(f->g, n->in[k]);
            if (t->producer != ONP_NONE)
                ONP_TRY(onp_flow_edge_add(
                    f,
                    (onp_flow_edge){t->producer, i, n->in[k],
                                    onp_shape_count(t->shape) * (int64_t)sizeof(float)},
                    err));
        }
    }
    return f->o->colour == ONP_COLOUR_TIME ? add_times(f, err) : ONP_OK;
}

/* ---- the picture ---- */

static onp_status make(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                       const onp_draw_options *o, onp_picture *p, onp_error *err)
{
    onp_flow f = {.ctx = ctx, .g = g, .plan = plan, .o = o};
    onp_status st =
        o->zoom == ONP_ZOOM_TILE ? onp_flow_of_tiles(&f, err) : onp_flow_of_nodes(&f, err);
    if (st == ONP_OK)
        st = onp_flow_picture(&f, o->zoom == ONP_ZOOM_LAYER, p, err);
    if (st == ONP_OK)
        st = onp_picture_layout(p, err);
    onp_flow_reset(&f);
    return st;
}

onp_status onp_draw_graph(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                          const onp_draw_options *options, onp_picture **out, onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    if (plan == NULL && (options->zoom == ONP_ZOOM_TILE || options->colour == ONP_COLOUR_TIME))
        return onp_fail(err, ONP_E_USAGE, "drawing: tiles and times want a plan");
    onp_picture *p = onp_alloc(ctx, 1, sizeof *p);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: out of memory");
    p->ctx = ctx;
    if (options->title != NULL)
        (void)snprintf(p->title, sizeof p->title, "%s", options->title);
    const onp_status st = make(ctx, g, plan, options, p, err);
    if (st != ONP_OK)
        onp_picture_free(p);
    else
        *out = p;
    return st;
}

void onp_picture_free(onp_picture *p)
{
    if (p == NULL)
        return;
    onp_free(p->ctx, p->vertices);
    onp_free(p->ctx, p->edges);
    onp_free(p->ctx, p->clusters);
    onp_free(p->ctx, p);
}

/* ---- counts ---- */

static void count_nodes(const onp_graph *g, onp_draw_counts *out)
{
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        const onp_node *n = onp_graph_node(g, i);
        out->vertices[n->backward]++;
        for (int k = 0; k < n->n_in; k++)
            out->edges[n->backward] += onp_graph_tensor(g, n->in[k])->producer != ONP_NONE;
    }
}

onp_status onp_draw_count(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                          onp_draw_zoom zoom, onp_draw_counts *out, onp_error *err)
{
    *out = (onp_draw_counts){{0, 0}, {0, 0}};
    if (zoom == ONP_ZOOM_TILE)
        return onp_tiles_count(ctx, g, plan, out, err);
    if (zoom == ONP_ZOOM_OP) {
        count_nodes(g, out);
        return ONP_OK;
    }
    const onp_draw_options o = {.unfold = true, .max_boxes = INT32_MAX};
    onp_picture p = {.ctx = ctx};
    onp_flow f = {.ctx = ctx, .g = g, .o = &o};
    onp_status st = onp_flow_of_nodes(&f, err);
    if (st == ONP_OK)
        st = onp_flow_picture(&f, true, &p, err);
    for (int32_t i = 0; i < p.n_vertices && st == ONP_OK; i++)
        out->vertices[p.clusters[p.vertices[i].cluster].backward]++;
    for (int32_t i = 0; i < p.n_edges && st == ONP_OK; i++)
        out->edges[p.clusters[p.vertices[p.edges[i].to].cluster].backward]++;
    onp_flow_reset(&f);
    onp_free(ctx, p.vertices);
    onp_free(ctx, p.edges);
    onp_free(ctx, p.clusters);
    return st;
}
