/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/report/run_fixture.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "report/report.h"
#include "supernet/arch.h"

static const char manifest[] =
    "{\"schema\": 1, \"version\": \"0.1.0\", \"seed\": 7, \"facts\": {\"platform\": \"abc123\", "
    "\"platform_is\": \"{\\\"device\\\":\\\"Chip <7>\\\",\\\"threads\\\":2}\", "
    "\"latency_hash\": \"fedcba\"}, \"done\": [\"latencies\", \"search\"], "
    "\"odd\": \"<script>alert('m')</script>\"}";
static const char config[] = "seed: 7\n"
                             "target:\n"
                             "  device: this-machine\n"
                             "  latency: 60%\n"
                             "  threads: 2\n"
                             "data:\n"
                             "  train: \"a<b>&c\"\n";

static const char *const candidates[] = {"3x3e3", "5x5e6", "zero"};
/* p[epoch][candidate]; the first is pruned in the last epoch */
static const double p[3][3] = {{0.25, 0.5, 0.25}, {0.125, 0.625, 0.25}, {0, 0.8125, 0.1875}};

static void check(onp_run_fixture *f, onp_status st)
{
    if (st != ONP_OK)
        fail_msg("%s", f->err.msg);
}

onp_rundb *onp_run_fixture_db(onp_run_fixture *f)
{
    char path[ONP_TEST_PATH];
    onp_rundb *db = NULL;
    onp_test_path(path, f->dir, "run.db");
    check(f, onp_rundb_open(&f->ctx, path, &db, &f->err));
    return db;
}

void onp_run_fixture_write(onp_run_fixture *f, const char *name, const char *text)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, f->dir, name);
    onp_test_write(path, text, strlen(text));
}

void onp_run_fixture_result(onp_run_fixture *f, const char *name, double value)
{
    onp_rundb *db = onp_run_fixture_db(f);
    check(f, onp_rundb_metric(db, 500, "result", 0, name, value, &f->err));
    onp_rundb_close(db);
}

void onp_run_fixture_answers(onp_run_fixture *f)
{
    const onp_answer worst[] = {{.image = 17, .truth = 1, .answer = 0, .p = 0.96875, .loss = 3.5},
                                {.image = 3, .truth = 0, .answer = 1, .p = 0.5, .loss = 1.25}};
    onp_rundb *db = onp_run_fixture_db(f);
    check(f, onp_rundb_class(db, 500, 0, "a<b>", &f->err));
    check(f, onp_rundb_class(db, 500, 1, "dog", &f->err));
    check(f, onp_rundb_confusion(db, 500, 0, 0, 30, &f->err));
    check(f, onp_rundb_confusion(db, 500, 0, 1, 10, &f->err));
    check(f, onp_rundb_confusion(db, 500, 1, 1, 20, &f->err));
    check(f, onp_rundb_worst_image(db, 500, 1, &worst[0], "png", 3, &f->err));
    check(f, onp_rundb_worst_image(db, 500, 2, &worst[1], NULL, 0, &f->err));
    onp_rundb_close(db);
}

