/* SPDX-License-Identifier: Apache-2.0 */
#include "data/layout.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/image_tree.h"

/* top / a folder on the way / train / class is the deepest that is understood; one more level tells
 * that it is not. */
enum { MAX_DEPTH = 5, MAX_FOLDERS = 1 << 19 };

/* ---- what there is ---- */

typedef struct folder {
    char *path; /* below the top; "" is the top */
    int64_t n_files;
} folder;

typedef struct listing {
    const onp_context *ctx;
    char top[PATH_MAX];
    folder *folders; /* sorted: what is below a folder follows it */
    size_t n, cap;
    const char *format;     /* told by the name of a file; NULL: none is telling */
    char place[PATH_MAX];   /* of that file, below the top */
    char archive[PATH_MAX]; /* the name of a .tar.gz in the top */
    int n_archives;
    bool is_archive; /* the top is one */
} listing;

/* Files that tell a format. */
static const struct {
    const char *name, *format;
} telling[] = {{"train-images-idx3-ubyte", "idx"}, {"train-images-idx3-ubyte.gz", "idx"},
               {"train-images-idx4-ubyte", "idx"}, {"train-images-idx4-ubyte.gz", "idx"},
               {"data_batch_1.bin", "cifar-10"},   {"train.bin", "cifar-100"}};

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool is_archive_name(const char *name)
{
    return ends_with(name, ".tar.gz") || ends_with(name, ".tgz");
}

/* As bytes, '/' before all others. */
static int compare_folders(const void *a_, const void *b_)
{
    const unsigned char *a = (const unsigned char *)((const folder *)a_)->path;
    const unsigned char *b = (const unsigned char *)((const folder *)b_)->path;
    for (; *a != '\0' && *a == *b; a++, b++)
        ;
    return (*a == '/' ? 1 : *a) - (*b == '/' ? 1 : *b);
}

