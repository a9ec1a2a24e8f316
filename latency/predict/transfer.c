/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/transfer.h"

#include <math.h>
#include <string.h>

#include "latency/predict/calibration.h"
#include "latency/predict/linalg.h"

/* The grid: shares of the sources' covariance, variances of a block's choice and of the noise, in
 * squares of a relative error. */
static const double source_shares[] = {0.001, 0.02, 0.1, 1};
static const double choice_variances[] = {1e-6, 1e-5, 1e-4};
static const double noise_variances[] = {1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1};

enum {
    N_SETTINGS = ONP_COUNT(source_shares) * ONP_COUNT(choice_variances) * ONP_COUNT(noise_variances)
};

#define LEVEL_SHARE  0.25 /* of the covariance along the sources' mean itself */
#define LEAST_WEIGHT 1e-3 /* of a member of the average that is worth computing */

typedef struct setting {
    double share, choice, noise;
} setting;

static setting setting_of(size_t i)
{
    const size_t n = i % ONP_COUNT(noise_variances), rest = i / ONP_COUNT(noise_variances);
    return (setting){source_shares[rest / ONP_COUNT(choice_variances)],
                     choice_variances[rest % ONP_COUNT(choice_variances)], noise_variances[n]};
}

typedef struct transfer {
    const onp_transfer_input *in;
    size_t n;
    int k, m;              /* sources, measured networks */
    double *logs;          /* [n][k + 1]: of the sources, then their mean; each of mean 0 */
    double *frequency;     /* [n_positions][n_codes] */
    double *variety;       /* [n_positions]: sum of squares of the above */
    size_t *measured;      /* [m] */
    double *target;        /* [m]: log of what was measured */
    double *cov_sources;   /* [m][n]: between measured networks and all */
    double *cov_choices;   /* the same */
    double *own_sources;   /* [n]: of a network with itself */
    double *own_choices;   /* the same */
    double *factors;       /* [N_SETTINGS][m][m] */
    double *weights;       /* [N_SETTINGS][k + 1] */
    double *half;          /* [m][n] */
    double *ones, *rest;   /* [m] */
    double *mean, *square; /* [n]: of the average, and of the mean square */
    onp_status st;
    onp_error *err;
} transfer;

/* ---- what the networks have in common ---- */

static void take_logs(transfer *t)
{
    const size_t width = (size_t)t->k + 1;
    for (size_t c = 0; c < width; c++) {
        double sum = 0;
        for (size_t i = 0; i < t->n; i++) {
            double *row = t->logs + i * width;
            if (c + 1 < width) {
                row[c] = log(t->in->source_ns[i * (size_t)t->k + c]);
            } else {
                row[c] = 0;
                for (size_t s = 0; s + 1 < width; s++)
                    row[c] += row[s] / t->k;
            }
            sum += row[c];
        }
        for (size_t i = 0; i < t->n; i++)
            t->logs[i * width + c] -= sum / (double)t->n;
    }
}

static void count_choices(transfer *t)
{
    const onp_transfer_input *in = t->in;
    for (size_t i = 0; i < t->n; i++)
        for (int p = 0; p < in->n_positions; p++)
            t->frequency[p * in->n_codes + in->codes[i * (size_t)in->n_positions + (size_t)p]] +=
                1 / (double)t->n;
    for (int p = 0; p < in->n_positions; p++)
        for (int c = 0; c < in->n_codes; c++) {
            const double f = t->frequency[p * in->n_codes + c];
            t->variety[p] += f * f;
        }
}

/* (L_k - mean) (L_k' - mean) / k over the sources, and a share of mean times mean. */
static double source_covariance(const transfer *t, size_t i, size_t j)
{
    const size_t width = (size_t)t->k + 1;
    const double *a = t->logs + i * width, *b = t->logs + j * width;
    double sum = 0;
    for (int s = 0; s < t->k; s++)
        sum += (a[s] - a[t->k]) * (b[s] - b[t->k]);
    return sum / t->k + LEVEL_SHARE * a[t->k] * b[t->k];
}

/* Product of the two one-hot codes, each less the mean code of all networks. */
static double choice_covariance(const transfer *t, size_t i, size_t j)
{
    const onp_transfer_input *in = t->in;
    const int32_t *a = in->codes + i * (size_t)in->n_positions;
    const int32_t *b = in->codes + j * (size_t)in->n_positions;
    double sum = 0;
    for (int p = 0; p < in->n_positions; p++) {
        const double *f = t->frequency + p * in->n_codes;
        sum += (a[p] == b[p]) - f[a[p]] - f[b[p]] + t->variety[p];
    }
    return sum;
}

