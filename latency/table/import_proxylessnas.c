/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that the ProxylessNAS authors publish: a YAML map of keys (import_key.c) like
 *
 *     expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0:
 *       count: 164
 *       mean: 6.240567073170731          milliseconds
 *       var: 0.07330791484716055
 *
 * The key holds ':' itself; YAML ends it at the last, the only one before a space or line end.
 */
#include <math.h>
#include <string.h>

#include "base/yaml.h"
#include "latency/table/import_internal.h"

#define MAX_COUNT 1e9

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
    if (onp_import_read_key(key, &block, &why) != ONP_OK) {
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

static void read_field(reader *r, const char *name, const char *scalar, int line, int column)
{
    if (r->bad)
        return;
    r->bad = true;
    for (int i = 0; i < N_FIELDS; i++) {
        if (strcmp(name, field_names[i]) != 0)
            continue;
        r->bad = !onp_import_read_real(scalar, &r->values[i]);
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
    ONP_TRY(onp_import_check_ms("mean", v[MEAN], err));
    if (v[VAR] < 0 || v[VAR] > ONP_IMPORT_MAX_MS * ONP_IMPORT_MAX_MS)
        return onp_fail(err, ONP_E_FORMAT, "var is %g, wanted 0..%g", v[VAR],
                        ONP_IMPORT_MAX_MS * ONP_IMPORT_MAX_MS);
    return ONP_OK;
}

/* 95 % interval of the mean of `count` measurements, or of the rounded mean alone. */
static void set_interval(onp_import_row *row)
{
    const double half = 1.96 * row->cv * (double)row->mean_ns / sqrt((double)row->count);
    const double lo = floor((double)row->mean_ns - half), hi = ceil((double)row->mean_ns + half);
    row->lo_ns = lo > 0 ? (int64_t)lo : 0;
    row->hi_ns = (int64_t)hi;
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
    r->row.cv = sqrt(r->values[VAR]) * 1e6 / (double)r->row.mean_ns;
    set_interval(&r->row);
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
