/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/export/op_nets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/philox.h"

const op_net_case op_net_cases[OP_NET_CASES] = {
    {"convolutions",
     {"stem in=11x9x3 out=6x5x8 k=3 s=2", "conv in=6x5x8 out=6x5x12 k=3 s=1 d=2 g=4", "zero",
      "conv in=6x5x12 out=3x3x16 k=5 s=2 act=relu", "mix in=3x3x16 out=3x3x24",
      "head in=3x3x24 out=5"}},
    {"pools",
     {"stem in=13x10x1 out=13x10x8 k=3 s=1", "max-pool in=13x10x8 out=7x5x8 k=3 s=2",
      "avg-pool in=7x5x8 out=7x5x8 k=5 s=1", "avg-pool in=7x5x8 out=3x2x8 k=3 s=3", "identity",
      "head in=3x2x8 out=4"}},
    {"separable",
     {"stem in=8x8x4 out=8x8x8 k=1 s=1 act=relu",
      "depthwise-separable in=8x8x8 out=8x8x8 k=3 s=1 skip=1 d=2",
      "depthwise-separable in=8x8x8 out=4x4x16 k=5 s=2 skip=0", "head in=4x4x16 out=3"}},
    {"mobile",
     {"stem in=16x14x3 out=8x7x8 k=3 s=2 act=hswish",
      "mbconv in=8x7x8 out=8x7x8 k=3 e=1 s=1 skip=1 act=relu se=8",
      "mbconv in=8x7x8 out=4x4x12 k=5 e=4 s=2 skip=0 act=hswish se=8",
      "mbconv in=4x4x12 out=4x4x12 k=3 e=3 s=1 skip=1", "mix in=4x4x12 out=4x4x16 act=hswish",
      "head in=4x4x16 out=6 mid=20 act=hswish"}},
};

static void check(onp_status st, const onp_error *err)
{
    if (st == ONP_OK)
        return;
    (void)fprintf(stderr, "%s\n", err->msg);
    exit(1);
}

static float *random_floats(op_net *net, int64_t n, double scale)
{
    onp_error err = {.msg = "out of memory"};
    float *x = onp_alloc(&net->ctx, (size_t)n, sizeof *x);
    check(x != NULL && net->n_memory < OP_NET_MAX_MEMORY ? ONP_OK : ONP_E_NOMEM, &err);
    const onp_rng rng = onp_rng_make(7, ONP_RNG_SYNTHETIC);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(scale * onp_rng_normal(rng, (uint64_t)i, (uint32_t)net->n_memory, 0));
    net->memory[net->n_memory++] = x;
    return x;
}

/* Weights keep the size of what they are applied to; biases are as large as that. */
static onp_tid add_block(op_net *net, const onp_block *b, onp_tid x)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    onp_tid params[ONP_BLOCK_MAX_PARAMS];
    const int n = onp_block_params(b, ONP_MODE_FOLDED, specs);
    for (int i = 0; i < n; i++) {
        const int64_t count = onp_shape_count(specs[i].shape), fan_in = count / specs[i].shape.c;
        params[i] = onp_graph_external(net->g, specs[i].shape,
                                       random_floats(net, count, 1 / sqrt((double)fan_in)));
    }
    return onp_block_build(net->g, b, ONP_MODE_FOLDED, 1e-3, x, params, NULL);
}

void op_net_build(op_net *net, const op_net_case *c, int64_t batch)
{
    onp_error err = {0};
    onp_tid x = ONP_NONE;
    *net = (op_net){.n_memory = 0};
    onp_context_init(&net->ctx);
    net->g = onp_graph_new(&net->ctx, &err);
    check(net->g != NULL ? ONP_OK : ONP_E_NOMEM, &err);
    for (int i = 0; i < OP_NET_MAX_BLOCKS && c->keys[i] != NULL; i++) {
        onp_block b;
        check(onp_block_parse(c->keys[i], &b, &err), &err);
        if (i == 0) {
            net->input_shape = (onp_shape){batch, b.in_h, b.in_w, b.in_c};
            net->input = random_floats(net, onp_shape_count(net->input_shape), 1);
            x = onp_graph_external(net->g, net->input_shape, net->input);
            net->onnx.input = x;
        }
        onp_graph_set_group(net->g, i);
        x = add_block(net, &b, x);
    }
    check(onp_graph_status(net->g, &err), &err);
    onp_graph_keep(net->g, x);
    net->onnx.g = net->g;
    net->onnx.logits = x;
    net->onnx.name = c->name;
    net->logits_shape = onp_graph_shape(net->g, x);
}

void op_net_free(op_net *net)
{
    onp_graph_free(net->g);
    for (int i = 0; i < net->n_memory; i++)
        onp_free(&net->ctx, net->memory[i]);
}
