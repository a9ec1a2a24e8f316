/* SPDX-License-Identifier: Apache-2.0 */
/* A search through the library: what its progress tells, stopped and gone on with, and wrong ones.
 */
#include "tests/api/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "search/config.h"
#include "tests/search/tiny_run.h"

typedef struct fixture {
    char dir[ONP_TEST_PATH], config[ONP_TEST_PATH], agent[ONP_TEST_PATH];
    onepath_context *ctx;
    int n_logged, n_errors_logged;
} fixture;

static void count_lines(void *user, onepath_log_level level, const char *line)
{
    fixture *f = user;
    assert_non_null(line);
    f->n_logged++;
    f->n_errors_logged += level == ONEPATH_LOG_ERROR;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const onepath_options o = {.size = sizeof o, .log = count_lines, .log_user = f, .threads = 1};
    onepath_error err;
    onp_context inner;
    onp_config cfg;
    api_ok(onepath_context_new(&o, &f->ctx, &err), &err);
    tiny_cache_make(NULL);
    onp_test_dir_make(f->dir);
    onp_context_init(&inner);
    assert_int_equal(tiny_config(&inner, f->dir, NULL, &cfg, NULL), ONP_OK); /* writes it */
    onp_config_free(&cfg);
    onp_test_path(f->config, f->dir, "config.yaml");
    const char *binary = getenv("ONEPATH_BINARY");
    onp_test_path(f->agent, binary != NULL ? binary : ".", "onepath-agent");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onepath_context_free(f->ctx);
    onp_test_dir_remove(f->dir);
    tiny_cache_remove(NULL);
    free(f);
    return 0;
}

typedef struct told {
    int n[4];    /* of each phase */
    int stop_at; /* events in all after which to stop; 0: never */
    onepath_progress last;
} told;

static int note(void *user, const onepath_progress *at)
{
    told *t = user;
    int all = 0;
    assert_true(at->step >= 1 && at->step <= at->steps);
    if (at->phase == ONEPATH_PHASE_PROFILE) {
        assert_true(isnan(at->loss) && isnan(at->expected_latency_ns) && at->epochs == 0);
    } else {
        assert_true(isfinite(at->loss) && at->epoch >= 1 && at->epoch <= at->epochs);
        assert_true(isnan(at->expected_latency_ns) == (at->phase == ONEPATH_PHASE_TRAIN));
    }
    t->n[at->phase]++;
    t->last = *at;
    for (int i = 0; i < 4; i++)
        all += t->n[i];
    return all == t->stop_at;
}

static onepath_status search(fixture *f, const char *run, told *t, onepath_search_result *result,
                             onepath_error *err)
{
    static const char *const sets[] = {"search.epochs=1", "train.epochs=1"};
    char run_dir[ONP_TEST_PATH];
    onp_test_path(run_dir, f->dir, run);
    const onepath_search_options o = {.size = sizeof o,
                                      .config = f->config,
                                      .run_dir = run_dir,
                                      .sets = sets,
                                      .n_sets = 2,
                                      .agent = f->agent,
                                      .seconds_per_block = 0.01,
                                      .progress = note,
                                      .progress_user = t};
    return onepath_search(f->ctx, &o, result, err);
}

/* Both have the same bytes. */
static void assert_same_model(const fixture *f, const char *a, const char *b)
{
    const char *const runs[] = {a, b};
    char *data[2], hash[2][ONP_SHA256_HEX];
    onp_context ctx;
    onp_context_init(&ctx);
    for (int i = 0; i < 2; i++) {
        char folder[ONP_TEST_PATH], path[ONP_TEST_PATH];
        size_t size = 0;
        onp_test_path(folder, f->dir, runs[i]);
        onp_test_path(path, folder, "model.safetensors");
        assert_int_equal(onp_file_read(&ctx, path, ONP_GIB, &data[i], &size, NULL), ONP_OK);
        onp_sha256(data[i], size, hash[i]);
        onp_free(&ctx, data[i]);
    }
    assert_string_equal(hash[0], hash[1]);
}

static void expect_finished(onepath_status st, const onepath_error *err)
{
    if (st != ONEPATH_OK && st != ONEPATH_E_OVER_BUDGET) /* so short a search may miss it */
        fail_msg("%s", err->text);
}

