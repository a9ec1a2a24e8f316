/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/sql.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static onp_status read_int(void *user, sqlite3_stmt *q, onp_error *err)
{
    (void)err;
    *(int64_t *)user = sqlite3_column_int64(q, 0);
    return ONP_OK;
}

/* The first column of a query that gives one row. */
static onp_status query_int(sqlite3 *db, const char *sql, int64_t *out, onp_error *err)
{
    *out = 0;
    return onp_sql_each(db, sql, NULL, 0, read_int, out, err);
}

static onp_status is_empty(sqlite3 *db, bool *empty, onp_error *err)
{
    int64_t n = 0;
    ONP_TRY(query_int(db, "SELECT count(*) FROM sqlite_master", &n, err));
    if (n == 0)
        ONP_TRY(query_int(db, "PRAGMA application_id", &n, err));
    *empty = n == 0;
    return ONP_OK;
}

/* Makes schema's version out of version `from`, 0 being an empty database. */
static onp_status run_scripts(sqlite3 *db, const onp_sql_schema *schema, int64_t from,
                              onp_error *err)
{
    char mark[64];
    for (size_t i = 0; i < schema->n_scripts; i++)
        if (schema->scripts[i].version > from)
            ONP_TRY(onp_sql_exec(db, schema->scripts[i].sql, err));
    (void)snprintf(mark, sizeof mark, "PRAGMA user_version = %" PRId64, schema->version);
    return onp_sql_exec(db, mark, err);
}

/* Asks again inside the transaction: another process may have been faster. */
static onp_status create(sqlite3 *db, const onp_sql_schema *schema, onp_error *err)
{
    char mark[64];
    bool empty = false;
    onp_sql_tx tx;
    (void)snprintf(mark, sizeof mark, "PRAGMA application_id = %" PRId64, schema->application_id);
    ONP_TRY(onp_sql_begin(db, &tx, err));
    onp_status st = is_empty(db, &empty, err);
    if (st == ONP_OK && empty)
        st = run_scripts(db, schema, 0, err);
    if (st == ONP_OK && empty)
        st = onp_sql_exec(db, mark, err);
    return onp_sql_end(&tx, st, err);
}

static onp_status version_of(sqlite3 *db, const char *path, const onp_sql_schema *schema,
                             int64_t *version, onp_error *err)
{
    int64_t id = 0;
    ONP_TRY(query_int(db, "PRAGMA application_id", &id, err));
    ONP_TRY(query_int(db, "PRAGMA user_version", version, err));
    if (id != schema->application_id)
        return onp_fail(err, ONP_E_FORMAT, "%s: a database, but not a onepath %s", path,
                        schema->what);
    if (*version < 1 || *version > schema->version)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: %s of schema version %" PRId64 ", this onepath reads version %" PRId64,
                        path, schema->what, *version, schema->version);
    return ONP_OK;
}

/* Where nothing can be written, a copy in memory takes the place of *db, and is only read. */
static onp_status copy_to_memory(sqlite3 **db, const char *path, onp_error *err)
{
    sqlite3 *copy = NULL;
    int code = sqlite3_open_v2(":memory:", &copy, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_backup *backup =
        code == SQLITE_OK ? sqlite3_backup_init(copy, "main", *db, "main") : NULL;
    if (backup != NULL) {
        (void)sqlite3_backup_step(backup, -1);
        code = sqlite3_backup_finish(backup);
    } else if (code == SQLITE_OK) {
        code = sqlite3_errcode(copy);
    }
    if (code != SQLITE_OK) {
        onp_sql_close(copy);
        return onp_sql_fail(*db, code, path, err);
    }
    onp_sql_close(*db);
    *db = copy;
    return ONP_OK;
}

/* Asks again inside the transaction, as create does. */
static onp_status upgrade(sqlite3 *db, const char *path, const onp_sql_schema *schema,
                          onp_error *err)
{
    int64_t version = 0;
    onp_sql_tx tx;
    ONP_TRY(onp_sql_begin(db, &tx, err));
    onp_status st = version_of(db, path, schema, &version, err);
    if (st == ONP_OK && version < schema->version)
        st = run_scripts(db, schema, version, err);
    return onp_sql_end(&tx, st, err);
}

/* SQLite reads a page that the file holds only in part as if the rest were zero. */
static onp_status check_size(sqlite3 *db, const char *path, onp_error *err)
{
    struct stat file;
    int64_t page_size = 0;
    ONP_TRY(query_int(db, "PRAGMA page_size", &page_size, err));
    if (page_size > 0 && stat(path, &file) == 0 && S_ISREG(file.st_mode) &&
        file.st_size % page_size != 0)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: truncated: %lld bytes, wanted a multiple of the page size %" PRId64,
                        path, (long long)file.st_size, page_size);
    return ONP_OK;
}

