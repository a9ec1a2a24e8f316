/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/latency/table/table_support.h"

#include "tests/latency/table/import_support.h"

static const char small[] =
    "Conv-input:224x224x3-output:112x112x32:\n"
    "  count: 982\n"
    "  mean: 4.083755600814664\n"
    "  var: 0.2502372872758427\n"
    "Conv_1-input:7x7x320-output:7x7x1280:\n"
    "  count: 1\n"
    "  mean: 3.0886232\n"
    "  var: 0\n"
    "Logits-input:7x7x1280-output:1000:\n"
    "  count: 982\n"
    "  mean: 3e-6\n"
    "  var: 0.05\n"
    "expanded_conv-input:113x113x16-output:57x57x24-expand:3-kernel:5-stride:2-idskip:0:\n"
    "  count: 164\n"
    "  mean: 6.2405670731\n"
    "  var: 0.0733079148\n"
    "expanded_conv-input:14x14x80-output:14x14x80-expand:6-kernel:7-stride:1-idskip:1:\n"
    "  count: 164\n"
    "  mean: 5\n"
    "  var: 0.07\n";

static onp_status import_text(onp_test_table *t, const char *text, onp_strbuf *problems,
                              onp_import_result *out)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, t->dir, "table.yaml");
    onp_test_write(path, text, strlen(text));
    return onp_test_import(t->store, "proxylessnas", path, "pixel1", "table import", problems, out,
                           &t->err);
}

static void keys_and_values(void **state)
{
    onp_test_table *t = *state;
    static const struct {
        const char *key;
        int64_t ns, lo_ns, hi_ns;
    } wanted[] = {
        /* 1.96 * sqrt(var / count) ms: 0.031287899, 0, 0.013985848, 0.041438884, 0.040493 */
        {"stem in=224x224x3 out=112x112x32 k=3 s=2", 4083756, 4052468, 4115044},
        {"mix in=7x7x320 out=7x7x1280", 3088623, 3088623, 3088623},
        {"head in=7x7x1280 out=1000", 3, 0, 13989},
        {"mbconv in=113x113x16 out=57x57x24 k=5 e=3 s=2 skip=0", 6240567, 6199128, 6282006},
        {"mbconv in=14x14x80 out=14x14x80 k=7 e=6 s=1 skip=1", 5000000, 4959506, 5040494},
    };
    onp_import_result r = {0};
    assert_int_equal(import_text(t, small, NULL, &r), ONP_OK);
    assert_int_equal(r.n_rows, 5);
    for (size_t i = 0; i < ONP_COUNT(wanted); i++) {
        onp_estimate e;
        assert_int_equal(onp_store_estimate_get(t->store, r.platform, wanted[i].key, &e, &t->err),
                         ONP_OK);
        assert_int_equal(e.median_ns, wanted[i].ns);
        assert_in_range(e.lo_ns + 1, wanted[i].lo_ns, wanted[i].lo_ns + 2);
        assert_in_range(e.hi_ns, wanted[i].hi_ns - 1, wanted[i].hi_ns + 1);
        assert_int_equal(e.source, ONP_SOURCE_IMPORTED);
        assert_int_equal(e.run, r.run);
    }
}

static void where_it_came_from(void **state)
{
    onp_test_table *t = *state;
    onp_import_result r = {0};
    char sha256[ONP_SHA256_HEX], wanted[2 * ONP_TEST_PATH];
    assert_int_equal(import_text(t, small, NULL, &r), ONP_OK);
    onp_sha256(small, strlen(small), sha256);
    (void)snprintf(wanted, sizeof wanted, "%s/table.yaml %s proxylessnas ms 5", t->dir, sha256);
    assert_query(t->path,
                 "SELECT file || ' ' || sha256 || ' ' || format || ' ' || unit || ' ' || rows"
                 " FROM import_source JOIN run ON run.id = run_id WHERE status = 'done'"
                 " AND command = 'table import'",
                 wanted);
    assert_query(t->path,
                 "SELECT d.name || ' ' || backend || ' ' || (threads IS NULL AND batch IS NULL AND"
                 " kernel_set IS NULL) FROM platform JOIN device d ON d.id = device_id",
                 "pixel1 import:proxylessnas 1");
    assert_query(t->path,
                 "SELECT n || ' ' || mean_ns || ' ' || ifnull(median_ns, '-') || ' ' ||"
                 " round(cv, 6) FROM measurement ORDER BY id LIMIT 1",
                 "982 4083756 - 0.122494"); /* sqrt(0.2502372872758427) / 4.083755600814664 */
}

