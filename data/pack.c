/* SPDX-License-Identifier: Apache-2.0 */
#include "data/pack.h"

#include <string.h>

#include "base/text.h"

#define PACK_MAGIC   "ONPPACK\n"
#define PACK_VERSION 2
#define BYTE_ORDER   0x01020304U
#define HASH_BYTES   (ONP_SHA256_HEX - 1)

typedef struct pack_header {
    char magic[8];
    uint32_t version, byte_order;
    int64_t n;
    int32_t h, w, c, n_classes;
    uint64_t names_bytes;
    char hash[HASH_BYTES];
    int64_t n_labels;
    uint64_t skipped_bytes;
} pack_header;

_Static_assert(sizeof(pack_header) == 128, "the header has no padding");

/* Offsets in the file, a function of a checked header. */
typedef struct pack_layout {
    size_t names, labels, images, skipped, end;
} pack_layout;

struct onp_pack_writer {
    const onp_context *ctx;
    onp_file_writer *file;
    pack_header header; /* as begun */
    size_t labels_at, image_bytes, added_bytes;
};

static pack_layout layout_of(const onp_pack_info *info)
{
    pack_layout at = {.names = sizeof(pack_header)};
    const size_t mask = ~(size_t)(ONP_ALIGN - 1);
    at.labels = (at.names + info->names_bytes + ONP_ALIGN - 1) & mask;
    const int64_t n_labels = info->n_labels > info->n ? info->n_labels : info->n;
    at.images = (at.labels + (size_t)n_labels * sizeof(int32_t) + ONP_ALIGN - 1) & mask;
    at.skipped = at.images + (size_t)(info->n * info->h * info->w * info->c);
    at.end = at.skipped + info->skipped_bytes;
    return at;
}

onp_status onp_pack_check(const onp_pack_info *info, const char *name, onp_error *err)
{
    const struct {
        const char *what;
        int64_t value, most;
    } bounds[] = {{"number of images", info->n, ONP_DATA_MAX_IMAGES},
                  {"image height", info->h, ONP_DATA_MAX_SIDE},
                  {"image width", info->w, ONP_DATA_MAX_SIDE},
                  {"number of channels", info->c, ONP_DATA_MAX_CHANNELS},
                  {"number of classes", info->n_classes, ONP_DATA_MAX_CLASSES}};
    for (size_t i = 0; i < ONP_COUNT(bounds); i++)
        if (bounds[i].value < 1 || bounds[i].value > bounds[i].most)
            return onp_fail(err, ONP_E_FORMAT, "%s: %s is %lld, wanted 1..%lld", name,
                            bounds[i].what, (long long)bounds[i].value, (long long)bounds[i].most);
    int64_t size_bytes = info->n * info->h * info->w * info->c; /* at most 2^54 */
    if (size_bytes > ONP_DATA_MAX_BYTES)
        return onp_fail(err, ONP_E_FORMAT, "%s: images have %lld bytes, wanted at most %lld", name,
                        (long long)size_bytes, (long long)ONP_DATA_MAX_BYTES);
    return ONP_OK;
}

