/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: defaults, every rejection with its place, overrides, writing and reading back.
 */
#include "tests/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/dataset.h"
#include "search/config.h"

static const char *const base[] = {
    "schema: 1",                              /* 1 */
    "seed: 7",                                /* 2 */
    "data:",                                  /* 3 */
    "  format: idx",                          /* 4 */
    "  train: images",                        /* 5 */
    "  test: images",                         /* 6 */
    "  validation: 1000",                     /* 7 */
    "  limit: 6000",                          /* 8 */
    "  augment: {pad: 2, flip: true}",        /* 9 */
    "space: space.yaml",                      /* 10 */
    "target:",                                /* 11 */
    "  device: this-machine",                 /* 12 */
    "  latency: 60%",                         /* 13 */
    "search:",                                /* 14 */
    "  gradient: two-paths",                  /* 15 */
    "  loss: {kind: add-linear, lambda: 2}",  /* 16 */
    "  warmup_epochs: 2",                     /* 17 */
    "  epochs: 6",                            /* 18 */
    "  batch: 32",                            /* 19 */
    "  weights: {lr: 0.1, decay: 1e-4}",      /* 20 */
    "  architecture: {every: 3}",             /* 21 */
    "  prune: {below: 0.05, from_epoch: 2}",  /* 22 */
    "train:",                                 /* 23 */
    "  {epochs: 4, batch: 16, inherit: true}" /* 24 */
};

static const char space[] = "name: tiny\n"
                            "input: {height: 8, width: 8, channels: 1}\n"
                            "stem: {kernel: 3, channels: 4}\n"
                            "candidates:\n"
                            "  - {op: mbconv, kernel: 3, expand: 1}\n"
                            "  - {op: mbconv, kernel: 5, expand: 1}\n"
                            "stages:\n"
                            "  - {channels: 8, blocks: 1}\n"
                            "mix: {channels: 8}\n"
                            "classes: 10\n";

typedef struct fixture {
    onp_context ctx;
    onp_config cfg;
    onp_strbuf problems;
    onp_error err;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH], space[ONP_TEST_PATH];
} fixture;

