/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "latency/predict/linalg.h"

/* min |A x - b|, x >= 0, as min x^T G x / 2 - h^T x with G = A^T A, h = A^T b of columns that were
 * scaled to length 1. */
typedef struct nnls {
    int n, n_free;
    double *g, *h;     /* [n][n], [n] */
    double *x, *z, *w; /* solution, trial solution, -gradient; [n] */
    double *sub;       /* [n][n] and [n]: the free part of G, of h */
    int *free_columns; /* ascending; in x > 0 */
    bool *is_free, *banned;
} nnls;

static size_t at(const nnls *s, int i, int j)
{
    return (size_t)i * (size_t)s->n + (size_t)j;
}

static void list_free(nnls *s)
{
    s->n_free = 0;
    for (int j = 0; j < s->n; j++)
        if (s->is_free[j])
            s->free_columns[s->n_free++] = j;
}

/* z: the minimum over the free columns alone, 0 elsewhere. False when they depend on each other. */
static bool solve_free(nnls *s)
{
    const int k = s->n_free;
    double *rhs = s->sub + (size_t)s->n * (size_t)s->n;
    for (int i = 0; i < k; i++) {
        for (int j = 0; j < k; j++)
            s->sub[(size_t)i * (size_t)k + (size_t)j] =
                s->g[at(s, s->free_columns[i], s->free_columns[j])] + (i == j ? 1e-12 : 0);
        rhs[i] = s->h[s->free_columns[i]];
    }
    if (onp_cholesky(s->sub, k, NULL) != ONP_OK)
        return false;
    onp_cholesky_solve(s->sub, k, rhs, 1);
    memset(s->z, 0, (size_t)s->n * sizeof *s->z);
    for (int i = 0; i < k; i++)
        s->z[s->free_columns[i]] = rhs[i];
    return true;
}

/* The column whose coefficient would gain most, -1 when none would. */
static int best_column(nnls *s)
{
    int best = -1;
    for (int j = 0; j < s->n; j++) {
        double w = s->h[j];
        for (int i = 0; i < s->n; i++)
            w -= s->g[at(s, j, i)] * s->x[i];
        s->w[j] = w;
        if (!s->is_free[j] && !s->banned[j] && w > 1e-10 && (best < 0 || w > s->w[best]))
            best = j;
    }
    return best;
}

/* Goes from x towards z as far as nothing becomes negative, and fixes what becomes 0. */
static bool step_back(nnls *s)
{
    double step = 1;
    for (int i = 0; i < s->n_free; i++) {
        const int j = s->free_columns[i];
        if (s->z[j] <= 0)
            step = fmin(step, s->x[j] / (s->x[j] - s->z[j]));
    }
    bool any = false;
    for (int i = 0; i < s->n_free; i++) {
        const int j = s->free_columns[i];
        const bool held = s->z[j] <= 0;
        s->x[j] += step * (s->z[j] - s->x[j]);
        if (held && s->x[j] <= 1e-14) {
            s->x[j] = 0;
            s->is_free[j] = false;
            any = true;
        }
    }
    list_free(s);
    return any;
}

static bool all_positive(const nnls *s)
{
    for (int i = 0; i < s->n_free; i++)
        if (s->z[s->free_columns[i]] <= 0)
            return false;
    return true;
}

/* After a column was freed: x becomes the minimum over what stays free. */
static void settle(nnls *s)
{
    list_free(s);
    while (s->n_free > 0 && solve_free(s)) {
        if (all_positive(s)) {
            memcpy(s->x, s->z, (size_t)s->n * sizeof *s->x);
            return;
        }
        if (!step_back(s))
            return; /* rounding: no column reached 0 although one should */
    }
}

static void iterate(void *arg)
{
    nnls *s = arg;
    for (int turn = 0; turn < 3 * s->n; turn++) {
        const int j = best_column(s);
        if (j < 0)
            return;
        s->is_free[j] = true;
        settle(s);
        if (!s->is_free[j])
            s->banned[j] = true; /* it gains nothing but rounding */
        else
            memset(s->banned, 0, (size_t)s->n * sizeof *s->banned);
    }
}

static void normal_equations(nnls *s, const double *a, int m, const double *b, double *scale)
{
    const int n = s->n;
    for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int r = 0; r < m; r++)
            sum += a[(size_t)r * (size_t)n + (size_t)j] * a[(size_t)r * (size_t)n + (size_t)j];
        scale[j] = sum > 0 ? 1 / sqrt(sum) : 0;
    }
    for (int r = 0; r < m; r++) {
        const double *row = a + (size_t)r * (size_t)n;
        for (int i = 0; i < n; i++) {
            const double v = row[i] * scale[i];
            s->h[i] += v * b[r];
            for (int j = 0; j < n; j++)
                s->g[at(s, i, j)] += v * row[j] * scale[j];
        }
    }
}

onp_status onp_nnls(const onp_context *ctx, const double *a, int m, int n, const double *b,
                    double *x, onp_error *err)
{
    const size_t rows = (size_t)m, columns = (size_t)n, square = columns * columns;
    for (size_t i = 0; i < rows * columns; i++)
        if (!isfinite(a[i]) || !isfinite(b[i / columns]))
            return onp_fail(err, ONP_E_RANGE, "nnls: row %zu is not finite", i / columns);
    double *block = onp_alloc(ctx, 2 * square + 6 * columns, sizeof *block);
    int *index = onp_alloc(ctx, columns, sizeof *index);
    bool *flags = onp_alloc(ctx, 2 * columns, sizeof *flags);
    onp_status st = ONP_OK;
    if (block == NULL || index == NULL || flags == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "nnls: out of memory");
    } else {
        double *vectors = block + 2 * square + columns, *scale = vectors + 4 * columns;
        nnls s = {.n = n,
                  .g = block,
                  .sub = block + square,
                  .h = vectors,
                  .x = vectors + columns,
                  .z = vectors + 2 * columns,
                  .w = vectors + 3 * columns,
                  .free_columns = index,
                  .is_free = flags,
                  .banned = flags + n};
        normal_equations(&s, a, m, b, scale);
        onp_linalg_run(iterate, &s);
        for (int j = 0; j < n; j++)
            x[j] = s.x[j] * scale[j];
    }
    onp_free(ctx, block);
    onp_free(ctx, index);
    onp_free(ctx, flags);
    return st;
}
