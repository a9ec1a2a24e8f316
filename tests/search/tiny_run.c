/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/tiny_run.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "ops/kernels.h"

static char cache[ONP_TEST_PATH];

static const char space_text[] = "schema: 1\n"
                                 "name: tiny\n"
                                 "input: {height: 28, width: 28, channels: 1}\n"
                                 "stem: {op: conv, kernel: 3, stride: 2, channels: 4}\n"
                                 "fixed: []\n"
                                 "candidates:\n"
                                 "  - {op: mbconv, kernel: 3, expand: 1}\n"
                                 "  - {op: mbconv, kernel: 5, expand: 2}\n"
                                 "  - {op: mbconv, kernel: 3, expand: 2}\n"
                                 "  - {op: zero}\n"
                                 "stages:\n"
                                 "  - {channels: 4, blocks: 2, stride: 1}\n"
                                 "  - {channels: 8, blocks: 1, stride: 2}\n"
                                 "mix: {channels: 12}\n"
                                 "classes: 10\n";

static const char config_text[] =
    "schema: 1\n"
    "seed: 3\n"
    "data: {format: generated, validation: 64, limit: 320, cache: %s, augment: {pad: 2, flip: "
    "true}}\n"
    "space: space.yaml\n"
    "target: {latency: 70%%}\n"
    "search:\n"
    "  warmup_epochs: 1\n"
    "  epochs: 3\n"
    "  batch: 32\n"
    "  architecture: {every: 2}\n"
    "  prune: {below: 0}\n"
    "train: {epochs: 1, batch: 64}\n";

static void expect_ok(onp_status st, const onp_error *err)
{
    if (st != ONP_OK)
        fail_msg("%s", err->msg);
}

int tiny_cache_make(void **state)
{
    (void)state;
    onp_error err = {0};
    expect_ok(onp_parallel_start(1, false, &err), &err);
    onp_test_dir_make(cache);
    return 0;
}

int tiny_cache_remove(void **state)
{
    (void)state;
    onp_test_dir_remove(cache);
    return 0;
}

onp_status tiny_config(const onp_context *ctx, const char *dir, const char *const *sets,
                       onp_config *out, onp_error *err)
{
    char path[ONP_TEST_PATH], text[4096];
    size_t n = 0;
    onp_test_path(path, dir, "space.yaml");
    onp_test_write(path, space_text, sizeof space_text - 1);
    onp_test_path(path, dir, "config.yaml");
    const int length = snprintf(text, sizeof text, config_text, cache);
    onp_test_write(path, text, (size_t)length);
    while (sets != NULL && sets[n] != NULL)
        n++;
    return onp_config_load(ctx, path, sets, n, NULL, out, err);
}

/* A latency per block that grows with its work. */
static void set_latencies(tiny_run *r)
{
    onp_block *blocks = NULL;
    int32_t n = 0;
    expect_ok(onp_space_blocks(&r->ctx, r->cfg.space, &blocks, &n, &r->err), &r->err);
    for (int32_t i = 0; i < n; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&blocks[i], key);
        expect_ok(onp_rundb_latency_set(r->db, key, 1000 + onp_block_n_macs(&blocks[i]), 0,
                                        "measured", "ok", &r->err),
                  &r->err);
    }
    onp_free(&r->ctx, blocks);
}

