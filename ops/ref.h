/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference kernel set: every operation in double precision, written as its formula, one
 * thread, nothing fused. What tests compare with, and what gradient checks difference.
 *
 *     const double *in[] = {x, w};
 *     double *out[] = {y};
 *     onp_ref_run(ONP_OP_CONV, &attr, in, in_shapes, 2, NULL, out, out_shapes);
 */
#ifndef ONP_OPS_REF_H
#define ONP_OPS_REF_H

#include "ops/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs one operation. in[i] and out[i] are dense arrays of the given shapes; outputs are
 * overwritten and must not overlap inputs. labels: the int32 second input of SOFTMAX_CE and its
 * backward (in[1] is then NULL), values in 0..classes-1; NULL elsewhere. Shapes are the caller's
 * promise (see onp_op_def.infer).
 */
void onp_ref_run(onp_op op, const onp_attr *attr, const double *const *in,
                 const onp_shape *in_shape, int n_in, const int32_t *labels, double *const *out,
                 const onp_shape *out_shape);

#ifdef __cplusplus
}
#endif
#endif
