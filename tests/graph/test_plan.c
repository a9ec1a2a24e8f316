/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The float plan against the double reference on whole networks: loss, logits and the gradient of
 * every parameter, with every kernel table, with lazy operands and with everything stored. Also
 * what a plan promises: bits that do not depend on memory, buffers alive together that do not
 * overlap, fewer bytes than one buffer per tensor.
 */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "graph/block_build.h"
#include "graph/plan.h"
#include "graph/ref_exec.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define MAX_BLOCKS 8
#define MAX_PARAMS 128

typedef struct net {
    onp_context ctx;
    onp_graph *g;
    onp_block blocks[MAX_BLOCKS];
    int n_blocks;
    float *memory[2 * MAX_PARAMS + 4];
    int n_memory;
    onp_tid params[MAX_PARAMS];
    int n_params;
    onp_tid logits, loss;
    int32_t labels[64];
} net;

static float *random_floats(net *t, onp_shape s, double mean, double deviation)
{
    const int64_t n = onp_shape_count(s);
    float *p = onp_alloc(&t->ctx, (size_t)n, sizeof *p);
    assert_non_null(p);
    const onp_rng r = onp_rng_make(7, ONP_RNG_TEST);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(mean + deviation * onp_rng_normal(r, (uint64_t)i, (uint32_t)t->n_memory, 0));
    t->memory[t->n_memory++] = p;
    return p;
}

static onp_tid add_param(net *t, const onp_param_spec *spec, bool train)
{
    double mean = 0, deviation = 0.1;
    if (spec->role == ONP_PARAM_GAMMA)
        mean = 1;
    if (spec->role == ONP_PARAM_WEIGHT)
        deviation = sqrt(2.0 / (double)(spec->shape.n * spec->shape.h * spec->shape.w));
    float *data = random_floats(t, spec->shape, mean, deviation);
    if (spec->role == ONP_PARAM_STATS) { /* constants; a variance is positive */
        for (int64_t k = spec->shape.c; k < 2 * spec->shape.c; k++)
            data[k] = 0.5F + fabsf(data[k]);
        return onp_graph_external(t->g, spec->shape, data);
    }
    float *grad = train ? random_floats(t, spec->shape, 0, 1) : NULL;
    onp_tid id = onp_graph_param(t->g, spec->shape, data, grad);
    t->params[t->n_params++] = id;
    return id;
}

