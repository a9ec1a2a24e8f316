/* SPDX-License-Identifier: Apache-2.0 */
/* In group g: input channel c = g * depth + k is channel k of the kernels of output channels o in
 * [g * share, (g + 1) * share). */
#include "ops/kernels/ref/ref.h"

#include <string.h>

#include "ops/kernels/ref/window.h"

/* y[n][i][j][o] = bias[o] + sum_{u,v,c} x[n][i*s+d*(u-p)][j*s+d*(v-p)][c] * w[u][v][k][o]
 */
void onp_ref_conv_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0], ys = a->out_shape[0];
    const int64_t groups = onp_attr_groups(a->attr), depth = xs.c / groups, share = ys.c / groups;
    ONP_REF_IN(x, a, 0);
    ONP_REF_IN(w, a, 1);
    ONP_REF_OUT(y, a, 0);
    const double *bias = a->n_in > 2 ? a->in[2] : NULL;

    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++) {
                const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                for (int64_t o = 0; o < ys.c; o++)
                    y[n][i][j][o] = bias != NULL ? bias[o] : 0;
                for (int64_t u = row.from; u < row.to; u++)
                    for (int64_t v = col.from; v < col.to; v++) {
                        const int64_t r = onp_ref_tap(row, u), s = onp_ref_tap(col, v);
                        for (int64_t g = 0; g < groups; g++)
                            for (int64_t k = 0, c = g * depth; k < depth; k++, c++)
                                for (int64_t o = g * share; o < (g + 1) * share; o++)
                                    y[n][i][j][o] += x[n][r][s][c] * w[u][v][k][o];
                    }
            }
}

/* in the forward pass this was: y[n][i][j][o] += x[n][r][s][c] * w[u][v][k][o] */
void onp_ref_conv_bwd_data_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->out_shape[0], ys = a->in_shape[0];
    const int64_t groups = onp_attr_groups(a->attr), depth = xs.c / groups, share = ys.c / groups;
    ONP_REF_IN(gy, a, 0);
    ONP_REF_IN(w, a, 1);
    ONP_REF_OUT(gx, a, 0);

    memset(gx, 0, (size_t)onp_shape_count(a->out_shape[0]) * sizeof(double));
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++) {
                const onp_ref_window row = onp_ref_window_at(i, a->attr, xs.h);
                const onp_ref_window col = onp_ref_window_at(j, a->attr, xs.w);
                for (int64_t u = row.from; u < row.to; u++)
                    for (int64_t v = col.from; v < col.to; v++) {
                        const int64_t r = onp_ref_tap(row, u), s = onp_ref_tap(col, v);
                        for (int64_t g = 0; g < groups; g++)
                            for (int64_t k = 0, c = g * depth; k < depth; k++, c++)
                                for (int64_t o = g * share; o < (g + 1) * share; o++)
                                    gx[n][r][s][c] += gy[n][i][j][o] * w[u][v][k][o];
                    }
            }
}

/* in the forward pass this was: y[n][i][j][o] += x[n][r][s][c] * w[u][v][k][o] */
void onp_ref_conv_bwd_weight_f64(const onp_ref_args *a)
{
    const onp_shape xs = a->in_shape[0], ys = a->in_shape[1];
    const int64_t groups = onp_attr_groups(a->attr), depth = xs.c / groups, share = ys.c / groups;
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
                    for (int64_t v = col.from; v < col.to; v++) {
                        const int64_t r = onp_ref_tap(row, u), s = onp_ref_tap(col, v);
                        for (int64_t g = 0; g < groups; g++)
                            for (int64_t k = 0, c = g * depth; k < depth; k++, c++)
                                for (int64_t o = g * share; o < (g + 1) * share; o++)
                                    gw[u][v][k][o] += gy[n][i][j][o] * x[n][r][s][c];
                    }
            }
}
