/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch-norm bookkeeping between the big calls: per-tile sums merged in tile order in double, and
 * the per-channel coefficients that lazy operands carry.
 */
#include <math.h>

#include "ops/call_internal.h"

/* Mean and M2 of all tiles (T. Chan, G. Golub, R. LeVeque, 1979: pairwise update). */
static void merge_moments(const onp_call *call, int64_t k, double *mean, double *variance)
{
    const int64_t c = call->out.c;
    const onp_tiling t = call->partial_tiling;
    const int64_t tiles = onp_tiling_count(t);
    double m = 0, m2 = 0, n = 0;
    for (int64_t i = 0; i < tiles; i++) {
        const double rows = (double)onp_tiling_rows(t, i);
        const double delta = (double)call->partial[i * 2 * c + k] - m;
        const double total = n + rows;
        m += delta * rows / total;
        m2 += (double)call->partial[(i * 2 + 1) * c + k] + delta * delta * n * rows / total;
        n = total;
    }
    *mean = m;
    *variance = n > 0 ? m2 / n : 0;
}

static void forward_coef(const onp_call *call, int64_t k, double mean, double variance)
{
    const int64_t c = call->out.c;
    const double scale = (double)call->gamma[k] / sqrt(variance + call->eps);
    call->coef[k] = (float)scale;
    call->coef[c + k] = (float)((double)call->beta[k] - mean * scale);
}

/*
 * dx = gamma/sd * (g' - dbeta/m - xhat * dgamma/m), xhat = (x - mean)/sd   (S. Ioffe, C. Szegedy,
 * 2015) = ga * g' + gb * x + gc; of frozen statistics nothing but ga * g' is left
 */
static void backward_coef(const onp_call *call, int64_t k)
{
    const int64_t c = call->out.c;
    const double mean = (double)call->stats[k];
    const double inverse = 1.0 / sqrt((double)call->stats[c + k] + call->eps);
    const double m = (double)call->count;
    const double ga = (double)call->gamma[k] * inverse;
    const double gb = -ga * inverse * (double)call->dgamma[k] / m;
    call->coef[k] = (float)ga;
    if (call->frozen) {
        call->coef[c + k] = call->coef[2 * c + k] = 0;
        return;
    }
    call->coef[c + k] = (float)gb;
    call->coef[2 * c + k] = (float)(-ga * (double)call->dbeta[k] / m - gb * mean);
}

static void merge_grad(const onp_call *call, int64_t k)
{
    const int64_t c = call->out.c;
    const int64_t tiles = onp_tiling_count(call->partial_tiling);
    double sum_g = 0, sum_gx = 0;
    for (int64_t i = 0; i < tiles; i++) {
        sum_g += (double)call->partial[i * 2 * c + k];
        sum_gx += (double)call->partial[(i * 2 + 1) * c + k];
    }
    call->dbeta[k] = (float)sum_g;
    call->dgamma[k] = (float)(sum_gx / sqrt((double)call->stats[c + k] + call->eps));
}

static void norm_channel(const onp_call *call, int64_t k)
{
    const int64_t c = call->out.c;
    switch (call->kind) {
    case ONP_CALL_MOMENTS_MERGE: {
        double mean = 0, variance = 0;
        merge_moments(call, k, &mean, &variance);
        call->stats[k] = (float)mean;
        call->stats[c + k] = (float)variance;
        if (call->gamma != NULL)
            forward_coef(call, k, mean, variance);
        break;
    }
    case ONP_CALL_BN_COEF:
        forward_coef(call, k, (double)call->stats[k], (double)call->stats[c + k]);
        break;
    case ONP_CALL_GRAD_MERGE:
        merge_grad(call, k);
        if (call->gamma != NULL)
            backward_coef(call, k);
        break;
    default:
        backward_coef(call, k);
        break;
    }
}

static void norm_tile(void *arg, int64_t lane, int thread)
{
    (void)thread;
    const onp_call *call = ((const onp_call_env *)arg)->call;
    for (int64_t k = lane * ONP_LANE; k < onp_min64(call->out.c, (lane + 1) * ONP_LANE); k++)
        norm_channel(call, k);
}

void onp_run_norm(onp_call_env *env)
{
    onp_parallel_for(onp_ceil_div(env->call->out.c, ONP_LANE), norm_tile, env);
}

void onp_run_gate(onp_call_env *env)
{
    const onp_call *call = env->call;
    double sum = 0;
    for (int64_t k = 0; k < call->out.c; k++)
        sum += (double)call->gamma[k] * (double)call->dgamma[k] +
               (double)call->beta[k] * (double)call->dbeta[k];
    call->y[0] = (float)sum;
}
