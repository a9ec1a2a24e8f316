/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/kernels/ref/ref.h"

/* y[n][0][0][c] = 1 / (h w) sum_{i,j} x[n][i][j][c] */
void onp_ref_global_avg_pool_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0];
    ONP_REF_IN(x, a, 0);
    ONP_REF_OUT(y, a, 0);
    for (int64_t n = 0; n < xs.n; n++)
        for (int64_t c = 0; c < xs.c; c++) {
            double sum = 0;
            for (int64_t i = 0; i < xs.h; i++)
                for (int64_t j = 0; j < xs.w; j++)
                    sum += x[n][i][j][c];
            y[n][0][0][c] = sum / (double)(xs.h * xs.w);
        }
}

/* gx[n][i][j][c] = gy[n][0][0][c] / (h w) */
void onp_ref_global_avg_pool_bwd_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->out_shape[0];
    ONP_REF_IN(gy, a, 0);
    ONP_REF_OUT(gx, a, 0);
    for (int64_t n = 0; n < xs.n; n++)
        for (int64_t i = 0; i < xs.h; i++)
            for (int64_t j = 0; j < xs.w; j++)
                for (int64_t c = 0; c < xs.c; c++)
                    gx[n][i][j][c] = gy[n][0][0][c] / (double)(xs.h * xs.w);
}

/* gbias[c] = sum_{n,i,j} gy[n][i][j][c] */
void onp_ref_column_sum_f64(const onp_ref_args *a)
{
    const onp_shape ys = a->in_shape[0];
    ONP_REF_IN(gy, a, 0);
    for (int64_t c = 0; c < ys.c; c++) {
        double sum = 0;
        for (int64_t n = 0; n < ys.n; n++)
            for (int64_t i = 0; i < ys.h; i++)
                for (int64_t j = 0; j < ys.w; j++)
                    sum += gy[n][i][j][c];
        a->out[0][c] = sum;
    }
}
