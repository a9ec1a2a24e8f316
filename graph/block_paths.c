/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/block_paths.h"

#include <inttypes.h>

#include "base/strbuf.h"

onp_status onp_block_paths_init(const onp_context *ctx, int32_t max_paths, int32_t max_length,
                                onp_block_paths *p, onp_error *err)
{
    const int64_t n_blocks = (int64_t)max_paths * max_length;
    if (n_blocks > INT32_MAX)
        return onp_fail(err, ONP_E_RANGE,
                        "paths: %" PRId32 " of up to %" PRId32 " blocks, wanted at most 2^31 - 1 "
                        "blocks in all",
                        max_paths, max_length);
    p->blocks = onp_alloc(ctx, (size_t)n_blocks, sizeof *p->blocks);
    p->start = onp_alloc(ctx, (size_t)max_paths + 1, sizeof *p->start);
    p->n = 0;
    if (p->blocks != NULL && p->start != NULL)
        return ONP_OK;
    onp_block_paths_reset(ctx, p);
    return onp_fail(err, ONP_E_NOMEM, "paths: no memory for %" PRId64 " blocks", n_blocks);
}

void onp_block_paths_add(onp_block_paths *p, const onp_block *blocks, int32_t n)
{
    int32_t end = p->start[p->n];
    for (int32_t i = 0; i < n; i++)
        if (!onp_block_is_free(&blocks[i]))
            p->blocks[end++] = blocks[i];
    p->start[++p->n] = end;
}

void onp_block_paths_reset(const onp_context *ctx, onp_block_paths *p)
{
    onp_free(ctx, p->blocks);
    onp_free(ctx, p->start);
    *p = (onp_block_paths){0};
}

onp_status onp_block_path_hash(const onp_context *ctx, const onp_block *blocks, int32_t n,
                               char hash[ONP_SHA256_HEX], onp_error *err)
{
    onp_strbuf keys;
    onp_strbuf_init(&keys, ctx);
    for (int32_t i = 0; i < n; i++) {
        char key[ONP_BLOCK_KEY];
        if (onp_block_is_free(&blocks[i]))
            continue;
        onp_block_key(&blocks[i], key);
        onp_strbuf_addf(&keys, "%s\n", key);
    }
    onp_status st = onp_strbuf_status(&keys, err);
    if (st == ONP_OK)
        onp_sha256(keys.text, keys.length, hash);
    onp_strbuf_reset(&keys);
    return st;
}
