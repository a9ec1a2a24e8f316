/* SPDX-License-Identifier: Apache-2.0 */
/* Items and edges into a picture: folded, and at group zoom gathered. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "graph/draw/internal.h"

onp_status onp_flow_edge_add(onp_flow *f, onp_flow_edge e, onp_error *err)
{
    ONP_TRY(onp_grow(f->ctx, (void **)&f->edges, &f->edges_cap, (size_t)f->n_edges + 1,
                     sizeof *f->edges, err));
    f->edges[f->n_edges++] = e;
    return ONP_OK;
}

void onp_flow_reset(onp_flow *f)
{
    onp_free(f->ctx, f->items);
    onp_free(f->ctx, f->value);
    onp_free(f->ctx, f->edges);
    onp_free(f->ctx, f->call);
    onp_free(f->ctx, f->tile);
    onp_free(f->ctx, f->nodes);
}

typedef struct maker {
    const onp_flow *f;
    onp_picture *p;
    onp_fold fold;
    int32_t *vertex; /* [n_items] of drawn items, or -1 */
    onp_error *err;
} maker;

static bool is_drawn(const maker *m, int32_t group)
{
    const onp_draw_options *o = m->f->o;
    return m->fold.count[group] > 0 && (o->only == NULL || *o->only == group - 1);
}

static onp_status new_cluster(maker *m, onp_picture_cluster c)
{
    onp_picture *p = m->p;
    ONP_TRY(onp_grow(p->ctx, (void **)&p->clusters, &p->clusters_cap, (size_t)p->n_clusters + 1,
                     sizeof *p->clusters, m->err));
    c.first = p->n_vertices;
    p->clusters[p->n_clusters++] = c;
    return ONP_OK;
}

static onp_status new_vertex(maker *m, onp_picture_vertex **out)
{
    onp_picture *p = m->p;
    ONP_TRY(onp_grow(p->ctx, (void **)&p->vertices, &p->vertices_cap, (size_t)p->n_vertices + 1,
                     sizeof *p->vertices, m->err));
    *out = &p->vertices[p->n_vertices++];
    **out = (onp_picture_vertex){.cluster = p->n_clusters - 1};
    p->clusters[p->n_clusters - 1].n++;
    return ONP_OK;
}

/* ---- a box for each item ---- */

static onp_status add_items(maker *m, int32_t group, bool backward, int32_t partner)
{
    onp_picture_cluster c = {
        .count = m->fold.count[group], .backward = backward, .partner = partner};
    char name[64];
    onp_draw_group_name(m->f->o, group - 1, name, sizeof name);
    (void)snprintf(c.label, sizeof c.label, "%s%s", name, backward ? ", backward" : "");
    ONP_TRY(new_cluster(m, c));
    for (int32_t k = m->fold.start[group]; k < m->fold.start[group + 1]; k++) {
        const int32_t item = m->fold.list[k];
        onp_picture_vertex *v;
        if (m->f->items[item].backward != backward)
            continue;
        ONP_TRY(new_vertex(m, &v));
        m->f->describe(m->f, item, v);
        v->value = m->f->value[item];
        m->vertex[item] = m->p->n_vertices - 1;
    }
    return ONP_OK;
}

static bool has_direction(const maker *m, int32_t group, bool backward)
{
    for (int32_t k = m->fold.start[group]; k < m->fold.start[group + 1]; k++)
        if (m->f->items[m->fold.list[k]].backward == backward)
            return true;
    return false;
}

static onp_status add_clusters(maker *m)
{
    for (int32_t group = 0; group < m->fold.n_groups; group++) {
        if (!is_drawn(m, group))
            continue;
        const bool forward = has_direction(m, group, false);
        const int32_t partner = forward ? m->p->n_clusters : -1;
        if (forward)
            ONP_TRY(add_items(m, group, false, -1));
        if (has_direction(m, group, true))
            ONP_TRY(add_items(m, group, true, partner));
    }
    return ONP_OK;
}

