/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/roof.h"

#include <string.h>
#include <unistd.h>

#include "base/parallel.h"
#include "bench/common.h"
#include "ops/kernels.h"

#define FMA_TURNS        100000 /* of twelve multiply-adds: about half a millisecond */
/* The last level's true size: sysconf says 384 MiB on a virtual machine where sets of more than
 * about 20 MB run at the speed of memory. */
#define LAST_LEVEL_BYTES 22e6

/* Two units with four cycles of latency want eight chains; twelve leave room and fit sixteen
 * registers. */
#define TWELVE(X)  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define DECLARE(i) vector a##i = zero + (float)(i);
#define ADVANCE(i) a##i = a##i * x + y; /* contracted: this file is built so */
#define GATHER(i)  all += a##i;

/* The two loops for one width: dependent multiply-adds in registers, and y = k x. */
#define LOOPS(name, attribute, lanes)                                                              \
    attribute static float fma_##name(int64_t turns)                                               \
    {                                                                                              \
        typedef float vector __attribute__((vector_size(4 * (lanes))));                            \
        const vector zero = {0}, x = zero + 0.999F, y = zero + 1e-6F;                              \
        vector all = zero;                                                                         \
        TWELVE(DECLARE)                                                                            \
        for (int64_t i = 0; i < turns; i++) {                                                      \
            TWELVE(ADVANCE)                                                                        \
        }                                                                                          \
        TWELVE(GATHER)                                                                             \
        return all[0];                                                                             \
    }                                                                                              \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): an attribute */                                 \
    attribute static void copy_##name(float *restrict to, const float *restrict from, int64_t n)   \
    {                                                                                              \
        typedef float vector __attribute__((vector_size(4 * (lanes)), may_alias));                 \
        for (int64_t i = 0; i < n; i += 4 * (lanes)) {                                             \
            vector *y = (vector *)(to + i);                                                        \
            const vector *x = (const vector *)(from + i);                                          \
            y[0] = x[0] * 1.0001F;                                                                 \
            y[1] = x[1] * 1.0001F;                                                                 \
            y[2] = x[2] * 1.0001F;                                                                 \
            y[3] = x[3] * 1.0001F;                                                                 \
        }                                                                                          \
    }

typedef struct loops {
    const char *name;
    int lanes;
    float (*fma)(int64_t turns);
    void (*copy)(float *restrict to, const float *restrict from, int64_t n);
} loops;

LOOPS(portable, , 4)
#if defined(__x86_64__)
LOOPS(avx2, __attribute__((target("avx2,fma"))), 8)
LOOPS(avx512, __attribute__((target("avx512f"))), 16)
static const loops all_loops[] = {{"portable", 4, fma_portable, copy_portable},
                                  {"avx2", 8, fma_avx2, copy_avx2},
                                  {"avx512", 16, fma_avx512, copy_avx512}};
#else
static const loops all_loops[] = {{"portable", 4, fma_portable, copy_portable}};
#endif

/* The loops of the kernel set's name; the portable ones for any other set. */
static const loops *find_loops(const char *name)
{
    const loops *found = &all_loops[0];
    for (size_t i = 0; i < ONP_COUNT(all_loops); i++)
        if (strcmp(all_loops[i].name, name) == 0)
            found = &all_loops[i];
    return found;
}

typedef struct work {
    const loops *l;
    float *memory;  /* threads x (from, to) */
    int64_t floats; /* of each */
    int64_t repeats;
} work;

static volatile float sink;

static void fma_tile(void *arg, int64_t tile, int thread)
{
    (void)tile, (void)thread;
    sink = ((const work *)arg)->l->fma(FMA_TURNS);
}

static void run_fma(void *arg)
{
    onp_parallel_for(onp_parallel_threads(), fma_tile, arg);
}

static void copy_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const work *w = arg;
    float *from = w->memory + 2 * tile * w->floats;
    for (int64_t i = 0; i < w->repeats; i++)
        w->l->copy(from + w->floats, from, w->floats);
}

static void run_copy(void *arg)
{
    onp_parallel_for(onp_parallel_threads(), copy_tile, arg);
}

/* Bytes a second with a set of `bytes` in all. */
static double copy_gbs(const loops *l,
                       float *memory, /* NOLINT(readability-non-const-parameter): tiles write it */
                       size_t bytes)
{
    const int threads = onp_parallel_threads();
    work w = {.l = l, .memory = memory};
    w.floats = (int64_t)(bytes / (8 * (size_t)threads)) / 1024 * 1024;
    const double touched = (double)threads * 8.0 * (double)w.floats;
    w.repeats = (int64_t)(4e7 / touched) + 1;
    const bench_stats s = bench_time(run_copy, &w, 0.15, 5);
    return touched * (double)w.repeats / (s.median * 1e6);
}

void bench_roof_refresh(bench_roof *roof)
{
    work w = {.l = find_loops(roof->vectors)};
    const bench_stats s = bench_time(run_fma, &w, 0.01, 9);
    const double flops = 2.0 * 12 * FMA_TURNS * w.l->lanes * onp_parallel_threads();
    roof->gflops = flops / (s.median * 1e6);
}

bool bench_roof_measure(const onp_context *ctx, bench_roof *roof)
{
    const size_t sets[BENCH_LEVELS] = {512 * ONP_KIB * (size_t)onp_parallel_threads(), 8 * ONP_MIB,
                                       256 * ONP_MIB};
    const loops *l = find_loops(ctx->kernels->name);
    float *memory = onp_alloc(ctx, sets[BENCH_DRAM], 1);
    if (memory == NULL)
        return false;
    *roof = (bench_roof){.vectors = l->name};
    for (int i = 0; i < BENCH_LEVELS; i++)
        roof->gbs[i] = copy_gbs(l, memory, sets[i]);
    onp_free(ctx, memory);
    bench_roof_refresh(roof);
    return true;
}

double bench_roof_ms(const bench_roof *roof, double flops, double bytes, const char **bound)
{
    static const char *const names[BENCH_LEVELS] = {"l2", "l3", "dram"};
    const double second = (double)sysconf(_SC_LEVEL2_CACHE_SIZE) * onp_parallel_threads();
    const bench_level level = bytes < 0.8 * second       ? BENCH_L2
                              : bytes < LAST_LEVEL_BYTES ? BENCH_L3
                                                         : BENCH_DRAM;
    const double fma_ms = flops / (roof->gflops * 1e6), copy_ms = bytes / (roof->gbs[level] * 1e6);
    *bound = fma_ms > copy_ms ? "fma" : names[level];
    return fma_ms > copy_ms ? fma_ms : copy_ms;
}
