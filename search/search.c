/* SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/latencies.h"
#include "search/objective.h"
#include "search/record.h"
#include "search/run_folder.h"
#include "search/trainer.h"
#include "supernet/model.h"

/* Everything that is open while a search runs. */
typedef struct pipeline {
    const onp_context *ctx;
    const onp_search_options *options;
    const onp_config *cfg;
    onp_search_result *result;
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
} pipeline;

static onp_status space_hash(const pipeline *p, char hex[ONP_SHA256_HEX], onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, p->ctx);
    const onp_space *space = p->cfg->space;
    for (int32_t i = 0; i < space->n_positions; i++)
        for (int c = 0; c < space->positions[i].n; c++) {
            char key[ONP_BLOCK_KEY];
            onp_block_key(&space->positions[i].candidate[c], key);
            onp_strbuf_addf(&text, "%d %s\n", (int)i, key);
        }
    onp_status st = onp_strbuf_status(&text, err);
    if (st == ONP_OK)
        onp_sha256(text.text, text.length, hex);
    onp_strbuf_reset(&text);
    return st;
}

/* Before anything is deleted or written over: a checkpoint that is there must be of this run. */
static onp_status check_saved(const pipeline *p, onp_error *err)
{
    if (!p->saved.found || strcmp(p->saved.belongs_to, p->search_hash) == 0 ||
        strcmp(p->saved.belongs_to, p->train_hash) == 0)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT, "%s: belongs to %.16s..., this run is %.16s...",
                    p->checkpoint, p->saved.belongs_to, p->search_hash);
}

/* subject: hash of what is searched or trained. */
static onp_status open_folder(pipeline *p, const char *subject, onp_error *err)
{
    char data[2 * ONP_SHA256_HEX], db_path[1024];
    (void)snprintf(data, sizeof data, "%s+%s", p->feed.train.hash, p->feed.test.hash);
    const onp_run_options options = {.cfg = p->cfg,
                                     .fresh = p->options->fresh,
                                     .allow_other_bits = p->options->allow_other_bits,
                                     .data_hash = data,
                                     .space_hash = subject,
                                     .build = onp_run_build()};
    ONP_TRY(onp_run_folder_open(p->ctx, p->options->run_dir, &options, &p->folder, err));
    (void)snprintf(p->search_hash, sizeof p->search_hash, "%s", onp_run_folder_hash(p->folder));
    (void)snprintf(p->train_hash, sizeof p->train_hash, "%.79s:derived", p->search_hash);
    ONP_TRY(onp_run_folder_path(p->folder, "run.db", db_path, sizeof db_path, err));
    ONP_TRY(onp_rundb_open(p->ctx, db_path, &p->db, err));
    ONP_TRY(onp_run_folder_path(p->folder, "checkpoint.safetensors", p->checkpoint,
                                sizeof p->checkpoint, err));
    ONP_TRY(onp_checkpoint_peek(p->ctx, p->checkpoint, &p->saved, err));
    ONP_TRY(check_saved(p, err));
    p->tick = p->saved.tick;
    const int64_t last = p->saved.found ? p->saved.tick : -1;
    ONP_TRY(onp_rundb_forget_after(p->db, last, err));
    if (p->options->tensorboard != NULL)
        ONP_TRY(onp_tensorboard_open(p->ctx, p->options->tensorboard, p->db, last, &p->board, err));
    if (!onp_run_folder_resumed(p->folder))
        return ONP_OK;
    onp_log(p->ctx, ONP_LOG_INFO, "%s: resuming after %lld steps", p->options->run_dir,
            (long long)p->tick);
    const onp_stage stage = p->saved.stage < ONP_STAGE_COUNT ? p->saved.stage : ONP_STAGE_TRAIN;
    return onp_rundb_event(p->db, p->tick, onp_stage_names[stage], 0, "resume",
                           "the run was stopped and went on from its checkpoint", err);
}

