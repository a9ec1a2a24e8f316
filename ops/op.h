/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of every operation: what it takes and gives, its shapes, its cost, and which
 * operations its gradient is made of. How an operation is computed is elsewhere: ops/kernels/ref/
 * in double precision, ops/kernels/generic/ and its instruction-set copies in float. A new
 * operation is one entry of the X-macro, one file and its kernels.
 *
 *     const onp_op_def *def = onp_op_get(ONP_OP_CONV);
 *     ONP_TRY(def->infer(inputs, n_in, &attr, &out, err));
 *
 * Activations are NHWC. Weights are [kernel rows][kernel columns][input channels][output channels]
 * (a depthwise convolution has one input channel per group, so [k][k][1][c]). Vectors are {1, 1, 1,
 * c}. A linear layer is a 1x1 convolution with a bias on a 1x1 map. Taps are `dilation` pixels
 * apart; padding is kernel / 2 of them on every side, so an output map is ceil(map / stride). With
 * `groups`, output channels [i * cout / groups, (i + 1) * cout / groups) of a CONV see only the
 * input channels of the same share, and its weight is [k][k][cin / groups][cout].
 */
#ifndef ONP_OPS_OP_H
#define ONP_OPS_OP_H

#include "base/context.h"
#include "base/philox.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_shape {
    int64_t n, h, w, c;
} onp_shape;

/* Elements of one tensor at most: products of two counts (multiply-accumulates) fit int64_t. */
#define ONP_SHAPE_MAX_COUNT ((int64_t)1 << 31)
#define ONP_STRIDE_MAX      4
#define ONP_DILATION_MAX    32

int64_t onp_shape_count(onp_shape s); /* elements */
bool onp_shape_equal(onp_shape a, onp_shape b);

#define ONP_OP_MAX_IN  6
#define ONP_OP_MAX_OUT 2

/*
 * enum, name, inputs (minimum, maximum), outputs. Forward first, then the operations gradients are
 * made of.
 *
 * BN_STATS gives {1, 1, 2, c}: mean, then biased variance, over n, h and w. BN_APPLY is
 * gamma * (x - mean) / sqrt(var + eps) + beta. SOFTMAX_CE gives {1, 1, 1, 2}: mean cross entropy
 * over the batch with label smoothing (S. Szegedy et al., 2016: target (1 - e) onehot + e /
 * classes), and the number of right answers (of equal logits the first is the answer); logits are
 * {n, 1, 1, classes}, labels {1, 1, 1, n}. Its backward is the gradient of the mean loss itself.
 * MAX_POOL pads with (kernel - 1) / 2 before the map, and taps outside of it do not count: 3 by 3
 * at stride 2 centres its windows, 2 by 2 at stride 2 does not pad; the output map is ceil(map /
 * stride). AVG_POOL has the same windows and divides by the taps within the map. FLATTEN is the
 * same memory in another shape.
 * HSIGMOID is relu6(x + 3) / 6 and HSWISH x times that (A. Howard et al., "Searching for
 * MobileNetV3", 2019). CHANNEL_SCALE is x[n][i][j][c] * s[n][0][0][c]: squeeze and excite is
 * GLOBAL_AVG_POOL, CONV, RELU, CONV, HSIGMOID, CHANNEL_SCALE.
 * DROPOUT keeps an element with probability 1 - rate and divides it by that; it belongs into
 * training graphs only. Its mask is a function of the key, the sample's number and the element's
 * place in it (ops/dropout.h), and so the operation is its own gradient.
 * GATE is sum_c (gamma dgamma + beta dbeta) = <dL/dy, o> for a candidate o that ends in a batch
 * norm; DOT is sum a b, the same for any other candidate.
 */
