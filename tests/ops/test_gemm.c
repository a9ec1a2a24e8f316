/* SPDX-License-Identifier: Apache-2.0 */
/* The one caller of SGEMM: the flavour of OpenBLAS that its rules need, and products against
 * double. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "ops/gemm.h"
#include "tests/test_support.h"

#define M 37
#define N 21
#define K 53

static float a[M * K], b[K * N], c[M * N], start[M * N];

typedef struct product {
    bool trans_a, trans_b;
    float beta;
} product;

static void run_tile(void *arg, int64_t tile, int thread)
{
    (void)tile;
    (void)thread;
    const product *p = arg;
    onp_sgemm(p->trans_a, p->trans_b, M, N, K, a, p->trans_a ? M : K, b, p->trans_b ? K : N,
              p->beta, c, N);
}

static void fill(float *x, int n, uint32_t stream)
{
    const onp_rng r = onp_rng_make(5, ONP_RNG_TEST);
    for (int i = 0; i < n; i++)
        x[i] = (float)onp_rng_normal(r, (uint64_t)i, stream, 0);
}

static void test_products(void **state)
{
    (void)state;
    fill(a, M * K, 0);
    fill(b, K * N, 1);
    fill(start, M * N, 2);
    for (int kind = 0; kind < 8; kind++) {
        product p = {(kind & 1) != 0, (kind & 2) != 0, kind & 4 ? 1.0F : 0.0F};
        memcpy(c, start, sizeof c);
        onp_parallel_for(1, run_tile, &p);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double sum = (double)p.beta * (double)start[i * N + j], size = fabs(sum);
                for (int k = 0; k < K; k++) {
                    const double x = (double)(p.trans_a ? a[k * M + i] : a[i * K + k]) *
                                     (double)(p.trans_b ? b[j * K + k] : b[k * N + j]);
                    sum += x;
                    size += fabs(x);
                }
                assert_true(fabs((double)c[i * N + j] - sum) <= 1e-6 * size);
            }
    }
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
                                       cmocka_unit_test(test_products)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
