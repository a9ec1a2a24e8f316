/* SPDX-License-Identifier: Apache-2.0 */
/* Twelve networks, one of them 25 % slow. Wanted values: iteratively reweighted least squares in
 * another program. */
#include <math.h>

#include "latency/predict/calibration.h"
#include "tests/test_support.h"

enum { N = 12 };

static const double sum[N] = {20, 35, 28, 50, 44, 61, 70, 25, 80, 33, 57, 90};
static const double ops[N] = {10, 14, 11, 20, 17, 21, 22, 13, 24, 12, 19, 25};
static const double measured[N] = {31.31,  49.196,  41.1045, 71.05,  61.281,  83.5,
                                   96.492, 37.3315, 107.2,   47.672, 77.7095, 149.375};

static void assert_near(double value, double wanted, double tolerance)
{
    assert_true(fabs(value - wanted) < tolerance);
}

/* a alone leaves 4.97 %, a + c 2.76 %, with b 2.84 %: a + c is taken, and the slow network hardly
 * moves it. */
static void takes_the_form_that_predicts(void **state)
{
    (void)state;
    onp_context ctx;
    onp_calibration cal;
    onp_context_init(&ctx);
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, measured, N, &cal, NULL), ONP_OK);
    assert_near(cal.a, 1.29064923, 1e-7);
    assert_near(cal.c_ns, 5.08003303, 1e-6);
    assert_near(cal.b_ns, 0, 1e-300);
    assert_int_equal(cal.n, N);
    assert_near(cal.mape_after, 0.027589863283456462, 1e-9);
    assert_near(cal.residual_sd, 0.07104058955688629, 1e-9);
    /* Student's t with 10 degrees of freedom: 2.2281. */
    assert_near(cal.half95, 2.2281 * cal.residual_sd, 4e-3 * cal.residual_sd);
    assert_true(cal.mape_before > 0.3);
    for (int i = 0; i < N; i++)
        assert_true(cal.lo_ns <= sum[i] && sum[i] <= cal.hi_ns);

    double lo = 0, hi = 0;
    const double p = onp_calibration_apply(&cal, 40, 15);
    assert_near(p, 1.29064923 * 40 + 5.08003303, 1e-5);
    onp_calibration_interval(&cal, p, &lo, &hi);
    assert_near(lo, p * (1 - cal.half95), 1e-9);
    assert_near(hi, p * (1 + cal.half95), 1e-9);
}

/* A line of large networks says nothing of small ones. */
static void holds_near_its_networks(void **state)
{
    (void)state;
    onp_calibration cal = {.a = 1.1, .b_ns = 2, .c_ns = -100, .n = 5, .lo_ns = 900, .hi_ns = 5000};
    assert_true(onp_calibration_holds(&cal, 300, 5) && onp_calibration_holds(&cal, 15000, 5));
    assert_false(onp_calibration_holds(&cal, 299, 5) || onp_calibration_holds(&cal, 15001, 5));
    cal.lo_ns = cal.hi_ns = 0; /* of an older table */
    assert_true(onp_calibration_holds(&cal, 200, 0) && onp_calibration_holds(&cal, 1e9, 0));
    assert_false(onp_calibration_holds(&cal, 181, 0));
    assert_true(onp_calibration_holds(&cal, 181, 1));
    cal = onp_calibration_none();
    assert_true(onp_calibration_holds(&cal, 0, 0));
}

/* Exact data gives back what it was made of. */
static void finds_overheads(void **state)
{
    (void)state;
    double exact[N];
    onp_context ctx;
    onp_calibration cal;
    onp_context_init(&ctx);
    for (int i = 0; i < N; i++)
        exact[i] = 1.1 * sum[i] + 0.4 * ops[i] + 7;
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, exact, N, &cal, NULL), ONP_OK);
    assert_near(cal.a, 1.1, 1e-9);
    assert_near(cal.b_ns, 0.4, 1e-8);
    assert_near(cal.c_ns, 7, 1e-7);
    assert_near(cal.spearman, 1, 1e-12);
    assert_near(cal.half95, 0, 1e-9);
}

/* Five networks are too few for b, however well it fits. */
static void few_have_no_b(void **state)
{
    (void)state;
    double exact[N];
    onp_context ctx;
    onp_calibration cal;
    onp_context_init(&ctx);
    for (int i = 0; i < N; i++)
        exact[i] = 1.1 * sum[i] + 4 * ops[i] + 7;
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, exact, 6, &cal, NULL), ONP_OK);
    assert_near(cal.b_ns, 4, 1e-6);
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, exact, 5, &cal, NULL), ONP_OK);
    assert_near(cal.b_ns, 0, 1e-300);
}

/* All networks of one depth: b and c cannot be told apart, c is left. */
static void same_depth(void **state)
{
    (void)state;
    double exact[N], same[N];
    onp_context ctx;
    onp_calibration cal;
    onp_context_init(&ctx);
    for (int i = 0; i < N; i++) {
        same[i] = 21;
        exact[i] = 0.9 * sum[i] + 3;
    }
    assert_int_equal(onp_calibration_fit(&ctx, sum, same, exact, N, &cal, NULL), ONP_OK);
    assert_near(cal.a, 0.9, 1e-9);
    assert_near(cal.b_ns, 0, 1e-300);
    assert_near(cal.c_ns, 3, 1e-8);
}

static void refuses(void **state)
{
    (void)state;
    double falling[N], zero[N] = {0};
    onp_context ctx;
    onp_calibration cal;
    onp_error err = {0};
    onp_context_init(&ctx);
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, measured, 4, &cal, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "4 networks, wanted at least 5");
    assert_int_equal(onp_calibration_fit(&ctx, zero, ops, measured, N, &cal, &err), ONP_E_RANGE);
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, zero, N, &cal, &err), ONP_E_RANGE);
    for (int i = 0; i < N; i++)
        falling[i] = 1e-3 / (sum[i] * sum[i]);
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, falling, N, &cal, &err), ONP_OK);
    assert_true(cal.a > 0);
    assert_true(cal.mape_after > 0.25);
    for (int i = 0; i < N; i++) /* a line, but down */
        falling[i] = 100 - 0.5 * sum[i];
    assert_int_equal(onp_calibration_fit(&ctx, sum, ops, falling, N, &cal, &err), ONP_OK);
    assert_true(cal.a > 0);
}

static void none_changes_nothing(void **state)
{
    (void)state;
    const onp_calibration none = onp_calibration_none();
    double lo = 0, hi = 0;
    assert_near(onp_calibration_apply(&none, 12.5, 30), 12.5, 1e-300);
    onp_calibration_interval(&none, 12.5, &lo, &hi);
    assert_near(lo, 12.5, 1e-300);
    assert_near(hi, 12.5, 1e-300);
    const onp_calibration wide = {.a = 1, .half95 = 1.5};
    onp_calibration_interval(&wide, 10, &lo, &hi);
    assert_near(lo, 0, 1e-300); /* no network takes less */
    assert_near(hi, 25, 1e-12);
}

static onp_status fit(const onp_context *ctx, void *arg)
{
    return onp_calibration_fit(ctx, sum, ops, measured, N, arg, NULL);
}

static void no_memory(void **state)
{
    (void)state;
    onp_calibration cal;
    onp_test_each_allocation(fit, &cal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_the_form_that_predicts),
                                       cmocka_unit_test(finds_overheads),
                                       cmocka_unit_test(holds_near_its_networks),
                                       cmocka_unit_test(few_have_no_b),
                                       cmocka_unit_test(same_depth),
                                       cmocka_unit_test(refuses),
                                       cmocka_unit_test(none_changes_nothing),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
