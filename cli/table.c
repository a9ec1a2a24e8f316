/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table list|show: what is in a latency table; and the verb of its verbs. */
#include "cli/table.h"

#include <inttypes.h>
#include <stdio.h>

onp_status onp_table_open(const onp_app *app, const char *beside, onp_sql_mode mode,
                          onp_store **out, onp_error *err)
{
    char path[ONP_APP_PATH];
    ONP_TRY(onp_app_db_path(app, beside, path, sizeof path, err));
    return onp_store_open(&app->ctx, path, mode, out, err);
}

/* ---- list ---- */

static const onp_option list_options[] = {ONP_OPTION_DB, ONP_OPTION_END};

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *platform_to_json(const onp_platform_row *row)
{
    const onp_platform *p = &row->platform;
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:I}",
                     "signature", row->signature, "device", text_or_null(p->device), "backend",
                     text_or_null(p->backend), "backend_version", text_or_null(p->backend_version),
                     "kernel_set", text_or_null(p->kernel_set), "kernel_hash",
                     text_or_null(p->kernel_hash), "blas_core", text_or_null(p->blas_core),
                     "threads", (json_int_t)p->threads, "cluster", text_or_null(p->cluster),
                     "precision", text_or_null(p->precision), "batch", (json_int_t)p->batch,
                     "cache_mode", text_or_null(p->cache_mode), "rows",
                     (json_int_t)row->n_estimates);
}

static onp_status add_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    return json_array_append_new(user, platform_to_json(row)) == 0
               ? ONP_OK
               : onp_fail(err, ONP_E_NOMEM, "out of memory");
}

static void add_part(onp_strbuf *line, const char *name, const char *text)
{
    if (text != NULL)
        onp_strbuf_addf(line, " %s%s", name, text);
}

static onp_status print_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    const onp_platform *p = &row->platform;
    const onp_app *app = user;
    onp_strbuf line;
    onp_strbuf_init(&line, &app->ctx);
    onp_strbuf_addf(&line, "%.12s  %s, %s:", row->signature, p->device, p->backend);
    add_part(&line, "", p->kernel_set);
    add_part(&line, "blas ", p->blas_core);
    if (p->threads > 0)
        onp_strbuf_addf(&line, " threads %" PRId64, p->threads);
    add_part(&line, "cores ", p->cluster);
    add_part(&line, "", p->precision);
    if (p->batch > 0)
        onp_strbuf_addf(&line, " batch %" PRId64, p->batch);
    add_part(&line, "", p->cache_mode);
    onp_strbuf_addf(&line, " %" PRId64 " rows", row->n_estimates);
    const onp_status st = onp_strbuf_status(&line, err);
    if (st == ONP_OK)
        onp_app_line("%s", line.text);
    onp_strbuf_reset(&line);
    return st;
}

static onp_status run_list(onp_app *app, const void *args, onp_error *err)
{
    (void)args;
    onp_store *store = NULL;
    ONP_TRY(onp_table_open(app, NULL, ONP_SQL_EXISTING, &store, err));
    onp_status st = ONP_OK;
    if (app->args->json) {
        json_t *platforms = json_array();
        st = onp_store_platforms(store, add_platform, platforms, err);
        json_t *root = json_pack("{s:s, s:o}", "db", onp_store_path(store), "platforms", platforms);
        if (st == ONP_OK)
            st = onp_app_print(app, root, err);
        else
            json_decref(root);
    } else {
        st = onp_store_platforms(store, print_platform, app, err);
    }
    onp_store_close(store);
    return st;
}

const onp_verb onp_verb_table_list = {
    .name = "list",
    .operands = "",
    .summary = "the platforms of a table",
    .options = list_options,
    .args_size = sizeof(onp_args),
    .run = run_list,
};

/* ---- show ---- */

typedef struct show_args {
    onp_args all;
    const char *device;
} show_args;

static const onp_option show_options[] = {
    ONP_OPTION_DB,
    ONP_OPTION_DEVICE(show_args, device),
    ONP_OPTION_END,
};