static void take_covariances(transfer *t)
{
    for (size_t i = 0; i < t->n; i++) {
        for (int r = 0; r < t->m; r++) {
            t->cov_sources[(size_t)r * t->n + i] = source_covariance(t, t->measured[r], i);
            t->cov_choices[(size_t)r * t->n + i] = choice_covariance(t, t->measured[r], i);
        }
        t->own_sources[i] = source_covariance(t, i, i);
        t->own_choices[i] = choice_covariance(t, i, i);
    }
}

/* ---- the members of the average ---- */

static double *factor_of(const transfer *t, size_t i)
{
    return t->factors + i * (size_t)t->m * (size_t)t->m;
}

static onp_status factor(transfer *t, size_t i)
{
    const setting s = setting_of(i);
    double *l = factor_of(t, i);
    for (int r = 0; r < t->m; r++)
        for (int c = 0; c <= r; c++) {
            const size_t at = (size_t)r * t->n + t->measured[c];
            l[r * t->m + c] = s.share * t->cov_sources[at] + s.choice * t->cov_choices[at] +
                              (r == c ? s.noise : 0);
        }
    return onp_cholesky(l, t->m, t->err);
}

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* L^-1 1 and L^-1 (target - prior mean - constant) of a member; returns the constant, which is free
 * (the book's 2.40 to 2.43). */
static double fit_member(transfer *t, size_t i, int mean)
{
    const double *l = factor_of(t, i);
    for (int r = 0; r < t->m; r++) {
        t->ones[r] = 1;
        t->rest[r] = t->target[r] - t->logs[t->measured[r] * ((size_t)t->k + 1) + (size_t)mean];
    }
    onp_cholesky_solve_half(l, t->m, t->ones, 1);
    onp_cholesky_solve_half(l, t->m, t->rest, 1);
    const double constant = dot(t->ones, t->rest, t->m) / dot(t->ones, t->ones, t->m);
    for (int r = 0; r < t->m; r++)
        t->rest[r] -= constant * t->ones[r];
    return constant;
}

/* Log likelihood of what was measured, but for what all members share (the book's 2.45). */
static double likelihood(transfer *t, size_t i, int mean)
{
    (void)fit_member(t, i, mean);
    return -0.5 * (dot(t->rest, t->rest, t->m) + onp_cholesky_ln_det(factor_of(t, i), t->m) +
                   log(dot(t->ones, t->ones, t->m)));
}

static onp_status weigh(transfer *t)
{
    const size_t width = (size_t)t->k + 1, n = N_SETTINGS * width;
    double most = -HUGE_VAL, sum = 0, kept = 0;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        ONP_TRY(factor(t, i));
        for (size_t c = 0; c < width; c++) {
            const double v = likelihood(t, i, (int)c);
            t->weights[i * width + c] = v;
            most = v > most ? v : most;
        }
    }
    for (size_t i = 0; i < n; i++)
        sum += t->weights[i] = exp(t->weights[i] - most);
    for (size_t i = 0; i < n; i++)
        kept += t->weights[i] = t->weights[i] < LEAST_WEIGHT * sum ? 0 : t->weights[i];
    for (size_t i = 0; i < n; i++)
        t->weights[i] /= kept;
    return ONP_OK;
}

/* ---- predictions ---- */

/* L^-1 k(measured, all) of a setting, into half. */
static void solve_setting(transfer *t, size_t i)
{
    const setting s = setting_of(i);
    const size_t n = (size_t)t->m * t->n;
    for (size_t e = 0; e < n; e++)
        t->half[e] = s.share * t->cov_sources[e] + s.choice * t->cov_choices[e];
    onp_cholesky_solve_half(factor_of(t, i), t->m, t->half, (int)t->n);
}

static void add_member(transfer *t, size_t i, int mean, double weight)
{
    const setting s = setting_of(i);
    const double constant = fit_member(t, i, mean), one_one = dot(t->ones, t->ones, t->m);
    for (size_t x = 0; x < t->n; x++) {
        double shift = 0, known = 0, one = 0;
        for (int r = 0; r < t->m; r++) {
            const double h = t->half[(size_t)r * t->n + x];
            shift += h * t->rest[r];
            known += h * h;
            one += h * t->ones[r];
        }
        const double value = constant + t->logs[x * ((size_t)t->k + 1) + (size_t)mean] + shift;
        const double prior = s.share * t->own_sources[x] + s.choice * t->own_choices[x] + s.noise;
        const double variance = prior - known + (1 - one) * (1 - one) / one_one;
        t->mean[x] += weight * value;
        t->square[x] += weight * (value * value + (variance > 0 ? variance : 0));
    }
}

static void run(void *arg)
{
    transfer *t = arg;
    const size_t width = (size_t)t->k + 1;
    take_logs(t);
    count_choices(t);
    take_covariances(t);
    t->st = weigh(t);
    for (size_t i = 0; i < N_SETTINGS && t->st == ONP_OK; i++) {
        bool solved = false;
        for (size_t c = 0; c < width; c++) {
            const double weight = t->weights[i * width + c];
            if (!(weight > 0))
                continue;
            if (!solved)
                solve_setting(t, i);
            solved = true;
            add_member(t, i, (int)c, weight);
        }
    }
}

