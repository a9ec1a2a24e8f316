/* SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <math.h>
#include <string.h>

#include "search/pipeline.h"

static onp_trainer trainer_of(onp_pipeline *p, onp_supernet *net, const char *belongs_to)
{
    return (onp_trainer){.ctx = p->ctx,
                         .cfg = p->cfg,
                         .feed = &p->feed,
                         .net = net,
                         .step = p->step,
                         .latency = &p->latency,
                         .target_ns = p->target_ns,
                         .db = p->db,
                         .board = p->board,
                         .checkpoint_path = p->checkpoint,
                         .net_hash = belongs_to,
                         .progress = p->options->progress,
                         .watch = p->options->watch,
                         .validation_accuracy = (double)NAN,
                         .stop = p->options->stop};
}

static onp_status search_stages(onp_pipeline *p, onp_error *err)
{
    onp_trainer t = trainer_of(p, p->net, p->search_hash);
    if (p->saved.found)
        ONP_TRY(onp_trainer_load(&t, err));
    ONP_TRY(onp_trainer_run(&t, ONP_STAGE_WARMUP, err));
    ONP_TRY(onp_trainer_run(&t, ONP_STAGE_SEARCH, err));
    p->tick = t.cursor.tick;
    return ONP_OK;
}

static onp_status train_stage(onp_pipeline *p, onp_error *err)
{
    onp_step_free(p->step);
    p->step = NULL;
    onp_supernet_free(p->net); /* its work is done */
    p->net = NULL;
    ONP_TRY(onp_pipeline_new_step(p, p->model->net, err));
    onp_trainer t = trainer_of(p, p->model->net, p->train_hash);
    t.cursor = (onp_cursor){.stage = ONP_STAGE_TRAIN, .tick = p->tick};
    if (p->keeps_statistics) {
        t.stats = p->model->stats;
        t.n_stats = p->model->n_stats;
        onp_step_set_frozen(p->step, p->model->stats, p->cfg->train.serial_batch);
    }
    if (strcmp(p->saved.belongs_to, p->train_hash) == 0)
        ONP_TRY(onp_trainer_load(&t, err));
    else
        ONP_TRY(onp_trainer_save(&t, err));
    ONP_TRY(onp_trainer_run(&t, ONP_STAGE_TRAIN, err));
    p->tick = t.cursor.tick;
    return ONP_OK;
}

static onp_status run(onp_pipeline *p, onp_error *err)
{
    ONP_TRY(onp_feed_open(p->ctx, p->cfg, &p->feed, err));
    ONP_TRY(onp_pipeline_prepare(p, err));
    if (strcmp(p->saved.belongs_to, p->train_hash) == 0) {
        ONP_TRY(onp_pipeline_reopen(p, err));
    } else {
        ONP_TRY(search_stages(p, err));
        ONP_TRY(onp_pipeline_derive(p, err));
    }
    ONP_TRY(train_stage(p, err));
    ONP_TRY(onp_pipeline_test(p, err));
    ONP_TRY(onp_pipeline_measure(p, err));
    if (!p->result->meets_budget)
        return onp_fail(err, ONP_E_OVER_BUDGET,
                        "the network takes %.4f ms %s, the budget is %.4f ms",
                        p->result->measured ? p->result->measured_ms : p->result->predicted_ms,
                        p->result->measured ? "measured" : "predicted", p->result->target_ms);
    return ONP_OK;
}

static onp_status train_only(onp_pipeline *p, const onp_arch *arch, onp_error *err)
{
    char hash[ONP_SHA256_HEX];
    const onp_block *head = &arch->blocks[arch->n_blocks - 1];
    if (p->keeps_statistics)
        return onp_fail(err, ONP_E_CONFIG,
                        "train.statistics is frozen: wanted batch, a network that is trained from "
                        "new weights has no statistics to keep");
    ONP_TRY(onp_feed_open(p->ctx, p->cfg, &p->feed, err));
    const onp_dataset *ds = &p->feed.train;
    if (arch->in_h > ds->h || arch->in_w > ds->w || arch->in_c != ds->c ||
        head->out_c != ds->n_classes)
        return onp_fail(
            err, ONP_E_CONFIG,
            "the network takes %dx%dx%d and has %d classes, the images are %dx%dx%d of %d",
            (int)arch->in_h, (int)arch->in_w, (int)arch->in_c, (int)head->out_c, ds->h, ds->w,
            ds->c, ds->n_classes);
    ONP_TRY(onp_feed_set_input(&p->feed, arch->in_h, arch->in_w, err));
    ONP_TRY(onp_arch_hash(arch, hash, err));
    ONP_TRY(onp_pipeline_open(p, hash, err));
    ONP_TRY(onp_model_new(p->ctx, arch->blocks, arch->n_blocks, arch->bn_eps,
                          (uint64_t)p->cfg->seed, &p->model, err));
    ONP_TRY(train_stage(p, err));
    ONP_TRY(onp_pipeline_test(p, err));
    p->result->n_params = onp_arch_n_params(arch);
    p->result->n_macs = onp_arch_n_macs(arch);
    ONP_TRY(onp_rundb_metric(p->db, p->tick + 1, "result", 0, "test_accuracy",
                             p->result->test_accuracy, err));
    return onp_tensorboard_update(p->board, err);
}

/* arch NULL: a search. */
static onp_status open_and_run(const onp_context *ctx, const onp_search_options *options,
                               const onp_arch *arch, onp_search_result *result, onp_error *err)
{
    *result = (onp_search_result){0};
    onp_pipeline *p = onp_alloc(ctx, 1, sizeof *p);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "search: out of memory");
    p->ctx = ctx;
    p->options = options;
    p->cfg = options->cfg;
    p->keeps_statistics = p->cfg->train.statistics == ONP_STATISTICS_FROZEN;
    p->result = result;
    onp_status st = arch == NULL ? run(p, err) : train_only(p, arch, err);
    onp_step_free(p->step);
    onp_model_free(p->model);
    onp_latency_model_free(&p->latency);
    onp_supernet_free(p->net);
    onp_tensorboard_close(p->board);
    onp_rundb_close(p->db);
    onp_run_folder_close(p->folder);
    onp_feed_close(&p->feed);
    onp_free(ctx, p);
    return st;
}

onp_status onp_search(const onp_context *ctx, const onp_search_options *options,
                      onp_search_result *result, onp_error *err)
{
    return open_and_run(ctx, options, NULL, result, err);
}

onp_status onp_search_train(const onp_context *ctx, const onp_search_options *options,
                            const onp_arch *arch, onp_search_result *result, onp_error *err)
{
    return open_and_run(ctx, options, arch, result, err);
}
