/* SPDX-License-Identifier: Apache-2.0 */
#include "base/safetensors.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data is used as the file holds it");

static const char META[] = "__metadata__";
enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 100000000 }; /* the limit of the format's own library */

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [ONP_ST_F32] = {"F32", 4}, [ONP_ST_F64] = {"F64", 8}, [ONP_ST_I64] = {"I64", 8},
    [ONP_ST_I32] = {"I32", 4}, [ONP_ST_U8] = {"U8", 1},
};

/* Bytes of a tensor; false when a size is negative or the product does not fit. */
static bool tensor_bytes(onp_st_dtype type, const int64_t *dims, int n_dims, size_t *out)
{
    size_t bytes = types[type].size;
    for (int i = 0; i < n_dims; i++)
        if (dims[i] < 0 || !onp_mul_size(bytes, (size_t)dims[i], &bytes))
            return false;
    if (bytes > INT64_MAX / 2) /* offsets are JSON integers */
        return false;
    *out = bytes;
    return true;
}

/* ---- writing -------------------------------------------------------------------------------- */

typedef struct pending {
    json_t *entry; /* borrowed from the header */
    const void *data;
    size_t size_bytes, element;
} pending;

struct onp_st_writer {
    const onp_context *ctx;
    char path[PATH_MAX];
    json_t *header; /* whole but for the offsets, which commit adds */
    pending *tensors;
    size_t n_tensors, capacity;
    onp_st_written written; /* may be NULL */
    void *user;
};

