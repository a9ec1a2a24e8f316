/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table import FILE: takes a latency table from elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/table.h"
#include "cli/table_networks.h"
#include "latency/table/import.h"

typedef struct import_args {
    onp_args all;
    const char *format, *device, *duplicates;
} import_args;

static const onp_option options[] = {
    ONP_OPTION_DB,
    {"format", ONP_OPTION_TEXT, "proxylessnas|csv|jsonl|yaml|once-for-all|tfnas|networks",
     "form of the file: YAML of ProxylessNAS, CSV of blocks and ms, what `table export` wrote, "
     "YAML or JSON of Once-for-All, widths of TF-NAS; or latencies of whole networks (required)",
     offsetof(import_args, format), 0, 0},
    {"device", ONP_OPTION_TEXT, "NAME",
     "the device that the file is about (required; of networks, the one to take: all without it)",
     offsetof(import_args, device), 0, 0},
    {"duplicates", ONP_OPTION_TEXT, "refuse|mean",
     "blocks that have several rows: an error, or their mean (default: refuse)",
     offsetof(import_args, duplicates), 0, 0},
    ONP_OPTION_END,
};

static onp_status read_import(onp_app *app, const import_args *a, onp_import **out, onp_error *err)
{
    const bool mean = a->duplicates != NULL && strcmp(a->duplicates, "mean") == 0;
    onp_strbuf problems;
    onp_strbuf_init(&problems, &app->ctx);
    onp_status st =
        onp_import_read(&app->ctx, a->format, a->all.operands[0],
                        mean ? ONP_DUPLICATES_MEAN : ONP_DUPLICATES_REFUSE, &problems, out, err);
    if (st != ONP_OK)
        onp_app_report(app, &problems);
    onp_strbuf_reset(&problems);
    return st;
}

static onp_status print_import(onp_app *app, const char *path, const onp_import *import,
                               onp_store *store, const onp_import_result *r, onp_error *err)
{
    char label[128];
    onp_import_meaning m;
    onp_import_describe(import, &m);
    onp_store_platform_label(store, r->platform, label, sizeof label);
    if (app->args->json)
        return onp_app_print(
            app,
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s*, s:s*}", "db",
                      onp_store_path(store), "file", path, "platform", label, "rows",
                      (json_int_t)r->n_rows, "networks", (json_int_t)r->n_networks, "file_rows",
                      (json_int_t)r->n_file_rows, "replaced", (json_int_t)r->n_replaced, "averaged",
                      (json_int_t)r->n_averaged, "left_out", (json_int_t)m.n_left_out, "unit",
                      m.unit, "spread", m.spread, "expand", m.expand),
            err);
    onp_app_line("%s: %zu rows of %s into %s", path, r->n_rows, label, onp_store_path(store));
    if (r->n_replaced > 0)
        (void)printf(
            "%zu of them in place of other latencies: a calibration by those counts no more\n",
            r->n_replaced);
    if (r->n_networks > 0)
        (void)printf("%zu networks that were measured whole\n", r->n_networks);
    if (r->n_averaged > 0)
        (void)printf("%zu of them are means: the file has %zu rows\n", r->n_averaged,
                     r->n_file_rows);
    if (m.n_left_out > 0)
        (void)printf("%zu more are left out: its authors filled them in by straight lines\n",
                     m.n_left_out);
    (void)printf("times in %s; spread: %s%s%s\n", m.unit, m.spread != NULL ? m.spread : "none",
                 m.expand != NULL ? "; expand: " : "", m.expand != NULL ? m.expand : "");
    return ONP_OK;
}

static onp_status print_networks(onp_app *app, const char *path, const onp_store *store,
                                 const onp_networks_result *r, onp_error *err)
{
    if (app->args->json)
        return onp_app_print(
            app,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "db", onp_store_path(store), "file", path,
                      "devices", (json_int_t)r->n_devices, "networks", (json_int_t)r->n_networks,
                      "times", (json_int_t)r->n_times, "missing", (json_int_t)r->n_missing),
            err);
    onp_app_line("%s: %zu times of %zu networks on %zu devices into %s; %zu pairs have none", path,
                 r->n_times, r->n_networks, r->n_devices, onp_store_path(store), r->n_missing);
    return ONP_OK;
}

static onp_status import_networks(onp_app *app, const import_args *a, onp_error *err)
{
    onp_networks *nets = NULL;
    onp_store *store = NULL;
    onp_networks_result r;
    onp_status st = ONP_OK;
    ONP_TRY(onp_table_read_networks(app, a->all.operands[0], &nets, err));
    ONP_TRY_GOTO(onp_networks_check_device(nets, a->device, err));
    ONP_TRY_GOTO(onp_table_open(app, NULL, ONP_SQL_CREATE, &store, err));
    ONP_TRY_GOTO(
        onp_networks_store(nets, store, a->all.operands[0], a->device, app->command, &r, err));
    st = print_networks(app, a->all.operands[0], store, &r, err);
done:
    onp_store_close(store);
    onp_networks_free(nets);
    return st;
}

/* The file first: one that is no table leaves no empty database behind. */
static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const import_args *a = args;
    onp_import *import = NULL;
    onp_store *store = NULL;
    onp_import_result r;
    onp_status st = ONP_OK;
    if (a->format != NULL && strcmp(a->format, "networks") == 0)
        return import_networks(app, a, err);
    if (a->device != NULL && !onp_text_is_plain(a->device))
        return onp_fail(err, ONP_E_USAGE, "--device: wanted plain UTF-8 text without line breaks");
    if (a->format == NULL || a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table import: --%s is missing",
                        a->format == NULL ? "format" : "device");
    ONP_TRY(read_import(app, a, &import, err));
    ONP_TRY_GOTO(onp_table_open(app, NULL, ONP_SQL_CREATE, &store, err));
    ONP_TRY_GOTO(onp_import_store(import, store, a->device, app->command, &r, err));
    st = print_import(app, a->all.operands[0], import, store, &r, err);
done:
    onp_store_close(store);
    onp_import_free(import);
    return st;
}

const onp_verb onp_verb_table_import = {
    .name = "import",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "take a latency table from elsewhere: all of its rows or none",
    .about =
        "The device gets a platform of its own, named after the form of the file, with the "
        "file's name, hash and unit. A search uses such rows only with --allow-imported. Latencies "
        "of whole networks (--format networks) are measurements of networks, in ms: a CSV or a "
        "folder "
        "of .pt files of networks of the FBNet space or of Once-for-All, or a folder of "
        "folders DEVICE_lat-TIMEms.../net.config; -1 stands for a network that does not run.",
    .options = options,
    .args_size = sizeof(import_args),
    .run = run,
};