/* ---- a box for each group, or for `per` of them ---- */

static onp_status add_box(maker *m, int32_t first, int32_t last, int32_t n, bool backward,
                          int32_t partner)
{
    onp_picture_cluster c = {.count = 1, .backward = backward, .plain = true, .partner = partner};
    onp_picture_vertex *v;
    int64_t n_items = 0;
    char name[64], end[64], amount[32];
    ONP_TRY(new_cluster(m, c));
    ONP_TRY(new_vertex(m, &v));
    for (int32_t k = m->fold.start[first]; k < m->fold.start[last + 1]; k++) {
        const int32_t item = m->fold.list[k];
        if (m->f->items[item].backward != backward)
            continue;
        m->vertex[item] = m->p->n_vertices - 1;
        if (m->fold.count[m->f->items[item].group + 1] == 0)
            continue;
        v->value += m->f->value[item];
        n_items++;
    }
    onp_draw_group_name(m->f->o, first - 1, name, sizeof name);
    onp_draw_group_name(m->f->o, last - 1, end, sizeof end);
    onp_draw_quantity(m->f->o->colour, v->value, amount, sizeof amount);
    if (n > 1)
        (void)snprintf(v->label, sizeof v->label, "%.20s .. %.20s", name, end);
    else if (m->fold.count[first] > 1)
        (void)snprintf(v->label, sizeof v->label, "%.32s \xc3\x97%" PRId32, name,
                       m->fold.count[first]);
    else
        (void)snprintf(v->label, sizeof v->label, "%.47s", name);
    (void)snprintf(v->note, sizeof v->note, "%s", v->value > 0 ? amount : "");
    (void)snprintf(v->title, sizeof v->title, "%.60s%s: %" PRId64 " nodes, %s", name,
                   backward ? ", backward" : "", n_items, amount);
    return ONP_OK;
}

static int32_t n_drawn_groups(const maker *m)
{
    int32_t n = 0;
    for (int32_t group = 0; group < m->fold.n_groups; group++)
        n += is_drawn(m, group);
    return n;
}

/* Boxes of `per` drawn groups; the groups that a drawn one stands for lie between them. */
static onp_status add_boxes(maker *m, int32_t per)
{
    for (int32_t first = 0; first < m->fold.n_groups;) {
        if (!is_drawn(m, first)) {
            first++;
            continue;
        }
        int32_t last = first, n = 1;
        for (int32_t k = first + 1; k < m->fold.n_groups && n < per; k++)
            if (is_drawn(m, k)) {
                last = k;
                n++;
            }
        int32_t partner = -1;
        for (int backward = 0; backward < 2; backward++) {
            bool has = false;
            for (int32_t k = first; k <= last && !has; k++)
                has = has_direction(m, k, backward != 0);
            if (!has)
                continue;
            ONP_TRY(add_box(m, first, last, n, backward != 0, partner));
            partner = m->p->n_clusters - 1;
        }
        first = last + 1;
    }
    return ONP_OK;
}

/* ---- edges ---- */

static int32_t drawn_item(const maker *m, int32_t item)
{
    const int32_t group = m->f->items[item].group + 1;
    return m->fold.list[m->fold.start[m->fold.rep[group]] + m->fold.place[item]];
}

static int by_ends(const void *a, const void *b)
{
    const onp_picture_edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->lane < y->lane ? -1 : x->lane > y->lane; /* here: the tensor */
}

static onp_status map_edges(maker *m)
{
    onp_picture *p = m->p;
    for (int32_t i = 0; i < m->f->n_edges; i++) {
        const onp_flow_edge *e = &m->f->edges[i];
        const int32_t a = m->f->items[e->from].group + 1, b = m->f->items[e->to].group + 1;
        if (a != b && m->fold.rep[a] == m->fold.rep[b])
            continue; /* from one copy to the next */
        const int32_t from = m->vertex[drawn_item(m, e->from)];
        const int32_t to = m->vertex[drawn_item(m, e->to)];
        if (from == to || from < 0 || to < 0)
            continue;
        ONP_TRY(onp_grow(p->ctx, (void **)&p->edges, &p->edges_cap, (size_t)p->n_edges + 1,
                         sizeof *p->edges, m->err));
        p->edges[p->n_edges++] =
            (onp_picture_edge){.from = from, .to = to, .bytes = e->bytes, .lane = e->tensor};
    }
    return ONP_OK;
}

