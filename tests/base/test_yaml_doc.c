/* SPDX-License-Identifier: Apache-2.0 */
/* From the text to the tree and back: parsing, reading files, emitting, walking. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/base/yaml_fixture.h"

/* ---- parsing -------------------------------------------------------------------------------- */

static void parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "t:1:1: error: the file is empty"},
        {"# nothing\n", "the file is empty"},
        {"- 1\n", "t:1:1: error: the file is not a map"},
        {"just text\n", "the file is not a map"},
        {"a: 1\nb: &x 2\n", "t:2:4: error: anchors"},
        {"a: 1\nb: *x\n", "t:2:4: error: anchors"},
        {"a: &x {b: 1}\n", "anchors"},
        {"a: &x [1]\n", "anchors"},
        {"a: !!int 3\n", "t:1:4: error: tags"},
        {"a: !x {b: 1}\n", "tags"},
        {"[a, b]: 1\n", "t:1:1: error: "},
        {"? [a]\n: 1\n", "t:1:3: error: a key is a list or a map"},
        {"a: 1\n---\nb: 2\n", "t:2:1: error: a second document"},
        {"a: 1\n b: 2\n", "t:2:"},
        {"a: [1, 2\n", "t:2:1: error: "},
        {"a: \"x\n", "error: "},
        {"a: \"x\\0y\"\n", "t:1:4: error: text with a NUL"},
        {"a: 1\nb: \x01\n", "t:2:4: error: control characters"},
        {"a: 1\nbc: \xff\n", "t:2:5: error: "},
        {"\tb: 1\n", "t:1:1: error: "},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_context ctx;
        onp_context_init(&ctx);
        onp_yaml_doc *doc = NULL;
        onp_error err = {0};
        if (onp_yaml_parse(&ctx, rows[i].text, strlen(rows[i].text), "t", &doc, &err) !=
            ONP_E_CONFIG)
            fail_msg("taken: %s", rows[i].text);
        assert_null(doc);
        onp_assert_contains(err.msg, rows[i].part);
    }
}

static void parse_bounds_depth_and_count(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    onp_error err = {0};
    char deep[200] = "a: ";
    size_t n = strlen(deep);
    memset(deep + n, '[', 31);
    memset(deep + n + 31, ']', 31);
    assert_int_equal(onp_yaml_parse(&ctx, deep, n + 62, "t", &doc, &err), ONP_OK);
    onp_yaml_free(doc);
    memset(deep + n, '[', 100);
    assert_int_equal(onp_yaml_parse(&ctx, deep, n + 100, "t", &doc, &err), ONP_E_CONFIG);
    onp_assert_contains(err.msg, "t:1:35: error: nested deeper than 32 levels");
    size_t size = 3 + 2 * 1000001;
    char *wide = malloc(size);
    assert_non_null(wide);
    for (size_t i = 0; i < size; i++)
        wide[i] = (i < 4 ? "a: [" : "1,1,")[i % 4];
    assert_int_equal(onp_yaml_parse(&ctx, wide, size, "t", &doc, &err), ONP_E_CONFIG);
    onp_assert_contains(err.msg, "more than a million values");
    free(wide);
}

/* Every prefix of a config is either bound or refused with its position; nothing is read past it.
 */
static void prefixes_never_crash(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    for (size_t size = 0; size <= strlen(space_text); size++) {
        char *exact = malloc(size + 1);
        assert_non_null(exact);
        memcpy(exact, space_text, size);
        onp_yaml_doc *doc = NULL;
        space s = {0};
        onp_error err = {0};
        onp_status st = onp_yaml_parse(&ctx, exact, size, "t", &doc, &err);
        if (st == ONP_OK)
            st = onp_yaml_bind(doc, space_fields, &s, NULL, &err);
        assert_true(st == ONP_OK || st == ONP_E_CONFIG);
        if (st != ONP_OK)
            onp_assert_contains(err.msg, "error: ");
        onp_yaml_release(&ctx, space_fields, &s);
        onp_yaml_free(doc);
        free(exact);
    }
}

static void load_reads_files(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "s.yaml");
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    onp_error err = {0};
    assert_int_equal(onp_yaml_load(&ctx, path, &doc, &err), ONP_E_CONFIG);
    assert_int_equal(err.status, ONP_E_CONFIG);
    onp_assert_contains(err.msg, "s.yaml: No such file or directory");
    assert_int_equal(onp_yaml_load(&ctx, dir, &doc, &err), ONP_E_CONFIG);
    onp_test_write(path, space_text, strlen(space_text));
    assert_int_equal(onp_yaml_load(&ctx, path, &doc, &err), ONP_OK);
    onp_yaml_free(doc);
    onp_test_dir_remove(dir);
}

