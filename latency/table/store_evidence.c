/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/store_evidence.h"

#include <math.h>
#include <string.h>

#include "latency/table/store_internal.h"

/* More blocks than any network has; what a file says is not believed. */
#define MAX_BLOCKS 4096

static const char *text(sqlite3_stmt *q, int column)
{
    return (const char *)sqlite3_column_text(q, column);
}

static onp_sql_value known_real(double v)
{
    return isnan(v) ? onp_sql_text(NULL) : onp_sql_real(v);
}

/* ---- sentinels ---- */

onp_status onp_store_sentinel_add(onp_store *s, int64_t run, const onp_sentinel *v, onp_error *err)
{
    const onp_sql_value values[] = {onp_sql_int(run),          onp_sql_int(v->seq),
                                    onp_sql_text(v->key),      onp_sql_int(onp_unix_ns()),
                                    onp_sql_int(v->median_ns), onp_sql_known(v->clock_khz)};
    return ONP_STORE_RUN(s, ONP_Q_SENTINEL_ADD, values, err);
}

typedef struct sentinel_call {
    onp_sentinel_visit visit;
    void *user;
} sentinel_call;

static onp_status read_sentinel(void *user, sqlite3_stmt *q, onp_error *err)
{
    const sentinel_call *call = user;
    const onp_sentinel v = {.key = text(q, 1),
                            .seq = sqlite3_column_int64(q, 2),
                            .median_ns = sqlite3_column_int64(q, 3),
                            .clock_khz = sqlite3_column_int64(q, 4),
                            .done = sqlite3_column_int(q, 5) != 0};
    return call->visit(call->user, sqlite3_column_int64(q, 0), &v, err);
}

onp_status onp_store_sentinels(onp_store *s, int64_t platform, const char *key,
                               onp_sentinel_visit visit, void *user, onp_error *err)
{
    sentinel_call call = {visit, user};
    const onp_sql_value values[] = {onp_sql_int(platform), onp_sql_text(key)};
    return onp_sql_each(s->db,
                        "SELECT t.run_id, t.key, t.seq, t.median_ns, t.clock_khz, r.status = 'done'"
                        " FROM run r"
                        " JOIN sentinel t ON t.run_id = r.id WHERE r.platform_id = ?1"
                        " AND t.key = ifnull(?2, t.key) ORDER BY t.run_id, t.seq",
                        values, ONP_COUNT(values), read_sentinel, &call, err);
}

/* *out: the first column of the last row; 0: NULL. */
static onp_status read_int(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    *(int64_t *)user = sqlite3_column_int64(q, 0);
    return ONP_OK;
}

onp_status onp_store_fresh_since(onp_store *s, int64_t platform, int64_t *run, onp_error *err)
{
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(s->db,
                        "SELECT min(run_id) FROM estimate WHERE platform_id = ?"
                        " AND stale_reason IS NULL",
                        &value, 1, read_int, run, err);
}

/* ---- networks ---- */

