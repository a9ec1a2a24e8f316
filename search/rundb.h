/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database of one run: metrics, alpha history, events, the latencies the search used, and what
 * the derived network answered on the test set. Rows carry a `tick`, the number of steps the run
 * has taken, so that a resumed run can delete what is newer than its checkpoint.
 *
 *     ONP_TRY(onp_rundb_open(ctx, "runs/x/run.db", &db, err));
 *     ONP_TRY_GOTO(onp_rundb_begin(db, err));
 *     ONP_TRY_GOTO(onp_rundb_metric(db, tick, "search", epoch, "validation_accuracy", 0.9, err));
 *     ONP_TRY_GOTO(onp_rundb_commit(db, err));
 *   done:
 *     onp_rundb_close(db);
 *
 * Errors of all: ONP_E_FORMAT (damaged or foreign file), ONP_E_FAIL (locked; begin inside a
 * transaction, commit outside one), ONP_E_IO (disk full, no permission), ONP_E_RANGE (a value that
 * is not finite, p outside 0..1, a negative time), ONP_E_NOMEM, with SQLite's text.
 */
#ifndef ONP_SEARCH_RUNDB_H
#define ONP_SEARCH_RUNDB_H

#include "latency/predict/calibration.h"
#include "latency/table/sql.h"
#include "search/tally.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_rundb onp_rundb;

/* For those who only read: onp_sql_open(path, &onp_rundb_schema, ONP_SQL_READ, &db, err). A
 * database of version 1 has no tables class, confusion and worst_image, one of version 2 no table
 * calibration. */
extern const onp_sql_schema onp_rundb_schema;

/* Opens or makes the database. */
onp_status onp_rundb_open(const onp_context *ctx, const char *path, onp_rundb **out,
                          onp_error *err) ONP_MUST_USE;
/* Leaves WAL mode, so that the folder can be copied, and closes. NULL allowed. */
void onp_rundb_close(onp_rundb *db);

/* One transaction for what follows; rows outside one are each their own. */
onp_status onp_rundb_begin(onp_rundb *db, onp_error *err) ONP_MUST_USE;
onp_status onp_rundb_commit(onp_rundb *db, onp_error *err) ONP_MUST_USE;
void onp_rundb_rollback(onp_rundb *db);

/* phase: "warmup", "search", "train", "result". */
onp_status onp_rundb_metric(onp_rundb *db, int64_t tick, const char *phase, int64_t epoch,
                            const char *name, double value, onp_error *err) ONP_MUST_USE;
/* p of one candidate; alive: not pruned. */
onp_status onp_rundb_alpha(onp_rundb *db, int64_t tick, int64_t epoch, int position, int candidate,
                           const char *name, double alpha, double p, bool alive,
                           onp_error *err) ONP_MUST_USE;
/* Something that happened: kind "prune", "resume", "warning", ...; text for people. */
onp_status onp_rundb_event(onp_rundb *db, int64_t tick, const char *phase, int64_t epoch,
                           const char *kind, const char *text, onp_error *err) ONP_MUST_USE;

/* The test of the derived network: names of the classes, how many images of one class were taken
 * for another (cells that are not 0), and the image that was answered worst but rank. png: the
 * picture, size 0 when there is none. */
onp_status onp_rundb_class(onp_rundb *db, int64_t tick, int32_t number, const char *name,
                           onp_error *err) ONP_MUST_USE;
onp_status onp_rundb_confusion(onp_rundb *db, int64_t tick, int32_t truth, int32_t answer,
                               int64_t n, onp_error *err) ONP_MUST_USE;
onp_status onp_rundb_worst_image(onp_rundb *db, int64_t tick, int rank, const onp_answer *a,
                                 const void *png, size_t size, onp_error *err) ONP_MUST_USE;

/* The latency the run uses for a block key, in nanoseconds, and its standard deviation (0:
 * unknown). Set once: a key that is there keeps its value, so that resume does. source and quality
 * as in the latency table. */
onp_status onp_rundb_latency_set(onp_rundb *db, const char *key, int64_t ns, double sd_ns,
                                 const char *source, const char *quality,
                                 onp_error *err) ONP_MUST_USE;
/* sd_ns: NULL allowed. ONP_E_MISSING when there is none. */
onp_status onp_rundb_latency_get(onp_rundb *db, const char *key, int64_t *ns, double *sd_ns,
                                 onp_error *err) ONP_MUST_USE;

/* The calibration the run uses; set once, and get gives onp_calibration_none() when it was not.
 * What a search needs of it is kept: a, b, c, the residuals, n. */
onp_status onp_rundb_calibration_set(onp_rundb *db, const onp_calibration *cal,
                                     onp_error *err) ONP_MUST_USE;
onp_status onp_rundb_calibration_get(onp_rundb *db, onp_calibration *out,
                                     onp_error *err) ONP_MUST_USE;

/* SHA-256 over all (key, ns), deviations that are known, and the calibration where there is one, in
 * key order; 64 hex digits. n (may be NULL): how many latencies. */
onp_status onp_rundb_latency_hash(onp_rundb *db, char hex[65], int64_t *n,
                                  onp_error *err) ONP_MUST_USE;

/* How many latencies are of a table from elsewhere. */
onp_status onp_rundb_latency_imported(onp_rundb *db, int32_t *n, onp_error *err) ONP_MUST_USE;

/*
 * What is a curve, for other programs: metrics (tag "PHASE/NAME") and the probabilities of
 * candidates ("p/05/3x3e6"). Calls visit for each row with an id above *last, in the order they
 * were written, and moves *last to the newest; the tag lives during the call. Stops at, and
 * returns, the first failure.
 */
typedef enum onp_rundb_series {
    ONP_RUNDB_METRICS,
    ONP_RUNDB_PROBABILITIES,
    ONP_RUNDB_SERIES_COUNT
} onp_rundb_series;
typedef onp_status (*onp_rundb_scalar_visit)(void *user, int64_t tick, const char *tag,
                                             double value, onp_error *err);
onp_status onp_rundb_scalars_after(onp_rundb *db, onp_rundb_series series, int64_t *last,
                                   onp_rundb_scalar_visit visit, void *user,
                                   onp_error *err) ONP_MUST_USE;

/* Deletes what has a tick above this one. */
onp_status onp_rundb_forget_after(onp_rundb *db, int64_t tick, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
