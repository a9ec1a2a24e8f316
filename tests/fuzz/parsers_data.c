/* SPDX-License-Identifier: Apache-2.0 */
/* Images and what holds them. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/idx.h"
#include "data/image_tree.h"
#include "data/pack.h"
#include "data/prepare.h"
#include "tests/fuzz/parsers.h"

/* Larger ones only cost time. */
enum { MAX_PIXELS = 1 << 20 };

bool fuzz_image(fuzz_input *in)
{
    onp_error err = {0};
    onp_image_shape shape;
    const onp_image_file file = {.name = "image", .data = in->data, .size = in->size};
    if (!fuzz_accepted(onp_image_measure(&file, &shape, &err), &err) ||
        shape.h * shape.w > MAX_PIXELS)
        return false;
    const onp_prepare how = {.side = 16, .fit = ONP_FIT_CROP, .c = 3};
    onp_prepared image;
    if (!fuzz_accepted(onp_image_prepare(&in->ctx, "image", in->data, in->size, &how, &image, &err),
                       &err))
        return false;
    onp_prepared_free(&image);
    return true;
}

bool fuzz_archive(fuzz_input *in)
{
    onp_error err = {0};
    onp_image_tree tree;
    if (!fuzz_accepted(onp_image_tree_init(&in->ctx, in->path, &tree, &err), &err))
        return false;
    bool taken = fuzz_accepted(onp_image_tree_list(&tree, in->folder, &err), &err);
    for (size_t i = 0; taken && i < tree.n && i < 4; i++) {
        char name[PATH_MAX];
        onp_mapped_file map = {0};
        onp_image_file file;
        taken = fuzz_accepted(onp_image_tree_open(&tree, i, name, &map, &file, &err), &err);
        onp_file_unmap(&map);
    }
    onp_image_tree_free(&tree);
    return taken;
}

bool fuzz_idx(fuzz_input *in)
{
    onp_error err = {0};
    onp_idx idx;
    if (!fuzz_accepted(onp_idx_open(in->path, 1, 4, &idx, &err), &err))
        return false;
    uint8_t *data = onp_alloc(&in->ctx, idx.size_bytes, 1);
    const bool taken = data != NULL &&
                       fuzz_accepted(onp_idx_read(&idx, data, idx.size_bytes, &err), &err) &&
                       fuzz_accepted(onp_idx_end(&idx, &err), &err);
    onp_free(&in->ctx, data);
    onp_idx_close(&idx);
    return taken;
}

/* Each data set that is accepted leaves a pack file of its own. */
static void remove_packs(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char path[128 + sizeof e->d_name + 1];
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)unlink(path);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

bool fuzz_cifar(fuzz_input *in)
{
    onp_error err = {0};
    onp_dataset ds;
    char cache[sizeof in->folder + 8];
    (void)snprintf(cache, sizeof cache, "%s/cache", in->folder);
    const onp_source source = {
        .format = "cifar-10", .part = ONP_PART_TEST, .path = in->folder, .cache_dir = cache};
    const bool taken = fuzz_accepted(onp_dataset_open(&in->ctx, &source, &ds, &err), &err);
    onp_dataset_close(&ds);
    remove_packs(cache);
    return taken;
}

bool fuzz_pack(fuzz_input *in)
{
    enum { HASH_AT = 48 }; /* of the source, in the header: the right one, if it is hex digits */
    onp_error err = {0};
    onp_dataset ds;
    char hash[ONP_SHA256_HEX];
    memset(hash, '0', sizeof hash);
    if (in->size >= HASH_AT + sizeof hash)
        memcpy(hash, in->data + HASH_AT, sizeof hash);
    hash[sizeof hash - 1] = '\0';
    if (!fuzz_accepted(onp_pack_open(&in->ctx, in->path, hash, &ds, &err), &err))
        return false;
    int64_t sum = 0; /* all that it promised can be read */
    for (int64_t i = 0; i < ds.n; i++)
        sum += ds.labels[i] + ds.images[(size_t)i * onp_dataset_image_bytes(&ds)];
    for (int k = 0; k < ds.n_classes; k++)
        sum += (int64_t)strlen(ds.class_names[k]);
    onp_dataset_close(&ds);
    return sum >= 0;
}
