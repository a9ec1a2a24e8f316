/* SPDX-License-Identifier: Apache-2.0 */
#include "search/pipeline.h"

#include <stdio.h>
#include <string.h>

#include "search/latencies.h"
#include "search/objective.h"

/* Before anything is deleted or written over: a checkpoint that is there must be of this run. */
static onp_status check_saved(const onp_pipeline *p, onp_error *err)
{
    if (!p->saved.found || strcmp(p->saved.belongs_to, p->search_hash) == 0 ||
        strcmp(p->saved.belongs_to, p->train_hash) == 0)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT, "%s: belongs to %.16s..., this run is %.16s...",
                    p->checkpoint, p->saved.belongs_to, p->search_hash);
}

/* Files that were left out, into the run's events; their number into the manifest. */
static onp_status record_skipped(onp_pipeline *p, const onp_dataset *ds, const char *key,
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
static onp_status record_data(onp_pipeline *p, onp_error *err)
{
    if (p->saved.found)
        return ONP_OK;
    ONP_TRY(record_skipped(p, &p->feed.train, "skipped_train_files", err));
    if (p->feed.test_list != NULL) /* the same files */
        return ONP_OK;
    return record_skipped(p, &p->feed.test, "skipped_test_files", err);
}

static onp_status open_folder(onp_pipeline *p, const char *subject, onp_error *err)
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

onp_status onp_pipeline_open(onp_pipeline *p, const char *subject, onp_error *err)
{
    ONP_TRY(open_folder(p, subject, err));
    return record_data(p, err);
}

onp_status onp_pipeline_new_step(onp_pipeline *p, onp_supernet *net, onp_error *err)
{
    const onp_config *cfg = p->cfg;
    const int64_t search = cfg->search.batch, train = cfg->train.batch;
    ONP_TRY(onp_step_new(p->ctx, net, search > train ? search : train, &p->step, err));
    onp_step_set_recompute(p->step, (onp_recompute)cfg->recompute,
                           (size_t)cfg->memory_limit_mib * ONP_MIB);
    return ONP_OK;
}

static onp_status space_hash(const onp_pipeline *p, char hex[ONP_SHA256_HEX], onp_error *err)
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

/* What the manifest says of latencies that were not measured here, as warnings among the events. */
static onp_status record_notes(const onp_pipeline *p, onp_error *err)
{
    static const char *const notes[][2] = {{"predicted_latencies", "predicted"},
                                           {"imported_latencies", "imported"}};
    for (size_t i = 0; i < ONP_COUNT(notes); i++) {
        const char *text = onp_run_folder_get(p->folder, notes[i][0]);
        if (text == NULL)
            continue;
        onp_log(p->ctx, ONP_LOG_WARN, "%s", text);
        ONP_TRY(onp_rundb_event(p->db, 0, "search", 0, notes[i][1], text, err));
    }
    return ONP_OK;
}

/* Into the manifest and the run's events, which the report shows. */
static onp_status record_origin(onp_pipeline *p, const onp_latency_origin *origin, onp_error *err)
{
    char text[320];
    if (origin->n_predicted > 0) {
        (void)snprintf(text, sizeof text,
                       "%d latencies of %s are predicted, not measured: %.0f %% of the mean "
                       "latency over all paths",
                       (int)origin->n_predicted, origin->label, 100 * origin->predicted_share);
        ONP_TRY(onp_run_folder_fact(p->folder, "predicted_latencies", text, err));
    }
    if (origin->n_imported > 0) {
        (void)snprintf(text, sizeof text,
                       "%d latencies are imported rows of %s, not measured from here: expected and "
                       "predicted latency are only as good as those",
                       (int)origin->n_imported, origin->label);
        ONP_TRY(onp_run_folder_fact(p->folder, "imported_latencies", text, err));
    }
    ONP_TRY(onp_run_folder_fact(p->folder, "platform", origin->signature, err));
    if (origin->platform[0] != '\0')
        ONP_TRY(onp_run_folder_fact(p->folder, "platform_is", origin->platform, err));
    if (origin->n_imported > 0)
        (void)snprintf(text, sizeof text, "imported: %d rows of %s", (int)origin->n_imported,
                       origin->label);
    else
        (void)snprintf(text, sizeof text, "%s",
                       origin->n_predicted > 0 ? "measured and predicted" : "measured");
    ONP_TRY(onp_run_folder_fact(p->folder, "latencies", text, err));
    return record_notes(p, err);
}

/* Latencies are taken once: a resumed run uses the copy in its database. */
static onp_status get_latencies(onp_pipeline *p, onp_error *err)
{
    char hash[65];
    bool allowed = false;
    if (!onp_run_folder_is_done(p->folder, "latencies")) {
        onp_latency_origin origin;
        ONP_TRY(onp_latencies_collect(p->ctx, p->options, p->db, &origin, err));
        p->result->n_imported = origin.n_imported;
        ONP_TRY(onp_rundb_latency_hash(p->db, hash, NULL, err));
        ONP_TRY(record_origin(p, &origin, err));
        ONP_TRY(onp_run_folder_fact(p->folder, "latency_hash", hash, err));
        return onp_run_folder_done(p->folder, "latencies", err);
    }
    const char *predicted = onp_run_folder_get(p->folder, "predicted_latencies");
    if (predicted != NULL && p->options->no_predicted)
        return onp_fail(err, ONP_E_MISSING, "%s: %s, and --no-predicted was given",
                        p->options->run_dir, predicted);
    if (!p->saved.found) /* the events were forgotten with all that came before a checkpoint */
        ONP_TRY(record_notes(p, err));
    ONP_TRY(onp_rundb_latency_imported(p->db, &p->result->n_imported, err));
    ONP_TRY(onp_latencies_allow_imported(p->db, p->options, &allowed, err));
    if (p->result->n_imported > 0 && !allowed)
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

static onp_status build_supernet(onp_pipeline *p, onp_error *err)
{
    const onp_space *space = p->cfg->space;
    const bool mapped = p->cfg->weights == ONP_WEIGHTS_MAPPED;
    char file[1024];
    ONP_TRY(onp_run_folder_path(p->folder, "weights", file, sizeof file, err));
    ONP_TRY(onp_supernet_new_mapped(p->ctx, space->positions, space->n_positions, ONP_ARCH_BN_EPS,
                                    (uint64_t)p->cfg->seed, mapped ? file : NULL,
                                    (size_t)p->cfg->weights_limit_mib * ONP_MIB, &p->net, err));
    ONP_TRY(onp_pipeline_new_step(p, p->net, err));
    ONP_TRY(onp_latency_model_load(p->ctx, p->net, p->db, &p->latency, err));
    if (p->cfg->target.bound == ONP_BOUND_UPPER)
        p->latency.deviations = p->cfg->target.deviations;
    return ONP_OK;
}

static onp_status set_target(onp_pipeline *p, onp_error *err)
{
    const double initial = onp_latency_model_uniform(&p->latency, p->net);
    const double least = onp_latency_model_least(&p->latency, p->net);
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

static void tell_every(const onp_pipeline *p)
{
    const onp_config *cfg = p->cfg;
    const int64_t every = cfg->search.architecture.every;
    const int64_t batches = onp_feed_batches(&p->feed, ONP_STREAM_WEIGHTS, cfg->search.batch);
    if (every > batches && cfg->space->n_choices > 0)
        onp_log(p->ctx, ONP_LOG_WARN,
                "search.architecture.every is %lld, but an epoch has %lld batches of %lld images: "
                "an architecture step is made at the end of each",
                (long long)every, (long long)batches, (long long)cfg->search.batch);
}

onp_status onp_pipeline_prepare(onp_pipeline *p, onp_error *err)
{
    char space[ONP_SHA256_HEX];
    tell_every(p);
    ONP_TRY(space_hash(p, space, err));
    ONP_TRY(onp_pipeline_open(p, space, err));
    ONP_TRY(get_latencies(p, err));
    ONP_TRY(build_supernet(p, err));
    return set_target(p, err);
}
