/* SPDX-License-Identifier: Apache-2.0 */
#include "data/image_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/text.h"

bool onp_image_tree_passes_over(const char *name)
{
    static const char *const left_behind[] = {"Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX",
                                              "@eaDir"};
    const size_t length = strcspn(name, "/");
    for (size_t i = 0; i < ONP_COUNT(left_behind); i++)
        if (strlen(left_behind[i]) == length && strncasecmp(name, left_behind[i], length) == 0)
            return true;
    return name[0] == '.';
}

static void trim_slashes(char *path)
{
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
}

/* Shortens path to what of it exists. False when there is nothing. */
static bool find_existing(char *path, struct stat *info)
{
    while (stat(path, info) != 0) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return false;
        *slash = '\0';
        trim_slashes(path);
    }
    return true;
}

onp_status onp_image_tree_init(const onp_context *ctx, const char *path, onp_image_tree *out,
                               onp_error *err)
{
    struct stat info;
    onp_image_tree tree = {.ctx = ctx};
    *out = (onp_image_tree){0};
    ONP_TRY(onp_path_join(tree.file, sizeof tree.file, "", path, err));
    trim_slashes(tree.file);
    const size_t length = strlen(tree.file);
    const bool found = find_existing(tree.file, &info);
    if (found && S_ISREG(info.st_mode)) {
        tree.is_archive = true;
        const char *inner = path + strlen(tree.file);
        inner += strspn(inner, "/");
        (void)snprintf(tree.inner, sizeof tree.inner, "%s", inner);
        trim_slashes(tree.inner);
    } else if (!found || !S_ISDIR(info.st_mode) || strlen(tree.file) != length) {
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: no such folder; wanted one with a sub-folder per class, or a .tar.gz "
                        "of one",
                        path);
    }
    *out = tree;
    return ONP_OK;
}

void onp_image_tree_free(onp_image_tree *tree)
{
    for (size_t i = 0; i < tree->n; i++)
        onp_free(tree->ctx, tree->entries[i].class_name);
    if (tree->entries != NULL)
        onp_free(tree->ctx, tree->entries);
    onp_file_unmap(&tree->spool);
    *tree = (onp_image_tree){0};
}

