/* SPDX-License-Identifier: Apache-2.0 */
/* The Gaussian process over blocks against one that is written as its formulas: inverses by
 * Gauss and Jordan, rows really left out in turn. Both in double. */
#include "latency/predict/residual.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/philox.h"
#include "tests/test_support.h"

enum { N = 14, N_THETA = 9, N_DRAWS = 32, N_ASKED = 3 };

static const char *const keys[N] = {
    "mbconv in=112x112x16 out=56x56x24 k=3 e=3 s=2 skip=0",
    "mbconv in=112x112x16 out=56x56x24 k=7 e=6 s=2 skip=0",
    "mbconv in=56x56x24 out=56x56x24 k=3 e=3 s=1 skip=1",
    "mbconv in=56x56x24 out=56x56x24 k=5 e=6 s=1 skip=1",
    "mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0",
    "mbconv in=28x28x40 out=28x28x40 k=7 e=3 s=1 skip=1",
    "mbconv in=28x28x40 out=14x14x80 k=3 e=6 s=2 skip=0 act=hswish",
    "mbconv in=14x14x80 out=14x14x80 k=5 e=6 s=1 skip=1 act=hswish se=120",
    "mbconv in=14x14x80 out=14x14x96 k=7 e=3 s=1 skip=0",
    "mbconv in=14x14x96 out=7x7x192 k=5 e=6 s=2 skip=0",
    "mbconv in=7x7x192 out=7x7x192 k=3 e=6 s=1 skip=1",
    "mbconv in=7x7x192 out=7x7x320 k=7 e=6 s=1 skip=0",
    "mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0",
    "mix in=7x7x320 out=7x7x1280",
};
static const char *const asked[N_ASKED] = {
    "mbconv in=56x56x24 out=56x56x24 k=7 e=6 s=1 skip=1",
    "mbconv in=7x7x192 out=7x7x192 k=3 e=6 s=1 skip=1", /* a row that is known */
    "head in=7x7x1280 out=1000",
};

typedef struct fixture {
    onp_context ctx;
    onp_residual_point points[N];
    double r[N];
} fixture;

/* Shares by the terms' own sizes. */
static onp_residual_point point_of(const char *key)
{
    onp_block b;
    onp_residual_point p = {.layer = {0}};
    double sum = 0;
    assert_int_equal(onp_block_parse(key, &b, NULL), ONP_OK);
    onp_block_locate(&b, &p.place);
    onp_block_terms(&b, p.term);
    for (int t = 0; t < ONP_BLOCK_TERMS; t++)
        sum += p.term[t] *= onp_block_term_cost((onp_block_term)t);
    for (int t = 0; t < ONP_BLOCK_TERMS; t++) {
        const onp_block_layer layer = onp_block_term_layer((onp_block_term)t);
        p.term[t] /= sum;
        if (layer < ONP_LAYER_COUNT)
            p.layer[layer] += p.term[t];
    }
    return p;
}

static void set_up(fixture *f)
{
    const onp_rng rng = onp_rng_make(5, ONP_RNG_TEST);
    onp_context_init(&f->ctx);
    for (int i = 0; i < N; i++) {
        f->points[i] = point_of(keys[i]);
        f->r[i] = 0.1 * sin(i) + 0.02 * onp_rng_normal(rng, (uint64_t)i, 7, 0);
    }
}

/* ---- the reference ---- */

/* ln of length scales (areas, channels, kernels, the whole block's over these), ln of standard
 * deviations (three layers, the whole block, the noise): what is most probable before any row is
 * seen, and how far off it may be. */
static const double centre[N_THETA] = {2, 2, 2, 2, 0.1, 0.1, 0.1, 0.02, 0.005};
static const double spread[N_THETA] = {0.7, 0.7, 0.7, 0.5, 0.7, 0.7, 0.7, 1, 0.7};

typedef struct places {
    double by[16];
    int n;
} places;

static void apart(places *d, double a, double b, double scale)
{
    d->by[d->n++] = (a - b) / scale;
}

static double matern52(const places *d, double scale)
{
    double squares = 0;
    for (int i = 0; i < d->n; i++)
        squares += d->by[i] * d->by[i] / (scale * scale);
    const double distance = sqrt(squares);
    return (1 + sqrt(5.0) * distance + 5 * squares / 3) * exp(-sqrt(5.0) * distance);
}