static void a_second_import_replaces(void **state)
{
    onp_test_table *t = *state;
    onp_import_result first = {0}, second = {0};
    onp_estimate e;
    assert_int_equal(import_text(t, small, NULL, &first), ONP_OK);
    assert_int_equal(import_text(t,
                                 "Conv_1-input:7x7x320-output:7x7x1280: "
                                 "{count: 2, mean: 9, var: 1}\n",
                                 NULL, &second),
                     ONP_OK);
    assert_int_equal(second.platform, first.platform);
    assert_int_not_equal(second.run, first.run);
    assert_int_equal(onp_store_estimate_get(t->store, first.platform, "mix in=7x7x320 out=7x7x1280",
                                            &e, &t->err),
                     ONP_OK);
    assert_int_equal(e.median_ns, 9000000);
    assert_query(t->path, "SELECT count(*) FROM estimate", "5");
    assert_query(t->path, "SELECT count(*) FROM measurement", "6");
}

static void nothing_is_stored(const onp_test_table *t)
{
    assert_query(t->path,
                 "SELECT (SELECT count(*) FROM device) + (SELECT count(*) FROM platform)"
                 " + (SELECT count(*) FROM run) + (SELECT count(*) FROM block)"
                 " + (SELECT count(*) FROM measurement) + (SELECT count(*) FROM estimate)"
                 " + (SELECT count(*) FROM import_source)",
                 "0");
}

#define GOOD_KEY "Conv_1-input:7x7x320-output:7x7x1280"