onp_status onp_image_tree_add(onp_image_tree *tree, const char *class_name, size_t class_length,
                              const char *file_name, size_t offset, size_t size, onp_error *err)
{
    if (tree->n >= (size_t)ONP_DATA_MAX_IMAGES)
        return onp_fail(err, ONP_E_FORMAT, "%s: more than %lld images", tree->file,
                        (long long)ONP_DATA_MAX_IMAGES);
    ONP_TRY(onp_grow(tree->ctx, (void **)&tree->entries, &tree->cap, tree->n + 1,
                     sizeof *tree->entries, err));
    const size_t file_length = strlen(file_name);
    char *names = onp_alloc(tree->ctx, class_length + file_length + 2, 1);
    if (names == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for names", tree->file);
    memcpy(names, class_name, class_length);
    memcpy(names + class_length + 1, file_name, file_length + 1);
    tree->entries[tree->n++] = (onp_image_entry){
        .class_name = names, .file_name = names + class_length + 1, .offset = offset, .size = size};
    return ONP_OK;
}

/* ---- folders ---- */

/* Calls visit for each name in dir that is not passed over. */
typedef onp_status (*visitor)(onp_image_tree *tree, const char *class_name, const char *name,
                              onp_error *err);
static onp_status visit_folder(onp_image_tree *tree, const char *path, const char *class_name,
                               visitor visit, onp_error *err)
{
    onp_status st = ONP_OK;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return onp_fail(err, ONP_E_IO, "%s: %s", path, strerror(errno));
    errno = 0;
    for (const struct dirent *e; st == ONP_OK && (e = readdir(dir)) != NULL; errno = 0)
        if (!onp_image_tree_passes_over(e->d_name))
            st = visit(tree, class_name, e->d_name, err);
    if (st == ONP_OK && errno != 0)
        st = onp_fail(err, ONP_E_IO, "%s: %s", path, strerror(errno));
    (void)closedir(dir);
    return st;
}

static onp_status visit_file(onp_image_tree *tree, const char *class_name, const char *name,
                             onp_error *err)
{
    char below[PATH_MAX], path[PATH_MAX];
    struct stat info;
    ONP_TRY(onp_path_join(below, sizeof below, class_name, name, err));
    ONP_TRY(onp_path_join(path, sizeof path, tree->file, below, err));
    /* what cannot be looked at, such as a link to nothing, is a file that cannot be read */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return onp_fail(err, ONP_E_FORMAT, "%s: is not a file, wanted images only", path);
    return onp_image_tree_add(tree, class_name, strlen(class_name), name, 0, 0, err);
}

static onp_status visit_class(onp_image_tree *tree, const char *none, const char *name,
                              onp_error *err)
{
    (void)none;
    char path[PATH_MAX];
    struct stat info = {0};
    ONP_TRY(onp_path_join(path, sizeof path, tree->file, name, err));
    if (stat(path, &info) != 0 && errno != ENOENT) /* a link to nothing is a file beside folders */
        return onp_fail(err, ONP_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return ONP_OK;
    ONP_TRY(onp_image_tree_add(tree, name, strlen(name), "", 0, 0, err));
    return visit_folder(tree, path, name, visit_file, err);
}

/* ---- both ---- */

static int compare_entries(const void *a_, const void *b_)
{
    const onp_image_entry *a = a_, *b = b_;
    const int order = strcmp(a->class_name, b->class_name);
    return order != 0 ? order : strcmp(a->file_name, b->file_name);
}

/* Takes the entries that only say that a class exists out of the sorted list, and numbers the
 * classes. */
static onp_status settle(onp_image_tree *tree, onp_error *err)
{
    onp_image_entry *e = tree->entries;
    size_t n = 0;
    for (size_t i = 0; i < tree->n; i++) {
        const bool is_new = n == 0 || strcmp(e[n - 1].class_name, e[i].class_name) != 0;
        if (is_new && !onp_text_is_plain(e[i].class_name)) /* it goes into models and reports */
            return onp_fail(err, ONP_E_FORMAT, "%s: class name \"%s\" is not plain UTF-8 text",
                            tree->file, e[i].class_name);
        if (e[i].file_name[0] == '\0') {
            if (i + 1 == tree->n || strcmp(e[i].class_name, e[i + 1].class_name) != 0)
                return onp_fail(err, ONP_E_FORMAT, "%s: class %s has no images", tree->file,
                                e[i].class_name);
            continue;
        }
        if (!is_new && strcmp(e[n - 1].file_name, e[i].file_name) == 0)
            return onp_fail(err, ONP_E_FORMAT, "%s: has %s/%s twice", tree->file, e[i].class_name,
                            e[i].file_name);
        tree->n_classes += is_new;
        const onp_image_entry kept = e[i];
        e[i] = e[n]; /* a swap: each name stays owned by one entry */
        e[n] = kept;
        e[n++].label = (int32_t)(tree->n_classes - 1);
    }
    while (tree->n > n)
        onp_free(tree->ctx, e[--tree->n].class_name);
    return ONP_OK;
}

onp_status onp_image_tree_list(onp_image_tree *tree, const char *spool_dir, onp_error *err)
{
    ONP_TRY(tree->is_archive ? onp_image_archive_list(tree, spool_dir, err)
                             : visit_folder(tree, tree->file, NULL, visit_class, err));
    if (tree->n > 0)
        qsort(tree->entries, tree->n, sizeof *tree->entries, compare_entries);
    ONP_TRY(settle(tree, err));
    if (tree->n == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: has no images CLASS/FILE%s%s", tree->file,
                        tree->inner[0] != '\0' ? " in its folder " : "", tree->inner);
    return ONP_OK;
}

onp_status onp_image_tree_open(const onp_image_tree *tree, size_t i, char name[PATH_MAX],
                               onp_mapped_file *map, onp_image_file *out, onp_error *err)
{
    const onp_image_entry *e = &tree->entries[i];
    const int length = snprintf(name, PATH_MAX, "%s/%s%s%s/%s", tree->file, tree->inner,
                                tree->inner[0] != '\0' ? "/" : "", e->class_name, e->file_name);
    *map = (onp_mapped_file){0};
    if (length >= PATH_MAX)
        return onp_fail(err, ONP_E_FORMAT, "%s: this name is too long", name);
    *out = (onp_image_file){.name = name, .data = tree->spool.data, .size = e->size};
    if (tree->is_archive) {
        if (e->size > 0)
            out->data += e->offset;
        return ONP_OK;
    }
    const onp_status st = onp_file_map(name, map, err);
    if (st != ONP_OK) /* one file that cannot be read, as one that is no image */
        return onp_fail_prefix(err, st == ONP_E_IO ? ONP_E_FORMAT : st, "%s", "");
    out->data = map->data;
    out->size = map->size;
    if ((int64_t)map->size <= ONP_IMAGE_MAX_FILE)
        return ONP_OK;
    onp_file_unmap(map);
    return onp_fail(err, ONP_E_FORMAT, "%s: is larger than %lld bytes", name,
                    (long long)ONP_IMAGE_MAX_FILE);
}