static double kernel(const double *theta, const onp_residual_point *x, const onp_residual_point *y)
{
    const onp_block_place *a = &x->place, *b = &y->place;
    const double area = exp(theta[0]), channels = exp(theta[1]), taps = exp(theta[2]);
    places expand = {.n = 0}, depthwise = {.n = 0}, project = {.n = 0}, whole = {.n = 0};
    apart(&expand, a->in_area, b->in_area, area);
    apart(&expand, a->in_c, b->in_c, channels);
    apart(&expand, a->mid, b->mid, channels);
    apart(&depthwise, a->out_area, b->out_area, area);
    apart(&depthwise, a->mid, b->mid, channels);
    apart(&depthwise, a->kernel, b->kernel, taps / 1.5);
    apart(&depthwise, a->stride, b->stride, 1);
    apart(&project, a->out_area, b->out_area, area);
    apart(&project, a->mid, b->mid, channels);
    apart(&project, a->out_c, b->out_c, channels);
    apart(&whole, a->in_area, b->in_area, area);
    apart(&whole, a->in_c, b->in_c, channels);
    apart(&whole, a->mid, b->mid, channels);
    apart(&whole, a->out_c, b->out_c, channels);
    apart(&whole, a->kernel, b->kernel, taps);
    apart(&whole, a->stride, b->stride, 1);
    apart(&whole, a->se, b->se, 1);
    apart(&whole, a->skip, b->skip, 1);
    apart(&whole, a->expands, b->expands, 1);
    apart(&whole, a->act != b->act, 0, 1);
    const places *const layers[ONP_LAYER_COUNT] = {[ONP_LAYER_EXPAND] = &expand,
                                                   [ONP_LAYER_DEPTHWISE] = &depthwise,
                                                   [ONP_LAYER_PROJECT] = &project};
    double k = 0;
    for (int l = 0; l < ONP_LAYER_COUNT; l++)
        k += exp(2 * theta[4 + l]) * x->layer[l] * y->layer[l] * matern52(layers[l], 1);
    for (int t = 0; t < ONP_BLOCK_TERMS; t++)
        k += x->term[t] * y->term[t];
    if (a->kind == b->kind)
        k += exp(2 * theta[7]) * matern52(&whole, exp(theta[3]));
    return k;
}

static double noise(const double *theta)
{
    return exp(2 * theta[8]) + 1e-8;
}

/* The inverse of the n x n matrix a in place; ln of its determinant. */
static double invert(double a[N][N], int n)
{
    double both[N][2 * N], ln_det = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            both[i][j] = a[i][j];
            both[i][n + j] = i == j;
        }
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int i = c + 1; i < n; i++)
            pivot = fabs(both[i][c]) > fabs(both[pivot][c]) ? i : pivot;
        for (int j = 0; j < 2 * n; j++) {
            const double kept = both[c][j];
            both[c][j] = both[pivot][j];
            both[pivot][j] = kept;
        }
        const double by = both[c][c];
        ln_det += log(fabs(by));
        for (int j = 0; j < 2 * n; j++)
            both[c][j] /= by;
        for (int i = 0; i < n; i++) {
            const double times = both[i][c];
            for (int j = 0; i != c && j < 2 * n; j++)
                both[i][j] -= times * both[c][j];
        }
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i][j] = both[i][n + j];
    return ln_det;
}

/* Mean and variance of a new row at x; without: a row that is not known, N: all are. */
static void predict(const fixture *f, const double *theta, int without, const onp_residual_point *x,
                    double *mean, double *variance)
{
    double inverse[N][N], to[N];
    int row[N], n = 0;
    for (int i = 0; i < N; i++)
        if (i != without)
            row[n++] = i;
    for (int i = 0; i < n; i++) {
        to[i] = kernel(theta, x, &f->points[row[i]]);
        for (int j = 0; j < n; j++)
            inverse[i][j] =
                kernel(theta, &f->points[row[i]], &f->points[row[j]]) + (i == j ? noise(theta) : 0);
    }
    (void)invert(inverse, n);
    *mean = 0;
    *variance = kernel(theta, x, x) + noise(theta);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            *mean += to[i] * inverse[i][j] * f->r[row[j]];
            *variance -= to[i] * inverse[i][j] * to[j];
        }
}

/* -ln of likelihood and priors. */
static double energy(const fixture *f, const double *theta)
{
    double inverse[N][N], sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            inverse[i][j] =
                kernel(theta, &f->points[i], &f->points[j]) + (i == j ? noise(theta) : 0);
    sum += invert(inverse, N) / 2;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum += f->r[i] * inverse[i][j] * f->r[j] / 2;
    for (int i = 0; i < N_THETA; i++)
        sum += pow((theta[i] - log(centre[i])) / spread[i], 2) / 2;
    return sum;
}

