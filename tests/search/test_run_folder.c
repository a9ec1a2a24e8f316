/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a run: made, locked, resumed by the same run only, put away by --fresh. */
#include "tests/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "ops/gemm.h"
#include "ops/kernels.h"
#include "search/run_folder.h"

static const char space_text[] = "name: tiny\n"
                                 "input: {height: 8, width: 8, channels: 1}\n"
                                 "stem: {kernel: 3, channels: 4}\n"
                                 "candidates:\n"
                                 "  - {op: mbconv, kernel: 3, expand: 1}\n"
                                 "stages:\n"
                                 "  - {channels: 8, blocks: 1}\n"
                                 "mix: {channels: 8}\n"
                                 "classes: 10\n";
static const char config_text[] = "seed: 5\n"
                                  "data: {format: generated, validation: 64}\n"
                                  "space: space.yaml\n"
                                  "target: {latency: 3ms}\n"
                                  "search: {warmup_epochs: 0, epochs: 2}\n"
                                  "train: {epochs: 1}\n";

typedef struct fixture {
    onp_context ctx;
    onp_config cfg;
    onp_run_options options;
    onp_run_folder *run;
    onp_error err;
    char root[ONP_TEST_PATH], config[ONP_TEST_PATH], dir[ONP_TEST_PATH];
} fixture;

static void load(fixture *f, const char *set)
{
    onp_config_free(&f->cfg);
    assert_int_equal(onp_config_load(&f->ctx, f->config, &set, set != NULL, NULL, &f->cfg, &f->err),
                     ONP_OK);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    char path[ONP_TEST_PATH];
    onp_context_init(&f->ctx);
    assert_int_equal(onp_kernels_choose(&f->ctx, "generic", &f->err), ONP_OK);
    onp_test_dir_make(f->root);
    onp_test_path(path, f->root, "space.yaml");
    onp_test_write(path, space_text, sizeof space_text - 1);
    onp_test_path(f->config, f->root, "start.yaml");
    onp_test_write(f->config, config_text, sizeof config_text - 1);
    onp_test_path(f->dir, f->root, "runs/x");
    load(f, NULL);
    f->options = (onp_run_options){
        .cfg = &f->cfg, .data_hash = "d1", .space_hash = "s1", .build = "build 1"};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_run_folder_close(f->run);
    onp_config_free(&f->cfg);
    onp_test_dir_remove(f->root);
    free(f);
    return 0;
}

static onp_status open_run(fixture *f)
{
    onp_run_folder_close(f->run);
    return onp_run_folder_open(&f->ctx, f->dir, &f->options, &f->run, &f->err);
}

static void file_in(const fixture *f, const char *name, char out[ONP_TEST_PATH])
{
    onp_test_path(out, f->dir, name);
}

static json_t *manifest_of(const fixture *f)
{
    char path[ONP_TEST_PATH];
    file_in(f, "manifest.json", path);
    json_t *m = json_load_file(path, 0, NULL);
    assert_non_null(m);
    return m;
}

static void assert_text(const json_t *m, const char *key, const char *wanted)
{
    assert_string_equal(json_string_value(json_object_get(m, key)), wanted);
}

static void assert_refused(fixture *f, onp_status wanted, const char *says)
{
    assert_int_equal(open_run(f), wanted);
    assert_null(f->run);
    onp_assert_contains(f->err.msg, says);
}

