/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of Once-for-All and TF-NAS, tables as they were published, and damaged copies of them. */
#include "tests/test_support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "latency/table/import.h"

typedef struct loaded {
    onp_context ctx;
    onp_block_row *rows;
    size_t n;
    onp_import_meaning meaning;
    onp_strbuf problems;
    onp_error err;
} loaded;

static onp_status load(loaded *l, const char *format, const char *path)
{
    onp_import *import = NULL;
    onp_context_init(&l->ctx);
    l->rows = NULL;
    l->err = (onp_error){0};
    onp_strbuf_init(&l->problems, &l->ctx);
    onp_status st =
        onp_import_read(&l->ctx, format, path, ONP_DUPLICATES_MEAN, &l->problems, &import, &l->err);
    if (st == ONP_OK) {
        onp_import_describe(import, &l->meaning);
        st = onp_import_rows(import, &l->rows, &l->n, &l->err);
    }
    onp_import_free(import);
    return st;
}

static onp_status load_text(loaded *l, const char *format, const void *text, size_t size)
{
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "table");
    onp_test_write(path, text, size);
    const onp_status st = load(l, format, path);
    onp_test_dir_remove(dir);
    return st;
}

static void unload(loaded *l)
{
    onp_free(&l->ctx, l->rows);
    onp_strbuf_reset(&l->problems);
}

/* Milliseconds of a block; fails when it is not there. */
static double ms_of(const loaded *l, const char *key)
{
    for (size_t i = 0; i < l->n; i++) {
        char seen[ONP_BLOCK_KEY];
        onp_block_key(&l->rows[i].block, seen);
        if (strcmp(seen, key) == 0)
            return l->rows[i].ns / 1e6;
    }
    fail_msg("no row \"%s\"", key);
    return 0;
}

static void near(double seen, double wanted)
{
    if (!(fabs(seen - wanted) <= 1e-6))
        fail_msg("%.9g, wanted %.9g", seen, wanted);
}

static const char ofa_text[] =
    "AvgPool2D-input:7x7x1152-output:1x1x1152:\n  count: 489\n  mean: 0.01\n  std: 0.003\n"
    "Conv-input:224x224x3-output:112x112x24:\n  count: 500\n  mean: 0.9\n  std: 0.01\n"
    "Conv_1-input:7x7x192-output:7x7x1152:\n  count: 500\n  mean: 0.5\n  std: 0.02\n"
    "Conv_2-input:1x1x1152-output:1x1x1536:\n  count: 400\n  mean: 0.75\n  std: 0.004\n"
    "Logits-input:1x1x1536-output:1000:\n  count: 500\n  mean: 0.66\n  std: 0\n"
    "expanded_conv-input:28x28x48-output:28x28x48-expand:192-kernel:5-stride:1-idskip:1-se:1-hs:0:"
    "\n  count: 9\n  mean: 1.5\n  std: 0.1\n"
    "expanded_conv-input:28x28x48-output:28x28x48-expand:100-kernel:3-stride:1-idskip:1-se:0-hs:1:"
    "\n  count: 9\n  mean: 1.25\n  std: 0.1\n"
    "expanded_conv-input:28x28x48-output:28x28x48-expand:48-kernel:3-stride:1-idskip:1-se:0-hs:1:"
    "\n  count: 9\n  mean: 1.125\n  std: 0.1\n";

static void once_for_all(void **state)
{
    (void)state;
    loaded l;
    assert_int_equal(load_text(&l, "once-for-all", ofa_text, strlen(ofa_text)), ONP_OK);
    assert_int_equal(l.n, 6); /* the head's three rows are one */
    near(ms_of(&l, "head in=7x7x1152 out=1000 mid=1536 act=hswish"), 1.42);
    near(ms_of(&l, "stem in=224x224x3 out=112x112x24 k=3 s=2 act=hswish"), 0.9);
    near(ms_of(&l, "mix in=7x7x192 out=7x7x1152 act=hswish"), 0.5);
    near(ms_of(&l, "mbconv in=28x28x48 out=28x28x48 k=5 e=4 s=1 skip=1 act=relu se=48"), 1.5);
    near(ms_of(&l, "mbconv in=28x28x48 out=28x28x48 k=3 e=2 s=1 skip=1 mid=100 act=hswish"), 1.25);
    near(ms_of(&l, "mbconv in=28x28x48 out=28x28x48 k=3 e=1 s=1 skip=1 act=hswish"), 1.125);
    onp_assert_contains(l.meaning.spread, "standard deviation");
    assert_string_equal(l.meaning.expand, "hidden channels");
    unload(&l);
}

