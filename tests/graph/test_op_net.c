/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks of the operations that blocks are made of: dilation, groups, average pooling, hard
 * swish, squeeze and excite, dropout. The float plan against the double reference, loss and every
 * gradient, lazily and stored, with every kernel table; the same bits in every mode of
 * recomputation and on any number of threads; a gate by the inner product; a batch in pieces.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "graph/plan.h"
#include "graph/recompute.h"
#include "graph/ref_exec.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define BATCH      4
#define CLASSES    7
#define MAX_PARAMS 64
#define FLOATS     (1 << 18)

typedef struct net {
    onp_context ctx;
    onp_graph *g;
    float memory[FLOATS];
    size_t used;
    int64_t batch; /* from sample `first` on */
    int64_t first;
    bool batch_norm; /* else biases, as in a folded network */
    onp_tid params[MAX_PARAMS], tapped, logits, loss;
    int n_params;
    int32_t labels[BATCH];
    float gate;
} net;

static float *take(net *t, int64_t n, double mean, double deviation)
{
    const onp_rng r = onp_rng_make(31, ONP_RNG_TEST);
    float *p = t->memory + t->used;
    t->used += (size_t)n;
    assert_true(t->used <= FLOATS);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(mean + deviation * onp_rng_normal(r, (uint64_t)i, (uint32_t)t->used, 0));
    return p;
}

static onp_tid param(net *t, onp_shape s, double mean, double deviation)
{
    float *data = take(t, onp_shape_count(s), mean, deviation);
    float *grad = take(t, onp_shape_count(s), 0, 1);
    return t->params[t->n_params++] = onp_graph_param(t->g, s, data, grad);
}

static onp_tid one(net *t, onp_op op, onp_tid x, const onp_attr *attr)
{
    return onp_graph_add(t->g, op, &x, 1, attr);
}

/* A convolution (c_out 0: depthwise) with batch norm or bias. */
static onp_tid conv(net *t, onp_tid x, int64_t c_out, onp_attr attr)
{
    const onp_op op = c_out > 0 ? ONP_OP_CONV : ONP_OP_DEPTHWISE;
    const int64_t c = onp_graph_shape(t->g, x).c, out = c_out > 0 ? c_out : c;
    const int64_t depth = c_out > 0 ? c / onp_attr_groups(&attr) : 1;
    const double deviation = sqrt(2.0 / (double)(attr.kernel * attr.kernel * depth));
    const onp_tid w = param(t, (onp_shape){attr.kernel, attr.kernel, depth, out}, 0, deviation);
    const onp_shape vector = {1, 1, 1, out};
    if (!t->batch_norm)
        return onp_graph_add(t->g, op, (const onp_tid[]){x, w, param(t, vector, 0.2, 0.1)}, 3,
                             &attr);
    const onp_tid raw = onp_graph_add(t->g, op, (const onp_tid[]){x, w}, 2, &attr);
    const onp_tid bn[4] = {raw, one(t, ONP_OP_BN_STATS, raw, NULL), param(t, vector, 2, 0.1),
                           param(t, vector, 0.2, 0.1)};
    return onp_graph_add(t->g, ONP_OP_BN_APPLY, bn, 4, &(onp_attr){.eps = 1e-3});
}

static onp_tid linear(net *t, onp_tid x, int64_t c_out)
{
    const int64_t c = onp_graph_shape(t->g, x).c;
    const onp_tid in[3] = {x, param(t, (onp_shape){1, 1, c, c_out}, 0, sqrt(1.0 / (double)c)),
                           param(t, (onp_shape){1, 1, 1, c_out}, 0, 0.1)};
    return onp_graph_add(t->g, ONP_OP_CONV, in, 3, &(onp_attr){.kernel = 1, .stride = 1});
}

static onp_tid squeeze_excite(net *t, onp_tid x, int64_t hidden)
{
    onp_tid s = one(t, ONP_OP_GLOBAL_AVG_POOL, x, NULL);
    s = one(t, ONP_OP_RELU, linear(t, s, hidden), NULL);
    s = one(t, ONP_OP_HSIGMOID, linear(t, s, onp_graph_shape(t->g, x).c), NULL);
    return onp_graph_add(t->g, ONP_OP_CHANNEL_SCALE, (const onp_tid[]){x, s}, 2, NULL);
}

