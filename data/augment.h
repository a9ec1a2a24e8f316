/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What augmentation draws for one image, and its slower parts (data/batch.h says what they are).
 * Internal to data/.
 *
 *     const onp_crop crop = onp_augment_crop(t, index, epoch, ds->h, ds->w, h, w);
 */
#ifndef ONP_DATA_AUGMENT_H
#define ONP_DATA_AUGMENT_H

#include "data/batch.h"

/* The part of an image that is wanted: from (top, left), which pad may make negative; flipped when
 * it has been cut out. h and w differ from the output's for a resized crop only. */
typedef struct onp_crop {
    int top, left, h, w;
    bool flip;
} onp_crop;

/* h, w: of the output. */
onp_crop onp_augment_crop(const onp_transform *t, int64_t index, int64_t epoch, int image_h,
                          int image_w, int h, int w);

/* The crop, all inside the image of row_bytes a row, as h x w x c values of 0 .. 255. */
void onp_augment_resample(const uint8_t *image, size_t row_bytes, int c, const onp_crop *crop,
                          int h, int w, float *x);

/* Whether values change after the crop: they are then to be of 0 .. 255 for onp_augment_finish. */
bool onp_augment_has_jitter(const onp_augment *a);

/* Brightness, saturation, normalisation; n pixels. */
void onp_augment_jitter(const onp_transform *t, int64_t index, int64_t epoch, int n, int c,
                        float *x);
void onp_augment_cutout(const onp_transform *t, int64_t index, int64_t epoch, int h, int w, int c,
                        float *x);

#endif
