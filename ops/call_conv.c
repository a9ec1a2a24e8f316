/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions as matrix products over tiles of rows. Pointwise ones are in call_pointwise.c, those
 * with dilation or groups in call_conv_taps.c, data gradients in call_conv_data.c. The forward k x
 * k one multiplies the taps of a line's output pixels where they lie, in a few padded lines of the
 * input; the weight gradient gathers the taps of a tile's pixels (im2col of one tile, never of a
 * whole tensor). What a tile reads is transformed into scratch that fits the second-level cache,
 * then multiplied.
 */
#include <string.h>

#include "ops/call_internal.h"

/* Columns of the gathered matrix. */
static int64_t taps(const onp_call *call)
{
    return (int64_t)call->kernel * call->kernel * call->in.c;
}

/* Pointwise: tiles of rows. k x k: a tile is some lines of one image. */
onp_tiling onp_conv_tiling(const onp_call *call)
{
    if (onp_call_is_pointwise(call))
        return onp_pointwise_tiling(call);
    if (onp_call_is_spread(call))
        return onp_taps_tiling(call);
    if (call->kind == ONP_CALL_CONV_DATA)
        return onp_conv_data_tiling(call);
    const int64_t row_floats = call->out.w * (taps(call) + call->out.c);
    int64_t lines = 128 * 1024 / (row_floats > 0 ? row_floats : 1);
    lines = onp_min64(lines > 1 ? lines : 1, onp_ceil_div(call->out.h * call->out.n, 8));
    lines = onp_min64(lines, call->out.h);
    return (onp_tiling){lines * call->out.w, call->out.h * call->out.w, call->out.n};
}

/* Input lines that a tile of a k x k convolution reads, padding included. */
static int64_t padded_lines(const onp_call *call, onp_tiling t)
{
    return (t.rows / call->out.w - 1) * call->stride + call->kernel;
}

static int64_t padded_width(const onp_call *call)
{
    return (call->out.w - 1) * call->stride + call->kernel;
}

int64_t onp_conv_scratch(const onp_call *call)
{
    const onp_tiling t = onp_conv_tiling(call);
    if (onp_call_is_pointwise(call))
        return onp_pointwise_scratch(call);
    if (onp_call_is_spread(call))
        return onp_taps_scratch(call);
    if (call->kind == ONP_CALL_CONV_DATA)
        return onp_conv_data_scratch(call);
    const int64_t padded = onp_round_lane(padded_lines(call, t) * padded_width(call) * call->in.c);
    if (call->kind == ONP_CALL_CONV)
        return onp_conv_packed_floats(call) + padded;
    return onp_round_lane(t.rows * taps(call)) + onp_round_lane(t.rows * call->out.c) + padded +
           onp_sgemm_scratch();
}

/* Rows [row, row + rows) of an operand as a dense matrix: in place when nothing has to be done. */
static const float *dense_rows(const onp_call_env *env, const onp_operand *o, int64_t row,
                               int64_t rows, float *scratch)
{
    if (onp_operand_is_plain(o))
        return o->x + row * o->c;
    env->k->load(o, row, rows, 0, o->c, scratch, o->c);
    return scratch;
}

/* The transformed input lines that output rows [row, row + rows) of one image meet, with borders
 * of 0. */
static void pad_lines(const onp_call_env *env, int64_t row, int64_t rows, float *padded)
{
    const onp_call *call = env->call;
    const int64_t c = call->in.c, width = padded_width(call), pad = call->kernel / 2;
    const int64_t image = row / (call->out.h * call->out.w);
    const int64_t line0 = row % (call->out.h * call->out.w) / call->out.w;
    const int64_t in_lines = (rows / call->out.w - 1) * call->stride + call->kernel;
    const int64_t copy = onp_min64(call->in.w, width - pad), after = width - pad - copy;
    for (int64_t i = 0; i < in_lines; i++, padded += width * c) {
        const int64_t y = line0 * call->stride + i - pad;
        if (y < 0 || y >= call->in.h) {
            memset(padded, 0, (size_t)(width * c) * sizeof *padded);
            continue;
        }
        memset(padded, 0, (size_t)(pad * c) * sizeof *padded);
        env->k->load(&call->a, (image * call->in.h + y) * call->in.w, copy, 0, c, padded + pad * c,
                     c);
        memset(padded + (pad + copy) * c, 0, (size_t)(after * c) * sizeof *padded);
    }
}

/* The taps of output rows [row, row + rows) of one image: [rows][k][k][cin]. `padded` holds the
 * transformed input lines. */
static void gather(const onp_call_env *env, int64_t row, int64_t rows, float *cols, float *padded)
{
    const onp_call *call = env->call;
    const int64_t c = call->in.c, width = padded_width(call), lines = rows / call->out.w;
    pad_lines(env, row, rows, padded);
    const int64_t segment = call->kernel * c;
    for (int64_t i = 0; i < lines; i++)
        for (int64_t j = 0; j < call->out.w; j++)
            for (int64_t u = 0; u < call->kernel; u++, cols += segment)
                memcpy(cols, padded + ((i * call->stride + u) * width + j * call->stride) * c,
                       (size_t)segment * sizeof *cols);
}

