/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/call.h"

#include <assert.h>

#include "ops/call_internal.h"

/* Floats that a tile may touch: half of a 1 MiB second-level cache. */
#define TILE_FLOATS (128 * 1024)

onp_tiling onp_tiling_of_rows(int64_t n_rows, int64_t floats_per_row)
{
    int64_t rows = TILE_FLOATS / (floats_per_row > 0 ? floats_per_row : 1);
    rows = onp_min64(rows, 512);
    rows = onp_min64(rows, onp_ceil_div(n_rows, 8)); /* eight tiles at least, for balance */
    rows = onp_ceil_div(rows > 16 ? rows : 16, 16) * 16;
    return (onp_tiling){.rows = rows, .group = n_rows, .groups = 1};
}

static int64_t tiles_per_group(onp_tiling t)
{
    return onp_ceil_div(t.group, t.rows);
}

int64_t onp_tiling_count(onp_tiling t)
{
    return t.groups * tiles_per_group(t);
}

int64_t onp_tiling_rows(onp_tiling t, int64_t i)
{
    return onp_min64(t.rows, t.group - i % tiles_per_group(t) * t.rows);
}

int64_t onp_tiling_first(onp_tiling t, int64_t i)
{
    int64_t per_group = tiles_per_group(t);
    return i / per_group * t.group + i % per_group * t.rows;
}

bool onp_call_can_sum(onp_call_kind kind, onp_sums_kind sums)
{
    switch (kind) {
    case ONP_CALL_CONV:
    case ONP_CALL_DEPTHWISE:
        return sums == ONP_SUMS_MOMENTS;
    case ONP_CALL_CONV_DATA:
    case ONP_CALL_CONV_BACKWARD:
    case ONP_CALL_DEPTHWISE_DATA:
    case ONP_CALL_DEPTHWISE_BACKWARD:
    case ONP_CALL_POOL_BWD:
        return sums == ONP_SUMS_GRAD;
    case ONP_CALL_STORE:
    case ONP_CALL_SUMS:
        return sums != ONP_SUMS_NONE;
    default:
        return false;
    }
}

/* The data half and the weight half of a CONV_BACKWARD call. */
static onp_call data_half(const onp_call *call)
{
    onp_call half = *call;
    half.kind = ONP_CALL_CONV_DATA;
    half.a = call->b;
    half.dw = NULL;
    return half;
}

static onp_call weight_half(const onp_call *call)
{
    onp_call half = *call;
    half.kind = ONP_CALL_CONV_WEIGHT;
    half.y = call->dw;
    half.sums = ONP_SUMS_NONE;
    return half;
}

static void run_halves(onp_call_env *env)
{
    if (env->call->kind == ONP_CALL_CONV_BACKWARD && onp_call_is_pointwise(env->call)) {
        onp_run_pointwise_backward(env);
        return;
    }
    const onp_call data = data_half(env->call), weight = weight_half(env->call);
    onp_call_run(env->ctx, &data, env->scratch, env->scratch_floats);
    onp_call_run(env->ctx, &weight, env->scratch, env->scratch_floats);
}

onp_tiling onp_call_tiling(const onp_call *call)
{
    switch (call->kind) {
    case ONP_CALL_CONV_BACKWARD: {
        const onp_call data = data_half(call);
        return onp_call_tiling(&data);
    }
    case ONP_CALL_CONV:
    case ONP_CALL_CONV_DATA:
    case ONP_CALL_CONV_WEIGHT:
        return onp_conv_tiling(call);
    case ONP_CALL_DEPTHWISE:
    case ONP_CALL_DEPTHWISE_DATA:
    case ONP_CALL_DEPTHWISE_WEIGHT:
    case ONP_CALL_DEPTHWISE_BACKWARD:
        return onp_depthwise_tiling(call);
    case ONP_CALL_POOL_BWD:
        return (onp_tiling){call->in.h * call->in.w, call->in.h * call->in.w, call->in.n};
    default:
        return onp_tiling_of_rows(onp_shape_rows(call->out), 2 * call->out.c);
    }
}

int64_t onp_call_partial_floats(const onp_call *call)
{
    const bool data = onp_call_can_sum(call->kind, ONP_SUMS_GRAD) && call->kind != ONP_CALL_STORE &&
                      call->kind != ONP_CALL_SUMS;
    return onp_tiling_count(onp_call_tiling(call)) * 2 * (data ? call->in.c : call->out.c);
}

