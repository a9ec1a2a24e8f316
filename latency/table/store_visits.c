/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/store_visits.h"

#include <inttypes.h>
#include <stdio.h>

#include "latency/measure/timing.h"
#include "latency/table/samples.h"
#include "latency/table/store_internal.h"

#define PLAN "CASE WHEN json_valid(r.settings) THEN r.settings ->> '$.plan' END"

/* Of the sentinels on one side of a measurement, the nearest. */
#define NEIGHBOUR(side, order)                                                                     \
    "coalesce((SELECT " ONP_SENTINEL_VALUE " FROM sentinel WHERE run_id = m.run_id"                \
    " AND seq " side " m.seq ORDER BY seq " order " LIMIT 1), 0)"

/* ?1 platform, ?2 plan, ?3 the run that is done or 0 */
static const char visits[] =
    "WITH mine AS (SELECT r.id, r.status, " ONP_STORE_REFERENCE " AS reference_khz"
    "  FROM run r WHERE r.platform_id = ?1 AND " PLAN " = ?2 AND (?3 = 0 OR r.id <= ?3)),"
    " since AS (SELECT coalesce(max(id), 0) AS id FROM mine WHERE status = 'done' AND id <> ?3)"
    "SELECT m.run_id, m.seq, m.pass, coalesce(b.key, m.network), m.median_ns, m.ci95_lo_ns,"
    " m.ci95_hi_ns, m.normalized_median_ns, mine.reference_khz, m.quality, m.reason,"
    " " NEIGHBOUR("<", "DESC") ", " NEIGHBOUR(
        ">", "ASC") ", s.n, s.n_groups, s.samples, s.clocks, s.stamps"
                    " FROM mine JOIN measurement m ON m.run_id = mine.id LEFT JOIN block b ON b.id "
                    "= m.block_id"
                    " LEFT JOIN sample s ON s.measurement_id = m.id"
                    " WHERE mine.id > (SELECT id FROM since) AND m.pass IS NOT NULL AND m.seq IS "
                    "NOT NULL"
                    " AND m.quality <> 'failed' AND m.median_ns IS NOT NULL ORDER BY m.id";

static const char *text(sqlite3_stmt *q, int column)
{
    return (const char *)sqlite3_column_text(q, column);
}

static onp_status decode(sqlite3_stmt *q, int column, int64_t *out, size_t n,
                         const int64_t **decoded, onp_error *err)
{
    const uint8_t *bytes = sqlite3_column_blob(q, column);
    *decoded = NULL;
    if (bytes == NULL)
        return ONP_OK;
    ONP_TRY(onp_samples_decode(bytes, (size_t)sqlite3_column_bytes(q, column), out, n, err));
    *decoded = out;
    return ONP_OK;
}

/* How many samples and groups a row claims to have; no more than any runner may send. */
static onp_status read_counts(sqlite3_stmt *q, onp_visit *v, onp_error *err)
{
    const int64_t n = sqlite3_column_int64(q, 13), n_groups = sqlite3_column_int64(q, 14);
    if (n < 0 || n > ONP_TIMING_MAX_SAMPLES || n_groups < 0 || n_groups > ONP_TIMING_MAX_STAMPS ||
        n * n_groups > ONP_TIMING_MAX_STAMPS)
        return onp_fail(err, ONP_E_FORMAT,
                        "%" PRId64 " samples of %" PRId64 " groups, wanted at most %d in all", n,
                        n_groups, ONP_TIMING_MAX_STAMPS);
    v->n_samples = (size_t)n;
    v->n_groups = (size_t)n_groups;
    return ONP_OK;
}

typedef struct visit_call {
    onp_store *store;
    onp_visit_fn visit;
    void *user;
} visit_call;

static onp_status decode_visit(const visit_call *call, sqlite3_stmt *q, onp_error *err)
{
    int quality = 0;
    onp_visit v = {.run = sqlite3_column_int64(q, 0),
                   .seq = sqlite3_column_int64(q, 1),
                   .pass = sqlite3_column_int64(q, 2),
                   .key = text(q, 3),
                   .median_ns = sqlite3_column_int64(q, 4),
                   .ci95_lo_ns = sqlite3_column_int64(q, 5),
                   .ci95_hi_ns = sqlite3_column_int64(q, 6),
                   .normalized_median_ns = sqlite3_column_int64(q, 7),
                   .reference_khz = sqlite3_column_int64(q, 8),
                   .reason = text(q, 10),
                   .sentinel_before = sqlite3_column_double(q, 11),
                   .sentinel_after = sqlite3_column_double(q, 12)};
    ONP_TRY(onp_store_read_quality(q, 9, &quality, err));
    ONP_TRY(read_counts(q, &v, err));
    v.quality = (onp_quality)quality;
    int64_t *values = onp_alloc(call->store->ctx, (2 + v.n_groups) * v.n_samples, sizeof *values);
    if (values == NULL)
        return onp_fail(err, ONP_E_NOMEM, "no memory for %zu samples", v.n_samples);
    onp_status st = decode(q, 15, values, v.n_samples, &v.samples_ns, err);
    if (st == ONP_OK)
        st = decode(q, 16, values + v.n_samples, v.n_samples, &v.clocks_khz, err);
    if (st == ONP_OK)
        st = decode(q, 17, values + 2 * v.n_samples, v.n_groups * v.n_samples, &v.stamps_ns, err);
    if (st == ONP_OK)
        st = call->visit(call->user, &v, err);
    onp_free(call->store->ctx, values);
    return st;
}

static onp_status read_visit(void *user, sqlite3_stmt *q, onp_error *err)
{
    const visit_call *call = user;
    const onp_status st = decode_visit(call, q, err);
    return st == ONP_E_FORMAT ? onp_fail_prefix(err, st, "%s: ", onp_store_path(call->store)) : st;
}

onp_status onp_store_visits(onp_store *s, const onp_visit_query *query, onp_visit_fn visit,
                            void *user, onp_error *err)
{
    const onp_sql_value values[] = {onp_sql_int(query->platform), onp_sql_text(query->plan),
                                    onp_sql_int(query->done)};
    visit_call call = {s, visit, user};
    return onp_sql_each(s->db, visits, values, ONP_COUNT(values), read_visit, &call, err);
}

onp_status onp_store_distrust(onp_store *s, int64_t run, int64_t seq, const char *reason,
                              onp_error *err)
{
    const onp_sql_value values[] = {onp_sql_int(run), onp_sql_int(seq), onp_sql_text(reason)};
    return ONP_STORE_RUN(s, ONP_Q_DISTRUST, values, err);
}

onp_status onp_store_run_plan(onp_store *s, int64_t run, char plan[ONP_SHA256_HEX], onp_error *err)
{
    const onp_sql_value value = onp_sql_int(run);
    sqlite3_stmt *q = NULL;
    bool row = false;
    plan[0] = '\0';
    ONP_TRY(onp_store_statement(s, ONP_Q_RUN_PLAN, &q, err));
    ONP_TRY(onp_sql_bind(q, &value, 1, err));
    ONP_TRY(onp_sql_step(q, &row, err));
    if (row && text(q, 0) != NULL)
        (void)snprintf(plan, ONP_SHA256_HEX, "%s", text(q, 0));
    sqlite3_reset(q);
    return ONP_OK;
}
