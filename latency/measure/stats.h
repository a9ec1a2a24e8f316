/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of time samples. A latency is the median of its samples; the rest says how far it can
 * be trusted.
 *
 *     onp_stats s;
 *     onp_stats_take(samples_ns, n, scratch, &s);      // scratch: n values
 *     printf("%" PRId64 " ns, interval %" PRId64 "..%" PRId64, s.median_ns, s.ci95_lo_ns,
 *            s.ci95_hi_ns);
 */
#ifndef ONP_LATENCY_MEASURE_STATS_H
#define ONP_LATENCY_MEASURE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Nanoseconds, rounded to the nearest. Quantiles interpolate linearly between order statistics:
 * quantile q of x(0) <= ... <= x(n-1) lies at position q (n - 1).
 */
typedef struct onp_stats {
    int64_t n;
    int64_t min_ns, p05_ns, median_ns, mean_ns, p90_ns, p99_ns;
    int64_t trimmed_mean_ns; /* without the n/5 smallest and the n/5 largest */
    int64_t mad_ns;          /* median of |x - median|, not scaled */
    double cv;               /* standard deviation (n - 1) / mean; 0 when n is 1 */
    /* Order statistics that enclose the median of the distribution with a probability of at least
     * 95 %, whatever its form; with fewer than six samples there are none, and these are the
     * smallest and the largest. */
    int64_t ci95_lo_ns, ci95_hi_ns;
    /* Two modes (a clock step, a core of another kind): medians of both sides of the widest gap,
     * see onp_stats_take(). One mode: both are the median. */
    bool bimodal;
    int64_t mode_lo_ns, mode_hi_ns;
} onp_stats;

#define ONP_STATS_MIN_INTERVAL 6 /* samples that a 95 % interval of the median needs */

/*
 * Fills *out from n >= 1 samples. scratch: n values, overwritten (sorted samples).
 *
 * Bimodality is a largest-gap test: of all places that leave at least a fifth of the samples on
 * either side, take the one with the widest gap between neighbours. There are two modes when that
 * gap is more than 2 % of the median and more than twice the wider of the two sides' interquartile
 * ranges: both sides are then narrow and far apart, which one long tail never is.
 */
void onp_stats_take(const int64_t *samples_ns, size_t n, int64_t *scratch, onp_stats *out);

/* Median of n >= 1 values, rounded; sorts them. */
int64_t onp_stats_median(int64_t *values, size_t n);

/* Half of the interval's width as a share of the median; 1 when there are too few samples for an
 * interval or the median is 0. */
double onp_stats_half_width(const onp_stats *s);

/*
 * Rank k (from 1) such that [x(k), x(n + 1 - k)] covers the median with probability >= 95 %: the
 * largest k with 2 P(Bin(n, 1/2) <= k - 1) <= 0.05. 0 when n < 6.
 */
size_t onp_stats_interval_rank(size_t n);

#ifdef __cplusplus
}
#endif
#endif
