/* SPDX-License-Identifier: Apache-2.0 */
/* onepath profile SPACE|CONFIG: measures what the latency table lacks. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/interrupt.h"
#include "cli/run_options.h"
#include "cli/source.h"
#include "cli/table.h"
#include "cli/target.h"
#include "latency/table/profile.h"

#define DEFAULT_SECONDS_PER_BLOCK 0.8

typedef struct profile_args {
    onp_args all;
    onp_target_args target;
    int64_t seed;
    double seconds;
} profile_args;

static const onp_option options[] = {
    ONP_OPTIONS_TARGET(profile_args, target),
    ONP_OPTION_KERNELS,
    ONP_OPTION_DB,
    {"max-seconds-per-block", ONP_OPTION_REAL, "S", "time to measure one block (default: 0.8)",
     offsetof(profile_args, seconds), 0.01, 3600},
    {"seed", ONP_OPTION_INT, "N", "of the random order (default: the config's, else 1)",
     offsetof(profile_args, seed), 1, 1e15},
    ONP_OPTION_SET,
    ONP_OPTION_SKIP_BAD,
    ONP_OPTION_END,
};

typedef struct session {
    onp_app *app;
    const profile_args *args;
    const onp_source *source;
    onp_target_args target;
    onp_store *store;
    onp_runner *runner;
    onp_block *blocks;
    int32_t n_blocks;
    onp_profile_result result;
} session;

static onp_status print_result(session *s, onp_error *err)
{
    const onp_profile_result *r = &s->result;
    char label[512];
    onp_target_label(s->runner, label, sizeof label);
    if (s->app->args->json)
        return onp_app_print(s->app,
                             json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "db",
                                       onp_store_path(s->store), "platform", label, "blocks",
                                       s->n_blocks, "known", r->n_known, "measured", r->n_measured,
                                       "noisy", r->n_noisy, "failed", r->n_failed),
                             err);
    (void)printf("%" PRId32 " blocks: %" PRId32 " known, %" PRId32 " measured (%" PRId32
                 " of them noisy), %" PRId32 " failed\non %s\ninto %s\n",
                 s->n_blocks, r->n_known, r->n_measured, r->n_noisy, r->n_failed, label,
                 onp_store_path(s->store));
    return ONP_OK;
}

static onp_status measure(session *s, onp_error *err)
{
    const profile_args *a = s->args;
    const double seconds = a->seconds > 0 ? a->seconds : DEFAULT_SECONDS_PER_BLOCK;
    const onp_profile_options profile = {
        .max_block_ns = (int64_t)(seconds * 1e9),
        .seed = a->seed > 0            ? (uint64_t)a->seed
                : s->source->is_config ? (uint64_t)s->source->config.seed
                                       : 1,
        .target = onp_target_text(&s->target),
        .command = s->app->command,
        .stop = onp_interrupt_flag(),
        .progress = s->app->progress,
    };
    onp_profile_result *r = &s->result;
    onp_status st = onp_profile(s->store, s->runner, s->blocks, s->n_blocks, &profile, r, err);
    if (st == ONP_OK || r->n_measured > 0) /* what was measured stays: say so */
        ONP_TRY(print_result(s, st == ONP_OK ? err : NULL));
    if (st == ONP_OK && 2 * r->n_noisy > r->n_measured)
        return onp_fail(err, ONP_E_DEVICE,
                        "%" PRId32 " of %" PRId32 " rows are noisy: is the device busy?",
                        r->n_noisy, r->n_measured);
    return st;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const profile_args *a = args;
    const char *path = a->all.operands[0];
    onp_source source;
    ONP_TRY(onp_source_open(app, path, ONP_SOURCE_SPACE | ONP_SOURCE_CONFIG, &source, err));
    session s = {.app = app, .args = a, .source = &source, .target = a->target};
    onp_status st = ONP_OK;
    if (source.is_config) {
        ONP_TRY_GOTO(onp_target_from_config(&source.config, &s.target, err));
        ONP_TRY_GOTO(onp_run_fit_space(app, &source.config, err));
    }
    ONP_TRY_GOTO(onp_space_blocks(&app->ctx, source.space, &s.blocks, &s.n_blocks, err));
    ONP_TRY_GOTO(onp_table_open(app, path, ONP_SQL_CREATE, &s.store, err));
    ONP_TRY_GOTO(onp_target_open(app, &s.target, &s.runner, err));
    st = measure(&s, err);
done:
    onp_runner_close(s.runner);
    onp_store_close(s.store);
    onp_free(&app->ctx, s.blocks);
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_profile = {
    .name = "profile",
    .operands = "SPACE|CONFIG",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "measure every block of a space that the latency table lacks; goes on after a stop",
    .options = options,
    .args_size = sizeof(profile_args),
    .run = run,
};
