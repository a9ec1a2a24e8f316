/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole search: latencies, warm-up, search, derivation, retraining, test, measurement on the
 * device. Everything goes into the run folder; the same call resumes a run that was stopped.
 *
 *     const onp_search_options options = {
 *         .cfg = &cfg, .run_dir = "runs/quickstart", .db_path = "latency.db"};
 *     onp_search_result result;
 *     ONP_TRY(onp_search(ctx, &options, &result, err));
 */
#ifndef ONP_SEARCH_SEARCH_H
#define ONP_SEARCH_SEARCH_H

#include <signal.h>

#include "base/progress.h"
#include "base/watch.h"
#include "latency/measure/driver.h"
#include "search/config.h"
#include "supernet/arch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_search_options {
    const onp_config *cfg;
    const char *run_dir;
    const char *db_path; /* latency table */
    bool fresh, allow_other_bits, allow_imported;
    bool no_predicted;    /* a latency that was not measured is missing */
    bool allow_command;   /* target.device may be exec:COMMAND, which is then run */
    onp_encode_fn encode; /* graphs as ONNX, for runners that take nothing else */
    void *encode_user;
    const char *tensorboard;           /* folder for event files; NULL: none */
    int64_t max_block_ns;              /* time to measure one block; 0: 800 ms */
    const char *agent;                 /* NULL: beside this program */
    const volatile sig_atomic_t *stop; /* may be NULL */
    onp_progress *progress;            /* may be NULL */
    const onp_watch *watch;            /* may be NULL: told of every step; it may set *stop */
} onp_search_options;

typedef struct onp_search_result {
    double test_accuracy; /* share of right answers */
    int64_t test_images;
    double target_ms, initial_expected_ms, expected_ms, predicted_ms;
    double predicted_lo_ms, predicted_hi_ms; /* 95 % interval; both 0: unknown */
    bool measured;                           /* the target can be reached from here */
    double measured_ms, measured_lo_ms, measured_hi_ms;
    int64_t n_samples;
    int64_t n_params, n_macs;
    double initial_entropy, entropy;
    int32_t n_pruned;
    int32_t n_imported; /* latency rows of a table from elsewhere */
    bool meets_budget;  /* measured, or predicted where it was not */
} onp_search_result;

/*
 * Runs or resumes. The result is filled when it returns ONP_OK or ONP_E_OVER_BUDGET (finished, but
 * the measured network misses the budget). Other errors: ONP_E_BUDGET (no network of the space
 * can), ONP_E_MISSING (latency rows that cannot be measured from here; the text lists them),
 * ONP_E_INTERRUPTED, and those of the parts.
 */
onp_status onp_search(const onp_context *ctx, const onp_search_options *options,
                      onp_search_result *result, onp_error *err) ONP_MUST_USE;

/*
 * Trains one network as a run of its own: the `train` part of the configuration on training and
 * validation images, then the test. options->run_dir gets arch.json and model.safetensors; resumes
 * likewise. arch: borrowed; its input and classes must be those of the data. Fills test_accuracy,
 * test_images, n_params, n_macs.
 */
onp_status onp_search_train(const onp_context *ctx, const onp_search_options *options,
                            const onp_arch *arch, onp_search_result *result,
                            onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
