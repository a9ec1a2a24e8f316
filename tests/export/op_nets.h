/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small folded networks with random weights that have every operation of an inference graph between
 * them.
 *
 *     op_net net;
 *     op_net_build(&net, &op_net_cases[0], 3);    // fails the test on an error
 *     onp_onnx_save(&net.ctx, &net.onnx, path, &err);
 *     op_net_free(&net);
 */
#ifndef ONP_TESTS_EXPORT_OP_NETS_H
#define ONP_TESTS_EXPORT_OP_NETS_H

#include "export/onnx.h"
#include "graph/block_build.h"

#define OP_NET_MAX_BLOCKS 8
#define OP_NET_MAX_MEMORY 64

/* Blocks as their keys; the last is a head. */
typedef struct op_net_case {
    const char *name;
    const char *keys[OP_NET_MAX_BLOCKS];
} op_net_case;

#define OP_NET_CASES 4
extern const op_net_case op_net_cases[OP_NET_CASES];

typedef struct op_net {
    onp_context ctx;
    onp_onnx_network onnx;
    onp_graph *g;
    float *input; /* [batch][h][w][c] */
    onp_shape input_shape, logits_shape;
    void *memory[OP_NET_MAX_MEMORY];
    int n_memory;
} op_net;

/* Exits with a message when a key is wrong. */
void op_net_build(op_net *net, const op_net_case *c, int64_t batch);
void op_net_free(op_net *net);

#endif