/* Files that were left out, into the run's events; their number into the manifest. */
static onp_status record_skipped(pipeline *p, const onp_dataset *ds, const char *key,
                                 onp_error *err)
{
    char count[24];
    const char *text = ds->skipped;
    if (ds->n_skipped == 0)
        return ONP_OK;
    (void)snprintf(count, sizeof count, "%lld", (long long)ds->n_skipped);
    ONP_TRY(onp_rundb_begin(p->db, err));
    for (int64_t i = 0; i < ds->n_skipped; i++, text += strlen(text) + 1)
        ONP_TRY(onp_rundb_event(p->db, 0, "data", 0, "skipped", text, err));
    ONP_TRY(onp_rundb_commit(p->db, err));
    return onp_run_folder_fact(p->folder, key, count, err);
}

/* With a checkpoint they were recorded before it; without, what was recorded is forgotten. */
static onp_status record_data(pipeline *p, onp_error *err)
{
    if (p->saved.found)
        return ONP_OK;
    ONP_TRY(record_skipped(p, &p->feed.train, "skipped_train_files", err));
    if (p->feed.test_list != NULL) /* the same files */
        return ONP_OK;
    return record_skipped(p, &p->feed.test, "skipped_test_files", err);
}

/* Into the manifest and the run's events, which the report shows. */
static onp_status record_origin(pipeline *p, const onp_latency_origin *origin, onp_error *err)
{
    char text[320];
    ONP_TRY(onp_run_folder_fact(p->folder, "platform", origin->signature, err));
    if (origin->platform[0] != '\0')
        ONP_TRY(onp_run_folder_fact(p->folder, "platform_is", origin->platform, err));
    if (origin->n_imported == 0)
        return onp_run_folder_fact(p->folder, "latencies", "measured", err);
    (void)snprintf(text, sizeof text, "imported: %d rows of %s", (int)origin->n_imported,
                   origin->label);
    ONP_TRY(onp_run_folder_fact(p->folder, "latencies", text, err));
    (void)snprintf(text, sizeof text,
                   "%d latencies are imported rows of %s, not measured from here: expected and "
                   "predicted latency are only as good as those",
                   (int)origin->n_imported, origin->label);
    onp_log(p->ctx, ONP_LOG_WARN, "%s", text);
    return onp_rundb_event(p->db, 0, "search", 0, "imported", text, err);
}

/* Latencies are taken once: a resumed run uses the copy in its database. */
static onp_status get_latencies(pipeline *p, onp_error *err)
{
    char hash[65];
    if (!onp_run_folder_is_done(p->folder, "latencies")) {
        onp_latency_origin origin;
        ONP_TRY(onp_latencies_collect(p->ctx, p->options, p->db, &origin, err));
        p->result->n_imported = origin.n_imported;
        ONP_TRY(onp_rundb_latency_hash(p->db, hash, NULL, err));
        ONP_TRY(record_origin(p, &origin, err));
        ONP_TRY(onp_run_folder_fact(p->folder, "latency_hash", hash, err));
        return onp_run_folder_done(p->folder, "latencies", err);
    }
    ONP_TRY(onp_rundb_latency_imported(p->db, &p->result->n_imported, err));
    if (p->result->n_imported > 0 && !p->options->allow_imported)
        return onp_fail(err, ONP_E_FAIL,
                        "%s: was begun with %d imported latencies: add --allow-imported to go on",
                        p->options->run_dir, (int)p->result->n_imported);
    ONP_TRY(onp_rundb_latency_hash(p->db, hash, NULL, err));
    const char *stored = onp_run_folder_get(p->folder, "latency_hash");
    if (stored == NULL || strcmp(stored, hash) != 0)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s/run.db: its latencies are %.16s..., the manifest has %.16s...",
                        p->options->run_dir, hash, stored != NULL ? stored : "none");
    return ONP_OK;
}

static int64_t max_batch(const onp_config *cfg)
{
    return cfg->search.batch > cfg->train.batch ? cfg->search.batch : cfg->train.batch;
}

static onp_status new_step(pipeline *p, onp_supernet *net, onp_error *err)
{
    const onp_config *cfg = p->cfg;
    ONP_TRY(onp_step_new(p->ctx, net, max_batch(cfg), &p->step, err));
    onp_step_set_recompute(p->step, (onp_recompute)cfg->recompute,
                           (size_t)cfg->memory_limit_mib * ONP_MIB);
    return ONP_OK;
}

