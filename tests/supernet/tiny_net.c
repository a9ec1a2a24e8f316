/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/supernet/tiny_net.h"

static onp_block mbconv(int32_t kernel, int32_t expand, int32_t stride, int32_t out_c, bool skip)
{
    return (onp_block){.kind = ONP_BLOCK_MBCONV,
                       .kernel = kernel,
                       .expand = expand,
                       .stride = stride,
                       .out_c = out_c,
                       .skip = skip};
}

static void complete(onp_position *p, const onp_block *before)
{
    for (int c = 0; c < p->n; c++) {
        onp_block *b = &p->candidate[c];
        onp_error err = {0};
        if (before != NULL) {
            b->in_h = before->out_h;
            b->in_w = before->out_w;
            b->in_c = before->out_c;
        }
        if (onp_block_complete(b, &err) != ONP_OK)
            fail_msg("%s", err.msg);
    }
}

void tiny_positions(onp_position positions[TINY_POSITIONS], int32_t h, int32_t w)
{
    const onp_block zero = {.kind = ONP_BLOCK_ZERO};
    const onp_position all[TINY_POSITIONS] = {
        {1,
         {{.kind = ONP_BLOCK_STEM,
           .in_h = h,
           .in_w = w,
           .in_c = 3,
           .out_c = 6,
           .kernel = 3,
           .stride = 1}}},
        {3, {mbconv(3, 2, 1, 6, true), mbconv(5, 1, 1, 6, true), zero}},
        {3, {mbconv(3, 2, 2, 10, false), mbconv(5, 3, 2, 10, false), mbconv(3, 1, 2, 10, false)}},
        {3, {mbconv(3, 2, 1, 10, true), mbconv(5, 1, 1, 10, true), zero}},
        {1, {{.kind = ONP_BLOCK_MIX, .out_c = 20}}},
        {1, {{.kind = ONP_BLOCK_HEAD, .out_c = TINY_CLASSES}}},
    };
    for (int i = 0; i < TINY_POSITIONS; i++) {
        positions[i] = all[i];
        complete(&positions[i], i > 0 ? &positions[i - 1].candidate[0] : NULL);
    }
}

static void disturb(const onp_supernet *net)
{
    const onp_rng rng = onp_rng_make(3, ONP_RNG_TEST);
    for (int32_t i = 0; i < net->n_positions; i++)
        for (int c = 0; c < net->positions[i].n; c++) {
            const onp_slab *slab = &net->slabs[i][c];
            for (int64_t k = 0; k < slab->floats; k++) {
                const uint32_t at = (uint32_t)(8 * i + c);
                slab->weights[k] += (float)(0.3 * onp_rng_normal(rng, (uint64_t)k, at, 0));
                slab->momentum[k] = (float)(0.1 * onp_rng_normal(rng, (uint64_t)k, at, 1));
            }
        }
}

void tiny_net_images(tiny_net *t, uint64_t seed)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_TEST);
    float *images = onp_step_images(t->step);
    int32_t *labels = onp_step_labels(t->step);
    for (int64_t i = 0; i < t->batch * t->h * t->w * 3; i++)
        images[i] = (float)onp_rng_normal(rng, (uint64_t)i, 1, 0);
    for (int64_t i = 0; i < t->batch; i++)
        labels[i] = (int32_t)onp_rng_below(rng, (uint64_t)i, 2, 0, TINY_CLASSES);
}

void tiny_net_init(tiny_net *t, const onp_context *ctx, int32_t h, int32_t w, int64_t batch)
{
    onp_position positions[TINY_POSITIONS];
    onp_error err = {0};
    tiny_positions(positions, h, w);
    *t = (tiny_net){.batch = batch, .h = h, .w = w};
    if (onp_supernet_new(ctx, positions, TINY_POSITIONS, TINY_EPS, 7, &t->net, &err) != ONP_OK ||
        onp_step_new(ctx, t->net, batch, &t->step, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    disturb(t->net);
    tiny_net_images(t, 1);
}

void tiny_net_reset(tiny_net *t)
{
    onp_step_free(t->step);
    onp_supernet_free(t->net);
    *t = (tiny_net){0};
}

void tiny_path(int i, int32_t path[TINY_POSITIONS])
{
    const int32_t chosen[TINY_POSITIONS] = {0, i % 3, i / 3 % 3, i / 9 % 3, 0, 0};
    for (int k = 0; k < TINY_POSITIONS; k++)
        path[k] = chosen[k];
}
