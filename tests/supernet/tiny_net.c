/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/supernet/tiny_net.h"

#include <string.h>

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

static void mbconv_candidates(onp_position *positions)
{
    const onp_block zero = {.kind = ONP_BLOCK_ZERO};
    positions[1] = (onp_position){3, {mbconv(3, 2, 1, 6, true), mbconv(5, 1, 1, 6, true), zero}};
    positions[2] = (onp_position){
        3, {mbconv(3, 2, 2, 10, false), mbconv(5, 3, 2, 10, false), mbconv(3, 1, 2, 10, false)}};
    positions[3] = (onp_position){3, {mbconv(3, 2, 1, 10, true), mbconv(5, 1, 1, 10, true), zero}};
}

static onp_block of_kind(onp_block_kind kind, int32_t kernel, int32_t stride, int32_t out_c)
{
    return (onp_block){.kind = kind, .kernel = kernel, .stride = stride, .out_c = out_c};
}

static void other_candidates(onp_position *positions)
{
    onp_block grouped = of_kind(ONP_BLOCK_CONV, 3, 1, 6),
              dilated = of_kind(ONP_BLOCK_CONV, 5, 2, 10);
    onp_block far = of_kind(ONP_BLOCK_SEPARABLE, 3, 1, 10), excited = mbconv(3, 2, 2, 10, false);
    onp_block last = mbconv(5, 3, 1, 10, true);
    grouped.groups = 2;
    dilated.dilation = 2;
    dilated.act = ONP_ACT_HSWISH;
    far.dilation = 2;
    far.skip = true;
    far.act = ONP_ACT_RELU;
    excited.se = last.se = true;
    excited.act = ONP_ACT_RELU;
    last.act = ONP_ACT_HSWISH;
    positions[0].candidate[0].act = ONP_ACT_HSWISH;
    positions[1] = (onp_position){
        3, {grouped, {.kind = ONP_BLOCK_IDENTITY}, of_kind(ONP_BLOCK_MAX_POOL, 3, 1, 6)}};
    positions[2] = (onp_position){3, {dilated, of_kind(ONP_BLOCK_SEPARABLE, 5, 2, 10), excited}};
    positions[3] = (onp_position){3, {of_kind(ONP_BLOCK_AVG_POOL, 3, 1, 10), far, last}};
    positions[4].candidate[0].act = ONP_ACT_HSWISH;
    positions[5].candidate[0].mid = 12;
    positions[5].candidate[0].act = ONP_ACT_HSWISH;
}

void tiny_positions(tiny_candidates which, onp_position positions[TINY_POSITIONS], int32_t h,
                    int32_t w)
{
    memset(positions, 0, TINY_POSITIONS * sizeof *positions);
    positions[0] = (onp_position){1,
                                  {{.kind = ONP_BLOCK_STEM,
                                    .in_h = h,
                                    .in_w = w,
                                    .in_c = 3,
                                    .out_c = 6,
                                    .kernel = 3,
                                    .stride = 1}}};
    positions[4] = (onp_position){1, {{.kind = ONP_BLOCK_MIX, .out_c = 20}}};
    positions[5] = (onp_position){1, {{.kind = ONP_BLOCK_HEAD, .out_c = TINY_CLASSES}}};
    if (which == TINY_KINDS)
        other_candidates(positions);
    else
        mbconv_candidates(positions);
    for (int i = 0; i < TINY_POSITIONS; i++)
        complete(&positions[i], i > 0 ? &positions[i - 1].candidate[0] : NULL);
}

tiny_candidates tiny_kinds = TINY_KINDS;

tiny_candidates tiny_of(void **state)
{
    return *state != NULL ? *(const tiny_candidates *)*state : TINY_MBCONV;
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
    tiny_net_init_of(t, TINY_MBCONV, ctx, h, w, batch);
}

void tiny_net_init_of(tiny_net *t, tiny_candidates which, const onp_context *ctx, int32_t h,
                      int32_t w, int64_t batch)
{
    onp_position positions[TINY_POSITIONS];
    onp_error err = {0};
    tiny_positions(which, positions, h, w);
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