static void make_net(tiny_run *r)
{
    const onp_space *space = r->cfg.space;
    const int64_t batch =
        r->cfg.search.batch > r->cfg.train.batch ? r->cfg.search.batch : r->cfg.train.batch;
    char file[ONP_TEST_PATH];
    onp_test_path(file, r->dir, "weights");
    /* a net this small is limited to pages, not MiB */
    expect_ok(onp_supernet_new_mapped(&r->ctx, space->positions, space->n_positions, 1e-3,
                                      (uint64_t)r->cfg.seed,
                                      r->cfg.weights == ONP_WEIGHTS_MAPPED ? file : NULL,
                                      (size_t)r->cfg.weights_limit_mib * 4096, &r->net, &r->err),
              &r->err);
    expect_ok(onp_step_new(&r->ctx, r->net, batch, &r->step, &r->err), &r->err);
    r->trainer = (onp_trainer){.ctx = &r->ctx,
                               .cfg = &r->cfg,
                               .feed = &r->feed,
                               .net = r->net,
                               .step = r->step,
                               .latency = &r->latency,
                               .db = r->db,
                               .checkpoint_path = r->checkpoint,
                               .net_hash = "0123456789abcdef",
                               .stop = &r->stop};
}

void tiny_run_init(tiny_run *r, const char *const *sets)
{
    char db[ONP_TEST_PATH];
    memset(r, 0, sizeof *r);
    onp_context_init(&r->ctx);
    expect_ok(onp_kernels_choose(&r->ctx, NULL, &r->err), &r->err);
    onp_test_dir_make(r->dir);
    onp_test_path(r->checkpoint, r->dir, "checkpoint.safetensors");
    onp_test_path(db, r->dir, "run.db");
    expect_ok(tiny_config(&r->ctx, r->dir, sets, &r->cfg, &r->err), &r->err);
    expect_ok(onp_feed_open(&r->ctx, &r->cfg, &r->feed, &r->err), &r->err);
    expect_ok(onp_rundb_open(&r->ctx, db, &r->db, &r->err), &r->err);
    set_latencies(r);
    make_net(r);
    expect_ok(onp_latency_model_load(&r->ctx, r->net, r->db, &r->latency, &r->err), &r->err);
    r->trainer.target_ns = 0.7 * onp_latency_model_uniform(&r->latency, r->net);
}

void tiny_run_reset(tiny_run *r)
{
    onp_step_free(r->step);
    onp_supernet_free(r->net);
    onp_latency_model_free(&r->latency);
    onp_rundb_close(r->db);
    onp_feed_close(&r->feed);
    onp_config_free(&r->cfg);
    onp_test_dir_remove(r->dir);
}

void tiny_run_restart(tiny_run *r)
{
    const double target_ns = r->trainer.target_ns;
    onp_step_free(r->step);
    onp_supernet_free(r->net);
    make_net(r);
    r->trainer.target_ns = target_ns;
    if (onp_file_exists(r->checkpoint))
        expect_ok(onp_trainer_load(&r->trainer, &r->err), &r->err);
    const int64_t tick = onp_file_exists(r->checkpoint) ? r->trainer.cursor.tick : -1;
    expect_ok(onp_rundb_forget_after(r->db, tick, &r->err), &r->err);
}

onp_status tiny_run_search(tiny_run *r)
{
    ONP_TRY(onp_trainer_run(&r->trainer, ONP_STAGE_WARMUP, &r->err));
    return onp_trainer_run(&r->trainer, ONP_STAGE_SEARCH, &r->err);
}

char *tiny_run_query(const tiny_run *r, const char *sql)
{
    char path[ONP_TEST_PATH];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    size_t used = 0;
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    onp_test_path(path, r->dir, "run.db");
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(q); i++) {
            const char *end = i + 1 < sqlite3_column_count(q) ? " " : "\n";
            if (sqlite3_column_type(q, i) == SQLITE_FLOAT)
                used += (size_t)snprintf(text + used, (1 << 20) - used, "%.17g%s",
                                         sqlite3_column_double(q, i), end);
            else
                used += (size_t)snprintf(text + used, (1 << 20) - used, "%s%s",
                                         (const char *)sqlite3_column_text(q, i), end);
            assert_true(used < 1 << 20);
        }
    }
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return text;
}

double tiny_run_number(const tiny_run *r, const char *sql)
{
    char *text = tiny_run_query(r, sql);
    assert_true(text[0] != '\0');
    const double value = strtod(text, NULL);
    free(text);
    return value;
}
