/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside search/: a run and what is open while it goes on, so that its parts can stand apart.
 * search.c has their order.
 *
 *     ONP_TRY(onp_feed_open(p->ctx, p->cfg, &p->feed, err));
 *     ONP_TRY(onp_pipeline_prepare(p, err));
 *     ...                                       // warm-up and search
 *     ONP_TRY(onp_pipeline_derive(p, err));
 *     ...                                       // training of the derived network
 *     ONP_TRY(onp_pipeline_test(p, err));
 *     ONP_TRY(onp_pipeline_measure(p, err));
 */
#ifndef ONP_SEARCH_PIPELINE_H
#define ONP_SEARCH_PIPELINE_H

#include "search/run_folder.h"
#include "search/search.h"
#include "search/trainer.h"
#include "supernet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The run owns what it has opened; search.c releases it, whatever part failed. */
typedef struct onp_pipeline {
    const onp_context *ctx;
    const onp_search_options *options;
    const onp_config *cfg;
    onp_search_result *result;
    bool keeps_statistics; /* train.statistics is frozen */
    onp_feed feed;
    onp_run_folder *folder;
    onp_rundb *db;
    onp_tensorboard *board; /* NULL: not asked for */
    char checkpoint[1024];
    onp_checkpoint_info saved;            /* the checkpoint found at the start */
    char search_hash[80], train_hash[96]; /* what checkpoints of the two nets belong to */
    onp_latency_model latency;
    onp_supernet *net;
    onp_step *step;
    onp_model *model; /* the derived network */
    double target_ns;
    int64_t tick;
} onp_pipeline;

/* What is there before the first step (prepare.c); the feed is open. */

/* Opens the run's folder, database and, where asked for, event files; finds the checkpoint and
 * forgets what was recorded after it. subject: hash of what is searched or trained, a resumed run
 * must have the same. Errors: those of the folder and the database, ONP_E_FORMAT when the
 * checkpoint is of another run. */
onp_status onp_pipeline_open(onp_pipeline *p, const char *subject, onp_error *err) ONP_MUST_USE;
/* onp_pipeline_open for the configuration's space; then its latencies, the supernet with its step,
 * and the target. Errors also: those of onp_latencies_collect, ONP_E_BUDGET when no network of the
 * space reaches a target given in units of time. */
onp_status onp_pipeline_prepare(onp_pipeline *p, onp_error *err) ONP_MUST_USE;
/* p->step for net, which must outlive it. */
onp_status onp_pipeline_new_step(onp_pipeline *p, onp_supernet *net, onp_error *err) ONP_MUST_USE;

/* From the searched supernet to p->model, a network of its own, ready to be trained (derive.c). */
onp_status onp_pipeline_derive(onp_pipeline *p, onp_error *err) ONP_MUST_USE;
/* p->model as a run left it that was stopped while it trained the derived network. Errors:
 * ONP_E_FORMAT when arch.json or the manifest is not what that run wrote. */
onp_status onp_pipeline_reopen(onp_pipeline *p, onp_error *err) ONP_MUST_USE;

/* The end, with its results (finish.c). */

/* The one reading of the test set; saves p->model with its statistics and input. */
onp_status onp_pipeline_test(onp_pipeline *p, onp_error *err) ONP_MUST_USE;
/* Latency of p->model on the device, where it can be reached; all results into the database. */
onp_status onp_pipeline_measure(onp_pipeline *p, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
