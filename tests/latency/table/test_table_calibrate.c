/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration from the networks that a table has. */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "latency/table/calibrate.h"

enum { N = 6, MOST = 2 * N + 4, KEYS = 3 };
static const char *const keys[KEYS] = {ONP_TEST_KEY_A, ONP_TEST_KEY_B, ONP_TEST_KEY_C};
static const int64_t row_ns[KEYS] = {1000, 2000, 5000};

static void set_rows(onp_test_table *t, int64_t run)
{
    for (int i = 0; i < KEYS; i++) {
        const onp_estimate e = {.median_ns = row_ns[i]};
        assert_int_equal(onp_store_estimate_set(t->store, run, keys[i], &e, &t->err), ONP_OK);
    }
}

/* Network i: i times A, then B; 1.5 * sum + 400. */
static int64_t add_network_of(onp_test_table *t, int64_t run, const char *space, int i,
                              int64_t more)
{
    onp_block blocks[MOST];
    char hash[ONP_SHA256_HEX];
    for (int k = 0; k < i + 1; k++)
        assert_int_equal(onp_block_parse(keys[k < i ? 0 : 1], &blocks[k], &t->err), ONP_OK);
    const int64_t ns = 3 * (1000 * i + 2000) / 2 + 400 + more;
    const onp_measurement m = {.n = 1, .median_ns = ns};
    onp_sha256(&i, sizeof i, hash);
    assert_int_equal(onp_store_network_add(t->store, hash, blocks, i + 1, space, &t->err), ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
    return ns;
}

static int64_t add_network(onp_test_table *t, int64_t run, int i, int64_t more)
{
    return add_network_of(t, run, NULL, i, more);
}

/* One line each; that of the most networks goes first. Too few make none. */
static void each_space_by_itself(void **state)
{
    onp_test_table *t = *state;
    onp_calibrate_result r;
    onp_calibration cal;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    set_rows(t, run);
    for (int i = 0; i < 2 * N; i++)
        (void)add_network_of(t, run, i % 2 == 0 ? "even" : "odd", i, i % 2 == 0 ? 0 : 5000);
    (void)add_network_of(t, run, "odd", 2 * N + 1, 5000);
    (void)add_network_of(t, run, "lone", 2 * N + 2, 99999);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_OK);
    assert_int_equal(r.n, N + 1);
    assert_int_equal(r.n_others, 1);
    assert_true(fabs(r.calibration.a - 1.5) < 1e-6 && fabs(r.calibration.c_ns - 5400) < 1e-3);
    assert_int_equal(onp_store_calibration_get(t->store, p, &cal, &t->err), ONP_OK);
    assert_memory_equal(&cal, &r.calibration, sizeof cal);
    assert_query(t->path, "SELECT group_concat(round(c_ns)) FROM calibration", "400.0,5400.0");
}

/* Two of them while the clock was half of what it usually was. */
static void at_the_usual_clock(void **state)
{
    onp_test_table *t = *state;
    onp_calibrate_result r;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    set_rows(t, run);
    for (int i = 0; i < N; i++)
        (void)add_network(t, run, i, 0);
    assert_int_equal(onp_test_sql(t->path,
                                  "UPDATE measurement SET normalized_median_ns = median_ns / 2,"
                                  " median_ns = median_ns * iif(id % 3 = 0, 2, 1)"),
                     SQLITE_OK);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_OK);
    assert_int_equal(r.n, N);
    assert_true(fabs(r.calibration.a - 1.5) < 1e-6 && fabs(r.calibration.c_ns - 400) < 1e-3);
}

/* Rows in one form, networks in another, both from elsewhere: of one device all the same. */
static void imported_apart(void **state)
{
    onp_test_table *t = *state;
    onp_calibrate_result r;
    int64_t rows = 0, networks = 0, here = 0, n = 0;
    set_rows(t, onp_test_run_of(t->store, "phone", "import:csv", &rows));
    const int64_t run = onp_test_run_of(t->store, "phone", "import:networks", &networks);
    for (int i = 0; i < N; i++)
        (void)add_network(t, run, i, 0);
    assert_int_equal(onp_store_n_networks(t->store, rows, &n, &t->err), ONP_OK);
    assert_int_equal(n, N);
    assert_int_equal(onp_calibrate(t->store, rows, &r, &t->err), ONP_OK);
    assert_int_equal(r.n, N);
    set_rows(t, onp_test_run(t->store, "phone", &here)); /* rows of here are no such rows */
    assert_int_equal(onp_calibrate(t->store, here, &r, &t->err), ONP_E_MISSING);
}

