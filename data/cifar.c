/* SPDX-License-Identifier: Apache-2.0 */
/* Formats cifar-10 and cifar-100: the binary files of A. Krizhevsky's tiny images, in a folder or a
 * .tar.gz. A record is one label (cifar-100: a coarse and a fine one, of which the fine one
 * counts), then 32 x 32 red bytes, as many green, as many blue. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/format.h"
#include "data/image_tree.h"

#define SIDE       32
#define PLANE      (SIDE * SIDE)
#define CHUNK      256 /* images turned from planes to pixels at a time */
#define MAX_FILES  99
#define MAX_NAMES  ((size_t)1 << 20) /* bytes of a file of names */
#define NAME_BYTES 32

typedef struct kind {
    const char *format;
    const char *train, *test; /* file names; of several, numbered from 1 */
    const char *names;
    int n_classes;
    size_t label_bytes; /* the last one counts */
} kind;

static const kind kinds[] = {
    {"cifar-10", "data_batch_%d.bin", "test_batch.bin", "batches.meta.txt", 10, 1},
    {"cifar-100", "train.bin", "test.bin", "fine_label_names.txt", 100, 2}};

/* The files of one part, in order, and that of the names (data NULL: there is none). */
typedef struct file {
    char path[PATH_MAX]; /* for messages too */
    onp_mapped_file map; /* when it is not in an archive */
    const uint8_t *data;
    size_t size;
} file;

typedef struct reader {
    const onp_context *ctx;
    const kind *kind;
    const char *pattern;
    onp_image_tree tree;
    file files[MAX_FILES], names;
    int n;
} reader;

static size_t record_bytes(const kind *k)
{
    return k->label_bytes + (size_t)3 * PLANE;
}

/* ---- finding ---- */

/* The name of file i from 0; "" when there can be none. */
static void name_of(const char *pattern, int i, char out[NAME_BYTES])
{
    const char *number = strstr(pattern, "%d");
    if (number == NULL)
        (void)snprintf(out, NAME_BYTES, "%s", i == 0 ? pattern : "");
    else
        (void)snprintf(out, NAME_BYTES, "%.*s%d%s", (int)(number - pattern), pattern, i + 1,
                       number + 2);
}

/* Where a file of this name goes; NULL: nowhere. */
static file *slot_of(reader *r, const char *name)
{
    char known[NAME_BYTES];
    if (strcmp(name, r->kind->names) == 0)
        return &r->names;
    for (int i = 0; i < MAX_FILES; i++) {
        name_of(r->pattern, i, known);
        if (strcmp(name, known) == 0)
            return &r->files[i];
    }
    return NULL;
}

static bool is_wanted(void *r, const char *name)
{
    return slot_of(r, name) != NULL;
}

static onp_status open_in_archive(reader *r, const char *spool_dir, onp_error *err)
{
    onp_image_tree *tree = &r->tree;
    ONP_TRY(onp_image_archive_files(tree, spool_dir, is_wanted, r, err));
    for (size_t i = 0; i < tree->n; i++) {
        const onp_image_entry *e = &tree->entries[i];
        file *f = slot_of(r, e->file_name);
        if (f->path[0] != '\0')
            return onp_fail(err, ONP_E_FORMAT, "%s: has %s twice", tree->file, e->file_name);
        ONP_TRY(onp_path_join(f->path, sizeof f->path, tree->file, e->file_name, err));
        f->size = e->size;
        f->data = e->size > 0 ? tree->spool.data + e->offset : NULL;
    }
    return ONP_OK;
}

static onp_status open_in_folder(reader *r, file *f, const char *name, onp_error *err)
{
    char path[PATH_MAX];
    if (name[0] == '\0')
        return ONP_OK;
    ONP_TRY(onp_path_join(path, sizeof path, r->tree.file, name, err));
    if (!onp_file_exists(path))
        return ONP_OK;
    memcpy(f->path, path, sizeof path);
    ONP_TRY(onp_file_map(path, &f->map, err));
    f->data = f->map.data;
    f->size = f->map.size;
    return ONP_OK;
}

static onp_status open_folder(reader *r, onp_error *err)
{
    char name[NAME_BYTES];
    for (int i = 0; i < MAX_FILES; i++) {
        name_of(r->pattern, i, name);
        ONP_TRY(open_in_folder(r, &r->files[i], name, err));
    }
    return open_in_folder(r, &r->names, r->kind->names, err);
}