/* ---- the call ---- */

static onp_status check(const onp_transfer_input *in, int *n_measured, onp_error *err)
{
    size_t m = 0;
    if (in->n_sources < 1 || in->n_sources > ONP_TRANSFER_MAX_SOURCES)
        return onp_fail(err, ONP_E_RANGE, "transfer from %d sources, wanted 1..%d", in->n_sources,
                        ONP_TRANSFER_MAX_SOURCES);
    for (size_t i = 0; i < in->n; i++) {
        m += in->measured_ns[i] > 0;
        if (!isfinite(in->measured_ns[i]) || in->measured_ns[i] < 0)
            return onp_fail(err, ONP_E_RANGE, "network %zu measures %g, wanted a time or 0", i,
                            in->measured_ns[i]);
        for (size_t s = 0; s < (size_t)in->n_sources; s++) {
            const double v = in->source_ns[i * (size_t)in->n_sources + s];
            if (!isfinite(v) || v <= 0)
                return onp_fail(err, ONP_E_RANGE,
                                "source %zu says %g of network %zu, wanted more than 0", s, v, i);
        }
        for (size_t p = 0; p < (size_t)in->n_positions; p++) {
            const int32_t code = in->codes[i * (size_t)in->n_positions + p];
            if (code < 0 || code >= in->n_codes)
                return onp_fail(err, ONP_E_RANGE, "network %zu has choice %d, wanted 0..%d", i,
                                code, in->n_codes - 1);
        }
    }
    if (m < ONP_TRANSFER_MIN_NETWORKS || m > ONP_TRANSFER_MAX_NETWORKS)
        return onp_fail(err, ONP_E_RANGE, "transfer to %zu measured networks, wanted %d..%d", m,
                        ONP_TRANSFER_MIN_NETWORKS, ONP_TRANSFER_MAX_NETWORKS);
    *n_measured = (int)m;
    return ONP_OK;
}

/* All arrays in one; without room it only counts. */
static size_t lay_out(transfer *t, double *room)
{
    const size_t n = t->n, m = (size_t)t->m, width = (size_t)t->k + 1;
    const size_t positions = (size_t)t->in->n_positions, codes = (size_t)t->in->n_codes;
    const struct {
        double **array;
        size_t size;
    } parts[] = {
        {&t->logs, n * width},
        {&t->frequency, positions * codes},
        {&t->variety, positions},
        {&t->target, m},
        {&t->cov_sources, m * n},
        {&t->cov_choices, m * n},
        {&t->own_sources, n},
        {&t->own_choices, n},
        {&t->factors, N_SETTINGS * m * m},
        {&t->weights, N_SETTINGS * width},
        {&t->half, m * n},
        {&t->ones, m},
        {&t->rest, m},
        {&t->mean, n},
        {&t->square, n},
    };
    size_t total = 0;
    for (size_t i = 0; i < ONP_COUNT(parts); i++) {
        if (room != NULL)
            *parts[i].array = room + total;
        total += parts[i].size;
    }
    return total;
}

onp_status onp_transfer_predict(const onp_context *ctx, const onp_transfer_input *in, double *ns,
                                double *lo_ns, double *hi_ns, onp_error *err)
{
    transfer t = {.in = in, .n = in->n, .k = in->n_sources, .err = err};
    ONP_TRY(check(in, &t.m, err));
    double *room = onp_alloc(ctx, lay_out(&t, NULL), sizeof *room);
    t.measured = onp_alloc(ctx, (size_t)t.m, sizeof *t.measured);
    if (room == NULL || t.measured == NULL) {
        t.st = onp_fail(err, ONP_E_NOMEM, "transfer: out of memory");
        goto done;
    }
    (void)lay_out(&t, room);
    for (size_t i = 0, r = 0; i < in->n; i++)
        if (in->measured_ns[i] > 0) {
            t.measured[r] = i;
            t.target[r++] = log(in->measured_ns[i]);
        }
    onp_linalg_run(run, &t);
    const double spread = onp_student_975(t.m - 1); /* the variance is known from so few */
    for (size_t i = 0; i < in->n && t.st == ONP_OK; i++) {
        const double variance = t.square[i] - t.mean[i] * t.mean[i];
        const double half = spread * sqrt(variance > 0 ? variance : 0);
        ns[i] = exp(t.mean[i]);
        lo_ns[i] = exp(t.mean[i] - half);
        hi_ns[i] = exp(t.mean[i] + half);
    }
done:
    onp_free(ctx, t.measured);
    onp_free(ctx, room);
    return t.st;
}
