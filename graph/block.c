/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/block.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_SIZE     65536
#define MAX_KERNEL   31
#define MAX_STRIDE   4
#define MAX_EXPAND   32
/* Elements of one map. With it no count of parameters or operations leaves 64 bits. */
#define MAX_ELEMENTS INT32_MAX

static const char *const kind_names[ONP_BLOCK_KIND_COUNT] = {
    [ONP_BLOCK_STEM] = "stem", [ONP_BLOCK_MBCONV] = "mbconv", [ONP_BLOCK_MIX] = "mix",
    [ONP_BLOCK_HEAD] = "head", [ONP_BLOCK_ZERO] = "zero",
};

static bool has_kernel(onp_block_kind kind)
{
    return kind == ONP_BLOCK_STEM || kind == ONP_BLOCK_MBCONV;
}

/* ---- checking ---- */

static onp_status check(const onp_block *b, const char *field, int32_t value, int32_t min,
                        int32_t max, onp_error *err)
{
    if (value >= min && value <= max)
        return ONP_OK;
    if (min == max)
        return onp_fail(err, ONP_E_RANGE, "%s block: %s is %" PRId32 ", wanted %" PRId32,
                        kind_names[b->kind], field, value, min);
    return onp_fail(err, ONP_E_RANGE, "%s block: %s is %" PRId32 ", wanted %" PRId32 "..%" PRId32,
                    kind_names[b->kind], field, value, min, max);
}

static onp_status check_map(const onp_block *b, const char *what, int32_t h, int32_t w, int32_t c,
                            onp_error *err)
{
    if ((int64_t)h * w <= MAX_ELEMENTS / c)
        return ONP_OK;
    return onp_fail(err, ONP_E_RANGE,
                    "%s block: its %s map %" PRId32 "x%" PRId32 "x%" PRId32
                    " has more than %d elements",
                    kind_names[b->kind], what, h, w, c, MAX_ELEMENTS);
}

/* Kernel, stride and expansion: what the kind has is checked, what it has not gets its neutral
 * value. */
static onp_status complete_fields(onp_block *b, onp_error *err)
{
    if (has_kernel(b->kind)) {
        ONP_TRY(check(b, "kernel", b->kernel, 1, MAX_KERNEL, err));
        if (b->kernel % 2 == 0)
            return onp_fail(err, ONP_E_RANGE,
                            "%s block: kernel is %" PRId32 ", wanted an odd number",
                            kind_names[b->kind], b->kernel);
        ONP_TRY(check(b, "stride", b->stride, 1, MAX_STRIDE, err));
    } else {
        b->kernel = b->kernel == 0 ? 1 : b->kernel;
        b->stride = b->stride == 0 ? 1 : b->stride;
        ONP_TRY(check(b, "kernel", b->kernel, 1, 1, err));
        ONP_TRY(check(b, "stride", b->stride, 1, 1, err));
    }
    if (b->kind == ONP_BLOCK_MBCONV) {
        ONP_TRY(check(b, "expand", b->expand, 1, MAX_EXPAND, err));
        b->mid = b->mid == 0 ? b->in_c * b->expand : b->mid;
        /* without an expansion the hidden width is the input's */
        int32_t min = b->expand == 1 ? b->in_c : 1, max = b->expand == 1 ? b->in_c : MAX_SIZE;
        return check(b, "mid", b->mid, min, max, err);
    }
    ONP_TRY(check(b, "expand", b->expand, 0, 0, err));
    ONP_TRY(check(b, "mid", b->mid, 0, 0, err));
    if (b->skip)
        return onp_fail(err, ONP_E_RANGE, "%s block: skip is 1, wanted 0", kind_names[b->kind]);
    return ONP_OK;
}

