/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How somebody's images are best searched on: space, resolution, splits, augmentation, epochs. What
 * was not asked for is chosen by what the images are, so that the whole takes about an hour at most
 * on this machine; each choice is told in a line of the log.
 *
 *     onp_init_choice c;
 *     ONP_TRY(onp_init_choose(&app->ctx, &survey, &wish, &c, err));
 */
#ifndef ONP_CLI_INIT_CHOOSE_H
#define ONP_CLI_INIT_CHOOSE_H

#include "cli/app.h"
#include "data/survey.h"

/* All zero: nothing is asked for. */
typedef struct onp_init_wish {
    const char *space;           /* a path, or the name of a space that comes with the program */
    int64_t resolution;          /* side of the network's input */
    int64_t epochs;              /* to train the network that is found */
    int64_t validation, holdout; /* images */
} onp_init_wish;

typedef struct onp_init_choice {
    char space[ONP_APP_PATH]; /* absolute */
    int64_t resolution;
    int64_t resize;                       /* side of the stored images; 0: as they are */
    int64_t holdout, validation, n_train; /* images; n_train: those left to train on */
    int64_t pad;                          /* augmentation: one of pad and crop_scale is 0 */
    double crop_scale, brightness, saturation;
    bool flip;
    int64_t batch, warmup_epochs, epochs, every, train_epochs;
    double lr;
    double seconds; /* what all this may take on this machine */
} onp_init_choice;

/* Errors: ONP_E_FORMAT (too few images of a class), ONP_E_USAGE (a wish that cannot be met),
 * ONP_E_CONFIG (a space that cannot be read), ONP_E_NOMEM. */
onp_status onp_init_choose(const onp_context *ctx, const onp_survey *s, const onp_init_wish *wish,
                           onp_init_choice *out, onp_error *err) ONP_MUST_USE;

#endif
