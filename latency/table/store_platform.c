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

typedef struct none_found_call {
    const char *path, *name;
} none_found_call;

static onp_status tell_devices(void *user, sqlite3_stmt *q, onp_error *err)
{
    const none_found_call *call = user;
    const char *devices = text(q, 0);
    return onp_fail(err, ONP_E_MISSING, "%s: no platform of a device \"%s\"; devices: %s",
                    call->path, call->name, devices != NULL ? devices : "none");
}

static onp_status none_found(onp_store *s, const char *name, onp_error *err)
{
    none_found_call call = {onp_store_path(s), name};
    return onp_sql_each(s->db, "SELECT group_concat(name, ', ') FROM device", NULL, 0, tell_devices,
                        &call, err);
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
        .os = text(q, 20),
        .tool_version = text(q, 21),
    };
}

typedef struct platform_call {
    onp_platform_visit visit;
    void *user;
} platform_call;

static onp_status visit_platform(void *user, sqlite3_stmt *q, onp_error *err)
{
    const platform_call *call = user;
    onp_platform_row row;
    read_platform(q, &row);
    return call->visit(call->user, &row, err);
}

onp_status onp_store_platforms(onp_store *s, onp_platform_visit visit, void *user, onp_error *err)
{
    static const char sql[] =
        "SELECT p.id, p.signature, d.name, p.backend, p.backend_version, p.kernel_set,"
        " p.kernel_hash, p.blas_core, p.threads, p.cluster, p.precision, p.batch, p.cache_mode,"
        " count(e.block_id), sum(e.quality <> 'ok'), count(e.stale_reason),"
        " min(e.updated_unix_ns), max(e.updated_unix_ns), min(e.stale_reason),"
        " (SELECT group_concat(n || ' ' || source, ', ') FROM (SELECT source, count(*) AS n"
        "  FROM estimate WHERE platform_id = p.id GROUP BY source ORDER BY n DESC, source)),"
        " r.os, r.tool_version"
        " FROM platform p JOIN device d ON d.id = p.device_id"
        " LEFT JOIN run r ON r.id = (SELECT max(run_id) FROM estimate WHERE platform_id = p.id)"
        " LEFT JOIN estimate e ON e.platform_id = p.id GROUP BY p.id ORDER BY p.id";
    platform_call call = {visit, user};
    return onp_sql_each(s->db, sql, NULL, 0, visit_platform, &call, err);
}

/* ---- by name ---- */

/* Platforms of a name, and those of them that are what is wanted. */
typedef struct search {
    onp_store *store;
    const onp_platform *wanted; /* NULL: any */
    int64_t *ids;               /* of the name */
    size_t n_ids;
    size_t n_agree;
    int64_t id; /* the last that agrees */
    onp_strbuf others, agree;
} search;

static onp_status compare(void *user, const onp_platform_row *row, onp_error *err)
{
    search *x = user;
    char text[256];
    bool named = false;
    (void)err;
    for (size_t i = 0; i < x->n_ids && !named; i++)
        named = x->ids[i] == row->id;
    if (!named)
        return ONP_OK;
    const bool agrees = x->wanted == NULL || onp_platform_agrees(x->wanted, &row->platform);
    onp_platform_describe(&row->platform, text, sizeof text);
    onp_strbuf_addf(agrees ? &x->agree : &x->others, " %.12s (%s)", row->signature, text);
    if (!agrees)
        return ONP_OK;
    x->n_agree++;
    x->id = row->id;
    return ONP_OK;
}

/* The ids of the platforms of a name: at most max. */
static onp_status list_named(search *x, const char *name, size_t max, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    bool row = false;
    const onp_sql_value value = onp_sql_text(name);
    ONP_TRY(onp_store_statement(x->store, ONP_Q_PLATFORM_FIND, &q, err));
    ONP_TRY(onp_sql_bind(q, &value, 1, err));
    ONP_TRY(onp_sql_step(q, &row, err));
    while (row && x->n_ids < max) {
        x->ids[x->n_ids++] = sqlite3_column_int64(q, 0);
        ONP_TRY(onp_sql_step(q, &row, err));
    }
    (void)sqlite3_reset(q);
    return ONP_OK;
}

static onp_status decide(search *x, const char *name, int64_t *id, onp_error *err)
{
    char wanted[256] = "";
    if (x->n_ids == 0)
        return none_found(x->store, name, err);
    ONP_TRY(onp_store_platforms(x->store, compare, x, err));
    ONP_TRY(onp_strbuf_status(&x->agree, err));
    ONP_TRY(onp_strbuf_status(&x->others, err));
    if (x->wanted != NULL)
        onp_platform_describe(x->wanted, wanted, sizeof wanted);
    if (x->n_agree == 0)
        return onp_fail(err, ONP_E_FAIL, "%s: no platform of \"%.60s\" with %s; there are:%s",
                        onp_store_path(x->store), name, wanted, x->others.text);
    if (x->n_agree > 1)
        return onp_fail(err, ONP_E_USAGE,
                        "%s: several platforms match \"%.60s\"; name one by its signature:%s",
                        onp_store_path(x->store), name, x->agree.text);
    *id = x->id;
    return ONP_OK;
}

onp_status onp_store_platform_choose(onp_store *s, const char *name, const onp_platform *wanted,
                                     int64_t *id, onp_error *err)
{
    int64_t ids[64];
    search x = {.store = s, .wanted = wanted, .ids = ids};
    onp_strbuf_init(&x.others, s->ctx);
    onp_strbuf_init(&x.agree, s->ctx);
    onp_status st = list_named(&x, name, ONP_COUNT(ids), err);
    if (st == ONP_OK)
        st = decide(&x, name, id, err);
    onp_strbuf_reset(&x.others);
    onp_strbuf_reset(&x.agree);
    return st;
}

onp_status onp_store_platform_find(onp_store *s, const char *name, int64_t *id, onp_error *err)
{
    return onp_store_platform_choose(s, name, NULL, id, err);
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
