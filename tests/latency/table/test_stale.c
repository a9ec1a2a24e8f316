/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of staleness, one by one and together. */
#include "tests/test_support.h"

#include <string.h>

#include "latency/table/stale.h"

#define DAY_NS ((int64_t)86400 * 1000000000)
#define NOW    ((int64_t)1000 * DAY_NS)

static onp_stale_facts fresh(void)
{
    return (onp_stale_facts){.os_then = "Linux 6.1",
                             .os_now = "Linux 6.1",
                             .oldest_unix_ns = NOW - 89 * DAY_NS,
                             .now_unix_ns = NOW,
                             .sentinel_then = 100,
                             .sentinel_now = 104.9,
                             .n_validated = 20,
                             .validated_mape = 0.049,
                             .validated_bias = -0.029};
}

static void assert_verdict(const onp_stale_facts *f, onp_stale_action action, const char *says)
{
    onp_stale_verdict v;
    onp_stale_judge(f, &v);
    assert_int_equal(v.action, action);
    assert_int_equal(v.stop, action == ONP_STALE_ROWS);
    if (says[0] == '\0')
        assert_string_equal(v.reason, "");
    else
        onp_assert_contains(v.reason, says);
}

static void within_all_limits(void **state)
{
    const onp_stale_facts f = fresh(), unknown = {.os_now = "Linux 6.1", .now_unix_ns = NOW};
    (void)state;
    assert_verdict(&f, ONP_STALE_FRESH, "");
    assert_verdict(&unknown, ONP_STALE_FRESH, "");
}

static void each_rule(void **state)
{
    onp_stale_facts f = fresh();
    (void)state;
    f.os_now = "Linux 6.6";
    assert_verdict(&f, ONP_STALE_RECHECK, "under Linux 6.1, this is Linux 6.6");
    f = fresh();
    f.oldest_unix_ns = NOW - 90 * DAY_NS;
    assert_verdict(&f, ONP_STALE_RECHECK, "90 days ago");
    f = fresh();
    f.sentinel_now = 94.9;
    assert_verdict(&f, ONP_STALE_ROWS, "-5.1 %");
    f.sentinel_now = 105.1;
    assert_verdict(&f, ONP_STALE_ROWS, "+5.1 %");
    f = fresh();
    f.validated_mape = 0.051;
    assert_verdict(&f, ONP_STALE_RECALIBRATE, "mean error of 5.1 %");
    f = fresh();
    f.validated_bias = -0.031;
    assert_verdict(&f, ONP_STALE_RECALIBRATE, "bias of -3.1 %");
}

/* No system and no age of theirs is known here. */
static void imported_rows(void **state)
{
    onp_stale_facts f = fresh();
    (void)state;
    f.imported = true;
    f.os_then = NULL;
    f.oldest_unix_ns = 1;
    assert_verdict(&f, ONP_STALE_IMPORTED, "imported");
    f.n_calibrated = 4;
    assert_verdict(&f, ONP_STALE_IMPORTED, "imported");
    f.n_calibrated = 5;
    assert_verdict(&f, ONP_STALE_FRESH, "");
    f.validated_mape = 0.2;
    assert_verdict(&f, ONP_STALE_RECALIBRATE, "20.0 %");
}

static void the_severest_is_told(void **state)
{
    onp_stale_facts f = fresh();
    (void)state;
    f.validated_mape = 0.2;
    f.oldest_unix_ns = 1;
    assert_verdict(&f, ONP_STALE_RECHECK, "days ago");
    f.sentinel_now = 200;
    assert_verdict(&f, ONP_STALE_ROWS, "sentinel");
}

static void a_second_look(void **state)
{
    onp_stale_verdict v;
    (void)state;
    onp_stale_recheck(0.029, 10, &v);
    assert_int_equal(v.action, ONP_STALE_FRESH);
    onp_assert_contains(v.reason, "10 rows changed by +2.9 %");
    onp_stale_recheck(0.031, 10, &v);
    assert_int_equal(v.action, ONP_STALE_ROWS);
    onp_stale_recheck(-0.145, 3, &v);
    assert_int_equal(v.action, ONP_STALE_ROWS);
    onp_assert_contains(v.reason, "3 rows changed by -14.5 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_all_limits), cmocka_unit_test(each_rule),
        cmocka_unit_test(imported_rows),     cmocka_unit_test(the_severest_is_told),
        cmocka_unit_test(a_second_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
