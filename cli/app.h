/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every verb gets: a context whose log goes to standard error, a progress bar, and how data
 * goes to standard output.
 *
 *     ONP_TRY(onp_app_compute(app, err));                     // for verbs that run a network
 *     onp_log(&app->ctx, ONP_LOG_WARN, "%s: noisy", key);     // "warning: ..." on standard error
 *     return onp_app_print(app, json_pack("{s:I}", "params", n), err);
 */
#ifndef ONP_CLI_APP_H
#define ONP_CLI_APP_H

#include "base/json.h"
#include "base/progress.h"
#include "cli/option.h"

typedef struct onp_app {
    onp_context ctx;
    onp_progress *progress; /* NULL when there was no memory for it: prints nothing */
    const onp_args *args;   /* borrowed */
    const char *command;    /* the command line, for runs */
    bool reported;          /* the failure that is returned has been told: say no more */
} onp_app;

/* Errors: ONP_E_NOMEM. Close in any case. */
onp_status onp_app_open(onp_app *app, const onp_args *args, const char *command,
                        onp_error *err) ONP_MUST_USE;
void onp_app_close(onp_app *app);

/* Chooses the kernels and starts the threads that the options ask for. Errors: ONP_E_USAGE,
 * ONP_E_RANGE. */
onp_status onp_app_compute(onp_app *app, onp_error *err) ONP_MUST_USE;

/* One line of JSON on standard output. value is taken; NULL is ONP_E_NOMEM. */
onp_status onp_app_print(onp_app *app, json_t *value, onp_error *err) ONP_MUST_USE;

/* A line with texts from files on standard output, made plain (base/text.h) and cut at 1 KiB; no
 * newline in fmt. */
void onp_app_line(const char *fmt, ...) ONP_PRINTF(1, 2);

/* Lines that each say what is wrong, to standard error, each made plain; the failure that comes
 * with them is then told. Nothing when there are none. problems: used up. */
void onp_app_report(onp_app *app, onp_strbuf *problems);

/* The latency table: --db, else $ONEPATH_DB, else latency.db in the folder of `beside` (NULL: the
 * working folder). Errors: ONP_E_RANGE when it does not fit. */
onp_status onp_app_db_path(const onp_app *app, const char *beside, char *out, size_t out_size,
                           onp_error *err) ONP_MUST_USE;

#define ONP_APP_PATH 4096

#endif
