/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as text: that what goes out comes back in, what a form has no word for. */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "graph/block_paths.h"
#include "latency/table/calibrate.h"
#include "latency/table/export.h"
#include "latency/table/import.h"
#include "latency/table/networks.h"
#include "latency/table/store_evidence.h"
#include "latency/table/whole.h"

static onp_status import_text(onp_test_table *t, const char *format, const onp_strbuf *text,
                              const char *device, onp_import_result *out)
{
    char path[ONP_TEST_PATH];
    onp_import *import = NULL;
    onp_test_path(path, t->dir, "table.txt");
    onp_test_write(path, text->text, text->length);
    onp_status st =
        onp_import_read(&t->ctx, format, path, ONP_DUPLICATES_REFUSE, NULL, &import, &t->err);
    if (st == ONP_OK)
        st = onp_import_store(import, t->store, device, NULL, out, &t->err);
    onp_import_free(import);
    return st;
}

static void set(onp_test_table *t, int64_t run, const char *key, const onp_estimate *e)
{
    const onp_measurement m = {
        .n = e->n, .median_ns = e->median_ns, .cv = e->cv, .quality = e->quality};
    if (e->n > 0)
        assert_int_equal(onp_store_measure_block(t->store, run, key, &m, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, key, e, &t->err), ONP_OK);
}

/* ---- onepath's own forms ---- */

static const onp_estimate rows[] = {
    {.median_ns = 1, .n = 1, .quality = ONP_QUALITY_OK},
    {.median_ns = 123456789,
     .lo_ns = 123000000,
     .hi_ns = 124000000,
     .n = 191,
     .cv = 0.1,
     .quality = ONP_QUALITY_NOISY},
    {.median_ns = 1000,
     .lo_ns = 0,
     .hi_ns = 1000,
     .source = ONP_SOURCE_MODELLED,
     .quality = ONP_QUALITY_BIMODAL},
};
static const char *const keys[] = {ONP_TEST_KEY_A, ONP_TEST_KEY_B, ONP_TEST_KEY_C};

static int64_t fill(onp_test_table *t)
{
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "it's \"x\": #1\\", &platform);
    for (size_t i = 0; i < ONP_COUNT(rows); i++)
        set(t, run, keys[i], &rows[i]);
    return platform;
}

