/* SPDX-License-Identifier: Apache-2.0 */
/* Format image-folder: one sub-folder of JPEG and PNG files per class, as it is or in a .tar.gz. */
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "data/format.h"
#include "data/image_tree.h"
#include "data/prepare.h"

#define CHUNK_BYTES  ((size_t)1 << 26) /* of pixels that are decoded before they are written */
#define CHUNK_IMAGES 1024

/* ---- identity ---- */

typedef struct hashes {
    const onp_image_tree *tree;
    char (*hex)[ONP_SHA256_HEX]; /* one per entry */
    onp_error *errors;           /* one per entry of a chunk */
    size_t first;
    bool skip_bad;
} hashes;

static void hash_tile(void *arg, int64_t tile, int thread)
{
    const hashes *h = arg;
    const size_t i = h->first + (size_t)tile;
    char name[PATH_MAX];
    onp_mapped_file map;
    onp_image_file file;
    onp_error *err = &h->errors[tile];
    (void)thread;
    err->status = onp_image_tree_open(h->tree, i, name, &map, &file, err);
    if (err->status == ONP_OK)
        onp_sha256(file.data, file.size, h->hex[i]);
    onp_file_unmap(&map);
}

/* Names are ended by their NUL: they may hold a newline. */
static onp_status hash_files(hashes *h, onp_strbuf *identity, onp_error *err)
{
    for (h->first = 0; h->first < h->tree->n; h->first += CHUNK_IMAGES) {
        const size_t left = h->tree->n - h->first, n = left < CHUNK_IMAGES ? left : CHUNK_IMAGES;
        onp_parallel_for((int64_t)n, hash_tile, h);
        for (size_t i = 0; i < n; i++)
            if (h->errors[i].status == ONP_E_FORMAT && h->skip_bad)
                (void)snprintf(h->hex[h->first + i], sizeof h->hex[0], "cannot be opened");
            else if (h->errors[i].status != ONP_OK)
                return onp_fail(err, h->errors[i].status, "%s", h->errors[i].msg);
    }
    for (size_t i = 0; i < h->tree->n; i++) {
        const onp_image_entry *e = &h->tree->entries[i];
        onp_strbuf_addf(identity, "%s/", e->class_name);
        onp_strbuf_add(identity, e->file_name, strlen(e->file_name) + 1);
        onp_strbuf_addf(identity, "file %s\n", h->hex[i]);
    }
    return ONP_OK;
}

static onp_status identify_folder(onp_image_tree *tree, bool skip_bad, onp_strbuf *identity,
                                  onp_error *err)
{
    ONP_TRY(onp_image_tree_list(tree, NULL, err));
    hashes h = {.tree = tree,
                .skip_bad = skip_bad,
                .hex = onp_alloc(tree->ctx, tree->n, sizeof *h.hex),
                .errors = onp_alloc(tree->ctx, CHUNK_IMAGES, sizeof *h.errors)};
    const onp_status st = h.hex != NULL && h.errors != NULL
                              ? hash_files(&h, identity, err)
                              : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", tree->file);
    onp_free(tree->ctx, h.errors);
    onp_free(tree->ctx, h.hex);
    return st;
}

static onp_status check_options(const onp_source *source, onp_error *err)
{
    const struct {
        const char *what;
        int value, most;
    } options[] = {{"classes", source->n_classes, ONP_DATA_MAX_CLASSES},
                   {"resize side", source->side, ONP_DATA_MAX_SIDE},
                   {"fit", (int)source->fit, ONP_FIT_STRETCH},
                   {"channels", source->channels, 3}};
    if (source->path == NULL)
        return onp_fail(err, ONP_E_CONFIG, "data format image-folder needs the path of a folder");
    for (size_t i = 0; i < ONP_COUNT(options); i++)
        if (options[i].value < 0 || options[i].value > options[i].most)
            return onp_fail(err, ONP_E_CONFIG, "data format image-folder: %d %s, wanted 0..%d",
                            options[i].value, options[i].what, options[i].most);
    return ONP_OK;
}

static onp_status identify(const onp_context *ctx, const onp_source *source, onp_strbuf *identity,
                           onp_error *err)
{
    onp_image_tree tree;
    ONP_TRY(check_options(source, err));
    ONP_TRY(onp_image_tree_init(ctx, source->path, &tree, err));
    onp_strbuf_addf(identity, "classes %d\nside %d\nfit %d\nchannels %d\nskip %d\n",
                    source->n_classes, source->side, (int)source->fit, source->channels,
                    (int)source->skip_bad);
    if (tree.is_archive)
        onp_strbuf_addf(identity, "folder in archive %s\n", tree.inner);
    const onp_status st = tree.is_archive ? onp_format_add_hash(tree.file, identity, err)
                                          : identify_folder(&tree, source->skip_bad, identity, err);
    onp_image_tree_free(&tree);
    return st;
}

/* ---- decoding ---- */

typedef struct item {
    onp_image_shape shape;
    bool bad;
} item;

/* All memory of one decoding. Images are looked at in chunks: entries list[0], list[1], ... one a
 * tile. */
