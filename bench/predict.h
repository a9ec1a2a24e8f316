/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tasks of bench/predict share. A task is one file, bench/predict_TASK.c, with a function
 * of this type and one line in predict.c: it looks through the folders for what it can be run on,
 * whatever the files are called, and prints one line for each set.
 */
#ifndef ONP_BENCH_PREDICT_H
#define ONP_BENCH_PREDICT_H

#include "base/json.h"
#include "latency/predict/agreement.h"
#include "latency/predict/block_predictor.h"

typedef struct bench_folders {
    const char *const *paths;
    int n;
    uint64_t seed; /* of splits and draws */
} bench_folders;

/* Errors: ONP_E_MISSING when there is nothing in the folders for the task. */
typedef onp_status (*bench_predict_task)(const onp_context *ctx, const bench_folders *folders,
                                         onp_error *err);

onp_status bench_predict_missing_rows(const onp_context *ctx, const bench_folders *folders,
                                      onp_error *err) ONP_MUST_USE;
onp_status bench_predict_resolution(const onp_context *ctx, const bench_folders *folders,
                                    onp_error *err) ONP_MUST_USE;
onp_status bench_predict_widths(const onp_context *ctx, const bench_folders *folders,
                                onp_error *err) ONP_MUST_USE;
onp_status bench_predict_calibrate(const onp_context *ctx, const bench_folders *folders,
                                   onp_error *err) ONP_MUST_USE;
onp_status bench_predict_few_shot(const onp_context *ctx, const bench_folders *folders,
                                  onp_error *err) ONP_MUST_USE;

/*
 * The paths of the plain files of the folders, not of those below them, by name and each once; a
 * path that is a file stands for itself. *paths: one text each, freed with
 * bench_predict_files_free.
 */
typedef struct bench_files {
    const onp_context *ctx;
    char **paths;
    size_t n, capacity;
} bench_files;
onp_status bench_predict_files(const onp_context *ctx, const bench_folders *folders,
                               bench_files *out, onp_error *err) ONP_MUST_USE;
void bench_predict_files_free(bench_files *files);

/* A block table that some file holds, by its content; all of a file's rows, blocks of several rows
 * as their mean. */
typedef struct bench_table {
    const char *path;   /* borrowed of the files */
    const char *format; /* of table import */
    onp_block_row *rows;
    size_t n, n_left_out; /* left out: filled in by the file's authors */
} bench_table;
/* Those of the files that are block tables, whole and without a bad row. *tables: freed with
 * bench_predict_tables_free. */
onp_status bench_predict_tables(const onp_context *ctx, const bench_files *files,
                                bench_table **tables, size_t *n, onp_error *err) ONP_MUST_USE;
void bench_predict_tables_free(const onp_context *ctx, bench_table *tables, size_t n);

/* Predictions and what was measured, side by side. */
typedef struct bench_pairs {
    const onp_context *ctx;
    double *values; /* predicted, lo, hi, measured of each */
    size_t n, capacity;
    size_t n_refused; /* rows that no other is like: not predicted, not scored */
    double min_ns;    /* the smallest prediction */
} bench_pairs;
onp_status bench_pairs_add(bench_pairs *pairs, const onp_predicted *p, double measured_ns,
                           onp_error *err) ONP_MUST_USE;
/* Adds the predictions for n rows of a model that knows n_known others. */
onp_status bench_pairs_predict(bench_pairs *pairs, const onp_block_row *known, size_t n_known,
                               const onp_block_row *rows, size_t n, onp_error *err) ONP_MUST_USE;
/* Scores and empties them. */
onp_status bench_pairs_take(bench_pairs *pairs, onp_agreement *out, onp_error *err) ONP_MUST_USE;

/* "FOLDER/FILE" of a path, for the name of a set. */
const char *bench_predict_name(const char *path);

/* The line of one set: task, set, n, mape, within5, within10, spearman, coverage95 (null without
 * intervals), shares as numbers up to 1, then the members of more (NULL: none; taken). */
onp_status bench_predict_print(const onp_context *ctx, const char *task, const char *set,
                               const onp_agreement *a, json_t *more, onp_error *err) ONP_MUST_USE;

#endif
