/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged, foreign, locked and shared databases. */
#include "tests/latency/table/table_support.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void make_key(char key[128], int i)
{
    (void)snprintf(key, 128, "mix in=7x7x%d out=7x7x8", i + 1);
}

/* Rows from..to-1 in one batch each. */
static onp_status add_rows(onp_store *s, int64_t run, int from, int to, onp_error *err)
{
    for (int i = from; i < to; i++) {
        char key[128];
        const int64_t samples[4] = {1000 + i, 1001 + i, 1002 + i, 900};
        const onp_measurement m = {
            .n = 4, .median_ns = 1000 + i, .samples_ns = samples, .n_samples = 4};
        const onp_estimate e = {.median_ns = 1000 + i};
        onp_sql_tx tx;
        make_key(key, i);
        ONP_TRY(onp_store_begin(s, &tx, err));
        onp_status st = onp_store_measure_block(s, run, key, &m, NULL, err);
        if (st == ONP_OK)
            st = onp_store_estimate_set(s, run, key, &e, err);
        ONP_TRY(onp_store_end(s, &tx, st, err));
    }
    return ONP_OK;
}

/* Writes 100 rows, closes the store and gives the file's bytes. */
static uint8_t *file_of_rows(onp_test_table *t, size_t *size)
{
    int64_t platform = 0, run = onp_test_run(t->store, "d", &platform);
    char *data = NULL;
    assert_int_equal(add_rows(t->store, run, 0, 100, &t->err), ONP_OK);
    onp_store_close(t->store);
    t->store = NULL;
    assert_int_equal(onp_file_read(&t->ctx, t->path, ONP_MIB, &data, size, &t->err), ONP_OK);
    assert_true(*size > 20000);
    return (uint8_t *)data;
}

static void refused(onp_test_table *t, onp_sql_mode mode, const char *says)
{
    onp_store *s = (onp_store *)t;
    onp_error err = {0};
    assert_int_equal(onp_store_open(&t->ctx, t->path, mode, &s, &err), ONP_E_FORMAT);
    assert_int_equal(onp_status_exit_code(err.status), 3);
    assert_null(s);
    onp_assert_contains(err.msg, "latency.db");
    onp_assert_contains(err.msg, says);
}

static void a_truncated_database(void **state)
{
    onp_test_table *t = *state;
    size_t size = 0;
    uint8_t *data = file_of_rows(t, &size);
    const size_t cuts[] = {1,    15,   16,   50,   99,       100,      511,         512,
                           4095, 4096, 4097, 8192, size / 2, size / 3, size - 4096, size - 1};
    for (size_t i = 0; i < ONP_COUNT(cuts); i++) {
        onp_test_write(t->path, data, cuts[i]);
        refused(t, ONP_SQL_CREATE, "");
        refused(t, ONP_SQL_EXISTING, "");
    }
    onp_test_write(t->path, data, 0);
    refused(t, ONP_SQL_EXISTING, "empty, wanted a onepath latency table");
    onp_test_write(t->path, data, size);
    assert_int_equal(onp_store_open(&t->ctx, t->path, ONP_SQL_EXISTING, &t->store, &t->err),
                     ONP_OK);
    onp_free(&t->ctx, data);
}

static onp_status ignore_estimate(void *user, const char *key, const onp_estimate *e,
                                  onp_error *err)
{
    (void)err;
    *(int64_t *)user += (int64_t)strlen(key) + e->median_ns;
    return ONP_OK;
}

static onp_status ignore_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    (void)err;
    *(int64_t *)user += row->id;
    return ONP_OK;
}

