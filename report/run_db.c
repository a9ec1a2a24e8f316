/* SPDX-License-Identifier: Apache-2.0 */
#include "report/run_db.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "latency/table/sql.h"

/* As search/rundb.c marks its files. */
enum { APPLICATION_ID = 0x6f6e7052, VERSION = 1 };

/* The one value of a PRAGMA: as an integer, and whether it is the text "ok". */
static onp_status pragma(sqlite3 *db, const char *sql, int64_t *value, bool *ok, onp_error *err)
{
    sqlite3_stmt *q = NULL;
    bool row = false;
    onp_status st = onp_sql_prepare(db, sql, &q, err);
    if (st == ONP_OK)
        st = onp_sql_step(q, &row, err);
    if (st == ONP_OK && row) {
        const char *text = (const char *)sqlite3_column_text(q, 0);
        *ok = text != NULL && strcmp(text, "ok") == 0;
        *value = sqlite3_column_int64(q, 0);
    }
    (void)sqlite3_finalize(q);
    return st;
}

/* SQLite reads a page that the file holds only in part as if the rest were zero. */
static bool is_cut(const char *path, int64_t page_size)
{
    struct stat file;
    return page_size > 0 && stat(path, &file) == 0 && file.st_size % page_size != 0;
}

static onp_status check(sqlite3 *db, const char *path, onp_error *err)
{
    int64_t id = 0, version = 0, page_size = 0, unused = 0;
    bool ok = false;
    ONP_TRY(pragma(db, "PRAGMA application_id", &id, &ok, err));
    ONP_TRY(pragma(db, "PRAGMA user_version", &version, &ok, err));
    if (id != APPLICATION_ID)
        return onp_fail(err, ONP_E_FORMAT, "%s: not the database of a run", path);
    if (version != VERSION)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: run database of schema version %" PRId64
                        ", this onepath reads version %d",
                        path, version, VERSION);
    ONP_TRY(pragma(db, "PRAGMA page_size", &page_size, &ok, err));
    if (is_cut(path, page_size))
        return onp_fail(err, ONP_E_FORMAT, "%s: truncated: no multiple of the page size %" PRId64,
                        path, page_size);
    ok = false;
    ONP_TRY(pragma(db, "PRAGMA quick_check(1)", &unused, &ok, err));
    if (!ok)
        return onp_fail(err, ONP_E_FORMAT, "%s: damaged or truncated database", path);
    return ONP_OK;
}

static onp_status prepare(sqlite3 *db, const char *path, onp_error *err)
{
    int code = sqlite3_busy_timeout(db, ONP_SQL_BUSY_MS);
    if (code == SQLITE_OK) /* a file from outside cannot make our statements do other things */
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (code != SQLITE_OK)
        return onp_sql_fail(db, code, "open", err);
    ONP_TRY(onp_sql_exec(db, "PRAGMA cell_size_check = ON; BEGIN", err));
    return check(db, path, err);
}

onp_status onp_run_db_open(const char *path, sqlite3 **out, onp_error *err)
{
    sqlite3 *db = NULL;
    *out = NULL;
    const int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    if (db == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    onp_status st = code == SQLITE_OK
                        ? prepare(db, path, err)
                        : onp_fail(err, ONP_E_FORMAT, "not a complete run folder: %s: %s", path,
                                   sqlite3_errmsg(db));
    if (st != ONP_OK) {
        onp_sql_close(db);
        return st;
    }
    *out = db;
    return ONP_OK;
}
