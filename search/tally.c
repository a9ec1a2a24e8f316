/* SPDX-License-Identifier: Apache-2.0 */
#include "search/tally.h"

#include <math.h>
#include <string.h>

onp_status onp_tally_init(const onp_context *ctx, int32_t n_classes, onp_tally *out, onp_error *err)
{
    const size_t n = (size_t)n_classes;
    *out = (onp_tally){.ctx = ctx, .n_classes = n_classes};
    out->images = onp_alloc(ctx, n, sizeof *out->images);
    out->right = onp_alloc(ctx, n, sizeof *out->right);
    if (n_classes <= ONP_TALLY_MAX_CONFUSION)
        out->confusion = onp_alloc(ctx, n, n * sizeof *out->confusion);
    if (out->images == NULL || out->right == NULL ||
        (out->confusion == NULL && n_classes <= ONP_TALLY_MAX_CONFUSION))
        return onp_fail(err, ONP_E_NOMEM, "out of memory to count the answers of %d classes",
                        (int)n_classes);
    return ONP_OK;
}

void onp_tally_reset(onp_tally *t)
{
    if (t->ctx == NULL)
        return;
    onp_free(t->ctx, t->images);
    onp_free(t->ctx, t->right);
    onp_free(t->ctx, t->confusion);
    *t = (onp_tally){0};
}

onp_answer onp_tally_answer(const float *logits, int32_t n_classes, int32_t truth, int64_t image)
{
    int32_t best = 0;
    double sum = 0;
    for (int32_t k = 1; k < n_classes; k++)
        best = logits[k] > logits[best] ? k : best;
    for (int32_t k = 0; k < n_classes; k++)
        sum += exp((double)logits[k] - (double)logits[best]);
    return (onp_answer){.image = image,
                        .truth = truth,
                        .answer = best,
                        .p = 1 / sum,
                        .loss = log(sum) - ((double)logits[truth] - (double)logits[best])};
}

static void keep_if_worst(onp_tally *t, const onp_answer *a)
{
    int i = t->n_worst;
    while (i > 0 && t->worst[i - 1].loss < a->loss)
        i--;
    if (i == ONP_TALLY_WORST)
        return;
    t->n_worst += t->n_worst < ONP_TALLY_WORST;
    memmove(&t->worst[i + 1], &t->worst[i], (size_t)(t->n_worst - 1 - i) * sizeof *t->worst);
    t->worst[i] = *a;
}

void onp_tally_add(onp_tally *t, const float *logits, const int32_t *labels, int64_t first,
                   int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const onp_answer a =
            onp_tally_answer(logits + i * t->n_classes, t->n_classes, labels[i], first + i);
        if (t->confusion != NULL)
            t->confusion[(int64_t)a.truth * t->n_classes + a.answer]++;
        t->images[a.truth]++;
        t->right[a.truth] += a.answer == a.truth;
        t->hits += a.answer == a.truth;
        keep_if_worst(t, &a);
    }
    t->n += n;
}
