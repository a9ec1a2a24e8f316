/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/space.h"

#include <stdio.h>
#include <string.h>

#include "supernet/supernet.h"

enum { MAX_STAGES = 16, MAX_BLOCKS = 24, MAX_FIXED = 32, MAX_SIZE = 65536 };
_Static_assert(3 + MAX_FIXED + MAX_STAGES * MAX_BLOCKS <= ONP_MAX_POSITIONS,
               "a space fits a supernet");

/* ---- the file ---- */

static const char *const stem_ops[] = {"conv", NULL};
static const char *const fixed_ops[] = {"mbconv", NULL};
static const char *const candidate_ops[] = {"mbconv", "zero", NULL}; /* as onp_space_op */
static const char *const shortcuts[] = {"auto", "none", NULL};

#define AT(T, m) .offset = offsetof(T, m)
#define SIZE(key_, T, m)                                                                           \
    {                                                                                              \
        .key = (key_), .type = ONP_YAML_INT, AT(T, m), .min = 1, .max = MAX_SIZE                   \
    }
#define KERNEL(T, m) .key = "kernel", .type = ONP_YAML_INT, AT(T, m), .min = 1, .max = 31
#define STRIDE(T, m)                                                                               \
    {                                                                                              \
        .key = "stride", .type = ONP_YAML_INT, AT(T, m), .def = "1", .min = 1, .max = 4            \
    }
#define EXPAND                                                                                     \
    .key = "expand", .type = ONP_YAML_INT, AT(onp_space_candidate, expand), .min = 1, .max = 32
#define SHORTCUT                                                                                   \
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
                                             {.key = NULL}};
static const onp_yaml_field fixed_fields[] = {
    {.key = "op", .type = ONP_YAML_CHOICE, AT(onp_space_candidate, op), .choices = fixed_ops},
    {KERNEL(onp_space_candidate, kernel)},
    {EXPAND},
    SHORTCUT,
    SIZE("channels", onp_space_candidate, channels),
    STRIDE(onp_space_candidate, stride),
    {.key = NULL}};
/* kernel and expand may be absent because zero has none: check_candidate looks */
static const onp_yaml_field candidate_fields[] = {
    {.key = "op", .type = ONP_YAML_CHOICE, AT(onp_space_candidate, op), .choices = candidate_ops},
    {KERNEL(onp_space_candidate, kernel), .optional = true},
    {EXPAND, .optional = true},
    SHORTCUT,
    {.key = NULL}};
static const onp_yaml_field stage_fields[] = {SIZE("channels", onp_space_stage, channels),
                                              {.key = "blocks",
                                               .type = ONP_YAML_INT,
                                               AT(onp_space_stage, blocks),
                                               .min = 1,
                                               .max = MAX_BLOCKS},
                                              STRIDE(onp_space_stage, stride),
                                              {.key = NULL}};
static const onp_yaml_field mix_fields[] = {SIZE("channels", onp_space_spec, mix_channels),
                                            {.key = NULL}};

/* input, stem and mix are members of the spec itself: their maps have offset 0 */
static const onp_yaml_field space_fields[] = {
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
    {.key = "classes",
     .type = ONP_YAML_INT,
     AT(onp_space_spec, classes),
     .min = 2,
     .max = MAX_SIZE},
    {.key = NULL}};

/* ---- checks that the table cannot make ---- */

typedef struct reader {
    const onp_yaml_doc *doc; /* NULL: no file, err gets the first problem */
    const char *name;
    onp_strbuf *problems;
    onp_error *err;
    size_t n_problems;
    onp_space *s;
    int32_t h, w, c; /* the map behind the last position */
} reader;

static void problem(reader *r, const char *key, const char *fmt, ...) ONP_PRINTF(3, 4);
static void problem(reader *r, const char *key, const char *fmt, ...)
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

static void check_count(reader *r, const char *key, size_t n, size_t min, size_t max)
{
    if (n < min || n > max)
        problem(r, key, "%zu entries, wanted %zu..%zu", n, min, max);
}

static void check_kernel(reader *r, const char *key, int64_t kernel)
{
    if (kernel != 0 && kernel % 2 == 0)
        problem(r, key, "%lld is even, wanted an odd number", (long long)kernel);
}

