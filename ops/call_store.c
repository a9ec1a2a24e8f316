/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that only move rows: storing an operand or what an element-wise operation makes of it,
 * column sums alone, pooling over a map and its gradient. */
#include <string.h>

#include "ops/call_internal.h"

/* Rows [row, row + rows) of an operand, in place when nothing has to be done. */
static const float *rows_of(const onp_call_env *env, const onp_operand *o, int64_t row,
                            int64_t rows, float *scratch)
{
    if (onp_operand_is_plain(o))
        return o->x + row * o->c;
    env->k->load(o, row, rows, 0, o->c, scratch, o->c);
    return scratch;
}

/* Rows [row, row + rows) of y, image by image: each has its own factors, or its own mask. */
static void by_image(const onp_call_env *env, int64_t row, int64_t rows, float *other, float *y)
{
    const onp_call *call = env->call;
    const int64_t c = call->out.c, pixels = call->out.h * call->out.w;
    for (const int64_t end = row + rows; row < end;) {
        const int64_t image = row / pixels, n = onp_min64((image + 1) * pixels, end) - row;
        if (call->store == ONP_STORE_CHANNEL_SCALE)
            env->k->multiply_rows(y, n, c, rows_of(env, &call->b, image, 1, other));
        else
            env->k->dropout(y, n * c, call->key, call->first_sample + image, row % pixels * c,
                            call->rate);
        row += n;
        y += n * c;
    }
}

/* y, which holds a, becomes what the call makes of it. */
static void combine(const onp_call_env *env, int64_t row, int64_t rows, float *other, float *y)
{
    const onp_call *call = env->call;
    const onp_kernels *k = env->k;
    const int64_t n = rows * call->out.c;
    switch (call->store) {
    case ONP_STORE_SUM:
        if (call->b.x != NULL)
            k->accumulate(y, rows_of(env, &call->b, row, rows, other), n);
        break;
    case ONP_STORE_HSWISH:
        k->hswish(y, n);
        break;
    case ONP_STORE_HSIGMOID:
        k->hsigmoid(y, n);
        break;
    case ONP_STORE_HSWISH_BWD:
        k->hswish_bwd(y, rows_of(env, &call->b, row, rows, other), n);
        break;
    case ONP_STORE_HSIGMOID_BWD:
        k->hsigmoid_bwd(y, rows_of(env, &call->b, row, rows, other), n);
        break;
    case ONP_STORE_CHANNEL_SCALE:
    case ONP_STORE_DROPOUT:
        by_image(env, row, rows, other, y);
        break;
    }
}

static void store_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->out.c;
    const int64_t row = onp_tiling_first(env->tiling, tile);
    const int64_t rows = onp_tiling_rows(env->tiling, tile);
    float *scratch = onp_env_scratch(env, thread);
    float *other = scratch + onp_round_lane(env->tiling.rows * c);
    float *y = call->y + row * c;
    /* kernels want no overlap, so a tile that goes where its input lies is made beside it */
    const bool in_place = call->y == call->a.x || call->y == call->b.x;
    float *to = in_place ? scratch : y;
    if (call->y == call->a.x && onp_operand_is_plain(&call->a))
        to = y;
    else
        env->k->load(&call->a, row, rows, 0, c, to, c);
    combine(env, row, rows, other, to);
    if (to != y)
        memcpy(y, to, (size_t)(rows * c) * sizeof *y);
    onp_call_epilogue(env, tile, row, rows, c);
}

void onp_run_store(onp_call_env *env)
{
    onp_parallel_for(onp_tiling_count(env->tiling), store_tile, env);
}

static void sums_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->out.c;
    const int64_t row = onp_tiling_first(env->tiling, tile);
    const int64_t rows = onp_tiling_rows(env->tiling, tile);
    const float *p = rows_of(env, &call->a, row, rows, onp_env_scratch(env, thread));
    float *partial = call->partial + tile * 2 * c;
    if (call->sums == ONP_SUMS_MOMENTS)
        env->k->moments(p, rows, c, c, partial, partial + c);
    else
        env->k->grad_sums(p, c, &call->mask, call->stats, row, rows, 0, c, partial, partial + c);
}

void onp_run_sums(onp_call_env *env)
{
    onp_parallel_for(onp_tiling_count(env->tiling), sums_tile, env);
}

/* Channels of an item where images are few. */
#define POOL_CHANNELS 64

static int64_t pool_parts(onp_shape s)
{
    return s.n >= 8 ? 1 : onp_ceil_div(s.c, POOL_CHANNELS);
}

