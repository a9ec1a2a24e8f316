/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of calls as items, and which tile reads what which writes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "graph/draw/internal.h"

#define MAX_PARTS 4 /* tiles of a call that are drawn one by one */

/* Call `to` reads what call `from` wrote. */
typedef struct link {
    int32_t from, to, buffer;
    onp_access_role role;
} link;

typedef struct links {
    const onp_context *ctx;
    onp_access *accesses; /* by call, reads first */
    int32_t *writer;      /* [n_buffers] */
    link *links;
    size_t cap;
    int32_t n, n_accesses;
} links;

static int by_call(const void *a, const void *b)
{
    const onp_access *x = a, *y = b;
    if (x->call != y->call)
        return x->call < y->call ? -1 : 1;
    if (x->write != y->write)
        return x->write ? 1 : -1;
    if (x->buffer != y->buffer)
        return x->buffer < y->buffer ? -1 : 1;
    return x->role < y->role ? -1 : x->role > y->role;
}

static void links_reset(links *l)
{
    onp_free(l->ctx, l->accesses);
    onp_free(l->ctx, l->writer);
    onp_free(l->ctx, l->links);
}

static onp_status add_link(links *l, link k, onp_error *err)
{
    ONP_TRY(onp_grow(l->ctx, (void **)&l->links, &l->cap, (size_t)l->n + 1, sizeof *l->links, err));
    l->links[l->n++] = k;
    return ONP_OK;
}

