/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little linear algebra that predictors stand on, in double, by OpenBLAS's BLAS and LAPACK.
 * Matrices are row-major without gaps. From any thread, inside a tile of onp_parallel_for() or not:
 * what is called outside runs in a tile of its own, so that OpenBLAS never makes threads and
 * bits are equal on any number of them.
 *
 *     double x[3];
 *     ONP_TRY(onp_least_squares(ctx, a, 20, 3, b, 1e-6, x, err));    // a[20][3], b[20]
 *
 *     ONP_TRY(onp_cholesky(k, 20, err));                             // k[20][20] becomes L
 *     onp_cholesky_solve(k, 20, b, 1);                               // b becomes K^-1 b
 *     double ln_det = onp_cholesky_ln_det(k, 20);
 */
#ifndef ONP_LATENCY_PREDICT_LINALG_H
#define ONP_LATENCY_PREDICT_LINALG_H

#include <stdint.h>

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The factor L, K = L L^T, in the lower triangle of k[n][n], zeros above it; reads the lower one of
 * K. Errors: ONP_E_RANGE when K is not positive definite (k is then spoilt). */
onp_status onp_cholesky(double *k, int n, onp_error *err) ONP_MUST_USE;
/* b[n][n_columns] becomes K^-1 b, given L. */
void onp_cholesky_solve(const double *l, int n, double *b, int n_columns);
/* b[n][n_columns] becomes L^-1 b. */
void onp_cholesky_solve_half(const double *l, int n, double *b, int n_columns);
/* ln |K|, given L. */
double onp_cholesky_ln_det(const double *l, int n);

/*
 * x[n] that minimises |a x - b|^2 + ridge |x|^2, a[m][n], b[m]; by QR with ridge > 0 as n more
 * rows. Errors: ONP_E_RANGE when ridge is 0 and a has not full column rank (m < n too), when a or b
 * is not finite; ONP_E_NOMEM. x is then unchanged.
 */
onp_status onp_least_squares(const onp_context *ctx, const double *a, int m, int n, const double *b,
                             double ridge, double *x, onp_error *err) ONP_MUST_USE;

/*
 * x[n] >= 0 that minimises |a x - b|^2, a[m][n], b[m] (C. Lawson, R. Hanson, "Solving Least Squares
 * Problems", 1974, algorithm 23.10, on the normal equations of scaled columns). Columns of zeros
 * get 0. Errors: ONP_E_RANGE (a or b is not finite), ONP_E_NOMEM; x is then unchanged.
 */
onp_status onp_nnls(const onp_context *ctx, const double *a, int m, int n, const double *b,
                    double *x, onp_error *err) ONP_MUST_USE;

/* y[m] = a[m][n] x[n]. */
void onp_matvec(const double *a, int m, int n, const double *x, double *y);

/* Runs fn(arg) in one tile: for many of the calls above in a row. Inside a tile already: just runs
 * it. */
void onp_linalg_run(void (*fn)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif
#endif
