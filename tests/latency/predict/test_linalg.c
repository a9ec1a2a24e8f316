/* SPDX-License-Identifier: Apache-2.0 */
/* Against what defines each result: K x = b, orthogonal residuals, the conditions of Kuhn and
 * Tucker; and against numbers that follow by hand. */
#include "tests/test_support.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "latency/predict/linalg.h"

enum { M = 30, N = 8 };

static void near(double seen, double wanted, double bound)
{
    if (!(fabs(seen - wanted) <= bound))
        fail_msg("%.15g, wanted %.15g", seen, wanted);
}

static void random_values(double *v, int n, uint64_t seed)
{
    const onp_rng r = onp_rng_make(seed, ONP_RNG_TEST);
    for (int i = 0; i < n; i++)
        v[i] = onp_rng_normal(r, (uint64_t)i, 0, 0);
}

/* a^T (a x - b), column j. */
static double gradient(const double *a, const double *x, const double *b, int j)
{
    double sum = 0;
    for (int i = 0; i < M; i++) {
        double r = -b[i];
        for (int l = 0; l < N; l++)
            r += a[i * N + l] * x[l];
        sum += r * a[i * N + j];
    }
    return sum;
}

static void cholesky_by_hand(void **state)
{
    (void)state;
    double k[4] = {4, 77 /* not read */, 6, 13}, b[2] = {10, 19}, half[2] = {10, 19};
    assert_int_equal(onp_cholesky(k, 2, NULL), ONP_OK);
    static const double l[4] = {2, 0, 3, 2};
    for (int i = 0; i < 4; i++)
        near(k[i], l[i], 1e-15);
    onp_cholesky_solve(k, 2, b, 1); /* 4 x + 6 y = 10, 6 x + 13 y = 19 */
    near(b[0], 1, 1e-15);
    near(b[1], 1, 1e-15);
    onp_cholesky_solve_half(k, 2, half, 1);
    near(half[0], 5, 1e-15);
    near(half[1], 2, 1e-15);
    near(onp_cholesky_ln_det(k, 2), log(16), 1e-15);
}

