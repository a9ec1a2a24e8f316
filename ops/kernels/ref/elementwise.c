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

static double hsigmoid(double x)
{
    return x < -3 ? 0 : x > 3 ? 1 : (x + 3) / 6;
}

/* y = relu6(x + 3) / 6; a NaN stays one */
void onp_ref_hsigmoid_f64(const onp_ref_args *a)
{
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = hsigmoid(a->in[0][i]);
}

/* gx = gy / 6 where -3 < x < 3, else 0 */
void onp_ref_hsigmoid_bwd_f64(const onp_ref_args *a)
{
    const double *gy = a->in[0], *x = a->in[1];
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = x[i] > -3 && x[i] < 3 ? gy[i] / 6 : 0;
}

/* y = x * relu6(x + 3) / 6 */
void onp_ref_hswish_f64(const onp_ref_args *a)
{
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = a->in[0][i] * hsigmoid(a->in[0][i]);
}

/* gx = gy * (relu6(x + 3) / 6 + x / 6 where -3 < x < 3) */
void onp_ref_hswish_bwd_f64(const onp_ref_args *a)
{
    const double *gy = a->in[0], *x = a->in[1];
    const int64_t count = onp_shape_count(a->in_shape[0]);
    for (int64_t i = 0; i < count; i++)
        a->out[0][i] = gy[i] * (hsigmoid(x[i]) + (x[i] > -3 && x[i] < 3 ? x[i] / 6 : 0));
}

/* y[n][i][j][c] = x[n][i][j][c] * s[n][0][0][c] */
void onp_ref_channel_scale_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0];
    ONP_REF_IN(x, a, 0);
    ONP_REF_IN(s, a, 1);
    ONP_REF_OUT(y, a, 0);
    for (int64_t n = 0; n < xs.n; n++)
        for (int64_t i = 0; i < xs.h; i++)
            for (int64_t j = 0; j < xs.w; j++)
                for (int64_t c = 0; c < xs.c; c++)
                    y[n][i][j][c] = x[n][i][j][c] * s[n][0][0][c];
}

/* gs[n][0][0][c] = sum_{i,j} gy[n][i][j][c] * x[n][i][j][c] */
void onp_ref_channel_scale_bwd_scale_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[1];
    ONP_REF_IN(gy, a, 0);
    ONP_REF_IN(x, a, 1);
    ONP_REF_OUT(gs, a, 0);
    for (int64_t n = 0; n < xs.n; n++)
        for (int64_t c = 0; c < xs.c; c++) {
            double sum = 0;
            for (int64_t i = 0; i < xs.h; i++)
                for (int64_t j = 0; j < xs.w; j++)
                    sum += gy[n][i][j][c] * x[n][i][j][c];
            gs[n][0][0][c] = sum;
        }
}

/* y = sum a b */
void onp_ref_dot_f64(const onp_ref_args *a)
{
    const int64_t count = onp_shape_count(a->in_shape[0]);
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a->in[0][i] * a->in[1][i];
    a->out[0][0] = sum;
}
