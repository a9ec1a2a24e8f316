/* SPDX-License-Identifier: Apache-2.0 */
/* Means of windows, and their gradient; taps outside of the map do not count. */
#include <string.h>

#include "ops/call_internal.h"

/* Channels of an item of the gradient. */
#define PART_CHANNELS 64

int64_t onp_avg_pool_scratch(const onp_call *call)
{
    if (call->kind == ONP_CALL_AVG_POOL)
        return onp_round_lane(call->in.w * call->in.c);
    return (call->out.w + call->in.w) * PART_CHANNELS;
}

static void scale(float *y, int64_t n, float factor)
{
    for (int64_t k = 0; k < n; k++)
        y[k] *= factor;
}

static void avg_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t image = tile / call->out.h, c = call->in.c;
    const onp_pool_window u = onp_pool_window_at(call, tile % call->out.h, call->in.h);
    float *line = onp_env_scratch(env, thread), *y = call->y + tile * call->out.w * c;
    memset(y, 0, (size_t)(call->out.w * c) * sizeof *y);
    for (int64_t t = u.from; t < u.to; t++) {
        const int64_t row = (image * call->in.h + u.origin + t) * call->in.w;
        env->k->load(&call->a, row, call->in.w, 0, c, line, c);
        for (int64_t j = 0; j < call->out.w; j++) {
            const onp_pool_window v = onp_pool_window_at(call, j, call->in.w);
            for (int64_t s = v.from; s < v.to; s++)
                env->k->accumulate(y + j * c, line + (v.origin + s) * c, c);
        }
    }
    for (int64_t j = 0; j < call->out.w; j++) {
        const onp_pool_window v = onp_pool_window_at(call, j, call->in.w);
        scale(y + j * c, c, 1.0F / (float)((u.to - u.from) * (v.to - v.from)));
    }
}

void onp_run_avg_pool(onp_call_env *env)
{
    onp_parallel_for(env->call->out.n * env->call->out.h, avg_tile, env);
}

/* The gradient of one output line, spread over its columns: what each of its taps' lines gets. */
static void spread_line(const onp_call_env *env, onp_pool_window u, float *g, float *line)
{
    const onp_call *call = env->call;
    memset(line, 0, (size_t)(call->in.w * PART_CHANNELS) * sizeof *line);
    for (int64_t j = 0; j < call->out.w; j++, g += PART_CHANNELS) {
        const onp_pool_window v = onp_pool_window_at(call, j, call->in.w);
        scale(g, PART_CHANNELS, 1.0F / (float)((u.to - u.from) * (v.to - v.from)));
        for (int64_t s = v.from; s < v.to; s++)
            env->k->accumulate(line + (v.origin + s) * PART_CHANNELS, g, PART_CHANNELS);
    }
}

/* Some channels of one image. */
static void avg_bwd_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->in.c, parts = onp_ceil_div(c, PART_CHANNELS);
    const int64_t image = tile / parts, c0 = tile % parts * PART_CHANNELS;
    const int64_t cn = onp_min64(PART_CHANNELS, c - c0), pixels = call->in.h * call->in.w;
    float *g = onp_env_scratch(env, thread), *line = g + call->out.w * PART_CHANNELS;
    float *gx = call->y + image * pixels * c + c0;
    for (int64_t p = 0; p < pixels; p++)
        memset(gx + p * c, 0, (size_t)cn * sizeof *gx);
    memset(g, 0, (size_t)(call->out.w * PART_CHANNELS) * sizeof *g);
    for (int64_t i = 0; i < call->out.h; i++) {
        const onp_pool_window u = onp_pool_window_at(call, i, call->in.h);
        env->k->load(&call->a, (image * call->out.h + i) * call->out.w, call->out.w, c0, cn, g,
                     PART_CHANNELS);
        spread_line(env, u, g, line);
        for (int64_t p = 0; p < (u.to - u.from) * call->in.w; p++)
            env->k->accumulate(gx + ((u.origin + u.from) * call->in.w + p) * c,
                               line + p % call->in.w * PART_CHANNELS, cn);
    }
}

void onp_run_avg_pool_bwd(onp_call_env *env)
{
    const onp_shape s = env->call->in;
    onp_parallel_for(s.n * onp_ceil_div(s.c, PART_CHANNELS), avg_bwd_tile, env);
}
