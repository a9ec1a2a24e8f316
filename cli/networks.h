/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which networks of a space to measure, for comparing them with what the table predicts: the
 * corners and others from all over the range.
 *
 *     onp_block_paths networks = {0};
 *     ONP_TRY(onp_networks_choose(app, space, store, platform, 30, seed, &networks, err));
 *     onp_block_paths_reset(&app->ctx, &networks);
 */
#ifndef ONP_CLI_NETWORKS_H
#define ONP_CLI_NETWORKS_H

#include "cli/app.h"
#include "latency/table/store.h"
#include "supernet/space.h"
#include "supernet/space_sample.h"

/*
 * n networks, no two alike: the corners of the space (onp_space_families), and one of each of as
 * many bins as are left of a pool of all sizes, by predicted latency: the sum of rows where all are
 * there, else multiply-accumulates. Fewer where the space has fewer. *out is the caller's. Errors:
 * ONP_E_RANGE (n is less than the corners), ONP_E_NOMEM, those of the store.
 */
onp_status onp_networks_choose(const onp_app *app, const onp_space *space, onp_store *store,
                               int64_t platform, int32_t n, uint64_t seed, onp_block_paths *out,
                               onp_error *err) ONP_MUST_USE;

#endif
