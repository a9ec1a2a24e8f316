/* SPDX-License-Identifier: Apache-2.0 */
#include "data/image.h"

#include <string.h>

static const onp_image_codec *const codecs[] = {&onp_image_jpeg, &onp_image_png};

static onp_status read_image(const onp_image_file *file, onp_image_shape *shape, uint8_t *pixels,
                             onp_error *err)
{
    for (size_t i = 0; i < ONP_COUNT(codecs); i++)
        if (file->size >= codecs[i]->magic_bytes &&
            memcmp(file->data, codecs[i]->magic, codecs[i]->magic_bytes) == 0)
            return codecs[i]->read(file, shape, pixels, err);
    return onp_fail(err, ONP_E_FORMAT, "%s: is neither JPEG nor PNG (%zu bytes)", file->name,
                    file->size);
}

onp_status onp_image_measure(const onp_image_file *file, onp_image_shape *out, onp_error *err)
{
    return read_image(file, out, NULL, err);
}

onp_status onp_image_decode(const onp_image_file *file, const onp_image_shape *shape,
                            uint8_t *pixels, onp_error *err)
{
    onp_image_shape wanted = *shape;
    return read_image(file, &wanted, pixels, err);
}

size_t onp_image_decoded_bytes(const onp_image_shape *shape)
{
    return (size_t)(shape->h * shape->w) * (size_t)shape->samples; /* at most 2^29 */
}

/* Orientations from 5 on exchange rows and columns. */
static bool is_turned(int orientation)
{
    return orientation >= 5;
}

/*
 * Row i, column j of the upright image is, of the file's h rows and w columns:
 *
 *     1: (i, j)    2: (i, w-1-j)    3: (h-1-i, w-1-j)    4: (h-1-i, j)
 *     5: (j, i)    6: (h-1-j, i)    7: (h-1-j, w-1-i)    8: (j, w-1-i)
 */
onp_view onp_image_view(const onp_image_shape *shape, const uint8_t *pixels)
{
    const int o = shape->orientation;
    const bool turned = is_turned(o);
    const ptrdiff_t file_h = (ptrdiff_t)(turned ? shape->w : shape->h);
    const ptrdiff_t file_w = (ptrdiff_t)(turned ? shape->h : shape->w);
    const bool from_bottom = o == 3 || o == 4 || o == 6 || o == 7;
    const bool from_right = o == 2 || o == 3 || o == 7 || o == 8;
    const ptrdiff_t row = file_w * shape->c, column = shape->c;
    const ptrdiff_t by_row = from_bottom ? -row : row, by_column = from_right ? -column : column;
    return (onp_view){.pixels = pixels + (from_bottom ? (file_h - 1) * row : 0) +
                                (from_right ? (file_w - 1) * column : 0),
                      .row = turned ? by_column : by_row,
                      .column = turned ? by_row : by_column,
                      .h = shape->h,
                      .w = shape->w,
                      .c = shape->c};
}

onp_status onp_image_accept(const onp_image_file *file, const onp_image_shape *seen,
                            onp_image_shape *shape, const uint8_t *pixels, onp_error *err)
{
    onp_image_shape upright = *seen;
    if (is_turned(seen->orientation)) {
        upright.h = seen->w;
        upright.w = seen->h;
    }
    if (seen->w < 1 || seen->w > ONP_IMAGE_MAX_SIDE || seen->h < 1 ||
        seen->h > ONP_IMAGE_MAX_SIDE || seen->w * seen->h > ONP_IMAGE_MAX_PIXELS)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: is %lld x %lld pixels, wanted sides of 1..%d and at most %lld in all",
                        file->name, (long long)upright.w, (long long)upright.h, ONP_IMAGE_MAX_SIDE,
                        (long long)ONP_IMAGE_MAX_PIXELS);
    if (pixels == NULL)
        *shape = upright;
    else if (upright.h != shape->h || upright.w != shape->w || upright.c != shape->c ||
             upright.samples != shape->samples)
        return onp_fail(err, ONP_E_FORMAT, "%s: has changed while it was read", file->name);
    return ONP_OK;
}
