/* SPDX-License-Identifier: Apache-2.0 */
#include "search/trainer.h"

#include <math.h>
#include <stdio.h>

#define CHECKPOINT_EVERY_NS ((int64_t)600 * 1000000000)

const char *const onp_stage_names[ONP_STAGE_COUNT] = {"warmup", "search", "train"};

static onp_stream stream_of(onp_stage stage)
{
    return stage == ONP_STAGE_TRAIN ? ONP_STREAM_RETRAIN : ONP_STREAM_WEIGHTS;
}

static int64_t batch_of(const onp_config *cfg, onp_stage stage)
{
    return stage == ONP_STAGE_TRAIN ? cfg->train.batch : cfg->search.batch;
}

static int64_t epochs_of(const onp_config *cfg, onp_stage stage)
{
    const int64_t epochs[ONP_STAGE_COUNT] = {cfg->search.warmup_epochs, cfg->search.epochs,
                                             cfg->train.epochs};
    return epochs[stage];
}

static int64_t batches_per_epoch(const onp_trainer *t, onp_stage stage)
{
    return onp_feed_batches(t->feed, stream_of(stage), batch_of(t->cfg, stage));
}

int64_t onp_trainer_steps(const onp_trainer *t, onp_stage stage)
{
    return epochs_of(t->cfg, stage) * batches_per_epoch(t, stage);
}

/* Batches from one architecture step to the next; the last of an epoch that has fewer. */
static int64_t arch_every(const onp_trainer *t)
{
    const int64_t batches = batches_per_epoch(t, ONP_STAGE_SEARCH);
    const int64_t every = t->cfg->search.architecture.every;
    return every < batches ? every : batches;
}

int64_t onp_trainer_arch_steps(const onp_trainer *t)
{
    const int64_t skipped = t->cfg->search.architecture.skip_first_epoch ? 1 : 0;
    const int64_t epochs = t->cfg->search.epochs - skipped;
    const int64_t steps = epochs * (batches_per_epoch(t, ONP_STAGE_SEARCH) / arch_every(t));
    return steps > 1 ? steps : 1;
}

/* A loop waits for the cursor to reach the end of its epoch and stage: one beyond never would. */
onp_status onp_trainer_cursor_check(const onp_trainer *t, const onp_cursor *c, onp_error *err)
{
    const bool over = c->stage >= ONP_STAGE_COUNT;
    const onp_stage stage = over ? ONP_STAGE_TRAIN : (onp_stage)c->stage;
    const int64_t epochs = over ? 0 : epochs_of(t->cfg, stage);
    const int64_t batches = over ? 0 : batches_per_epoch(t, stage);
    int64_t all = 0;
    for (int i = 0; i < ONP_STAGE_COUNT; i++)
        all += onp_trainer_steps(t, (onp_stage)i);
    if (c->stage > ONP_STAGE_COUNT || (c->epoch > 0 && c->epoch >= epochs) ||
        (c->batch > 0 && c->batch >= batches) || c->tick > all)
        return onp_fail(
            err, ONP_E_FORMAT,
            "%s: stands at stage %lld, epoch %lld, batch %lld, step %lld; wanted stages "
            "0..%d, here %lld epochs of %lld batches, %lld steps in all",
            t->checkpoint_path, (long long)c->stage, (long long)c->epoch, (long long)c->batch,
            (long long)c->tick, (int)ONP_STAGE_COUNT, (long long)epochs, (long long)batches,
            (long long)all);
    if (c->images != c->batch * batch_of(t->cfg, stage) || c->hits > c->images ||
        c->arch_steps > c->batch)
        return onp_fail(
            err, ONP_E_FORMAT,
            "%s: counts %lld images, %lld of them right, and %lld architecture steps in "
            "%lld batches of %lld",
            t->checkpoint_path, (long long)c->images, (long long)c->hits, (long long)c->arch_steps,
            (long long)c->batch, (long long)batch_of(t->cfg, stage));
    return ONP_OK;
}