static onp_status build_supernet(pipeline *p, onp_error *err)
{
    const onp_space *space = p->cfg->space;
    const bool mapped = p->cfg->weights == ONP_WEIGHTS_MAPPED;
    char file[1024];
    ONP_TRY(onp_run_folder_path(p->folder, "weights", file, sizeof file, err));
    ONP_TRY(onp_supernet_new_mapped(p->ctx, space->positions, space->n_positions, ONP_ARCH_BN_EPS,
                                    (uint64_t)p->cfg->seed, mapped ? file : NULL,
                                    (size_t)p->cfg->weights_limit_mib * ONP_MIB, &p->net, err));
    ONP_TRY(new_step(p, p->net, err));
    return onp_latency_model_load(p->ctx, p->net, p->db, &p->latency, err);
}

static onp_status set_target(pipeline *p, onp_error *err)
{
    const double initial = onp_latency_model_uniform(&p->latency, p->net);
    const double least = (double)onp_latency_model_least(&p->latency, p->net);
    const onp_yaml_target *t = &p->cfg->target.latency;
    p->target_ns = t->ns > 0 ? (double)t->ns : t->share * initial;
    p->result->target_ms = p->target_ns / 1e6;
    p->result->initial_expected_ms = initial / 1e6;
    p->result->initial_entropy = onp_supernet_entropy(p->net);
    if (!p->saved.found) { /* rows of tick 0 outlive every checkpoint */
        ONP_TRY(onp_rundb_metric(p->db, 0, "result", 0, "target_ms", p->target_ns / 1e6, err));
        ONP_TRY(onp_rundb_metric(p->db, 0, "result", 0, "initial_expected_ms", initial / 1e6, err));
        ONP_TRY(onp_rundb_metric(p->db, 0, "result", 0, "least_ms", least / 1e6, err));
    }
    onp_log(
        p->ctx, ONP_LOG_INFO,
        "target %.4f ms; the space begins at %.4f ms expected, its cheapest network takes %.4f ms",
        p->target_ns / 1e6, initial / 1e6, least / 1e6);
    if (least > p->target_ns && t->ns > 0)
        return onp_fail(
            err, ONP_E_BUDGET,
            "target.latency is %.4f ms, the cheapest network of the space takes %.4f ms",
            p->target_ns / 1e6, least / 1e6);
    if (least > p->target_ns) /* a share is a wish: the search goes as far as the space does */
        onp_log(
            p->ctx, ONP_LOG_WARN,
            "the target, %.0f %% of the expected latency, is %.4f ms, and the cheapest network of "
            "the space takes %.4f ms: the search goes towards it and will miss it",
            100 * t->share, p->target_ns / 1e6, least / 1e6);
    return onp_objective_check(&p->cfg->search.loss, (int64_t)least, p->target_ns, err);
}

