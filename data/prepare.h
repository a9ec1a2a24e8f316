/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image file to the bytes that are stored, and from those to a network's input: the same
 * for the images of a data set and for a single one.
 *
 *     onp_prepare how = {.side = 64, .fit = ONP_FIT_CROP, .c = 3};
 *     onp_prepared image;
 *     ONP_TRY(onp_image_prepare_file(ctx, "cat.jpg", &how, &image, err));
 *     onp_prepared_input(&image, &transform, x);      // (transform.h, transform.w, 3)
 *     onp_prepared_free(&image);
 *
 * Exactly:
 *
 * 1. Decoded to bytes. JPEG as libjpeg-turbo does by default (slow integer transform, smooth
 *    upsampling); of four inks (CMYK, YCCK; 255 is no ink, as Adobe writes them) red is
 *    cyan * black / 255, rounded, and so on. PNG: a palette becomes its colours, 16 bits v become
 *    v * 255 / 65535, rounded; what is transparent is laid on white:
 *    (v * alpha + 255 * (255 - alpha)) / 255, rounded. Colour profiles and gamma are not applied.
 * 2. Turned upright as its EXIF block says.
 * 3. Grey becomes colour by three equal channels, red, green and blue; colour becomes grey by
 *    (19595 R + 38470 G + 7471 B + 32768) / 65536, rounded down.
 * 4. With fit `crop` the middle square of m = min(height, width) pixels is kept, from row
 *    (height - m) / 2 and column (width - m) / 2, rounded down; with `stretch` everything.
 * 5. That is brought to side x side pixels by an antialiased triangle filter (data/resize.h): what
 *    Pillow calls Image.resize((side, side), BILINEAR).
 * 6. The network takes the middle h x w of it, from row (side - h) / 2 and column (side - w) / 2,
 *    rounded down, and x = (byte / 255 - mean) / deviation per channel.
 *
 * In Pillow, for a file without transparency: ImageOps.exif_transpose(Image.open(file)), convert
 * ("RGB"), crop and resize as above.
 */
#ifndef ONP_DATA_PREPARE_H
#define ONP_DATA_PREPARE_H

#include "data/batch.h"
#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_prepare {
    int side;    /* 1 .. ONP_DATA_MAX_SIDE; 0: as large as it is */
    onp_fit fit; /* with a side */
    int h, w;    /* without a side: what it must be; 0: anything up to ONP_DATA_MAX_SIDE */
    int c;       /* 1 or 3; 0: as many as it has */
} onp_prepare;

/* pixels: (h, w, c). */
typedef struct onp_prepared {
    const onp_context *ctx; /* borrowed until free */
    int h, w, c;
    uint8_t *pixels; /* owned */
} onp_prepared;

/* One JPEG or PNG file in memory; `name` stands in messages. On failure *out is all zero. Errors:
 * ONP_E_FORMAT (no such file, damaged, of a size that does not fit; it names the file), ONP_E_SHAPE
 * (how->c is not 0, 1 or 3), ONP_E_NOMEM. */
onp_status onp_image_prepare(const onp_context *ctx, const char *name, const void *data,
                             size_t size, const onp_prepare *how, onp_prepared *out,
                             onp_error *err) ONP_MUST_USE;
/* The same for a file on disk. Errors: ONP_E_IO too. */
onp_status onp_image_prepare_file(const onp_context *ctx, const char *path, const onp_prepare *how,
                                  onp_prepared *out, onp_error *err) ONP_MUST_USE;
void onp_prepared_free(onp_prepared *image); /* all zero is allowed, and what it becomes */

/* The network's input, (t->h, t->w, c); t: from onp_transform_eval, no larger than the image. */
void onp_prepared_input(const onp_prepared *image, const onp_transform *t, float *x);

/* ---- for data/: many images, memory from outside ---- */

/* What becomes of an image of this shape, and the bytes of scratch it takes. */
onp_image_shape onp_prepare_shape(const onp_prepare *how, const onp_image_shape *shape);
size_t onp_prepare_scratch_bytes(const onp_prepare *how, const onp_image_shape *shape);
/* Whether an image of this shape can become what `how` wants. Errors: ONP_E_FORMAT; ONP_E_SHAPE
 * when no image can. */
onp_status onp_prepare_check(const onp_prepare *how, const onp_image_shape *shape, const char *name,
                             onp_error *err) ONP_MUST_USE;
/* Decodes into out, of onp_prepare_shape(). shape: as measured, and checked. Allocates nothing. */
onp_status onp_prepare_pixels(const onp_prepare *how, const onp_image_file *file,
                              const onp_image_shape *shape, void *scratch, uint8_t *out,
                              onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