typedef struct job {
    const onp_image_tree *tree;
    onp_prepare how;
    bool skip_bad;
    item *items; /* one per entry of the tree */
    int32_t *labels;
    size_t list[CHUNK_IMAGES], n_list;
    onp_error errors[CHUNK_IMAGES];
    uint8_t *pixels, *scratch; /* of the images of a chunk; of each thread */
    size_t image_bytes, scratch_bytes;
    onp_strbuf names, skipped;
} job;

static onp_status measure(const job *j, size_t i, onp_error *err)
{
    char name[PATH_MAX];
    onp_mapped_file map;
    onp_image_file file;
    onp_status st = onp_image_tree_open(j->tree, i, name, &map, &file, err);
    if (st == ONP_OK)
        st = onp_image_measure(&file, &j->items[i].shape, err);
    onp_file_unmap(&map);
    return st;
}

static void measure_tile(void *arg, int64_t tile, int thread)
{
    job *j = arg;
    (void)thread;
    j->errors[tile].status = measure(j, j->list[tile], &j->errors[tile]);
}

static onp_status decode_one(const job *j, size_t i, void *scratch, uint8_t *pixels, onp_error *err)
{
    char name[PATH_MAX];
    onp_mapped_file map;
    onp_image_file file;
    onp_status st = onp_image_tree_open(j->tree, i, name, &map, &file, err);
    if (st == ONP_OK)
        st = onp_prepare_pixels(&j->how, &file, &j->items[i].shape, scratch, pixels, err);
    onp_file_unmap(&map);
    return st;
}

static void decode_tile(void *arg, int64_t tile, int thread)
{
    job *j = arg;
    j->errors[tile].status =
        decode_one(j, j->list[tile], j->scratch + (size_t)thread * j->scratch_bytes,
                   j->pixels + (size_t)tile * j->image_bytes, &j->errors[tile]);
}

/* Runs the chunk. What cannot be read is the first such error, on any number of threads, or is
 * left out of the chunk's list. */
static onp_status run_chunk(job *j, onp_tile_fn tile, onp_error *err)
{
    size_t n = 0;
    onp_parallel_for((int64_t)j->n_list, tile, j);
    for (size_t i = 0; i < j->n_list; i++) {
        const onp_error *e = &j->errors[i];
        if (e->status == ONP_E_FORMAT && j->skip_bad) {
            j->items[j->list[i]].bad = true;
            onp_strbuf_add(&j->skipped, e->msg, strlen(e->msg) + 1);
            continue;
        }
        if (e->status != ONP_OK)
            return onp_fail(err, e->status, "%s", e->msg);
        if (j->pixels != NULL && n < i)
            memmove(j->pixels + n * j->image_bytes, j->pixels + i * j->image_bytes, j->image_bytes);
        j->list[n++] = j->list[i];
    }
    j->n_list = n;
    return ONP_OK;
}

/* The next chunk, of at most `most` entries that are not bad, from *at on. False: there is none. */
static bool next_chunk(job *j, size_t most, size_t *at)
{
    for (j->n_list = 0; j->n_list < most && *at < j->tree->n; (*at)++)
        if (!j->items[*at].bad)
            j->list[j->n_list++] = *at;
    return j->n_list > 0;
}

static onp_status measure_images(job *j, onp_error *err)
{
    size_t at = 0;
    while (next_chunk(j, CHUNK_IMAGES, &at))
        ONP_TRY(run_chunk(j, measure_tile, err));
    return ONP_OK;
}

static onp_status check_size(const job *j, size_t i, onp_error *err)
{
    const onp_image_entry *e = &j->tree->entries[i];
    char name[PATH_MAX];
    ONP_TRY(onp_path_join(name, sizeof name, e->class_name, e->file_name, err));
    onp_status st = onp_prepare_check(&j->how, &j->items[i].shape, name, err);
    return st == ONP_OK ? st : onp_fail_prefix(err, st, "%s/", j->tree->file);
}

/* What all images become: grey only where all are. Another size is no damage, hence no reason to
 * leave a file out. */
static onp_status settle(job *j, onp_image_shape *out, onp_error *err)
{
    const onp_image_shape *first = NULL;
    bool colour = false;
    for (size_t i = 0; i < j->tree->n; i++) {
        const onp_image_shape *shape = &j->items[i].shape;
        if (j->items[i].bad)
            continue;
        if (first == NULL && j->how.side == 0) {
            j->how.h = (int)shape->h;
            j->how.w = (int)shape->w;
        }
        if (first == NULL)
            first = shape;
        colour = colour || shape->c == 3;
        ONP_TRY(check_size(j, i, err));
    }
    if (first == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: none of its %zu images can be read", j->tree->file,
                        j->tree->n);
    if (j->how.c == 0)
        j->how.c = colour ? 3 : 1;
    for (size_t i = 0; i < j->tree->n; i++) {
        const size_t bytes =
            j->items[i].bad ? 0 : onp_prepare_scratch_bytes(&j->how, &j->items[i].shape);
        j->scratch_bytes = bytes > j->scratch_bytes ? bytes : j->scratch_bytes;
    }
    *out = onp_prepare_shape(&j->how, first);
    j->image_bytes = onp_image_decoded_bytes(out);
    return ONP_OK;
}

