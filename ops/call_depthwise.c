/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolutions. A tile is some lines of one image and ONP_LANE channels: its input is
 * transformed into padded scratch laid out [lines][columns][ONP_LANE], so the kernels see
 * contiguous vectors and no border. The data gradient is the same convolution of the
 * (stride-dilated) output gradient with the taps reversed.
 */
#include <string.h>

#include "ops/call_internal.h"

/* The map that a tile writes, and the one it reads. */
static onp_shape written(const onp_call *call)
{
    return call->kind == ONP_CALL_DEPTHWISE_DATA ? call->in : call->out;
}

static int64_t lanes(const onp_call *call)
{
    return onp_ceil_div(call->in.c, ONP_LANE);
}

/* Stride of the convolution that is computed over the padded scratch. */
static int scratch_stride(const onp_call *call)
{
    return call->kind == ONP_CALL_DEPTHWISE_DATA ? 1 : call->stride;
}

static int64_t padded_width(const onp_call *call)
{
    return (written(call).w - 1) * scratch_stride(call) + call->kernel;
}

static int64_t padded_lines(const onp_call *call, int64_t lines)
{
    return (lines - 1) * scratch_stride(call) + call->kernel;
}

onp_tiling onp_depthwise_tiling(const onp_call *call)
{
    const onp_shape out = written(call);
    const int64_t line_floats = (padded_width(call) * scratch_stride(call) + out.w) * ONP_LANE;
    int64_t lines = 96 * 1024 / line_floats;
    lines = onp_min64(lines > 1 ? lines : 1, out.h);
    return (onp_tiling){lines * out.w, out.h * out.w, out.n};
}

int64_t onp_depthwise_scratch(const onp_call *call)
{
    const onp_shape out = written(call);
    const int64_t lines = onp_depthwise_tiling(call).rows / out.w;
    const int64_t weights = 2 * (int64_t)call->kernel * call->kernel * ONP_LANE;
    return weights + (padded_lines(call, lines) * padded_width(call) + lines * out.w) * ONP_LANE;
}

/* Channels [c0, c0 + cn) of the k*k taps, tail lanes 0; reversed for the data gradient. */
static void pack_taps(const onp_call *call, int64_t c0, int64_t cn, float *dst)
{
    const int64_t n = (int64_t)call->kernel * call->kernel;
    memset(dst, 0, (size_t)(n * ONP_LANE) * sizeof *dst);
    for (int64_t t = 0; t < n; t++) {
        const int64_t from = call->kind == ONP_CALL_DEPTHWISE_DATA ? n - 1 - t : t;
        memcpy(dst + t * ONP_LANE, call->w + from * call->in.c + c0, (size_t)cn * sizeof *dst);
    }
}

/*
 * Lines [first, first + lines) of the padded, and for dilation > 1 spread-out, operand of one
 * image: pixel (i, j) of map {h, w} lands on line i * dilation + pad.
 */
static void pad_lines(const onp_call_env *env, const onp_operand *o, int64_t image, onp_shape map,
                      int64_t dilation, int64_t first, int64_t lines, int64_t c0, int64_t cn,
                      float *dst)
{
    const onp_call *call = env->call;
    const int64_t width = padded_width(call), pad = call->kernel / 2;
    const int64_t copy = onp_min64(map.w, onp_ceil_div(width - pad, dilation));
    memset(dst, 0, (size_t)(lines * width * ONP_LANE) * sizeof *dst);
    for (int64_t i = 0; i < lines; i++) {
        const int64_t at = first + i - pad;
        if (at < 0 || at % dilation != 0 || at / dilation >= map.h)
            continue;
        env->k->load(o, (image * map.h + at / dilation) * map.w, copy, c0, cn,
                     dst + (i * width + pad) * ONP_LANE, dilation * ONP_LANE);
    }
}

/* A tile's result from lanes to the tensor, then bias, clamp and sums of these channels. */
static void store_lanes(const onp_call_env *env, int64_t tile, int64_t row, int64_t rows,
                        int64_t c0, int64_t cn, float *lane)
{
    const onp_call *call = env->call;
    const int64_t c = call->in.c;
    env->k->finish(lane, rows, cn, ONP_LANE, call->bias != NULL ? call->bias + c0 : NULL, call->lo,
                   call->hi);
    float *y = call->y + row * c + c0;
    if (cn == ONP_LANE) /* a constant size: two moves instead of a call */
        for (int64_t r = 0; r < rows; r++)
            memcpy(y + r * c, lane + r * ONP_LANE, ONP_LANE * sizeof *lane);
    else
        for (int64_t r = 0; r < rows; r++)
            memcpy(y + r * c, lane + r * ONP_LANE, (size_t)cn * sizeof *lane);
    if (call->sums == ONP_SUMS_NONE)
        return;
    float *partial = call->partial + tile * 2 * c + c0;
    if (call->sums == ONP_SUMS_MOMENTS)
        env->k->moments(lane, rows, cn, ONP_LANE, partial, partial + c);
    else
        env->k->grad_sums(lane, ONP_LANE, &call->mask, call->stats, row, rows, c0, cn, partial,
                          partial + c);
}

