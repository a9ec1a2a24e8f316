/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call: one parallel loop over tiles, covering one or more nodes of a graph. Inputs are lazy
 * operands; a store may carry a bias, a clamp and per-tile column sums. The plan fills calls,
 * onp_call_run executes one.
 *
 *     onp_call call = {.kind = ONP_CALL_CONV, .in = {8, 28, 28, 8}, .out = {8, 28, 28, 48},
 *                      .kernel = 1, .stride = 1, .a = {.x = x, .c = 8}, .w = w, .y = y, .lo = 1};
 *     onp_call_run(ctx, &call, scratch, onp_call_scratch_floats(&call));
 *
 * Tiles and partial sums depend on shapes only: the same bits on any number of threads.
 */
#ifndef ONP_OPS_CALL_H
#define ONP_OPS_CALL_H

#include "base/context.h"
#include "ops/op.h"
#include "ops/operand.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_call_kind {
    /* in: forward input map, out: forward output map, for both directions */
    ONP_CALL_CONV,             /* a = x, w -> y [out] */
    ONP_CALL_CONV_DATA,        /* a = gy, w -> y [in] */
    ONP_CALL_CONV_WEIGHT,      /* a = x, b = gy -> y [k][k][cin][cout]; splits */
    ONP_CALL_DEPTHWISE,        /* as above */
    ONP_CALL_DEPTHWISE_DATA,   /* a = gy, w -> y [in] */
    ONP_CALL_DEPTHWISE_WEIGHT, /* a = x, b = gy -> y [k][k][c]; splits */
    /* both gradients in one pass: a = x, b = gy, w -> y [in] and dw; splits; a pointwise or dense
     * convolution, and a depthwise one */
    ONP_CALL_CONV_BACKWARD,
    ONP_CALL_DEPTHWISE_BACKWARD,
    ONP_CALL_STORE,         /* a (, b) -> y [out] by `store`; in == out; y may be a.x or b.x */
    ONP_CALL_SUMS,          /* column sums of a, nothing stored; in == out */
    ONP_CALL_POOL,          /* a -> y {n, 1, 1, c} */
    ONP_CALL_POOL_BWD,      /* a = gy {n, 1, 1, c} -> y [in] */
    ONP_CALL_MAX_POOL,      /* a = x -> y [out] */
    ONP_CALL_MAX_POOL_BWD,  /* a = gy, b = x -> y [in] */
    ONP_CALL_AVG_POOL,      /* a = x -> y [out] */
    ONP_CALL_AVG_POOL_BWD,  /* a = gy -> y [in] */
    ONP_CALL_CHANNEL_DOT,   /* a, b [in] -> y {n, 1, 1, c}: sums of products over an image */
    ONP_CALL_DOT,           /* a, b [in] -> y[0]; splits, in double */
    ONP_CALL_MOMENTS_MERGE, /* partial -> stats; with gamma also coef = scale, shift */
    ONP_CALL_BN_COEF,       /* stats, gamma, beta -> coef = scale, shift */
    ONP_CALL_GRAD_MERGE,    /* partial, stats -> dgamma, dbeta; with gamma also coef = ga, gb, gc */
    ONP_CALL_GRAD_COEF,     /* stats, gamma, dgamma, dbeta -> coef = ga, gb, gc */
    ONP_CALL_SOFTMAX,       /* a = logits, labels -> y {loss, hits}; splits = per-row results */
    ONP_CALL_SOFTMAX_BWD,   /* a = logits, labels -> y [n][c] */
    ONP_CALL_COLUMN_SUM,    /* a -> y [c] */
    ONP_CALL_GATE,          /* gamma, dgamma, beta, dbeta -> y[0] */
    ONP_CALL_KIND_COUNT
} onp_call_kind;

typedef enum onp_sums_kind { ONP_SUMS_NONE, ONP_SUMS_MOMENTS, ONP_SUMS_GRAD } onp_sums_kind;

/* What a STORE makes of its operands; a CONV or DEPTHWISE may be followed by HSWISH or HSIGMOID. */
typedef enum onp_call_store {
    ONP_STORE_SUM, /* a (+ b) */
    ONP_STORE_HSWISH,
    ONP_STORE_HSIGMOID,
    ONP_STORE_HSWISH_BWD, /* a times the derivative at b */
    ONP_STORE_HSIGMOID_BWD,
    ONP_STORE_CHANNEL_SCALE, /* a times b {n, 1, 1, c}, on which y may not lie */
    ONP_STORE_DROPOUT        /* a times the mask of samples first_sample.. */
} onp_call_store;