static void check_fixed(reader *r, size_t i)
{
    char key[48];
    (void)snprintf(key, sizeof key, "fixed.%zu.kernel", i);
    check_kernel(r, key, r->s->spec.fixed[i].kernel);
}

static void check_candidate(reader *r, size_t i)
{
    const onp_space_candidate *all = r->s->spec.candidates, *c = &all[i];
    char key[48];
    (void)snprintf(key, sizeof key, "candidates.%zu", i);
    if (c->op == ONP_SPACE_MBCONV && (c->kernel == 0 || c->expand == 0))
        problem(r, key, "mbconv needs %s", c->kernel == 0 ? "a kernel" : "an expand");
    if (c->op == ONP_SPACE_ZERO && (c->kernel != 0 || c->expand != 0 || c->shortcut != 0))
        problem(r, key, "zero takes no kernel, expand or shortcut");
    for (size_t j = 0; j < i; j++)
        if (all[j].op == c->op && all[j].kernel == c->kernel && all[j].expand == c->expand) {
            problem(r, key, "the same as candidates.%zu", j);
            break;
        }
    (void)snprintf(key, sizeof key, "candidates.%zu.kernel", i);
    check_kernel(r, key, c->kernel);
}

static void check_spec(reader *r)
{
    const onp_space_spec *spec = &r->s->spec;
    check_count(r, "fixed", spec->n_fixed, 0, MAX_FIXED);
    check_count(r, "candidates", spec->n_candidates, 1, ONP_MAX_CANDIDATES);
    check_count(r, "stages", spec->n_stages, 1, MAX_STAGES);
    if (r->n_problems > 0)
        return;
    check_kernel(r, "stem.kernel", spec->stem_kernel);
    for (size_t i = 0; i < spec->n_fixed; i++)
        check_fixed(r, i);
    for (size_t i = 0; i < spec->n_candidates; i++)
        check_candidate(r, i);
}

/* ---- positions ---- */

/* Channels under the space's width multiplier: the nearest multiple of 8, at least 8, and the next
 * one where that loses more than a tenth. */
static int64_t scaled(const onp_space_spec *spec, int64_t channels)
{
    if (spec->width == 1)
        return channels;
    const double wanted = (double)channels * spec->width;
    const int64_t n = (int64_t)((wanted + 4) / 8) * 8;
    const int64_t least = n > 8 ? n : 8;
    return (double)least < 0.9 * wanted ? least + 8 : least;
}

/* A narrow network keeps its last, wide map. */
static int64_t mix_channels(const onp_space_spec *spec)
{
    return spec->width > 1 ? scaled(spec, spec->mix_channels) : spec->mix_channels;
}

/* Completes block b behind the map so far and makes it a candidate of p. */
static void add_candidate(reader *r, onp_position *p, onp_block b, const char *key)
{
    onp_error e;
    b.in_h = r->h;
    b.in_w = r->w;
    b.in_c = r->c;
    if (onp_block_complete(&b, &e) != ONP_OK) {
        problem(r, key, "%s", e.msg);
        return;
    }
    p->candidate[p->n++] = b;
}

/* The map behind p is the next one's input. */
static void close_position(reader *r, const onp_position *p, const char *key)
{
    if (p->n == 0 && r->n_problems == 0)
        problem(r, key,
                "its first block has no candidate: zero is left out where the shape changes");
    if (p->n == 0)
        return;
    r->h = p->candidate[0].out_h;
    r->w = p->candidate[0].out_w;
    r->c = p->candidate[0].out_c;
    if (p->n > 1)
        r->s->n_choices++;
}

static void add_fixed(reader *r, onp_block b, const char *key)
{
    onp_position *p = &r->s->positions[r->s->n_positions++];
    if (b.stride > 1 && (r->h < b.stride || r->w < b.stride))
        problem(r, key, "stride %d on a map of %dx%d leaves nothing to shrink", b.stride, r->h,
                r->w);
    add_candidate(r, p, b, key);
    close_position(r, p, key);
}

