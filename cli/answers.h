/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network answered to each image, as a safetensors file: for comparing another runtime with
 * this one.
 *
 *     onp_answers answers;
 *     ONP_TRY(onp_answers_init(&app->ctx, path, n_images, n_classes, &answers, err));
 *     onp_answers_add(&answers, logits, labels, first, n);         // batch by batch
 *     ONP_TRY_GOTO(onp_answers_save(&answers, err));
 *   done:
 *     onp_answers_reset(&answers);
 *
 * Tensors: "logits", F32 [images][classes], and "labels", I32 [images], in the order of the data.
 */
#ifndef ONP_CLI_ANSWERS_H
#define ONP_CLI_ANSWERS_H

#include "base/context.h"

typedef struct onp_answers {
    const onp_context *ctx; /* borrowed */
    const char *path;       /* borrowed; NULL: nothing is kept or written */
    int64_t n_images, n_classes;
    float *logits;
    int32_t *labels;
} onp_answers;

/* Errors: ONP_E_NOMEM; *out is then all zero. */
onp_status onp_answers_init(const onp_context *ctx, const char *path, int64_t n_images,
                            int64_t n_classes, onp_answers *out, onp_error *err) ONP_MUST_USE;
/* Images first .. first + n - 1: logits [n][classes], labels [n]. */
void onp_answers_add(onp_answers *a, const float *logits, const int32_t *labels, int64_t first,
                     int64_t n);
/* Writes the file atomically. Errors: ONP_E_IO, ONP_E_NOMEM. */
onp_status onp_answers_save(const onp_answers *a, onp_error *err) ONP_MUST_USE;
void onp_answers_reset(onp_answers *a);

#endif