static double to_ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static onp_status add_row(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    json_t *row = json_pack(
        "{s:s, s:f, s:f, s:f, s:I, s:s, s:s}", "key", key, "median_ms", to_ms(e->median_ns),
        "ci95_lo_ms", to_ms(e->lo_ns), "ci95_hi_ms", to_ms(e->hi_ns), "n", (json_int_t)e->n,
        "source", onp_estimate_source_name(e->source), "quality", onp_quality_name(e->quality));
    return json_array_append_new(user, row) == 0 ? ONP_OK
                                                 : onp_fail(err, ONP_E_NOMEM, "out of memory");
}

static onp_status print_row(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    char interval[64] = "";
    (void)user, (void)err;
    if (e->hi_ns > 0)
        (void)snprintf(interval, sizeof interval, "%.6f..%.6f", to_ms(e->lo_ns), to_ms(e->hi_ns));
    onp_app_line("%12.6f ms  %-24s  %6" PRId64 "  %-12s  %-9s  %s", to_ms(e->median_ns), interval,
                 e->n, onp_estimate_source_name(e->source), onp_quality_name(e->quality), key);
    return ONP_OK;
}

static onp_status add_source(void *user, const onp_import_source *f, onp_error *err)
{
    json_t *source = json_pack("{s:s, s:s, s:s, s:s, s:I}", "file", f->file, "sha256", f->sha256,
                               "format", f->format, "unit", f->unit, "rows", (json_int_t)f->n_rows);
    return json_array_append_new(user, source) == 0 ? ONP_OK
                                                    : onp_fail(err, ONP_E_NOMEM, "out of memory");
}

static onp_status print_source(void *user, const onp_import_source *f, onp_error *err)
{
    (void)user, (void)err;
    onp_app_line("imported: %" PRId64 " rows of %s (%s, %s, SHA-256 %.16s...)", f->n_rows, f->file,
                 f->format, f->unit, f->sha256);
    return ONP_OK;
}

static onp_status show_rows(onp_app *app, onp_store *store, int64_t platform, onp_error *err)
{
    char label[128];
    onp_store_platform_label(store, platform, label, sizeof label);
    if (!app->args->json) {
        onp_app_line("%s", label);
        ONP_TRY(onp_store_import_sources(store, platform, print_source, NULL, err));
        (void)printf("%15s  %-24s  %6s  %-12s  %-9s  %s\n", "median", "95 % interval", "n",
                     "source", "quality", "block");
        return onp_store_estimates(store, platform, print_row, NULL, err);
    }
    json_t *rows = json_array(), *sources = json_array();
    onp_status st = onp_store_import_sources(store, platform, add_source, sources, err);
    if (st == ONP_OK)
        st = onp_store_estimates(store, platform, add_row, rows, err);
    json_t *root =
        json_pack("{s:s, s:o, s:o}", "platform", label, "imported_from", sources, "rows", rows);
    if (st == ONP_OK)
        return onp_app_print(app, root, err);
    json_decref(root);
    return st;
}

static onp_status run_show(onp_app *app, const void *args, onp_error *err)
{
    const show_args *a = args;
    onp_store *store = NULL;
    int64_t platform = 0;
    if (a->device == NULL)
        return onp_fail(err, ONP_E_USAGE, "table show: --device is missing");
    ONP_TRY(onp_table_open(app, NULL, ONP_SQL_EXISTING, &store, err));
    onp_status st = onp_store_platform_find(store, a->device, &platform, err);
    if (st == ONP_OK)
        st = show_rows(app, store, platform, err);
    onp_store_close(store);
    return st;
}

const onp_verb onp_verb_table_show = {
    .name = "show",
    .operands = "",
    .summary = "the rows of one platform",
    .options = show_options,
    .args_size = sizeof(show_args),
    .run = run_show,
};

/* ---- the verb of verbs ---- */

static const onp_verb *const verbs[] = {
    &onp_verb_table_list,   &onp_verb_table_show,     &onp_verb_table_import,
    &onp_verb_table_export, &onp_verb_table_estimate, NULL,
};

const onp_verb onp_verb_table = {
    .name = "table",
    .operands = "list|show|import|export|estimate",
    .summary = "latency tables",
    .verbs = verbs,
};