static onp_block mbconv_block(const reader *r, const onp_space_candidate *c, int64_t channels,
                              int64_t stride)
{
    return (onp_block){.kind = ONP_BLOCK_MBCONV,
                       .out_c = (int32_t)channels,
                       .kernel = (int32_t)c->kernel,
                       .stride = (int32_t)stride,
                       .expand = (int32_t)c->expand,
                       .skip = c->shortcut == 0 && stride == 1 && channels == r->c};
}

static void add_stage_block(reader *r, size_t stage, int block)
{
    const onp_space_spec *spec = &r->s->spec;
    const onp_space_stage *st = &spec->stages[stage];
    const int64_t stride = block == 1 ? st->stride : 1;
    const int64_t channels = scaled(spec, st->channels);
    char key[48];
    (void)snprintf(key, sizeof key, "stages.%zu", stage);
    if (r->h < stride || r->w < stride)
        problem(r, key, "stride %d on a map of %dx%d leaves nothing to shrink", (int)stride, r->h,
                r->w);
    onp_position *p = &r->s->positions[r->s->n_positions++];
    for (size_t i = 0; i < spec->n_candidates && r->n_problems == 0; i++) {
        const onp_space_candidate *c = &spec->candidates[i];
        if (c->op == ONP_SPACE_MBCONV)
            add_candidate(r, p, mbconv_block(r, c, channels, stride), key);
        else if (stride == 1 && channels == r->c)
            add_candidate(r, p, (onp_block){.kind = ONP_BLOCK_ZERO}, key);
    }
    close_position(r, p, key);
}

/* Positions from the spec; stops at the first problem, since all maps behind it would be wrong. */
static void add_positions(reader *r)
{
    const onp_space_spec *spec = &r->s->spec;
    r->h = (int32_t)spec->in_h;
    r->w = (int32_t)spec->in_w;
    r->c = (int32_t)spec->in_c;
    add_fixed(r,
              (onp_block){.kind = ONP_BLOCK_STEM,
                          .out_c = (int32_t)scaled(spec, spec->stem_channels),
                          .kernel = (int32_t)spec->stem_kernel,
                          .stride = (int32_t)spec->stem_stride},
              "stem");
    for (size_t i = 0; i < spec->n_fixed && r->n_problems == 0; i++) {
        const onp_space_candidate *f = &spec->fixed[i];
        char key[48];
        (void)snprintf(key, sizeof key, "fixed.%zu", i);
        add_fixed(r, mbconv_block(r, f, scaled(spec, f->channels), f->stride), key);
    }
    for (size_t i = 0; i < spec->n_stages; i++)
        for (int block = 1; block <= spec->stages[i].blocks && r->n_problems == 0; block++)
            add_stage_block(r, i, block);
    if (r->n_problems == 0)
        add_fixed(r, (onp_block){.kind = ONP_BLOCK_MIX, .out_c = (int32_t)mix_channels(spec)},
                  "mix");
    if (r->n_problems == 0)
        add_fixed(r, (onp_block){.kind = ONP_BLOCK_HEAD, .out_c = (int32_t)spec->classes},
                  "classes");
}

static onp_status allocate(reader *r)
{
    onp_space *s = r->s;
    size_t n = 3 + s->spec.n_fixed; /* stem, mix, head */
    for (size_t i = 0; i < s->spec.n_stages; i++)
        n += (size_t)s->spec.stages[i].blocks;
    s->positions = onp_alloc(s->ctx, n, sizeof *s->positions);
    if (s->positions == NULL)
        return onp_fail(r->err, ONP_E_NOMEM, "%s: out of memory for the space", r->name);
    return ONP_OK;
}