static void export_text(onp_test_table *t, int64_t platform, const char *form, onp_strbuf *out)
{
    onp_export_result r = {0};
    onp_strbuf_init(out, &t->ctx);
    assert_int_equal(onp_table_export(t->store, platform, form, out, NULL, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_rows, ONP_COUNT(rows));
    assert_int_equal(r.n_left_out + r.n_stale + r.n_unsaid, 0);
}

static void what_goes_out_comes_back(void **state)
{
    onp_test_table *t = *state;
    const int64_t platform = fill(t);
    static const char *const forms[] = {"jsonl", "yaml"};
    for (size_t f = 0; f < ONP_COUNT(forms); f++) {
        onp_strbuf out, again;
        onp_import_result r = {0};
        export_text(t, platform, forms[f], &out);
        onp_assert_contains(out.text, "it's \\\"x\\\": #1\\\\");
        assert_int_equal(import_text(t, forms[f], &out, "x", &r), ONP_OK);
        assert_int_not_equal(r.platform, platform);
        for (size_t i = 0; i < ONP_COUNT(rows); i++) {
            onp_estimate e;
            assert_int_equal(onp_store_estimate_get(t->store, r.platform, keys[i], &e, &t->err),
                             ONP_OK);
            assert_int_equal(e.median_ns, rows[i].median_ns);
            assert_int_equal(e.lo_ns, rows[i].lo_ns);
            assert_int_equal(e.hi_ns, rows[i].hi_ns);
            assert_int_equal(e.n, rows[i].n > 0 ? rows[i].n : 1); /* unknown: one value */
            assert_true(e.cv == rows[i].cv);
            assert_int_equal(e.quality, rows[i].quality);
            assert_int_equal(e.source, ONP_SOURCE_IMPORTED);
        }
        export_text(t, r.platform, forms[f], &again);
        onp_assert_contains(again.text, "imported_sha256");
        onp_strbuf_reset(&again);
        onp_strbuf_reset(&out);
    }
    assert_query(
        t->path,
        "SELECT json_extract(settings, '$.origin.device') FROM run ORDER BY id DESC LIMIT 1",
        "it's \"x\": #1\\");
}

/* ---- networks that were measured whole ---- */

static void add_network(onp_test_table *t, int64_t run, int n, int64_t ns)
{
    onp_block blocks[8];
    const onp_measurement m = {.n = 1, .median_ns = ns, .quality = ONP_QUALITY_OK};
    char hash[ONP_SHA256_HEX];
    for (int i = 0; i < n; i++)
        assert_int_equal(
            onp_block_parse(i == 1 && n > 2 ? "zero" : keys[i % 3], &blocks[i], &t->err), ONP_OK);
    assert_int_equal(onp_block_path_hash(&t->ctx, blocks, n, hash, &t->err), ONP_OK);
    assert_int_equal(onp_store_network_add(t->store, hash, blocks, n, "tiny", &t->err), ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
}

static void add_text_network(onp_test_table *t, int64_t run, const char *space, const char *text,
                             int64_t ns)
{
    const onp_measurement m = {.n = 1, .median_ns = ns, .quality = ONP_QUALITY_NOISY};
    char hash[ONP_SHA256_HEX];
    assert_int_equal(onp_network_text_hash(space, text, hash, &t->err), ONP_OK);
    assert_int_equal(onp_store_network_add_text(t->store, hash, text, space, &t->err), ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
}

/* What a calibration takes from them is the same behind a round trip. */
static void networks_come_back(void **state)
{
    onp_test_table *t = *state;
    static const char *const forms[] = {"jsonl", "yaml"};
    onp_calibrate_result first, again;
    onp_whole_networks nets;
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "phone", &platform);
    for (size_t i = 0; i < ONP_COUNT(keys); i++)
        set(t, run, keys[i], &(onp_estimate){.median_ns = 1000000 * (int64_t)(i + 1), .n = 1});
    for (int n = 1; n < 7; n++)
        add_network(t, run, n, 1700000 * n + 1000 * n * n);
    add_network(t, run, 3, 1700000 * 3 + 9000 + 200); /* again: the mean is 100 more */
    add_text_network(t, run, "fbnet", "7818488874147327324245", 10500000);
    assert_int_equal(onp_calibrate(t->store, platform, &first, &t->err), ONP_OK);
    for (size_t f = 0; f < ONP_COUNT(forms); f++) {
        onp_import_result in = {0};
        onp_export_result r;
        onp_strbuf out;
        onp_strbuf_init(&out, &t->ctx);
        assert_int_equal(onp_table_export(t->store, platform, forms[f], &out, NULL, &r, &t->err),
                         ONP_OK);
        assert_int_equal(r.n_rows, 3);
        assert_int_equal(r.n_networks, 7);
        assert_int_equal(import_text(t, forms[f], &out, "phone", &in), ONP_OK);
        assert_int_equal(in.n_networks, 7);
        assert_int_equal(onp_calibrate(t->store, in.platform, &again, &t->err), ONP_OK);
        assert_int_equal(again.n, 6);
        assert_int_equal(again.n_unknown, 1);
        assert_true(again.calibration.a == first.calibration.a);
        assert_true(again.calibration.b_ns == first.calibration.b_ns);
        assert_true(again.calibration.half95 == first.calibration.half95);
        assert_int_equal(onp_whole_networks_read(t->store, in.platform, &nets, &t->err), ONP_OK);
        assert_int_equal(nets.n, 7);
        assert_true(nets.list[2].ns == 1700000 * 3 + 9100);
        assert_true(nets.list[2].n == 2);
        assert_true(fabs(nets.list[2].cv * nets.list[2].ns - 100) < 1e-3);
        assert_string_equal(nets.list[2].space, "tiny");
        assert_int_equal(nets.list[2].n_blocks, 3);
        assert_int_equal(nets.list[2].blocks[1].kind, ONP_BLOCK_ZERO);
        assert_string_equal(nets.list[6].text, "7818488874147327324245");
        assert_int_equal(nets.list[6].quality, ONP_QUALITY_NOISY);
        onp_whole_networks_free(&nets);
        onp_strbuf_reset(&out);
    }
}

/* Two measurements of the newest run: mean and spread; older ones do not count. */
static void a_network_of_several_measurements(void **state)
{
    onp_test_table *t = *state;
    onp_whole_networks nets;
    int64_t platform = 0;
    add_network(t, onp_test_run(t->store, "phone", &platform), 2, 500);
    const int64_t run = onp_test_run(t->store, "phone", &platform);
    add_network(t, run, 2, 1000);
    add_network(t, run, 3, 4000);
    add_network(t, run, 2, 1200);
    assert_int_equal(onp_whole_networks_read(t->store, platform, &nets, &t->err), ONP_OK);
    assert_int_equal(nets.n, 2);
    assert_true(nets.list[0].ns == 1100 && nets.list[0].n == 2 && nets.list[0].run == run);
    assert_true(fabs(nets.list[0].cv - 100.0 / 1100) < 1e-12);
    assert_true(nets.list[1].ns == 4000 && nets.list[1].cv == 0);
    onp_whole_networks_free(&nets);
}

/* However many samples each has: what counts is the median of each, and the worst quality. */
static void a_network_of_measurements_with_samples(void **state)
{
    onp_test_table *t = *state;
    onp_whole_networks nets;
    onp_block block;
    onp_measurement m = {.n = 1, .median_ns = 1000, .mean_ns = 9999};
    char hash[ONP_SHA256_HEX];
    int64_t platform = 0, n = 0, run = onp_test_run(t->store, "phone", &platform);
    assert_int_equal(onp_block_parse(keys[0], &block, &t->err), ONP_OK);
    assert_int_equal(onp_block_path_hash(&t->ctx, &block, 1, hash, &t->err), ONP_OK);
    assert_int_equal(onp_store_network_add(t->store, hash, &block, 1, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
    m = (onp_measurement){
        .n = 99, .median_ns = 1200, .mean_ns = 9999, .quality = ONP_QUALITY_NOISY};
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_whole_networks_read(t->store, platform, &nets, &t->err), ONP_OK);
    assert_int_equal(nets.n, 1);
    assert_true(nets.list[0].ns == 1100 && nets.list[0].n == 2);
    assert_int_equal(nets.list[0].quality, ONP_QUALITY_NOISY);
    onp_whole_networks_free(&nets);
    /* those of a profile's own paths, and failures, are none that were measured whole */
    m.mode = "chain";
    onp_sha256("a", 1, hash);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
    m = (onp_measurement){.quality = ONP_QUALITY_FAILED};
    onp_sha256("b", 1, hash);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &m, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_n_networks(t->store, platform, &n, &t->err), ONP_OK);
    assert_int_equal(n, 1);
}

/* Rows of two sessions at two clocks go out at that of the newer one;
 * and when the first and the last were measured. */
static void one_clock_for_all(void **state)
{
    onp_test_table *t = *state;
    onp_export_result r;
    onp_strbuf out;
    int64_t platform = 0;
    for (int i = 0; i < 2; i++) { /* B, the first by its key, is the newer one */
        const onp_measurement m = {.n = 1, .median_ns = 1000, .normalized_median_ns = 900};
        const onp_estimate e = {.median_ns = 1000};
        const int64_t run = onp_test_run(t->store, "x", &platform);
        char sql[160];
        (void)snprintf(sql, sizeof sql,
                       "UPDATE run SET settings = '{\"reference_khz\": %d}' WHERE id = %lld",
                       i == 0 ? 2000 : 3000, (long long)run);
        assert_int_equal(onp_test_sql(t->path, sql), SQLITE_OK);
        assert_int_equal(onp_store_measure_block(t->store, run, keys[i], &m, NULL, &t->err),
                         ONP_OK);
        assert_int_equal(onp_store_estimate_set(t->store, run, keys[i], &e, &t->err), ONP_OK);
        (void)snprintf(sql, sizeof sql,
                       "UPDATE estimate SET updated_unix_ns = %d000000000 WHERE run_id = %lld",
                       i == 0 ? 1600000000 : 1700000000, (long long)run);
        assert_int_equal(onp_test_sql(t->path, sql), SQLITE_OK);
    }
    onp_strbuf_init(&out, &t->ctx);
    assert_int_equal(onp_table_export(t->store, platform, "jsonl", &out, NULL, &r, &t->err),
                     ONP_OK);
    onp_assert_contains(out.text, "\"reference_khz\": 3000,");
    onp_assert_contains(out.text, "\"normalized_median_ns\": 600,");
    onp_assert_contains(out.text, "\"normalized_median_ns\": 900,");
    onp_assert_contains(out.text, "\"measured_from\": \"2020-09-13");
    onp_assert_contains(out.text, "\"measured_until\": \"2023-11-14");
    onp_strbuf_reset(&out);
}

/* A name of a space may be long; a text that is no network's is no row of the CSV. */
static void odd_networks(void **state)
{
    onp_test_table *t = *state;
    char space[301] = "";
    onp_import_result in = {0};
    onp_export_result r;
    onp_whole_networks nets;
    onp_strbuf out, left_out;
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "x", &platform);
    memset(space, 'x', sizeof space - 1);
    add_text_network(t, run, space, space, 5);
    add_text_network(t, run, "fbnet", "7,8", 6);
    add_text_network(t, run, "once-for-all", "hello", 7);
    onp_strbuf_init(&out, &t->ctx);
    onp_strbuf_init(&left_out, &t->ctx);
    assert_int_equal(onp_table_export(t->store, platform, "jsonl", &out, NULL, &r, &t->err),
                     ONP_OK);
    assert_int_equal(import_text(t, "jsonl", &out, "y", &in), ONP_OK);
    assert_int_equal(onp_whole_networks_read(t->store, in.platform, &nets, &t->err), ONP_OK);
    assert_int_equal(nets.n, 3);
    assert_string_equal(nets.list[0].space, space);
    onp_whole_networks_free(&nets);
    assert_int_equal(onp_table_export(t->store, platform, "networks", &out, &left_out, &r, &t->err),
                     ONP_E_MISSING);
    onp_strbuf_reset(&out);
    add_text_network(t, run, "fbnet", "7818488874147327324245", 10500000); /* noisy */
    assert_int_equal(onp_table_export(t->store, platform, "networks", &out, NULL, &r, &t->err),
                     ONP_OK);
    assert_int_equal(r.n_networks, 1);
    assert_int_equal(r.n_left_out, 3);
    assert_int_equal(r.n_unsaid, 1);
    onp_strbuf_reset(&out);
    onp_strbuf_reset(&left_out);
}

/* What was measured there is told by whom it was, however often it is handed on. */
static void origins_are_handed_on(void **state)
{
    onp_test_table *t = *state;
    const int64_t platform = fill(t);
    int64_t from = platform;
    for (int hop = 0; hop < 3; hop++) {
        onp_import_result in = {0};
        onp_strbuf out;
        export_text(t, from, "jsonl", &out);
        assert_true((strstr(out.text, "\"measured_from\": \"20") != NULL) == (hop == 0));
        assert_true((strstr(out.text, "\"tool_version\": \"test\"") != NULL) == (hop == 0));
        assert_true((strstr(out.text, "\"origin_measured_from\": \"20") != NULL) == (hop > 0));
        assert_true((strstr(out.text, "\"origin_threads\": \"1\"") != NULL) == (hop > 0));
        assert_true((strstr(out.text, "\"imported_rows\": 3") != NULL) == (hop > 0));
        assert_null(strstr(out.text, "origin_origin"));
        assert_true((strstr(out.text, "\"origin_device\": \"it's") != NULL) == (hop > 0));
        assert_int_equal(import_text(t, "jsonl", &out, hop == 0 ? "y" : "z", &in), ONP_OK);
        from = in.platform;
        onp_strbuf_reset(&out);
    }
}

/* A row of several passes is the median of none of them: its clock is not known. */
static void only_its_own_clock(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "x", &platform);
    const onp_measurement m = {
        .n = 1, .median_ns = 1000, .normalized_median_ns = 900, .quality = ONP_QUALITY_OK};
    onp_estimate e = {.median_ns = 1000};
    assert_int_equal(onp_test_sql(t->path, "UPDATE run SET settings = '{\"reference_khz\": 7}'"),
                     SQLITE_OK);
    assert_int_equal(onp_store_measure_block(t->store, run, keys[0], &m, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, keys[0], &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, platform, keys[0], &e, &t->err), ONP_OK);
    assert_int_equal(e.normalized_median_ns, 900);
    assert_int_equal(e.reference_khz, 7);
    e.median_ns = 1001;
    assert_int_equal(onp_store_estimate_set(t->store, run, keys[0], &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, platform, keys[0], &e, &t->err), ONP_OK);
    assert_int_equal(e.normalized_median_ns, 0);
}

