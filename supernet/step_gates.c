/* SPDX-License-Identifier: Apache-2.0 */
/* Gate gradients: probes of undrawn candidates in the middle of the backward pass. */
#include <string.h>

#include "supernet/step_internal.h"

typedef struct probe_args {
    onp_step *s;
    const int32_t *path;
    const bool (*wanted)[ONP_MAX_CANDIDATES];
} probe_args;

static void bind_gate(onp_step *s, int32_t node, float *gate)
{
    if (node != ONP_NONE)
        onp_graph_bind(s->g, onp_graph_node(s->g, node)->out[0], gate);
}

/* G of a candidate, given the gradient of the block's output: the inner product with its own
 * output; where that ends in a batch norm, from sums that need no output. */
static void add_gate(onp_step *s, const onp_block_nodes *nodes, onp_tid grad, float *gate)
{
    const onp_shape scalar = {1, 1, 1, 1};
    if (nodes->last_raw == ONP_NONE) {
        const onp_tid both[2] = {grad, onp_graph_again(s->g, nodes->own)};
        bind_gate(s, onp_graph_add_node(s->g, ONP_OP_DOT, both, 2, &scalar, 1, NULL), gate);
        return;
    }
    const onp_tid in[3] = {grad, onp_graph_again(s->g, nodes->last_raw), nodes->last_stats};
    const onp_shape vector = onp_graph_shape(s->g, nodes->gamma);
    const onp_shape both[2] = {vector, vector};
    int32_t sums = onp_graph_add_node(s->g, ONP_OP_BN_BWD_SUMS, in, 3, both, 2,
                                      &(onp_attr){.eps = s->net->bn_eps});
    if (sums == ONP_NONE)
        return;
    const onp_node *n = onp_graph_node(s->g, sums);
    const onp_tid in_gate[4] = {nodes->gamma, n->out[0], nodes->beta, n->out[1]};
    bind_gate(s, onp_graph_add_node(s->g, ONP_OP_GATE, in_gate, 4, &scalar, 1, NULL), gate);
}

/* Runs an undrawn candidate forward on the block's input, for its gate only. */
static void probe(onp_step *s, int32_t position, int candidate, onp_tid grad)
{
    onp_block b = s->net->positions[position].candidate[candidate];
    b.skip = false; /* G is of the candidate's own output */
    onp_tid params[ONP_BLOCK_MAX_PARAMS];
    onp_block_nodes nodes;
    float *no_stats = NULL;
    onp_step_add_params(s, &b, ONP_MODE_TRAIN, s->net->slabs[position][candidate].weights, NULL,
                        &no_stats, params);
    (void)onp_block_build(s->g, &b, ONP_MODE_TRAIN, s->net->bn_eps,
                          onp_graph_again(s->g, s->input[position]), params, &nodes);
    add_gate(s, &nodes, grad, &s->gates[position][candidate]);
}

/* Several positions share an output where the drawn candidate is zero. */
static onp_status gates_of_tensor(void *user, onp_graph *g, onp_tid tapped, onp_tid grad,
                                  onp_error *err)
{
    const probe_args *a = user;
    onp_step *s = a->s;
    for (int32_t i = s->net->n_positions - 1; i >= 0; i--) {
        const onp_position *position = &s->net->positions[i];
        if (s->output[i] != tapped || position->n < 2)
            continue;
        onp_graph_set_group(g, i);
        for (int c = 0; c < position->n; c++) {
            if (position->candidate[c].kind == ONP_BLOCK_ZERO)
                continue;
            if (c == a->path[i])
                add_gate(s, &s->nodes[i], grad, &s->gates[i][c]);
            else if (a->wanted[i][c])
                probe(s, i, c, grad);
        }
    }
    return onp_graph_status(g, err);
}

onp_status onp_step_gates(onp_step *s, int64_t batch, const int32_t *path,
                          const bool (*wanted)[ONP_MAX_CANDIDATES],
                          double (*gates)[ONP_MAX_CANDIDATES], onp_step_result *result,
                          onp_error *err)
{
    const onp_supernet *net = s->net;
    memset(s->gates, 0, (size_t)net->n_positions * sizeof *s->gates);
    probe_args args = {s, path, wanted};
    const onp_step_gradient a = {
        .batch = batch, .path = path, .hook = gates_of_tensor, .user = &args};
    ONP_TRY(onp_step_plan_gradient(s, &a, err));
    ONP_TRY(onp_step_run(s, result, err));
    for (int32_t i = 0; i < net->n_positions; i++)
        for (int c = 0; c < ONP_MAX_CANDIDATES; c++) {
            gates[i][c] = (double)s->gates[i][c];
            if (wanted[i][c] && c < net->positions[i].n)
                onp_supernet_use(s->net, i, c);
        }
    return ONP_OK;
}
