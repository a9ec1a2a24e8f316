/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_options.h"

#include <stdio.h>
#include <string.h>

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
