/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "search/feed.h"

onp_status onp_run_load_config(onp_app *app, const char *path, onp_config *out, onp_error *err)
{
    onp_strbuf problems;
    onp_strbuf_init(&problems, &app->ctx);
    onp_status st = onp_config_load(&app->ctx, path, app->args->sets.item, app->args->sets.n,
                                    &problems, out, err);
    onp_app_report(app, &problems);
    onp_strbuf_reset(&problems);
    return st;
}

onp_status onp_run_fit_space(const onp_app *app, const onp_config *cfg, onp_error *err)
{
    onp_error why = {0};
    const onp_status st = onp_feed_fit_space(&app->ctx, cfg, &why);
    if (st == ONP_E_NOMEM)
        return onp_fail(err, st, "%s", why.msg);
    if (st != ONP_OK)
        onp_log(&app->ctx, ONP_LOG_WARN,
                "%s: stem and head are taken as the file of the space has them", why.msg);
    return ONP_OK;
}

onp_status onp_run_dir(const char *given, const char *config, char *out, size_t out_size,
                       onp_error *err)
{
    const char *slash = strrchr(config, '/');
    const char *name = slash != NULL ? slash + 1 : config;
    const char *dot = strrchr(name, '.');
    const int length = dot != NULL && dot != name ? (int)(dot - name) : (int)strlen(name);
    const int n = given != NULL ? snprintf(out, out_size, "%s", given)
                                : snprintf(out, out_size, "runs/%.*s", length, name);
    if (n < 0 || (size_t)n >= out_size)
        return onp_fail(err, ONP_E_RANGE, "the name of the run folder is longer than %zu bytes",
                        out_size - 1);
    return ONP_OK;
}

static onp_status take_threads(void *user, const char *key, const char *child, const char *scalar,
                               int line, int column, onp_error *err)
{
    if (child == NULL || strcmp(key, "target") != 0 || strcmp(child, "threads") != 0)
        return ONP_OK;
    char *end = NULL;
    const long long n = scalar != NULL ? strtoll(scalar, &end, 10) : 0;
    if (n < 1 || n > ONP_MAX_THREADS || *end != '\0')
        return onp_fail(err, ONP_E_FORMAT, "%d:%d: target.threads is \"%.32s\", wanted 1..%d", line,
                        column, scalar != NULL ? scalar : "", ONP_MAX_THREADS);
    *(int64_t *)user = n;
    return ONP_OK;
}

onp_status onp_run_target_threads(const onp_app *app, const char *run, int64_t *out, onp_error *err)
{
    char path[ONP_APP_PATH];
    onp_yaml_doc *doc = NULL;
    *out = 0;
    ONP_TRY(onp_path_join(path, sizeof path, run, "config.yaml", err));
    if (!onp_file_exists(path))
        return ONP_OK;
    onp_status st = onp_yaml_load(&app->ctx, path, &doc, err);
    if (st == ONP_OK) {
        st = onp_yaml_walk(doc, take_threads, out, err);
        if (st == ONP_E_FORMAT)
            st = onp_fail_prefix(err, st, "%s:", path);
    }
    onp_yaml_free(doc);
    /* not what the user configures now but what the run has stored */
    return st == ONP_E_CONFIG ? onp_fail_prefix(err, ONP_E_FORMAT, "stored: ") : st;
}