/* The first run measures; the second, with its rows, is stopped in each phase. */
static void test_whole_and_stopped(void **state)
{
    fixture *f = *state;
    static const char *const files[] = {"arch.json", "model.safetensors", "model.onnx",
                                        "report.html", "run.db"};
    told whole = {.stop_at = 0}, rest = {.stop_at = 0};
    onepath_search_result r = {.size = sizeof r}, again = {.size = sizeof again};
    onepath_error err;
    expect_finished(search(f, "whole", &whole, &r, &err), &err);
    assert_true(whole.n[ONEPATH_PHASE_PROFILE] > 5);
    assert_int_equal(whole.n[ONEPATH_PHASE_WARMUP], TINY_BATCHES);
    assert_int_equal(whole.n[ONEPATH_PHASE_SEARCH], TINY_BATCHES);
    assert_int_equal(whole.n[ONEPATH_PHASE_TRAIN], 320 / 64);
    assert_int_equal(whole.last.step, whole.last.steps);
    assert_true(r.test_accuracy > 0 && r.test_accuracy <= 1 && r.test_images == 4000);
    assert_true(r.measured_ns > 0 && r.measured_lo_ns <= r.measured_ns && r.n_samples > 0);
    assert_true(r.target_ns > 0 && r.predicted_ns > 0 && r.n_parameters > 0 && r.n_macs > 0);
    assert_true(f->n_logged > 0);
    for (size_t i = 0; i < ONP_COUNT(files); i++) {
        char folder[ONP_TEST_PATH], path[ONP_TEST_PATH];
        onp_test_path(folder, f->dir, "whole");
        onp_test_path(path, folder, files[i]);
        assert_true(onp_file_exists(path));
    }
    for (int i = 0; i < 3; i++) { /* 3, then 3 + 8, then 3 + 8 + 8 steps of 21 */
        told part = {.stop_at = i == 0 ? 3 : 8};
        assert_int_equal(search(f, "stopped", &part, &again, &err), ONEPATH_E_INTERRUPTED);
        assert_int_equal(part.n[ONEPATH_PHASE_PROFILE], 0);
        onp_assert_contains(err.text, "interrupted");
        assert_true(again.test_images == 0);
    }
    expect_finished(search(f, "stopped", &rest, &again, &err), &err);
    assert_int_equal(rest.n[ONEPATH_PHASE_TRAIN], 2);
    assert_true(again.test_accuracy == r.test_accuracy && again.expected_ns == r.expected_ns);
    assert_same_model(f, "whole", "stopped");
    expect_finished(search(f, "stopped", &rest, NULL, NULL), &err); /* neither is needed */
}

static void refuses(fixture *f, const onepath_search_options *o, onepath_status wanted,
                    const char *text)
{
    onepath_search_result r = {.size = sizeof r};
    onepath_error err;
    assert_int_equal(onepath_search(f->ctx, o, &r, &err), wanted);
    onp_assert_contains(err.text, text);
}

static void test_wrong_ones(void **state)
{
    fixture *f = *state;
    static const char *const sets[] = {"search.epochs=-1", "search.btach=3"};
    char run[ONP_TEST_PATH];
    onp_test_path(run, f->dir, "wrong");
    onepath_search_options o = {.size = sizeof o, .config = f->config};
    onepath_search_result unsized = {0};
    onepath_error err;
    refuses(f, &o, ONEPATH_E_USAGE, "run_dir");
    o.run_dir = run;
    assert_int_equal(onepath_search(f->ctx, &o, &unsized, &err), ONEPATH_E_USAGE);
    onp_assert_contains(err.text, "onepath_search_result: its size is 0");
    o.seconds_per_block = -1;
    refuses(f, &o, ONEPATH_E_RANGE, "-1");
    o.seconds_per_block = 0.01;
    o.sets = sets;
    o.n_sets = 2;
    f->n_errors_logged = 0;
    refuses(f, &o, ONEPATH_E_CONFIG, "search");
    assert_int_equal(f->n_errors_logged, 2); /* the log has both */
    o.n_sets = 0;
    o.agent = "/not/there";
    char db[ONP_TEST_PATH];
    onp_test_path(db, f->dir, "other.db");
    o.db = db;
    refuses(f, &o, ONEPATH_E_DEVICE, "/not/there");
    o.config = "/not/there.yaml";
    refuses(f, &o, ONEPATH_E_CONFIG, "/not/there.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_and_stopped),
        cmocka_unit_test(test_wrong_ones),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
