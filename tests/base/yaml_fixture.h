/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of YAML share: the tables and texts of a space and of a search, as the tool reads
 * them, and binding the latter.
 *
 *     bound b;
 *     bind_config(&b, config_text, NULL);
 *     assert_int_equal(b.config.epochs, 12);
 *     drop(&b);
 */
#ifndef ONP_TESTS_BASE_YAML_FIXTURE_H
#define ONP_TESTS_BASE_YAML_FIXTURE_H

#include <string.h>

#include "base/yaml.h"
#include "tests/test_support.h"

/* ---- a space ---- */

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

/* ---- a search ---- */

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

/* ---- binding it ---- */

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

#endif
