/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite with our errors: opening a database of one kind and version, transactions that nest,
 * statements with bound values. For every database of the project; a row's meaning is above.
 *
 *     sqlite3 *db = NULL;
 *     ONP_TRY(onp_sql_open(path, &schema, ONP_SQL_CREATE, &db, err));
 *     onp_sql_tx tx;
 *     ONP_TRY_GOTO(onp_sql_begin(db, &tx, err));
 *     st = onp_sql_run(statement, (onp_sql_value[]){onp_sql_text("a"), onp_sql_int(1)}, 2, err);
 *     st = onp_sql_end(&tx, st, err);            // commits, or rolls back when st is a failure
 *
 * Every function that fails names the file, what was done and SQLite's text. Errors, beside those
 * listed: ONP_E_FORMAT (corrupt, not a database, not the tables that a statement wants),
 * ONP_E_RANGE (a constraint refused the row), ONP_E_IO (disk full, no permission), ONP_E_NOMEM,
 * ONP_E_FAIL (locked by another process for longer than ONP_SQL_BUSY_MS; anything else).
 */
#ifndef ONP_LATENCY_TABLE_SQL_H
#define ONP_LATENCY_TABLE_SQL_H

#include <sqlite3.h>

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_SQL_BUSY_MS 5000

/* A part of what makes a database of this version out of one of the version before. */
typedef struct onp_sql_script {
    int64_t version; /* 1: out of an empty one */
    const char *sql;
} onp_sql_script;

typedef struct onp_sql_schema {
    const char *what;              /* "latency table"; stands in errors */
    int64_t application_id;        /* tells our files from others' */
    int64_t version;               /* user_version: that of the last script */
    const onp_sql_script *scripts; /* by version; a new database goes through all of them */
    size_t n_scripts;
} onp_sql_schema;

typedef enum onp_sql_mode {
    ONP_SQL_EXISTING, /* the file must be there and hold the schema */
    ONP_SQL_CREATE,   /* a missing or empty file becomes a database with the schema */
    ONP_SQL_READ      /* as EXISTING, but nothing is written, not even the journal's mode: one read
                         transaction, in which an older version stays what it is */
} onp_sql_mode;

/*
 * Opens and checks a database: foreign keys on, busy timeout, WAL where the file system allows it.
 * One of an older version is brought to this one. Several processes may do so at once. Close with
 * onp_sql_close.
 * Errors: ONP_E_FORMAT (missing or unreadable; truncated, corrupt, of another kind, of a newer or
 * unknown version), those above. *out is then NULL.
 */
onp_status onp_sql_open(const char *path, const onp_sql_schema *schema, onp_sql_mode mode,
                        sqlite3 **out, onp_error *err) ONP_MUST_USE;
void onp_sql_close(sqlite3 *db); /* NULL allowed; all statements must be finalised */

/* Turns the failure `code` of db into status and text. */
onp_status onp_sql_fail(sqlite3 *db, int code, const char *doing, onp_error *err);

/* Statements without values; may be several. */
onp_status onp_sql_exec(sqlite3 *db, const char *sql, onp_error *err) ONP_MUST_USE;

/* A transaction that may stand inside another; then a failure undoes the inner part only. */
typedef struct onp_sql_tx {
    sqlite3 *db;
    bool nested;
} onp_sql_tx;
onp_status onp_sql_begin(sqlite3 *db, onp_sql_tx *tx, onp_error *err) ONP_MUST_USE;
/* Commits when st is ONP_OK, else rolls back. Returns st, or why the commit failed (nothing is
 * stored then). */
onp_status onp_sql_end(onp_sql_tx *tx, onp_status st, onp_error *err) ONP_MUST_USE;

/* A value to bind. Texts and blobs are borrowed until the statement is bound anew. */
typedef struct onp_sql_value {
    int type; /* SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB, SQLITE_NULL */
    int64_t integer;
    double real;
    const void *bytes;
    size_t size;
} onp_sql_value;
onp_sql_value onp_sql_int(int64_t v);
onp_sql_value onp_sql_known(int64_t v); /* 0 is NULL */
onp_sql_value onp_sql_real(double v);
onp_sql_value onp_sql_text(const char *v); /* NULL is NULL */
onp_sql_value onp_sql_blob(const void *v, size_t size);

/* Release with sqlite3_finalize. */
onp_status onp_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                           onp_error *err) ONP_MUST_USE;
/* Resets q and binds values to parameters 1..n. */
onp_status onp_sql_bind(sqlite3_stmt *q, const onp_sql_value *values, size_t n,
                        onp_error *err) ONP_MUST_USE;
/* *row tells whether there is another row; q is reset when there is none, and on failure. */
onp_status onp_sql_step(sqlite3_stmt *q, bool *row, onp_error *err) ONP_MUST_USE;
/* Calls read for each row of a query with values bound; read may use the database, and what it
 * fails with ends the walk. NULL: no row is wanted. */
typedef onp_status (*onp_sql_read)(void *user, sqlite3_stmt *q, onp_error *err);
onp_status onp_sql_each(sqlite3 *db, const char *sql, const onp_sql_value *values, size_t n,
                        onp_sql_read read, void *user, onp_error *err) ONP_MUST_USE;
/* Binds and runs a statement that gives no rows. */
onp_status onp_sql_run(sqlite3_stmt *q, const onp_sql_value *values, size_t n,
                       onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
