/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix product of `ops`: our own beside the linked one, one thread, at the shapes of
 * pointwise convolutions.
 */
#ifndef ONP_BENCH_SGEMM_H
#define ONP_BENCH_SGEMM_H

#include "base/context.h"
#include "bench/common.h"

/* C [m][n] = A [m][k] B [k][n], or A stored as [k][m]. linked: by onp_sgemm, else by onp_sgemm_own.
 * False: no memory. */
bool bench_sgemm(const onp_context *ctx, int64_t m, int64_t n, int64_t k, bool trans_a, bool linked,
                 double seconds, bench_stats *out);

#endif
