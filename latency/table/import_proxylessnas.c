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
 * Once-for-All's are the same with keys of its own (import_ofa.c) and `std` in place of `var`; as
 * JSON they are YAML too.
 */
#include <math.h>
#include <string.h>

#include "base/yaml.h"
#include "latency/table/import_internal.h"

#define MAX_COUNT 1e9

/* ---- rows ---- */

typedef enum field { COUNT, MEAN, SPREAD, N_FIELDS } field;
static const char *const field_names[2][N_FIELDS] = {{"count", "mean", "var"},
                                                     {"count", "mean", "std"}};

typedef struct reader {
    onp_import_sink *sink;
    bool ofa;
    onp_import_head *head; /* of Once-for-All's tables */
    onp_import_part part;
    onp_block block;
    onp_import_row row;
    double values[N_FIELDS];
    bool seen[N_FIELDS];
    bool open, bad; /* a row has begun; it has a problem already */
} reader;

static void begin_row(reader *r, const char *key, const char *scalar, int line, int column)
{
    onp_error why = {0};
    *r = (reader){.sink = r->sink,
                  .ofa = r->ofa,
                  .head = r->head,
                  .part = ONP_PART_NONE,
                  .row = {.line = line, .column = column},
                  .open = true};
    onp_status st = r->ofa ? onp_import_read_ofa_key(key, &r->block, &r->part, &why)
                           : onp_import_read_key(key, &r->block, &why);
    if (st != ONP_OK) {
        onp_import_problem(r->sink, line, column, "%.120s: %s", key, why.msg);
        r->bad = true;
    } else if (scalar != NULL) {
        onp_import_problem(r->sink, line, column, "%.120s: a single value, wanted count, mean, %s",
                           key, field_names[r->ofa][SPREAD]);
        r->bad = true;
    } else if (r->part == ONP_PART_NONE) {
        onp_block_key(&r->block, r->row.key);
    }
}

static void read_field(reader *r, const char *name, const char *scalar, int line, int column)
{
    if (r->bad)
        return;
    r->bad = true;
    for (int i = 0; i < N_FIELDS; i++) {
        if (strcmp(name, field_names[r->ofa][i]) != 0)
            continue;
        r->bad = !onp_import_read_real(scalar, &r->values[i]);
        r->seen[i] = true;
        if (r->bad)
            onp_import_problem(r->sink, line, column, "%s is \"%.40s\", wanted a finite number",
                               name, scalar != NULL ? scalar : "(a list or map)");
        return;
    }
    onp_import_problem(r->sink, line, column, "unknown field \"%.40s\", wanted count, mean, %s",
                       name, field_names[r->ofa][SPREAD]);
}

static onp_status check_values(const reader *r, onp_error *err)
{
    const double *v = r->values;
    for (int i = 0; i < N_FIELDS; i++) {
        if (!r->seen[i])
            return onp_fail(err, ONP_E_FORMAT, "%s is missing", field_names[r->ofa][i]);
    }
    if (v[COUNT] < 1 || v[COUNT] > MAX_COUNT || v[COUNT] != floor(v[COUNT]))
        return onp_fail(err, ONP_E_FORMAT, "count is %g, wanted an integer 1..%g", v[COUNT],
                        MAX_COUNT);
    ONP_TRY(onp_import_check_ms("mean", v[MEAN], err));
    const double most = r->ofa ? ONP_IMPORT_MAX_MS : ONP_IMPORT_MAX_MS * ONP_IMPORT_MAX_MS;
    if (v[SPREAD] < 0 || v[SPREAD] > most)
        return onp_fail(err, ONP_E_FORMAT, "%s is %g, wanted 0..%g", field_names[r->ofa][SPREAD],
                        v[SPREAD], most);
    return ONP_OK;
}

/* 95 % interval of the mean of `count` measurements, or of the rounded mean alone. */
void onp_import_set_interval(onp_import_row *row)
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
    const double sd = r->ofa ? r->values[SPREAD] : sqrt(r->values[SPREAD]);
    r->row.cv = sd * 1e6 / (double)r->row.mean_ns;
    onp_import_set_interval(&r->row);
    if (r->part != ONP_PART_NONE) {
        onp_import_head_add(r->head, r->part, &r->block, &r->row, r->sink);
        return ONP_OK;
    }
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

static onp_status parse_form(onp_import_sink *sink, bool ofa, const char *text, size_t size,
                             onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    onp_import_head head = {.seen = {false}};
    reader r = {.sink = sink, .ofa = ofa, .head = &head};
    onp_status st = onp_yaml_parse(sink->ctx, text, size, sink->file, &doc, err);
    if (st == ONP_OK)
        st = onp_yaml_walk(doc, visit, &r, err);
    if (st == ONP_OK)
        st = end_row(&r, err);
    if (st == ONP_OK)
        st = onp_import_head_end(&head, sink, err);
    onp_yaml_free(doc);
    return st == ONP_E_CONFIG ? onp_import_unreadable(err) : st;
}

static onp_status parse(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    return parse_form(sink, false, text, size, err);
}

static onp_status parse_ofa(onp_import_sink *sink, const char *text, size_t size, onp_error *err)
{
    return parse_form(sink, true, text, size, err);
}

const onp_importer onp_import_proxylessnas = {.format = "proxylessnas",
                                              .unit = "ms",
                                              .spread = "variance of one call, ms^2",
                                              .expand = "ratio of hidden to input channels",
                                              .parse = parse};
const onp_importer onp_import_ofa = {.format = "once-for-all",
                                     .unit = "ms",
                                     .spread = "standard deviation of one call, ms",
                                     .expand = "hidden channels",
                                     .parse = parse_ofa};
