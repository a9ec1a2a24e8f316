/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a supernet against the same path in double: gate gradients computed as the inner product
 * that they are, the weight step, statistics; and what steps promise: only the drawn path is
 * touched, memory of earlier paths does not show, failures leave the weights alone.
 */
#include "supernet/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/block_build.h"
#include "graph/ref_exec.h"
#include "ops/kernels.h"
#include "tests/supernet/tiny_net.h"

static const bool all_wanted[TINY_POSITIONS][ONP_MAX_CANDIDATES] = {
    {true, true, true}, {true, true, true}, {true, true, true},
    {true, true, true}, {true, true, true}, {true, true, true}};

static void expect_ok(onp_status st, const onp_error *err)
{
    if (st != ONP_OK)
        fail_msg("%s", err->msg);
}

static onp_context context(void)
{
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    expect_ok(onp_kernels_choose(&ctx, NULL, &err), &err);
    return ctx;
}

/* ---- a path in double ---- */

typedef struct reference {
    onp_graph *g;
    onp_ref_exec *exec;
    onp_tid in[TINY_POSITIONS], out[TINY_POSITIONS]; /* of each position */
    onp_tid param[TINY_POSITIONS][ONP_BLOCK_MAX_PARAMS];
    onp_tid own[TINY_POSITIONS][3]; /* a candidate's output without the shortcut */
    onp_block_nodes nodes[TINY_POSITIONS];
    onp_tid logits, loss;
    float *grads; /* a place for gradients; what it holds is not read */
} reference;

static onp_tid reference_block(reference *r, const tiny_net *t, int i, int c, bool own, onp_tid x)
{
    onp_block b = t->net->positions[i].candidate[c];
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    onp_tid params[ONP_BLOCK_MAX_PARAMS];
    float *w = t->net->slabs[i][c].weights;
    const int n = onp_block_params(&b, ONP_MODE_TRAIN, specs);
    for (int k = 0; k < n; k++) {
        params[k] = onp_graph_param(r->g, specs[k].shape, w, own ? NULL : r->grads);
        if (!own)
            r->param[i][k] = params[k];
        w += onp_shape_count(specs[k].shape);
    }
    b.skip = b.skip && !own;
    return onp_block_build(r->g, &b, ONP_MODE_TRAIN, TINY_EPS, x, params,
                           own ? NULL : &r->nodes[i]);
}

/* Forward and backward of a path, and every candidate alone on its position's input. */
static void reference_run(reference *r, const onp_context *ctx, const tiny_net *t,
                          const int32_t *path, double smoothing)
{
    onp_error err = {0};
    *r = (reference){.g = onp_graph_new(ctx, &err)};
    assert_non_null(r->g);
    r->grads = calloc((size_t)onp_supernet_path_floats(t->net, path), sizeof *r->grads);
    assert_non_null(r->grads);
    onp_tid x =
        onp_graph_external(r->g, (onp_shape){t->batch, t->h, t->w, 3}, onp_step_images(t->step));
    for (int i = 0; i < TINY_POSITIONS; i++) {
        r->in[i] = x;
        x = reference_block(r, t, i, path[i], false, x);
        r->out[i] = x;
        onp_graph_tap(r->g, x);
    }
    r->logits = x;
    const onp_tid in[2] = {x, onp_graph_labels(r->g, t->batch, onp_step_labels(t->step))};
    r->loss = onp_graph_add(r->g, ONP_OP_SOFTMAX_CE, in, 2, &(onp_attr){.smoothing = smoothing});
    expect_ok(onp_graph_backward(r->g, r->loss, NULL, NULL, &err), &err);
    for (int i = 1; i <= 3; i++)
        for (int c = 0; c < 3; c++)
            r->own[i][c] = t->net->positions[i].candidate[c].kind == ONP_BLOCK_ZERO
                               ? ONP_NONE
                               : reference_block(r, t, i, c, true, r->in[i]);
    expect_ok(onp_ref_exec_new(ctx, r->g, &r->exec, &err), &err);
    onp_ref_exec_run(r->exec);
}

static void reference_reset(reference *r)
{
    onp_ref_exec_free(r->exec);
    onp_graph_free(r->g);
    free(r->grads);
}

static const double *gradient_of(const reference *r, onp_tid t)
{
    return onp_ref_exec_data(r->exec, onp_graph_tensor(r->g, t)->grad);
}

