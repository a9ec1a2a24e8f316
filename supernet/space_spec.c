/* SPDX-License-Identifier: Apache-2.0 */
/* What a space's file says: its keys, and the checks that a table cannot make. */
#include <stdio.h>

#include "base/text.h"
#include "supernet/space_internal.h"

/* ---- the file ---- */

static const char *const stem_ops[] = {"conv", NULL};
/* as onp_space_op; those without a weight or a window are for choices only */
static const char *const fixed_ops[] = {"mbconv",   "conv",     "depthwise-separable",
                                        "max-pool", "avg-pool", NULL};
static const char *const candidate_ops[] = {
    "mbconv", "conv", "depthwise-separable", "max-pool", "avg-pool", "identity", "zero", NULL};
/* 0: the stage's, or ReLU6; else onp_activation + 1 */
static const char *const activations[] = {"auto", "relu6", "relu", "hswish", NULL};
static const char *const shortcuts[] = {"auto", "none", NULL};

#define AT(T, m) .offset = offsetof(T, m)
#define SIZE(key_, T, m)                                                                           \
    {                                                                                              \
        .key = (key_), .type = ONP_YAML_INT, AT(T, m), .min = 1, .max = ONP_SPACE_MAX_SIZE         \
    }
#define KERNEL(T, m) .key = "kernel", .type = ONP_YAML_INT, AT(T, m), .min = 1, .max = 31
#define STRIDE(T, m)                                                                               \
    {                                                                                              \
        .key = "stride", .type = ONP_YAML_INT, AT(T, m), .def = "1", .min = 1, .max = 4            \
    }
#define OPTIONAL_INT(key_, m, default_, max_)                                                      \
    {                                                                                              \
        .key = (key_), .type = ONP_YAML_INT, AT(onp_space_candidate, m), .def = (default_),        \
        .min = 1, .max = (max_)                                                                    \
    }
/* of stem, mix and head: no "auto" */
#define ACTIVATION(m)                                                                              \
    {                                                                                              \
        .key = "activation", .type = ONP_YAML_CHOICE, AT(onp_space_spec, m), .def = "relu6",       \
        .choices = onp_activation_names                                                            \
    }
/* Which of them an op takes, check_candidate says: absent is 0, of dilation and groups 1. */
#define CANDIDATE                                                                                  \
    OPTIONAL_INT("kernel", kernel, "0", 31), OPTIONAL_INT("expand", expand, "0", 32),              \
        OPTIONAL_INT("dilation", dilation, "1", ONP_DILATION_MAX),                                 \
        OPTIONAL_INT("groups", groups, "1", ONP_SPACE_MAX_SIZE),                                   \
        {.key = "activation",                                                                      \
         .type = ONP_YAML_CHOICE,                                                                  \
         AT(onp_space_candidate, activation),                                                      \
         .def = "auto",                                                                            \
         .choices = activations},                                                                  \
        {.key = "squeeze_excite",                                                                  \
         .type = ONP_YAML_BOOL,                                                                    \
         AT(onp_space_candidate, squeeze_excite),                                                  \
         .def = "false"},                                                                          \
    {                                                                                              \
        .key = "shortcut", .type = ONP_YAML_CHOICE, AT(onp_space_candidate, shortcut),             \
        .def = "auto", .choices = shortcuts                                                        \
    }

static const onp_yaml_field input_fields[] = {SIZE("height", onp_space_spec, in_h),
                                              SIZE("width", onp_space_spec, in_w),
                                              SIZE("channels", onp_space_spec, in_c),
                                              {.key = NULL}};
static const onp_yaml_field stem_fields[] = {{.key = "op",
                                              .type = ONP_YAML_CHOICE,
                                              AT(onp_space_spec, stem_op),
                                              .def = "conv",
                                              .choices = stem_ops},
                                             {KERNEL(onp_space_spec, stem_kernel)},
                                             STRIDE(onp_space_spec, stem_stride),
                                             SIZE("channels", onp_space_spec, stem_channels),
                                             ACTIVATION(stem_activation),
                                             {.key = NULL}};
static const onp_yaml_field fixed_fields[] = {
    {.key = "op", .type = ONP_YAML_CHOICE, AT(onp_space_candidate, op), .choices = fixed_ops},
    CANDIDATE,
    SIZE("channels", onp_space_candidate, channels),
    STRIDE(onp_space_candidate, stride),
    {.key = NULL}};
static const onp_yaml_field candidate_fields[] = {
    {.key = "op", .type = ONP_YAML_CHOICE, AT(onp_space_candidate, op), .choices = candidate_ops},
    CANDIDATE,
    {.key = NULL}};
