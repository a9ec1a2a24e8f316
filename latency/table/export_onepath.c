/* SPDX-License-Identifier: Apache-2.0 */
/* onepath's own forms: JSON lines, and YAML with the same members. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "latency/table/export_internal.h"

typedef struct head {
    const onp_export *x;
    int64_t reference_khz;
    json_t *members;
} head;

/* A member, left out where it is unknown. */
static bool set_count(json_t *members, const char *name, int64_t value)
{
    return value <= 0 || json_object_set_new(members, name, json_integer(value)) == 0;
}

static bool set_text(json_t *members, const char *name, const char *value)
{
    return value == NULL || value[0] == '\0' ||
           json_object_set_new(members, name, json_string(value)) == 0;
}

/* When the oldest and the newest row were measured here; "": none was. */
static void measured(const onp_export *x, char from[ONP_TEXT_UTC], char until[ONP_TEXT_UTC])
{
    int64_t oldest = 0, newest = 0;
    for (size_t i = 0; i < x->n_rows; i++) {
        const onp_estimate *e = &x->rows[i].e;
        if (e->source != ONP_SOURCE_MEASURED)
            continue;
        oldest = oldest == 0 || e->updated_unix_ns < oldest ? e->updated_unix_ns : oldest;
        newest = e->updated_unix_ns > newest ? e->updated_unix_ns : newest;
    }
    onp_text_utc(oldest, from);
    onp_text_utc(newest, until);
}

static onp_status read_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    head *h = user;
    const onp_platform *p = &row->platform;
    if (row->id != h->x->platform)
        return ONP_OK;
    char from[ONP_TEXT_UTC], until[ONP_TEXT_UTC];
    measured(h->x, from, until);
    h->members =
        json_pack("{s:i, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "version",
                  ONP_TABLE_EXPORT_VERSION, "unit", "ns", "device", p->device, "backend",
                  p->backend, "backend_version", p->backend_version, "kernel_set", p->kernel_set,
                  "kernel_hash", p->kernel_hash, "blas_core", p->blas_core, "cluster", p->cluster,
                  "precision", p->precision, "cache_mode", p->cache_mode);
    const bool here = from[0] != '\0';
    if (h->members == NULL || !set_count(h->members, "threads", p->threads) ||
        !set_count(h->members, "batch", p->batch) ||
        !set_text(h->members, "os", here ? row->os : NULL) ||
        !set_text(h->members, "tool_version", here ? row->tool_version : NULL) ||
        !set_text(h->members, "measured_from", from) ||
        !set_text(h->members, "measured_until", until) ||
        !set_count(h->members, "reference_khz", h->reference_khz))
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    return ONP_OK;
}

/* What a file said of its own platform, as "origin_device" and so on; of the first file of several.
 */
static bool set_origin(json_t *members, json_t *origin)
{
    static const char prefix[] = "origin_";
    const char *name;
    json_t *value;
    bool ok = true;
    json_object_foreach(origin, name, value)
    {
        char longer[96];
        const bool is_origin = strncmp(name, prefix, sizeof prefix - 1) == 0;
        const bool is_own = strcmp(name, "version") == 0 || strcmp(name, "unit") == 0 ||
                            strcmp(name, "rows") == 0 || strcmp(name, "networks") == 0 ||
                            strncmp(name, "imported_", 9) == 0;
        (void)snprintf(longer, sizeof longer, "%s%.80s", is_origin ? "" : prefix, name);
        if (!is_own && (is_origin || json_object_get(origin, longer) == NULL))
            ok = ok && set_text(members, longer, json_string_value(value));
    }
    return ok;
}