onp_status onp_st_writer_new(const onp_context *ctx, const char *path, onp_st_writer **out,
                             onp_error *err)
{
    onp_st_writer *w = onp_alloc(ctx, 1, sizeof *w);
    if (w == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for a writer", path);
    w->ctx = ctx;
    onp_status st = onp_path_join(w->path, sizeof w->path, "", path, err);
    w->header = json_object();
    if (st == ONP_OK && json_object_set_new(w->header, META, json_object()) != 0)
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory for a header", path);
    if (st == ONP_OK)
        *out = w;
    else
        onp_st_writer_free(w);
    return st;
}

/* Adds a member that must be new; takes value. */
static onp_status add_member(const onp_st_writer *w, json_t *object, const char *key, json_t *value,
                             onp_error *err)
{
    if (json_object_get(object, key) != NULL) {
        json_decref(value);
        return onp_fail(err, ONP_E_FAIL, "%s: \"%s\" is there already", w->path, key);
    }
    if (json_object_set_new(object, key, value) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"%s\" or its value is not UTF-8", w->path, key);
    return ONP_OK;
}

onp_status onp_st_writer_meta(onp_st_writer *w, const char *key, const char *value, onp_error *err)
{
    return add_member(w, json_object_get(w->header, META), key, json_string(value), err);
}

onp_status onp_st_writer_add(onp_st_writer *w, const char *name, onp_st_dtype type,
                             const int64_t *dims, int n_dims, const void *data, onp_error *err)
{
    size_t bytes = 0;
    if (n_dims < 0 || n_dims > ONP_ST_MAX_DIMS)
        return onp_fail(err, ONP_E_SHAPE, "%s: tensor \"%s\" has %d dimensions, wanted 0..%d",
                        w->path, name, n_dims, ONP_ST_MAX_DIMS);
    if (!tensor_bytes(type, dims, n_dims, &bytes))
        return onp_fail(err, ONP_E_SHAPE, "%s: tensor \"%s\" has a negative or too large size",
                        w->path, name);
    ONP_TRY(onp_grow(w->ctx, (void **)&w->tensors, &w->capacity, w->n_tensors + 1,
                     sizeof *w->tensors, err));
    json_t *shape = json_array();
    for (int i = 0; i < n_dims; i++)
        (void)json_array_append_new(shape, json_integer(dims[i])); /* checked by its count below */
    if (json_array_size(shape) != (size_t)n_dims) {
        json_decref(shape);
        return onp_fail(err, ONP_E_NOMEM, "%s: tensor \"%s\": out of memory", w->path, name);
    }
    json_t *entry = json_pack("{s:s, s:o}", "dtype", types[type].name, "shape", shape);
    ONP_TRY(add_member(w, w->header, name, entry, err));
    w->tensors[w->n_tensors++] = (pending){entry, data, bytes, types[type].size};
    return ONP_OK;
}

void onp_st_writer_on_written(onp_st_writer *w, onp_st_written written, void *user)
{
    w->written = written;
    w->user = user;
}

/* Widest first: each begins at a multiple of its own width because all before it end at one. */
static const size_t widths[] = {8, 4, 1};

static onp_status place_tensor(const onp_st_writer *w, const pending *t, size_t *at, onp_error *err)
{
    if (t->size_bytes > INT64_MAX / 2 - *at)
        return onp_fail(err, ONP_E_SHAPE, "%s: the tensors are too large", w->path);
    json_int_t begin = (json_int_t)*at, end = begin + (json_int_t)t->size_bytes;
    json_t *offsets = json_pack("[I, I]", begin, end);
    if (json_object_set_new(t->entry, "data_offsets", offsets) != 0)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", w->path);
    *at += t->size_bytes;
    return ONP_OK;
}

static onp_status place_tensors(const onp_st_writer *w, onp_error *err)
{
    size_t at = 0;
    for (size_t k = 0; k < ONP_COUNT(widths); k++)
        for (size_t i = 0; i < w->n_tensors; i++)
            if (w->tensors[i].element == widths[k])
                ONP_TRY(place_tensor(w, &w->tensors[i], &at, err));
    return ONP_OK;
}

static onp_status write_parts(const onp_st_writer *w, const onp_strbuf *header,
                              onp_file_writer *file, onp_error *err)
{
    uint64_t length = header->length;
    ONP_TRY(onp_file_writer_add(file, &length, LENGTH_BYTES, err));
    ONP_TRY(onp_file_writer_add(file, header->text, header->length, err));
    for (size_t k = 0; k < ONP_COUNT(widths); k++)
        for (size_t i = 0; i < w->n_tensors; i++) {
            const pending *t = &w->tensors[i];
            if (t->element != widths[k])
                continue;
            ONP_TRY(onp_file_writer_add(file, t->data, t->size_bytes, err));
            if (w->written != NULL)
                w->written(w->user, t->data, t->size_bytes);
        }
    return onp_file_writer_commit(file, err);
}

onp_status onp_st_writer_commit(onp_st_writer *w, onp_error *err)
{
    onp_status st = ONP_OK;
    onp_file_writer *file = NULL;
    onp_strbuf header;
    onp_strbuf_init(&header, w->ctx);
    ONP_TRY_GOTO(place_tensors(w, err));
    ONP_TRY_GOTO(onp_json_dump(w->header, 0, &header, err));
    while (header.length % 8 != 0 && !header.failed)
        onp_strbuf_adds(&header, " ");
    ONP_TRY_GOTO(onp_strbuf_status(&header, err));
    ONP_TRY_GOTO(onp_file_writer_new(w->ctx, w->path, &file, err));
    ONP_TRY_GOTO(write_parts(w, &header, file, err));
done:
    onp_file_writer_free(file);
    onp_strbuf_reset(&header);
    return st;
}

void onp_st_writer_free(onp_st_writer *w)
{
    if (w == NULL)
        return;
    json_decref(w->header);
    onp_free(w->ctx, w->tensors);
    onp_free(w->ctx, w);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct onp_st_file {
    const onp_context *ctx;
    char *path;
    onp_mapped_file map;
    json_t *header;         /* names and metadata live here */
    onp_st_tensor *tensors; /* in the order of the header */
    size_t n_tensors;
};

static onp_status read_header(onp_st_file *f, const uint8_t **data, size_t *data_size,
                              onp_error *err)
{
    uint64_t length = 0;
    if (f->map.size < LENGTH_BYTES)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes, wanted at least 8", f->path,
                        f->map.size);
    memcpy(&length, f->map.data, LENGTH_BYTES);
    size_t rest = f->map.size - LENGTH_BYTES;
    if (length > rest || length > MAX_HEADER_BYTES)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: header of %" PRIu64 " bytes, wanted at most %zu (truncated?)", f->path,
                        length, rest < MAX_HEADER_BYTES ? rest : (size_t)MAX_HEADER_BYTES);
    const char *text = (const char *)f->map.data + LENGTH_BYTES;
    ONP_TRY(onp_json_parse(text, (size_t)length, f->path, &f->header, err));
    if (!json_is_object(f->header))
        return onp_fail(err, ONP_E_FORMAT, "%s: the header is not an object", f->path);
    *data = f->map.data + LENGTH_BYTES + length;
    *data_size = rest - (size_t)length;
    return ONP_OK;
}