static void every_bad_row_is_refused(void **state)
{
    onp_test_table *t = *state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"Pool-input:7x7x320-output:7x7x1280: {count: 1, mean: 1, var: 0}", "unknown type"},
        {"conv-input:7x7x320-output:7x7x1280: {count: 1, mean: 1, var: 0}", "unknown type"},
        {"Conv_1-input:7x7-output:7x7x1280: {count: 1, mean: 1, var: 0}", "bad key at"},
        {"Conv_1-input:7x7x-3-output:7x7x1280: {count: 1, mean: 1, var: 0}", "bad key at"},
        {"Conv_1-input:07x7x320-output:7x7x1280: {count: 1, mean: 1, var: 0}", "bad key at"},
        {"Conv_1-input:7x7x320-output:7x7x1280-se:0: {count: 1, mean: 1, var: 0}", "bad key at"},
        {"Logits-input:7x7x1280-output:1x1x9: {count: 1, mean: 1, var: 0}", "bad key at"},
        {"Conv_1-input:9999999999x7x3-output:7x7x3: {count: 1, mean: 1, var: 0}", "bad key at"},
        {"Conv_1-input:99999x7x3-output:99999x7x3: {count: 1, mean: 1, var: 0}", "99999"},
        {"Conv_1-input:7x7x0-output:7x7x3: {count: 1, mean: 1, var: 0}", "0"},
        {"Conv-input:7x7x3-output:0x0x3: {count: 1, mean: 1, var: 0}", "stride"},
        {"Conv_1-input:7x7x320-output:7x8x1280: {count: 1, mean: 1, var: 0}",
         "output is 7x8, wanted 7x7"},
        {"expanded_conv-input:7x7x8-output:7x7x9-expand:3-kernel:4-stride:1-idskip:0: "
         "{count: 1, mean: 1, var: 0}",
         "kernel"},
        {"expanded_conv-input:7x7x8-output:7x7x9-expand:3-kernel:3-stride:1-idskip:1: "
         "{count: 1, mean: 1, var: 0}",
         "skip"},
        {"expanded_conv-input:7x7x8-output:7x7x8-expand:3-kernel:3-stride:1-idskip:2: "
         "{count: 1, mean: 1, var: 0}",
         "bad key at"},
        {"expanded_conv-input:7x7x8-output:7x7x8-expand:3-kernel:3-stride:1: "
         "{count: 1, mean: 1, var: 0}",
         "bad key at"},
        {GOOD_KEY ": {count: 1, mean: 1}", "var is missing"},
        {GOOD_KEY ": {mean: 1, var: 1}", "count is missing"},
        {GOOD_KEY ": {count: 1, var: 1}", "mean is missing"},
        {GOOD_KEY ": {count: 1, mean: 1, std: 1}", "unknown field \"std\""},
        {GOOD_KEY ": {count: 1, mean: 1, var: [1]}", "(a list or map)"},
        {GOOD_KEY ": 7", "a single value"},
        {GOOD_KEY ":", "single value"},
        {GOOD_KEY ": {count: 1, mean: .nan, var: 1}", "\".nan\""},
        {GOOD_KEY ": {count: 1, mean: nan, var: 1}", "\"nan\""},
        {GOOD_KEY ": {count: 1, mean: inf, var: 1}", "\"inf\""},
        {GOOD_KEY ": {count: 1, mean: 1e999, var: 1}", "\"1e999\""},
        {GOOD_KEY ": {count: 1, mean: 0x10, var: 1}", "\"0x10\""},
        {GOOD_KEY ": {count: 1, mean: 1ms, var: 1}", "\"1ms\""},
        {GOOD_KEY ": {count: 1, mean: '', var: 1}", "\"\""},
        {GOOD_KEY ": {count: 1, mean: 0, var: 1}", "mean is 0 ms"},
        {GOOD_KEY ": {count: 1, mean: -0.24, var: 1}", "mean is -0.24 ms"},
        {GOOD_KEY ": {count: 1, mean: 1e-7, var: 1}", "mean is 1e-07 ms"},
        {GOOD_KEY ": {count: 1, mean: 1e7, var: 1}", "mean is 1e+07 ms"},
        {GOOD_KEY ": {count: 0, mean: 1, var: 1}", "count is 0"},
        {GOOD_KEY ": {count: 1.5, mean: 1, var: 1}", "count is 1.5"},
        {GOOD_KEY ": {count: 1e18, mean: 1, var: 1}", "count is 1e+18"},
        {GOOD_KEY ": {count: 1, mean: 1, var: -1}", "var is -1"},
    };
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        char text[512];
        onp_import_result r = {.n_rows = 77};
        (void)snprintf(text, sizeof text,
                       "Logits-input:7x7x1280-output:1000: {count: 1, mean: 1, var: 0}\n%s\n",
                       bad[i].text);
        if (import_text(t, text, NULL, &r) != ONP_E_FORMAT)
            fail_msg("taken: %s", bad[i].text);
        onp_assert_contains(t->err.msg, "table.yaml:2:");
        onp_assert_contains(t->err.msg, bad[i].says);
        assert_int_equal(r.n_rows, 77);
    }
    nothing_is_stored(t);
}

static void all_bad_rows_are_listed(void **state)
{
    onp_test_table *t = *state;
    onp_import_result r = {0};
    onp_strbuf problems;
    onp_strbuf_init(&problems, &t->ctx);
    assert_int_equal(import_text(t,
                                 "Nonsense: {count: 1}\n" GOOD_KEY ":\n  count: 1\n  mean: x\n"
                                 "  var: y\n"
                                 "Logits-input:7x7x1280-output:1000: {count: 1, mean: 1, var: 0}\n"
                                 "Logits-input:7x7x1280-output:10: {count: 1}\n",
                                 &problems, &r),
                     ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "3 bad rows, nothing imported; the first: ");
    onp_assert_contains(problems.text, "table.yaml:1:1: error: Nonsense: unknown type");
    onp_assert_contains(problems.text, "table.yaml:4:3: error: mean is \"x\"");
    onp_assert_contains(problems.text, "table.yaml:7:1: error: head in=7x7x1280 out=10: mean is");
    size_t lines = 0;
    for (const char *c = problems.text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 3);
    onp_strbuf_reset(&problems);
    nothing_is_stored(t);
}

