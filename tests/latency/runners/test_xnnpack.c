/* SPDX-License-Identifier: Apache-2.0 */
/* What XNNPACK makes of a graph agrees with the reference kernels in double: each operation, each
 * kind of block, networks whole and by group; on one thread and on two. What it cannot run is an
 * error that names the node. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/philox.h"
#include "graph/ref_exec.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/synthetic.h"
#include "latency/runners/xnnpack/model.h"
#include "tests/test_support.h"

/* Sums of some thousand products in float. */
#define TOLERANCE 2e-6

static onp_context plain(void)
{
    onp_context ctx;
    onp_context_init(&ctx);
    return ctx;
}

/* Synthetic biases are 0, which would hide one that is lost. */
static void fill_biases(onp_graph *g)
{
    const onp_rng rng = onp_rng_make(5, ONP_RNG_SYNTHETIC);
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        const onp_node *n = onp_graph_node(g, i);
        if ((n->op != ONP_OP_CONV && n->op != ONP_OP_DEPTHWISE) || n->n_in < 3)
            continue;
        const onp_tensor *b = onp_graph_tensor(g, n->in[2]);
        for (int64_t j = 0; j < b->shape.c; j++)
            ((float *)b->data)[j] = (float)onp_rng_normal(rng, (uint64_t)j, (uint32_t)i, 0);
    }
}

/* Largest difference over the largest value of a kept tensor. */
static double difference(const onp_xnn_model *m, onp_ref_exec *ref, const onp_graph *g, onp_tid t)
{
    const float *got = onp_xnn_model_data(m, t);
    const double *want = onp_ref_exec_data(ref, t);
    double worst = 0.0, largest = 1e-6;
    assert_non_null(got);
    for (int64_t i = 0; i < onp_shape_count(onp_graph_shape(g, t)); i++) {
        const double d = fabs((double)got[i] - want[i]);
        if (!(d <= worst)) /* a NaN too */
            worst = d;
        largest = fmax(largest, fabs(want[i]));
    }
    return worst / largest;
}

/* How a graph is run; two threads are there to be waited for, so that one way has them. */
typedef struct way {
    onp_xnn_split split;
    pthreadpool_t pool;
} way;

static void agree_in(const onp_context *ctx, const way *w, onp_graph *g, onp_ref_exec *ref,
                     const char *what)
{
    onp_error err = {0};
    onp_xnn_model *m = NULL;
    if (onp_xnn_model_new(ctx, g, w->split, w->pool, &m, &err) != ONP_OK)
        fail_msg("%s: %s", what, err.msg);
    for (int times = 0; times < 2; times++) /* a run leaves nothing that the next one sees */
        for (size_t p = 0; p < onp_xnn_model_n_parts(m); p++)
            onp_xnn_model_run(m, p);
    assert_int_equal(onp_xnn_model_status(m, &err), ONP_OK);
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++) {
        const onp_tensor *tensor = onp_graph_tensor(g, t);
        if (!tensor->keep || tensor->producer == ONP_NONE)
            continue;
        const double d = difference(m, ref, g, t);
        if (!(d <= TOLERANCE))
            fail_msg("%s: tensor %d differs by %g of the largest", what, (int)t, d);
    }
    onp_xnn_model_free(m);
}

static void agree(const onp_context *ctx, pthreadpool_t pool, onp_graph *g, const char *what)
{
    const way ways[] = {{ONP_XNN_WHOLE, NULL}, {ONP_XNN_BY_GROUP, NULL}, {ONP_XNN_WHOLE, pool}};
    onp_error err = {0};
    float *memory = NULL;
    onp_ref_exec *ref = NULL;
    if (onp_synthetic_fill(ctx, g, 1, 0, &memory, &err) != ONP_OK)
        fail_msg("%s: %s", what, err.msg);
    fill_biases(g);
    assert_int_equal(onp_ref_exec_new(ctx, g, &ref, &err), ONP_OK);
    onp_ref_exec_run(ref);
    for (size_t i = 0; i < ONP_COUNT(ways); i++)
        agree_in(ctx, &ways[i], g, ref, what);
    onp_ref_exec_free(ref);
    onp_free(ctx, memory);
}

/* ---- operations ---- */

typedef struct op_case {
    onp_op op;
    onp_shape x, second; /* second: weight, scale or summand; all 0: none */
    onp_attr attr;
    bool bias;
} op_case;

