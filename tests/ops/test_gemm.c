/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products against double: onp_sgemm as it is built, and our own with every kernel set; the
 * flavour of OpenBLAS that its rules need. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "ops/gemm_own.h"
#include "tests/test_support.h"

typedef void (*sgemm_fn)(const onp_kernels *k, const onp_sgemm_job *job, float *scratch);

/* Room behind each row of a matrix, which must stay as it is. */
#define PAD     3
#define PATTERN 7777.0F

typedef struct product {
    sgemm_fn run;
    const onp_kernels *kernels;
    onp_sgemm_job job;
    float *scratch;
} product;

static void run_tile(void *arg, int64_t tile, int thread)
{
    (void)tile;
    (void)thread;
    const product *p = arg;
    p->run(p->kernels, &p->job, p->scratch);
}

static float *matrix(const onp_context *ctx, int64_t rows, int64_t columns, uint32_t stream)
{
    const onp_rng r = onp_rng_make(5, ONP_RNG_TEST);
    const int64_t ld = columns + PAD;
    float *x = onp_alloc(ctx, (size_t)(rows * ld), sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < rows * ld; i++)
        x[i] = i % ld < columns ? (float)onp_rng_normal(r, (uint64_t)i, stream, 0) : PATTERN;
    return x;
}

static double entry(const float *x, int64_t ld, bool trans, int64_t row, int64_t column)
{
    return (double)(trans ? x[column * ld + row] : x[row * ld + column]);
}

static void check(const product *p, const float *start)
{
    const onp_sgemm_job *j = &p->job;
    for (int64_t row = 0; row < j->m; row++)
        for (int64_t column = 0; column < j->ldc; column++) {
            const double got = (double)j->c[row * j->ldc + column];
            double sum = j->add ? (double)start[row * j->ldc + column] : 0, size = fabs(sum);
            for (int64_t i = 0; column < j->n && i < j->k; i++) {
                const double x = entry(j->a, j->lda, j->trans_a, row, i) *
                                 entry(j->b, j->ldb, j->trans_b, i, column);
                sum += x;
                size += fabs(x);
            }
            if (column >= j->n)
                assert_true(got == (double)PATTERN);
            else
                assert_true(fabs(got - sum) <= 2e-7 * (4 + (double)j->k) * size);
        }
}

/* One shape, both ways of each matrix, from 0 and added. */
static void check_shape(sgemm_fn run, const onp_kernels *kernels, int64_t m, int64_t n, int64_t k)
{
    for (int kind = 0; kind < 8; kind++) {
        onp_context ctx;
        onp_context_init(&ctx);
        const bool ta = (kind & 1) != 0, tb = (kind & 2) != 0;
        float *a = matrix(&ctx, ta ? k : m, ta ? m : k, 0);
        float *b = matrix(&ctx, tb ? n : k, tb ? k : n, 1);
        float *c = matrix(&ctx, m, n, 2), *start = matrix(&ctx, m, n, 2);
        float *scratch = onp_alloc(&ctx, ONP_SGEMM_OWN_SCRATCH, sizeof *scratch);
        assert_non_null(scratch);
        product p = {.run = run, .kernels = kernels, .scratch = scratch};
        p.job = (onp_sgemm_job){.trans_a = ta,
                                .trans_b = tb,
                                .m = m,
                                .n = n,
                                .k = k,
                                .a = a,
                                .lda = (ta ? m : k) + PAD,
                                .b = b,
                                .ldb = (tb ? k : n) + PAD,
                                .c = c,
                                .ldc = n + PAD,
                                .add = (kind & 4) != 0};
        onp_parallel_for(1, run_tile, &p);
        check(&p, start);
        onp_free(&ctx, scratch);
        onp_free(&ctx, start);
        onp_free(&ctx, c);
        onp_free(&ctx, b);
        onp_free(&ctx, a);
    }
}

/* Around registers, tiles and blocks. */
static const int64_t shapes[][3] = {
    {1, 1, 1},    {1, 1, 0},    {5, 7, 0},    {2, 3, 1},     {37, 21, 53}, {24, 16, 2},
    {25, 17, 3},  {7, 24, 191}, {8, 48, 192}, {9, 49, 193},  {95, 8, 5},   {96, 192, 6},
    {97, 193, 9}, {3, 385, 4},  {1, 200, 77}, {200, 1, 130}, {13, 40, 577}};

static void test_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < ONP_COUNT(shapes); i++)
        check_shape(onp_sgemm, onp_kernels_at(0), shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void test_own(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(shapes); i++)
            check_shape(onp_sgemm_own, onp_kernels_at(k), shapes[i][0], shapes[i][1], shapes[i][2]);
}

/* The pthread flavour has the same SONAME and would start threads of its own inside our regions. */
static void test_flavour(void **state)
{
    (void)state;
    assert_true(onp_blas_is_openmp());
    assert_true(strlen(onp_blas_core()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flavour),
                                       cmocka_unit_test(test_products), cmocka_unit_test(test_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