static onp_trainer trainer_of(pipeline *p, onp_supernet *net, onp_step *step,
                              const char *belongs_to)
{
    return (onp_trainer){.ctx = p->ctx,
                         .cfg = p->cfg,
                         .feed = &p->feed,
                         .net = net,
                         .step = step,
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

static onp_status search_stages(pipeline *p, onp_error *err)
{
    onp_trainer t = trainer_of(p, p->net, p->step, p->search_hash);
    if (p->saved.found)
        ONP_TRY(onp_trainer_load(&t, err));
    ONP_TRY(onp_trainer_run(&t, ONP_STAGE_WARMUP, err));
    ONP_TRY(onp_trainer_run(&t, ONP_STAGE_SEARCH, err));
    p->tick = t.cursor.tick;
    return ONP_OK;
}

static bool keeps_statistics(const pipeline *p)
{
    return p->cfg->train.statistics == ONP_STATISTICS_FROZEN;
}

/* The derived network's weights from the supernet's, for train.inherit; and, where they are kept,
 * the statistics that go with them. */
static onp_status inherit(pipeline *p, const int32_t *path, onp_error *err)
{
    for (int32_t i = 0; i < p->net->n_positions; i++) {
        const onp_slab *from = &p->net->slabs[i][path[i]], *to = &p->model->net->slabs[i][0];
        if (from->weights != NULL)
            memcpy(to->weights, from->weights, (size_t)from->floats * sizeof(float));
    }
    if (!keeps_statistics(p))
        return ONP_OK;
    return onp_recalibrate(p->step, &p->feed, p->feed.all, p->feed.n_all, p->cfg->search.batch,
                           path, p->model->stats, err);
}

static onp_status record_search_result(pipeline *p, const int32_t *path, onp_error *err)
{
    char text[64], hash[ONP_SHA256_HEX];
    onp_search_result *r = p->result;
    ONP_TRY(onp_arch_hash(p->model->arch, hash, err));
    ONP_TRY(onp_run_folder_fact(p->folder, "arch_hash", hash, err));
    r->expected_ms = onp_latency_model_expected(&p->latency, p->net) / 1e6;
    r->entropy = onp_supernet_entropy(p->net);
    r->predicted_ms = (double)onp_latency_model_path(&p->latency, path) / 1e6;
    for (int32_t i = 0; i < p->net->n_positions; i++)
        r->n_pruned += p->net->positions[i].n - onp_supernet_n_alive(p->net, i);
    const struct {
        const char *name;
        double value;
    } facts[] = {{"expected_ms", r->expected_ms},
                 {"entropy", r->entropy},
                 {"initial_entropy", r->initial_entropy},
                 {"predicted_ms", r->predicted_ms},
                 {"n_pruned", (double)r->n_pruned}};
    for (size_t i = 0; i < ONP_COUNT(facts); i++) {
        (void)snprintf(text, sizeof text, "%.17g", facts[i].value);
        ONP_TRY(onp_run_folder_fact(p->folder, facts[i].name, text, err));
    }
    return ONP_OK;
}

/* The most probable path, within the budget where latency is part of the loss at all. */
static onp_status choose_path(pipeline *p, int32_t *path, onp_error *err)
{
    const onp_loss_config *loss = &p->cfg->search.loss;
    if (loss->kind != ONP_LOSS_MUL_LOG && loss->lambda == 0) {
        onp_supernet_argmax(p->net, path);
        return ONP_OK;
    }
    onp_error over = {0};
    onp_status st = onp_latency_model_derive(&p->latency, p->net, p->target_ns, path, &over);
    if (st != ONP_E_BUDGET)
        return st == ONP_OK ? ONP_OK : onp_fail(err, st, "%s", over.msg);
    /* the measurement at the end says by how much it is missed */
    onp_log(p->ctx, ONP_LOG_WARN, "%s: the most probable one is kept", over.msg);
    return onp_rundb_event(p->db, p->tick, "search", p->cfg->search.epochs, "warning", over.msg,
                           err);
}

/* From the searched supernet to a network of its own, ready to be trained. */
static onp_status derive(pipeline *p, onp_error *err)
{
    int32_t path[ONP_MAX_POSITIONS];
    onp_block blocks[ONP_MAX_POSITIONS];
    char arch_path[1024];
    ONP_TRY(choose_path(p, path, err));
    for (int32_t i = 0; i < p->net->n_positions; i++)
        blocks[i] = p->net->positions[i].candidate[path[i]];
    ONP_TRY(onp_model_new(p->ctx, blocks, p->net->n_positions, p->net->bn_eps,
                          (uint64_t)p->cfg->seed, &p->model, err));
    if (p->cfg->train.inherit)
        ONP_TRY(inherit(p, path, err));
    ONP_TRY(record_search_result(p, path, err));
    ONP_TRY(onp_run_folder_path(p->folder, "arch.json", arch_path, sizeof arch_path, err));
    ONP_TRY(onp_arch_save(p->model->arch, arch_path, err));
    return onp_run_folder_done(p->folder, "search", err);
}

/* A run that was stopped while it trained the derived network. */
static onp_status reopen_derived(pipeline *p, onp_error *err)
{
    char arch_path[1024], hash[ONP_SHA256_HEX];
    onp_arch *arch = NULL;
    ONP_TRY(onp_run_folder_path(p->folder, "arch.json", arch_path, sizeof arch_path, err));
    ONP_TRY(onp_arch_load(p->ctx, arch_path, &arch, err));
    ONP_TRY(onp_model_from_arch(p->ctx, arch, (uint64_t)p->cfg->seed, &p->model, err));
    ONP_TRY(onp_arch_hash(p->model->arch, hash, err));
    const char *derived = onp_run_folder_get(p->folder, "arch_hash");
    if (derived == NULL || strcmp(derived, hash) != 0) /* its weights would fit all the same */
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: is architecture %.16s..., this run derived %.16s...", arch_path, hash,
                        derived != NULL ? derived : "none");
    const char *const names[] = {"expected_ms", "entropy", "initial_entropy", "predicted_ms",
                                 "n_pruned"};
    double values[ONP_COUNT(names)];
    for (size_t i = 0; i < ONP_COUNT(names); i++) {
        const char *text = onp_run_folder_get(p->folder, names[i]);
        char *end = NULL;
        values[i] = text != NULL ? strtod(text, &end) : 0;
        if (end == text || *end != '\0' || !(fabs(values[i]) <= INT32_MAX))
            return onp_fail(err, ONP_E_FORMAT,
                            "%s/manifest.json: facts.%s is %.40s, wanted a number",
                            p->options->run_dir, names[i], text != NULL ? text : "missing");
    }
    p->result->expected_ms = values[0];
    p->result->entropy = values[1];
    p->result->initial_entropy = values[2];
    p->result->predicted_ms = values[3];
    p->result->n_pruned = (int32_t)values[4];
    return ONP_OK;
}

static onp_status train_stage(pipeline *p, onp_error *err)
{
    onp_step_free(p->step);
    p->step = NULL;
    onp_supernet_free(p->net); /* its work is done */
    p->net = NULL;
    ONP_TRY(new_step(p, p->model->net, err));
    onp_trainer t = trainer_of(p, p->model->net, p->step, p->train_hash);
    t.cursor = (onp_cursor){.stage = ONP_STAGE_TRAIN, .tick = p->tick};
    if (keeps_statistics(p)) {
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

/* The one reading of the test set. */
static onp_status test(pipeline *p, int64_t batch, onp_error *err)
{
    onp_model *m = p->model;
    onp_tally tally;
    onp_score score = {0};
    onp_status st = onp_tally_init(p->ctx, p->feed.test.n_classes, &tally, err);
    if (st == ONP_OK)
        st = onp_evaluate(p->step, &p->feed, &p->feed.test, p->feed.test_list, p->feed.n_test,
                          batch, m->path, m->stats, &tally, &score, err);
    if (st == ONP_OK)
        st = onp_record_test(p->db, p->tick + 1, &p->feed.test, p->feed.test_list, &tally,
                             score.loss, err);
    onp_tally_reset(&tally);
    p->result->test_accuracy = score.n > 0 ? (double)score.hits / (double)score.n : 0;
    p->result->test_images = score.n;
    return st;
}

static onp_status test_and_save(pipeline *p, onp_error *err)
{
    onp_model *m = p->model;
    const int64_t serial = p->cfg->train.serial_batch;
    const int64_t batch = serial > 0 ? serial : p->cfg->train.batch;
    if (!keeps_statistics(p))
        ONP_TRY(onp_recalibrate(p->step, &p->feed, p->feed.all, p->feed.n_all, batch, m->path,
                                m->stats, err));
    ONP_TRY(test(p, batch, err));
    for (int c = 0; c < p->feed.train.c; c++) {
        m->input.mean[c] = p->feed.stats.mean[c];
        m->input.deviation[c] = p->feed.stats.deviation[c];
    }
    m->input.class_names = p->feed.train.class_names;
    m->input.image_h = p->feed.train.h;
    m->input.image_w = p->feed.train.w;
    m->input.resize_side = (int32_t)p->cfg->data.resize.side;
    if (m->input.resize_side > 0)
        m->input.fit = onp_fit_names[p->cfg->data.resize.fit];
    ONP_TRY(onp_model_save(m, p->options->run_dir, err));
    return onp_run_folder_done(p->folder, "train", err);
}

static onp_status measure(pipeline *p, onp_error *err)
{
    char hash[ONP_SHA256_HEX];
    const onp_arch *arch = p->model->arch;
    onp_search_result *r = p->result;
    ONP_TRY(onp_arch_hash(arch, hash, err));
    ONP_TRY(onp_latencies_measure(p->ctx, p->options, arch->blocks, arch->n_blocks, hash, r, err));
    r->n_params = onp_arch_n_params(arch);
    r->n_macs = onp_arch_n_macs(arch);
    r->meets_budget = (r->measured ? r->measured_ms : r->predicted_ms) <= r->target_ms;
    const struct {
        const char *name;
        double value;
        bool known;
    } metrics[] = {
        {"test_accuracy", r->test_accuracy, true},
        {"test_images", (double)r->test_images, true},
        {"predicted_ms", r->predicted_ms, true},
        {"expected_ms", r->expected_ms, true},
        {"n_params", (double)r->n_params, true},
        {"n_macs", (double)r->n_macs, true},
        {"measured_ms", r->measured_ms, r->measured},
        {"measured_lo_ms", r->measured_lo_ms, r->measured},
        {"measured_hi_ms", r->measured_hi_ms, r->measured},
        {"measured_samples", (double)r->n_samples, r->measured},
    };
    for (size_t i = 0; i < ONP_COUNT(metrics); i++)
        if (metrics[i].known)
            ONP_TRY(onp_rundb_metric(p->db, p->tick + 1, "result", 0, metrics[i].name,
                                     metrics[i].value, err));
    ONP_TRY(onp_tensorboard_update(p->board, err));
    return onp_run_folder_done(p->folder, "measure", err);
}

static onp_status run(pipeline *p, onp_error *err)
{
    char space[ONP_SHA256_HEX];
    ONP_TRY(onp_feed_open(p->ctx, p->cfg, &p->feed, err));
    ONP_TRY(space_hash(p, space, err));
    ONP_TRY(open_folder(p, space, err));
    ONP_TRY(record_data(p, err));
    ONP_TRY(get_latencies(p, err));
    ONP_TRY(build_supernet(p, err));
    ONP_TRY(set_target(p, err));
    if (strcmp(p->saved.belongs_to, p->train_hash) == 0) {
        ONP_TRY(reopen_derived(p, err));
    } else {
        ONP_TRY(search_stages(p, err));
        ONP_TRY(derive(p, err));
    }
    ONP_TRY(train_stage(p, err));
    ONP_TRY(test_and_save(p, err));
    ONP_TRY(measure(p, err));
    if (!p->result->meets_budget)
        return onp_fail(err, ONP_E_OVER_BUDGET,
                        "the network takes %.4f ms %s, the budget is %.4f ms",
                        p->result->measured ? p->result->measured_ms : p->result->predicted_ms,
                        p->result->measured ? "measured" : "predicted", p->result->target_ms);
    return ONP_OK;
}

static onp_status train_only(pipeline *p, const onp_arch *arch, onp_error *err)
{
    char hash[ONP_SHA256_HEX];
    const onp_block *head = &arch->blocks[arch->n_blocks - 1];
    if (keeps_statistics(p))
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
    ONP_TRY(open_folder(p, hash, err));
    ONP_TRY(record_data(p, err));
    ONP_TRY(onp_model_new(p->ctx, arch->blocks, arch->n_blocks, arch->bn_eps,
                          (uint64_t)p->cfg->seed, &p->model, err));
    ONP_TRY(train_stage(p, err));
    ONP_TRY(test_and_save(p, err));
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
    pipeline *p = onp_alloc(ctx, 1, sizeof *p);
    if (p == NULL)
        return onp_fail(err, ONP_E_NOMEM, "search: out of memory");
    p->ctx = ctx;
    p->options = options;
    p->cfg = options->cfg;
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
