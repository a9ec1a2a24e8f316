/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of a run: warm-up, search and retraining are the same loop over epochs and batches with
 * a cursor that a checkpoint saves. Rows of the run's database are written at the end of an epoch,
 * then the checkpoint.
 *
 *     onp_trainer t = {.ctx = ctx, .cfg = cfg, .feed = &feed, .net = net, ...};
 *     ONP_TRY(onp_trainer_run(&t, ONP_STAGE_WARMUP, err));
 *     ONP_TRY(onp_trainer_run(&t, ONP_STAGE_SEARCH, err));
 */
#ifndef ONP_SEARCH_TRAINER_H
#define ONP_SEARCH_TRAINER_H

#include <signal.h>

#include "base/progress.h"
#include "base/watch.h"
#include "search/evaluate.h"
#include "search/latency_model.h"
#include "search/tensorboard.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_stage {
    ONP_STAGE_WARMUP, /* weights of sampled paths */
    ONP_STAGE_SEARCH, /* weights and architecture parameters */
    ONP_STAGE_TRAIN,  /* the derived network */
    ONP_STAGE_COUNT
} onp_stage;
extern const char *const onp_stage_names[ONP_STAGE_COUNT];

/* Where a run is: all that its checkpoint needs beside weights and alphas. Plain numbers. */
typedef struct onp_cursor {
    int64_t stage, epoch, batch;
    int64_t tick;    /* weight steps of the whole run */
    double loss_sum; /* of this epoch */
    int64_t hits, images;
    double arch_loss_sum;
    int64_t arch_steps; /* of this epoch */
} onp_cursor;

typedef struct onp_trainer {
    const onp_context *ctx;
    const onp_config *cfg;
    onp_feed *feed;
    onp_supernet *net;
    onp_step *step;
    float *stats; /* of batch norms, where training keeps them: saved and loaded; else NULL */
    int64_t n_stats;
    const onp_latency_model *latency; /* search only */
    double target_ns;
    onp_rundb *db;
    onp_tensorboard *board; /* may be NULL */
    const char *checkpoint_path;
    const char *net_hash;              /* of configuration and data; checkpoints carry it */
    onp_progress *progress;            /* may be NULL */
    const onp_watch *watch;            /* may be NULL: told of every step; it may set *stop */
    double validation_accuracy;        /* at the end of the last epoch of warm-up and search */
    const volatile sig_atomic_t *stop; /* may be NULL; not 0: checkpoint and return */
    onp_cursor cursor;
    int64_t last_checkpoint_ns;
} onp_trainer;

/* Runs a stage from the cursor to its end; does nothing when the cursor is past it. Errors:
 * ONP_E_FORMAT when the cursor is in an earlier stage (a checkpoint of another net);
 * ONP_E_INTERRUPTED after a checkpoint when *stop was set; those of the steps, the database and the
 * file. */
onp_status onp_trainer_run(onp_trainer *t, onp_stage stage, onp_error *err) ONP_MUST_USE;

/* Weight steps of a stage, and architecture steps of the search. */
int64_t onp_trainer_steps(const onp_trainer *t, onp_stage stage);
int64_t onp_trainer_arch_steps(const onp_trainer *t);

/* Adam's learning rate in architecture steps. */
double onp_trainer_arch_rate(const onp_trainer *t);
/* One architecture step on the next batch of the held-out stream (search/arch_step.c). */
onp_status onp_trainer_arch_step(onp_trainer *t, onp_error *err) ONP_MUST_USE;

/* Saves and loads cursor, weights, momentum, statistics and alphas (search/checkpoint.c). Errors of
 * load: ONP_E_FORMAT when the file is damaged or of another network, ONP_E_IO when there is none;
 * the cursor is then unchanged, the net undefined. */
onp_status onp_trainer_save(onp_trainer *t, onp_error *err) ONP_MUST_USE;
onp_status onp_trainer_load(onp_trainer *t, onp_error *err) ONP_MUST_USE;
/* Whether a cursor can be one of this run. Errors: ONP_E_FORMAT. */
onp_status onp_trainer_cursor_check(const onp_trainer *t, const onp_cursor *cursor,
                                    onp_error *err) ONP_MUST_USE;
/* What a checkpoint holds, without loading it: stage, tick, and what it belongs to (net_hash of its
 * trainer). *found false: there is no file. */
typedef struct onp_checkpoint_info {
    bool found;
    onp_stage stage;
    int64_t tick;
    char belongs_to[96];
} onp_checkpoint_info;
onp_status onp_checkpoint_peek(const onp_context *ctx, const char *path, onp_checkpoint_info *out,
                               onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
