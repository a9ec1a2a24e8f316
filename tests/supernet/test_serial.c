/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weight steps with frozen statistics: a batch in pieces moves weights as the whole batch does,
 * through a fraction of its memory.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/kernels.h"
#include "tests/supernet/tiny_net.h"

#define BATCH 32
#define SIZE  40

static const onp_sgd sgd = {.lr = 0.05, .momentum = 0.9};

static onp_context context(void)
{
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    if (onp_kernels_choose(&ctx, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return ctx;
}

/* Statistics of the first four images, not those of the batch. */
static float *make_stats(const onp_context *ctx, tiny_net *t, const int32_t *path)
{
    onp_error err = {0};
    const int64_t n = onp_step_n_stats(t->step, path);
    double *sums = onp_alloc(ctx, (size_t)n, sizeof *sums);
    float *stats = onp_alloc(ctx, (size_t)n, sizeof *stats);
    assert_non_null(sums);
    assert_non_null(stats);
    if (onp_step_statistics(t->step, 4, path, sums, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_step_statistics_finish(t->step, path, sums, 1, stats);
    onp_free(ctx, sums);
    return stats;
}

typedef struct outcome {
    onp_step_result result;
    size_t arena_bytes;
    int64_t floats;
    float *momentum; /* of the path: the gradient, after one step from none */
} outcome;

static void clear_momentum(const tiny_net *t)
{
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int c = 0; c < t->net->positions[i].n; c++)
            if (t->net->slabs[i][c].floats > 0)
                memset(t->net->slabs[i][c].momentum, 0,
                       (size_t)t->net->slabs[i][c].floats * sizeof(float));
}

static outcome train(const onp_context *ctx, tiny_candidates which, double dropout,
                     const int32_t *path, int64_t piece)
{
    tiny_net t;
    onp_error err = {0};
    tiny_net_init_of(&t, which, ctx, SIZE, SIZE, BATCH);
    onp_step_set_dropout(t.step, dropout, onp_rng_make(4, ONP_RNG_TEST));
    clear_momentum(&t);
    float *stats = make_stats(ctx, &t, path);
    outcome o = {.floats = onp_supernet_path_floats(t.net, path)};
    onp_step_set_frozen(t.step, stats, piece);
    if (onp_step_train(t.step, BATCH, path, &sgd, 0.1, &o.result, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    o.arena_bytes = onp_step_info(t.step).arena_bytes;
    o.momentum = malloc((size_t)o.floats * sizeof *o.momentum);
    assert_non_null(o.momentum);
    float *at = o.momentum;
    for (int i = 0; i < TINY_POSITIONS; i++) {
        const onp_slab *slab = &t.net->slabs[i][path[i]];
        if (slab->floats > 0)
            memcpy(at, slab->momentum, (size_t)slab->floats * sizeof *at);
        at += slab->floats;
    }
    onp_free(ctx, stats);
    tiny_net_reset(&t);
    return o;
}

static void assert_same_step(const outcome *a, const outcome *b, int64_t piece)
{
    double norm = 0, error = 0;
    for (int64_t i = 0; i < a->floats; i++) {
        norm += pow((double)a->momentum[i], 2);
        error += pow((double)a->momentum[i] - (double)b->momentum[i], 2);
    }
    if (!(norm > 0 && sqrt(error) <= 1e-5 * sqrt(norm)))
        fail_msg("pieces of %lld: the gradients differ by %g of %g", (long long)piece, sqrt(error),
                 sqrt(norm));
    assert_true(fabs(a->result.loss - b->result.loss) < 1e-5);
    assert_int_equal(a->result.hits, b->result.hits);
}

static void test_pieces_are_the_batch(void **state)
{
    (void)state;
    const onp_context ctx = context();
    int32_t path[TINY_POSITIONS];
    tiny_path(0 + 3 * 1 + 9 * 1, path);
    outcome whole = train(&ctx, TINY_MBCONV, 0, path, 0);
    static const int64_t pieces[] = {1, 5, 8, 31}; /* 5 and 31 leave a shorter one */
    for (size_t i = 0; i < ONP_COUNT(pieces); i++) {
        outcome o = train(&ctx, TINY_MBCONV, 0, path, pieces[i]);
        assert_same_step(&whole, &o, pieces[i]);
        if (pieces[i] == 1 && 16 * o.arena_bytes > whole.arena_bytes)
            fail_msg("%zu bytes for one sample, %zu for %d", o.arena_bytes, whole.arena_bytes,
                     BATCH);
        free(o.momentum);
    }
    for (int64_t piece = BATCH; piece <= BATCH + 1; piece++) { /* one piece: every bit */
        outcome o = train(&ctx, TINY_MBCONV, 0, path, piece);
        assert_memory_equal(o.momentum, whole.momentum, (size_t)o.floats * sizeof *o.momentum);
        assert_true(o.result.loss == whole.result.loss);
        free(o.momentum);
    }
    free(whole.momentum);
}

/* A sample meets the same mask in whatever piece it is; another key is another mask, and rate 0
 * none at all. */
static void test_dropout_in_pieces(void **state)
{
    (void)state;
    const onp_context ctx = context();
    int32_t path[TINY_POSITIONS];
    tiny_path(1 + 3 * 2 + 9 * 2, path);
    outcome plain = train(&ctx, TINY_KINDS, 0, path, 0),
            whole = train(&ctx, TINY_KINDS, 0.4, path, 0);
    assert_true(fabs(plain.result.loss - whole.result.loss) > 1e-3);
    static const int64_t pieces[] = {1, 5, 8, 31};
    for (size_t i = 0; i < ONP_COUNT(pieces); i++) {
        outcome o = train(&ctx, TINY_KINDS, 0.4, path, pieces[i]);
        assert_same_step(&whole, &o, pieces[i]);
        free(o.momentum);
    }
    free(plain.momentum);
    free(whole.momentum);
}

/* Batches of one after the other, with and without statistics, leave nothing behind. */
static void test_back_to_batch_statistics(void **state)
{
    (void)state;
    const onp_context ctx = context();
    tiny_net fresh, used;
    onp_error err = {0};
    int32_t path[TINY_POSITIONS];
    tiny_path(0, path);
    tiny_net_init(&fresh, &ctx, 9, 8, 7);
    tiny_net_init(&used, &ctx, 9, 8, 7);
    float *stats = make_stats(&ctx, &used, path);
    const onp_sgd still = {.lr = 0, .momentum = 0};
    tiny_net *nets[2] = {&fresh, &used};
    onp_step_result result, results[2];
    onp_step_set_frozen(used.step, stats, 2);
    assert_int_equal(onp_step_train(used.step, 7, path, &still, 0, &result, &err), ONP_OK);
    onp_step_set_frozen(used.step, NULL, 0);
    for (int k = 0; k < 2; k++) {
        clear_momentum(nets[k]);
        tiny_net_images(nets[k], 9);
        assert_int_equal(onp_step_train(nets[k]->step, 7, path, &sgd, 0, &results[k], &err),
                         ONP_OK);
    }
    assert_true(result.loss != results[0].loss);
    assert_memory_equal(&results[0], &results[1], sizeof results[0]);
    assert_memory_equal(fresh.net->memory.data, used.net->memory.data, fresh.net->memory.bytes);
    onp_free(&ctx, stats);
    tiny_net_reset(&fresh);
    tiny_net_reset(&used);
}

/* A loss that is no number in a later piece leaves the weights alone. */
static void test_diverged_piece(void **state)
{
    (void)state;
    const onp_context ctx = context();
    tiny_net t;
    onp_error err = {0};
    onp_step_result result;
    int32_t path[TINY_POSITIONS];
    tiny_path(0, path);
    tiny_net_init(&t, &ctx, 9, 8, 7);
    float *stats = make_stats(&ctx, &t, path);
    char *before = malloc(t.net->memory.bytes);
    assert_non_null(before);
    memcpy(before, t.net->memory.data, t.net->memory.bytes);
    onp_step_set_frozen(t.step, stats, 2);
    onp_step_images(t.step)[6 * 9 * 8 * 3 + 5] = NAN;
    assert_int_equal(onp_step_train(t.step, 7, path, &sgd, 0, &result, &err), ONP_E_FAIL);
    onp_assert_contains(err.msg, "loss");
    assert_memory_equal(before, t.net->memory.data, t.net->memory.bytes);
    free(before);
    onp_free(&ctx, stats);
    tiny_net_reset(&t);
}

static void test_no_allocation_in_pieces(void **state)
{
    (void)state;
    onp_test_memory m;
    onp_error err = {0};
    onp_step_result result;
    onp_test_memory_init(&m, 0);
    assert_int_equal(onp_kernels_choose(&m.ctx, NULL, &err), ONP_OK);
    tiny_net t;
    int32_t path[TINY_POSITIONS];
    tiny_path(0, path);
    tiny_net_init(&t, &m.ctx, 9, 8, 7);
    float *stats = make_stats(&m.ctx, &t, path);
    long before = 0;
    onp_step_set_frozen(t.step, stats, 3);
    for (int round = 0; round < 3; round++) {
        tiny_net_images(&t, 1);
        assert_int_equal(onp_step_train(t.step, 7, path, &sgd, 0, &result, &err), ONP_OK);
        if (round == 0)
            before = m.n_allocs;
    }
    assert_int_equal(m.n_allocs, before);
    onp_free(&m.ctx, stats);
    tiny_net_reset(&t);
    assert_int_equal(m.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_the_batch),     cmocka_unit_test(test_dropout_in_pieces),
        cmocka_unit_test(test_back_to_batch_statistics), cmocka_unit_test(test_diverged_piece),
        cmocka_unit_test(test_no_allocation_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