void onp_run_fixture_execute(const onp_run_fixture *f, const char *sql)
{
    char path[ONP_TEST_PATH];
    sqlite3 *db = NULL;
    onp_test_path(path, f->dir, "run.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- the network: stem, two blocks with a choice (the second became zero), head ---- */

static int32_t make_blocks(onp_run_fixture *f, onp_block blocks[4])
{
    blocks[0] = (onp_block){.kind = ONP_BLOCK_STEM,
                            .in_h = 8,
                            .in_w = 8,
                            .in_c = 1,
                            .out_c = 8,
                            .kernel = 3,
                            .stride = 1};
    blocks[1] = (onp_block){.kind = ONP_BLOCK_MBCONV,
                            .in_h = 8,
                            .in_w = 8,
                            .in_c = 8,
                            .out_c = 8,
                            .kernel = 5,
                            .stride = 1,
                            .expand = 6,
                            .skip = true};
    blocks[2] = (onp_block){.kind = ONP_BLOCK_ZERO, .in_h = 8, .in_w = 8, .in_c = 8, .out_c = 8};
    blocks[3] = (onp_block){.kind = ONP_BLOCK_HEAD, .in_h = 8, .in_w = 8, .in_c = 8, .out_c = 10};
    for (int i = 0; i < 4; i++)
        check(f, onp_block_complete(&blocks[i], &f->err));
    return 4;
}

static void write_arch(onp_run_fixture *f)
{
    char path[ONP_TEST_PATH];
    onp_block blocks[4];
    onp_arch *arch = NULL;
    const int32_t n = make_blocks(f, blocks);
    onp_test_path(path, f->dir, "arch.json");
    check(f, onp_arch_from_blocks(&f->ctx, blocks, n, 1e-3, 0.1, &arch, &f->err));
    check(f, onp_arch_save(arch, path, &f->err));
    onp_arch_free(arch);
}

static void add_latencies(onp_run_fixture *f, onp_rundb *db)
{
    static const char *const quality[] = {"ok", "noisy", "", "ok"};
    onp_block blocks[4];
    const int32_t n = make_blocks(f, blocks);
    for (int i = 0; i < n; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&blocks[i], key);
        if (blocks[i].kind != ONP_BLOCK_ZERO)
            check(f, onp_rundb_latency_set(db, key, 1000 * (i + 1), 0, "measured", quality[i],
                                           &f->err));
    }
}

/* ---- the epochs ---- */

static void metric(onp_run_fixture *f, onp_rundb *db, int64_t tick, const char *phase,
                   int64_t epoch, const char *name, double value)
{
    check(f, onp_rundb_metric(db, tick, phase, epoch, name, value, &f->err));
}

static void add_epoch(onp_run_fixture *f, onp_rundb *db, int i, const char *phase, int64_t epoch)
{
    const int64_t tick = 100 * (i + 1);
    metric(f, db, tick, phase, epoch, "train_accuracy", 0.5 + 0.0625 * i);
    metric(f, db, tick, phase, epoch, "train_loss", 2 - 0.25 * i);
    if (strcmp(phase, "train") == 0)
        return;
    metric(f, db, tick, phase, epoch, "validation_accuracy", 0.40625 + 0.0625 * i);
    metric(f, db, tick, phase, epoch, "validation_loss", 2.25 - 0.25 * i);
    metric(f, db, tick, phase, epoch, "expected_latency_ms", 0.015625 / (i + 1));
    metric(f, db, tick, phase, epoch, "entropy", 1.0625 - 0.25 * i);
    for (int position = 1; position <= 2; position++)
        for (int c = 0; c < 3; c++)
            check(f, onp_rundb_alpha(db, tick, epoch, position, c, candidates[c], 0, p[i][c],
                                     p[i][c] > 0, &f->err));
}

static void add_rows(onp_run_fixture *f, onp_rundb *db, onp_run_kind kind)
{
    check(f, onp_rundb_begin(db, &f->err));
    metric(f, db, 0, "result", 0, "target_ms", 0.01171875);
    metric(f, db, 0, "result", 0, "initial_expected_ms", 0.01953125);
    metric(f, db, 0, "result", 0, "least_ms", 0.00390625);
    add_latencies(f, db);
    add_epoch(f, db, 0, "warmup", 0);
    add_epoch(f, db, 1, "search", 0);
    if (kind == ONP_RUN_FINISHED) {
        add_epoch(f, db, 2, "search", 1);
        add_epoch(f, db, 3, "train", 0);
        check(f,
              onp_rundb_event(db, 300, "search", 1, "prune", "position 1: 3x3e3 dropped", &f->err));
    }
    check(f, onp_rundb_commit(db, &f->err));
}

static void add_results(onp_run_fixture *f)
{
    static const struct {
        const char *name;
        double value;
    } results[] = {{"test_accuracy", 0.91015625}, {"test_images", 10000},
                   {"test_loss", 0.28125},        {"measured_ms", 0.0107421875},
                   {"measured_lo_ms", 0.0102539}, {"measured_hi_ms", 0.0112304},
                   {"measured_samples", 31},      {"predicted_ms", 0.00732421875},
                   {"n_params", 1234567},         {"n_macs", 7654321}};
    for (size_t i = 0; i < ONP_COUNT(results); i++)
        onp_run_fixture_result(f, results[i].name, results[i].value);
}

void onp_run_fixture_make(onp_run_fixture *f, onp_run_kind kind)
{
    *f = (onp_run_fixture){0};
    onp_context_init(&f->ctx);
    onp_test_dir_make(f->dir);
    onp_run_fixture_write(f, "manifest.json", manifest);
    onp_run_fixture_write(f, "config.yaml", config);
    onp_rundb *db = onp_run_fixture_db(f);
    if (kind != ONP_RUN_EMPTY)
        add_rows(f, db, kind);
    onp_rundb_close(db);
    if (kind == ONP_RUN_FINISHED) {
        write_arch(f);
        add_results(f);
    }
}

void onp_run_fixture_remove(onp_run_fixture *f)
{
    onp_test_dir_remove(f->dir);
}

char *onp_run_fixture_page(onp_run_fixture *f)
{
    char path[ONP_TEST_PATH], *text = NULL;
    size_t size = 0;
    check(f, onp_report_write(&f->ctx, f->dir, &f->err));
    onp_test_path(path, f->dir, ONP_REPORT_FILE);
    check(f, onp_file_read(&f->ctx, path, 16 * ONP_MIB, &text, &size, &f->err));
    return text;
}