#define ONP_OP_LIST(X)                                                                             \
    X(CONV, "conv", 2, 3, 1)                       /* x, w[, bias] -> y */                         \
    X(DEPTHWISE, "depthwise", 2, 3, 1)             /* x, w[, bias] -> y */                         \
    X(BN_STATS, "bn-stats", 1, 1, 1)               /* x -> stats */                                \
    X(BN_APPLY, "bn-apply", 4, 4, 1)               /* x, stats, gamma, beta -> y */                \
    X(RELU6, "relu6", 1, 1, 1)                     /* x -> y */                                    \
    X(RELU, "relu", 1, 1, 1)                       /* x -> y */                                    \
    X(GLOBAL_AVG_POOL, "global-avg-pool", 1, 1, 1) /* x -> {n, 1, 1, c} */                         \
    X(MAX_POOL, "max-pool", 1, 1, 1)               /* x -> y */                                    \
    X(AVG_POOL, "avg-pool", 1, 1, 1)               /* x -> y */                                    \
    X(FLATTEN, "flatten", 1, 1, 1)                 /* x -> {n, 1, 1, h w c} */                     \
    X(ADD, "add", 2, 2, 1)                         /* a, b -> y */                                 \
    X(HSWISH, "hswish", 1, 1, 1)                   /* x -> y */                                    \
    X(HSIGMOID, "hsigmoid", 1, 1, 1)               /* x -> y */                                    \
    X(CHANNEL_SCALE, "channel-scale", 2, 2, 1)     /* x, s {n, 1, 1, c} -> y */                    \
    X(DROPOUT, "dropout", 1, 1, 1)                 /* x -> y */                                    \
    X(SOFTMAX_CE, "softmax-ce", 2, 2, 1)           /* logits, labels (int32) -> {loss, hits} */    \
    X(CONV_BWD_DATA, "conv-bwd-data", 2, 2, 1)     /* gy, w -> gx */                               \
    X(CONV_BWD_WEIGHT, "conv-bwd-weight", 2, 2, 1) /* x, gy -> gw */                               \
    X(DEPTHWISE_BWD_DATA, "depthwise-bwd-data", 2, 2, 1)                                           \
    X(DEPTHWISE_BWD_WEIGHT, "depthwise-bwd-weight", 2, 2, 1)                                       \
    X(COLUMN_SUM, "column-sum", 1, 1, 1)     /* gy -> gbias */                                     \
    X(BN_BWD_SUMS, "bn-bwd-sums", 3, 3, 2)   /* gy, x, stats -> dgamma, dbeta */                   \
    X(BN_BWD_APPLY, "bn-bwd-apply", 6, 6, 1) /* gy, x, stats, gamma, dgamma, dbeta -> gx */        \
    X(RELU6_BWD, "relu6-bwd", 2, 2, 1)       /* gy, x -> gx */                                     \
    X(RELU_BWD, "relu-bwd", 2, 2, 1)         /* gy, x -> gx */                                     \
    X(GLOBAL_AVG_POOL_BWD, "global-avg-pool-bwd", 1, 1, 1)                                         \
    X(MAX_POOL_BWD, "max-pool-bwd", 2, 2, 1) /* gy, x -> gx, to the first largest */               \
    X(AVG_POOL_BWD, "avg-pool-bwd", 1, 1, 1) /* gy -> gx */                                        \
    X(FLATTEN_BWD, "flatten-bwd", 1, 1, 1)                                                         \
    X(HSWISH_BWD, "hswish-bwd", 2, 2, 1)                           /* gy, x -> gx */               \
    X(HSIGMOID_BWD, "hsigmoid-bwd", 2, 2, 1)                       /* gy, x -> gx */               \
    X(CHANNEL_SCALE_BWD_SCALE, "channel-scale-bwd-scale", 2, 2, 1) /* gy, x -> gs */               \
    X(SOFTMAX_CE_BWD, "softmax-ce-bwd", 2, 2, 1)                   /* logits, labels -> glogits */ \
    X(GATE, "gate", 4, 4, 1) /* gamma, dgamma, beta, dbeta -> scalar */                            \
    X(DOT, "dot", 2, 2, 1)   /* a, b -> scalar */

typedef enum onp_op {
#define ONP_X(id, name, lo, hi, out) ONP_OP_##id,
    ONP_OP_LIST(ONP_X)
#undef ONP_X
        ONP_OP_COUNT
} onp_op;

/* What a node needs to know beside its inputs; unused fields are 0. */
typedef struct onp_attr {
    int32_t kernel, stride; /* convolutions: odd; 1..ONP_STRIDE_MAX; pools: any kernel */
    int32_t dilation;       /* convolutions: up to ONP_DILATION_MAX; 0 means 1 */
    int32_t groups;         /* CONV: divides both channel counts; 0 means 1 */
    double eps;             /* BN_APPLY, BN_BWD_SUMS, BN_BWD_APPLY */
    bool frozen;            /* BN_BWD_APPLY: the statistics are constants, not those of x */
    double smoothing;       /* SOFTMAX_CE and its backward */
    double rate;            /* DROPOUT: 0 to below 1 */
    onp_rng key;            /* DROPOUT: of the step and the node */
} onp_attr;

static inline int32_t onp_attr_dilation(const onp_attr *attr)
{
    return attr->dilation > 0 ? attr->dilation : 1;
}

static inline int32_t onp_attr_groups(const onp_attr *attr)
{
    return attr->groups > 0 ? attr->groups : 1;
}

/*
 * Backward rules: the operations that give an operation's input gradients, in order. An input code
 * says where each input comes from; out[i] says which forward input the i-th output is the gradient
 * of (-1: only for later rules).
 */
#define ONP_FROM_GY   (1)        /* gradient of the forward output */
#define ONP_FROM_X(i) (10 + (i)) /* the i-th forward input */
#define ONP_FROM_RULE(r, o)                                                                        \
    (20 + (r)*4 + (o)) /* output o of an earlier rule of the same operation */

typedef struct onp_grad_rule {
    onp_op op;
    int16_t n_in, n_out;
    int16_t in[ONP_OP_MAX_IN];
    int16_t out[ONP_OP_MAX_OUT];
    int16_t optional_input; /* > 0: the rule applies only when that forward input is present */
} onp_grad_rule;

typedef struct onp_op_def {
    const char *name;
    int min_in, max_in, n_out;
    bool pass_gradient; /* the gradient of each input is the gradient of the output itself (ADD) */
    const onp_grad_rule *rules; /* NULL: not differentiable */
    int n_rules;
    /* Shapes of the outputs of a forward operation; backward ones get theirs from what they are the
     * gradient of. Errors: ONP_E_SHAPE naming the operation, the shape seen and the shape wanted;
     * ONP_E_RANGE the same for an attribute; out is then unchanged.
     * NULL for backward operations. */
    onp_status (*infer)(const onp_shape *in, int n_in, const onp_attr *attr, onp_shape *out,
                        onp_error *err);
    /* Multiply-accumulates of convolutions and linear layers, true output sizes (DESIGN part 5);
     * NULL: 0. */
    int64_t (*macs)(const onp_shape *in, const onp_shape *out, const onp_attr *attr);
} onp_op_def;

/* The table entry of an operation; op must be below ONP_OP_COUNT. */
const onp_op_def *onp_op_get(onp_op op);
/* The operation of this name, or ONP_OP_COUNT. */
onp_op onp_op_by_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
