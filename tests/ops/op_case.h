/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One forward operation on random inputs in the double reference, and its gradients by the rules of
 * the operation table.
 *
 *     op_case k;
 *     op_case_init(&k, ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 2}, shapes, 2, seed);
 *     op_case_forward(&k);                       // k.y
 *     op_case_backward(&k, gy);                  // k.gx[i], NULL where there is no gradient
 *     op_case_reset(&k);
 */
#ifndef ONP_TESTS_OPS_OP_CASE_H
#define ONP_TESTS_OPS_OP_CASE_H

#include "ops/ref.h"
#include "tests/test_support.h"

typedef struct op_case {
    onp_op op;
    onp_attr attr;
    int n_in;
    onp_shape in[ONP_OP_MAX_IN], out;
    double *x[ONP_OP_MAX_IN];  /* NULL: the labels of SOFTMAX_CE */
    double *gx[ONP_OP_MAX_IN]; /* allocated by op_case_backward */
    double *y;
    int32_t *labels;
} op_case;

/* Infers the output and fills inputs: standard normal, labels uniform; those of piecewise
 * operations spread over their parts and stay 0.01 away from the kinks. */
void op_case_init(op_case *k, onp_op op, onp_attr attr, const onp_shape *in, int n_in,
                  uint64_t seed);
/* Fills y. The statistics of BN_APPLY (input 1) are computed from input 0 first, unless they are
 * frozen: then they stay as they are, variances positive. */
void op_case_forward(op_case *k);
/* Fills gx by the rules; gy has the shape of y. Needs op_case_forward for BN_APPLY. */
void op_case_backward(op_case *k, const double *gy);
void op_case_reset(op_case *k);

/* count standard normal numbers; free() it. */
double *op_random(int64_t count, uint64_t seed);
/* count zeros; free() it. */
double *op_zeros(int64_t count);
double op_dot(const double *a, const double *b, int64_t count);
double op_norm_of_difference(const double *a, const double *b, int64_t count);

#endif
