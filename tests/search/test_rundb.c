/* SPDX-License-Identifier: Apache-2.0 */
/* The database of a run: what is written is read back past the code under test, faults included. */
#include "tests/test_support.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/file.h"
#include "search/rundb.h"

typedef struct fixture {
    onp_context ctx;
    onp_rundb *db;
    onp_error err;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
} fixture;

static void open_db(fixture *f)
{
    assert_int_equal(onp_rundb_open(&f->ctx, f->path, &f->db, &f->err), ONP_OK);
}

static void close_db(fixture *f)
{
    onp_rundb_close(f->db);
    f->db = NULL;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    onp_test_dir_make(f->dir);
    onp_test_path(f->path, f->dir, "run.db");
    open_db(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    close_db(f);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

/* The rows of a query, columns joined by '|' and rows by '\n', on a connection of its own. */
static void query(const char *path, const char *sql, char out[1024])
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    size_t used = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    out[0] = '\0';
    while (sqlite3_step(q) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(q); i++)
            used += (size_t)snprintf(out + used, 1024 - used, "%s%s", i > 0 ? "|" : "",
                                     (const char *)sqlite3_column_text(q, i));
        used += (size_t)snprintf(out + used, 1024 - used, "\n");
    }
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_rows(const fixture *f, const char *sql, const char *wanted)
{
    char rows[1024];
    query(f->path, sql, rows);
    assert_string_equal(rows, wanted);
}

static onp_status add_rows(fixture *f, int64_t tick)
{
    ONP_TRY(onp_rundb_metric(f->db, tick, "search", 2, "loss", (double)tick / 4, &f->err));
    ONP_TRY(onp_rundb_alpha(f->db, tick, 2, 3, 1, "5x5e3", -0.5, 0.25, true, &f->err));
    const int32_t k = (int32_t)tick;
    const onp_answer a = {.image = 9, .truth = 1, .answer = 2, .p = 0.75, .loss = 1.5};
    ONP_TRY(onp_rundb_class(f->db, tick, k, "cat", &f->err));
    ONP_TRY(onp_rundb_confusion(f->db, tick, k, 0, 5, &f->err));
    ONP_TRY(onp_rundb_worst_image(f->db, tick, k, &a, "png", 3, &f->err));
    return onp_rundb_event(f->db, tick, "search", 2, "prune", "block 3: 5x5e3", &f->err);
}

static void rows_are_stored(void **state)
{
    fixture *f = *state;
    assert_int_equal(add_rows(f, 7), ONP_OK);
    assert_int_equal(onp_rundb_alpha(f->db, 8, 2, 3, 0, "zero", 1.5, 0, false, &f->err), ONP_OK);
    assert_rows(f, "SELECT tick, phase, epoch, name, value FROM metric", "7|search|2|loss|1.75\n");
    assert_rows(f, "SELECT tick, epoch, position, candidate, name, alpha, p, alive FROM alpha",
                "7|2|3|1|5x5e3|-0.5|0.25|1\n8|2|3|0|zero|1.5|0.0|0\n");
    assert_rows(f, "SELECT tick, phase, epoch, kind, text FROM event",
                "7|search|2|prune|block 3: 5x5e3\n");
    assert_rows(f, "SELECT * FROM class", "7|7|cat\n");
    assert_rows(f, "SELECT * FROM confusion", "7|0|7|5\n");
    assert_rows(f, "SELECT * FROM worst_image", "7|7|9|1|2|0.75|1.5|png\n");
}

static void rows_newer_than_a_tick_are_forgotten(void **state)
{
    fixture *f = *state;
    for (int64_t tick = 1; tick <= 3; tick++)
        assert_int_equal(add_rows(f, tick), ONP_OK);
    assert_int_equal(onp_rundb_latency_set(f->db, "mix", 5, 0, "measured", "ok", &f->err), ONP_OK);
    assert_int_equal(onp_rundb_forget_after(f->db, 2, &f->err), ONP_OK);
    assert_rows(f, "SELECT tick FROM metric", "1\n2\n");
    assert_rows(f, "SELECT tick FROM alpha", "1\n2\n");
    assert_rows(f, "SELECT tick FROM event", "1\n2\n");
    assert_rows(f, "SELECT tick FROM class", "1\n2\n");
    assert_rows(f, "SELECT tick FROM confusion", "1\n2\n");
    assert_rows(f, "SELECT tick FROM worst_image", "1\n2\n");
    assert_rows(f, "SELECT key, ns, source, quality FROM latency", "mix|5|measured|ok\n");
}

static void transactions(void **state)
{
    fixture *f = *state;
    assert_int_equal(onp_rundb_commit(f->db, &f->err), ONP_E_FAIL);
    assert_int_equal(onp_rundb_begin(f->db, &f->err), ONP_OK);
    assert_int_equal(onp_rundb_begin(f->db, &f->err), ONP_E_FAIL);
    assert_int_equal(add_rows(f, 1), ONP_OK);
    assert_int_equal(onp_rundb_forget_after(f->db, 5, &f->err), ONP_OK); /* nests */
    assert_rows(f, "SELECT count(*) FROM metric", "0\n");
    onp_rundb_rollback(f->db);
    onp_rundb_rollback(f->db); /* nothing to do */
    assert_rows(f, "SELECT count(*) FROM metric", "0\n");
    assert_int_equal(onp_rundb_begin(f->db, &f->err), ONP_OK);
    assert_int_equal(add_rows(f, 2), ONP_OK);
    assert_int_equal(onp_rundb_commit(f->db, &f->err), ONP_OK);
    assert_rows(f, "SELECT tick FROM metric", "2\n");
}

static void latencies_are_set_once(void **state)
{
    fixture *f = *state;
    int64_t ns = -1, n = -1;
    char hex[65], wanted[65];
    static const char text[] = "a\t30\nb\t0\n";
    assert_int_equal(onp_rundb_latency_get(f->db, "a", &ns, NULL, &f->err), ONP_E_MISSING);
    onp_assert_contains(f->err.msg, "a: not in the run's database");
    assert_int_equal(ns, -1);
    assert_int_equal(onp_rundb_latency_hash(f->db, hex, &n, &f->err), ONP_OK);
    assert_int_equal(n, 0);
    assert_int_equal(onp_rundb_latency_set(f->db, "b", 0, 0, "measured", "ok", &f->err), ONP_OK);
    assert_int_equal(onp_rundb_latency_set(f->db, "a", 30, 0, "imported", "noisy", &f->err),
                     ONP_OK);
    assert_int_equal(onp_rundb_latency_set(f->db, "a", 99, 0, "measured", "ok", &f->err), ONP_OK);
    assert_int_equal(onp_rundb_latency_get(f->db, "a", &ns, NULL, &f->err), ONP_OK);
    assert_int_equal(ns, 30);
    assert_int_equal(onp_rundb_latency_hash(f->db, hex, &n, &f->err), ONP_OK);
    onp_sha256(text, sizeof text - 1, wanted);
    assert_string_equal(hex, wanted);
    assert_int_equal(n, 2);
    assert_int_equal(onp_rundb_latency_hash(f->db, hex, NULL, &f->err), ONP_OK);
}

/* The hash covers deviations and calibration; of neither, it is what it was before there were any.
 */
static void calibration_is_set_once(void **state)
{
    fixture *f = *state;
    static const char text[] = "a\t30\t1.5\n1.25\t2\t3000\t0.03125\t0.0625\t12\n";
    onp_calibration cal = {1.25, 2, 3000, .residual_sd = 0.03125, .half95 = 0.0625, .n = 12}, got;
    int64_t ns = 0;
    double sd = 0;
    char hex[65], wanted[65];
    assert_int_equal(onp_rundb_calibration_get(f->db, &got, &f->err), ONP_OK);
    assert_true(got.n == 0 && got.a == 1);
    assert_int_equal(onp_rundb_latency_set(f->db, "a", 30, 1.5, "measured", "ok", &f->err), ONP_OK);
    assert_int_equal(onp_rundb_latency_get(f->db, "a", &ns, &sd, &f->err), ONP_OK);
    assert_true(sd == 1.5);
    assert_int_equal(onp_rundb_calibration_set(f->db, &cal, &f->err), ONP_OK);
    cal.a = 2;
    assert_int_equal(onp_rundb_calibration_set(f->db, &cal, &f->err), ONP_OK);
    assert_int_equal(onp_rundb_calibration_get(f->db, &got, &f->err), ONP_OK);
    assert_true(got.a == 1.25 && got.b_ns == 2 && got.c_ns == 3000 && got.residual_sd == 0.03125);
    assert_true(got.half95 == 0.0625 && got.n == 12);
    assert_int_equal(onp_rundb_latency_hash(f->db, hex, NULL, &f->err), ONP_OK);
    onp_sha256(text, sizeof text - 1, wanted);
    assert_string_equal(hex, wanted);
    cal.a = (double)NAN;
    assert_int_equal(onp_rundb_calibration_set(f->db, &cal, &f->err), ONP_E_RANGE);
    assert_int_equal(onp_rundb_latency_set(f->db, "b", 1, -1, "measured", "ok", &f->err),
                     ONP_E_RANGE);
}

static void bad_values_are_refused(void **state)
{
    fixture *f = *state;
    onp_rundb *db = f->db;
    onp_error *err = &f->err;
    assert_int_equal(onp_rundb_metric(db, 1, "search", 0, "loss", (double)NAN, err), ONP_E_RANGE);
    onp_assert_contains(err->msg, "value of loss is nan, wanted a finite number");
    assert_int_equal(onp_rundb_metric(db, 1, "search", 0, "loss", (double)INFINITY, err),
                     ONP_E_RANGE);
    assert_int_equal(onp_rundb_metric(db, -1, "search", 0, "loss", 1, err), ONP_E_RANGE);
    assert_int_equal(onp_rundb_alpha(db, 1, 0, 0, 0, "x", (double)NAN, 0.5, true, err),
                     ONP_E_RANGE);
    assert_int_equal(onp_rundb_alpha(db, 1, 0, 0, 0, "x", 0, 1.5, true, err), ONP_E_RANGE);
    assert_int_equal(onp_rundb_latency_set(db, "a", -1, 0, "measured", "ok", err), ONP_E_RANGE);
    assert_int_equal(onp_rundb_latency_set(db, "", 1, 0, "measured", "ok", err), ONP_E_RANGE);
    assert_rows(f, "SELECT count(*) FROM metric", "0\n");
    assert_rows(f, "SELECT count(*) FROM latency", "0\n");
}

static void a_closed_database_is_one_file(void **state)
{
    fixture *f = *state;
    char wal[ONP_TEST_PATH + 8];
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(add_rows(f, 1), ONP_OK);
    assert_true(onp_file_exists(wal));
    close_db(f);
    assert_false(onp_file_exists(wal));
    assert_rows(f, "PRAGMA journal_mode", "delete\n");
    open_db(f);
    assert_rows(f, "SELECT tick FROM metric", "1\n");
}

/* What was committed survives a kill; what was not is gone. */
static void a_killed_writer(void **state)
{
    fixture *f = *state;
    close_db(f);
    pid_t child = fork();
    if (child == 0) {
        onp_rundb *db = NULL;
        if (onp_rundb_open(&f->ctx, f->path, &db, NULL) == ONP_OK &&
            onp_rundb_metric(db, 1, "search", 0, "kept", 1, NULL) == ONP_OK &&
            onp_rundb_begin(db, NULL) == ONP_OK &&
            onp_rundb_metric(db, 2, "search", 0, "lost", 1, NULL) == ONP_OK)
            (void)raise(SIGKILL);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    open_db(f);
    assert_rows(f, "SELECT name FROM metric", "kept\n");
}

static void damaged_and_foreign_files(void **state)
{
    fixture *f = *state;
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(add_rows(f, 1), ONP_OK);
    close_db(f);
    assert_int_equal(onp_file_read(&f->ctx, f->path, ONP_MIB, &data, &size, &f->err), ONP_OK);
    const size_t cuts[] = {1, 99, 4095, size / 2, size - 4096, size - 1};
    for (size_t i = 0; i < ONP_COUNT(cuts); i++) {
        onp_test_write(f->path, data, cuts[i]);
        assert_int_equal(onp_rundb_open(&f->ctx, f->path, &f->db, &f->err), ONP_E_FORMAT);
        assert_null(f->db);
        onp_assert_contains(f->err.msg, "run.db");
    }
    data[71] ^= 1; /* the last byte of the application id */
    onp_test_write(f->path, data, size);
    assert_int_equal(onp_rundb_open(&f->ctx, f->path, &f->db, &f->err), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "not a onepath run database");
    data[71] ^= 1;
    data[63] ^= 4; /* the last byte of the user version: 3 becomes 7 */
    onp_test_write(f->path, data, size);
    assert_int_equal(onp_rundb_open(&f->ctx, f->path, &f->db, &f->err), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "version 7");
    onp_free(&f->ctx, data);
}

static void execute(const fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* One that was made before the tables of the test were: a reader leaves it alone, a run that goes
 * on brings it to the present. */
static void an_older_version(void **state)
{
    fixture *f = *state;
    sqlite3 *db = NULL;
    assert_int_equal(onp_rundb_metric(f->db, 1, "search", 0, "kept", 1, &f->err), ONP_OK);
    close_db(f);
    execute(f, "DROP TABLE class; DROP TABLE confusion; DROP TABLE worst_image;"
               "DROP TABLE calibration; ALTER TABLE latency DROP COLUMN sd_ns;"
               "PRAGMA user_version = 1");
    assert_int_equal(onp_sql_open(f->path, &onp_rundb_schema, ONP_SQL_READ, &db, &f->err), ONP_OK);
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM metric", NULL, NULL, NULL), SQLITE_OK);
    onp_sql_close(db);
    assert_rows(f, "PRAGMA user_version", "1\n");
    open_db(f);
    assert_int_equal(add_rows(f, 2), ONP_OK);
    close_db(f);
    assert_rows(f, "PRAGMA user_version", "3\n");
    assert_rows(f, "SELECT name FROM metric ORDER BY id", "kept\nloss\n");
    assert_rows(f, "SELECT name FROM class", "cat\n");
    execute(f, "PRAGMA user_version = 1"); /* a lie: its tables are those of version 3 */
    assert_int_equal(onp_rundb_open(&f->ctx, f->path, &f->db, &f->err), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "class already exists");
    assert_rows(f, "PRAGMA user_version", "1\n");
}

static onp_status use_db(const onp_context *ctx, void *arg)
{
    onp_rundb *db = NULL;
    char hex[65];
    ONP_TRY(onp_rundb_open(ctx, arg, &db, NULL));
    onp_status st = onp_rundb_latency_set(db, "a", 1, 0, "measured", "ok", NULL);
    if (st == ONP_OK)
        st = onp_rundb_latency_hash(db, hex, NULL, NULL);
    onp_rundb_close(db);
    return st;
}

static void no_memory(void **state)
{
    fixture *f = *state;
    close_db(f);
    onp_test_each_allocation(use_db, f->path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_are_stored),
        TEST(rows_newer_than_a_tick_are_forgotten),
        TEST(transactions),
        TEST(latencies_are_set_once),
        TEST(calibration_is_set_once),
        TEST(bad_values_are_refused),
        TEST(a_closed_database_is_one_file),
        TEST(a_killed_writer),
        TEST(damaged_and_foreign_files),
        TEST(an_older_version),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