/* What was predicted before it was imported is so still; long words are not cut inside a letter. */
static void predictions_stay_known(void **state)
{
    onp_test_table *t = *state;
    static const char line[] =
        "{\"onepath_table\": {\"version\": 2, \"unit\": \"ns\", \"device\": \"x\"}}\n"
        "{\"block\": \"mix in=7x7x320 out=7x7x1280\", \"median_ns\": 5, \"quality\": \"ok\", "
        "\"source\": \"modelled\", \"method\": \"x\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\"}\n";
    onp_import_result in = {0};
    onp_export_result r;
    onp_strbuf text;
    onp_strbuf_init(&text, &t->ctx);
    onp_strbuf_adds(&text, line);
    assert_int_equal(import_text(t, "jsonl", &text, "x", &in), ONP_OK);
    onp_strbuf_reset(&text);
    assert_int_equal(onp_table_export(t->store, in.platform, "csv", &text, NULL, &r, &t->err),
                     ONP_OK);
    assert_int_equal(r.n_unsaid, 1);
    assert_int_equal(onp_table_export(t->store, in.platform, "jsonl", &text, NULL, &r, &t->err),
                     ONP_OK);
    onp_assert_contains(text.text, "modelled, x\xc3\xa9");
    onp_strbuf_reset(&text);
}