/* The base with one line replaced (line 0: none). */
static void write_config(const char *path, size_t line, const char *with)
{
    char text[4096];
    size_t used = 0;
    for (size_t i = 1; i <= ONP_COUNT(base); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n",
                                 i == line ? with : base[i - 1]);
    assert_true(used < sizeof text);
    onp_test_write(path, text, used);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    onp_strbuf_init(&f->problems, &f->ctx);
    onp_test_dir_make(f->dir);
    onp_test_path(f->path, f->dir, "config.yaml");
    onp_test_path(f->space, f->dir, "space.yaml");
    onp_test_write(f->space, space, sizeof space - 1);
    write_config(f->path, 0, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_config_free(&f->cfg);
    onp_strbuf_reset(&f->problems);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

static onp_status load(fixture *f, const char *const *sets, size_t n_sets)
{
    onp_config_free(&f->cfg);
    onp_strbuf_reset(&f->problems);
    return onp_config_load(&f->ctx, f->path, sets, n_sets, &f->problems, &f->cfg, &f->err);
}

static void assert_zero(const onp_config *cfg)
{
    static const onp_config zero;
    assert_memory_equal(cfg, &zero, sizeof zero);
}

#define TEXT_MAX 600

/* `problems` is these lines ("LINE:COL: error: ..." of the config, ended by '\n'), err the first.
 */
static void assert_problems(fixture *f, const char *lines)
{
    char wanted[4 * TEXT_MAX];
    size_t used = 0;
    for (const char *end; *lines != '\0'; lines = end + 1) {
        end = strchr(lines, '\n');
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s:%.*s\n", f->path,
                                 (int)(end - lines), lines);
    }
    assert_string_equal(f->problems.text, wanted);
    *strchr(wanted, '\n') = '\0';
    assert_string_equal(f->err.msg, wanted);
    assert_int_equal(f->err.status, ONP_E_CONFIG);
    assert_zero(&f->cfg);
}

static void every_key_is_read(void **state)
{
    fixture *f = *state;
    char images[ONP_TEST_PATH];
    onp_test_path(images, f->dir, "images");
    assert_int_equal(load(f, NULL, 0), ONP_OK);
    const onp_config *c = &f->cfg;
    assert_int_equal(f->problems.length, 0);
    assert_true(c->schema == 1 && c->seed == 7);
    assert_string_equal(onp_dataset_formats[c->data.format], "idx");
    assert_string_equal(c->data.train, images);
    assert_string_equal(c->data.test, images);
    assert_null(c->data.cache);
    assert_true(c->data.validation == 1000 && c->data.limit == 6000);
    assert_true(c->data.augment.pad == 2 && c->data.augment.flip);
    assert_string_equal(c->space_path, f->space);
    assert_string_equal(c->space->spec.name, "tiny");
    assert_string_equal(c->target.device, "this-machine");
    assert_true(c->target.latency.ns == 0 && c->target.latency.share == 0.6);
    assert_int_equal(c->search.gradient, ONP_GRADIENT_TWO_PATHS);
    assert_int_equal(c->search.loss.kind, ONP_LOSS_ADD_LINEAR);
    assert_true(c->search.loss.lambda == 2);
    assert_true(c->search.warmup_epochs == 2 && c->search.epochs == 6 && c->search.batch == 32);
    assert_true(c->search.weights.lr == 0.1 && c->search.weights.decay == 1e-4);
    assert_int_equal(c->search.architecture.every, 3);
    assert_true(c->search.prune.below == 0.05 && c->search.prune.from_epoch == 2);
    assert_true(c->train.epochs == 4 && c->train.batch == 16 && c->train.inherit);
    assert_string_equal(c->path, f->path);
}

static void defaults(void **state)
{
    fixture *f = *state;
    static const char least[] = "data: {format: generated, validation: 64}\n"
                                "space: space.yaml\n"
                                "target: {latency: 3ms}\n"
                                "search: {warmup_epochs: 0, epochs: 1}\n"
                                "train: {epochs: 1}\n";
    onp_test_write(f->path, least, sizeof least - 1);
    assert_int_equal(load(f, NULL, 0), ONP_OK);
    const onp_config *c = &f->cfg;
    assert_true(c->schema == 1 && c->seed == 1);
    assert_int_equal(c->recompute, ONP_RECOMPUTE_CHEAP);
    assert_int_equal(c->memory_limit_mib, 0);
    assert_int_equal(c->weights, ONP_WEIGHTS_MEMORY);
    assert_int_equal(c->weights_limit_mib, 0);
    assert_true(c->data.train == NULL && c->data.test == NULL && c->data.limit == 0);
    assert_true(c->data.augment.pad == 0 && !c->data.augment.flip);
    assert_true(c->data.augment.crop_scale == 0 && c->data.augment.cutout == 0);
    assert_true(c->data.augment.brightness == 0 && c->data.augment.saturation == 0);
    assert_true(c->data.holdout == 0 && c->data.resize.side == 0 && !c->data.skip_bad);
    assert_string_equal(c->target.device, "this-machine");
    assert_true(c->target.latency.ns == 3000000 && c->target.threads == 1);
    assert_int_equal(c->search.gradient, ONP_GRADIENT_ALL_PATHS);
    assert_int_equal(c->search.loss.kind, ONP_LOSS_HINGE);
    assert_true(c->search.loss.lambda == 1 && c->search.loss.alpha == 0.2);
    assert_true(c->search.loss.beta == 0.3 && c->search.loss.unit_ns == 1000000);
    assert_true(c->search.warmup_epochs == 0 && c->search.batch == 64);
    assert_true(c->search.weights.lr == 0.05 && c->search.weights.momentum == 0.9);
    assert_true(c->search.weights.decay == 4e-5 && c->search.weights.smoothing == 0.1);
    assert_true(c->search.architecture.every == 5 && c->search.architecture.lr == 0);
    assert_false(c->search.architecture.skip_first_epoch);
    assert_true(c->search.prune.below == 0.02 && c->search.prune.from_epoch == 1);
    assert_true(c->train.batch == 64 && c->train.lr == 0.05 && c->train.momentum == 0.9);
    assert_true(c->train.decay == 4e-5 && c->train.smoothing == 0.1 && !c->train.inherit);
    assert_int_equal(c->train.statistics, ONP_STATISTICS_BATCH);
    assert_int_equal(c->train.serial_batch, 0);
    assert_true(c->train.dropout == 0);
}

static const struct {
    size_t line;
    const char *with, *says;
} rejections[] = {
    /* what the table refuses */
    {2, "sead: 7", "2:1: error: unknown key \"sead\" (did you mean \"seed\"?)\n"},
    {2, "schema: 1", "2:1: error: duplicate key \"schema\", first on line 1\n"},
    {2, "seed: soon", "2:7: error: seed is the text \"soon\", wanted an integer\n"},
    {2, "seed: -1", "2:7: error: seed is the number -1, wanted at least 0\n"},
    {1, "schema: 2", "1:9: error: schema is the number 2, wanted 1..1\n"},
    {4, "  format: idxx",
     "4:11: error: data.format is the text \"idxx\", wanted one of idx, image-folder, cifar-10, "
     "cifar-100, generated "
     "(did you mean "
     "\"idx\"?)\n"},
    {4, "",
     "3:1: error: missing key \"format\" in data, wanted one of idx, image-folder, cifar-10, "
     "cifar-100, generated\n"},
    {7, "", "3:1: error: missing key \"validation\" in data, wanted an integer\n"},
    {7, "  validation: 0", "7:15: error: data.validation is the number 0, wanted 1..268435456\n"},
    {9, "  augment: {pad: 2, flip: yes}",
     "9:27: error: data.augment.flip is the text \"yes\", wanted true or false\n"},
    {12, "  device: ssh:-oProxyCommand=reboot",
     "12:3: error: target.device: target \"ssh:-oProxyCommand=reboot\": a host cannot begin with "
     "\"-\"\n"},
    {12, "  device: \"exec:runner 'a\"",
     "12:3: error: target.device: target exec: command \"runner 'a\": ' is not closed\n"},
    {13, "  latency: 60", /* no unit */
     "13:12: error: target.latency is the number 60, wanted a time with a unit such as 3ms (ns, "
     "us, "
     "ms, s) or a share such as 60%\n"},
    {13, "  latency: 60 parsecs",
     "13:12: error: target.latency is the text \"60 parsecs\", wanted a time with a unit such as "
     "3ms (ns, us, ms, s) or a share such as 60%\n"},
    {16, "  loss: {kind: mul-log, unit: 1 lightyear}",
     "16:31: error: search.loss.unit is the text \"1 lightyear\", wanted a time with a unit such "
     "as "
     "3ms (ns, us, ms, s)\n13:3: error: target.latency: loss mul-log needs a time such as 3ms "
     "instead of a share: it takes the logarithm of the target in search.loss.unit, which must be "
     "known to be positive\n"},
    {18, "", "14:1: error: missing key \"epochs\" in search, wanted an integer\n"},
    {20, "  weights: 0.1",
     "20:12: error: search.weights is the number 0.1, wanted a map of keys\n"},
    {24, "  {epochs: 0}", "24:12: error: train.epochs is the number 0, wanted 1..100000\n"},
    /* what keys mean together */
    {5, "", "3:1: error: data.train: format idx needs it\n"},
    {6, "", "3:1: error: data.test: format idx needs it\n"},
    {4, "  format: generated",
     "5:3: error: data.train: format generated reads no files\n"
     "6:3: error: data.test: format generated reads no files\n"},
    {8, "  limit: 1000", "7:3: error: data.validation: 1000, wanted less than data.limit 1000\n"},
    {8, "  holdout: 8", "8:3: error: data.holdout: 8, but format idx has a test set\n"},
    {8, "  skip_bad: true",
     "8:3: error: data.skip_bad: format idx has no files to skip, wanted image-folder\n"},
    {8, "  resize: {side: 32}",
     "8:3: error: data.resize: images of format idx have one size, wanted image-folder\n"},
    {8, "  resize: {fit: crop}",
     "8:3: error: missing key \"side\" in data.resize, wanted an integer\n"},
    {8, "  resize: {side: 4097}",
     "8:18: error: data.resize.side is the number 4097, wanted 1..4096\n"
     "8:3: error: data.resize: images of format idx have one size, wanted image-folder\n"},
    {8, "  resize: {side: 32, fit: box}",
     "8:27: error: data.resize.fit is the text \"box\", wanted one of crop, stretch\n"
     "8:3: error: data.resize: images of format idx have one size, wanted image-folder\n"},
    {4, "  format: image-folder\n  holdout: 9",
     "7:3: error: data.test: wanted either this or data.holdout, the number of images of "
     "data.train to test on\n"},
    {9, "  augment: {pad: 2, crop_scale: 0.5}",
     "9:13: error: data.augment.pad: 2, but crop_scale is 0.5: wanted 0 for one of them\n"},
    {9, "  augment: {crop_scale: 1.5}",
     "9:25: error: data.augment.crop_scale is the number 1.5, wanted 0..1\n"},
    {19, "  batch: 2000", "7:3: error: data.validation: 1000, wanted at least search.batch 2000\n"},
    {2, "recompute: auto",
     "2:1: error: recompute: auto chooses by memory_limit_mib, wanted 1 or more\n"},
    {2, "memory_limit_mib: 64",
     "2:1: error: memory_limit_mib: 64, but recompute is cheap: wanted auto\n"},
    {2, "weights_limit_mib: 64",
     "2:1: error: weights_limit_mib: 64, but weights is memory: wanted mapped\n"},
    {24, "  {epochs: 4, statistics: frozen}",
     "24:15: error: train.statistics: frozen, but train.inherit is false: wanted batch, or true "
     "there: new weights have no statistics to keep\n"},
    {24, "  {epochs: 4, batch: 16, serial_batch: 4}",
     "24:26: error: train.serial_batch: 4, but train.statistics is batch: wanted 0, or frozen "
     "there: statistics of a batch need all of it at once\n"},
    {24, "  {epochs: 4, batch: 16, inherit: true, statistics: frozen, serial_batch: 17}",
     "24:61: error: train.serial_batch: 17, wanted at most train.batch 16\n"},
    {24, "  {epochs: 4, statistics: cold}",
     "24:27: error: train.statistics is the text \"cold\", wanted one of batch, frozen\n"},
    {19, "  serial_batch: 4", "19:3: error: unknown key \"serial_batch\" in search\n"},
    {22, "  prune: {from_epoch: 7}",
     "22:11: error: search.prune.from_epoch: 7, wanted at most search.epochs 6\n"},
    {16, "  loss: {kind: mul-log}",
     "13:3: error: target.latency: loss mul-log needs a time such as 3ms instead of a share: it "
     "takes the logarithm of the target in search.loss.unit, which must be known to be positive\n"},
};

static void rejections_say_where(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < ONP_COUNT(rejections); i++) {
        write_config(f->path, rejections[i].line, rejections[i].with);
        assert_int_equal(load(f, NULL, 0), ONP_E_CONFIG);
        assert_problems(f, rejections[i].says);
        assert_int_equal(onp_status_exit_code(f->err.status), 2);
    }
}