/* One edge between two boxes, named after the largest tensor. */
static void merge_edges(maker *m)
{
    onp_picture *p = m->p;
    int32_t n = 0;
    if (p->n_edges > 0)
        qsort(p->edges, (size_t)p->n_edges, sizeof *p->edges, by_ends);
    for (int32_t i = 0; i < p->n_edges; i++) {
        onp_picture_edge e = p->edges[i];
        if (n > 0 && p->edges[n - 1].from == e.from && p->edges[n - 1].to == e.to)
            continue;
        if (e.lane != ONP_NONE)
            onp_draw_shape(onp_graph_shape(m->f->g, e.lane), e.label, sizeof e.label);
        e.lane = 0;
        p->edges[n++] = e;
    }
    p->n_edges = n;
}

static void set_scale(onp_picture *p, onp_draw_colour colour)
{
    static const char *const measures[ONP_COLOUR_COUNT] = {"multiply-accumulates", "bytes written",
                                                           "time, median of runs here"};
    for (int32_t i = 0; i < p->n_vertices; i++)
        p->most = p->vertices[i].value > p->most ? p->vertices[i].value : p->most;
    p->measure = p->most > 0 ? measures[colour] : NULL;
    for (int i = 5; i >= 0; i--)
        onp_draw_quantity(colour, i > 0 ? ldexp(p->most, i - 6) : 0, p->scale[i],
                          sizeof p->scale[i]);
}

static onp_status make(maker *m, bool whole_groups)
{
    const int32_t limit = m->f->o->max_boxes > 0 ? m->f->o->max_boxes : ONP_DRAW_MAX_BOXES;
    const int32_t groups = n_drawn_groups(m);
    int64_t boxes = 0;
    for (int32_t k = 0; k < m->fold.n_groups; k++)
        boxes += is_drawn(m, k) ? m->fold.start[k + 1] - m->fold.start[k] : 0;
    const bool too_many = !whole_groups && boxes > limit;
    const int32_t per =
        (groups + limit / 4) / (limit / 4 + 1) > 1 ? (groups + limit / 4 - 1) / (limit / 4) : 1;
    if (whole_groups || too_many)
        ONP_TRY(add_boxes(m, per));
    else
        ONP_TRY(add_clusters(m));
    if (too_many || (whole_groups && per > 1))
        (void)snprintf(m->p->note, sizeof m->p->note,
                       "summarised: %" PRId64 " boxes would be more than %" PRId32
                       "; a box here is %" PRId32 " block%s",
                       too_many ? boxes : groups, limit, per, per > 1 ? "s" : "");
    ONP_TRY(map_edges(m));
    merge_edges(m);
    set_scale(m->p, m->f->o->colour);
    return ONP_OK;
}

onp_status onp_flow_picture(const onp_flow *f, bool whole_groups, onp_picture *p, onp_error *err)
{
    maker m = {.f = f, .p = p, .fold = {.ctx = f->ctx}, .err = err};
    onp_status st = ONP_OK;
    m.vertex = onp_alloc(f->ctx, (size_t)f->n_items, sizeof *m.vertex);
    if (m.vertex == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d items", f->n_items);
    for (int32_t i = 0; i < f->n_items; i++)
        m.vertex[i] = -1;
    ONP_TRY_GOTO(onp_fold_make(f->ctx, f->items, f->n_items, f->o->unfold, &m.fold, err));
    ONP_TRY_GOTO(make(&m, whole_groups));
done:
    onp_fold_reset(&m.fold);
    onp_free(f->ctx, m.vertex);
    return st;
}
