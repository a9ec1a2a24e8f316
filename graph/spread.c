/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/spread.h"

#include <math.h>

static double gain(const onp_graph *g, onp_tid x)
{
    const int32_t producer = onp_graph_tensor(g, x)->producer;
    if (producer == ONP_NONE)
        return 1.0;
    const onp_node *node = onp_graph_node(g, producer);
    switch (node->op) {
    case ONP_OP_RELU:
    case ONP_OP_RELU6:
        return 2.0;
    case ONP_OP_HSWISH:
        return 2.8;
    case ONP_OP_CHANNEL_SCALE: /* a producer comes before what it makes: this ends */
        return 4.0 * gain(g, node->in[0]);
    default:
        return 1.0;
    }
}

double onp_weight_deviation(const onp_graph *g, const onp_node *node)
{
    const onp_shape s = onp_graph_shape(g, node->in[1]);
    return sqrt(gain(g, node->in[0]) / (double)(s.n * s.h * s.w));
}
