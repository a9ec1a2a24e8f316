/* SPDX-License-Identifier: Apache-2.0 */
#include "report/run_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "search/rundb.h"

/* Eleven days: a thousand times it, and its sum over a network, are numbers still. */
#define MAX_NS INT64_C(1000000000000000)

/* ---- files ---- */

/* A file of the folder; what cannot be read is a damaged run. */
static onp_status read_text(const onp_run_view *v, const char *name, char **text, size_t *size,
                            onp_error *err)
{
    char path[4096];
    ONP_TRY(onp_path_join(path, sizeof path, v->folder, name, err));
    onp_status st = onp_file_read(v->ctx, path, 16 * ONP_MIB, text, size, err);
    if (st == ONP_E_IO)
        return onp_fail_prefix(err, ONP_E_FORMAT, "not a complete run folder: ");
    return st;
}

static onp_status read_manifest(onp_run_view *v, onp_error *err)
{
    char *text = NULL;
    size_t size = 0;
    ONP_TRY(read_text(v, "manifest.json", &text, &size, err));
    onp_status st = onp_json_parse(text, size, "manifest.json", &v->manifest, err);
    if (st == ONP_OK && !json_is_object(v->manifest))
        st = onp_fail(err, ONP_E_FORMAT, "manifest.json: not an object");
    onp_free(v->ctx, text);
    return st == ONP_OK ? st : onp_fail_prefix(err, st, "%s: ", v->folder);
}

