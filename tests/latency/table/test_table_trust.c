/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of a table behind the rules of staleness. */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "latency/table/trust.h"

static int64_t start(onp_test_table *t, int64_t platform, const char *os, const char *settings)
{
    const onp_run_info info = {.os = os, .settings = settings};
    int64_t run = 0;
    assert_int_equal(onp_store_run_start(t->store, platform, &info, &run, &t->err), ONP_OK);
    return run;
}

static int64_t measured(onp_test_table *t, const onp_platform *p, int64_t *platform)
{
    const onp_estimate e = {.median_ns = 100};
    assert_int_equal(onp_store_platform_add(t->store, p, platform, &t->err), ONP_OK);
    const int64_t run = start(t, *platform, "Linux 6.1", NULL);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    return run;
}

static onp_stale_action action(onp_test_table *t, int64_t platform, const char *os, onp_trust *out)
{
    assert_int_equal(onp_trust_take(t->store, platform, os, out, &t->err), ONP_OK);
    return out->verdict.action;
}

static const onp_platform here = {.device = "d", .backend = "onepath", .kernel_hash = "1"};

static void system_and_age(void **state)
{
    onp_test_table *t = *state;
    onp_trust trust;
    int64_t p = 0;
    (void)measured(t, &here, &p);
    assert_int_equal(action(t, p, "Linux 6.1", &trust), ONP_STALE_FRESH);
    assert_int_equal(trust.calibration.n, 0);
    assert_int_equal(trust.validation.n, 0);
    assert_true(isnan(trust.noise));
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_RECHECK);
    assert_int_equal(onp_test_sql(t->path, "UPDATE estimate SET updated_unix_ns = 1"), SQLITE_OK);
    assert_int_equal(action(t, p, "Linux 6.1", &trust), ONP_STALE_RECHECK);
    onp_assert_contains(trust.verdict.reason, "days ago");
    (void)measured(t, &here, &p); /* anew */
    assert_int_equal(action(t, p, "Linux 6.1", &trust), ONP_STALE_FRESH);
    assert_int_equal(onp_test_sql(t->path, "UPDATE estimate SET updated_unix_ns = 1"), SQLITE_OK);
    /* looked at again, under another system */
    (void)start(t, p, "Linux 7", "{\"check\": 0}");
    const int64_t run = start(t, p, "Linux 6.6", "{\"check\": 0.1}");
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_RECHECK); /* not at its end */
    assert_int_equal(onp_store_run_end(t->store, run, ONP_RUN_DONE, &t->err), ONP_OK);
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_FRESH);
    assert_int_equal(action(t, p, "Linux 6.1", &trust), ONP_STALE_RECHECK);
    (void)start(t, p, NULL, "no JSON");
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_FRESH);
    assert_int_equal(onp_trust_take(t->store, 99, NULL, &trust, &t->err), ONP_E_MISSING);
}

/* Rows of another space, measured later, say nothing of those that were there. */
static void rows_that_are_added(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 100};
    onp_trust trust;
    int64_t p = 0;
    (void)measured(t, &here, &p);
    int64_t run = start(t, p, "Linux 6.6", NULL);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_RECHECK);
    /* nor do they undo a check */
    assert_int_equal(onp_test_sql(t->path, "UPDATE estimate SET updated_unix_ns = 1"), SQLITE_OK);
    run = start(t, p, "Linux 6.6", "{\"check\": 0.1}");
    assert_int_equal(onp_store_run_end(t->store, run, ONP_RUN_DONE, &t->err), ONP_OK);
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_FRESH);
    run = start(t, p, "Linux 6.6", NULL);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
    assert_int_equal(action(t, p, "Linux 6.6", &trust), ONP_STALE_FRESH);
}

static void add_sentinels(onp_test_table *t, int64_t run, const char *key, int64_t ns, int64_t khz)
{
    assert_int_equal(onp_store_run_end(t->store, run, ONP_RUN_DONE, &t->err), ONP_OK);
    for (int i = 0; i < 3; i++) { /* one of them far off */
        const onp_sentinel v = {
            .key = key, .seq = 1 + i, .median_ns = i == 1 ? 9 * ns : ns + i, .clock_khz = khz};
        assert_int_equal(onp_store_sentinel_add(t->store, run, &v, &t->err), ONP_OK);
    }
}