static void depthwise_tile(void *arg, int64_t index, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const bool data = call->kind == ONP_CALL_DEPTHWISE_DATA;
    const onp_shape out = written(call), map = data ? call->out : call->in;
    const int64_t tile = index / lanes(call), c0 = index % lanes(call) * ONP_LANE;
    const int64_t cn = onp_min64(ONP_LANE, call->in.c - c0);
    const int64_t row = onp_tiling_first(env->tiling, tile);
    const int64_t rows = onp_tiling_rows(env->tiling, tile);
    const int64_t line = row % env->tiling.group / out.w;
    const int stride = scratch_stride(call);
    float *taps = onp_env_scratch(env, thread);
    float *padded = taps + 2 * (int64_t)call->kernel * call->kernel * ONP_LANE;
    float *result =
        padded + padded_lines(call, env->tiling.rows / out.w) * padded_width(call) * ONP_LANE;
    pack_taps(call, c0, cn, taps);
    pad_lines(env, &call->a, row / env->tiling.group, map, data ? call->stride : 1, line * stride,
              padded_lines(call, rows / out.w), c0, cn, padded);
    env->k->depthwise(padded, padded_width(call), call->kernel, stride, taps, rows / out.w, out.w,
                      result);
    store_lanes(env, tile, row, rows, c0, cn, result);
}

void onp_run_depthwise(onp_call_env *env)
{
    onp_parallel_for(onp_tiling_count(env->tiling) * lanes(env->call), depthwise_tile, env);
}

/* Tiles (lines of images) are summed in runs, one private set of taps each, merged in order. */
int64_t onp_depthwise_splits(const onp_call *call)
{
    return onp_min64(8, onp_tiling_count(onp_depthwise_tiling(call)));
}

static void depthwise_weight_tile(void *arg, int64_t index, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t split = index / lanes(call), c0 = index % lanes(call) * ONP_LANE;
    const int64_t cn = onp_min64(ONP_LANE, call->in.c - c0);
    const int64_t splits = onp_depthwise_splits(call), tiles = onp_tiling_count(env->tiling);
    const int64_t n_taps = (int64_t)call->kernel * call->kernel, width = call->out.w;
    float *taps = onp_env_scratch(env, thread);
    float *padded = taps + 2 * n_taps * ONP_LANE;
    float *gy =
        padded + padded_lines(call, env->tiling.rows / width) * padded_width(call) * ONP_LANE;
    memset(taps, 0, (size_t)(n_taps * ONP_LANE) * sizeof *taps);
    for (int64_t tile = split * tiles / splits; tile < (split + 1) * tiles / splits; tile++) {
        const int64_t row = onp_tiling_first(env->tiling, tile);
        const int64_t rows = onp_tiling_rows(env->tiling, tile);
        const int64_t line = row % env->tiling.group / width;
        pad_lines(env, &call->a, row / env->tiling.group, call->in, 1, line * call->stride,
                  padded_lines(call, rows / width), c0, cn, padded);
        if (cn < ONP_LANE)
            memset(gy, 0, (size_t)(rows * ONP_LANE) * sizeof *gy);
        env->k->load(&call->b, row, rows, c0, cn, gy, ONP_LANE);
        env->k->depthwise_weight(padded, padded_width(call), call->kernel, call->stride, gy,
                                 rows / width, width, taps);
    }
    float *out = (splits > 1 ? call->splits : call->y) + split * n_taps * call->in.c + c0;
    for (int64_t t = 0; t < n_taps; t++)
        memcpy(out + t * call->in.c, taps + t * ONP_LANE, (size_t)cn * sizeof *taps);
}

void onp_run_depthwise_weight(onp_call_env *env)
{
    const int64_t splits = onp_depthwise_splits(env->call);
    onp_parallel_for(splits * lanes(env->call), depthwise_weight_tile, env);
    if (splits > 1)
        onp_run_merge_splits(env, splits,
                             (int64_t)env->call->kernel * env->call->kernel * env->call->in.c);
}