static void goes_out_as(onp_test_table *t, int64_t platform, const char *form, const char *wanted);

static void networks_as_csv(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0;
    int64_t run = onp_test_run(t->store, "titanx_32", &platform);
    onp_export_result r;
    onp_strbuf out;
    add_text_network(t, run, "fbnet", "7818488874147327324245", 10500000);
    add_text_network(t, run, "fbnet", "5355047552024513726040", 12250000);
    goes_out_as(t, platform, "networks",
                "index,ops,titanx_32\n0,7818488874147327324245,10.500000\n"
                "1,5355047552024513726040,12.250000\n");
    add_network(t, run, 2, 7);
    onp_strbuf_init(&out, &t->ctx);
    assert_int_equal(onp_table_export(t->store, platform, "networks", &out, NULL, &r, &t->err),
                     ONP_OK);
    assert_int_equal(r.n_networks, 2);
    assert_int_equal(r.n_left_out, 1);
    onp_strbuf_reset(&out);
    run = onp_test_run(t->store, "v100", &platform);
    add_text_network(t, run, "once-for-all",
                     "r=204 d=22223 ks=75557757573753735353 e=64466343363336346436", 12081900);
    goes_out_as(t, platform, "networks",
                "index,r,d,ks,e,v100\n"
                "0,204,22223,75557757573753735353,64466343363336346436,12.081900\n");
    run = onp_test_run(t->store, "a,b", &platform);
    add_text_network(t, run, "fbnet", "7818488874147327324245", 10500000);
    assert_int_equal(onp_table_export(t->store, platform, "networks", &out, NULL, &r, &t->err),
                     ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "has a comma");
    onp_strbuf_reset(&out);
}

