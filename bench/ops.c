/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kernel against its roofline; one JSON line per result, geometric means at the end. See
 * usage() below.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "bench/common.h"
#include "bench/onednn.h"
#include "bench/op_case.h"
#include "bench/roof.h"
#include "bench/sgemm.h"
#include "ops/gemm.h"
#include "ops/kernels.h"

#define NAME      64
#define MAX_MEANS 256

typedef struct mean {
    char name[NAME], peer[16];
    double log_gflops, log_peak, log_roof;
    int n;
} mean;

typedef struct bench {
    onp_context ctx;
    const char *filter;
    int64_t threads;
    double seconds;
    bool in_cache, no_peer;
    bench_roof roof;
    mean means[MAX_MEANS];
    int n_means;
} bench;

static void usage(FILE *out)
{
    (void)fputs(
        "usage: ops [--threads T] [--filter TEXT] [--seconds S] [--in-cache] [--no-peer]\n"
        "  --threads   of this process (all processors)\n"
        "  --filter    only kernels whose name holds TEXT: pointwise, depthwise/forward/plain, "
        "...\n"
        "  --seconds   how long each is timed (0.1)\n"
        "  --in-cache  batch 1 instead of that of a training step\n"
        "  --no-peer   without oneDNN, which else runs beside ours where it was found\n"
        "One JSON line per kernel and shape: ms_median, gflops by nominal operations (taps of\n"
        "padding count), peak_share of the multiply-add peak, roofline_share of the shorter of\n"
        "peak and bandwidth, both measured in this run; then geometric means.\n",
        out);
}

/* ---- results ---- */

typedef struct result {
    const char *name; /* kernel/direction/operand */
    const char *peer; /* NULL: ours */
    const char *shape;
    int k, s;
    double flops, bytes;
    bench_stats stats;
} result;

static void add_mean(bench *b, const char *name, const char *peer, double gflops, double peak,
                     double roof)
{
    int i = 0;
    while (i < b->n_means &&
           (strcmp(b->means[i].name, name) != 0 || strcmp(b->means[i].peer, peer) != 0))
        i++;
    if (i == MAX_MEANS)
        return;
    mean *m = &b->means[i];
    if (i == b->n_means) {
        b->n_means++;
        (void)snprintf(m->name, sizeof m->name, "%s", name);
        (void)snprintf(m->peer, sizeof m->peer, "%s", peer);
    }
    m->log_gflops += log(gflops > 0 ? gflops : 1);
    m->log_peak += log(peak > 0 ? peak : 1);
    m->log_roof += log(roof);
    m->n++;
}

static void report(bench *b, const result *r)
{
    const char *bound = NULL, *peer = r->peer != NULL ? r->peer : "";
    const double gflops = r->flops / (r->stats.median * 1e6);
    const double gbs = r->bytes / (r->stats.median * 1e6);
    const double peak = gflops / b->roof.gflops;
    const double roof = bench_roof_ms(&b->roof, r->flops, r->bytes, &bound) / r->stats.median;
    (void)printf(
        "{\"bench\": \"ops\", \"kernel\": \"%s\", \"shape\": \"%s\", \"k\": %d, \"s\": %d, "
        "\"threads\": %d, ",
        r->name, r->shape, r->k, r->s, onp_parallel_threads());
    if (r->peer != NULL)
        (void)printf("\"peer\": \"%s\", ", r->peer);
    else
        (void)printf("\"kernels\": \"%s\", ", b->ctx.kernels->name);
    (void)printf("\"ms_median\": %.5f, \"ms_min\": %.5f, \"runs\": %" PRId64
                 ", \"gflops\": %.1f, \"gbs\": %.1f, \"peak_gflops\": %.1f, \"peak_share\": %.3f, "
                 "\"roofline_share\": %.3f, \"bound\": \"%s\"}\n",
                 r->stats.median, r->stats.min, r->stats.n, gflops, gbs, b->roof.gflops, peak, roof,
                 bound);
    (void)fflush(stdout);
    add_mean(b, r->name, peer, gflops, peak, roof);
    if (strncmp(r->name, "depthwise", 9) == 0) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "%s/k%ds%d", r->name, r->k, r->s);
        add_mean(b, name, peer, gflops, peak, roof);
    }
}

static void report_means(const bench *b)
{
    for (int i = 0; i < b->n_means; i++) {
        const mean *m = &b->means[i];
        (void)printf("{\"bench\": \"ops-mean\", \"kernel\": \"%s\", \"peer\": \"%s\", "
                     "\"threads\": %d, \"shapes\": %d, \"gflops\": %.1f, \"peak_share\": %.3f, "
                     "\"roofline_share\": %.3f}\n",
                     m->name, m->peer, onp_parallel_threads(), m->n, exp(m->log_gflops / m->n),
                     exp(m->log_peak / m->n), exp(m->log_roof / m->n));
    }
}

