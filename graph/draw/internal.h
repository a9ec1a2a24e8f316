/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of graph/draw/: what the makers of pictures share. */
#ifndef ONP_GRAPH_DRAW_INTERNAL_H
#define ONP_GRAPH_DRAW_INTERNAL_H

#include "graph/draw/draw.h"

/* ---- names (names.c) ---- */

void onp_draw_group_name(const onp_draw_options *o, int32_t group, char *out, size_t size);
/* "conv 3x3 s2" */
void onp_draw_node_name(const onp_node *n, char *out, size_t size);
/* "block3 3x3e6 expand", "gradient of ..." */
void onp_draw_tensor_name(const onp_graph *g, const onp_draw_options *o, onp_tid t, char *out,
                          size_t size);
/* "64x56x56x24", without the batch when it is 1; vectors are "24". */
void onp_draw_shape(onp_shape s, char *out, size_t size);
/* "320 MMAC", "1.50 MiB", "3.25 ms" */
void onp_draw_quantity(onp_draw_colour colour, double value, char *out, size_t size);
/* Multiply-accumulates, gradients too: rows of the output map times weights. */
int64_t onp_draw_node_macs(const onp_graph *g, const onp_node *n);

/* ---- equal groups (fold.c) ---- */

typedef struct onp_fold_item {
    int32_t group; /* -1 or more */
    bool backward;
    uint64_t hash; /* of what the item is and reads, without places */
} onp_fold_item;

/* Groups are numbered from 0 for group -1. */
typedef struct onp_fold {
    const onp_context *ctx;
    int32_t n_groups;
    int32_t *start; /* [n_groups + 1] into list */
    int32_t *list;  /* items, group by group, in their order */
    int32_t *place; /* [n_items] within their group */
    int32_t *rep;   /* [n_groups] the group that is drawn for it: the first of equal neighbours */
    int32_t *count; /* [n_groups] how many a group is drawn for, 0 when it is not */
} onp_fold;

onp_status onp_fold_make(const onp_context *ctx, const onp_fold_item *items, int32_t n, bool unfold,
                         onp_fold *out, onp_error *err) ONP_MUST_USE;
void onp_fold_reset(onp_fold *f);
uint64_t onp_fold_hash(uint64_t seed, const int64_t *values, size_t n);

/* ---- from items to a picture (flow.c) ---- */

typedef struct onp_flow_edge {
    int32_t from, to; /* items */
    onp_tid tensor;   /* ONP_NONE: something that calls alone know */
    int64_t bytes;
} onp_flow_edge;

typedef struct onp_flow {
    const onp_context *ctx;
    const onp_graph *g;
    const onp_plan *plan;
    const onp_draw_options *o;
    onp_fold_item *items;
    double *value; /* of each item, for the colour */
    int32_t n_items;
    onp_flow_edge *edges;
    size_t edges_cap;
    int32_t n_edges;
    /* Label, note, title and `again` of an item's box. */
    void (*describe)(const struct onp_flow *f, int32_t item, onp_picture_vertex *v);
    int32_t *call, *tile; /* of tiles: the call, and which tile of it or -1 for all */
    int32_t *nodes;       /* of calls: the node that each is for */
} onp_flow;

onp_status onp_flow_edge_add(onp_flow *f, onp_flow_edge e, onp_error *err) ONP_MUST_USE;
void onp_flow_reset(onp_flow *f);
/* The picture of f, its boxes items or whole groups. */
onp_status onp_flow_picture(const onp_flow *f, bool whole_groups, onp_picture *p,
                            onp_error *err) ONP_MUST_USE;

/* Items and edges of nodes (ops.c) and of tiles (tiles.c). Reset f in any case. */
onp_status onp_flow_of_nodes(onp_flow *f, onp_error *err) ONP_MUST_USE;
onp_status onp_flow_of_tiles(onp_flow *f, onp_error *err) ONP_MUST_USE;
onp_status onp_tiles_count(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                           onp_draw_counts *out, onp_error *err) ONP_MUST_USE;

/* The node that a call is for. [n_calls], onp_free. */
onp_status onp_draw_call_nodes(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                               int32_t **out, onp_error *err) ONP_MUST_USE;

#endif
