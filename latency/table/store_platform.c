/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "latency/table/store_internal.h"

static const char *text(sqlite3_stmt *q, int column)
{
    return (const char *)sqlite3_column_text(q, column);
}

static onp_status add(onp_store *s, const onp_platform *p, const char *signature, onp_error *err)
{
    const onp_sql_value device[] = {onp_sql_text(p->device)};
    const onp_sql_value platform[] = {
        onp_sql_text(p->device),          onp_sql_text(signature),     onp_sql_text(p->backend),
        onp_sql_text(p->backend_version), onp_sql_text(p->kernel_set), onp_sql_text(p->kernel_hash),
        onp_sql_text(p->blas_core),       onp_sql_known(p->threads),   onp_sql_text(p->cluster),
        onp_sql_text(p->precision),       onp_sql_known(p->batch),     onp_sql_text(p->cache_mode),
    };
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_DEVICE_ADD, device, err));
    return ONP_STORE_RUN(s, ONP_Q_PLATFORM_ADD, platform, err);
}

onp_status onp_store_platform_add(onp_store *s, const onp_platform *p, int64_t *id, onp_error *err)
{
    char signature[ONP_SHA256_HEX];
    bool found = false;
    int64_t seen = 0;
    onp_sql_tx tx;
    ONP_TRY(onp_platform_signature(s->ctx, p, signature, err));
    ONP_TRY(onp_store_begin(s, &tx, err));
    onp_status st = onp_store_get_int(s, ONP_Q_PLATFORM_ID, signature, &found, &seen, err);
    if (st == ONP_OK && !found) {
        st = add(s, p, signature, err);
        seen = sqlite3_last_insert_rowid(s->db);
    }
    ONP_TRY(onp_store_end(s, &tx, st, err));
    *id = seen;
    return ONP_OK;
}

/* The devices of the table, for the message. */
static onp_status none_found(onp_store *s, const char *name, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    bool row = false;
    onp_status st = onp_sql_prepare(s->db, "SELECT group_concat(name, ', ') FROM device", &q, err);
    if (st == ONP_OK)
        st = onp_sql_step(q, &row, err);
    if (st == ONP_OK) {
        const char *devices = row ? text(q, 0) : NULL;
        st = onp_fail(err, ONP_E_MISSING, "%s: no platform of a device \"%s\"; devices: %s",
                      onp_store_path(s), name, devices != NULL ? devices : "none");
    }
    sqlite3_finalize(q);
    return st;
}

static onp_status several_found(onp_store *s, const char *name, const onp_strbuf *list,
                                onp_error *err)
{
    return onp_fail(err, ONP_E_USAGE,
                    "%s: several platforms match \"%s\"; name one by its signature:%s",
                    onp_store_path(s), name, list->text);
}

onp_status onp_store_platform_find(onp_store *s, const char *name, int64_t *id, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    onp_strbuf list;
    size_t n = 0;
    int64_t seen = 0;
    bool row = false;
    const onp_sql_value value = onp_sql_text(name);
    onp_status st = ONP_OK;
    onp_strbuf_init(&list, s->ctx);
    ONP_TRY_GOTO(onp_store_statement(s, ONP_Q_PLATFORM_FIND, &q, err));
    ONP_TRY_GOTO(onp_sql_bind(q, &value, 1, err));
    ONP_TRY_GOTO(onp_sql_step(q, &row, err));
    for (; row; n++) {
        seen = sqlite3_column_int64(q, 0);
        onp_strbuf_addf(&list, " %s (%s)", text(q, 1), text(q, 2));
        ONP_TRY_GOTO(onp_sql_step(q, &row, err));
    }
    ONP_TRY_GOTO(onp_strbuf_status(&list, err));
    if (n == 1)
        *id = seen;
    else
        st = n == 0 ? none_found(s, name, err) : several_found(s, name, &list, err);
done:
    onp_strbuf_reset(&list);
    return st;
}

static void read_platform(sqlite3_stmt *q, onp_platform_row *row)
{
    *row = (onp_platform_row){
        .id = sqlite3_column_int64(q, 0),
        .signature = text(q, 1),
        .platform = {.device = text(q, 2),
                     .backend = text(q, 3),
                     .backend_version = text(q, 4),
                     .kernel_set = text(q, 5),
                     .kernel_hash = text(q, 6),
                     .blas_core = text(q, 7),
                     .threads = sqlite3_column_int64(q, 8),
                     .cluster = text(q, 9),
                     .precision = text(q, 10),
                     .batch = sqlite3_column_int64(q, 11),
                     .cache_mode = text(q, 12)},
        .n_estimates = sqlite3_column_int64(q, 13),
        .n_noisy = sqlite3_column_int64(q, 14),
        .n_stale = sqlite3_column_int64(q, 15),
        .oldest_unix_ns = sqlite3_column_int64(q, 16),
        .newest_unix_ns = sqlite3_column_int64(q, 17),
        .stale_reason = text(q, 18),
        .sources = text(q, 19) != NULL ? text(q, 19) : "",
    };
}

onp_status onp_store_platforms(onp_store *s, onp_platform_visit visit, void *user, onp_error *err)
{
    static const char sql[] =
        "SELECT p.id, p.signature, d.name, p.backend, p.backend_version, p.kernel_set,"
        " p.kernel_hash, p.blas_core, p.threads, p.cluster, p.precision, p.batch, p.cache_mode,"
        " count(e.block_id), sum(e.quality <> 'ok'), count(e.stale_reason),"
        " min(e.updated_unix_ns), max(e.updated_unix_ns), min(e.stale_reason),"
        " (SELECT group_concat(n || ' ' || source, ', ') FROM (SELECT source, count(*) AS n"
        "  FROM estimate WHERE platform_id = p.id GROUP BY source ORDER BY n DESC, source))"
        " FROM platform p JOIN device d ON d.id = p.device_id"
        " LEFT JOIN estimate e ON e.platform_id = p.id GROUP BY p.id ORDER BY p.id";
    sqlite3_stmt *q = NULL; /* its own, so that visit may use the store */
    bool row = false;
    onp_status st = ONP_OK;
    ONP_TRY(onp_sql_prepare(s->db, sql, &q, err));
    ONP_TRY_GOTO(onp_sql_step(q, &row, err));
    while (row) {
        onp_platform_row platform;
        read_platform(q, &platform);
        ONP_TRY_GOTO(visit(user, &platform, err));
        ONP_TRY_GOTO(onp_sql_step(q, &row, err));
    }
done:
    sqlite3_finalize(q);
    return st;
}

void onp_store_platform_label(onp_store *s, int64_t platform, char *out, size_t out_size)
{
    sqlite3_stmt *q = NULL;
    bool row = false;
    const onp_sql_value value = onp_sql_int(platform);
    (void)snprintf(out, out_size, "platform %" PRId64, platform);
    if (onp_store_statement(s, ONP_Q_PLATFORM_LABEL, &q, NULL) != ONP_OK ||
        onp_sql_bind(q, &value, 1, NULL) != ONP_OK || onp_sql_step(q, &row, NULL) != ONP_OK)
        return;
    if (row)
        (void)snprintf(out, out_size, "%s", text(q, 0));
    (void)sqlite3_reset(q);
}
