/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run is fed with: the data sets of its configuration, the split, and the three streams of
 * batches. Which images a batch holds is a function of (seed, stream, position), so a resumed run
 * goes on where it was.
 *
 *     onp_feed feed;
 *     ONP_TRY(onp_feed_open(ctx, cfg, &feed, err));
 *     onp_feed_batch(&feed, ONP_STREAM_WEIGHTS, step, 64, images, labels);
 */
#ifndef ONP_SEARCH_FEED_H
#define ONP_SEARCH_FEED_H

#include "data/batch.h"
#include "data/sampler.h"
#include "data/split.h"
#include "search/config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_stream {
    ONP_STREAM_WEIGHTS,      /* training split, augmented */
    ONP_STREAM_ARCHITECTURE, /* validation split, evaluation transform */
    ONP_STREAM_RETRAIN,      /* training and validation split, augmented */
    ONP_STREAM_COUNT
} onp_stream;

typedef struct onp_feed {
    const onp_context *ctx;
    onp_dataset train;
    onp_dataset test;         /* with data.holdout: borrows what train has */
    const int64_t *test_list; /* which images of `test` to test on; NULL: the first n_test */
    int64_t n_test;
    onp_split split;
    int64_t *all; /* training and validation images, for retraining */
    int64_t n_all;
    onp_channel_stats stats; /* of the training split */
    onp_sampler sampler[ONP_STREAM_COUNT];
    onp_transform transform[ONP_STREAM_COUNT];
    onp_transform eval;
    int64_t *indices; /* of the batch being filled */
    int64_t max_batch;
} onp_feed;

/*
 * Opens both data sets, splits, measures the channels. cfg: borrowed for the call; its space gets
 * the channels and classes of the data, with a message when it had others. On failure *out is all
 * zero. Errors: those of data/, ONP_E_CONFIG when the size does not fit the space, train and test
 * have other classes, a split is smaller than its batch, or there is no folder for the cache.
 */
onp_status onp_feed_open(const onp_context *ctx, const onp_config *cfg, onp_feed *out,
                         onp_error *err) ONP_MUST_USE;
void onp_feed_close(onp_feed *f); /* all zero allowed */

/* What onp_feed_open does to the space of cfg, and no more. The same errors. */
onp_status onp_feed_fit_space(const onp_context *ctx, const onp_config *cfg,
                              onp_error *err) ONP_MUST_USE;

/* Where pack files go: `given` (a configuration's data.cache) or, when it is NULL, the user's cache
 * folder. Errors: ONP_E_CONFIG. */
onp_status onp_feed_cache_folder(const char *given, char *out, size_t size,
                                 onp_error *err) ONP_MUST_USE;

/* Makes the network's input h x w pixels, where it is not what the space of the configuration says.
 * ONP_E_CONFIG when the images are smaller. */
onp_status onp_feed_set_input(onp_feed *f, int64_t h, int64_t w, onp_error *err) ONP_MUST_USE;

/* Whole batches in one epoch of a stream. */
int64_t onp_feed_batches(const onp_feed *f, onp_stream stream, int64_t batch);
/* Batch number `step` of a stream, counted through all epochs; an epoch has onp_feed_batches(), its
 * short rest is dropped. */
void onp_feed_batch(onp_feed *f, onp_stream stream, int64_t step, int64_t batch, float *images,
                    int32_t *labels);

/* Images [first, first + n) of a list of a data set (NULL: of the set itself), evaluation
 * transform; n is at most the larger of the two batches of the configuration. */
void onp_feed_range(const onp_feed *f, const onp_dataset *ds, const int64_t *list, int64_t first,
                    int64_t n, float *images, int32_t *labels);

#ifdef __cplusplus
}
#endif
#endif
