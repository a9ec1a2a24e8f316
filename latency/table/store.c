/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "latency/table/schema.h"
#include "latency/table/store_internal.h"

onp_status onp_store_open(const onp_context *ctx, const char *path, onp_sql_mode mode,
                          onp_store **out, onp_error *err)
{
    onp_store *s = onp_alloc(ctx, 1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    s->ctx = ctx;
    onp_status st = onp_sql_open(path, &onp_table_schema, mode, &s->db, err);
    if (st != ONP_OK) {
        onp_free(ctx, s);
        return st;
    }
    *out = s;
    return ONP_OK;
}

void onp_store_close(onp_store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < ONP_COUNT(s->statements); i++)
        (void)sqlite3_finalize(s->statements[i]);
    onp_sql_close(s->db);
    onp_free(s->ctx, s);
}

const onp_context *onp_store_context(const onp_store *s)
{
    return s->ctx;
}

const char *onp_store_path(const onp_store *s)
{
    return sqlite3_db_filename(s->db, "main");
}

onp_status onp_store_begin(onp_store *s, onp_sql_tx *tx, onp_error *err)
{
    return onp_sql_begin(s->db, tx, err);
}

onp_status onp_store_end(onp_store *s, onp_sql_tx *tx, onp_status st, onp_error *err)
{
    (void)s;
    return onp_sql_end(tx, st, err);
}

int64_t onp_unix_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

onp_status onp_store_run_start(onp_store *s, int64_t platform, const onp_run_info *info,
                               int64_t *run, onp_error *err)
{
    const onp_sql_value values[] = {
        onp_sql_int(platform),        onp_sql_text(info->tool_version), onp_sql_text(info->build),
        onp_sql_text(info->os),       onp_sql_text(info->target),       onp_sql_text(info->command),
        onp_sql_text(info->settings), onp_sql_int(info->seed),          onp_sql_int(onp_unix_ns()),
    };
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_RUN_START, values, err));
    *run = sqlite3_last_insert_rowid(s->db);
    return ONP_OK;
}

onp_status onp_store_run_end(onp_store *s, int64_t run, onp_run_status status, onp_error *err)
{
    static const char *const names[] = {[ONP_RUN_DONE] = "done",
                                        [ONP_RUN_FAILED] = "failed",
                                        [ONP_RUN_INTERRUPTED] = "interrupted"};
    const onp_sql_value values[] = {onp_sql_int(run), onp_sql_text(names[status]),
                                    onp_sql_int(onp_unix_ns())};
    ONP_TRY(ONP_STORE_RUN(s, ONP_Q_RUN_END, values, err));
    if (sqlite3_changes(s->db) != 1)
        return onp_fail(err, ONP_E_RANGE, "%s: run %" PRId64 " is not there or has ended",
                        onp_store_path(s), run);
    return ONP_OK;
}

onp_status onp_store_import_source_add(onp_store *s, int64_t run, const onp_import_source *source,
                                       onp_error *err)
{
    const onp_sql_value values[] = {
        onp_sql_int(run),
        onp_sql_text(source->file),
        onp_sql_text(source->sha256),
        onp_sql_text(source->format),
        onp_sql_text(source->unit),
        onp_sql_int(source->n_rows),
    };
    return ONP_STORE_RUN(s, ONP_Q_IMPORT_SOURCE_ADD, values, err);
}

typedef struct import_source_call {
    onp_import_source_visit visit;
    void *user;
} import_source_call;

static onp_status read_import_source(void *user, sqlite3_stmt *q, onp_error *err)
{
    const import_source_call *call = user;
    const onp_import_source source = {.file = (const char *)sqlite3_column_text(q, 0),
                                      .sha256 = (const char *)sqlite3_column_text(q, 1),
                                      .format = (const char *)sqlite3_column_text(q, 2),
                                      .unit = (const char *)sqlite3_column_text(q, 3),
                                      .n_rows = sqlite3_column_int64(q, 4),
                                      .settings = (const char *)sqlite3_column_text(q, 5)};
    return call->visit(call->user, &source, err);
}

onp_status onp_store_import_sources(onp_store *s, int64_t platform, onp_import_source_visit visit,
                                    void *user, onp_error *err)
{
    static const char sql[] =
        "SELECT i.file, i.sha256, i.format, i.unit, i.rows, r.settings FROM import_source i"
        " JOIN run r ON r.id = i.run_id WHERE r.platform_id = ? ORDER BY r.id";
    import_source_call call = {visit, user};
    const onp_sql_value value = onp_sql_int(platform);
    return onp_sql_each(s->db, sql, &value, 1, read_import_source, &call, err);
}
