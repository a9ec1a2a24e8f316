/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics are over the m = n * h * w pixels, so a tensor is read as [m][c] here. */
#include "ops/kernels/ref/ref.h"

#include <math.h>

static int64_t pixels(onp_shape s)
{
    return s.n * s.h * s.w;
}

/* mean[c] = 1/m sum_r x[r][c],  var[c] = 1/m sum_r (x[r][c] - mean[c])^2 */
void onp_ref_bn_stats_f64(const onp_ref_args *a)
{
    const int64_t m = pixels(a->in_shape[0]), n_c = a->in_shape[0].c;
    const double(*x)[n_c] = (const double(*)[n_c])a->in[0];
    double *mean = a->out[0], *var = a->out[0] + n_c;

    for (int64_t c = 0; c < n_c; c++) {
        double sum = 0, sum_squares = 0;
        for (int64_t r = 0; r < m; r++)
            sum += x[r][c];
        mean[c] = sum / (double)m;
        for (int64_t r = 0; r < m; r++)
            sum_squares += (x[r][c] - mean[c]) * (x[r][c] - mean[c]);
        var[c] = sum_squares / (double)m;
    }
}

/* y = gamma * xhat + beta,  xhat = (x - mean) / sqrt(var + eps) */
void onp_ref_bn_apply_f64(const onp_ref_args *a)
{
    const int64_t m = pixels(a->in_shape[0]), n_c = a->in_shape[0].c;
    const double(*x)[n_c] = (const double(*)[n_c])a->in[0];
    const double *mean = a->in[1], *var = a->in[1] + n_c, *gamma = a->in[2], *beta = a->in[3];
    double(*y)[n_c] = (double(*)[n_c])a->out[0];

    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n_c; c++)
            y[r][c] = gamma[c] * (x[r][c] - mean[c]) / sqrt(var[c] + a->attr->eps) + beta[c];
}

/* dgamma = sum_r gy * xhat,  dbeta = sum_r gy */
void onp_ref_bn_bwd_sums_f64(const onp_ref_args *a)
{
    const int64_t m = pixels(a->in_shape[0]), n_c = a->in_shape[0].c;
    const double(*gy)[n_c] = (const double(*)[n_c])a->in[0];
    const double(*x)[n_c] = (const double(*)[n_c])a->in[1];
    const double *mean = a->in[2], *var = a->in[2] + n_c;
    double *dgamma = a->out[0], *dbeta = a->out[1];

    for (int64_t c = 0; c < n_c; c++) {
        dgamma[c] = dbeta[c] = 0;
        for (int64_t r = 0; r < m; r++) {
            dgamma[c] += gy[r][c] * (x[r][c] - mean[c]) / sqrt(var[c] + a->attr->eps);
            dbeta[c] += gy[r][c];
        }
    }
}

/* gx = gamma / sqrt(var + eps) * (gy - dbeta / m - xhat * dgamma / m): mean and var depend on x.
 * Where they do not (frozen), gx = gamma / sqrt(var + eps) * gy */
void onp_ref_bn_bwd_apply_f64(const onp_ref_args *a)
{
    const int64_t m = pixels(a->in_shape[0]), n_c = a->in_shape[0].c;
    const double(*gy)[n_c] = (const double(*)[n_c])a->in[0];
    const double(*x)[n_c] = (const double(*)[n_c])a->in[1];
    const double *mean = a->in[2], *var = a->in[2] + n_c;
    const double *gamma = a->in[3], *dgamma = a->in[4], *dbeta = a->in[5];
    double(*gx)[n_c] = (double(*)[n_c])a->out[0];

    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n_c; c++) {
            const double inv_std = 1 / sqrt(var[c] + a->attr->eps);
            const double xhat = (x[r][c] - mean[c]) * inv_std;
            const double by_statistics =
                a->attr->frozen ? 0 : dbeta[c] / (double)m + xhat * dgamma[c] / (double)m;
            gx[r][c] = gamma[c] * inv_std * (gy[r][c] - by_statistics);
        }
}

/* Of a candidate o that ends in y = gamma * xhat + beta:
 * <gy, o> = sum_c (gamma sum_r gy xhat + beta sum_r gy) = sum_c (gamma dgamma + beta dbeta) */
void onp_ref_gate_f64(const onp_ref_args *a)
{
    const double *gamma = a->in[0], *dgamma = a->in[1], *beta = a->in[2], *dbeta = a->in[3];
    double sum = 0;
    for (int64_t c = 0; c < a->in_shape[0].c; c++)
        sum += gamma[c] * dgamma[c] + beta[c] * dbeta[c];
    a->out[0][0] = sum;
}
