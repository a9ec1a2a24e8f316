/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as CSV, JSON lines and YAML: what is read, what is refused. */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "latency/table/export.h"
#include "latency/table/import.h"

#define HEAD_LINE "{\"onepath_table\": {\"version\": 1, \"unit\": \"ns\", \"device\": \"x\"}}\n"
#define HEAD_YAML "onepath_table: {version: 1, unit: ns, device: x}\n"
#define HUNDRED                                                                                    \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"
#define NET "{\"network\": 1, "
#define MIX "mix in=7x7x320 out=7x7x1280"

static onp_status import_as(onp_test_table *t, const char *format, const char *text, size_t size,
                            onp_import_duplicates duplicates, onp_import_result *out)
{
    char path[ONP_TEST_PATH];
    onp_import *import = NULL;
    onp_test_path(path, t->dir, "table.txt");
    onp_test_write(path, text, size);
    onp_status st = onp_import_read(&t->ctx, format, path, duplicates, NULL, &import, &t->err);
    if (st == ONP_OK)
        st = onp_import_store(import, t->store, "x", NULL, out, &t->err);
    onp_import_free(import);
    return st;
}

static void nothing_is_stored(const onp_test_table *t)
{
    assert_query(t->path, "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM estimate)",
                 "0");
}

static void a_csv_is_read(void **state)
{
    onp_test_table *t = *state;
    static const char text[] =
        "block_name,latency(ms)\r\n"
        "Conv-input:224x224x3-output:112x112x32,3.50596\r\n"
        "Logits-input:7x7x1280-output:1000,1.10951\n"
        "expanded_conv-input:7x7x192-output:7x7x320-expand:6-kernel:7-stride:1-idskip:0,2.92077";
    onp_import_result r = {0};
    onp_estimate e;
    assert_int_equal(import_as(t, "csv", text, sizeof text - 1, ONP_DUPLICATES_REFUSE, &r), ONP_OK);
    assert_int_equal(r.n_rows, 3);
    assert_int_equal(r.n_file_rows, 3);
    assert_int_equal(r.n_averaged, 0);
    assert_int_equal(onp_store_estimate_get(t->store, r.platform,
                                            "mbconv in=7x7x192 out=7x7x320 k=7 e=6 s=1 skip=0", &e,
                                            &t->err),
                     ONP_OK);
    assert_int_equal(e.median_ns, 2920770);
    assert_int_equal(e.source, ONP_SOURCE_IMPORTED);
    assert_int_equal(e.n, 1);
    assert_int_equal(e.lo_ns, 0); /* no spread is known, so no interval */
    assert_int_equal(e.hi_ns, 0);
    assert_query(t->path, "SELECT format || ' ' || unit || ' ' || rows FROM import_source",
                 "csv ms 3");
    assert_query(t->path, "SELECT settings FROM run",
                 "{\"file_rows\": 3, \"averaged_blocks\": 0, \"left_out_rows\": 0, "
                 "\"unit\": \"ms\", \"expand\": \"ratio of hidden to input channels\"}");

    /* others in their place, but for the last two */
    static const char other[] = "block_name,latency(ms)\n"
                                "Conv-input:224x224x3-output:112x112x32,3.6\n"
                                "Logits-input:7x7x1280-output:1000,1.10951\n"
                                "\r\n\n"; /* as editors leave */
    assert_int_equal(r.n_replaced, 0);
    assert_int_equal(import_as(t, "csv", other, sizeof other - 1, ONP_DUPLICATES_REFUSE, &r),
                     ONP_OK);
    assert_int_equal(r.n_replaced, 1);
    /* the last one's estimate is the first import's: nothing about it is new */
    assert_query(t->path,
                 "SELECT group_concat(run_id, ' ') FROM (SELECT run_id FROM estimate"
                 " ORDER BY run_id)",
                 "1 1 2");
}