/* ---- one case ---- */

typedef struct timed {
    const onp_context *ctx;
    const bench_case_memory *m;
} timed;

static void run_call(void *arg)
{
    const timed *t = arg;
    onp_call_run(t->ctx, &t->m->call, t->m->scratch, t->m->scratch_floats);
}

static bool wanted(const bench *b, const char *name)
{
    return b->filter == NULL || strstr(name, b->filter) != NULL;
}

static void run_peer(bench *b, const bench_case *c, const result *ours)
{
    static const char *const names[] = {"onednn", "onednn-nhwc"};
    for (int layout = 0; layout < 2; layout++) {
        result r = *ours;
        r.peer = names[layout];
        if (bench_onednn(c, (bench_onednn_layout)layout, b->seconds, &r.stats))
            report(b, &r);
    }
}

static onp_status run_case(bench *b, const bench_case *c, onp_error *err)
{
    char name[NAME], shape[NAME];
    (void)snprintf(name, sizeof name, "%s/%s/%s", c->kernel, c->direction,
                   c->lazy ? "lazy" : "plain");
    (void)snprintf(shape, sizeof shape, "%dx%dx%dx%d->%d", (int)c->n, (int)c->h, (int)c->h,
                   (int)c->cin, (int)c->cout);
    if (!wanted(b, name))
        return ONP_OK;
    bench_case_memory m;
    ONP_TRY(bench_case_open(&b->ctx, c, &m, err));
    bench_roof_refresh(&b->roof);
    timed t = {&b->ctx, &m};
    const result r = {.name = name,
                      .shape = shape,
                      .k = c->k,
                      .s = c->s,
                      .flops = m.flops,
                      .bytes = m.bytes,
                      .stats = bench_time(run_call, &t, b->seconds, 3)};
    bench_case_close(&b->ctx, &m);
    report(b, &r);
    if (!b->no_peer)
        run_peer(b, c, &r);
    return ONP_OK;
}

/* ---- the kernels ---- */

typedef struct direction {
    onp_call_kind dense, depthwise;
    const char *name;
} direction;

static const direction directions[] = {
    {ONP_CALL_CONV, ONP_CALL_DEPTHWISE, "forward"},
    {ONP_CALL_CONV_DATA, ONP_CALL_DEPTHWISE_DATA, "backward-data"},
    {ONP_CALL_CONV_WEIGHT, ONP_CALL_DEPTHWISE_WEIGHT, "backward-weights"},
    {ONP_CALL_CONV_BACKWARD, ONP_CALL_DEPTHWISE_BACKWARD, "backward"}};

/* Forward, the gradients and both gradients in one, plain and lazy. */
static onp_status run_directions(bench *b, bench_case c, bool depthwise, onp_error *err)
{
    for (size_t d = 0; d < ONP_COUNT(directions); d++)
        for (int lazy = 0; lazy < 2; lazy++) {
            c.kind = depthwise ? directions[d].depthwise : directions[d].dense;
            c.direction = directions[d].name;
            c.lazy = lazy != 0;
            ONP_TRY(run_case(b, &c, err));
        }
    return ONP_OK;
}

/* The 1x1 convolutions of the mobile networks at 224 (batch 8, batch 1) and at 32 (batch 64). */
static onp_status pointwise(bench *b, onp_error *err)
{
    static const int32_t shapes[][4] = {
        /* in, out, map, batch */
        {32, 16, 112, 8},  {16, 96, 112, 8},   {96, 24, 56, 8},   {24, 144, 56, 8},
        {144, 40, 28, 8},  {40, 240, 28, 8},   {240, 80, 14, 8},  {80, 480, 14, 8},
        {480, 96, 14, 8},  {96, 576, 14, 8},   {576, 192, 7, 8},  {192, 1152, 7, 8},
        {1152, 320, 7, 8}, {320, 1280, 7, 8},  {16, 96, 112, 1},  {24, 144, 56, 1},
        {80, 480, 14, 1},  {192, 1152, 7, 1},  {16, 96, 32, 64},  {144, 24, 32, 64},
        {24, 144, 32, 64}, {40, 240, 16, 64},  {240, 40, 16, 64}, {80, 480, 8, 64},
        {480, 80, 8, 64},  {192, 1152, 4, 64}, {1152, 192, 4, 64}};
    for (size_t i = 0; i < ONP_COUNT(shapes); i++) {
        const int32_t *q = shapes[i];
        bench_case c = {.kernel = "pointwise", .cin = q[0], .cout = q[1], .h = q[2], .n = q[3]};
        c.k = c.s = 1;
        if (b->in_cache && c.n == 1)
            continue; /* it is in the list already */
        c.n = b->in_cache ? 1 : c.n;
        ONP_TRY(run_directions(b, c, false, err));
    }
    return ONP_OK;
}

