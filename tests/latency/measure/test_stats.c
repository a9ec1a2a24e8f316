/* SPDX-License-Identifier: Apache-2.0 */
/* Wanted values: worked out apart, with exact sums and binomials. */
#include <math.h>

#include "latency/measure/stats.h"
#include "tests/test_support.h"

static const int64_t twenty[] = {1012, 998,  1003, 1001, 999,  1005, 1000, 1002, 1500, 997,
                                 1004, 1006, 995,  1008, 1010, 1001, 1003, 1002, 999,  1007};

static void twenty_samples(void **state)
{
    (void)state;
    int64_t scratch[20];
    onp_stats s;
    onp_stats_take(twenty, 20, scratch, &s);
    assert_int_equal(s.n, 20);
    assert_int_equal(s.min_ns, 995);
    assert_int_equal(s.p05_ns, 997);     /* 996.9 */
    assert_int_equal(s.median_ns, 1003); /* 1002.5 */
    assert_int_equal(s.mean_ns, 1028);   /* 1027.6 */
    assert_int_equal(s.trimmed_mean_ns, 1003);
    assert_int_equal(s.p90_ns, 1010);
    assert_int_equal(s.p99_ns, 1407);
    assert_int_equal(s.mad_ns, 4); /* 3.5 */
    assert_true(fabs(s.cv - 0.10828777408584629) < 1e-12);
    assert_int_equal(s.ci95_lo_ns, 1000); /* the 6th and the 15th */
    assert_int_equal(s.ci95_hi_ns, 1006);
    assert_false(s.bimodal);
    assert_true(fabs(onp_stats_half_width(&s) - 3.0 / 1003.0) < 1e-12);
}

static void one_sample(void **state)
{
    (void)state;
    int64_t x = 7, scratch;
    onp_stats s;
    onp_stats_take(&x, 1, &scratch, &s);
    assert_int_equal(s.median_ns, 7);
    assert_int_equal(s.p99_ns, 7);
    assert_int_equal(s.trimmed_mean_ns, 7);
    assert_true(s.cv <= 0.0);
    assert_int_equal(s.ci95_lo_ns, 7);
    assert_int_equal(s.ci95_hi_ns, 7);
    assert_true(onp_stats_half_width(&s) >= 1.0);
}

/* Largest k with 2 sum_{i<k} C(n, i) / 2^n <= 0.05, by whole numbers of any length. */
static void interval_ranks(void **state)
{
    (void)state;
    static const struct {
        size_t n, rank;
    } rows[] = {{1, 0},   {5, 0},   {6, 1},    {8, 1},     {9, 2},      {20, 6},
                {30, 10}, {50, 18}, {100, 40}, {500, 228}, {1000, 469}, {2000, 956}};
    for (size_t i = 0; i < ONP_COUNT(rows); i++)
        assert_int_equal(onp_stats_interval_rank(rows[i].n), rows[i].rank);
}

static bool is_bimodal(const int64_t *x, size_t n, onp_stats *s)
{
    int64_t scratch[64];
    onp_stats_take(x, n, scratch, s);
    return s->bimodal;
}

static void modes(void **state)
{
    (void)state;
    int64_t x[40];
    onp_stats s;
    for (int i = 0; i < 40; i++) /* two narrow groups, 12 and 28 */
        x[i] = (i % 10 < 3 ? 1300 : 1000) + i % 7;
    assert_true(is_bimodal(x, 40, &s));
    assert_in_range(s.mode_lo_ns, 1000, 1006);
    assert_in_range(s.mode_hi_ns, 1300, 1306);

    for (int i = 0; i < 40; i++) /* even */
        x[i] = 1000 + 10 * i;
    assert_false(is_bimodal(x, 40, &s));
    assert_int_equal(s.mode_lo_ns, s.median_ns);
    assert_int_equal(s.mode_hi_ns, s.median_ns);

    for (int i = 0; i < 40; i++) /* a long tail */
        x[i] = (int64_t)(1000.0 - 300.0 * log(1.0 - (i + 0.5) / 40.0));
    assert_false(is_bimodal(x, 40, &s));

    for (int i = 0; i < 40; i++) /* too few in the second group */
        x[i] = (i < 5 ? 1300 : 1000) + i % 7;
    assert_false(is_bimodal(x, 40, &s));

    for (int i = 0; i < 40; i++) /* too near */
        x[i] = (i % 2 ? 1015 : 1000);
    assert_false(is_bimodal(x, 40, &s));
}

static void median_sorts(void **state)
{
    (void)state;
    int64_t x[] = {9, 1, 5, 3};
    assert_int_equal(onp_stats_median(x, 4), 4);
    assert_int_equal(x[0], 1);
    assert_int_equal(x[3], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_samples), cmocka_unit_test(one_sample),
        cmocka_unit_test(interval_ranks), cmocka_unit_test(modes),
        cmocka_unit_test(median_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
