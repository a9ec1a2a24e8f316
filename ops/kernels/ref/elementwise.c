/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/kernels/ref/ref.h"

/* y = min(max(x, 0), 6); a NaN stays one */
void onp_ref_relu6_f64(const onp_ref_args *a)
{
    const double *x = a->in[0];
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = x[i] < 0 ? 0 : x[i] > 6 ? 6 : x[i];
}

/* gx = gy where 0 < x < 6, else 0 */
void onp_ref_relu6_bwd_f64(const onp_ref_args *a)
{
    const double *gy = a->in[0], *x = a->in[1];
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = x[i] > 0 && x[i] < 6 ? gy[i] : 0;
}

/* y = max(x, 0); a NaN stays one */
void onp_ref_relu_f64(const onp_ref_args *a)
{
    const double *x = a->in[0];
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = x[i] < 0 ? 0 : x[i];
}

/* gx = gy where x > 0, else 0 */
void onp_ref_relu_bwd_f64(const onp_ref_args *a)
{
    const double *gy = a->in[0], *x = a->in[1];
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = x[i] > 0 ? gy[i] : 0;
}

/* y = x in another shape */
void onp_ref_flatten_f64(const onp_ref_args *a)
{
    memcpy(a->out[0], a->in[0], (size_t)onp_shape_count(a->in_shape[0]) * sizeof *a->out[0]);
}

void onp_ref_flatten_bwd_f64(const onp_ref_args *a)
{
    onp_ref_flatten_f64(a);
}

/* y = a + b */
void onp_ref_add_f64(const onp_ref_args *a)
{
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = a->in[0][i] + a->in[1][i];
}
