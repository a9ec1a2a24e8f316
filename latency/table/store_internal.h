/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the store, for store*.c: its prepared statements.
 *
 *     sqlite3_stmt *q = NULL;
 *     ONP_TRY(onp_store_statement(s, ONP_Q_BLOCK_ID, &q, err));
 *     ONP_TRY(onp_sql_bind(q, (onp_sql_value[]){onp_sql_text(key)}, 1, err));
 */
#ifndef ONP_LATENCY_TABLE_STORE_INTERNAL_H
#define ONP_LATENCY_TABLE_STORE_INTERNAL_H

#include "latency/table/store.h"

typedef enum onp_store_query {
    ONP_Q_DEVICE_ADD,
    ONP_Q_PLATFORM_ID,
    ONP_Q_PLATFORM_ADD,
    ONP_Q_PLATFORM_FIND,
    ONP_Q_PLATFORM_LABEL,
    ONP_Q_RUN_START,
    ONP_Q_RUN_END,
    ONP_Q_IMPORT_SOURCE_ADD,
    ONP_Q_BLOCK_ADD,
    ONP_Q_BLOCK_ID,
    ONP_Q_MEASUREMENT_ADD,
    ONP_Q_SAMPLE_ADD,
    ONP_Q_DISTRUST,
    ONP_Q_RUN_PLAN,
    ONP_Q_ESTIMATE_SET,
    ONP_Q_ESTIMATE_GET,
    ONP_Q_STALE_SET,
    ONP_Q_SENTINEL_ADD,
    ONP_Q_NETWORK_ADD,
    ONP_Q_MODEL_ADD,
    ONP_Q_CALIBRATION_SET,
    ONP_Q_VALIDATION_ADD,
    ONP_Q_COUNT
} onp_store_query;

/* The clock that a run r normalises to. json_valid first: settings are whatever a file holds. */
#define ONP_STORE_REFERENCE                                                                        \
    "CASE WHEN json_valid(r.settings) THEN r.settings ->> '$.reference_khz' END"

/* What read_estimate reads, of an estimate e and its measurement m. */
#define ONP_STORE_ESTIMATE_COLUMNS                                                                 \
    "e.median_ns, e.lo_ns, e.hi_ns, e.source, e.quality, e.run_id, m.n, m.cv, e.method,"           \
    " e.model_id, e.stale_reason, e.updated_unix_ns,"                                              \
    " iif(ifnull(m.median_ns, m.mean_ns) = e.median_ns, m.normalized_median_ns, NULL),"            \
    " (SELECT " ONP_STORE_REFERENCE " FROM run r WHERE r.id = e.run_id)"

/* The measurement m behind the estimate e: the last of its run. */
#define ONP_STORE_JOIN_MEASUREMENT                                                                 \
    " LEFT JOIN measurement m ON m.id = (SELECT max(id) FROM measurement"                          \
    " WHERE block_id = e.block_id AND +run_id = e.run_id)"

struct onp_store {
    const onp_context *ctx;
    sqlite3 *db;
    sqlite3_stmt *statements[ONP_Q_COUNT]; /* prepared when first used */
};

onp_status onp_store_statement(onp_store *s, onp_store_query which, sqlite3_stmt **out,
                               onp_error *err) ONP_MUST_USE;
/* Runs a statement that gives no rows. */
onp_status onp_store_run(onp_store *s, onp_store_query which, const onp_sql_value *values, size_t n,
                         onp_error *err) ONP_MUST_USE;
#define ONP_STORE_RUN(s, which, values, err)                                                       \
    onp_store_run((s), (which), (values), ONP_COUNT(values), (err))
/* The integer that a query gives; *found is false, *out unchanged, when it gives no row. */
onp_status onp_store_get_int(onp_store *s, onp_store_query which, const char *text, bool *found,
                             int64_t *out, onp_error *err) ONP_MUST_USE;

/* The id of a block, added when it is new. Errors: ONP_E_FORMAT: not a key, or that of zero. */
onp_status onp_store_block_add(onp_store *s, const char *key, int64_t *id,
                               onp_error *err) ONP_MUST_USE;

/* The onp_quality, any but failed, that a column names. Errors: ONP_E_FORMAT. */
onp_status onp_store_read_quality(sqlite3_stmt *q, int column, int *out,
                                  onp_error *err) ONP_MUST_USE;

/* Nanoseconds since 1970. */
int64_t onp_unix_ns(void);

/* Of a row of `sentinel`: onp_quiet_value(). */
#define ONP_SENTINEL_VALUE                                                                         \
    "CASE WHEN clock_khz > 0 THEN median_ns * clock_khz * 1e-6 ELSE median_ns END"

#endif