/* ---- published forms ---- */

/* A block, and its key in each form; NULL: it has none. */
typedef struct spelling {
    const char *block, *proxylessnas, *ofa, *tfnas;
} spelling;

static const spelling spellings[] = {
    {"stem in=224x224x3 out=112x112x32 k=3 s=2", "Conv-input:224x224x3-output:112x112x32", NULL,
     NULL},
    {"stem in=224x224x3 out=112x112x24 k=3 s=2 act=hswish", NULL,
     "Conv-input:224x224x3-output:112x112x24", NULL},
    {"stem in=224x224x3 out=112x112x32 k=5 s=2", NULL, NULL, NULL},
    {"mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0",
     "expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0", NULL,
     NULL},
    {"mbconv in=28x28x40 out=28x28x40 k=7 e=6 s=1 skip=1",
     "expanded_conv-input:28x28x40-output:28x28x40-expand:6-kernel:7-stride:1-idskip:1", NULL,
     NULL},
    {"mbconv in=28x28x40 out=28x28x40 k=7 e=3 s=1 skip=1 mid=150", NULL, NULL, NULL},
    {"mbconv in=112x112x24 out=56x56x32 k=5 e=6 s=2 skip=0 act=relu", NULL,
     "expanded_conv-input:112x112x24-output:56x56x32-expand:144-kernel:5-stride:2-idskip:0-se:0-"
     "hs:0",
     "MBInvertedResBlock_112_24_0_32_k5_s2_relu,144,"},
    {"mbconv in=7x7x192 out=7x7x192 k=7 e=4 s=1 skip=1 act=hswish se=192", NULL,
     "expanded_conv-input:7x7x192-output:7x7x192-expand:768-kernel:7-stride:1-idskip:1-se:1-hs:1",
     "MBInvertedResBlock_7_192_192_192_k7_s1_swish,768,"},
    {"mbconv in=7x7x192 out=7x7x192 k=7 e=4 s=1 skip=1 act=hswish se=384", NULL, NULL,
     "MBInvertedResBlock_7_192_384_192_k7_s1_swish,768,"},
    {"mbconv in=7x14x192 out=7x14x192 k=7 e=4 s=1 skip=1 act=hswish", NULL,
     "expanded_conv-input:7x14x192-output:7x14x192-expand:768-kernel:7-stride:1-idskip:1-se:0-hs:1",
     NULL},
    {"mbconv in=112x112x24 out=112x112x24 k=3 e=1 s=1 skip=1 act=relu", NULL,
     "expanded_conv-input:112x112x24-output:112x112x24-expand:24-kernel:3-stride:1-idskip:1-se:0-"
     "hs:0",
     NULL},
    {"mix in=7x7x320 out=7x7x1280", "Conv_1-input:7x7x320-output:7x7x1280", NULL, NULL},
    {"mix in=7x7x192 out=7x7x1152 act=hswish", NULL, "Conv_1-input:7x7x192-output:7x7x1152", NULL},
    {"head in=7x7x1280 out=1000", "Logits-input:7x7x1280-output:1000",
     "Logits-input:7x7x1280-output:1000", NULL},
    {"head in=1x1x64 out=10", "Logits-input:1x1x64-output:10", NULL, NULL}, /* there, a part */
    {"head in=7x7x1152 out=1000 mid=1536 act=hswish", NULL,
     "AvgPool2D-input:7x7x1152-output:1x1x1152", NULL},
    {"head in=7x7x1152 out=1000 mid=1536 act=relu", NULL, NULL, NULL},
    {"conv in=8x8x24 out=4x4x40 k=3 s=2", NULL, NULL, NULL},
    {"max-pool in=8x8x24 out=8x8x24 k=3 s=1", NULL, NULL, NULL},
};