static void repeated_blocks(void **state)
{
    onp_test_table *t = *state;
    static const char text[] = "block_name,time\n"
                               "Logits-input:7x7x1280-output:1000,1\n"
                               "Conv_1-input:7x7x320-output:7x7x1280,2\n"
                               "Logits-input:7x7x8-output:10,5\n"
                               "Conv_1-input:7x7x320-output:7x7x1280,3\n"
                               "Conv_1-input:7x7x320-output:7x7x1280,7\n"
                               "Logits-input:7x7x1280-output:1000,1.5\n";
    onp_import_result r = {.n_rows = 77};
    onp_estimate e;
    assert_int_equal(import_as(t, "csv", text, sizeof text - 1, ONP_DUPLICATES_REFUSE, &r),
                     ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "table.txt:5:1: error: block \"" MIX
                                    "\" has 3 ms here and 2 ms in line 3; 2 blocks");
    onp_assert_contains(t->err.msg, "--duplicates mean");
    assert_int_equal(r.n_rows, 77);
    nothing_is_stored(t);

    assert_int_equal(import_as(t, "csv", text, sizeof text - 1, ONP_DUPLICATES_MEAN, &r), ONP_OK);
    assert_int_equal(r.n_rows, 3);
    assert_int_equal(r.n_file_rows, 6);
    assert_int_equal(r.n_averaged, 2);
    assert_int_equal(onp_store_estimate_get(t->store, r.platform, MIX, &e, &t->err), ONP_OK);
    assert_int_equal(e.median_ns, 4000000);
    assert_int_equal(e.n, 3);
    assert_true(fabs(e.cv - sqrt(14.0 / 3) / 4) < 1e-9); /* of 2, 3, 7 */
    assert_query(t->path,
                 "SELECT n FROM measurement JOIN block b ON b.id = block_id WHERE b.key ="
                 " 'head in=7x7x1280 out=1000'",
                 "2");
    assert_query(
        t->path,
        "SELECT settings ->> '$.file_rows' || ' ' || (settings ->> '$.averaged_blocks') FROM run",
        "6 2");
}

/* Rows that had counts, intervals and words: the mean goes by the counts, the worst is as good as
 * they are, and what was said of one row is not said of all. */
static void repeated_blocks_with_all_they_have(void **state)
{
    onp_test_table *t = *state;
    static const char text[] = HEAD_LINE
        "{\"block\": \"" MIX "\", \"median_ns\": 1000, \"n\": 1, \"lo_ns\": 999, \"hi_ns\": 1001, "
        "\"normalized_median_ns\": 800, \"method\": \"chain\", \"quality\": \"ok\"}\n"
        "{\"block\": \"" MIX "\", \"median_ns\": 2000, \"n\": 3, \"quality\": \"bimodal\"}\n";
    onp_import_result r = {0};
    onp_estimate e;
    assert_int_equal(import_as(t, "jsonl", text, sizeof text - 1, ONP_DUPLICATES_MEAN, &r), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, r.platform, MIX, &e, &t->err), ONP_OK);
    assert_int_equal(e.median_ns, 1750);
    assert_int_equal(e.n, 4);
    assert_int_equal(e.quality, ONP_QUALITY_BIMODAL);
    assert_string_equal(e.method, "");
    assert_query(t->path, "SELECT count(hi_ns) FROM estimate", "0");
    assert_query(t->path, "SELECT count(normalized_median_ns) FROM measurement", "0");
}

typedef struct bad_text {
    const char *format, *text, *says;
} bad_text;

