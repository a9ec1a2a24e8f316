/* SPDX-License-Identifier: Apache-2.0 */
/* Curves of a run's database, and the event files made of them: faults, and bytes counted by hand.
 * What the files say is checked by tests/cli/test_tensorboard.sh. */
#include "tests/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <dirent.h>

#include "base/file.h"
#include "search/tensorboard.h"

typedef struct fixture {
    onp_context ctx;
    onp_rundb *db;
    onp_error err;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH], board[ONP_TEST_PATH];
    char seen[512];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    onp_test_dir_make(f->dir);
    onp_test_path(f->path, f->dir, "run.db");
    onp_test_path(f->board, f->dir, "board");
    assert_int_equal(onp_rundb_open(&f->ctx, f->path, &f->db, &f->err), ONP_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_rundb_close(f->db);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

static void add_rows(fixture *f, int64_t tick)
{
    assert_int_equal(onp_rundb_metric(f->db, tick, "train", 0, "loss", 0.5, &f->err), ONP_OK);
    assert_int_equal(onp_rundb_alpha(f->db, tick, 0, 7, 2, "3x3e6", 1.5, 0.25, true, &f->err),
                     ONP_OK);
}

static onp_status note(void *user, int64_t tick, const char *tag, double value, onp_error *err)
{
    fixture *f = user;
    const size_t used = strlen(f->seen);
    (void)err;
    (void)snprintf(f->seen + used, sizeof f->seen - used, "%lld %s %g;", (long long)tick, tag,
                   value);
    return ONP_OK;
}

static void rows_since_the_last(void **state)
{
    fixture *f = *state;
    int64_t last[ONP_RUNDB_SERIES_COUNT] = {0};
    for (int64_t tick = 3; tick < 6; tick += 2) {
        add_rows(f, tick);
        for (int i = 0; i < ONP_RUNDB_SERIES_COUNT; i++)
            assert_int_equal(
                onp_rundb_scalars_after(f->db, (onp_rundb_series)i, &last[i], note, f, &f->err),
                ONP_OK);
    }
    assert_string_equal(f->seen, "3 train/loss 0.5;3 p/07/3x3e6 0.25;5 train/loss 0.5;"
                                 "5 p/07/3x3e6 0.25;");
}

static void imported_latencies_are_counted(void **state)
{
    fixture *f = *state;
    static const char *const sources[] = {"measured", "imported", "imported"};
    int32_t n = -1;
    for (size_t i = 0; i < ONP_COUNT(sources); i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%zu", i);
        assert_int_equal(onp_rundb_latency_set(f->db, key, 1, 0, sources[i], "ok", &f->err),
                         ONP_OK);
    }
    assert_int_equal(onp_rundb_latency_imported(f->db, &n, &f->err), ONP_OK);
    assert_int_equal(n, 2);
}

/* How many files the board has; *bytes: of all of them. */
static int board_size(const fixture *f, size_t *bytes)
{
    DIR *dir = opendir(f->board);
    int n = 0;
    *bytes = 0;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[2 * ONP_TEST_PATH];
        struct stat info;
        if (strncmp(e->d_name, "events.out.tfevents.", 20) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", f->board, e->d_name);
        assert_int_equal(stat(path, &info), 0);
        *bytes += (size_t)info.st_size;
        n++;
    }
    (void)closedir(dir);
    return n;
}

/* A record is 16 bytes around an event: 9 of wall time, 2 of a small step, then
 * a version of 15, a session log of 4, or a scalar of (2 + tag + 5), framed twice. */
enum {
    START = (16 + 11 + 15) + (16 + 11 + 4),
    ROWS = (16 + 11 + 4 + 2 + 10 + 5) + (16 + 11 + 4 + 2 + 10 + 5)
};

static void a_file_for_each_start(void **state)
{
    fixture *f = *state;
    onp_tensorboard *board = NULL;
    size_t bytes = 0;
    add_rows(f, 1);
    assert_int_equal(onp_tensorboard_open(&f->ctx, f->board, f->db, 1, &board, &f->err), ONP_OK);
    assert_int_equal(board_size(f, &bytes), 1);
    assert_int_equal(bytes, START + ROWS); /* a new folder gets what is there */
    add_rows(f, 2);
    assert_int_equal(onp_tensorboard_update(board, &f->err), ONP_OK);
    assert_int_equal(onp_tensorboard_update(board, &f->err), ONP_OK);
    onp_tensorboard_close(board);
    board_size(f, &bytes);
    assert_int_equal(bytes, START + 2 * ROWS);
    assert_int_equal(onp_tensorboard_open(&f->ctx, f->board, f->db, 2, &board, &f->err), ONP_OK);
    onp_tensorboard_close(board);
    assert_int_equal(board_size(f, &bytes), 2);
    assert_int_equal(bytes, 2 * START + 2 * ROWS); /* these stood there already */
    assert_int_equal(onp_tensorboard_update(NULL, &f->err), ONP_OK);
    onp_tensorboard_close(NULL);
}

static void a_folder_that_is_none(void **state)
{
    fixture *f = *state;
    onp_tensorboard *board = NULL;
    onp_test_write(f->board, "x", 1);
    assert_int_equal(onp_tensorboard_open(&f->ctx, f->board, f->db, -1, &board, &f->err), ONP_E_IO);
    onp_assert_contains(f->err.msg, "board");
    assert_null(board);
}

static onp_status write_board(const onp_context *ctx, void *arg)
{
    fixture *f = arg;
    onp_tensorboard *board = NULL;
    if (onp_file_exists(f->board)) /* else there is nothing to write */
        onp_test_dir_remove(f->board);
    onp_status st = onp_tensorboard_open(ctx, f->board, f->db, -1, &board, NULL);
    onp_tensorboard_close(board);
    return st;
}

static void no_memory(void **state)
{
    fixture *f = *state;
    for (int64_t tick = 0; tick < 20; tick++)
        add_rows(f, tick);
    onp_test_each_allocation(write_board, f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_since_the_last),
        TEST(imported_latencies_are_counted),
        TEST(a_file_for_each_start),
        TEST(a_folder_that_is_none),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
