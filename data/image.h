/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JPEG or PNG file in memory, told by its content, to bytes of pixels. Internal to data/.
 *
 *     onp_image_file file = {.name = "cat/1.jpg", .data = data, .size = size};
 *     ONP_TRY(onp_image_measure(&file, &shape, err));
 *     ONP_TRY(onp_image_decode(&file, &shape, pixels, err));    // (h, w, c)
 *
 * Files are hostile: whatever a library warns of in a JPEG (a file that ends early is no more than
 * a warning there) is an error here. Errors: ONP_E_FORMAT, naming the file; ONP_E_NOMEM.
 * Threads may decode at the same time; the libraries allocate by malloc.
 */
#ifndef ONP_DATA_IMAGE_H
#define ONP_DATA_IMAGE_H

#include "data/dataset.h"

typedef struct onp_image_file {
    const char *name; /* for messages */
    const uint8_t *data;
    size_t size;
} onp_image_file;

typedef struct onp_image_shape {
    int64_t h, w;
    int c; /* 1: grey, 3: red, green, blue */
} onp_image_shape;

/* What the header says, within the bounds of data/dataset.h. Pixels are not looked at. */
onp_status onp_image_measure(const onp_image_file *file, onp_image_shape *out,
                             onp_error *err) ONP_MUST_USE;

/* Writes h * w * c bytes. A grey file fills three equal channels where 3 are wanted; another size,
 * or colour where grey is wanted, is an error. After a failure pixels holds anything. */
onp_status onp_image_decode(const onp_image_file *file, const onp_image_shape *wanted,
                            uint8_t *pixels, onp_error *err) ONP_MUST_USE;

/* One kind of file: its first bytes and its decoder, which reads the header, passes what it says
 * to onp_image_accept, and stops there when pixels is NULL. */
typedef struct onp_image_codec {
    const char *magic;
    size_t magic_bytes;
    onp_status (*read)(const onp_image_file *file, onp_image_shape *shape, uint8_t *pixels,
                       onp_error *err);
} onp_image_codec;

extern const onp_image_codec onp_image_jpeg, onp_image_png;

/* For decoders. To measure (pixels NULL): *shape becomes what was seen, if it is within bounds. To
 * decode: what was seen must fit *shape. */
onp_status onp_image_accept(const onp_image_file *file, const onp_image_shape *seen,
                            onp_image_shape *shape, const uint8_t *pixels,
                            onp_error *err) ONP_MUST_USE;

#endif