/* <dL/dy, o> and the product of the two norms. */
static double inner(const reference *r, int position, int c, double *norms)
{
    const double *gy = gradient_of(r, r->out[position]);
    const double *o = onp_ref_exec_data(r->exec, r->own[position][c]);
    const int64_t n = onp_shape_count(onp_graph_shape(r->g, r->out[position]));
    double sum = 0, gy2 = 0, o2 = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += gy[i] * o[i];
        gy2 += gy[i] * gy[i];
        o2 += o[i] * o[i];
    }
    *norms = sqrt(gy2 * o2);
    return sum;
}

/* ---- gates ---- */

static void check_gates(const onp_context *ctx, tiny_net *t, const int32_t *path,
                        double (*gates)[ONP_MAX_CANDIDATES], const onp_step_result *result)
{
    reference r;
    reference_run(&r, ctx, t, path, 0);
    const double *loss = onp_ref_exec_data(r.exec, r.loss);
    assert_true(fabs(result->loss - loss[0]) < 1e-5 * loss[0]);
    assert_int_equal(result->hits, (int64_t)loss[1]);
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int c = 0; c < ONP_MAX_CANDIDATES; c++) {
            const bool choice = i >= 1 && i <= 3 && c < 3 && r.own[i][c] != ONP_NONE;
            double norms = 0;
            const double wanted = choice ? inner(&r, i, c, &norms) : 0;
            if (!(fabs(gates[i][c] - wanted) <= 1e-4 * norms))
                fail_msg("path %d %d %d: gate %d of position %d is %.9g, wanted %.9g", path[1],
                         path[2], path[3], c, i, gates[i][c], wanted);
        }
    reference_reset(&r);
}

/* Every path of the network: zeros and shortcuts drawn and not, also two that share an output. */
static void test_gates(void **state)
{
    const tiny_candidates which = tiny_of(state);
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init_of(&t, which, &ctx, 9, 8, 7);
    for (int i = 0; i < 27; i++) {
        int32_t path[TINY_POSITIONS];
        double gates[TINY_POSITIONS][ONP_MAX_CANDIDATES];
        onp_step_result result;
        onp_error err = {0};
        tiny_path(i, path);
        memset(gates, 0xff, sizeof gates);
        expect_ok(onp_step_gates(t.step, t.batch, path, all_wanted, gates, &result, &err), &err);
        check_gates(&ctx, &t, path, gates, &result);
    }
    tiny_net_reset(&t);
}

/* The loss of a path in double where `gate` times candidate c is added to the output of a position,
 * by scaling each channel. */
static double loss_with_gate(const onp_context *ctx, const tiny_net *t, const int32_t *path,
                             int position, int c, double gate)
{
    reference r = {0};
    onp_error err = {0};
    float scale[7 * 32];
    r.g = onp_graph_new(ctx, &err);
    assert_non_null(r.g);
    for (size_t i = 0; i < ONP_COUNT(scale); i++)
        scale[i] = 1;
    onp_tid x =
        onp_graph_external(r.g, (onp_shape){t->batch, t->h, t->w, 3}, onp_step_images(t->step));
    onp_tid s = ONP_NONE;
    for (int i = 0; i < TINY_POSITIONS; i++) {
        const onp_tid in = x;
        x = reference_block(&r, t, i, path[i], false, in);
        if (i != position)
            continue;
        const onp_tid own = reference_block(&r, t, i, c, true, in);
        const int64_t channels = onp_graph_shape(r.g, own).c;
        assert_true(t->batch * channels <= (int64_t)ONP_COUNT(scale));
        s = onp_graph_external(r.g, (onp_shape){t->batch, 1, 1, channels}, scale);
        const onp_tid scaled[2] = {own, s};
        const onp_tid both[2] = {x, onp_graph_add(r.g, ONP_OP_CHANNEL_SCALE, scaled, 2, NULL)};
        x = onp_graph_add(r.g, ONP_OP_ADD, both, 2, NULL);
    }
    const onp_tid in[2] = {x, onp_graph_labels(r.g, t->batch, onp_step_labels(t->step))};
    r.loss = onp_graph_add(r.g, ONP_OP_SOFTMAX_CE, in, 2, NULL);
    expect_ok(onp_ref_exec_new(ctx, r.g, &r.exec, &err), &err);
    double *gates = onp_ref_exec_data(r.exec, s);
    for (int64_t i = 0; i < onp_shape_count(onp_graph_shape(r.g, s)); i++)
        gates[i] = gate;
    onp_ref_exec_run(r.exec);
    const double loss = onp_ref_exec_data(r.exec, r.loss)[0];
    reference_reset(&r);
    return loss;
}