/* Cosine from the configured rate to 0; warm-up and search share one. */
static onp_sgd schedule(const onp_trainer *t, onp_stage stage)
{
    const onp_config *cfg = t->cfg;
    if (stage == ONP_STAGE_TRAIN) {
        const double done =
            (double)(t->cursor.epoch * batches_per_epoch(t, stage) + t->cursor.batch) /
            (double)onp_trainer_steps(t, stage);
        return (onp_sgd){.lr = 0.5 * cfg->train.lr * (1 + cos(M_PI * done)),
                         .momentum = cfg->train.momentum,
                         .decay = cfg->train.decay};
    }
    const int64_t all =
        onp_trainer_steps(t, ONP_STAGE_WARMUP) + onp_trainer_steps(t, ONP_STAGE_SEARCH);
    return (onp_sgd){.lr = 0.5 * cfg->search.weights.lr *
                           (1 + cos(M_PI * (double)t->cursor.tick / (double)all)),
                     .momentum = cfg->search.weights.momentum,
                     .decay = cfg->search.weights.decay};
}

/* Of one step: a function of seed and tick, so that a resumed run goes on with its masks. */
static onp_rng dropout_key(const onp_trainer *t)
{
    uint32_t words[4];
    onp_rng_block(onp_rng_make((uint64_t)t->cfg->seed, ONP_RNG_DROPOUT), (uint64_t)t->cursor.tick,
                  0, 0, words);
    return (onp_rng){{words[0], words[1]}};
}

static onp_status weight_step(onp_trainer *t, onp_stage stage, onp_error *err)
{
    const onp_config *cfg = t->cfg;
    const int64_t batch = batch_of(cfg, stage);
    const bool train = stage == ONP_STAGE_TRAIN;
    int64_t position = t->cursor.epoch * batches_per_epoch(t, stage) + t->cursor.batch;
    if (stage == ONP_STAGE_SEARCH) /* goes on where the warm-up's epochs ended */
        position += onp_trainer_steps(t, ONP_STAGE_WARMUP);
    int32_t path[ONP_MAX_POSITIONS], next[ONP_MAX_POSITIONS];
    const onp_rng rng = onp_rng_make((uint64_t)cfg->seed, ONP_RNG_PATH_WEIGHT);
    onp_supernet_draw(t->net, rng, (uint64_t)t->cursor.tick, path);
    onp_supernet_draw(t->net, rng, (uint64_t)t->cursor.tick + 1, next);
    onp_supernet_want(t->net, next); /* read ahead while this step runs */
    onp_feed_batch(t->feed, stream_of(stage), position, batch, onp_step_images(t->step),
                   onp_step_labels(t->step));
    const onp_sgd sgd = schedule(t, stage);
    if (train)
        onp_step_set_dropout(t->step, cfg->train.dropout, dropout_key(t));
    onp_step_result r;
    ONP_TRY(onp_step_train(t->step, batch, path, &sgd,
                           train ? cfg->train.smoothing : cfg->search.weights.smoothing, &r, err));
    t->cursor.loss_sum += r.loss;
    t->cursor.hits += r.hits;
    t->cursor.images += batch;
    return ONP_OK;
}

/* Accuracy of the most probable path on the held-out images. */
static onp_status validate(onp_trainer *t, onp_score *score, onp_error *err)
{
    int32_t path[ONP_MAX_POSITIONS];
    onp_supernet_argmax(t->net, path);
    float *stats = onp_alloc(t->ctx, (size_t)onp_step_n_stats(t->step, path), sizeof *stats);
    if (stats == NULL)
        return onp_fail(err, ONP_E_NOMEM, "validation: out of memory");
    const onp_split *split = &t->feed->split;
    const int64_t batch = t->cfg->search.batch;
    onp_status st =
        onp_recalibrate(t->step, t->feed, split->train, split->n_train, batch, path, stats, err);
    if (st == ONP_OK)
        st = onp_evaluate(t->step, t->feed, &t->feed->train, split->validation, split->n_validation,
                          batch, path, stats, NULL, score, err);
    onp_free(t->ctx, stats);
    return st;
}

static onp_status prune(onp_trainer *t, onp_error *err)
{
    const double below = t->cfg->search.prune.below;
    if (below <= 0 || t->cursor.epoch < t->cfg->search.prune.from_epoch)
        return ONP_OK;
    for (int32_t i = 0; i < t->net->n_positions; i++) {
        bool dropped[ONP_MAX_CANDIDATES] = {false};
        if (onp_supernet_prune(t->net, i, below, dropped) == 0)
            continue;
        for (int c = 0; c < t->net->positions[i].n; c++) {
            if (!dropped[c])
                continue;
            char name[32], text[128];
            onp_block_short_name(&t->net->positions[i].candidate[c], name);
            (void)snprintf(text, sizeof text, "position %d: %s dropped, its p was below %g", i,
                           name, below);
            ONP_TRY(onp_rundb_event(t->db, t->cursor.tick, "search", t->cursor.epoch, "prune", text,
                                    err));
        }
    }
    return ONP_OK;
}

