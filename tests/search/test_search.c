/* SPDX-License-Identifier: Apache-2.0 */
/* Training a network as a run of its own: the same bits after any stop, and what a folder may hold
 * that is not of this run. */
#include "tests/search/tiny_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/file.h"
#include "ops/kernels.h"
#include "search/search.h"
#include "supernet/model.h"

typedef struct fixture {
    onp_context ctx;
    onp_config cfg;
    onp_arch *arch;
    onp_search_result result;
    onp_error err;
    char dir[ONP_TEST_PATH], run[ONP_TEST_PATH];
    volatile sig_atomic_t stop;
} fixture;

static void expect_ok(onp_status st, const fixture *f)
{
    if (st != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_block blocks[6];
    onp_context_init(&f->ctx);
    expect_ok(onp_kernels_choose(&f->ctx, NULL, &f->err), f);
    onp_test_dir_make(f->dir);
    onp_test_path(f->run, f->dir, "run");
    expect_ok(tiny_config(&f->ctx, f->dir, NULL, &f->cfg, &f->err), f);
    assert_int_equal(f->cfg.space->n_positions, (int)ONP_COUNT(blocks));
    for (size_t i = 0; i < ONP_COUNT(blocks); i++)
        blocks[i] = f->cfg.space->positions[i].candidate[i == 2 ? 3 : 0];
    expect_ok(onp_arch_from_blocks(&f->ctx, blocks, 6, 1e-3, 0.1, &f->arch, &f->err), f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_arch_free(f->arch);
    onp_config_free(&f->cfg);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

static onp_status train(fixture *f, const char *run)
{
    const onp_search_options options = {.cfg = &f->cfg, .run_dir = run, .stop = &f->stop};
    f->err = (onp_error){0};
    return onp_search_train(&f->ctx, &options, f->arch, &f->result, &f->err);
}

static void read_file(const fixture *f, const char *run, const char *name, char **data,
                      size_t *size)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, run, name);
    assert_int_equal(onp_file_read(&f->ctx, path, 16 * ONP_MIB, data, size, NULL), ONP_OK);
}

static void assert_same_file(const fixture *f, const char *a, const char *b, const char *name)
{
    size_t n[2];
    char *x = NULL, *y = NULL;
    read_file(f, a, name, &x, &n[0]);
    read_file(f, b, name, &y, &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(x, y, n[0]);
    onp_free(&f->ctx, x);
    onp_free(&f->ctx, y);
}

static void test_stopped_after_each_batch(void **state)
{
    fixture *f = *state;
    char parts[ONP_TEST_PATH];
    onp_test_path(parts, f->dir, "parts");
    expect_ok(train(f, f->run), f);
    const onp_search_result whole = f->result;
    assert_int_equal(whole.test_images, 4000);
    assert_true(whole.test_accuracy > 0.02 && whole.test_accuracy < 1);
    assert_int_equal(whole.n_params, onp_arch_n_params(f->arch));
    f->stop = 1;
    for (int i = 0; i < 5; i++) /* 320 images in batches of 64 */
        assert_int_equal(train(f, parts), ONP_E_INTERRUPTED);
    expect_ok(train(f, parts), f);
    assert_true(f->result.test_accuracy == whole.test_accuracy);
    assert_same_file(f, f->run, parts, "model.safetensors");
    assert_same_file(f, f->run, parts, "arch.json");
    expect_ok(train(f, parts), f); /* once more: nothing is trained */
    assert_same_file(f, f->run, parts, "model.safetensors");
}

static double query(const fixture *f, const char *sql)
{
    char path[ONP_TEST_PATH];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    onp_test_path(path, f->run, "run.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    const double value = sqlite3_column_double(q, 0);
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

/* The answers of the saved model are those that the run wrote down. */
static void assert_recorded(const fixture *f, const onp_tally *t)
{
    char sql[128];
    assert_true(query(f, "SELECT sum(n) FROM confusion") == (double)t->n);
    assert_true(query(f, "SELECT count(*) FROM class WHERE length(name) > 0") == 10);
    for (int k = 0; k < 100; k++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT total(n) FROM confusion WHERE truth = %d AND answer = %d", k / 10,
                       k % 10);
        assert_true(query(f, sql) == (double)t->confusion[k]);
    }
    for (int i = 0; i < ONP_TALLY_WORST; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT loss FROM worst_image WHERE rank = %d", i + 1);
        assert_true(query(f, sql) == t->worst[i].loss);
        (void)snprintf(sql, sizeof sql, "SELECT image FROM worst_image WHERE rank = %d", i + 1);
        assert_true(query(f, sql) == (double)t->worst[i].image);
    }
    assert_true(query(f, "SELECT count(*) FROM worst_image"
                         " WHERE hex(substr(png, 1, 8)) = '89504E470D0A1A0A'") == 16);
}

static void test_the_saved_model_is_the_tested_one(void **state)
{
    fixture *f = *state;
    onp_tally tally;
    onp_model *m = NULL;
    expect_ok(train(f, f->run), f);
    expect_ok(onp_model_load(&f->ctx, f->run, &m, &f->err), f);
    onp_feed feed;
    onp_step *step = NULL;
    onp_score score;
    expect_ok(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), f);
    expect_ok(onp_step_new(&f->ctx, m->net, 64, &step, &f->err), f);
    expect_ok(onp_tally_init(&f->ctx, feed.test.n_classes, &tally, &f->err), f);
    expect_ok(onp_evaluate(step, &feed, &feed.test, NULL, feed.test.n, 64, m->path, m->stats,
                           &tally, &score, &f->err),
              f);
    assert_int_equal(tally.hits, score.hits);
    assert_recorded(f, &tally);
    onp_tally_reset(&tally);
    assert_true((double)score.hits / (double)score.n == f->result.test_accuracy);
    assert_true(m->input.mean[0] == feed.stats.mean[0]);
    assert_true(m->input.deviation[0] == feed.stats.deviation[0]);
    for (int k = 0; k < 10; k++)
        assert_string_equal(m->input.class_names[k], feed.train.class_names[k]);
    onp_step_free(step);
    onp_feed_close(&feed);
    onp_model_free(m);
}

/* New weights have no statistics that could be kept. */
static void test_frozen_statistics_need_a_search(void **state)
{
    fixture *f = *state;
    f->cfg.train.inherit = true;
    f->cfg.train.statistics = ONP_STATISTICS_FROZEN;
    assert_int_equal(train(f, f->run), ONP_E_CONFIG);
    onp_assert_contains(f->err.msg, "train.statistics is frozen: wanted batch");
    assert_false(onp_file_exists(f->run));
}

/* The first n digits of a key's value in a header become 0. */
static void zero_digits(char *header, const char *key, size_t n)
{
    char *at = strstr(header, key);
    if (at != NULL)
        at = strpbrk(at + strlen(key), "0123456789abcdef");
    if (at != NULL)
        memset(at, '0', n);
    assert_non_null(at);
}

/* A checkpoint of another run is not written over, and costs the run's database no row. */
static void test_checkpoint_of_another_run(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    char *data = NULL, *after = NULL;
    size_t size = 0, size_after = 0;
    expect_ok(train(f, f->run), f);
    read_file(f, f->run, "checkpoint.safetensors", &data, &size);
    zero_digits(data + 8, "\"belongs_to\"", 16);
    zero_digits(data + 8, "\"tick\"", 1);
    onp_test_path(path, f->run, "checkpoint.safetensors");
    onp_test_write(path, data, size);
    assert_int_equal(train(f, f->run), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "belongs to 0000000000000000...");
    read_file(f, f->run, "checkpoint.safetensors", &after, &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(data, after, size);
    onp_free(&f->ctx, data);
    onp_free(&f->ctx, after);
    assert_true(query(f, "SELECT count(*) FROM metric WHERE name = 'test_accuracy'") == 1);
}

static void test_network_that_does_not_fit_the_data(void **state)
{
    fixture *f = *state;
    onp_arch *arch = f->arch;
    onp_block blocks[] = {{.kind = ONP_BLOCK_STEM,
                           .in_h = 29,
                           .in_w = 28,
                           .in_c = 1,
                           .out_c = 4,
                           .kernel = 3,
                           .stride = 1},
                          {.kind = ONP_BLOCK_HEAD, .in_h = 29, .in_w = 28, .in_c = 4, .out_c = 10}};
    for (size_t i = 0; i < ONP_COUNT(blocks); i++)
        expect_ok(onp_block_complete(&blocks[i], &f->err), f);
    expect_ok(onp_arch_from_blocks(&f->ctx, blocks, 2, 1e-3, 0.1, &f->arch, &f->err), f);
    assert_int_equal(train(f, f->run), ONP_E_CONFIG);
    onp_assert_contains(f->err.msg, "29x28x1");
    onp_assert_contains(f->err.msg, "28x28x1");
    onp_arch_free(f->arch);
    f->arch = arch;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stopped_after_each_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frozen_statistics_need_a_search, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_saved_model_is_the_tested_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkpoint_of_another_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_network_that_does_not_fit_the_data, setup, teardown),
    };
    return cmocka_run_group_tests_name("search", tests, tiny_cache_make, tiny_cache_remove);
}