static void pool_tile(void *arg, int64_t item, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t parts = pool_parts(call->in), image = item / parts;
    const int64_t c0 = item % parts * POOL_CHANNELS;
    const int64_t c = parts > 1 ? onp_min64(POOL_CHANNELS, call->in.c - c0) : call->in.c;
    float *line = onp_env_scratch(env, thread);
    float *y = call->y + image * call->in.c + c0;
    memset(y, 0, (size_t)c * sizeof *y);
    for (int64_t i = 0; i < call->in.h; i++) {
        env->k->load(&call->a, (image * call->in.h + i) * call->in.w, call->in.w, c0, c, line, c);
        for (int64_t j = 0; j < call->in.w; j++)
            env->k->accumulate(y, line + j * c, c);
    }
    const float scale = 1.0F / (float)(call->in.h * call->in.w);
    for (int64_t k = 0; k < c; k++)
        y[k] *= scale;
}

void onp_run_pool(onp_call_env *env)
{
    onp_parallel_for(env->call->in.n * pool_parts(env->call->in), pool_tile, env);
}

static void pool_bwd_tile(void *arg, int64_t image, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->in.c, pixels = call->in.h * call->in.w;
    float *g = onp_env_scratch(env, thread);
    env->k->load(&call->a, image, 1, 0, c, g, c);
    const float scale = 1.0F / (float)pixels;
    for (int64_t k = 0; k < c; k++)
        g[k] *= scale;
    for (int64_t p = 0; p < pixels; p++)
        memcpy(call->y + (image * pixels + p) * c, g, (size_t)c * sizeof *g);
    onp_call_epilogue(env, image, image * pixels, pixels, c);
}

void onp_run_pool_bwd(onp_call_env *env)
{
    onp_parallel_for(env->call->in.n, pool_bwd_tile, env);
}

static void column_sum_tile(void *arg, int64_t lane, int thread)
{
    (void)thread;
    const onp_call *call = ((const onp_call_env *)arg)->call;
    const int64_t c = call->in.c, rows = onp_shape_rows(call->in);
    for (int64_t k = lane * ONP_LANE; k < onp_min64(c, (lane + 1) * ONP_LANE); k++) {
        double sum = 0;
        for (int64_t r = 0; r < rows; r++)
            sum += (double)call->a.x[r * c + k];
        call->y[k] = (float)sum;
    }
}

void onp_run_column_sum(onp_call_env *env)
{
    onp_parallel_for(onp_ceil_div(env->call->in.c, ONP_LANE), column_sum_tile, env);
}

/* ---- inner products ---- */

/* Channels of an item: it reads 256 bytes at a time at least. */
#define DOT_CHANNELS 64

/* Pixels that are loaded at once. */
#define DOT_ROWS 64

int64_t onp_channel_dot_scratch(const onp_call *call)
{
    (void)call;
    return 2 * DOT_ROWS * DOT_CHANNELS;
}

static void channel_dot_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->in.c, parts = onp_ceil_div(c, DOT_CHANNELS);
    const int64_t image = tile / parts, c0 = tile % parts * DOT_CHANNELS;
    const int64_t cn = onp_min64(DOT_CHANNELS, c - c0), pixels = call->in.h * call->in.w;
    float *a = onp_env_scratch(env, thread), *b = a + DOT_ROWS * DOT_CHANNELS;
    float *y = call->y + image * c + c0;
    memset(y, 0, (size_t)cn * sizeof *y);
    for (int64_t p = 0; p < pixels; p += DOT_ROWS) {
        const int64_t rows = onp_min64(DOT_ROWS, pixels - p);
        env->k->load(&call->a, image * pixels + p, rows, c0, cn, a, DOT_CHANNELS);
        env->k->load(&call->b, image * pixels + p, rows, c0, cn, b, DOT_CHANNELS);
        env->k->column_products(a, b, rows, cn, DOT_CHANNELS, y);
    }
}

void onp_run_channel_dot(onp_call_env *env)
{
    const onp_shape s = env->call->in;
    onp_parallel_for(s.n * onp_ceil_div(s.c, DOT_CHANNELS), channel_dot_tile, env);
}

static void dot_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t row = onp_tiling_first(env->tiling, tile);
    const int64_t rows = onp_tiling_rows(env->tiling, tile);
    float *scratch = onp_env_scratch(env, thread);
    float *other = scratch + onp_round_lane(env->tiling.rows * call->out.c);
    const double sum = env->k->dot(rows_of(env, &call->a, row, rows, scratch),
                                   rows_of(env, &call->b, row, rows, other), rows * call->out.c);
    memcpy(call->splits + tile * (int64_t)(sizeof sum / sizeof(float)), &sum, sizeof sum);
}

void onp_run_dot(onp_call_env *env)
{
    const onp_call *call = env->call;
    const int64_t tiles = onp_tiling_count(env->tiling);
    onp_parallel_for(tiles, dot_tile, env);
    double all = 0;
    for (int64_t i = 0; i < tiles; i++) {
        double sum;
        memcpy(&sum, call->splits + i * (int64_t)(sizeof sum / sizeof(float)), sizeof sum);
        all += sum;
    }
    call->y[0] = (float)all;
}