static onp_status read_type(const json_t *entry, onp_st_dtype *out, const char *where,
                            onp_error *err)
{
    const char *name = NULL;
    ONP_TRY(onp_json_get_string(entry, "dtype", &name, where, err));
    for (size_t i = 0; i < ONP_COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0) {
            *out = (onp_st_dtype)i;
            return ONP_OK;
        }
    return onp_fail(err, ONP_E_FORMAT, "%s: type %.16s, wanted F32, F64, I64, I32 or U8", where,
                    name);
}

/* An array of at most `max` integers >= 0. */
static onp_status read_ints(const json_t *entry, const char *key, size_t max, int64_t *out,
                            size_t *count, const char *where, onp_error *err)
{
    json_t *array = NULL;
    ONP_TRY(onp_json_get_array(entry, key, &array, where, err));
    size_t n = json_array_size(array);
    if (n > max)
        return onp_fail(err, ONP_E_FORMAT, "%s: %s has %zu entries, wanted at most %zu", where, key,
                        n, max);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return onp_fail(err, ONP_E_FORMAT, "%s: %s[%zu] is not an integer >= 0", where, key, i);
        out[i] = json_integer_value(value);
    }
    *count = n;
    return ONP_OK;
}

static onp_status read_tensor(const onp_st_file *f, const char *name, const json_t *entry,
                              const uint8_t *data, size_t data_size, onp_st_tensor *t,
                              onp_error *err)
{
    char where[300];
    (void)snprintf(where, sizeof where, "%.150s: tensor \"%.100s\"", f->path, name);
    size_t n_dims = 0, n_offsets = 0, bytes = 0;
    int64_t range[2] = {0};
    ONP_TRY(read_type(entry, &t->type, where, err));
    ONP_TRY(read_ints(entry, "shape", ONP_ST_MAX_DIMS, t->dims, &n_dims, where, err));
    ONP_TRY(read_ints(entry, "data_offsets", 2, range, &n_offsets, where, err));
    if (n_offsets != 2 || range[0] > range[1] || (uint64_t)range[1] > data_size)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: bytes %" PRId64 "..%" PRId64 ", wanted a range in 0..%zu (truncated?)",
                        where, range[0], range[1], data_size);
    if (!tensor_bytes(t->type, t->dims, (int)n_dims, &bytes) ||
        bytes != (size_t)(range[1] - range[0]))
        return onp_fail(err, ONP_E_FORMAT, "%s: its shape is not that of its %" PRId64 " bytes",
                        where, range[1] - range[0]);
    if ((uintptr_t)(data + range[0]) % types[t->type].size != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: not aligned, wanted a multiple of %zu bytes", where,
                        types[t->type].size);
    t->name = name;
    t->n_dims = (int)n_dims;
    t->data = data + range[0];
    t->size_bytes = bytes;
    return ONP_OK;
}

static int compare_data(const void *a_, const void *b_)
{
    const onp_st_tensor *a = *(const onp_st_tensor *const *)a_;
    const onp_st_tensor *b = *(const onp_st_tensor *const *)b_;
    const uint8_t *pa = a->data, *pb = b->data;
    if (pa != pb)
        return pa < pb ? -1 : 1;
    return a->size_bytes < b->size_bytes ? -1 : a->size_bytes > b->size_bytes;
}