static void check_spelling(onp_test_table *t, const char *form, const char *block, const char *key,
                           const char *device)
{
    const onp_estimate e = {.median_ns = 1234567, .n = 7, .cv = 0.25};
    int64_t platform = 0;
    onp_strbuf out, left_out;
    onp_export_result r = {.n_rows = 77};
    onp_import_result in = {0};
    onp_estimate back;
    onp_strbuf_init(&out, &t->ctx);
    onp_strbuf_init(&left_out, &t->ctx);
    set(t, onp_test_run(t->store, device, &platform), block, &e);
    const onp_status st = onp_table_export(t->store, platform, form, &out, &left_out, &r, &t->err);
    if (key == NULL) {
        assert_int_equal(st, ONP_E_MISSING);
        onp_assert_contains(t->err.msg, block);
        onp_assert_contains(left_out.text, block);
        assert_int_equal(r.n_rows, 77);
    } else {
        assert_int_equal(st, ONP_OK);
        onp_assert_contains(out.text, key);
        assert_int_equal(r.n_rows, 1);
        assert_int_equal(r.n_left_out, 0);
        assert_int_equal(import_text(t, form, &out, device, &in), ONP_OK);
        assert_int_equal(onp_store_estimate_get(t->store, in.platform, block, &back, &t->err),
                         ONP_OK);
        assert_int_equal(back.median_ns, e.median_ns);
    }
    onp_strbuf_reset(&out);
    onp_strbuf_reset(&left_out);
}

static void each_block_in_each_form(void **state)
{
    onp_test_table *t = *state;
    for (size_t i = 0; i < ONP_COUNT(spellings); i++) {
        const spelling *s = &spellings[i];
        const char *const forms[][2] = {{"proxylessnas", s->proxylessnas},
                                        {"csv", s->proxylessnas},
                                        {"once-for-all", s->ofa},
                                        {"tfnas", s->tfnas}};
        for (size_t f = 0; f < ONP_COUNT(forms); f++) {
            char device[32];
            (void)snprintf(device, sizeof device, "%zu-%zu", i, f);
            check_spelling(t, forms[f][0], s->block, forms[f][1], device);
        }
    }
}

/* Exports what is there and compares all of it. */
static void goes_out_as(onp_test_table *t, int64_t platform, const char *form, const char *wanted)
{
    onp_strbuf out;
    onp_export_result r;
    onp_strbuf_init(&out, &t->ctx);
    assert_int_equal(onp_table_export(t->store, platform, form, &out, NULL, &r, &t->err), ONP_OK);
    assert_string_equal(out.text, wanted);
    onp_strbuf_reset(&out);
}

