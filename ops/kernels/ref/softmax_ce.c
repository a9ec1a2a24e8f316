/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/kernels/ref/ref.h"

#include <math.h>

/* Place of the largest logit; of equal ones the first. */
static int64_t arg_max(const double *x, int64_t n_classes)
{
    int64_t best = 0;
    for (int64_t c = 1; c < n_classes; c++)
        if (x[c] > x[best])
            best = c;
    return best;
}

/* ln sum_c exp(x[c]), with the largest taken out so that exp cannot overflow */
static double log_sum_exp(const double *x, int64_t n_classes)
{
    const double max = x[arg_max(x, n_classes)];
    double sum = 0;
    for (int64_t c = 0; c < n_classes; c++)
        sum += exp(x[c] - max);
    return max + log(sum);
}

/* t[c] = (1 - e) onehot(label)[c] + e / classes */
static double target(int64_t c, int32_t label, double smoothing, int64_t n_classes)
{
    return (c == label ? 1 - smoothing : 0) + smoothing / (double)n_classes;
}

/* loss = -1/n sum_{n,c} t[n][c] * ln softmax(x[n])[c] */
void onp_ref_softmax_ce_f64(const onp_ref_args *a)
{
    const int64_t n_rows = a->in_shape[0].n, n_classes = a->in_shape[0].c;
    double loss = 0, hits = 0;
    for (int64_t n = 0; n < n_rows; n++) {
        const double *x = a->in[0] + n * n_classes;
        const double norm = log_sum_exp(x, n_classes);
        for (int64_t c = 0; c < n_classes; c++)
            loss -= target(c, a->labels[n], a->attr->smoothing, n_classes) * (x[c] - norm);
        hits += arg_max(x, n_classes) == a->labels[n];
    }
    a->out[0][0] = loss / (double)n_rows;
    a->out[0][1] = hits;
}

/* gx[n][c] = 1/n (softmax(x[n])[c] - t[n][c]) */
void onp_ref_softmax_ce_bwd_f64(const onp_ref_args *a)
{
    const int64_t n_rows = a->in_shape[0].n, n_classes = a->in_shape[0].c;
    for (int64_t n = 0; n < n_rows; n++) {
        const double *x = a->in[0] + n * n_classes;
        double *gx = a->out[0] + n * n_classes;
        const double norm = log_sum_exp(x, n_classes);
        for (int64_t c = 0; c < n_classes; c++)
            gx[c] = (exp(x[c] - norm) - target(c, a->labels[n], a->attr->smoothing, n_classes)) /
                    (double)n_rows;
    }
}
