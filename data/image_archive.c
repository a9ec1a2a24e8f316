/* SPDX-License-Identifier: Apache-2.0 */
/* An image folder in a .tar.gz. Tar by libarchive, gzip by zlib: libarchive does not compare gzip's
 * checksum. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "data/image_tree.h"

#define PIECE ((size_t)1 << 16)

typedef struct unpacker {
    onp_image_tree *tree;
    gzFile gz;
    struct archive *tar;
    FILE *spool;
    size_t spooled_bytes;
    onp_image_archive_wanted wanted; /* NULL: images in class folders are */
    void *user;
    char packed[PIECE], plain[PIECE];
} unpacker;

/* ---- reading ---- */

static la_ssize_t read_gz(struct archive *tar, void *u_, const void **out)
{
    unpacker *u = u_;
    int code = Z_OK;
    const int n = gzread(u->gz, u->packed, sizeof u->packed);
    const char *text = gzerror(u->gz, &code);
    *out = u->packed;
    /* zlib hands over what is left of a file that ends early before it says so. */
    if (n < 0 || code != Z_OK) {
        archive_set_error(tar, EIO, "%s", text);
        return -1;
    }
    return n;
}

static onp_status fail_archive(const unpacker *u, onp_error *err)
{
    const char *text = archive_error_string(u->tar);
    return onp_fail(err, archive_errno(u->tar) == ENOMEM ? ONP_E_NOMEM : ONP_E_FORMAT, "%s: %s",
                    u->tree->file, text != NULL ? text : "cannot be unpacked");
}

static onp_status open_archive(unpacker *u, onp_error *err)
{
    u->gz = gzopen(u->tree->file, "rbe");
    if (u->gz == NULL)
        return onp_fail(err, ONP_E_IO, "%s: %s", u->tree->file, strerror(errno));
    if (gzdirect(u->gz))
        return onp_fail(err, ONP_E_FORMAT, "%s: is neither a folder nor a .tar.gz", u->tree->file);
    u->tar = archive_read_new();
    if (u->tar == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: no memory to read it", u->tree->file);
    if (archive_read_support_format_tar(u->tar) != ARCHIVE_OK ||
        archive_read_open(u->tar, u, NULL, read_gz, NULL) != ARCHIVE_OK)
        return fail_archive(u, err);
    return ONP_OK;
}

/* What follows the tar's end mark, up to gzip's checksum. */
static onp_status read_rest(unpacker *u, onp_error *err)
{
    const void *ignored;
    la_ssize_t n;
    do
        n = read_gz(u->tar, u, &ignored);
    while (n > 0);
    return n == 0 ? ONP_OK : fail_archive(u, err);
}

/* ---- the spool ---- */

/* Takes its name away at once: it goes with the process, however that ends. */
static onp_status open_spool(unpacker *u, const char *dir, onp_error *err)
{
    char path[PATH_MAX];
    ONP_TRY(onp_path_join(path, sizeof path, dir, "images-XXXXXX", err));
    const int fd = mkstemp(path);
    if (fd < 0)
        return onp_fail(err, ONP_E_IO, "%s: %s", path, strerror(errno));
    (void)unlink(path);
    u->spool = fdopen(fd, "w+b");
    if (u->spool != NULL)
        return ONP_OK;
    (void)close(fd);
    return onp_fail(err, ONP_E_NOMEM, "%s: no memory to write it", path);
}

static onp_status copy_file(unpacker *u, const char *name, size_t *size, onp_error *err)
{
    *size = 0;
    for (;;) {
        const la_ssize_t n = archive_read_data(u->tar, u->plain, sizeof u->plain);
        if (n < 0)
            return fail_archive(u, err);
        if (n == 0)
            return ONP_OK;
        *size += (size_t)n;
        if ((int64_t)*size > ONP_IMAGE_MAX_FILE)
            return onp_fail(err, ONP_E_FORMAT, "%s/%s: is larger than %lld bytes", u->tree->file,
                            name, (long long)ONP_IMAGE_MAX_FILE);
        if (fwrite(u->plain, 1, (size_t)n, u->spool) != (size_t)n)
            return onp_fail(err, ONP_E_IO, "%s: unpacking: %s", u->tree->file, strerror(errno));
    }
}

static onp_status map_spool(unpacker *u, onp_error *err)
{
    if (u->spooled_bytes == 0)
        return ONP_OK;
    void *data = MAP_FAILED;
    if (fflush(u->spool) == 0)
        data = mmap(NULL, u->spooled_bytes, PROT_READ, MAP_PRIVATE, fileno(u->spool), 0);
    if (data == MAP_FAILED)
        return onp_fail(err, ONP_E_IO, "%s: unpacking: %s", u->tree->file, strerror(errno));
    u->tree->spool = (onp_mapped_file){.data = data, .size = u->spooled_bytes};
    return ONP_OK;
}

/* ---- names ---- */

static const char *skip_top(const char *name)
{
    while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
        name++;
    return name;
}

/* What of an entry's name lies below the folder of classes; NULL when it is elsewhere. */
static const char *name_below(const char *name, const char *inner)
{
    const size_t length = strlen(inner);
    name = skip_top(name);
    if (length == 0)
        return name;
    return strncmp(name, inner, length) == 0 && name[length] == '/' ? name + length + 1 : NULL;
}

static onp_status name_of(const unpacker *u, struct archive_entry *entry, const char **out,
                          onp_error *err)
{
    *out = archive_entry_pathname(entry);
    if (*out == NULL) /* no such characters in this locale */
        *out = archive_entry_pathname_utf8(entry);
    if (*out == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: has an entry without a name", u->tree->file);
    return ONP_OK;
}

static onp_status spool_file(unpacker *u, const char *whole, const char *class_name,
                             size_t class_length, const char *file_name, onp_error *err)
{
    size_t size = 0;
    ONP_TRY(copy_file(u, whole, &size, err));
    ONP_TRY(onp_image_tree_add(u->tree, class_name, class_length, file_name, u->spooled_bytes, size,
                               err));
    u->spooled_bytes += size;
    return ONP_OK;
}

static onp_status take_wanted(unpacker *u, struct archive_entry *entry, onp_error *err)
{
    const char *whole;
    ONP_TRY(name_of(u, entry, &whole, err));
    const char *name = name_below(whole, u->tree->inner);
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    const char *file_name = slash != NULL ? slash + 1 : name;
    if (name == NULL || file_name[0] == '\0' || !u->wanted(u->user, file_name))
        return ONP_OK;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s/%s: is not a file", u->tree->file, whole);
    return spool_file(u, whole, "", 0, file_name, err);
}

static onp_status take_entry(unpacker *u, struct archive_entry *entry, onp_error *err)
{
    const char *whole;
    if (u->wanted != NULL)
        return take_wanted(u, entry, err);
    ONP_TRY(name_of(u, entry, &whole, err));
    const char *name = name_below(whole, u->tree->inner);
    const char *slash = name != NULL ? strchr(name, '/') : NULL;
    if (slash == NULL || onp_image_tree_passes_over(name) || onp_image_tree_passes_over(slash + 1))
        return ONP_OK;
    const size_t class_length = (size_t)(slash - name);
    const char *file_name = slash + 1;
    if (file_name[0] == '\0')
        return onp_image_tree_add(u->tree, name, class_length, "", 0, 0, err);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL ||
        strchr(file_name, '/') != NULL)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s/%s: is not a file in a class folder, wanted images "
                        "only",
                        u->tree->file, whole);
    return spool_file(u, whole, name, class_length, file_name, err);
}