static void a_new_folder(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    onp_config again;
    assert_int_equal(open_run(f), ONP_OK);
    assert_false(onp_run_folder_resumed(f->run));
    json_t *m = manifest_of(f);
    assert_text(m, "version", ONEPATH_VERSION);
    assert_text(m, "build", "build 1");
    assert_text(m, "kernel_set", "generic");
    assert_text(m, "blas_core", onp_blas_core());
    assert_text(m, "data_hash", "d1");
    assert_text(m, "space_hash", "s1");
    assert_text(m, "hash", onp_run_folder_hash(f->run));
    assert_text(json_object_get(m, "config"), "search.loss.lambda", "1");
    assert_int_equal(json_integer_value(json_object_get(m, "seed")), 5);
    const char *started = json_string_value(json_object_get(m, "started"));
    assert_int_equal(strlen(started), strlen("2026-01-31T23:59:59Z"));
    assert_true(started[0] == '2' && started[4] == '-' && started[10] == 'T');
    json_decref(m);
    file_in(f, "config.yaml", path);
    assert_int_equal(onp_config_load(&f->ctx, path, NULL, 0, NULL, &again, &f->err), ONP_OK);
    assert_true(again.seed == 5 && again.target.latency.ns == 3000000);
    onp_config_free(&again);
    assert_int_equal(onp_run_folder_path(f->run, "run.db", path, 4, &f->err), ONP_E_RANGE);
    assert_int_equal(onp_run_folder_path(f->run, "run.db", path, sizeof path, &f->err), ONP_OK);
    onp_assert_contains(path, "/runs/x/run.db");
}

static void stages_and_facts_are_resumed(void **state)
{
    fixture *f = *state;
    char hash[65];
    assert_int_equal(open_run(f), ONP_OK);
    (void)snprintf(hash, sizeof hash, "%s", onp_run_folder_hash(f->run));
    assert_null(onp_run_folder_get(f->run, "platform"));
    assert_false(onp_run_folder_is_done(f->run, "warmup"));
    assert_int_equal(onp_run_folder_done(f->run, "warmup", &f->err), ONP_OK);
    assert_int_equal(onp_run_folder_done(f->run, "warmup", &f->err), ONP_OK);
    assert_int_equal(onp_run_folder_fact(f->run, "platform", "abc", &f->err), ONP_OK);
    assert_int_equal(onp_run_folder_fact(f->run, "platform", "abcd", &f->err), ONP_OK);
    assert_int_equal(onp_run_folder_fact(f->run, "bad", "\xff", &f->err), ONP_E_RANGE);
    f->options.build = "build 1";
    load(f, "data.cache=elsewhere"); /* decides no result */
    assert_int_equal(open_run(f), ONP_OK);
    assert_true(onp_run_folder_resumed(f->run));
    assert_string_equal(onp_run_folder_hash(f->run), hash);
    assert_true(onp_run_folder_is_done(f->run, "warmup"));
    assert_false(onp_run_folder_is_done(f->run, "search"));
    assert_string_equal(onp_run_folder_get(f->run, "platform"), "abcd");
    json_t *m = manifest_of(f);
    assert_int_equal(json_array_size(json_object_get(m, "done")), 1);
    json_decref(m);
}

static void another_configuration_is_refused(void **state)
{
    fixture *f = *state;
    char hash[65];
    assert_int_equal(open_run(f), ONP_OK);
    (void)snprintf(hash, sizeof hash, "%s", onp_run_folder_hash(f->run));
    load(f, "search.loss.lambda=0.5");
    assert_refused(f, ONP_E_USAGE, "runs/x: search.loss.lambda is 1 in this run, now 0.5");
    assert_int_equal(onp_status_exit_code(f->err.status), 2);
    load(f, "target.latency=60%");
    assert_refused(f, ONP_E_USAGE, "target.latency is 3ms in this run, now 60%");
    load(f, "train.inherit=true");
    f->options.allow_other_bits = true; /* says nothing about keys */
    assert_refused(f, ONP_E_USAGE, "train.inherit is false in this run, now true");
    load(f, NULL);
    f->options.data_hash = "d2";
    assert_refused(f, ONP_E_USAGE, "data_hash is d1 in this run, now d2");
    f->options.data_hash = "d1";
    f->options.space_hash = "s2";
    assert_refused(f, ONP_E_USAGE, "space_hash is s1 in this run, now s2");
    f->options.space_hash = "s1";
    assert_int_equal(open_run(f), ONP_OK); /* nothing was changed by the attempts */
    assert_string_equal(onp_run_folder_hash(f->run), hash);
}

