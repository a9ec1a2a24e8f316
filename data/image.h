/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JPEG or PNG file in memory, told by its content, to bytes of pixels. Internal to data/.
 *
 *     onp_image_file file = {.name = "cat/1.jpg", .data = data, .size = size};
 *     ONP_TRY(onp_image_measure(&file, &shape, err));
 *     uint8_t *pixels = onp_alloc(ctx, onp_image_decoded_bytes(&shape), 1);
 *     ONP_TRY(onp_image_decode(&file, &shape, pixels, err));
 *     onp_view view = onp_image_view(&shape, pixels);     // (shape.h, shape.w, shape.c)
 *
 * What the pixels are is said in data/prepare.h. Files are hostile: whatever a library warns of in
 * a JPEG (a file that ends early is no more than a warning there) is an error here. Errors:
 * ONP_E_FORMAT, naming the file; ONP_E_NOMEM. Threads may decode at the same time; the libraries
 * allocate by malloc.
 */
#ifndef ONP_DATA_IMAGE_H
#define ONP_DATA_IMAGE_H

#include "data/dataset.h"
#include "data/resize.h"

/* What a file may hold: of what is larger (200 megapixels) nothing is decoded. */
#define ONP_IMAGE_MAX_SIDE   65500
#define ONP_IMAGE_MAX_PIXELS ((int64_t)1 << 27)

typedef struct onp_image_file {
    const char *name; /* for messages */
    const uint8_t *data;
    size_t size;
} onp_image_file;

typedef struct onp_image_shape {
    int64_t h, w;    /* as it is to be looked at: upright */
    int c;           /* 1: grey, 3: red, green, blue */
    int samples;     /* bytes of a pixel while it is decoded: with alpha, or four inks */
    int orientation; /* 1..8, as EXIF counts: how the rows of the file lie in the upright image */
} onp_image_shape;

/* What the header says, within the bounds above. Pixels are not looked at. */
onp_status onp_image_measure(const onp_image_file *file, onp_image_shape *out,
                             onp_error *err) ONP_MUST_USE;

/* h * w * samples */
size_t onp_image_decoded_bytes(const onp_image_shape *shape);

/* pixels: of onp_image_decoded_bytes(). Their first h * w * c bytes become the image in the order
 * of the file. shape: what onp_image_measure found. After a failure pixels holds anything. */
onp_status onp_image_decode(const onp_image_file *file, const onp_image_shape *shape,
                            uint8_t *pixels, onp_error *err) ONP_MUST_USE;

/* The decoded pixels upright, where they lie. */
onp_view onp_image_view(const onp_image_shape *shape, const uint8_t *pixels);

/* One kind of file: its first bytes and its decoder, which reads the header, passes what it says
 * to onp_image_accept, and stops there when pixels is NULL. */
typedef struct onp_image_codec {
    const char *magic;
    size_t magic_bytes;
    onp_status (*read)(const onp_image_file *file, onp_image_shape *shape, uint8_t *pixels,
                       onp_error *err);
} onp_image_codec;

extern const onp_image_codec onp_image_jpeg, onp_image_png;

/* For decoders. seen: h and w as the file has them. To measure (pixels NULL): *shape becomes what
 * was seen, if it is within bounds, turned upright. To decode: what was seen must be *shape. */
onp_status onp_image_accept(const onp_image_file *file, const onp_image_shape *seen,
                            onp_image_shape *shape, const uint8_t *pixels,
                            onp_error *err) ONP_MUST_USE;

/* For decoders: the orientation in an EXIF block, which begins with its TIFF header; 1 when it says
 * none or is no EXIF block: a damaged one is no damage to the pixels. */
int onp_exif_orientation(const uint8_t *data, size_t size);

#endif
