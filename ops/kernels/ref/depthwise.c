/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/kernels/ref/ref.h"

#include <string.h>

#include "ops/kernels/ref/window.h"

/* y[n][i][j][c] = bias[c] + sum_{u,v} x[n][i*s+d*(u-p)][j*s+d*(v-p)][c] * w[u][v][0][c] */
void onp_ref_depthwise_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0], ys = a->out_shape[0];
    ONP_REF_IN(x, a, 0);
    ONP_REF_IN(w, a, 1);
    ONP_REF_OUT(y, a, 0);
    const double *bias = a->n_in > 2 ? a->in[2] : NULL;

    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++) {
                const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                for (int64_t c = 0; c < ys.c; c++)
                    y[n][i][j][c] = bias != NULL ? bias[c] : 0;
                for (int64_t u = row.from; u < row.to; u++)
                    for (int64_t v = col.from; v < col.to; v++)
                        for (int64_t c = 0; c < ys.c; c++)
                            y[n][i][j][c] +=
                                x[n][onp_ref_tap(row, u)][onp_ref_tap(col, v)][c] * w[u][v][0][c];
            }
}

/* in the forward pass this was: y[n][i][j][c] += x[n][i*s+d*(u-p)][j*s+d*(v-p)][c] * w[u][v][0][c]
 */
void onp_ref_depthwise_bwd_data_f64(const onp_ref_args *a)
{
    const onp_shape ys = a->in_shape[0], xs = a->out_shape[0];
    ONP_REF_IN(gy, a, 0);
    ONP_REF_IN(w, a, 1);
    ONP_REF_OUT(gx, a, 0);

    memset(gx, 0, (size_t)onp_shape_count(xs) * sizeof(double));
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++) {
                const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                for (int64_t u = row.from; u < row.to; u++)
                    for (int64_t v = col.from; v < col.to; v++)
                        for (int64_t c = 0; c < ys.c; c++)
                            gx[n][onp_ref_tap(row, u)][onp_ref_tap(col, v)][c] +=
                                gy[n][i][j][c] * w[u][v][0][c];
            }
}

/* in the forward pass this was: y[n][i][j][c] += x[n][i*s+d*(u-p)][j*s+d*(v-p)][c] * w[u][v][0][c]
 */
void onp_ref_depthwise_bwd_weight_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0], ys = a->in_shape[1];
    ONP_REF_IN(x, a, 0);
    ONP_REF_IN(gy, a, 1);
    ONP_REF_OUT(gw, a, 0);

    memset(gw, 0, (size_t)onp_shape_count(a->out_shape[0]) * sizeof(double));
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++) {
                const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                for (int64_t u = row.from; u < row.to; u++)
                    for (int64_t v = col.from; v < col.to; v++)
                        for (int64_t c = 0; c < ys.c; c++)
                            gw[u][v][0][c] +=
                                gy[n][i][j][c] * x[n][onp_ref_tap(row, u)][onp_ref_tap(col, v)][c];
            }
}
