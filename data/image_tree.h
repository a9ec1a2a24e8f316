/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an image folder: one sub-folder per class, sorted by class name, then by file name
 * (as bytes, whatever the locale). Internal to data/.
 *
 *     ONP_TRY(onp_image_tree_init(ctx, "cifar10.tar.gz/train", &tree, err));
 *     ONP_TRY_GOTO(onp_image_tree_list(&tree, cache_dir, err));
 *     for (size_t i = 0; i < tree.n; i++) { ... tree.entries[i].label ... }
 *   done:
 *     onp_image_tree_free(&tree);
 *
 * Hidden names, what file managers leave behind, and files beside the class folders are passed
 * over. Anything else in a class folder must be a file.
 */
#ifndef ONP_DATA_IMAGE_TREE_H
#define ONP_DATA_IMAGE_TREE_H

#include <limits.h>

#include "data/image.h"

typedef struct onp_image_entry {
    char *class_name; /* owned; the file's name follows its NUL */
    const char *file_name;
    int32_t label;
    size_t offset, size; /* archive: its bytes in the spool */
} onp_image_entry;

typedef struct onp_image_tree {
    const onp_context *ctx; /* borrowed */
    char file[PATH_MAX];    /* the folder of classes, or the archive */
    char inner[PATH_MAX];   /* archive: the folder of classes in it; "" is its top */
    bool is_archive;
    onp_image_entry *entries; /* (n) */
    size_t n, cap;
    int64_t n_classes;
    onp_mapped_file spool; /* archive: the files of all entries, one after the other */
} onp_image_tree;

/*
 * Finds what path names: a folder, or a file on the way to it, which is an archive then:
 * "a.tar.gz", "a.tar.gz/folder/in/it". On failure *out is all zero. Errors: ONP_E_FORMAT.
 */
onp_status onp_image_tree_init(const onp_context *ctx, const char *path, onp_image_tree *out,
                               onp_error *err) ONP_MUST_USE;

/*
 * Fills entries. An archive is unpacked into a nameless file in spool_dir. Errors: ONP_E_FORMAT (no
 * image, a class without one, a folder in a class folder, a damaged archive), ONP_E_IO,
 * ONP_E_NOMEM.
 */
onp_status onp_image_tree_list(onp_image_tree *tree, const char *spool_dir,
                               onp_error *err) ONP_MUST_USE;
void onp_image_tree_free(onp_image_tree *tree); /* all zero is allowed, and what it becomes */

/*
 * The bytes of entry i; its name, "FOLDER/CLASS/FILE", goes into `name`, which out points to.
 * Release `map` with onp_file_unmap. Threads may read at the same time. Errors: ONP_E_IO, and
 * ONP_E_FORMAT when the name is too long or the file too large to be an image.
 */
onp_status onp_image_tree_open(const onp_image_tree *tree, size_t i, char name[PATH_MAX],
                               onp_mapped_file *map, onp_image_file *out,
                               onp_error *err) ONP_MUST_USE;

/* ---- for what lists ---- */

/* Whether this is the name of no image and no class: it begins with a dot, or is what a file
 * manager made (Thumbs.db, desktop.ini, __MACOSX, @eaDir). It ends at a '/' or NUL. */
bool onp_image_tree_passes_over(const char *name);

/* No image of the largest size has a larger file: 16 bits a channel. */
#define ONP_IMAGE_MAX_FILE (8 * ONP_IMAGE_MAX_PIXELS)

/* Adds a file of a class; an empty file name says that there is such a class. Names are copied. */
onp_status onp_image_tree_add(onp_image_tree *tree, const char *class_name, size_t class_length,
                              const char *file_name, size_t offset, size_t size,
                              onp_error *err) ONP_MUST_USE;

/* Calls visit for each entry of an archive, with its whole name and no "./" before it. Errors:
 * ONP_E_FORMAT (damaged), ONP_E_NOMEM, those of visit. */
typedef onp_status (*onp_image_archive_visit)(void *user, const char *name, bool is_folder,
                                              onp_error *err);
onp_status onp_image_archive_names(const onp_context *ctx, const char *file,
                                   onp_image_archive_visit visit, void *user,
                                   onp_error *err) ONP_MUST_USE;

/* The files of an archive, below tree->inner in it, whose name without folders is wanted: entries
 * of a class without a name, unsorted, their bytes in tree->spool. Errors: those of
 * onp_image_tree_list. */
typedef bool (*onp_image_archive_wanted)(void *user, const char *name);
onp_status onp_image_archive_files(onp_image_tree *tree, const char *spool_dir,
                                   onp_image_archive_wanted wanted, void *user,
                                   onp_error *err) ONP_MUST_USE;

/* onp_image_tree_list for an archive, unsorted. */
onp_status onp_image_archive_list(onp_image_tree *tree, const char *spool_dir,
                                  onp_error *err) ONP_MUST_USE;

#endif