static const onp_yaml_field stage_fields[] = {SIZE("channels", onp_space_stage, channels),
                                              {.key = "blocks",
                                               .type = ONP_YAML_INT,
                                               AT(onp_space_stage, blocks),
                                               .min = 1,
                                               .max = ONP_SPACE_MAX_BLOCKS},
                                              STRIDE(onp_space_stage, stride),
                                              {.key = "activation",
                                               .type = ONP_YAML_CHOICE,
                                               AT(onp_space_stage, activation),
                                               .def = "auto",
                                               .choices = activations},
                                              {.key = "squeeze_excite",
                                               .type = ONP_YAML_BOOL,
                                               AT(onp_space_stage, squeeze_excite),
                                               .def = "false"},
                                              {.key = NULL}};
static const onp_yaml_field mix_fields[] = {
    SIZE("channels", onp_space_spec, mix_channels), ACTIVATION(mix_activation), {.key = NULL}};
static const onp_yaml_field head_fields[] = {{.key = "channels",
                                              .type = ONP_YAML_INT,
                                              AT(onp_space_spec, head_channels),
                                              .optional = true,
                                              .min = 1,
                                              .max = ONP_SPACE_MAX_SIZE},
                                             ACTIVATION(head_activation),
                                             {.key = NULL}};

/* input, stem, mix and head are members of the spec itself: their maps have offset 0 */
const onp_yaml_field onp_space_fields[] = {
    {.key = "schema",
     .type = ONP_YAML_INT,
     AT(onp_space_spec, schema),
     .def = "1",
     .min = 1,
     .max = 1},
    {.key = "name", .type = ONP_YAML_STRING, AT(onp_space_spec, name)},
    {.key = "input", .type = ONP_YAML_MAP, .fields = input_fields},
    {.key = "width",
     .type = ONP_YAML_REAL,
     AT(onp_space_spec, width),
     .def = "1",
     .min = 0.1,
     .max = 16},
    {.key = "stem", .type = ONP_YAML_MAP, .fields = stem_fields},
    {.key = "fixed",
     .type = ONP_YAML_LIST,
     AT(onp_space_spec, fixed),
     .fields = fixed_fields,
     .elem_size = sizeof(onp_space_candidate),
     .count_offset = offsetof(onp_space_spec, n_fixed),
     .optional = true},
    {.key = "candidates",
     .type = ONP_YAML_LIST,
     AT(onp_space_spec, candidates),
     .fields = candidate_fields,
     .elem_size = sizeof(onp_space_candidate),
     .count_offset = offsetof(onp_space_spec, n_candidates)},
    {.key = "stages",
     .type = ONP_YAML_LIST,
     AT(onp_space_spec, stages),
     .fields = stage_fields,
     .elem_size = sizeof(onp_space_stage),
     .count_offset = offsetof(onp_space_spec, n_stages)},
    {.key = "mix", .type = ONP_YAML_MAP, .fields = mix_fields},
    {.key = "head", .type = ONP_YAML_MAP, .fields = head_fields, .optional = true},
    {.key = "classes",
     .type = ONP_YAML_INT,
     AT(onp_space_spec, classes),
     .min = 2,
     .max = ONP_SPACE_MAX_SIZE},
    {.key = NULL}};

/* ---- checks that the table cannot make ---- */

void onp_space_problem(onp_space_reader *r, const char *key, const char *fmt, ...)
{
    char text[256];
    onp_error e;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->doc == NULL)
        (void)onp_fail(&e, ONP_E_RANGE, "space %s: %s: %s", r->name, key, text);
    else
        onp_yaml_problem(r->doc, key, text, &e);
    if (r->n_problems++ == 0 && r->err != NULL)
        *r->err = e;
    if (r->problems != NULL)
        onp_strbuf_addf(r->problems, "%s\n", e.msg);
}

static void check_count(onp_space_reader *r, const char *key, size_t n, size_t min, size_t max)
{
    if (n < min || n > max)
        onp_space_problem(r, key, "%zu entries, wanted %zu..%zu", n, min, max);
}

static void check_kernel(onp_space_reader *r, const char *key, int64_t kernel)
{
    if (kernel != 0 && kernel % 2 == 0)
        onp_space_problem(r, key, "%lld is even, wanted an odd number", (long long)kernel);
}

/* Which keys an op takes; kernel and expand are then needed. */
static const struct {
    onp_block_kind kind;
    bool kernel, expand, dilation, groups, activation, squeeze_excite, shortcut;
} takes[] = {
    [ONP_SPACE_MBCONV] = {ONP_BLOCK_MBCONV, .kernel = true, .expand = true, .activation = true,
                          .squeeze_excite = true, .shortcut = true},
    [ONP_SPACE_CONV] = {ONP_BLOCK_CONV, .kernel = true, .dilation = true, .groups = true,
                        .activation = true},
    [ONP_SPACE_SEPARABLE] = {ONP_BLOCK_SEPARABLE, .kernel = true, .dilation = true,
                             .activation = true, .shortcut = true},
    [ONP_SPACE_MAX_POOL] = {ONP_BLOCK_MAX_POOL, .kernel = true},
    [ONP_SPACE_AVG_POOL] = {ONP_BLOCK_AVG_POOL, .kernel = true},
    [ONP_SPACE_IDENTITY] = {.kind = ONP_BLOCK_IDENTITY},
    [ONP_SPACE_ZERO] = {.kind = ONP_BLOCK_ZERO},
};