/* Coordinate descent: up, else down; half the step where nothing gains. */
static double descend(const fixture *f, double theta[N_THETA])
{
    for (int i = 0; i < N_THETA; i++)
        theta[i] = log(centre[i]);
    double best = energy(f, theta);
    for (double step = 0.8; step > 0.1;) {
        bool better = false;
        for (int i = 0; i < N_THETA; i++)
            for (int way = 1; way >= -1; way -= 2) {
                const double before = theta[i];
                theta[i] = before + way * step;
                const double e = energy(f, theta);
                if (e < best - 1e-4) {
                    best = e;
                    better = true;
                    break;
                }
                theta[i] = before;
            }
        if (!better)
            step /= 2;
    }
    return best;
}

typedef struct average {
    double theta[N_DRAWS][N_THETA], weight[N_DRAWS], inflate, mape, within10;
} average;

/* The largest value but rank. */
static double ranked(const double *values, int n, int rank)
{
    for (int i = 0; i < n; i++) {
        int above = 0;
        for (int j = 0; j < n; j++)
            above += values[j] > values[i] || (values[j] == values[i] && j < i);
        if (above == rank)
            return values[i];
    }
    return (double)NAN;
}

static void draw(const fixture *f, average *a)
{
    const onp_rng rng = onp_rng_make(0, ONP_RNG_TEST);
    double best[N_THETA], sum = 0;
    const double least = descend(f, best);
    for (int d = 0; d < N_DRAWS; d++) {
        double proposal = 0;
        for (int i = 0; i < N_THETA; i++) {
            const double z = onp_rng_normal(rng, (uint64_t)d, (uint32_t)i, 0);
            a->theta[d][i] = best[i] + 0.5 * z;
            proposal += z * z / 2;
        }
        a->weight[d] = fmin(1e3, exp(least - energy(f, a->theta[d]) + proposal));
    }
    const double most = ranked(a->weight, N_DRAWS, 4);
    for (int d = 0; d < N_DRAWS; d++)
        sum += a->weight[d] = fmin(a->weight[d], most);
    for (int d = 0; d < N_DRAWS; d++)
        a->weight[d] /= sum;
}

/* Rows left out in turn: the deviations that hold 95 % of them. */
static void leave_out(const fixture *f, average *a)
{
    double z[N] = {0};
    a->mape = a->within10 = 0;
    for (int i = 0; i < N; i++) {
        double error = 0;
        for (int d = 0; d < N_DRAWS; d++) {
            double mean, variance;
            predict(f, a->theta[d], i, &f->points[i], &mean, &variance);
            z[i] += a->weight[d] * fabs(f->r[i] - mean) / sqrt(variance);
            error += a->weight[d] * (f->r[i] - mean);
        }
        a->mape += fabs(exp(-error) - 1) / N;
        a->within10 += (fabs(exp(-error) - 1) <= 0.1) / (double)N;
    }
    const double rank = fmax(0, 0.05 * (N + 1) - 1);
    const double high = ranked(z, N, (int)rank), low = ranked(z, N, (int)rank + 1);
    a->inflate = fmax(0.75, (high + (rank - floor(rank)) * (low - high)) / 1.96);
    a->inflate *= fmin(1.5, 1 + 100.0 / (N * N));
}

static void as_the_formulas_say(void **state)
{
    (void)state;
    fixture f;
    average a;
    onp_residual *p = NULL;
    double scratch[N], mape, within10;
    set_up(&f);
    draw(&f, &a);
    leave_out(&f, &a);
    assert_int_equal(onp_residual_fit(&f.ctx, f.points, f.r, N, &p, NULL), ONP_OK);
    assert_true(onp_residual_scratch(p) <= N);
    for (int i = 0; i < N_ASKED; i++) {
        const onp_residual_point x = point_of(asked[i]);
        double mean, deviation, first = 0, second = 0;
        onp_residual_at(p, &x, scratch, &mean, &deviation);
        for (int d = 0; d < N_DRAWS; d++) {
            double m, v;
            predict(&f, a.theta[d], N, &x, &m, &v);
            first += a.weight[d] * m;
            second += a.weight[d] * (v + m * m);
        }
        const double wanted = sqrt(second - first * first) * a.inflate;
        if (!(fabs(mean - first) <= 1e-9 && fabs(deviation - wanted) <= 1e-8 * wanted))
            fail_msg("%s: %.12g +- %.12g, wanted %.12g +- %.12g", asked[i], mean, deviation, first,
                     wanted);
    }
    onp_residual_left_out(p, &mape, &within10);
    assert_true(fabs(mape - a.mape) < 1e-9);
    assert_true(fabs(within10 - a.within10) < 1e-12);
    onp_residual_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_formulas_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
