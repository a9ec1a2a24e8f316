/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image files in memory, made by the libraries themselves; free() the data.
 *
 *     image_bytes file = png_make(pixels, 5, 4, PNG_COLOR_TYPE_RGB, 8, false, false);
 */
#ifndef ONP_TESTS_DATA_IMAGE_SUPPORT_H
#define ONP_TESTS_DATA_IMAGE_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>

typedef struct image_bytes {
    uint8_t *data;
    size_t size;
} image_bytes;

/* pixels: h rows as the file holds them. A palette image gets the colours (k, 2k, 255 - k); with
 * `transparent` its first colour is, or in a grey or RGB image the colour 0. */
image_bytes png_make(const uint8_t *pixels, int w, int h, int colour_type, int depth,
                     bool interlaced, bool transparent);

/* How a JPEG comes: in one pass, in many that refine one another, or in passes that do not. */
typedef enum jpeg_kind { JPEG_BASELINE, JPEG_REFINED, JPEG_UNREFINED } jpeg_kind;

/* pixels: (h, w, channels of space). The file's own colours are grey, YCbCr or CMYK; no colour is
 * stored at less than full size. */
image_bytes jpeg_make(const uint8_t *pixels, int w, int h, J_COLOR_SPACE space, jpeg_kind kind);

#endif