json_t *onp_block_keys_json(const onp_block *blocks, int32_t n)
{
    json_t *keys = json_array();
    for (int32_t i = 0; keys != NULL && i < n; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&blocks[i], key);
        if (json_array_append_new(keys, json_string(key)) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

/* keys is taken; NULL: no memory. */
static onp_status add_network(onp_store *s, const char *hash, json_t *keys, const char *space,
                              onp_error *err)
{
    onp_strbuf encoding;
    if (keys == NULL)
        return onp_fail(err, ONP_E_NOMEM, "network: out of memory");
    onp_strbuf_init(&encoding, s->ctx);
    onp_status st = onp_json_dump(keys, 0, &encoding, err);
    if (st == ONP_OK) {
        const onp_sql_value values[] = {onp_sql_text(hash), onp_sql_text(encoding.text),
                                        onp_sql_text(space)};
        st = ONP_STORE_RUN(s, ONP_Q_NETWORK_ADD, values, err);
    }
    onp_strbuf_reset(&encoding);
    json_decref(keys);
    return st;
}

onp_status onp_store_network_add(onp_store *s, const char *hash, const onp_block *blocks, int32_t n,
                                 const char *space, onp_error *err)
{
    return add_network(s, hash, onp_block_keys_json(blocks, n), space, err);
}

/* An array of one text that no block key is like. */
static const char text_mark[] = "# ";

onp_status onp_store_network_add_text(onp_store *s, const char *hash, const char *text,
                                      const char *space, onp_error *err)
{
    return add_network(s, hash, json_pack("[s+]", text_mark, text), space, err);
}

static bool is_text(const json_t *keys)
{
    const char *first = json_string_value(json_array_get(keys, 0));
    return json_array_size(keys) == 1 && first != NULL &&
           strncmp(first, text_mark, sizeof text_mark - 1) == 0;
}

typedef struct network_call {
    onp_store *store;
    onp_network_visit visit;
    void *user;
} network_call;

/* *blocks is the caller's. */
static onp_status decode(onp_store *s, const char *hash, const json_t *keys, onp_block **blocks,
                         int32_t *n, onp_error *err)
{
    const size_t size = json_array_size(keys); /* 0 when it is none */
    if (size == 0 || size > MAX_BLOCKS)
        return onp_fail(err, ONP_E_FORMAT, "%s: network %.12s: the encoding is damaged",
                        onp_store_path(s), hash);
    *blocks = onp_alloc(s->ctx, size, sizeof **blocks);
    if (*blocks == NULL)
        return onp_fail(err, ONP_E_NOMEM, "network: out of memory for %zu blocks", size);
    for (size_t i = 0; i < size; i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        ONP_TRY(onp_block_parse(key != NULL ? key : "", &(*blocks)[i], err));
    }
    *n = (int32_t)size;
    return ONP_OK;
}

static onp_status visit_network(const network_call *call, const char *encoding,
                                onp_measured_network *v, onp_error *err)
{
    onp_block *blocks = NULL;
    json_t *keys = NULL;
    onp_status st = ONP_OK;
    if (encoding != NULL) {
        ONP_TRY(
            onp_json_parse(encoding, strlen(encoding), onp_store_path(call->store), &keys, err));
        if (is_text(keys))
            v->text = json_string_value(json_array_get(keys, 0)) + sizeof text_mark - 1;
        else
            ONP_TRY_GOTO(decode(call->store, v->hash, keys, &blocks, &v->n_blocks, err));
        v->blocks = blocks;
    }
    st = call->visit(call->user, v, err);
done:
    onp_free(call->store->ctx, blocks);
    json_decref(keys);
    return st;
}

static onp_status read_network(void *user, sqlite3_stmt *q, onp_error *err)
{
    int quality = 0;
    ONP_TRY(onp_store_read_quality(q, 8, &quality, err));
    onp_measured_network v = {.hash = text(q, 0),
                              .space = text(q, 2),
                              .run = sqlite3_column_int64(q, 3),
                              .measured_unix_ns = sqlite3_column_int64(q, 4),
                              .median_ns = sqlite3_column_int64(q, 5),
                              .normalized_median_ns = sqlite3_column_int64(q, 6),
                              .clock_khz = sqlite3_column_int64(q, 7),
                              .quality = (onp_quality)quality,
                              .cv = sqlite3_column_double(q, 9),
                              .stamped = sqlite3_column_int(q, 10) != 0,
                              .n = sqlite3_column_int64(q, 11)};
    return visit_network(user, text(q, 1), &v, err);
}

/* Networks that were imported by themselves are of a device whatever form its rows came in. */
#define SAME_DEVICE                                                                                \
    "(SELECT o.id FROM platform p JOIN platform o ON o.id = p.id OR (o.device_id = p.device_id"    \
    " AND p.backend LIKE 'import:%' AND o.backend = 'import:networks') WHERE p.id = ?)"

onp_status onp_store_networks(onp_store *s, int64_t platform, onp_network_visit visit, void *user,
                              onp_error *err)
{
    network_call call = {s, visit, user};
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(
        s->db,
        "SELECT m.network, n.encoding, n.space, m.run_id, m.measured_unix_ns,"
        " ifnull(m.median_ns, m.mean_ns), m.normalized_median_ns, m.clock_khz,"
        " m.quality, m.cv, m.mode IS NOT NULL,"
        " iif(m.median_ns IS NULL, max(m.n, 1), 1)"
        " FROM run r JOIN measurement m ON m.run_id = r.id"
        " LEFT JOIN network n ON n.hash = m.network WHERE r.platform_id IN " SAME_DEVICE
        " AND m.network IS NOT NULL AND m.quality <> 'failed' ORDER BY m.id",
        &value, 1, read_network, &call, err);
}

onp_status onp_store_n_networks(onp_store *s, int64_t platform, int64_t *n, onp_error *err)
{
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(s->db,
                        "SELECT count(DISTINCT m.network) FROM run r JOIN measurement m"
                        " ON m.run_id = r.id WHERE r.platform_id IN " SAME_DEVICE
                        " AND m.mode IS NULL"
                        " AND m.quality <> 'failed'",
                        &value, 1, read_int, n, err);
}

/* ---- models ---- */

onp_status onp_store_model_add(onp_store *s, int64_t platform, const onp_model_info *info,
                               int64_t *id, onp_error *err)
{
    const onp_sql_value values[] = {
        onp_sql_int(platform),         onp_sql_text(info->kind),   onp_sql_text(info->params),
        onp_sql_int(info->trained_on), known_real(info->loo_mape), known_real(info->loo_within10),
        known_real(info->coverage95),  onp_sql_int(onp_unix_ns()),
    };
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_MODEL_ADD, values, err));
    *id = sqlite3_last_insert_rowid(s->db);
    return ONP_OK;
}

