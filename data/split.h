/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split of a training set into images to train on, images for validation and, where there is no
 * test set, images to test on: all balanced over the classes.
 *
 *     onp_split_options options = {.seed = 1, .limit = 6000, .validation = 1000};
 *     onp_split split;
 *     ONP_TRY(onp_split_make(ctx, &ds, &options, &split, err));
 *     ... split.train[0 .. split.n_train-1] ...
 *     onp_split_free(&split);
 */
#ifndef ONP_DATA_SPLIT_H
#define ONP_DATA_SPLIT_H

#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_split_options {
    uint64_t seed;
    int64_t holdout;    /* take this many out first, to test on */
    int64_t limit;      /* of the others, use this many in all; 0: all of them */
    int64_t validation; /* of those, take this many for validation */
} onp_split_options;

/* Indices into the data set, disjoint. */
typedef struct onp_split {
    int64_t *train;
    int64_t n_train;
    int64_t *validation; /* valid when n_validation is 0 too */
    int64_t n_validation;
    int64_t *holdout; /* valid when n_holdout is 0 too */
    int64_t n_holdout;
    const onp_context *ctx; /* borrowed until free */
} onp_split;

/*
 * One permutation of the data set is drawn from the seed. `holdout` takes the first images of each
 * class in it, so that these depend on seed and holdout only; `limit` takes the next, and
 * `validation` the first of those, so the images used do not depend on validation. A number N is
 * dealt to the classes in turn, one image a round, those that have no more left
 * out: N / classes each, the remainder to the classes that come first, a small class's part to the
 * others. A class gives more than half of what it has to holdout or validation only where the other
 * classes have no half left to give. The lists are in the order of the permutation, so that the
 * first k of a list are a fair sample.
 *
 * On failure *out is all zero. Errors: ONP_E_CONFIG (more asked for than there is, a class that
 * would keep no training image), ONP_E_FORMAT (a class without images), ONP_E_NOMEM.
 */
onp_status onp_split_make(const onp_context *ctx, const onp_dataset *ds,
                          const onp_split_options *options, onp_split *out,
                          onp_error *err) ONP_MUST_USE;
void onp_split_free(onp_split *split); /* all zero is allowed, and what it becomes */

#ifdef __cplusplus
}
#endif
#endif