/* Matrix products by our own kernels beside OpenBLAS, on one thread: rows of a map times weights,
 * as forward, and taps times gradients. */
static onp_status products(bench *b, onp_error *err)
{
    static const int32_t shapes[][3] = {
        /* rows, columns, depth of the 1x1 convolutions at 224 */
        {12544, 16, 32}, {12544, 48, 16}, {3136, 24, 96},  {3136, 144, 24}, {784, 40, 144},
        {784, 240, 40},  {196, 80, 240},  {196, 480, 80},  {196, 96, 480},  {196, 576, 96},
        {49, 192, 576},  {49, 1152, 192}, {49, 320, 1152}, {49, 1280, 320}};
    for (size_t i = 0; i < 2 * ONP_COUNT(shapes); i++) {
        const bool trans = i >= ONP_COUNT(shapes);
        const int32_t *q = shapes[i % ONP_COUNT(shapes)];
        const int64_t m = trans ? q[2] : q[0], k = trans ? q[0] : q[2], n = q[1];
        char shape[NAME];
        (void)snprintf(shape, sizeof shape, "%dx%dx%d", (int)m, (int)n, (int)k);
        result r = {.name = trans ? "sgemm/transposed/plain" : "sgemm/forward/plain",
                    .shape = shape,
                    .flops = 2.0 * (double)(m * n * k),
                    .bytes = 4.0 * (double)(m * n + n * k + m * k)};
        if (!wanted(b, r.name))
            continue;
        for (int linked = 0; linked < (b->no_peer ? 1 : 2); linked++) {
            r.peer = linked ? onp_blas_core() : NULL;
            bench_roof_refresh(&b->roof);
            if (!bench_sgemm(&b->ctx, m, n, k, trans, linked != 0, b->seconds, &r.stats))
                return onp_fail(err, ONP_E_NOMEM, "no memory for a product of %s", shape);
            report(b, &r);
        }
    }
    return ONP_OK;
}

static onp_status depthwise(bench *b, onp_error *err)
{
    static const int32_t shapes[][2] = {/* map, channels */
                                        {112, 32}, {56, 144}, {28, 240},
                                        {14, 480}, {7, 960},  {32, 96}};
    for (int k = 3; k <= 7; k += 2)
        for (int s = 1; s <= 2; s++)
            for (size_t i = 0; i < ONP_COUNT(shapes); i++) {
                bench_case c = {.kernel = "depthwise", .h = shapes[i][0], .k = k, .s = s};
                c.cin = c.cout = shapes[i][1];
                c.n = b->in_cache ? 1 : 8;
                ONP_TRY(run_directions(b, c, true, err));
            }
    return ONP_OK;
}

/* The first convolution has plain input and no data gradient. */
static onp_status stem(bench *b, onp_error *err)
{
    bench_case c[] = {{.n = 8, .h = 224, .s = 2}, {.n = 64, .h = 32, .s = 1}};
    for (size_t i = 0; i < ONP_COUNT(c); i++) {
        c[i].kernel = "stem";
        c[i].cin = 3;
        c[i].cout = 32;
        c[i].k = 3;
        c[i].n = b->in_cache ? 1 : c[i].n;
        c[i].kind = ONP_CALL_CONV;
        c[i].direction = "forward";
        ONP_TRY(run_case(b, &c[i], err));
        c[i].kind = ONP_CALL_CONV_WEIGHT;
        c[i].direction = "backward-weights";
        ONP_TRY(run_case(b, &c[i], err));
    }
    return ONP_OK;
}