static const bad_text bad[] = {
    {"csv", "", "no rows"},
    {"csv", "block_name,ms\n", "no rows"},
    {"csv", "Conv_1-input:7x7x320-output:7x7x1280,2\n", "the heading is"},
    {"csv", "block_name,latency(us)\nConv_1-input:7x7x320-output:7x7x1280,2\n", "times in ms"},
    {"csv", "block_name,big,small\nConv_1-input:7x7x320-output:7x7x1280,2,3\n", "one column"},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280\n", ":2:1: error: "},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280,\n", ":2:38: error: the time is"},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280,2,3\n", "\"2,3\""},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280,nan\n", "\"nan\""},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280,0\n", "the time is 0 ms"},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280,-1\n", "the time is -1 ms"},
    {"csv", "block_name,ms\nConv_1-input:7x7x320-output:7x7x1280,1e9\n", "the time is 1e+09 ms"},
    {"csv", "block_name,ms\n\"Conv_1-input:7x7x320-output:7x7x1280\",1\n", "unknown type"},
    {"csv", "block_name,ms\n\nConv_1-input:7x7x320-output:7x7x1280,2\n", ":2:1: error: : no value"},
    {"jsonl", "", "no rows"},
    {"jsonl", HEAD_LINE, "no rows"},
    {"jsonl", "[]\n", "no table of onepath"},
    {"jsonl", "not json\n", "no table of onepath"},
    {"jsonl", "{\"onepath_table\": 1}\n", "no table of onepath"},
    {"jsonl", "{\"onepath_table\": {\"version\": 3, \"unit\": \"ns\", \"device\": \"x\"}}\n",
     "version is \"3\", wanted 1 or 2"},
    {"jsonl", "{\"onepath_table\": {\"version\": 1, \"unit\": \"ms\", \"device\": \"x\"}}\n",
     "unit is \"ms\", wanted ns"},
    {"jsonl", "{\"onepath_table\": {\"version\": 1, \"device\": \"x\"}}\n", "unit is missing"},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\"\n", ":2:"},
    {"jsonl", HEAD_LINE "[1]\n", ":2:1: error: no JSON object"},
    {"jsonl", HEAD_LINE "{\"median_ns\": 1}\n", "\"block\" is missing"},
    {"jsonl", HEAD_LINE "{\"block\": \"nonsense\"}\n", "nonsense"},
    {"jsonl", HEAD_LINE "{\"block\": \"zero\", \"median_ns\": 1, \"n\": 1, \"quality\": \"ok\"}\n",
     "zero costs nothing"},
    {"jsonl", HEAD_LINE "{\"block\": \"identity\", \"median_ns\": 1}\n", "identity costs nothing"},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 0, \"n\": 1}\n",
     "median_ns is \"0\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 1.5, \"n\": 1}\n",
     "median_ns is \"1.5\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 99999999999999, \"n\": 1}\n",
     "median_ns is \"99999999999999\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": [1], \"n\": 1}\n",
     "(a list or map)"},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": \"1\\u0000\", \"n\": 1}\n", ":2:"},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 1, \"n\": 0}\n", "n is \"0\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"n\": 1, \"quality\": \"ok\"}\n",
     "median_ns is missing"},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"n\": 1}\n",
     "quality is missing"},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"quality\": \"failed\"}\n",
     "quality is \"failed\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"source\": \"definition\"}\n",
     "source is \"definition\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"colour\": 1}\n",
     "unknown member \"colour\""},
    {"jsonl",
     HEAD_LINE "{\"block\": \"" MIX
               "\", \"median_ns\": 5, \"n\": 1, \"quality\": \"ok\", \"lo_ns\": 1}\n",
     "one of lo_ns and hi_ns"},
    {"jsonl",
     HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"n\": 1, \"quality\": \"ok\", "
               "\"lo_ns\": 6, \"hi_ns\": 7}\n",
     "not between"},
    {"jsonl",
     HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"n\": 1, \"quality\": \"ok\", "
               "\"lo_ns\": 3, \"hi_ns\": 4}\n",
     "not between"},
    {"jsonl", HEAD_LINE NET "\"median_ns\": 5, \"quality\": \"ok\"}\n", "one of blocks and text"},
    {"jsonl", HEAD_LINE NET "\"median_ns\": 5, \"quality\": \"ok\", \"text\": \"7\"}\n",
     "text without space"},
    {"jsonl",
     HEAD_LINE NET
     "\"median_ns\": 5, \"quality\": \"ok\", \"text\": \"7\", \"space\": \"a\\nb\"}\n",
     "wanted a plain text of 1 to 1000 bytes"},
    {"jsonl", HEAD_LINE NET "\"quality\": \"ok\", \"blocks\": [\"" MIX "\"]}\n",
     "network: median_ns is missing"},
    {"jsonl", HEAD_LINE NET "\"median_ns\": 5, \"blocks\": [\"" MIX "\", \"nonsense\"]}\n",
     "nonsense"},
    {"jsonl", HEAD_LINE NET "\"median_ns\": 5, \"blocks\": [7, {}]}\n", "blocks is \"7; ?\""},
    {"jsonl", HEAD_LINE NET "\"median_ns\": 5, \"blocks\": []}\n", "(a list or map)"},
    {"jsonl", HEAD_LINE NET "\"median_ns\": 5, \"lo_ns\": 1}\n", "unknown member \"lo_ns\""},
    {"jsonl", HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"space\": \"x\"}\n",
     "unknown member \"space\""},
    {"jsonl",
     HEAD_LINE "{\"block\": \"" MIX "\", \"method\": \"" HUNDRED "twenty bytes, with 20"
               "\"}\n",
     "wanted a plain text of 1 to 119 bytes"},
    {"yaml", HEAD_YAML "network 1: {median_ns: 5, quality: ok, blocks: " MIX "; }\n", ":2:"},
    {"yaml", MIX ": {median_ns: 5}\n", "no table of onepath"},
    {"yaml", HEAD_YAML, "no rows"},
    {"yaml", "onepath_table: 7\n", "is missing"},
    {"yaml", "onepath_table: {version: 1, unit: ns}\n" MIX ": {median_ns: 5}\n",
     "device is missing"},
    {"yaml", HEAD_YAML MIX ": 7\n", "median_ns is missing"},
    {"yaml", HEAD_YAML MIX ": {median_ns: [5]}\n", "(a list or map)"},
    {"yaml", HEAD_YAML MIX ": {median_ns: -5}\n", ":2:"},
    {"yaml", HEAD_YAML MIX ": {median_ns: 5, n: 1, quality: ok, cv: .inf}\n", "cv is \".inf\""},
    {"yaml", HEAD_YAML MIX ": {median_ns: 5, n: 1, quality: ok\n", "table.txt"},
    {"yaml", HEAD_YAML MIX ": &a {median_ns: 5, n: 1, quality: ok}\n", "table.txt"},
};

