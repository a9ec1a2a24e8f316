/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double quantile(const int64_t *sorted, size_t n, double q)
{
    double position = q * (double)(n - 1);
    size_t below = (size_t)position;
    if (below + 1 >= n)
        return (double)sorted[n - 1];
    double low = (double)sorted[below], high = (double)sorted[below + 1];
    return low + (high - low) * (position - (double)below);
}

static double mean(const int64_t *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static double deviation(const int64_t *x, size_t n, double around)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)x[i] - around) * ((double)x[i] - around);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0.0;
}

size_t onp_stats_interval_rank(size_t n)
{
    /* log P(X = i), by its recurrence: 2^-n itself is no double for large n */
    double log_p = -(double)n * log(2.0);
    double below = 0.0;
    size_t k = 0;
    while (k < n) {
        below += exp(log_p);
        if (2.0 * below > 0.05)
            break;
        k++;
        log_p += log((double)(n - k + 1) / (double)k);
    }
    return k;
}

static double quartile_range(const int64_t *sorted, size_t n)
{
    return quantile(sorted, n, 0.75) - quantile(sorted, n, 0.25);
}

static void find_modes(const int64_t *sorted, size_t n, double median, onp_stats *out)
{
    size_t margin = (n + 4) / 5;
    size_t split = 0; /* samples on the left of the widest gap */
    int64_t gap = -1;
    for (size_t left = margin; left + margin <= n; left++)
        if (sorted[left] - sorted[left - 1] > gap) {
            gap = sorted[left] - sorted[left - 1];
            split = left;
        }
    out->mode_lo_ns = out->mode_hi_ns = llround(median);
    if (split == 0 || split == n)
        return;
    double spread = fmax(quartile_range(sorted, split), quartile_range(sorted + split, n - split));
    if ((double)gap <= 0.02 * median || (double)gap <= 2.0 * spread)
        return;
    out->bimodal = true;
    out->mode_lo_ns = llround(quantile(sorted, split, 0.5));
    out->mode_hi_ns = llround(quantile(sorted + split, n - split, 0.5));
}

void onp_stats_take(const int64_t *samples_ns, size_t n, int64_t *scratch, onp_stats *out)
{
    memcpy(scratch, samples_ns, n * sizeof *scratch);
    qsort(scratch, n, sizeof *scratch, compare);
    double median = quantile(scratch, n, 0.5), average = mean(scratch, n);
    *out = (onp_stats){
        .n = (int64_t)n,
        .min_ns = scratch[0],
        .p05_ns = llround(quantile(scratch, n, 0.05)),
        .median_ns = llround(median),
        .mean_ns = llround(average),
        .p90_ns = llround(quantile(scratch, n, 0.90)),
        .p99_ns = llround(quantile(scratch, n, 0.99)),
        .trimmed_mean_ns = llround(mean(scratch + n / 5, n - 2 * (n / 5))),
        .cv = average > 0.0 ? deviation(scratch, n, average) / average : 0.0,
    };
    size_t rank = onp_stats_interval_rank(n);
    out->ci95_lo_ns = scratch[rank > 0 ? rank - 1 : 0];
    out->ci95_hi_ns = scratch[rank > 0 ? n - rank : n - 1];
    find_modes(scratch, n, median, out);

    for (size_t i = 0; i < n; i++)
        scratch[i] = llround(fabs((double)samples_ns[i] - median));
    out->mad_ns = onp_stats_median(scratch, n);
}

int64_t onp_stats_median(int64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return llround(quantile(values, n, 0.5));
}

double onp_stats_half_width(const onp_stats *s)
{
    if (s->n < ONP_STATS_MIN_INTERVAL || s->median_ns <= 0)
        return 1.0;
    return 0.5 * (double)(s->ci95_hi_ns - s->ci95_lo_ns) / (double)s->median_ns;
}
