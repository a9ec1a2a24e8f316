/* SPDX-License-Identifier: Apache-2.0 */
/* Rows out of readings, and what they say about how far to trust them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/profile_internal.h"
#include "latency/table/quiet.h"

#define LEAST_VALUES     6    /* below, an interval of 95 % is not known */
#define CHAIN_WIDTH      0.03 /* half an interval, as a share of the row; above, it is noisy */
#define DIFFERENCE_WIDTH 0.05
#define THROTTLED_SHARE  0.2

static void judge(onp_profile_row *row, onp_quality q, const char *fmt, ...) ONP_PRINTF(3, 4);
static void judge(onp_profile_row *row, onp_quality q, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    row->quality = q;
    (void)vsnprintf(row->reason, sizeof row->reason, fmt, ap);
    va_end(ap);
}

static double half_width(const onp_profile_row *row)
{
    return 0.5 * (double)(row->hi_ns - row->lo_ns) / (double)row->ns;
}

/* ---- of single blocks ---- */

static onp_profile_row row_of_passes(const onp_profile_session *s, const onp_profile_value *values,
                                     int32_t n)
{
    onp_profile_row row = {.n = n, .n_paths = n, .lo_ns = INT64_MAX};
    double ns = 0.0, normalised = 0.0;
    bool known = true;
    for (int32_t i = 0; i < n; i++) {
        const onp_profile_reading *r = values[i].reading;
        ns += (double)r->ns / n;
        normalised += (double)r->normalised_ns / n;
        known = known && r->normalised_ns > 0;
        row.lo_ns = r->lo_ns < row.lo_ns ? r->lo_ns : row.lo_ns;
        row.hi_ns = r->hi_ns > row.hi_ns ? r->hi_ns : row.hi_ns;
        if (r->quality != ONP_QUALITY_OK)
            judge(&row, r->quality, "%s", r->reason);
    }
    row.ns = row.raw_ns = llround(ns);
    row.normalised_ns = known ? llround(normalised) : 0;
    if (s->mode == ONP_PROFILE_DIFFERENCE && half_width(&row) > DIFFERENCE_WIDTH)
        judge(&row, ONP_QUALITY_NOISY, "difference known within %.1f %%, wanted %.1f %%",
              100.0 * half_width(&row), 100.0 * DIFFERENCE_WIDTH);
    return row;
}

/* ---- of paths ---- */

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* 97.5 % quantile of Student's t with so many degrees of freedom (Cornish and Fisher, 1938; within
 * 1 % from 4 on). */
