/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps with recomputation: weights, gates and losses have the same bits in every mode, and a
 * memory limit chooses the fastest mode that fits.
 */
#include <string.h>

#include "ops/kernels.h"
#include "tests/supernet/tiny_net.h"

#define BATCH 6
#define PATHS 27

static const onp_sgd sgd = {.lr = 0.05, .momentum = 0.9, .decay = 1e-4};

typedef struct trace {
    double loss[PATHS], gates[PATHS][TINY_POSITIONS][ONP_MAX_CANDIDATES];
    size_t most, weight_bytes[PATHS]; /* arena and scratch of weight steps, and the most of them */
    uint64_t weights;                 /* hash of all, at the end */
} trace;

static uint64_t hash_of(const onp_supernet *net)
{
    uint64_t h = 14695981039346656037ULL; /* FNV-1a */
    for (int32_t i = 0; i < net->n_positions; i++)
        for (int32_t c = 0; c < net->positions[i].n; c++) {
            const unsigned char *p = (const unsigned char *)net->slabs[i][c].weights;
            const size_t n = (size_t)net->slabs[i][c].floats * sizeof(float);
            for (size_t k = 0; p != NULL && k < n; k++)
                h = (h ^ p[k]) * 1099511628211ULL;
        }
    return h;
}

static void expect_ok(onp_status st, const onp_error *err)
{
    if (st != ONP_OK)
        fail_msg("%s", err->msg);
}

/* A weight step and an architecture step on each path. */
static void run(tiny_candidates which, onp_recompute mode, size_t limit, trace *out)
{
    onp_context ctx;
    onp_error err = {0};
    bool wanted[TINY_POSITIONS][ONP_MAX_CANDIDATES];
    onp_context_init(&ctx);
    ctx.kernels = onp_kernels_at(0);
    memset(wanted, 1, sizeof wanted);
    tiny_net t;
    tiny_net_init_of(&t, which, &ctx, 9, 8, BATCH);
    onp_step_set_recompute(t.step, mode, limit);
    out->most = 0;
    for (int p = 0; p < PATHS; p++) {
        int32_t path[TINY_POSITIONS];
        onp_step_result r;
        tiny_path(p, path);
        expect_ok(onp_step_train(t.step, BATCH, path, &sgd, 0.1, &r, &err), &err);
        const onp_plan_info info = onp_step_info(t.step);
        out->weight_bytes[p] = info.arena_bytes + info.scratch_bytes;
        out->most = out->weight_bytes[p] > out->most ? out->weight_bytes[p] : out->most;
        expect_ok(onp_step_gates(t.step, BATCH, path, (const bool(*)[ONP_MAX_CANDIDATES])wanted,
                                 out->gates[p], &r, &err),
                  &err);
        out->loss[p] = r.loss;
    }
    out->weights = hash_of(t.net);
    tiny_net_reset(&t);
}

static void same_bits(const trace *a, const trace *b)
{
    assert_memory_equal(a->loss, b->loss, sizeof a->loss);
    assert_memory_equal(a->gates, b->gates, sizeof a->gates);
    assert_true(a->weights == b->weights);
}

static void test_modes(void **state)
{
    const tiny_candidates which = tiny_of(state);
    static trace kept, again;
    run(which, ONP_RECOMPUTE_NONE, 0, &kept);
    for (int mode = ONP_RECOMPUTE_CHEAP; mode < ONP_RECOMPUTE_COUNT; mode++) {
        run(which, (onp_recompute)mode, 0, &again);
        same_bits(&again, &kept);
        assert_true(again.most <= kept.most);
    }
}

static void test_limit(void **state)
{
    const tiny_candidates which = tiny_of(state);
    static trace kept, blocks, limited;
    run(which, ONP_RECOMPUTE_NONE, 0, &kept);
    run(which, ONP_RECOMPUTE_BLOCKS, 0, &blocks);
    const size_t limit = (kept.most + blocks.most) / 2;
    run(which, ONP_RECOMPUTE_NONE, limit, &limited);
    same_bits(&limited, &kept);
    for (int p = 0; p < PATHS; p++) {
        assert_true(limited.weight_bytes[p] <= limit);
        if (kept.weight_bytes[p] <= limit) /* nothing is computed twice without need */
            assert_int_equal(limited.weight_bytes[p], kept.weight_bytes[p]);
    }
}

static void test_limit_too_small(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_step_result r;
    onp_context_init(&ctx);
    ctx.kernels = onp_kernels_at(0);
    tiny_net t;
    tiny_net_init(&t, &ctx, 9, 8, BATCH);
    onp_step_set_recompute(t.step, ONP_RECOMPUTE_NONE, 1000);
    const int32_t path[TINY_POSITIONS] = {0};
    assert_int_equal(onp_step_train(t.step, BATCH, path, &sgd, 0, &r, &err), ONP_E_NOMEM);
    onp_assert_contains(err.msg, "the limit is 0 KiB");
    tiny_net_reset(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test_prestate(test_modes, &tiny_kinds),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limit_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