static void problems_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *key, *where;
    } rows[] = {
        {"stages.1.blocks", "12:20"},
        {"candidates.2", "9:5"},
        {"classes", "14:1"},
        /* what holds a key that is not there */
        {"stages.2", "10:1"},
        {"stages.x", "10:1"},
        {"stages.1.", "12:5"},
        {"stages.1.block.x", "12:5"},
        {"name.x", "2:1"},
        {"nam", "1:1"},
        {"", "1:1"},
    };
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    assert_int_equal(onp_yaml_parse(&ctx, space_text, strlen(space_text), "t", &doc, NULL), ONP_OK);
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_error err;
        char wanted[64];
        onp_yaml_problem(doc, rows[i].key, "bad", &err);
        (void)snprintf(wanted, sizeof wanted, "t:%s: error: %s: bad", rows[i].where, rows[i].key);
        assert_string_equal(err.msg, wanted);
        assert_int_equal(err.status, ONP_E_CONFIG);
    }
    onp_yaml_free(doc);
}

/* ---- emit ----------------------------------------------------------------------------------- */

static void emit_reads_back(void **state)
{
    (void)state;
    const char *const set[] = {"note=null: \"it's\" # \xc3\xa9\n\tx",
                               "target.latency=7%",
                               "search.decay=0.30000000000000004",
                               "target.warmup=1234567ns",
                               "data.train=/a b/c: d",
                               NULL};
    bound b, back;
    bind_config(&b, config_text, set);
    assert_int_equal(b.st, ONP_OK);
    onp_strbuf text;
    onp_strbuf_init(&text, &b.ctx);
    assert_int_equal(onp_yaml_emit(config_fields, &b.config, &text, NULL), ONP_OK);
    onp_assert_contains(text.text, "  latency: 7%\n  warmup: 1234567ns\n");
    bind_config(&back, text.text, NULL);
    assert_int_equal(back.st, ONP_OK);
    assert_string_equal(back.config.note, b.config.note);
    assert_string_equal(back.config.train, "/a b/c: d");
    assert_true(back.config.latency.share == 0.07);
    assert_true(back.config.decay == b.config.decay);
    assert_int_equal(back.config.warmup_ns, 1234567);
    assert_int_equal(back.config.loss, 2);
    assert_true(back.config.flip);
    onp_strbuf again;
    onp_strbuf_init(&again, &b.ctx);
    assert_int_equal(onp_yaml_emit(config_fields, &back.config, &again, NULL), ONP_OK);
    assert_string_equal(again.text, text.text);
    onp_strbuf_reset(&text);
    onp_strbuf_reset(&again);
    drop(&b);
    drop(&back);
}

static void emit_keeps_shares(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    const onp_yaml_field fields[] = {{.key = "t", .type = ONP_YAML_TARGET}, {.key = NULL}};
    for (int i = 1; i <= 1000; i++) {
        onp_yaml_target t = {.share = i / 10.0 / 100}, back = {0};
        onp_strbuf text;
        onp_strbuf_init(&text, &ctx);
        assert_int_equal(onp_yaml_emit(fields, &t, &text, NULL), ONP_OK);
        assert_true(text.length <= strlen("t: 99.9%\n"));
        onp_yaml_doc *doc = NULL;
        assert_int_equal(onp_yaml_parse(&ctx, text.text, text.length, "t", &doc, NULL), ONP_OK);
        assert_int_equal(onp_yaml_bind(doc, fields, &back, NULL, NULL), ONP_OK);
        assert_true(back.share == t.share);
        onp_yaml_free(doc);
        onp_strbuf_reset(&text);
    }
}

static void emit_leaves_out_what_was_not_given(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    space s = {0};
    assert_int_equal(onp_yaml_parse(&ctx, space_text, strlen(space_text), "t", &doc, NULL), ONP_OK);
    assert_int_equal(onp_yaml_bind(doc, space_fields, &s, NULL, NULL), ONP_OK);
    s.mix_channels = 0;
    char *name = s.name, null_text[] = "null";
    s.name = null_text;
    onp_strbuf text;
    onp_strbuf_init(&text, &ctx);
    assert_int_equal(onp_yaml_emit(space_fields, &s, &text, NULL), ONP_OK);
    assert_string_equal(text.text, "schema: 1\n"
                                   "name: \"null\"\n"
                                   "input:\n"
                                   "  height: 32\n"
                                   "stem:\n"
                                   "  op: conv\n"
                                   "candidates:\n"
                                   "- {op: mbconv, kernel: 3, expand: 6}\n"
                                   "- {op: mbconv, kernel: 5, expand: 3}\n"
                                   "- {op: zero}\n"
                                   "stages:\n"
                                   "- {channels: 24, blocks: 3, stride: 1}\n"
                                   "- {channels: 40, blocks: 3, stride: 2}\n"
                                   "classes: 10\n");
    s.name = name;
    onp_strbuf_reset(&text);
    onp_yaml_release(&ctx, space_fields, &s);
    onp_yaml_free(doc);
}