/* What is not a convolution: bound by memory, or small. */
static onp_status others(bench *b, onp_error *err)
{
    static const bench_case list[] = {
        {ONP_CALL_STORE, "store", "add", true, 64, 16, 40, 40, 1, 1},
        {ONP_CALL_STORE, "store", "add", true, 8, 56, 24, 24, 1, 1},
        {ONP_CALL_SUMS, "batch-norm", "sums", false, 64, 16, 240, 240, 1, 1},
        {ONP_CALL_MOMENTS_MERGE, "batch-norm", "merge", false, 64, 32, 144, 144, 1, 1},
        {ONP_CALL_MOMENTS_MERGE, "batch-norm", "merge", false, 64, 4, 1152, 1152, 1, 1},
        {ONP_CALL_BN_COEF, "batch-norm", "coefficients", false, 1, 1, 1152, 1152, 1, 1},
        {ONP_CALL_GRAD_MERGE, "batch-norm", "merge-gradient", false, 64, 32, 144, 144, 1, 1},
        {ONP_CALL_GRAD_MERGE, "batch-norm", "merge-gradient", false, 64, 4, 1152, 1152, 1, 1},
        {ONP_CALL_POOL, "pool", "forward", true, 64, 4, 640, 640, 1, 1},
        {ONP_CALL_POOL_BWD, "pool", "backward", false, 64, 4, 640, 640, 1, 1},
        {ONP_CALL_SOFTMAX, "softmax", "forward", false, 64, 1, 10, 10, 1, 1},
        {ONP_CALL_SOFTMAX, "softmax", "forward", false, 64, 1, 1000, 1000, 1, 1},
        {ONP_CALL_SOFTMAX_BWD, "softmax", "backward", false, 64, 1, 10, 10, 1, 1},
        {ONP_CALL_SOFTMAX_BWD, "softmax", "backward", false, 64, 1, 1000, 1000, 1, 1},
    };
    for (size_t i = 0; i < ONP_COUNT(list); i++)
        ONP_TRY(run_case(b, &list[i], err));
    return ONP_OK;
}

#define SGD_FLOATS 8192

typedef struct sgd_work {
    const onp_kernels *k;
    float *w, *g, *m;
} sgd_work;

static void sgd_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const sgd_work *a = arg;
    const int64_t at = tile * SGD_FLOATS;
    a->k->sgd(a->w + at, a->g + at, a->m + at, SGD_FLOATS, 1e-6F, 0.9F, 4e-5F);
}

static void run_sgd(void *arg)
{
    onp_parallel_for(512, sgd_tile, arg);
}

/* Weights, gradients and momentum of 4 million parameters. */
static onp_status sgd(bench *b, onp_error *err)
{
    const int64_t n = 512 * SGD_FLOATS;
    if (!wanted(b, "sgd/update/plain"))
        return ONP_OK;
    float *memory = onp_alloc(&b->ctx, (size_t)(3 * n), sizeof *memory);
    if (memory == NULL)
        return onp_fail(err, ONP_E_NOMEM, "no memory for %lld floats", (long long)(3 * n));
    for (int64_t i = 0; i < 3 * n; i++)
        memory[i] = (float)(i % 61) / 61 - 0.5F;
    sgd_work w = {b->ctx.kernels, memory, memory + n, memory + 2 * n};
    const result r = {.name = "sgd/update/plain",
                      .shape = "4194304",
                      .bytes = 20.0 * (double)n, /* three read, two written */
                      .stats = bench_time(run_sgd, &w, b->seconds, 3)};
    report(b, &r);
    onp_free(&b->ctx, memory);
    return ONP_OK;
}

static onp_status run(bench *b, onp_error *err)
{
    ONP_TRY(onp_kernels_choose(&b->ctx, NULL, err));
    ONP_TRY(onp_parallel_start((int)b->threads, true, err));
    if (!bench_roof_measure(&b->ctx, &b->roof))
        return onp_fail(err, ONP_E_NOMEM, "no memory to measure bandwidth with");
    (void)printf(
        "{\"bench\": \"roofline\", \"vectors\": \"%s\", \"threads\": %d, \"gflops\": %.1f, "
        "\"l2_gbs\": %.1f, \"l3_gbs\": %.1f, \"dram_gbs\": %.1f, \"kernels\": \"%s\", "
        "\"blas_core\": \"%s\"}\n",
        b->roof.vectors, onp_parallel_threads(), b->roof.gflops, b->roof.gbs[BENCH_L2],
        b->roof.gbs[BENCH_L3], b->roof.gbs[BENCH_DRAM], b->ctx.kernels->name, onp_blas_core());
    ONP_TRY(pointwise(b, err));
    ONP_TRY(products(b, err));
    ONP_TRY(depthwise(b, err));
    ONP_TRY(stem(b, err));
    ONP_TRY(others(b, err));
    ONP_TRY(sgd(b, err));
    report_means(b);
    return ONP_OK;
}

int main(int argc, char **argv)
{
    static bench b = {.seconds = 0.1};
    const bench_option options[] = {
        {"threads", BENCH_INT, &b.threads, NULL},  {"filter", BENCH_TEXT, &b.filter, NULL},
        {"seconds", BENCH_REAL, &b.seconds, NULL}, {"in-cache", BENCH_FLAG, &b.in_cache, NULL},
        {"no-peer", BENCH_FLAG, &b.no_peer, NULL},
    };
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!bench_parse(argc, argv, options, ONP_COUNT(options), NULL)) {
        usage(stderr);
        return 2;
    }
    onp_error err = {0};
    onp_context_init(&b.ctx);
    const onp_status st = run(&b, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "error: %s\n", err.msg);
    return onp_status_exit_code(st);
}