onp_status onp_space_from_doc(const onp_context *ctx, const onp_yaml_doc *doc, const char *name,
                              onp_strbuf *problems, onp_space **out, onp_error *err)
{
    onp_space *s = onp_alloc(ctx, 1, sizeof *s);
    if (s == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for the space", name);
    s->ctx = ctx;
    reader r = {.doc = doc, .name = name, .problems = problems, .err = err, .s = s};
    onp_status st = onp_yaml_bind(doc, space_fields, &s->spec, problems, err);
    if (st != ONP_OK)
        goto done;
    check_spec(&r);
    if (r.n_problems == 0) {
        ONP_TRY_GOTO(allocate(&r));
        add_positions(&r);
    }
    if (r.n_problems > 0) {
        st = ONP_E_CONFIG;
        goto done;
    }
    *out = s;
    s = NULL;
done:
    onp_space_free(s);
    return st;
}

onp_status onp_space_load(const onp_context *ctx, const char *path, onp_strbuf *problems,
                          onp_space **out, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    ONP_TRY(onp_yaml_load(ctx, path, &doc, err));
    onp_status st = onp_space_from_doc(ctx, doc, path, problems, out, err);
    onp_yaml_free(doc);
    return st;
}

void onp_space_free(onp_space *s)
{
    if (s == NULL)
        return;
    onp_yaml_release(s->ctx, space_fields, &s->spec);
    onp_free(s->ctx, s->positions);
    onp_free(s->ctx, s);
}

/* ---- what the data decides ---- */

onp_status onp_space_set_input(onp_space *s, int64_t h, int64_t w, int64_t c, onp_error *err)
{
    const int64_t sizes[] = {h, w, c};
    for (size_t i = 0; i < ONP_COUNT(sizes); i++)
        if (sizes[i] < 1 || sizes[i] > MAX_SIZE)
            return onp_fail(err, ONP_E_RANGE, "space %s: input %lldx%lldx%lld, wanted 1..%d each",
                            s->spec.name, (long long)h, (long long)w, (long long)c, MAX_SIZE);
    onp_space next = *s;
    next.spec.in_h = h;
    next.spec.in_w = w;
    next.spec.in_c = c;
    next.n_positions = next.n_choices = 0;
    reader r = {.name = s->spec.name, .err = err, .s = &next};
    ONP_TRY(allocate(&r)); /* positions only: the lists of the spec stay */
    add_positions(&r);
    onp_free(s->ctx, r.n_problems == 0 ? s->positions : next.positions);
    if (r.n_problems > 0)
        return ONP_E_RANGE;
    *s = next;
    return ONP_OK;
}

onp_status onp_space_set_classes(onp_space *s, int64_t n_classes, onp_error *err)
{
    if (n_classes < 2 || n_classes > MAX_SIZE)
        return onp_fail(err, ONP_E_RANGE, "space %s: %lld classes, wanted 2..%d", s->spec.name,
                        (long long)n_classes, MAX_SIZE);
    s->spec.classes = n_classes;
    s->positions[s->n_positions - 1].candidate[0].out_c = (int32_t)n_classes;
    return ONP_OK;
}

/* ---- what a space tells ---- */

double onp_space_n_vectors(const onp_space *s, uint64_t *exact)
{
    double product = 1;
    uint64_t whole = 1;
    for (int i = 0; i < s->n_positions; i++) {
        uint64_t n = (uint64_t)s->positions[i].n;
        product *= (double)n;
        whole = whole > UINT64_MAX / n ? 0 : whole * n; /* once 0, it stays 0 */
    }
    if (exact != NULL)
        *exact = whole;
    return product;
}

static bool contains(const onp_block *blocks, int32_t n, const onp_block *b)
{
    for (int i = 0; i < n; i++)
        if (onp_block_equal(&blocks[i], b))
            return true;
    return false;
}

onp_status onp_space_blocks(const onp_context *ctx, const onp_space *s, onp_block **blocks,
                            int32_t *n, onp_error *err)
{
    size_t most = 0;
    for (int i = 0; i < s->n_positions; i++)
        most += (size_t)s->positions[i].n;
    onp_block *all = onp_alloc(ctx, most, sizeof *all);
    if (all == NULL)
        return onp_fail(err, ONP_E_NOMEM, "space %s: out of memory for its blocks", s->spec.name);
    int32_t count = 0;
    for (int i = 0; i < s->n_positions; i++)
        for (int j = 0; j < s->positions[i].n; j++) {
            const onp_block *b = &s->positions[i].candidate[j];
            if (!onp_block_is_free(b) && !contains(all, count, b))
                all[count++] = *b;
        }
    *blocks = all;
    *n = count;
    return ONP_OK;
}
