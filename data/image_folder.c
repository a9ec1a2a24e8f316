/* SPDX-License-Identifier: Apache-2.0 */
/* Format image-folder: one sub-folder of JPEG and PNG files per class, as it is or in a .tar.gz. */
#include <string.h>

#include "base/parallel.h"
#include "data/format.h"
#include "data/image_tree.h"

#define CHUNK_BYTES  ((size_t)1 << 26) /* of pixels that are decoded before they are written */
#define CHUNK_IMAGES 1024

/* ---- identity ---- */

/* Names are ended by their NUL: they may hold a newline. */
static onp_status identify_folder(onp_image_tree *tree, onp_strbuf *identity, onp_error *err)
{
    ONP_TRY(onp_image_tree_list(tree, NULL, err));
    for (size_t i = 0; i < tree->n; i++) {
        const onp_image_entry *e = &tree->entries[i];
        char path[PATH_MAX], below[PATH_MAX];
        ONP_TRY(onp_path_join(below, sizeof below, e->class_name, e->file_name, err));
        ONP_TRY(onp_path_join(path, sizeof path, tree->file, below, err));
        onp_strbuf_add(identity, below, strlen(below) + 1);
        ONP_TRY(onp_format_add_hash(path, identity, err));
    }
    return ONP_OK;
}

static onp_status identify(const onp_context *ctx, const onp_source *source, onp_strbuf *identity,
                           onp_error *err)
{
    onp_image_tree tree;
    if (source->path == NULL)
        return onp_fail(err, ONP_E_CONFIG, "data format image-folder needs the path of a folder");
    if (source->n_classes < 0 || source->n_classes > ONP_DATA_MAX_CLASSES)
        return onp_fail(err, ONP_E_CONFIG, "data format image-folder: %d classes, wanted 0..%d",
                        source->n_classes, ONP_DATA_MAX_CLASSES);
    ONP_TRY(onp_image_tree_init(ctx, source->path, &tree, err));
    onp_strbuf_addf(identity, "classes %d\n", source->n_classes);
    if (tree.is_archive)
        onp_strbuf_addf(identity, "folder in archive %s\n", tree.inner);
    const onp_status st = tree.is_archive ? onp_format_add_hash(tree.file, identity, err)
                                          : identify_folder(&tree, identity, err);
    onp_image_tree_free(&tree);
    return st;
}

/* ---- decoding ---- */

static onp_status measure(const onp_image_tree *tree, size_t i, onp_image_shape *out,
                          onp_error *err)
{
    char name[PATH_MAX];
    onp_mapped_file map;
    onp_image_file file;
    ONP_TRY(onp_image_tree_open(tree, i, name, &map, &file, err));
    const onp_status st = onp_image_measure(&file, out, err);
    onp_file_unmap(&map);
    return st;
}

/* Images first, first + 1, ... into pixels, one a tile. */
typedef struct chunk {
    const onp_image_tree *tree;
    onp_image_shape shape;
    size_t image_bytes, first;
    uint8_t *pixels;
    onp_error *errors; /* one per image */
} chunk;

static void decode_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const chunk *c = arg;
    char name[PATH_MAX];
    onp_mapped_file map;
    onp_image_file file;
    onp_error *err = &c->errors[tile];
    err->status = onp_image_tree_open(c->tree, c->first + (size_t)tile, name, &map, &file, err);
    if (err->status == ONP_OK)
        err->status =
            onp_image_decode(&file, &c->shape, c->pixels + (size_t)tile * c->image_bytes, err);
    onp_file_unmap(&map);
}

static onp_status decode_chunk(chunk *c, size_t n, onp_pack_writer *pack, onp_error *err)
{
    onp_parallel_for((int64_t)n, decode_tile, c);
    for (size_t i = 0; i < n; i++)
        if (c->errors[i].status != ONP_OK) /* the first, on any number of threads */
            return onp_fail(err, c->errors[i].status, "%s", c->errors[i].msg);
    c->first += n;
    return onp_pack_add(pack, c->pixels, n * c->image_bytes, err);
}

static onp_status decode_images(const onp_image_tree *tree, const onp_image_shape *shape,
                                onp_pack_writer *pack, onp_error *err)
{
    onp_status st = ONP_OK;
    chunk c = {
        .tree = tree, .shape = *shape, .image_bytes = (size_t)(shape->h * shape->w * shape->c)};
    size_t most = CHUNK_BYTES / c.image_bytes; /* at least one: an image has at most 2^26 bytes */
    if (most > CHUNK_IMAGES)
        most = CHUNK_IMAGES;
    if (most > tree->n)
        most = tree->n;
    c.pixels = onp_alloc(tree->ctx, most, c.image_bytes);
    c.errors = onp_alloc(tree->ctx, most, sizeof *c.errors);
    if (c.pixels == NULL || c.errors == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %zu images", tree->file, most);
        goto done;
    }
    while (c.first < tree->n) {
        const size_t left = tree->n - c.first;
        ONP_TRY_GOTO(decode_chunk(&c, left < most ? left : most, pack, err));
    }
done:
    onp_free(tree->ctx, c.errors);
    onp_free(tree->ctx, c.pixels);
    return st;
}

static onp_status add_header(const onp_image_tree *tree, const onp_image_shape *shape,
                             onp_pack_writer *pack, onp_error *err)
{
    onp_status st = ONP_OK;
    onp_strbuf names;
    onp_strbuf_init(&names, tree->ctx);
    int32_t *labels = onp_alloc(tree->ctx, tree->n, sizeof *labels);
    if (labels == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %zu labels", tree->file, tree->n);
        goto done;
    }
    for (size_t i = 0; i < tree->n; i++) {
        const onp_image_entry *e = &tree->entries[i];
        labels[i] = e->label;
        if (i == 0 || e->label != labels[i - 1])
            onp_strbuf_add(&names, e->class_name, strlen(e->class_name) + 1);
    }
    ONP_TRY_GOTO(onp_strbuf_status(&names, err));
    const onp_pack_info info = {.n = (int64_t)tree->n,
                                .h = shape->h,
                                .w = shape->w,
                                .c = shape->c,
                                .n_classes = tree->n_classes,
                                .names = names.text,
                                .names_bytes = names.length};
    ONP_TRY_GOTO(onp_pack_check(&info, tree->file, err));
    ONP_TRY_GOTO(onp_pack_begin(pack, &info, labels, err));
done:
    onp_free(tree->ctx, labels);
    onp_strbuf_reset(&names);
    return st;
}

static onp_status decode(const onp_context *ctx, const onp_source *source, onp_pack_writer *pack,
                         onp_error *err)
{
    onp_status st = ONP_OK;
    onp_image_tree tree;
    onp_image_shape shape;
    ONP_TRY(onp_image_tree_init(ctx, source->path, &tree, err));
    ONP_TRY_GOTO(onp_image_tree_list(&tree, source->cache_dir, err));
    if (source->n_classes > 0 && tree.n_classes != source->n_classes) {
        st = onp_fail(err, ONP_E_FORMAT, "%s: has %lld class folders, wanted %d", source->path,
                      (long long)tree.n_classes, source->n_classes);
        goto done;
    }
    ONP_TRY_GOTO(measure(&tree, 0, &shape, err));
    ONP_TRY_GOTO(add_header(&tree, &shape, pack, err));
    ONP_TRY_GOTO(decode_images(&tree, &shape, pack, err));
done:
    onp_image_tree_free(&tree);
    return st;
}

const onp_format onp_format_image_folder = {.identify = identify, .decode = decode};
