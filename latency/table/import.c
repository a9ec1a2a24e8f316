/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/block_paths.h"
#include "latency/table/import_internal.h"
#include "latency/table/networks.h"
#include "latency/table/store_evidence.h"

struct onp_import {
    const onp_importer *importer;
    onp_import_sink sink;
    size_t n_file_rows, n_averaged;
    char sha256[ONP_SHA256_HEX]; /* of the file */
};

static const onp_importer *const importers[] = {
    &onp_import_proxylessnas, &onp_import_csv, &onp_import_jsonl,
    &onp_import_yaml,         &onp_import_ofa, &onp_import_tfnas,
};

enum { MAX_PROBLEMS = 1000 }; /* more are only counted */

const char *onp_import_format(size_t i)
{
    return i < ONP_COUNT(importers) ? importers[i]->format : NULL;
}

/* ---- reading ---- */

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

void onp_import_network_clear(const onp_context *ctx, onp_import_network *net)
{
    onp_free(ctx, net->blocks);
    onp_free(ctx, net->text);
    onp_free(ctx, net->space);
    *net = (onp_import_network){.n_blocks = 0};
}

onp_status onp_import_add_network(onp_import_sink *sink, onp_import_network *net, onp_error *err)
{
    void *networks = sink->networks;
    onp_status st = onp_grow(sink->ctx, &networks, &sink->networks_capacity, sink->n_networks + 1,
                             sizeof *net, err);
    if (st != ONP_OK) {
        onp_import_network_clear(sink->ctx, net);
        return st;
    }
    sink->networks = networks;
    sink->networks[sink->n_networks++] = *net;
    *net = (onp_import_network){.n_blocks = 0};
    return ONP_OK;
}

void onp_import_problem(onp_import_sink *sink, int line, int column, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (sink->n_problems < MAX_PROBLEMS)
        onp_strbuf_addf(&sink->problems, "%s:%d:%d: error: %s\n", sink->file, line, column, text);
    if (sink->n_problems++ == 0)
        (void)onp_fail(&sink->first, ONP_E_FORMAT, "%s:%d:%d: error: %s", sink->file, line, column,
                       text);
}

size_t onp_import_size(const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    return size;
}

onp_status onp_import_unreadable(onp_error *err)
{
    if (err != NULL)
        err->status = ONP_E_FORMAT;
    return ONP_E_FORMAT;
}

/* Rows by key, those of one key by their place in the file. */
static int compare_rows(const void *a, const void *b)
{
    const onp_import_row *x = *(const onp_import_row *const *)a;
    const onp_import_row *y = *(const onp_import_row *const *)b;
    const int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x > y) - (x < y);
}

/* first: the row that says a block's latency first; again: the next one that does. */
static onp_status fail_repeats(const onp_import_sink *sink, const onp_import_row *first,
                               const onp_import_row *again, size_t n, onp_error *err)
{
    return onp_fail(err, ONP_E_FORMAT,
                    "%s:%d:%d: error: block \"%s\" has %.6g ms here and %.6g ms in line %d; %zu "
                    "blocks have several rows, nothing imported (--duplicates mean averages them)",
                    sink->file, again->line, again->column, again->key,
                    (double)again->mean_ns / 1e6, (double)first->mean_ns / 1e6, first->line, n);
}

/* The first of n rows of one block becomes their mean, the others lose their count. */
static void average(onp_import_row **rows, size_t n)
{
    double count = 0, sum = 0, squares = 0;
    onp_quality worst = ONP_QUALITY_OK;
    for (size_t i = 0; i < n; i++) {
        const double c = (double)rows[i]->count, mean = (double)rows[i]->mean_ns;
        count += c;
        sum += c * mean;
        squares += c * mean * mean * (1 + rows[i]->cv * rows[i]->cv);
        worst = rows[i]->quality > worst ? rows[i]->quality : worst;
        rows[i]->count = 0;
    }
    const double mean = sum / count, variance = squares / count - mean * mean;
    onp_import_row *first = rows[0];
    first->count = (int64_t)count;
    first->mean_ns = llround(mean);
    first->cv = variance > 0 ? sqrt(variance) / mean : 0;
    first->lo_ns = first->hi_ns = 0; /* rows that differ are no sample of one thing */
    first->normalized_ns = 0;
    first->method[0] = '\0';
    first->quality = worst;
}

