/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole networks drawn from a space, as lists of blocks: for measuring blocks in their context, and
 * for comparing predicted with measured networks.
 *
 *     onp_block_paths paths = {0};
 *     ONP_TRY(onp_space_cover(ctx, space, seed, 10, &paths, err));
 *     ...
 *     onp_block_paths_reset(ctx, &paths);
 *
 * All are functions of space and seed. Zero and identity take part in the draw and are left out of
 * the lists. *out goes in all zero and is the caller's (onp_block_paths_reset); it stays all zero
 * on errors: ONP_E_RANGE (a count below 1, or more blocks than a list holds), ONP_E_NOMEM.
 */
#ifndef ONP_SUPERNET_SPACE_SAMPLE_H
#define ONP_SUPERNET_SPACE_SAMPLE_H

#include "graph/block_paths.h"
#include "supernet/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Random paths in `times` rounds. A round has as many paths as the widest position has candidates;
 * in each round every candidate of every position stands in at least one path, and over the rounds
 * the counts of a position's candidates differ by one at most. A round does not depend on `times`:
 * more rounds begin with the same paths.
 */
onp_status onp_space_cover(const onp_context *ctx, const onp_space *space, uint64_t seed,
                           int32_t times, onp_block_paths *out, onp_error *err) ONP_MUST_USE;
/* Paths in one round. */
int32_t onp_space_cover_round(const onp_space *space);

/* n independent paths, every candidate of a position as likely as another. */
onp_status onp_space_sample(const onp_context *ctx, const onp_space *space, uint64_t seed,
                            int32_t n, onp_block_paths *out, onp_error *err) ONP_MUST_USE;

/* n paths of all sizes, from small to large: in path i a position's candidates are drawn with
 * weights exp(t * r), r in -1..1 by their rank in multiply-accumulates and t going from -4 to 4.
 * (Independent paths are nearly all of the same size: sums of many.) */
onp_status onp_space_spread(const onp_context *ctx, const onp_space *space, uint64_t seed,
                            int32_t n, onp_block_paths *out, onp_error *err) ONP_MUST_USE;

/*
 * The corners: the path of fewest multiply-accumulates, the one of most, then for each candidate of
 * the space's list (zero and identity left out) the path that has it wherever it may stand, else
 * the position's first. A path that is there already is left out.
 */
onp_status onp_space_families(const onp_context *ctx, const onp_space *space, onp_block_paths *out,
                              onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
