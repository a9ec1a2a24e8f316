/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/gemm.h"

#ifdef ONEPATH_OPENBLAS
#    include <cblas.h>

void onp_sgemm(const onp_kernels *k, const onp_sgemm_job *j,
               float *scratch) /* NOLINT(readability-non-const-parameter): our own writes to it */
{
    (void)k;
    (void)scratch;
    cblas_sgemm(CblasRowMajor, j->trans_a ? CblasTrans : CblasNoTrans,
                j->trans_b ? CblasTrans : CblasNoTrans, (blasint)j->m, (blasint)j->n, (blasint)j->k,
                1.0F, j->a, (blasint)j->lda, j->b, (blasint)j->ldb, j->add ? 1.0F : 0.0F, j->c,
                (blasint)j->ldc);
}

int64_t onp_sgemm_scratch(void)
{
    return 0;
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

#else
#    include "ops/gemm_own.h"

void onp_sgemm(const onp_kernels *k, const onp_sgemm_job *job, float *scratch)
{
    onp_sgemm_own(k, job, scratch);
}

int64_t onp_sgemm_scratch(void)
{
    return ONP_SGEMM_OWN_SCRATCH;
}

const char *onp_blas_core(void)
{
    return "own";
}

bool onp_blas_is_openmp(void)
{
    return true;
}

const char *onp_blas_config(void)
{
    return "onepath's own matrix products";
}
#endif