/* The newest stands: an import replaces the rows before it. */
static onp_status read_source(void *user, const onp_import_source *source, onp_error *err)
{
    head *h = user;
    char file[1024];
    onp_text_make_plain(source->file, file, sizeof file);
    json_t *origin = onp_export_origin(source);
    json_t *from = json_pack("{s:s, s:s, s:s, s:s, s:I}", "imported_from", file, "imported_sha256",
                             source->sha256, "imported_format", source->format, "imported_unit",
                             source->unit, "imported_rows", (json_int_t)source->n_rows);
    const bool done =
        from != NULL && json_object_update(h->members, from) == 0 && set_origin(h->members, origin);
    json_decref(from);
    json_decref(origin);
    return done ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "export: out of memory");
}

static onp_status read_head(const onp_export *x, int64_t reference_khz, json_t **out,
                            onp_error *err)
{
    head h = {.x = x, .reference_khz = reference_khz};
    onp_status st = onp_store_platforms(x->store, read_platform, &h, err);
    if (st == ONP_OK)
        st = onp_store_import_sources(x->store, x->platform, read_source, &h, err);
    if (st == ONP_OK)
        *out = h.members;
    else
        json_decref(h.members);
    return st;
}

/* The clock of the newest rows, to which all are normalised; 0: unknown. */
static int64_t find_reference(const onp_export *x)
{
    int64_t run = 0, khz = 0;
    for (size_t i = 0; i < x->n_rows; i++) {
        const onp_estimate *e = &x->rows[i].e;
        if (e->reference_khz > 0 && e->run >= run) {
            run = e->run;
            khz = e->reference_khz;
        }
    }
    return khz;
}

/* At the clock that all share; 0: unknown. */
static int64_t normalize(const onp_estimate *e, int64_t reference_khz)
{
    if (e->normalized_median_ns <= 0 || e->reference_khz <= 0)
        return 0;
    return llround((double)e->normalized_median_ns *
                   ((double)e->reference_khz / (double)reference_khz));
}

/* NULL: out of memory. */
static json_t *row_members(const onp_estimate *row, int64_t reference_khz)
{
    json_t *object = json_pack("{s:I}", "median_ns", (json_int_t)row->median_ns);
    bool ok = object != NULL;
    if (row->hi_ns > 0)
        ok = ok && json_object_set_new(object, "lo_ns", json_integer(row->lo_ns)) == 0 &&
             json_object_set_new(object, "hi_ns", json_integer(row->hi_ns)) == 0;
    if (row->n > 0)
        ok = ok && set_count(object, "n", row->n) &&
             json_object_set_new(object, "cv", json_real(row->cv)) == 0;
    ok = ok && set_count(object, "normalized_median_ns", normalize(row, reference_khz)) &&
         set_text(object, "source", onp_estimate_source_name(row->source)) &&
         set_text(object, "method", row->method) &&
         set_text(object, "quality", onp_quality_name(row->quality));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* Its blocks, or the text that it is known by. NULL: out of memory. */
static json_t *network_members(const onp_whole_network *net)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    if (net->n_blocks > 0)
        ok = ok && json_object_set_new(object, "blocks",
                                       onp_block_keys_json(net->blocks, net->n_blocks)) == 0;
    ok = ok && set_text(object, "text", net->text) && set_text(object, "space", net->space) &&
         set_count(object, "median_ns", llround(net->ns)) && set_count(object, "n", net->n) &&
         json_object_set_new(object, "cv", json_real(net->cv)) == 0 &&
         set_text(object, "quality", onp_quality_name(net->quality));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* How a form says something by its name. members: borrowed. */
typedef onp_status (*write_entry)(const char *name, json_t *members, onp_strbuf *out,
                                  onp_error *err);

typedef struct own_form {
    write_entry head, row, network;
} own_form;

static onp_status write_taken(write_entry write, const char *name, json_t *members, onp_strbuf *out,
                              onp_error *err)
{
    if (members == NULL)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    onp_status st = write(name, members, out, err);
    json_decref(members);
    return st;
}

/* Networks of which nothing is known but a hash do not go out. */
static bool is_known(const onp_whole_network *net)
{
    return net->n_blocks > 0 || net->text != NULL;
}

static onp_status write_networks(onp_export *x, const own_form *form, onp_error *err)
{
    for (size_t i = 0; i < x->networks.n; i++) {
        const onp_whole_network *net = &x->networks.list[i];
        char name[32];
        (void)snprintf(name, sizeof name, "%zu", i + 1);
        if (!is_known(net)) {
            onp_export_leave_out_network(x, net, "what it is made of is not known");
            continue;
        }
        ONP_TRY(write_taken(form->network, name, network_members(net), x->out, err));
    }
    return ONP_OK;
}

/* How much follows, so that a file that was cut short is known as one. */
static onp_status add_counts(const onp_export *x, json_t *members, onp_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < x->networks.n; i++)
        n += is_known(&x->networks.list[i]);
    if (json_object_set_new(members, "rows", json_integer((json_int_t)x->n_rows)) != 0 ||
        json_object_set_new(members, "networks", json_integer((json_int_t)n)) != 0)
        return onp_fail(err, ONP_E_NOMEM, "export: out of memory");
    return ONP_OK;
}

