/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "api/internal.h"
#include "api/onnx.h"
#include "report/report.h"
#include "search/search.h"

/* ---- progress ---- */

_Static_assert((int)ONEPATH_PHASE_PROFILE == (int)ONP_PHASE_PROFILE &&
                   (int)ONEPATH_PHASE_TRAIN == (int)ONP_PHASE_TRAIN,
               "phases differ");

typedef struct watcher {
    const onepath_search_options *options;
    volatile sig_atomic_t stop;
} watcher;

static void show(void *user, const onp_watch_event *event)
{
    watcher *w = user;
    const onepath_progress at = {.phase = (onepath_phase)event->phase,
                                 .step = event->step,
                                 .steps = event->steps,
                                 .epoch = event->epoch,
                                 .epochs = event->epochs,
                                 .loss = event->loss,
                                 .accuracy = event->accuracy,
                                 .validation_accuracy = event->validation_accuracy,
                                 .expected_latency_ns = event->expected_ns};
    if (w->options->progress(w->options->progress_user, &at) != 0)
        w->stop = 1;
}

/* ---- configuration ---- */

/* Each line of the problems to the log. text is written over. */
static void log_problems(const onp_context *ctx, char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        onp_log(ctx, ONP_LOG_ERROR, "%s", line);
}

static onp_status load_config(const onp_context *ctx, const onepath_search_options *o,
                              onp_config *out, onp_error *err)
{
    onp_strbuf problems;
    onp_strbuf_init(&problems, ctx);
    const onp_status st = onp_config_load(ctx, o->config, o->sets, o->n_sets, &problems, out, err);
    if (st != ONP_OK && problems.length > 0)
        log_problems(ctx, problems.text);
    onp_strbuf_reset(&problems);
    return st;
}

static onp_status find_db(const onepath_search_options *o, char *out, size_t size, onp_error *err)
{
    char folder[4096];
    if (o->db != NULL)
        return onp_path_join(out, size, "", o->db, err);
    ONP_TRY(onp_path_dir(folder, sizeof folder, o->config, err));
    return onp_path_join(out, size, folder, "latency.db", err);
}

/* ---- the search ---- */

static onepath_search_result public_result(const onp_search_result *r)
{
    return (onepath_search_result){.test_accuracy = r->test_accuracy,
                                   .test_images = r->test_images,
                                   .target_ns = r->target_ms * 1e6,
                                   .initial_expected_ns = r->initial_expected_ms * 1e6,
                                   .expected_ns = r->expected_ms * 1e6,
                                   .predicted_ns = r->predicted_ms * 1e6,
                                   .measured_ns = r->measured ? r->measured_ms * 1e6 : 0,
                                   .measured_lo_ns = r->measured ? r->measured_lo_ms * 1e6 : 0,
                                   .measured_hi_ns = r->measured ? r->measured_hi_ms * 1e6 : 0,
                                   .n_samples = r->measured ? r->n_samples : 0,
                                   .n_parameters = r->n_params,
                                   .n_macs = r->n_macs,
                                   .meets_budget = r->meets_budget ? 1 : 0};
}

static onp_status run(const onp_context *ctx, const onepath_search_options *o,
                      const onp_config *cfg, onepath_search_result *result, onp_error *err)
{
    char db[4096];
    watcher w = {.options = o};
    const onp_watch watch = {.fn = show, .user = &w};
    ONP_TRY(find_db(o, db, sizeof db, err));
    const onp_search_options options = {.cfg = cfg,
                                        .run_dir = o->run_dir,
                                        .db_path = db,
                                        .fresh = o->fresh != 0,
                                        .allow_other_bits = o->allow_other_bits != 0,
                                        .allow_imported = o->allow_imported != 0,
                                        .max_block_ns = (int64_t)(o->seconds_per_block * 1e9),
                                        .agent = o->agent,
                                        .stop = &w.stop,
                                        .watch = o->progress != NULL ? &watch : NULL};
    onp_search_result r;
    const onp_status st = onp_search(ctx, &options, &r, err);
    if (st != ONP_OK && st != ONP_E_OVER_BUDGET)
        return st;
    onp_error why = {0};
    onp_status written = onp_onnx_export_run(ctx, o->run_dir, &why);
    if (written == ONP_OK)
        written = onp_report_write(ctx, o->run_dir, &why);
    if (written != ONP_OK)
        return onp_fail(err, written, "%s", why.msg);
    if (result != NULL) {
        const onepath_search_result given = public_result(&r);
        onp_api_give(&given, sizeof given, result);
    }
    return st;
}

static onp_status search(const onp_context *ctx, const onepath_search_options *options,
                         onepath_search_result *result, onp_error *err)
{
    onepath_search_options o = {0};
    onp_config cfg;
    ONP_TRY(onp_api_take(options, sizeof o, "onepath_search_options", &o, err));
    ONP_TRY(onp_api_can_give(result, "onepath_search_result", err));
    if (o.config == NULL || o.run_dir == NULL)
        return onp_fail(err, ONP_E_USAGE, "onepath_search_options: wanted config and run_dir");
    if (!(o.seconds_per_block >= 0 && o.seconds_per_block <= 3600))
        return onp_fail(err, ONP_E_RANGE, "seconds_per_block: %g is not in 0..3600",
                        o.seconds_per_block);
    ONP_TRY(load_config(ctx, &o, &cfg, err));
    const onp_status st = run(ctx, &o, &cfg, result, err);
    onp_config_free(&cfg);
    return st;
}

onepath_status onepath_search(onepath_context *ctx, const onepath_search_options *options,
                              onepath_search_result *result, onepath_error *err)
{
    onp_error e = {0};
    const onp_api_host host = onp_api_enter(ctx);
    const onp_status st = search(&ctx->base, options, result, &e);
    return onp_api_leave(host, st, &e, err);
}
