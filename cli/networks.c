/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/networks.h"

#include <inttypes.h>
#include <string.h>

#include "latency/table/estimate_sum.h"
#include "latency/table/validation.h"

enum { POOL = 300 };

typedef struct chooser {
    const onp_context *ctx;
    onp_store *store;
    int64_t platform;
    onp_block_paths pool; /* corners, then paths of all sizes */
    int32_t n_corners;
    char (*hash)[ONP_SHA256_HEX];
    double *cost;
    int32_t *chosen;
} chooser;

/* Appends those paths that are not there yet. */
static onp_status add_new(chooser *c, const onp_block_paths *paths, onp_error *err)
{
    for (int32_t i = 0; i < paths->n; i++) {
        const onp_block *blocks = onp_block_path(paths, i);
        const int32_t n = onp_block_path_length(paths, i);
        char *hash = c->hash[c->pool.n];
        bool known = false;
        ONP_TRY(onp_block_path_hash(c->ctx, blocks, n, hash, err));
        for (int32_t k = 0; k < c->pool.n && !known; k++)
            known = strcmp(c->hash[k], hash) == 0;
        if (!known)
            onp_block_paths_add(&c->pool, blocks, n);
    }
    return ONP_OK;
}

static onp_status fill_pool(chooser *c, const onp_space *space, uint64_t seed, onp_error *err)
{
    onp_block_paths corners = {0}, spread = {0};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_space_families(c->ctx, space, &corners, err));
    ONP_TRY_GOTO(onp_space_spread(c->ctx, space, seed, POOL, &spread, err));
    const int32_t n = corners.n + spread.n;
    c->hash = onp_alloc(c->ctx, (size_t)n, sizeof *c->hash);
    c->cost = onp_alloc(c->ctx, (size_t)n, sizeof *c->cost);
    c->chosen = onp_alloc(c->ctx, (size_t)n, sizeof *c->chosen);
    if (c->hash == NULL || c->cost == NULL || c->chosen == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "networks: out of memory");
        goto done;
    }
    ONP_TRY_GOTO(onp_block_paths_init(c->ctx, n, space->n_positions, &c->pool, err));
    ONP_TRY_GOTO(add_new(c, &corners, err));
    c->n_corners = c->pool.n;
    ONP_TRY_GOTO(add_new(c, &spread, err));
done:
    onp_block_paths_reset(c->ctx, &corners);
    onp_block_paths_reset(c->ctx, &spread);
    return st;
}

/* By rows; *known is false as soon as one is missing. */
static onp_status sum_rows(chooser *c, bool *known, onp_error *err)
{
    onp_error why = {0};
    for (int32_t i = 0; i < c->pool.n && *known; i++) {
        onp_estimate_total total;
        onp_status st =
            onp_estimate_blocks(c->store, c->platform, onp_block_path(&c->pool, i),
                                onp_block_path_length(&c->pool, i), NULL, NULL, &total, &why);
        *known = st == ONP_OK;
        if (st != ONP_OK && st != ONP_E_MISSING)
            return onp_fail(err, st, "%s", why.msg);
        c->cost[i] = total.sum_ns;
    }
    return ONP_OK;
}

static void sum_macs(chooser *c)
{
    for (int32_t i = 0; i < c->pool.n; i++) {
        c->cost[i] = 0;
        for (int32_t k = 0; k < onp_block_path_length(&c->pool, i); k++)
            c->cost[i] += (double)onp_block_n_macs(&onp_block_path(&c->pool, i)[k]);
    }
}

static onp_status choose(chooser *c, const onp_space *space, int32_t n, uint64_t seed,
                         onp_block_paths *out, onp_error *err)
{
    bool known = true;
    ONP_TRY(fill_pool(c, space, seed, err));
    ONP_TRY(sum_rows(c, &known, err));
    if (!known)
        sum_macs(c);
    n = n < c->pool.n ? n : c->pool.n;
    if (n < c->n_corners)
        return onp_fail(err, ONP_E_RANGE,
                        "networks: %" PRId32 ", wanted the %" PRId32
                        " corners of the space at least",
                        n, c->n_corners);
    ONP_TRY(
        onp_validation_choose(c->ctx, c->cost, c->pool.n, c->n_corners, n, seed, c->chosen, err));
    ONP_TRY(onp_block_paths_init(c->ctx, n, space->n_positions, out, err));
    for (int32_t i = 0; i < n; i++)
        onp_block_paths_add(out, onp_block_path(&c->pool, c->chosen[i]),
                            onp_block_path_length(&c->pool, c->chosen[i]));
    return ONP_OK;
}

onp_status onp_networks_choose(const onp_app *app, const onp_space *space, onp_store *store,
                               int64_t platform, int32_t n, uint64_t seed, onp_block_paths *out,
                               onp_error *err)
{
    chooser c = {.ctx = &app->ctx, .store = store, .platform = platform};
    onp_status st = choose(&c, space, n, seed, out, err);
    onp_block_paths_reset(c.ctx, &c.pool);
    onp_free(c.ctx, c.hash);
    onp_free(c.ctx, c.cost);
    onp_free(c.ctx, c.chosen);
    return st;
}
