/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/kernels/ref/ref.h"

static void (*const kernels[ONP_OP_COUNT])(const onp_ref_args *a) = {
#define ONP_X(id, name) [ONP_OP_##id] = onp_ref_##name##_f64,
    ONP_REF_KERNELS(ONP_X)
#undef ONP_X
};

void onp_ref_run(onp_op op, const onp_attr *attr, const double *const *in,
                 const onp_shape *in_shape, int n_in, const int32_t *labels, double *const *out,
                 const onp_shape *out_shape)
{
    const onp_ref_args args = {attr, in, in_shape, n_in, labels, out, out_shape};
    kernels[op](&args);
}
