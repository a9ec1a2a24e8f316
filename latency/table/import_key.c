/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the tables that are published with ProxylessNAS and its like:
 *
 *     expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0
 *
 *     Conv           -> stem     (3x3; the stride is what takes the input to the output)
 *     expanded_conv  -> mbconv
 *     Conv_1         -> mix
 *     Logits         -> head     (output: the number of classes)
 *
 * Once-for-All's go on with -se:1-hs:1, squeeze and excite and h-swish, and their expand is the
 * hidden width; an older form has neither type nor idskip:
 *
 *     56x56x24-28x28x40-expand:3-kernel:5-stride:2
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/import_internal.h"

typedef struct scanner {
    const char *at;
    bool failed;
} scanner;

static void expect(scanner *s, const char *literal)
{
    size_t n = strlen(literal);
    if (!s->failed && strncmp(s->at, literal, n) == 0)
        s->at += n;
    else
        s->failed = true;
}

/* A decimal integer of at most six digits, none of them a needless zero. */
static int32_t number(scanner *s)
{
    int32_t value = 0;
    int digits = 0;
    if (s->failed)
        return 0;
    for (; *s->at >= '0' && *s->at <= '9' && digits < 7; s->at++, digits++)
        value = value * 10 + (*s->at - '0');
    if (digits == 0 || digits > 6 || (digits > 1 && s->at[-digits] == '0'))
        s->failed = true;
    return value;
}

static void shape(scanner *s, int32_t *h, int32_t *w, int32_t *c)
{
    *h = number(s);
    expect(s, "x");
    *w = number(s);
    expect(s, "x");
    *c = number(s);
}

static void scan_mbconv(scanner *s, onp_block *b)
{
    expect(s, "-expand:");
    b->expand = number(s);
    expect(s, "-kernel:");
    b->kernel = number(s);
    expect(s, "-stride:");
    b->stride = number(s);
    expect(s, "-idskip:");
    int32_t skip = number(s);
    b->skip = skip == 1;
    s->failed = s->failed || skip > 1;
}

/* Once-for-All's: expand is left in mid. */
static void scan_hidden(scanner *s, onp_block *b)
{
    scan_mbconv(s, b);
    expect(s, "-se:");
    const int32_t se = number(s);
    expect(s, "-hs:");
    const int32_t hswish = number(s);
    b->se = se == 1;
    b->act = hswish == 1 ? ONP_ACT_HSWISH : ONP_ACT_RELU;
    b->mid = b->expand;
    s->failed = s->failed || se > 1 || hswish > 1;
}

static bool scan_kind(const char *key, onp_block_kind *kind, scanner *rest)
{
    static const struct {
        const char *prefix;
        onp_block_kind kind;
    } kinds[] = {{"Conv-input:", ONP_BLOCK_STEM},
                 {"Conv_1-input:", ONP_BLOCK_MIX},
                 {"Logits-input:", ONP_BLOCK_HEAD},
                 {"expanded_conv-input:", ONP_BLOCK_MBCONV}};
    for (size_t i = 0; i < ONP_COUNT(kinds); i++) {
        size_t n = strlen(kinds[i].prefix);
        if (strncmp(key, kinds[i].prefix, n) == 0) {
            *kind = kinds[i].kind;
            *rest = (scanner){.at = key + n};
            return true;
        }
    }
    return false;
}