/* All files from the first to the last there is, each a whole number of records. */
static onp_status check_files(reader *r, onp_error *err)
{
    const size_t record = record_bytes(r->kind);
    char name[NAME_BYTES];
    for (int i = 0; i < MAX_FILES; i++)
        if (r->files[i].path[0] != '\0')
            r->n = i + 1;
    for (int i = 0; i == 0 || i < r->n; i++) {
        const file *f = &r->files[i];
        name_of(r->pattern, i, name);
        if (f->path[0] == '\0')
            return onp_fail(err, ONP_E_FORMAT, "%s: has no file %s", r->tree.file, name);
        if (f->size == 0 || f->size % record != 0)
            return onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes, wanted a multiple of %zu",
                            f->path, f->size, record);
    }
    return ONP_OK;
}

static void reader_free(reader *r)
{
    for (int i = 0; i < MAX_FILES; i++)
        onp_file_unmap(&r->files[i].map);
    onp_file_unmap(&r->names.map);
    onp_image_tree_free(&r->tree);
    onp_free(r->ctx, r);
}

static onp_status reader_init(reader *r, const onp_source *source, onp_error *err)
{
    for (size_t i = 0; i < ONP_COUNT(kinds); i++)
        if (strcmp(kinds[i].format, source->format) == 0)
            r->kind = &kinds[i];
    const int n_classes = r->kind->n_classes;
    if (source->path == NULL)
        return onp_fail(err, ONP_E_CONFIG, "data format %s needs the path of a folder",
                        source->format);
    if (source->n_classes != 0 && source->n_classes != n_classes)
        return onp_fail(err, ONP_E_CONFIG, "data format %s: %d classes, wanted %d", source->format,
                        source->n_classes, n_classes);
    r->pattern = source->part == ONP_PART_TRAIN ? r->kind->train : r->kind->test;
    return onp_image_tree_init(r->ctx, source->path, &r->tree, err);
}

static reader *reader_new(const onp_context *ctx, onp_error *err)
{
    reader *r = onp_alloc(ctx, 1, sizeof *r);
    if (r == NULL)
        (void)onp_fail(err, ONP_E_NOMEM, "data: out of memory");
    else
        r->ctx = ctx;
    return r;
}

/* ---- identity ---- */

static onp_status identify_files(reader *r, onp_strbuf *identity, onp_error *err)
{
    if (r->tree.is_archive) {
        onp_strbuf_addf(identity, "folder in archive %s\n", r->tree.inner);
        return onp_format_add_hash(r->tree.file, identity, err);
    }
    ONP_TRY(open_folder(r, err));
    ONP_TRY(check_files(r, err));
    for (int i = 0; i < r->n; i++)
        ONP_TRY(onp_format_add_hash(r->files[i].path, identity, err));
    if (r->names.path[0] != '\0')
        ONP_TRY(onp_format_add_hash(r->names.path, identity, err));
    return ONP_OK;
}

static onp_status identify(const onp_context *ctx, const onp_source *source, onp_strbuf *identity,
                           onp_error *err)
{
    reader *r = reader_new(ctx, err);
    if (r == NULL)
        return ONP_E_NOMEM;
    onp_status st = reader_init(r, source, err);
    if (st == ONP_OK)
        st = identify_files(r, identity, err);
    reader_free(r);
    return st;
}

/* ---- decoding ---- */

/* One name a line; without a file of them, numbers. */
static onp_status read_names(const reader *r, onp_strbuf *names, onp_error *err)
{
    const file *f = &r->names;
    const char *text = f->size > 0 ? (const char *)f->data : "", *end = text + f->size;
    int n = 0;
    if (f->path[0] == '\0') {
        onp_log(r->ctx, ONP_LOG_WARN, "%s: has no file %s: classes are called by their numbers",
                r->tree.file, r->kind->names);
        return onp_format_number_names(names, r->kind->n_classes, err);
    }
    if (f->size > MAX_NAMES || (f->size > 0 && memchr(text, '\0', f->size) != NULL))
        return onp_fail(err, ONP_E_FORMAT, "%s: is no file of names", f->path);
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const char *next = stop != NULL ? stop + 1 : end;
        size_t length = (size_t)((stop != NULL ? stop : end) - text);
        if (length > 0 && text[length - 1] == '\r')
            length--;
        if (length > 0 && n++ < r->kind->n_classes) {
            const size_t at = names->length;
            onp_strbuf_add(names, text, length);
            if (!names->failed && !onp_text_is_plain(names->text + at))
                return onp_fail(err, ONP_E_FORMAT, "%s: class name \"%s\" is not plain UTF-8 text",
                                f->path, names->text + at);
            onp_strbuf_add(names, "", 1);
        }
        text = next;
    }
    if (n != r->kind->n_classes)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %d names, wanted %d", f->path, n,
                        r->kind->n_classes);
    return onp_strbuf_status(names, err);
}