/* A bad row each, with its line. */
static void once_for_all_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"mean: 0.75", "mean: -0.75", ":13:1: error"},
        {"std: 0.004", "var: 0.004", "unknown field \"var\", wanted count, mean, std"},
        {"expand:192", "expand:0", ":21:1: error"},
        {"-se:1-hs:0", "-se:2-hs:0", ":21:1: error"},
        {"-se:1-hs:0", "-se:1", ":21:1: error"},
        {"AvgPool2D-input:7x7x1152-output:1x1x1152", "AvgPool2D-input:7x7x960-output:1x1x960",
         "do not follow each other"},
        {"AvgPool2D", "AvgPool3D", "AvgPool2D is missing beside"},
        {"  std: 0.003\n", "", "std is missing"},
    };
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        char text[2048];
        loaded l;
        const char *at = strstr(ofa_text, cases[i].from);
        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - ofa_text), ofa_text, cases[i].to,
                       at + strlen(cases[i].from));
        assert_int_equal(load_text(&l, "once-for-all", text, strlen(text)), ONP_E_FORMAT);
        onp_assert_contains(l.problems.text, cases[i].says);
        unload(&l);
    }
}

static void widths(void **state)
{
    (void)state;
    static const char text[] = "key,mid_channels,ms\n"
                               "base,,9.25\n"
                               "MBInvertedResBlock_14_24_48_24_k3_s1_swish,8,-0.25\n"
                               "MBInvertedResBlock_14_24_48_24_k3_s1_swish,24,0.5\n"
                               "MBInvertedResBlock_14_24_48_24_k3_s1_swish,32,1\n"
                               "MBInvertedResBlock_14_24_48_24_k3_s1_swish,36,1.5\n"
                               "MBInvertedResBlock_14_24_48_24_k3_s1_swish,38,1.7\n"
                               "MBInvertedResBlock_14_24_48_24_k3_s1_swish,40,2\n"
                               "MBInvertedResBlock_14_24_0_40_k5_s2_relu,48,3\n";
    loaded l;
    assert_int_equal(load_text(&l, "tfnas", text, strlen(text)), ONP_OK);
    assert_int_equal(l.n, 4);
    assert_int_equal(l.meaning.n_left_out, 3); /* 8 and 24: no wider than the input; 36: a line */
    near(ms_of(&l, "mbconv in=14x14x24 out=14x14x24 k=3 e=2 s=1 skip=1 mid=32 act=hswish se=48"),
         1);
    near(ms_of(&l, "mbconv in=14x14x24 out=14x14x24 k=3 e=2 s=1 skip=1 mid=38 act=hswish se=48"),
         1.7);
    near(ms_of(&l, "mbconv in=14x14x24 out=7x7x40 k=5 e=2 s=2 skip=0 act=relu"), 3);
    unload(&l);
    static const struct {
        const char *row, *says;
    } bad[] = {{"MBInvertedResBlock_14_24_48_24_k3_s1_swish,32,-1\n", ":2:1: error"},
               {"MBInvertedResBlock_14_24_48_24_k3_s1_swish,32,nan\n", "wanted a finite number"},
               {"MBInvertedResBlock_14_24_48_24_k3_s1_swish,x,1\n", "\"x\" hidden channels"},
               {"MBInvertedResBlock_14_24_48_24_k3_s1_tanh,32,1\n", "bad key"},
               {"MBInvertedResBlock_14_24_48_24_k4_s1_relu,32,1\n", "kernel is 4"},
               {"MBInvertedResBlock_14_0_0_24_k3_s1_relu,8,1\n", "in_c is 0"},
               {"MBInvertedResBlock_14_24_48\n", "wanted key, hidden channels, ms"},
               {"base,,-3\n", "base is -3 ms"}};
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        char damaged[256];
        (void)snprintf(damaged, sizeof damaged, "key,mid_channels,ms\n%s", bad[i].row);
        assert_int_equal(load_text(&l, "tfnas", damaged, strlen(damaged)), ONP_E_FORMAT);
        onp_assert_contains(l.problems.text, bad[i].says);
        unload(&l);
    }
}