/* The last writer before each read; a call reads a buffer once. */
static onp_status links_find(links *l, const onp_plan *plan, onp_error *err)
{
    l->n_accesses = onp_plan_n_accesses(plan);
    l->accesses = onp_alloc(l->ctx, (size_t)l->n_accesses, sizeof *l->accesses);
    l->writer = onp_alloc(l->ctx, (size_t)onp_plan_n_buffers(plan), sizeof *l->writer);
    if (l->accesses == NULL || l->writer == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for tiles");
    for (int32_t i = 0; i < l->n_accesses; i++)
        l->accesses[i] = onp_plan_access(plan, i);
    for (int32_t i = 0; i < onp_plan_n_buffers(plan); i++)
        l->writer[i] = ONP_NONE;
    if (l->n_accesses > 0)
        qsort(l->accesses, (size_t)l->n_accesses, sizeof *l->accesses, by_call);
    for (int32_t i = 0; i < l->n_accesses; i++) {
        const onp_access *a = &l->accesses[i], *before = i > 0 ? a - 1 : NULL;
        const bool same = before != NULL && before->call == a->call && before->buffer == a->buffer;
        if (a->write) /* NOLINT(clang-analyzer-core.NullDereference): an element, never NULL */
            l->writer[a->buffer] = a->call;
        else if (!(same && !before->write) && l->writer[a->buffer] != ONP_NONE)
            ONP_TRY(add_link(l, (link){l->writer[a->buffer], a->call, a->buffer, a->role}, err));
    }
    return ONP_OK;
}

/* ---- which tiles ---- */

typedef struct span {
    int64_t lo, hi;
} span;

static span tile_rows(onp_tiling t, int64_t i)
{
    const int64_t per = (t.group + t.rows - 1) / t.rows;
    const int64_t lo = i / per * t.group + i % per * t.rows;
    return (span){lo, lo + onp_tiling_rows(t, i)};
}

/* Tiles of t that hold rows s. */
static span tiles_of_rows(onp_tiling t, span s)
{
    const int64_t per = (t.group + t.rows - 1) / t.rows, n = onp_tiling_count(t);
    const int64_t lo = s.lo / t.group * per + s.lo % t.group / t.rows;
    const int64_t last = s.hi - 1;
    const int64_t hi = last / t.group * per + last % t.group / t.rows + 1;
    return (span){lo < n ? lo : n, hi < n ? hi : n};
}

static int64_t clamp64(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* How far the taps of an odd kernel reach. */
static int64_t reach(const onp_call *c)
{
    return (int64_t)(c->kernel / 2) * (c->dilation > 1 ? c->dilation : 1);
}

/* Rows of the input map that rows s of the output map are made from, whole lines of it unless the
 * kernel is 1x1 at stride 1. */
static span rows_behind(const onp_call *c, span s)
{
    const int64_t stride = c->stride, pad = reach(c);
    if (c->kernel <= 1 && stride <= 1)
        return s;
    const int64_t a = s.lo / c->out.w, b = (s.hi - 1) / c->out.w;
    const int64_t y0 = clamp64(a % c->out.h * stride - pad, 0, c->in.h - 1);
    const int64_t y1 = clamp64(b % c->out.h * stride + pad, 0, c->in.h - 1);
    return (span){(a / c->out.h * c->in.h + y0) * c->in.w,
                  (b / c->out.h * c->in.h + y1 + 1) * c->in.w};
}

/* The other way: rows of the output map that reach rows s of the input map. */
static span rows_before(const onp_call *c, span s)
{
    const int64_t stride = c->stride, pad = reach(c);
    if (c->kernel <= 1 && stride <= 1)
        return s;
    const int64_t a = s.lo / c->in.w, b = (s.hi - 1) / c->in.w;
    const int64_t up = a % c->in.h - pad;
    const int64_t y0 = clamp64(up > 0 ? (up + stride - 1) / stride : 0, 0, c->out.h - 1);
    const int64_t y1 = clamp64((b % c->in.h + pad) / stride, 0, c->out.h - 1);
    return (span){(a / c->in.h * c->out.h + y0) * c->out.w,
                  (b / c->in.h * c->out.h + y1 + 1) * c->out.w};
}

/* Tiles of `from` that tile i of `to` reads. */
static span tiles_read(const onp_plan *plan, const link *k, int64_t i)
{
    const onp_call *to = onp_plan_call(plan, k->to);
    const onp_tiling writes = onp_call_tiling(onp_plan_call(plan, k->from));
    const span rows = tile_rows(onp_call_tiling(to), i);
    const span all = {0, onp_tiling_count(writes)};
    if (k->role != ONP_ACCESS_ROWS)
        return all;
    switch (to->kind) {
    case ONP_CALL_CONV:
    case ONP_CALL_DEPTHWISE:
        return tiles_of_rows(writes, rows_behind(to, rows));
    case ONP_CALL_CONV_DATA:
    case ONP_CALL_DEPTHWISE_DATA:
    case ONP_CALL_CONV_BACKWARD:
    case ONP_CALL_DEPTHWISE_BACKWARD:
        return tiles_of_rows(writes, rows_before(to, rows));
    case ONP_CALL_STORE:
    case ONP_CALL_SUMS:
        return tiles_of_rows(writes, rows);
    default: /* weight gradients, merges, pooling, losses */
        return all;
    }
}

onp_status onp_tiles_count(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                           onp_draw_counts *out, onp_error *err)
{
    links l = {.ctx = ctx};
    int32_t *nodes = NULL;
    onp_status st = onp_draw_call_nodes(ctx, g, plan, &nodes, err);
    if (st == ONP_OK)
        st = links_find(&l, plan, err);
    for (int32_t c = 0; st == ONP_OK && c < onp_plan_get_info(plan).n_calls; c++)
        out->vertices[nodes[c] != ONP_NONE && onp_graph_node(g, nodes[c])->backward] +=
            onp_tiling_count(onp_call_tiling(onp_plan_call(plan, c)));
    for (int32_t i = 0; st == ONP_OK && i < l.n; i++) {
        const link *k = &l.links[i];
        const bool backward = nodes[k->to] != ONP_NONE && onp_graph_node(g, nodes[k->to])->backward;
        const int64_t n = onp_tiling_count(onp_call_tiling(onp_plan_call(plan, k->to)));
        for (int64_t tile = 0; tile < n; tile++) {
            const span s = tiles_read(plan, k, tile);
            out->edges[backward] += s.hi - s.lo;
        }
    }
    links_reset(&l);
    onp_free(ctx, nodes);
    return st;
}

/* ---- items ---- */

static const char *const call_names[ONP_CALL_KIND_COUNT] = {
    [ONP_CALL_CONV] = "conv",
    [ONP_CALL_CONV_DATA] = "conv-data",
    [ONP_CALL_CONV_WEIGHT] = "conv-weight",
    [ONP_CALL_DEPTHWISE] = "depthwise",
    [ONP_CALL_DEPTHWISE_DATA] = "dw-data",
    [ONP_CALL_DEPTHWISE_WEIGHT] = "dw-weight",
    [ONP_CALL_CONV_BACKWARD] = "conv-backward",
    [ONP_CALL_DEPTHWISE_BACKWARD] = "dw-backward",
    [ONP_CALL_STORE] = "store",
    [ONP_CALL_SUMS] = "sums",
    [ONP_CALL_POOL] = "pool",
    [ONP_CALL_POOL_BWD] = "pool-bwd",
    [ONP_CALL_MAX_POOL] = "max-pool",
    [ONP_CALL_MAX_POOL_BWD] = "max-pool-bwd",
    [ONP_CALL_AVG_POOL] = "avg-pool",
    [ONP_CALL_AVG_POOL_BWD] = "avg-pool-bwd",
    [ONP_CALL_CHANNEL_DOT] = "channel sums",
    [ONP_CALL_DOT] = "dot",
    [ONP_CALL_MOMENTS_MERGE] = "merge moments",
    [ONP_CALL_BN_COEF] = "bn coefficients",
    [ONP_CALL_GRAD_MERGE] = "merge gradients",
    [ONP_CALL_GRAD_COEF] = "gradient coefs",
    [ONP_CALL_SOFTMAX] = "softmax",
    [ONP_CALL_SOFTMAX_BWD] = "softmax-bwd",
    [ONP_CALL_COLUMN_SUM] = "column sum",
    [ONP_CALL_GATE] = "gate",
};

static int32_t n_parts(const onp_call *c)
{
    const int64_t n = onp_tiling_count(onp_call_tiling(c));
    return n <= MAX_PARTS ? (int32_t)n : 1;
}

static void describe_tile(const onp_flow *f, int32_t item, onp_picture_vertex *v)
{
    const onp_call *c = onp_plan_call(f->plan, f->call[item]);
    const onp_tiling t = onp_call_tiling(c);
    const int64_t n = onp_tiling_count(t);
    const int32_t node = f->nodes[f->call[item]];
    const char *name = call_names[c->kind] != NULL ? call_names[c->kind] : "call";
    char in[48], out[48], size[32] = "";
    if (c->kernel > 0)
        (void)snprintf(size, sizeof size, " %dx%d", (int)c->kernel, (int)c->kernel);
    onp_draw_shape(c->in, in, sizeof in);
    onp_draw_shape(c->out, out, sizeof out);
    v->again = node != ONP_NONE && onp_graph_node(f->g, node)->repeats != ONP_NONE;
    (void)snprintf(v->label, sizeof v->label, "%s%s", name, size);
    if (f->tile[item] < 0) {
        (void)snprintf(v->note, sizeof v->note, "\xc3\x97%" PRId64 " tiles of %" PRId64 " rows", n,
                       t.rows);
    } else {
        const span s = tile_rows(t, f->tile[item]);
        (void)snprintf(v->note, sizeof v->note, "rows %" PRId64 "..%" PRId64, s.lo, s.hi - 1);
    }
    (void)snprintf(v->title, sizeof v->title,
                   "call %" PRId32 ": %s%s, %s -> %s, %" PRId64 " tiles of %" PRId64 " rows%s",
                   f->call[item], name, size, in, out, n, t.rows,
                   c->sums != ONP_SUMS_NONE ? ", with column sums" : "");
}

static double call_value(const onp_flow *f, int32_t call, const onp_node *node)
{
    const onp_call *c = onp_plan_call(f->plan, call);
    switch (f->o->colour) {
    case ONP_COLOUR_TIME:
        return f->o->call_ns[call];
    case ONP_COLOUR_BYTES:
        return c->y == NULL ? 0 : (double)onp_shape_count(c->out) * sizeof(float);
    default:
        return node == NULL ? 0
                            : (double)onp_draw_node_macs(f->g, node) *
                                  (c->kind == ONP_CALL_CONV_BACKWARD ||
                                           c->kind == ONP_CALL_DEPTHWISE_BACKWARD
                                       ? 2
                                       : 1);
    }
}

static void fill_item(onp_flow *f, int32_t at, int32_t call, int32_t node, int32_t tile, int32_t n)
{
    const onp_call *c = onp_plan_call(f->plan, call);
    const onp_node *for_node = node == ONP_NONE ? NULL : onp_graph_node(f->g, node);
    const int64_t what[] = {c->kind, c->kernel, c->stride, c->in.n,  c->in.h, c->in.w,
                            c->in.c, c->out.h,  c->out.w,  c->out.c, c->sums, tile};
    f->items[at] = (onp_fold_item){.group = for_node != NULL ? for_node->group : -1,
                                   .backward = for_node != NULL && for_node->backward,
                                   .hash = onp_fold_hash(0, what, ONP_COUNT(what))};
    f->call[at] = call;
    f->tile[at] = tile;
    f->value[at] = call_value(f, call, for_node) / n;
}

static onp_status add_tile_edges(onp_flow *f, const int32_t *first, const link *k, onp_error *err)
{
    const int32_t n_from = first[k->from + 1] - first[k->from];
    const int32_t n_to = first[k->to + 1] - first[k->to];
    const int64_t bytes = (int64_t)onp_plan_buffer_view(f->plan, k->buffer).bytes;
    const int64_t tiles = onp_tiling_count(onp_call_tiling(onp_plan_call(f->plan, k->from)));
    for (int32_t i = 0; i < n_to; i++) {
        span s = {0, n_from};
        if (n_to > 1 || onp_tiling_count(onp_call_tiling(onp_plan_call(f->plan, k->to))) == 1)
            s = tiles_read(f->plan, k, i);
        if (n_from < tiles)
            s = (span){0, 1};
        for (int64_t from = s.lo; from < s.hi; from++)
            ONP_TRY(onp_flow_edge_add(f,
                                      (onp_flow_edge){first[k->from] + (int32_t)from,
                                                      first[k->to] + i, ONP_NONE, bytes / n_from},
                                      err));
    }
    return ONP_OK;
}

static onp_status fill(onp_flow *f, int32_t *first, onp_error *err)
{
    links l = {.ctx = f->ctx};
    const int32_t n_calls = onp_plan_get_info(f->plan).n_calls;
    for (int32_t c = 0; c < n_calls; c++)
        first[c + 1] = first[c] + n_parts(onp_plan_call(f->plan, c));
    f->n_items = first[n_calls];
    const size_t n = (size_t)f->n_items;
    f->items = onp_alloc(f->ctx, n, sizeof *f->items);
    f->value = onp_alloc(f->ctx, n, sizeof *f->value);
    f->call = onp_alloc(f->ctx, n, sizeof *f->call);
    f->tile = onp_alloc(f->ctx, n, sizeof *f->tile);
    if (f->items == NULL || f->value == NULL || f->call == NULL || f->tile == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d tiles", f->n_items);
    for (int32_t c = 0; c < n_calls; c++) {
        const bool all = onp_tiling_count(onp_call_tiling(onp_plan_call(f->plan, c))) > MAX_PARTS;
        const int32_t parts = first[c + 1] - first[c];
        for (int32_t i = 0; i < parts; i++)
            fill_item(f, first[c] + i, c, f->nodes[c], all ? -1 : i, parts);
    }
    onp_status st = links_find(&l, f->plan, err);
    for (int32_t i = 0; i < l.n && st == ONP_OK; i++)
        st = add_tile_edges(f, first, &l.links[i], err);
    links_reset(&l);
    return st;
}

onp_status onp_flow_of_tiles(onp_flow *f, onp_error *err)
{
    const size_t n_calls = (size_t)onp_plan_get_info(f->plan).n_calls;
    ONP_TRY(onp_draw_call_nodes(f->ctx, f->g, f->plan, &f->nodes, err));
    int32_t *first = onp_alloc(f->ctx, n_calls + 1, sizeof *first);
    f->describe = describe_tile;
    const onp_status st = first != NULL
                              ? fill(f, first, err)
                              : onp_fail(err, ONP_E_NOMEM, "drawing: no memory for calls");
    onp_free(f->ctx, first);
    return st;
}