static void cholesky_refuses(void **state)
{
    (void)state;
    onp_error err = {0};
    double k[4] = {1, 0, 2, 1}, nan[1] = {(double)NAN};
    assert_int_equal(onp_cholesky(k, 2, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "not positive definite");
    assert_int_equal(onp_cholesky(nan, 1, &err), ONP_E_RANGE);
    assert_int_equal(onp_cholesky(k, 0, &err), ONP_OK);
}

static void least_squares_is_orthogonal(void **state)
{
    (void)state;
    onp_context ctx;
    double a[M * N], b[M], x[N];
    onp_context_init(&ctx);
    random_values(a, M * N, 1);
    random_values(b, M, 2);
    assert_int_equal(onp_least_squares(&ctx, a, M, N, b, 0, x, NULL), ONP_OK);
    for (int j = 0; j < N; j++)
        near(gradient(a, x, b, j), 0, 1e-12);
    assert_int_equal(onp_least_squares(&ctx, a, M, N, b, 2.5, x, NULL), ONP_OK);
    for (int j = 0; j < N; j++)
        near(gradient(a, x, b, j) + 2.5 * x[j], 0, 1e-12);
    double y[M];
    onp_matvec(a, M, N, x, y);
    near(y[3],
         a[3 * N] * x[0] + a[3 * N + 1] * x[1] + a[3 * N + 2] * x[2] + a[3 * N + 3] * x[3] +
             a[3 * N + 4] * x[4] + a[3 * N + 5] * x[5] + a[3 * N + 6] * x[6] + a[3 * N + 7] * x[7],
         1e-14);
}

static void least_squares_refuses(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    static const double twins[6] = {1, 2, 2, 4, 3, 6}, b[3] = {1, 2, (double)INFINITY};
    double x[2] = {7, 8};
    onp_context_init(&ctx);
    assert_int_equal(onp_least_squares(&ctx, twins, 2, 2, b, 0, x, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "not independent");
    assert_int_equal(onp_least_squares(&ctx, twins, 1, 2, b, 0, x, &err), ONP_E_RANGE);
    assert_int_equal(onp_least_squares(&ctx, twins, 3, 2, b, 0, x, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "value 2 is not finite");
    near(x[0], 7, 0);
    assert_int_equal(onp_least_squares(&ctx, twins, 1, 2, b, 1e-3, x, &err), ONP_OK);
}

/* Kuhn and Tucker: the gradient is 0 where x > 0, at least 0 where x = 0. */
static void nnls_is_the_minimum(void **state)
{
    (void)state;
    onp_context ctx;
    double a[M * N], b[M], x[N];
    onp_context_init(&ctx);
    int n_zero = 0, n_positive = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        random_values(a, M * N, 10 + seed);
        random_values(b, M, 100 + seed);
        for (int i = 0; i < M; i++) {
            a[i * N + 3] *= 1e9; /* columns of any unit */
            a[i * N + 5] = seed % 2 == 0 ? a[i * N + 4] : 0;
        }
        assert_int_equal(onp_nnls(&ctx, a, M, N, b, x, NULL), ONP_OK);
        for (int j = 0; j < N; j++) {
            const double g = gradient(a, x, b, j) / (j == 3 ? 1e9 : 1);
            assert_true(x[j] >= 0);
            if (x[j] > 0)
                near(g, 0, 1e-9);
            assert_true(g >= -1e-9);
            n_zero += !(x[j] > 0);
            n_positive += x[j] > 0;
        }
    }
    assert_true(n_zero > 40 && n_positive > 40);
}

static void nnls_by_hand(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    static const double a[6] = {1, 0, 0, 1, 1, 1}, b[3] = {2, -3, 1}, bad[3] = {2, (double)NAN, 1};
    double x[2];
    onp_context_init(&ctx);
    assert_int_equal(onp_nnls(&ctx, a, 3, 2, b, x, NULL), ONP_OK); /* y = 0, then x = 3/2 */
    near(x[0], 1.5, 1e-10);
    near(x[1], 0, 0);
    assert_int_equal(onp_nnls(&ctx, a, 3, 2, bad, x, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "row 1 is not finite");
}

static onp_status fits(const onp_context *ctx, void *arg)
{
    double x[2];
    static const double a[6] = {1, 0, 0, 1, 1, 1}, b[3] = {2, -3, 1};
    (void)arg;
    ONP_TRY(onp_nnls(ctx, a, 3, 2, b, x, NULL));
    return onp_least_squares(ctx, a, 3, 2, b, 0.1, x, NULL);
}

static void each_allocation(void **state)
{
    (void)state;
    onp_test_each_allocation(fits, NULL);
}

static void in_a_tile(void *arg, int64_t tile, int thread)
{
    double(*x)[N] = arg;
    onp_context ctx;
    double a[M * N], b[M];
    (void)thread;
    onp_context_init(&ctx);
    random_values(a, M * N, 1);
    random_values(b, M, 2);
    assert_true(onp_parallel_inside());
    onp_status st = onp_least_squares(&ctx, a, M, N, b, 0.5, x[tile], NULL);
    assert_int_equal(st, ONP_OK);
}

/* In a tile or not, and whatever else runs: the same bits. */
static void inside_tiles(void **state)
{
    (void)state;
    double x[5][N] = {{0}};
    onp_parallel_for(4, in_a_tile, x);
    assert_false(onp_parallel_inside());
    onp_parallel_for(1, in_a_tile, x + 4);
    for (int i = 1; i < 5; i++)
        assert_memory_equal(x[i], x[0], sizeof x[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cholesky_by_hand),
                                       cmocka_unit_test(cholesky_refuses),
                                       cmocka_unit_test(least_squares_is_orthogonal),
                                       cmocka_unit_test(least_squares_refuses),
                                       cmocka_unit_test(nnls_is_the_minimum),
                                       cmocka_unit_test(nnls_by_hand),
                                       cmocka_unit_test(each_allocation),
                                       cmocka_unit_test(inside_tiles)};
    return cmocka_run_group_tests_name("predict_linalg", tests, NULL, NULL);
}