static onp_status read_check(void *user, sqlite3_stmt *q, onp_error *err)
{
    const char *path = user, *said = (const char *)sqlite3_column_text(q, 0);
    if (said != NULL && strcmp(said, "ok") == 0)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT, "%s: damaged or truncated database: %s", path,
                    said != NULL ? said : "no answer");
}

static onp_status check_pages(sqlite3 *db, const char *path, onp_error *err)
{
    return onp_sql_each(db, "PRAGMA quick_check(1)", NULL, 0, read_check, (void *)(uintptr_t)path,
                        err);
}

static onp_status prepare_connection(sqlite3 *db, onp_error *err)
{
    /* a file from outside cannot make our statements do other things, or work without end */
    static const int refused[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                                  SQLITE_DBCONFIG_ENABLE_VIEW};
    int code = sqlite3_busy_timeout(db, ONP_SQL_BUSY_MS);
    for (size_t i = 0; i < ONP_COUNT(refused) && code == SQLITE_OK; i++)
        code = sqlite3_db_config(db, refused[i], 0, NULL);
    if (code != SQLITE_OK)
        return onp_sql_fail(db, code, "open", err);
    return onp_sql_exec(db,
                        "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
                        "PRAGMA synchronous = NORMAL",
                        err);
}

static onp_status check_database(sqlite3 **connection, const char *path,
                                 const onp_sql_schema *schema, onp_sql_mode mode, onp_error *err)
{
    sqlite3 *db = *connection;
    bool empty = false;
    int64_t version = 0;
    ONP_TRY(prepare_connection(db, err));
    if (mode == ONP_SQL_READ)
        ONP_TRY(onp_sql_exec(db, "BEGIN", err));
    ONP_TRY(is_empty(db, &empty, err));
    ONP_TRY(check_size(db, path, err)); /* before create: a file of one byte passes for empty */
    if (empty && mode != ONP_SQL_CREATE)
        return onp_fail(err, ONP_E_FORMAT, "%s: empty, wanted a onepath %s", path, schema->what);
    if (empty)
        ONP_TRY(create(db, schema, err));
    ONP_TRY(version_of(db, path, schema, &version, err));
    ONP_TRY(check_pages(db, path, err));
    if (mode == ONP_SQL_READ)
        return ONP_OK;
    if (version < schema->version && sqlite3_db_readonly(db, "main") == 1) {
        ONP_TRY(copy_to_memory(connection, path, err));
        ONP_TRY(prepare_connection(*connection, err));
        ONP_TRY(upgrade(*connection, path, schema, err));
        return onp_sql_exec(*connection, "PRAGMA query_only = ON", err);
    }
    if (version < schema->version)
        ONP_TRY(upgrade(db, path, schema, err));
    /* WAL lets readers go on while another process writes. Where it cannot be had (the other
     * process is busy, a file system without shared memory) the rollback journal does. */
    (void)sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    return ONP_OK;
}

/* Whether the file was left in WAL mode (https://www.sqlite.org/fileformat.html, 1.3.3). */
static bool is_wal(const char *path)
{
    unsigned char header[20] = {0};
    FILE *f = fopen(path, "rb");
    const bool whole = f != NULL && fread(header, 1, sizeof header, f) == sizeof header;
    if (f != NULL)
        (void)fclose(f);
    return whole && header[19] == 2;
}

