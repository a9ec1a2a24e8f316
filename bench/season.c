/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/season.h"

#define IMAGES 8

void bench_spread_norms(onp_model *m, uint64_t seed)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_SYNTHETIC);
    for (int32_t i = 0; i < m->arch->n_blocks; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n = onp_block_params(&m->arch->blocks[i], ONP_MODE_TRAIN, specs);
        float *w = m->net->slabs[i][0].weights;
        for (int k = 0; k < n; k++) {
            const int64_t count = onp_shape_count(specs[k].shape);
            const bool gamma = specs[k].role == ONP_PARAM_GAMMA;
            const uint32_t stream = (uint32_t)i * ONP_BLOCK_MAX_PARAMS + (uint32_t)k;
            for (int64_t j = 0; j < count && (gamma || specs[k].role == ONP_PARAM_BETA); j++)
                w[j] = (float)((gamma ? 1.0 : 0.0) +
                               0.25 * onp_rng_normal(rng, (uint64_t)j, stream, 1));
            w += count;
        }
    }
}

onp_status bench_season(onp_model *m, uint64_t seed, onp_error *err)
{
    const onp_arch *a = m->arch;
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_SYNTHETIC);
    onp_step *step = NULL;
    bench_spread_norms(m, seed);
    ONP_TRY(onp_step_new(m->ctx, m->net, IMAGES, &step, err));
    const int64_t pixels = (int64_t)IMAGES * a->in_h * a->in_w * a->in_c;
    for (int64_t i = 0; i < pixels; i++)
        onp_step_images(step)[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 2);
    double *sums = onp_alloc(m->ctx, (size_t)m->n_stats, sizeof *sums);
    onp_status st = sums != NULL ? onp_step_statistics(step, IMAGES, m->path, sums, err)
                                 : onp_fail(err, ONP_E_NOMEM, "no memory for the statistics");
    if (st == ONP_OK)
        onp_step_statistics_finish(step, m->path, sums, 1, m->stats);
    onp_free(m->ctx, sums);
    onp_step_free(step);
    return st;
}
