/* SPDX-License-Identifier: Apache-2.0 */
/* onepath profile SPACE|CONFIG: measures what the latency table lacks, or some of it again. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/profile_print.h"
#include "cli/run_options.h"
#include "cli/source.h"
#include "cli/table.h"
#include "cli/target.h"
#include "latency/table/refresh.h"
#include "supernet/space_sample.h"

#define DEFAULT_BUDGET "4m"
#define DEFAULT_SHARE  0.1

typedef struct profile_args {
    onp_args all;
    onp_target_args target;
    const char *mode, *budget;
    int64_t seed, passes;
    double seconds, share, temperature;
    bool check, update;
} profile_args;

static const onp_option options[] = {
    ONP_OPTIONS_TARGET(profile_args, target),
    ONP_OPTION_MODE(profile_args, mode),
    ONP_OPTION_KERNELS,
    ONP_OPTION_DB,
    {"budget", ONP_OPTION_TEXT, "TIME",
     "for all of it, such as 90s or 10m (default: " DEFAULT_BUDGET ")",
     offsetof(profile_args, budget), 0, 0},
    {"max-seconds-per-block", ONP_OPTION_REAL, "S", "the same for each block, in place of --budget",
     offsetof(profile_args, seconds), 0.01, 3600},
    {"passes", ONP_OPTION_INT, "N",
     "times that all is measured (default: 4; difference: 2; isolated: 1)",
     offsetof(profile_args, passes), 1, 100},
    {"max-temperature", ONP_OPTION_REAL, "C",
     "wait, within the budget, until the target is this cool, where it tells (default: do not)",
     offsetof(profile_args, temperature), 1, 150},
    {"check", ONP_OPTION_FLAG, NULL, "measure some rows again and tell how they have changed",
     offsetof(profile_args, check), 0, 0},
    {"share", ONP_OPTION_REAL, "SHARE", "of the rows that --check measures (default: 0.1)",
     offsetof(profile_args, share), 0.0001, 1},
    {"update", ONP_OPTION_FLAG, NULL, "what --check measures replaces the rows",
     offsetof(profile_args, update), 0, 0},
    {"seed", ONP_OPTION_INT, "N", "of networks and order (default: the config's, else 1)",
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
    onp_block_paths paths;
} session;

static onp_profile_report report_of(const session *s)
{
    return (onp_profile_report){.app = s->app,
                                .runner = s->runner,
                                .db = onp_store_path(s->store),
                                .n_blocks = s->n_blocks};
}

static onp_status fail_noisy(int32_t n_noisy, int32_t n, onp_error *err)
{
    return onp_fail(err, ONP_E_DEVICE,
                    "%" PRId32 " of %" PRId32 " rows are noisy: is the device busy?", n_noisy, n);
}

static onp_status measure(session *s, const onp_profile_options *o, onp_error *err)
{
    const onp_profile_report report = report_of(s);
    onp_profile_result r;
    onp_stale_verdict unused; /* what is stale is missing now, and is measured */
    ONP_TRY(onp_refresh(s->store, s->runner, s->blocks, s->n_blocks, o, &unused, err));
    onp_status st = onp_profile(s->store, s->runner, s->blocks, s->n_blocks, o, &r, err);
    if (st == ONP_OK || r.n_measured > 0) /* what was measured stays: say so */
        ONP_TRY(onp_profile_print(&report, &r, st == ONP_OK ? err : NULL));
    if (st == ONP_OK && 2 * r.n_noisy > r.n_measured)
        return fail_noisy(r.n_noisy, r.n_measured, err);
    return st;
}

static onp_status check(session *s, const onp_profile_options *o, onp_error *err)
{
    const onp_profile_report report = report_of(s);
    const onp_profile_check check = {.share = s->args->share > 0 ? s->args->share : DEFAULT_SHARE,
                                     .update = s->args->update};
    onp_profile_drift drift;
    onp_status st =
        onp_profile_recheck(s->store, s->runner, s->blocks, s->n_blocks, o, &check, &drift, err);
    if (st == ONP_OK || drift.n_measured > 0)
        ONP_TRY(onp_profile_print_drift(&report, &drift, st == ONP_OK ? err : NULL));
    if (st == ONP_OK && 2 * drift.n_noisy > drift.n_measured)
        return fail_noisy(drift.n_noisy, drift.n_measured, err);
    return st;
}

/* A time with its unit, or minutes: a config, where latencies stand, has none. */
static bool read_time(const char *text, int64_t *ns)
{
    const size_t digits = strspn(text, "0123456789.");
    if (digits > 0 && digits < 8 && strcmp(text + digits, "m") == 0) {
        *ns = llround(strtod(text, NULL) * 60e9);
        return *ns > 0;
    }
    return onp_duration_parse(text, ns, NULL) == ONP_OK;
}

static onp_status read_budget(const profile_args *a, onp_profile_options *o, onp_error *err)
{
    if (a->budget != NULL && a->seconds > 0)
        return onp_fail(err, ONP_E_USAGE, "--budget and --max-seconds-per-block: wanted one");
    if ((a->update || a->share > 0) && !a->check)
        return onp_fail(err, ONP_E_USAGE, "--update and --share belong to --check");
    o->max_block_ns = (int64_t)(a->seconds * 1e9);
    if (a->seconds > 0)
        return ONP_OK;
    const char *text = a->budget != NULL ? a->budget : DEFAULT_BUDGET;
    if (!read_time(text, &o->budget_ns))
        return onp_fail(err, ONP_E_USAGE, "--budget: \"%.40s\" is no time, wanted one such as 90s",
                        text);
    return ONP_OK;
}

static onp_status measure_space(session *s, onp_error *err)
{
    const profile_args *a = s->args;
    const onp_config *config = s->source->is_config ? &s->source->config : NULL;
    onp_profile_options o = {
        .mode = onp_target_mode(a->mode, config != NULL ? (onp_profile_mode)config->target.mode
                                                        : ONP_PROFILE_AUTO),
        .paths = &s->paths,
        .space = s->source->space->spec.name,
        .max_temperature_mc = llround(a->temperature * 1e3),
        .passes = (int32_t)a->passes,
        .seed = a->seed > 0      ? (uint64_t)a->seed
                : config != NULL ? (uint64_t)config->seed
                                 : 1,
        .target = onp_target_text(&s->target),
        .command = s->app->command,
        .stop = onp_interrupt_flag(),
        .progress = s->app->progress,
    };
    ONP_TRY(read_budget(a, &o, err));
    ONP_TRY(onp_space_cover(&s->app->ctx, s->source->space, o.seed, ONP_PROFILE_ROUNDS, &s->paths,
                            err));
    return a->check ? check(s, &o, err) : measure(s, &o, err);
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
    st = measure_space(&s, err);
done:
    onp_runner_close(s.runner);
    onp_store_close(s.store);
    onp_block_paths_reset(&app->ctx, &s.paths);
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
    .about = "Blocks are measured where they will stand: in whole random networks of the space, by "
             "time stamps at their boundaries (chain), or, on targets that cannot stamp, as the "
             "difference that they make behind another block (difference). Rows say what they "
             "were measured by, and those of different modes are never added up. With --check, "
             "rows that are there are measured again, and the table stays as it is.",
    .options = options,
    .args_size = sizeof(profile_args),
    .run = run,
};