/* ---- calibrations ---- */

static onp_sql_value known_sum(double ns)
{
    return ns > 0 ? onp_sql_real(ns) : onp_sql_text(NULL);
}

onp_status onp_store_calibration_set(onp_store *s, int64_t platform, int64_t run,
                                     const onp_calibration *cal, onp_error *err)
{
    const onp_sql_value values[] = {
        onp_sql_int(platform),         onp_sql_known(run),         onp_sql_real(cal->a),
        onp_sql_real(cal->b_ns),       onp_sql_real(cal->c_ns),    onp_sql_real(cal->residual_sd),
        onp_sql_real(cal->half95),     onp_sql_int(cal->n),        onp_sql_real(cal->mape_before),
        onp_sql_real(cal->mape_after), onp_sql_real(cal->within5), onp_sql_real(cal->within10),
        onp_sql_real(cal->spearman),   onp_sql_int(onp_unix_ns()), known_sum(cal->lo_ns),
        known_sum(cal->hi_ns),
    };
    return ONP_STORE_RUN(s, ONP_Q_CALIBRATION_SET, values, err);
}

typedef struct choice {
    bool any, older; /* older: there was a newer one already */
    double sum_ns, n_ops;
    onp_calibration best;
} choice;

static onp_status read_calibration(void *user, sqlite3_stmt *q, onp_error *err)
{
    choice *c = user;
    (void)err;
    const onp_calibration cal = {
        .a = sqlite3_column_double(q, 0),
        .b_ns = sqlite3_column_double(q, 1),
        .c_ns = sqlite3_column_double(q, 2),
        .residual_sd = sqlite3_column_double(q, 3),
        .half95 = sqlite3_column_double(q, 4),
        .n = sqlite3_column_int64(q, 5),
        .mape_before = sqlite3_column_double(q, 6),
        .mape_after = sqlite3_column_double(q, 7),
        .within5 = sqlite3_column_double(q, 8),
        .within10 = sqlite3_column_double(q, 9),
        .spearman = sqlite3_column_double(q, 10),
        .lo_ns = sqlite3_column_double(q, 11),
        .hi_ns = sqlite3_column_double(q, 12),
    };
    /* of which sizes one of an older version is, is not known: it stands in for no newer one */
    const bool stands = !c->older || cal.hi_ns > 0;
    if (c->best.n == 0 && (c->any || (stands && onp_calibration_holds(&cal, c->sum_ns, c->n_ops))))
        c->best = cal;
    c->older = true;
    return ONP_OK;
}

