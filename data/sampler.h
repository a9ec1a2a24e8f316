/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which images are visited. It has no state: which image is at a position is a
 * function of (seed, stream, position), so a resumed run continues where it was. A stream's epochs
 * follow one another, each a permutation of the list.
 *
 *     onp_sampler s;
 *     ONP_TRY(onp_sampler_init(ctx, &s, seed, STREAM, split.train, split.n_train, err));
 *     onp_sampler_take(&s, step * batch, batch, indices);
 *     onp_sampler_reset(&s);
 */
#ifndef ONP_DATA_SAMPLER_H
#define ONP_DATA_SAMPLER_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* order[0 .. n-1] = a permutation of indices[0 .. n-1], drawn for (seed, stream, epoch). The two do
 * not overlap. */
void onp_sampler_epoch(uint64_t seed, uint32_t stream, int64_t epoch, const int64_t *indices,
                       int64_t n, int64_t *order);

typedef struct onp_sampler {
    const onp_context *ctx; /* borrowed, as indices is */
    uint64_t seed;
    uint32_t stream;
    const int64_t *indices;
    int64_t n;
    int64_t *order; /* the permutation of `epoch`: a cache, nothing to save */
    int64_t epoch;  /* -1: none yet */
} onp_sampler;

/* indices: borrowed until reset. Errors: ONP_E_RANGE when n < 1, ONP_E_NOMEM; *s is then all zero.
 */
onp_status onp_sampler_init(const onp_context *ctx, onp_sampler *s, uint64_t seed, uint32_t stream,
                            const int64_t *indices, int64_t n, onp_error *err) ONP_MUST_USE;
/* out[0 .. count-1] = the images at positions position .. position+count-1 of the stream; position
 * is in epoch position / n. Allocates nothing. */
void onp_sampler_take(onp_sampler *s, int64_t position, int64_t count, int64_t *out);
void onp_sampler_reset(onp_sampler *s); /* all zero is allowed, and what it becomes */

#ifdef __cplusplus
}
#endif
#endif
