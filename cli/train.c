/* SPDX-License-Identifier: Apache-2.0 */
/* onepath train ARCH|RUN --out DIR: trains one network, an architecture from elsewhere or a run's
 * again. */
#include <stdio.h>

#include "cli/interrupt.h"
#include "api/onnx.h"
#include "cli/run_options.h"
#include "cli/source.h"
#include "cli/verb.h"
#include "search/search.h"

typedef struct train_args {
    onp_args all;
    const char *config, *out, *tensorboard;
    bool fresh, other_bits;
} train_args;

static const onp_option options[] = {
    {"config", ONP_OPTION_TEXT, "CONFIG",
     "data and training settings (default: config.yaml of the RUN)", offsetof(train_args, config),
     0, 0},
    {"out", ONP_OPTION_TEXT, "DIR", "folder for the trained network (required)",
     offsetof(train_args, out), 0, 0},
    {"fresh", ONP_OPTION_FLAG, NULL, "begin anew; an old folder is renamed, never deleted",
     offsetof(train_args, fresh), 0, 0},
    {"tensorboard", ONP_OPTION_TEXT, "DIR",
     "write curves for TensorBoard there too: losses, accuracies, latency, probabilities",
     offsetof(train_args, tensorboard), 0, 0},
    {"allow-other-bits", ONP_OPTION_FLAG, NULL,
     "resume under another build, kernel set or BLAS core", offsetof(train_args, other_bits), 0, 0},
    ONP_OPTION_SET,
    ONP_OPTION_SKIP_BAD,
    ONP_OPTION_THREADS,
    ONP_OPTION_KERNELS,
    ONP_OPTION_END,
};

static onp_status train(onp_app *app, const train_args *a, const onp_config *cfg,
                        const onp_arch *arch, onp_error *err)
{
    const onp_search_options o = {.cfg = cfg,
                                  .run_dir = a->out,
                                  .fresh = a->fresh,
                                  .allow_other_bits = a->other_bits,
                                  .tensorboard = a->tensorboard,
                                  .stop = onp_interrupt_flag(),
                                  .progress = app->progress};
    onp_search_result r;
    ONP_TRY(onp_search_train(&app->ctx, &o, arch, &r, err));
    ONP_TRY(onp_onnx_export_run(&app->ctx, a->out, err));
    if (a->all.json)
        return onp_app_print(app,
                             json_pack("{s:s, s:f, s:I, s:I, s:I}", "model", a->out,
                                       "test_accuracy", r.test_accuracy, "test_images",
                                       (json_int_t)r.test_images, "params", (json_int_t)r.n_params,
                                       "macs", (json_int_t)r.n_macs),
                             err);
    (void)printf("test accuracy: %.2f %% of %lld images\nmodel: %s\n", 100 * r.test_accuracy,
                 (long long)r.test_images, a->out);
    return ONP_OK;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const train_args *a = args;
    const char *operand = a->all.operands[0];
    char config[1024];
    if (a->out == NULL)
        return onp_fail(err, ONP_E_USAGE, "train: --out DIR is missing: where the network goes");
    ONP_TRY(onp_path_join(config, sizeof config, operand, "config.yaml", err));
    if (a->config == NULL && !onp_file_exists(config))
        return onp_fail(err, ONP_E_USAGE,
                        "train: %s has no config.yaml: name the data and settings with --config",
                        operand);
    ONP_TRY(onp_app_compute(app, err));
    onp_source source;
    onp_config cfg;
    ONP_TRY(onp_source_open(app, operand, ONP_SOURCE_ARCH, &source, err));
    onp_status st = onp_run_load_config(app, a->config != NULL ? a->config : config, &cfg, err);
    if (st == ONP_OK) {
        st = train(app, a, &cfg, source.arch, err);
        onp_config_free(&cfg);
    }
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_train = {.name = "train",
                                 .operands = "ARCH|RUN",
                                 .min_operands = 1,
                                 .max_operands = 1,
                                 .summary = "train a network: an architecture, or a run's again",
                                 .options = options,
                                 .args_size = sizeof(train_args),
                                 .run = run};
