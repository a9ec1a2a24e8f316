/* SPDX-License-Identifier: Apache-2.0 */
/* What `onepath eval` does with single image files: the model's own preprocessing, then the classes
 * it finds most probable. */
#ifndef ONP_CLI_EVAL_IMAGES_H
#define ONP_CLI_EVAL_IMAGES_H

#include "cli/app.h"
#include "supernet/model.h"

/* Prints a line for each file: its most probable classes, `top` of them (0: three). skip_bad: one
 * that cannot be read is a warning. Errors: ONP_E_FORMAT (a file, or all of them, cannot be read),
 * ONP_E_NOMEM. */
onp_status onp_eval_images(onp_app *app, const onp_model *m, char *const *files, int n, int64_t top,
                           bool skip_bad, onp_error *err) ONP_MUST_USE;

#endif