/* The target in the unit must be above 1. */
static void the_unit_of_mul_log(void **state)
{
    fixture *f = *state;
    const char *const sets[] = {"search.loss.kind=mul-log", "target.latency=800us"};
    assert_int_equal(load(f, sets, 2), ONP_E_CONFIG);
    assert_problems(f, "16:3: error: search.loss.unit: loss mul-log takes the logarithm of the "
                       "target in this unit, which is not positive for 0.8 ms in units of 1 ms: "
                       "wanted a unit below the target\n");
    const char *const in_us[] = {"search.loss.kind=mul-log", "target.latency=800us",
                                 "search.loss.unit=1us"};
    assert_int_equal(load(f, in_us, 3), ONP_OK);
    assert_int_equal(f->cfg.search.loss.unit_ns, 1000);
}

/* How steps use memory is set by name and does not tell results apart. */
static onp_status no_memory_key(void *user, const char *key, const char *value, onp_error *err)
{
    (void)value;
    (void)err;
    ++*(int *)user;
    assert_string_not_equal(key, "recompute");
    assert_string_not_equal(key, "memory_limit_mib");
    assert_string_not_equal(key, "weights");
    assert_string_not_equal(key, "weights_limit_mib");
    return ONP_OK;
}

static void memory_decides_no_result(void **state)
{
    fixture *f = *state;
    int n = 0;
    for (int mode = 0; mode <= ONP_CONFIG_RECOMPUTE_AUTO; mode++) {
        char set[64];
        (void)snprintf(set, sizeof set, "recompute=%s", onp_config_recompute[mode]);
        const char *const sets[] = {set, "memory_limit_mib=64"};
        assert_int_equal(load(f, sets, mode == ONP_CONFIG_RECOMPUTE_AUTO ? 2 : 1), ONP_OK);
        assert_int_equal(f->cfg.recompute, mode);
        if (mode < ONP_RECOMPUTE_COUNT)
            assert_string_equal(onp_config_recompute[mode], onp_recompute_names[mode]);
    }
    assert_int_equal(onp_config_each(&f->cfg, no_memory_key, &n, &f->err), ONP_OK);
    assert_true(n > 20);
}

