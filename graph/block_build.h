/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block into graph nodes.
 *
 *     onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
 *     int n = onp_block_params(&b, ONP_MODE_TRAIN, specs);      // then make one tensor for each
 *     onp_block_nodes nodes;
 *     onp_tid y = onp_block_build(g, &b, ONP_MODE_TRAIN, 1e-3, x, params, &nodes);
 */
#ifndef ONP_GRAPH_BLOCK_BUILD_H
#define ONP_GRAPH_BLOCK_BUILD_H

#include "graph/block.h"
#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tensors of a built block that others look at; ONP_NONE where there is none. */
typedef struct onp_block_nodes {
    onp_tid own;         /* its output without the shortcut; zero has none */
    onp_tid last_raw;    /* where that ends in a batch norm: its input */
    onp_tid last_stats;  /* its statistics */
    onp_tid gamma, beta; /* its parameters */
    int n_stats;         /* TRAIN: statistics in the order of the convolutions */
    onp_tid stats[4];
} onp_block_nodes;

/*
 * Appends block b to g. x: {n, in_h, in_w, in_c}. params: tensors in the order of
 * onp_block_params(b, mode). eps: of batch norm. Returns the output {n, out_h, out_w, out_c} (zero
 * and identity: x itself), or ONP_NONE after a failure, which sticks to the graph. nodes may be
 * NULL.
 */
onp_tid onp_block_build(onp_graph *g, const onp_block *b, onp_block_mode mode, double eps,
                        onp_tid x, const onp_tid *params, onp_block_nodes *nodes);

/* The same with a dropout of this rate and key before the last layer of a head, for training; other
 * blocks take none. drop: NULL for none. */
typedef struct onp_block_dropout {
    double rate;
    onp_rng key;
} onp_block_dropout;

onp_tid onp_block_build_dropout(onp_graph *g, const onp_block *b, onp_block_mode mode, double eps,
                                onp_tid x, const onp_tid *params, const onp_block_dropout *drop,
                                onp_block_nodes *nodes);

#ifdef __cplusplus
}
#endif
#endif
