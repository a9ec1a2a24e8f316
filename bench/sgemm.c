/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sgemm.h"

#include "base/parallel.h"
#include "ops/gemm_own.h"

typedef struct work {
    const onp_kernels *kernels;
    onp_sgemm_job job;
    float *scratch;
    bool linked;
} work;

static void run_tile(void *arg, int64_t tile, int thread)
{
    (void)tile;
    (void)thread;
    const work *w = arg;
    if (w->linked)
        onp_sgemm(w->kernels, &w->job, w->scratch);
    else
        onp_sgemm_own(w->kernels, &w->job, w->scratch);
}

static void run(void *arg)
{
    onp_parallel_for(1, run_tile, arg);
}

bool bench_sgemm(const onp_context *ctx, int64_t m, int64_t n, int64_t k, bool trans_a, bool linked,
                 double seconds, bench_stats *out)
{
    const int64_t inputs = m * k + k * n;
    float *memory =
        onp_alloc(ctx, (size_t)(inputs + m * n + ONP_SGEMM_OWN_SCRATCH + 64), sizeof *memory);
    if (memory == NULL)
        return false;
    for (int64_t i = 0; i < inputs; i++)
        memory[ONP_SGEMM_OWN_SCRATCH + i] = (float)(i % 61) / 61 - 0.5F;
    work w = {.kernels = ctx->kernels, .scratch = memory, .linked = linked};
    float *a = memory + ONP_SGEMM_OWN_SCRATCH;
    w.job = (onp_sgemm_job){.trans_a = trans_a,
                            .m = m,
                            .n = n,
                            .k = k,
                            .a = a,
                            .lda = trans_a ? m : k,
                            .b = a + m * k,
                            .ldb = n,
                            .c = a + inputs,
                            .ldc = n};
    *out = bench_time(run, &w, seconds, 3);
    onp_free(ctx, memory);
    return true;
}