static onp_tid inverted(net *t, onp_tid x, int64_t mid, onp_attr depthwise, onp_op act)
{
    const onp_attr pointwise = {.kernel = 1, .stride = 1};
    onp_tid y = one(t, act, conv(t, x, mid, pointwise), NULL);
    y = one(t, act, conv(t, y, 0, depthwise), NULL);
    y = conv(t, squeeze_excite(t, y, 5), onp_graph_shape(t->g, x).c, pointwise);
    return depthwise.stride == 1 ? onp_graph_add(t->g, ONP_OP_ADD, (const onp_tid[]){y, x}, 2, NULL)
                                 : y;
}

static void forward(net *t)
{
    const onp_shape in = {t->batch, 15, 13, 3}, all = {BATCH, 15, 13, 3};
    int group = 0;
    float *images = take(t, onp_shape_count(all), 0, 1);
    onp_tid x = onp_graph_external(t->g, in, images + t->first * 15 * 13 * 3);
    onp_graph_set_group(t->g, group++);
    x = one(t, ONP_OP_HSWISH, conv(t, x, 10, (onp_attr){.kernel = 3, .stride = 1}), NULL);
    onp_graph_set_group(t->g, group++);
    x = inverted(t, x, 27, (onp_attr){.kernel = 3, .stride = 1, .dilation = 2}, ONP_OP_RELU6);
    onp_graph_set_group(t->g, group++);
    x = inverted(t, x, 19, (onp_attr){.kernel = 5, .stride = 2}, ONP_OP_HSWISH);
    onp_graph_set_group(t->g, group++);
    x = one(t, ONP_OP_RELU6,
            conv(t, x, 15, (onp_attr){.kernel = 3, .stride = 1, .dilation = 2, .groups = 5}), NULL);
    onp_graph_set_group(t->g, group++);
    x = one(t, ONP_OP_AVG_POOL, x, &(onp_attr){.kernel = 3, .stride = 1});
    t->tapped = x;
    onp_graph_set_group(t->g, group++);
    x = one(t, ONP_OP_HSWISH, conv(t, x, 20, (onp_attr){.kernel = 5, .stride = 2, .dilation = 3}),
            NULL);
    onp_graph_set_group(t->g, group++);
    x = one(t, ONP_OP_AVG_POOL, x, &(onp_attr){.kernel = 2, .stride = 2});
    onp_graph_set_group(t->g, group++);
    x = one(t, ONP_OP_HSWISH, conv(t, x, 18, (onp_attr){.kernel = 1, .stride = 1, .groups = 2}),
            NULL);
    x = one(t, ONP_OP_GLOBAL_AVG_POOL, x, NULL);
    x = one(t, ONP_OP_DROPOUT, x,
            &(onp_attr){.rate = 0.3, .key = onp_rng_make(9, ONP_RNG_DROPOUT)});
    t->logits = linear(t, x, CLASSES);
    onp_graph_keep(t->g, t->logits);
}

/* What a pointwise convolution widens is read by the next block: with a shortcut, and without. */
static void forward_across(net *t)
{
    const onp_shape in = {t->batch, 15, 13, 3}, all = {BATCH, 15, 13, 3};
    const onp_attr three = {.kernel = 3, .stride = 1}, pointwise = {.kernel = 1, .stride = 1};
    float *images = take(t, onp_shape_count(all), 0, 1);
    onp_tid x = onp_graph_external(t->g, in, images + t->first * 15 * 13 * 3);
    onp_graph_set_group(t->g, 0);
    x = one(t, ONP_OP_RELU6, conv(t, x, 10, three), NULL);
    onp_graph_set_group(t->g, 1);
    x = one(t, ONP_OP_RELU6, conv(t, x, 19, pointwise), NULL);
    onp_graph_set_group(t->g, 2);
    onp_tid y = conv(t, one(t, ONP_OP_RELU6, conv(t, x, 0, three), NULL), 19, pointwise);
    x = onp_graph_add(t->g, ONP_OP_ADD, (const onp_tid[]){y, x}, 2, NULL);
    onp_graph_set_group(t->g, 3);
    x = one(t, ONP_OP_RELU, conv(t, x, 27, pointwise), NULL);
    onp_graph_set_group(t->g, 4);
    t->tapped = x = one(t, ONP_OP_RELU6, conv(t, x, 0, three), NULL);
    t->logits = linear(t, one(t, ONP_OP_GLOBAL_AVG_POOL, x, NULL), CLASSES);
    onp_graph_keep(t->g, t->logits);
}

