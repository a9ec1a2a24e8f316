/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network answered, counted over the images of a test: how often which class was taken for
 * which, and the images that it got most wrong.
 *
 *     onp_tally t;
 *     ONP_TRY(onp_tally_init(ctx, n_classes, &t, err));
 *     onp_tally_add(&t, logits, labels, first, n);            // for each batch
 *     int64_t cats_for_dogs = t.confusion[DOG * t.n_classes + CAT];
 *     onp_tally_reset(&t);
 */
#ifndef ONP_SEARCH_TALLY_H
#define ONP_SEARCH_TALLY_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_TALLY_WORST         16
#define ONP_TALLY_MAX_CONFUSION 1024 /* classes; the matrix grows with their square */

typedef struct onp_answer {
    int64_t image; /* as the caller numbers them */
    int32_t truth, answer;
    double p;    /* of the answer */
    double loss; /* -ln of the probability of the truth */
} onp_answer;

typedef struct onp_tally {
    const onp_context *ctx;
    int32_t n_classes;
    int64_t n, hits;
    int64_t *images, *right; /* [n_classes]: images of a class, those of them answered right */
    int64_t *confusion;      /* [truth][answer]; NULL above ONP_TALLY_MAX_CONFUSION classes */
    onp_answer worst[ONP_TALLY_WORST]; /* the largest loss first; of equal ones the earlier image */
    int n_worst;
} onp_tally;

/* Errors: ONP_E_NOMEM; *out can be reset all the same. */
onp_status onp_tally_init(const onp_context *ctx, int32_t n_classes, onp_tally *out,
                          onp_error *err) ONP_MUST_USE;
void onp_tally_reset(onp_tally *t); /* all zero allowed */

/* The answer to one image from its logits [n_classes], softmax in double; of equal logits the
 * first class. truth: as it is. */
onp_answer onp_tally_answer(const float *logits, int32_t n_classes, int32_t truth, int64_t image);
/* Adds n images numbered from first: logits [n][n_classes], labels [n], each in 0..n_classes-1. */
void onp_tally_add(onp_tally *t, const float *logits, const int32_t *labels, int64_t first,
                   int64_t n);

#ifdef __cplusplus
}
#endif
#endif
