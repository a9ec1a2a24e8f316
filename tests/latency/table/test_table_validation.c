/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing networks to measure, and judging what was measured. */
#include "tests/test_support.h"

#include <math.h>

#include "base/philox.h"
#include "latency/table/validation.h"

enum { POOL = 207, CORNERS = 7, WANTED = 30 };

static void one_of_each_bin(void **state)
{
    onp_context ctx;
    double cost[POOL];
    int32_t chosen[WANTED], again[WANTED], other[WANTED], n_in_bin[WANTED - CORNERS] = {0};
    int n_different = 0;
    (void)state;
    onp_context_init(&ctx);
    for (int i = 0; i < POOL; i++) /* falling, so that rank and index differ */
        cost[i] = 1000 - i;
    assert_int_equal(onp_validation_choose(&ctx, cost, POOL, CORNERS, WANTED, 1, chosen, NULL),
                     ONP_OK);
    assert_int_equal(onp_validation_choose(&ctx, cost, POOL, CORNERS, WANTED, 1, again, NULL),
                     ONP_OK);
    assert_int_equal(onp_validation_choose(&ctx, cost, POOL, CORNERS, WANTED, 2, other, NULL),
                     ONP_OK);
    assert_memory_equal(chosen, again, sizeof chosen);
    for (int i = 0; i < WANTED; i++) {
        assert_true(i == 0 || chosen[i] > chosen[i - 1]);
        n_different += chosen[i] != other[i];
        if (i < CORNERS)
            assert_int_equal(chosen[i], i);
        else
            n_in_bin[(POOL - 1 - chosen[i]) * (WANTED - CORNERS) / (POOL - CORNERS)]++;
    }
    assert_true(n_different > 10);
    for (int i = 0; i < WANTED - CORNERS; i++)
        assert_true(n_in_bin[i] <= 2); /* bins of 8 or 9 are counted by parts of 8.7 */
    assert_int_equal(onp_validation_choose(&ctx, cost, 3, 3, 3, 1, chosen, NULL), ONP_OK);
    assert_int_equal(chosen[2], 2);
}

/* measured = 1.2 sum + 3 ms, within 1 % */
static void make(onp_validated *v, size_t n)
{
    const onp_rng rng = onp_rng_make(3, ONP_RNG_TEST);
    for (size_t i = 0; i < n; i++) {
        const double sum = 10e6 + 50e6 * onp_rng_uniform(rng, i, 0, 0, 0);
        const double noise = 0.01 * (2 * onp_rng_uniform(rng, i, 1, 0, 0) - 1);
        v[i] = (onp_validated){.sum_ns = sum,
                               .n_ops = (double)(15 + i % 8),
                               .measured_ns = (1.2 * sum + 3e6) * (1 + noise)};
    }
}

static void a_calibration_is_tested_on_others(void **state)
{
    enum { N = 30 };
    onp_context ctx;
    onp_validated v[N];
    onp_validation_report r;
    onp_error err = {0};
    double mape = 0, least = (double)INFINITY;
    size_t n_fit = 0, smallest = 0, largest = 0;
    (void)state;
    onp_context_init(&ctx);
    make(v, N);
    for (size_t i = 0; i < N; i++)
        v[i].repeated_ns = v[i].measured_ns * (i % 2 == 0 ? 1.02 : 0.98);
    v[7].measured_ns *= 1.06, v[7].repeated_ns *= 1.06;
    assert_int_equal(onp_validation_judge(&ctx, v, N, &r, &err), ONP_OK);
    assert_int_equal(r.n, N);
    assert_int_equal(r.n_test, 20);
    assert_int_equal(r.used.n, 10);
    assert_int_equal(r.all.n, N);
    for (size_t i = 0; i < N; i++) {
        n_fit += !v[i].test;
        if (v[i].test)
            mape += fabs(v[i].predicted_ns / onp_validated_ns(&v[i]) - 1) / 20;
        assert_true(v[i].predicted_ns > 0 && v[i].lo_ns < v[i].predicted_ns);
        if (v[i].sum_ns < least) {
            least = v[i].sum_ns;
            smallest = i;
        }
        largest = v[i].sum_ns > v[largest].sum_ns ? i : largest;
    }
    assert_int_equal(n_fit, 10);
    assert_false(v[smallest].test);
    assert_false(v[largest].test);
    assert_true(fabs(r.after.mape - mape) < 1e-12);
    assert_true(r.after.mape < 0.02 && r.before.mape > 0.2 && r.before.bias < -0.2);
    assert_true(r.after.n == 20 && r.before.n == 20 && r.plain.n == N);
    assert_true(fabs(r.noise - 0.02) < 1e-12);
    assert_true(r.after.coverage >= 0 && r.after.coverage <= 1);
    assert_true(v[7].test); /* by the seed; then it is the worst */
    assert_int_equal(r.n_worst, 5);
    assert_int_equal(r.worst[0], 7);
}

static void few_networks(void **state)
{
    onp_context ctx;
    onp_validated v[ONP_VALIDATION_MIN];
    onp_validation_report r = {.n = 77};
    onp_error err = {0};
    (void)state;
    onp_context_init(&ctx);
    make(v, ONP_VALIDATION_MIN);
    assert_int_equal(onp_validation_judge(&ctx, v, ONP_VALIDATION_MIN - 1, &r, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "9 networks, wanted 10 or more");
    assert_int_equal(r.n, 77);
    assert_int_equal(onp_validation_judge(&ctx, v, ONP_VALIDATION_MIN, &r, &err), ONP_OK);
    assert_int_equal(r.n_test, 5);
    assert_int_equal(r.n_worst, 5);
    assert_true(isnan(r.noise));
    v[3].measured_ns = -1;
    assert_int_equal(onp_validation_judge(&ctx, v, ONP_VALIDATION_MIN, &r, &err), ONP_E_RANGE);
}

static onp_status use(const onp_context *ctx, void *arg)
{
    onp_validated v[ONP_VALIDATION_MIN];
    onp_validation_report r;
    double cost[4] = {4, 3, 2, 1};
    int32_t chosen[3];
    (void)arg;
    make(v, ONP_VALIDATION_MIN);
    ONP_TRY(onp_validation_choose(ctx, cost, 4, 1, 3, 1, chosen, NULL));
    return onp_validation_judge(ctx, v, ONP_VALIDATION_MIN, &r, NULL);
}

static void no_memory(void **state)
{
    (void)state;
    onp_test_each_allocation(use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_each_bin),
        cmocka_unit_test(a_calibration_is_tested_on_others),
        cmocka_unit_test(few_networks),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
