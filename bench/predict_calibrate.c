/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task calibrate: from the sums of single operators to whole networks. A folder has a CSV of
 * operators ("model,operation,...", a column of times for each setting "pixel4|gpu|float") and one
 * of whole networks ("model,...", a column "pixel4|gpu|float|mean" for each setting); what settings
 * both know are the sets. Ten-fold cross-validation over networks: a fold is predicted by the
 * calibration (latency/predict/calibration.h) of the others, which alone choose its form.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/philox.h"
#include "bench/predict.h"
#include "latency/predict/calibration.h"

enum { N_FOLDS = 10, MAX_COLUMNS = 1024, MAX_NETWORKS = 10000 };

typedef struct csv {
    char *text; /* its commas and quotes become ends of cells */
    size_t n_rows, n_columns, capacity;
    char **cells; /* [n_rows][n_columns], the heading first */
} csv;

typedef struct network {
    const char *name;
    double sum, ops, measured, predicted, lo, hi;
    int fold;
} network;

/* ---- CSV ---- */

/* The cell at *p, quotes taken off (none are doubled in these files); *p behind its comma. Returns
 * whether it was the last of its line. */
static bool next_cell(char **p, char **cell)
{
    const bool quoted = **p == '"';
    *cell = *p += quoted;
    *p += strcspn(*p, quoted ? "\"" : ",\r\n");
    if (quoted && **p == '"')
        *(*p)++ = '\0';
    const bool last = **p != ',';
    if (**p == '\r')
        *(*p)++ = '\0';
    if (**p != '\0')
        *(*p)++ = '\0';
    return last;
}

static onp_status add_cell(const onp_context *ctx, csv *c, size_t i, char *cell, onp_error *err)
{
    void *cells = c->cells;
    ONP_TRY(onp_grow(ctx, &cells, &c->capacity, i + 1, sizeof *c->cells, err));
    c->cells = cells;
    c->cells[i] = cell;
    return ONP_OK;
}

static onp_status read_csv(const onp_context *ctx, const char *path, csv *c, onp_error *err)
{
    size_t size = 0, n = 0;
    ONP_TRY(onp_file_read(ctx, path, 64 * ONP_MIB, &c->text, &size, err));
    for (char *p = c->text; *p != '\0'; c->n_rows++) {
        const size_t first = n;
        for (bool last = false; !last;) {
            char *cell = NULL;
            last = next_cell(&p, &cell);
            ONP_TRY(add_cell(ctx, c, n++, cell, err));
        }
        if (c->n_rows == 0)
            c->n_columns = n;
        if (n - first != c->n_columns || n - first > MAX_COLUMNS)
            return onp_fail(err, ONP_E_FORMAT, "%s:%zu: %zu columns, wanted %zu, at most %d", path,
                            c->n_rows + 1, n - first, c->n_columns, MAX_COLUMNS);
    }
    return ONP_OK;
}

static void free_csv(const onp_context *ctx, csv *c)
{
    onp_free(ctx, c->text);
    onp_free(ctx, c->cells);
    *c = (csv){0};
}

static const char *cell(const csv *c, size_t row, size_t column)
{
    return c->cells[row * c->n_columns + column];
}

static bool is_operators(const csv *c)
{
    return c->n_columns > 2 && strcmp(cell(c, 0, 0), "model") == 0 &&
           strcmp(cell(c, 0, 1), "operation") == 0;
}

static bool is_networks(const csv *c)
{
    return c->n_columns > 1 && strcmp(cell(c, 0, 0), "model") == 0 &&
           strcmp(cell(c, 0, 1), "operation") != 0;
}

/* Column of the means of a setting, or 0. */
static size_t find_mean(const csv *c, const char *setting)
{
    const size_t n = strlen(setting);
    for (size_t i = 1; i < c->n_columns; i++)
        if (strncmp(cell(c, 0, i), setting, n) == 0 && strcmp(cell(c, 0, i) + n, "|mean") == 0)
            return i;
    return 0;
}

static bool read_time(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out) && *out > 0;
}

/* ---- a setting ---- */

/* The networks whose whole time and all of whose operators are known; times are microseconds. */
static size_t collect(const csv *operators, size_t column, const csv *wholes, size_t mean,
                      network *nets)
{
    size_t n = 0;
    for (size_t r = 1; r < wholes->n_rows && n < MAX_NETWORKS; r++) {
        network net = {.name = cell(wholes, r, 0)};
        bool known = read_time(cell(wholes, r, mean), &net.measured);
        for (size_t o = 1; o < operators->n_rows && known; o++) {
            double us = 0;
            if (strcmp(cell(operators, o, 0), net.name) != 0)
                continue;
            known = read_time(cell(operators, o, column), &us);
            net.sum += 1e3 * us;
            net.ops++;
        }
        net.measured *= 1e3;
        if (known && net.ops > 0)
            nets[n++] = net;
    }
    return n;
}

/* Each network its fold, all of about the same size (R. Fisher, F. Yates, 1938). */
static void deal(network *nets, size_t n, uint64_t seed)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < n; i++)
        nets[i].fold = (int)(i % N_FOLDS);
    for (size_t i = n; i > 1; i--) {
        const uint32_t counter[4] = {(uint32_t)i, 0, 0, 0};
        uint32_t bits[4];
        onp_philox4x32(counter, key, bits);
        const size_t j = (size_t)((uint64_t)bits[0] * i >> 32);
        const int swap = nets[j].fold;
        nets[j].fold = nets[i - 1].fold;
        nets[i - 1].fold = swap;
    }
    for (size_t i = 0; i < n; i++) /* one that stands there twice is no test of itself */
        for (size_t j = 0; j < i; j++)
            if (strcmp(nets[i].name, nets[j].name) == 0)
                nets[i].fold = nets[j].fold;
}