/* The gate gradient is the derivative of the loss by the gate: drawn and undrawn candidates. */
static void test_gates_by_differences(void **state)
{
    const onp_context ctx = context();
    const double step = 1e-6;
    tiny_net t;
    tiny_net_init_of(&t, tiny_of(state), &ctx, 9, 8, 7);
    for (int p = 0; p < 27; p += 13) {
        int32_t path[TINY_POSITIONS];
        reference r;
        tiny_path(p, path);
        reference_run(&r, &ctx, &t, path, 0);
        for (int i = 1; i <= 3; i++)
            for (int c = 0; c < 3; c++) {
                if (r.own[i][c] == ONP_NONE)
                    continue;
                double norms = 0;
                const double above = loss_with_gate(&ctx, &t, path, i, c, step);
                const double below = loss_with_gate(&ctx, &t, path, i, c, -step);
                const double wanted = (above - below) / (2 * step);
                const double seen = inner(&r, i, c, &norms);
                if (!(fabs(seen - wanted) <= 1e-5 * norms))
                    fail_msg("path %d: gate %d of position %d is %.9g, by differences %.9g", p, c,
                             i, seen, wanted);
            }
        reference_reset(&r);
    }
    tiny_net_reset(&t);
}

/* A candidate that is not asked for is 0, and the others have the bits that they have when all
 * are. */
static void test_gates_of_two(void **state)
{
    const tiny_candidates which = tiny_of(state);
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init_of(&t, which, &ctx, 9, 8, 7);
    double all[TINY_POSITIONS][ONP_MAX_CANDIDATES], two[TINY_POSITIONS][ONP_MAX_CANDIDATES];
    onp_step_result result;
    onp_error err = {0};
    int32_t path[TINY_POSITIONS];
    tiny_path(0 + 3 * 1 + 9 * 2, path);
    bool wanted[TINY_POSITIONS][ONP_MAX_CANDIDATES] = {{false}};
    wanted[1][1] = wanted[2][1] = wanted[2][2] = wanted[3][0] = true;
    expect_ok(onp_step_gates(t.step, t.batch, path, all_wanted, all, &result, &err), &err);
    expect_ok(onp_step_gates(t.step, t.batch, path, (const bool(*)[ONP_MAX_CANDIDATES])wanted, two,
                             &result, &err),
              &err);
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int c = 0; c < ONP_MAX_CANDIDATES; c++) {
            const bool asked = wanted[i][c] || (path[i] == c && i >= 1 && i <= 3);
            assert_true(two[i][c] == (asked ? all[i][c] : 0));
        }
    assert_true(two[1][0] != 0 && two[1][1] != 0 && two[3][0] != 0);
    tiny_net_reset(&t);
}

/* ---- weight steps ---- */

static const onp_sgd sgd = {.lr = 0.05, .momentum = 0.9, .decay = 1e-2};

/* What SGD with Nesterov momentum makes of one slab, given the gradients in double. */
static void check_slab(const reference *r, int i, const onp_slab *slab, const float *weights,
                       const float *momentum)
{
    int64_t at = 0;
    for (int k = 0; at < slab->floats; k++) {
        const onp_tid param = r->param[i][k];
        const int64_t n = onp_shape_count(onp_graph_shape(r->g, param));
        const double *g = gradient_of(r, param);
        double norm = 0, error = 0;
        for (int64_t e = 0; e < n; e++, at++) {
            const double d = g[e] + sgd.decay * (double)weights[at];
            const double m = sgd.momentum * (double)momentum[at] + d;
            const double w = (double)weights[at] - sgd.lr * (d + sgd.momentum * m);
            norm += w * w + m * m;
            error += pow((double)slab->weights[at] - w, 2) + pow((double)slab->momentum[at] - m, 2);
        }
        if (!(sqrt(error) <= 2e-5 * sqrt(norm)))
            fail_msg("position %d: parameter %d differs by %g of %g", i, k, sqrt(error),
                     sqrt(norm));
    }
}

