/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/residual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "latency/predict/linalg.h"

enum {
    MAX_ROWS = 1500, /* of the process */
    MAX_TUNING =
        160, /* rows that the hyperparameters are fitted to, and up to which they are drawn */
    N_DRAWS = 32
};

#define TAU         1.0
#define MIN_NOISE   1e-8 /* 0.01 %: keeps the covariance definite for rows of a formula */
#define FITTED      10.0 /* rows below which left-out errors say too little of new ones */
#define MIN_INFLATE 0.75 /* of few rows, none may be far off by chance */

/* ---- hyperparameters, by their logarithms ---- */

enum {
    SCALE_AREA,
    SCALE_CHANNELS,
    SCALE_KERNEL,
    SCALE_WHOLE, /* of the whole block's places, over those of the layers */
    SD_LAYER,    /* three: expansion, depthwise, projection */
    SD_WHOLE = SD_LAYER + ONP_LAYER_COUNT,
    SD_NOISE,
    N_THETA
};

/* Lognormal priors: exp(mean), spread of the logarithm. A layer's speed varies by a tenth or two
 * over the sizes of a table; measurements of a block spread by some thousandths. */
static const struct {
    double centre, spread;
} priors[N_THETA] = {
    [SCALE_AREA] = {2, 0.7},     [SCALE_CHANNELS] = {2, 0.7}, [SCALE_KERNEL] = {2, 0.7},
    [SCALE_WHOLE] = {2, 0.5},    [SD_LAYER] = {0.1, 0.7},     [SD_LAYER + 1] = {0.1, 0.7},
    [SD_LAYER + 2] = {0.1, 0.7}, [SD_WHOLE] = {0.02, 1},      [SD_NOISE] = {0.005, 0.7}};

typedef struct hyper {
    double area, channels, kernel, whole;      /* 1 / scale^2 */
    double layer[ONP_LAYER_COUNT], all, noise; /* variances */
} hyper;

static hyper hyper_of(const double theta[N_THETA])
{
    hyper h = {.area = exp(-2 * theta[SCALE_AREA]),
               .channels = exp(-2 * theta[SCALE_CHANNELS]),
               .kernel = exp(-2 * theta[SCALE_KERNEL]),
               .whole = exp(-2 * theta[SCALE_WHOLE]),
               .all = exp(2 * theta[SD_WHOLE]),
               .noise = exp(2 * theta[SD_NOISE]) + MIN_NOISE};
    for (int l = 0; l < ONP_LAYER_COUNT; l++)
        h.layer[l] = exp(2 * theta[SD_LAYER + l]);
    return h;
}

static double prior_energy(const double theta[N_THETA])
{
    double sum = 0;
    for (int i = 0; i < N_THETA; i++) {
        const double z = (theta[i] - log(priors[i].centre)) / priors[i].spread;
        sum += z * z / 2;
    }
    return sum;
}

/* ---- covariance ---- */

static double square(double v)
{
    return v * v;
}

/* Of a squared distance. */
static double matern(double d)
{
    const double r = sqrt(5 * d);
    return (1 + r + r * r / 3) * exp(-r);
}

