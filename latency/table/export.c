/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/export.h"

#include "base/json.h"

typedef struct exporter {
    onp_export_form form;
    int64_t platform;
    onp_strbuf *out;
    json_t *head;
    size_t n_rows;
} exporter;

/* One member a line; a JSON scalar is a YAML scalar. */
static onp_status write_yaml(const char *name, json_t *members, onp_strbuf *out, onp_error *err)
{
    const char *key;
    json_t *value;
    onp_strbuf_addf(out, "%s:\n", name);
    json_object_foreach(members, key, value)
    {
        onp_strbuf_addf(out, "  %s: ", key);
        ONP_TRY(onp_json_dump(value, 0, out, err));
        onp_strbuf_adds(out, "\n");
    }
    return ONP_OK;
}

static onp_status write_line(json_t *object, onp_strbuf *out, onp_error *err)
{
    ONP_TRY(onp_json_dump(object, 0, out, err));
    onp_strbuf_adds(out, "\n");
    return ONP_OK;
}

static onp_status read_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    exporter *e = user;
    const onp_platform *p = &row->platform;
    if (row->id != e->platform)
        return ONP_OK;
    e->head =
        json_pack("{s:i, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "version",
                  ONP_TABLE_EXPORT_VERSION, "unit", "ns", "device", p->device, "backend",
                  p->backend, "backend_version", p->backend_version, "kernel_set", p->kernel_set,
                  "kernel_hash", p->kernel_hash, "blas_core", p->blas_core, "cluster", p->cluster,
                  "precision", p->precision, "cache_mode", p->cache_mode);
    if (e->head == NULL ||
        (p->threads > 0 &&
         json_object_set_new(e->head, "threads", json_integer(p->threads)) != 0) ||
        (p->batch > 0 && json_object_set_new(e->head, "batch", json_integer(p->batch)) != 0))
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    return ONP_OK;
}

/* The newest stands: an import replaces the rows before it. */
static onp_status read_source(void *user, const onp_import_source *source, onp_error *err)
{
    exporter *e = user;
    json_t *from =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "imported_from", source->file, "imported_sha256",
                  source->sha256, "imported_format", source->format, "imported_unit", source->unit,
                  "imported_rows", (json_int_t)source->n_rows);
    const bool failed = from == NULL || json_object_update(e->head, from) != 0;
    json_decref(from);
    return failed ? onp_fail(err, ONP_E_NOMEM, "export: out of memory") : ONP_OK;
}

static onp_status write_head(exporter *e, onp_error *err)
{
    if (e->form == ONP_EXPORT_YAML)
        return write_yaml("onepath_table", e->head, e->out, err);
    json_t *object = json_pack("{s:O}", "onepath_table", e->head);
    if (object == NULL)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    onp_status st = write_line(object, e->out, err);
    json_decref(object);
    return st;
}

static json_t *row_members(const char *key, const onp_estimate *row)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    if (key != NULL)
        ok = ok && json_object_set_new(object, "block", json_string(key)) == 0;
    ok = ok && json_object_set_new(object, "median_ns", json_integer(row->median_ns)) == 0;
    if (row->hi_ns > 0)
        ok = ok && json_object_set_new(object, "lo_ns", json_integer(row->lo_ns)) == 0 &&
             json_object_set_new(object, "hi_ns", json_integer(row->hi_ns)) == 0;
    ok = ok && json_object_set_new(object, "n", json_integer(row->n)) == 0 &&
         json_object_set_new(object, "cv", json_real(row->cv)) == 0 &&
         json_object_set_new(object, "source",
                             json_string(onp_estimate_source_name(row->source))) == 0 &&
         json_object_set_new(object, "quality", json_string(onp_quality_name(row->quality))) == 0;
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static onp_status write_row(void *user, const char *key, const onp_estimate *row, onp_error *err)
{
    exporter *e = user;
    const bool yaml = e->form == ONP_EXPORT_YAML;
    json_t *members = row_members(yaml ? NULL : key, row);
    if (members == NULL)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    onp_status st = yaml ? write_yaml(key, members, e->out, err) : write_line(members, e->out, err);
    json_decref(members);
    e->n_rows++;
    return st;
}

onp_status onp_table_export(onp_store *s, int64_t platform, onp_export_form form, onp_strbuf *out,
                            size_t *n_rows, onp_error *err)
{
    exporter e = {.form = form, .platform = platform, .out = out};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_store_platforms(s, read_platform, &e, err));
    ONP_TRY_GOTO(onp_store_import_sources(s, platform, read_source, &e, err));
    ONP_TRY_GOTO(write_head(&e, err));
    ONP_TRY_GOTO(onp_store_estimates(s, platform, write_row, &e, err));
    ONP_TRY_GOTO(onp_strbuf_status(out, err));
    if (e.n_rows == 0) {
        char label[128];
        onp_store_platform_label(s, platform, label, sizeof label);
        st = onp_fail(err, ONP_E_MISSING, "%s: %s has no rows", onp_store_path(s), label);
    } else if (n_rows != NULL) {
        *n_rows = e.n_rows;
    }
done:
    json_decref(e.head);
    return st;
}
