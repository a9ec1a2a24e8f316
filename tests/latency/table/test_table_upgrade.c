/* SPDX-License-Identifier: Apache-2.0 */
/* A database of an older version becomes one of this. */
#include "tests/latency/table/table_support.h"
#include "tests/latency/table/version_1.h"

static void make_version_1(onp_test_table *t, const char *path)
{
    (void)t;
    for (size_t i = 0; i < ONP_COUNT(version_1); i++)
        if (onp_test_sql(path, version_1[i]) != SQLITE_OK)
            fail_msg("version 1: statement %zu", i);
}

static void nothing_is_lost(void **state)
{
    onp_test_table *t = *state;
    char path[ONP_TEST_PATH];
    onp_store *s = NULL;
    onp_estimate e;
    onp_test_path(path, t->dir, "old.db");
    make_version_1(t, path);
    assert_int_equal(onp_store_open(&t->ctx, path, ONP_SQL_EXISTING, &s, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(s, 1, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(e.median_ns, 70);
    assert_int_equal(e.lo_ns, 69);
    assert_int_equal(e.hi_ns, 71);
    assert_int_equal(e.n, 3);
    assert_int_equal(e.updated_unix_ns, 5);
    assert_string_equal(e.method, "");
    assert_string_equal(e.stale_reason, "");
    assert_int_equal(onp_store_estimate_get(s, 1, ONP_TEST_KEY_C, &e, &t->err), ONP_OK);
    assert_int_equal(e.hi_ns, 0);
    assert_int_equal(e.source, ONP_SOURCE_INTERPOLATED);
    assert_int_equal(e.quality, ONP_QUALITY_NOISY);
    onp_store_close(s);
    assert_query(path, "PRAGMA user_version", "3");
    assert_query(path, "SELECT group_concat(id || quality || ifnull(mode, '-')) FROM measurement",
                 "1okisolated,2noisyisolated,3ok-");
    assert_query(path, "SELECT group_concat(hex(samples) || ifnull(clocks, '-')) FROM sample",
                 "0C0000-,0E0000-");
    assert_query(path, "SELECT file || rows FROM import_source", "f2");
    assert_query(path, "PRAGMA foreign_key_check", "");
    assert_query(path, "PRAGMA integrity_check", "ok");
}

/* Table by table, column by column: what differs makes a row. */
static void it_equals_a_new_one(void **state)
{
    onp_test_table *t = *state;
    static const char columns[] =
        "SELECT group_concat(t.name || '.' || c.name || c.type || c.\"notnull\" || c.pk) AS x"
        " FROM (SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name) t,"
        " pragma_table_info(t.name) c";
    char path[ONP_TEST_PATH], hash[2][256], sql[1024];
    onp_store *s = NULL;
    onp_test_path(path, t->dir, "old.db");
    make_version_1(t, path);
    assert_int_equal(onp_store_open(&t->ctx, path, ONP_SQL_EXISTING, &s, &t->err), ONP_OK);
    onp_store_close(s);
    (void)snprintf(sql, sizeof sql, "SELECT length(x) || substr(x, -200) FROM (%s)", columns);
    onp_test_query(path, sql, hash[0]);
    onp_test_query(t->path, sql, hash[1]);
    assert_string_equal(hash[0], hash[1]);
    assert_true(strlen(hash[0]) > 100);
}

/* All of it or nothing. */
static void what_cannot_be_brought_over(void **state)
{
    onp_test_table *t = *state;
    char path[ONP_TEST_PATH];
    onp_store *s = NULL;
    onp_test_path(path, t->dir, "old.db");
    make_version_1(t, path);
    assert_int_equal(onp_test_sql(path, "CREATE TABLE validation (a)"), SQLITE_OK);
    assert_int_equal(onp_store_open(&t->ctx, path, ONP_SQL_EXISTING, &s, &t->err), ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "validation already exists");
    assert_null(s);
    assert_query(path, "PRAGMA user_version", "1");
    assert_query(path, "SELECT count(*) FROM estimate", "2");
    assert_query(path, "SELECT count(*) FROM pragma_table_info('measurement') WHERE name = 'mode'",
                 "0");
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(nothing_is_lost),
        WITH_STORE(it_equals_a_new_one),
        WITH_STORE(what_cannot_be_brought_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
