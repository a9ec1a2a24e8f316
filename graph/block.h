/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block: the unit that search space, latency table, arch.json and agent share. A plain value that
 * turns into a canonical key, back from it, and into graph nodes (graph/block_build.h).
 *
 *     onp_block b = {.kind = ONP_BLOCK_MBCONV, .in_h = 56, .in_w = 56, .in_c = 24,
 *                    .out_c = 40, .kernel = 5, .expand = 3, .stride = 2};
 *     ONP_TRY(onp_block_complete(&b, err));    // checks it, fills out_h, out_w, mid
 *     char key[ONP_BLOCK_KEY];
 *     onp_block_key(&b, key);    // "mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0"
 *
 * Kinds:
 *
 *     stem    k x k convolution, batch norm, activation   "stem in=32x32x3 out=32x32x32 k=3 s=1"
 *     mbconv  [1x1 to in_c*e, batch norm, activation,] depthwise k x k, batch norm, activation,
 *             [squeeze and excite,] 1x1, batch norm [, + input]
 *     mix     1x1 convolution, batch norm, activation     "mix in=4x4x192 out=4x4x640"
 *     head    global average pool, [linear without bias, activation,] linear with bias
 *                                                         "head in=4x4x640 out=10"
 *     zero    nothing: the output is the shortcut         "zero"
 *     conv    k x k convolution, batch norm, activation   "conv in=8x8x24 out=4x4x40 k=3 s=2"
 *     depthwise-separable
 *             depthwise k x k, batch norm, activation, 1x1, batch norm [, + input]
 *     max-pool, avg-pool
 *             of the taps within the map                  "max-pool in=8x8x24 out=8x8x24 k=3 s=1"
 *     identity
 *             the output is the input                     "identity"
 *
 * Zero and identity cost exactly 0 and have no row in a table; a network with either computes the
 * same, but in a search identity is a candidate with an output of its own, and zero is one without.
 *
 * A key grows suffixes, in this order, where a block is not what most are: " mid=150", a hidden
 * width that is not in_c*e (arch.json's mid_channels), or a head's first linear layer; " d=2",
 * dilation; " g=4", groups; " act=hswish" or " act=relu" in place of ReLU6; " se=16", squeeze and
 * excite through so many channels. mbconv without expansion (e=1) has no first convolution.
 */
#ifndef ONP_GRAPH_BLOCK_H
#define ONP_GRAPH_BLOCK_H

#include "ops/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_block_kind {
    ONP_BLOCK_STEM,
    ONP_BLOCK_MBCONV,
    ONP_BLOCK_MIX,
    ONP_BLOCK_HEAD,
    ONP_BLOCK_ZERO,
    ONP_BLOCK_CONV,
    ONP_BLOCK_SEPARABLE,
    ONP_BLOCK_MAX_POOL,
    ONP_BLOCK_AVG_POOL,
    ONP_BLOCK_IDENTITY,
    ONP_BLOCK_KIND_COUNT
} onp_block_kind;

typedef enum onp_activation {
    ONP_ACT_RELU6,
    ONP_ACT_RELU,
    ONP_ACT_HSWISH,
    ONP_ACT_COUNT
} onp_activation;

/* "relu6", "relu", "hswish", then NULL. */
extern const char *const onp_activation_names[ONP_ACT_COUNT + 1];

typedef struct onp_block {
    onp_block_kind kind;
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c; /* head: 1, 1, classes */
    int32_t kernel, stride;      /* 1 where the kind has none */
    int32_t expand;              /* mbconv: hidden width / in_c; 0 elsewhere */
    int32_t mid;                 /* mbconv: hidden width; 0 before complete: in_c * expand.
                                    head: width of its first linear layer; 0: there is none */
    bool skip;                   /* adds its input */
    int32_t dilation;            /* conv, depthwise-separable; 0 before complete means 1 */
    int32_t groups;              /* conv: divides both channel counts; 0 as above */
    onp_activation act;
    bool se;          /* mbconv: squeeze and excite behind the depthwise convolution's activation */
    int32_t se_width; /* its hidden width; 0: the usual one, onp_block_se_width */
} onp_block;