static void keep(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

static onp_status visit_config(void *user, const char *key, const char *child, const char *scalar,
                               int line, int column, onp_error *err)
{
    (void)line;
    (void)column;
    (void)err;
    onp_run_view *v = user;
    if (child == NULL || scalar == NULL || strcmp(key, "target") != 0)
        return ONP_OK;
    if (strcmp(child, "device") == 0)
        keep(v->device, sizeof v->device, scalar);
    else if (strcmp(child, "threads") == 0)
        keep(v->threads, sizeof v->threads, scalar);
    else if (strcmp(child, "latency") == 0)
        keep(v->budget, sizeof v->budget, scalar);
    return ONP_OK;
}

static onp_status read_config(onp_run_view *v, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    size_t size = 0;
    ONP_TRY(read_text(v, "config.yaml", &v->config, &size, err));
    onp_status st = onp_yaml_parse(v->ctx, v->config, size, "config.yaml", &doc, err);
    if (st == ONP_OK)
        st = onp_yaml_walk(doc, visit_config, v, err);
    onp_yaml_free(doc);
    if (st == ONP_E_CONFIG) /* not what the user configured now but what the run has stored */
        st = ONP_E_FORMAT;
    return st == ONP_OK ? st : onp_fail_prefix(err, st, "%s: ", v->folder);
}

/* Present once the search is over. */
static onp_status read_arch(onp_run_view *v, onp_error *err)
{
    char path[4096];
    ONP_TRY(onp_path_join(path, sizeof path, v->folder, "arch.json", err));
    if (!onp_file_exists(path))
        return ONP_OK;
    return onp_arch_load(v->ctx, path, &v->arch, err);
}

/* ---- database ---- */

const char *onp_run_text(sqlite3_stmt *q, int column)
{
    const char *text = (const char *)sqlite3_column_text(q, column);
    return text != NULL ? text : "";
}

onp_status onp_run_view_rows(const onp_run_view *v, const char *sql, const char *const *names,
                             size_t n_names, onp_run_row row, void *user, onp_error *err)
{
    onp_sql_value values[4];
    for (size_t i = 0; i < n_names && i < ONP_COUNT(values); i++)
        values[i] = onp_sql_text(names[i]);
    return onp_sql_each(v->db, sql, values, n_names, row, user, err);
}

static onp_status add_epoch(void *user, sqlite3_stmt *q, onp_error *err)
{
    onp_run_view *v = user;
    ONP_TRY(onp_grow(v->ctx, (void **)&v->epochs, &v->cap_epochs, v->n_epochs + 1,
                     sizeof *v->epochs, err));
    onp_run_epoch *e = &v->epochs[v->n_epochs++];
    e->tick = sqlite3_column_int64(q, 0);
    e->epoch = sqlite3_column_int64(q, 1);
    keep(e->phase, sizeof e->phase, onp_run_text(q, 2));
    return ONP_OK;
}

static onp_status read_epochs(onp_run_view *v, onp_error *err)
{
    return onp_run_view_rows(v,
                             "SELECT tick, epoch, phase FROM metric"
                             " WHERE phase IN ('warmup', 'search', 'train')"
                             " GROUP BY tick ORDER BY tick",
                             NULL, 0, add_epoch, v, err);
}

static onp_status add_cost(void *user, sqlite3_stmt *q, onp_error *err)
{
    onp_run_view *v = user;
    onp_run_cost row = {.ns = sqlite3_column_int64(q, 1)};
    if (row.ns < 0 || row.ns > MAX_NS)
        return onp_fail(err, ONP_E_FORMAT,
                        "run.db: a latency of %" PRId64 " ns, wanted 0 to %" PRId64, row.ns,
                        MAX_NS);
    if (onp_block_parse(onp_run_text(q, 0), &row.block, NULL) != ONP_OK)
        return ONP_OK; /* it is listed all the same */
    ONP_TRY(onp_grow(v->ctx, (void **)&v->costs, &v->cap_costs, v->n_costs + 1, sizeof row, err));
    onp_block_short_name(&row.block, row.name);
    keep(row.source, sizeof row.source, onp_run_text(q, 2));
    keep(row.quality, sizeof row.quality, onp_run_text(q, 3));
    v->costs[v->n_costs++] = row;
    return ONP_OK;
}

static onp_status read_costs(onp_run_view *v, onp_error *err)
{
    return onp_run_view_rows(v, "SELECT key, ns, source, quality FROM latency ORDER BY key", NULL,
                             0, add_cost, v, err);
}

const onp_run_cost *onp_run_view_cost(const onp_run_view *v, const onp_block *b)
{
    for (size_t i = 0; i < v->n_costs; i++)
        if (onp_block_equal(&v->costs[i].block, b))
            return &v->costs[i];
    return NULL;
}

static bool stands_alone(const onp_block *b)
{
    return b->kind == ONP_BLOCK_STEM || b->kind == ONP_BLOCK_MIX || b->kind == ONP_BLOCK_HEAD;
}

bool onp_run_same_place(const onp_run_cost *row, const onp_block *b)
{
    const onp_block *r = &row->block;
    if (stands_alone(r) || stands_alone(b))
        return onp_block_equal(r, b);
    return r->in_h == b->in_h && r->in_w == b->in_w && r->in_c == b->in_c && r->out_h == b->out_h &&
           r->out_w == b->out_w && r->out_c == b->out_c;
}

int onp_run_view_range(const onp_run_view *v, const onp_block *b, int64_t *low, int64_t *high)
{
    int n = 0;
    *low = INT64_MAX;
    *high = 0;
    for (size_t i = 0; i < v->n_costs; i++) {
        if (!onp_run_same_place(&v->costs[i], b))
            continue;
        *low = v->costs[i].ns < *low ? v->costs[i].ns : *low;
        *high = v->costs[i].ns > *high ? v->costs[i].ns : *high;
        n++;
    }
    return n;
}

size_t onp_run_view_epoch(const onp_run_view *v, int64_t tick)
{
    size_t lo = 0, hi = v->n_epochs;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (v->epochs[mid].tick < tick)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static onp_status finite_column(sqlite3_stmt *q, int column, const char *name, double *out,
                                onp_error *err)
{
    *out = sqlite3_column_double(q, column);
    if (!isfinite(*out))
        return onp_fail(err, ONP_E_FORMAT, "run.db: metric %.80s is %g, wanted a finite number",
                        name, *out);
    return ONP_OK;
}

typedef struct result_reader {
    const char *name;
    double value;
    bool known;
} result_reader;

static onp_status read_result(void *user, sqlite3_stmt *q, onp_error *err)
{
    result_reader *r = user;
    r->known = true;
    return finite_column(q, 0, r->name, &r->value, err);
}

onp_status onp_run_view_result(const onp_run_view *v, const char *name, double *value, bool *known,
                               onp_error *err)
{
    result_reader r = {.name = name};
    ONP_TRY(onp_run_view_rows(v,
                              "SELECT value FROM metric WHERE phase = 'result' AND name = ?"
                              " ORDER BY tick DESC, id DESC LIMIT 1",
                              &name, 1, read_result, &r, err));
    *known = r.known;
    *value = r.value;
    return ONP_OK;
}

typedef struct series_reader {
    const onp_run_view *view;
    const char *name;
    double *values;
} series_reader;

static onp_status read_point(void *user, sqlite3_stmt *q, onp_error *err)
{
    series_reader *r = user;
    double value = 0;
    ONP_TRY(finite_column(q, 1, r->name, &value, err));
    const size_t i = onp_run_view_epoch(r->view, sqlite3_column_int64(q, 0));
    if (i < r->view->n_epochs)
        r->values[i] = value;
    return ONP_OK;
}

onp_status onp_run_view_series(const onp_run_view *v, const char *name, double **out,
                               onp_error *err)
{
    series_reader r = {.view = v, .name = name};
    *out = NULL;
    r.values = onp_alloc(v->ctx, v->n_epochs, sizeof *r.values);
    if (r.values == NULL)
        return onp_fail(err, ONP_E_NOMEM, "report: out of memory for %s", name);
    for (size_t i = 0; i < v->n_epochs; i++)
        r.values[i] = (double)NAN;
    onp_status st = onp_run_view_rows(v,
                                      "SELECT tick, value FROM metric WHERE name = ?"
                                      " AND phase IN ('warmup', 'search', 'train')"
                                      " ORDER BY tick, id",
                                      &name, 1, read_point, &r, err);
    if (st != ONP_OK) {
        onp_free(v->ctx, r.values);
        return st;
    }
    *out = r.values;
    return ONP_OK;
}

/* ---- both ---- */

static onp_status open_all(onp_run_view *v, onp_error *err)
{
    char path[4096];
    ONP_TRY(read_manifest(v, err));
    ONP_TRY(read_config(v, err));
    ONP_TRY(read_arch(v, err));
    ONP_TRY(onp_path_join(path, sizeof path, v->folder, "run.db", err));
    if (!onp_file_exists(path))
        return onp_fail(err, ONP_E_FORMAT, "not a complete run folder: %s is missing", path);
    ONP_TRY(onp_sql_open(path, &onp_rundb_schema, ONP_SQL_READ, &v->db, err));
    ONP_TRY(read_costs(v, err));
    return read_epochs(v, err);
}

onp_status onp_run_view_open(const onp_context *ctx, const char *folder, onp_run_view *out,
                             onp_error *err)
{
    *out = (onp_run_view){.ctx = ctx, .folder = folder};
    return open_all(out, err);
}

void onp_run_view_close(onp_run_view *v)
{
    onp_sql_close(v->db);
    onp_free(v->ctx, v->epochs);
    onp_free(v->ctx, v->costs);
    json_decref(v->manifest);
    onp_free(v->ctx, v->config);
    onp_arch_free(v->arch);
}
