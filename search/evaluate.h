/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation of a path: batch-norm statistics recalibrated on training images, then the share of
 * right answers on a list of images.
 *
 *     float *stats = onp_alloc(ctx, onp_step_n_stats(step, path), sizeof *stats);
 *     ONP_TRY(onp_recalibrate(step, feed, list, n, 64, path, stats, err));
 *     ONP_TRY(onp_evaluate(step, feed, &feed->test, feed->test_list, feed->n_test, 64, path, stats,
 *                          &tally, &score, err));
 */
#ifndef ONP_SEARCH_EVALUATE_H
#define ONP_SEARCH_EVALUATE_H

#include "search/feed.h"
#include "search/tally.h"
#include "supernet/step.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Images that statistics are taken from. */
#define ONP_RECALIBRATION_IMAGES 2048

typedef struct onp_score {
    int64_t n, hits;
    double loss; /* mean cross entropy, no smoothing */
} onp_score;

/* Statistics of the path's batch norms over whole batches of the first ONP_RECALIBRATION_IMAGES (or
 * n, when fewer) images of the list, one batch at least, in order, evaluation transform. stats:
 * onp_step_n_stats() floats. n >= batch. Errors: those of onp_step_statistics. */
onp_status onp_recalibrate(onp_step *step, const onp_feed *feed, const int64_t *list, int64_t n,
                           int64_t batch, const int32_t *path, float *stats,
                           onp_error *err) ONP_MUST_USE;

/* Score on n images of ds: those of the list, or the first n when it is NULL. tally (may be NULL)
 * gets the answers too; it numbers images by their place in the list, or in ds. */
onp_status onp_evaluate(onp_step *step, const onp_feed *feed, const onp_dataset *ds,
                        const int64_t *list, int64_t n, int64_t batch, const int32_t *path,
                        float *stats, onp_tally *tally, onp_score *out,
                        onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
