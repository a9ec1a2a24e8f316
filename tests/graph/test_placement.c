/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement alone, on 10,000 random sets of lifetimes: nothing alive at the same step overlaps, the
 * lower bound is the one counted step by step, the peak is the highest end and no lower than that,
 * every single rule is no better than the best, and equal inputs give equal offsets.
 */
#include <string.h>

#include "base/philox.h"
#include "graph/placement.h"
#include "tests/test_support.h"

#define N_SETS   10000
#define MAX_LIFE 64

typedef struct set {
    onp_life lives[MAX_LIFE];
    int32_t n, n_steps;
} set;

/* Sizes over several orders of magnitude, zero among them; lifetimes from one step to all. */
static void draw(set *s, uint64_t i)
{
    const onp_rng r = onp_rng_make(11, ONP_RNG_TEST);
    s->n = (int32_t)onp_rng_below(r, i, 0, 0, MAX_LIFE + 1);
    s->n_steps = 1 + (int32_t)onp_rng_below(r, i, 0, 1, 40);
    for (int32_t k = 0; k < s->n; k++) {
        const uint32_t stream = (uint32_t)k + 1;
        const int64_t unit = (int64_t)1 << onp_rng_below(r, i, stream, 0, 12);
        const int32_t first = (int32_t)onp_rng_below(r, i, stream, 1, (uint64_t)s->n_steps);
        const uint64_t left = (uint64_t)(s->n_steps - first);
        const bool longer = onp_rng_below(r, i, stream, 2, 3) == 0;
        const uint64_t length = onp_rng_below(r, i, stream, 3, longer || left < 4 ? left : 4);
        s->lives[k] = (onp_life){.size = unit * (int64_t)onp_rng_below(r, i, stream, 4, 9),
                                 .first = first,
                                 .last = first + (int32_t)length};
    }
}

static int64_t most_alive(const set *s)
{
    int64_t most = 0;
    for (int32_t step = 0; step < s->n_steps; step++) {
        int64_t sum = 0;
        for (int32_t k = 0; k < s->n; k++)
            if (s->lives[k].first <= step && step <= s->lives[k].last)
                sum += s->lives[k].size;
        most = sum > most ? sum : most;
    }
    return most;
}

static void check(const set *s, const onp_placement *p)
{
    int64_t top = 0;
    for (int32_t a = 0; a < s->n; a++) {
        const onp_life *x = &s->lives[a];
        assert_true(x->offset >= 0);
        top = x->offset + x->size > top ? x->offset + x->size : top;
        for (int32_t b = 0; b < a; b++) {
            const onp_life *y = &s->lives[b];
            const bool together = x->first <= y->last && y->first <= x->last;
            if (together && x->size > 0 && y->size > 0)
                assert_true(x->offset + x->size <= y->offset || y->offset + y->size <= x->offset);
        }
    }
    assert_int_equal(p->peak, top);
    assert_int_equal(p->lower_bound, most_alive(s));
    assert_true(p->peak >= p->lower_bound);
}

static void test_random_lifetimes(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    onp_placer placer = {.ctx = &ctx};
    int64_t met = 0, won[ONP_PLACE_RULE_COUNT] = {0};
    for (uint64_t i = 0; i < N_SETS; i++) {
        set s, again;
        onp_placement best, p;
        draw(&s, i);
        again = s;
        assert_int_equal(onp_place(&placer, s.lives, s.n, &best, &err), ONP_OK);
        check(&s, &best);
        met += best.peak == best.lower_bound;
        won[best.rule]++;
        for (int rule = 0; rule < ONP_PLACE_RULE_COUNT; rule++) {
            assert_int_equal(
                onp_place_by(&placer, (onp_place_rule)rule, again.lives, s.n, &p, &err), ONP_OK);
            check(&again, &p);
            assert_true(p.peak >= best.peak ||
                        best.peak <= best.lower_bound + best.lower_bound / 1024);
        }
        assert_int_equal(onp_place(&placer, again.lives, s.n, &p, &err), ONP_OK);
        assert_memory_equal(again.lives, s.lives, (size_t)s.n * sizeof *s.lives);
    }
    print_message("%ld of %d sets at the lower bound; best %ld by size, %ld by length, %ld by "
                  "breadth, %ld in time\n",
                  (long)met, N_SETS, (long)won[0], (long)won[1], (long)won[2], (long)won[3]);
    onp_placer_reset(&placer);
}

/* A chain that is too long to compare every pair: two neighbours are alive at a time. */
static void test_long_chain(void **state)
{
    (void)state;
    enum { N = 100000 };
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    onp_placer placer = {.ctx = &ctx};
    onp_life *lives = test_calloc(N, sizeof *lives);
    onp_placement p;
    for (int32_t i = 0; i < N; i++)
        lives[i] = (onp_life){.size = 64, .first = i, .last = i + 1};
    assert_int_equal(onp_place(&placer, lives, N, &p, &err), ONP_OK);
    assert_int_equal(p.peak, 128);
    assert_int_equal(p.lower_bound, 128);
    test_free(lives);
    onp_placer_reset(&placer);
}

static onp_status place_some(const onp_context *ctx, void *arg)
{
    onp_error err = {0};
    onp_placer placer = {.ctx = ctx};
    onp_placement p;
    set s;
    (void)arg;
    draw(&s, 1);
    const onp_status st = onp_place(&placer, s.lives, s.n, &p, &err);
    onp_placer_reset(&placer);
    return st;
}

static void test_no_memory(void **state)
{
    (void)state;
    onp_test_each_allocation(place_some, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lifetimes),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