/* room: 5 arrays of n. */
static onp_status predict_fold(const onp_context *ctx, network *nets, size_t n, int fold,
                               double *room, onp_error *err)
{
    double *sum = room, *ops = room + n, *measured = room + 2 * n;
    onp_calibration cal;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (nets[i].fold != fold) {
            sum[k] = nets[i].sum;
            ops[k] = nets[i].ops;
            measured[k++] = nets[i].measured;
        }
    ONP_TRY(onp_calibration_fit(ctx, sum, ops, measured, k, &cal, err));
    for (size_t i = 0; i < n; i++)
        if (nets[i].fold == fold) {
            nets[i].predicted = onp_calibration_apply(&cal, nets[i].sum, nets[i].ops);
            onp_calibration_interval(&cal, nets[i].predicted, &nets[i].lo, &nets[i].hi);
        }
    return ONP_OK;
}

static onp_status print_setting(const onp_context *ctx, const char *setting, const network *nets,
                                size_t n, double *room, onp_error *err)
{
    double *predicted = room, *lo = room + n, *hi = room + 2 * n, *measured = room + 3 * n;
    double *sum = room + 4 * n;
    onp_agreement before, after;
    for (size_t i = 0; i < n; i++) {
        predicted[i] = nets[i].predicted;
        lo[i] = nets[i].lo;
        hi[i] = nets[i].hi;
        measured[i] = nets[i].measured;
        sum[i] = nets[i].sum;
    }
    ONP_TRY(onp_agreement_take(ctx, sum, NULL, NULL, measured, n, &before, err));
    ONP_TRY(onp_agreement_take(ctx, predicted, lo, hi, measured, n, &after, err));
    json_t *more = json_pack("{s:f, s:f, s:i}", "sum_mape", round(1e6 * before.mape) / 1e6,
                             "sum_spearman", round(1e6 * before.spearman) / 1e6, "folds", N_FOLDS);
    if (more == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    return bench_predict_print(ctx, "calibrate", setting, &after, more, err);
}

static onp_status run_setting(const onp_context *ctx, const char *setting, network *nets, size_t n,
                              uint64_t seed, onp_error *err)
{
    double *room = onp_alloc(ctx, n, 5 * sizeof *room);
    onp_status st = room != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    deal(nets, n, seed);
    for (int fold = 0; fold < N_FOLDS && st == ONP_OK; fold++)
        st = predict_fold(ctx, nets, n, fold, room, err);
    if (st == ONP_OK)
        st = print_setting(ctx, setting, nets, n, room, err);
    onp_free(ctx, room);
    return st;
}

/* ---- folders ---- */

static onp_status run_pair(const onp_context *ctx, const csv *operators, const csv *wholes,
                           uint64_t seed, bool *found, onp_error *err)
{
    onp_status st = ONP_OK;
    network *nets = onp_alloc(ctx, wholes->n_rows, sizeof *nets);
    if (nets == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    for (size_t c = 2; c < operators->n_columns && st == ONP_OK; c++) {
        const char *setting = cell(operators, 0, c);
        const size_t mean = find_mean(wholes, setting);
        const size_t n = mean != 0 ? collect(operators, c, wholes, mean, nets) : 0;
        if (n < 2 * N_FOLDS)
            continue;
        *found = true;
        st = run_setting(ctx, setting, nets, n, seed, err);
    }
    onp_free(ctx, nets);
    return st;
}

/* Each file of operators with each file of whole networks that shares settings and networks. */
static onp_status run_files(const onp_context *ctx, const bench_files *files, uint64_t seed,
                            onp_error *err)
{
    bool found = false;
    onp_status st = ONP_OK;
    csv *tables = onp_alloc(ctx, files->n, sizeof *tables);
    if (tables == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    for (size_t i = 0; i < files->n; i++)
        if (read_csv(ctx, files->paths[i], &tables[i], err) != ONP_OK) {
            if (tables[i].n_columns > 1 && strcmp(tables[i].cells[0], "model") == 0)
                onp_log(ctx, ONP_LOG_WARN, "left out: %s", err->msg);
            free_csv(ctx, &tables[i]); /* another kind of file */
        }
    for (size_t i = 0; i < files->n; i++)
        for (size_t j = 0; j < files->n && st == ONP_OK; j++)
            if (is_operators(&tables[i]) && is_networks(&tables[j]))
                st = run_pair(ctx, &tables[i], &tables[j], seed, &found, err);
    for (size_t i = 0; i < files->n; i++)
        free_csv(ctx, &tables[i]);
    onp_free(ctx, tables);
    if (st == ONP_OK && !found)
        st = onp_fail(err, ONP_E_MISSING,
                      "no CSV of operators with one of whole networks, both with the same settings "
                      "of at least %d networks",
                      2 * N_FOLDS);
    return st;
}

onp_status bench_predict_calibrate(const onp_context *ctx, const bench_folders *folders,
                                   onp_error *err)
{
    bench_files files;
    ONP_TRY(bench_predict_files(ctx, folders, &files, err));
    onp_status st = run_files(ctx, &files, folders->seed, err);
    bench_predict_files_free(&files);
    return st;
}
