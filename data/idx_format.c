/* SPDX-License-Identifier: Apache-2.0 */
/* Format idx: a folder with an images file and a labels file for each part, as MNIST's four. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "data/format.h"
#include "data/idx.h"

#define IDX_CLASSES 256 /* a label is a byte */
#define COPY_BYTES  ((size_t)1 << 20)

/* PATH/STEM-SUFFIX for the first of the suffixes that exists. */
static onp_status find(const onp_source *source, const char *const *suffixes, char out[PATH_MAX],
                       onp_error *err)
{
    const char *stem = source->part == ONP_PART_TRAIN ? "train" : "t10k";
    for (const char *const *s = suffixes; *s != NULL; s++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s-%s", stem, *s);
        ONP_TRY(onp_path_join(out, PATH_MAX, source->path, name, err));
        if (onp_file_exists(out))
            return ONP_OK;
    }
    return onp_fail(err, ONP_E_FORMAT, "%s: %s %s-%s[.gz]", source->path,
                    onp_file_exists(source->path) ? "this folder has no file"
                                                  : "no such folder; wanted one with",
                    stem, suffixes[0]);
}

static onp_status find_images(const onp_source *source, char out[PATH_MAX], onp_error *err)
{
    static const char *const suffixes[] = {"images-idx3-ubyte", "images-idx3-ubyte.gz",
                                           "images-idx4-ubyte", "images-idx4-ubyte.gz", NULL};
    return find(source, suffixes, out, err);
}

static onp_status find_labels(const onp_source *source, char out[PATH_MAX], onp_error *err)
{
    static const char *const suffixes[] = {"labels-idx1-ubyte", "labels-idx1-ubyte.gz", NULL};
    return find(source, suffixes, out, err);
}

static onp_status identify(const onp_context *ctx, const onp_source *source, onp_strbuf *identity,
                           onp_error *err)
{
    (void)ctx;
    char images[PATH_MAX], labels[PATH_MAX];
    if (source->path == NULL)
        return onp_fail(err, ONP_E_CONFIG, "data format idx needs the path of a folder");
    if (source->n_classes < 0 || source->n_classes > IDX_CLASSES)
        return onp_fail(err, ONP_E_CONFIG, "data format idx: %d classes, wanted 0..%d",
                        source->n_classes, IDX_CLASSES);
    ONP_TRY(find_images(source, images, err));
    ONP_TRY(find_labels(source, labels, err));
    onp_strbuf_addf(identity, "classes %d\n", source->n_classes);
    ONP_TRY(onp_format_add_hash(images, identity, err));
    return onp_format_add_hash(labels, identity, err);
}

/* Widens the labels and finds or checks the number of classes. bytes: room for n. */
static onp_status read_labels(onp_idx *f, uint8_t *bytes, int32_t *labels, int64_t *n_classes,
                              onp_error *err)
{
    ONP_TRY(onp_idx_read(f, bytes, f->size_bytes, err));
    ONP_TRY(onp_idx_end(f, err));
    int64_t wanted = *n_classes;
    for (int64_t i = 0; i < f->dims[0]; i++) {
        if (wanted > 0 && bytes[i] >= wanted)
            return onp_fail(err, ONP_E_FORMAT, "%s: label of image %lld is %d, wanted below %lld",
                            f->path, (long long)i, bytes[i], (long long)wanted);
        labels[i] = bytes[i];
        if (bytes[i] >= *n_classes)
            *n_classes = bytes[i] + 1;
    }
    return ONP_OK;
}

static onp_status copy_images(onp_idx *f, uint8_t *buffer, onp_pack_writer *pack, onp_error *err)
{
    while (f->read_bytes < f->size_bytes) {
        size_t left = f->size_bytes - f->read_bytes;
        size_t size = left < COPY_BYTES ? left : COPY_BYTES;
        ONP_TRY(onp_idx_read(f, buffer, size, err));
        ONP_TRY(onp_pack_add(pack, buffer, size, err));
    }
    return onp_idx_end(f, err);
}

static onp_status decode_files(const onp_context *ctx, const onp_source *source, onp_idx *images,
                               onp_idx *labels, onp_pack_writer *pack, onp_error *err)
{
    int64_t n = images->dims[0];
    if (labels->dims[0] != n)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %lld labels, wanted %lld, one for each of %s",
                        labels->path, (long long)labels->dims[0], (long long)n, images->path);
    onp_pack_info info = {.n = n,
                          .h = images->dims[1],
                          .w = images->dims[2],
                          .c = images->n_dims == 4 ? images->dims[3] : 1,
                          .n_classes = source->n_classes};
    onp_status st = ONP_OK;
    onp_strbuf names;
    onp_strbuf_init(&names, ctx);
    uint8_t *buffer = onp_alloc(ctx, (size_t)n > COPY_BYTES ? (size_t)n : COPY_BYTES, 1);
    int32_t *values = onp_alloc(ctx, (size_t)n, sizeof *values);
    if (buffer == NULL || values == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %lld labels", labels->path,
                      (long long)n);
        goto done;
    }
    ONP_TRY_GOTO(read_labels(labels, buffer, values, &info.n_classes, err));
    ONP_TRY_GOTO(onp_format_number_names(&names, info.n_classes, err));
    info.names = names.text;
    info.names_bytes = names.length;
    ONP_TRY_GOTO(onp_pack_check(&info, images->path, err));
    ONP_TRY_GOTO(onp_pack_begin(pack, &info, values, err));
    ONP_TRY_GOTO(copy_images(images, buffer, pack, err));
done:
    onp_free(ctx, values);
    onp_free(ctx, buffer);
    onp_strbuf_reset(&names);
    return st;
}

static onp_status decode(const onp_context *ctx, const onp_source *source, onp_pack_writer *pack,
                         onp_error *err)
{
    char images_path[PATH_MAX], labels_path[PATH_MAX];
    onp_idx images = {0}, labels = {0};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(find_images(source, images_path, err));
    ONP_TRY_GOTO(find_labels(source, labels_path, err));
    ONP_TRY_GOTO(onp_idx_open(images_path, 3, 4, &images, err));
    ONP_TRY_GOTO(onp_idx_open(labels_path, 1, 1, &labels, err));
    ONP_TRY_GOTO(decode_files(ctx, source, &images, &labels, pack, err));
done:
    onp_idx_close(&labels);
    onp_idx_close(&images);
    return st;
}

const onp_format onp_format_idx = {.identify = identify, .decode = decode};
