/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/yaml.h"
#include "tests/test_support.h"

/* ---- a space and a search, as the tool reads them ------------------------------------------- */

typedef struct choice {
    int op, line;
    int64_t kernel, expand;
} choice;

typedef struct stage {
    int64_t channels, blocks, stride;
} stage;

typedef struct space {
    int64_t schema, classes, height, mix_channels;
    char *name;
    choice stem;
    choice *candidates;
    stage *stages;
    size_t n_candidates, n_stages;
} space;

static const char *const ops[] = {"conv", "mbconv", "zero", NULL};
static const onp_yaml_field choice_fields[] = {{.key = "op",
                                                .type = ONP_YAML_CHOICE,
                                                .offset = offsetof(choice, op),
                                                .choices = ops,
                                                .line_offset = offsetof(choice, line)},
                                               {.key = "kernel",
                                                .type = ONP_YAML_INT,
                                                .offset = offsetof(choice, kernel),
                                                .def = "0",
                                                .min = 1,
                                                .max = 31},
                                               {.key = "expand",
                                                .type = ONP_YAML_INT,
                                                .offset = offsetof(choice, expand),
                                                .def = "0",
                                                .min = 1,
                                                .max = 64},
                                               {.key = NULL}};
#define INT_FROM_1(owner, name)                                                                    \
    {                                                                                              \
        .key = #name, .type = ONP_YAML_INT, .offset = offsetof(owner, name), .min = 1, .max = 4096 \
    }
static const onp_yaml_field stage_fields[] = {INT_FROM_1(stage, channels),
                                              INT_FROM_1(stage, blocks),
                                              INT_FROM_1(stage, stride),
                                              {.key = NULL}};
static const onp_yaml_field input_fields[] = {INT_FROM_1(space, height), {.key = NULL}};
static const onp_yaml_field mix_fields[] = {{.key = "channels",
                                             .type = ONP_YAML_INT,
                                             .offset = offsetof(space, mix_channels),
                                             .min = 1,
                                             .max = 4096},
                                            {.key = NULL}};
static const onp_yaml_field space_fields[] = {
    INT_FROM_1(space, schema),
    {.key = "name", .type = ONP_YAML_STRING, .offset = offsetof(space, name)},
    {.key = "input", .type = ONP_YAML_MAP, .fields = input_fields},
    {.key = "stem",
     .type = ONP_YAML_MAP,
     .offset = offsetof(space, stem),
     .fields = choice_fields,
     .optional = true},
    {.key = "candidates",
     .type = ONP_YAML_LIST,
     .offset = offsetof(space, candidates),
     .fields = choice_fields,
     .elem_size = sizeof(choice),
     .count_offset = offsetof(space, n_candidates)},
    {.key = "stages",
     .type = ONP_YAML_LIST,
     .offset = offsetof(space, stages),
     .fields = stage_fields,
     .elem_size = sizeof(stage),
     .count_offset = offsetof(space, n_stages)},
    {.key = "mix", .type = ONP_YAML_MAP, .fields = mix_fields, .optional = true},
    INT_FROM_1(space, classes),
    {.key = NULL}};

static const char space_text[] = "schema: 1\n"
                                 "name: mbconv-cifar\n"
                                 "input: {height: 32}\n"
                                 "candidates:\n"
                                 "  - {op: mbconv, kernel: 3, expand: 6}    # 3x3e6\n"
                                 "  - op: mbconv\n"
                                 "    kernel: 5\n"
                                 "    expand: 3\n"
                                 "  - {op: zero}        # only where shapes allow\n"
                                 "stages:\n"
                                 "  - {channels: 24, blocks: 3, stride: 1}\n"
                                 "  - {channels: 40, blocks: 3, stride: 2}\n"
                                 "mix: {channels: 640}\n"
                                 "classes: 10\n";

typedef struct search {
    int64_t epochs, limit, warmup_ns;
    int epochs_line, loss;
    double lambda, decay, below;
    bool flip;
    char *train, *space, *note;
    onp_yaml_target latency;
} search;

static const char *const losses[] = {"hinge", "add-linear", "mul-log", NULL};
static const onp_yaml_field data_fields[] = {
    {.key = "train", .type = ONP_YAML_PATH, .offset = offsetof(search, train)},
    {.key = "limit", .type = ONP_YAML_INT, .offset = offsetof(search, limit), .def = "0"},
    {.key = "flip", .type = ONP_YAML_BOOL, .offset = offsetof(search, flip), .def = "true"},
    {.key = NULL}};
static const onp_yaml_field target_fields[] = {
    {.key = "latency", .type = ONP_YAML_TARGET, .offset = offsetof(search, latency)},
    {.key = "warmup",
     .type = ONP_YAML_DURATION,
     .offset = offsetof(search, warmup_ns),
     .def = "100ms",
     .min = 1e6,
     .max = 1e10},
    {.key = NULL}};
