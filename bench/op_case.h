/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call with its memory, as `ops` times it.
 *
 *     bench_case c = {.kind = ONP_CALL_DEPTHWISE, .kernel = "depthwise", .direction = "forward",
 *                     .n = 8, .h = 28, .cin = 240, .cout = 240, .k = 5, .s = 1};
 *     bench_case_memory m;
 *     ONP_TRY(bench_case_open(&ctx, &c, &m, &err));
 *     onp_call_run(&ctx, &m.call, m.scratch, m.scratch_floats);
 *     bench_case_close(&ctx, &m);
 *
 * A lazy forward call reads its input through batch norm and ReLU6 and takes the column sums that
 * the next batch norm needs; a lazy backward one reads the output's gradient through the backward
 * of both, and the data gradient takes the sums of the batch norm before it.
 */
#ifndef ONP_BENCH_OP_CASE_H
#define ONP_BENCH_OP_CASE_H

#include "ops/call.h"

typedef struct bench_case {
    onp_call_kind kind;
    const char *kernel, *direction;
    bool lazy;
    int32_t n, h, cin, cout, k, s; /* square maps */
} bench_case;

typedef struct bench_case_memory {
    onp_call call;
    float *memory; /* of everything that the call points to */
    int32_t *labels;
    float *scratch;
    int64_t scratch_floats;
    double flops; /* nominal: taps of padding count */
    double bytes; /* of the tensors that are read and written, each once */
} bench_case_memory;

onp_status bench_case_open(const onp_context *ctx, const bench_case *c, bench_case_memory *out,
                           onp_error *err) ONP_MUST_USE;
void bench_case_close(const onp_context *ctx, bench_case_memory *m);

#endif
