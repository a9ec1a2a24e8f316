/* SPDX-License-Identifier: Apache-2.0 */
/* Splits and the order of samples: disjoint, balanced, permutations, the same from the same seed.
 */
#include "tests/test_support.h"

#include <string.h>

#include "data/sampler.h"
#include "data/split.h"

#define MAX_N 1000

/* A data set without pixels: splits look at labels only. */
typedef struct labelled {
    onp_dataset ds;
    int32_t labels[MAX_N];
    const char *names[4];
} labelled;

static void make(labelled *l, const int *counts, int n_classes)
{
    static const char *const names[4] = {"a", "b", "c", "d"};
    *l = (labelled){.ds = {.n_classes = n_classes}};
    int left[4] = {0};
    memcpy(left, counts, (size_t)n_classes * sizeof *counts);
    memcpy(l->names, names, sizeof names);
    l->ds.class_names = l->names;
    for (int more = 1; more;) { /* classes interleaved */
        more = 0;
        for (int k = 0; k < n_classes; k++)
            if (left[k] > 0) {
                left[k]--;
                more = 1;
                l->labels[l->ds.n++] = k;
            }
    }
    l->ds.labels = l->labels;
}

static void count(const labelled *l, const int64_t *list, int64_t n, int counts[4])
{
    memset(counts, 0, 4 * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[l->labels[list[i]]]++;
}

/* Marks each index; fails on one that is met twice or is outside. */
static void mark(const labelled *l, const int64_t *list, int64_t n, char seen[MAX_N])
{
    for (int64_t i = 0; i < n; i++) {
        assert_in_range(list[i], 0, l->ds.n - 1);
        assert_int_equal(seen[list[i]]++, 0);
    }
}

static onp_split split_of(const labelled *l, uint64_t seed, int64_t limit, int64_t validation)
{
    onp_context ctx;
    static onp_context kept;
    onp_split s;
    onp_error err = {0};
    onp_context_init(&ctx);
    kept = ctx;
    onp_split_options o = {.seed = seed, .limit = limit, .validation = validation};
    if (onp_split_make(&kept, &l->ds, &o, &s, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return s;
}

static void test_disjoint_and_balanced(void **state)
{
    (void)state;
    static const int counts[3] = {100, 110, 120};
    static const struct {
        int64_t limit, validation;
        int train[3], held[3];
    } cases[] = {
        {0, 0, {100, 110, 120}, {0, 0, 0}},
        {0, 30, {90, 100, 110}, {10, 10, 10}},
        {0, 32, {89, 99, 110}, {11, 11, 10}}, /* the remainder to the first classes */
        {61, 7, {18, 18, 18}, {3, 2, 2}},
        {320, 60, {80, 90, 90}, {20, 20, 20}}, /* 100 + 110 + 110 */
        {330, 1, {99, 110, 120}, {1, 0, 0}},
    };
    labelled l;
    make(&l, counts, 3);
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        onp_split s = split_of(&l, 7, cases[i].limit, cases[i].validation);
        int64_t n = cases[i].limit > 0 ? cases[i].limit : 330;
        char seen[MAX_N] = {0};
        int found[4];
        assert_int_equal(s.n_validation, cases[i].validation);
        assert_int_equal(s.n_train, n - cases[i].validation);
        mark(&l, s.train, s.n_train, seen);
        mark(&l, s.validation, s.n_validation, seen);
        count(&l, s.train, s.n_train, found);
        assert_memory_equal(found, cases[i].train, sizeof cases[i].train);
        count(&l, s.validation, s.n_validation, found);
        assert_memory_equal(found, cases[i].held, sizeof cases[i].held);
        onp_split_free(&s);
    }
}

/* Holdout and validation leave a small class at least half of its images, twice. */
static void test_small_class(void **state)
{
    (void)state;
    static const int counts[2] = {500, 10}, held[2] = {97, 5}, valid[2] = {98, 2};
    const onp_split_options o = {.seed = 3, .holdout = 102, .validation = 100};
    labelled l;
    onp_context ctx;
    onp_split s;
    int found[4];
    onp_context_init(&ctx);
    make(&l, counts, 2);
    assert_int_equal(onp_split_make(&ctx, &l.ds, &o, &s, NULL), ONP_OK);
    count(&l, s.holdout, s.n_holdout, found);
    assert_memory_equal(found, held, sizeof held);
    count(&l, s.validation, s.n_validation, found);
    assert_memory_equal(found, valid, sizeof valid);
    onp_split_free(&s);
}

/* The images used do not depend on how many are held out, so retraining sees the same ones. */
static void test_limit_is_independent_of_validation(void **state)
{
    (void)state;
    static const int counts[4] = {50, 60, 70, 80};
    labelled l;
    make(&l, counts, 4);
    onp_split a = split_of(&l, 3, 101, 0), b = split_of(&l, 3, 101, 40);
    char in_a[MAX_N] = {0}, in_b[MAX_N] = {0};
    mark(&l, a.train, a.n_train, in_a);
    mark(&l, b.train, b.n_train, in_b);
    mark(&l, b.validation, b.n_validation, in_b);
    assert_memory_equal(in_a, in_b, MAX_N);
    onp_split_free(&a);
    onp_split_free(&b);
}

/* Images to test on: balanced, in no other list, the same whatever the rest is split into. */
static void test_holdout(void **state)
{
    (void)state;
    static const int counts[3] = {100, 16, 114};
    static const onp_split_options cases[] = {
        {.seed = 4, .holdout = 24},
        {.seed = 4, .holdout = 24, .validation = 1},
        {.seed = 4, .holdout = 24, .limit = 206, .validation = 4},
        {.seed = 4, .holdout = 24, .limit = 50, .validation = 4},
    };
    static const int held[3] = {8, 8, 8};
    onp_context ctx;
    labelled l;
    int64_t first[24];
    onp_context_init(&ctx);
    make(&l, counts, 3);
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        onp_split s;
        char seen[MAX_N] = {0};
        int found[4];
        assert_int_equal(onp_split_make(&ctx, &l.ds, &cases[i], &s, NULL), ONP_OK);
        assert_int_equal(s.n_holdout, 24);
        assert_int_equal(s.n_validation, cases[i].validation);
        assert_int_equal(s.n_train + s.n_validation, cases[i].limit > 0 ? cases[i].limit : 206);
        mark(&l, s.train, s.n_train, seen);
        mark(&l, s.validation, s.n_validation, seen);
        mark(&l, s.holdout, s.n_holdout, seen);
        count(&l, s.holdout, s.n_holdout, found);
        assert_memory_equal(found, held, sizeof held);
        if (i == 0)
            memcpy(first, s.holdout, sizeof first);
        assert_memory_equal(s.holdout, first, sizeof first);
        onp_split_free(&s);
    }
}

static void test_seed_decides(void **state)
{
    (void)state;
    static const int counts[2] = {200, 200};
    labelled l;
    make(&l, counts, 2);
    onp_split a = split_of(&l, 1, 0, 40), b = split_of(&l, 1, 0, 40), c = split_of(&l, 2, 0, 40);
    assert_memory_equal(a.train, b.train, (size_t)a.n_train * sizeof *a.train);
    assert_memory_equal(a.validation, b.validation, 40 * sizeof *a.validation);
    assert_memory_not_equal(a.validation, c.validation, 40 * sizeof *a.validation);
    /* no order of the file left in it: the mean index is near the middle */
    double sum = 0;
    for (int i = 0; i < 40; i++)
        sum += (double)a.validation[i];
    assert_true(sum / 40 > 120 && sum / 40 < 280);
    onp_split_free(&a);
    onp_split_free(&b);
    onp_split_free(&c);
}

static void expect_failure(const labelled *l, onp_split_options o, onp_status st, const char *text)
{
    onp_test_memory m;
    onp_split s;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    assert_int_equal(onp_split_make(&m.ctx, &l->ds, &o, &s, &err), st);
    onp_assert_contains(err.msg, text);
    assert_null(s.train);
    assert_int_equal(m.n_live, 0);
}

static void test_errors(void **state)
{
    (void)state;
    static const int counts[3] = {20, 2, 20}, empty[3] = {5, 0, 5};
    labelled l;
    make(&l, counts, 3);
    expect_failure(&l, (onp_split_options){.validation = 42}, ONP_E_CONFIG,
                   "validation: 42 images, wanted 0..41 of the 42 used");
    expect_failure(&l, (onp_split_options){.validation = -1}, ONP_E_CONFIG, "validation: -1");
    expect_failure(&l, (onp_split_options){.limit = 10, .validation = 10}, ONP_E_CONFIG,
                   "wanted 0..9 of the 10 used");
    expect_failure(&l, (onp_split_options){.limit = 43}, ONP_E_CONFIG, "limit: 43 images");
    expect_failure(&l, (onp_split_options){.limit = -2}, ONP_E_CONFIG, "limit: -2 images");
    expect_failure(&l, (onp_split_options){.limit = 2}, ONP_E_CONFIG,
                   "class 2 (\"c\") keeps no training image");
    expect_failure(&l, (onp_split_options){.validation = 24}, ONP_E_CONFIG,
                   "class 1 (\"b\") keeps no training image");
    expect_failure(&l, (onp_split_options){.holdout = 42}, ONP_E_CONFIG,
                   "holdout: 42 images, wanted 0..41 of 42");
    expect_failure(&l, (onp_split_options){.holdout = -1}, ONP_E_CONFIG, "holdout: -1");
    expect_failure(&l, (onp_split_options){.holdout = 3, .limit = 40}, ONP_E_CONFIG,
                   "limit: 40 images, wanted 0..39");
    expect_failure(&l, (onp_split_options){.holdout = 24}, ONP_E_CONFIG,
                   "class 1 (\"b\") keeps no training image: of its 2, 2 are held out");
    expect_failure(&l, (onp_split_options){.holdout = 3, .validation = 24}, ONP_E_CONFIG,
                   "1 are held out, 1 of the others used, 1 of these go to validation");
    make(&l, empty, 3);
    expect_failure(&l, (onp_split_options){0}, ONP_E_FORMAT, "class 1 (\"b\") has no image");
}

static onp_status make_all(const onp_context *ctx, void *arg)
{
    const labelled *l = arg;
    const onp_split_options o = {.validation = 10, .holdout = 10};
    onp_split s;
    onp_sampler order;
    onp_status st = onp_split_make(ctx, &l->ds, &o, &s, NULL);
    if (st == ONP_OK) {
        st = onp_sampler_init(ctx, &order, 1, 0, s.train, s.n_train, NULL);
        onp_sampler_reset(&order);
    }
    onp_split_free(&s);
    return st;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    static const int counts[2] = {50, 50};
    labelled l;
    make(&l, counts, 2);
    onp_test_each_allocation(make_all, &l);
}

static void test_epochs_are_permutations(void **state)
{
    (void)state;
    enum { N = 257 };
    int64_t indices[N], order[3][N];
    for (int i = 0; i < N; i++)
        indices[i] = 1000 + 3 * i;
    for (int n = 1; n <= N; n = n < 8 ? n + 1 : n * 2 + 1)
        for (int epoch = 0; epoch < 3; epoch++) {
            char seen[N] = {0};
            onp_sampler_epoch(9, 0, epoch, indices, n, order[epoch]);
            for (int i = 0; i < n; i++) {
                int64_t at = (order[epoch][i] - 1000) / 3;
                assert_in_range(at, 0, n - 1);
                assert_int_equal(seen[at]++, 0);
            }
        }
    onp_sampler_epoch(9, 0, 0, indices, N, order[0]);
    onp_sampler_epoch(9, 0, 1, indices, N, order[1]);
    onp_sampler_epoch(9, 1, 0, indices, N, order[2]);
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
    assert_memory_not_equal(order[0], order[2], sizeof order[0]);
    onp_sampler_epoch(10, 0, 0, indices, N, order[1]);
    assert_memory_not_equal(order[0], order[1], sizeof order[0]);
}

/* All 24 orders of four come up about equally often. */
static void test_orders_are_uniform(void **state)
{
    (void)state;
    enum { EPOCHS = 24000 };
    static const int64_t indices[4] = {0, 1, 2, 3};
    int found[256] = {0}, kinds = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        int64_t o[4];
        onp_sampler_epoch(4, 0, epoch, indices, 4, o);
        found[o[0] | o[1] << 2 | o[2] << 4 | o[3] << 6]++;
    }
    for (int i = 0; i < 256; i++)
        if (found[i] > 0) {
            kinds++;
            assert_in_range(found[i], 1000 - 160, 1000 + 160); /* five deviations */
        }
    assert_int_equal(kinds, 24);
}

