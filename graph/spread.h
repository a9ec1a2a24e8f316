/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spread of the weights of a network that is only to be timed: zeros, denormals and overflows
 * change how fast a processor computes, so activations are kept near 1.
 *
 *     weight[i] = onp_weight_deviation(g, node) * normal(0, 1);
 */
#ifndef ONP_GRAPH_SPREAD_H
#define ONP_GRAPH_SPREAD_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Standard deviation of the weights of a convolution (CONV, DEPTHWISE): the square root of gain /
 * fan-in (K. He et al., "Delving deep into rectifiers", 2015). The gain makes good what stands
 * before it does to the power of normal numbers: 2 behind a ReLU or ReLU6; 2.8 behind a hard swish,
 * which quarters the power of small numbers, halves that of large ones, and so has no gain that
 * holds for both (of a hundred layers they stay within 1e-6 and 1e8); 4 times that of what it
 * scales behind squeeze and excite, whose gate is near 1/2; else 1.
 */
double onp_weight_deviation(const onp_graph *g, const onp_node *node);

#ifdef __cplusplus
}
#endif
#endif
