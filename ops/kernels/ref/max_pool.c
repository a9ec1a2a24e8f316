/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/kernels/ref/ref.h"
#include "ops/kernels/ref/window.h"

typedef struct place {
    int64_t i, j;
} place;

/* The first largest of x[n][.][.][c] in the window of output (i, j). */
static place largest(const onp_attr *attr, const double *x, onp_shape s, int64_t n, int64_t c,
                     place at)
{
    const onp_ref_window u = onp_ref_window_at(at.i, attr, s.h),
                         v = onp_ref_window_at(at.j, attr, s.w);
    place best = {-1, -1};
    double most = 0;
    for (int64_t a = u.from; a < u.to; a++)
        for (int64_t b = v.from; b < v.to; b++) {
            const place p = {onp_ref_tap(u, a), onp_ref_tap(v, b)};
            const double value = x[((n * s.h + p.i) * s.w + p.j) * s.c + c];
            if (best.i < 0 || value > most || value != value) {
                best = p;
                most = value;
            }
        }
    return best;
}

/* y[n][i][j][c] = max over u, v of x[n][i*s+u-p][j*s+v-p][c], p = (k - 1) / 2, within the map */
void onp_ref_max_pool_f64(const onp_ref_args *a)
{
    const onp_shape ys = a->out_shape[0];
    ONP_REF_IN(x, a, 0);
    ONP_REF_OUT(y, a, 0);
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++)
                for (int64_t c = 0; c < ys.c; c++) {
                    const place p = largest(a->attr, a->in[0], a->in_shape[0], n, c, (place){i, j});
                    y[n][i][j][c] = x[n][p.i][p.j][c];
                }
}

/* gx[n][p][q][c] = sum of gy[n][i][j][c] over the (i, j) whose first largest is (p, q) */
void onp_ref_max_pool_bwd_f64(const onp_ref_args *a)
{
    const onp_shape ys = a->in_shape[0];
    ONP_REF_IN(gy, a, 0);
    ONP_REF_OUT(gx, a, 0);
    memset(a->out[0], 0, (size_t)onp_shape_count(a->out_shape[0]) * sizeof *a->out[0]);
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t i = 0; i < ys.h; i++)
            for (int64_t j = 0; j < ys.w; j++)
                for (int64_t c = 0; c < ys.c; c++) {
                    const place p = largest(a->attr, a->in[1], a->in_shape[1], n, c, (place){i, j});
                    gx[n][p.i][p.j][c] += gy[n][i][j][c];
                }
}