/* The labels of what is not bad; their number. */
static int64_t list_labels(job *j)
{
    int64_t n = 0;
    for (size_t i = 0; i < j->tree->n; i++)
        if (!j->items[i].bad)
            j->labels[n++] = j->tree->entries[i].label;
    return n;
}

static onp_status begin_pack(job *j, const onp_image_shape *shape, onp_pack_writer *pack,
                             int64_t *n, onp_error *err)
{
    const onp_image_tree *tree = j->tree;
    for (size_t i = 0; i < tree->n; i++) {
        const char *name = tree->entries[i].class_name;
        if (i == 0 || tree->entries[i].label != tree->entries[i - 1].label)
            onp_strbuf_add(&j->names, name, strlen(name) + 1);
    }
    ONP_TRY(onp_strbuf_status(&j->names, err));
    *n = list_labels(j);
    const onp_pack_info info = {.n = *n,
                                .h = shape->h,
                                .w = shape->w,
                                .c = shape->c,
                                .n_classes = tree->n_classes,
                                .names = j->names.text,
                                .names_bytes = j->names.length};
    ONP_TRY(onp_pack_check(&info, tree->file, err));
    return onp_pack_begin(pack, &info, j->labels, err);
}

static onp_status decode_images(job *j, onp_pack_writer *pack, onp_error *err)
{
    size_t most = CHUNK_BYTES / j->image_bytes, at = 0; /* at least one: 3 * 2^24 bytes an image */
    most = most < CHUNK_IMAGES ? most : CHUNK_IMAGES;
    most = most < j->tree->n ? most : j->tree->n;
    j->pixels = onp_alloc(j->tree->ctx, most, j->image_bytes);
    j->scratch = onp_alloc(j->tree->ctx, (size_t)onp_parallel_threads(), j->scratch_bytes);
    if (j->pixels == NULL || j->scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %zu images", j->tree->file, most);
    while (next_chunk(j, most, &at)) {
        ONP_TRY(run_chunk(j, decode_tile, err));
        ONP_TRY(onp_pack_add(pack, j->pixels, j->n_list * j->image_bytes, err));
    }
    return ONP_OK;
}

static onp_status fill_pack(job *j, onp_pack_writer *pack, onp_error *err)
{
    onp_image_shape shape;
    int64_t n = 0;
    ONP_TRY(measure_images(j, err));
    ONP_TRY(settle(j, &shape, err));
    ONP_TRY(begin_pack(j, &shape, pack, &n, err));
    ONP_TRY(decode_images(j, pack, err));
    ONP_TRY(onp_strbuf_status(&j->skipped, err));
    if (j->skipped.length == 0)
        return ONP_OK;
    n = list_labels(j);
    if (n == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: none of its %zu images can be read", j->tree->file,
                        j->tree->n);
    return onp_pack_shrink(pack, n, j->labels, j->skipped.text, j->skipped.length, err);
}

static onp_status decode_tree(const onp_image_tree *tree, const onp_source *source,
                              onp_pack_writer *pack, onp_error *err)
{
    const onp_context *ctx = tree->ctx;
    job *j = onp_alloc(ctx, 1, sizeof *j);
    if (j == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", tree->file);
    j->tree = tree;
    j->how = (onp_prepare){.side = source->side, .fit = source->fit, .c = source->channels};
    j->skip_bad = source->skip_bad;
    j->items = onp_alloc(ctx, tree->n, sizeof *j->items);
    j->labels = onp_alloc(ctx, tree->n, sizeof *j->labels);
    onp_strbuf_init(&j->names, ctx);
    onp_strbuf_init(&j->skipped, ctx);
    const onp_status st =
        j->items != NULL && j->labels != NULL
            ? fill_pack(j, pack, err)
            : onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %zu images", tree->file, tree->n);
    onp_strbuf_reset(&j->skipped);
    onp_strbuf_reset(&j->names);
    onp_free(ctx, j->scratch);
    onp_free(ctx, j->pixels);
    onp_free(ctx, j->labels);
    onp_free(ctx, j->items);
    onp_free(ctx, j);
    return st;
}

static onp_status decode(const onp_context *ctx, const onp_source *source, onp_pack_writer *pack,
                         onp_error *err)
{
    onp_image_tree tree;
    ONP_TRY(onp_image_tree_init(ctx, source->path, &tree, err));
    onp_status st = onp_image_tree_list(&tree, source->cache_dir, err);
    if (st == ONP_OK && source->n_classes > 0 && tree.n_classes != source->n_classes)
        st = onp_fail(err, ONP_E_FORMAT, "%s: has %lld class folders, wanted %d", source->path,
                      (long long)tree.n_classes, source->n_classes);
    if (st == ONP_OK)
        st = decode_tree(&tree, source, pack, err);
    onp_image_tree_free(&tree);
    return st;
}

const onp_format onp_format_image_folder = {.identify = identify, .decode = decode};