/* A step takes the path's weights to where double precision takes them, and nothing else moves. */
static void test_train(void **state)
{
    const tiny_candidates which = tiny_of(state);
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init_of(&t, which, &ctx, 9, 8, 7);
    char *before = malloc(t.net->memory.bytes);
    assert_non_null(before);
    for (int p = 0; p < 27; p += 4) {
        int32_t path[TINY_POSITIONS];
        onp_step_result result;
        onp_error err = {0};
        reference r;
        tiny_path(p, path);
        reference_run(&r, &ctx, &t, path, 0.1);
        memcpy(before, t.net->memory.data, t.net->memory.bytes);
        expect_ok(onp_step_train(t.step, t.batch, path, &sgd, 0.1, &result, &err), &err);
        assert_true(fabs(result.loss - onp_ref_exec_data(r.exec, r.loss)[0]) < 1e-5);
        for (int i = 0; i < TINY_POSITIONS; i++)
            for (int c = 0; c < t.net->positions[i].n; c++) {
                const onp_slab *slab = &t.net->slabs[i][c];
                if (slab->floats == 0)
                    continue;
                const char *old = before + ((char *)slab->weights - t.net->memory.data);
                const float *weights = (const float *)(const void *)old;
                if (path[i] == c)
                    check_slab(&r, i, slab, weights, weights + slab->floats);
                else
                    assert_memory_equal(slab->weights, old,
                                        2 * (size_t)slab->floats * sizeof *weights);
            }
        reference_reset(&r);
    }
    free(before);
    tiny_net_reset(&t);
}

/* A loss that is no number leaves the weights alone. */
static void test_diverged(void **state)
{
    (void)state;
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init(&t, &ctx, 9, 8, 7);
    const int32_t path[TINY_POSITIONS] = {0};
    onp_step_result result;
    onp_error err = {0};
    char *before = malloc(t.net->memory.bytes);
    assert_non_null(before);
    memcpy(before, t.net->memory.data, t.net->memory.bytes);
    onp_step_images(t.step)[5] = NAN;
    assert_int_equal(onp_step_train(t.step, t.batch, path, &sgd, 0, &result, &err), ONP_E_FAIL);
    onp_assert_contains(err.msg, "loss");
    assert_memory_equal(before, t.net->memory.data, t.net->memory.bytes);
    tiny_net_images(&t, 1);
    expect_ok(onp_step_train(t.step, t.batch, path, &sgd, 0, &result, &err), &err);
    free(before);
    tiny_net_reset(&t);
}

/* ---- evaluation ---- */

/* Statistics of one batch, of every batch norm, against double. */
static void test_statistics_of_a_batch(void **state)
{
    const tiny_candidates which = tiny_of(state);
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init_of(&t, which, &ctx, 9, 8, 7);
    const int32_t path[TINY_POSITIONS] = {0, 0, 1, 1, 0, 0};
    onp_error err = {0};
    reference r;
    reference_run(&r, &ctx, &t, path, 0);
    const int64_t n = onp_step_n_stats(t.step, path);
    double *sums = onp_alloc(&ctx, (size_t)n, sizeof *sums);
    float *stats = onp_alloc(&ctx, (size_t)n, sizeof *stats);
    assert_non_null(sums);
    assert_non_null(stats);
    expect_ok(onp_step_statistics(t.step, t.batch, path, sums, &err), &err);
    onp_step_statistics_finish(t.step, path, sums, 1, stats);
    int64_t at = 0;
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int k = 0; k < r.nodes[i].n_stats; k++) {
            const onp_tid tensor = r.nodes[i].stats[k];
            const int64_t c = onp_graph_shape(r.g, tensor).c;
            const double *wanted = onp_ref_exec_data(r.exec, tensor);
            for (int64_t j = 0; j < c; j++, at++) {
                assert_true(fabs((double)stats[at] - wanted[j]) < 1e-5 * sqrt(wanted[c + j] + 1));
                assert_true(fabs((double)stats[at + c] - wanted[c + j]) <
                            1e-5 * (wanted[c + j] + 1e-3));
            }
            at += c;
        }
    assert_int_equal(at, n);
    onp_free(&ctx, sums);
    onp_free(&ctx, stats);
    reference_reset(&r);
    tiny_net_reset(&t);
}

