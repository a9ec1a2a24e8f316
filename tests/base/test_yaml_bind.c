/* SPDX-License-Identifier: Apache-2.0 */
/* From the tree to the struct: types, ranges, defaults, --set, and what is said of problems. */
#include <stdio.h>
#include <string.h>

#include "tests/base/yaml_fixture.h"

/* ---- binding -------------------------------------------------------------------------------- */

static void space_binds(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    space s = {0};
    onp_error err = {0};
    assert_int_equal(onp_yaml_parse(&ctx, space_text, strlen(space_text), "s.yaml", &doc, &err),
                     ONP_OK);
    assert_int_equal(onp_yaml_bind(doc, space_fields, &s, NULL, &err), ONP_OK);
    assert_true(onp_yaml_has(doc, "stages"));
    assert_false(onp_yaml_has(doc, "space"));
    assert_string_equal(s.name, "mbconv-cifar");
    assert_int_equal(s.height, 32);
    assert_int_equal(s.mix_channels, 640);
    assert_int_equal(s.n_candidates, 3);
    assert_int_equal(s.candidates[0].expand, 6);
    assert_int_equal(s.candidates[0].line, 5);
    assert_int_equal(s.candidates[1].op, 1);
    assert_int_equal(s.candidates[1].kernel, 5);
    assert_int_equal(s.candidates[1].line, 6);
    assert_int_equal(s.candidates[2].op, 2);
    assert_int_equal(s.candidates[2].kernel, 0); /* absent: the default, below the range */
    assert_int_equal(s.candidates[2].line, 9);
    assert_int_equal(s.stem.kernel, 0); /* absent and optional, though its op is required */
    assert_int_equal(s.n_stages, 2);
    assert_int_equal(s.stages[1].channels, 40);
    assert_int_equal(s.stages[1].stride, 2);
    onp_yaml_release(&ctx, space_fields, &s);
    assert_null(s.candidates);
    assert_null(s.name);
    onp_yaml_free(doc);
    onp_yaml_free(NULL);
}

static void config_binds_with_defaults(void **state)
{
    (void)state;
    bound b;
    bind_config(&b, config_text, NULL);
    assert_int_equal(b.st, ONP_OK);
    assert_string_equal(b.problems.text, "");
    assert_string_equal(b.config.train, "conf/../images/train");
    assert_string_equal(b.config.space, "/spaces/s.yaml");
    assert_null(b.config.note);
    assert_true(b.config.flip);
    assert_true(b.config.latency.share == 0.6);
    assert_int_equal(b.config.latency.ns, 0);
    assert_int_equal(b.config.warmup_ns, 100000000);
    assert_int_equal(b.config.epochs, 12);
    assert_int_equal(b.config.epochs_line, 7);
    assert_int_equal(b.config.loss, 2);
    assert_true(b.config.lambda == 2.5 && b.config.decay == 4e-5 && b.config.below == 0.02);
    drop(&b);
    bind_config(&b, "data: {train: x}\nspace: y\ntarget: {latency: 3ms}\n", NULL);
    assert_int_equal(b.st, ONP_OK);
    assert_int_equal(b.config.epochs, 30); /* search is optional: its defaults, all the way */
    assert_int_equal(b.config.epochs_line, 0);
    assert_true(b.config.lambda == 1);
    assert_int_equal(b.config.latency.ns, 3000000);
    drop(&b);
}

static void all_problems_come_at_once(void **state)
{
    (void)state;
    bound b;
    bind_config(&b,
                "data:\n"
                "  trian: x\n"
                "  flip: 1\n"
                "  limit: 1.5\n"
                "space: [a]\n"
                "note: ~\n"
                "target: {latency: 20, warmup: 3msec}\n"
                "search:\n"
                "  epochs: 0\n"
                "  decay: \"1\"\n"
                "  epochs: 5\n"
                "  loss: {kind: hinje, lambda: -1}\n"
                "  below: {}\n"
                "schema: 1\n",
                NULL);
    assert_int_equal(b.st, ONP_E_CONFIG);
    assert_string_equal(
        b.problems.text,
        "conf/q.yaml:2:3: error: unknown key \"trian\" in data (did you mean \"train\"?)\n"
        "conf/q.yaml:3:9: error: data.flip is the number 1, wanted true or false\n"
        "conf/q.yaml:4:10: error: data.limit is the number 1.5, wanted an integer\n"
        "conf/q.yaml:1:1: error: missing key \"train\" in data, wanted a path\n"
        "conf/q.yaml:5:8: error: space is a list, wanted a path\n"
        "conf/q.yaml:6:7: error: note is empty, wanted a text\n"
        "conf/q.yaml:7:19: error: target.latency is the number 20, wanted a time with a unit such "
        "as 3ms (ns, us, ms, s) or a share such as 60%\n"
        "conf/q.yaml:7:31: error: target.warmup is the text \"3msec\", wanted a time with a unit "
        "such as 3ms (ns, us, ms, s)\n"
        "conf/q.yaml:9:11: error: search.epochs is the number 0, wanted at least 1\n"
        "conf/q.yaml:10:10: error: search.decay is the text \"1\", wanted a number\n"
        "conf/q.yaml:11:3: error: duplicate key \"search.epochs\", first on line 9\n"
        "conf/q.yaml:12:16: error: search.loss.kind is the text \"hinje\", wanted one of hinge, "
        "add-linear, mul-log (did you mean \"hinge\"?)\n"
        "conf/q.yaml:12:31: error: search.loss.lambda is the number -1, wanted at least 0\n"
        "conf/q.yaml:13:10: error: search.below is a map, wanted a number\n"
        "conf/q.yaml:14:1: error: unknown key \"schema\"\n");
    assert_string_equal(b.err.msg, "conf/q.yaml:2:3: error: unknown key \"trian\" in data (did you "
                                   "mean \"train\"?)");
    drop(&b);
}

