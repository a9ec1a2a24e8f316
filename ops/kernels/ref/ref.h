/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the reference kernel set share. Internal to this folder. */
#ifndef ONP_OPS_KERNELS_REF_REF_H
#define ONP_OPS_KERNELS_REF_REF_H

#include "ops/ref.h"

/* The arguments of onp_ref_run(), as every reference kernel takes them. */
typedef struct onp_ref_args {
    const onp_attr *attr;
    const double *const *in;
    const onp_shape *in_shape;
    int n_in;
    const int32_t *labels;
    double *const *out;
    const onp_shape *out_shape;
} onp_ref_args;

/*
 * Input or output k of `a` as an array that is indexed [n][h][w][c]:
 *     ONP_REF_IN(x, a, 0);  ... x[n][i][j][c] ...
 */
#define ONP_REF_IN(name, a, k)                                                                     \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): a name that is declared */                      \
    const double(*name)[(a)->in_shape[k].h][(a)->in_shape[k].w][(a)->in_shape[k].c] =              \
        (const double(*)[(a)->in_shape[k].h][(a)->in_shape[k].w][(a)->in_shape[k].c])(a)->in[k]
#define ONP_REF_OUT(name, a, k)                                                                    \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): a name that is declared */                      \
    double(*name)[(a)->out_shape[k].h][(a)->out_shape[k].w][(a)->out_shape[k].c] =                 \
        (double(*)[(a)->out_shape[k].h][(a)->out_shape[k].w][(a)->out_shape[k].c])(a)->out[k]

#define ONP_REF_KERNELS(X)                                                                         \
    X(CONV, conv)                                                                                  \
    X(DEPTHWISE, depthwise)                                                                        \
    X(BN_STATS, bn_stats)                                                                          \
    X(BN_APPLY, bn_apply)                                                                          \
    X(RELU6, relu6)                                                                                \
    X(RELU, relu)                                                                                  \
    X(GLOBAL_AVG_POOL, global_avg_pool)                                                            \
    X(MAX_POOL, max_pool)                                                                          \
    X(AVG_POOL, avg_pool)                                                                          \
    X(FLATTEN, flatten)                                                                            \
    X(ADD, add)                                                                                    \
    X(HSWISH, hswish)                                                                              \
    X(HSIGMOID, hsigmoid)                                                                          \
    X(CHANNEL_SCALE, channel_scale)                                                                \
    X(DROPOUT, dropout)                                                                            \
    X(SOFTMAX_CE, softmax_ce)                                                                      \
    X(CONV_BWD_DATA, conv_bwd_data)                                                                \
    X(CONV_BWD_WEIGHT, conv_bwd_weight)                                                            \
    X(DEPTHWISE_BWD_DATA, depthwise_bwd_data)                                                      \
    X(DEPTHWISE_BWD_WEIGHT, depthwise_bwd_weight)                                                  \
    X(COLUMN_SUM, column_sum)                                                                      \
    X(BN_BWD_SUMS, bn_bwd_sums)                                                                    \
    X(BN_BWD_APPLY, bn_bwd_apply)                                                                  \
    X(RELU6_BWD, relu6_bwd)                                                                        \
    X(RELU_BWD, relu_bwd)                                                                          \
    X(GLOBAL_AVG_POOL_BWD, global_avg_pool_bwd)                                                    \
    X(MAX_POOL_BWD, max_pool_bwd)                                                                  \
    X(AVG_POOL_BWD, avg_pool_bwd)                                                                  \
    X(FLATTEN_BWD, flatten_bwd)                                                                    \
    X(HSWISH_BWD, hswish_bwd)                                                                      \
    X(HSIGMOID_BWD, hsigmoid_bwd)                                                                  \
    X(CHANNEL_SCALE_BWD_SCALE, channel_scale_bwd_scale)                                            \
    X(SOFTMAX_CE_BWD, softmax_ce_bwd)                                                              \
    X(GATE, gate)                                                                                  \
    X(DOT, dot)

#define ONP_X(id, name) void onp_ref_##name##_f64(const onp_ref_args *a);
ONP_REF_KERNELS(ONP_X)
#undef ONP_X

#endif
