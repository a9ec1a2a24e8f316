/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/block_transfer.h"

#include <math.h>
#include <string.h>

#include "latency/predict/block_features.h"
#include "latency/predict/linalg.h"

#define RIDGE 1.0 /* of slopes: shares are below 1, ratios move by tenths */
enum { N = ONP_TRANSFER_FEATURES, MAX_LEFT_OUT = 200 };

static void features(const onp_block *b, double x[N])
{
    double terms[ONP_BLOCK_TERMS];
    const double work = onp_block_work(b);
    onp_block_terms(b, terms);
    memset(x, 0, N * sizeof *x);
    x[0] = log(work);
    for (int t = 0; t < ONP_BLOCK_TERMS; t++) {
        const onp_block_layer layer = onp_block_term_layer((onp_block_term)t);
        if (layer < ONP_LAYER_COUNT)
            x[1 + layer] += terms[t] * onp_block_term_cost((onp_block_term)t) / work;
    }
}

/* Without pair `left` (n: with all). a: [n][N], b: [n]. */
static onp_status fit_without(const onp_context *ctx, const onp_block_pair *pairs, size_t n,
                              size_t left, double *a, double *b, onp_block_transfer *t,
                              onp_error *err)
{
    size_t m = 0;
    memset(t->centre, 0, sizeof t->centre);
    t->constant = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == left)
            continue;
        features(&pairs[i].block, a + m * N);
        b[m] = log(pairs[i].ns / pairs[i].other_ns);
        t->constant += b[m];
        for (int j = 0; j < N; j++)
            t->centre[j] += a[m * N + (size_t)j];
        m++;
    }
    t->constant /= (double)m;
    for (int j = 0; j < N; j++)
        t->centre[j] /= (double)m;
    for (size_t i = 0; i < m; i++) {
        b[i] -= t->constant;
        for (size_t j = 0; j < N; j++)
            a[i * N + j] -= t->centre[j];
    }
    return onp_least_squares(ctx, a, (int)m, N, b, RIDGE, t->slope, err);
}

static double ratio(const onp_block_transfer *t, const onp_block *b)
{
    double x[N], sum = t->constant;
    features(b, x);
    for (int j = 0; j < N; j++)
        sum += t->slope[j] * (x[j] - t->centre[j]);
    return sum;
}

static onp_status fit(const onp_context *ctx, const onp_block_pair *pairs, size_t n, double *a,
                      double *b, onp_block_transfer *out, onp_error *err)
{
    onp_block_transfer t = {.n = n};
    double squares = 0;
    const size_t every = (n + MAX_LEFT_OUT - 1) / MAX_LEFT_OUT;
    size_t left_out = 0;
    for (size_t i = 0; i < n; i += every, left_out++) {
        ONP_TRY(fit_without(ctx, pairs, n, i, a, b, &t, err));
        const double e = log(pairs[i].ns / pairs[i].other_ns) - ratio(&t, &pairs[i].block);
        squares += e * e;
    }
    ONP_TRY(fit_without(ctx, pairs, n, n, a, b, &t, err));
    t.deviation = sqrt(squares / (double)left_out);
    *out = t;
    return ONP_OK;
}

onp_status onp_block_transfer_fit(const onp_context *ctx, const onp_block_pair *pairs, size_t n,
                                  onp_block_transfer *out, onp_error *err)
{
    if (n < ONP_TRANSFER_MIN_PAIRS)
        return onp_fail(err, ONP_E_MISSING,
                        "transfer: %zu blocks are known on both devices, wanted %d or more", n,
                        ONP_TRANSFER_MIN_PAIRS);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(pairs[i].ns) || !isfinite(pairs[i].other_ns) || pairs[i].ns <= 0 ||
            pairs[i].other_ns <= 0)
            return onp_fail(err, ONP_E_RANGE, "transfer: pair %zu has %g and %g ns", i, pairs[i].ns,
                            pairs[i].other_ns);
    double *a = onp_alloc(ctx, n * (N + 1), sizeof *a);
    if (a == NULL)
        return onp_fail(err, ONP_E_NOMEM, "transfer: out of memory");
    onp_status st = fit(ctx, pairs, n, a, a + n * N, out, err);
    onp_free(ctx, a);
    return st;
}

void onp_block_transfer_predict(const onp_block_transfer *t, const onp_block *block,
                                double other_ns, onp_predicted *out)
{
    /* Student's 0.975 quantile, within 4 % from 4 degrees of freedom on */
    const double df = (double)(t->n - 1), quantile = 1.96 + 2.4 / df + 4.4 / (df * df);
    const double ln = log(other_ns) + ratio(t, block), half = quantile * t->deviation;
    out->ns = exp(ln);
    out->lo_ns = exp(ln - half);
    out->hi_ns = exp(ln + half);
    out->extrapolated = false;
}