/* The first batch norm sees the images through a convolution only: two halves pool to the whole. */
static void test_statistics_pool(void **state)
{
    (void)state;
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init(&t, &ctx, 9, 8, 8);
    const int32_t path[TINY_POSITIONS] = {0};
    onp_error err = {0};
    const int64_t n = onp_step_n_stats(t.step, path);
    double *sums = onp_alloc(&ctx, 2 * (size_t)n, sizeof *sums);
    float *whole = onp_alloc(&ctx, 2 * (size_t)n, sizeof *whole);
    assert_non_null(sums);
    assert_non_null(whole);
    float *halves = whole + n;
    expect_ok(onp_step_statistics(t.step, 8, path, sums, &err), &err);
    onp_step_statistics_finish(t.step, path, sums, 1, whole);
    expect_ok(onp_step_statistics(t.step, 4, path, sums + n, &err), &err);
    float *images = onp_step_images(t.step);
    const size_t half = 4 * (size_t)t.h * (size_t)t.w * 3;
    memcpy(images, images + half, half * sizeof *images);
    expect_ok(onp_step_statistics(t.step, 4, path, sums + n, &err), &err);
    onp_step_statistics_finish(t.step, path, sums + n, 2, halves);
    const int64_t c = t.net->positions[0].candidate[0].out_c;
    for (int64_t j = 0; j < c; j++) {
        assert_true(fabs((double)whole[j] - (double)halves[j]) < 1e-5);
        assert_true(fabs((double)whole[c + j] - (double)halves[c + j]) <
                    1e-5 * (double)whole[c + j]);
    }
    onp_free(&ctx, sums);
    onp_free(&ctx, whole);
    tiny_net_reset(&t);
}

/* Evaluation mode with the statistics of the batch itself is evaluation by batch statistics. */
static void test_infer(void **state)
{
    const tiny_candidates which = tiny_of(state);
    const onp_context ctx = context();
    tiny_net t;
    tiny_net_init_of(&t, which, &ctx, 9, 8, 7);
    for (int p = 0; p < 27; p += 5) {
        int32_t path[TINY_POSITIONS];
        onp_error err = {0};
        onp_step_result evaluated, inferred;
        float logits[7 * TINY_CLASSES];
        reference r;
        tiny_path(p, path);
        reference_run(&r, &ctx, &t, path, 0);
        const int64_t n = onp_step_n_stats(t.step, path);
        double *sums = onp_alloc(&ctx, (size_t)n, sizeof *sums);
        float *stats = onp_alloc(&ctx, (size_t)n, sizeof *stats);
        assert_non_null(sums);
        assert_non_null(stats);
        expect_ok(onp_step_evaluate(t.step, t.batch, path, &evaluated, &err), &err);
        expect_ok(onp_step_statistics(t.step, t.batch, path, sums, &err), &err);
        onp_step_statistics_finish(t.step, path, sums, 1, stats);
        expect_ok(onp_step_infer(t.step, t.batch, path, stats, logits, &inferred, &err), &err);
        assert_true(fabs(evaluated.loss - inferred.loss) < 1e-5);
        assert_int_equal(evaluated.hits, inferred.hits);
        for (int i = 0; i < 7 * TINY_CLASSES; i++)
            assert_true(fabs((double)logits[i] - onp_ref_exec_data(r.exec, r.logits)[i]) < 1e-4);
        expect_ok(onp_step_infer(t.step, t.batch, path, stats, NULL, &evaluated, &err), &err);
        assert_true(evaluated.loss == inferred.loss);
        onp_free(&ctx, sums);
        onp_free(&ctx, stats);
        reference_reset(&r);
    }
    tiny_net_reset(&t);
}

/* ---- memory ---- */

/* Two equal supernets; other paths and larger plans have been through the memory of the second. */
static void test_stale_memory(void **state)
{
    const tiny_candidates which = tiny_of(state);
    const onp_context ctx = context();
    tiny_net fresh, used;
    tiny_net_init_of(&fresh, which, &ctx, 9, 8, 7);
    tiny_net_init_of(&used, which, &ctx, 9, 8, 7);
    tiny_net *nets[2] = {&fresh, &used};
    double gates[2][TINY_POSITIONS][ONP_MAX_CANDIDATES];
    onp_step_result results[2][2];
    onp_error err = {0};
    int32_t path[TINY_POSITIONS];
    for (int p = 0; p < 27; p += 2) {
        tiny_path(p, path);
        onp_step_result ignored;
        expect_ok(onp_step_gates(used.step, used.batch, path, all_wanted, gates[1], &ignored, &err),
                  &err);
        expect_ok(onp_step_evaluate(used.step, p % 7 + 1, path, &ignored, &err), &err);
    }
    tiny_path(0 + 3 * 2 + 9 * 1, path);
    for (int k = 0; k < 2; k++) {
        expect_ok(
            onp_step_gates(nets[k]->step, 7, path, all_wanted, gates[k], &results[k][0], &err),
            &err);
        expect_ok(onp_step_train(nets[k]->step, 7, path, &sgd, 0.1, &results[k][1], &err), &err);
    }
    assert_memory_equal(gates[0], gates[1], sizeof gates[0]);
    assert_memory_equal(results[0], results[1], sizeof results[0]);
    assert_int_equal(fresh.net->memory.bytes, used.net->memory.bytes);
    assert_memory_equal(fresh.net->memory.data, used.net->memory.data, used.net->memory.bytes);
    tiny_net_reset(&fresh);
    tiny_net_reset(&used);
}

