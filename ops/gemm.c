/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/gemm.h"

#include <cblas.h>

void onp_sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float *a,
               int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans,
                trans_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0F, a,
                (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

const char *onp_blas_core(void)
{
    return openblas_get_corename();
}

bool onp_blas_is_openmp(void)
{
    return openblas_get_parallel() == OPENBLAS_OPENMP;
}

const char *onp_blas_config(void)
{
    return openblas_get_config();
}