int64_t onp_call_split_floats(const onp_call *call)
{
    int64_t splits = 0; /* one alone is written where the sum would go */
    switch (call->kind) {
    case ONP_CALL_CONV_BACKWARD: {
        const onp_call weight = weight_half(call);
        return onp_call_split_floats(&weight);
    }
    case ONP_CALL_CONV_WEIGHT:
        if (onp_call_is_pointwise(call))
            return onp_pointwise_split_floats(call);
        splits = onp_conv_splits(call);
        return splits > 1 ? splits * call->kernel * call->kernel *
                                (call->in.c / onp_call_groups(call)) * call->out.c
                          : 0;
    case ONP_CALL_DEPTHWISE_WEIGHT:
    case ONP_CALL_DEPTHWISE_BACKWARD:
        splits = onp_depthwise_splits(call);
        return splits > 1 ? splits * call->kernel * call->kernel * call->in.c : 0;
    case ONP_CALL_SOFTMAX:
        return 2 * call->in.n;
    case ONP_CALL_DOT:
        return onp_tiling_count(onp_call_tiling(call)) * (int64_t)(sizeof(double) / sizeof(float));
    default:
        return 0;
    }
}

int64_t onp_call_scratch_floats(const onp_call *call)
{
    if (call->kind == ONP_CALL_CONV_BACKWARD && onp_call_is_pointwise(call))
        return onp_pointwise_scratch(call);
    switch (call->kind) {
    case ONP_CALL_CONV_BACKWARD: {
        const onp_call data = data_half(call), weight = weight_half(call);
        const int64_t a = onp_call_scratch_floats(&data), b = onp_call_scratch_floats(&weight);
        return a > b ? a : b;
    }
    case ONP_CALL_CONV:
    case ONP_CALL_CONV_DATA:
    case ONP_CALL_CONV_WEIGHT:
        return onp_conv_scratch(call);
    case ONP_CALL_DEPTHWISE:
    case ONP_CALL_DEPTHWISE_DATA:
    case ONP_CALL_DEPTHWISE_WEIGHT:
    case ONP_CALL_DEPTHWISE_BACKWARD:
        return onp_depthwise_scratch(call);
    case ONP_CALL_STORE:
    case ONP_CALL_SUMS:
    case ONP_CALL_DOT: {
        onp_tiling t = onp_call_tiling(call);
        return 2 * onp_round_lane(t.rows * call->out.c);
    }
    case ONP_CALL_POOL:
        return onp_round_lane(call->in.w * call->in.c);
    case ONP_CALL_POOL_BWD:
        return onp_round_lane(call->in.c);
    case ONP_CALL_MAX_POOL:
    case ONP_CALL_MAX_POOL_BWD:
        return onp_max_pool_scratch(call);
    case ONP_CALL_AVG_POOL:
    case ONP_CALL_AVG_POOL_BWD:
        return onp_avg_pool_scratch(call);
    case ONP_CALL_CHANNEL_DOT:
        return onp_channel_dot_scratch(call);
    default:
        return 0;
    }
}

onp_gemm_out onp_call_output(const onp_call *call, int64_t row, int64_t j, int64_t c)
{
    return (onp_gemm_out){.y = call->y + row * c + j,
                          .ld = c,
                          .add = call->add != NULL ? call->add + row * c + j : NULL,
                          .bias = call->bias != NULL ? call->bias + j : NULL,
                          .lo = call->lo,
                          .hi = call->hi};
}

void onp_call_settle(const onp_call_env *env, int64_t tile, int64_t row, int64_t rows, int64_t c,
                     int64_t j0, int64_t j1)
{
    const onp_call *call = env->call;
    float *y = call->y + row * c + j0;
    if (call->kind == ONP_CALL_CONV)
        onp_call_activate(env, y, rows, j1 - j0, c);
    if (call->sums == ONP_SUMS_NONE)
        return;
    float *partial = call->partial + tile * 2 * c + j0;
    if (call->sums == ONP_SUMS_MOMENTS)
        env->k->moments(y, rows, j1 - j0, c, partial, partial + c);
    else if (call->sums == ONP_SUMS_GRAD)
        env->k->grad_sums(y, c, &call->mask, call->stats, row, rows, j0, j1 - j0, partial,
                          partial + c);
}

