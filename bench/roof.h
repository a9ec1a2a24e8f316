/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine can do at most: multiply-adds a second in registers, and bytes a second copied
 * (reads and writes counted) with a set that lies in the second-level cache, in the last level, in
 * memory. Measured on the threads of onp_parallel_start, with the vectors of the kernel set.
 *
 *     bench_roof roof;
 *     bench_roof_measure(&ctx, &roof);
 *     double share = bench_roof_ms(&roof, flops, bytes, &bound) / measured_ms;
 */
#ifndef ONP_BENCH_ROOF_H
#define ONP_BENCH_ROOF_H

#include "base/context.h"

typedef enum bench_level { BENCH_L2, BENCH_L3, BENCH_DRAM, BENCH_LEVELS } bench_level;

typedef struct bench_roof {
    double gflops;
    double gbs[BENCH_LEVELS];
    const char *vectors; /* "avx512", "avx2", "portable" */
} bench_roof;

/* ctx has kernels. False: no memory. */
bool bench_roof_measure(const onp_context *ctx, bench_roof *roof);
/* The peak alone, again: the clock moves from minute to minute. About 10 ms. */
void bench_roof_refresh(bench_roof *roof);
/* Shortest time of so many operations and so many bytes touched; bound: "fma", "l2", "l3" or
 * "dram". */
double bench_roof_ms(const bench_roof *roof, double flops, double bytes, const char **bound);

#endif