static onp_status record_alpha(const onp_trainer *t, onp_error *err)
{
    for (int32_t i = 0; i < t->net->n_positions; i++) {
        const onp_position *position = &t->net->positions[i];
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(t->net, i, p);
        for (int c = 0; c < position->n && position->n > 1; c++) {
            char name[32];
            onp_block_short_name(&position->candidate[c], name);
            ONP_TRY(onp_rundb_alpha(t->db, t->cursor.tick, t->cursor.epoch, i, c, name,
                                    t->net->alpha[i][c], p[c], t->net->alive[i][c], err));
        }
    }
    return ONP_OK;
}

static onp_status metric(const onp_trainer *t, onp_stage stage, const char *name, double value,
                         onp_error *err)
{
    return onp_rundb_metric(t->db, t->cursor.tick, onp_stage_names[stage], t->cursor.epoch, name,
                            value, err);
}

static onp_status record_search(onp_trainer *t, onp_stage stage, onp_error *err)
{
    onp_score score;
    ONP_TRY(validate(t, &score, err));
    const double expected = onp_latency_model_expected(t->latency, t->net);
    t->validation_accuracy = (double)score.hits / (double)score.n;
    ONP_TRY(metric(t, stage, "validation_accuracy", t->validation_accuracy, err));
    ONP_TRY(metric(t, stage, "validation_loss", score.loss, err));
    ONP_TRY(metric(t, stage, "expected_latency_ms", expected / 1e6, err));
    ONP_TRY(metric(t, stage, "entropy", onp_supernet_entropy(t->net), err));
    if (t->cursor.arch_steps > 0) {
        ONP_TRY(metric(t, stage, "architecture_loss",
                       t->cursor.arch_loss_sum / (double)t->cursor.arch_steps, err));
        ONP_TRY(metric(t, stage, "architecture_learning_rate", onp_trainer_arch_rate(t), err));
    }
    if (stage == ONP_STAGE_SEARCH)
        ONP_TRY(prune(t, err));
    ONP_TRY(record_alpha(t, err));
    onp_log(t->ctx, ONP_LOG_INFO,
            "%s epoch %lld: loss %.4f, validation %.2f %% of %lld, expected latency %.4f ms, "
            "entropy %.3f",
            onp_stage_names[stage], (long long)t->cursor.epoch + 1,
            t->cursor.loss_sum / (double)t->cursor.batch, 100 * t->validation_accuracy,
            (long long)score.n, expected / 1e6, onp_supernet_entropy(t->net));
    return ONP_OK;
}

static onp_status record_epoch(onp_trainer *t, onp_stage stage, onp_error *err)
{
    const double loss = t->cursor.loss_sum / (double)t->cursor.batch;
    const double accuracy = (double)t->cursor.hits / (double)t->cursor.images;
    ONP_TRY(metric(t, stage, "train_loss", loss, err));
    ONP_TRY(metric(t, stage, "train_accuracy", accuracy, err));
    ONP_TRY(metric(t, stage, "learning_rate", schedule(t, stage).lr, err));
    if (stage != ONP_STAGE_TRAIN)
        return record_search(t, stage, err);
    onp_log(t->ctx, ONP_LOG_INFO, "train epoch %lld: loss %.4f, %.2f %% of the training images",
            (long long)t->cursor.epoch + 1, loss, 100 * accuracy);
    return ONP_OK;
}

static onp_status end_epoch(onp_trainer *t, onp_stage stage, onp_error *err)
{
    ONP_TRY(onp_rundb_begin(t->db, err));
    onp_status st = record_epoch(t, stage, err);
    if (st == ONP_OK)
        st = onp_rundb_commit(t->db, err);
    if (st != ONP_OK) {
        onp_rundb_rollback(t->db);
        return st;
    }
    ONP_TRY(onp_tensorboard_update(t->board, err)); /* what a checkpoint keeps is there before it */
    onp_cursor *c = &t->cursor;
    *c = (onp_cursor){.stage = c->stage, .epoch = c->epoch + 1, .tick = c->tick};
    if (c->epoch == epochs_of(t->cfg, stage)) {
        c->stage++;
        c->epoch = 0;
    }
    return onp_trainer_save(t, err);
}

