/* SPDX-License-Identifier: Apache-2.0 */
/* Where boxes go; see picture.h. All numbers are whole pixels. */
#include <stdlib.h>
#include <string.h>

#include "graph/draw/picture.h"

enum {
    BOX_W = ONP_PICTURE_BOX_WIDTH,
    BOX_H = ONP_PICTURE_BOX_HEIGHT,
    GAP_X = 12, /* between boxes of a layer */
    GAP_Y = 22, /* between layers: a shape fits */
    HEAD = 22,  /* label of a cluster */
    PAD = 10,   /* inside a cluster */
    LANE = ONP_PICTURE_LANE,
    ROW_GAP = ONP_PICTURE_ROW_GAP,
    SIDE_GAP = 56,
    BAND_GAP = 64,
    TOP = 76, /* title and legend */
    MARGIN = ONP_PICTURE_MARGIN,
    MIN_WIDTH = 760,
    SWEEPS = 4
};

typedef struct layout {
    onp_picture *p;
    double *centre;    /* [n_vertices] barycentre, of boxes in their layer */
    int32_t *by_layer; /* [n_vertices] boxes of a cluster, layer by layer */
    int32_t *row_y;    /* [n_rows] */
    int32_t *row_h;
    int32_t n_rows, n_bands;
    int32_t zone[2]; /* width of forward and of backward clusters */
} layout;

static onp_picture_cluster *cluster_of(const onp_picture *p, int32_t vertex)
{
    return &p->clusters[p->vertices[vertex].cluster];
}

/* ---- inside clusters ---- */

/* Items are in execution order, so edges inside a cluster lead to later boxes. Edges are sorted by
 * where they begin, and a box is final before its edges are walked. */
static void find_layers(onp_picture *p)
{
    for (int32_t i = 0; i < p->n_edges; i++) {
        const onp_picture_edge *e = &p->edges[i];
        onp_picture_vertex *a = &p->vertices[e->from], *b = &p->vertices[e->to];
        if (a->cluster == b->cluster && e->from < e->to && b->layer < a->layer + 1)
            b->layer = a->layer + 1;
    }
    for (int32_t i = 0; i < p->n_vertices; i++) {
        onp_picture_cluster *c = cluster_of(p, i);
        if (p->vertices[i].layer + 1 > c->n_layers)
            c->n_layers = p->vertices[i].layer + 1;
    }
}

static void add_centres(layout *l, bool downwards)
{
    onp_picture *p = l->p;
    int32_t *n = l->by_layer; /* how many neighbours; order is made anew after */
    memset(n, 0, (size_t)p->n_vertices * sizeof *n);
    for (int32_t i = 0; i < p->n_vertices; i++)
        l->centre[i] = 0;
    for (int32_t i = 0; i < p->n_edges; i++) {
        const onp_picture_edge *e = &p->edges[i];
        const int32_t at = downwards ? e->to : e->from, other = downwards ? e->from : e->to;
        if (p->vertices[at].cluster != p->vertices[other].cluster)
            continue;
        l->centre[at] += p->vertices[other].slot;
        n[at]++;
    }
    for (int32_t i = 0; i < p->n_vertices; i++)
        l->centre[i] = n[i] > 0 ? l->centre[i] / n[i] : p->vertices[i].slot;
}

/* Insertion sort by layer and centre, stable: clusters are small. */
static void order_cluster(layout *l, const onp_picture_cluster *c)
{
    const onp_picture_vertex *v = l->p->vertices;
    int32_t *order = l->by_layer + c->first;
    for (int32_t i = 0; i < c->n; i++) {
        const int32_t id = c->first + i;
        int32_t at = i;
        for (; at > 0; at--) {
            const int32_t o = order[at - 1];
            if (v[o].layer < v[id].layer ||
                (v[o].layer == v[id].layer && l->centre[o] <= l->centre[id]))
                break;
            order[at] = o;
        }
        order[at] = id;
    }
    for (int32_t i = 0, slot = 0; i < c->n; i++) {
        slot = i > 0 && v[order[i]].layer == v[order[i - 1]].layer ? slot + 1 : 0;
        l->p->vertices[order[i]].slot = slot;
    }
}

static void order_boxes(layout *l)
{
    for (int32_t i = 0; i < l->p->n_vertices; i++)
        l->centre[i] = i;
    for (int sweep = 0; sweep <= SWEEPS; sweep++) {
        if (sweep > 0)
            add_centres(l, sweep % 2 == 1);
        for (int32_t i = 0; i < l->p->n_clusters; i++)
            order_cluster(l, &l->p->clusters[i]);
    }
}