static double t_quantile(double freedom)
{
    const double z = 1.959964, z3 = z * z * z, z5 = z3 * z * z;
    const double g1 = (z3 + z) / 4.0, g2 = (5.0 * z5 + 16.0 * z3 + 3.0 * z) / 96.0;
    const double g3 = (3.0 * z5 * z * z + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / 384.0;
    return z + g1 / freedom + g2 / (freedom * freedom) + g3 / (freedom * freedom * freedom);
}

/* Mean of sorted x[0..n-1] without the fifth at either end. Its standard error is by the
 * winsorised deviation (J. Tukey, D. McLaughlin, "Less vulnerable confidence and significance
 * procedures for location based on a single sample", 1963). */
static double trimmed_mean(const int64_t *x, int32_t n, double *half95)
{
    const int32_t g = n / 5, inner = n - 2 * g;
    double mean = 0.0, winsorised = 0.0, squares = 0.0;
    for (int32_t i = g; i < n - g; i++)
        mean += (double)x[i] / inner;
    for (int32_t i = 0; i < n; i++)
        winsorised += (double)x[i < g ? g : i >= n - g ? n - g - 1 : i] / n;
    for (int32_t i = 0; i < n; i++) {
        const double d = (double)x[i < g ? g : i >= n - g ? n - g - 1 : i] - winsorised;
        squares += d * d;
    }
    *half95 = n < 2 ? 0.0
                    : t_quantile(inner - 1) * sqrt(squares / (n - 1)) /
                          ((double)inner / n * sqrt((double)n));
    return mean;
}

static void judge_paths(onp_profile_row *row, int32_t n_throttled)
{
    if (row->n < LEAST_VALUES)
        judge(row, ONP_QUALITY_NOISY, "stood in only %" PRId32 " graphs", row->n);
    else if ((double)n_throttled > THROTTLED_SHARE * (double)row->n)
        judge(row, ONP_QUALITY_THROTTLED, "the clock fell in %" PRId32 " of %" PRId32 " graphs",
              n_throttled, row->n);
    else if (half_width(row) > CHAIN_WIDTH)
        judge(row, ONP_QUALITY_NOISY, "known within %.1f %%, wanted %.1f %%",
              100.0 * half_width(row), 100.0 * CHAIN_WIDTH);
}

static double trim(const int64_t *values, int32_t n, int64_t *scratch, double *half95)
{
    memcpy(scratch, values, (size_t)n * sizeof *scratch);
    qsort(scratch, (size_t)n, sizeof *scratch, compare);
    return trimmed_mean(scratch, n, half95);
}

/* Of r->values[0..n-1]. The normalised ones, where they are known, are the steadier ones; how much
 * longer it usually took, the median tells. */
static onp_profile_row row_of_paths(const onp_profile_plan *p, int32_t entry,
                                    const onp_profile_readings *r, int32_t n)
{
    onp_profile_row row = {.n = n};
    int32_t n_throttled = 0;
    bool known = true;
    double half95, usual = 1.0;
    for (int32_t i = 0; i < n; i++) {
        const onp_profile_value *v = &r->values[i];
        row.n_paths += i == 0 || v->unit != v[-1].unit;
        n_throttled += v->reading->quality == ONP_QUALITY_THROTTLED;
        known = known && v->normalised_ns > 0;
        r->values_ns[i] = v->ns;
        r->normalised_values_ns[i] = v->normalised_ns;
    }
    onp_stats_take(r->values_ns, (size_t)n, r->scratch, &row.stats);
    row.raw_ns = row.stats.trimmed_mean_ns;
    double ns, error;
    row.without_load = onp_profile_without_load(p, entry, n, r, &ns, &error);
    if (row.without_load)
        half95 = t_quantile(n - 2) * error;
    else
        ns = trim(known ? r->normalised_values_ns : r->values_ns, n, r->scratch, &half95);
    if (known) {
        row.normalised_ns = llround(ns);
        usual = r->slowdown;
    }
    row.ns = ns * usual > 1.0 ? llround(ns * usual) : 1;
    row.lo_ns = ns > half95 ? llround((ns - half95) * usual) : 0;
    row.hi_ns = llround((ns + half95) * usual);
    row.hi_ns = row.hi_ns > row.ns ? row.hi_ns : row.ns;
    row.lo_ns = row.lo_ns < row.ns ? row.lo_ns : row.ns;
    judge_paths(&row, n_throttled);
    return row;
}

/* ---- any ---- */

void onp_profile_take_clock(const onp_profile_plan *p, onp_profile_readings *r)
{
    const double one = 1e9;
    size_t n = 0;
    for (int32_t i = 0; i < p->passes * p->n_units; i++)
        if (r->of[i].done && r->of[i].ns > 0 && r->of[i].normalised_ns > 0)
            r->scratch[n++] = llround(one * (double)r->of[i].ns / (double)r->of[i].normalised_ns);
    r->slowdown = n > 0 ? (double)onp_stats_median(r->scratch, n) / one : 1.0;
}

onp_profile_row onp_profile_take_row(const onp_profile_session *s, const onp_profile_plan *p,
                                     int32_t entry, int32_t pass, const onp_profile_readings *r,
                                     const onp_profile_readings *also)
{
    double excess;
    const int32_t n = onp_profile_choose(s, p, entry, pass, r, also, &excess);
    if (n == 0)
        return (onp_profile_row){0};
    onp_profile_row row = s->mode == ONP_PROFILE_CHAIN ? row_of_paths(p, entry, r, n)
                                                       : row_of_passes(s, r->values, n);
    if (row.quality != ONP_QUALITY_THROTTLED && excess > ONP_QUIET_DOUBTFUL)
        judge(&row, ONP_QUALITY_NOISY, "a busy device: the sentinel %.1f %% above its quiet level",
              100.0 * excess);
    return row;
}

/* ---- storing ---- */

onp_status onp_profile_store_estimate(const onp_profile_session *s, const onp_profile_entry *e,
                                      const onp_profile_row *row, onp_error *err)
{
    onp_estimate estimate = {.median_ns = row->ns,
                             .lo_ns = row->lo_ns,
                             .hi_ns = row->hi_ns,
                             .source = ONP_SOURCE_MEASURED,
                             .quality = row->quality};
    if (s->mode == ONP_PROFILE_CHAIN)
        (void)snprintf(estimate.method, sizeof estimate.method, "chain, %" PRId32 " paths",
                       row->n_paths);
    else
        (void)snprintf(estimate.method, sizeof estimate.method, "%s",
                       onp_profile_mode_names[s->mode]);
    return onp_store_estimate_set(s->store, s->run, e->key, &estimate, err);
}

onp_status onp_profile_store_row(const onp_profile_session *s, const onp_profile_entry *e,
                                 const onp_profile_row *row, const onp_profile_readings *r,
                                 onp_error *err)
{
    onp_measurement m = onp_profile_of_stats(&row->stats);
    m.median_ns = m.median_ns > 0 ? m.median_ns : row->ns; /* stamps of 0: below the clock's tick */
    m.ci95_lo_ns = row->lo_ns;
    m.ci95_hi_ns = row->hi_ns;
    m.normalized_median_ns = row->normalised_ns;
    m.quality = row->quality;
    m.reason = row->reason[0] != '\0' ? row->reason : NULL;
    m.samples_ns = r->values_ns;
    m.n_samples = (size_t)row->n;
    m.mode = onp_profile_mode_names[s->mode];
    m.n_paths = row->n_paths;
    return onp_store_measure_block(s->store, s->run, e->key, &m, NULL, err);
}

/* ---- trust ---- */

static int compare_real(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void onp_profile_sort(double *x, int32_t n)
{
    qsort(x, (size_t)n, sizeof *x, compare_real);
}

double onp_profile_median(double *x, int32_t n)
{
    if (n == 0)
        return (double)NAN;
    onp_profile_sort(x, n);
    return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

void onp_profile_no_trust(onp_profile_trust *out)
{
    *out = (onp_profile_trust){.between_passes = (double)NAN,
                               .between_passes_normalised = (double)NAN,
                               .drift = (double)NAN,
                               .quiet = (double)NAN,
                               .networks_mape = (double)NAN,
                               .networks_bias = (double)NAN};
}

/* What two rows differ by, as a share of the first; NaN where either is not known. */
static double change(int64_t from, int64_t to)
{
    return from > 0 && to > 0 ? (double)to / (double)from - 1.0 : (double)NAN;
}

static void compare_passes(const onp_profile_session *s, const onp_profile_plan *p,
                           const onp_profile_readings *r, double *scratch, onp_profile_trust *out)
{
    int32_t n = 0, n_normalised = 0;
    double *normalised = scratch + p->n_entries;
    for (int32_t e = 0; e < p->n_entries && p->passes > 1; e++) {
        const onp_profile_row first = onp_profile_take_row(s, p, e, 0, r, NULL);
        const onp_profile_row last = onp_profile_take_row(s, p, e, p->passes - 1, r, NULL);
        const double raw = change(first.raw_ns, last.raw_ns);
        const double scaled = change(first.normalised_ns, last.normalised_ns);
        if (!isnan(raw))
            scratch[n++] = fabs(raw);
        if (!isnan(scaled))
            normalised[n_normalised++] = fabs(scaled);
    }
    out->between_passes = onp_profile_median(scratch, n);
    out->between_passes_normalised = onp_profile_median(normalised, n_normalised);
}

/* Sum of the rows of a path; 0: one of them is missing. */
static int64_t sum_of(const onp_profile_plan *p, const onp_profile_unit *u,
                      const onp_profile_row *rows)
{
    int64_t sum = 0;
    for (int32_t k = u->start; k < u->start + u->n; k++) {
        const int32_t e = p->entry_of[k];
        if (e < 0 || rows[e].n == 0)
            return 0;
        sum += rows[e].ns;
    }
    return sum;
}

static void compare_networks(const onp_profile_plan *p, const onp_profile_readings *r,
                             const onp_profile_row *rows, onp_profile_trust *out)
{
    double error = 0.0, bias = 0.0;
    for (int32_t unit = 0; unit < p->n_units; unit++) {
        const int64_t sum = sum_of(p, &p->units[unit], rows);
        int32_t n = 0;
        double measured = 0.0;
        for (int32_t pass = 0; pass < p->passes; pass++) {
            const onp_profile_reading *reading = onp_profile_reading_of(r, pass, unit);
            measured += reading->done ? (double)reading->ns : 0.0;
            n += reading->done;
        }
        if (n == 0 || sum == 0)
            continue;
        const double off = (double)sum * n / measured - 1.0;
        error += fabs(off);
        bias += off;
        out->n_networks++;
    }
    out->networks_mape = out->n_networks > 0 ? error / out->n_networks : (double)NAN;
    out->networks_bias = out->n_networks > 0 ? bias / out->n_networks : (double)NAN;
}

static double quiet_share(const onp_profile_plan *p, const onp_profile_readings *r)
{
    int32_t n = 0, n_quiet = 0;
    for (int32_t i = 0; i < p->passes * p->n_units; i++) {
        n += r->of[i].done;
        n_quiet += r->of[i].done && r->of[i].quiet;
    }
    return n > 0 ? (double)n_quiet / n : (double)NAN;
}

void onp_profile_take_trust(const onp_profile_session *s, const onp_profile_plan *p,
                            const onp_profile_readings *r, const onp_profile_row *rows,
                            double *scratch, onp_profile_trust *out)
{
    out->passes = p->passes;
    out->quiet = quiet_share(p, r);
    out->n_networks = 0;
    out->networks_mape = out->networks_bias = (double)NAN;
    compare_passes(s, p, r, scratch, out);
    if (s->mode == ONP_PROFILE_CHAIN)
        compare_networks(p, r, rows, out);
}