static onp_status whole_trip(const onp_context *ctx, void *arg)
{
    (void)arg;
    onp_yaml_doc *doc = NULL;
    space s = {0};
    onp_strbuf text;
    onp_strbuf_init(&text, ctx);
    onp_error err = {0};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_yaml_parse(ctx, space_text, strlen(space_text), "a/t.yaml", &doc, &err));
    ONP_TRY_GOTO(onp_yaml_set(doc, "name=other", &err));
    ONP_TRY_GOTO(onp_yaml_bind(doc, space_fields, &s, NULL, &err));
    assert_string_equal(s.name, "other");
    ONP_TRY_GOTO(onp_yaml_emit(space_fields, &s, &text, &err));
done:
    assert_true(st == ONP_OK || err.status == st);
    onp_strbuf_reset(&text);
    onp_yaml_release(ctx, space_fields, &s);
    onp_yaml_free(doc);
    return st;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    onp_test_each_allocation(whole_trip, NULL);
}

/* ---- walk ----------------------------------------------------------------------------------- */

static onp_status note_visit(void *user, const char *key, const char *child_key, const char *scalar,
                             int line, int column, onp_error *err)
{
    onp_strbuf *out = user;
    if (strcmp(key, "stop") == 0)
        return onp_fail(err, ONP_E_FORMAT, "stopped on line %d", line);
    onp_strbuf_addf(out, "%d:%d %s/%s=%s\n", line, column, key, child_key ? child_key : "",
                    scalar ? scalar : "-");
    return ONP_OK;
}

static void walk_visits_in_order(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_strbuf seen;
    onp_strbuf_init(&seen, &ctx);
    onp_yaml_doc *doc = NULL;
    onp_error err = {0};
    const char *text = "a-b: {mean: 1.5, deeper: {x: 1}}\nc: 7\nd: [1, 2]\nstop: 1\ne: 2\n";
    assert_int_equal(onp_yaml_parse(&ctx, text, strlen(text), "t", &doc, &err), ONP_OK);
    assert_int_equal(onp_yaml_walk(doc, note_visit, &seen, &err), ONP_E_FORMAT);
    assert_string_equal(err.msg, "stopped on line 4");
    assert_string_equal(seen.text, "1:1 a-b/=-\n1:7 a-b/mean=1.5\n1:18 a-b/deeper=-\n2:1 c/=7\n"
                                   "3:1 d/=-\n");
    onp_yaml_free(doc);
    onp_strbuf_reset(&seen);
    text = "a: 1\nb: {c: 1,\n    c: 2}\nb: 3\n";
    assert_int_equal(onp_yaml_parse(&ctx, text, strlen(text), "t", &doc, &err), ONP_OK);
    assert_int_equal(onp_yaml_walk(doc, note_visit, &seen, &err), ONP_E_CONFIG);
    assert_string_equal(err.msg, "t:3:5: error: duplicate key \"c\", first on line 2");
    assert_string_equal(seen.text, "");
    onp_yaml_free(doc);
}

static onp_status count_means(void *user, const char *key, const char *child_key,
                              const char *scalar, int line, int column, onp_error *err)
{
    (void)key, (void)line, (void)column, (void)err;
    int *count = user;
    *count += child_key != NULL && strcmp(child_key, "mean") == 0 && scalar != NULL;
    return ONP_OK;
}

static void walk_reads_a_published_table(void **state)
{
    (void)state;
    const char *shared = onp_test_shared();
    if (shared == NULL)
        skip();
    char path[ONP_TEST_PATH];
    onp_test_path(path, shared, "latency-data/han-cai-files/mobile_trim.yaml");
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    onp_error err = {0};
    if (onp_yaml_load(&ctx, path, &doc, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    int count = 0;
    assert_int_equal(onp_yaml_walk(doc, count_means, &count, &err), ONP_OK);
    assert_int_equal(count, 72);
    onp_yaml_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(parse_bounds_depth_and_count),
        cmocka_unit_test(prefixes_never_crash),
        cmocka_unit_test(load_reads_files),
        cmocka_unit_test(problems_name_the_place),
        cmocka_unit_test(emit_reads_back),
        cmocka_unit_test(emit_keeps_shares),
        cmocka_unit_test(emit_leaves_out_what_was_not_given),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(walk_visits_in_order),
        cmocka_unit_test(walk_reads_a_published_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
