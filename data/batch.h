/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to a batch: pad and crop, flip and normalise in one pass, without allocation.
 *
 *     onp_channel_stats stats;
 *     ONP_TRY(onp_channel_stats_measure(ctx, &ds, split.train, split.n_train, &stats, err));
 *     onp_transform train = onp_transform_train(&stats, (onp_augment){.pad = 4, .flip = true},
 * seed, 0); onp_batch_fill(&ds, indices, batch, epoch, &train, x, labels);
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

/* All zero: none. */
typedef struct onp_augment {
    int pad;   /* pixels, >= 0: shift by -pad .. pad each way, zero bytes (black) coming in */
    bool flip; /* mirror left and right, one time in two */
} onp_augment;

/* y = byte * scale + shift per channel, after augmentation. */
typedef struct onp_transform {
    float scale[ONP_DATA_MAX_CHANNELS], shift[ONP_DATA_MAX_CHANNELS];
    onp_augment augment;
    onp_rng rng;
    uint32_t stream;
} onp_transform;

/* (byte / 255 - mean) / deviation, no augmentation. */
onp_transform onp_transform_eval(const onp_channel_stats *stats);
/* The same with augmentation. What happens to an image depends on (seed, stream, its index in the
 * data set, epoch) only. */
onp_transform onp_transform_train(const onp_channel_stats *stats, onp_augment augment,
                                  uint64_t seed, uint32_t stream);

/* One image of the data set, transformed, into x (h, w, c). Threads may call it at the same time,
 * for a loop that does more per image than this. index in 0 .. n-1, epoch in 0 .. 2^32-1. */
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
