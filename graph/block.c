/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/block.h"

#include <inttypes.h>

#include "graph/block_internal.h"

#define MAX_SIZE     65536
#define MAX_KERNEL   31
#define MAX_STRIDE   4
#define MAX_EXPAND   32
/* Elements of one map. With it no count of parameters or operations leaves 64 bits. */
#define MAX_ELEMENTS INT32_MAX

const char *const onp_activation_names[ONP_ACT_COUNT + 1] = {
    [ONP_ACT_RELU6] = "relu6", [ONP_ACT_RELU] = "relu", [ONP_ACT_HSWISH] = "hswish"};

const onp_block_def onp_block_defs[ONP_BLOCK_KIND_COUNT] = {
    [ONP_BLOCK_STEM] = {.name = "stem", .kernel = true, .act = true},
    [ONP_BLOCK_MBCONV] =
        {.name = "mbconv", .kernel = true, .expand = true, .skip = true, .act = true, .se = true},
    [ONP_BLOCK_MIX] = {.name = "mix", .act = true},
    [ONP_BLOCK_HEAD] = {.name = "head", .act = true},
    [ONP_BLOCK_ZERO] = {.name = "zero", .same_c = true},
    [ONP_BLOCK_CONV] = {.name = "conv",
                        .short_name = "conv",
                        .kernel = true,
                        .dilation = true,
                        .groups = true,
                        .act = true},
    [ONP_BLOCK_SEPARABLE] = {.name = "depthwise-separable",
                             .short_name = "sep",
                             .kernel = true,
                             .skip = true,
                             .dilation = true,
                             .act = true},
    [ONP_BLOCK_MAX_POOL] = {.name = "max-pool",
                            .short_name = "max",
                            .kernel = true,
                            .same_c = true},
    [ONP_BLOCK_AVG_POOL] = {.name = "avg-pool",
                            .short_name = "avg",
                            .kernel = true,
                            .same_c = true},
    [ONP_BLOCK_IDENTITY] = {.name = "identity", .same_c = true},
};

static const char *name_of(const onp_block *b)
{
    return onp_block_defs[b->kind].name;
}

/* ---- checking ---- */

static onp_status check(const onp_block *b, const char *field, int32_t value, int32_t min,
                        int32_t max, onp_error *err)
{
    if (value >= min && value <= max)
        return ONP_OK;
    if (min == max)
        return onp_fail(err, ONP_E_RANGE, "%s block: %s is %" PRId32 ", wanted %" PRId32,
                        name_of(b), field, value, min);
    return onp_fail(err, ONP_E_RANGE, "%s block: %s is %" PRId32 ", wanted %" PRId32 "..%" PRId32,
                    name_of(b), field, value, min, max);
}

static onp_status check_map(const onp_block *b, const char *what, int32_t h, int32_t w, int32_t c,
                            onp_error *err)
{
    if ((int64_t)h * w <= MAX_ELEMENTS / c)
        return ONP_OK;
    return onp_fail(err, ONP_E_RANGE,
                    "%s block: its %s map %" PRId32 "x%" PRId32 "x%" PRId32
                    " has more than %d elements",
                    name_of(b), what, h, w, c, MAX_ELEMENTS);
}

/* What the kind has is checked, what it has not gets its neutral value. */
static onp_status complete_field(const onp_block *b, const char *field, bool has, int32_t neutral,
                                 int32_t max, int32_t *value, onp_error *err)
{
    *value = *value == 0 && !has ? neutral : *value;
    return check(b, field, *value, has ? 1 : neutral, has ? max : neutral, err);
}

static onp_status complete_kernel(onp_block *b, onp_error *err)
{
    const onp_block_def *def = &onp_block_defs[b->kind];
    ONP_TRY(complete_field(b, "kernel", def->kernel, 1, MAX_KERNEL, &b->kernel, err));
    if (b->kernel % 2 == 0)
        return onp_fail(err, ONP_E_RANGE, "%s block: kernel is %" PRId32 ", wanted an odd number",
                        name_of(b), b->kernel);
    ONP_TRY(complete_field(b, "stride", def->kernel, 1, MAX_STRIDE, &b->stride, err));
    b->dilation = b->dilation == 0 ? 1 : b->dilation;
    b->groups = b->groups == 0 ? 1 : b->groups;
    ONP_TRY(complete_field(b, "dilation", def->dilation, 1, ONP_DILATION_MAX, &b->dilation, err));
    return complete_field(b, "groups", def->groups, 1, MAX_SIZE, &b->groups, err);
}

/* Hidden width: of mbconv, or of a head with two layers. */
static onp_status complete_mid(onp_block *b, onp_error *err)
{
    const bool expands = onp_block_defs[b->kind].expand;
    ONP_TRY(complete_field(b, "expand", expands, 0, MAX_EXPAND, &b->expand, err));
    if (!expands)
        return check(b, "mid", b->mid, 0, b->kind == ONP_BLOCK_HEAD ? MAX_SIZE : 0, err);
    b->mid = b->mid == 0 ? b->in_c * b->expand : b->mid;
    /* without an expansion the hidden width is the input's */
    const bool narrow = b->expand == 1;
    return check(b, "mid", b->mid, narrow ? b->in_c : 1, narrow ? b->in_c : MAX_SIZE, err);
}

