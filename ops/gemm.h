/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one caller of SGEMM. Row-major C = op(A) op(B) + beta C, single threaded: call it inside a
 * tile of onp_parallel_for() only (OpenBLAS's OpenMP flavour then uses the calling thread alone,
 * which keeps bits equal).
 */
#ifndef ONP_OPS_GEMM_H
#define ONP_OPS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* op(A) is m x k, op(B) is k x n, C is m x n; ld* are the row lengths of A, B, C as stored, in
 * floats. */
void onp_sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float *a,
               int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

/* "Cooperlake", "Haswell", ...: the kernels OpenBLAS chose, part of every platform. */
const char *onp_blas_core(void);
/* True when the linked OpenBLAS is of the OpenMP flavour. */
bool onp_blas_is_openmp(void);
const char *onp_blas_config(void);

#endif
