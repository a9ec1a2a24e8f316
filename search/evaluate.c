/* SPDX-License-Identifier: Apache-2.0 */
#include "search/evaluate.h"

onp_status onp_recalibrate(onp_step *step, const onp_feed *feed, const int64_t *list, int64_t n,
                           int64_t batch, const int32_t *path, float *stats, onp_error *err)
{
    const int64_t n_stats = onp_step_n_stats(step, path);
    const int64_t images = n < ONP_RECALIBRATION_IMAGES ? n : ONP_RECALIBRATION_IMAGES;
    const int64_t batches = images > batch ? images / batch : 1;
    double *sums = onp_alloc(feed->ctx, (size_t)n_stats, sizeof *sums);
    if (sums == NULL)
        return onp_fail(err, ONP_E_NOMEM, "recalibration: out of memory");
    onp_status st = ONP_OK;
    for (int64_t i = 0; i < batches && st == ONP_OK; i++) {
        onp_feed_range(feed, &feed->train, list, i * batch, batch, onp_step_images(step),
                       onp_step_labels(step));
        st = onp_step_statistics(step, batch, path, sums, err);
    }
    if (st == ONP_OK)
        onp_step_statistics_finish(step, path, sums, batches, stats);
    onp_free(feed->ctx, sums);
    return st;
}

/* logits: [batch][classes], or NULL where there is no tally. */
static onp_status evaluate(onp_step *step, const onp_feed *feed, const onp_dataset *ds,
                           const int64_t *list, int64_t n, int64_t batch, const int32_t *path,
                           float *stats, float *logits, onp_tally *tally, onp_score *out,
                           onp_error *err)
{
    onp_score score = {.n = n};
    double loss = 0;
    for (int64_t first = 0; first < n; first += batch) {
        const int64_t count = n - first < batch ? n - first : batch;
        onp_step_result r;
        onp_feed_range(feed, ds, list, first, count, onp_step_images(step), onp_step_labels(step));
        ONP_TRY(onp_step_infer(step, count, path, stats, logits, &r, err));
        if (tally != NULL)
            onp_tally_add(tally, logits, onp_step_labels(step), first, count);
        score.hits += r.hits;
        loss += r.loss * (double)count;
    }
    score.loss = n > 0 ? loss / (double)n : 0;
    *out = score;
    return ONP_OK;
}

onp_status onp_evaluate(onp_step *step, const onp_feed *feed, const onp_dataset *ds,
                        const int64_t *list, int64_t n, int64_t batch, const int32_t *path,
                        float *stats, onp_tally *tally, onp_score *out, onp_error *err)
{
    float *logits = NULL;
    if (tally != NULL) {
        logits = onp_alloc(feed->ctx, (size_t)batch, (size_t)tally->n_classes * sizeof *logits);
        if (logits == NULL)
            return onp_fail(err, ONP_E_NOMEM, "evaluation: out of memory");
    }
    onp_status st = evaluate(step, feed, ds, list, n, batch, path, stats, logits, tally, out, err);
    onp_free(feed->ctx, logits);
    return st;
}
