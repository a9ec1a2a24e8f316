/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/import.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latency/table/import_internal.h"

static const onp_importer *const importers[] = {
    &onp_import_proxylessnas,
};

const char *onp_import_format(size_t i)
{
    return i < ONP_COUNT(importers) ? importers[i]->format : NULL;
}

static onp_status find_importer(const char *format, const onp_importer **out, onp_error *err)
{
    char known[256] = "";
    for (size_t i = 0; i < ONP_COUNT(importers); i++) {
        if (strcmp(importers[i]->format, format) == 0) {
            *out = importers[i];
            return ONP_OK;
        }
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, " %s", importers[i]->format);
    }
    return onp_fail(err, ONP_E_USAGE, "format \"%s\" is not known; formats:%s", format, known);
}

onp_status onp_import_add(onp_import_sink *sink, const onp_import_row *row, onp_error *err)
{
    void *rows = sink->rows;
    ONP_TRY(onp_grow(sink->ctx, &rows, &sink->rows_capacity, sink->n_rows + 1, sizeof *row, err));
    sink->rows = rows;
    sink->rows[sink->n_rows++] = *row;
    return ONP_OK;
}

void onp_import_problem(onp_import_sink *sink, int line, int column, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    onp_strbuf_addf(&sink->problems, "%s:%d:%d: error: %s\n", sink->file, line, column, text);
    if (sink->n_problems++ == 0)
        (void)onp_fail(&sink->first, ONP_E_FORMAT, "%s:%d:%d: error: %s", sink->file, line, column,
                       text);
}

onp_status onp_import_unreadable(onp_error *err)
{
    if (err != NULL)
        err->status = ONP_E_FORMAT;
    return ONP_E_FORMAT;
}

static onp_status read_source(const onp_context *ctx, const char *path, char **text, size_t *size,
                              onp_error *err)
{
    onp_status st = onp_file_read(ctx, path, ONP_IMPORT_MAX_BYTES, text, size, err);
    return st == ONP_E_IO ? onp_import_unreadable(err) : st;
}

/* 95 % interval of the mean of `count` measurements, or of the rounded mean alone. */
static void set_interval(const onp_import_row *row, onp_estimate *e)
{
    double half = 1.96 * row->sd_ns / sqrt((double)row->count);
    double lo = floor((double)row->mean_ns - half), hi = ceil((double)row->mean_ns + half);
    e->lo_ns = lo > 0 ? (int64_t)lo : 0;
    e->hi_ns = (int64_t)hi;
}

static onp_status store_row(onp_store *s, const onp_import_result *to, const onp_import_row *row,
                            onp_import_sink *sink, onp_error *err)
{
    const onp_measurement m = {
        .n = row->count, .mean_ns = row->mean_ns, .cv = row->sd_ns / (double)row->mean_ns};
    onp_estimate before, e = {.median_ns = row->mean_ns, .source = ONP_SOURCE_IMPORTED};
    onp_status st = onp_store_estimate_get(s, to->platform, row->key, &before, err);
    if (st == ONP_OK && before.run == to->run) {
        onp_import_problem(sink, row->line, row->column,
                           "block \"%s\" stands in an earlier row too", row->key);
        return ONP_OK;
    }
    if (st != ONP_OK && st != ONP_E_MISSING)
        return st;
    set_interval(row, &e);
    ONP_TRY(onp_store_measure_block(s, to->run, row->key, &m, NULL, err));
    return onp_store_estimate_set(s, to->run, row->key, &e, err);
}

/* ONP_OK, or the first problem with their count. */
static onp_status check_problems(const onp_import_sink *sink, onp_error *err)
{
    if (sink->n_problems == 0)
        return ONP_OK;
    if (sink->n_problems == 1)
        return onp_fail(err, ONP_E_FORMAT, "%s", sink->first.msg);
    return onp_fail(err, ONP_E_FORMAT, "%zu bad rows, nothing imported; the first: %s",
                    sink->n_problems, sink->first.msg);
}

static onp_status store_rows(onp_store *s, onp_import_sink *sink, const onp_platform *platform,
                             const onp_run_info *info, onp_import_source *source,
                             onp_import_result *out, onp_error *err)
{
    ONP_TRY(onp_store_platform_add(s, platform, &out->platform, err));
    ONP_TRY(onp_store_run_start(s, out->platform, info, &out->run, err));
    for (size_t i = 0; i < sink->n_rows; i++)
        ONP_TRY(store_row(s, out, &sink->rows[i], sink, err));
    ONP_TRY(check_problems(sink, err));
    source->n_rows = (int64_t)sink->n_rows;
    ONP_TRY(onp_store_import_source_add(s, out->run, source, err));
    ONP_TRY(onp_store_run_end(s, out->run, ONP_RUN_DONE, err));
    out->n_rows = sink->n_rows;
    return ONP_OK;
}

static onp_status import_text(onp_store *s, const onp_importer *importer, onp_import_sink *sink,
                              const char *text, size_t size, const char *device,
                              const char *command, onp_import_result *out, onp_error *err)
{
    char backend[64], sha256[ONP_SHA256_HEX];
    (void)snprintf(backend, sizeof backend, "import:%s", importer->format);
    const onp_platform platform = {.device = device, .backend = backend};
    const onp_run_info info = {
        .tool_version = ONEPATH_VERSION, .target = "import", .command = command};
    onp_import_source source = {
        .file = sink->file, .sha256 = sha256, .format = importer->format, .unit = importer->unit};
    onp_sql_tx tx;
    ONP_TRY(importer->parse(sink, text, size, err));
    ONP_TRY(check_problems(sink, err));
    if (sink->n_rows == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: no rows", sink->file);
    onp_sha256(text, size, sha256);
    ONP_TRY(onp_store_begin(s, &tx, err));
    onp_status st = store_rows(s, sink, &platform, &info, &source, out, err);
    return onp_store_end(s, &tx, st, err);
}

onp_status onp_import_table(onp_store *s, const char *format, const char *path, const char *device,
                            const char *command, onp_strbuf *problems, onp_import_result *out,
                            onp_error *err)
{
    const onp_context *ctx = onp_store_context(s);
    const onp_importer *importer = NULL;
    onp_import_sink sink = {.ctx = ctx, .file = path};
    onp_import_result result = {0};
    char *text = NULL;
    size_t size = 0;
    onp_status st = ONP_OK;
    onp_strbuf_init(&sink.problems, ctx);
    ONP_TRY_GOTO(find_importer(format, &importer, err));
    if (device[0] == '\0') {
        st = onp_fail(err, ONP_E_USAGE, "%s: the device has no name", path);
        goto done;
    }
    ONP_TRY_GOTO(read_source(ctx, path, &text, &size, err));
    st = import_text(s, importer, &sink, text, size, device, command, &result, err);
    if (sink.problems.failed && st == ONP_E_FORMAT)
        st = onp_strbuf_status(&sink.problems, err);
    if (problems != NULL)
        onp_strbuf_add(problems, sink.problems.text, sink.problems.length);
    if (st == ONP_OK)
        *out = result;
done:
    onp_strbuf_reset(&sink.problems);
    onp_free(ctx, sink.rows);
    onp_free(ctx, text);
    return st;
}
