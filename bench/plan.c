/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a network's plan; one JSON line. See usage() below. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/progress.h"
#include "bench/common.h"
#include "bench/nets.h"
#include "graph/plan.h"
#include "ops/kernels.h"
#include "supernet/arch.h"

static void usage(FILE *out)
{
    (void)fputs(
        "usage: plan NETWORK [--train] [--batch N] [--recompute none|cheap|blocks|sqrt]\n"
        "  NETWORK      " BENCH_NET_NAMES " or a net.config JSON\n"
        "  --train      the backward pass too; else inference with batch norms folded\n"
        "  --batch      images (1)\n"
        "  --recompute  what the backward pass computes again (none)\n"
        "One JSON line, sizes in bytes. naive: every tensor of the plan in memory of its own;\n"
        "lower_bound: the most that is alive at one call; unordered: the same when calls run in\n"
        "the order of the graph; planned: the arena. Counted is what the plan stores: activations, "
        "their gradients, partial sums and coefficients. Parameters,\n"
        "their gradients and the input image lie outside of it; an activation that its reader\n"
        "computes is not stored.\n",
        out);
}

static onp_status build(const onp_context *ctx, const char *name, const bench_net_options *o,
                        bench_net *net, onp_error *err)
{
    const size_t n = strlen(name);
    if (strchr(name, '/') == NULL && (n < 5 || strcmp(name + n - 5, ".json") != 0) &&
        (n < 7 || strcmp(name + n - 7, ".config") != 0))
        return bench_net_build(ctx, name, o, net, err);
    onp_arch *arch = NULL;
    ONP_TRY(onp_arch_load(ctx, name, &arch, err));
    const onp_status st = bench_net_build_blocks(ctx, arch->blocks, arch->n_blocks, o, net, err);
    onp_arch_free(arch);
    return st;
}

static onp_status run(const char *name, const bench_net_options *o, onp_error *err)
{
    onp_context ctx;
    bench_net net = {0};
    onp_plan *plan = NULL;
    onp_context_init(&ctx);
    ONP_TRY(onp_kernels_choose(&ctx, NULL, err));
    onp_status st = build(&ctx, name, o, &net, err);
    if (st == ONP_OK)
        st = onp_plan_new(&ctx, &plan, err);
    const int64_t begin = onp_now_ns();
    if (st == ONP_OK)
        st = onp_plan_make(plan, net.g, &(onp_plan_options){.order = true}, err);
    const double ms = (double)(onp_now_ns() - begin) / 1e6;
    if (st == ONP_OK) {
        const onp_plan_info i = onp_plan_get_info(plan);
        (void)printf("{\"bench\": \"plan\", \"network\": \"%s\", \"train\": %s, \"batch\": %" PRId64
                     ", \"recompute\": \"%s\", \"naive\": %zu, \"unordered\": %zu, "
                     "\"lower_bound\": %zu, \"planned\": %zu, \"planned_mib\": %.3f, \"factor\": "
                     "%.2f, \"heuristic\": \"%s\", "
                     "\"buffers\": %" PRId32 ", \"in_place\": %" PRId32 ", \"calls\": %" PRId32
                     ", \"plan_ms\": %.3f}\n",
                     name, o->train ? "true" : "false", o->batch, onp_recompute_names[o->recompute],
                     i.naive_bytes, i.given_bound_bytes, i.lower_bound_bytes, i.arena_bytes,
                     (double)i.arena_bytes / (double)ONP_MIB,
                     (double)i.naive_bytes / (double)i.arena_bytes, onp_place_rule_names[i.rule],
                     i.n_buffers, i.n_in_place, i.n_calls, ms);
    }
    onp_plan_free(plan);
    bench_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    bench_net_options o = {.batch = 1};
    int recompute = ONP_RECOMPUTE_NONE;
    const char *name = NULL;
    const bench_option options[] = {
        {"train", BENCH_FLAG, &o.train, NULL},
        {"batch", BENCH_INT, &o.batch, NULL},
        {"recompute", BENCH_CHOICE, &recompute, onp_recompute_names},
    };
    if (!bench_parse(argc, argv, options, ONP_COUNT(options), &name) || name == NULL ||
        o.batch < 1 || o.batch > 65536) {
        usage(stderr);
        return 2;
    }
    o.recompute = (onp_recompute)recompute;
    onp_error err = {0};
    const onp_status st = run(name, &o, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "error: %s\n", err.msg);
    return onp_status_exit_code(st);
}