static const onp_yaml_field loss_fields[] = {{.key = "kind",
                                              .type = ONP_YAML_CHOICE,
                                              .offset = offsetof(search, loss),
                                              .choices = losses,
                                              .def = "hinge"},
                                             {.key = "lambda",
                                              .type = ONP_YAML_REAL,
                                              .offset = offsetof(search, lambda),
                                              .def = "1",
                                              .min = 0,
                                              .max = 1e30},
                                             {.key = NULL}};
static const onp_yaml_field search_fields[] = {
    {.key = "epochs",
     .type = ONP_YAML_INT,
     .offset = offsetof(search, epochs),
     .def = "30",
     .min = 1,
     .max = 9.3e18,
     .line_offset = offsetof(search, epochs_line)},
    {.key = "decay", .type = ONP_YAML_REAL, .offset = offsetof(search, decay), .def = "4e-5"},
    {.key = "below",
     .type = ONP_YAML_REAL,
     .offset = offsetof(search, below),
     .def = "0.02",
     .max = 1},
    {.key = "loss", .type = ONP_YAML_MAP, .fields = loss_fields, .optional = true},
    {.key = NULL}};
static const onp_yaml_field config_fields[] = {
    {.key = "data", .type = ONP_YAML_MAP, .fields = data_fields},
    {.key = "space", .type = ONP_YAML_PATH, .offset = offsetof(search, space)},
    {.key = "note", .type = ONP_YAML_STRING, .offset = offsetof(search, note), .optional = true},
    {.key = "target", .type = ONP_YAML_MAP, .fields = target_fields},
    {.key = "search", .type = ONP_YAML_MAP, .fields = search_fields, .optional = true},
    {.key = NULL}};

static const char config_text[] = "data:\n"
                                  "  train: ../images/train\n"
                                  "space: /spaces/s.yaml\n"
                                  "target:\n"
                                  "  latency: 60%\n"
                                  "search:\n"
                                  "  epochs: 12\n"
                                  "  loss: {lambda: 2.5, kind: mul-log}\n";

/* ---- helpers -------------------------------------------------------------------------------- */

typedef struct bound {
    onp_context ctx;
    onp_yaml_doc *doc;
    search config;
    onp_strbuf problems;
    onp_error err;
    onp_status st;
} bound;

/* Parses text as conf/q.yaml, applies the assignments, binds. */
static void bind_config(bound *b, const char *text, const char *const *assignments)
{
    *b = (bound){.st = ONP_OK};
    onp_context_init(&b->ctx);
    onp_strbuf_init(&b->problems, &b->ctx);
    if (onp_yaml_parse(&b->ctx, text, strlen(text), "conf/q.yaml", &b->doc, &b->err) != ONP_OK)
        fail_msg("%s", b->err.msg);
    for (; assignments != NULL && *assignments != NULL; assignments++)
        if (onp_yaml_set(b->doc, *assignments, &b->err) != ONP_OK)
            fail_msg("%s", b->err.msg);
    b->st = onp_yaml_bind(b->doc, config_fields, &b->config, &b->problems, &b->err);
}

static void drop(bound *b)
{
    onp_yaml_release(&b->ctx, config_fields, &b->config);
    onp_yaml_free(b->doc);
    onp_strbuf_reset(&b->problems);
}

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
    int line = 9, column = 9;
    onp_yaml_where(b.doc, "search.epochs", &line, &column);
    assert_int_equal(line, 0);
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
    int line = 0, column = 0;
    onp_yaml_where(doc, "stages.1.blocks", &line, &column);
    assert_int_equal(line, 12);
    assert_int_equal(column, 20);
    onp_yaml_where(doc, "candidates.2", &line, &column);
    assert_int_equal(line, 9);
    assert_int_equal(column, 5);
    static const char *const absent[] = {"stages.2", "stages.x", "name.x", "", "stages.1.", "nam"};
    for (size_t i = 0; i < ONP_COUNT(absent); i++) {
        onp_yaml_where(doc, absent[i], &line, &column);
        assert_int_equal(line, 0);
        assert_int_equal(column, 0);
    }
    onp_yaml_free(doc);
    onp_test_dir_remove(dir);
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
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(parse_bounds_depth_and_count),
        cmocka_unit_test(prefixes_never_crash),
        cmocka_unit_test(load_reads_files),
        cmocka_unit_test(emit_reads_back),
        cmocka_unit_test(emit_keeps_shares),
        cmocka_unit_test(emit_leaves_out_what_was_not_given),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(walk_visits_in_order),
        cmocka_unit_test(walk_reads_a_published_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
