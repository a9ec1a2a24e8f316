/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table: opening one, and the verb of its verbs. */
#include "cli/table.h"

onp_status onp_table_open(const onp_app *app, const char *beside, onp_sql_mode mode,
                          onp_store **out, onp_error *err)
{
    char path[ONP_APP_PATH];
    ONP_TRY(onp_app_db_path(app, beside, path, sizeof path, err));
    return onp_store_open(&app->ctx, path, mode, out, err);
}

static const onp_verb *const verbs[] = {
    &onp_verb_table_list,      &onp_verb_table_show,     &onp_verb_table_import,
    &onp_verb_table_export,    &onp_verb_table_estimate, &onp_verb_table_fill,
    &onp_verb_table_calibrate, &onp_verb_table_validate, NULL,
};

const onp_verb onp_verb_table = {
    .name = "table",
    .operands = "list|show|import|export|estimate|fill|calibrate|validate",
    .summary = "latency tables",
    .verbs = verbs,
};