/* Lines that pass boxes of their cluster get lanes beside it: the shortest innermost. `taken` has a
 * bit for each layer that a lane is in use at. */
static void find_lanes(onp_picture *p)
{
    for (int32_t i = 0; i < p->n_edges; i++) {
        onp_picture_edge *e = &p->edges[i];
        const onp_picture_vertex *a = &p->vertices[e->from], *b = &p->vertices[e->to];
        onp_picture_cluster *c = &p->clusters[b->cluster];
        const int32_t span = a->cluster == b->cluster ? b->layer - a->layer : b->layer + 1;
        const bool crosses =
            a->cluster != b->cluster && p->clusters[a->cluster].backward != c->backward;
        e->lane = 0;
        if (span <= 1 || crosses)
            continue;
        e->lane = span <= 2 ? 1 : span <= 4 ? 2 : span <= 7 ? 3 : 4;
        if (a->cluster != b->cluster)
            e->lane++;
        c->n_lanes = e->lane > c->n_lanes ? e->lane : c->n_lanes;
    }
}

static void size_clusters(onp_picture *p)
{
    for (int32_t i = 0; i < p->n_vertices; i++) {
        onp_picture_cluster *c = cluster_of(p, i);
        const int32_t right = (p->vertices[i].slot + 1) * (BOX_W + GAP_X) - GAP_X;
        c->width = right > c->width ? right : c->width;
    }
    for (int32_t i = 0; i < p->n_clusters; i++) {
        onp_picture_cluster *c = &p->clusters[i];
        c->height = c->n_layers * (BOX_H + GAP_Y) - GAP_Y;
        if (c->plain)
            continue;
        c->width += 2 * PAD + c->n_lanes * LANE;
        c->height += HEAD + PAD;
    }
}

/* ---- clusters ---- */

static void find_rows(layout *l)
{
    onp_picture *p = l->p;
    for (int32_t i = 0; i < p->n_edges; i++) { /* clusters are in execution order too */
        const int32_t from = p->vertices[p->edges[i].from].cluster;
        const int32_t to = p->vertices[p->edges[i].to].cluster;
        if (from < to && !p->clusters[from].backward && !p->clusters[to].backward &&
            p->clusters[to].row < p->clusters[from].row + 1)
            p->clusters[to].row = p->clusters[from].row + 1;
    }
    for (int32_t i = 0; i < p->n_clusters; i++) {
        onp_picture_cluster *c = &p->clusters[i];
        if (c->partner >= 0)
            c->row = p->clusters[c->partner].row;
        l->n_rows = c->row + 1 > l->n_rows ? c->row + 1 : l->n_rows;
    }
}

/* Heights of rows, widths of the two zones. x: from the zone's left edge, for now. */
static void measure_rows(layout *l)
{
    onp_picture *p = l->p;
    for (int backward = 0; backward < 2; backward++) {
        int32_t *used = l->row_y; /* here: how wide the row is so far */
        memset(used, 0, (size_t)l->n_rows * sizeof *used);
        for (int32_t i = 0; i < p->n_clusters; i++) {
            onp_picture_cluster *c = &p->clusters[i];
            if (c->backward != (backward != 0))
                continue;
            c->x = used[c->row];
            used[c->row] += c->width + SIDE_GAP / 2;
            l->row_h[c->row] = c->height > l->row_h[c->row] ? c->height : l->row_h[c->row];
            if (used[c->row] - SIDE_GAP / 2 > l->zone[backward])
                l->zone[backward] = used[c->row] - SIDE_GAP / 2;
        }
        for (int32_t i = 0; i < p->n_clusters; i++) { /* rows centred in their zone */
            onp_picture_cluster *c = &p->clusters[i];
            if (c->backward == (backward != 0))
                c->x += (l->zone[backward] - (used[c->row] - SIDE_GAP / 2)) / 2;
        }
    }
}

/* Rows into bands of at most `limit` pixels; returns how many. */
static int32_t cut_bands(layout *l, int32_t limit, int32_t *height)
{
    int32_t band = 0, y = 0;
    *height = 0;
    for (int32_t r = 0; r < l->n_rows; r++) {
        if (y > 0 && y + l->row_h[r] > limit) {
            band++;
            y = 0;
        }
        l->row_y[r] = band << 20 | y; /* taken apart in place() */
        y += l->row_h[r] + ROW_GAP;
        *height = y > *height ? y : *height;
    }
    return band + 1;
}

