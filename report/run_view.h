/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run folder, open for reading: what the sections of the page are made from. The database is read
 * in one transaction, so that all numbers are of one moment even while the run goes on.
 *
 *     onp_run_view view;
 *     ONP_TRY(onp_run_view_open(ctx, "runs/quickstart", &view, err));
 *     st = onp_run_view_result(&view, "test_accuracy", &accuracy, &known, err);
 *     onp_run_view_close(&view);
 */
#ifndef ONP_REPORT_RUN_VIEW_H
#define ONP_REPORT_RUN_VIEW_H

#include <sqlite3.h>

#include "base/json.h"
#include "supernet/arch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The end of an epoch: what charts count along their x axis. */
typedef struct onp_run_epoch {
    int64_t tick;  /* steps of the run so far */
    int64_t epoch; /* of its phase, from 0 */
    char phase[8]; /* "warmup", "search", "train" */
} onp_run_epoch;

/* A latency row of a block. */
typedef struct onp_run_cost {
    onp_block block;
    int64_t ns;
    char name[32]; /* onp_block_short_name */
    char source[16], quality[16];
} onp_run_cost;

typedef struct onp_run_view {
    const onp_context *ctx;
    const char *folder; /* borrowed */
    sqlite3 *db;
    onp_run_epoch *epochs; /* by tick */
    size_t n_epochs, cap_epochs;
    onp_run_cost *costs; /* the rows whose keys are blocks' */
    size_t n_costs, cap_costs;
    json_t *manifest;
    char *config;                              /* config.yaml as it is */
    char device[128], threads[32], budget[32]; /* target.* of the configuration; "" when absent */
    onp_arch *arch;                            /* NULL: not derived yet */
} onp_run_view;

/* Opens everything. Errors: as onp_report_write(). Close in any case. */
onp_status onp_run_view_open(const onp_context *ctx, const char *folder, onp_run_view *out,
                             onp_error *err) ONP_MUST_USE;
void onp_run_view_close(onp_run_view *v);

/* The newest metric of that name in phase "result"; *known tells whether there is one. */
onp_status onp_run_view_result(const onp_run_view *v, const char *name, double *value, bool *known,
                               onp_error *err) ONP_MUST_USE;

/* Calls row for each row of a query; names: bound to its parameters 1..n. */
typedef onp_status (*onp_run_row)(void *user, sqlite3_stmt *q, onp_error *err);
onp_status onp_run_view_rows(const onp_run_view *v, const char *sql, const char *const *names,
                             size_t n_names, onp_run_row row, void *user,
                             onp_error *err) ONP_MUST_USE;
/* Text of a column, "" for NULL; valid until the next row. */
const char *onp_run_text(sqlite3_stmt *q, int column);

/*
 * A metric at each epoch: n_epochs values, NAN where there is none (onp_free). Errors: ONP_E_FORMAT
 * (a value that is not finite), ONP_E_NOMEM.
 */
onp_status onp_run_view_series(const onp_run_view *v, const char *name, double **out,
                               onp_error *err) ONP_MUST_USE;

/* The latency row of a block, or NULL: zero and identity cost 0 by definition and have none. */
const onp_run_cost *onp_run_view_cost(const onp_run_view *v, const onp_block *b);
/* Whether a row is of a block that could stand in b's place: same input, same output; stem, mix and
 * head are a place of their own. */
bool onp_run_same_place(const onp_run_cost *row, const onp_block *b);
/* How many rows are of b's place, and the least and most of them, in nanoseconds; of none,
 * *low > *high. */
int onp_run_view_range(const onp_run_view *v, const onp_block *b, int64_t *low, int64_t *high);

/* The epoch that a step belongs to, n_epochs when it is after the last. */
size_t onp_run_view_epoch(const onp_run_view *v, int64_t tick);

#ifdef __cplusplus
}
#endif
#endif
