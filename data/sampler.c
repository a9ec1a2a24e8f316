/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sampler.h"

#include <string.h>

#include "base/philox.h"

/* Fisher and Yates' shuffle, built while copying ("inside out"). */
void onp_sampler_epoch(uint64_t seed, uint32_t stream, int64_t epoch, const int64_t *indices,
                       int64_t n, int64_t *order)
{
    onp_rng r = onp_rng_make(seed, ONP_RNG_SHUFFLE);
    for (int64_t i = 0; i < n; i++) {
        int64_t j =
            (int64_t)onp_rng_below(r, (uint64_t)i, (uint32_t)epoch, stream, (uint64_t)i + 1);
        if (j < i)
            order[i] = order[j];
        order[j] = indices[i];
    }
}

onp_status onp_sampler_init(const onp_context *ctx, onp_sampler *s, uint64_t seed, uint32_t stream,
                            const int64_t *indices, int64_t n, onp_error *err)
{
    *s = (onp_sampler){0};
    if (n < 1)
        return onp_fail(err, ONP_E_RANGE, "sampler: %lld images, wanted at least 1", (long long)n);
    int64_t *order = onp_alloc(ctx, (size_t)n, sizeof *order);
    if (order == NULL)
        return onp_fail(err, ONP_E_NOMEM, "sampler: out of memory for %lld images", (long long)n);
    *s = (onp_sampler){.ctx = ctx,
                       .seed = seed,
                       .stream = stream,
                       .indices = indices,
                       .n = n,
                       .order = order,
                       .epoch = -1};
    return ONP_OK;
}

void onp_sampler_take(onp_sampler *s, int64_t position, int64_t count, int64_t *out)
{
    while (count > 0) {
        int64_t epoch = position / s->n, at = position % s->n;
        int64_t run = s->n - at < count ? s->n - at : count;
        if (epoch != s->epoch)
            onp_sampler_epoch(s->seed, s->stream, epoch, s->indices, s->n, s->order);
        s->epoch = epoch;
        memcpy(out, s->order + at, (size_t)run * sizeof *out);
        position += run;
        count -= run;
        out += run;
    }
}

void onp_sampler_reset(onp_sampler *s)
{
    if (s->order != NULL)
        onp_free(s->ctx, s->order);
    *s = (onp_sampler){0};
}