static const op_case op_cases[] = {
    {ONP_OP_CONV, {2, 7, 6, 3}, {3, 3, 3, 5}, {.kernel = 3, .stride = 1}, true},
    {ONP_OP_CONV, {2, 7, 6, 3}, {3, 3, 3, 5}, {.kernel = 3, .stride = 2}, false},
    {ONP_OP_CONV, {1, 8, 9, 4}, {5, 5, 4, 6}, {.kernel = 5, .stride = 3}, true},
    {ONP_OP_CONV, {1, 9, 9, 4}, {3, 3, 2, 6}, {.kernel = 3, .stride = 1, .groups = 2}, true},
    {ONP_OP_CONV, {1, 9, 9, 4}, {3, 3, 4, 6}, {.kernel = 3, .stride = 2, .dilation = 2}, true},
    {ONP_OP_CONV, {3, 5, 4, 8}, {1, 1, 8, 24}, {.kernel = 1, .stride = 1}, true},
    {ONP_OP_CONV, {3, 6, 5, 8}, {1, 1, 8, 7}, {.kernel = 1, .stride = 2}, true},
    {ONP_OP_CONV, {3, 1, 1, 19}, {1, 1, 19, 10}, {.kernel = 1, .stride = 1}, true},
    {ONP_OP_CONV, {1, 1, 1, 19}, {1, 1, 19, 10}, {.kernel = 1, .stride = 1}, false},
    {ONP_OP_DEPTHWISE, {2, 7, 6, 5}, {3, 3, 1, 5}, {.kernel = 3, .stride = 1}, true},
    {ONP_OP_DEPTHWISE, {2, 7, 6, 16}, {5, 5, 1, 16}, {.kernel = 5, .stride = 2}, true},
    {ONP_OP_DEPTHWISE, {1, 9, 8, 17}, {7, 7, 1, 17}, {.kernel = 7, .stride = 2}, false},
    {ONP_OP_DEPTHWISE, {1, 9, 8, 8}, {3, 3, 1, 8}, {.kernel = 3, .stride = 1, .dilation = 2}, true},
    {ONP_OP_RELU6, {2, 5, 4, 7}, {0}, {0}, false},
    {ONP_OP_RELU, {2, 5, 4, 7}, {0}, {0}, false},
    {ONP_OP_HSWISH, {2, 5, 4, 7}, {0}, {0}, false},
    {ONP_OP_HSIGMOID, {2, 5, 4, 7}, {0}, {0}, false},
    {ONP_OP_GLOBAL_AVG_POOL, {2, 5, 4, 7}, {0}, {0}, false},
    {ONP_OP_MAX_POOL, {2, 7, 6, 5}, {0}, {.kernel = 3, .stride = 2}, false},
    {ONP_OP_MAX_POOL, {2, 7, 6, 5}, {0}, {.kernel = 2, .stride = 2}, false},
    {ONP_OP_MAX_POOL, {1, 6, 6, 16}, {0}, {.kernel = 5, .stride = 1}, false},
    {ONP_OP_AVG_POOL, {2, 7, 6, 5}, {0}, {.kernel = 3, .stride = 1}, false},
    {ONP_OP_AVG_POOL, {2, 8, 6, 5}, {0}, {.kernel = 2, .stride = 2}, false},
    {ONP_OP_AVG_POOL, {1, 7, 6, 16}, {0}, {.kernel = 5, .stride = 3}, false},
    {ONP_OP_FLATTEN, {2, 3, 4, 5}, {0}, {0}, false},
    {ONP_OP_ADD, {2, 5, 4, 7}, {2, 5, 4, 7}, {0}, false},
    {ONP_OP_CHANNEL_SCALE, {2, 5, 4, 7}, {2, 1, 1, 7}, {0}, false},
};

static void operations(void **state)
{
    pthreadpool_t pool = *state;
    onp_context ctx = plain();
    for (size_t i = 0; i < ONP_COUNT(op_cases); i++) {
        const op_case *c = &op_cases[i];
        char what[64];
        (void)snprintf(what, sizeof what, "case %zu: %s", i, onp_op_get(c->op)->name);
        onp_graph *g = onp_graph_new(&ctx, NULL);
        onp_tid in[3] = {onp_graph_external(g, c->x, NULL)};
        int n = 1;
        if (c->second.n > 0)
            in[n++] = onp_graph_external(g, c->second, NULL);
        if (c->bias)
            in[n++] = onp_graph_external(g, (onp_shape){1, 1, 1, c->second.c}, NULL);
        onp_graph_keep(g, onp_graph_add(g, c->op, in, n, &c->attr));
        agree(&ctx, pool, g, what);
        onp_graph_free(g);
    }
}