/* A byte turned anywhere: an error or the rows, never a crash. */
static void flipped_bytes(void **state)
{
    onp_test_table *t = *state;
    size_t size = 0;
    int n_refused = 0;
    uint8_t *data = file_of_rows(t, &size);
    for (size_t i = 0; i < 400; i++) {
        size_t at = i < 100 ? i : i * 7919 * 31 % size;
        onp_store *s = NULL;
        int64_t sum = 0;
        data[at] ^= 0x5a;
        onp_test_write(t->path, data, size);
        onp_status st = onp_store_open(&t->ctx, t->path, ONP_SQL_EXISTING, &s, &t->err);
        if (st == ONP_OK)
            st = onp_store_estimates(s, 1, ignore_estimate, &sum, &t->err);
        if (st == ONP_OK)
            st = onp_store_platforms(s, ignore_platform, &sum, &t->err);
        n_refused += st != ONP_OK;
        onp_store_close(s);
        data[at] ^= 0x5a;
    }
    assert_true(n_refused > 20);
    onp_free(&t->ctx, data);
}

static void foreign_files(void **state)
{
    onp_test_table *t = *state;
    static const char text[] = "This is no database, but it is longer than a header of one: "
                               "0123456789012345678901234567890123456789012345678901234567890123";
    onp_store_close(t->store);
    t->store = NULL;
    onp_test_write(t->path, text, strlen(text));
    refused(t, ONP_SQL_CREATE, "not a database");
    assert_int_equal(unlink(t->path), 0);
    refused(t, ONP_SQL_EXISTING, "there is no such file");
    assert_false(onp_file_exists(t->path));
    assert_int_equal(onp_test_sql(t->path, "CREATE TABLE t (x)"), SQLITE_OK);
    refused(t, ONP_SQL_CREATE, "not a onepath latency table");
    assert_int_equal(onp_test_sql(t->path, "DROP TABLE t; PRAGMA application_id = 7"), SQLITE_OK);
    refused(t, ONP_SQL_CREATE, "not a onepath latency table");
    assert_int_equal(unlink(t->path), 0);
    assert_int_equal(mkdir(t->path, 0700), 0);
    refused(t, ONP_SQL_CREATE, "is a folder");
    assert_int_equal(rmdir(t->path), 0);
}

static void other_versions(void **state)
{
    onp_test_table *t = *state;
    onp_store_close(t->store);
    t->store = NULL;
    assert_int_equal(onp_test_sql(t->path, "PRAGMA user_version = 9"), SQLITE_OK);
    refused(t, ONP_SQL_CREATE, "schema version 9, this onepath reads version 3");
}

static void tables_that_do_not_fit(void **state)
{
    onp_test_table *t = *state;
    onp_estimate e;
    int64_t p = 0;
    (void)onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_test_sql(t->path, "DROP TABLE estimate"), SQLITE_OK);
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_A, &e, &t->err),
                     ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "no such table: estimate");
}

static void an_empty_path(void **state)
{
    onp_test_table *t = *state;
    onp_store *s = NULL;
    assert_int_equal(onp_store_open(&t->ctx, "", ONP_SQL_CREATE, &s, &t->err), ONP_E_USAGE);
    assert_null(s);
}

static void pause_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* A child that holds the write lock for this long and ends without committing. */
static pid_t locking_child(const char *path, long ms)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db = NULL;
        if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
            sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        (void)!write(ready[1], &byte, 1);
        pause_ms(ms);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void a_locked_database(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 5};
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    pid_t child = locking_child(t->path, 300); /* shorter than the patience */
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(waitpid(child, NULL, 0), child);

    child = locking_child(t->path, 60000);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err),
                     ONP_E_FAIL);
    onp_assert_contains(t->err.msg, "locked by another process");
    onp_estimate seen; /* reading goes on */
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_A, &seen, &t->err), ONP_OK);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
}

