/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/store_internal.h"

static const char *const sql[ONP_Q_COUNT] = {
    [ONP_Q_DEVICE_ADD] = "INSERT INTO device (name) VALUES (?) ON CONFLICT DO NOTHING",
    [ONP_Q_PLATFORM_ID] = "SELECT id FROM platform WHERE signature = ?",
    [ONP_Q_PLATFORM_ADD] =
        "INSERT INTO platform (signature, device_id, backend, backend_version, kernel_set,"
        " kernel_hash, blas_core, threads, cluster, precision, batch, cache_mode)"
        " SELECT ?2, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM device WHERE name = ?1",
    /* by the device: those with fresh rows, or where no platform of it has some, all */
    [ONP_Q_PLATFORM_FIND] =
        "WITH found AS (SELECT p.id, d.name <> ?1 AS by_signature, EXISTS (SELECT 1 FROM estimate e"
        "  WHERE e.platform_id = p.id AND e.stale_reason IS NULL) AS fresh"
        " FROM platform p JOIN device d ON d.id = p.device_id WHERE d.name = ?1"
        " OR (length(?1) >= 8 AND substr(p.signature, 1, length(?1)) = ?1))"
        " SELECT id FROM found"
        " WHERE by_signature OR fresh = (SELECT max(fresh) FROM found) ORDER BY id",
    [ONP_Q_PLATFORM_LABEL] = "SELECT d.name || ' (' || p.backend || ')' FROM platform p"
                             " JOIN device d ON d.id = p.device_id WHERE p.id = ?",
    [ONP_Q_RUN_START] = "INSERT INTO run (platform_id, tool_version, build, os, target, command,"
                        " settings, seed, started_unix_ns, status)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running')",
    [ONP_Q_RUN_END] = "UPDATE run SET status = ?2, ended_unix_ns = ?3"
                      " WHERE id = ?1 AND status = 'running'",
    [ONP_Q_IMPORT_SOURCE_ADD] =
        "INSERT INTO import_source (run_id, file, sha256, format, unit, rows)"
        " VALUES (?, ?, ?, ?, ?, ?)",
    [ONP_Q_BLOCK_ADD] = "INSERT INTO block (key) VALUES (?) ON CONFLICT DO NOTHING",
    [ONP_Q_BLOCK_ID] = "SELECT id FROM block WHERE key = ?",
    [ONP_Q_MEASUREMENT_ADD] =
        "INSERT INTO measurement (run_id, block_id, network, measured_unix_ns, n, n_rejected,"
        " inner_reps, min_ns, p05_ns, median_ns, mean_ns, trimmed_mean_ns, p90_ns, p99_ns, mad_ns,"
        " cv, ci95_lo_ns, ci95_hi_ns, normalized_median_ns, clock_khz, quality, reason, mode, pass,"
        " seq, n_paths, overhead_ns, clock_min_khz, temperature_before_mc, temperature_after_mc,"
        " cores) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?)",
    [ONP_Q_SAMPLE_ADD] =
        "INSERT INTO sample (measurement_id, n, format, samples, clocks, temperatures,"
        " n_groups, stamps) VALUES (?, ?, 'delta-varint', ?, ?, ?, ?, ?)",
    [ONP_Q_DISTRUST] = "UPDATE measurement SET quality = 'failed', reason = ?3"
                       " WHERE run_id = ?1 AND seq = ?2 AND pass IS NOT NULL",
    [ONP_Q_RUN_PLAN] = "SELECT CASE WHEN json_valid(settings) THEN settings ->> '$.plan' END"
                       " FROM run WHERE id = ?",
    [ONP_Q_ESTIMATE_SET] =
        "INSERT INTO estimate (platform_id, block_id, median_ns, lo_ns, hi_ns, source, quality,"
        " run_id, updated_unix_ns, method, model_id)"
        " SELECT platform_id, ?2, ?3, ?4, ?5, ?6, ?7, id, ?8, ?9, ?10 FROM run WHERE id = ?1"
        " ON CONFLICT DO UPDATE SET median_ns = excluded.median_ns, lo_ns = excluded.lo_ns,"
        " hi_ns = excluded.hi_ns, source = excluded.source, quality = excluded.quality,"
        " run_id = excluded.run_id, updated_unix_ns = excluded.updated_unix_ns,"
        " method = excluded.method, model_id = excluded.model_id, stale_reason = NULL",
    [ONP_Q_STALE_SET] = "UPDATE estimate SET stale_reason = ?2"
                        " WHERE platform_id = ?1 AND (stale_reason IS NULL) <> (?2 IS NULL)",
    [ONP_Q_SENTINEL_ADD] =
        "INSERT INTO sentinel (run_id, seq, key, measured_unix_ns, median_ns, clock_khz)"
        " VALUES (?, ?, ?, ?, ?, ?)",
    [ONP_Q_NETWORK_ADD] = "INSERT INTO network (hash, encoding, space) VALUES (?, ?, ?)"
                          " ON CONFLICT DO NOTHING",
    [ONP_Q_MODEL_ADD] =
        "INSERT INTO model (platform_id, kind, params, trained_on, loo_mape, loo_within10,"
        " coverage95, created_unix_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [ONP_Q_CALIBRATION_SET] =
        "INSERT INTO calibration (platform_id, run_id, a, b_ns, c_ns, residual_sd, half95, n,"
        " mape_before, mape_after, within5, within10, spearman, created_unix_ns, lo_ns, hi_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ONP_Q_VALIDATION_ADD] =
        "INSERT INTO validation (run_id, platform_id, network, part, sum_ns, predicted_ns, lo_ns,"
        " hi_ns, measured_ns, repeated_ns, measurement_id)"
        " SELECT id, platform_id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM run WHERE id = ?1",
    [ONP_Q_ESTIMATE_GET] =
        "SELECT " ONP_STORE_ESTIMATE_COLUMNS
        " FROM estimate e JOIN block b ON b.id = e.block_id" ONP_STORE_JOIN_MEASUREMENT
        " WHERE e.platform_id = ? AND b.key = ?",
};

onp_status onp_store_statement(onp_store *s, onp_store_query which, sqlite3_stmt **out,
                               onp_error *err)
{
    if (s->statements[which] == NULL)
        ONP_TRY(onp_sql_prepare(s->db, sql[which], &s->statements[which], err));
    *out = s->statements[which];
    return ONP_OK;
}

onp_status onp_store_run(onp_store *s, onp_store_query which, const onp_sql_value *values, size_t n,
                         onp_error *err)
{
    sqlite3_stmt *q = NULL;
    ONP_TRY(onp_store_statement(s, which, &q, err));
    return onp_sql_run(q, values, n, err);
}

onp_status onp_store_get_int(onp_store *s, onp_store_query which, const char *text, bool *found,
                             int64_t *out, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    onp_sql_value value = onp_sql_text(text);
    ONP_TRY(onp_store_statement(s, which, &q, err));
    ONP_TRY(onp_sql_bind(q, &value, 1, err));
    ONP_TRY(onp_sql_step(q, found, err));
    if (*found)
        *out = sqlite3_column_int64(q, 0);
    (void)sqlite3_reset(q); /* an open statement would hold back other processes' checkpoints */
    return ONP_OK;
}
