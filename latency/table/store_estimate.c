/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "latency/table/store_internal.h"

static const char *const source_names[] = {
    [ONP_SOURCE_MEASURED] = "measured",         [ONP_SOURCE_IMPORTED] = "imported",
    [ONP_SOURCE_INTERPOLATED] = "interpolated", [ONP_SOURCE_MODELLED] = "modelled",
    [ONP_SOURCE_TRANSFERRED] = "transferred",   [ONP_SOURCE_DEFINITION] = "definition",
};

const char *onp_estimate_source_name(onp_estimate_source source)
{
    return source_names[source];
}

static bool costs_nothing(const char *key)
{
    return strcmp(key, "zero") == 0 || strcmp(key, "identity") == 0;
}

onp_status onp_store_estimate_set(onp_store *s, int64_t run, const char *key, const onp_estimate *e,
                                  onp_error *err)
{
    int64_t block = 0;
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s, &tx, err));
    onp_status st = onp_store_block_add(s, key, &block, err);
    if (st == ONP_OK) {
        const onp_sql_value values[] = {
            onp_sql_int(run),
            onp_sql_int(block),
            onp_sql_int(e->median_ns),
            e->hi_ns == 0 ? onp_sql_text(NULL) : onp_sql_int(e->lo_ns),
            onp_sql_known(e->hi_ns),
            onp_sql_text(source_names[e->source]),
            onp_sql_text(onp_quality_name(e->quality)),
            onp_sql_int(onp_unix_ns()),
            onp_sql_text(e->method[0] != '\0' ? e->method : NULL),
            onp_sql_known(e->model),
        };
        st = ONP_STORE_RUN(s, ONP_Q_ESTIMATE_SET, values, err);
        if (st == ONP_OK && sqlite3_changes(s->db) != 1)
            st = onp_fail(err, ONP_E_RANGE, "%s: there is no run %lld", onp_store_path(s),
                          (long long)run);
    }
    return onp_store_end(s, &tx, st, err);
}

static const char *source_name(int i)
{
    return onp_estimate_source_name((onp_estimate_source)i);
}

static const char *quality_name(int i)
{
    return onp_quality_name((onp_quality)i);
}

/* Index of the name in column; ONP_E_FORMAT when it is none of the n. */
static onp_status read_name(sqlite3_stmt *q, int column, const char *(*name)(int i), int n,
                            int *out, onp_error *err)
{
    const char *seen = (const char *)sqlite3_column_text(q, column);
    for (int i = 0; seen != NULL && i < n; i++) {
        if (strcmp(seen, name(i)) == 0) {
            *out = i;
            return ONP_OK;
        }
    }
    return onp_fail(err, ONP_E_FORMAT, "%s: unknown %s \"%s\"",
                    sqlite3_db_filename(sqlite3_db_handle(q), "main"),
                    sqlite3_column_name(q, column), seen != NULL ? seen : "NULL");
}

onp_status onp_store_read_quality(sqlite3_stmt *q, int column, int *out, onp_error *err)
{
    return read_name(q, column, quality_name, ONP_QUALITY_FAILED, out, err);
}

static void read_text(sqlite3_stmt *q, int column, char out[ONP_ESTIMATE_TEXT])
{
    const char *text = (const char *)sqlite3_column_text(q, column);
    (void)snprintf(out, ONP_ESTIMATE_TEXT, "%s", text != NULL ? text : "");
}

