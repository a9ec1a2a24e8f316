/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeing a graph: the picture of its nodes and the picture of its memory.
 *
 *     onp_draw_options options = {.zoom = ONP_ZOOM_OP, .colour = ONP_COLOUR_MACS};
 *     ONP_TRY(onp_draw_graph(ctx, g, plan, &options, &picture, err));
 *     onp_picture_svg(picture, &svg);
 *     ONP_TRY(onp_draw_memory(ctx, g, plan, &options, &svg, err));
 *
 * A cluster is a group of the graph (a block), forward and backward apart. Consecutive groups that
 * are equal, node by node, are drawn once with a count. What would be too many boxes is drawn a
 * zoom further out, and blocks that are too many are drawn several to a box.
 */
#ifndef ONP_GRAPH_DRAW_DRAW_H
#define ONP_GRAPH_DRAW_DRAW_H

#include "graph/draw/picture.h"
#include "graph/plan_view.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_draw_zoom {
    ONP_ZOOM_LAYER, /* a box is a block */
    ONP_ZOOM_OP,    /* a box is a node */
    ONP_ZOOM_TILE,  /* a box is a tile of a call of the plan; above 4 of them, all */
    ONP_ZOOM_COUNT
} onp_draw_zoom;

typedef enum onp_draw_colour {
    ONP_COLOUR_MACS,
    ONP_COLOUR_BYTES, /* of what a node writes */
    ONP_COLOUR_TIME,
    ONP_COLOUR_COUNT
} onp_draw_colour;

/* What command lines call them; NULL ends. */
extern const char *const onp_draw_zooms[ONP_ZOOM_COUNT + 1];
extern const char *const onp_draw_colours[ONP_COLOUR_COUNT + 1];

typedef struct onp_draw_options {
    onp_draw_zoom zoom;
    onp_draw_colour colour;
    bool unfold;                    /* equal blocks one by one */
    const char *title;              /* NULL: none */
    const char *const *group_names; /* of groups 0..n_groups-1; others are called "block 7" */
    int32_t n_groups;
    const int32_t *only;   /* NULL, or the one group to draw */
    const double *call_ns; /* TIME: of each call of the plan */
    int32_t max_boxes;     /* 0: ONP_DRAW_MAX_BOXES */
} onp_draw_options;

#define ONP_DRAW_MAX_BOXES 1200

/* Errors: ONP_E_NOMEM; ONP_E_USAGE when the zoom or the colour needs a plan and there is none.
 * *out: onp_picture_free. */
onp_status onp_draw_graph(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                          const onp_draw_options *options, onp_picture **out,
                          onp_error *err) ONP_MUST_USE;

/* Vertices and edges of the whole graph, unfolded: [0] forward, [1] backward; an edge counts where
 * it ends. LAYER: groups; OP: nodes; TILE: tiles of calls, and which tile reads what which writes.
 */
typedef struct onp_draw_counts {
    int64_t vertices[2], edges[2];
} onp_draw_counts;

/* plan may be NULL unless zoom is TILE. Errors: ONP_E_NOMEM. */
onp_status onp_draw_count(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                          onp_draw_zoom zoom, onp_draw_counts *out, onp_error *err) ONP_MUST_USE;

/* Appends the memory of a plan as one <svg>: calls to the right, addresses up, a rectangle for each
 * buffer, the bytes alive at each call above, and what is alive at the peak beside it. g: the graph
 * that was planned. Errors: ONP_E_NOMEM. */
onp_status onp_draw_memory(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                           const onp_draw_options *options, onp_strbuf *s,
                           onp_error *err) ONP_MUST_USE;

/* One buffer that is alive at the peak. */
typedef struct onp_peak_entry {
    int32_t buffer;
    size_t bytes;
    char name[96]; /* "block3 3x3e6 expand" */
} onp_peak_entry;

typedef struct onp_peak {
    int32_t call; /* the call with most bytes alive: the first of equals */
    size_t bytes;
    onp_peak_entry *entries; /* the largest first; onp_free */
    int32_t n;
} onp_peak;

/* Errors: ONP_E_NOMEM. */
onp_status onp_draw_peak(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                         const onp_draw_options *options, onp_peak *out,
                         onp_error *err) ONP_MUST_USE;

/* "1.50 MiB" */
void onp_draw_bytes(double bytes, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
