/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer of `ops`: the same convolution by oneDNN 2, where CMake found it. Threads are those of
 * onp_parallel_start: both use one OpenMP runtime.
 *
 *     bench_stats s;
 *     if (bench_onednn(&c, BENCH_ONEDNN_ANY, 0.1, &s)) ...
 */
#ifndef ONP_BENCH_ONEDNN_H
#define ONP_BENCH_ONEDNN_H

#include "bench/common.h"
#include "bench/op_case.h"

/* ANY: the layout that it prefers, reordering not timed; NHWC: ours. */
typedef enum bench_onednn_layout { BENCH_ONEDNN_ANY, BENCH_ONEDNN_NHWC } bench_onednn_layout;

/* False: not built in, or no such convolution (only plain convolutions, one direction at a time).
 */
bool bench_onednn(const bench_case *c, bench_onednn_layout layout, double seconds,
                  bench_stats *out);

#endif