static onp_status add_folder(listing *l, const char *path, size_t length, int64_t n_files,
                             onp_error *err)
{
    folder *last = l->n > 0 ? &l->folders[l->n - 1] : NULL;
    if (last != NULL && strlen(last->path) == length && memcmp(last->path, path, length) == 0) {
        last->n_files += n_files;
        return ONP_OK;
    }
    if (l->n >= MAX_FOLDERS)
        return onp_fail(err, ONP_E_FORMAT, "%s: more than %d folders", l->top, MAX_FOLDERS);
    ONP_TRY(onp_grow(l->ctx, (void **)&l->folders, &l->cap, l->n + 1, sizeof *l->folders, err));
    char *copy = onp_alloc(l->ctx, length + 1, 1);
    if (copy == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for its names", l->top);
    memcpy(copy, path, length);
    l->folders[l->n++] = (folder){.path = copy, .n_files = n_files};
    return ONP_OK;
}

static onp_status add_file(listing *l, const char *path, size_t folder_length, const char *name,
                           onp_error *err)
{
    for (size_t i = 0; i < ONP_COUNT(telling) && l->format == NULL; i++)
        if (strcmp(name, telling[i].name) == 0) {
            l->format = telling[i].format;
            (void)snprintf(l->place, sizeof l->place, "%.*s", (int)folder_length, path);
        }
    if (folder_length == 0 && is_archive_name(name) && l->n_archives++ == 0)
        (void)snprintf(l->archive, sizeof l->archive, "%s", name);
    return add_folder(l, path, folder_length, 1, err);
}

static onp_status walk(listing *l, const char *path, int depth, onp_error *err);

static onp_status walk_entry(listing *l, const char *path, const char *name, int depth,
                             onp_error *err)
{
    char below[PATH_MAX], whole[PATH_MAX];
    struct stat info;
    ONP_TRY(onp_path_join(below, sizeof below, path, name, err));
    ONP_TRY(onp_path_join(whole, sizeof whole, l->top, below, err));
    /* a link to nothing: it matters in class folders only, where listing finds it */
    const bool is_folder = stat(whole, &info) == 0 && S_ISDIR(info.st_mode);
    return is_folder ? walk(l, below, depth + 1, err) : add_file(l, path, strlen(path), name, err);
}

static onp_status walk(listing *l, const char *path, int depth, onp_error *err)
{
    char whole[PATH_MAX];
    onp_status st = add_folder(l, path, strlen(path), 0, err);
    if (st != ONP_OK || depth == MAX_DEPTH)
        return st;
    ONP_TRY(onp_path_join(whole, sizeof whole, l->top, path, err));
    DIR *dir = opendir(whole);
    if (dir == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: %s", whole, strerror(errno));
    for (const struct dirent *e; st == ONP_OK && (e = readdir(dir)) != NULL;)
        if (!onp_image_tree_passes_over(e->d_name))
            st = walk_entry(l, path, e->d_name, depth, err);
    (void)closedir(dir);
    return st;
}

/* An entry of an archive, by its whole name. */
static onp_status take_name(void *user, const char *name, bool is_folder, onp_error *err)
{
    listing *l = user;
    const size_t length = strlen(name);
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (onp_image_tree_passes_over(part))
            return ONP_OK;
    }
    if (is_folder)
        return add_folder(l, name, length - (length > 0 && name[length - 1] == '/'), 0, err);
    const char *slash = strrchr(name, '/');
    return add_file(l, name, slash != NULL ? (size_t)(slash - name) : 0,
                    slash != NULL ? slash + 1 : name, err);
}

static void settle(listing *l)
{
    size_t n = 0;
    qsort(l->folders, l->n, sizeof *l->folders, compare_folders);
    for (size_t i = 0; i < l->n; i++) {
        const folder f = l->folders[i];
        if (n > 0 && strcmp(l->folders[n - 1].path, f.path) == 0) {
            l->folders[n - 1].n_files += f.n_files;
            onp_free(l->ctx, f.path);
        } else {
            l->folders[n++] = f;
        }
    }
    l->n = n;
}

static void release(listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        onp_free(l->ctx, l->folders[i].path);
    if (l->folders != NULL)
        onp_free(l->ctx, l->folders);
    *l = (listing){.ctx = l->ctx};
}

static onp_status list(listing *l, const char *path, onp_error *err)
{
    struct stat info;
    onp_status st;
    if (realpath(path, l->top) == NULL || stat(l->top, &info) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        st = walk(l, "", 0, err);
    } else if (S_ISREG(info.st_mode)) {
        l->is_archive = true;
        st = add_folder(l, "", 0, 0, err);
        if (st == ONP_OK)
            st = onp_image_archive_names(l->ctx, l->top, take_name, l, err);
        l->n_archives = 0; /* those are in it */
    } else {
        st = onp_fail(err, ONP_E_FORMAT, "%s: neither a folder nor a file", path);
    }
    if (st == ONP_OK)
        settle(l);
    return st;
}

/* ---- one folder of it ---- */

typedef struct facts {
    int64_t n_files;
    int n_children, n_with_files, n_with_folders;
    char first[PATH_MAX];  /* the first child's path */
    char nested[PATH_MAX]; /* the first grandchild's */
} facts;

/* What of path lies below `above`; NULL when it is elsewhere or the same. */
static const char *below(const char *path, const char *above)
{
    const size_t n = strlen(above);
    if (n == 0)
        return path[0] != '\0' ? path : NULL;
    return strncmp(path, above, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static facts facts_of(const listing *l, const char *path)
{
    facts f = {0};
    const char *child = ""; /* the one whose folders are being passed */
    size_t length = 0;
    bool files = false, folders = false;
    for (size_t i = 0; i < l->n; i++) {
        const folder *e = &l->folders[i];
        const char *name = below(e->path, path);
        if (strcmp(e->path, path) == 0)
            f.n_files = e->n_files;
        if (name == NULL)
            continue;
        const size_t own = strcspn(name, "/");
        if (own != length || memcmp(name, child, own) != 0) {
            if (f.n_children++ == 0)
                (void)snprintf(f.first, sizeof f.first, "%.*s", (int)(name + own - e->path),
                               e->path);
            child = name;
            length = own;
            files = folders = false;
        }
        if (name[own] == '\0' && e->n_files > 0 && !files) {
            files = true;
            f.n_with_files++;
        } else if (name[own] == '/' && !folders) {
            folders = true;
            if (f.n_with_folders++ == 0)
                (void)snprintf(f.nested, sizeof f.nested, "%s", e->path);
        }
    }
    return f;
}

/* The path of the first child of `path` that has one of these names and holds folders or, with
 * `any`, anything. */
static bool find_child(const listing *l, const char *path, const char *const *names, bool any,
                       char out[PATH_MAX])
{
    for (; *names != NULL; names++)
        for (size_t i = 0; i < l->n; i++) {
            const char *name = below(l->folders[i].path, path);
            if (name == NULL || strcasecmp(name, *names) != 0)
                continue;
            (void)snprintf(out, PATH_MAX, "%s", l->folders[i].path);
            if (any || facts_of(l, out).n_children > 0)
                return true;
        }
    out[0] = '\0';
    return false;
}

/* ---- the decision ---- */

static const char *const train_names[] = {"train", "training", NULL};
static const char *const test_names[] = {"test", "testing", "val", "valid", "validation", NULL};
static const char *const test_only[] = {"test", "testing", NULL};
static const char *const validation_names[] = {"val", "valid", "validation", NULL};

static onp_status set_path(const listing *l, const char *path, char out[PATH_MAX], onp_error *err)
{
    return path[0] != '\0' ? onp_path_join(out, PATH_MAX, l->top, path, err)
                           : onp_path_join(out, PATH_MAX, "", l->top, err);
}

static onp_status take_parts(const listing *l, const char *path, const char *train, onp_layout *out,
                             onp_error *err)
{
    char test[PATH_MAX], other[PATH_MAX];
    ONP_TRY(set_path(l, train, out->train, err));
    if (find_child(l, path, test_names, false, test))
        ONP_TRY(set_path(l, test, out->test, err));
    if (find_child(l, path, test_only, true, other) && strcmp(other, test) != 0)
        out->test_has_no_labels = true;
    if (find_child(l, path, validation_names, false, other) && strcmp(other, test) != 0)
        ONP_TRY(set_path(l, other, out->unused, err));
    return ONP_OK;
}

static onp_status fail_layout(const listing *l, const char *path, const facts *f, onp_error *err)
{
    static const char wanted[] = "wanted one sub-folder of JPEG or PNG files per class, at least "
                                 "two, or train/ and test/ of those";
    char place[PATH_MAX];
    ONP_TRY(set_path(l, path, place, err));
    if (f->n_with_files == 1 && f->n_children == 1)
        return onp_fail(err, ONP_E_FORMAT, "%s: has one class only, %s; %s", place,
                        strrchr(f->first, '/') != NULL ? strrchr(f->first, '/') + 1 : f->first,
                        wanted);
    if (f->n_with_folders > 0)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: its folders hold folders (%s): name the one whose sub-folders are the "
                        "classes; %s",
                        place, f->nested, wanted);
    if (f->n_children > 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: its %d folders are empty; %s", place, f->n_children,
                        wanted);
    if (f->n_files > 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %lld files, but no folders; %s", place,
                        (long long)f->n_files, wanted);
    return onp_fail(err, ONP_E_FORMAT, "%s: is empty; %s", place, wanted);
}

/* Class folders, or parts that hold them, at path or below single folders. */
static onp_status find_classes(const listing *l, onp_layout *out, onp_error *err)
{
    char path[PATH_MAX] = "", train[PATH_MAX];
    for (;;) {
        const facts f = facts_of(l, path);
        if (find_child(l, path, train_names, false, train))
            return take_parts(l, path, train, out, err);
        if (f.n_children > 1 && f.n_with_files > 0)
            return set_path(l, path, out->train, err);
        if (f.n_children != 1 || f.n_with_folders != 1)
            return fail_layout(l, path, &f, err);
        memcpy(path, f.first, sizeof path);
    }
}

static onp_status decide(const listing *l, onp_layout *out, onp_error *err)
{
    if (l->format == NULL) {
        out->format = "image-folder";
        return find_classes(l, out, err);
    }
    out->format = l->format;
    if (l->is_archive && strcmp(l->format, "idx") == 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: holds IDX files, wanted them in a folder", l->top);
    ONP_TRY(set_path(l, l->is_archive ? "" : l->place, out->train, err));
    (void)snprintf(out->test, sizeof out->test, "%s", out->train);
    return ONP_OK;
}

onp_status onp_layout_find(const onp_context *ctx, const char *path, onp_layout *out,
                           onp_error *err)
{
    char archive[PATH_MAX];
    listing l = {.ctx = ctx};
    *out = (onp_layout){0};
    onp_layout found = {0};
    onp_status st = list(&l, path, err);
    if (st == ONP_OK && l.format == NULL && l.n == 1 && l.n_archives == 1) {
        st = onp_path_join(archive, sizeof archive, l.top, l.archive, err);
        release(&l);
        if (st == ONP_OK)
            st = list(&l, archive, err);
    }
    if (st == ONP_OK)
        st = decide(&l, &found, err);
    release(&l);
    if (st == ONP_OK)
        *out = found;
    return st;
}
