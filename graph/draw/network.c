/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/draw/network.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/philox.h"
#include "graph/block_build.h"

static onp_status add_names(onp_draw_network *net, const onp_block *blocks, onp_error *err)
{
    const size_t n = (size_t)net->n_blocks;
    net->names = onp_alloc(net->ctx, n, sizeof *net->names);
    net->text = onp_alloc(net->ctx, n, sizeof *net->text);
    if (net->names == NULL || net->text == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d blocks", net->n_blocks);
    for (int32_t i = 0; i < net->n_blocks; i++) {
        char name[32];
        onp_block_short_name(&blocks[i], name);
        if (onp_block_is_candidate(&blocks[i]) && !onp_block_is_free(&blocks[i]))
            (void)snprintf(net->text[i], sizeof net->text[i], "block%d %s", (int)i, name);
        else
            (void)snprintf(net->text[i], sizeof net->text[i], "%s", name);
        net->names[i] = net->text[i];
    }
    return ONP_OK;
}

/* Returns the logits. */
static onp_tid build_blocks(onp_draw_network *net, const onp_block *blocks,
                            const onp_draw_network_options *o, int64_t batch)
{
    onp_graph *g = net->g;
    const onp_block_mode mode = o->backward ? ONP_MODE_TRAIN : ONP_MODE_FOLDED;
    onp_tid x = onp_graph_external(
        g, (onp_shape){batch, blocks[0].in_h, blocks[0].in_w, blocks[0].in_c}, &net->place);
    for (int32_t i = 0; i < net->n_blocks; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        const int n_params = onp_block_params(&blocks[i], mode, specs);
        onp_graph_set_group(g, i);
        for (int k = 0; k < n_params; k++)
            params[k] =
                onp_graph_param(g, specs[k].shape, &net->place, o->backward ? &net->place : NULL);
        x = onp_block_build(g, &blocks[i], mode, o->bn_eps, x, params, NULL);
    }
    return x;
}

static onp_status build(onp_draw_network *net, const onp_block *blocks,
                        const onp_draw_network_options *o, onp_error *err)
{
    const int64_t batch = o->batch > 0 ? o->batch : 1;
    net->g = onp_graph_new(net->ctx, err);
    if (net->g == NULL)
        return ONP_E_NOMEM;
    const onp_tid logits = build_blocks(net, blocks, o, batch);
    if (!o->backward) {
        onp_graph_keep(net->g, logits);
        return onp_graph_status(net->g, err);
    }
    const onp_tid labels = onp_graph_labels(net->g, batch, (int32_t *)(void *)&net->place);
    const onp_tid loss =
        onp_graph_add(net->g, ONP_OP_SOFTMAX_CE, (onp_tid[]){logits, labels}, 2, NULL);
    onp_graph_keep(net->g, loss);
    ONP_TRY(onp_graph_status(net->g, err));
    ONP_TRY(onp_graph_recompute(net->g, o->recompute, err));
    return onp_graph_backward(net->g, loss, NULL, NULL, err);
}

/* Each external tensor gets floats of its own; labels are class 0. */
static onp_status add_memory(onp_draw_network *net, onp_error *err)
{
    const onp_rng rng = onp_rng_make(1, ONP_RNG_TEST);
    int64_t floats = 0;
    for (int pass = 0; pass < 2; pass++) {
        int64_t used = 0;
        for (onp_tid t = 0; t < onp_graph_n_tensors(net->g); t++) {
            const onp_tensor *tensor = onp_graph_tensor(net->g, t);
            if (!tensor->external)
                continue;
            const int64_t n = onp_shape_count(tensor->shape);
            if (pass > 0) {
                float *at = net->memory + used;
                for (int64_t i = 0; i < n && !tensor->labels; i++)
                    at[i] = 0.1F * (float)onp_rng_normal(rng, (uint64_t)(used + i), 0, 0);
                onp_graph_bind(net->g, t, at);
            }
            used += (n + 15) / 16 * 16;
        }
        floats = used;
        if (pass == 0)
            net->memory = onp_alloc(net->ctx, (size_t)floats, sizeof *net->memory);
        if (net->memory == NULL)
            return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %lld floats",
                            (long long)floats);
    }
    return ONP_OK;
}

onp_status onp_draw_network_make(const onp_context *ctx, const onp_block *blocks, int32_t n,
                                 const onp_draw_network_options *options, onp_draw_network *out,
                                 onp_error *err)
{
    *out = (onp_draw_network){.ctx = ctx, .n_blocks = n};
    ONP_TRY(add_names(out, blocks, err));
    ONP_TRY(build(out, blocks, options, err));
    if (options->run)
        ONP_TRY(add_memory(out, err));
    ONP_TRY(onp_plan_new(ctx, &out->plan, err));
    const onp_plan_options as_run = {.order = !options->backward};
    return onp_plan_make(out->plan, out->g, &as_run, err);
}

void onp_draw_network_reset(onp_draw_network *net)
{
    onp_plan_free(net->plan);
    onp_graph_free(net->g);
    onp_free(net->ctx, net->names);
    onp_free(net->ctx, net->text);
    onp_free(net->ctx, net->memory);
    *net = (onp_draw_network){.ctx = net->ctx};
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

onp_status onp_draw_network_time(const onp_draw_network *net, int n_runs, double *ns,
                                 onp_error *err)
{
    const size_t n = (size_t)onp_plan_get_info(net->plan).n_calls, runs = (size_t)n_runs;
    double *all = onp_alloc(net->ctx, n * runs, sizeof *all); /* [runs][n] */
    if (all == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d runs", n_runs);
    onp_plan_run(net->plan);
    for (size_t r = 0; r < runs; r++)
        onp_plan_run_timed(net->plan, all + r * n);
    for (size_t c = 0; c < n; c++) {
        double column[ONP_DRAW_MAX_RUNS];
        for (size_t r = 0; r < runs; r++)
            column[r] = all[r * n + c];
        qsort(column, runs, sizeof *column, by_value);
        ns[c] = column[runs / 2];
    }
    onp_free(net->ctx, all);
    return ONP_OK;
}
