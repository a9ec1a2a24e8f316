/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/kernels/ref/ref.h"
#include "ops/kernels/ref/window.h"

static double taps(onp_ref_window row, onp_ref_window col)
{
    return (double)((row.to - row.from) * (col.to - col.from));
}

/* y[n][i][j][c] = mean over u, v of x[n][i*s+u-p][j*s+v-p][c], p = (k - 1) / 2, within the map */
void onp_ref_avg_pool_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0], ys = a->out_shape[0];
    ONP_REF_IN(x, a, 0);
    ONP_REF_OUT(y, a, 0);
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++)
                for (int64_t c = 0; c < ys.c; c++) {
                    const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                    const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                    double sum = 0;
                    for (int64_t u = row.from; u < row.to; u++)
                        for (int64_t v = col.from; v < col.to; v++)
                            sum += x[n][onp_ref_tap(row, u)][onp_ref_tap(col, v)][c];
                    y[n][i][j][c] = sum / taps(row, col);
                }
}

/* in the forward pass this was: y[n][i][j][c] += x[n][i*s+u-p][j*s+v-p][c] / taps */
void onp_ref_avg_pool_bwd_f64(const onp_ref_args *a)
{
    const onp_shape ys = a->in_shape[0], xs = a->out_shape[0];
    ONP_REF_IN(gy, a, 0);
    ONP_REF_OUT(gx, a, 0);
    memset(a->out[0], 0, (size_t)onp_shape_count(xs) * sizeof *a->out[0]);
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++)
                for (int64_t c = 0; c < ys.c; c++) {
                    const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                    const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                    for (int64_t u = row.from; u < row.to; u++)
                        for (int64_t v = col.from; v < col.to; v++)
                            gx[n][onp_ref_tap(row, u)][onp_ref_tap(col, v)][c] +=
                                gy[n][i][j][c] / taps(row, col);
                }
}
