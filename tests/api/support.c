/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/api/support.h"

#include <stdlib.h>

#include "base/philox.h"
#include "bench/season.h"
#include "ops/kernels.h"
#include "tests/supernet/tiny_net.h"

_Static_assert(API_CLASSES == TINY_CLASSES && API_BLOCKS == TINY_POSITIONS, "of tiny_net.h");

static const char *const names[TINY_CLASSES] = {"ant", "bee", "cat", "dog", "elk"};

static void *count_alloc(void *user, size_t bytes)
{
    api_memory *m = user;
    if (++m->n_allocs == m->fail_at)
        return NULL;
    void *p = malloc(bytes);
    m->n_live += p != NULL;
    return p;
}

static void count_release(void *user, void *p)
{
    api_memory *m = user;
    assert_non_null(p);
    m->n_live--;
    free(p);
}

onepath_options api_options(api_memory *memory)
{
    return (onepath_options){.size = sizeof(onepath_options),
                             .alloc = count_alloc,
                             .release = count_release,
                             .alloc_user = memory,
                             .threads = 1};
}

void api_ok(onepath_status st, const onepath_error *err)
{
    if (st != ONEPATH_OK)
        fail_msg("%s: %s", onepath_status_text(st), err->text);
}

onepath_context *api_context(void)
{
    const onepath_options o = {.size = sizeof o, .threads = 1};
    onepath_context *ctx = NULL;
    onepath_error err;
    api_ok(onepath_context_new(&o, &ctx, &err), &err);
    return ctx;
}

void api_model_make(const char *dir, uint64_t seed)
{
    api_model_make_for(dir, seed, 0);
}

void api_model_make_for(const char *dir, uint64_t seed, int32_t side)
{
    onp_context ctx;
    onp_error err = {0};
    onp_position positions[TINY_POSITIONS];
    onp_block blocks[TINY_POSITIONS];
    onp_model *m = NULL;
    onp_context_init(&ctx);
    tiny_positions(TINY_MBCONV, positions, API_SIDE, API_SIDE);
    for (int i = 0; i < TINY_POSITIONS; i++)
        blocks[i] = positions[i].candidate[0];
    if (onp_kernels_choose(&ctx, NULL, &err) != ONP_OK ||
        onp_model_new(&ctx, blocks, TINY_POSITIONS, TINY_EPS, seed, &m, &err) != ONP_OK ||
        bench_season(m, seed, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    for (int c = 0; c < 3; c++) {
        m->input.mean[c] = 0.1 * (c + 1);
        m->input.deviation[c] = 0.5;
    }
    if (side > 0) {
        m->input.image_h = m->input.image_w = m->input.resize_side = side;
        m->input.fit = "crop";
    }
    m->input.class_names = names;
    if (onp_model_save(m, dir, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_model_free(m);
}

void api_images(float *x)
{
    const onp_rng rng = onp_rng_make(11, ONP_RNG_TEST);
    for (int i = 0; i < API_IMAGES * API_PIXELS; i++)
        x[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 0);
}