static size_t length_of_group(onp_import_row *const *sorted, size_t n)
{
    size_t length = 1;
    while (length < n && strcmp(sorted[0]->key, sorted[length]->key) == 0)
        length++;
    return length;
}

/* Blocks that several rows are of: refused, or each left with one row. */
static onp_status settle_sorted(onp_import *import, onp_import_row **sorted,
                                onp_import_duplicates duplicates, onp_error *err)
{
    onp_import_sink *sink = &import->sink;
    const onp_import_row *first = NULL, *again = NULL;
    size_t n_repeated = 0;
    for (size_t i = 0, n; i < sink->n_rows; i += n) {
        n = length_of_group(sorted + i, sink->n_rows - i);
        if (n == 1)
            continue;
        n_repeated++;
        if (again == NULL || sorted[i + 1] < again) {
            first = sorted[i];
            again = sorted[i + 1];
        }
        if (duplicates == ONP_DUPLICATES_MEAN)
            average(sorted + i, n);
    }
    if (n_repeated > 0 && duplicates == ONP_DUPLICATES_REFUSE)
        return fail_repeats(sink, first, again, n_repeated, err);
    size_t kept = 0;
    for (size_t i = 0; i < sink->n_rows; i++)
        if (sink->rows[i].count > 0)
            sink->rows[kept++] = sink->rows[i];
    sink->n_rows = kept;
    import->n_averaged = n_repeated;
    return ONP_OK;
}