/* Statistics and pieces change bits: runs under others are other runs. */
static onp_status count_serial_keys(void *user, const char *key, const char *value, onp_error *err)
{
    (void)err;
    *(int *)user += strcmp(key, "train.statistics") == 0 && strcmp(value, "frozen") == 0;
    *(int *)user += strcmp(key, "train.serial_batch") == 0 && strcmp(value, "4") == 0;
    return ONP_OK;
}

static void frozen_statistics_and_pieces(void **state)
{
    fixture *f = *state;
    int n = 0;
    const char *const sets[] = {"train.statistics=frozen", "train.serial_batch=4"};
    assert_int_equal(load(f, sets, 2), ONP_OK);
    assert_int_equal(f->cfg.train.statistics, ONP_STATISTICS_FROZEN);
    assert_int_equal(f->cfg.train.serial_batch, 4);
    assert_int_equal(onp_config_each(&f->cfg, count_serial_keys, &n, &f->err), ONP_OK);
    assert_int_equal(n, 2);
}

static void one_epoch_cannot_skip_its_first(void **state)
{
    fixture *f = *state;
    write_config(f->path, 21, "  architecture: {skip_first_epoch: true}");
    const char *const sets[] = {"search.epochs=1", "search.prune.from_epoch=1"};
    assert_int_equal(load(f, sets, 2), ONP_E_CONFIG);
    assert_problems(f, "21:18: error: search.architecture.skip_first_epoch: search.epochs is 1: no "
                       "architecture step would be left\n");
}

