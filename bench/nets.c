/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "graph/block_build.h"

#define MEMORY  ((size_t)16 << 30) /* address space, not memory */
#define CLASSES 1000
#define EPS     1e-3

/* A network under construction: layers append to x. */
typedef struct builder {
    bench_net *net;
    onp_graph *g;
    const bench_net_options *o;
    onp_tid x;
    int32_t group;
} builder;

static void *take(builder *b, onp_shape s)
{
    const size_t bytes = ((size_t)onp_shape_count(s) * sizeof(float) + 63) / 64 * 64;
    if (bytes > MEMORY - b->net->used) {
        (void)onp_graph_fail(b->g, ONP_E_NOMEM, "nets: more than %zu GiB of tensors", MEMORY >> 30);
        return NULL;
    }
    b->net->used += bytes;
    return b->net->memory + b->net->used - bytes;
}

static onp_tid param(builder *b, onp_shape s)
{
    float *data = take(b, s);
    return onp_graph_param(b->g, s, data, b->o->train ? take(b, s) : NULL);
}

static void next_group(builder *b)
{
    onp_graph_set_group(b->g, b->group++);
}

typedef enum activation { LINEAR, RELU, RELU6 } activation;

static void activate(builder *b, activation a)
{
    if (a != LINEAR)
        b->x = onp_graph_add(b->g, a == RELU ? ONP_OP_RELU : ONP_OP_RELU6, &b->x, 1, NULL);
}

/* Convolution with a bias; c_out 0: depthwise. */
static void conv_bias(builder *b, int kernel, int stride, int64_t c_out, activation a)
{
    const int64_t c = onp_graph_shape(b->g, b->x).c, n = c_out > 0 ? c_out : c;
    const onp_tid w = param(b, (onp_shape){kernel, kernel, c_out > 0 ? c : 1, n});
    const onp_tid in[3] = {b->x, w, param(b, (onp_shape){1, 1, 1, n})};
    b->x = onp_graph_add(b->g, c_out > 0 ? ONP_OP_CONV : ONP_OP_DEPTHWISE, in, 3,
                         &(onp_attr){.kernel = kernel, .stride = stride});
    activate(b, a);
}

/* Convolution and batch norm, which is folded for inference. */
static void conv(builder *b, int kernel, int stride, int64_t c_out, activation a)
{
    if (!b->o->train) {
        conv_bias(b, kernel, stride, c_out, a);
        return;
    }
    const int64_t c = onp_graph_shape(b->g, b->x).c, n = c_out > 0 ? c_out : c;
    const onp_tid in[2] = {b->x, param(b, (onp_shape){kernel, kernel, c_out > 0 ? c : 1, n})};
    const onp_tid raw = onp_graph_add(b->g, c_out > 0 ? ONP_OP_CONV : ONP_OP_DEPTHWISE, in, 2,
                                      &(onp_attr){.kernel = kernel, .stride = stride});
    const onp_tid gamma = param(b, (onp_shape){1, 1, 1, n});
    const onp_tid bn[4] = {raw, onp_graph_add(b->g, ONP_OP_BN_STATS, &raw, 1, NULL), gamma,
                           param(b, (onp_shape){1, 1, 1, n})};
    b->x = onp_graph_add(b->g, ONP_OP_BN_APPLY, bn, 4, &(onp_attr){.eps = EPS});
    activate(b, a);
}

static void add(builder *b, onp_tid other)
{
    const onp_tid both[2] = {b->x, other};
    b->x = onp_graph_add(b->g, ONP_OP_ADD, both, 2, NULL);
}

static void max_pool(builder *b, int kernel, int stride)
{
    b->x = onp_graph_add(b->g, ONP_OP_MAX_POOL, &b->x, 1,
                         &(onp_attr){.kernel = kernel, .stride = stride});
}

static void head(builder *b)
{
    next_group(b);
    b->x = onp_graph_add(b->g, ONP_OP_GLOBAL_AVG_POOL, &b->x, 1, NULL);
    conv_bias(b, 1, 1, CLASSES, LINEAR);
}

