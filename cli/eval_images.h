/* SPDX-License-Identifier: Apache-2.0 */
/* What `onepath eval` does with single image files: the model's own preprocessing, then the classes
 * it finds most probable. */
#ifndef ONP_CLI_EVAL_IMAGES_H
#define ONP_CLI_EVAL_IMAGES_H

#include "cli/app.h"
#include "data/batch.h"
#include "supernet/model.h"

/* From the bytes of an image to the model's input. */
onp_transform onp_eval_transform(const onp_model *m);

/* How an image became a square; where none did, the first. */
onp_fit onp_eval_fit(const onp_model *m);

/* The name of class k, or its number where the model has no names. */
const char *onp_eval_class(const onp_model *m, int32_t k, char number[32]);

/* Prints a line for each file: its most probable classes, `top` of them (0: three). skip_bad: one
 * that cannot be read is a warning. Errors: ONP_E_FORMAT (a file, or all of them, cannot be read),
 * ONP_E_NOMEM. */
onp_status onp_eval_images(onp_app *app, const onp_model *m, char *const *files, int n, int64_t top,
                           bool skip_bad, onp_error *err) ONP_MUST_USE;

#endif
