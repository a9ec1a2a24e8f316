/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of whole plans. Published networks take no more than known placements of them; and on
 * 200 random networks, in every mode of recomputation: buffers alive at the same call do not
 * overlap; of a painted arena nothing above the stated peak is touched, and what is just below it
 * is; and NaN in every buffer that is not alive changes no bit of any result.
 */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "bench/nets.h"
#include "graph/plan_internal.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define N_NETS 200
#define PAINT  0x5a

static void make_plan(const onp_context *ctx, const bench_net *net, onp_plan **plan)
{
    onp_error err = {0};
    if (onp_plan_new(ctx, plan, &err) != ONP_OK ||
        onp_plan_make(*plan, net->g, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void start(onp_context *ctx)
{
    onp_context_init(ctx);
    ctx->kernels = onp_kernels_at(0);
}

/* ---- published networks ---- */

static onp_plan_info info_of(const char *name, bool train)
{
    onp_context ctx;
    onp_error err = {0};
    bench_net net;
    onp_plan *plan = NULL;
    start(&ctx);
    if (bench_net_build(&ctx, name, &(bench_net_options){.train = train}, &net, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    make_plan(&ctx, &net, &plan);
    const onp_plan_info info = onp_plan_get_info(plan);
    onp_plan_free(plan);
    bench_net_free(&net);
    return info;
}

/* 224 x 224, batch 1, float: the lower bounds of the published TFLite and in-place placements. */
static void test_inference_peaks(void **state)
{
    (void)state;
    const struct {
        const char *name;
        size_t bytes;
    } rows[] = {{"mobilenet-v1", 4816896}, /* 112 x 112 x (32 + 64) */
                {"mobilenet-v2", 6021120}, /* 112 x 112 x 96 + 56 x 56 x 96 */
                {"resnet-50", 7225344},    /* 56 x 56 x (2 * 256 + 64) */
                {"vgg-16", 25690112}};     /* 224 x 224 x (64 + 64) */
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        const onp_plan_info info = info_of(rows[i].name, false);
        if (info.arena_bytes > rows[i].bytes)
            fail_msg("%s takes %zu bytes", rows[i].name, info.arena_bytes);
        assert_int_equal(info.arena_bytes, info.lower_bound_bytes);
    }
}

static void test_training_peaks(void **state)
{
    (void)state;
    const onp_plan_info mobile = info_of("mobilenet-v2", true), res = info_of("resnet-50", true);
    assert_true(2 * mobile.arena_bytes <= mobile.naive_bytes);
    assert_true(3 * res.arena_bytes <= res.naive_bytes);
    assert_true(res.n_in_place > 0);
}

/* ---- random networks ---- */

static int32_t draw(uint64_t net, uint32_t stream, uint64_t n)
{
    return (int32_t)onp_rng_below(onp_rng_make(21, ONP_RNG_TEST), net, stream, 0, n);
}

static int random_blocks(uint64_t net, onp_block *blocks)
{
    const int n = 3 + draw(net, 0, 6);
    int32_t h = 9 + draw(net, 1, 5), w = 9 + draw(net, 2, 5), c = 3;
    for (int i = 0; i < n; i++) {
        const uint32_t stream = 10 * (uint32_t)(i + 1);
        onp_block b = {.kind = ONP_BLOCK_MBCONV,
                       .in_h = h,
                       .in_w = w,
                       .in_c = c,
                       .out_c = 8 + 4 * draw(net, stream, 4),
                       .kernel = 3 + 2 * draw(net, stream + 1, 3),
                       .expand = 1 + draw(net, stream + 2, 6),
                       .stride = 1 + draw(net, stream + 3, 2)};
        onp_error err = {0};
        if (i == 0)
            b = (onp_block){.kind = ONP_BLOCK_STEM,
                            .in_h = h,
                            .in_w = w,
                            .in_c = c,
                            .out_c = 8,
                            .kernel = 3,
                            .stride = 1};
        else if (i == n - 1)
            b = (onp_block){.kind = ONP_BLOCK_HEAD,
                            .in_h = h,
                            .in_w = w,
                            .in_c = c,
                            .out_c = 7,
                            .kernel = 1,
                            .stride = 1};
        else if (draw(net, stream + 4, 2) == 0) {
            b.out_c = c;
            b.stride = 1;
            b.skip = true;
        }
        if (onp_block_complete(&b, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        blocks[i] = b;
        h = b.out_h;
        w = b.out_w;
        c = b.out_c;
    }
    return n;
}

/* Numbers everywhere, and labels that are classes. */
static void fill(const bench_net *net)
{
    const onp_rng r = onp_rng_make(22, ONP_RNG_TEST);
    float *x = (float *)(void *)net->memory;
    for (size_t i = 0; i < net->used / sizeof *x; i++)
        x[i] = 0.5F + 0.5F * (float)onp_rng_normal(r, i, 0, 0);
    for (onp_tid t = 0; t < onp_graph_n_tensors(net->g); t++) {
        const onp_tensor *tensor = onp_graph_tensor(net->g, t);
        if (tensor->labels)
            memset(tensor->data, 0, (size_t)onp_shape_count(tensor->shape) * sizeof(int32_t));
    }
}

static void check_overlaps(const onp_plan *p)
{
    for (int32_t a = 0; a < p->n_buffers; a++)
        for (int32_t b = 0; b < a; b++) {
            const onp_buffer *x = &p->buffers[a], *y = &p->buffers[b];
            if (x->external != NULL || y->external != NULL || x->first > x->last ||
                y->first > y->last || x->first > y->last || y->first > x->last)
                continue;
            assert_true(x->offset + x->floats <= y->offset || y->offset + y->floats <= x->offset);
        }
    for (int32_t i = 0; i < p->n_patches; i++) { /* what was taken over is alive in its new place */
        const onp_buffer *b = &p->buffers[p->patches[i].buffer];
        assert_in_range(p->patches[i].call, b->first, b->last);
        assert_true(b->external != NULL ||
                    (size_t)(b->offset + b->floats) * sizeof(float) <= p->info.arena_bytes);
    }
}

static void check_paint(const onp_plan *p)
{
    unsigned char *arena = (unsigned char *)p->arena;
    memset(arena, PAINT, p->arena_mapped);
    onp_plan_run(p);
    size_t top = p->arena_mapped;
    while (top > 0 && arena[top - 1] == PAINT)
        top--;
    /* buffers end on cache lines, what is in them may not */
    assert_in_range(top, p->info.arena_bytes - 63, p->info.arena_bytes);
}

static void poison(const onp_plan *p, int32_t alive_at)
{
    for (int32_t i = 0; i < p->n_buffers; i++) {
        const onp_buffer *b = &p->buffers[i];
        const bool dies = alive_at < 0 || b->last == alive_at;
        for (int64_t k = 0; b->external == NULL && b->first <= b->last && dies && k < b->floats;
             k++)
            p->arena[b->offset + k] = NAN;
    }
}

static void run_poisoned(const onp_plan *p)
{
    poison(p, -1);
    for (int32_t i = 0; i < p->n_calls; i++) {
        onp_call_run(p->ctx, &p->calls[i], p->scratch, p->scratch_floats);
        poison(p, i);
    }
}

static void check_poison(const onp_plan *p, const bench_net *net)
{
    const float *loss = onp_plan_data(p, net->loss), *logits = onp_plan_data(p, net->logits);
    float first[9];
    onp_plan_run(p);
    memcpy(first, loss, 2 * sizeof *loss);
    memcpy(first + 2, logits, 7 * sizeof *logits);
    void *externals = test_malloc(net->used); /* gradients among them */
    memcpy(externals, net->memory, net->used);
    run_poisoned(p);
    assert_memory_equal(first, loss, 2 * sizeof *loss);
    assert_memory_equal(first + 2, logits, 7 * sizeof *logits);
    assert_memory_equal(externals, net->memory, net->used);
    assert_true(isfinite(loss[0]));
    test_free(externals);
}

static void test_random_networks(void **state)
{
    (void)state;
    onp_context ctx;
    start(&ctx);
    int64_t in_place = 0;
    for (uint64_t i = 0; i < N_NETS; i++) {
        onp_block blocks[16];
        onp_error err = {0};
        bench_net net;
        onp_plan *plan = NULL;
        const int n = random_blocks(i, blocks);
        const bench_net_options o = {.batch = 1 + draw(i, 3, 3),
                                     .train = true,
                                     .recompute = (onp_recompute)(i % ONP_RECOMPUTE_COUNT)};
        if (bench_net_build_blocks(&ctx, blocks, n, &o, &net, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        fill(&net);
        make_plan(&ctx, &net, &plan);
        check_overlaps(plan);
        check_paint(plan);
        check_poison(plan, &net);
        in_place += plan->info.n_in_place;
        onp_plan_free(plan);
        bench_net_free(&net);
    }
    assert_true(in_place > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inference_peaks),
        cmocka_unit_test(test_training_peaks),
        cmocka_unit_test(test_random_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
