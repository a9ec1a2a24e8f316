/* SPDX-License-Identifier: Apache-2.0 */
/* The quiet level of a sentinel. */
#include "latency/table/quiet.h"
#include "base/philox.h"
#include "tests/test_support.h"

#include <math.h>

enum { N = 100, TENTH = N / 10 };

static void of_few(void **state)
{
    double one[] = {5.0}, two[] = {7.0, 5.0};
    (void)state;
    assert_true(onp_quiet_level(one, 1) == 5.0);
    assert_true(onp_quiet_level(two, 2) == 5.0);
}

/* A tenth may be too small by mistake, and nine tenths of a busy time. */
static void stands_what_is_wrong(void **state)
{
    const onp_rng rng = onp_rng_make(1, ONP_RNG_ORDER);
    (void)state;
    for (int n_low = 0; n_low <= TENTH; n_low++) {
        double values[N];
        for (int i = 0; i < N; i++)
            values[i] = i < n_low ? 1.0 : i < n_low + TENTH ? 100.0 : 105.0 + i;
        for (int i = N - 1; i > 0; i--) {
            const int j = (int)onp_rng_below(rng, (uint64_t)i, 0, 0, (uint64_t)i + 1);
            const double kept = values[i];
            values[i] = values[j];
            values[j] = kept;
        }
        const double level = onp_quiet_level(values, N);
        assert_true(n_low == 0 ? level == 105.0 + TENTH : level == 100.0);
    }
}

static void clocks_are_evened_out(void **state)
{
    (void)state;
    assert_true(onp_quiet_value(3000, 2000000) == onp_quiet_value(2000, 3000000));
    assert_true(onp_quiet_value(3000, 1000000) == 3000.0);
    assert_true(onp_quiet_value(3000, 0) == 3000.0);
}

static void excess(void **state)
{
    (void)state;
    assert_true(fabs(onp_quiet_excess(100.0, 103.0) - 0.03) < 1e-12);
    assert_true(fabs(onp_quiet_excess(100.0, 97.0) + 0.03) < 1e-12);
    assert_true(onp_quiet_excess(0.0, 97.0) == 0.0);
    assert_true(onp_quiet_excess(97.0, 0.0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_few),
        cmocka_unit_test(stands_what_is_wrong),
        cmocka_unit_test(clocks_are_evened_out),
        cmocka_unit_test(excess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
