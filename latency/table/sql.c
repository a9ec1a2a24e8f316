/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/sql.h"

#include <string.h>

static onp_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* a statement of ours that does not fit the tables */
        return ONP_E_FORMAT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        return ONP_E_RANGE;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return ONP_E_IO;
    case SQLITE_NOMEM:
        return ONP_E_NOMEM;
    default:
        return ONP_E_FAIL;
    }
}

static const char *file_of(sqlite3 *db)
{
    const char *name = sqlite3_db_filename(db, "main");
    return name != NULL && name[0] != '\0' ? name : "(database in memory)";
}

onp_status onp_sql_fail(sqlite3 *db, int code, const char *doing, onp_error *err)
{
    if ((code & 0xff) == SQLITE_BUSY)
        return onp_fail(err, ONP_E_FAIL, "%s: %s: locked by another process for %d s", file_of(db),
                        doing, ONP_SQL_BUSY_MS / 1000);
    return onp_fail(err, status_of(code), "%s: %s (%s)", file_of(db), sqlite3_errmsg(db), doing);
}

onp_status onp_sql_exec(sqlite3 *db, const char *sql, onp_error *err)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ONP_OK : onp_sql_fail(db, code, sql, err);
}

onp_status onp_sql_begin(sqlite3 *db, onp_sql_tx *tx, onp_error *err)
{
    *tx = (onp_sql_tx){.db = db, .nested = sqlite3_get_autocommit(db) == 0};
    /* IMMEDIATE: a transaction that begins by reading and then writes fails at once, without
     * waiting, when another process wrote in between */
    return onp_sql_exec(db, tx->nested ? "SAVEPOINT inner_tx" : "BEGIN IMMEDIATE", err);
}

static void roll_back(const onp_sql_tx *tx)
{
    if (sqlite3_get_autocommit(tx->db) != 0)
        return; /* SQLite did it itself: disk full, no memory */
    const char *sql = tx->nested ? "ROLLBACK TO inner_tx; RELEASE inner_tx" : "ROLLBACK";
    (void)sqlite3_exec(tx->db, sql, NULL, NULL, NULL);
}

onp_status onp_sql_end(onp_sql_tx *tx, onp_status st, onp_error *err)
{
    if (st == ONP_OK)
        st = onp_sql_exec(tx->db, tx->nested ? "RELEASE inner_tx" : "COMMIT", err);
    if (st != ONP_OK)
        roll_back(tx);
    return st;
}

onp_sql_value onp_sql_int(int64_t v)
{
    return (onp_sql_value){.type = SQLITE_INTEGER, .integer = v};
}

onp_sql_value onp_sql_known(int64_t v)
{
    return (onp_sql_value){.type = v != 0 ? SQLITE_INTEGER : SQLITE_NULL, .integer = v};
}

onp_sql_value onp_sql_real(double v)
{
    return (onp_sql_value){.type = SQLITE_FLOAT, .real = v};
}

onp_sql_value onp_sql_text(const char *v)
{
    if (v == NULL)
        return (onp_sql_value){.type = SQLITE_NULL};
    return (onp_sql_value){.type = SQLITE_TEXT, .bytes = v, .size = strlen(v)};
}

onp_sql_value onp_sql_blob(const void *v, size_t size)
{
    return (onp_sql_value){.type = SQLITE_BLOB, .bytes = v, .size = size};
}

onp_status onp_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, onp_error *err)
{
    int code = sqlite3_prepare_v2(db, sql, -1, out, NULL);
    return code == SQLITE_OK ? ONP_OK : onp_sql_fail(db, code, sql, err);
}

static int bind_one(sqlite3_stmt *q, int i, const onp_sql_value *v)
{
    switch (v->type) {
    case SQLITE_INTEGER:
        return sqlite3_bind_int64(q, i, v->integer);
    case SQLITE_FLOAT:
        return sqlite3_bind_double(q, i, v->real);
    case SQLITE_TEXT:
        return sqlite3_bind_text64(q, i, v->bytes, v->size, SQLITE_STATIC, SQLITE_UTF8);
    case SQLITE_BLOB:
        return sqlite3_bind_blob64(q, i, v->bytes, v->size, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(q, i);
    }
}

onp_status onp_sql_bind(sqlite3_stmt *q, const onp_sql_value *values, size_t n, onp_error *err)
{
    (void)sqlite3_reset(q); /* repeats the failure of the last step, which was reported then */
    for (size_t i = 0; i < n; i++) {
        int code = bind_one(q, (int)i + 1, &values[i]);
        if (code != SQLITE_OK)
            return onp_sql_fail(sqlite3_db_handle(q), code, "bind", err);
    }
    return ONP_OK;
}

onp_status onp_sql_step(sqlite3_stmt *q, bool *row, onp_error *err)
{
    int code = sqlite3_step(q);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return ONP_OK;
    onp_status st = ONP_OK;
    if (code != SQLITE_DONE)
        st = onp_sql_fail(sqlite3_db_handle(q), code, sqlite3_sql(q), err);
    (void)sqlite3_reset(q);
    return st;
}

onp_status onp_sql_run(sqlite3_stmt *q, const onp_sql_value *values, size_t n, onp_error *err)
{
    bool row = false;
    ONP_TRY(onp_sql_bind(q, values, n, err));
    ONP_TRY(onp_sql_step(q, &row, err));
    (void)sqlite3_reset(q);
    return ONP_OK;
}

onp_status onp_sql_each(sqlite3 *db, const char *sql, const onp_sql_value *values, size_t n,
                        onp_sql_read read, void *user, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    bool row = false;
    onp_status st = ONP_OK;
    ONP_TRY(onp_sql_prepare(db, sql, &q, err));
    ONP_TRY_GOTO(onp_sql_bind(q, values, n, err));
    ONP_TRY_GOTO(onp_sql_step(q, &row, err));
    while (row) {
        if (read != NULL)
            ONP_TRY_GOTO(read(user, q, err));
        ONP_TRY_GOTO(onp_sql_step(q, &row, err));
    }
done:
    sqlite3_finalize(q);
    return st;
}
