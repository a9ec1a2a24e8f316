/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table export: the rows of one platform as text, which `table import` reads back. */
#include <stdio.h>

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
    {"to", ONP_OPTION_TEXT, "jsonl|yaml|proxylessnas|once-for-all|csv|tfnas|networks",
     "JSON lines or YAML with all that is known of a row; or what others publish: YAML of "
     "ProxylessNAS or Once-for-All, CSV of blocks and ms, widths of TF-NAS, CSV of whole networks "
     "(default: jsonl)",
     offsetof(export_args, to), 0, 0},
    {"out", ONP_OPTION_TEXT, "FILE", "where it goes (default: standard output)",
     offsetof(export_args, out), 0, 0},
    ONP_OPTION_END,
};

/* What is not in the text, to standard error. */
static void tell_left_out(onp_app *app, const onp_export_result *r, onp_strbuf *left_out)
{
    if (r->n_stale > 0)
        onp_strbuf_addf(left_out, "left out: %zu rows are stale\n", r->n_stale);
    if (r->n_unsaid > 0)
        onp_strbuf_addf(
            left_out,
            "note: %zu of them are predicted or of poor quality; the form cannot say so\n",
            r->n_unsaid);
    if (!app->args->quiet)
        onp_app_report(app, left_out);
}

static onp_status deliver(onp_app *app, const export_args *a, const onp_strbuf *text,
                          const onp_export_result *r, onp_error *err)
{
    if (a->out == NULL) {
        (void)fwrite(text->text, 1, text->length, stdout);
        return ONP_OK;
    }
    ONP_TRY(onp_file_write_atomic(a->out, text->text, text->length, err));
    if (a->all.json)
        return onp_app_print(app,
                             json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "file", a->out, "rows",
                                       (json_int_t)r->n_rows, "networks", (json_int_t)r->n_networks,
                                       "left_out", (json_int_t)r->n_left_out, "stale",
                                       (json_int_t)r->n_stale, "unsaid", (json_int_t)r->n_unsaid),
                             err);
    onp_app_line("%s: %zu rows, %zu whole networks", a->out, r->n_rows, r->n_networks);
    return ONP_OK;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const export_args *a = args;
    onp_store *store = NULL;
    onp_strbuf text, left_out;
    onp_export_result r;
    int64_t platform = 0;
    onp_status st = ONP_OK;
    if (a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table export: --device is missing");
    if (a->all.json && a->out == NULL)
        return onp_fail(err, ONP_E_USAGE,
                        "table export: --json with --out only: the table is on standard output");
    onp_strbuf_init(&text, &app->ctx);
    onp_strbuf_init(&left_out, &app->ctx);
    ONP_TRY_GOTO(onp_table_open(app, NULL, ONP_SQL_EXISTING, &store, err));
    if (a->out != NULL && onp_file_is_same(a->out, onp_store_path(store))) {
        st = onp_fail(err, ONP_E_USAGE, "--out: %s is the file that is read", a->out);
        goto done;
    }
    ONP_TRY_GOTO(onp_store_platform_find(store, a->device, &platform, err));
    ONP_TRY_GOTO(onp_table_export(store, platform, a->to != NULL ? a->to : "jsonl", &text,
                                  &left_out, &r, err));
    ONP_TRY_GOTO(deliver(app, a, &text, &r, err));
    tell_left_out(app, &r,
                  &left_out); /* behind what may fail: an error would not be told after it */
done:
    onp_store_close(store);
    onp_strbuf_reset(&text);
    onp_strbuf_reset(&left_out);
    return st;
}

const onp_verb onp_verb_table_export = {
    .name = "export",
    .operands = "",
    .summary = "the rows of one platform as text, which import reads back",
    .options = options,
    .args_size = sizeof(export_args),
    .run = run,
};
