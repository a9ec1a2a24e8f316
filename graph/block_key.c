/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and names of blocks, there and back. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/block_internal.h"

/* ---- writing ---- */

static void append(char *text, size_t size, const char *fmt, ...) ONP_PRINTF(3, 4);
static void append(char *text, size_t size, const char *fmt, ...)
{
    const size_t used = strlen(text);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text + used, size - used, fmt, ap);
    va_end(ap);
}

/* " name=value" where the value is not the usual one */
static void append_unusual(char *key, const char *name, int32_t value, int32_t usual)
{
    if (value != usual)
        append(key, ONP_BLOCK_KEY, " %s=%" PRId32, name, value);
}

void onp_block_key(const onp_block *b, char key[ONP_BLOCK_KEY])
{
    const onp_block_def *def = &onp_block_defs[b->kind];
    key[0] = '\0';
    append(key, ONP_BLOCK_KEY, "%s", def->name);
    if (onp_block_is_free(b))
        return;
    append(key, ONP_BLOCK_KEY, " in=%" PRId32 "x%" PRId32 "x%" PRId32 " out=", b->in_h, b->in_w,
           b->in_c);
    if (b->kind != ONP_BLOCK_HEAD)
        append(key, ONP_BLOCK_KEY, "%" PRId32 "x%" PRId32 "x", b->out_h, b->out_w);
    append(key, ONP_BLOCK_KEY, "%" PRId32, b->out_c);
    if (def->kernel)
        append(key, ONP_BLOCK_KEY, " k=%" PRId32, b->kernel);
    if (def->expand)
        append(key, ONP_BLOCK_KEY, " e=%" PRId32, b->expand);
    if (def->kernel)
        append(key, ONP_BLOCK_KEY, " s=%" PRId32, b->stride);
    if (def->skip)
        append(key, ONP_BLOCK_KEY, " skip=%d", b->skip);
    append_unusual(key, "mid", b->mid, b->in_c * b->expand);
    append_unusual(key, "d", b->dilation, 1);
    append_unusual(key, "g", b->groups, 1);
    if (b->act != ONP_ACT_RELU6)
        append(key, ONP_BLOCK_KEY, " act=%s", onp_activation_names[b->act]);
    if (b->se)
        append(key, ONP_BLOCK_KEY, " se=%" PRId32, onp_block_se_width(b));
}

void onp_block_short_name(const onp_block *b, char name[32])
{
    const onp_block_def *def = &onp_block_defs[b->kind];
    name[0] = '\0';
    if (b->kind == ONP_BLOCK_MBCONV)
        append(name, 32, "%" PRId32 "x%" PRId32 "e%" PRId32, b->kernel, b->kernel, b->expand);
    else if (def->short_name != NULL)
        append(name, 32, "%s%" PRId32 "x%" PRId32, def->short_name, b->kernel, b->kernel);
    else
        append(name, 32, "%s", def->name);
    if (!onp_block_is_candidate(b))
        return;
    if (b->dilation > 1)
        append(name, 32, "d%" PRId32, b->dilation);
    if (b->groups > 1)
        append(name, 32, "g%" PRId32, b->groups);
    if (b->se)
        append(name, 32, "-se");
    if (b->act != ONP_ACT_RELU6)
        append(name, 32, "-%s", onp_activation_names[b->act]);
}

/* ---- reading ---- */

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

/* The entry of a list of names (one may be NULL) that *text begins with, up to one of `ends`; n
 * when there is none. *text is moved behind it. */
static int parse_name(const char **text, const char *ends, const char *const *names, int n)
{
    const size_t length = strcspn(*text, ends);
    for (int i = 0; i < n; i++)
        if (strlen(names[i]) == length && memcmp(names[i], *text, length) == 0) {
            *text += length;
            return i;
        }
    return n;
}

static bool parse_activation(const char **text, onp_block *b)
{
    const int act = parse_name(text, " ", onp_activation_names, ONP_ACT_COUNT);
    b->act = act < ONP_ACT_COUNT ? (onp_activation)act : b->act;
    return act < ONP_ACT_COUNT;
}

/* One "name=value" at *text into b. False when the name is unknown or the value is not its. */
static bool parse_field(const char **text, onp_block *b)
{
    enum { IN, OUT, K, E, S, SKIP, MID, D, G, SE, ACT, N };
    static const char *const names[N] = {"in",  "out", "k", "e",  "s",  "skip",
                                         "mid", "d",   "g", "se", "act"};
    const int field = parse_name(text, "=", names, N);
    if (field == N || *(*text)++ != '=')
        return false;
    if (field == ACT)
        return parse_activation(text, b);
    int32_t value[3] = {0};
    int32_t *const single[N] = {[K] = &b->kernel, [E] = &b->expand,   [S] = &b->stride,
                                [MID] = &b->mid,  [D] = &b->dilation, [G] = &b->groups};
    const int n = parse_numbers(text, 3, value);
    const bool map = field == IN || (field == OUT && b->kind != ONP_BLOCK_HEAD);
    if (n != (map ? 3 : 1))
        return false;
    if (field == IN) {
        b->in_h = value[0];
        b->in_w = value[1];
    }
    if (field == OUT && map) {
        b->out_h = value[0];
        b->out_w = value[1];
    }
    if (map)
        *(field == IN ? &b->in_c : &b->out_c) = value[2];
    else if (field == OUT) /* out=10 */
        b->out_c = value[0];
    else if (field == SKIP)
        b->skip = value[0] == 1;
    else if (field == SE) {
        b->se = true;
        b->se_width = value[0];
    } else
        *single[field] = value[0];
    return true;
}

/* Reads what looks like a key; onp_block_parse then insists on the canonical text, so order,
 * missing and doubled fields, leading zeros and wrong output maps need no checks here. */
static onp_status parse_loosely(const char *key, onp_block *b, onp_error *err)
{
    const char *names[ONP_BLOCK_KIND_COUNT], *p = key;
    char list[160] = "";
    for (int i = 0; i < ONP_BLOCK_KIND_COUNT; i++) {
        names[i] = onp_block_defs[i].name;
        append(list, sizeof list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const int kind = parse_name(&p, " ", names, ONP_BLOCK_KIND_COUNT);
    if (kind == ONP_BLOCK_KIND_COUNT)
        return onp_fail(err, ONP_E_FORMAT, "block key \"%.128s\": wanted one of %s", key, list);
    *b = (onp_block){.kind = (onp_block_kind)kind};
    while (*p != '\0') {
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
    for (int kind = 0; kind < ONP_BLOCK_KIND_COUNT; kind++) {
        const onp_block b = {
            .kind = (onp_block_kind)kind, .kernel = 1, .stride = 1, .dilation = 1, .groups = 1};
        if (onp_block_is_free(&b) && strcmp(key, onp_block_defs[kind].name) == 0) {
            *out = b;
            return ONP_OK;
        }
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