static onp_status complete_output(onp_block *b, onp_error *err)
{
    if (b->kind == ONP_BLOCK_ZERO)
        b->out_c = b->in_c;
    ONP_TRY(check(b, "out_c", b->out_c, 1, MAX_SIZE, err));
    b->out_h = b->kind == ONP_BLOCK_HEAD ? 1 : (b->in_h + b->stride - 1) / b->stride;
    b->out_w = b->kind == ONP_BLOCK_HEAD ? 1 : (b->in_w + b->stride - 1) / b->stride;
    ONP_TRY(check_map(b, "input", b->in_h, b->in_w, b->in_c, err));
    ONP_TRY(check_map(b, "output", b->out_h, b->out_w, b->out_c, err));
    if (b->kind == ONP_BLOCK_MBCONV)
        ONP_TRY(check_map(b, "hidden", b->in_h, b->in_w, b->mid, err));
    if (b->skip && (b->in_h != b->out_h || b->in_w != b->out_w || b->in_c != b->out_c))
        return onp_fail(err, ONP_E_SHAPE,
                        "mbconv block: skip adds %" PRId32 "x%" PRId32 "x%" PRId32 " to %" PRId32
                        "x%" PRId32 "x%" PRId32,
                        b->in_h, b->in_w, b->in_c, b->out_h, b->out_w, b->out_c);
    return ONP_OK;
}

onp_status onp_block_complete(onp_block *b, onp_error *err)
{
    onp_block done = *b;
    if ((int)done.kind < 0 || done.kind >= ONP_BLOCK_KIND_COUNT)
        return onp_fail(err, ONP_E_RANGE, "block: kind is %d, wanted 0..%d", (int)done.kind,
                        ONP_BLOCK_KIND_COUNT - 1);
    ONP_TRY(check(&done, "in_h", done.in_h, 1, MAX_SIZE, err));
    ONP_TRY(check(&done, "in_w", done.in_w, 1, MAX_SIZE, err));
    ONP_TRY(check(&done, "in_c", done.in_c, 1, MAX_SIZE, err));
    ONP_TRY(complete_fields(&done, err));
    ONP_TRY(complete_output(&done, err));
    *b = done;
    return ONP_OK;
}

/* ---- keys ---- */

void onp_block_key(const onp_block *b, char key[ONP_BLOCK_KEY])
{
    if (b->kind == ONP_BLOCK_ZERO) {
        (void)snprintf(key, ONP_BLOCK_KEY, "zero");
        return;
    }
    int n = snprintf(key, ONP_BLOCK_KEY,
                     "%s in=%" PRId32 "x%" PRId32 "x%" PRId32 " out=", kind_names[b->kind], b->in_h,
                     b->in_w, b->in_c);
    char *end = key + n;
    size_t room = ONP_BLOCK_KEY - (size_t)n;
    if (b->kind == ONP_BLOCK_HEAD) {
        (void)snprintf(end, room, "%" PRId32, b->out_c);
        return;
    }
    n = snprintf(end, room, "%" PRId32 "x%" PRId32 "x%" PRId32, b->out_h, b->out_w, b->out_c);
    end += n;
    room -= (size_t)n;
    if (b->kind == ONP_BLOCK_STEM)
        (void)snprintf(end, room, " k=%" PRId32 " s=%" PRId32, b->kernel, b->stride);
    if (b->kind != ONP_BLOCK_MBCONV)
        return;
    n = snprintf(end, room, " k=%" PRId32 " e=%" PRId32 " s=%" PRId32 " skip=%d", b->kernel,
                 b->expand, b->stride, b->skip);
    if (b->mid != b->in_c * b->expand)
        (void)snprintf(end + n, room - (size_t)n, " mid=%" PRId32, b->mid);
}

/* Up to `max` numbers of at most five digits joined by 'x', then a space or the end; how many, or
 * 0. On success *text is moved behind them. */
static int parse_numbers(const char **text, int max, int32_t *out)
{
    const char *p = *text;
    for (int n = 0; n < max;) {
        int digits = 0;
        int32_t value = 0;
        for (; digits < 5 && *p >= '0' && *p <= '9'; p++, digits++)
            value = value * 10 + (*p - '0');
        if (digits == 0)
            return 0;
        out[n++] = value;
        if (*p == ' ' || *p == '\0') {
            *text = p;
            return n;
        }
        if (*p++ != 'x')
            return 0;
    }
    return 0;
}

