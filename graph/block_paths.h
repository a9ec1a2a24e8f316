/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole networks as lists of blocks: what a search space hands to those who measure or predict
 * networks and know nothing of spaces.
 *
 *     onp_block_paths paths = {0};
 *     ONP_TRY(onp_space_cover(ctx, space, seed, 20, &paths, err));
 *     for (int32_t i = 0; i < paths.n; i++)
 *         measure(onp_block_path(&paths, i), onp_block_path_length(&paths, i));
 *     onp_block_paths_reset(ctx, &paths);
 */
#ifndef ONP_GRAPH_BLOCK_PATHS_H
#define ONP_GRAPH_BLOCK_PATHS_H

#include "base/file.h"
#include "graph/block.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Path i is blocks[start[i]] .. blocks[start[i + 1] - 1], from input to output, zero and identity
 * left out. */
typedef struct onp_block_paths {
    onp_block *blocks;
    int32_t *start; /* n + 1 */
    int32_t n;
} onp_block_paths;

/* Makes room for max_paths paths of max_length blocks in an all-zero *p; there are none yet. *p is
 * the caller's (onp_block_paths_reset). Errors: ONP_E_RANGE (more than 2^31 - 1 blocks),
 * ONP_E_NOMEM; *p is then all zero. */
onp_status onp_block_paths_init(const onp_context *ctx, int32_t max_paths, int32_t max_length,
                                onp_block_paths *p, onp_error *err) ONP_MUST_USE;
/* Appends a path of blocks[0..n-1], the free ones left out. There must be room. */
void onp_block_paths_add(onp_block_paths *p, const onp_block *blocks, int32_t n);
/* Releases what p holds; *p is then all zero. */
void onp_block_paths_reset(const onp_context *ctx, onp_block_paths *p);

/* SHA-256 of the keys of blocks[0..n-1], one a line, free ones left out: what a network of these
 * blocks is known by in a latency table. Errors: ONP_E_NOMEM; hash is then unchanged. */
onp_status onp_block_path_hash(const onp_context *ctx, const onp_block *blocks, int32_t n,
                               char hash[ONP_SHA256_HEX], onp_error *err) ONP_MUST_USE;

static inline const onp_block *onp_block_path(const onp_block_paths *p, int32_t i)
{
    return p->blocks + p->start[i];
}

static inline int32_t onp_block_path_length(const onp_block_paths *p, int32_t i)
{
    return p->start[i + 1] - p->start[i];
}

#ifdef __cplusplus
}
#endif
#endif
