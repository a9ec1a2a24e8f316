/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network of blocks, built and planned to be looked at.
 *
 *     onp_draw_network net;
 *     ONP_TRY(onp_draw_network_make(ctx, blocks, n, &(onp_draw_network_options){.batch = 1}, &net,
 *                                   err));
 *     onp_draw_options options = {.group_names = net.names, .n_groups = net.n_blocks};
 *     ONP_TRY(onp_draw_graph(ctx, net.g, net.plan, &options, &picture, err));
 *     onp_draw_network_reset(&net);
 */
#ifndef ONP_GRAPH_DRAW_NETWORK_H
#define ONP_GRAPH_DRAW_NETWORK_H

#include "graph/block.h"
#include "graph/draw/draw.h"
#include "graph/recompute.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_draw_network_options {
    int64_t batch; /* 0: 1 */
    bool backward; /* the graph that trains it; else the one that is run, batch norm folded */
    onp_recompute recompute; /* with backward */
    double bn_eps;           /* with backward */
    bool run;                /* memory behind inputs and parameters, so that the plan can run */
} onp_draw_network_options;

typedef struct onp_draw_network {
    const onp_context *ctx;
    onp_graph *g;
    onp_plan *plan;
    int32_t n_blocks;
    const char **names; /* [n_blocks] "stem", "block3 3x3e6"; groups are places in the list */
    char (*text)[48];
    float *memory; /* of all external tensors */
    float place;   /* where external tensors are when nothing is run */
} onp_draw_network;

/* blocks: complete, each fitting the next, the last a head when `backward`. ctx: borrowed, with
 * kernels when `run`. Errors: ONP_E_SHAPE, ONP_E_NOMEM. Reset out in any case; do not copy it. */
onp_status onp_draw_network_make(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                 const onp_draw_network_options *options, onp_draw_network *out,
                                 onp_error *err) ONP_MUST_USE;
void onp_draw_network_reset(onp_draw_network *net);

#define ONP_DRAW_MAX_RUNS 63
/* Medians of n_runs runs, 1..ONP_DRAW_MAX_RUNS, after one of warm-up: ns[n_calls]. The network was
 * made with `run`.
 * Errors: ONP_E_NOMEM. */
onp_status onp_draw_network_time(const onp_draw_network *net, int n_runs, double *ns,
                                 onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
