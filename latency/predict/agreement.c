/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/agreement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct pair {
    double x, y;
    double rank_x;
} pair;

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_x_then_y(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    const int x = compare(p->x, q->x);
    return x != 0 ? x : compare(p->y, q->y);
}

/* Pairs of equal values among t of them. */
static double tied_pairs(size_t t)
{
    return 0.5 * (double)t * (double)(t - 1);
}

/* First index after i whose x (and y, when `joint`) differs. */
static size_t run_of_x(const pair *p, size_t n, size_t i, bool joint)
{
    size_t j = i + 1;
    while (j < n && compare(p[j].x, p[i].x) == 0 && (!joint || compare(p[j].y, p[i].y) == 0))
        j++;
    return j;
}

static size_t run_of_y(const pair *p, size_t n, size_t i)
{
    size_t j = i + 1;
    while (j < n && compare(p[j].y, p[i].y) == 0)
        j++;
    return j;
}

/* Sorts p[n] by y (stable) and returns how many pairs stood the other way round. */
static double sort_counting(pair *p, pair *scratch, size_t n)
{
    if (n < 2)
        return 0;
    const size_t half = n / 2;
    double swaps = sort_counting(p, scratch, half) + sort_counting(p + half, scratch, n - half);
    size_t i = 0, j = half;
    for (size_t k = 0; k < n; k++)
        if (j == n || (i < half && p[i].y <= p[j].y))
            scratch[k] = p[i++];
        else {
            swaps += (double)(half - i);
            scratch[k] = p[j++];
        }
    memcpy(p, scratch, n * sizeof *p);
    return swaps;
}

/* Both correlations in O(n log n) (W. R. Knight, 1966): discordant pairs are the swaps that sorting
 * by y takes once x is sorted. */
static void correlate(pair *p, pair *scratch, size_t n, onp_agreement *out)
{
    double ties_x = 0, ties_y = 0, ties_xy = 0;
    qsort(p, n, sizeof *p, by_x_then_y);
    for (size_t i = 0, j; i < n; i = j) {
        j = run_of_x(p, n, i, false);
        ties_x += tied_pairs(j - i);
        for (size_t k = i; k < j; k++)
            p[k].rank_x = 0.5 * (double)(i + j - 1);
    }
    for (size_t i = 0, j; i < n; i = j) {
        j = run_of_x(p, n, i, true);
        ties_xy += tied_pairs(j - i);
    }
    const double swaps = sort_counting(p, scratch, n);
    const double mean = 0.5 * (double)(n - 1);
    double xx = 0, xy = 0, yy = 0;
    for (size_t i = 0, j; i < n; i = j) {
        j = run_of_y(p, n, i);
        ties_y += tied_pairs(j - i);
        const double y = 0.5 * (double)(i + j - 1) - mean;
        for (size_t k = i; k < j; k++) {
            const double x = p[k].rank_x - mean;
            xx += x * x;
            xy += x * y;
            yy += y * y;
        }
    }
    const double all = tied_pairs(n);
    out->spearman = xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
    out->kendall = xx > 0 && yy > 0 ? (all - ties_x - ties_y + ties_xy - 2 * swaps) /
                                          sqrt((all - ties_x) * (all - ties_y))
                                    : 0;
}

static void add_up(const double *predicted, const double *lo, const double *hi,
                   const double *measured, size_t n, onp_agreement *out)
{
    double squares = 0, absolute = 0, sum = 0;
    size_t n5 = 0, n10 = 0, covered = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = predicted[i] - measured[i], e = d / measured[i];
        squares += d * d;
        absolute += fabs(e);
        sum += e;
        n5 += fabs(e) <= 0.05;
        n10 += fabs(e) <= 0.10;
        covered += lo != NULL && lo[i] <= measured[i] && measured[i] <= hi[i];
    }
    const double count = (double)n;
    out->n = n;
    out->rmse_ns = sqrt(squares / count);
    out->mape = absolute / count;
    out->bias = sum / count;
    out->within5 = (double)n5 / count;
    out->within10 = (double)n10 / count;
    out->coverage = lo != NULL ? (double)covered / count : (double)NAN;
}

onp_status onp_agreement_take(const onp_context *ctx, const double *predicted, const double *lo,
                              const double *hi, const double *measured, size_t n,
                              onp_agreement *out, onp_error *err)
{
    if (n == 0)
        return onp_fail(err, ONP_E_RANGE, "agreement of no values, wanted at least one pair");
    for (size_t i = 0; i < n; i++)
        if (!isfinite(predicted[i]) || !isfinite(measured[i]) || measured[i] <= 0)
            return onp_fail(err, ONP_E_RANGE,
                            "pair %zu is predicted %g, measured %g, wanted finite values and a "
                            "measured time above 0",
                            i, predicted[i], measured[i]);
    pair *p = onp_alloc(ctx, n, 2 * sizeof *p);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "agreement: out of memory");
    for (size_t i = 0; i < n; i++)
        p[i] = (pair){.x = predicted[i], .y = measured[i]};
    add_up(predicted, lo, hi, measured, n, out);
    correlate(p, p + n, n, out);
    onp_free(ctx, p);
    return ONP_OK;
}
