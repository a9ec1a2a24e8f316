/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/export_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const onp_exporter *const exporters[] = {
    &onp_export_jsonl, &onp_export_yaml,  &onp_export_proxylessnas, &onp_export_ofa,
    &onp_export_csv,   &onp_export_tfnas, &onp_export_networks,
};

const char *onp_export_form(size_t i)
{
    return i < ONP_COUNT(exporters) ? exporters[i]->form : NULL;
}

static onp_status find_exporter(const char *form, const onp_exporter **out, onp_error *err)
{
    char known[256] = "";
    for (size_t i = 0; i < ONP_COUNT(exporters); i++) {
        if (strcmp(exporters[i]->form, form) == 0) {
            *out = exporters[i];
            return ONP_OK;
        }
        const size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, " %s", exporters[i]->form);
    }
    return onp_fail(err, ONP_E_USAGE, "form \"%s\" is not known; forms:%s", form, known);
}

static onp_status take_row(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    onp_export *x = user;
    void *rows = x->rows;
    if (e->stale_reason[0] != '\0') {
        x->result.n_stale++;
        return ONP_OK;
    }
    ONP_TRY(onp_grow(onp_store_context(x->store), &rows, &x->capacity, x->n_rows + 1,
                     sizeof *x->rows, err));
    x->rows = rows;
    onp_export_row *row = &x->rows[x->n_rows];
    *row = (onp_export_row){.e = *e};
    (void)snprintf(row->key, sizeof row->key, "%s", key);
    ONP_TRY(onp_block_parse(key, &row->block, err));
    x->n_rows++;
    return ONP_OK;
}

void onp_export_leave_out(onp_export *x, onp_export_row *row, const char *why)
{
    row->left_out = true;
    if (x->left_out != NULL)
        onp_strbuf_addf(x->left_out, "left out: %s: %s\n", row->key, why);
}

void onp_export_leave_out_network(onp_export *x, const onp_whole_network *net, const char *why)
{
    x->result.n_left_out++;
    x->result.n_networks--;
    if (x->left_out != NULL)
        onp_strbuf_addf(x->left_out, "left out: network %.12s: %s\n", net->hash, why);
}

json_t *onp_export_origin(const onp_import_source *source)
{
    const char *text = source->settings != NULL ? source->settings : "{}";
    json_t *settings = NULL;
    if (onp_json_parse(text, strlen(text), "", &settings, NULL) != ONP_OK)
        return NULL; /* settings are whatever a database holds */
    json_t *origin = json_incref(json_object_get(settings, "origin"));
    json_decref(settings);
    return origin;
}

void onp_export_add_ms(onp_strbuf *out, int64_t ns)
{
    onp_strbuf_addf(out, "%" PRId64 ".%06" PRId64, ns / 1000000, ns % 1000000);
}

/* Neither poor nor predicted, here or before it was imported (import_onepath.c, note_source). */
static bool is_plain(const onp_estimate *e)
{
    for (int i = ONP_SOURCE_INTERPOLATED; i <= ONP_SOURCE_TRANSFERRED; i++) {
        const char *name = onp_estimate_source_name((onp_estimate_source)i);
        if ((int)e->source == i || strncmp(e->method, name, strlen(name)) == 0)
            return false;
    }
    return e->quality == ONP_QUALITY_OK;
}

static onp_status check_result(const onp_export *x, const onp_exporter *exporter, onp_error *err)
{
    char label[128];
    const onp_export_result *r = &x->result;
    if (r->n_rows + r->n_networks > 0)
        return ONP_OK;
    onp_store_platform_label(x->store, x->platform, label, sizeof label);
    const char *what = exporter->no_rows ? "networks" : "rows";
    if (r->n_left_out > 0)
        return onp_fail(err, ONP_E_MISSING, "%s: %s: none of %zu %s has a key in form %s%s%s",
                        onp_store_path(x->store), label, r->n_left_out, what, exporter->form,
                        x->n_rows > 0 ? ", as " : "", x->n_rows > 0 ? x->rows[0].key : "");
    if (r->n_stale > 0)
        return onp_fail(err, ONP_E_MISSING, "%s: %s: all of its %zu rows are stale",
                        onp_store_path(x->store), label, r->n_stale);
    return onp_fail(err, ONP_E_MISSING, "%s: %s has no %s", onp_store_path(x->store), label, what);
}

static void count_rows(onp_export *x, bool plain)
{
    for (size_t i = 0; i < x->n_rows; i++) {
        const onp_export_row *row = &x->rows[i];
        x->result.n_left_out += row->left_out;
        x->result.n_rows += !row->left_out;
        x->result.n_unsaid += !row->left_out && plain && !is_plain(&row->e);
    }
}

static onp_status write(onp_export *x, const onp_exporter *exporter, onp_error *err)
{
    if (!exporter->no_rows)
        ONP_TRY(onp_store_estimates(x->store, x->platform, take_row, x, err));
    if (!exporter->no_networks)
        ONP_TRY(onp_whole_networks_read(x->store, x->platform, &x->networks, err));
    x->result.n_networks = x->networks.n;
    ONP_TRY(exporter->write(x, err));
    count_rows(x, exporter->plain);
    if (x->left_out != NULL)
        ONP_TRY(onp_strbuf_status(x->left_out, err));
    ONP_TRY(onp_strbuf_status(x->out, err));
    return check_result(x, exporter, err);
}

onp_status onp_table_export(onp_store *s, int64_t platform, const char *form, onp_strbuf *out,
                            onp_strbuf *left_out, onp_export_result *r, onp_error *err)
{
    const onp_exporter *exporter = NULL;
    onp_export x = {.store = s,
                    .platform = platform,
                    .networks = {.ctx = onp_store_context(s)},
                    .out = out,
                    .left_out = left_out};
    ONP_TRY(find_exporter(form, &exporter, err));
    onp_status st = write(&x, exporter, err);
    onp_free(onp_store_context(s), x.rows);
    onp_whole_networks_free(&x.networks);
    if (st == ONP_OK)
        *r = x.result;
    return st;
}
