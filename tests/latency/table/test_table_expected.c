/* SPDX-License-Identifier: Apache-2.0 */
/* Golden numbers: softmax of alpha = (0.5, -0.25, 0, 0.75), F = (2, 3.5, 1, 5) ms, worked out in
 * double outside of this project. */
#include "tests/test_support.h"

#include <math.h>

#include "latency/table/expected.h"

static const double alpha[4] = {0.5, -0.25, 0, 0.75};
static const int64_t ns[4] = {2000000, 3500000, 1000000, 5000000};

static void softmax(const double *a, size_t n, double *p)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(a[i]);
    for (size_t i = 0; i < n; i++)
        p[i] = exp(a[i]) / sum;
}

static void near(double seen, double wanted, double bound)
{
    if (!(fabs(seen - wanted) <= bound))
        fail_msg("%.12g, wanted %.12g", seen, wanted);
}

static void golden_full(void **state)
{
    (void)state;
    static const double wanted[4] = {-0.349633787, 0.045539350, -0.392421808, 0.696516245};
    double p[4], dalpha[4], e = 0;
    softmax(alpha, 4, p);
    const onp_block_rows rows = {p, ns, 4};
    assert_int_equal(onp_latency_expected(&rows, 1, 0, &e, NULL), ONP_OK);
    near(e / 1e6, 3.175791374, 1e-9);
    onp_latency_gradient(&rows, dalpha);
    for (int i = 0; i < 4; i++)
        near(dalpha[i] / 1e6, wanted[i], 1e-9);
}

static void golden_pair(void **state)
{
    (void)state;
    const double pair[2] = {alpha[3], alpha[1]};
    double q[2];
    softmax(pair, 2, q);
    near(q[0], 0.731058579, 1e-9);
    near(onp_latency_pair_value(q[0], q[1], ns[3], ns[1]) / 1e6, 4.596587868, 1e-9);
    near(onp_latency_pair_gradient(q[0], q[1], ns[3], ns[1]) / 1e6, 0.294917900, 1e-9);
    near(onp_latency_pair_gradient(q[1], q[0], ns[1], ns[3]) / 1e6, -0.294917900, 1e-9);
}

/* The gradient against central differences of the value, over two blocks and a fixed part. */
static void gradient_is_that_of_the_value(void **state)
{
    (void)state;
    const double h = 1e-5;
    double a[4] = {1.5, -0.75, 0.25, -2}, p[4], q[4], dalpha[4], up = 0, down = 0;
    softmax(alpha, 4, q);
    onp_block_rows rows[2] = {{q, ns, 4}, {p, ns, 4}};
    softmax(a, 4, p);
    onp_latency_gradient(&rows[1], dalpha);
    for (int i = 0; i < 4; i++) {
        double keep = a[i];
        a[i] = keep + h;
        softmax(a, 4, p);
        assert_int_equal(onp_latency_expected(rows, 2, 7e6, &up, NULL), ONP_OK);
        a[i] = keep - h;
        softmax(a, 4, p);
        assert_int_equal(onp_latency_expected(rows, 2, 7e6, &down, NULL), ONP_OK);
        a[i] = keep;
        near((up - down) / (2 * h), dalpha[i], 1e-6 * fabs(dalpha[i]));
    }
}

static void fixed_part_and_sums(void **state)
{
    (void)state;
    const double p[2] = {0.25, 0.75}, one[1] = {1};
    const int64_t f[2] = {1000, 3000}, g[1] = {12};
    const onp_block_rows rows[2] = {{p, f, 2}, {one, g, 1}};
    double e = 0;
    assert_int_equal(onp_latency_expected(rows, 2, 100, &e, NULL), ONP_OK);
    assert_true(e == 100 + 2500 + 12);
    assert_int_equal(onp_latency_expected(NULL, 0, 42, &e, NULL), ONP_OK);
    assert_true(e == 42);
}

static void pruned_and_missing(void **state)
{
    (void)state;
    const double p[3] = {0.5, 0, 0.5}, used[3] = {0.5, 0.25, 0.25};
    const int64_t f[3] = {10, ONP_NS_MISSING, 30};
    onp_block_rows rows[2] = {{p, f, 3}, {p, f, 3}};
    double e = 0, dalpha[3] = {9, 9, 9};
    onp_error err = {0};
    assert_int_equal(onp_latency_expected(rows, 2, 0, &e, &err), ONP_OK);
    assert_true(e == 40);
    onp_latency_gradient(&rows[0], dalpha);
    assert_true(dalpha[0] == -5 && dalpha[1] == 0 && dalpha[2] == 5);

    rows[1].p = used;
    assert_int_equal(onp_latency_expected(rows, 2, 0, &e, &err), ONP_E_MISSING);
    onp_assert_contains(err.msg, "block 1, candidate 1");
    assert_true(e == 40);
}

static void bad_probabilities(void **state)
{
    (void)state;
    const double bad[3] = {(double)NAN, (double)INFINITY, -0.1};
    const int64_t f[1] = {10};
    for (int i = 0; i < 3; i++) {
        const onp_block_rows rows = {&bad[i], f, 1};
        onp_error err = {0};
        double e = 7;
        assert_int_equal(onp_latency_expected(&rows, 1, 0, &e, &err), ONP_E_RANGE);
        onp_assert_contains(err.msg, "block 0, candidate 0");
        assert_true(e == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_full),
        cmocka_unit_test(golden_pair),
        cmocka_unit_test(gradient_is_that_of_the_value),
        cmocka_unit_test(fixed_part_and_sums),
        cmocka_unit_test(pruned_and_missing),
        cmocka_unit_test(bad_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