/* Without the noise. */
static double covariance(const hyper *h, const onp_residual_point *x, const onp_residual_point *y)
{
    const onp_block_place *a = &x->place, *b = &y->place;
    const double in_area = h->area * square(a->in_area - b->in_area);
    const double out_area = h->area * square(a->out_area - b->out_area);
    const double in_c = h->channels * square(a->in_c - b->in_c);
    const double mid = h->channels * square(a->mid - b->mid);
    const double out_c = h->channels * square(a->out_c - b->out_c);
    const double kernel = h->kernel * square(a->kernel - b->kernel);
    const double stride = square(a->stride - b->stride);
    const double places[ONP_LAYER_COUNT] = {
        [ONP_LAYER_EXPAND] = in_area + in_c + mid,
        [ONP_LAYER_DEPTHWISE] = out_area + mid + 2.25 * kernel + stride,
        [ONP_LAYER_PROJECT] = out_area + mid + out_c,
    };
    double k = 0, terms = 0;
    for (int l = 0; l < ONP_LAYER_COUNT; l++) {
        const double shares = x->layer[l] * y->layer[l];
        if (shares > 0)
            k += h->layer[l] * shares * matern(places[l]);
    }
    for (int t = 0; t < ONP_BLOCK_TERMS; t++)
        terms += x->term[t] * y->term[t];
    k += TAU * TAU * terms;
    if (a->kind == b->kind) {
        const double other = stride + square(a->se - b->se) + square(a->skip - b->skip) +
                             square(a->expands - b->expands) + (a->act != b->act ? 1 : 0);
        k += h->all * matern(h->whole * (in_area + in_c + mid + out_c + kernel + other));
    }
    return k;
}

/* ---- fitting ---- */

/* The process at one set of hyperparameters. */
typedef struct draw {
    hyper h;
    double weight;
    double *l;     /* [n][n]: Cholesky factor of the covariance */
    double *alpha; /* [n]: K^-1 r */
} draw;

struct onp_residual {
    const onp_context *ctx;
    onp_residual_point *points;
    double *r;
    int n, n_draws;
    draw draws[N_DRAWS];
    double *block;  /* of all draws */
    double inflate; /* of the deviation */
    double loo_mape, loo_within10;
};

typedef struct fitting {
    onp_residual *p;
    int n;             /* rows that are fitted to: a thinned set */
    const int *chosen; /* [n] of the points */
    double *k, *a;     /* [n][n], [n] */
    double theta[N_THETA], energy;
    onp_status status;
    onp_error *err;
} fitting;

/* K of the rows at theta, factored, and a = K^-1 r. */
static onp_status factor(const fitting *f, const hyper *h, double *k, double *a, onp_error *err)
{
    const size_t n = (size_t)f->n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            k[i * n + j] = covariance(h, &f->p->points[f->chosen[i]], &f->p->points[f->chosen[j]]);
        k[i * n + i] += h->noise;
        a[i] = f->p->r[f->chosen[i]];
    }
    ONP_TRY(onp_cholesky(k, f->n, err));
    onp_cholesky_solve(k, f->n, a, 1);
    return ONP_OK;
}

/* -ln of the marginal likelihood times the priors. */
static double energy(const fitting *f, const double theta[N_THETA])
{
    const hyper h = hyper_of(theta);
    double fit = 0;
    if (factor(f, &h, f->k, f->a, NULL) != ONP_OK)
        return (double)INFINITY;
    for (int i = 0; i < f->n; i++)
        fit += f->a[i] * f->p->r[f->chosen[i]];
    return fit / 2 + onp_cholesky_ln_det(f->k, f->n) / 2 + prior_energy(theta);
}

