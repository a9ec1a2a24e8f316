/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross entropy with label smoothing, and its gradient: one tile a row, in double. */
#include <math.h>

#include "ops/call_internal.h"

/* log(sum exp) of a row, with the maximum taken out; *best gets the first largest entry. */
static double log_sum_exp(const float *row, int64_t c, int64_t *best)
{
    *best = 0;
    for (int64_t k = 1; k < c; k++)
        if (row[k] > row[*best])
            *best = k;
    double sum = 0;
    for (int64_t k = 0; k < c; k++)
        sum += exp((double)row[k] - (double)row[*best]);
    return (double)row[*best] + log(sum);
}

static void softmax_tile(void *arg, int64_t n, int thread)
{
    (void)thread;
    const onp_call *call = ((const onp_call_env *)arg)->call;
    const int64_t c = call->in.c;
    const float *row = call->a.x + n * c;
    int64_t best = 0;
    const double lse = log_sum_exp(row, c, &best);
    const double off = call->smoothing / (double)c, on = 1.0 - call->smoothing + off;
    if (call->kind == ONP_CALL_SOFTMAX) {
        double sum = 0;
        for (int64_t k = 0; k < c; k++)
            sum += (k == call->labels[n] ? on : off) * (lse - (double)row[k]);
        call->splits[2 * n] = (float)sum;
        call->splits[2 * n + 1] = best == call->labels[n] ? 1.0F : 0.0F;
        return;
    }
    for (int64_t k = 0; k < c; k++)
        call->y[n * c + k] =
            (float)((exp((double)row[k] - lse) - (k == call->labels[n] ? on : off)) /
                    (double)call->in.n);
}

void onp_run_softmax(onp_call_env *env)
{
    const onp_call *call = env->call;
    onp_parallel_for(call->in.n, softmax_tile, env);
    if (call->kind != ONP_CALL_SOFTMAX)
        return;
    double loss = 0, hits = 0;
    for (int64_t n = 0; n < call->in.n; n++) {
        loss += (double)call->splits[2 * n];
        hits += (double)call->splits[2 * n + 1];
    }
    call->y[0] = (float)(loss / (double)call->in.n);
    call->y[1] = (float)hits;
}
