/* SPDX-License-Identifier: Apache-2.0 */
/* onepath search CONFIG: search, derive, retrain, measure, export,
 * report. The same command resumes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/interrupt.h"
#include "api/onnx.h"
#include "cli/run_options.h"
#include "cli/verb.h"
#include "report/report.h"
#include "search/search.h"

typedef struct search_args {
    onp_args all;
    const char *run, *tensorboard;
    bool fresh, other_bits, imported, no_predicted, command;
    double block_seconds;
} search_args;

static const onp_option options[] = {
    ONP_OPTION_SET,
    ONP_OPTION_SKIP_BAD,
    ONP_OPTION_DB,
    ONP_OPTION_THREADS,
    ONP_OPTION_KERNELS,
    {"run", ONP_OPTION_TEXT, "DIR", "folder of the run (default: runs/ and the config's name)",
     offsetof(search_args, run), 0, 0},
    {"fresh", ONP_OPTION_FLAG, NULL, "begin anew; an old folder is renamed, never deleted",
     offsetof(search_args, fresh), 0, 0},
    {"tensorboard", ONP_OPTION_TEXT, "DIR",
     "write curves for TensorBoard there too: losses, accuracies, latency, probabilities",
     offsetof(search_args, tensorboard), 0, 0},
    {"allow-other-bits", ONP_OPTION_FLAG, NULL,
     "resume under another build, kernel set or BLAS core", offsetof(search_args, other_bits), 0,
     0},
    {"allow-imported", ONP_OPTION_FLAG, NULL, "use latency rows that were imported",
     offsetof(search_args, imported), 0, 0},
    {"no-predicted", ONP_OPTION_FLAG, NULL,
     "refuse latency rows that were predicted, not measured (table fill)",
     offsetof(search_args, no_predicted), 0, 0},
    {"allow-command", ONP_OPTION_FLAG, NULL,
     "run the command of target.device: exec:COMMAND, which the config names",
     offsetof(search_args, command), 0, 0},
    {"max-seconds-per-block", ONP_OPTION_REAL, "S",
     "time to measure a block that has no row yet (default: 0.8)",
     offsetof(search_args, block_seconds), 0.01, 60},
    ONP_OPTION_END,
};

static json_t *result_to_json(const onp_search_result *r, const char *run, const char *report)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:f, s:I, s:f, s:f, s:f, s:f, s:o, s:o, s:I, s:I, s:f, s:f, s:i, s:b, s:I}",
        "run", run, "report", report, "test_accuracy", r->test_accuracy, "test_images",
        (json_int_t)r->test_images, "target_ms", r->target_ms, "initial_expected_ms",
        r->initial_expected_ms, "expected_ms", r->expected_ms, "predicted_ms", r->predicted_ms,
        "predicted_lo_ms", r->predicted_hi_ms > 0 ? json_real(r->predicted_lo_ms) : json_null(),
        "predicted_hi_ms", r->predicted_hi_ms > 0 ? json_real(r->predicted_hi_ms) : json_null(),
        "params", (json_int_t)r->n_params, "macs", (json_int_t)r->n_macs, "initial_entropy",
        r->initial_entropy, "entropy", r->entropy, "pruned", (int)r->n_pruned, "meets_budget",
        r->meets_budget ? 1 : 0, "imported_rows", (json_int_t)r->n_imported);
    if (json == NULL || !r->measured)
        return json;
    json_t *measured =
        json_pack("{s:f, s:f, s:f, s:I}", "median_ms", r->measured_ms, "lo_ms", r->measured_lo_ms,
                  "hi_ms", r->measured_hi_ms, "samples", (json_int_t)r->n_samples);
    if (json_object_set_new(json, "measured", measured) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static void print_result(const onp_search_result *r)
{
    (void)printf("test accuracy: %.2f %% of %lld images\n", 100 * r->test_accuracy,
                 (long long)r->test_images);
    (void)printf("expected latency: %.4f ms at the start, %.4f ms at the end, target %.4f ms\n",
                 r->initial_expected_ms, r->expected_ms, r->target_ms);
    (void)printf("entropy: %.3f at the start, %.3f at the end; %d paths pruned\n",
                 r->initial_entropy, fmax(r->entropy, 0), (int)r->n_pruned); /* it may be -1e-8 */
    (void)printf("network: %lld parameters, %lld multiply-accumulates, predicted %.4f ms\n",
                 (long long)r->n_params, (long long)r->n_macs, r->predicted_ms);
    if (r->measured)
        (void)printf("measured: median %.4f ms, 95 %% interval %.4f to %.4f ms, %lld samples\n",
                     r->measured_ms, r->measured_lo_ms, r->measured_hi_ms, (long long)r->n_samples);
    else
        (void)printf("not measured: the target is a device of the table%s\n",
                     r->n_imported > 0 ? ", whose latencies are imported" : "");
}

static onp_status report(onp_app *app, const search_args *a, const char *run,
                         const onp_search_result *r, onp_error *err)
{
    char path[1024];
    ONP_TRY(onp_onnx_export_run(&app->ctx, run, err));
    ONP_TRY(onp_report_write(&app->ctx, run, err));
    ONP_TRY(onp_path_join(path, sizeof path, run, "report.html", err));
    if (a->all.json)
        return onp_app_print(app, result_to_json(r, run, path), err);
    print_result(r);
    (void)printf("report: %s\n", path);
    return ONP_OK;
}

static onp_status run_search(onp_app *app, const search_args *a, const onp_config *cfg,
                             onp_error *err)
{
    char run[1024], db[1024];
    ONP_TRY(onp_run_dir(a->run, cfg->path, run, sizeof run, err));
    ONP_TRY(onp_app_db_path(app, cfg->path, db, sizeof db, err));
    const onp_search_options o = {.cfg = cfg,
                                  .run_dir = run,
                                  .db_path = db,
                                  .fresh = a->fresh,
                                  .allow_other_bits = a->other_bits,
                                  .allow_imported = a->imported,
                                  .no_predicted = a->no_predicted,
                                  .allow_command = a->command,
                                  .encode = onp_onnx_encode,
                                  .encode_user = &app->ctx,
                                  .tensorboard = a->tensorboard,
                                  .max_block_ns = (int64_t)(a->block_seconds * 1e9),
                                  .stop = onp_interrupt_flag(),
                                  .progress = app->progress};
    onp_search_result r;
    onp_status st = onp_search(&app->ctx, &o, &r, err);
    if (st != ONP_OK && st != ONP_E_OVER_BUDGET)
        return st;
    onp_error report_err = {0};
    onp_status report_st = report(app, a, run, &r, &report_err);
    if (report_st == ONP_OK)
        return st;
    if (err != NULL)
        *err = report_err;
    return report_st;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const search_args *a = args;
    onp_config cfg;
    ONP_TRY(onp_app_compute(app, err));
    ONP_TRY(onp_run_load_config(app, a->all.operands[0], &cfg, err));
    onp_status st = run_search(app, a, &cfg, err);
    onp_config_free(&cfg);
    return st;
}

const onp_verb onp_verb_search = {
    .name = "search",
    .operands = "CONFIG",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "search a network for a device, retrain, measure, export and report it; resumes",
    .about = "Blocks without a row in the latency table are measured first. Everything goes into "
             "the folder of the run, from which the same command goes on after it was stopped; "
             "another configuration is refused there. A search that has ended is tested, measured "
             "and reported again. Where the target is another device, its rows must be in the "
             "table, and the network is not measured.",
    .options = options,
    .args_size = sizeof(search_args),
    .run = run};
