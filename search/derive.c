/* SPDX-License-Identifier: Apache-2.0 */
#include "search/pipeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the manifest keeps of a search for the run that goes on from its derived network. */
static const char *const facts[] = {"expected_ms",    "entropy",  "initial_entropy",
                                    "predicted_ms",   "n_pruned", "predicted_lo_ms",
                                    "predicted_hi_ms"};
enum { N_OLD_FACTS = 5 }; /* a run begun by an older version has the first ones */

/* The derived network's weights from the supernet's, for train.inherit; and, where they are kept,
 * the statistics that go with them. */
static onp_status inherit(onp_pipeline *p, const int32_t *path, onp_error *err)
{
    for (int32_t i = 0; i < p->net->n_positions; i++) {
        const onp_slab *from = &p->net->slabs[i][path[i]], *to = &p->model->net->slabs[i][0];
        if (from->weights != NULL)
            memcpy(to->weights, from->weights, (size_t)from->floats * sizeof(float));
    }
    if (!p->keeps_statistics)
        return ONP_OK;
    return onp_recalibrate(p->step, &p->feed, p->feed.all, p->feed.n_all, p->cfg->search.batch,
                           path, p->model->stats, err);
}

static onp_status record_search_result(onp_pipeline *p, const int32_t *path, onp_error *err)
{
    char text[64], hash[ONP_SHA256_HEX];
    onp_search_result *r = p->result;
    ONP_TRY(onp_arch_hash(p->model->arch, hash, err));
    ONP_TRY(onp_run_folder_fact(p->folder, "arch_hash", hash, err));
    r->expected_ms = onp_latency_model_expected(&p->latency, p->net) / 1e6;
    r->entropy = onp_supernet_entropy(p->net);
    r->predicted_ms = onp_latency_model_path(&p->latency, path) / 1e6;
    onp_latency_model_interval(&p->latency, path, &r->predicted_lo_ms, &r->predicted_hi_ms);
    r->predicted_lo_ms /= 1e6;
    r->predicted_hi_ms /= 1e6;
    for (int32_t i = 0; i < p->net->n_positions; i++)
        r->n_pruned += p->net->positions[i].n - onp_supernet_n_alive(p->net, i);
    const double values[ONP_COUNT(facts)] = {
        r->expected_ms,      r->entropy,         r->initial_entropy, r->predicted_ms,
        (double)r->n_pruned, r->predicted_lo_ms, r->predicted_hi_ms};
    for (size_t i = 0; i < ONP_COUNT(facts); i++) {
        (void)snprintf(text, sizeof text, "%.17g", values[i]);
        ONP_TRY(onp_run_folder_fact(p->folder, facts[i], text, err));
    }
    return ONP_OK;
}

/* The most probable path, within the budget where latency is part of the loss at all. */
static onp_status choose_path(onp_pipeline *p, int32_t *path, onp_error *err)
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

onp_status onp_pipeline_derive(onp_pipeline *p, onp_error *err)
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

onp_status onp_pipeline_reopen(onp_pipeline *p, onp_error *err)
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
    double values[ONP_COUNT(facts)];
    for (size_t i = 0; i < ONP_COUNT(facts); i++) {
        const char *text = onp_run_folder_get(p->folder, facts[i]);
        char *end = NULL;
        values[i] = text != NULL ? strtod(text, &end) : 0;
        if (text == NULL && i >= N_OLD_FACTS)
            continue;
        if (end == text || *end != '\0' || !(fabs(values[i]) <= INT32_MAX))
            return onp_fail(err, ONP_E_FORMAT,
                            "%s/manifest.json: facts.%s is %.40s, wanted a number",
                            p->options->run_dir, facts[i], text != NULL ? text : "missing");
    }
    p->result->expected_ms = values[0];
    p->result->entropy = values[1];
    p->result->initial_entropy = values[2];
    p->result->predicted_ms = values[3];
    p->result->n_pruned = (int32_t)values[4];
    p->result->predicted_lo_ms = values[5];
    p->result->predicted_hi_ms = values[6];
    return ONP_OK;
}
