/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/training_graph.h"

#include "graph/block_build.h"

/* One image: the number of nodes does not depend on the batch. */
static onp_tid build_forward(onp_graph *g, const onp_block *blocks, int32_t n, double bn_eps,
                             float *place)
{
    onp_tid x =
        onp_graph_external(g, (onp_shape){1, blocks[0].in_h, blocks[0].in_w, blocks[0].in_c}, NULL);
    for (int32_t i = 0; i < n; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        int n_params = onp_block_params(&blocks[i], ONP_MODE_TRAIN, specs);
        onp_graph_set_group(g, i);
        for (int k = 0; k < n_params; k++)
            params[k] = onp_graph_param(g, specs[k].shape, NULL, place);
        x = onp_block_build(g, &blocks[i], ONP_MODE_TRAIN, bn_eps, x, params, NULL);
    }
    onp_tid labels = onp_graph_labels(g, 1, NULL);
    return onp_graph_add(g, ONP_OP_SOFTMAX_CE, (onp_tid[]){x, labels}, 2, NULL);
}

onp_status onp_training_graph_measure(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                      double bn_eps, onp_training_graph_size *out, onp_error *err)
{
    float place = 0; /* a gradient that has a place is wanted; nothing is written there */
    onp_graph *g = onp_graph_new(ctx, err);
    if (g == NULL)
        return ONP_E_NOMEM;
    onp_status st = ONP_OK;
    onp_tid loss = build_forward(g, blocks, n, bn_eps, &place);
    ONP_TRY_GOTO(onp_graph_status(g, err));
    int32_t n_forward = onp_graph_n_nodes(g);
    ONP_TRY_GOTO(onp_graph_backward(g, loss, NULL, NULL, err));
    *out = (onp_training_graph_size){.n_forward = n_forward,
                                     .n_backward = onp_graph_n_nodes(g) - n_forward,
                                     .n_tensors = onp_graph_n_tensors(g)};
done:
    onp_graph_free(g);
    return st;
}
