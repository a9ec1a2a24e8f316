/* SPDX-License-Identifier: Apache-2.0 */
/* What time stamps at block bounds cost, and whether they add up; one JSON line a network. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "bench/common.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/engine_plan.h"
#include "latency/measure/synthetic.h"
#include "latency/measure/timing.h"
#include "ops/kernels.h"
#include "supernet/space.h"
#include "supernet/space_sample.h"

typedef struct bench {
    onp_context ctx;
    const char *space;
    int64_t networks, threads, rounds;
    double seconds;
    onp_engine engine;
    onp_time_source source;
} bench;

static void usage(FILE *out)
{
    (void)fputs(
        "usage: stamps SPACE [--networks N] [--threads T] [--rounds R] [--seconds S]\n"
        "  --networks  random networks of the space (5)\n"
        "  --threads   of this process (1)\n"
        "  --rounds    measurements of each without and with stamps, in turn (4)\n"
        "  --seconds   of each measurement (1)\n"
        "One JSON line a network: blocks; plain_ns and stamped_ns, medians of the rounds, each\n"
        "normalised to the clock of the first; slower, stamped over plain minus 1; apart, the\n"
        "largest difference of a sample's stamps together to the sample, as a share of it; "
        "stamp_ns,\n"
        "what reading the clock takes, subtracted; quality of the worst round.\n",
        out);
}

/* What one network's rounds came to. */
typedef struct outcome {
    int64_t plain_ns[64], stamped_ns[64];
    double apart, stamp_ns;
    onp_timing_quality worst;
} outcome;

static double largest_gap(const onp_timing *t)
{
    double gap = 0.0;
    for (size_t i = 0; i < t->n; i++) {
        int64_t sum = 0;
        for (size_t g = 0; g < t->n_groups; g++)
            sum += onp_timing_group(t, g)[i];
        const double d = (double)(sum - t->samples_ns[i]) / (double)t->samples_ns[i];
        gap = d > gap ? d : -d > gap ? -d : gap;
    }
    return gap;
}

static onp_status measure(const bench *b, int32_t n_groups, int64_t *khz, int64_t *median_ns,
                          outcome *out, onp_error *err)
{
    const onp_timed what = {.run = b->engine.run,
                            .run_group = b->engine.run_group,
                            .n_groups = n_groups,
                            .user = b->engine.user};
    const int64_t ns = (int64_t)(1e9 * b->seconds);
    const onp_stop_rule rule = {.warmup_min_ns = ns / 10, .time_min_ns = ns, .time_max_ns = 2 * ns};
    onp_timing t = {0};
    ONP_TRY(onp_timing_measure(&b->ctx, &what, &rule, &b->source, &t, err));
    int64_t *scratch = onp_alloc(&b->ctx, t.n, sizeof *scratch);
    if (scratch == NULL) {
        onp_timing_reset(&b->ctx, &t);
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    }
    *khz = *khz != 0 ? *khz : t.clock_khz[0];
    *median_ns = onp_timing_normalised_median(&t, *khz, scratch);
    out->worst = t.quality > out->worst ? t.quality : out->worst;
    if (n_groups > 0) {
        const double gap = largest_gap(&t);
        out->apart = gap > out->apart ? gap : out->apart;
        out->stamp_ns = t.overhead_ns / (double)n_groups;
    }
    onp_free(&b->ctx, scratch);
    onp_timing_reset(&b->ctx, &t);
    return ONP_OK;
}

static onp_status measure_rounds(const bench *b, int32_t n_groups, outcome *out, onp_error *err)
{
    int64_t khz = 0;
    for (int64_t r = 0; r < b->rounds; r++) {
        ONP_TRY(measure(b, 0, &khz, &out->plain_ns[r], out, err));
        ONP_TRY(measure(b, n_groups, &khz, &out->stamped_ns[r], out, err));
    }
    return ONP_OK;
}

