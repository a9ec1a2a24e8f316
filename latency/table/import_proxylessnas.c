/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that the ProxylessNAS authors publish: a YAML map of
 *
 *     expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0:
 *       count: 164
 *       mean: 6.240567073170731          milliseconds
 *       var: 0.07330791484716055
 *
 *     Conv           -> stem     (3x3; the stride is what takes the input to the output)
 *     expanded_conv  -> mbconv
 *     Conv_1         -> mix
 *     Logits         -> head     (output: the number of classes)
 *
 * The key holds ':' itself; YAML ends it at the last, the only one before a space or line end.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "latency/table/import_internal.h"

#define MAX_MS    1e6 /* a quarter of an hour for one block is no latency */
#define MAX_COUNT 1e9

/* ---- keys ---- */

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
static onp_status scan_key(const char *key, onp_block *b, onp_error *err)
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
        scan_mbconv(&s, b);
    if (s.failed || *s.at != '\0')
        return onp_fail(err, ONP_E_FORMAT, "bad key at \"%.40s\"", s.at);
    return ONP_OK;
}

static onp_status read_key(const char *key, onp_block *b, onp_error *err)
{
    ONP_TRY(scan_key(key, b, err));
    int32_t out_h = b->out_h, out_w = b->out_w;
    if (b->kind == ONP_BLOCK_STEM) {
        b->kernel = 3;
        b->stride = out_h > 0 ? (b->in_h + out_h - 1) / out_h : 0;
    }
    ONP_TRY(onp_block_complete(b, err));
    if (b->out_h != out_h || b->out_w != out_w)
        return onp_fail(err, ONP_E_FORMAT,
                        "output is %" PRId32 "x%" PRId32 ", wanted %" PRId32 "x%" PRId32, out_h,
                        out_w, b->out_h, b->out_w);
    return ONP_OK;
}

/* ---- rows ---- */

typedef enum field { COUNT, MEAN, VAR, N_FIELDS } field;
static const char *const field_names[N_FIELDS] = {"count", "mean", "var"};

typedef struct reader {
    onp_import_sink *sink;
    onp_import_row row;
    double values[N_FIELDS];
    bool seen[N_FIELDS];
    bool open, bad; /* a row has begun; it has a problem already */
} reader;

static void begin_row(reader *r, const char *key, const char *scalar, int line, int column)
{
    onp_block block;
    onp_error why = {0};
    *r = (reader){.sink = r->sink, .row = {.line = line, .column = column}, .open = true};
    if (read_key(key, &block, &why) != ONP_OK) {
        onp_import_problem(r->sink, line, column, "%.120s: %s", key, why.msg);
        r->bad = true;
    } else if (scalar != NULL) {
        onp_import_problem(r->sink, line, column, "%.120s: a single value, wanted count, mean, var",
                           key);
        r->bad = true;
    } else {
        onp_block_key(&block, r->row.key);
    }
}

static bool read_real(const char *text, double *out)
{
    char *end = NULL;
    if (text == NULL || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false; /* strtod would also take nan, inf, hexadecimal and leading space */
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static void read_field(reader *r, const char *name, const char *scalar, int line, int column)
{
    if (r->bad)
        return;
    r->bad = true;
    for (int i = 0; i < N_FIELDS; i++) {
        if (strcmp(name, field_names[i]) != 0)
            continue;
        r->bad = !read_real(scalar, &r->values[i]);
        r->seen[i] = true;
        if (r->bad)
            onp_import_problem(r->sink, line, column, "%s is \"%.40s\", wanted a finite number",
                               name, scalar != NULL ? scalar : "(a list or map)");
        return;
    }
    onp_import_problem(r->sink, line, column, "unknown field \"%.40s\", wanted count, mean, var",
                       name);
}

static onp_status check_values(const reader *r, onp_error *err)
{
    const double *v = r->values;
    for (int i = 0; i < N_FIELDS; i++) {
        if (!r->seen[i])
            return onp_fail(err, ONP_E_FORMAT, "%s is missing", field_names[i]);
    }
    if (v[COUNT] < 1 || v[COUNT] > MAX_COUNT || v[COUNT] != floor(v[COUNT]))
        return onp_fail(err, ONP_E_FORMAT, "count is %g, wanted an integer 1..%g", v[COUNT],
                        MAX_COUNT);
    if (v[MEAN] * 1e6 < 0.5 || v[MEAN] > MAX_MS)
        return onp_fail(err, ONP_E_FORMAT, "mean is %g ms, wanted 1e-6..%g", v[MEAN], MAX_MS);
    if (v[VAR] < 0 || v[VAR] > MAX_MS * MAX_MS)
        return onp_fail(err, ONP_E_FORMAT, "var is %g, wanted 0..%g", v[VAR], MAX_MS * MAX_MS);
    return ONP_OK;
}

static onp_status end_row(reader *r, onp_error *err)
{
    onp_error why = {0};
    if (!r->open || r->bad)
        return ONP_OK;
    if (check_values(r, &why) != ONP_OK) {
        onp_import_problem(r->sink, r->row.line, r->row.column, "%s: %s", r->row.key, why.msg);
        return ONP_OK;
    }
    r->row.count = (int64_t)r->values[COUNT];
    r->row.mean_ns = llround(r->values[MEAN] * 1e6);
    r->row.sd_ns = sqrt(r->values[VAR]) * 1e6;
    return onp_import_add(r->sink, &r->row, err);
}

static onp_status visit(void *user, const char *key, const char *child_key, const char *scalar,
                        int line, int column, onp_error *err)
{
    reader *r = user;
    if (child_key != NULL) {
        read_field(r, child_key, scalar, line, column);
        return ONP_OK;
    }
    ONP_TRY(end_row(r, err));
    begin_row(r, key, scalar, line, column);
    return ONP_OK;
}

static onp_status parse(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    reader r = {.sink = sink};
    onp_status st = onp_yaml_parse(sink->ctx, text, size, sink->file, &doc, err);
    if (st == ONP_OK)
        st = onp_yaml_walk(doc, visit, &r, err);
    if (st == ONP_OK)
        st = end_row(&r, err);
    onp_yaml_free(doc);
    return st == ONP_E_CONFIG ? onp_import_unreadable(err) : st;
}

const onp_importer onp_import_proxylessnas = {
    .format = "proxylessnas", .unit = "ms", .parse = parse};