static void overrides(void **state)
{
    fixture *f = *state;
    const char *const good[] = {"search.loss.lambda=0", "data.limit=5000", "target.latency=40%"};
    assert_int_equal(load(f, good, 3), ONP_OK);
    assert_true(f->cfg.search.loss.lambda == 0 && f->cfg.data.limit == 5000);
    assert_true(f->cfg.target.latency.share == 0.4);
    const char *const bad[] = {"search.prune.from_epoch=9", "search.loss.lambda=much"};
    assert_int_equal(load(f, bad, 2), ONP_E_CONFIG);
    assert_string_equal(
        f->problems.text,
        "--set search.loss.lambda: error: search.loss.lambda is the text \"much\", wanted a "
        "number\n"
        "--set search.prune.from_epoch: error: 9, wanted at most search.epochs 6\n");
    const char *const malformed[] = {"search.epochs"};
    assert_int_equal(load(f, malformed, 1), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, "--set search.epochs: wanted KEY=VALUE");
    assert_zero(&f->cfg);
}

/* Targets, and names that a device of the table may have. */
static void devices(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"ssh:pi@board", "adb", "exec:node runner.js", "pixel1",
                                        "adb-phone"};
    for (size_t i = 0; i < ONP_COUNT(names); i++) {
        char device[64];
        (void)snprintf(device, sizeof device, "target.device=%s", names[i]);
        const char *const sets[] = {device, "target.cluster=big", "target.ssh_config=ssh_config"};
        assert_int_equal(load(f, sets, 3), ONP_OK);
        assert_string_equal(f->cfg.target.device, names[i]);
        assert_string_equal(f->cfg.target.cluster, "big");
        assert_string_equal(f->cfg.target.ssh_config, "ssh_config");
    }
}

static void missing_files(void **state)
{
    fixture *f = *state;
    char says[ONP_TEST_PATH + 64];
    write_config(f->path, 10, "space: nowhere.yaml");
    assert_int_equal(load(f, NULL, 0), ONP_E_CONFIG);
    (void)snprintf(says, sizeof says, "10:1: error: space: %s/nowhere.yaml: no such file\n",
                   f->dir);
    assert_problems(f, says);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(load(f, NULL, 0), ONP_E_CONFIG);
    assert_int_equal(onp_status_exit_code(f->err.status), 2);
    onp_assert_contains(f->err.msg, "config.yaml: No such file or directory");
    onp_assert_contains(f->problems.text, f->err.msg);
    assert_zero(&f->cfg);
    char *long_path = calloc(1, 3000);
    memset(long_path, 'x', 2999);
    assert_int_equal(onp_config_load(&f->ctx, long_path, NULL, 0, NULL, &f->cfg, &f->err),
                     ONP_E_CONFIG);
    assert_zero(&f->cfg);
    free(long_path);
}