static void every_part_is_in_the_hash(void **state)
{
    fixture *f = *state;
    char hashes[4][65];
    const struct {
        const char *set, *data, *space;
    } runs[] = {{NULL, "d", "s"}, {"seed=6", "d", "s"}, {NULL, "e", "s"}, {NULL, "d", "t"}};
    f->options.fresh = true;
    for (size_t i = 0; i < ONP_COUNT(runs); i++) {
        load(f, runs[i].set);
        f->options.data_hash = runs[i].data;
        f->options.space_hash = runs[i].space;
        assert_int_equal(open_run(f), ONP_OK);
        (void)snprintf(hashes[i], sizeof hashes[i], "%s", onp_run_folder_hash(f->run));
        assert_int_equal(strlen(hashes[i]), 64);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(hashes[i], hashes[j]);
    }
}

static void other_bits(void **state)
{
    fixture *f = *state;
    assert_int_equal(open_run(f), ONP_OK);
    f->options.build = "build 2";
    assert_refused(f, ONP_E_USAGE, "build is build 1 in this run, now build 2");
    onp_assert_contains(f->err.msg, "--allow-other-bits");
    f->options.build = "build 1";
    f->ctx.kernels = NULL;
    assert_refused(f, ONP_E_USAGE, "kernel_set is generic in this run, now none");
    f->options.allow_other_bits = true;
    assert_int_equal(open_run(f), ONP_OK);
    assert_string_equal(onp_run_folder_get(f->run, "other_bits"), "kernel_set");
    json_t *m = manifest_of(f);
    assert_text(m, "kernel_set", "none");
    json_decref(m);
}

static void fresh_renames(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    f->options.fresh = true;
    onp_test_path(f->dir, f->root, "runs/x//"); /* as shells complete it */
    for (int i = 0; i < 3; i++) {
        char seed[16];
        (void)snprintf(seed, sizeof seed, "seed=%d", i);
        load(f, seed);
        assert_int_equal(open_run(f), ONP_OK);
        assert_false(onp_run_folder_resumed(f->run));
        onp_run_folder_close(f->run);
        f->run = NULL;
    }
    onp_test_path(f->dir, f->root, "runs/x");
    const char *const names[] = {"x.1", "x.2", "x"};
    for (int i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "runs/%s/manifest.json", names[i]);
        onp_test_path(path, f->root, name);
        json_t *m = json_load_file(path, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(m, "seed")), i);
        json_decref(m);
    }
    onp_test_path(path, f->root, "runs/x.3");
    assert_false(onp_file_exists(path));
}

/* A second process: refused, and with fresh too, which must not take the folder away. */
static void a_second_process(void **state)
{
    fixture *f = *state;
    assert_int_equal(open_run(f), ONP_OK);
    for (int fresh = 0; fresh < 2; fresh++) {
        pid_t child = fork();
        if (child == 0) {
            onp_run_folder *run = NULL;
            f->options.fresh = fresh == 1;
            onp_status st = onp_run_folder_open(&f->ctx, f->dir, &f->options, &run, &f->err);
            _exit(st == ONP_E_FAIL && strstr(f->err.msg, "another process") != NULL ? 0 : 1);
        }
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        json_decref(manifest_of(f));
    }
    f->options.fresh = false;
    assert_int_equal(open_run(f), ONP_OK); /* closed in between */
}