onp_status onp_pack_new(const onp_context *ctx, const char *path, const char *hash,
                        onp_pack_writer **out, onp_error *err)
{
    onp_pack_writer *pack = onp_alloc(ctx, 1, sizeof *pack);
    if (pack == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for a writer", path);
    pack->ctx = ctx;
    memcpy(pack->header.hash, hash, HASH_BYTES);
    onp_status st = onp_file_writer_new(ctx, path, &pack->file, err);
    if (st != ONP_OK)
        onp_free(ctx, pack);
    else
        *out = pack;
    return st;
}

onp_status onp_pack_begin(onp_pack_writer *pack, const onp_pack_info *info, const int32_t *labels,
                          onp_error *err)
{
    static const uint8_t zeros[ONP_ALIGN];
    const pack_layout at = layout_of(info);
    const size_t labels_bytes = (size_t)info->n * sizeof *labels;
    pack_header *header = &pack->header;
    memcpy(header->magic, PACK_MAGIC, sizeof header->magic);
    header->version = PACK_VERSION;
    header->byte_order = BYTE_ORDER;
    header->n = header->n_labels = info->n;
    header->h = (int32_t)info->h;
    header->w = (int32_t)info->w;
    header->c = (int32_t)info->c;
    header->n_classes = (int32_t)info->n_classes;
    header->names_bytes = info->names_bytes;
    pack->image_bytes = at.end - at.images;
    pack->labels_at = at.labels;
    onp_file_writer *f = pack->file;
    ONP_TRY(onp_file_writer_add(f, header, sizeof *header, err));
    ONP_TRY(onp_file_writer_add(f, info->names, info->names_bytes, err));
    ONP_TRY(onp_file_writer_add(f, zeros, at.labels - at.names - info->names_bytes, err));
    ONP_TRY(onp_file_writer_add(f, labels, labels_bytes, err));
    return onp_file_writer_add(f, zeros, at.images - at.labels - labels_bytes, err);
}

onp_status onp_pack_add(onp_pack_writer *pack, const void *images, size_t size_bytes,
                        onp_error *err)
{
    if (size_bytes > pack->image_bytes - pack->added_bytes)
        return onp_fail(err, ONP_E_FORMAT, "pack file: %zu bytes of images, wanted %zu",
                        pack->added_bytes + size_bytes, pack->image_bytes);
    pack->added_bytes += size_bytes;
    return onp_file_writer_add(pack->file, images, size_bytes, err);
}

onp_status onp_pack_shrink(onp_pack_writer *pack, int64_t n, const int32_t *labels,
                           const char *skipped, size_t skipped_bytes, onp_error *err)
{
    pack_header *header = &pack->header;
    pack->image_bytes = pack->image_bytes / (size_t)header->n * (size_t)n;
    header->n = n;
    header->skipped_bytes = skipped_bytes;
    ONP_TRY(onp_file_writer_add(pack->file, skipped, skipped_bytes, err));
    ONP_TRY(onp_file_writer_patch(pack->file, 0, header, sizeof *header, err));
    return onp_file_writer_patch(pack->file, pack->labels_at, labels, (size_t)n * sizeof *labels,
                                 err);
}

onp_status onp_pack_commit(onp_pack_writer *pack, onp_error *err)
{
    if (pack->added_bytes != pack->image_bytes || pack->image_bytes == 0)
        return onp_fail(err, ONP_E_FORMAT, "pack file: %zu bytes of images, wanted %zu",
                        pack->added_bytes, pack->image_bytes);
    return onp_file_writer_commit(pack->file, err);
}

void onp_pack_free(onp_pack_writer *pack)
{
    if (pack == NULL)
        return;
    onp_file_writer_free(pack->file);
    onp_free(pack->ctx, pack);
}

static onp_status check_header(const pack_header *header, const char *hash, const char *path,
                               onp_error *err)
{
    if (memcmp(header->magic, PACK_MAGIC, sizeof header->magic) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: is not a pack file", path);
    if (header->version != PACK_VERSION || header->byte_order != BYTE_ORDER)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: version %u, byte order 0x%08x, wanted version %d, byte order 0x%08x",
                        path, header->version, header->byte_order, PACK_VERSION, BYTE_ORDER);
    if (memcmp(header->hash, hash, HASH_BYTES) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: holds source %.*s, wanted %s", path, HASH_BYTES,
                        header->hash, hash);
    return ONP_OK;
}

static onp_status check_labels(const onp_dataset *ds, const char *path, onp_error *err)
{
    for (int64_t i = 0; i < ds->n; i++)
        if (ds->labels[i] < 0 || ds->labels[i] >= ds->n_classes)
            return onp_fail(err, ONP_E_FORMAT, "%s: label of image %lld is %d, wanted 0..%d", path,
                            (long long)i, ds->labels[i], ds->n_classes - 1);
    return ONP_OK;
}

/* Points class_names at the n_classes strings of the file. */
static onp_status index_names(onp_dataset *ds, const char *names, size_t size, const char *path,
                              onp_error *err)
{
    const char *end = names + size;
    if (size < (size_t)ds->n_classes || end[-1] != '\0')
        return onp_fail(err, ONP_E_FORMAT, "%s: %zu bytes of class names, wanted %d strings", path,
                        size, ds->n_classes);
    ds->class_names = onp_alloc(ds->ctx, (size_t)ds->n_classes, sizeof *ds->class_names);
    if (ds->class_names == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %d class names", path,
                        ds->n_classes);
    int k = 0;
    for (const char *p = names; p < end; p += strlen(p) + 1) {
        if (!onp_text_is_plain(p))
            return onp_fail(err, ONP_E_FORMAT, "%s: class name \"%s\" is not plain UTF-8 text",
                            path, p);
        if (k < ds->n_classes)
            ds->class_names[k] = p;
        k++;
    }
    if (k != ds->n_classes)
        return onp_fail(err, ONP_E_FORMAT, "%s: %d class names, wanted %d", path, k, ds->n_classes);
    return ONP_OK;
}

/* Counts the texts about files that were left out. */
static onp_status index_skipped(onp_dataset *ds, const char *texts, size_t size, const char *path,
                                onp_error *err)
{
    if (size > 0 && texts[size - 1] != '\0')
        return onp_fail(err, ONP_E_FORMAT, "%s: its last text does not end", path);
    ds->skipped = texts;
    for (const char *p = texts; p < texts + size; p += strlen(p) + 1)
        ds->n_skipped++;
    return ONP_OK;
}

static onp_status read_mapped(onp_dataset *ds, const char *path, const char *hash, onp_error *err)
{
    pack_header header;
    if (ds->file.size < sizeof header)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes, wanted a header of %zu", path,
                        ds->file.size, sizeof header);
    memcpy(&header, ds->file.data, sizeof header);
    ONP_TRY(check_header(&header, hash, path, err));
    const onp_pack_info info = {.n = header.n,
                                .h = header.h,
                                .w = header.w,
                                .c = header.c,
                                .n_classes = header.n_classes,
                                .names_bytes = header.names_bytes,
                                .n_labels = header.n_labels,
                                .skipped_bytes = header.skipped_bytes};
    ONP_TRY(onp_pack_check(&info, path, err));
    if (info.names_bytes > ds->file.size || info.skipped_bytes > ds->file.size)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: has %zu bytes, wanted %zu for the class names and %zu for the files "
                        "left out alone",
                        path, ds->file.size, info.names_bytes, info.skipped_bytes);
    if (info.n_labels < info.n || info.n_labels > ONP_DATA_MAX_IMAGES)
        return onp_fail(err, ONP_E_FORMAT, "%s: room for %lld labels, wanted %lld..%lld", path,
                        (long long)info.n_labels, (long long)info.n,
                        (long long)ONP_DATA_MAX_IMAGES);
    const pack_layout at = layout_of(&info);
    if (at.end != ds->file.size)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes, wanted %zu", path, ds->file.size,
                        at.end);
    ds->n = header.n;
    ds->h = header.h;
    ds->w = header.w;
    ds->c = header.c;
    ds->n_classes = header.n_classes;
    ds->images = ds->file.data + at.images;
    ds->labels = (const int32_t *)(const void *)(ds->file.data + at.labels);
    memcpy(ds->hash, hash, HASH_BYTES);
    ONP_TRY(check_labels(ds, path, err));
    ONP_TRY(
        index_skipped(ds, (const char *)ds->file.data + at.skipped, info.skipped_bytes, path, err));
    return index_names(ds, (const char *)ds->file.data + at.names, info.names_bytes, path, err);
}

onp_status onp_pack_open(const onp_context *ctx, const char *path, const char *hash,
                         onp_dataset *out, onp_error *err)
{
    *out = (onp_dataset){.ctx = ctx};
    onp_status st = onp_file_map(path, &out->file, err);
    if (st == ONP_OK)
        st = read_mapped(out, path, hash, err);
    if (st != ONP_OK)
        onp_dataset_close(out);
    return st;
}
