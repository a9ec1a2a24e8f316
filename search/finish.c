/* SPDX-License-Identifier: Apache-2.0 */
#include "search/pipeline.h"

#include "search/latencies.h"
#include "search/record.h"

static onp_status test(onp_pipeline *p, int64_t batch, onp_error *err)
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

onp_status onp_pipeline_test(onp_pipeline *p, onp_error *err)
{
    onp_model *m = p->model;
    const int64_t serial = p->cfg->train.serial_batch;
    const int64_t batch = serial > 0 ? serial : p->cfg->train.batch;
    if (!p->keeps_statistics)
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

onp_status onp_pipeline_measure(onp_pipeline *p, onp_error *err)
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
        {"predicted_lo_ms", r->predicted_lo_ms, r->predicted_hi_ms > 0},
        {"predicted_hi_ms", r->predicted_hi_ms, r->predicted_hi_ms > 0},
        {"calibration_networks", (double)p->latency.calibration.n, p->latency.calibration.n > 0},
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