static void values_in_each_form(void **state)
{
    onp_test_table *t = *state;
    static const onp_estimate e = {.median_ns = 2000000, .n = 9, .cv = 0.25};
    static const onp_estimate predicted = {.median_ns = 40, .source = ONP_SOURCE_MODELLED};
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "x", &platform);
    set(t, run, "head in=7x7x8 out=10", &e);
    set(t, run, "mix in=7x7x320 out=7x7x1280", &predicted);
    goes_out_as(t, platform, "proxylessnas",
                "Logits-input:7x7x8-output:10:\n  count: 9\n  mean: 2.000000\n  var: 0.25\n"
                "Conv_1-input:7x7x320-output:7x7x1280:\n  count: 1\n  mean: 0.000040\n  var: 0\n");
    goes_out_as(t, platform, "once-for-all",
                "Logits-input:7x7x8-output:10:\n  count: 9\n  mean: 2.000000\n  std: 0.5\n");
    goes_out_as(t, platform, "csv",
                "block_name,latency(ms)\nLogits-input:7x7x8-output:10,2.000000\n"
                "Conv_1-input:7x7x320-output:7x7x1280,0.000040\n");
}

/* 16 + 32 + 48 of 96 parts of the work; sd 0.5 ms in all. */
static void a_head_of_two_layers(void **state)
{
    onp_test_table *t = *state;
    static const onp_estimate e = {.median_ns = 6000000, .n = 9, .cv = 0.25},
                              tiny = {.median_ns = 2};
    onp_import_result in = {0};
    onp_strbuf out, left_out;
    onp_export_result r;
    onp_estimate back;
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "x", &platform);
    set(t, run, "head in=2x2x4 out=6 mid=8 act=hswish", &e);
    set(t, run, "head in=4x4x4 out=6 mid=8 act=hswish", &e);
    onp_strbuf_init(&out, &t->ctx);
    onp_strbuf_init(&left_out, &t->ctx);
    assert_int_equal(
        onp_table_export(t->store, platform, "once-for-all", &out, &left_out, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_rows, 1);
    assert_int_equal(r.n_left_out, 1);
    assert_string_equal(left_out.text, "left out: head in=4x4x4 out=6 mid=8 act=hswish: the form "
                                       "has one head only\n");
    onp_assert_contains(out.text, "AvgPool2D-input:2x2x4-output:1x1x4:\n  count: 9\n  mean: "
                                  "1.000000\n");
    onp_assert_contains(out.text, "Conv_2-input:1x1x4-output:1x1x8:\n  count: 9\n  mean: 2.000000");
    onp_assert_contains(out.text, "Logits-input:1x1x8-output:6:\n  count: 9\n  mean: 3.000000");
    assert_int_equal(import_text(t, "once-for-all", &out, "y", &in), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, in.platform,
                                            "head in=2x2x4 out=6 mid=8 act=hswish", &back, &t->err),
                     ONP_OK);
    assert_int_equal(back.median_ns, 6000000);
    assert_int_equal(back.n, 9);
    assert_true(back.cv > 0.25 - 1e-12 && back.cv < 0.25 + 1e-12);
    onp_strbuf_reset(&out);
    onp_strbuf_reset(&left_out);
    set(t, onp_test_run(t->store, "tiny", &platform), "head in=2x2x4 out=6 mid=8 act=hswish",
        &tiny);
    assert_int_equal(
        onp_table_export(t->store, platform, "once-for-all", &out, &left_out, &r, &t->err),
        ONP_E_MISSING);
    onp_assert_contains(left_out.text, "too short");
    onp_strbuf_reset(&out);
    onp_strbuf_reset(&left_out);
}

static void widths_come_back(void **state)
{
    onp_test_table *t = *state;
    static const char text[] = "key,mid_channels,ms\n"
                               "base,,9.5\n"
                               "MBInvertedResBlock_112_16_0_24_k3_s2_relu,24,2.500000\n"
                               "MBInvertedResBlock_112_16_0_24_k3_s2_relu,104,8.109582\n"
                               "MBInvertedResBlock_7_192_384_320_k5_s1_swish,1520,9.432567\n";
    onp_strbuf in;
    onp_import_result r = {0};
    onp_strbuf_init(&in, &t->ctx);
    onp_strbuf_adds(&in, text);
    assert_int_equal(import_text(t, "tfnas", &in, "x", &r), ONP_OK);
    goes_out_as(t, r.platform, "tfnas", text);
    onp_strbuf_reset(&in);
}

