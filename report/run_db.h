/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.db without writing to it: onp_rundb_open() is for the run that owns it and changes the
 * journal mode, a report must leave a finished or copied folder as it is.
 *
 *     ONP_TRY(onp_run_db_open("runs/x/run.db", &db, err));
 *     ...
 *     onp_sql_close(db);
 */
#ifndef ONP_REPORT_RUN_DB_H
#define ONP_REPORT_RUN_DB_H

#include <sqlite3.h>

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens, checks and begins one read transaction. Errors: ONP_E_FORMAT (missing, truncated, corrupt,
 * another kind or version), ONP_E_FAIL (locked), ONP_E_NOMEM. *out is then NULL. */
onp_status onp_run_db_open(const char *path, sqlite3 **out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