static void sentinels(void **state)
{
    onp_test_table *t = *state;
    onp_trust trust;
    int64_t p = 0, run = measured(t, &here, &p);
    add_sentinels(t, run, "k", 1000, 2000);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    add_sentinels(t, start(t, p, NULL, NULL), "k", 2000, 1000); /* the clock is half of it */
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    add_sentinels(t, start(t, p, NULL, NULL), "k", 2000, 0); /* no clock, nothing to compare */
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    add_sentinels(t, start(t, p, NULL, NULL), "k", 1060, 2000);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_ROWS);
    onp_assert_contains(trust.verdict.reason, "+6.0 %");
    add_sentinels(t, start(t, p, NULL, NULL), "j", 5000, 2000); /* another graph */
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    for (int i = 0; i < 70; i++)
        add_sentinels(t, start(t, p, NULL, NULL), "j", 5000, 2000);
    const onp_sentinel busy = {.key = "j", .seq = 1, .median_ns = 9999, .clock_khz = 2000};
    assert_int_equal(onp_store_sentinel_add(t->store, start(t, p, NULL, NULL), &busy, &t->err), 0);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH); /* its run did not end well */
    run = start(t, p, NULL, NULL);
    add_sentinels(t, run, "j", 4700, 2000);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_ROWS);
    onp_assert_contains(trust.verdict.reason, "-6.0 %");
    /* marked, there is nothing left to mark; measured again, they are of a time of their own */
    assert_int_equal(onp_store_stale_set(t->store, p, trust.verdict.reason, NULL, &t->err), ONP_OK);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    const onp_estimate e = {.median_ns = 94};
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
}

/* Times as they passed and times at 1 GHz are not of one scale: in a run the first tells which. */
static void a_sentinel_whose_clock_was_not_seen(void **state)
{
    onp_test_table *t = *state;
    onp_trust trust;
    int64_t p = 0, run = measured(t, &here, &p);
    onp_sentinel v = {.key = "k", .seq = 1, .median_ns = 1000, .clock_khz = 3000000};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(onp_store_run_end(t->store, run, ONP_RUN_DONE, &t->err), ONP_OK);
        v.seq = 1, v.clock_khz = 3000000;
        assert_int_equal(onp_store_sentinel_add(t->store, run, &v, &t->err), ONP_OK);
        v.seq = 2, v.clock_khz = i == 0 ? 0 : 3000000;
        assert_int_equal(onp_store_sentinel_add(t->store, run, &v, &t->err), ONP_OK);
        if (i == 0)
            run = start(t, p, NULL, NULL);
    }
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
}

static void the_last_validation(void **state)
{
    onp_test_table *t = *state;
    onp_trust trust;
    int64_t p = 0, run = measured(t, &here, &p);
    for (int i = 0; i < 4; i++) {
        char hash[ONP_SHA256_HEX];
        onp_sha256(&i, sizeof i, hash);
        const onp_validation v = {.hash = hash,
                                  .test = i > 0,
                                  .sum_ns = 1000,
                                  .predicted_ns = i > 0 ? 1020 + i : 9999,
                                  .lo_ns = i == 1 ? 1019 : 900,
                                  .hi_ns = 1100,
                                  .measured_ns = 1000,
                                  .repeated_ns = 1020};
        assert_int_equal(onp_store_validation_add(t->store, run, &v, &t->err), ONP_OK);
    }
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_FRESH);
    assert_int_equal(trust.validation.n, 3);
    assert_true(fabs(trust.validation.mape - 12.0 / 1010) < 1e-12);
    assert_true(fabs(trust.validation.coverage - 2.0 / 3) < 1e-12);
    assert_true(fabs(trust.noise - 0.02) < 1e-12);
    assert_true(trust.validated_unix_ns > 0);
    run = start(t, p, NULL, NULL);
    char hash[ONP_SHA256_HEX];
    onp_sha256("x", 1, hash);
    const onp_validation v = {
        .hash = hash, .test = true, .sum_ns = 1000, .predicted_ns = 1050, .measured_ns = 1000};
    assert_int_equal(onp_store_validation_add(t->store, run, &v, &t->err), ONP_OK);
    assert_int_equal(action(t, p, NULL, &trust), ONP_STALE_RECALIBRATE);
    assert_int_equal(trust.validation.n, 1);
}

