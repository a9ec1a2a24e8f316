/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products of the weight gradients that have no kernel of their own. Row-major
 * C = op(A) op(B), or C += it, single threaded: call it inside a tile of onp_parallel_for() only
 * (OpenBLAS's OpenMP flavour then uses the calling thread alone, which keeps bits equal).
 *
 * By OpenBLAS, of which this is the one caller; built with ONEPATH_AGENT_BLAS off, as the agents
 * for devices are, by our own kernels (ops/gemm_own.h).
 */
#ifndef ONP_OPS_GEMM_H
#define ONP_OPS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/kernels.h"

/* op(A) is m x k, op(B) is k x n, C is m x n; ld* are the row lengths of A, B, C as stored, in
 * floats. */
typedef struct onp_sgemm_job {
    bool trans_a, trans_b;
    int64_t m, n, k;
    const float *a;
    int64_t lda;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    bool add; /* to what c holds */
} onp_sgemm_job;

/* scratch: onp_sgemm_scratch() floats, 64-byte aligned. */
void onp_sgemm(const onp_kernels *k, const onp_sgemm_job *job, float *scratch);
int64_t onp_sgemm_scratch(void);

/* "Cooperlake", "Haswell", ...: the kernels OpenBLAS chose, part of every platform; "own". */
const char *onp_blas_core(void);
/* True unless products may start threads: the linked OpenBLAS is not of the OpenMP flavour. */
bool onp_blas_is_openmp(void);
const char *onp_blas_config(void);

#endif
