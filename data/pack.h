/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pack file: all images of one data set as bytes, their labels and class names, ready to map.
 * Internal to data/; a cache of this machine (native byte order), not an exchange format.
 *
 *     header, 128 bytes      magic, version, byte order, n, h, w, c, classes, hash of the source
 *     class names            NUL-terminated, one after the other
 *     labels                 int32 (n), at a multiple of 64; room for as many as were expected
 *     images                 uint8 (n, h, w, c), at a multiple of 64
 *     files left out         NUL-terminated texts, one after the other, to the end of the file
 *
 *     ONP_TRY(onp_pack_new(ctx, path, hash, &pack, err));
 *     ONP_TRY_GOTO(onp_pack_begin(pack, &info, labels, err));
 *     ONP_TRY_GOTO(onp_pack_add(pack, images, size_bytes, err));    // as often as needed
 *     ONP_TRY_GOTO(onp_pack_commit(pack, err));
 *   done:
 *     onp_pack_free(pack);
 */
#ifndef ONP_DATA_PACK_H
#define ONP_DATA_PACK_H

#include "data/dataset.h"

typedef struct onp_pack_writer onp_pack_writer;

typedef struct onp_pack_info {
    int64_t n, h, w, c, n_classes; /* the bounds are ONP_DATA_MAX_... */
    const char *names;             /* n_classes NUL-terminated strings, one after the other */
    size_t names_bytes;            /* their NULs counted */
    int64_t n_labels;              /* room for labels, at least n; 0: n */
    size_t skipped_bytes;
} onp_pack_info;

/* ONP_E_FORMAT, naming `name`, the value and the bound, unless 1 <= each <= its bound. */
onp_status onp_pack_check(const onp_pack_info *info, const char *name, onp_error *err) ONP_MUST_USE;

/* A writer of path, which appears at commit only. hash: 64 hex digits, borrowed for the call. */
onp_status onp_pack_new(const onp_context *ctx, const char *path, const char *hash,
                        onp_pack_writer **out, onp_error *err) ONP_MUST_USE;
/* Header, names and the n labels (borrowed for the call). */
onp_status onp_pack_begin(onp_pack_writer *pack, const onp_pack_info *info, const int32_t *labels,
                          onp_error *err) ONP_MUST_USE;
/* The next bytes of the images. ONP_E_FORMAT when there are more than the header says. */
onp_status onp_pack_add(onp_pack_writer *pack, const void *images, size_t size_bytes,
                        onp_error *err) ONP_MUST_USE;
/* After the last image, where there are fewer than onp_pack_begin was told: n of them, with these
 * labels. skipped: what is wrong with each of the others, NUL-terminated texts. */
onp_status onp_pack_shrink(onp_pack_writer *pack, int64_t n, const int32_t *labels,
                           const char *skipped, size_t skipped_bytes, onp_error *err) ONP_MUST_USE;
/* ONP_E_FORMAT when there are fewer than the header says. */
onp_status onp_pack_commit(onp_pack_writer *pack, onp_error *err) ONP_MUST_USE;
void onp_pack_free(onp_pack_writer *pack); /* drops what is not committed; NULL allowed */

/*
 * Maps a pack file and checks all but the pixels: magic, version, hash, bounds, exact size, names,
 * every label. On failure *out is all zero. Errors: ONP_E_FORMAT, ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_pack_open(const onp_context *ctx, const char *path, const char *hash,
                         onp_dataset *out, onp_error *err) ONP_MUST_USE;

#endif
