/* SPDX-License-Identifier: Apache-2.0 */
/* onepath's own forms: JSON lines, and YAML with the same members. */
#include "base/json.h"
#include "latency/table/export_internal.h"

typedef struct head {
    int64_t platform;
    json_t *members;
} head;

static onp_status read_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    head *h = user;
    const onp_platform *p = &row->platform;
    if (row->id != h->platform)
        return ONP_OK;
    h->members =
        json_pack("{s:i, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "version",
                  ONP_TABLE_EXPORT_VERSION, "unit", "ns", "device", p->device, "backend",
                  p->backend, "backend_version", p->backend_version, "kernel_set", p->kernel_set,
                  "kernel_hash", p->kernel_hash, "blas_core", p->blas_core, "cluster", p->cluster,
                  "precision", p->precision, "cache_mode", p->cache_mode);
    if (h->members == NULL ||
        (p->threads > 0 &&
         json_object_set_new(h->members, "threads", json_integer(p->threads)) != 0) ||
        (p->batch > 0 && json_object_set_new(h->members, "batch", json_integer(p->batch)) != 0))
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    return ONP_OK;
}

/* The newest stands: an import replaces the rows before it. */
static onp_status read_source(void *user, const onp_import_source *source, onp_error *err)
{
    head *h = user;
    json_t *from =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "imported_from", source->file, "imported_sha256",
                  source->sha256, "imported_format", source->format, "imported_unit", source->unit,
                  "imported_rows", (json_int_t)source->n_rows);
    const bool failed = from == NULL || json_object_update(h->members, from) != 0;
    json_decref(from);
    return failed ? onp_fail(err, ONP_E_NOMEM, "export: out of memory") : ONP_OK;
}

static onp_status read_head(onp_export *x, json_t **out, onp_error *err)
{
    head h = {.platform = x->platform};
    onp_status st = onp_store_platforms(x->store, read_platform, &h, err);
    if (st == ONP_OK)
        st = onp_store_import_sources(x->store, x->platform, read_source, &h, err);
    if (st == ONP_OK)
        *out = h.members;
    else
        json_decref(h.members);
    return st;
}

/* NULL: out of memory. */
static json_t *row_members(const onp_estimate *row)
{
    json_t *object = json_pack("{s:I}", "median_ns", (json_int_t)row->median_ns);
    bool ok = object != NULL;
    if (row->hi_ns > 0)
        ok = ok && json_object_set_new(object, "lo_ns", json_integer(row->lo_ns)) == 0 &&
             json_object_set_new(object, "hi_ns", json_integer(row->hi_ns)) == 0;
    if (row->n > 0)
        ok = ok && json_object_set_new(object, "n", json_integer(row->n)) == 0 &&
             json_object_set_new(object, "cv", json_real(row->cv)) == 0;
    ok = ok &&
         json_object_set_new(object, "source",
                             json_string(onp_estimate_source_name(row->source))) == 0 &&
         json_object_set_new(object, "quality", json_string(onp_quality_name(row->quality))) == 0;
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* How a form says something by its name: the table's head, a row. members: borrowed. */
typedef onp_status (*write_entry)(const char *name, json_t *members, onp_strbuf *out,
                                  onp_error *err);

static onp_status write_taken(write_entry write, const char *name, json_t *members, onp_strbuf *out,
                              onp_error *err)
{
    if (members == NULL)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    onp_status st = write(name, members, out, err);
    json_decref(members);
    return st;
}

static onp_status write_table(onp_export *x, write_entry write_head, write_entry write_row,
                              onp_error *err)
{
    json_t *members = NULL;
    ONP_TRY(read_head(x, &members, err));
    ONP_TRY(write_taken(write_head, "onepath_table", members, x->out, err));
    for (size_t i = 0; i < x->n_rows; i++)
        ONP_TRY(write_taken(write_row, x->rows[i].key, row_members(&x->rows[i].e), x->out, err));
    return ONP_OK;
}

/* ---- YAML ---- */

/* One member a line; a JSON scalar is a YAML scalar. */
static onp_status write_map(const char *name, json_t *members, onp_strbuf *out, onp_error *err)
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

static onp_status write_yaml(onp_export *x, onp_error *err)
{
    return write_table(x, write_map, write_map, err);
}

/* ---- JSON lines ---- */

/* object is taken; NULL: out of memory. */
static onp_status write_line(json_t *object, onp_strbuf *out, onp_error *err)
{
    if (object == NULL)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    onp_status st = onp_json_dump(object, 0, out, err);
    onp_strbuf_adds(out, "\n");
    json_decref(object);
    return st;
}

static onp_status write_head_line(const char *name, json_t *members, onp_strbuf *out,
                                  onp_error *err)
{
    return write_line(json_pack("{s:O}", name, members), out, err);
}

/* The block's key comes first. */
static onp_status write_row_line(const char *name, json_t *members, onp_strbuf *out, onp_error *err)
{
    json_t *object = json_pack("{s:s}", "block", name);
    if (object != NULL && json_object_update(object, members) != 0) {
        json_decref(object);
        object = NULL;
    }
    return write_line(object, out, err);
}

static onp_status write_jsonl(onp_export *x, onp_error *err)
{
    return write_table(x, write_head_line, write_row_line, err);
}

const onp_exporter onp_export_jsonl = {.form = "jsonl", .write = write_jsonl};
const onp_exporter onp_export_yaml = {.form = "yaml", .write = write_yaml};