/* Each tensor begins where the one before it ends, the last ends with the file. */
static onp_status check_cover(const onp_st_file *f, const uint8_t *data, size_t data_size,
                              onp_error *err)
{
    const onp_st_tensor **order = onp_alloc(f->ctx, f->n_tensors, sizeof *order);
    if (order == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", f->path);
    for (size_t i = 0; i < f->n_tensors; i++)
        order[i] = &f->tensors[i];
    qsort(order, f->n_tensors, sizeof *order, compare_data);
    onp_status st = ONP_OK;
    const uint8_t *at = data;
    for (size_t i = 0; i < f->n_tensors && st == ONP_OK; i++) {
        if (order[i]->data != at)
            st = onp_fail(err, ONP_E_FORMAT, "%s: tensor \"%.100s\" leaves a gap or overlaps",
                          f->path, order[i]->name);
        at += order[i]->size_bytes;
    }
    if (st == ONP_OK && at != data + data_size)
        st = onp_fail(err, ONP_E_FORMAT, "%s: %zu bytes after the last tensor", f->path,
                      (size_t)(data + data_size - at));
    onp_free(f->ctx, order);
    return st;
}

static onp_status check_meta(const onp_st_file *f, onp_error *err)
{
    json_t *meta = json_object_get(f->header, META);
    if (meta == NULL)
        return ONP_OK;
    if (!json_is_object(meta))
        return onp_fail(err, ONP_E_FORMAT, "%s: %s is not an object", f->path, META);
    const char *key;
    json_t *value;
    json_object_foreach(meta, key, value) if (!json_is_string(value)) return onp_fail(
        err, ONP_E_FORMAT, "%s: metadata \"%.100s\" is not a string", f->path, key);
    return ONP_OK;
}

static onp_status load(onp_st_file *f, onp_error *err)
{
    const uint8_t *data = NULL;
    size_t data_size = 0;
    ONP_TRY(onp_file_map(f->path, &f->map, err));
    ONP_TRY(read_header(f, &data, &data_size, err));
    ONP_TRY(check_meta(f, err));
    f->tensors = onp_alloc(f->ctx, json_object_size(f->header), sizeof *f->tensors);
    if (f->tensors == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", f->path);
    const char *name;
    json_t *entry;
    json_object_foreach(f->header, name, entry) if (strcmp(name, META) != 0)
        ONP_TRY(read_tensor(f, name, entry, data, data_size, &f->tensors[f->n_tensors++], err));
    return check_cover(f, data, data_size, err);
}

onp_status onp_st_open(const onp_context *ctx, const char *path, onp_st_file **out, onp_error *err)
{
    onp_st_file *f = onp_alloc(ctx, 1, sizeof *f);
    if (f == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    f->ctx = ctx;
    f->path = onp_strdup(ctx, path);
    onp_status st =
        f->path != NULL ? load(f, err) : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    if (st == ONP_OK)
        *out = f;
    else
        onp_st_close(f);
    return st;
}

void onp_st_close(onp_st_file *f)
{
    if (f == NULL)
        return;
    onp_file_unmap(&f->map);
    json_decref(f->header);
    onp_free(f->ctx, f->tensors);
    onp_free(f->ctx, f->path);
    onp_free(f->ctx, f);
}

const char *onp_st_meta(const onp_st_file *f, const char *key)
{
    return json_string_value(json_object_get(json_object_get(f->header, META), key));
}

size_t onp_st_count(const onp_st_file *f)
{
    return f->n_tensors;
}

const onp_st_tensor *onp_st_at(const onp_st_file *f, size_t i)
{
    return &f->tensors[i];
}

/* "F32 [3, 4]" */
static void describe(onp_st_dtype type, const int64_t *dims, int n_dims, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s [", types[type].name);
    for (int i = 0; i < n_dims && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i > 0 ? ", " : "", dims[i]);
    if (used < size)
        (void)snprintf(out + used, size - used, "]");
}

onp_status onp_st_find(const onp_st_file *f, const char *name, onp_st_dtype type,
                       const int64_t *dims, int n_dims, const void **data, onp_error *err)
{
    const onp_st_tensor *t = f->tensors, *end = t + f->n_tensors;
    while (t < end && strcmp(t->name, name) != 0)
        t++;
    if (t == end)
        return onp_fail(err, ONP_E_FORMAT, "%s: tensor \"%s\" is missing", f->path, name);
    bool same = t->type == type && t->n_dims == n_dims;
    for (int i = 0; same && i < n_dims; i++)
        same = t->dims[i] == dims[i];
    if (!same) {
        char seen[100], wanted[100];
        describe(t->type, t->dims, t->n_dims, seen, sizeof seen);
        describe(type, dims, n_dims, wanted, sizeof wanted);
        return onp_fail(err, ONP_E_FORMAT, "%s: tensor \"%s\" is %s, wanted %s", f->path, name,
                        seen, wanted);
    }
    *data = t->data;
    return ONP_OK;
}
