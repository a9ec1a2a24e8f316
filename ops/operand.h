/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lazy operand: what a kernel reads, stored once before its normalisation and activation and
 * transformed while it is loaded (DESIGN part 4). One struct serves both directions:
 *
 *     forward: batch norm and ReLU6 of a raw convolution output
 *         v = clamp(scale * x + shift, lo, hi)
 *     backward: the gradient behind ReLU6 and batch norm; q is the raw tensor they were applied to
 *         v = ga * (x where lo < scale * q + shift < hi) + gb * q + gc
 *
 * Which parts apply is told by pointers that are NULL and by `clamp`. Rows are pixels of an NHWC
 * tensor. A convolution pads with 0 *after* the transform.
 */
#ifndef ONP_OPS_OPERAND_H
#define ONP_OPS_OPERAND_H

#include <stdbool.h>
#include <stdint.h>

typedef struct onp_operand {
    const float *x;             /* [rows][c]; NULL: the operand is absent */
    const float *q;             /* backward: the raw tensor, [rows][c]; else NULL */
    const float *scale, *shift; /* [c], or both NULL: 1 and 0 */
    const float *ga, *gb, *gc;  /* [c], or all NULL: v is the masked x */
    float lo, hi;               /* used when `clamp` */
    bool clamp;
    int64_t c;
} onp_operand;

/* True when loading changes nothing, so that x can be read in place. */
static inline bool onp_operand_is_plain(const onp_operand *o)
{
    return o->scale == NULL && o->ga == NULL && !o->clamp;
}

#endif