/* What a step has made, before the end of an epoch clears it. */
static onp_watch_event event_of(const onp_trainer *t, onp_stage stage)
{
    const onp_cursor *c = &t->cursor;
    double latency = (double)NAN;
    if (t->watch != NULL && stage != ONP_STAGE_TRAIN)
        latency = onp_latency_model_expected(t->latency, t->net);
    return (onp_watch_event){.phase = (onp_phase)(ONP_PHASE_WARMUP + (int)stage),
                             .step = c->epoch * batches_per_epoch(t, stage) + c->batch,
                             .steps = onp_trainer_steps(t, stage),
                             .epoch = c->epoch + 1,
                             .epochs = epochs_of(t->cfg, stage),
                             .loss = c->loss_sum / (double)c->batch,
                             .accuracy = (double)c->hits / (double)c->images,
                             .validation_accuracy = (double)NAN,
                             .expected_ns = latency};
}

static bool arch_step_due(const onp_trainer *t, onp_stage stage)
{
    if (stage != ONP_STAGE_SEARCH)
        return false;
    if (t->cfg->search.architecture.skip_first_epoch && t->cursor.epoch == 0)
        return false;
    return (t->cursor.batch + 1) % arch_every(t) == 0;
}

static onp_status one_batch(onp_trainer *t, onp_stage stage, onp_error *err)
{
    ONP_TRY(weight_step(t, stage, err));
    if (arch_step_due(t, stage))
        ONP_TRY(onp_trainer_arch_step(t, err));
    t->cursor.batch++;
    t->cursor.tick++;
    onp_watch_event event = event_of(t, stage);
    if (t->cursor.batch == batches_per_epoch(t, stage)) {
        ONP_TRY(end_epoch(t, stage, err));
        if (stage != ONP_STAGE_TRAIN)
            event.validation_accuracy = t->validation_accuracy;
    }
    if (t->watch != NULL)
        t->watch->fn(t->watch->user, &event);
    const bool stop = t->stop != NULL && *t->stop != 0;
    if (stop || onp_now_ns() - t->last_checkpoint_ns > CHECKPOINT_EVERY_NS)
        ONP_TRY(onp_trainer_save(t, err));
    if (stop)
        return onp_fail(
            err, ONP_E_INTERRUPTED,
            "interrupted in %s, epoch %lld, batch %lld; the same command goes on from here",
            onp_stage_names[stage], (long long)t->cursor.epoch + 1, (long long)t->cursor.batch);
    return ONP_OK;
}

onp_status onp_trainer_run(onp_trainer *t, onp_stage stage, onp_error *err)
{
    if (t->cursor.stage < (int64_t)stage)
        return onp_fail(err, ONP_E_FORMAT, "%s: is of the %s, wanted one of the %s",
                        t->checkpoint_path, onp_stage_names[t->cursor.stage],
                        onp_stage_names[stage]);
    if (t->cursor.stage == (int64_t)stage && epochs_of(t->cfg, stage) == 0)
        t->cursor.stage++;
    if (t->cursor.stage != (int64_t)stage)
        return ONP_OK;
    t->last_checkpoint_ns = onp_now_ns();
    onp_progress_begin(t->progress, onp_stage_names[stage], onp_trainer_steps(t, stage));
    while (t->cursor.stage == (int64_t)stage) {
        onp_status st = one_batch(t, stage, err);
        if (st != ONP_OK) {
            onp_progress_end(t->progress);
            return st;
        }
        if (t->cursor.stage == (int64_t)stage && t->cursor.batch > 0)
            onp_progress_step(t->progress,
                              t->cursor.epoch * batches_per_epoch(t, stage) + t->cursor.batch,
                              "epoch %lld, loss %.3f", (long long)t->cursor.epoch + 1,
                              t->cursor.loss_sum / (double)t->cursor.batch);
    }
    onp_progress_end(t->progress);
    return ONP_OK;
}
