/* SPDX-License-Identifier: Apache-2.0 */
/* What the drivers of one call share. */
#ifndef ONP_OPS_CALL_INTERNAL_H
#define ONP_OPS_CALL_INTERNAL_H

#include "base/parallel.h"
#include "ops/call.h"
#include "ops/gemm.h"
#include "ops/kernels.h"

/* Below this many rows there are too few tiles of them for eight threads: channels are cut too. */
#define ONP_FEW_ROWS (8 * 48)

/* Passed to every tile. */
typedef struct onp_call_env {
    const onp_context *ctx;
    const onp_kernels *k;
    const onp_call *call;
    onp_tiling tiling;
    float *scratch;
    int64_t scratch_floats;
} onp_call_env;

static inline int64_t onp_min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t onp_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Sizes of scratch areas are rounded so that each starts on a cache line. */
static inline int64_t onp_round_lane(int64_t n)
{
    return onp_ceil_div(n, ONP_LANE) * ONP_LANE;
}

static inline float *onp_env_scratch(const onp_call_env *env, int thread)
{
    return env->scratch + thread * env->scratch_floats;
}

static inline int64_t onp_shape_rows(onp_shape s)
{
    return s.n * s.h * s.w;
}

static inline bool onp_call_is_pointwise(const onp_call *call)
{
    return call->kernel == 1 && call->stride == 1 && call->groups <= 1;
}

/* Convolutions whose taps are not runs of a line, or that are several: call_conv_taps.c. */
static inline bool onp_call_is_spread(const onp_call *call)
{
    return call->groups > 1 || (call->dilation > 1 && call->kernel > 1);
}

static inline int64_t onp_call_dilation(const onp_call *call)
{
    return call->dilation > 1 ? call->dilation : 1;
}

static inline int64_t onp_call_groups(const onp_call *call)
{
    return call->groups > 1 ? call->groups : 1;
}

/* Of a pool: taps from..to-1 of a window lie inside the map; tap t reads origin + t. */
typedef struct onp_pool_window {
    int64_t origin, from, to;
} onp_pool_window;

static inline onp_pool_window onp_pool_window_at(const onp_call *call, int64_t place, int64_t map)
{
    const int64_t origin = place * call->stride - (call->kernel - 1) / 2;
    return (onp_pool_window){origin, origin < 0 ? -origin : 0,
                             onp_min64(call->kernel, map - origin)};
}

/* The hard activation that a convolution stores, of rows of c floats. */
static inline void onp_call_activate(const onp_call_env *env, float *y, int64_t rows, int64_t c,
                                     int64_t ld)
{
    const onp_call_store store = env->call->store;
    if (store != ONP_STORE_HSWISH && store != ONP_STORE_HSIGMOID)
        return;
    for (int64_t r = 0; r < rows; r++)
        (store == ONP_STORE_HSWISH ? env->k->hswish : env->k->hsigmoid)(y + r * ld, c);
}

/* First row of tile i. */
int64_t onp_tiling_first(onp_tiling t, int64_t i);

/* Bias, clamp and column sums of rows [row, row + rows) of y (c channels each), which tile `tile`
 * has just written. */
void onp_call_epilogue(const onp_call_env *env, int64_t tile, int64_t row, int64_t rows, int64_t c);

/* Where a product goes that makes rows of c floats: from row `row` and column j on. */
onp_gemm_out onp_call_output(const onp_call *call, int64_t row, int64_t j, int64_t c);
/* What is left where products wrote bias and clamp: a hard activation, and column sums, of columns
 * [j0, j1). */
void onp_call_settle(const onp_call_env *env, int64_t tile, int64_t row, int64_t rows, int64_t c,
                     int64_t j0, int64_t j1);

/* Packed weights of forward convolutions; the pointwise one's also of its data gradient. */
int64_t onp_conv_packed_floats(const onp_call *call);
void onp_conv_pack(const onp_kernels *k, const onp_call *call, float *packed);
int64_t onp_pointwise_packed_floats(const onp_call *call);
void onp_pointwise_pack(const onp_kernels *k, const onp_call *call, float *packed);

/* Tilings, per family of drivers. */
onp_tiling onp_tiling_of_rows(int64_t n_rows, int64_t floats_per_row);
onp_tiling onp_conv_tiling(const onp_call *call);
onp_tiling onp_conv_data_tiling(const onp_call *call);
onp_tiling onp_depthwise_tiling(const onp_call *call);
int64_t onp_conv_scratch(const onp_call *call);
int64_t onp_conv_data_scratch(const onp_call *call);
int64_t onp_depthwise_scratch(const onp_call *call);
int64_t onp_max_pool_scratch(const onp_call *call);
int64_t onp_avg_pool_scratch(const onp_call *call);
int64_t onp_channel_dot_scratch(const onp_call *call);
int64_t onp_conv_splits(const onp_call *call);
int64_t onp_depthwise_splits(const onp_call *call);

onp_tiling onp_pointwise_tiling(const onp_call *call);
int64_t onp_pointwise_scratch(const onp_call *call);
int64_t onp_pointwise_split_floats(const onp_call *call);

onp_tiling onp_taps_tiling(const onp_call *call);
int64_t onp_taps_scratch(const onp_call *call);
int64_t onp_taps_packed_floats(const onp_call *call);
void onp_taps_pack(const onp_kernels *k, const onp_call *call, float *packed);
void onp_run_taps(onp_call_env *env);        /* CONV, CONV_DATA */
void onp_run_taps_weight(onp_call_env *env); /* CONV_WEIGHT */

void onp_run_pointwise(onp_call_env *env);          /* CONV, CONV_DATA */
void onp_run_pointwise_backward(onp_call_env *env); /* CONV_WEIGHT, CONV_BACKWARD */
/*
 * The rows of a pointwise convolution without bias that no tensor holds, made a few at a time, with
 * the bits that its call would store. forward: that call, only its y is not used.
 */
typedef struct onp_product {
    const onp_kernels *k;
    onp_call forward;
    const float *packed;
} onp_product;
/* Packs the weights, one parallel loop. packed: onp_call_packed_floats(&forward). */
onp_product onp_product_begin(const onp_call_env *env, const onp_call *forward, float *packed);
/* Rows [row, row + rows) to y [rows][c]; scratch: onp_product_scratch(). */
int64_t onp_product_scratch(const onp_call *forward, int64_t rows);
void onp_product_rows(const onp_product *p, int64_t row, int64_t rows, float *scratch, float *y);

void onp_run_conv(onp_call_env *env);
void onp_run_conv_data(onp_call_env *env);
void onp_run_conv_weight(onp_call_env *env);
void onp_run_depthwise(onp_call_env *env);
void onp_run_depthwise_weight(onp_call_env *env);
void onp_run_store(onp_call_env *env);
void onp_run_sums(onp_call_env *env);
void onp_run_pool(onp_call_env *env);
void onp_run_pool_bwd(onp_call_env *env);
void onp_run_max_pool(onp_call_env *env);
void onp_run_max_pool_bwd(onp_call_env *env);
void onp_run_avg_pool(onp_call_env *env);
void onp_run_avg_pool_bwd(onp_call_env *env);
void onp_run_channel_dot(onp_call_env *env);
void onp_run_dot(onp_call_env *env);
void onp_run_norm(onp_call_env *env);
void onp_run_softmax(onp_call_env *env);
void onp_run_column_sum(onp_call_env *env);
void onp_run_gate(onp_call_env *env);
/* y = sum over splits in order, n floats each. */
void onp_run_merge_splits(onp_call_env *env, int64_t n_splits, int64_t n);

#endif
