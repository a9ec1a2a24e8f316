/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a block's latency is made of, as numbers: amounts of work that a device's speed turns into
 * time, and where the block lies among others.
 *
 *     double terms[ONP_BLOCK_TERMS];
 *     onp_block_terms(&block, terms);     // latency = sum of coefficient * term, none negative
 *
 * The layers of an mbconv are its expansion, its depthwise convolution and its projection; other
 * kinds have one or two of them (stem, conv, mix and head: a projection).
 */
#ifndef ONP_LATENCY_PREDICT_BLOCK_FEATURES_H
#define ONP_LATENCY_PREDICT_BLOCK_FEATURES_H

#include "graph/block.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_block_term {
    ONP_TERM_ONE,
    ONP_TERM_EXPAND_MACS,
    ONP_TERM_DEPTHWISE_MACS,
    ONP_TERM_PROJECT_MACS,
    ONP_TERM_DENSE_MACS, /* of k x k convolutions that are not depthwise */
    ONP_TERM_EXPAND_IN,  /* elements read and written, layer by layer */
    ONP_TERM_EXPAND_OUT,
    ONP_TERM_DEPTHWISE_IN,
    ONP_TERM_DEPTHWISE_OUT,
    ONP_TERM_PROJECT_IN,
    ONP_TERM_PROJECT_OUT,
    ONP_TERM_EXPAND_WEIGHTS,
    ONP_TERM_DEPTHWISE_WEIGHTS,
    ONP_TERM_PROJECT_WEIGHTS,
    ONP_TERM_SE_ELEMENTS, /* squeeze and excite: the map it scales, its two layers */
    ONP_TERM_SE_WEIGHTS,
    ONP_TERM_HSWISH, /* elements through h-swish */
    ONP_TERM_SKIP,   /* elements added */
    ONP_TERM_PAD4, /* MACs more if the convolutions ran over hidden and output channels in fours */
    ONP_TERM_PAD8, /* ... eights */
    ONP_TERM_PAD16,
    ONP_TERM_PAD32,
    ONP_BLOCK_TERMS
} onp_block_term;

typedef enum onp_block_layer {
    ONP_LAYER_EXPAND,
    ONP_LAYER_DEPTHWISE,
    ONP_LAYER_PROJECT,
    ONP_LAYER_COUNT,
    ONP_LAYER_NONE = ONP_LAYER_COUNT
} onp_block_layer;

/* A complete block's amounts, none negative. */
void onp_block_terms(const onp_block *b, double terms[ONP_BLOCK_TERMS]);

/* The layer that a term is of. */
onp_block_layer onp_block_term_layer(onp_block_term term);
/* What a term costs on a plain CPU, in MACs of a 1x1 convolution: where a fit begins. */
double onp_block_term_cost(onp_block_term term);
/* Sum of cost * term: the block's size in one number, for interpolation between sizes of one op. */
double onp_block_work(const onp_block *b);

/* Where a block lies: natural logarithms of its sizes, and what kind of thing it is. */
typedef struct onp_block_place {
    double in_area, out_area, in_c, mid, out_c, kernel; /* mid: a 1x1 convolution's inputs, of a
                                                           dense one ci * k * k */
    double stride, se, skip, expands;                   /* 0 or 1; stride: more than 1 */
    int kind, act;
} onp_block_place;
void onp_block_locate(const onp_block *b, onp_block_place *out);

#ifdef __cplusplus
}
#endif
#endif