static void a_killed_batch_leaves_nothing(void **state)
{
    onp_test_table *t = *state;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    onp_store_close(t->store);
    t->store = NULL;
    pid_t child = fork();
    if (child == 0) {
        onp_sql_tx tx;
        onp_error err;
        if (onp_store_open(&t->ctx, t->path, ONP_SQL_EXISTING, &t->store, &err) != ONP_OK ||
            add_rows(t->store, run, 0, 10, &err) != ONP_OK || /* each its own transaction */
            onp_store_begin(t->store, &tx, &err) != ONP_OK ||
            add_rows(t->store, run, 10, 2000, &err) != ONP_OK)
            _exit(1);
        (void)raise(SIGKILL);
    }
    int how = 0;
    size_t n_missing = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(onp_store_open(&t->ctx, t->path, ONP_SQL_EXISTING, &t->store, &t->err),
                     ONP_OK);
    char keys[12][128];
    const char *list[12];
    bool missing[12];
    for (int i = 0; i < 12; i++) {
        make_key(keys[i], i);
        list[i] = keys[i];
    }
    assert_int_equal(onp_store_missing(t->store, p, list, 12, missing, &n_missing, &t->err),
                     ONP_OK);
    assert_int_equal(n_missing, 2);
    assert_true(!missing[9] && missing[10] && missing[11]);
    assert_query(t->path, "SELECT count(*) FROM measurement", "10");
}

/* Four processes make the database and fill it at once, ten times over. */
static void several_processes(void **state)
{
    onp_test_table *t = *state;
    for (int round = 0; round < 10; round++) {
        char path[ONP_TEST_PATH], name[32];
        pid_t child[4];
        (void)snprintf(name, sizeof name, "%d.db", round);
        onp_test_path(path, t->dir, name);
        for (int c = 0; c < 4; c++) {
            child[c] = fork();
            if (child[c] != 0)
                continue;
            onp_store *s = NULL;
            onp_error err = {0};
            int64_t platform = 0;
            onp_status st = onp_store_open(&t->ctx, path, ONP_SQL_CREATE, &s, &err);
            if (st == ONP_OK)
                st = add_rows(s, onp_test_run(s, "d", &platform), c * 10, c * 10 + 20, &err);
            if (st != ONP_OK)
                (void)fprintf(stderr, "child %d: %s\n", c, err.msg);
            onp_store_close(s);
            _exit(st != ONP_OK);
        }
        for (int c = 0; c < 4; c++) {
            int how = 0;
            assert_int_equal(waitpid(child[c], &how, 0), child[c]);
            assert_int_equal(how, 0);
        }
        assert_query(path, "SELECT count(*) FROM measurement", "80");
        assert_query(path, "SELECT count(*) FROM estimate", "50");
        assert_query(path, "SELECT count(*) FROM platform", "1");
        onp_store *alone =
            NULL; /* each may have found the others busy: whoever is alone does not */
        assert_int_equal(onp_store_open(&t->ctx, path, ONP_SQL_EXISTING, &alone, &t->err), ONP_OK);
        onp_store_close(alone);
        assert_query(path, "PRAGMA journal_mode", "wal");
    }
}

static onp_status use_store(const onp_context *ctx, void *arg)
{
    onp_test_table *t = arg;
    const onp_platform p = {.device = "d", .backend = "b"};
    const onp_run_info info = {.tool_version = "1"};
    onp_store *s = NULL;
    int64_t id = 0, run = 0;
    onp_status st = ONP_OK;
    ONP_TRY(onp_store_open(ctx, t->path, ONP_SQL_EXISTING, &s, &t->err));
    ONP_TRY_GOTO(onp_store_platform_add(s, &p, &id, &t->err));
    ONP_TRY_GOTO(onp_store_run_start(s, id, &info, &run, &t->err));
    ONP_TRY_GOTO(add_rows(s, run, 0, 2, &t->err));
    ONP_TRY_GOTO(onp_store_platform_find(s, "d", &id, &t->err));
done:
    onp_store_close(s);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    onp_test_table *t = *state;
    onp_test_each_allocation(use_store, t);
    /* a failure in the samples took its measurement along */
    assert_query(t->path,
                 "SELECT count(*) FROM measurement WHERE id NOT IN"
                 " (SELECT measurement_id FROM sample)",
                 "0");
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_truncated_database),   WITH_STORE(flipped_bytes),
        WITH_STORE(foreign_files),          WITH_STORE(other_versions),
        WITH_STORE(tables_that_do_not_fit), WITH_STORE(an_empty_path),
        WITH_STORE(a_locked_database),      WITH_STORE(a_killed_batch_leaves_nothing),
        WITH_STORE(several_processes),      WITH_STORE(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