static void unusable_files(void **state)
{
    onp_test_table *t = *state;
    char path[ONP_TEST_PATH];
    onp_import_result r = {0};
    static const char *const bad[] = {"",
                                      "- a\n- b\n",
                                      "a: [1\n",
                                      "just text",
                                      "{}",
                                      GOOD_KEY ": {count: 1, mean: 1, var: 0}\n" GOOD_KEY
                                               ": {count: 1, mean: 2, var: 0}\n",
                                      GOOD_KEY ": {count: 1, mean: 1, mean: 2, var: 0}\n"};
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        if (import_text(t, bad[i], NULL, &r) != ONP_E_FORMAT)
            fail_msg("taken, or another status: %s: %s", bad[i], t->err.msg);
        assert_int_equal(t->err.status, ONP_E_FORMAT);
        onp_assert_contains(t->err.msg, "table.yaml");
    }
    assert_int_equal(onp_test_import(t->store, "proxylessnas", "/no/such/file.yaml", "pixel1", NULL,
                                     NULL, &r, &t->err),
                     ONP_E_FORMAT);
    assert_int_equal(t->err.status, ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "/no/such/file.yaml");
    assert_int_equal(onp_test_import(t->store, "toml", t->path, "pixel1", NULL, NULL, &r, &t->err),
                     ONP_E_USAGE);
    onp_assert_contains(t->err.msg, "formats: proxylessnas csv jsonl yaml");
    onp_test_path(path, t->dir, "table.yaml");
    onp_test_write(path, small, strlen(small));
    assert_int_equal(onp_test_import(t->store, "proxylessnas", path, "", NULL, NULL, &r, &t->err),
                     ONP_E_USAGE);
    onp_assert_contains(t->err.msg, "the device has no name");
    nothing_is_stored(t);
}

/* A failure of the database in the middle: a constraint stands for a full disk. */
static void a_failure_half_way_leaves_nothing(void **state)
{
    onp_test_table *t = *state;
    onp_import_result r = {0};
    assert_int_equal(onp_test_sql(t->path, "ALTER TABLE estimate ADD COLUMN full INTEGER"
                                           " CONSTRAINT 'no more room' CHECK (block_id < 3)"),
                     SQLITE_OK);
    assert_int_equal(import_text(t, small, NULL, &r), ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "no more room");
    nothing_is_stored(t);
    assert_int_equal(onp_test_sql(t->path, "ALTER TABLE estimate DROP COLUMN full"), SQLITE_OK);
    assert_int_equal(import_text(t, small, NULL, &r), ONP_OK);
}

static onp_status import_with(const onp_context *ctx, void *arg)
{
    onp_test_table *t = arg;
    char path[ONP_TEST_PATH], source[ONP_TEST_PATH];
    onp_store *s = NULL;
    onp_import_result r = {0};
    onp_test_path(path, t->dir, "other.db");
    onp_test_path(source, t->dir, "table.yaml");
    onp_status st = onp_store_open(ctx, path, ONP_SQL_CREATE, &s, &t->err);
    if (st == ONP_OK)
        st = onp_test_import(s, "proxylessnas", source, "pixel1", NULL, NULL, &r, &t->err);
    onp_store_close(s);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    onp_test_table *t = *state;
    char path[ONP_TEST_PATH];
    onp_test_path(path, t->dir, "table.yaml");
    onp_test_write(path, small, strlen(small));
    onp_test_each_allocation(import_with, t);
    onp_test_path(path, t->dir, "other.db");
    assert_query(path, "SELECT count(*) FROM run", "1"); /* only the last one, which passed */
}

/* Bad rows while memory fails: the status is that of the memory, or the list is whole. */
static onp_status import_bad_with(const onp_context *ctx, void *arg)
{
    onp_status st = import_with(ctx, arg);
    return st == ONP_E_FORMAT ? ONP_OK : st;
}

static void each_allocation_may_fail_on_bad_rows(void **state)
{
    onp_test_table *t = *state;
    char path[ONP_TEST_PATH];
    static const char text[] = "Nonsense: {count: 1}\nMore: 1\n";
    onp_test_path(path, t->dir, "table.yaml");
    onp_test_write(path, text, strlen(text));
    onp_test_each_allocation(import_bad_with, t);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(keys_and_values),
        WITH_STORE(where_it_came_from),
        WITH_STORE(a_second_import_replaces),
        WITH_STORE(every_bad_row_is_refused),
        WITH_STORE(all_bad_rows_are_listed),
        WITH_STORE(unusable_files),
        WITH_STORE(a_failure_half_way_leaves_nothing),
        WITH_STORE(each_allocation_may_fail),
        WITH_STORE(each_allocation_may_fail_on_bad_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
