/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/block_graph.h"

#include <inttypes.h>

static onp_tid append(onp_graph *g, const onp_block *block, onp_block_mode mode, double eps,
                      onp_tid x)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    onp_tid params[ONP_BLOCK_MAX_PARAMS];
    const int n = onp_block_params(block, mode, specs);
    for (int i = 0; i < n; i++)
        params[i] = onp_graph_external(g, specs[i].shape, NULL);
    return onp_block_build(g, block, mode, eps, x, params, NULL);
}

onp_tid onp_network_graph(onp_graph *g, const onp_block *blocks, size_t n, int64_t batch,
                          onp_block_mode mode, double eps)
{
    if (n == 0 || batch < 1)
        return onp_graph_fail(g, ONP_E_RANGE,
                              "network: %zu blocks and a batch of %lld, wanted at least one of "
                              "each",
                              n, (long long)batch);
    const onp_block *first = &blocks[0];
    onp_tid x =
        onp_graph_external(g, (onp_shape){batch, first->in_h, first->in_w, first->in_c}, NULL);
    for (size_t i = 0; i < n; i++) {
        onp_graph_set_group(g, (int32_t)i);
        x = append(g, &blocks[i], mode, eps, x);
    }
    onp_graph_keep(g, x);
    return x;
}

onp_status onp_measure_block_graph(const onp_context *ctx, const onp_block *block, int64_t batch,
                                   onp_graph **out, onp_error *err)
{
    if (onp_block_is_free(block)) {
        char name[32];
        onp_block_short_name(block, name);
        return onp_fail(err, ONP_E_RANGE,
                        "%s: has nothing to measure, its latency is 0 by definition", name);
    }
    onp_graph *g = onp_graph_new(ctx, err);
    if (g == NULL)
        return ONP_E_NOMEM;
    onp_network_graph(g, block, 1, batch, ONP_MODE_FOLDED, 0.0);
    onp_status st = onp_graph_status(g, err);
    if (st == ONP_OK) {
        *out = g;
        g = NULL;
    }
    onp_graph_free(g);
    return st;
}

onp_status onp_measure_groups(const onp_graph *g, int32_t *n_groups, onp_error *err)
{
    int32_t n = 0;
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        const int32_t group = onp_graph_node(g, i)->group;
        if (group != n && (n == 0 || group != n - 1))
            return onp_fail(err, ONP_E_RANGE,
                            "graph: node %" PRId32 " has group %" PRId32 ", wanted %" PRId32 "%s",
                            i, group, n, n > 0 ? " or the one before" : "");
        n = group + 1;
    }
    *n_groups = n;
    return ONP_OK;
}