/* One "name=value" at *text into b. False when the name is unknown or the value is not its. */
static bool parse_field(const char **text, onp_block *b)
{
    size_t length = strcspn(*text, "=");
    int32_t skip = -1;
    const struct {
        const char *name;
        int32_t *out[3];
    } fields[] = {{"in", {&b->in_h, &b->in_w, &b->in_c}},
                  {"out", {&b->out_h, &b->out_w, &b->out_c}},
                  {"k", {&b->kernel}},
                  {"e", {&b->expand}},
                  {"s", {&b->stride}},
                  {"skip", {&skip}},
                  {"mid", {&b->mid}}};
    for (size_t i = 0; i < ONP_COUNT(fields); i++) {
        if (strlen(fields[i].name) != length || memcmp(fields[i].name, *text, length) != 0 ||
            (*text)[length] != '=')
            continue;
        *text += length + 1;
        int32_t value[3];
        int n = parse_numbers(text, 3, value);
        if (i == 1 && b->kind == ONP_BLOCK_HEAD) { /* out=10 */
            b->out_c = value[0];
            return n == 1;
        }
        int wanted = fields[i].out[1] != NULL ? 3 : 1;
        for (int j = 0; n == wanted && j < n; j++)
            *fields[i].out[j] = value[j];
        b->skip = skip >= 0 ? skip == 1 : b->skip;
        return n == wanted;
    }
    return false;
}

/* Reads what looks like a key; onp_block_parse then insists on the canonical text, so order,
 * missing and doubled fields, leading zeros and wrong output maps need no checks here. */
static onp_status parse_loosely(const char *key, onp_block *b, onp_error *err)
{
    size_t length = strcspn(key, " ");
    int kind = 0;
    while (kind < ONP_BLOCK_KIND_COUNT &&
           (strlen(kind_names[kind]) != length || memcmp(kind_names[kind], key, length) != 0))
        kind++;
    if (kind == ONP_BLOCK_KIND_COUNT)
        return onp_fail(err, ONP_E_FORMAT,
                        "block key \"%.128s\": wanted stem, mbconv, mix, head or zero", key);
    *b = (onp_block){.kind = (onp_block_kind)kind};
    for (const char *p = key + length; *p != '\0';) {
        const char *field = ++p; /* behind the space */
        if (!parse_field(&p, b))
            return onp_fail(err, ONP_E_FORMAT,
                            "block key \"%.128s\": \"%.40s\" does not begin with a field", key,
                            field);
    }
    return ONP_OK;
}

onp_status onp_block_parse(const char *key, onp_block *out, onp_error *err)
{
    if (strcmp(key, kind_names[ONP_BLOCK_ZERO]) == 0) {
        *out = (onp_block){.kind = ONP_BLOCK_ZERO, .kernel = 1, .stride = 1};
        return ONP_OK;
    }
    onp_block b;
    ONP_TRY(parse_loosely(key, &b, err));
    onp_status st = onp_block_complete(&b, err);
    if (st != ONP_OK)
        return onp_fail_prefix(err, ONP_E_FORMAT, "block key \"%.128s\": ", key);
    char canonical[ONP_BLOCK_KEY];
    onp_block_key(&b, canonical);
    if (strcmp(key, canonical) != 0)
        return onp_fail(err, ONP_E_FORMAT, "block key \"%.128s\": wanted \"%s\"", key, canonical);
    *out = b;
    return ONP_OK;
}

void onp_block_short_name(const onp_block *b, char name[32])
{
    if (b->kind == ONP_BLOCK_MBCONV)
        (void)snprintf(name, 32, "%" PRId32 "x%" PRId32 "e%" PRId32, b->kernel, b->kernel,
                       b->expand);
    else
        (void)snprintf(name, 32, "%s", kind_names[b->kind]);
}