void onp_call_epilogue(const onp_call_env *env, int64_t tile, int64_t row, int64_t rows, int64_t c)
{
    const onp_call *call = env->call;
    env->k->finish(call->y + row * c, rows, c, c, call->bias, call->lo, call->hi);
    onp_call_settle(env, tile, row, rows, c, 0, c);
}

int64_t onp_call_packed_floats(const onp_call *call)
{
    const bool forward = call->kind == ONP_CALL_CONV;
    if (onp_call_is_pointwise(call) && (forward || call->kind == ONP_CALL_CONV_DATA))
        return onp_pointwise_packed_floats(call);
    return forward ? onp_conv_packed_floats(call) : 0;
}

void onp_call_pack(const onp_context *ctx, const onp_call *call, float *packed)
{
    if (onp_call_is_pointwise(call))
        onp_pointwise_pack(ctx->kernels, call, packed);
    else
        onp_conv_pack(ctx->kernels, call, packed);
}

typedef struct merge_args {
    onp_call_env *env;
    int64_t n_splits, n;
} merge_args;

#define MERGE_FLOATS 4096

static void merge_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const merge_args *m = arg;
    const onp_call *call = m->env->call;
    const int64_t first = tile * MERGE_FLOATS;
    const int64_t n = onp_min64(MERGE_FLOATS, m->n - first);
    float *y = call->y + first;
    for (int64_t i = 0; i < n; i++)
        y[i] = call->splits[first + i];
    for (int64_t s = 1; s < m->n_splits; s++)
        m->env->k->accumulate(y, call->splits + s * m->n + first, n);
}

void onp_run_merge_splits(onp_call_env *env, int64_t n_splits, int64_t n)
{
    merge_args args = {env, n_splits, n};
    onp_parallel_for(onp_ceil_div(n, MERGE_FLOATS), merge_tile, &args);
}

void onp_call_run(const onp_context *ctx, const onp_call *call, float *scratch,
                  int64_t scratch_floats)
{
    assert(scratch_floats >= onp_call_scratch_floats(call));
    onp_call_env env = {
        .ctx = ctx, .k = ctx->kernels, .call = call, .scratch_floats = scratch_floats};
    env.tiling = onp_call_tiling(call);
    env.scratch = scratch;
    static void (*const run[ONP_CALL_KIND_COUNT])(onp_call_env *) = {
        [ONP_CALL_CONV] = onp_run_conv,
        [ONP_CALL_CONV_DATA] = onp_run_conv_data,
        [ONP_CALL_CONV_WEIGHT] = onp_run_conv_weight,
        [ONP_CALL_DEPTHWISE] = onp_run_depthwise,
        [ONP_CALL_DEPTHWISE_DATA] = onp_run_depthwise,
        [ONP_CALL_DEPTHWISE_WEIGHT] = onp_run_depthwise_weight,
        [ONP_CALL_CONV_BACKWARD] = run_halves,
        [ONP_CALL_DEPTHWISE_BACKWARD] = onp_run_depthwise_weight,
        [ONP_CALL_STORE] = onp_run_store,
        [ONP_CALL_SUMS] = onp_run_sums,
        [ONP_CALL_POOL] = onp_run_pool,
        [ONP_CALL_POOL_BWD] = onp_run_pool_bwd,
        [ONP_CALL_MAX_POOL] = onp_run_max_pool,
        [ONP_CALL_MAX_POOL_BWD] = onp_run_max_pool_bwd,
        [ONP_CALL_AVG_POOL] = onp_run_avg_pool,
        [ONP_CALL_AVG_POOL_BWD] = onp_run_avg_pool_bwd,
        [ONP_CALL_CHANNEL_DOT] = onp_run_channel_dot,
        [ONP_CALL_DOT] = onp_run_dot,
        [ONP_CALL_MOMENTS_MERGE] = onp_run_norm,
        [ONP_CALL_BN_COEF] = onp_run_norm,
        [ONP_CALL_GRAD_MERGE] = onp_run_norm,
        [ONP_CALL_GRAD_COEF] = onp_run_norm,
        [ONP_CALL_SOFTMAX] = onp_run_softmax,
        [ONP_CALL_SOFTMAX_BWD] = onp_run_softmax,
        [ONP_CALL_COLUMN_SUM] = onp_run_column_sum,
        [ONP_CALL_GATE] = onp_run_gate,
    };
    run[call->kind](&env);
}