static void problems_of_lists_name_the_item(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    onp_strbuf problems;
    onp_strbuf_init(&problems, &ctx);
    space s = {0};
    const char *text = "schema: 1\nname: n\ninput: 5\nclasses: 10\ncandidates: {}\nstages:\n"
                       "  - {channels: 24, blocks: 3}\n"
                       "  - 7\n"
                       "  - {channels: 9999, blocks: 1, stride: 1, strid: 1}\n";
    assert_int_equal(onp_yaml_parse(&ctx, text, strlen(text), "s.yaml", &doc, NULL), ONP_OK);
    assert_int_equal(onp_yaml_bind(doc, space_fields, &s, &problems, NULL), ONP_E_CONFIG);
    assert_string_equal(
        problems.text,
        "s.yaml:3:8: error: input is the number 5, wanted a map of keys\n"
        "s.yaml:5:13: error: candidates is a map, wanted a list of maps\n"
        "s.yaml:7:5: error: missing key \"stride\" in stages.0, wanted an integer\n"
        "s.yaml:8:5: error: stages.1 is the number 7, wanted a map of keys\n"
        "s.yaml:9:16: error: stages.2.channels is the number 9999, wanted 1..4096\n"
        "s.yaml:9:44: error: unknown key \"strid\" in stages.2 (did you mean \"stride\"?)\n");
    onp_yaml_release(&ctx, space_fields, &s);
    onp_strbuf_reset(&problems);
    onp_yaml_free(doc);
}

static void hints_are_near(void **state)
{
    (void)state;
    static const struct {
        const char *key, *hint;
    } rows[] = {
        {"dta", "\"data\"?"}, {"daata", "\"data\"?"},   {"dxtx", "\"data\"?"},
        {"not", "\"note\"?"}, {"spaces", "\"space\"?"}, {"xxxx", NULL},
        {"datasets", NULL},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s: 1\n", rows[i].key);
        bound b;
        bind_config(&b, text, NULL);
        if (rows[i].hint != NULL)
            onp_assert_contains(b.err.msg, rows[i].hint);
        else
            assert_null(strstr(b.err.msg, "did you mean"));
        drop(&b);
    }
}

static void many_problems_are_counted(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_strbuf text;
    onp_strbuf_init(&text, &ctx);
    for (int i = 0; i < 1500; i++)
        onp_strbuf_addf(&text, "unknown%d: \"a\\nb\"\n", i);
    bound b;
    bind_config(&b, text.text, NULL);
    assert_int_equal(b.st, ONP_E_CONFIG);
    onp_assert_contains(b.problems.text, "conf/q.yaml:1000:1: error: unknown key \"unknown999\"\n");
    onp_assert_contains(b.problems.text, "conf/q.yaml: 503 more errors\n"); /* 3 missing keys */
    drop(&b);
    onp_strbuf_reset(&text);
}

/* ---- scalars -------------------------------------------------------------------------------- */

static void durations_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"3ms", 3000000},   {"800us", 800000},   {"1.5s", 1500000000}, {"20ns", 20},
                {"1e3us", 1000000}, {"0.1s", 100000000}, {"+2ms", 2000000},    {".5us", 500}};
    int64_t ns = 7;
    onp_error err = {0};
    for (size_t i = 0; i < ONP_COUNT(good); i++) {
        assert_int_equal(onp_duration_parse(good[i].text, &ns, &err), ONP_OK);
        assert_int_equal(ns, good[i].ns);
    }
    static const char *const bad[] = {"",     "3",    "ms",    "3 ms", "3m",   "3msec",
                                      "-3ms", "0s",   "0.2ns", "nans", "infs", "0x3ms",
                                      "1e9s", "3ms ", "--3s",  "60%"};
    ns = 7;
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        assert_int_equal(onp_duration_parse(bad[i], &ns, &err), ONP_E_CONFIG);
        onp_assert_contains(err.msg, bad[i]);
        onp_assert_contains(err.msg, "(ns, us, ms, s)");
    }
    assert_int_equal(ns, 7);
}

