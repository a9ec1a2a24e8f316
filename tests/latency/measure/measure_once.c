/* SPDX-License-Identifier: Apache-2.0 */
/* measure_once RUNNER ARGUMENT...: has the runner that this starts measure two blocks, and prints
 * what it said of itself, a line for each. */
#include <inttypes.h>
#include <stdio.h>

#include "latency/measure/block_graph.h"
#include "latency/measure/driver.h"

static onp_status measure(onp_runner *r, const char *key, onp_error *err)
{
    static const onp_stop_rule quick = {.warmup_min_ns = 1,
                                        .sample_min_ns = 1,
                                        .samples_min = 5,
                                        .samples_max = 5,
                                        .time_min_ns = 1,
                                        .time_max_ns = 1000000000};
    const onp_context *ctx = onp_runner_context(r);
    onp_block block;
    onp_graph *g = NULL;
    onp_timing t = {0};
    ONP_TRY(onp_block_parse(key, &block, err));
    ONP_TRY(onp_measure_block_graph(ctx, &block, 1, &g, err));
    const onp_status st = onp_runner_measure(r, g, &(onp_measure_options){.rule = &quick}, &t, err);
    if (st == ONP_OK)
        (void)printf("%s: %zu samples, %s\n", key, t.n,
                     t.stats.min_ns > 0 ? "each took time" : "in no time");
    onp_timing_reset(ctx, &t);
    onp_graph_free(g);
    return st;
}

static onp_status run(const onp_context *ctx, const char *const *argv, onp_error *err)
{
    onp_runner *r = NULL;
    ONP_TRY(onp_runner_open(ctx, argv, NULL, &r, err));
    const onp_runner_facts *f = onp_runner_get_facts(r);
    (void)printf("kernels %s, blas %s, threads %" PRId64 ", cluster %s\n", f->kernel_set,
                 f->blas_core, f->threads, f->cluster);
    onp_status st = measure(r, "mbconv in=14x14x24 out=14x14x24 k=5 e=3 s=1 skip=1", err);
    if (st == ONP_OK)
        st = measure(r, "mbconv in=14x14x24 out=7x7x40 k=3 e=6 s=2 skip=0", err);
    onp_runner_close(r);
    return st;
}

int main(int argc, char **argv)
{
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    if (argc < 2)
        return 2;
    const onp_status st = run(&ctx, (const char *const *)argv + 1, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "measure_once: %s\n", err.msg);
    return onp_status_exit_code(st);
}