/* ONP_STORE_ESTIMATE_COLUMNS, from column `first` on. */
static onp_status read_estimate(sqlite3_stmt *q, int first, onp_estimate *out, onp_error *err)
{
    int source = 0, quality = 0;
    ONP_TRY(read_name(q, first + 3, source_name, ONP_SOURCE_DEFINITION, &source, err));
    ONP_TRY(onp_store_read_quality(q, first + 4, &quality, err));
    *out = (onp_estimate){.median_ns = sqlite3_column_int64(q, first),
                          .lo_ns = sqlite3_column_int64(q, first + 1),
                          .hi_ns = sqlite3_column_int64(q, first + 2),
                          .source = (onp_estimate_source)source,
                          .quality = (onp_quality)quality,
                          .run = sqlite3_column_int64(q, first + 5),
                          .n = sqlite3_column_int64(q, first + 6),
                          .cv = sqlite3_column_double(q, first + 7),
                          .model = sqlite3_column_int64(q, first + 9),
                          .updated_unix_ns = sqlite3_column_int64(q, first + 11),
                          .normalized_median_ns = sqlite3_column_int64(q, first + 12),
                          .reference_khz = sqlite3_column_int64(q, first + 13)};
    read_text(q, first + 8, out->method);
    read_text(q, first + 10, out->stale_reason);
    return ONP_OK;
}

static onp_status look_up(onp_store *s, int64_t platform, const char *key, bool *found,
                          onp_estimate *out, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    const onp_sql_value values[] = {onp_sql_int(platform), onp_sql_text(key)};
    if (costs_nothing(key)) {
        *found = true;
        *out = (onp_estimate){.source = ONP_SOURCE_DEFINITION};
        return ONP_OK;
    }
    ONP_TRY(onp_store_statement(s, ONP_Q_ESTIMATE_GET, &q, err));
    ONP_TRY(onp_sql_bind(q, values, ONP_COUNT(values), err));
    ONP_TRY(onp_sql_step(q, found, err));
    onp_status st = *found ? read_estimate(q, 0, out, err) : ONP_OK;
    (void)sqlite3_reset(q);
    return st;
}

onp_status onp_store_estimate_get(onp_store *s, int64_t platform, const char *key,
                                  onp_estimate *out, onp_error *err)
{
    char label[128];
    bool found = false;
    ONP_TRY(look_up(s, platform, key, &found, out, err));
    if (found)
        return ONP_OK;
    onp_store_platform_label(s, platform, label, sizeof label);
    return onp_fail(err, ONP_E_MISSING, "%s: %s: no latency of block \"%s\"", onp_store_path(s),
                    label, key);
}

onp_status onp_store_stale_set(onp_store *s, int64_t platform, const char *reason, int64_t *n,
                               onp_error *err)
{
    const onp_sql_value values[] = {onp_sql_int(platform), onp_sql_text(reason)};
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_STALE_SET, values, err));
    if (n != NULL)
        *n = sqlite3_changes(s->db);
    return ONP_OK;
}

onp_status onp_store_missing(onp_store *s, int64_t platform, const char *const *keys, size_t n,
                             bool *missing, size_t *n_missing, onp_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        onp_estimate e;
        bool found = false;
        ONP_TRY(look_up(s, platform, keys[i], &found, &e, err));
        missing[i] = !found || e.stale_reason[0] != '\0';
        count += missing[i];
    }
    *n_missing = count;
    return ONP_OK;
}

typedef struct estimate_call {
    onp_estimate_visit visit;
    void *user;
} estimate_call;

static onp_status read_keyed_estimate(void *user, sqlite3_stmt *q, onp_error *err)
{
    const estimate_call *call = user;
    onp_estimate e;
    ONP_TRY(read_estimate(q, 1, &e, err));
    return call->visit(call->user, (const char *)sqlite3_column_text(q, 0), &e, err);
}

onp_status onp_store_estimates(onp_store *s, int64_t platform, onp_estimate_visit visit, void *user,
                               onp_error *err)
{
    static const char sql[] =
        "SELECT b.key, " ONP_STORE_ESTIMATE_COLUMNS
        " FROM estimate e JOIN block b ON b.id = e.block_id" ONP_STORE_JOIN_MEASUREMENT
        " WHERE e.platform_id = ? ORDER BY b.key";
    estimate_call call = {visit, user};
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(s->db, sql, &value, 1, read_keyed_estimate, &call, err);
}