static void check_keys(onp_space_reader *r, const char *key, const onp_space_candidate *c)
{
    const struct {
        const char *name, *article;
        bool takes, given, needed;
    } keys[] = {
        {"kernel", "a", takes[c->op].kernel, c->kernel != 0, true},
        {"expand", "an", takes[c->op].expand, c->expand != 0, true},
        {"dilation", "a", takes[c->op].dilation, c->dilation != 1, false},
        {"groups", "a", takes[c->op].groups, c->groups != 1, false},
        {"activation", "an", takes[c->op].activation, c->activation != 0, false},
        {"squeeze_excite", "a", takes[c->op].squeeze_excite, c->squeeze_excite, false},
        {"shortcut", "a", takes[c->op].shortcut, c->shortcut != 0, false},
    };
    for (size_t i = 0; i < ONP_COUNT(keys); i++)
        if (keys[i].needed && keys[i].takes && !keys[i].given)
            onp_space_problem(r, key, "%s needs %s %s", candidate_ops[c->op], keys[i].article,
                              keys[i].name);
        else if (!keys[i].takes && keys[i].given)
            onp_space_problem(r, key, "%s takes no %s", candidate_ops[c->op], keys[i].name);
    char kernel[64];
    (void)snprintf(kernel, sizeof kernel, "%s.kernel", key);
    check_kernel(r, kernel, c->kernel);
}

static bool same_candidate(const onp_space_candidate *a, const onp_space_candidate *b)
{
    return a->op == b->op && a->kernel == b->kernel && a->expand == b->expand &&
           a->dilation == b->dilation && a->groups == b->groups && a->activation == b->activation &&
           a->squeeze_excite == b->squeeze_excite;
}

static void check_candidate(onp_space_reader *r, size_t i)
{
    const onp_space_candidate *all = r->s->spec.candidates;
    char key[48];
    (void)snprintf(key, sizeof key, "candidates.%zu", i);
    check_keys(r, key, &all[i]);
    for (size_t j = 0; j < i; j++)
        if (same_candidate(&all[i], &all[j])) {
            onp_space_problem(r, key, "the same as candidates.%zu", j);
            break;
        }
}

void onp_space_check_spec(onp_space_reader *r)
{
    const onp_space_spec *spec = &r->s->spec;
    if (spec->name != NULL && !onp_text_is_plain(spec->name))
        onp_space_problem(r, "name", "\"%.80s\" is not plain text", spec->name);
    check_count(r, "fixed", spec->n_fixed, 0, ONP_SPACE_MAX_FIXED);
    check_count(r, "candidates", spec->n_candidates, 1, ONP_MAX_CANDIDATES);
    check_count(r, "stages", spec->n_stages, 1, ONP_SPACE_MAX_STAGES);
    if (r->n_problems > 0)
        return;
    check_kernel(r, "stem.kernel", spec->stem_kernel);
    if (spec->head_channels == 0 && spec->head_activation != ONP_ACT_RELU6)
        onp_space_problem(r, "head", "an activation is for a head with channels");
    for (size_t i = 0; i < spec->n_fixed; i++) {
        char key[48];
        (void)snprintf(key, sizeof key, "fixed.%zu", i);
        check_keys(r, key, &spec->fixed[i]);
    }
    for (size_t i = 0; i < spec->n_candidates; i++)
        check_candidate(r, i);
}

/* ---- candidates ---- */

bool onp_space_fits(const onp_space_candidate *c, bool same_map, bool same_channels)
{
    const bool pool = c->op == ONP_SPACE_MAX_POOL || c->op == ONP_SPACE_AVG_POOL;
    const bool nothing = c->op == ONP_SPACE_IDENTITY || c->op == ONP_SPACE_ZERO;
    return (same_map || !nothing) && (same_channels || !(nothing || pool));
}

onp_block onp_space_block_of(const onp_space_candidate *c, const onp_space_stage *stage)
{
    const bool of_stage = stage != NULL && c->op == ONP_SPACE_MBCONV;
    int act = c->activation;
    if (act == 0 && of_stage)
        act = stage->activation;
    return (onp_block){.kind = takes[c->op].kind,
                       .kernel = (int32_t)c->kernel,
                       .expand = (int32_t)c->expand,
                       .dilation = (int32_t)c->dilation,
                       .groups = (int32_t)c->groups,
                       .act = act > 0 ? (onp_activation)(act - 1) : ONP_ACT_RELU6,
                       .se = c->squeeze_excite || (of_stage && stage->squeeze_excite),
                       .skip = takes[c->op].shortcut && c->shortcut == 0};
}
