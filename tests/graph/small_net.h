/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small networks for tests: a list of blocks becomes a training graph with a loss, and memory for
 * its inputs, parameters and gradients.
 *
 *     static const small_net_options o = {.batch = 2, .size = 6, .channels = 3, .n_blocks = 2,
 *                                         .blocks = blocks, .gradients = true};
 *     small_net net;
 *     small_net_build(&net, &o);       // fails the test on an error
 *     small_net_fill(&net, 1);         // images, labels, parameters: functions of the seed
 *     assert_int_equal(onp_graph_backward(net.g, net.loss, NULL, NULL, &err), ONP_OK);
 *     small_net_free(&net);
 */
#ifndef ONP_TESTS_GRAPH_SMALL_NET_H
#define ONP_TESTS_GRAPH_SMALL_NET_H

#include "graph/block_build.h"
#include "tests/test_support.h"

#define SMALL_NET_MAX_BLOCKS 8
#define SMALL_NET_MAX_PARAMS 64
#define SMALL_NET_EPS        1e-3

typedef struct small_net_param {
    char name[64]; /* "BLOCK.NAME": the number of the block, the name in onp_block_params() */
    onp_param_role role;
    onp_tid tid;
    onp_shape shape;
    float *data, *grad; /* grad NULL: not wanted */
} small_net_param;

typedef struct small_net_options {
    int batch, size, channels;
    const onp_block *blocks; /* input sizes and channels are filled in, block after block */
    int n_blocks;            /* the last one is a head */
    onp_block_mode mode;     /* TRAIN: 0 */
    double smoothing;
    bool gradients; /* every parameter but statistics gets memory for its gradient */
    bool perturbed; /* an external zero tensor is added to each block's output */
} small_net_options;

typedef struct small_net {
    onp_context ctx;
    onp_graph *g;
    onp_block blocks[SMALL_NET_MAX_BLOCKS];      /* complete */
    onp_block_nodes nodes[SMALL_NET_MAX_BLOCKS]; /* node groups are numbers of blocks */
    onp_tid in[SMALL_NET_MAX_BLOCKS], out[SMALL_NET_MAX_BLOCKS];
    onp_tid zero[SMALL_NET_MAX_BLOCKS]; /* with `perturbed` */
    int n_blocks, n_params, batch;
    small_net_param params[SMALL_NET_MAX_PARAMS];
    onp_tid images, labels, logits, loss; /* bound to the memory below */
    float *images_data, *logits_data, loss_data[2];
    int32_t *labels_data;
    void *memory[3 * SMALL_NET_MAX_PARAMS];
    int n_memory;
} small_net;

void small_net_build(small_net *net, const small_net_options *options);
/* Standard normal images, scaled normal weights, and gamma and beta for which ReLU6 clamps at both
 * ends. */
void small_net_fill(small_net *net, uint64_t seed);
void small_net_free(small_net *net);

#endif
