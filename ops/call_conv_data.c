/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data gradient of k x k convolutions: products of runs of the output's gradient where they
 * lie, in a few padded lines. With stride s the taps that meet an input pixel are every s-th one,
 * from a first one that its place modulo s tells: pixels of one phase are rows of one product.
 *
 *     gx[y] = sum_m gy[Y - m] w[y0 + s * m],   y + pad = s * Y + y0,   0 <= y0 < s
 *
 * in both directions. Columns are cut so that a packed part of the weights fits the second-level
 * cache.
 */
#include <string.h>

#include "ops/call_internal.h"

/* Floats of packed weights, and of padded lines. */
#define PACKED_FLOATS (160 * 1024)
#define LINES_FLOATS  (64 * 1024)

/* Channels of a pixel in padded lines: products take them in twos. */
static int64_t channels(const onp_call *call)
{
    return call->out.c + call->out.c % 2;
}

/* Taps y0, y0 + s, ... of a kernel. */
static int64_t taps_from(const onp_call *call, int64_t y0)
{
    return y0 < call->kernel ? onp_ceil_div(call->kernel - y0, call->stride) : 0;
}

/* The last and the first line (or column) of the output that input line y meets, whether it exists
 * or not. */
static int64_t last_met(const onp_call *call, int64_t y)
{
    return (y + call->kernel / 2) / call->stride;
}

static int64_t first_met(const onp_call *call, int64_t y)
{
    return last_met(call, y) - taps_from(call, 0) + 1;
}

/* Columns of a padded line. */
static int64_t padded_columns(const onp_call *call)
{
    return last_met(call, call->in.w - 1) - first_met(call, 0) + 1;
}

/* Lines of the output that so many lines of the input meet at most. */
static int64_t padded_lines(const onp_call *call, int64_t lines)
{
    return (lines - 1) / call->stride + 1 + taps_from(call, 0);
}

onp_tiling onp_conv_data_tiling(const onp_call *call)
{
    const int64_t line = padded_columns(call) * channels(call);
    int64_t lines = 1;
    while (lines < call->in.h && padded_lines(call, lines + 1) * line <= LINES_FLOATS)
        lines++;
    lines = onp_min64(lines, onp_ceil_div(call->in.h * call->in.n, 8)); /* for balance */
    return (onp_tiling){lines * call->in.w, call->in.h * call->in.w, call->in.n};
}

/* Columns of a part, a multiple of ONP_LANE. */
static int64_t part_columns(const onp_call *call)
{
    const int64_t depth = (int64_t)call->kernel * call->kernel * channels(call);
    const int64_t lanes = PACKED_FLOATS / ONP_LANE / depth;
    return onp_min64(onp_round_lane(call->in.c), (lanes > 1 ? lanes : 1) * ONP_LANE);
}

static int64_t packed_floats(const onp_call *call)
{
    return (int64_t)call->kernel * call->kernel * channels(call) * part_columns(call);
}

int64_t onp_conv_data_scratch(const onp_call *call)
{
    const int64_t lines = onp_conv_data_tiling(call).rows / call->in.w;
    return packed_floats(call) +
           onp_round_lane(padded_lines(call, lines) * padded_columns(call) * channels(call));
}

typedef struct data_args {
    onp_call_env *env;
    int64_t j0, n; /* columns of this part */
} data_args;

/* Where the packed weights of a phase lie. */
static int64_t phase_offset(const data_args *args, int64_t y0, int64_t x0)
{
    const onp_call *call = args->env->call;
    int64_t taps = 0;
    for (int64_t y = 0; y < y0; y++)
        taps += taps_from(call, y) * call->kernel;
    for (int64_t x = 0; x < x0; x++)
        taps += taps_from(call, y0) * taps_from(call, x);
    return onp_gemm_packed_floats(taps * channels(call), args->n);
}