static void bad_files_are_refused(void **state)
{
    onp_test_table *t = *state;
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        onp_import_result r = {.n_rows = 77};
        if (import_as(t, bad[i].format, bad[i].text, strlen(bad[i].text), ONP_DUPLICATES_MEAN,
                      &r) != ONP_E_FORMAT)
            fail_msg("taken, or another status: %s", bad[i].text);
        onp_assert_contains(t->err.msg, "table.txt");
        onp_assert_contains(t->err.msg, bad[i].says);
        assert_int_equal(r.n_rows, 77);
    }
    nothing_is_stored(t);
}

static void bytes_that_are_no_text(void **state)
{
    onp_test_table *t = *state;
    onp_import_result r;
    char text[4096];
    static const char *const formats[] = {"csv", "jsonl", "yaml"};
    for (size_t f = 0; f < ONP_COUNT(formats); f++)
        for (int fill = 0; fill < 256; fill += 5) {
            memset(text, fill, sizeof text);
            assert_int_equal(import_as(t, formats[f], text, sizeof text, ONP_DUPLICATES_MEAN, &r),
                             ONP_E_FORMAT);
        }
    memcpy(text, "block_name,ms\n", 14);
    assert_int_equal(import_as(t, "csv", text, sizeof text, ONP_DUPLICATES_MEAN, &r), ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "a line of more than 255 bytes");
    text[20] = '\0';
    assert_int_equal(import_as(t, "csv", text, 40, ONP_DUPLICATES_MEAN, &r), ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "a NUL byte");
    nothing_is_stored(t);
}

/* A file cut anywhere is refused or is a shorter table: never a crash, never a changed row. */
static void a_file_cut_short(void **state)
{
    onp_test_table *t = *state;
    static const char text[] = HEAD_LINE
        "{\"block\": \"" MIX "\", \"median_ns\": 5, \"n\": 1, \"cv\": 0.5, \"quality\": \"ok\"}\n"
        "{\"block\": \"head in=7x7x8 out=10\", \"median_ns\": 77, \"n\": 1, "
        "\"quality\": \"noisy\"}\n";
    for (size_t n = 0; n < sizeof text; n++) {
        onp_import_result r = {0};
        onp_status st = import_as(t, "jsonl", text, n, ONP_DUPLICATES_REFUSE, &r);
        assert_true(st == ONP_E_FORMAT || st == ONP_OK);
        if (st == ONP_OK) {
            onp_estimate e;
            assert_int_equal(onp_store_estimate_get(t->store, r.platform, MIX, &e, &t->err),
                             ONP_OK);
            assert_int_equal(e.median_ns, 5);
        }
    }
}

