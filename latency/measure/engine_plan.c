/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/engine_plan.h"

#include "graph/plan.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/synthetic.h"

typedef struct executor {
    const onp_context *ctx;
    onp_plan *plan;
    int32_t *end; /* of each group: the call behind its last */
    size_t end_cap;
} executor;

static onp_status prepare_groups(executor *x, const onp_graph *g, onp_error *err)
{
    int32_t n_groups = 0;
    ONP_TRY(onp_measure_groups(g, &n_groups, err));
    ONP_TRY(onp_grow(x->ctx, (void **)&x->end, &x->end_cap, (size_t)n_groups, sizeof *x->end, err));
    return onp_plan_groups(x->plan, n_groups, x->end, err);
}

static onp_status prepare(void *user, onp_graph *g, bool stamps, onp_error *err)
{
    executor *x = user;
    ONP_TRY(onp_plan_make(x->plan, g, &(onp_plan_options){.inference = true, .order = true}, err));
    const size_t arena = onp_plan_get_info(x->plan).arena_bytes;
    if (arena > ONP_SYNTHETIC_MAX_BYTES) /* reserved, not yet touched */
        return onp_fail(err, ONP_E_RANGE, "graph: needs an arena of %zu MiB, wanted at most %zu",
                        arena / ONP_MIB, ONP_SYNTHETIC_MAX_BYTES / ONP_MIB);
    return stamps ? prepare_groups(x, g, err) : ONP_OK;
}

static void run(void *user)
{
    onp_plan_run(((const executor *)user)->plan);
}

static void run_group(void *user, int32_t group)
{
    const executor *x = user;
    onp_plan_run_calls(x->plan, group > 0 ? x->end[group - 1] : 0, x->end[group]);
}

static onp_status release(void *user, onp_error *err)
{
    (void)user, (void)err;
    return ONP_OK;
}

onp_status onp_engine_plan_new(const onp_context *ctx, onp_engine *out, onp_error *err)
{
    executor *x = onp_alloc(ctx, 1, sizeof *x);
    if (x == NULL)
        return onp_fail(err, ONP_E_NOMEM, "engine: out of memory");
    x->ctx = ctx;
    onp_status st = onp_plan_new(ctx, &x->plan, err);
    if (st != ONP_OK) {
        onp_free(ctx, x);
        return st;
    }
    *out = (onp_engine){
        .prepare = prepare, .run = run, .run_group = run_group, .release = release, .user = x};
    return ONP_OK;
}

void onp_engine_plan_free(onp_engine *engine)
{
    executor *x = engine->user;
    if (x == NULL)
        return;
    onp_plan_free(x->plan);
    onp_free(x->ctx, x->end);
    onp_free(x->ctx, x);
    *engine = (onp_engine){0};
}
