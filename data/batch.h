/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to a batch: cut out, augmented and normalised, without allocation.
 *
 *     onp_channel_stats stats;
 *     ONP_TRY(onp_channel_stats_measure(ctx, &ds, split.train, split.n_train, &stats, err));
 *     const onp_augment augment = {.pad = 4, .flip = true};
 *     onp_transform train = onp_transform_train(&stats, augment, seed, 0);
 *     onp_batch_fill(&ds, indices, batch, epoch, &train, x, labels);
 */
#ifndef ONP_DATA_BATCH_H
#define ONP_DATA_BATCH_H

#include "base/philox.h"
#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Per channel, of pixel values in 0 .. 1 (byte / 255). The deviation is the population's. */
typedef struct onp_channel_stats {
    int c;
    double mean[ONP_DATA_MAX_CHANNELS], deviation[ONP_DATA_MAX_CHANNELS];
} onp_channel_stats;

/*
 * Measured on the images of the list, in parallel. Sums are of integers, hence exact and the same
 * on any number of threads. On failure *out is untouched. Errors: ONP_E_RANGE when n < 1,
 * ONP_E_FORMAT when a channel is constant, ONP_E_NOMEM.
 */
onp_status onp_channel_stats_measure(const onp_context *ctx, const onp_dataset *ds,
                                     const int64_t *indices, int64_t n, onp_channel_stats *out,
                                     onp_error *err) ONP_MUST_USE;

/*
 * What changes an image of H x W pixels of which h x w are wanted, in this order; all zero: only a
 * random place where h x w is less. Draws are uniform.
 *
 * pad: pixels, >= 0. The h x w pixels lie anywhere in the image with so many black ones around it:
 *     their first row is one of -pad .. H - h + pad, their first column likewise.
 * crop_scale: in (0, 1], with pad 0, instead of that (0: not): a random resized crop. Its area a H
 * W has a in crop_scale .. 1, its aspect is r in 3/4 .. 1 or, one time in two, 1 / r; its sides
 *     sqrt(area * aspect) and sqrt(area / aspect) are rounded and no longer than the image's; its
 *     place is any. It becomes h x w pixels by bilinear interpolation between pixel centres (not
 *     antialiased), within the crop.
 * flip: mirrored left and right, one time in two.
 * brightness: in 0 .. 1. All values times 1 + b, b in -brightness .. brightness.
 * saturation: in 0 .. 1; of three channels. Values become g + (1 + s) (v - g), s in
 *     -saturation .. saturation, g = 0.299 R + 0.587 G + 0.114 B. Then, as after brightness alone,
 *     values are kept in 0 .. 255.
 * cutout: pixels. After normalisation a square of this side is 0 (the mean colour); its middle is
 *     any pixel, what lies outside is cut off: it begins cutout / 2, rounded down, before.
 */
typedef struct onp_augment {
    int pad;
    bool flip;
    double crop_scale, brightness, saturation;
    int cutout;
} onp_augment;

/* y = byte * scale + shift per channel, after augmentation. */
typedef struct onp_transform {
    float scale[ONP_DATA_MAX_CHANNELS], shift[ONP_DATA_MAX_CHANNELS];
    int h, w; /* of the output, no more than the image's; 0: the image's */
    bool train;
    onp_augment augment; /* when train; else the middle of the image, rounded down */
    onp_rng rng;
    uint32_t stream;
} onp_transform;

/* (byte / 255 - mean) / deviation, no augmentation; h and w are 0. */
onp_transform onp_transform_eval(const onp_channel_stats *stats);
/* The same with augmentation. What happens to an image depends on (seed, stream, its index in the
 * data set, epoch) only. */
onp_transform onp_transform_train(const onp_channel_stats *stats, onp_augment augment,
                                  uint64_t seed, uint32_t stream);

/* One image of the data set, transformed, into x (h, w, c), h and w of the transform. Threads may
 * call it at the same time, for a loop that does more per image than this. index in 0 .. n-1, epoch
 * in 0 .. 2^32-1. */
void onp_batch_image(const onp_dataset *ds, int64_t index, int64_t epoch, const onp_transform *t,
                     float *x);

/* n images into x (n, h, w, c) and their labels (n; may be NULL), in parallel over images: not to
 * be called inside a parallel loop. */
void onp_batch_fill(const onp_dataset *ds, const int64_t *indices, int64_t n, int64_t epoch,
                    const onp_transform *t, float *x, int32_t *labels);

#ifdef __cplusplus
}
#endif
#endif
