/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network without training that behaves as one with it.
 *
 *     ONP_TRY(onp_model_from_arch(&ctx, arch, 1, &model, err));
 *     ONP_TRY(bench_season(model, 1, err));
 */
#ifndef ONP_BENCH_SEASON_H
#define ONP_BENCH_SEASON_H

#include "supernet/model.h"

/*
 * Gives a fresh model what training would: gamma and beta with some spread, and the batch-norm
 * statistics of random images, so that activations are near 1 everywhere. Without it they fade to
 * nothing, which spoils both times and comparisons. Errors: ONP_E_NOMEM.
 */
onp_status bench_season(onp_model *m, uint64_t seed, onp_error *err) ONP_MUST_USE;

/* Only the spread of gamma and beta. */
void bench_spread_norms(onp_model *m, uint64_t seed);

#endif