/* How rows are cut: `groups` of `group` rows (an image, or all rows), each into tiles of `rows`,
 * the last one shorter. */
typedef struct onp_tiling {
    int64_t rows, group, groups;
} onp_tiling;

typedef struct onp_call {
    onp_call_kind kind;
    onp_call_store store;
    int32_t kernel, stride;
    int32_t dilation, groups; /* 0 means 1 */
    onp_shape in, out;
    onp_operand a, b;
    /* CONV, CONV_DATA, CONV_BACKWARD: added to what is stored before the clamp, a residual shaped
     * as y; y itself, or no overlap */
    const float *add;
    const float *w, *bias;
    /* BACKWARD kinds can do without the raw output of a pointwise convolution: rows of a tile are
     * multiplied out again. DEPTHWISE_BACKWARD with of.x: what a.x and mask.q would be is rows of
     * `of` times of_w [of.c][c]. CONV_BACKWARD, pointwise, with b.ga but no b.q: q is the call's
     * own output, a times w. */
    onp_operand of;
    const float *of_w;
    const float *packed; /* CONV, pointwise CONV_DATA: w as onp_call_pack left it, or NULL */
    float *y;
    float *dw;     /* of the BACKWARD kinds: where the weight gradient goes, shaped as w */
    float lo, hi;  /* clamp of what is stored; lo > hi: none */
    float *splits; /* partial weight gradients, onp_call_split_floats() */

    onp_sums_kind sums; /* taken of what is stored */
    float *partial;     /* [tiles][2][c] */
    onp_operand mask;   /* GRAD: q, scale, shift, clamp: see onp_kernels.grad_sums */

    const float *gamma, *beta; /* [c] */
    float *stats;              /* [2][c]: mean, variance; also the mean of GRAD sums */
    float *coef;               /* [2][c] or [3][c] */
    float *dgamma, *dbeta;     /* [c] */
    onp_tiling partial_tiling; /* of the call that took the sums, for the merge */
    double eps, smoothing, rate;
    onp_rng key;          /* of a dropout */
    int64_t first_sample; /* its number of the first sample in this batch */
    bool frozen;          /* ga, gb, gc: the statistics are constants, so gb = gc = 0 */
    int64_t count;        /* rows behind the sums */
    const int32_t *labels;
    int32_t node_group; /* of the node that it was made from; no kernel looks at it */
} onp_call;

/* Which sums the kind can take while it stores; anything else needs a SUMS call. */
bool onp_call_can_sum(onp_call_kind kind, onp_sums_kind sums);
/* Whether y of a depthwise data gradient (DATA, BACKWARD) may be the x of its gradient operand,
 * with the same bits. Looks at shapes and at which parts that operand has; q must be elsewhere. */
bool onp_call_can_overwrite(const onp_call *call);
/* Tiling of the rows that the call stores (or, for SUMS, reads): its partial sums are in this
 * order. */
onp_tiling onp_call_tiling(const onp_call *call);
int64_t onp_tiling_count(onp_tiling t);
/* Rows of the i-th tile. */
int64_t onp_tiling_rows(onp_tiling t, int64_t i);
/* Floats of `partial`, of `splits`, and of scratch per thread. */
int64_t onp_call_partial_floats(const onp_call *call);
int64_t onp_call_split_floats(const onp_call *call);
int64_t onp_call_scratch_floats(const onp_call *call);

/* Packs w once for many runs of a CONV or a pointwise CONV_DATA on ctx->kernels; call->packed
 * points to the result then. Other kinds need 0 floats. */
int64_t onp_call_packed_floats(const onp_call *call);
void onp_call_pack(const onp_context *ctx, const onp_call *call, float *packed);

/* Runs the call on ctx->kernels. Operands of SOFTMAX, SOFTMAX_BWD and COLUMN_SUM are plain.
 * scratch: scratch_floats per thread, thread i at scratch + i * scratch_floats, 64-byte aligned;
 * scratch_floats at least onp_call_scratch_floats(call) and a multiple of 16. */
void onp_call_run(const onp_context *ctx, const onp_call *call, float *scratch,
                  int64_t scratch_floats);

#ifdef __cplusplus
}
#endif
#endif
