/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the importers and import.c: an importer parses a text and hands over rows and problems.
 *
 *     onp_import_row row = {.line = 3, .count = 982, .mean_ns = 4083756, .sd_ns = 500237.2};
 *     onp_block_key(&block, row.key);
 *     ONP_TRY(onp_import_add(sink, &row, err));
 */
#ifndef ONP_LATENCY_TABLE_IMPORT_INTERNAL_H
#define ONP_LATENCY_TABLE_IMPORT_INTERNAL_H

#include "graph/block.h"
#include "latency/table/import.h"

typedef struct onp_import_row {
    char key[ONP_BLOCK_KEY];
    int line, column;
    int64_t count;
    int64_t mean_ns;
    double sd_ns; /* standard deviation of one measurement */
} onp_import_row;

typedef struct onp_import_sink {
    const onp_context *ctx;
    const char *file; /* stands in problems */
    onp_import_row *rows;
    size_t n_rows, rows_capacity;
    onp_strbuf problems;
    size_t n_problems;
    onp_error first; /* the first problem */
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

typedef struct onp_importer {
    const char *format;
    const char *unit; /* of the file's times */
    /* Errors: ONP_E_FORMAT when the text as a whole is unreadable, ONP_E_NOMEM. */
    onp_status (*parse)(onp_import_sink *sink, const char *text, size_t size, onp_error *err);
} onp_importer;

extern const onp_importer onp_import_proxylessnas;

#endif
