/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table export: the rows of one platform as text, which `table import` reads back. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/table.h"
#include "latency/table/export.h"

typedef struct export_args {
    onp_args all;
    const char *device, *to, *out;
} export_args;

static const onp_option options[] = {
    ONP_OPTION_DB,
    ONP_OPTION_DEVICE(export_args, device),
    {"to", ONP_OPTION_TEXT, "jsonl|yaml", "JSON lines, or YAML (default: jsonl)",
     offsetof(export_args, to), 0, 0},
    {"out", ONP_OPTION_TEXT, "FILE", "where it goes (default: standard output)",
     offsetof(export_args, out), 0, 0},
    ONP_OPTION_END,
};

static onp_status deliver(onp_app *app, const export_args *a, const onp_strbuf *text, size_t n_rows,
                          onp_error *err)
{
    if (a->out == NULL) {
        (void)fwrite(text->text, 1, text->length, stdout);
        return ONP_OK;
    }
    ONP_TRY(onp_file_write_atomic(a->out, text->text, text->length, err));
    if (a->all.json)
        return onp_app_print(
            app, json_pack("{s:s, s:I}", "file", a->out, "rows", (json_int_t)n_rows), err);
    (void)printf("%s: %zu rows\n", a->out, n_rows);
    return ONP_OK;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const export_args *a = args;
    const bool yaml = a->to != NULL && strcmp(a->to, "yaml") == 0;
    onp_store *store = NULL;
    onp_strbuf text;
    int64_t platform = 0;
    size_t n_rows = 0;
    onp_status st = ONP_OK;
    if (a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table export: --device is missing");
    if (a->all.json && a->out == NULL)
        return onp_fail(err, ONP_E_USAGE,
                        "table export: --json with --out only: the table is on standard output");
    onp_strbuf_init(&text, &app->ctx);
    ONP_TRY_GOTO(onp_table_open(app, NULL, ONP_SQL_EXISTING, &store, err));
    ONP_TRY_GOTO(onp_store_platform_find(store, a->device, &platform, err));
    ONP_TRY_GOTO(onp_table_export(store, platform, yaml ? ONP_EXPORT_YAML : ONP_EXPORT_JSONL, &text,
                                  &n_rows, err));
    st = deliver(app, a, &text, n_rows, err);
done:
    onp_store_close(store);
    onp_strbuf_reset(&text);
    return st;
}

const onp_verb onp_verb_table_export = {
    .name = "export",
    .operands = "",
    .summary = "the rows of one platform as JSON lines or YAML, which import reads back",
    .options = options,
    .args_size = sizeof(export_args),
    .run = run,
};