/* Taps of a phase go backwards, as the lines and columns that they meet go forwards. */
static void pack_tap(void *arg, int64_t tap, int thread)
{
    (void)thread;
    const data_args *args = arg;
    const onp_call_env *env = args->env;
    const onp_call *call = env->call;
    const int64_t u = tap / call->kernel, v = tap % call->kernel, s = call->stride;
    const int64_t across = taps_from(call, v % s), down = taps_from(call, u % s);
    const int64_t place = (down - 1 - u / s) * across + (across - 1 - v / s);
    const int64_t k = channels(call), n = call->out.c;
    env->k->gemm_pack(call->w + (tap * call->in.c + args->j0) * n, 1, n, across * k, down, args->n,
                      place * k, place * k + n, env->scratch + phase_offset(args, u % s, v % s));
}

/* Lines of the output's gradient from `line` on, with zeros around them. */
static void pad_lines(const onp_call_env *env, int64_t image, int64_t line, int64_t lines,
                      float *padded)
{
    const onp_call *call = env->call;
    const int64_t c = channels(call), width = padded_columns(call);
    memset(padded, 0, (size_t)(lines * width * c) * sizeof *padded);
    for (int64_t i = 0; i < lines; i++, padded += width * c)
        if (line + i >= 0 && line + i < call->out.h)
            env->k->load(&call->a, (image * call->out.h + line + i) * call->out.w, call->out.w, 0,
                         call->out.c, padded - first_met(call, 0) * c, c);
}

/* The pixels of input row `row` (a line's first) that are x0 in phase; `padded` holds the first
 * line that the phase's taps meet, `down` of them. */
static void data_phase(const data_args *args, int64_t row, int64_t y0, int64_t x0, int64_t down,
                       const float *padded)
{
    const onp_call *call = args->env->call;
    const int64_t s = call->stride, c = channels(call), across = taps_from(call, x0);
    const int64_t pad = call->kernel / 2, x = (x0 + (pad / s + 1) * s - pad) % s;
    if (x >= call->in.w)
        return;
    const int64_t column = last_met(call, x) - across + 1 - first_met(call, 0);
    const onp_gemm_in in = {.x = padded + column * c,
                            .ld = c,
                            .rows = onp_ceil_div(call->in.w - x, s),
                            .k = across * c,
                            .segments = across > 0 ? down : 0,
                            .step = padded_columns(call) * c};
    onp_gemm_out out = onp_call_output(call, row + x, args->j0, call->in.c);
    out.ld *= s;
    args->env->k->gemm_rows(&in, args->env->scratch + phase_offset(args, y0, x0), args->n, &out);
}

static void data_tile(void *arg, int64_t tile, int thread)
{
    const data_args *args = arg;
    const onp_call_env *env = args->env;
    const onp_call *call = env->call;
    const int64_t row = onp_tiling_first(env->tiling, tile), w = call->in.w;
    const int64_t rows = onp_tiling_rows(env->tiling, tile), image = row / (call->in.h * w);
    const int64_t y = row / w % call->in.h, lines = rows / w, s = call->stride;
    const int64_t first = first_met(call, y), last = last_met(call, y + lines - 1);
    const int64_t line = padded_columns(call) * channels(call);
    float *padded = onp_env_scratch(env, thread) + packed_floats(call);
    pad_lines(env, image, first, last - first + 1, padded);
    for (int64_t i = 0; i < lines; i++) {
        const int64_t y0 = (y + i + call->kernel / 2) % s, down = taps_from(call, y0);
        const int64_t met = last_met(call, y + i) - down + 1;
        for (int64_t x0 = 0; x0 < s; x0++)
            data_phase(args, row + i * w, y0, x0, down, padded + (met - first) * line);
    }
    onp_call_settle(env, tile, row, rows, call->in.c, args->j0, args->j0 + args->n);
}

void onp_run_conv_data(onp_call_env *env)
{
    const onp_call *call = env->call;
    if (onp_call_is_pointwise(call)) {
        onp_run_pointwise(env);
        return;
    }
    if (onp_call_is_spread(call)) {
        onp_run_taps(env);
        return;
    }
    data_args args = {.env = env};
    for (; args.j0 < call->in.c; args.j0 += part_columns(call)) {
        args.n = onp_min64(part_columns(call), call->in.c - args.j0);
        onp_parallel_for((int64_t)call->kernel * call->kernel, pack_tap, &args);
        onp_parallel_for(onp_tiling_count(env->tiling), data_tile, &args);
    }
}