static onp_status bench_network(const bench *b, const onp_block *blocks, int32_t n, onp_error *err)
{
    float *memory = NULL;
    outcome out = {0};
    onp_graph *g = onp_graph_new(&b->ctx, err);
    if (g == NULL)
        return ONP_E_NOMEM;
    (void)onp_network_graph(g, blocks, (size_t)n, 1, ONP_MODE_FOLDED, 0.0);
    onp_status st = onp_synthetic_fill(&b->ctx, g, 1, 1, &memory, err);
    if (st == ONP_OK)
        st = b->engine.prepare(b->engine.user, g, true, err);
    if (st == ONP_OK)
        st = measure_rounds(b, n, &out, err);
    onp_free(&b->ctx, memory);
    onp_graph_free(g);
    if (st != ONP_OK)
        return st;
    const int64_t plain = onp_stats_median(out.plain_ns, (size_t)b->rounds);
    const int64_t stamped = onp_stats_median(out.stamped_ns, (size_t)b->rounds);
    (void)printf("{\"bench\": \"stamps\", \"blocks\": %" PRId32 ", \"threads\": %" PRId64
                 ", \"plain_ns\": %" PRId64 ", \"stamped_ns\": %" PRId64
                 ", \"slower\": %.5f, \"apart\": %.6f, \"stamp_ns\": %.1f, \"quality\": \"%s\"}\n",
                 n, b->threads, plain, stamped, (double)stamped / (double)plain - 1.0, out.apart,
                 out.stamp_ns, onp_timing_quality_name(out.worst));
    return fflush(stdout) == 0 ? ONP_OK : onp_fail(err, ONP_E_IO, "standard output");
}

static onp_status bench_space(bench *b, onp_error *err)
{
    onp_space *space = NULL;
    onp_block_paths paths = {0};
    ONP_TRY(onp_space_load(&b->ctx, b->space, NULL, &space, err));
    onp_status st = onp_space_sample(&b->ctx, space, 1, (int32_t)b->networks, &paths, err);
    for (int32_t i = 0; st == ONP_OK && i < paths.n; i++)
        st = bench_network(b, onp_block_path(&paths, i), paths.start[i + 1] - paths.start[i], err);
    onp_block_paths_reset(&b->ctx, &paths);
    onp_space_free(space);
    return st;
}

static onp_status run(bench *b, onp_error *err)
{
    onp_context_init(&b->ctx);
    ONP_TRY(onp_kernels_choose(&b->ctx, NULL, err));
    ONP_TRY(onp_parallel_start((int)b->threads, true, err));
    ONP_TRY(onp_engine_plan_new(&b->ctx, &b->engine, err));
    onp_status st = onp_time_source_open(&b->ctx, &b->source, err);
    if (st == ONP_OK)
        st = bench_space(b, err);
    onp_time_source_close(&b->ctx, &b->source);
    onp_engine_plan_free(&b->engine);
    return st;
}

int main(int argc, char **argv)
{
    bench b = {.networks = 5, .threads = 1, .rounds = 4, .seconds = 1.0};
    const bench_option options[] = {{"networks", BENCH_INT, &b.networks, NULL},
                                    {"threads", BENCH_INT, &b.threads, NULL},
                                    {"rounds", BENCH_INT, &b.rounds, NULL},
                                    {"seconds", BENCH_REAL, &b.seconds, NULL}};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!bench_parse(argc, argv, options, ONP_COUNT(options), &b.space) || b.space == NULL ||
        b.networks < 1 || b.networks > 1000 || b.rounds < 1 || b.rounds > 64 || b.threads < 1 ||
        b.threads > ONP_MAX_THREADS || !(b.seconds > 0.0 && b.seconds <= 600.0)) {
        usage(stderr);
        return 2;
    }
    onp_error err = {0};
    const onp_status st = run(&b, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "stamps: %s\n", err.msg);
    return onp_status_exit_code(st);
}
