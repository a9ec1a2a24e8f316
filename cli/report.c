/* SPDX-License-Identifier: Apache-2.0 */
/* onepath report RUN: one self-contained HTML file. */
#include "report/report.h"

#include <stdio.h>

#include "base/file.h"
#include "cli/verb.h"

static const onp_option options[] = {ONP_OPTION_END};

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const onp_args *a = args;
    char path[ONP_APP_PATH];
    ONP_TRY(onp_path_join(path, sizeof path, a->operands[0], ONP_REPORT_FILE, err));
    ONP_TRY(onp_report_write(&app->ctx, a->operands[0], err));
    if (a->json)
        return onp_app_print(app, json_pack("{s:s}", "report", path), err);
    (void)printf("%s\n", path);
    return ONP_OK;
}

const onp_verb onp_verb_report = {
    .name = "report",
    .operands = "RUN",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "write a run's report.html",
    .options = options,
    .args_size = sizeof(onp_args),
    .run = run,
};
