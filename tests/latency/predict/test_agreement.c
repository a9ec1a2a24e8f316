/* SPDX-License-Identifier: Apache-2.0 */
/* Wanted values: by the definitions (all pairs, all ranks) in another program. */
#include <math.h>

#include "latency/predict/agreement.h"
#include "tests/test_support.h"

static const double predicted[] = {10.0, 12.0, 12.0, 15.5, 20.0, 8.0, 30.0, 30.0};

static void assert_near(double value, double wanted)
{
    assert_true(fabs(value - wanted) < 1e-12);
}

static void ties_in_predictions(void **state)
{
    (void)state;
    static const double measured[] = {10.2, 11.0, 13.0, 15.5, 19.0, 8.5, 27.0, 31.0};
    double lo[8], hi[8];
    onp_context ctx;
    onp_agreement a;
    onp_context_init(&ctx);
    for (int i = 0; i < 8; i++) {
        lo[i] = 0.95 * predicted[i];
        hi[i] = 1.05 * predicted[i];
    }
    assert_int_equal(onp_agreement_take(&ctx, predicted, lo, hi, measured, 8, &a, NULL), ONP_OK);
    assert_int_equal(a.n, 8);
    assert_near(a.rmse_ns, 1.288894875465024);
    assert_near(a.mape, 0.05528303686947447);
    assert_near(a.bias, 0.008379908372418116);
    assert_near(a.within5, 3.0 / 8);
    assert_near(a.within10, 7.0 / 8);
    assert_near(a.spearman, 0.9880235200593538);
    assert_near(a.kendall, 0.9636241116594315);
    assert_near(a.coverage, 4.0 / 8);
}

static void ties_in_both(void **state)
{
    (void)state;
    static const double measured[] = {10, 11, 13, 15.5, 19, 8.5, 31, 31};
    onp_context ctx;
    onp_agreement a;
    onp_context_init(&ctx);
    assert_int_equal(onp_agreement_take(&ctx, predicted, NULL, NULL, measured, 8, &a, NULL),
                     ONP_OK);
    assert_near(a.mape, 0.04297542565294485);
    assert_near(a.spearman, 0.9939576486092935);
    assert_near(a.kendall, 0.9813067629253164);
    assert_true(isnan(a.coverage));
}

/* One pair, no order, the opposite order, the same. */
static void small_cases(void **state)
{
    (void)state;
    static const double up[] = {1, 2, 3, 4}, down[] = {4, 3, 2, 1}, flat[] = {2, 2, 2, 2};
    onp_context ctx;
    onp_agreement a;
    onp_context_init(&ctx);
    assert_int_equal(onp_agreement_take(&ctx, up, NULL, NULL, up, 1, &a, NULL), ONP_OK);
    assert_near(a.spearman, 0);
    assert_near(a.mape, 0);
    assert_int_equal(onp_agreement_take(&ctx, up, NULL, NULL, flat, 4, &a, NULL), ONP_OK);
    assert_near(a.kendall, 0);
    assert_int_equal(onp_agreement_take(&ctx, up, NULL, NULL, down, 4, &a, NULL), ONP_OK);
    assert_near(a.spearman, -1);
    assert_near(a.kendall, -1);
    assert_int_equal(onp_agreement_take(&ctx, up, NULL, NULL, up, 4, &a, NULL), ONP_OK);
    assert_near(a.spearman, 1);
    assert_near(a.kendall, 1);
}

static void refuses(void **state)
{
    (void)state;
    const double good[] = {1, 2}, zero[] = {1, 0}, nan[] = {(double)NAN, 1};
    onp_context ctx;
    onp_agreement a;
    onp_error err = {0};
    onp_context_init(&ctx);
    assert_int_equal(onp_agreement_take(&ctx, good, NULL, NULL, good, 0, &a, &err), ONP_E_RANGE);
    assert_int_equal(onp_agreement_take(&ctx, nan, NULL, NULL, good, 2, &a, &err), ONP_E_RANGE);
    assert_int_equal(onp_agreement_take(&ctx, good, NULL, NULL, zero, 2, &a, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "pair 1 is predicted 2, measured 0");
}

static onp_status take(const onp_context *ctx, void *arg)
{
    onp_agreement a;
    return onp_agreement_take(ctx, arg, NULL, NULL, arg, 8, &a, NULL);
}

static void no_memory(void **state)
{
    (void)state;
    double copy[8];
    for (int i = 0; i < 8; i++)
        copy[i] = predicted[i];
    onp_test_each_allocation(take, copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_in_predictions), cmocka_unit_test(ties_in_both),
        cmocka_unit_test(small_cases), cmocka_unit_test(refuses), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