static void by_the_newest_measurements(void **state)
{
    onp_test_table *t = *state;
    onp_calibrate_result r = {.n = 77};
    onp_calibration cal;
    char hash[ONP_SHA256_HEX];
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    set_rows(t, run);
    for (int i = 0; i < 4; i++)
        (void)add_network(t, run, i, 0);
    const onp_measurement unknown = {.n = 1, .median_ns = 5};
    const onp_measurement stamped = {.n = 1, .median_ns = 5, .mode = "chain"};
    onp_sha256("u", 1, hash);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &unknown, NULL, &t->err), 0);
    onp_sha256("s", 1, hash);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &stamped, NULL, &t->err), 0);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "4 measured networks with all rows, wanted 5 or more (0 lack "
                                    "rows, of 1 the blocks are not known)");
    assert_int_equal(r.n, 77);
    for (int i = 4; i < N; i++)
        (void)add_network(t, run, i, 0);
    (void)add_network(t, run, 2, 77777); /* an older run */
    run = onp_test_run(t->store, "d", &p);
    (void)add_network(t, run, 2, 30); /* twice in the newest: their mean */
    (void)add_network(t, run, 2, -30);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_OK);
    assert_int_equal(r.n, N);
    assert_int_equal(r.n_unknown, 1);
    assert_true(fabs(r.calibration.a - 1.5) < 1e-6 && fabs(r.calibration.c_ns - 400) < 1e-3);
    assert_int_equal(onp_store_calibration_get(t->store, p, &cal, &t->err), ONP_OK);
    assert_memory_equal(&cal, &r.calibration, sizeof cal);
}

static void rows_that_are_gone_or_stale(void **state)
{
    onp_test_table *t = *state;
    onp_calibrate_result r;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    for (int i = 0; i < N; i++)
        (void)add_network(t, run, i, 0);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "0 measured networks with all rows, wanted 5 or more (6 lack");
    set_rows(t, run);
    assert_int_equal(onp_store_stale_set(t->store, p, "old", NULL, &t->err), ONP_OK);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_E_MISSING);
    set_rows(t, run);
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_OK);
    assert_int_equal(r.n, N);
    assert_int_equal(onp_calibrate(t->store, 99, &r, &t->err), ONP_E_MISSING);
}

/* What a block that runs takes besides; a block that is left out takes none of it. */
static void only_blocks_that_run(void **state)
{
    onp_test_table *t = *state;
    static const int counts[][4] = {{1, 0, 0, 3}, {0, 2, 0, 0}, {3, 0, 0, 4}, {0, 0, 1, 1},
                                    {1, 1, 1, 0}, {4, 1, 0, 2}, {0, 0, 2, 5}, {2, 0, 3, 0},
                                    {5, 0, 1, 1}, {1, 3, 0, 6}};
    onp_calibrate_result r;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    set_rows(t, run);
    for (size_t i = 0; i < ONP_COUNT(counts); i++) {
        onp_block blocks[16];
        char hash[ONP_SHA256_HEX];
        int32_t n = 0;
        onp_measurement m = {.n = 1, .median_ns = 400};
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < counts[i][k]; c++) {
                assert_int_equal(
                    onp_block_parse(k < KEYS ? keys[k] : "zero", &blocks[n++], &t->err), ONP_OK);
                m.median_ns += k < KEYS ? 3 * row_ns[k] / 2 + 700 : 0;
            }
        onp_sha256(&i, sizeof i, hash);
        assert_int_equal(onp_store_network_add(t->store, hash, blocks, n, NULL, &t->err), ONP_OK);
        assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
    }
    assert_int_equal(onp_calibrate(t->store, p, &r, &t->err), ONP_OK);
    assert_true(fabs(r.calibration.a - 1.5) < 1e-6 && fabs(r.calibration.b_ns - 700) < 1e-3 &&
                fabs(r.calibration.c_ns - 400) < 1e-3);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(by_the_newest_measurements), WITH_STORE(rows_that_are_gone_or_stale),
        WITH_STORE(each_space_by_itself),       WITH_STORE(imported_apart),
        WITH_STORE(at_the_usual_clock),         WITH_STORE(only_blocks_that_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