/* Nothing is allocated in a step once its memory is there. */
static void test_no_allocation_in_a_step(void **state)
{
    const tiny_candidates which = tiny_of(state);
    onp_test_memory m;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    expect_ok(onp_kernels_choose(&m.ctx, NULL, &err), &err);
    tiny_net t;
    tiny_net_init_of(&t, which, &m.ctx, 9, 8, 7);
    long before = 0;
    for (int round = 0; round < 2; round++)
        for (int p = 0; p < 27; p++) {
            int32_t path[TINY_POSITIONS];
            double gates[TINY_POSITIONS][ONP_MAX_CANDIDATES];
            onp_step_result result;
            tiny_path(p, path);
            expect_ok(onp_step_train(t.step, 7, path, &sgd, 0, &result, &err), &err);
            expect_ok(onp_step_gates(t.step, 7, path, all_wanted, gates, &result, &err), &err);
            if (round == 0)
                before = m.n_allocs;
        }
    assert_int_equal(m.n_allocs, before);
    tiny_net_reset(&t);
    assert_int_equal(m.n_live, 0);
}

static onp_status whole_life(const onp_context *ctx, void *arg)
{
    const onp_position *positions = arg;
    onp_supernet *net = NULL;
    onp_step *step = NULL;
    onp_step_result result;
    onp_context with_kernels = *ctx;
    with_kernels.kernels = onp_kernels_at(0);
    ctx = &with_kernels;
    const int32_t path[TINY_POSITIONS] = {0};
    double gates[TINY_POSITIONS][ONP_MAX_CANDIDATES], sums[512] = {0};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_supernet_new(ctx, positions, TINY_POSITIONS, TINY_EPS, 7, &net, NULL));
    ONP_TRY_GOTO(onp_step_new(ctx, net, 2, &step, NULL));
    memset(onp_step_images(step), 0, 2 * 4 * 4 * 3 * sizeof(float));
    onp_step_labels(step)[0] = onp_step_labels(step)[1] = 1;
    ONP_TRY_GOTO(onp_step_train(step, 2, path, &sgd, 0, &result, NULL));
    ONP_TRY_GOTO(onp_step_gates(step, 2, path, all_wanted, gates, &result, NULL));
    assert_true(onp_step_n_stats(step, path) <= (int64_t)ONP_COUNT(sums));
    ONP_TRY_GOTO(onp_step_statistics(step, 2, path, sums, NULL));
done:
    onp_step_free(step);
    onp_supernet_free(net);
    return st;
}

static void test_allocation_fails(void **state)
{
    onp_position positions[TINY_POSITIONS];
    tiny_positions(tiny_of(state), positions, 4, 4);
    onp_test_each_allocation(whole_life, positions);
}

/* The same with the other kinds of candidates. */
#define KINDS(test) cmocka_unit_test_prestate(test, &tiny_kinds)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates),
        KINDS(test_gates),
        cmocka_unit_test(test_gates_by_differences),
        KINDS(test_gates_by_differences),
        cmocka_unit_test(test_gates_of_two),
        KINDS(test_gates_of_two),
        cmocka_unit_test(test_train),
        KINDS(test_train),
        cmocka_unit_test(test_diverged),
        cmocka_unit_test(test_statistics_of_a_batch),
        KINDS(test_statistics_of_a_batch),
        cmocka_unit_test(test_statistics_pool),
        cmocka_unit_test(test_infer),
        KINDS(test_infer),
        cmocka_unit_test(test_stale_memory),
        KINDS(test_stale_memory),
        cmocka_unit_test(test_no_allocation_in_a_step),
        KINDS(test_no_allocation_in_a_step),
        cmocka_unit_test(test_allocation_fails),
        KINDS(test_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
