/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published networks at 224 x 224 and chains of equal layers, built with the graph API: for
 * inference with batch norms folded, or for training with them and with the backward pass. Numbers
 * are all zero; only shapes matter here.
 *
 *     bench_net net;
 *     ONP_TRY(bench_net_build(&ctx, "resnet-50", &(bench_net_options){.batch = 1}, &net, err));
 *     ONP_TRY_GOTO(onp_plan_make(plan, net.g, NULL, err));
 *     bench_net_free(&net);
 */
#ifndef ONP_BENCH_NETS_H
#define ONP_BENCH_NETS_H

#include "graph/block.h"
#include "graph/graph.h"
#include "graph/recompute.h"

typedef struct bench_net_options {
    int64_t batch; /* 0: 1 */
    bool train;    /* batch norm, loss and the gradients of all parameters */
    onp_recompute recompute;
} bench_net_options;

typedef struct bench_net {
    onp_graph *g;
    onp_tid input, logits, loss; /* loss: ONP_NONE without training */
    char *memory;                /* of external tensors, committed where it is touched */
    size_t used;
} bench_net;

/* The names: "mobilenet-v1", "mobilenet-v2", "resnet-50", "vgg-16", and "chain-N": N pointwise
 * convolutions and ReLUs of 28 x 28 x 64. */
#define BENCH_NET_NAMES "mobilenet-v1|mobilenet-v2|resnet-50|vgg-16|chain-N"

/* Fills out; bench_net_free releases it, after a failure too. Errors: ONP_E_USAGE for another name,
 * ONP_E_NOMEM. */
onp_status bench_net_build(const onp_context *ctx, const char *name, const bench_net_options *o,
                           bench_net *out, onp_error *err) ONP_MUST_USE;
/* The same of complete blocks, the first one a stem. */
onp_status bench_net_build_blocks(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                  const bench_net_options *o, bench_net *out,
                                  onp_error *err) ONP_MUST_USE;
void bench_net_free(bench_net *net);

#endif