/* ---- what does not go out ---- */

static void stale_rows_stay(void **state)
{
    onp_test_table *t = *state;
    static const onp_estimate e = {.median_ns = 5, .n = 1},
                              noisy = {.median_ns = 6, .n = 1, .quality = ONP_QUALITY_NOISY};
    int64_t platform = 0, n = 0;
    const int64_t run = onp_test_run(t->store, "x", &platform);
    onp_strbuf out;
    onp_export_result r;
    onp_strbuf_init(&out, &t->ctx);
    set(t, run, ONP_TEST_KEY_A, &e);
    assert_int_equal(onp_store_stale_set(t->store, platform, "a new system", &n, &t->err), ONP_OK);
    assert_int_equal(onp_table_export(t->store, platform, "jsonl", &out, NULL, &r, &t->err),
                     ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "all of its 1 rows are stale");
    set(t, run, ONP_TEST_KEY_C, &noisy);
    onp_strbuf_reset(&out);
    assert_int_equal(onp_table_export(t->store, platform, "csv", &out, NULL, &r, &t->err), ONP_OK);
    assert_string_equal(out.text, "block_name,latency(ms)\n"
                                  "Conv_1-input:7x7x320-output:7x7x1280,0.000006\n");
    assert_int_equal(r.n_rows, 1);
    assert_int_equal(r.n_stale, 1);
    assert_int_equal(r.n_unsaid, 1);
    onp_strbuf_reset(&out);
}

static void nothing_to_write(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0;
    onp_strbuf out;
    onp_export_result r;
    (void)onp_test_run(t->store, "empty", &platform);
    onp_strbuf_init(&out, &t->ctx);
    for (size_t i = 0; onp_export_form(i) != NULL; i++) {
        assert_int_equal(
            onp_table_export(t->store, platform, onp_export_form(i), &out, NULL, &r, &t->err),
            ONP_E_MISSING);
        onp_assert_contains(t->err.msg, strcmp(onp_export_form(i), "networks") == 0
                                            ? "empty (onepath) has no networks"
                                            : "empty (onepath) has no rows");
    }
    assert_int_equal(onp_table_export(t->store, platform, "xml", &out, NULL, &r, &t->err),
                     ONP_E_USAGE);
    onp_assert_contains(t->err.msg, "\"xml\" is not known; forms: jsonl yaml proxylessnas");
    onp_strbuf_reset(&out);
}

/* ---- memory ---- */

typedef struct export_case {
    const char *form, *db;
} export_case;

static onp_status export_alone(const onp_context *ctx, void *arg)
{
    const export_case *c = arg;
    onp_store *s = NULL;
    onp_strbuf out, left_out;
    onp_export_result r;
    onp_status st = ONP_OK;
    onp_strbuf_init(&out, ctx);
    onp_strbuf_init(&left_out, ctx);
    ONP_TRY_GOTO(onp_store_open(ctx, c->db, ONP_SQL_EXISTING, &s, NULL));
    st = onp_table_export(s, 1, c->form, &out, &left_out, &r, NULL);
done:
    onp_strbuf_reset(&out);
    onp_strbuf_reset(&left_out);
    onp_store_close(s);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "x", &platform);
    for (size_t i = 0; i < ONP_COUNT(spellings); i++)
        set(t, run, spellings[i].block, &rows[0]);
    add_network(t, run, 3, 77);
    add_text_network(t, run, "fbnet", "7818488874147327324245", 10500000);
    for (size_t i = 0; onp_export_form(i) != NULL; i++)
        onp_test_each_allocation(export_alone, &(export_case){onp_export_form(i), t->path});
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(networks_come_back),       WITH_STORE(a_network_of_several_measurements),
        WITH_STORE(networks_as_csv),          WITH_STORE(odd_networks),
        WITH_STORE(origins_are_handed_on),    WITH_STORE(only_its_own_clock),
        WITH_STORE(one_clock_for_all),        WITH_STORE(a_network_of_measurements_with_samples),
        WITH_STORE(predictions_stay_known),   WITH_STORE(what_goes_out_comes_back),
        WITH_STORE(each_block_in_each_form),  WITH_STORE(values_in_each_form),
        WITH_STORE(a_head_of_two_layers),     WITH_STORE(widths_come_back),
        WITH_STORE(stale_rows_stay),          WITH_STORE(nothing_to_write),
        WITH_STORE(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
