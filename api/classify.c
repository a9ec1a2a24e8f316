/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "api/input.h"
#include "api/model.h"

/* Where an image file is: a path, or bytes of it. */
typedef struct image_source {
    const char *path;
    const void *data;
    size_t size;
} image_source;

static onp_status prepare(const onepath_model *m, const image_source *from, onp_prepared *out,
                          onp_error *err)
{
    const onp_context *ctx = &m->ctx->base;
    const onp_prepare how = onp_input_prepare(m->model);
    if (from->path != NULL)
        return onp_image_prepare_file(ctx, from->path, &how, out, err);
    return onp_image_prepare(ctx, "image", from->data, from->size, &how, out, err);
}

/* In place: p = exp(x) / sum exp(x). */
static void softmax(float *x, int32_t n)
{
    float most = x[0];
    double sum = 0;
    for (int32_t k = 1; k < n; k++)
        most = fmaxf(most, x[k]);
    for (int32_t k = 0; k < n; k++)
        sum += exp((double)x[k] - (double)most);
    for (int32_t k = 0; k < n; k++)
        x[k] = (float)(exp((double)x[k] - (double)most) / sum);
}

static onepath_status classify(onepath_model *m, const image_source *from, float *probabilities,
                               onepath_error *err)
{
    onp_error e = {0};
    onp_prepared image;
    const onp_api_host host = onp_api_enter(m->ctx);
    const onp_status st = prepare(m, from, &image, &e);
    if (st == ONP_OK) {
        const onp_transform t = onp_input_transform(m->model);
        onp_prepared_input(&image, &t, m->net.input);
        onp_plan_run(m->plan);
        memcpy(probabilities, m->net.logits, (size_t)m->info.n_classes * sizeof *probabilities);
        softmax(probabilities, m->info.n_classes);
        onp_prepared_free(&image);
    }
    return onp_api_leave(host, st, &e, err);
}

onepath_status onepath_model_classify_file(onepath_model *m, const char *path, float *probabilities,
                                           onepath_error *err)
{
    const image_source from = {.path = path};
    return classify(m, &from, probabilities, err);
}

onepath_status onepath_model_classify_bytes(onepath_model *m, const void *data, size_t size,
                                            float *probabilities, onepath_error *err)
{
    const image_source from = {.data = data, .size = size};
    return classify(m, &from, probabilities, err);
}
