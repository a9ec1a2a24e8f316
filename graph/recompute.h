/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recomputation: which forward tensors are not kept for the backward pass but computed again there,
 * by a copy of their node that stands where the first reader needs it (T. Chen et al., "Training
 * deep nets with sublinear memory cost", 2016). The copy runs the same kernel on the same inputs,
 * so gradients have the same bits in every mode; statistics of batch norms are always kept.
 *
 *     build the forward nodes, one group per block
 *     ONP_TRY(onp_graph_recompute(g, ONP_RECOMPUTE_BLOCKS, err));
 *     ONP_TRY(onp_graph_backward(g, loss, NULL, NULL, err));
 */
#ifndef ONP_GRAPH_RECOMPUTE_H
#define ONP_GRAPH_RECOMPUTE_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_recompute {
    ONP_RECOMPUTE_NONE,   /* everything is kept */
    ONP_RECOMPUTE_CHEAP,  /* but what a pointwise convolution widens, and elementwise results */
    ONP_RECOMPUTE_BLOCKS, /* only what lies between groups is kept */
    ONP_RECOMPUTE_SQRT,   /* and of n of those only about sqrt(n) */
    ONP_RECOMPUTE_COUNT
} onp_recompute;

/* "none", "cheap", "blocks", "sqrt" */
extern const char *const onp_recompute_names[ONP_RECOMPUTE_COUNT + 1]; /* ends with NULL */

/* Marks the forward tensors of g, before onp_graph_backward(). External and kept tensors, and those
 * of nodes without a group, are left alone. Errors: ONP_E_NOMEM. */
onp_status onp_graph_recompute(onp_graph *g, onp_recompute mode, onp_error *err) ONP_MUST_USE;

/* The tensor that a backward node reads in place of forward tensor t: t itself when it is kept,
 * else the output of a copy of its node, appended now when there is none yet. For tap hooks too. */
onp_tid onp_graph_again(onp_graph *g, onp_tid t);

#ifdef __cplusplus
}
#endif
#endif