/* A. Howard et al., "MobileNets", 2017, table 1. */
static void mobilenet_v1(builder *b)
{
    static const struct {
        int64_t c;
        int stride;
    } layers[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                  {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    next_group(b);
    conv(b, 3, 2, 32, RELU6);
    for (size_t i = 0; i < ONP_COUNT(layers); i++) {
        next_group(b);
        conv(b, 3, layers[i].stride, 0, RELU6);
        conv(b, 1, 1, layers[i].c, RELU6);
    }
    head(b);
}

static void inverted_residual(builder *b, int expand, int64_t c, int stride)
{
    const onp_tid x = b->x;
    const int64_t c_in = onp_graph_shape(b->g, x).c;
    next_group(b);
    if (expand > 1)
        conv(b, 1, 1, expand * c_in, RELU6);
    conv(b, 3, stride, 0, RELU6);
    conv(b, 1, 1, c, LINEAR);
    if (stride == 1 && c_in == c)
        add(b, x);
}

/* M. Sandler et al., "MobileNetV2", 2018, table 2. */
static void mobilenet_v2(builder *b)
{
    static const struct {
        int expand, n, stride;
        int64_t c;
    } stages[] = {{1, 1, 1, 16}, {6, 2, 2, 24},  {6, 3, 2, 32}, {6, 4, 2, 64},
                  {6, 3, 1, 96}, {6, 3, 2, 160}, {6, 1, 1, 320}};
    next_group(b);
    conv(b, 3, 2, 32, RELU6);
    for (size_t s = 0; s < ONP_COUNT(stages); s++)
        for (int i = 0; i < stages[s].n; i++)
            inverted_residual(b, stages[s].expand, stages[s].c, i == 0 ? stages[s].stride : 1);
    next_group(b);
    conv(b, 1, 1, 1280, RELU6);
    head(b);
}

static void bottleneck(builder *b, int64_t c, int stride)
{
    onp_tid shortcut = b->x;
    next_group(b);
    conv(b, 1, 1, c, RELU);
    conv(b, 3, stride, c, RELU);
    conv(b, 1, 1, 4 * c, LINEAR);
    const onp_tid main = b->x;
    if (stride > 1 || onp_graph_shape(b->g, shortcut).c != 4 * c) {
        b->x = shortcut;
        conv(b, 1, stride, 4 * c, LINEAR);
        shortcut = b->x;
        b->x = main;
    }
    add(b, shortcut);
    activate(b, RELU);
}

/* K. He et al., "Deep residual learning", 2016, table 1; strides in the 3 x 3 convolutions. */
static void resnet_50(builder *b)
{
    static const int n[4] = {3, 4, 6, 3};
    next_group(b);
    conv(b, 7, 2, 64, RELU);
    max_pool(b, 3, 2);
    for (int s = 0; s < 4; s++)
        for (int i = 0; i < n[s]; i++)
            bottleneck(b, (int64_t)64 << s, i == 0 && s > 0 ? 2 : 1);
    head(b);
}

/* K. Simonyan, A. Zisserman, "Very deep convolutional networks", 2015, D; it has no batch norms. */
static void vgg_16(builder *b)
{
    static const int64_t c[5] = {64, 128, 256, 512, 512};
    for (int s = 0; s < 5; s++) {
        next_group(b);
        for (int i = 0; i < (s < 2 ? 2 : 3); i++)
            conv_bias(b, 3, 1, c[s], RELU);
        max_pool(b, 2, 2);
    }
    next_group(b);
    b->x = onp_graph_add(b->g, ONP_OP_FLATTEN, &b->x, 1, NULL);
    conv_bias(b, 1, 1, 4096, RELU);
    conv_bias(b, 1, 1, 4096, RELU);
    conv_bias(b, 1, 1, CLASSES, LINEAR);
}

static void chain(builder *b, long n)
{
    for (long i = 0; i < n; i++) {
        next_group(b);
        conv_bias(b, 1, 1, 64, RELU);
    }
    head(b);
}

static onp_status start(builder *b, const onp_context *ctx, const bench_net_options *o,
                        onp_shape input, bench_net *out, onp_error *err)
{
    *out = (bench_net){.input = ONP_NONE, .logits = ONP_NONE, .loss = ONP_NONE};
    *b = (builder){.net = out, .o = o};
    void *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return onp_fail(err, ONP_E_NOMEM, "nets: no address space");
    out->memory = memory;
    out->g = onp_graph_new(ctx, err);
    if (out->g == NULL)
        return err->status;
    b->g = out->g;
    b->x = out->input = onp_graph_external(b->g, input, take(b, input));
    return ONP_OK;
}

static onp_status finish(builder *b, onp_error *err)
{
    const bench_net_options *o = b->o;
    bench_net *net = b->net;
    net->logits = b->x;
    onp_graph_keep(b->g, b->x);
    if (!o->train)
        return onp_graph_status(b->g, err);
    const int64_t n = onp_graph_shape(b->g, b->x).n;
    const onp_tid in[2] = {b->x, onp_graph_labels(b->g, n, take(b, (onp_shape){1, 1, 1, n}))};
    net->loss = onp_graph_add(b->g, ONP_OP_SOFTMAX_CE, in, 2, NULL);
    onp_graph_keep(b->g, net->loss);
    ONP_TRY(onp_graph_recompute(b->g, o->recompute, err));
    return onp_graph_backward(b->g, net->loss, NULL, NULL, err);
}

onp_status bench_net_build(const onp_context *ctx, const char *name, const bench_net_options *o,
                           bench_net *out, onp_error *err)
{
    static const struct {
        const char *name;
        void (*build)(builder *b);
    } nets[] = {{"mobilenet-v1", mobilenet_v1},
                {"mobilenet-v2", mobilenet_v2},
                {"resnet-50", resnet_50},
                {"vgg-16", vgg_16}};
    const int64_t batch = o->batch > 0 ? o->batch : 1;
    const long layers = strncmp(name, "chain-", 6) == 0 ? strtol(name + 6, NULL, 10) : 0;
    builder b;
    if (layers > 0 && layers <= 1000000) {
        ONP_TRY(start(&b, ctx, o, (onp_shape){batch, 28, 28, 64}, out, err));
        chain(&b, layers);
        return finish(&b, err);
    }
    for (size_t i = 0; i < ONP_COUNT(nets); i++)
        if (strcmp(name, nets[i].name) == 0) {
            ONP_TRY(start(&b, ctx, o, (onp_shape){batch, 224, 224, 3}, out, err));
            nets[i].build(&b);
            return finish(&b, err);
        }
    *out = (bench_net){0};
    return onp_fail(err, ONP_E_USAGE, "no network \"%s\": expected " BENCH_NET_NAMES, name);
}

onp_status bench_net_build_blocks(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                  const bench_net_options *o, bench_net *out, onp_error *err)
{
    const onp_block_mode mode = o->train ? ONP_MODE_TRAIN : ONP_MODE_FOLDED;
    const onp_shape input = {o->batch > 0 ? o->batch : 1, blocks[0].in_h, blocks[0].in_w,
                             blocks[0].in_c};
    builder b;
    ONP_TRY(start(&b, ctx, o, input, out, err));
    for (int32_t i = 0; i < n; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        const int n_params = onp_block_params(&blocks[i], mode, specs);
        for (int k = 0; k < n_params; k++)
            params[k] = param(&b, specs[k].shape);
        next_group(&b);
        b.x = onp_block_build(b.g, &blocks[i], mode, EPS, b.x, params, NULL);
    }
    return finish(&b, err);
}

void bench_net_free(bench_net *net)
{
    onp_graph_free(net->g);
    if (net->memory != NULL)
        (void)munmap(net->memory, MEMORY);
    *net = (bench_net){0};
}
