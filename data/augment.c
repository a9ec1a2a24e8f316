/* SPDX-License-Identifier: Apache-2.0 */
#include "data/augment.h"

#include <math.h>
#include <string.h>

/* Blocks of random words are counted by (image, epoch, stream and use): what one use draws does not
 * depend on which others there are. */
enum use { USE_PLACE, USE_SIZE, USE_JITTER, USE_CUTOUT };

static void draw(const onp_transform *t, int64_t index, int64_t epoch, enum use use,
                 uint32_t word[4])
{
    onp_rng_block(t->rng, (uint64_t)index, (uint32_t)epoch, t->stream | (uint32_t)use << 16, word);
}

/* 0 .. n-1 from a random word, by the high half of the product */
static int scaled(uint32_t word, int n)
{
    return (int)((uint64_t)word * (uint64_t)n >> 32);
}

/* [0, 1) */
static double unit(uint32_t word)
{
    return word * 0x1p-32;
}

/* The nearest whole number, from 1 to most. */
static int side_of(double side, int most)
{
    const int whole = (int)(side + 0.5);
    return whole < 1 ? 1 : whole > most ? most : whole;
}

static void draw_size(const onp_transform *t, int64_t index, int64_t epoch, int image_h,
                      int image_w, onp_crop *crop)
{
    uint32_t word[4];
    draw(t, index, epoch, USE_SIZE, word);
    const double least = t->augment.crop_scale;
    const double area = (least + (1 - least) * unit(word[0])) * image_h * image_w;
    const double r = 0.75 + 0.25 * unit(word[1]), aspect = (word[2] & 1) != 0 ? 1 / r : r;
    crop->w = side_of(sqrt(area * aspect), image_w);
    crop->h = side_of(sqrt(area / aspect), image_h);
}

onp_crop onp_augment_crop(const onp_transform *t, int64_t index, int64_t epoch, int image_h,
                          int image_w, int h, int w)
{
    onp_crop crop = {.top = (image_h - h) / 2, .left = (image_w - w) / 2, .h = h, .w = w};
    const int pad = t->augment.pad;
    uint32_t word[4];
    if (!t->train)
        return crop;
    if (t->augment.crop_scale > 0)
        draw_size(t, index, epoch, image_h, image_w, &crop);
    else if (pad == 0 && !t->augment.flip && image_h == h && image_w == w)
        return crop;
    draw(t, index, epoch, USE_PLACE, word);
    crop.top = scaled(word[0], image_h - crop.h + 2 * pad + 1) - pad;
    crop.left = scaled(word[1], image_w - crop.w + 2 * pad + 1) - pad;
    crop.flip = t->augment.flip && (word[2] & 1) != 0;
    return crop;
}

/* Output i of n lies between inputs `low` and `high` of m, `share` of the way. */
typedef struct between {
    int low, high;
    float share;
} between;

static between find(int i, int n, int m)
{
    double at = (i + 0.5) * m / n - 0.5;
    at = at < 0 ? 0 : at > m - 1 ? m - 1 : at;
    const int low = (int)at;
    return (between){.low = low, .high = low + 1 < m ? low + 1 : low, .share = (float)(at - low)};
}

void onp_augment_resample(const uint8_t *image, size_t row_bytes, int c, const onp_crop *crop,
                          int h, int w, float *x)
{
    between column[ONP_DATA_MAX_SIDE];
    for (int j = 0; j < w; j++)
        column[j] = find(crop->flip ? w - 1 - j : j, w, crop->w);
    image += (size_t)crop->top * row_bytes + (size_t)crop->left * (size_t)c;
    for (int i = 0; i < h; i++) {
        const between row = find(i, h, crop->h);
        const uint8_t *above = image + (size_t)row.low * row_bytes;
        const uint8_t *below = image + (size_t)row.high * row_bytes;
        for (int j = 0; j < w; j++) {
            const between at = column[j];
            const int a = at.low * c, b = at.high * c;
            for (int k = 0; k < c; k++) {
                const float top =
                    (float)above[a + k] + at.share * (float)(above[b + k] - above[a + k]);
                const float bottom =
                    (float)below[a + k] + at.share * (float)(below[b + k] - below[a + k]);
                *x++ = top + row.share * (bottom - top);
            }
        }
    }
}

bool onp_augment_has_jitter(const onp_augment *a)
{
    return a->brightness > 0 || a->saturation > 0;
}

static float in_bytes(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

void onp_augment_jitter(const onp_transform *t, int64_t index, int64_t epoch, int n, int c,
                        float *x)
{
    uint32_t word[4];
    draw(t, index, epoch, USE_JITTER, word);
    const float light = (float)(1 + t->augment.brightness * (2 * unit(word[0]) - 1));
    const float colour = (float)(1 + t->augment.saturation * (2 * unit(word[1]) - 1));
    for (int i = 0; i < n; i++, x += c) {
        float v[ONP_DATA_MAX_CHANNELS];
        for (int k = 0; k < c; k++)
            v[k] = x[k] * light;
        if (c == 3) {
            const float grey = 0.299F * v[0] + 0.587F * v[1] + 0.114F * v[2];
            for (int k = 0; k < 3; k++)
                v[k] = grey + colour * (v[k] - grey);
        }
        for (int k = 0; k < c; k++)
            x[k] = in_bytes(v[k]) * t->scale[k] + t->shift[k];
    }
}

void onp_augment_cutout(const onp_transform *t, int64_t index, int64_t epoch, int h, int w, int c,
                        float *x)
{
    const int side = t->augment.cutout;
    uint32_t word[4];
    draw(t, index, epoch, USE_CUTOUT, word);
    const int top = scaled(word[0], h) - side / 2, left = scaled(word[1], w) - side / 2;
    const int first = left > 0 ? left : 0, end = left + side < w ? left + side : w;
    for (int i = top > 0 ? top : 0; i < top + side && i < h && first < end; i++)
        memset(x + ((size_t)i * (size_t)w + (size_t)first) * (size_t)c, 0,
               (size_t)(end - first) * (size_t)c * sizeof *x);
}