static void damaged_manifests(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(open_run(f), ONP_OK);
    onp_run_folder_close(f->run);
    f->run = NULL;
    file_in(f, "manifest.json", path);
    assert_int_equal(onp_file_read(&f->ctx, path, ONP_MIB, &data, &size, &f->err), ONP_OK);
    for (size_t cut = 0; cut + 2 < size; cut += 37) {
        onp_test_write(path, data, cut);
        assert_refused(f, ONP_E_FORMAT, "manifest.json");
    }
    const struct {
        const char *key, *value, *says;
    } bad[] = {
        {"schema", "2", "key \"schema\" is 2, wanted 1..1"},
        {"seed", "\"x\"", "key \"seed\" is a string, wanted an integer"},
        {"build", "7", "key \"build\""},
        {"hash", "null", "key \"hash\""},
        {"config", "[]", "key \"config\""},
        {"config", "{\"seed\": 5}", "config.seed is not a string"},
        {"facts", "{\"platform\": []}", "facts.platform is not a string"},
        {"done", "{}", "key \"done\""},
        {"done", "[\"warmup\", 3]", "done[1] is not a string"},
    };
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        json_t *m = json_loadb(data, size, 0, NULL);
        json_t *value = json_loads(bad[i].value, JSON_DECODE_ANY, NULL);
        assert_int_equal(json_object_set_new(m, bad[i].key, value), 0);
        assert_int_equal(json_dump_file(m, path, 0), 0);
        json_decref(m);
        assert_refused(f, ONP_E_FORMAT, bad[i].says);
        onp_assert_contains(f->err.msg, "manifest.json");
    }
    onp_free(&f->ctx, data);
}

/* Killed after the manifest was written: the next start writes what is missing. */
static void a_run_killed_at_its_start(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    assert_int_equal(open_run(f), ONP_OK);
    file_in(f, "config.yaml", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_run(f), ONP_OK);
    assert_true(onp_file_exists(path));
}

static void folders_that_will_not_do(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH], *data = NULL;
    size_t size = 0;
    onp_test_path(f->dir, f->root, "mine");
    assert_int_equal(mkdir(f->dir, 0777), 0);
    file_in(f, "config.yaml", path);
    onp_test_write(path, "mine: 1\n", 8);
    assert_refused(f, ONP_E_USAGE, "not the folder of a run");
    assert_int_equal(onp_file_read(&f->ctx, path, 100, &data, &size, &f->err), ONP_OK);
    assert_string_equal(data, "mine: 1\n");
    onp_free(&f->ctx, data);
    onp_test_path(f->dir, f->root, "start.yaml"); /* a file */
    assert_refused(f, ONP_E_IO, "start.yaml");
    f->dir[0] = '\0';
    assert_refused(f, ONP_E_USAGE, "wanted 1..");
    memset(f->dir, 'x', 1000);
    f->dir[1000] = '\0';
    assert_refused(f, ONP_E_USAGE, "has 1000 letters");
}

static void the_build_has_a_name(void **state)
{
    (void)state;
    onp_assert_contains(onp_run_build(), "onepath " ONEPATH_VERSION ", ");
    onp_run_folder_close(NULL);
}

static onp_status open_and_close(const onp_context *ctx, void *arg)
{
    const fixture *f = arg;
    onp_run_options options = f->options;
    onp_run_folder *run = NULL;
    onp_config cfg;
    ONP_TRY(onp_config_load(ctx, f->config, NULL, 0, NULL, &cfg, NULL));
    options.cfg = &cfg;
    onp_status st = onp_run_folder_open(ctx, f->dir, &options, &run, NULL);
    if (st == ONP_OK)
        st = onp_run_folder_done(run, "search", NULL);
    onp_run_folder_close(run);
    onp_config_free(&cfg);
    return st;
}

static void no_memory(void **state)
{
    onp_test_each_allocation(open_and_close, *state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_folder),
        TEST(stages_and_facts_are_resumed),
        TEST(another_configuration_is_refused),
        TEST(every_part_is_in_the_hash),
        TEST(other_bits),
        TEST(fresh_renames),
        TEST(a_second_process),
        TEST(damaged_manifests),
        TEST(a_run_killed_at_its_start),
        TEST(folders_that_will_not_do),
        cmocka_unit_test(the_build_has_a_name),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