/* A clamp that XNNPACK could fuse must not take away what it clamps where that is wanted too. */
static void kept_before_a_clamp(void **state)
{
    pthreadpool_t pool = *state;
    onp_context ctx = plain();
    onp_graph *g = onp_graph_new(&ctx, NULL);
    const onp_tid x = onp_graph_external(g, (onp_shape){1, 5, 4, 3}, NULL);
    const onp_tid w = onp_graph_external(g, (onp_shape){1, 1, 3, 8}, NULL);
    const onp_tid y =
        onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &(onp_attr){.kernel = 1, .stride = 1});
    onp_graph_keep(g, y);
    const onp_tid z = onp_graph_add(g, ONP_OP_RELU6, &y, 1, NULL);
    onp_graph_keep(g, z);
    agree(&ctx, pool, g, "conv, kept, relu6, kept");
    onp_graph_keep(g, onp_graph_add(g, ONP_OP_ADD, (onp_tid[]){y, z}, 2, NULL));
    agree(&ctx, pool, g, "conv, kept, relu6, kept, add");
    onp_graph_free(g);
}

/* ---- blocks and networks ---- */

#define MAX_BLOCKS 8
static const char *const networks[][MAX_BLOCKS] = {
    {"stem in=9x8x3 out=5x4x8 k=3 s=2"},
    {"stem in=9x8x3 out=5x4x8 k=3 s=2 act=hswish"},
    {"mbconv in=7x6x8 out=7x6x8 k=3 e=3 s=1 skip=1"},
    {"mbconv in=7x6x8 out=4x3x12 k=5 e=6 s=2 skip=0"},
    {"mbconv in=7x6x8 out=7x6x8 k=7 e=1 s=1 skip=1"},
    {"mbconv in=7x6x16 out=7x6x16 k=3 e=3 s=1 skip=1 act=hswish se=16"},
    {"mbconv in=7x6x16 out=4x3x24 k=5 e=3 s=2 skip=0 act=relu se=16"},
    {"depthwise-separable in=7x6x8 out=7x6x8 k=3 s=1 skip=1"},
    {"depthwise-separable in=7x6x8 out=4x3x20 k=5 s=2 skip=0"},
    {"conv in=7x6x8 out=4x3x12 k=3 s=2"},
    {"conv in=7x6x8 out=7x6x12 k=3 s=1 d=2 g=4 act=relu"},
    {"mix in=4x3x12 out=4x3x20"},
    {"max-pool in=7x6x8 out=4x3x8 k=3 s=2"},
    {"avg-pool in=7x6x8 out=7x6x8 k=3 s=1"},
    {"head in=4x3x20 out=10"},
    {"head in=4x3x20 out=10 mid=24 act=hswish"},
    {"stem in=20x18x3 out=10x9x8 k=3 s=2", "mbconv in=10x9x8 out=10x9x8 k=3 e=6 s=1 skip=1", "zero",
     "mbconv in=10x9x8 out=5x5x16 k=5 e=3 s=2 skip=0 act=hswish se=8",
     "depthwise-separable in=5x5x16 out=5x5x16 k=3 s=1 skip=1",
     "max-pool in=5x5x16 out=5x5x16 k=3 s=1", "mix in=5x5x16 out=5x5x32", "head in=5x5x32 out=6"},
};