static onp_status complete_switches(const onp_block *b, onp_error *err)
{
    const onp_block_def *def = &onp_block_defs[b->kind];
    const bool act = def->act && (b->kind != ONP_BLOCK_HEAD || b->mid > 0);
    if ((int)b->act < 0 || b->act >= ONP_ACT_COUNT || (!act && b->act != ONP_ACT_RELU6))
        return onp_fail(err, ONP_E_RANGE, "%s block: activation is %d, wanted %s", name_of(b),
                        (int)b->act, act ? "relu6, relu or hswish" : "none");
    if (b->skip && !def->skip)
        return onp_fail(err, ONP_E_RANGE, "%s block: skip is 1, wanted 0", name_of(b));
    if (b->se && !def->se)
        return onp_fail(err, ONP_E_RANGE, "%s block: has no squeeze and excite", name_of(b));
    return check(b, "squeeze and excite", b->se_width, 0, b->se ? MAX_SIZE : 0, err);
}

/* The usual width is 0, so that equal blocks are equal. */
static void settle_se(onp_block *b)
{
    const int32_t width = b->se_width;
    b->se_width = 0;
    if (b->se && width != onp_block_se_width(b))
        b->se_width = width;
}

static onp_status check_shapes(const onp_block *b, onp_error *err)
{
    if (b->in_c % b->groups != 0 || b->out_c % b->groups != 0)
        return onp_fail(err, ONP_E_RANGE,
                        "%s block: groups is %" PRId32 ", wanted a divisor of %" PRId32
                        " and %" PRId32 " channels",
                        name_of(b), b->groups, b->in_c, b->out_c);
    if (onp_block_defs[b->kind].same_c && b->in_c != b->out_c)
        return onp_fail(err, ONP_E_SHAPE,
                        "%s block: %" PRId32 " channels become %" PRId32 ", wanted the same",
                        name_of(b), b->in_c, b->out_c);
    if (b->skip && (b->in_h != b->out_h || b->in_w != b->out_w || b->in_c != b->out_c))
        return onp_fail(err, ONP_E_SHAPE,
                        "%s block: skip adds %" PRId32 "x%" PRId32 "x%" PRId32 " to %" PRId32
                        "x%" PRId32 "x%" PRId32,
                        name_of(b), b->in_h, b->in_w, b->in_c, b->out_h, b->out_w, b->out_c);
    return ONP_OK;
}

static onp_status complete_output(onp_block *b, onp_error *err)
{
    const bool pooled = b->kind == ONP_BLOCK_HEAD;
    if (onp_block_is_free(b))
        b->out_c = b->in_c;
    ONP_TRY(check(b, "out_c", b->out_c, 1, MAX_SIZE, err));
    b->out_h = pooled ? 1 : (b->in_h + b->stride - 1) / b->stride;
    b->out_w = pooled ? 1 : (b->in_w + b->stride - 1) / b->stride;
    ONP_TRY(check_map(b, "input", b->in_h, b->in_w, b->in_c, err));
    ONP_TRY(check_map(b, "output", b->out_h, b->out_w, b->out_c, err));
    if (b->kind == ONP_BLOCK_MBCONV)
        ONP_TRY(check_map(b, "hidden", b->in_h, b->in_w, b->mid, err));
    return check_shapes(b, err);
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
    ONP_TRY(complete_kernel(&done, err));
    ONP_TRY(complete_mid(&done, err));
    ONP_TRY(complete_switches(&done, err));
    settle_se(&done);
    ONP_TRY(complete_output(&done, err));
    *b = done;
    return ONP_OK;
}

/* ---- what a block is ---- */

bool onp_block_is_free(const onp_block *b)
{
    return b->kind == ONP_BLOCK_ZERO || b->kind == ONP_BLOCK_IDENTITY;
}

bool onp_block_has_kernel(const onp_block *b)
{
    return onp_block_defs[b->kind].kernel;
}

bool onp_block_is_candidate(const onp_block *b)
{
    return b->kind != ONP_BLOCK_STEM && b->kind != ONP_BLOCK_MIX && b->kind != ONP_BLOCK_HEAD;
}

int64_t onp_divisible(double v)
{
    const int64_t n = (int64_t)((v + 4) / 8) * 8;
    const int64_t least = n > 8 ? n : 8;
    return (double)least < 0.9 * v ? least + 8 : least;
}

int32_t onp_block_se_width(const onp_block *b)
{
    return b->se_width > 0 ? b->se_width
                           : (int32_t)onp_divisible(
                                 (double)(b->mid / 4)); /* NOLINT(bugprone-integer-division): cut */
}

bool onp_block_equal(const onp_block *a, const onp_block *b)
{
    if (onp_block_is_free(a) || a->kind != b->kind)
        return a->kind == b->kind;
    return a->in_h == b->in_h && a->in_w == b->in_w && a->in_c == b->in_c && a->out_h == b->out_h &&
           a->out_w == b->out_w && a->out_c == b->out_c && a->kernel == b->kernel &&
           a->stride == b->stride && a->expand == b->expand && a->mid == b->mid &&
           a->skip == b->skip && a->dilation == b->dilation && a->groups == b->groups &&
           a->act == b->act && a->se == b->se && a->se_width == b->se_width;
}