/* A sampler that starts anywhere, or goes back, gives what one that ran from the start gave. */
static void test_take_resumes_anywhere(void **state)
{
    (void)state;
    enum { N = 10, TOTAL = 47 };
    onp_context ctx;
    onp_sampler s;
    int64_t indices[N], all[TOTAL], part[TOTAL];
    onp_context_init(&ctx);
    for (int i = 0; i < N; i++)
        indices[i] = 5 * i;
    assert_int_equal(onp_sampler_init(&ctx, &s, 11, 2, indices, N, NULL), ONP_OK);
    onp_sampler_take(&s, 0, TOTAL, all);
    for (int epoch = 0; epoch * N + N <= TOTAL; epoch++) {
        int64_t order[N];
        onp_sampler_epoch(11, 2, epoch, indices, N, order);
        assert_memory_equal(all + epoch * N, order, sizeof order);
    }
    for (int64_t from = TOTAL - 1; from >= 0; from--) {
        int64_t count = TOTAL - from < 13 ? TOTAL - from : 13;
        onp_sampler_take(&s, from, count, part);
        assert_memory_equal(part, all + from, (size_t)count * sizeof *part);
    }
    onp_sampler_reset(&s);
    onp_error err = {0};
    assert_int_equal(onp_sampler_init(&ctx, &s, 1, 0, indices, 0, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "0 images, wanted at least 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disjoint_and_balanced),
        cmocka_unit_test(test_small_class),
        cmocka_unit_test(test_limit_is_independent_of_validation),
        cmocka_unit_test(test_holdout),
        cmocka_unit_test(test_seed_decides),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_epochs_are_permutations),
        cmocka_unit_test(test_orders_are_uniform),
        cmocka_unit_test(test_take_resumes_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