/* The lowest bands, about, of which there are at most n. */
static int32_t cut_evenly(layout *l, int32_t total, int32_t n, int32_t *height)
{
    int32_t limit = total / n + ROW_GAP, bands = cut_bands(l, limit, height);
    while (bands > n) {
        limit += limit / 16 + 1;
        bands = cut_bands(l, limit, height);
    }
    return bands;
}

static int32_t band_width(const layout *l)
{
    return l->zone[0] + (l->zone[1] > 0 ? SIDE_GAP + l->zone[1] : 0) + BAND_GAP;
}

/* The number of bands whose page is nearest to 3 wide, 2 high, but no narrower than the text. */
static void choose_bands(layout *l)
{
    int32_t total = 0, height = 0, best = 1;
    double best_miss = 1e300;
    for (int32_t r = 0; r < l->n_rows; r++)
        total += l->row_h[r] + ROW_GAP;
    for (int32_t n = 1; n <= 64; n++) {
        const int32_t bands = cut_evenly(l, total, n, &height);
        const double ratio = (double)bands * band_width(l) / (height * 1.5);
        const double miss = ratio > 1 ? ratio : 1 / ratio;
        if (miss < best_miss) {
            best_miss = miss;
            best = n;
        }
    }
    l->n_bands = cut_evenly(l, total, best, &height);
    l->p->band_width = band_width(l);
    l->p->height = TOP + height + MARGIN;
    l->p->width = 2 * MARGIN + l->n_bands * band_width(l) - BAND_GAP / 2;
    l->p->width = l->p->width < MIN_WIDTH ? MIN_WIDTH : l->p->width;
}

static void place(layout *l)
{
    onp_picture *p = l->p;
    for (int32_t i = 0; i < p->n_clusters; i++) {
        onp_picture_cluster *c = &p->clusters[i];
        c->band = l->row_y[c->row] >> 20;
        c->y = TOP + (l->row_y[c->row] & ((1 << 20) - 1));
        c->x += MARGIN + BAND_GAP / 2 + c->band * band_width(l) +
                (c->backward ? l->zone[0] + SIDE_GAP : 0);
    }
    for (int32_t i = 0; i < p->n_vertices; i++) {
        onp_picture_vertex *v = &p->vertices[i];
        const onp_picture_cluster *c = cluster_of(p, i);
        int32_t in_layer = 0;
        for (int32_t k = c->first; k < c->first + c->n; k++)
            in_layer += p->vertices[k].layer == v->layer;
        const int32_t lanes = c->plain ? 0 : c->n_lanes * LANE;
        const int32_t inner = c->width - lanes;
        const int32_t row = in_layer * (BOX_W + GAP_X) - GAP_X;
        const int32_t layer = c->backward ? c->n_layers - 1 - v->layer : v->layer;
        v->x = c->x + (c->backward ? 0 : lanes) + (inner - row) / 2 + v->slot * (BOX_W + GAP_X);
        v->y = c->y + (c->plain ? 0 : HEAD) + layer * (BOX_H + GAP_Y);
    }
}

onp_status onp_picture_layout(onp_picture *p, onp_error *err)
{
    layout l = {.p = p};
    find_layers(p);
    find_rows(&l);
    const size_t n = (size_t)p->n_vertices, rows = (size_t)l.n_rows + 1;
    l.centre = onp_alloc(p->ctx, n, sizeof *l.centre);
    l.by_layer = onp_alloc(p->ctx, n, sizeof *l.by_layer);
    l.row_y = onp_alloc(p->ctx, rows, sizeof *l.row_y);
    l.row_h = onp_alloc(p->ctx, rows, sizeof *l.row_h);
    const bool ok = l.centre != NULL && l.by_layer != NULL && l.row_y != NULL && l.row_h != NULL;
    if (ok) {
        order_boxes(&l);
        find_lanes(p);
        size_clusters(p);
        measure_rows(&l);
        choose_bands(&l);
        place(&l);
    }
    onp_free(p->ctx, l.centre);
    onp_free(p->ctx, l.by_layer);
    onp_free(p->ctx, l.row_y);
    onp_free(p->ctx, l.row_h);
    return ok ? ONP_OK
              : onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d boxes", p->n_vertices);
}