static onp_status settle_repeats(onp_import *import, onp_import_duplicates duplicates,
                                 onp_error *err)
{
    onp_import_sink *sink = &import->sink;
    onp_import_row **sorted = onp_alloc(sink->ctx, sink->n_rows, sizeof *sorted);
    if (sorted == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", sink->file);
    for (size_t i = 0; i < sink->n_rows; i++)
        sorted[i] = &sink->rows[i];
    qsort(sorted, sink->n_rows, sizeof *sorted, compare_rows);
    onp_status st = settle_sorted(import, sorted, duplicates, err);
    onp_free(sink->ctx, sorted);
    return st;
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

static onp_status parse(onp_import *import, onp_import_duplicates duplicates, const char *text,
                        size_t size, onp_error *err)
{
    onp_import_sink *sink = &import->sink;
    const size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* of UTF-8 */
    ONP_TRY(import->importer->parse(sink, text + mark, size - mark, err));
    ONP_TRY(check_problems(sink, err));
    if (sink->n_rows + sink->n_networks == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: no rows", sink->file);
    import->n_file_rows = sink->n_rows;
    if (sink->n_rows > 0)
        ONP_TRY(settle_repeats(import, duplicates, err));
    onp_sha256(text, size, import->sha256);
    return ONP_OK;
}

static onp_status read_source(onp_import *import, onp_import_duplicates duplicates,
                              onp_strbuf *problems, onp_error *err)
{
    onp_import_sink *sink = &import->sink;
    char *text = NULL;
    size_t size = 0;
    onp_status st = onp_file_read(sink->ctx, sink->file, ONP_IMPORT_MAX_BYTES, &text, &size, err);
    if (st != ONP_OK)
        return st == ONP_E_IO ? onp_import_unreadable(err) : st;
    st = parse(import, duplicates, text, size, err);
    if (sink->problems.failed && st == ONP_E_FORMAT)
        st = onp_strbuf_status(&sink->problems, err);
    if (problems != NULL)
        onp_strbuf_add(problems, sink->problems.text, sink->problems.length);
    onp_free(sink->ctx, text);
    return st;
}

onp_status onp_import_read(const onp_context *ctx, const char *format, const char *path,
                           onp_import_duplicates duplicates, onp_strbuf *problems, onp_import **out,
                           onp_error *err)
{
    const onp_importer *importer = NULL;
    *out = NULL;
    ONP_TRY(find_importer(format, &importer, err));
    onp_import *import = onp_alloc(ctx, 1, sizeof *import);
    if (import == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    import->importer = importer;
    import->sink = (onp_import_sink){.ctx = ctx, .file = path};
    onp_strbuf_init(&import->sink.problems, ctx);
    onp_status st = read_source(import, duplicates, problems, err);
    if (st == ONP_OK)
        *out = import;
    else
        onp_import_free(import);
    return st;
}

onp_status onp_import_rows(const onp_import *import, onp_block_row **out, size_t *n, onp_error *err)
{
    const onp_import_sink *sink = &import->sink;
    onp_block_row *rows = onp_alloc(sink->ctx, sink->n_rows, sizeof *rows);
    onp_status st = ONP_OK;
    if (rows == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", sink->file);
    for (size_t i = 0; st == ONP_OK && i < sink->n_rows; i++) {
        rows[i].ns = (double)sink->rows[i].mean_ns;
        st = onp_block_parse(sink->rows[i].key, &rows[i].block, err);
    }
    if (st != ONP_OK) {
        onp_free(sink->ctx, rows);
        return st;
    }
    *out = rows;
    *n = sink->n_rows;
    return ONP_OK;
}

void onp_import_describe(const onp_import *import, onp_import_meaning *out)
{
    *out = (onp_import_meaning){.format = import->importer->format,
                                .unit = import->importer->unit,
                                .spread = import->importer->spread,
                                .expand = import->importer->expand,
                                .n_left_out = import->sink.n_left_out};
}

/* ---- storing ---- */

static onp_measurement take_measurement(const onp_import_row *row)
{
    return (onp_measurement){.n = row->count,
                             .mean_ns = row->mean_ns,
                             .normalized_median_ns = row->normalized_ns,
                             .cv = row->cv,
                             .quality = row->quality};
}

static onp_status store_network(onp_store *s, int64_t run, const onp_import_network *net,
                                onp_error *err)
{
    const onp_measurement m = take_measurement(&net->row);
    char hash[ONP_SHA256_HEX];
    if (net->blocks != NULL) {
        ONP_TRY(onp_block_path_hash(onp_store_context(s), net->blocks, net->n_blocks, hash, err));
        ONP_TRY(onp_store_network_add(s, hash, net->blocks, net->n_blocks, net->space, err));
    } else {
        ONP_TRY(onp_network_text_hash(net->space, net->text, hash, err));
        ONP_TRY(onp_store_network_add_text(s, hash, net->text, net->space, err));
    }
    return onp_store_measure_network(s, run, hash, &m, NULL, err);
}

static bool is_same(const onp_estimate *a, const onp_estimate *b)
{
    return a->source == b->source && a->quality == b->quality && a->stale_reason[0] == '\0' &&
           a->median_ns == b->median_ns && a->lo_ns == b->lo_ns && a->hi_ns == b->hi_ns &&
           strcmp(a->method, b->method) == 0;
}

static onp_status store_row(onp_store *s, const onp_import_row *row, onp_import_result *out,
                            onp_error *err)
{
    onp_estimate before;
    onp_error why = {0};
    const onp_measurement m = take_measurement(row);
    onp_estimate e = {.median_ns = row->mean_ns,
                      .lo_ns = row->lo_ns,
                      .hi_ns = row->hi_ns,
                      .source = ONP_SOURCE_IMPORTED,
                      .quality = row->quality};
    (void)snprintf(e.method, sizeof e.method, "%s", row->method);
    const onp_status st = onp_store_estimate_get(s, out->platform, row->key, &before, &why);
    if (st != ONP_OK && st != ONP_E_MISSING)
        return onp_fail(err, st, "%s", why.msg);
    out->n_replaced += st == ONP_OK && before.median_ns != e.median_ns;
    ONP_TRY(onp_store_measure_block(s, out->run, row->key, &m, NULL, err));
    if (st == ONP_OK && is_same(&before, &e)) /* as it was: what was fitted to it still counts */
        return ONP_OK;
    return onp_store_estimate_set(s, out->run, row->key, &e, err);
}

static onp_status store_rows(onp_store *s, const onp_import *import, const onp_platform *platform,
                             const onp_run_info *info, onp_import_result *out, onp_error *err)
{
    const onp_import_sink *sink = &import->sink;
    const onp_import_source source = {
        .file = sink->file,
        .sha256 = import->sha256,
        .format = import->importer->format,
        .unit = import->importer->unit,
        .n_rows = (int64_t)(sink->n_rows > 0 ? sink->n_rows : sink->n_networks)};
    ONP_TRY(onp_store_platform_add(s, platform, &out->platform, err));
    ONP_TRY(onp_store_run_start(s, out->platform, info, &out->run, err));
    for (size_t i = 0; i < sink->n_rows; i++)
        ONP_TRY(store_row(s, &sink->rows[i], out, err));
    for (size_t i = 0; i < sink->n_networks; i++)
        ONP_TRY(store_network(s, out->run, &sink->networks[i], err));
    ONP_TRY(onp_store_import_source_add(s, out->run, &source, err));
    out->n_rows = sink->n_rows;
    out->n_networks = sink->n_networks;
    out->n_file_rows = import->n_file_rows;
    out->n_averaged = import->n_averaged;
    return onp_store_run_end(s, out->run, ONP_RUN_DONE, err);
}

/* The clock that normalised times are of, where a session's own settings have it. */
static bool set_reference(json_t *settings, const json_t *origin)
{
    const char *text = json_string_value(json_object_get(origin, "reference_khz"));
    const long long khz = text != NULL ? strtoll(text, NULL, 10) : 0;
    return khz <= 0 || json_object_set_new(settings, "reference_khz", json_integer(khz)) == 0;
}

/* What the table does not show of where the rows came from, as JSON. */
static onp_status add_settings(const onp_import *import, onp_strbuf *out, onp_error *err)
{
    json_t *settings = json_pack("{s:I, s:I, s:I, s:s, s:s*, s:s*, s:O*}", "file_rows",
                                 (json_int_t)import->n_file_rows, "averaged_blocks",
                                 (json_int_t)import->n_averaged, "left_out_rows",
                                 (json_int_t)import->sink.n_left_out, "unit",
                                 import->importer->unit, "spread", import->importer->spread,
                                 "expand", import->importer->expand, "origin", import->sink.origin);
    if (settings == NULL || !set_reference(settings, import->sink.origin)) {
        json_decref(settings);
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", import->sink.file);
    }
    onp_status st = onp_json_dump(settings, 0, out, err);
    json_decref(settings);
    return st;
}

onp_status onp_import_store(const onp_import *import, onp_store *s, const char *device,
                            const char *command, onp_import_result *out, onp_error *err)
{
    char backend[64];
    (void)snprintf(backend, sizeof backend, "import:%s", import->importer->format);
    const onp_platform platform = {.device = device, .backend = backend};
    onp_run_info info = {.tool_version = ONEPATH_VERSION, .target = "import", .command = command};
    onp_import_result result = {0};
    onp_strbuf settings;
    onp_sql_tx tx;
    if (device[0] == '\0')
        return onp_fail(err, ONP_E_USAGE, "%s: the device has no name", import->sink.file);
    onp_strbuf_init(&settings, import->sink.ctx);
    onp_status st = add_settings(import, &settings, err);
    if (st == ONP_OK)
        st = onp_store_begin(s, &tx, err);
    if (st == ONP_OK) {
        info.settings = settings.text;
        st = store_rows(s, import, &platform, &info, &result, err);
        st = onp_store_end(s, &tx, st, err);
    }
    onp_strbuf_reset(&settings);
    if (st == ONP_OK)
        *out = result;
    return st;
}

void onp_import_free(onp_import *import)
{
    if (import == NULL)
        return;
    onp_strbuf_reset(&import->sink.problems);
    json_decref(import->sink.origin);
    onp_free(import->sink.ctx, import->sink.rows);
    for (size_t i = 0; i < import->sink.n_networks; i++)
        onp_import_network_clear(import->sink.ctx, &import->sink.networks[i]);
    onp_free(import->sink.ctx, import->sink.networks);
    onp_free(import->sink.ctx, import);
}