/* One coordinate at a time, half the step where none gains. */
static void tune(fitting *f)
{
    for (int i = 0; i < N_THETA; i++)
        f->theta[i] = log(priors[i].centre);
    f->energy = energy(f, f->theta);
    for (double step = 0.8; step > 0.1;) {
        bool better = false;
        for (int i = 0; i < 2 * N_THETA; i++) {
            double theta[N_THETA];
            memcpy(theta, f->theta, sizeof theta);
            theta[i / 2] += i % 2 == 0 ? step : -step;
            const double e = energy(f, theta);
            if (e < f->energy - 1e-4) {
                memcpy(f->theta, theta, sizeof theta);
                f->energy = e;
                better = true;
                i |= 1; /* on to the next coordinate */
            }
        }
        if (!better)
            step /= 2;
    }
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Importance sampling from a normal around the best; no draw weighs more than the fifth. */
#define DRAW_SPREAD 0.5
static void draw_theta(fitting *f)
{
    const onp_rng rng = onp_rng_make(0, ONP_RNG_TEST);
    onp_residual *p = f->p;
    double sorted[N_DRAWS], sum = 0, theta[N_THETA];
    for (int d = 0; d < p->n_draws; d++) {
        double proposal = 0;
        for (int i = 0; i < N_THETA; i++) {
            const double z = p->n_draws == 1 ? 0 : onp_rng_normal(rng, (uint64_t)d, (uint32_t)i, 0);
            theta[i] = f->theta[i] + DRAW_SPREAD * z;
            proposal += z * z / 2;
        }
        p->draws[d].h = hyper_of(theta);
        p->draws[d].weight =
            p->n_draws == 1 ? 1 : fmin(1e3, exp(f->energy - energy(f, theta) + proposal));
        sorted[d] = p->draws[d].weight;
    }
    qsort(sorted, (size_t)p->n_draws, sizeof *sorted, descending);
    for (int d = 0; d < p->n_draws; d++) {
        if (p->n_draws > 5)
            p->draws[d].weight = fmin(p->draws[d].weight, sorted[4]);
        sum += p->draws[d].weight;
    }
    for (int d = 0; d < p->n_draws; d++)
        p->draws[d].weight = sum > 0 ? p->draws[d].weight / sum : 1.0 / p->n_draws;
}

/*
 * By how much the deviations must grow to hold 95 % of the rows left out in turn: with
 * K^-1 = (k_ij), row i's error is alpha_i / k_ii and its variance 1 / k_ii. z, error: [n].
 */
static void calibrate(fitting *f, double *z, double *error, double *inverse)
{
    onp_residual *p = f->p;
    const size_t n = (size_t)p->n;
    memset(z, 0, n * sizeof *z);
    memset(error, 0, n * sizeof *error);
    for (int d = 0; d < p->n_draws; d++) {
        const draw *w = &p->draws[d];
        memset(inverse, 0, n * n * sizeof *inverse);
        for (size_t i = 0; i < n; i++)
            inverse[i * n + i] = 1;
        onp_cholesky_solve_half(w->l, p->n, inverse, p->n);
        for (size_t i = 0; i < n; i++) {
            double k = 0; /* K^-1 = L^-T L^-1 */
            for (size_t j = i; j < n; j++)
                k += square(inverse[j * n + i]);
            z[i] += w->weight * fabs(w->alpha[i]) / sqrt(k);
            error[i] += w->weight * w->alpha[i] / k;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const double e = fabs(exp(-error[i]) - 1); /* of the latency */
        p->loo_mape += e;
        p->loo_within10 += e <= 0.1;
    }
    p->loo_mape /= (double)n;
    p->loo_within10 /= (double)n;
    qsort(z, n, sizeof *z, descending);
    const double rank = fmax(0, 0.05 * (double)(n + 1) - 1); /* so many lie outside, less one */
    const size_t below = (size_t)rank;
    const double next = below + 1 < n ? z[below + 1] : z[below];
    p->inflate = fmax(MIN_INFLATE, (z[below] + (rank - (double)below) * (next - z[below])) / 1.96);
    /* few rows were fitted, the one left out with them: by trial, on tables of 10 to 90 rows */
    p->inflate *= fmin(1.5, 1 + square(FITTED / (double)n));
}

/* All rows, or so many of them, evenly. */
static int choose(int n, int most, int *chosen)
{
    const int m = n < most ? n : most;
    for (int i = 0; i < m; i++)
        chosen[i] = (int)((int64_t)i * n / m);
    return m;
}

static void factor_draws(fitting *f)
{
    onp_residual *p = f->p;
    const size_t n = (size_t)p->n;
    for (int d = 0; f->status == ONP_OK && d < p->n_draws; d++) {
        draw *w = &p->draws[d];
        w->l = p->block + (size_t)d * n * (n + 1);
        w->alpha = w->l + n * n;
        f->status = factor(f, &w->h, w->l, w->alpha, f->err);
    }
}

static void run_fit(void *arg)
{
    fitting *f = arg;
    tune(f);
    draw_theta(f);
}

static void run_draws(void *arg)
{
    fitting *f = arg;
    factor_draws(f);
    if (f->status == ONP_OK)
        calibrate(f, f->a, f->a + f->p->n, f->k);
}

static onp_status fit(onp_residual *p, onp_error *err)
{
    const size_t n = (size_t)p->n;
    p->n_draws = p->n <= MAX_TUNING ? N_DRAWS : 1;
    int *chosen = onp_alloc(p->ctx, n, sizeof *chosen);
    double *scratch = onp_alloc(p->ctx, n * (n + 2), sizeof *scratch);
    p->block = onp_alloc(p->ctx, (size_t)p->n_draws * n * (n + 1), sizeof *p->block);
    fitting f = {.p = p, .chosen = chosen, .k = scratch, .err = err};
    onp_status st = ONP_OK;
    if (chosen == NULL || scratch == NULL || p->block == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    } else {
        f.a = scratch + n * n;
        f.n = choose(p->n, MAX_TUNING, chosen);
        onp_linalg_run(run_fit, &f);
        f.n = choose(p->n, p->n, chosen);
        onp_linalg_run(run_draws, &f);
        st = f.status;
    }
    onp_free(p->ctx, chosen);
    onp_free(p->ctx, scratch);
    return st;
}

onp_status onp_residual_fit(const onp_context *ctx, const onp_residual_point *points,
                            const double *r, int n, onp_residual **out, onp_error *err)
{
    *out = NULL;
    onp_residual *p = onp_alloc(ctx, 1, sizeof *p);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    p->ctx = ctx;
    p->n = n < MAX_ROWS ? n : MAX_ROWS;
    p->points = onp_alloc(ctx, (size_t)p->n, sizeof *p->points);
    p->r = onp_alloc(ctx, (size_t)p->n, sizeof *p->r);
    onp_status st = ONP_OK;
    if (p->points == NULL || p->r == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    for (int i = 0; st == ONP_OK && i < p->n; i++) {
        const int from = (int)((int64_t)i * n / p->n);
        p->points[i] = points[from];
        p->r[i] = r[from];
    }
    if (st == ONP_OK)
        st = fit(p, err);
    if (st == ONP_OK)
        *out = p;
    else
        onp_residual_free(p);
    return st;
}

void onp_residual_free(onp_residual *p)
{
    if (p == NULL)
        return;
    onp_free(p->ctx, p->points);
    onp_free(p->ctx, p->r);
    onp_free(p->ctx, p->block);
    onp_free(p->ctx, p);
}

/* ---- predicting ---- */

size_t onp_residual_scratch(const onp_residual *p)
{
    return (size_t)p->n;
}

void onp_residual_at(const onp_residual *p, const onp_residual_point *x, double *k, double *mean,
                     double *deviation)
{
    double first = 0, second = 0;
    for (int d = 0; d < p->n_draws; d++) {
        const draw *w = &p->draws[d];
        double m = 0, variance = covariance(&w->h, x, x) + w->h.noise;
        for (int i = 0; i < p->n; i++) {
            k[i] = covariance(&w->h, x, &p->points[i]);
            m += k[i] * w->alpha[i];
        }
        onp_cholesky_solve_half(w->l, p->n, k, 1);
        for (int i = 0; i < p->n; i++)
            variance -= k[i] * k[i];
        first += w->weight * m;
        second += w->weight * (fmax(variance, w->h.noise) + m * m);
    }
    *mean = first;
    *deviation = sqrt(second - first * first) * p->inflate;
}

void onp_residual_left_out(const onp_residual *p, double *mape, double *within10)
{
    *mape = p->loo_mape;
    *within10 = p->loo_within10;
}