/* *out: NULL at the end. */
static onp_status next_entry(unpacker *u, struct archive_entry **out, onp_error *err)
{
    const int code = archive_read_next_header(u->tar, out);
    if (code == ARCHIVE_EOF)
        *out = NULL;
    else if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
        /* a warning is about a name that this locale cannot write */
        return fail_archive(u, err);
    return ONP_OK;
}

static onp_status unpack(unpacker *u, const char *spool_dir, onp_error *err)
{
    struct archive_entry *entry;
    ONP_TRY(open_archive(u, err));
    ONP_TRY(open_spool(u, spool_dir, err));
    ONP_TRY(next_entry(u, &entry, err));
    while (entry != NULL) {
        ONP_TRY(take_entry(u, entry, err));
        ONP_TRY(next_entry(u, &entry, err));
    }
    ONP_TRY(read_rest(u, err));
    return map_spool(u, err);
}

static onp_status visit_names(unpacker *u, onp_image_archive_visit visit, void *user,
                              onp_error *err)
{
    struct archive_entry *entry;
    const char *name;
    ONP_TRY(open_archive(u, err));
    ONP_TRY(next_entry(u, &entry, err));
    while (entry != NULL) {
        ONP_TRY(name_of(u, entry, &name, err));
        ONP_TRY(visit(user, skip_top(name), archive_entry_filetype(entry) == AE_IFDIR, err));
        ONP_TRY(next_entry(u, &entry, err));
    }
    return ONP_OK;
}

static unpacker *new_unpacker(onp_image_tree *tree, onp_error *err)
{
    unpacker *u = onp_alloc(tree->ctx, 1, sizeof *u);
    if (u == NULL)
        (void)onp_fail(err, ONP_E_NOMEM, "%s: no memory to read it", tree->file);
    else
        u->tree = tree;
    return u;
}

static void free_unpacker(unpacker *u)
{
    if (u->tar != NULL)
        (void)archive_read_free(u->tar);
    if (u->gz != NULL)
        (void)gzclose(u->gz);
    if (u->spool != NULL)
        (void)fclose(u->spool);
    onp_free(u->tree->ctx, u);
}

onp_status onp_image_archive_list(onp_image_tree *tree, const char *spool_dir, onp_error *err)
{
    unpacker *u = new_unpacker(tree, err);
    if (u == NULL)
        return ONP_E_NOMEM;
    const onp_status st = unpack(u, spool_dir, err);
    free_unpacker(u);
    return st;
}

onp_status onp_image_archive_files(onp_image_tree *tree, const char *spool_dir,
                                   onp_image_archive_wanted wanted, void *user, onp_error *err)
{
    unpacker *u = new_unpacker(tree, err);
    if (u == NULL)
        return ONP_E_NOMEM;
    u->wanted = wanted;
    u->user = user;
    const onp_status st = unpack(u, spool_dir, err);
    free_unpacker(u);
    return st;
}

onp_status onp_image_archive_names(const onp_context *ctx, const char *file,
                                   onp_image_archive_visit visit, void *user, onp_error *err)
{
    onp_image_tree tree = {.ctx = ctx};
    ONP_TRY(onp_path_join(tree.file, sizeof tree.file, "", file, err));
    unpacker *u = new_unpacker(&tree, err);
    if (u == NULL)
        return ONP_E_NOMEM;
    const onp_status st = visit_names(u, visit, user, err);
    free_unpacker(u);
    return st;
}