bool onp_block_equal(const onp_block *a, const onp_block *b)
{
    if (a->kind == ONP_BLOCK_ZERO || a->kind != b->kind)
        return a->kind == b->kind;
    return a->in_h == b->in_h && a->in_w == b->in_w && a->in_c == b->in_c && a->out_h == b->out_h &&
           a->out_w == b->out_w && a->out_c == b->out_c && a->kernel == b->kernel &&
           a->stride == b->stride && a->expand == b->expand && a->mid == b->mid &&
           a->skip == b->skip;
}

/* ---- parameters and cost ---- */

/* Names of one convolution's or linear layer's parameters. */
typedef struct part_names {
    const char *weight, *bias, *gamma, *beta, *stats;
} part_names;

#define PART(p)                                                                                    \
    {                                                                                              \
        p ".weight", p ".bias", p ".bn.gamma", p ".bn.beta", p ".bn.stats"                         \
    }
static const part_names conv = PART("conv"), expand = PART("expand"), depthwise = PART("depthwise"),
                        project = PART("project"), linear = PART("linear");

/* One convolution of a block. */
typedef struct part {
    const part_names *names;
    int64_t kernel, in_c, out_c; /* in_c: 1 when depthwise */
    int64_t n_pixels;            /* of its output */
} part;

/* The convolutions of a block in order; how many. */
static int block_parts(const onp_block *b, part parts[3])
{
    const int64_t in_map = (int64_t)b->in_h * b->in_w, out_map = (int64_t)b->out_h * b->out_w;
    int n = 0;
    switch (b->kind) {
    case ONP_BLOCK_STEM:
    case ONP_BLOCK_MIX:
        parts[n++] = (part){&conv, b->kernel, b->in_c, b->out_c, out_map};
        break;
    case ONP_BLOCK_MBCONV:
        if (b->expand != 1)
            parts[n++] = (part){&expand, 1, b->in_c, b->mid, in_map};
        parts[n++] = (part){&depthwise, b->kernel, 1, b->mid, out_map};
        parts[n++] = (part){&project, 1, b->mid, b->out_c, out_map};
        break;
    case ONP_BLOCK_HEAD:
        parts[n++] = (part){&linear, 1, b->in_c, b->out_c, 1};
        break;
    case ONP_BLOCK_ZERO:
    case ONP_BLOCK_KIND_COUNT:
        break;
    }
    return n;
}

int onp_block_params(const onp_block *b, onp_block_mode mode,
                     onp_param_spec specs[ONP_BLOCK_MAX_PARAMS])
{
    part parts[3];
    int n_parts = block_parts(b, parts), n = 0;
    for (int i = 0; i < n_parts; i++) {
        const part *p = &parts[i];
        const onp_shape row = {1, 1, 1, p->out_c};
        specs[n++] = (onp_param_spec){
            p->names->weight, ONP_PARAM_WEIGHT, {p->kernel, p->kernel, p->in_c, p->out_c}};
        if (b->kind == ONP_BLOCK_HEAD || mode == ONP_MODE_FOLDED) {
            specs[n++] = (onp_param_spec){p->names->bias, ONP_PARAM_BIAS, row};
            continue;
        }
        specs[n++] = (onp_param_spec){p->names->gamma, ONP_PARAM_GAMMA, row};
        specs[n++] = (onp_param_spec){p->names->beta, ONP_PARAM_BETA, row};
        if (mode == ONP_MODE_EVAL)
            specs[n++] = (onp_param_spec){p->names->stats, ONP_PARAM_STATS, {1, 1, 2, p->out_c}};
    }
    return n;
}

int64_t onp_block_n_params(const onp_block *b)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    int n = onp_block_params(b, ONP_MODE_TRAIN, specs);
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total += specs[i].shape.n * specs[i].shape.h * specs[i].shape.w * specs[i].shape.c;
    return total;
}

int64_t onp_block_n_macs(const onp_block *b)
{
    part parts[3];
    int n = block_parts(b, parts);
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total +=
            parts[i].n_pixels * parts[i].kernel * parts[i].kernel * parts[i].in_c * parts[i].out_c;
    return total;
}