#define ONP_BLOCK_KEY        128
#define ONP_BLOCK_MAX_PARAMS 16

/* Checks a block and fills out_h, out_w (ceil(in / stride)) and mid. Errors: ONP_E_RANGE naming
 * field, value and range (sizes 1..65536, odd kernel 1..31, stride 1..4, expand 1..32, maps of
 * fewer than 2^31 elements; dilation 1..32, groups that divide), ONP_E_SHAPE when skip, a pool or
 * identity would need equal shapes; b is then unchanged. Fields that a kind has not may be 0. */
onp_status onp_block_complete(onp_block *b, onp_error *err) ONP_MUST_USE;

/* Canonical key of a complete block. */
void onp_block_key(const onp_block *b, char key[ONP_BLOCK_KEY]);
/* The block of a key; the reverse of the above, strict. Errors: ONP_E_FORMAT naming the key and
 * what is wrong; *out is then unchanged. Keys of zero and identity have no sizes: 0 in *out. */
onp_status onp_block_parse(const char *key, onp_block *out, onp_error *err) ONP_MUST_USE;

/* Short name of a candidate: "3x3e6", "conv3x3", "sep5x5", "max3x3", "avg3x3", "conv3x3d2g4"
 * (dilation, groups); "-se", "-relu", "-hswish" behind one that has them; the kind's name for
 * others. */
void onp_block_short_name(const onp_block *b, char name[32]);

/* Zero or identity: passes its input on, costs 0, has no row. */
bool onp_block_is_free(const onp_block *b);

/* Of a kind with a kernel and a stride of its own. */
bool onp_block_has_kernel(const onp_block *b);

/* A block that may stand in a stage: neither stem, mix nor head. */
bool onp_block_is_candidate(const onp_block *b);

/* v channels as a multiple of 8: the nearest one, at least 8, and the next one where that loses
 * more than a tenth (M. Sandler et al., "MobileNetV2", 2018, in the authors' code). */
int64_t onp_divisible(double v);

/* Width of squeeze and excite inside an mbconv: se_width, usually onp_divisible(mid / 4), the
 * quotient cut. */
int32_t onp_block_se_width(const onp_block *b);

/* Same key: the sizes of zeros do not count. */
bool onp_block_equal(const onp_block *a, const onp_block *b);

/* Parameters (convolution and linear weights and biases, batch-norm gamma and beta) and
 * multiply-accumulates (convolutions and linear, true output sizes), as DESIGN part 5 defines them.
 */
int64_t onp_block_n_params(const onp_block *b);
int64_t onp_block_n_macs(const onp_block *b);

/* What a parameter is, for initialisation, weight decay and folding. */
typedef enum onp_param_role {
    ONP_PARAM_WEIGHT, /* convolution or linear weight */
    ONP_PARAM_BIAS,
    ONP_PARAM_GAMMA,
    ONP_PARAM_BETA,
    ONP_PARAM_STATS /* {1, 1, 2, c}: mean and variance; not trained, present in evaluation only */
} onp_param_role;

typedef struct onp_param_spec {
    const char *name; /* "expand.weight", "depthwise.bn.gamma", ...; static text */
    onp_param_role role;
    onp_shape shape;
} onp_param_spec;

/* How a block is built. */
typedef enum onp_block_mode {
    ONP_MODE_TRAIN, /* batch norm by batch statistics; parameters: weight, gamma, beta */
    ONP_MODE_EVAL,  /* batch norm by stored statistics; parameters: weight, gamma, beta, stats */
    ONP_MODE_FOLDED /* batch norm folded into the convolution; parameters: weight, bias */
} onp_block_mode;

/* The parameters of a block in the order onp_block_build takes them, convolution by convolution:
 * weight, gamma, beta (TRAIN), weight, gamma, beta, stats (EVAL), or weight, bias (FOLDED). Layers
 * without a batch norm are the same in every mode: weight, bias (squeeze and excite, the head's
 * last), or weight alone (the head's first of two). Returns how many (zero, pools: 0). */
int onp_block_params(const onp_block *b, onp_block_mode mode,
                     onp_param_spec specs[ONP_BLOCK_MAX_PARAMS]);

#ifdef __cplusplus
}
#endif
#endif