static void an_imported_table(void **state)
{
    onp_test_table *t = *state;
    const onp_platform p = {.device = "phone", .backend = "import:csv"};
    onp_calibration cal = onp_calibration_none();
    onp_trust trust;
    int64_t id = 0;
    (void)measured(t, &p, &id);
    assert_int_equal(action(t, id, "Linux 6.6", &trust), ONP_STALE_IMPORTED);
    cal.n = 5;
    assert_int_equal(onp_store_calibration_set(t->store, id, 0, &cal, &t->err), ONP_OK);
    assert_int_equal(action(t, id, "Linux 6.6", &trust), ONP_STALE_FRESH);
    assert_int_equal(trust.calibration.n, 5);
    /* it is of the rows that were there: others beside them change nothing, in their place all */
    const onp_measurement m = {.n = 1, .median_ns = 100};
    const onp_estimate e = {.median_ns = 100, .source = ONP_SOURCE_IMPORTED};
    for (int i = 0; i < 2; i++) {
        const int64_t run = start(t, id, NULL, NULL);
        assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_B, &m, NULL, &t->err),
                         ONP_OK);
        assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err),
                         ONP_OK);
        assert_int_equal(action(t, id, "Linux 6.6", &trust),
                         i == 0 ? ONP_STALE_FRESH : ONP_STALE_IMPORTED);
        assert_int_equal(trust.calibration.n, i == 0 ? 5 : 0);
    }
}

static void stale(onp_test_table *t, int64_t platform, bool wanted)
{
    onp_estimate e;
    assert_int_equal(onp_store_estimate_get(t->store, platform, ONP_TEST_KEY_A, &e, &t->err),
                     ONP_OK);
    assert_int_equal(e.stale_reason[0] != '\0', wanted);
}

static void new_kernels_make_the_old_rows_stale(void **state)
{
    onp_test_table *t = *state;
    onp_platform p = here;
    int64_t old = 0, now = 0, other = 0, phone = 0, n = 0;
    (void)measured(t, &p, &old);
    p.kernel_hash = "2";
    (void)measured(t, &p, &now);
    p.threads = 2;
    (void)measured(t, &p, &other);
    p = here;
    p.device = "phone";
    (void)measured(t, &p, &phone);
    assert_int_equal(onp_trust_supersede(t->store, now, &n, &t->err), ONP_OK);
    assert_int_equal(n, 1);
    stale(t, old, true), stale(t, now, false), stale(t, other, false), stale(t, phone, false);
    /* the old binary again: its rows are as good as they were */
    assert_int_equal(onp_trust_supersede(t->store, old, &n, &t->err), ONP_OK);
    stale(t, old, false), stale(t, now, true);
    /* what is stale for another reason stays so */
    assert_int_equal(onp_store_stale_set(t->store, old, "sentinel", NULL, &t->err), ONP_OK);
    assert_int_equal(onp_trust_supersede(t->store, old, &n, &t->err), ONP_OK);
    stale(t, old, true);
}

/* Whatever else differs: rows of another setting are as good as they were. */
static void other_settings_are_no_old_kernels(void **state)
{
    onp_test_table *t = *state;
    const onp_platform now = {.device = "d",
                              .backend = "onepath",
                              .kernel_set = "avx2",
                              .kernel_hash = "2",
                              .blas_core = "Zen",
                              .threads = 1,
                              .cluster = "0-3",
                              .precision = "f32",
                              .batch = 1,
                              .cache_mode = "chain"};
    onp_platform others[10];
    int64_t ids[10], id = 0, n = 0;
    for (size_t i = 0; i < ONP_COUNT(others); i++) {
        others[i] = now;
        others[i].kernel_hash = "1";
    }
    others[1].backend = "xnnpack";
    others[2].kernel_set = "avx512";
    others[3].blas_core = NULL;
    others[4].threads = 2;
    others[5].cluster = "4-7";
    others[6].precision = "f16";
    others[7].batch = 8;
    others[8].cache_mode = "isolated";
    others[9].device = "e";
    for (size_t i = 0; i < ONP_COUNT(others); i++)
        (void)measured(t, &others[i], &ids[i]);
    (void)measured(t, &now, &id);
    assert_int_equal(onp_trust_supersede(t->store, id, &n, &t->err), ONP_OK);
    assert_int_equal(n, 1);
    for (size_t i = 0; i < ONP_COUNT(others); i++)
        stale(t, ids[i], i == 0);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(system_and_age),
        WITH_STORE(rows_that_are_added),
        WITH_STORE(sentinels),
        WITH_STORE(the_last_validation),
        WITH_STORE(an_imported_table),
        WITH_STORE(new_kernels_make_the_old_rows_stale),
        WITH_STORE(a_sentinel_whose_clock_was_not_seen),
        WITH_STORE(other_settings_are_no_old_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
