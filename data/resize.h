/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of bytes brought to another size by an antialiased triangle filter, in integers: the same
 * bits on every machine. Internal to data/.
 *
 *     void *scratch = onp_alloc(ctx, onp_resize_scratch_bytes(view.h, view.w, view.c, 64, 64), 1);
 *     onp_resize(&view, 64, 64, scratch, pixels);
 *
 * Columns first, into bytes, then rows. Of n input pixels in a line, m become: with s = n / m and
 * S = max(s, 1), output i is the weighted mean of the inputs x with the weights
 *
 *     max(0, 1 - |x + 1/2 - (i + 1/2) s| / S)
 *
 * each divided by their sum and rounded to the nearest multiple of 2^-22; the sum of the products
 * is rounded to the nearest byte. These are the numbers of Pillow's Image.resize with BILINEAR.
 */
#ifndef ONP_DATA_RESIZE_H
#define ONP_DATA_RESIZE_H

#include <stddef.h>
#include <stdint.h>

/* Channel k of pixel (i, j) is at pixels[i * row + j * column + k]. */
typedef struct onp_view {
    const uint8_t *pixels;
    ptrdiff_t row, column;
    int64_t h, w;
    int c; /* 1 or 3 */
} onp_view;

/* The part of h x w pixels whose first one is (top, left). */
onp_view onp_view_part(const onp_view *from, int64_t top, int64_t left, int64_t h, int64_t w);

/* h, w: 1 .. ONP_RESIZE_MAX_SIDE. Sides of the view: 1 .. 65535. out: (h, w, c). */
#define ONP_RESIZE_MAX_SIDE 4096
size_t onp_resize_scratch_bytes(int64_t from_h, int64_t from_w, int c, int h, int w);
void onp_resize(const onp_view *from, int h, int w, void *scratch, uint8_t *out);

#endif
