/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that only move rows: storing an operand or the sum of two, column sums alone, pooling and
 * its gradient. */
#include <string.h>

#include "ops/call_internal.h"

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
    if (call->b.x != NULL && onp_operand_is_plain(&call->b)) {
        env->k->accumulate(to, call->b.x + row * c, rows * c);
    } else if (call->b.x != NULL) {
        env->k->load(&call->b, row, rows, 0, c, other, c);
        env->k->accumulate(to, other, rows * c);
    }
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
    const float *p = call->a.x + row * c;
    if (!onp_operand_is_plain(&call->a)) {
        float *scratch = onp_env_scratch(env, thread);
        env->k->load(&call->a, row, rows, 0, c, scratch, c);
        p = scratch;
    }
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

static void pool_tile(void *arg, int64_t image, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->in.c;
    float *line = onp_env_scratch(env, thread);
    float *y = call->y + image * c;
    memset(y, 0, (size_t)c * sizeof *y);
    for (int64_t i = 0; i < call->in.h; i++) {
        env->k->load(&call->a, (image * call->in.h + i) * call->in.w, call->in.w, 0, c, line, c);
        for (int64_t j = 0; j < call->in.w; j++)
            env->k->accumulate(y, line + j * c, c);
    }
    const float scale = 1.0F / (float)(call->in.h * call->in.w);
    for (int64_t k = 0; k < c; k++)
        y[k] *= scale;
}

void onp_run_pool(onp_call_env *env)
{
    onp_parallel_for(env->call->in.n, pool_tile, env);
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
