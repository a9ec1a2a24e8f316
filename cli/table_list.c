/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table list|show: what is in a latency table, and how far it can be trusted. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/table.h"
#include "latency/table/trust.h"

/* What is known of one platform. */
typedef struct known {
    onp_platform_row row;
    int64_t n_networks;
    onp_trust trust;
} known;

static double to_ms(int64_t ns)
{
    return (double)ns / 1e6;
}

/* "2026-11-21"; "" for 0. */
static void day(int64_t unix_ns, char out[ONP_TEXT_UTC])
{
    onp_text_utc(unix_ns, out);
    out[strcspn(out, "T")] = '\0';
}

/* ---- as JSON ---- */

static json_t *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *real_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *calibration_to_json(const onp_calibration *c)
{
    if (c->n == 0)
        return json_null();
    return json_pack("{s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "a", c->a, "b_us",
                     c->b_ns / 1e3, "c_ms", c->c_ns / 1e6, "networks", (json_int_t)c->n,
                     "mape_before_percent", 100 * c->mape_before, "mape_percent",
                     100 * c->mape_after, "within5_percent", 100 * c->within5, "within10_percent",
                     100 * c->within10, "spearman", c->spearman, "half95_percent", 100 * c->half95);
}

static json_t *validation_to_json(const onp_trust *t)
{
    const onp_agreement *a = &t->validation;
    char date[ONP_TEXT_UTC];
    if (a->n == 0)
        return json_null();
    day(t->validated_unix_ns, date);
    return json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "date", date, "networks",
                     (json_int_t)a->n, "mape_percent", 100 * a->mape, "bias_percent", 100 * a->bias,
                     "within5_percent", 100 * a->within5, "within10_percent", 100 * a->within10,
                     "spearman", a->spearman, "kendall", a->kendall, "coverage_percent",
                     real_or_null(100 * a->coverage), "noise_percent",
                     real_or_null(100 * t->noise));
}

static json_t *platform_to_json(const known *k)
{
    const onp_platform *p = &k->row.platform;
    char oldest[ONP_TEXT_UTC], newest[ONP_TEXT_UTC];
    day(k->row.oldest_unix_ns, oldest);
    day(k->row.newest_unix_ns, newest);
    json_t *root =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:I, s:I, s:I}",
                  "signature", k->row.signature, "device", text_or_null(p->device), "backend",
                  text_or_null(p->backend), "backend_version", text_or_null(p->backend_version),
                  "kernel_set", text_or_null(p->kernel_set), "kernel_hash",
                  text_or_null(p->kernel_hash), "blas_core", text_or_null(p->blas_core), "threads",
                  (json_int_t)p->threads, "cluster", text_or_null(p->cluster), "precision",
                  text_or_null(p->precision), "batch", (json_int_t)p->batch, "cache_mode",
                  text_or_null(p->cache_mode), "rows", (json_int_t)k->row.n_estimates, "noisy_rows",
                  (json_int_t)k->row.n_noisy, "stale_rows", (json_int_t)k->row.n_stale);
    json_t *more = json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "sources", k->row.sources, "networks",
        (json_int_t)k->n_networks, "oldest", text_or_null(oldest), "newest", text_or_null(newest),
        "stale_reason", text_or_null(k->row.stale_reason), "verdict",
        text_or_null(k->trust.verdict.reason), "calibration",
        calibration_to_json(&k->trust.calibration), "validation", validation_to_json(&k->trust));
    if (root == NULL || more == NULL || json_object_update(root, more) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(more);
    return root;
}

/* ---- as text ---- */

static void add_part(onp_strbuf *line, const char *name, const char *text)
{
    if (text != NULL)
        onp_strbuf_addf(line, " %s%s", name, text);
}

static onp_status print_name(const onp_app *app, const known *k, onp_error *err)
{
    const onp_platform_row *row = &k->row;
    const onp_platform *p = &row->platform;
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
    if (k->n_networks > 0)
        onp_strbuf_addf(&line, ", %" PRId64 " networks measured whole", k->n_networks);
    const onp_status st = onp_strbuf_status(&line, err);
    if (st == ONP_OK)
        onp_app_line("%s", line.text);
    onp_strbuf_reset(&line);
    return st;
}

static void print_rows_of(const onp_platform_row *row)
{
    char oldest[ONP_TEXT_UTC], newest[ONP_TEXT_UTC];
    if (row->n_estimates == 0)
        return;
    day(row->oldest_unix_ns, oldest);
    day(row->newest_unix_ns, newest);
    onp_app_line("    %s; %" PRId64 " noisy, %" PRId64 " stale%s%s; of %s%s%s", row->sources,
                 row->n_noisy, row->n_stale, row->stale_reason != NULL ? ": " : "",
                 row->stale_reason != NULL ? row->stale_reason : "", oldest,
                 strcmp(oldest, newest) != 0 ? " to " : "",
                 strcmp(oldest, newest) != 0 ? newest : "");
}

