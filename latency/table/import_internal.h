/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the importers and import.c: an importer parses a text and hands over rows and problems.
 *
 *     onp_import_row row = {.line = 3, .count = 982, .mean_ns = 4083756, .cv = 0.12};
 *     onp_block_key(&block, row.key);
 *     ONP_TRY(onp_import_add(sink, &row, err));
 */
#ifndef ONP_LATENCY_TABLE_IMPORT_INTERNAL_H
#define ONP_LATENCY_TABLE_IMPORT_INTERNAL_H

#include "base/json.h"
#include "graph/block.h"
#include "latency/table/import.h"

typedef struct onp_import_row {
    char key[ONP_BLOCK_KEY];
    int line, column;
    int64_t count; /* of the values that mean_ns is the mean of */
    int64_t mean_ns;
    double cv;            /* standard deviation of one value / mean_ns; 0: unknown */
    int64_t lo_ns, hi_ns; /* 95 % interval of mean_ns; both 0: unknown */
    onp_quality quality;
} onp_import_row;

typedef struct onp_import_sink {
    const onp_context *ctx;
    const char *file; /* stands in problems */
    onp_import_row *rows;
    size_t n_rows, rows_capacity;
    onp_strbuf problems;
    size_t n_problems;
    onp_error first; /* the first problem */
    json_t *origin;  /* what the file says of its platform, kept with the run; NULL: nothing */
} onp_import_sink;

/* A row; copied. */
onp_status onp_import_add(onp_import_sink *sink, const onp_import_row *row,
                          onp_error *err) ONP_MUST_USE;
/* A bad row; parsing goes on. */
void onp_import_problem(onp_import_sink *sink, int line, int column, const char *fmt, ...)
    ONP_PRINTF(4, 5);

/* A file that yields nothing usable is ONP_E_FORMAT, whatever the layer below calls it: sets and
 * returns that, the text stays. */
onp_status onp_import_unreadable(onp_error *err);

#define ONP_IMPORT_MAX_MS 1e6 /* a quarter of an hour for one block is no latency */

/* A key of the published tables. Errors: ONP_E_FORMAT, ONP_E_RANGE, ONP_E_SHAPE. */
onp_status onp_import_read_key(const char *key, onp_block *out, onp_error *err) ONP_MUST_USE;
/* A finite decimal number without rest; text may be NULL. */
bool onp_import_read_real(const char *text, double *out);
/* Whether a time is at least a nanosecond and no more than the most. Errors: ONP_E_FORMAT. */
onp_status onp_import_check_ms(const char *name, double ms, onp_error *err) ONP_MUST_USE;

typedef struct onp_importer {
    const char *format;
    const char *unit; /* of the file's times */
    /* Errors: ONP_E_FORMAT when the text as a whole is unreadable, ONP_E_NOMEM. */
    onp_status (*parse)(onp_import_sink *sink, const char *text, size_t size, onp_error *err);
} onp_importer;

extern const onp_importer onp_import_proxylessnas, onp_import_csv, onp_import_jsonl,
    onp_import_yaml;

#endif
