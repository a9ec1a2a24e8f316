/* SPDX-License-Identifier: Apache-2.0 */
#include "data/prepare.h"

#include <string.h>

/* How much of the upright image is used, from its middle. */
static void used_size(const onp_prepare *how, const onp_image_shape *shape, int64_t *h, int64_t *w)
{
    const int64_t side = shape->h < shape->w ? shape->h : shape->w;
    const bool crop = how->side > 0 && how->fit == ONP_FIT_CROP;
    *h = crop ? side : shape->h;
    *w = crop ? side : shape->w;
}

onp_image_shape onp_prepare_shape(const onp_prepare *how, const onp_image_shape *shape)
{
    onp_image_shape out = {.h = shape->h, .w = shape->w, .c = how->c, .orientation = 1};
    if (how->side > 0)
        out.h = out.w = how->side;
    if (how->c == 0)
        out.c = shape->c;
    out.samples = out.c;
    return out;
}

static size_t decoded_bytes(const onp_image_shape *shape)
{
    return (onp_image_decoded_bytes(shape) + ONP_ALIGN - 1) / ONP_ALIGN * ONP_ALIGN;
}

size_t onp_prepare_scratch_bytes(const onp_prepare *how, const onp_image_shape *shape)
{
    const onp_image_shape to = onp_prepare_shape(how, shape);
    int64_t h, w;
    used_size(how, shape, &h, &w);
    return decoded_bytes(shape) + onp_resize_scratch_bytes(h, w, shape->c, (int)to.h, (int)to.w);
}

onp_status onp_prepare_check(const onp_prepare *how, const onp_image_shape *shape, const char *name,
                             onp_error *err)
{
    const long long h = shape->h, w = shape->w;
    if (how->c != 0 && how->c != 1 && how->c != 3)
        return onp_fail(err, ONP_E_SHAPE, "%s: %d channels are wanted, image files have 1 or 3",
                        name, how->c);
    if (how->side > 0)
        return ONP_OK;
    if (h > ONP_DATA_MAX_SIDE || w > ONP_DATA_MAX_SIDE)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: is %lld x %lld pixels (width x height), wanted sides of 1..%d, or "
                        "data.resize",
                        name, w, h, ONP_DATA_MAX_SIDE);
    if (how->h > 0 && (h != how->h || w != how->w))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: is %lld x %lld pixels (width x height), wanted %d x %d, the size of "
                        "the others; data.resize brings images to one size",
                        name, w, h, how->w, how->h);
    return ONP_OK;
}

static void to_grey(uint8_t *pixels, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *p = pixels + 3 * i;
        pixels[i] = (uint8_t)((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16);
    }
}

/* In place, from the end: no byte is overwritten before it was read. */
static void to_colour(uint8_t *pixels, int64_t n)
{
    for (int64_t i = n - 1; i >= 0; i--)
        pixels[3 * i] = pixels[3 * i + 1] = pixels[3 * i + 2] = pixels[i];
}

onp_status onp_prepare_pixels(const onp_prepare *how, const onp_image_file *file,
                              const onp_image_shape *shape, void *scratch, uint8_t *out,
                              onp_error *err)
{
    const onp_image_shape to = onp_prepare_shape(how, shape);
    onp_image_shape from = *shape;
    uint8_t *pixels = scratch;
    ONP_TRY(onp_image_decode(file, shape, pixels, err));
    if (from.c > to.c) {
        to_grey(pixels, from.h * from.w);
        from.c = 1;
    }
    int64_t h, w;
    used_size(how, shape, &h, &w);
    const onp_view whole = onp_image_view(&from, pixels);
    const onp_view part = onp_view_part(&whole, (whole.h - h) / 2, (whole.w - w) / 2, h, w);
    onp_resize(&part, (int)to.h, (int)to.w, pixels + decoded_bytes(shape), out);
    if (from.c < to.c)
        to_colour(out, to.h * to.w);
    return ONP_OK;
}

static onp_status prepare(const onp_context *ctx, const onp_image_file *file,
                          const onp_prepare *how, onp_prepared *out, onp_error *err)
{
    onp_image_shape shape;
    ONP_TRY(onp_image_measure(file, &shape, err));
    ONP_TRY(onp_prepare_check(how, &shape, file->name, err));
    const onp_image_shape to = onp_prepare_shape(how, &shape);
    onp_prepared image = {.ctx = ctx, .h = (int)to.h, .w = (int)to.w, .c = to.c};
    void *scratch = onp_alloc(ctx, onp_prepare_scratch_bytes(how, &shape), 1);
    image.pixels = onp_alloc(ctx, onp_image_decoded_bytes(&to), 1);
    onp_status st = scratch != NULL && image.pixels != NULL
                        ? onp_prepare_pixels(how, file, &shape, scratch, image.pixels, err)
                        : onp_fail(err, ONP_E_NOMEM, "%s: no memory to decode it", file->name);
    onp_free(ctx, scratch);
    if (st == ONP_OK)
        *out = image;
    else
        onp_prepared_free(&image);
    return st;
}

onp_status onp_image_prepare(const onp_context *ctx, const char *name, const void *data,
                             size_t size, const onp_prepare *how, onp_prepared *out, onp_error *err)
{
    const onp_image_file file = {.name = name, .data = data, .size = size};
    *out = (onp_prepared){0};
    return prepare(ctx, &file, how, out, err);
}

onp_status onp_image_prepare_file(const onp_context *ctx, const char *path, const onp_prepare *how,
                                  onp_prepared *out, onp_error *err)
{
    onp_mapped_file map;
    *out = (onp_prepared){0};
    ONP_TRY(onp_file_map(path, &map, err));
    const onp_status st = onp_image_prepare(ctx, path, map.data, map.size, how, out, err);
    onp_file_unmap(&map);
    return st;
}

void onp_prepared_free(onp_prepared *image)
{
    if (image->ctx != NULL)
        onp_free(image->ctx, image->pixels);
    *image = (onp_prepared){0};
}

void onp_prepared_input(const onp_prepared *image, const onp_transform *t, float *x)
{
    const onp_dataset one = {
        .n = 1, .h = image->h, .w = image->w, .c = image->c, .images = image->pixels};
    onp_batch_image(&one, 0, 0, t, x);
}
