/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "ops/kernels.h"

static void log_to_stderr(void *user, onp_log_level level, const char *line)
{
    const onp_app *app = user;
    char text[1024];
    if (level == ONP_LOG_DEBUG || (level == ONP_LOG_INFO && app->args->quiet))
        return;
    (void)snprintf(text, sizeof text, "%s%s",
                   level == ONP_LOG_ERROR  ? "error: "
                   : level == ONP_LOG_WARN ? "warning: "
                                           : "",
                   line);
    if (app->progress != NULL && !app->args->quiet)
        onp_progress_line(app->progress, text);
    else
        (void)fprintf(stderr, "%s\n", text);
}

onp_status onp_app_open(onp_app *app, const onp_args *args, const char *command, onp_error *err)
{
    *app = (onp_app){.args = args, .command = command};
    onp_context_init(&app->ctx);
    app->ctx.log = log_to_stderr;
    app->ctx.log_user = app;
    app->progress = onp_progress_new(&app->ctx, STDERR_FILENO, args->quiet);
    return app->progress != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "out of memory");
}

void onp_app_close(onp_app *app)
{
    onp_progress_free(app->progress);
    app->progress = NULL;
}

onp_status onp_app_compute(onp_app *app, onp_error *err)
{
    ONP_TRY(onp_kernels_choose(&app->ctx, app->args->kernels, err));
    /* one thread is left to the system: several such processes would all be bound to the first
     * processor */
    return onp_parallel_start((int)app->args->threads, app->args->threads != 1, err);
}

onp_status onp_app_print(onp_app *app, json_t *value, onp_error *err)
{
    onp_strbuf text;
    onp_status st = ONP_OK;
    if (value == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    onp_strbuf_init(&text, &app->ctx);
    ONP_TRY_GOTO(onp_json_dump(value, 0, &text, err));
    (void)printf("%s\n", text.text);
done:
    onp_strbuf_reset(&text);
    json_decref(value);
    return st;
}

void onp_app_line(const char *fmt, ...)
{
    char text[1024], line[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    onp_text_make_plain(text, line, sizeof line);
    (void)puts(line);
}

void onp_app_report(onp_app *app, onp_strbuf *problems)
{
    char line[1024];
    for (char *next = problems->text; *next != '\0';) {
        char *end = strchr(next, '\n');
        if (end != NULL)
            *end = '\0';
        onp_text_make_plain(next, line, sizeof line);
        (void)fprintf(stderr, "%s\n", line);
        next = end != NULL ? end + 1 : next + strlen(next);
        app->reported = true;
    }
}

onp_status onp_app_db_path(const onp_app *app, const char *beside, char *out, size_t out_size,
                           onp_error *err)
{
    char folder[ONP_APP_PATH] = ".";
    const char *given = app->args->db != NULL ? app->args->db : getenv("ONEPATH_DB");
    if (given != NULL && given[0] != '\0')
        return onp_path_join(out, out_size, "", given, err);
    if (beside != NULL)
        ONP_TRY(onp_path_dir(folder, sizeof folder, beside, err));
    return onp_path_join(out, out_size, folder, "latency.db", err);
}