/* Reads the key's text into b; out_h, out_w are what the text says. */
static onp_status scan_key(const char *key, bool hidden, onp_block *b, onp_error *err)
{
    scanner s;
    *b = (onp_block){.kernel = 1, .stride = 1, .out_h = 1, .out_w = 1};
    if (!scan_kind(key, &b->kind, &s))
        return onp_fail(err, ONP_E_FORMAT,
                        "unknown type, wanted Conv, Conv_1, Logits or expanded_conv");
    shape(&s, &b->in_h, &b->in_w, &b->in_c);
    expect(&s, "-output:");
    if (b->kind == ONP_BLOCK_HEAD)
        b->out_c = number(&s);
    else
        shape(&s, &b->out_h, &b->out_w, &b->out_c);
    if (b->kind == ONP_BLOCK_MBCONV)
        (hidden ? scan_hidden : scan_mbconv)(&s, b);
    else if (hidden && b->kind != ONP_BLOCK_HEAD)
        b->act = ONP_ACT_HSWISH; /* of every MobileNetV3 */
    if (s.failed || *s.at != '\0')
        return onp_fail(err, ONP_E_FORMAT, "bad key at \"%.40s\"", s.at);
    return ONP_OK;
}

/* What the key says of the output must be what comes out. */
static onp_status complete(onp_block *b, bool hidden, onp_error *err)
{
    int32_t out_h = b->out_h, out_w = b->out_w;
    if (b->kind == ONP_BLOCK_STEM) {
        b->kernel = 3;
        b->stride = out_h > 0 ? (b->in_h + out_h - 1) / out_h : 0;
    }
    if (hidden && b->kind == ONP_BLOCK_MBCONV)
        ONP_TRY(onp_import_complete_width(b, b->mid, err));
    else
        ONP_TRY(onp_block_complete(b, err));
    if (b->out_h != out_h || b->out_w != out_w)
        return onp_fail(err, ONP_E_FORMAT,
                        "output is %" PRId32 "x%" PRId32 ", wanted %" PRId32 "x%" PRId32, out_h,
                        out_w, b->out_h, b->out_w);
    return ONP_OK;
}

onp_status onp_import_read_key(const char *key, onp_block *b, onp_error *err)
{
    ONP_TRY(scan_key(key, false, b, err));
    return complete(b, false, err);
}

onp_status onp_import_read_hidden_key(const char *key, onp_block *b, onp_error *err)
{
    ONP_TRY(scan_key(key, true, b, err));
    return complete(b, true, err);
}

onp_status onp_import_read_short_key(const char *key, onp_block *b, onp_error *err)
{
    scanner s = {.at = key};
    *b = (onp_block){.kind = ONP_BLOCK_MBCONV};
    shape(&s, &b->in_h, &b->in_w, &b->in_c);
    expect(&s, "-");
    shape(&s, &b->out_h, &b->out_w, &b->out_c);
    expect(&s, "-expand:");
    b->expand = number(&s);
    expect(&s, "-kernel:");
    b->kernel = number(&s);
    expect(&s, "-stride:");
    b->stride = number(&s);
    b->skip = b->stride == 1 && b->in_c == b->out_c;
    if (s.failed || *s.at != '\0')
        return onp_fail(err, ONP_E_FORMAT, "bad key at \"%.40s\"", s.at);
    return complete(b, false, err);
}

onp_status onp_import_complete_width(onp_block *b, int32_t hidden, onp_error *err)
{
    if (hidden < 1)
        return onp_fail(err, ONP_E_FORMAT, "the hidden width is %" PRId32 ", wanted 1 or more",
                        hidden);
    /* without a first convolution where it would change nothing; mid says what is no multiple */
    const int32_t ratio = b->in_c > 0 ? hidden / b->in_c : 0; /* no channels: refused below */
    b->mid = hidden;
    b->expand = hidden == b->in_c ? 1 : ratio > 2 ? ratio : 2;
    return onp_block_complete(b, err);
}

bool onp_import_read_real(const char *text, double *out)
{
    char *end = NULL;
    if (text == NULL || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false; /* strtod would also take nan, inf, hexadecimal and leading space */
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

onp_status onp_import_check_ms(const char *name, double ms, onp_error *err)
{
    if (ms * 1e6 < 0.5 || ms > ONP_IMPORT_MAX_MS)
        return onp_fail(err, ONP_E_FORMAT, "%s is %g ms, wanted 1e-6..%g", name, ms,
                        ONP_IMPORT_MAX_MS);
    return ONP_OK;
}
