/* SPDX-License-Identifier: Apache-2.0 */
/* Maxima of windows, and their gradient: it goes to the first largest tap, found again in x. */
#include <string.h>

#include "ops/call_internal.h"

int64_t onp_max_pool_scratch(const onp_call *call)
{
    if (call->kind == ONP_CALL_MAX_POOL)
        return onp_round_lane(call->in.w * call->in.c);
    return (call->kernel * call->in.w + call->out.w) * ONP_LANE;
}

/* NaN counts as the largest. */
static bool larger(float x, float than)
{
    return x > than || x != x;
}

/* y [out.w][c] = its maximum with the taps of one line of x. */
static void take_line(const onp_call *call, const float *line, bool first, float *y)
{
    const int64_t c = call->in.c;
    for (int64_t j = 0; j < call->out.w; j++, y += c) {
        const onp_pool_window v = onp_pool_window_at(call, j, call->in.w);
        int64_t t = v.from;
        if (first)
            memcpy(y, line + (v.origin + t++) * c, (size_t)c * sizeof *y);
        for (; t < v.to; t++) {
            const float *x = line + (v.origin + t) * c;
            for (int64_t k = 0; k < c; k++)
                y[k] = larger(x[k], y[k]) ? x[k] : y[k];
        }
    }
}

static void max_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t image = tile / call->out.h, c = call->in.c;
    const onp_pool_window u = onp_pool_window_at(call, tile % call->out.h, call->in.h);
    float *scratch = onp_env_scratch(env, thread);
    for (int64_t t = u.from; t < u.to; t++) {
        const int64_t row = (image * call->in.h + u.origin + t) * call->in.w;
        const float *line = call->a.x + row * c;
        if (!onp_operand_is_plain(&call->a)) {
            env->k->load(&call->a, row, call->in.w, 0, c, scratch, c);
            line = scratch;
        }
        take_line(call, line, t == u.from, call->y + tile * call->out.w * c);
    }
}

void onp_run_max_pool(onp_call_env *env)
{
    onp_parallel_for(env->call->out.n * env->call->out.h, max_tile, env);
}

/* Gives the gradient of output (i, j) to the place of its maximum, for cn channels; x holds the
 * lines of the window, gx is the first pixel of the image. */
static void give(const onp_call *call, onp_pool_window u, onp_pool_window v, const float *x,
                 const float *g, int64_t cn, float *gx)
{
    for (int64_t k = 0; k < cn; k++) {
        int64_t best_u = u.from, best_v = v.from;
        float best = x[(u.from * call->in.w + v.origin + v.from) * ONP_LANE + k];
        for (int64_t s = u.from; s < u.to; s++)
            for (int64_t t = v.from; t < v.to; t++) {
                const float value = x[(s * call->in.w + v.origin + t) * ONP_LANE + k];
                if (!larger(value, best))
                    continue;
                best = value;
                best_u = s;
                best_v = t;
            }
        gx[((u.origin + best_u) * call->in.w + v.origin + best_v) * call->in.c + k] += g[k];
    }
}

/* A lane of channels of one image. */
static void max_bwd_tile(void *arg, int64_t tile, int thread)
{
    const onp_call_env *env = arg;
    const onp_call *call = env->call;
    const int64_t c = call->in.c, lanes = onp_ceil_div(c, ONP_LANE);
    const int64_t image = tile / lanes, c0 = tile % lanes * ONP_LANE;
    const int64_t cn = onp_min64(ONP_LANE, c - c0), pixels = call->in.h * call->in.w;
    float *x = onp_env_scratch(env, thread);
    float *g = x + call->kernel * call->in.w * ONP_LANE;
    float *gx = call->y + image * pixels * c + c0;
    for (int64_t p = 0; p < pixels; p++)
        memset(gx + p * c, 0, (size_t)cn * sizeof *gx);
    for (int64_t i = 0; i < call->out.h; i++) {
        const onp_pool_window u = onp_pool_window_at(call, i, call->in.h);
        env->k->load(&call->b, (image * call->in.h + u.origin + u.from) * call->in.w,
                     (u.to - u.from) * call->in.w, c0, cn, x + u.from * call->in.w * ONP_LANE,
                     ONP_LANE);
        env->k->load(&call->a, (image * call->out.h + i) * call->out.w, call->out.w, c0, cn, g,
                     ONP_LANE);
        for (int64_t j = 0; j < call->out.w; j++)
            give(call, u, onp_pool_window_at(call, j, call->in.w), x, g + j * ONP_LANE, cn, gx);
    }
}

void onp_run_max_pool_bwd(onp_call_env *env)
{
    onp_parallel_for(env->call->in.n * onp_ceil_div(env->call->in.c, ONP_LANE), max_bwd_tile, env);
}
