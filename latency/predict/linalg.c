/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/linalg.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"

/* LAPACK as Fortran calls it, column-major; OpenBLAS brings no header for it. A text's length comes
 * last, by value. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void dgels_(const char *trans, const int *m, const int *n, const int *nrhs, double *a,
            const int *lda, double *b, const int *ldb, double *work, const int *lwork, int *info,
            size_t);

/* ---- in a tile ---- */

typedef struct task {
    void (*fn)(void *arg);
    void *arg;
} task;

static void run_tile(void *arg, int64_t tile, int thread)
{
    const task *t = arg;
    (void)tile, (void)thread;
    t->fn(t->arg);
}

void onp_linalg_run(void (*fn)(void *arg), void *arg)
{
    task t = {fn, arg};
    if (onp_parallel_inside())
        fn(arg);
    else
        onp_parallel_for(1, run_tile, &t);
}

/* ---- Cholesky ---- */

typedef struct cholesky {
    double *k, *b;
    const double *l;
    int n, n_columns, info;
    bool whole;
} cholesky;

/* Row-major lower is column-major upper. */
static void factor(void *arg)
{
    cholesky *c = arg;
    dpotrf_("U", &c->n, c->k, &c->n, &c->info, 1);
}

onp_status onp_cholesky(double *k, int n, onp_error *err)
{
    cholesky c = {.k = k, .n = n};
    for (int i = 0; i < n; i++) {
        if (!isfinite(k[(size_t)i * (size_t)n + (size_t)i]))
            return onp_fail(err, ONP_E_RANGE, "cholesky: element %d of the diagonal is not finite",
                            i);
        memset(k + (size_t)i * (size_t)n + (size_t)i + 1, 0, (size_t)(n - i - 1) * sizeof *k);
    }
    if (n > 0)
        onp_linalg_run(factor, &c);
    if (c.info != 0)
        return onp_fail(err, ONP_E_RANGE,
                        "cholesky: a matrix of %d rows is not positive definite from row %d on", n,
                        c.info);
    return ONP_OK;
}

static void solve(void *arg)
{
    const cholesky *c = arg;
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, c->n,
                c->n_columns, 1, c->l, c->n, c->b, c->n_columns);
    if (c->whole)
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, c->n,
                    c->n_columns, 1, c->l, c->n, c->b, c->n_columns);
}

void onp_cholesky_solve(const double *l, int n,
                        double *b, /* NOLINT(readability-non-const-parameter): solve writes it */
                        int n_columns)
{
    cholesky c = {.l = l, .b = b, .n = n, .n_columns = n_columns, .whole = true};
    if (n > 0 && n_columns > 0)
        onp_linalg_run(solve, &c);
}

void onp_cholesky_solve_half(const double *l, int n,
                             double *b, /* NOLINT(readability-non-const-parameter): as above */
                             int n_columns)
{
    cholesky c = {.l = l, .b = b, .n = n, .n_columns = n_columns};
    if (n > 0 && n_columns > 0)
        onp_linalg_run(solve, &c);
}

double onp_cholesky_ln_det(const double *l, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += log(l[(size_t)i * (size_t)n + (size_t)i]);
    return 2 * sum;
}

/* ---- least squares ---- */

typedef struct least {
    double *a, *b, *work; /* a column-major, m rows */
    int m, n, lwork, info;
} least;

static void run_gels(void *arg)
{
    least *l = arg;
    const int one = 1;
    dgels_("N", &l->m, &l->n, &one, l->a, &l->m, l->b, &l->m, l->work, &l->lwork, &l->info, 1);
}

static onp_status check_finite(const char *what, const double *v, size_t n, onp_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return onp_fail(err, ONP_E_RANGE, "%s: value %zu is not finite", what, i);
    return ONP_OK;
}

/* Diagonal of R against its largest: a column that the others make up. */
static bool full_rank(const least *l)
{
    double largest = 0, smallest = (double)INFINITY;
    for (int i = 0; i < l->n; i++) {
        const double r = fabs(l->a[(size_t)i * (size_t)l->m + (size_t)i]);
        largest = fmax(largest, r);
        smallest = fmin(smallest, r);
    }
    return l->info == 0 && smallest > 1e-13 * largest;
}

static onp_status solve_least(least *l, double *x, onp_error *err)
{
    onp_linalg_run(run_gels, l);
    if (!full_rank(l))
        return onp_fail(err, ONP_E_RANGE,
                        "least squares: the %d columns are not independent in %d rows", l->n, l->m);
    memcpy(x, l->b, (size_t)l->n * sizeof *x);
    return ONP_OK;
}

onp_status onp_least_squares(const onp_context *ctx, const double *a, int m, int n, const double *b,
                             double ridge, double *x, onp_error *err)
{
    const size_t rows = (size_t)m + (ridge > 0 ? (size_t)n : 0), columns = (size_t)n;
    ONP_TRY(check_finite("least squares: a", a, (size_t)m * columns, err));
    ONP_TRY(check_finite("least squares: b", b, (size_t)m, err));
    if (n < 1 || rows < columns)
        return onp_fail(err, ONP_E_RANGE, "least squares: %d rows for %d columns", m, n);
    const size_t n_work = columns + 64 * (rows + columns);
    double *block = onp_alloc(ctx, rows * columns + rows + n_work, sizeof *block);
    if (block == NULL)
        return onp_fail(err, ONP_E_NOMEM, "least squares: out of memory");
    least l = {.a = block,
               .b = block + rows * columns,
               .work = block + rows * columns + rows,
               .m = (int)rows,
               .n = n,
               .lwork = (int)n_work};
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < (size_t)m; i++)
            l.a[j * rows + i] = a[i * columns + j];
        if (ridge > 0)
            l.a[j * rows + (size_t)m + j] = sqrt(ridge);
    }
    memcpy(l.b, b, (size_t)m * sizeof *b);
    onp_status st = solve_least(&l, x, err);
    onp_free(ctx, block);
    return st;
}

/* ---- products ---- */

typedef struct product {
    const double *a, *x;
    double *y;
    int m, n;
} product;

static void run_product(void *arg)
{
    const product *p = arg;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, p->m, p->n, 1, p->a, p->n, p->x, 1, 0, p->y, 1);
}

void onp_matvec(const double *a, int m, int n, const double *x,
                double *y) /* NOLINT(readability-non-const-parameter): run_product writes it */
{
    product p = {a, x, y, m, n};
    if (m > 0 && n > 0)
        onp_linalg_run(run_product, &p);
}