/* Newest first. Of imported rows only one that is of them: later rows may have replaced those. */
static onp_status choose_calibration(onp_store *s, int64_t platform, choice *c, onp_error *err)
{
    const onp_sql_value value = onp_sql_int(platform);
    c->best = onp_calibration_none();
    return onp_sql_each(s->db,
                        "SELECT a, b_ns, c_ns, residual_sd, half95, n, mape_before, mape_after,"
                        " within5, within10, spearman, lo_ns, hi_ns FROM calibration c"
                        " JOIN platform p ON p.id = c.platform_id WHERE p.id = ?1"
                        " AND (p.backend NOT LIKE 'import:%' OR c.created_unix_ns >="
                        "  (SELECT ifnull(max(e.updated_unix_ns), 0) FROM estimate e"
                        "   WHERE e.platform_id = ?1 AND e.source = 'imported' AND EXISTS"
                        "   (SELECT 1 FROM measurement m JOIN run r ON r.id = m.run_id"
                        "    WHERE m.block_id = e.block_id AND r.platform_id = ?1"
                        "    AND m.run_id < e.run_id))) ORDER BY c.id DESC",
                        &value, 1, read_calibration, c, err);
}

onp_status onp_store_calibration_get(onp_store *s, int64_t platform, onp_calibration *out,
                                     onp_error *err)
{
    choice c = {.any = true};
    ONP_TRY(choose_calibration(s, platform, &c, err));
    *out = c.best;
    return ONP_OK;
}

onp_status onp_store_calibration_for(onp_store *s, int64_t platform, double sum_ns, double n_ops,
                                     onp_calibration *out, onp_error *err)
{
    choice c = {.sum_ns = sum_ns, .n_ops = n_ops};
    ONP_TRY(choose_calibration(s, platform, &c, err));
    *out = c.best;
    return ONP_OK;
}

/* ---- validations ---- */

onp_status onp_store_validation_add(onp_store *s, int64_t run, const onp_validation *v,
                                    onp_error *err)
{
    const bool interval = v->hi_ns != 0;
    const onp_sql_value values[] = {
        onp_sql_int(run),
        onp_sql_text(v->hash),
        onp_sql_text(v->test ? "test" : "calibration"),
        onp_sql_int(v->sum_ns),
        onp_sql_int(v->predicted_ns),
        interval ? onp_sql_int(v->lo_ns) : onp_sql_text(NULL),
        interval ? onp_sql_int(v->hi_ns) : onp_sql_text(NULL),
        onp_sql_int(v->measured_ns),
        onp_sql_known(v->repeated_ns),
        onp_sql_known(v->measurement),
    };
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_VALIDATION_ADD, values, err));
    if (sqlite3_changes(s->db) != 1)
        return onp_fail(err, ONP_E_RANGE, "%s: there is no run %lld", onp_store_path(s),
                        (long long)run);
    return ONP_OK;
}

typedef struct validation_call {
    onp_validation_visit visit;
    void *user;
} validation_call;

static onp_status read_validation(void *user, sqlite3_stmt *q, onp_error *err)
{
    const validation_call *call = user;
    const char *part = text(q, 3);
    const onp_validation v = {.hash = text(q, 2),
                              .test = part != NULL && strcmp(part, "test") == 0,
                              .sum_ns = sqlite3_column_int64(q, 4),
                              .predicted_ns = sqlite3_column_int64(q, 5),
                              .lo_ns = sqlite3_column_int64(q, 6),
                              .hi_ns = sqlite3_column_int64(q, 7),
                              .measured_ns = sqlite3_column_int64(q, 8),
                              .repeated_ns = sqlite3_column_int64(q, 9),
                              .measurement = sqlite3_column_int64(q, 10)};
    return call->visit(call->user, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1), &v, err);
}

onp_status onp_store_validations(onp_store *s, int64_t platform, onp_validation_visit visit,
                                 void *user, onp_error *err)
{
    validation_call call = {visit, user};
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(
        s->db,
        "SELECT v.run_id, r.started_unix_ns, v.network, v.part, v.sum_ns,"
        " v.predicted_ns, v.lo_ns, v.hi_ns, v.measured_ns, v.repeated_ns,"
        " v.measurement_id FROM validation v JOIN run r ON r.id = v.run_id"
        " WHERE v.run_id = (SELECT max(run_id) FROM validation WHERE platform_id = ?)"
        " ORDER BY v.sum_ns, v.id",
        &value, 1, read_validation, &call, err);
}