static void scalars_are_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "search.epochs=9223372036854775808",
        "search.epochs=0x10",
        "search.epochs=1_000",
        "search.epochs=",
        "search.epochs=+",
        "search.decay=nan",
        "search.decay=.inf",
        "search.decay=1e999",
        "search.decay=1x",
        "data.flip=yes",
        "data.flip=True",
        "target.latency=0%",
        "target.latency=-5%",
        "target.latency=%",
        "search.loss.kind=",
        "target.warmup=11s",
        "target.warmup=1us",
        "search.below=1.01",
    };
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        const char *const set[] = {bad[i], NULL};
        bound b;
        bind_config(&b, config_text, set);
        if (b.st != ONP_E_CONFIG)
            fail_msg("%s was taken", bad[i]);
        onp_assert_contains(b.err.msg, "--set ");
        drop(&b);
    }
    const char *const set[] = {"target.warmup=11s", NULL};
    bound b;
    bind_config(&b, config_text, set);
    assert_string_equal(b.err.msg,
                        "--set target.warmup: error: target.warmup is the text \"11s\", wanted "
                        "1ms..10s");
    drop(&b);
}

/* ---- --set ---------------------------------------------------------------------------------- */

static void set_overrides_and_adds(void **state)
{
    (void)state;
    const char *const set[] = {"search.loss.lambda=0",
                               "data.limit=6000",
                               "data.train=here/t",
                               "note=a=b: c",
                               "search.epochs=3",
                               "search.epochs=4",
                               NULL};
    bound b;
    bind_config(&b, config_text, set);
    assert_int_equal(b.st, ONP_OK);
    assert_true(b.config.lambda == 0);
    assert_int_equal(b.config.limit, 6000);
    assert_string_equal(b.config.train, "here/t"); /* from the working folder */
    assert_string_equal(b.config.note, "a=b: c");
    assert_int_equal(b.config.epochs, 4);
    assert_int_equal(b.config.epochs_line, 0);
    onp_error err;
    onp_yaml_problem(b.doc, "search.epochs", "wanted 5", &err);
    assert_string_equal(err.msg, "--set search.epochs: error: wanted 5");
    onp_yaml_problem(b.doc, "search.loss.kind", "wanted hinge", &err);
    assert_string_equal(err.msg, "conf/q.yaml:8:23: error: search.loss.kind: wanted hinge");
    drop(&b);
    const char *const deep[] = {"search.loss.lambda=3", NULL}; /* below what the file has */
    bind_config(&b, "data: {train: x}\nspace: y\ntarget: {latency: 3ms}\n", deep);
    assert_int_equal(b.st, ONP_OK);
    assert_true(b.config.lambda == 3);
    assert_int_equal(b.config.epochs, 30);
    drop(&b);
}

static void set_problems_name_the_option(void **state)
{
    (void)state;
    const char *const set[] = {"search.los.lambda=1", "search.epochs=many", "data=3", NULL};
    bound b;
    bind_config(&b, config_text, set);
    assert_int_equal(b.st, ONP_E_CONFIG);
    assert_string_equal(
        b.problems.text,
        "--set data: error: data is the number 3, wanted a map of keys\n"
        "--set search.epochs: error: search.epochs is the text \"many\", wanted an integer\n"
        "--set search.los.lambda: error: unknown key \"los\" in search (did you mean \"loss\"?)\n");
    drop(&b);
}

static void set_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"search.epochs",
                                      "=3",
                                      "search..epochs=1",
                                      "search.=1",
                                      ".search=1",
                                      "search.epochs.x=1",
                                      "stages.2.x=1",
                                      "stages.x=1",
                                      "stages.-1=1",
                                      "stages.0.a.b=1",
                                      ""};
    onp_context ctx;
    onp_context_init(&ctx);
    onp_yaml_doc *doc = NULL;
    const char *text = "search: {epochs: 1}\nstages: [{a: 1}, {a: 2}]\n";
    assert_int_equal(onp_yaml_parse(&ctx, text, strlen(text), "t", &doc, NULL), ONP_OK);
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        onp_error err = {0};
        if (onp_yaml_set(doc, bad[i], &err) != ONP_E_USAGE)
            fail_msg("--set %s was taken", bad[i]);
        onp_assert_contains(err.msg, "--set ");
    }
    assert_int_equal(onp_yaml_set(doc, "stages.1.a=7", NULL), ONP_OK);
    onp_yaml_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_binds),
        cmocka_unit_test(config_binds_with_defaults),
        cmocka_unit_test(all_problems_come_at_once),
        cmocka_unit_test(problems_of_lists_name_the_item),
        cmocka_unit_test(hints_are_near),
        cmocka_unit_test(many_problems_are_counted),
        cmocka_unit_test(durations_parse),
        cmocka_unit_test(scalars_are_strict),
        cmocka_unit_test(set_overrides_and_adds),
        cmocka_unit_test(set_problems_name_the_option),
        cmocka_unit_test(set_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