/* ---- forward ---- */

/* A pixel's taps are runs in consecutive lines. A run of one pixel and odd length, which products
 * would read past, is cut into single channels. */
static int64_t run_length(const onp_call *call)
{
    return call->kernel == 1 && call->in.c % 2 != 0 ? 1 : call->kernel * call->in.c;
}

int64_t onp_conv_packed_floats(const onp_call *call)
{
    if (onp_call_is_spread(call))
        return onp_taps_packed_floats(call);
    return onp_round_lane(onp_gemm_packed_floats(taps(call), call->out.c));
}

void onp_conv_pack(const onp_kernels *k, const onp_call *call, float *packed)
{
    if (onp_call_is_spread(call)) {
        onp_taps_pack(k, call, packed);
        return;
    }
    const int64_t run = run_length(call), n = call->out.c;
    k->gemm_pack(call->w, n, 1, run, taps(call) / run, n, 0, taps(call), packed);
}

static void pack_tile(void *arg, int64_t tile, int thread)
{
    (void)tile;
    (void)thread;
    const onp_call_env *env = arg;
    onp_conv_pack(env->k, env->call, env->scratch);
}

static void conv_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t row = onp_tiling_first(env->tiling, tile);
    const int64_t rows = onp_tiling_rows(env->tiling, tile);
    const int64_t c = call->in.c, n = call->out.c, run = run_length(call);
    const int64_t line = padded_width(call) * c;
    float *padded = onp_env_scratch(env, thread) + onp_conv_packed_floats(call);
    pad_lines(env, row, rows, padded);
    onp_gemm_in in = {.x = padded,
                      .ld = call->stride * c,
                      .rows = call->out.w,
                      .k = run,
                      .segments = taps(call) / run,
                      .step = call->kernel == 1 ? run : line};
    for (int64_t r = 0; r < rows; r += in.rows, in.x += call->stride * line) {
        const onp_gemm_out out = onp_call_output(call, row + r, 0, n);
        env->k->gemm_rows(&in, call->packed != NULL ? call->packed : env->scratch, n, &out);
    }
    onp_call_settle(env, tile, row, rows, n, 0, n);
}

void onp_run_conv(onp_call_env *env)
{
    if (onp_call_is_pointwise(env->call)) {
        onp_run_pointwise(env);
        return;
    }
    if (onp_call_is_spread(env->call)) {
        onp_run_taps(env);
        return;
    }
    if (env->call->packed == NULL)
        onp_parallel_for(1, pack_tile, env);
    onp_parallel_for(onp_tiling_count(env->tiling), conv_tile, env);
}

/* ---- the weight gradient ---- */

/* Weight gradients are summed over runs of tiles into private matrices, merged in order. Fewer
 * where they are large. */
int64_t onp_conv_splits(const onp_call *call)
{
    const int64_t floats = taps(call) / onp_call_groups(call) * call->out.c;
    const int64_t splits = floats <= 32 * 1024 ? 16 : floats <= 128 * 1024 ? 8 : 4;
    return onp_min64(splits, onp_tiling_count(onp_conv_tiling(call)));
}

static void conv_weight_tile(void *arg, int64_t split, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t depth = taps(call), n = call->out.c;
    const int64_t splits = onp_conv_splits(call), tiles = onp_tiling_count(env->tiling);
    float *x_scratch = onp_env_scratch(env, thread);
    float *g_scratch = x_scratch + onp_round_lane(env->tiling.rows * depth);
    float *padded = g_scratch + onp_round_lane(env->tiling.rows * n);
    float *product =
        padded + onp_round_lane(padded_lines(call, env->tiling) * padded_width(call) * call->in.c);
    float *out = (splits > 1 ? call->splits : call->y) + split * depth * n;
    const int64_t first = split * tiles / splits, last = (split + 1) * tiles / splits;
    for (int64_t tile = first; tile < last; tile++) {
        const int64_t row = onp_tiling_first(env->tiling, tile);
        const int64_t rows = onp_tiling_rows(env->tiling, tile);
        gather(env, row, rows, x_scratch, padded);
        const float *g = dense_rows(env, &call->b, row, rows, g_scratch);
        const onp_sgemm_job job = {.trans_a = true,
                                   .m = depth,
                                   .n = n,
                                   .k = rows,
                                   .a = x_scratch,
                                   .lda = depth,
                                   .b = g,
                                   .ldb = n,
                                   .c = out,
                                   .ldc = n,
                                   .add = tile != first};
        onp_sgemm(env->k, &job, product);
    }
}

void onp_run_conv_weight(onp_call_env *env)
{
    if (onp_call_is_pointwise(env->call)) {
        onp_run_pointwise_backward(env);
        return;
    }
    if (onp_call_is_spread(env->call)) {
        onp_run_taps_weight(env);
        return;
    }
    const int64_t splits = onp_conv_splits(env->call);
    onp_parallel_for(splits, conv_weight_tile, env);
    if (splits > 1)
        onp_run_merge_splits(env, splits, taps(env->call) * env->call->out.c);
}