static void resolution(void **state)
{
    fixture *f = *state;
    static const char strided[] = "name: strided\n"
                                  "input: {height: 8, width: 8, channels: 1}\n"
                                  "stem: {kernel: 3, channels: 4}\n"
                                  "candidates: [{op: mbconv, kernel: 3, expand: 1}]\n"
                                  "stages: [{channels: 8, blocks: 1, stride: 2}]\n"
                                  "mix: {channels: 8}\n"
                                  "classes: 10\n";
    onp_test_write(f->space, strided, sizeof strided - 1);
    write_config(f->path, 10, "space: space.yaml\nresolution: 24");
    assert_int_equal(load(f, NULL, 0), ONP_OK);
    assert_int_equal(f->cfg.space->spec.in_h, 24);
    assert_int_equal(f->cfg.space->positions[1].candidate[0].out_w, 12);
    onp_config_free(&f->cfg);
    write_config(f->path, 10, "space: space.yaml\nresolution: 1");
    assert_int_equal(load(f, NULL, 0), ONP_E_CONFIG);
    assert_problems(f, "11:1: error: resolution: space strided: stages.0: stride 2 on a map of 1x1 "
                       "leaves nothing to shrink\n");
}

/* Those of the table, of keys together and of the space file, in one go. */
static void all_problems_at_once(void **state)
{
    fixture *f = *state;
    static const char bad_space[] = "name: tiny\n"
                                    "input: {height: 8, width: 8, channels: many}\n";
    char wanted[5 * ONP_TEST_PATH];
    onp_test_write(f->space, bad_space, sizeof bad_space - 1);
    write_config(f->path, 2, "seed: x\nsede: 1");
    const char *const sets[] = {"data.limit=10"};
    assert_int_equal(load(f, sets, 1), ONP_E_CONFIG);
    (void)snprintf(wanted, sizeof wanted,
                   "%s:2:7: error: seed is the text \"x\", wanted an integer\n"
                   "%s:3:1: error: unknown key \"sede\" (did you mean \"seed\"?)\n"
                   "%s:8:3: error: data.validation: 1000, wanted less than data.limit 10\n"
                   "%s:2:40: error: input.channels is the text \"many\", wanted an integer\n",
                   f->path, f->path, f->path, f->space);
    assert_true(strncmp(f->problems.text, wanted, strlen(wanted)) == 0);
    onp_assert_contains(f->problems.text, "missing key \"stem\"");
    onp_assert_contains(f->err.msg, "seed is the text");
    onp_test_write(f->space, "a: [", 4); /* does not parse */
    write_config(f->path, 0, NULL);
    assert_int_equal(load(f, NULL, 0), ONP_E_CONFIG);
    onp_assert_contains(f->problems.text, "space.yaml:");
    onp_assert_contains(f->problems.text, f->err.msg);
}

/* From another folder, and from another working folder, the written file says the same. */
static void what_is_written_reads_back(void **state)
{
    fixture *f = *state;
    char there[ONP_TEST_PATH], images[ONP_TEST_PATH], here[ONP_TEST_PATH];
    onp_strbuf text, again;
    onp_strbuf_init(&text, &f->ctx);
    onp_strbuf_init(&again, &f->ctx);
    onp_test_path(images, f->dir, "images");
    onp_test_path(there, f->dir, "run");
    assert_int_equal(mkdir(images, 0777), 0);
    assert_int_equal(mkdir(there, 0777), 0);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(f->dir), 0);
    (void)snprintf(f->path, sizeof f->path, "config.yaml"); /* all paths relative now */
    const char *const sets[] = {"data.cache=not/there", "search.loss.unit=20us"};
    assert_int_equal(load(f, sets, 2), ONP_OK);
    assert_string_equal(f->cfg.data.train, "images");
    assert_int_equal(onp_config_emit(&f->cfg, &text, &f->err), ONP_OK);
    assert_string_equal(f->cfg.data.train, "images");
    assert_int_equal(chdir(here), 0);
    onp_test_path(f->path, there, "config.yaml");
    onp_test_write(f->path, text.text, text.length);
    assert_int_equal(load(f, NULL, 0), ONP_OK);
    char *real = realpath(images, NULL);
    assert_string_equal(f->cfg.data.train, real);
    free(real);
    onp_assert_contains(f->cfg.data.cache, "/not/there");
    assert_true(f->cfg.data.cache[0] == '/');
    assert_true(f->cfg.seed == 7 && f->cfg.search.loss.unit_ns == 20000);
    assert_true(f->cfg.search.weights.decay == 1e-4 && f->cfg.train.smoothing == 0.1);
    assert_int_equal(onp_config_emit(&f->cfg, &again, &f->err), ONP_OK);
    assert_string_equal(again.text, text.text);
    onp_strbuf_reset(&text);
    onp_strbuf_reset(&again);
}