static void print_trust(const onp_trust *t)
{
    const onp_calibration *c = &t->calibration;
    const onp_agreement *a = &t->validation;
    char date[ONP_TEXT_UTC];
    if (t->verdict.reason[0] != '\0')
        onp_app_line("    %s", t->verdict.reason);
    if (c->n > 0)
        onp_app_line(
            "    calibrated by %" PRId64 " networks: %.4f x sum %+.3f us x blocks %+.4f ms;"
            " mean error %.2f %% (%.2f %% of the plain sum)",
            c->n, c->a, c->b_ns / 1e3, c->c_ns / 1e6, 100 * c->mape_after, 100 * c->mape_before);
    if (a->n == 0)
        return;
    day(t->validated_unix_ns, date);
    onp_app_line("    validated %s on %zu networks: mean error %.2f %%, bias %+.2f %%, within 5 %%"
                 " %.0f %%, Spearman %.3f",
                 date, a->n, 100 * a->mape, 100 * a->bias, 100 * a->within5, a->spearman);
}

/* ---- list ---- */

static const onp_option list_options[] = {ONP_OPTION_DB, ONP_OPTION_END};

typedef struct listing {
    onp_app *app;
    onp_store *store;
    json_t *platforms; /* NULL: as text */
    int64_t only;      /* a platform; 0: all */
} listing;

static onp_status list_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    listing *l = user;
    known k = {.row = *row};
    if (l->only != 0 && row->id != l->only)
        return ONP_OK;
    ONP_TRY(onp_store_n_networks(l->store, row->id, &k.n_networks, err));
    ONP_TRY(onp_trust_take(l->store, row->id, NULL, &k.trust, err));
    if (l->platforms != NULL)
        return json_array_append_new(l->platforms, platform_to_json(&k)) == 0
                   ? ONP_OK
                   : onp_fail(err, ONP_E_NOMEM, "out of memory");
    ONP_TRY(print_name(l->app, &k, err));
    print_rows_of(row);
    print_trust(&k.trust);
    return ONP_OK;
}

static onp_status run_list(onp_app *app, const void *args, onp_error *err)
{
    (void)args;
    listing l = {.app = app};
    ONP_TRY(onp_table_open(app, NULL, ONP_SQL_EXISTING, &l.store, err));
    if (app->args->json)
        l.platforms = json_array();
    onp_status st = onp_store_platforms(l.store, list_platform, &l, err);
    if (app->args->json && st == ONP_OK)
        st = onp_app_print(
            app, json_pack("{s:s, s:O}", "db", onp_store_path(l.store), "platforms", l.platforms),
            err);
    json_decref(l.platforms);
    onp_store_close(l.store);
    return st;
}

const onp_verb onp_verb_table_list = {
    .name = "list",
    .operands = "",
    .summary = "the platforms of a table, and how far each can be trusted",
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

static onp_status add_row(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    json_t *row =
        json_pack("{s:s, s:f, s:f, s:f, s:I, s:s, s:s, s:o, s:o}", "key", key, "median_ms",
                  to_ms(e->median_ns), "ci95_lo_ms", to_ms(e->lo_ns), "ci95_hi_ms", to_ms(e->hi_ns),
                  "n", (json_int_t)e->n, "source", onp_estimate_source_name(e->source), "quality",
                  onp_quality_name(e->quality), "method", text_or_null(e->method), "stale_reason",
                  text_or_null(e->stale_reason));
    return json_array_append_new(user, row) == 0 ? ONP_OK
                                                 : onp_fail(err, ONP_E_NOMEM, "out of memory");
}

static onp_status print_row(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    char interval[64] = "";
    (void)user, (void)err;
    if (e->hi_ns > 0)
        (void)snprintf(interval, sizeof interval, "%.6f..%.6f", to_ms(e->lo_ns), to_ms(e->hi_ns));
    onp_app_line("%12.6f ms  %-24s  %6" PRId64 "  %-12s  %-9s  %s%s%s%s", to_ms(e->median_ns),
                 interval, e->n, onp_estimate_source_name(e->source), onp_quality_name(e->quality),
                 key, e->method[0] != '\0' ? "  " : "", e->method,
                 e->stale_reason[0] != '\0' ? "  (stale)" : "");
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
    listing l = {.app = app, .store = store, .only = platform};
    onp_store_platform_label(store, platform, label, sizeof label);
    if (!app->args->json) {
        ONP_TRY(onp_store_platforms(store, list_platform, &l, err));
        ONP_TRY(onp_store_import_sources(store, platform, print_source, NULL, err));
        (void)printf("%15s  %-24s  %6s  %-12s  %-9s  %s\n", "median", "95 % interval", "n",
                     "source", "quality", "block");
        return onp_store_estimates(store, platform, print_row, NULL, err);
    }
    json_t *rows = json_array(), *sources = json_array();
    l.platforms = json_array();
    onp_status st = onp_store_import_sources(store, platform, add_source, sources, err);
    if (st == ONP_OK)
        st = onp_store_platforms(store, list_platform, &l, err);
    if (st == ONP_OK)
        st = onp_store_estimates(store, platform, add_row, rows, err);
    json_t *root =
        json_pack("{s:s, s:O*, s:o, s:o}", "platform", label, "about",
                  json_array_get(l.platforms, 0), "imported_from", sources, "rows", rows);
    json_decref(l.platforms);
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