static onp_status read_labels(const reader *r, int32_t *labels, onp_error *err)
{
    const size_t record = record_bytes(r->kind);
    for (int i = 0; i < r->n; i++) {
        const file *f = &r->files[i];
        for (size_t k = 0; k < f->size / record; k++) {
            const int label = f->data[k * record + r->kind->label_bytes - 1];
            if (label >= r->kind->n_classes)
                return onp_fail(err, ONP_E_FORMAT, "%s: label of image %zu is %d, wanted below %d",
                                f->path, k, label, r->kind->n_classes);
            *labels++ = label;
        }
    }
    return ONP_OK;
}

static onp_status add_images(const reader *r, const file *f, uint8_t *pixels, onp_pack_writer *pack,
                             onp_error *err)
{
    const size_t record = record_bytes(r->kind), n = f->size / record;
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t count = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < count; i++) {
            const uint8_t *planes = f->data + (first + i) * record + r->kind->label_bytes;
            uint8_t *image = pixels + i * 3 * PLANE;
            for (size_t p = 0; p < PLANE; p++)
                for (size_t k = 0; k < 3; k++)
                    image[3 * p + k] = planes[k * PLANE + p];
        }
        ONP_TRY(onp_pack_add(pack, pixels, count * 3 * PLANE, err));
    }
    return ONP_OK;
}

static onp_status fill_pack(const reader *r, int32_t *labels, int64_t n, uint8_t *pixels,
                            onp_strbuf *names, onp_pack_writer *pack, onp_error *err)
{
    ONP_TRY(read_names(r, names, err));
    ONP_TRY(read_labels(r, labels, err));
    const onp_pack_info info = {.n = n,
                                .h = SIDE,
                                .w = SIDE,
                                .c = 3,
                                .n_classes = r->kind->n_classes,
                                .names = names->text,
                                .names_bytes = names->length};
    ONP_TRY(onp_pack_check(&info, r->tree.file, err));
    ONP_TRY(onp_pack_begin(pack, &info, labels, err));
    for (int i = 0; i < r->n; i++)
        ONP_TRY(add_images(r, &r->files[i], pixels, pack, err));
    return ONP_OK;
}

static onp_status decode_files(const reader *r, onp_pack_writer *pack, onp_error *err)
{
    const onp_context *ctx = r->ctx;
    size_t n = 0;
    onp_strbuf names;
    for (int i = 0; i < r->n; i++)
        n += r->files[i].size / record_bytes(r->kind);
    onp_strbuf_init(&names, ctx);
    int32_t *labels = onp_alloc(ctx, n, sizeof *labels);
    uint8_t *pixels = onp_alloc(ctx, CHUNK, (size_t)3 * PLANE);
    const onp_status st =
        labels != NULL && pixels != NULL
            ? fill_pack(r, labels, (int64_t)n, pixels, &names, pack, err)
            : onp_fail(err, ONP_E_NOMEM, "%s: out of memory for %zu images", r->tree.file, n);
    onp_free(ctx, pixels);
    onp_free(ctx, labels);
    onp_strbuf_reset(&names);
    return st;
}

static onp_status decode(const onp_context *ctx, const onp_source *source, onp_pack_writer *pack,
                         onp_error *err)
{
    reader *r = reader_new(ctx, err);
    if (r == NULL)
        return ONP_E_NOMEM;
    onp_status st = reader_init(r, source, err);
    if (st == ONP_OK)
        st = r->tree.is_archive ? open_in_archive(r, source->cache_dir, err) : open_folder(r, err);
    if (st == ONP_OK)
        st = check_files(r, err);
    if (st == ONP_OK)
        st = decode_files(r, pack, err);
    reader_free(r);
    return st;
}

const onp_format onp_format_cifar_10 = {.identify = identify, .decode = decode};
const onp_format onp_format_cifar_100 = {.identify = identify, .decode = decode};
