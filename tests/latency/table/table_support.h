/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a temporary folder, for the tests of the latency table.
 *
 *     static int setup(void **state) { return onp_test_table_setup(state); }
 *     onp_test_table *t = *state;               // t->store is open and empty, t->path its file
 */
#ifndef ONP_TESTS_LATENCY_TABLE_SUPPORT_H
#define ONP_TESTS_LATENCY_TABLE_SUPPORT_H

#include "tests/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/store.h"

typedef struct onp_test_table {
    onp_context ctx;
    onp_store *store;
    onp_error err;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
} onp_test_table;

static int onp_test_table_setup(void **state)
{
    onp_test_table *t = calloc(1, sizeof *t);
    onp_context_init(&t->ctx);
    onp_test_dir_make(t->dir);
    onp_test_path(t->path, t->dir, "latency.db");
    assert_int_equal(onp_store_open(&t->ctx, t->path, ONP_SQL_CREATE, &t->store, &t->err), ONP_OK);
    *state = t;
    return 0;
}

static int onp_test_table_teardown(void **state)
{
    onp_test_table *t = *state;
    onp_store_close(t->store);
    onp_test_dir_remove(t->dir);
    free(t);
    return 0;
}

/* SQL past the store, on a connection of its own; the result code. */
static inline int onp_test_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL), SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return code;
}

/* The first value of a query as text, "NULL", or "" without a row, past the store. */
static inline const char *onp_test_query(const char *path, const char *sql, char out[256])
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    out[0] = '\0';
    if (sqlite3_step(q) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(q, 0);
        (void)snprintf(out, 256, "%s", text != NULL ? text : "NULL");
    }
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return out;
}
#define assert_query(path, sql, wanted)                                                            \
    do {                                                                                           \
        char query_out_[256];                                                                      \
        assert_string_equal(onp_test_query((path), (sql), query_out_), (wanted));                  \
    } while (0)

/* A platform of this device and a run on it. */
static inline int64_t onp_test_run_of(onp_store *s, const char *device, const char *backend,
                                      int64_t *platform)
{
    onp_error err = {0};
    const onp_platform p = {.device = device, .backend = backend, .threads = 1};
    const onp_run_info info = {.tool_version = "test"};
    int64_t run = 0;
    assert_int_equal(onp_store_platform_add(s, &p, platform, &err), ONP_OK);
    assert_int_equal(onp_store_run_start(s, *platform, &info, &run, &err), ONP_OK);
    return run;
}

static inline int64_t onp_test_run(onp_store *s, const char *device, int64_t *platform)
{
    return onp_test_run_of(s, device, "onepath", platform);
}

#define ONP_TEST_KEY_A "mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0"
#define ONP_TEST_KEY_B "mbconv in=28x28x40 out=28x28x40 k=3 e=6 s=1 skip=1"
#define ONP_TEST_KEY_C "mix in=7x7x320 out=7x7x1280"

#endif
