/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answers.h"

#include <string.h>

#include "base/safetensors.h"

onp_status onp_answers_init(const onp_context *ctx, const char *path, int64_t n_images,
                            int64_t n_classes, onp_answers *out, onp_error *err)
{
    *out = (onp_answers){.ctx = ctx, .path = path, .n_images = n_images, .n_classes = n_classes};
    if (path == NULL)
        return ONP_OK;
    size_t count = 0;
    if (onp_mul_size((size_t)n_images, (size_t)n_classes, &count))
        out->logits = onp_alloc(ctx, count, sizeof *out->logits);
    out->labels = onp_alloc(ctx, (size_t)n_images, sizeof *out->labels);
    if (out->logits != NULL && out->labels != NULL)
        return ONP_OK;
    onp_answers_reset(out);
    return onp_fail(err, ONP_E_NOMEM, "%s: no memory for the logits of %lld images", path,
                    (long long)n_images);
}

void onp_answers_add(onp_answers *a, const float *logits, const int32_t *labels, int64_t first,
                     int64_t n)
{
    if (a->path == NULL)
        return;
    memcpy(a->logits + first * a->n_classes, logits, (size_t)(n * a->n_classes) * sizeof *logits);
    memcpy(a->labels + first, labels, (size_t)n * sizeof *labels);
}

onp_status onp_answers_save(const onp_answers *a, onp_error *err)
{
    onp_st_writer *w = NULL;
    if (a->path == NULL)
        return ONP_OK;
    const int64_t dims[2] = {a->n_images, a->n_classes};
    ONP_TRY(onp_st_writer_new(a->ctx, a->path, &w, err));
    onp_status st = onp_st_writer_add(w, "logits", ONP_ST_F32, dims, 2, a->logits, err);
    if (st == ONP_OK)
        st = onp_st_writer_add(w, "labels", ONP_ST_I32, dims, 1, a->labels, err);
    if (st == ONP_OK)
        st = onp_st_writer_commit(w, err);
    onp_st_writer_free(w);
    return st;
}

void onp_answers_reset(onp_answers *a)
{
    if (a->ctx == NULL)
        return;
    onp_free(a->ctx, a->logits);
    onp_free(a->ctx, a->labels);
    *a = (onp_answers){.path = NULL};
}
