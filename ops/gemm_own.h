/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onp_sgemm by the kernel tables' packed products: in every build, so that it is tested everywhere.
 *
 *     float *scratch = onp_alloc(ctx, ONP_SGEMM_OWN_SCRATCH, sizeof *scratch);
 *     onp_sgemm_own(ctx->kernels, &(onp_sgemm_job){.m = 8, .n = 8, .k = 8, ...}, scratch);
 *
 * Blocks of op(B) are packed into what fits a second-level cache and multiplied by blocks of op(A),
 * read in place where its rows lie so, the sums over k going from block to block through C (the
 * loops of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).
 */
#ifndef ONP_OPS_GEMM_OWN_H
#define ONP_OPS_GEMM_OWN_H

#include "ops/gemm.h"

/* Blocks of op(A) and op(B); k is even, columns are whole registers. */
#define ONP_SGEMM_OWN_ROWS    96
#define ONP_SGEMM_OWN_COLUMNS 192
#define ONP_SGEMM_OWN_DEPTH   192
#define ONP_SGEMM_OWN_SCRATCH (ONP_SGEMM_OWN_DEPTH * (ONP_SGEMM_OWN_ROWS + ONP_SGEMM_OWN_COLUMNS))

/* As onp_sgemm; scratch: ONP_SGEMM_OWN_SCRATCH floats, 64-byte aligned. */
void onp_sgemm_own(const onp_kernels *k, const onp_sgemm_job *job, float *scratch);

#endif