/* What others published: rows, a row, and what the form leaves out. */
static void published(void **state)
{
    (void)state;
    static const struct {
        const char *format, *file, *key;
        size_t n, n_left_out;
        double ms;
    } files[] = {
        {"once-for-all", "note10-ofa-lut/168_lookup_table.yaml",
         "head in=6x6x1152 out=1000 mid=1536 act=hswish", 94, 0, 0.011378323 + 0.751952 + 0.65935},
        {"once-for-all", "UoS-EEC-DynamicOFA/jetson_224_lookup_table.json",
         "stem in=224x224x3 out=112x112x24 k=3 s=2 act=hswish", 94, 0, 112.967252731},
        {"tfnas", "tfnas-widths/derived_latency_cpu_every8_ms.csv",
         "mbconv in=112x112x16 out=56x56x24 k=3 e=2 s=2 skip=0 act=relu", 3876, 684, 2.66500044},
        {"csv", "AnissL93-pipe-proxylessnas/cifar10/cpu_b.csv",
         "mbconv in=16x16x32 out=16x16x16 k=3 e=1 s=1 skip=0", 1448, 0, 0.146825},
    };
    const char *shared = onp_test_shared();
    if (shared == NULL)
        skip();
    for (size_t i = 0; i < ONP_COUNT(files); i++) {
        char path[ONP_TEST_PATH];
        loaded l;
        (void)snprintf(path, sizeof path, "%s/latency-data/%s", shared, files[i].file);
        if (load(&l, files[i].format, path) != ONP_OK)
            fail_msg("%s", l.err.msg);
        assert_int_equal(l.n, files[i].n);
        assert_int_equal(l.meaning.n_left_out, files[i].n_left_out);
        near(ms_of(&l, files[i].key), files[i].ms);
        unload(&l);
    }
}

/* The pickle holds what the CSV was made from. */
static void pickle_as_csv(void **state)
{
    (void)state;
    const char *shared = onp_test_shared();
    char path[ONP_TEST_PATH];
    loaded csv, pickle;
    if (shared == NULL)
        skip();
    (void)snprintf(path, sizeof path, "%s/latency-data/tfnas-widths/%s", shared,
                   "derived_latency_cpu_every8_ms.csv");
    assert_int_equal(load(&csv, "tfnas", path), ONP_OK);
    (void)snprintf(path, sizeof path, "%s/latency-data/tfnas-widths/latency_cpu.pkl", shared);
    assert_int_equal(load(&pickle, "tfnas", path), ONP_OK);
    assert_int_equal(pickle.n, csv.n);
    assert_int_equal(pickle.n + pickle.meaning.n_left_out, 36480); /* and the base */
    for (size_t i = 0; i < csv.n; i += 97) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&csv.rows[i].block, key);
        near(ms_of(&pickle, key), csv.rows[i].ns / 1e6);
    }
    unload(&csv);
    unload(&pickle);
}

/* One row's number has text in it. */
static void damaged_row(void **state)
{
    (void)state;
    const char *shared = onp_test_shared();
    char path[ONP_TEST_PATH];
    loaded l;
    char *text = NULL;
    size_t size = 0;
    if (shared == NULL)
        skip();
    (void)snprintf(path, sizeof path, "%s/latency-data/kairos03-ProxylessNAS-Pytorch/latency.csv",
                   shared);
    assert_int_equal(load(&l, "csv", path), ONP_E_FORMAT);
    onp_assert_contains(l.problems.text, ":53:46: error: the time is \"6.0329findstr04639175257\"");
    assert_null(strchr(strchr(l.problems.text, '\n') + 1, '\n')); /* the only one */
    unload(&l);
    assert_int_equal(onp_file_read(&l.ctx, path, ONP_MIB, &text, &size, NULL), ONP_OK);
    char *bad = strstr(text, "findstr");
    assert_non_null(bad);
    memset(bad, '0', strlen("findstr"));
    assert_int_equal(load_text(&l, "csv", text, size), ONP_OK);
    assert_int_equal(l.n, 69);
    near(ms_of(&l, "mbconv in=56x56x24 out=56x56x24 k=5 e=3 s=1 skip=1"), 6.0329);
    near(ms_of(&l, "mbconv in=28x28x40 out=14x14x80 k=3 e=3 s=2 skip=0"), 1.3473525);
    unload(&l);
    onp_free(&l.ctx, text);
}

/* Cut short anywhere, or with a byte changed: rows as before, or an error; never a crash. */
static void cut_and_garbled(void **state)
{
    (void)state;
    char text[sizeof ofa_text];
    loaded l;
    for (size_t cut = 0; cut < sizeof ofa_text; cut += 7) {
        memcpy(text, ofa_text, sizeof text);
        const onp_status st = load_text(&l, "once-for-all", text, cut);
        assert_true(st == ONP_OK || st == ONP_E_FORMAT);
        unload(&l);
        text[cut] = (char)(cut * 31);
        const onp_status garbled = load_text(&l, "once-for-all", text, strlen(ofa_text));
        assert_true(garbled == ONP_OK || garbled == ONP_E_FORMAT);
        unload(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_for_all),   cmocka_unit_test(once_for_all_refuses),
        cmocka_unit_test(widths),         cmocka_unit_test(published),
        cmocka_unit_test(pickle_as_csv),  cmocka_unit_test(damaged_row),
        cmocka_unit_test(cut_and_garbled)};
    return cmocka_run_group_tests_name("table_published", tests, NULL, NULL);
}