static void build(onp_graph *g, const char *const keys[MAX_BLOCKS], int64_t batch)
{
    onp_block blocks[MAX_BLOCKS];
    onp_error err = {0};
    size_t n = 0;
    for (; n < MAX_BLOCKS && keys[n] != NULL; n++)
        if (onp_block_parse(keys[n], &blocks[n], &err) != ONP_OK)
            fail_msg("%s", err.msg);
    (void)onp_network_graph(g, blocks, n, batch, ONP_MODE_FOLDED, 0.0);
    if (onp_graph_status(g, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void blocks_and_networks(void **state)
{
    pthreadpool_t pool = *state;
    onp_context ctx = plain();
    for (size_t i = 0; i < ONP_COUNT(networks); i++)
        for (int64_t batch = 1; batch <= 3; batch += 2) {
            onp_graph *g = onp_graph_new(&ctx, NULL);
            build(g, networks[i], batch);
            agree(&ctx, pool, g, networks[i][0]);
            onp_graph_free(g);
        }
}

/* Groups are what stamps are of: one runtime each, and the free block has none. */
static void parts_are_groups(void **state)
{
    (void)state;
    onp_context ctx = plain();
    float *memory = NULL;
    onp_xnn_model *m = NULL;
    onp_graph *g = onp_graph_new(&ctx, NULL);
    build(g, networks[ONP_COUNT(networks) - 1], 1);
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, NULL), ONP_OK);
    assert_int_equal(onp_xnn_model_new(&ctx, g, ONP_XNN_BY_GROUP, NULL, &m, NULL), ONP_OK);
    assert_int_equal(onp_xnn_model_n_parts(m), 7);
    onp_xnn_model_free(m);
    assert_int_equal(onp_xnn_model_new(&ctx, g, ONP_XNN_WHOLE, NULL, &m, NULL), ONP_OK);
    assert_int_equal(onp_xnn_model_n_parts(m), 1);
    onp_xnn_model_free(m);
    onp_free(&ctx, memory);
    onp_graph_free(g);
}

/* ---- what it cannot run ---- */

static void refusals(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_error err = {0};
    float *memory = NULL;
    onp_xnn_model *m = NULL;
    onp_graph *g = onp_graph_new(&ctx, NULL);
    assert_int_equal(onp_xnn_model_new(&ctx, g, ONP_XNN_WHOLE, NULL, &m, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "no nodes");
    const onp_tid x = onp_graph_external(g, (onp_shape){1, 5, 4, 3}, NULL);
    const onp_tid y = onp_graph_add(g, ONP_OP_RELU, &x, 1, NULL);
    (void)onp_graph_add(g, ONP_OP_BN_STATS, &y, 1, NULL);
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, NULL), ONP_OK);
    assert_int_equal(onp_xnn_model_new(&ctx, g, ONP_XNN_WHOLE, NULL, &m, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "node 1: bn-stats cannot run here");
    onp_free(&ctx, memory);

    onp_graph_clear(g);
    const onp_tid z = onp_graph_external(g, (onp_shape){1, 5, 4, 3}, NULL);
    (void)onp_graph_add(g, ONP_OP_MAX_POOL, &z, 1, &(onp_attr){.kernel = 1, .stride = 2});
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, NULL), ONP_OK);
    assert_int_equal(onp_xnn_model_new(&ctx, g, ONP_XNN_WHOLE, NULL, &m, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "node 0: xnnpack: max-pool: an invalid parameter");
    assert_null(m);
    onp_free(&ctx, memory);

    onp_graph_clear(g); /* a map of 4 GiB, which nobody allocates */
    const onp_tid small = onp_graph_external(g, (onp_shape){1, 256, 256, 1}, NULL);
    const onp_tid w = onp_graph_external(g, (onp_shape){1, 1, 1, 16384}, NULL);
    onp_tid wide = onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){small, w}, 2,
                                 &(onp_attr){.kernel = 1, .stride = 1});
    (void)onp_graph_add(g, ONP_OP_GLOBAL_AVG_POOL, &wide, 1, NULL);
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, NULL), ONP_OK);
    assert_int_equal(onp_xnn_model_new(&ctx, g, ONP_XNN_WHOLE, NULL, &m, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "MiB, wanted at most 4096");
    onp_free(&ctx, memory);
    onp_graph_free(g);
}

static onp_status make_model(const onp_context *ctx, void *arg)
{
    onp_xnn_model *m = NULL;
    onp_status st = onp_xnn_model_new(ctx, arg, ONP_XNN_BY_GROUP, NULL, &m, NULL);
    onp_xnn_model_free(m);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    onp_context ctx = plain();
    float *memory = NULL;
    onp_graph *g = onp_graph_new(&ctx, NULL);
    build(g, networks[5], 1);
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, NULL), ONP_OK);
    onp_test_each_allocation(make_model, g);
    onp_free(&ctx, memory);
    onp_graph_free(g);
}

static int make_pool(void **state)
{
    *state = pthreadpool_create(2);
    return *state != NULL ? 0 : -1;
}

static int free_pool(void **state)
{
    pthreadpool_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations),
        cmocka_unit_test(kept_before_a_clamp),
        cmocka_unit_test(blocks_and_networks),
        cmocka_unit_test(parts_are_groups),
        cmocka_unit_test(refusals),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, make_pool, free_pool);
}