/* Photographs of any size, some of them the test set. */
static void a_folder_of_photographs(void **state)
{
    fixture *f = *state;
    onp_strbuf text;
    onp_strbuf_init(&text, &f->ctx);
    static const char folder[] =
        "data:\n"
        "  format: image-folder\n"
        "  train: photographs\n"
        "  holdout: 100\n"
        "  validation: 200\n"
        "  skip_bad: true\n"
        "  resize: {side: 64, fit: stretch}\n"
        "  augment: {flip: true, crop_scale: 0.25, brightness: 0.4, saturation: 0.5, cutout: 8}\n"
        "space: space.yaml\n"
        "target: {latency: 3ms}\n"
        "search: {warmup_epochs: 0, epochs: 1}\n"
        "train: {epochs: 1}\n";
    onp_test_write(f->path, folder, sizeof folder - 1);
    for (int turn = 0; turn < 2; turn++) { /* as given, and as written */
        const onp_config *c = &f->cfg;
        assert_int_equal(load(f, NULL, 0), ONP_OK);
        assert_null(c->data.test);
        assert_true(c->data.holdout == 100 && c->data.validation == 200 && c->data.skip_bad);
        assert_true(c->data.resize.side == 64 && c->data.resize.fit == ONP_FIT_STRETCH);
        assert_true(c->data.augment.pad == 0 && c->data.augment.flip);
        assert_true(c->data.augment.crop_scale == 0.25 && c->data.augment.brightness == 0.4);
        assert_true(c->data.augment.saturation == 0.5 && c->data.augment.cutout == 8);
        onp_strbuf_reset(&text);
        assert_int_equal(onp_config_emit(c, &text, &f->err), ONP_OK);
        onp_test_write(f->path, text.text, text.length);
    }
    onp_strbuf_reset(&text);
}

/* Those of configs/searches. */
static void shipped_configurations(void **state)
{
    fixture *f = *state;
    const char *const names[] = {
        "configs/searches/quickstart.yaml", "configs/searches/quickstart-generated.yaml",
        "configs/searches/mnist-28.yaml",   "configs/searches/cifar10.yaml",
        "configs/searches/conv-cifar.yaml", "configs/searches/photographs.yaml"};
    for (size_t i = 0; i < ONP_COUNT(names); i++) {
        onp_test_path(f->path, onp_test_source(), names[i]);
        onp_status st = load(f, NULL, 0);
        assert_string_equal(f->problems.text, "");
        assert_int_equal(st, ONP_OK);
    }
}

static onp_status load_and_emit(const onp_context *ctx, void *arg)
{
    const fixture *f = arg;
    const char *const sets[] = {"seed=3"};
    onp_config cfg;
    onp_strbuf problems, text;
    onp_strbuf_init(&problems, ctx);
    onp_strbuf_init(&text, ctx);
    onp_status st = onp_config_load(ctx, f->path, sets, 1, &problems, &cfg, NULL);
    if (st == ONP_OK)
        st = onp_config_emit(&cfg, &text, NULL);
    onp_config_free(&cfg);
    onp_strbuf_reset(&problems);
    onp_strbuf_reset(&text);
    return st;
}

static void no_memory(void **state)
{
    onp_test_each_allocation(load_and_emit, *state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_is_read),
        TEST(defaults),
        TEST(rejections_say_where),
        TEST(the_unit_of_mul_log),
        TEST(memory_decides_no_result),
        TEST(frozen_statistics_and_pieces),
        TEST(one_epoch_cannot_skip_its_first),
        TEST(overrides),
        TEST(devices),
        TEST(missing_files),
        TEST(resolution),
        TEST(all_problems_at_once),
        TEST(what_is_written_reads_back),
        TEST(a_folder_of_photographs),
        TEST(shipped_configurations),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