/* G = <dL/dy, y> of a block whose output has no batch norm. */
static onp_status gate(void *user, onp_graph *g, onp_tid tapped, onp_tid grad, onp_error *err)
{
    net *t = user;
    const onp_shape scalar = {1, 1, 1, 1};
    const onp_tid in[2] = {grad, onp_graph_again(g, tapped)};
    const int32_t node = onp_graph_add_node(g, ONP_OP_DOT, in, 2, &scalar, 1, NULL);
    if (node != ONP_NONE)
        onp_graph_bind(g, onp_graph_node(g, node)->out[0], &t->gate);
    return onp_graph_status(g, err);
}

static net *net_make(int64_t first, int64_t batch, bool batch_norm, bool across, onp_recompute mode)
{
    onp_error err = {0};
    net *t = test_calloc(1, sizeof *t);
    t->batch = batch;
    t->first = first;
    t->batch_norm = batch_norm;
    onp_context_init(&t->ctx);
    t->ctx.kernels = onp_kernels_at(0);
    t->g = onp_graph_new(&t->ctx, &err);
    assert_non_null(t->g);
    if (across)
        forward_across(t);
    else
        forward(t);
    for (int64_t i = 0; i < batch; i++)
        t->labels[i] = (int32_t)((first + i) * 3 % CLASSES);
    const onp_tid in[2] = {t->logits, onp_graph_labels(t->g, batch, t->labels)};
    t->loss = onp_graph_add(t->g, ONP_OP_SOFTMAX_CE, in, 2, NULL);
    onp_graph_keep(t->g, t->loss);
    onp_graph_tap(t->g, t->tapped);
    if (onp_graph_recompute(t->g, mode, &err) != ONP_OK ||
        onp_graph_backward(t->g, t->loss, gate, t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return t;
}

static net *net_new(int64_t first, int64_t batch, bool batch_norm, onp_recompute mode)
{
    return net_make(first, batch, batch_norm, false, mode);
}

static void net_free(net *t)
{
    onp_graph_free(t->g);
    test_free(t);
}

static size_t run(net *t, const onp_plan_options *options, float logits[BATCH * CLASSES])
{
    onp_error err = {0};
    onp_plan *plan = NULL;
    assert_int_equal(onp_plan_new(&t->ctx, &plan, &err), ONP_OK);
    if (onp_plan_make(plan, t->g, options, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_plan_set_first_sample(plan, t->first);
    onp_plan_run(plan);
    memcpy(logits, onp_plan_data(plan, t->logits), (size_t)t->batch * CLASSES * sizeof *logits);
    const size_t bytes = onp_plan_get_info(plan).arena_bytes;
    onp_plan_free(plan);
    return bytes;
}

static double distance(const float *a, const double *b, int64_t n)
{
    double diff = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(diff) / fmax(sqrt(norm), 1e-3);
}

static void compare(net *t, onp_ref_exec *ref, const onp_plan_options *options)
{
    float logits[BATCH * CLASSES];
    run(t, options, logits);
    assert_true(distance(logits, onp_ref_exec_data(ref, t->logits), BATCH * CLASSES) < 1e-5);
    for (int i = 0; i < t->n_params; i++) {
        const onp_tensor *p = onp_graph_tensor(t->g, t->params[i]);
        const double d =
            distance(p->grad_data, onp_ref_exec_data(ref, p->grad), onp_shape_count(p->shape));
        if (!(d < 1e-4))
            fail_msg("parameter %d: gradient differs by %g", i, d);
    }
    /* the inner product of what the reference has for both */
    const int64_t n = onp_shape_count(onp_graph_shape(t->g, t->tapped));
    const double *y = onp_ref_exec_data(ref, t->tapped);
    const double *g = onp_ref_exec_data(ref, onp_graph_tensor(t->g, t->tapped)->grad);
    double dot = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        dot += y[i] * g[i];
        sum += fabs(y[i] * g[i]);
    }
    if (!(fabs((double)t->gate - dot) < 1e-5 * sum))
        fail_msg("the gate is %.9g, wanted %.9g", (double)t->gate, dot);
}

static void test_against_reference(void **state)
{
    (void)state;
    for (int batch_norm = 0; batch_norm < 2; batch_norm++) {
        onp_error err = {0};
        onp_ref_exec *ref = NULL;
        net *t = net_new(0, BATCH, batch_norm != 0, ONP_RECOMPUTE_NONE);
        assert_int_equal(onp_ref_exec_new(&t->ctx, t->g, &ref, &err), ONP_OK);
        onp_ref_exec_run(ref);
        for (int k = 0; onp_kernels_at(k) != NULL; k++) {
            t->ctx.kernels = onp_kernels_at(k);
            compare(t, ref, NULL);
            compare(t, ref, &(onp_plan_options){.stored = true});
            compare(t, ref, &(onp_plan_options){.inference = true, .order = true});
        }
        onp_ref_exec_free(ref);
        net_free(t);
    }
}

static void assert_same_grads(const net *a, const net *b)
{
    for (int i = 0; i < a->n_params; i++) {
        const onp_tensor *p = onp_graph_tensor(a->g, a->params[i]);
        const onp_tensor *q = onp_graph_tensor(b->g, b->params[i]);
        assert_memory_equal(p->grad_data, q->grad_data,
                            (size_t)onp_shape_count(p->shape) * sizeof(float));
    }
    assert_memory_equal(&a->gate, &b->gate, sizeof a->gate);
}

static void recompute(bool across)
{
    for (int stored = 0; stored < 2; stored++) {
        float logits[BATCH * CLASSES], again_logits[BATCH * CLASSES];
        const onp_plan_options options = {.stored = stored != 0};
        net *kept = net_make(0, BATCH, true, across, ONP_RECOMPUTE_NONE);
        const size_t bytes = run(kept, &options, logits);
        for (int mode = ONP_RECOMPUTE_CHEAP; mode < ONP_RECOMPUTE_COUNT; mode++) {
            net *again = net_make(0, BATCH, true, across, (onp_recompute)mode);
            assert_true(run(again, &options, again_logits) < bytes);
            assert_memory_equal(logits, again_logits, sizeof logits);
            assert_same_grads(kept, again);
            net_free(again);
        }
        net_free(kept);
    }
}

static void test_recompute(void **state)
{
    (void)state;
    recompute(false);
}

static void test_recompute_across_blocks(void **state)
{
    (void)state;
    recompute(true);
}

/* Without batch norm samples do not know of each other: pieces have the logits of the whole, mask
 * of the dropout and all. */
static void test_pieces(void **state)
{
    (void)state;
    float whole[BATCH * CLASSES], piece[BATCH * CLASSES];
    net *t = net_new(0, BATCH, false, ONP_RECOMPUTE_NONE);
    run(t, NULL, whole);
    for (int64_t first = 0; first < BATCH; first += 2) {
        net *part = net_new(first, 2, false, ONP_RECOMPUTE_NONE);
        run(part, NULL, piece);
        for (int i = 0; i < 2 * CLASSES; i++)
            if (!(fabsf(piece[i] - whole[first * CLASSES + i]) < 1e-4F))
                fail_msg("logit %d of the piece from %d on is %g, wanted %g", i, (int)first,
                         (double)piece[i], (double)whole[first * CLASSES + i]);
        net_free(part);
    }
    net_free(t);
}

/* ---- threads: the program runs itself, as their number is set once in a process ---- */

/* FNV-1a */
static uint64_t hash(uint64_t h, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * UINT64_C(1099511628211);
    return h;
}

/* The child: prints its hash. */
static int child(int threads)
{
    float logits[BATCH * CLASSES];
    onp_error err = {0};
    assert_int_equal(onp_parallel_start(threads, threads <= 2, &err), ONP_OK);
    net *t = net_new(0, BATCH, true, ONP_RECOMPUTE_BLOCKS);
    run(t, NULL, logits);
    uint64_t h = hash(UINT64_C(14695981039346656037), logits, sizeof logits);
    for (int i = 0; i < t->n_params; i++) {
        const onp_tensor *p = onp_graph_tensor(t->g, t->params[i]);
        h = hash(h, p->grad_data, (size_t)onp_shape_count(p->shape) * sizeof(float));
    }
    h = hash(h, &t->gate, sizeof t->gate);
    net_free(t);
    printf("%016llx\n", (unsigned long long)h);
    return 0;
}

static void run_child(int threads, char line[64])
{
    char arguments[16];
    (void)snprintf(arguments, sizeof arguments, "%d", threads);
    onp_test_again(arguments, line, 64);
}

static void test_threads(void **state)
{
    (void)state;
    static const int others[] = {2, 3, 8};
    char first[64], line[64];
    run_child(1, first);
    assert_int_equal(strlen(first), 17);
    for (size_t i = 0; i < ONP_COUNT(others); i++) {
        run_child(others[i], line);
        assert_string_equal(line, first);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child((int)strtol(argv[1], NULL, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_recompute),
        cmocka_unit_test(test_recompute_across_blocks),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
