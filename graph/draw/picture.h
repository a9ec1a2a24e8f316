/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture of a graph: boxes in clusters, lines between them. What a box stands for is decided by
 * its maker (graph/draw/flow.h); here it is laid out and written as SVG or DOT. The same picture
 * gives the same bytes everywhere.
 *
 *     ONP_TRY(onp_draw_graph(ctx, g, NULL, &options, &picture, err));
 *     onp_picture_svg(picture, &text);
 *     onp_picture_free(picture);
 *
 * Layout: clusters in rows by their longest path, the backward cluster of a block beside its
 * forward one and flowing upwards; rows fold into bands that stand side by side. Inside a cluster
 * boxes lie in layers by longest path, ordered by the barycentres of their neighbours (K. Sugiyama,
 * S. Tagawa, M. Toda, 1981).
 */
#ifndef ONP_GRAPH_DRAW_PICTURE_H
#define ONP_GRAPH_DRAW_PICTURE_H

#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_picture_vertex {
    int32_t cluster;
    bool again;   /* computed again in the backward pass */
    double value; /* for the colour; 0: none */
    char label[64], note[64], title[240];
    int32_t layer, slot; /* layout: in its cluster, and its place in the layer */
    int32_t x, y;        /* layout: upper left corner */
} onp_picture_vertex;

typedef struct onp_picture_edge {
    int32_t from, to; /* vertices */
    int64_t bytes;
    char label[40];
    int32_t lane; /* layout: 0: straight; else how far out it passes other boxes */
} onp_picture_edge;

typedef struct onp_picture_cluster {
    char label[96];
    int32_t count; /* how many equal ones it stands for */
    bool backward;
    bool plain;                           /* one box, no frame */
    int32_t partner;                      /* of a backward cluster: the forward one, or -1 */
    int32_t first, n;                     /* its vertices, which are consecutive */
    int32_t row, band, n_layers, n_lanes; /* layout */
    int32_t x, y, width, height;
} onp_picture_cluster;

typedef struct onp_picture {
    const onp_context *ctx;
    onp_picture_vertex *vertices;
    onp_picture_edge *edges;
    onp_picture_cluster *clusters;
    size_t vertices_cap, edges_cap, clusters_cap;
    int32_t n_vertices, n_edges, n_clusters;
    char title[160], note[240];
    const char *measure;               /* what the colours mean, "MACs"; NULL: no colours */
    char scale[6][24];                 /* the least value of each colour, as text */
    double most;                       /* the largest value */
    int32_t width, height, band_width; /* layout */
} onp_picture;

#define ONP_PICTURE_BOX_WIDTH  136
#define ONP_PICTURE_BOX_HEIGHT 30
#define ONP_PICTURE_LANE       7  /* between lines that pass boxes */
#define ONP_PICTURE_MARGIN     16 /* of the page */
#define ONP_PICTURE_ROW_GAP    26 /* between clusters */

/* Colour 0 (least) .. 5 (most) of a value, each twice the one before; -1 for none. */
int onp_picture_colour(const onp_picture *p, double value);

/* Places everything. Errors: ONP_E_NOMEM. */
onp_status onp_picture_layout(onp_picture *p, onp_error *err) ONP_MUST_USE;
/* Appends one <svg> element, light and dark. */
void onp_picture_svg(const onp_picture *p, onp_strbuf *s);
/* The same graph for graphviz. */
void onp_picture_dot(const onp_picture *p, onp_strbuf *s);
void onp_picture_free(onp_picture *p);

#ifdef __cplusplus
}
#endif
#endif