/* Blocks of a small network whose maps are odd and whose channels leave tails. */
static void small_network(net *t)
{
    const onp_block blocks[] = {
        {.kind = ONP_BLOCK_STEM, .out_c = 10, .kernel = 3, .stride = 2},
        {.kind = ONP_BLOCK_MBCONV, .out_c = 6, .kernel = 3, .stride = 1, .expand = 1},
        {.kind = ONP_BLOCK_MBCONV, .out_c = 20, .kernel = 5, .stride = 2, .expand = 3},
        {.kind = ONP_BLOCK_MBCONV,
         .out_c = 20,
         .kernel = 7,
         .stride = 1,
         .expand = 2,
         .skip = true},
        {.kind = ONP_BLOCK_MBCONV,
         .out_c = 20,
         .kernel = 3,
         .stride = 1,
         .expand = 1,
         .skip = true},
        {.kind = ONP_BLOCK_MIX, .out_c = 33, .kernel = 1, .stride = 1},
        {.kind = ONP_BLOCK_HEAD, .out_c = 7, .kernel = 1, .stride = 1},
    };
    int32_t h = 17, w = 15, c = 3;
    for (size_t i = 0; i < ONP_COUNT(blocks); i++) {
        onp_block b = blocks[i];
        b.in_h = h;
        b.in_w = w;
        b.in_c = c;
        onp_error err = {0};
        if (onp_block_complete(&b, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        h = b.out_h;
        w = b.out_w;
        c = b.out_c;
        t->blocks[t->n_blocks++] = b;
    }
}

static void build(net *t, int64_t batch, onp_block_mode mode, bool train)
{
    onp_error err = {0};
    onp_context_init(&t->ctx);
    t->g = onp_graph_new(&t->ctx, &err);
    assert_non_null(t->g);
    small_network(t);
    const onp_block *first = &t->blocks[0];
    onp_shape in = {batch, first->in_h, first->in_w, first->in_c};
    onp_tid x = onp_graph_external(t->g, in, random_floats(t, in, 0, 1));
    for (int b = 0; b < t->n_blocks; b++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        int n = onp_block_params(&t->blocks[b], mode, specs);
        for (int i = 0; i < n; i++)
            params[i] = add_param(t, &specs[i], train);
        x = onp_block_build(t->g, &t->blocks[b], mode, 1e-3, x, params, NULL);
    }
    t->logits = x;
    onp_graph_keep(t->g, x);
    for (int i = 0; i < (int)batch; i++)
        t->labels[i] = i % 7;
    const onp_tid in_loss[2] = {x, onp_graph_labels(t->g, batch, t->labels)};
    t->loss = onp_graph_add(t->g, ONP_OP_SOFTMAX_CE, in_loss, 2, &(onp_attr){.smoothing = 0.1});
    onp_graph_keep(t->g, t->loss);
    if (train && onp_graph_backward(t->g, t->loss, NULL, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    if (onp_graph_status(t->g, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void release(net *t)
{
    for (int i = 0; i < t->n_memory; i++)
        onp_free(&t->ctx, t->memory[i]);
    onp_graph_free(t->g);
}

/* ||a - b|| / ||b||, b below `floor` counted as floor. */
static double distance(const float *a, const double *b, int64_t n, double floor)
{
    double diff = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(diff) / fmax(sqrt(norm), floor);
}

static double largest_gradient(const net *t, onp_ref_exec *ref)
{
    double largest = 0;
    for (int i = 0; i < t->n_params; i++) {
        const onp_tensor *p = onp_graph_tensor(t->g, t->params[i]);
        const double *g = onp_ref_exec_data(ref, p->grad);
        double norm = 0;
        for (int64_t k = 0; k < onp_shape_count(p->shape); k++)
            norm += g[k] * g[k];
        largest = fmax(largest, sqrt(norm));
    }
    return largest;
}

static void compare(const net *t, const onp_plan *plan, onp_ref_exec *ref, bool train)
{
    const double *logits = onp_ref_exec_data(ref, t->logits);
    const int64_t n = onp_shape_count(onp_graph_shape(t->g, t->logits));
    assert_true(distance(onp_plan_data(plan, t->logits), logits, n, 0) < 1e-5);
    const float *loss = onp_plan_data(plan, t->loss);
    assert_true(fabs((double)loss[0] - onp_ref_exec_data(ref, t->loss)[0]) < 1e-5);
    assert_true((double)loss[1] == onp_ref_exec_data(ref, t->loss)[1]);
    if (!train)
        return;
    const double floor = 1e-3 * largest_gradient(t, ref);
    for (int i = 0; i < t->n_params; i++) {
        const onp_tensor *p = onp_graph_tensor(t->g, t->params[i]);
        const double d = distance(p->grad_data, onp_ref_exec_data(ref, p->grad),
                                  onp_shape_count(p->shape), floor);
        if (!(d < 1e-4))
            fail_msg("parameter %d: gradient differs by %g", i, d);
    }
}

static void run_all_tables(int64_t batch, onp_block_mode mode, bool train)
{
    net t = {0};
    onp_error err = {0};
    build(&t, batch, mode, train);
    onp_ref_exec *ref = NULL;
    assert_int_equal(onp_ref_exec_new(&t.ctx, t.g, &ref, &err), ONP_OK);
    onp_ref_exec_run(ref);
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (int stored = 0; stored < 2; stored++) {
            t.ctx.kernels = onp_kernels_at(k);
            onp_plan *plan = NULL;
            assert_int_equal(onp_plan_new(&t.ctx, &plan, &err), ONP_OK);
            const onp_plan_options options = {.stored = stored != 0};
            if (onp_plan_make(plan, t.g, &options, &err) != ONP_OK)
                fail_msg("%s", err.msg);
            onp_plan_run(plan);
            compare(&t, plan, ref, train);
            onp_plan_free(plan);
        }
    onp_ref_exec_free(ref);
    release(&t);
}

static void test_train(void **state)
{
    (void)state;
    run_all_tables(6, ONP_MODE_TRAIN, true);
    run_all_tables(1, ONP_MODE_TRAIN, true);
}

static void test_inference(void **state)
{
    (void)state;
    run_all_tables(3, ONP_MODE_EVAL, false);
    run_all_tables(3, ONP_MODE_FOLDED, false);
    run_all_tables(1, ONP_MODE_FOLDED, false);
}

/* Statistics that are constants, and no batch norm at all. */
static void test_train_without_batch_statistics(void **state)
{
    (void)state;
    run_all_tables(6, ONP_MODE_EVAL, true);
    run_all_tables(1, ONP_MODE_EVAL, true);
    run_all_tables(6, ONP_MODE_FOLDED, true);
}

/* The same plan twice, and in an arena full of other numbers, gives the same bits. */
static void test_same_bits(void **state)
{
    (void)state;
    net t = {0};
    onp_error err = {0};
    build(&t, 5, ONP_MODE_TRAIN, true);
    t.ctx.kernels = onp_kernels_at(0);
    onp_plan *plan = NULL;
    assert_int_equal(onp_plan_new(&t.ctx, &plan, &err), ONP_OK);
    assert_int_equal(onp_plan_make(plan, t.g, NULL, &err), ONP_OK);
    onp_plan_run(plan);
    float first[64];
    const onp_tensor *p = onp_graph_tensor(t.g, t.params[0]);
    memcpy(first, p->grad_data, sizeof first);
    onp_plan_run(plan);
    assert_memory_equal(first, p->grad_data, sizeof first);
    onp_plan_free(plan);
    release(&t);
}

static void test_memory(void **state)
{
    (void)state;
    net t = {0};
    onp_error err = {0};
    build(&t, 8, ONP_MODE_TRAIN, true);
    t.ctx.kernels = onp_kernels_at(0);
    onp_plan *plan = NULL;
    assert_int_equal(onp_plan_new(&t.ctx, &plan, &err), ONP_OK);
    assert_int_equal(onp_plan_make(plan, t.g, &(onp_plan_options){.stored = true}, &err), ONP_OK);
    const onp_plan_info stored = onp_plan_get_info(plan);
    assert_int_equal(onp_plan_make(plan, t.g, NULL, &err), ONP_OK);
    const onp_plan_info lazy = onp_plan_get_info(plan);
    assert_true(lazy.lower_bound_bytes <= lazy.arena_bytes);
    assert_true(lazy.arena_bytes < lazy.naive_bytes);
    assert_true(2 * lazy.arena_bytes < stored.arena_bytes + stored.arena_bytes / 2);
    onp_plan_free(plan);
    release(&t);
}

static void test_missing_memory(void **state)
{
    (void)state;
    net t = {0};
    onp_error err = {0};
    onp_context_init(&t.ctx);
    t.ctx.kernels = onp_kernels_at(0);
    t.g = onp_graph_new(&t.ctx, &err);
    onp_tid x = onp_graph_external(t.g, (onp_shape){1, 4, 4, 2}, NULL);
    (void)onp_graph_add(t.g, ONP_OP_RELU6, &x, 1, NULL);
    onp_graph_keep(t.g, 1);
    onp_plan *plan = NULL;
    assert_int_equal(onp_plan_new(&t.ctx, &plan, &err), ONP_OK);
    assert_int_equal(onp_plan_make(plan, t.g, NULL, &err), ONP_E_SHAPE);
    assert_non_null(strstr(err.msg, "no memory"));
    onp_plan_free(plan);
    release(&t);
}

/* A failed plan runs nothing and knows no tensor; the next one works. */
static void test_empty_after_failure(void **state)
{
    (void)state;
    onp_test_memory m;
    onp_error err = {0};
    net t = {0};
    build(&t, 2, ONP_MODE_TRAIN, true);
    onp_plan *plan = NULL;
    onp_test_memory_init(&m, 0);
    m.ctx.kernels = onp_kernels_at(0);
    assert_int_equal(onp_plan_new(&m.ctx, &plan, &err), ONP_OK);
    for (long more = 1;; more++) {
        m.fail_at = m.n_allocs + more;
        if (onp_plan_make(plan, t.g, NULL, &err) == ONP_OK)
            break;
        assert_int_equal(err.status, ONP_E_NOMEM);
        onp_plan_run(plan);
        assert_null(onp_plan_data(plan, t.loss));
        onp_plan_free(plan);
        m.fail_at = 0;
        assert_int_equal(onp_plan_new(&m.ctx, &plan, &err), ONP_OK);
    }
    onp_plan_run(plan);
    assert_true(onp_plan_data(plan, t.loss)[0] > 0);
    onp_plan_free(plan);
    assert_int_equal(m.n_live, 0);
    release(&t);
}

/* Weights that a lazy operation makes are stored: a convolution reads them as they lie. */
static void test_computed_weights(void **state)
{
    (void)state;
    const onp_shape in = {2, 5, 4, 3}, weight = {3, 3, 3, 4};
    net t = {0};
    onp_error err = {0};
    onp_context_init(&t.ctx);
    t.ctx.kernels = onp_kernels_at(0);
    t.g = onp_graph_new(&t.ctx, &err);
    assert_non_null(t.g);
    const onp_tid x = onp_graph_external(t.g, in, random_floats(&t, in, 0, 1));
    const onp_tid raw = onp_graph_external(t.g, weight, random_floats(&t, weight, 0, 1));
    const onp_tid both[2] = {x, onp_graph_add(t.g, ONP_OP_RELU6, &raw, 1, NULL)};
    const onp_tid y =
        onp_graph_add(t.g, ONP_OP_CONV, both, 2, &(onp_attr){.kernel = 3, .stride = 1});
    onp_graph_keep(t.g, y);
    onp_plan *plan = NULL;
    onp_ref_exec *ref = NULL;
    assert_int_equal(onp_plan_new(&t.ctx, &plan, &err), ONP_OK);
    assert_int_equal(onp_plan_make(plan, t.g, NULL, &err), ONP_OK);
    onp_plan_run(plan);
    assert_int_equal(onp_ref_exec_new(&t.ctx, t.g, &ref, &err), ONP_OK);
    onp_ref_exec_run(ref);
    const int64_t n = onp_shape_count(onp_graph_shape(t.g, y));
    assert_true(distance(onp_plan_data(plan, y), onp_ref_exec_data(ref, y), n, 0) < 1e-6);
    onp_ref_exec_free(ref);
    onp_plan_free(plan);
    release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_train_without_batch_statistics),
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_missing_memory),
        cmocka_unit_test(test_empty_after_failure),
        cmocka_unit_test(test_computed_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