static onp_status write_table(onp_export *x, const own_form *form, onp_error *err)
{
    const int64_t reference_khz = find_reference(x);
    json_t *members = NULL;
    ONP_TRY(read_head(x, reference_khz, &members, err));
    onp_status st = add_counts(x, members, err);
    if (st != ONP_OK) {
        json_decref(members);
        return st;
    }
    ONP_TRY(write_taken(form->head, "onepath_table", members, x->out, err));
    for (size_t i = 0; i < x->n_rows; i++)
        ONP_TRY(write_taken(form->row, x->rows[i].key, row_members(&x->rows[i].e, reference_khz),
                            x->out, err));
    return write_networks(x, form, err);
}

/* ---- YAML ---- */

/* One member a line; a JSON scalar is a YAML scalar, a list of blocks becomes a text. */
static onp_status write_map(const char *name, json_t *members, onp_strbuf *out, onp_error *err)
{
    const char *key;
    json_t *value;
    size_t i;
    onp_strbuf_addf(out, "%s:\n", name);
    json_object_foreach(members, key, value)
    {
        onp_strbuf_addf(out, "  %s: ", key);
        if (!json_is_array(value))
            ONP_TRY(onp_json_dump(value, 0, out, err));
        for (i = 0; i < json_array_size(value); i++)
            onp_strbuf_addf(out, "%s%s", i > 0 ? "; " : "",
                            json_string_value(json_array_get(value, i)));
        onp_strbuf_adds(out, "\n");
    }
    return ONP_OK;
}

static onp_status write_network_map(const char *name, json_t *members, onp_strbuf *out,
                                    onp_error *err)
{
    char title[48];
    (void)snprintf(title, sizeof title, "network %s", name);
    return write_map(title, members, out, err);
}

static onp_status write_yaml(onp_export *x, onp_error *err)
{
    return write_table(x, &(own_form){write_map, write_map, write_network_map}, err);
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

/* first is taken: the members that come before the others; NULL: out of memory. */
static onp_status write_two(json_t *first, json_t *members, onp_strbuf *out, onp_error *err)
{
    if (first != NULL && json_object_update(first, members) != 0) {
        json_decref(first);
        first = NULL;
    }
    return write_line(first, out, err);
}

static onp_status write_row_line(const char *name, json_t *members, onp_strbuf *out, onp_error *err)
{
    return write_two(json_pack("{s:s}", "block", name), members, out, err);
}

static onp_status write_network_line(const char *name, json_t *members, onp_strbuf *out,
                                     onp_error *err)
{
    return write_two(json_pack("{s:I}", "network", (json_int_t)strtoll(name, NULL, 10)), members,
                     out, err);
}

static onp_status write_jsonl(onp_export *x, onp_error *err)
{
    return write_table(x, &(own_form){write_head_line, write_row_line, write_network_line}, err);
}

const onp_exporter onp_export_jsonl = {.form = "jsonl", .write = write_jsonl};
const onp_exporter onp_export_yaml = {.form = "yaml", .write = write_yaml};