#define COUNTED                                                                                    \
    "{\"onepath_table\": {\"version\": 2, \"unit\": \"ns\", \"device\": \"phone\", "               \
    "\"rows\": 2, \"networks\": 1}}\n"
#define ROW(key)                                                                                   \
    "{\"block\": \"" key "\", \"median_ns\": 5, \"n\": 1, \"cv\": 0, \"quality\": \"ok\"}\n"
#define NETWORK                                                                                    \
    "{\"network\": 1, \"text\": \"a\", \"space\": \"s\", \"median_ns\": 9, \"n\": 1, \"cv\": 0, "  \
    "\"quality\": \"ok\"}\n"

/* The head of an export says how much follows. */
static void a_file_cut_at_a_row(void **state)
{
    onp_test_table *t = *state;
    static const char one[] = COUNTED ROW(MIX),
                      two[] = COUNTED ROW(MIX) ROW("head in=7x7x8 out=10"),
                      all[] = COUNTED ROW(MIX) ROW("head in=7x7x8 out=10") NETWORK "\n\r\n";
    onp_import_result r = {0};
    assert_int_equal(import_as(t, "jsonl", one, sizeof one - 1, ONP_DUPLICATES_REFUSE, &r),
                     ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "has 1 rows, wanted the 2 of its onepath_table");
    assert_int_equal(import_as(t, "jsonl", two, sizeof two - 1, ONP_DUPLICATES_REFUSE, &r),
                     ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "has 0 networks, wanted the 1");
    nothing_is_stored(t);
    if (import_as(t, "jsonl", all, sizeof all - 1, ONP_DUPLICATES_REFUSE, &r) != ONP_OK)
        fail_msg("%s", t->err.msg);
    assert_int_equal(r.n_rows, 2);
    assert_int_equal(r.n_networks, 1);
}

/* ---- memory ---- */

typedef struct form_case {
    const char *format, *path, *db;
} form_case;

/* In and out again, in a database of its own. */
static onp_status round_trip(const onp_context *ctx, void *arg)
{
    const form_case *c = arg;
    onp_import *import = NULL;
    onp_store *s = NULL;
    onp_strbuf out;
    onp_import_result r = {0};
    onp_export_result e;
    onp_status st = ONP_OK;
    onp_strbuf_init(&out, ctx);
    ONP_TRY_GOTO(
        onp_import_read(ctx, c->format, c->path, ONP_DUPLICATES_MEAN, NULL, &import, NULL));
    ONP_TRY_GOTO(onp_store_open(ctx, c->db, ONP_SQL_CREATE, &s, NULL));
    ONP_TRY_GOTO(onp_import_store(import, s, "x", NULL, &r, NULL));
    ONP_TRY_GOTO(onp_table_export(s, r.platform, "yaml", &out, NULL, &e, NULL));
done:
    onp_strbuf_reset(&out);
    onp_store_close(s);
    onp_import_free(import);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    onp_test_table *t = *state;
    static const char *const texts[][2] = {
        {"csv",
         "block_name,time\nLogits-input:7x7x8-output:10,1\nLogits-input:7x7x8-output:10,2\n"},
        {"jsonl",
         HEAD_LINE "{\"block\": \"" MIX "\", \"median_ns\": 5, \"n\": 1, \"quality\": \"ok\"}\n"},
        {"yaml", HEAD_YAML MIX ": {median_ns: 5, n: 1, quality: ok}\n"}};
    for (size_t i = 0; i < ONP_COUNT(texts); i++) {
        char path[ONP_TEST_PATH], db[ONP_TEST_PATH];
        onp_test_path(path, t->dir, "table.txt");
        onp_test_path(db, t->dir, "other.db");
        onp_test_write(path, texts[i][1], strlen(texts[i][1]));
        onp_test_each_allocation(round_trip, &(form_case){texts[i][0], path, db});
    }
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_csv_is_read),
        WITH_STORE(repeated_blocks),
        WITH_STORE(bad_files_are_refused),
        WITH_STORE(bytes_that_are_no_text),
        WITH_STORE(a_file_cut_short),
        WITH_STORE(a_file_cut_at_a_row),
        WITH_STORE(repeated_blocks_with_all_they_have),
        WITH_STORE(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