/* In WAL mode, nothing can be written beside the file as SQLite would, and nobody who can has a log
 * there. In other modes SQLite needs no file of its own to read, and its locks are to be kept. */
static bool is_frozen(const char *path)
{
    char folder[PATH_MAX], log[PATH_MAX];
    struct stat s;
    const int n = snprintf(log, sizeof log, "%s-wal", path);
    return n > 0 && (size_t)n < sizeof log &&
           onp_path_dir(folder, sizeof folder, path, NULL) == ONP_OK && access(path, R_OK) == 0 &&
           access(folder, W_OK) != 0 && is_wal(path) && (stat(log, &s) != 0 || s.st_size == 0);
}

/* "file:PATH?immutable=1" (https://www.sqlite.org/uri.html); "file://" before one that begins with
 * "/": of two slashes the second would begin the name of a host. */
static void frozen_uri(const char *path, char uri[3 * PATH_MAX + 32])
{
    static const char hex[] = "0123456789ABCDEF", option[] = "?immutable=1";
    size_t n = (size_t)snprintf(uri, 8, path[0] == '/' ? "file://" : "file:");
    for (const char *c = path; *c != '\0'; c++)
        if (strchr("?#%", *c) != NULL) {
            uri[n++] = '%';
            uri[n++] = hex[(unsigned char)*c >> 4];
            uri[n++] = hex[(unsigned char)*c & 15];
        } else {
            uri[n++] = *c;
        }
    memcpy(uri + n, option, sizeof option);
}

/* SQLite does not say why. */
static onp_status cannot_open(const char *path, const onp_sql_schema *schema, onp_sql_mode mode,
                              const char *says, onp_error *err)
{
    char folder[PATH_MAX];
    struct stat s;
    const char *why = says;
    if (stat(path, &s) == 0)
        why = S_ISDIR(s.st_mode)    ? "is a folder"
              : !S_ISREG(s.st_mode) ? "is no regular file"
                                    : says;
    else if (mode != ONP_SQL_CREATE)
        why = errno == ENOENT ? "there is no such file" : strerror(errno);
    else if (onp_path_dir(folder, sizeof folder, path, NULL) == ONP_OK &&
             access(folder, W_OK | X_OK) != 0)
        why = errno == ENOENT ? "there is no such folder" : "its folder cannot be written";
    return onp_fail(err, ONP_E_FORMAT, "%s: %s: %s", path, schema->what, why);
}

onp_status onp_sql_open(const char *path, const onp_sql_schema *schema, onp_sql_mode mode,
                        sqlite3 **out, onp_error *err)
{
    sqlite3 *db = NULL;
    *out = NULL;
    if (path[0] == '\0') /* SQLite would take it for a private temporary file */
        return onp_fail(err, ONP_E_USAGE, "%s: the path is empty", schema->what);
    char uri[3 * PATH_MAX + 32];
    const bool frozen = mode != ONP_SQL_CREATE && is_frozen(path);
    if (frozen)
        frozen_uri(path, uri);
    const int flags = frozen                   ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                      : mode == ONP_SQL_READ   ? SQLITE_OPEN_READONLY
                      : mode == ONP_SQL_CREATE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                               : SQLITE_OPEN_READWRITE;
    int code = sqlite3_open_v2(frozen ? uri : path, &db, flags, NULL);
    onp_status st = ONP_OK;
    if (db == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    if (code != SQLITE_OK)
        st = cannot_open(path, schema, mode, sqlite3_errmsg(db), err);
    else
        st = check_database(&db, path, schema, mode, err);
    if (st != ONP_OK) {
        onp_sql_close(db);
        return st;
    }
    *out = db;
    return ONP_OK;
}

void onp_sql_close(sqlite3 *db)
{
    (void)sqlite3_close(db);
}
