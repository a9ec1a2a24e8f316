/* SPDX-License-Identifier: Apache-2.0 */
/* onepath table validate SPACE|CONFIG: does the table predict whole networks? */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/interrupt.h"
#include "cli/networks.h"
#include "cli/run_options.h"
#include "cli/source.h"
#include "cli/table.h"
#include "cli/target.h"
#include "cli/validation_print.h"
#include "latency/table/estimate_sum.h"
#include "latency/table/profile.h"
#include "latency/table/store_evidence.h"
#include "latency/table/trust.h"

/* Passes: what a graph lasts varies more from one time that it is made and measured to the next
 * than the samples of one time tell. */
enum { NETWORKS = 30, LEAST = 10, MOST = 1000, PASSES = 6 };
#define BUDGET_SECONDS 300.0

typedef struct validate_args {
    onp_args all;
    onp_target_args target;
    const char *mode;
    int64_t networks, seed;
    double seconds;
} validate_args;

static const onp_option options[] = {
    ONP_OPTIONS_TARGET(validate_args, target),
    ONP_OPTION_MODE(validate_args, mode),
    ONP_OPTION_KERNELS,
    ONP_OPTION_DB,
    {"networks", ONP_OPTION_INT, "N", "how many to measure (default: 30)",
     offsetof(validate_args, networks), LEAST, MOST},
    {"max-seconds", ONP_OPTION_REAL, "S", "for all of it, rows and networks (default: 300)",
     offsetof(validate_args, seconds), 1, 86400},
    {"seed", ONP_OPTION_INT, "N", "of networks and order (default: the config's, else 1)",
     offsetof(validate_args, seed), 1, 1e15},
    ONP_OPTION_SET,
    ONP_OPTION_SKIP_BAD,
    ONP_OPTION_END,
};

typedef struct session {
    onp_app *app;
    const validate_args *args;
    const onp_source *source;
    onp_target_args target;
    onp_store *store;
    onp_runner *runner;
    onp_profile_mode mode;
    int64_t platform;
    onp_block *blocks;
    int32_t n_blocks;
    onp_block_paths paths, networks;
    onp_profile_whole *whole; /* [PASSES][networks] */
    onp_validated *v;         /* of the networks that could be measured; by the rows of now */
    int32_t *network;         /* of each of v */
    onp_validated *then;      /* by the rows that were there; n_then is 0 when some were missing */
    double *sum_then;         /* of each network; 0: rows were missing */
    size_t n, n_then;
} session;

static uint64_t seed_of(const session *s)
{
    return s->args->seed > 0      ? (uint64_t)s->args->seed
           : s->source->is_config ? (uint64_t)s->source->config.seed
                                  : 1;
}

/* ---- before ---- */

static onp_status sum_of(session *s, int32_t network, onp_estimate_total *total, onp_error *err)
{
    return onp_estimate_blocks(s->store, s->platform, onp_block_path(&s->networks, network),
                               onp_block_path_length(&s->networks, network), NULL, NULL, total,
                               err);
}

/* What the table says of the networks before its rows are measured again. */
static onp_status look_before(session *s, onp_error *err)
{
    for (int32_t i = 0; i < s->networks.n; i++) {
        onp_estimate_total total = {0};
        onp_error why = {0};
        onp_status st = sum_of(s, i, &total, &why);
        if (st != ONP_OK && st != ONP_E_MISSING)
            return onp_fail(err, st, "%s", why.msg);
        s->sum_then[i] = st == ONP_OK ? total.sum_ns : 0;
    }
    return ONP_OK;
}

static onp_status prepare(session *s, onp_error *err)
{
    const onp_context *ctx = &s->app->ctx;
    const int64_t n = s->args->networks > 0 ? s->args->networks : NETWORKS;
    ONP_TRY(onp_profile_platform(s->store, s->runner, 0, s->mode, &s->platform, err));
    ONP_TRY(onp_trust_supersede(s->store, s->platform, NULL, err));
    ONP_TRY(onp_networks_choose(s->app, s->source->space, s->store, s->platform, (int32_t)n,
                                seed_of(s), &s->networks, err));
    ONP_TRY(onp_space_cover(ctx, s->source->space, seed_of(s), ONP_PROFILE_ROUNDS, &s->paths, err));
    ONP_TRY(onp_space_blocks(ctx, s->source->space, &s->blocks, &s->n_blocks, err));
    const size_t count = (size_t)s->networks.n;
    s->whole = onp_alloc(ctx, PASSES * count, sizeof *s->whole);
    s->v = onp_alloc(ctx, count, sizeof *s->v);
    s->network = onp_alloc(ctx, count, sizeof *s->network);
    s->then = onp_alloc(ctx, count, sizeof *s->then);
    s->sum_then = onp_alloc(ctx, count, sizeof *s->sum_then);
    if (s->whole == NULL || s->v == NULL || s->network == NULL || s->then == NULL ||
        s->sum_then == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    return look_before(s, err);
}

/* ---- measuring ---- */

static onp_status measure(session *s, onp_profile_result *result, onp_error *err)
{
    const double seconds = s->args->seconds > 0 ? s->args->seconds : BUDGET_SECONDS;
    const onp_profile_options o = {
        .mode = s->mode,
        .paths = &s->paths,
        .space = s->source->space->spec.name,
        .networks = &s->networks,
        .whole = s->whole,
        .passes = PASSES,
        .budget_ns = (int64_t)(seconds * 1e9),
        .seed = seed_of(s),
        .target = onp_target_text(&s->target),
        .command = s->app->command,
        .stop = onp_interrupt_flag(),
        .progress = s->app->progress,
    };
    return onp_profile(s->store, s->runner, s->blocks, s->n_blocks, &o, result, err);
}

/* Every second pass is the repetition. False: it could not be measured, and it has been told why.
 */
static bool take_passes(const session *s, int32_t network, onp_validated *out)
{
    double ns[2] = {0, 0}, raw_ns = 0;
    int n[2] = {0, 0};
    for (int pass = 0; pass < PASSES; pass++) {
        const onp_profile_whole *w = &s->whole[pass * s->networks.n + network];
        ns[pass % 2] += (double)w->ns;
        raw_ns += (double)w->raw_ns;
        n[pass % 2] += w->ns > 0;
    }
    if (n[0] == 0 || n[1] == 0)
        return false;
    *out = (onp_validated){
        .measured_ns = ns[0] / n[0], .repeated_ns = ns[1] / n[1], .raw_ns = raw_ns / (n[0] + n[1])};
    return true;
}

static onp_status collect(session *s, onp_error *err)
{
    for (int32_t i = 0; i < s->networks.n; i++) {
        onp_estimate_total total = {0};
        if (!take_passes(s, i, &s->v[s->n]))
            continue;
        ONP_TRY(sum_of(s, i, &total, err));
        s->v[s->n].sum_ns = total.sum_ns;
        s->v[s->n].n_ops = total.n_ops;
        if (s->sum_then[i] > 0) {
            s->then[s->n_then] = s->v[s->n];
            s->then[s->n_then++].sum_ns = s->sum_then[i];
        }
        s->network[s->n++] = i;
    }
    return ONP_OK;
}

/* ---- after ---- */

static onp_status store_one(session *s, int64_t run, const onp_validated *v, int32_t network,
                            onp_error *err)
{
    char hash[ONP_SHA256_HEX];
    ONP_TRY(onp_block_path_hash(&s->app->ctx, onp_block_path(&s->networks, network),
                                onp_block_path_length(&s->networks, network), hash, err));
    const onp_validation row = {.hash = hash,
                                .test = v->test,
                                .sum_ns = llround(v->sum_ns),
                                .predicted_ns = llround(v->predicted_ns),
                                .lo_ns = llround(v->lo_ns),
                                .hi_ns = llround(v->hi_ns),
                                .measured_ns = llround(v->measured_ns),
                                .repeated_ns = llround(v->repeated_ns)};
    return onp_store_validation_add(s->store, run, &row, err);
}

static onp_status store_all(session *s, int64_t run, const onp_validation_report *report,
                            onp_error *err)
{
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s->store, &tx, err));
    onp_status st = onp_store_calibration_set(s->store, s->platform, run, &report->all, err);
    for (size_t i = 0; i < s->n && st == ONP_OK; i++)
        st = store_one(s, run, &s->v[i], s->network[i], err);
    return onp_store_end(s->store, &tx, st, err);
}

static onp_status validate(session *s, onp_error *err)
{
    onp_profile_result result;
    onp_validation_report report, then = {.n = 0};
    char label[512];
    ONP_TRY(prepare(s, err));
    ONP_TRY(measure(s, &result, err));
    ONP_TRY(collect(s, err));
    ONP_TRY(onp_validation_judge(&s->app->ctx, s->v, s->n, &report, err));
    if (s->n_then == s->n) /* else the rows of before say little */
        ONP_TRY(onp_validation_judge(&s->app->ctx, s->then, s->n_then, &then, err));
    ONP_TRY(store_all(s, result.run, &report, err));
    onp_target_label(s->runner, label, sizeof label);
    const onp_validation_page page = {.label = label,
                                      .mode = onp_profile_mode_names[result.mode],
                                      .db = onp_store_path(s->store),
                                      .profile = &result,
                                      .report = &report,
                                      .then = then.n > 0 ? &then : NULL,
                                      .v = s->v,
                                      .network = s->network,
                                      .networks = &s->networks};
    return onp_validation_print(s->app, &page, err);
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const validate_args *a = args;
    const char *path = a->all.operands[0];
    onp_source source;
    ONP_TRY(onp_source_open(app, path, ONP_SOURCE_SPACE | ONP_SOURCE_CONFIG, &source, err));
    session s = {.app = app, .args = a, .source = &source, .target = a->target};
    onp_status st = ONP_OK;
    if (source.is_config) {
        ONP_TRY_GOTO(onp_target_from_config(&source.config, &s.target, err));
        ONP_TRY_GOTO(onp_run_fit_space(app, &source.config, err));
    }
    s.mode = onp_target_mode(a->mode, source.is_config ? (onp_profile_mode)source.config.target.mode
                                                       : ONP_PROFILE_AUTO);
    ONP_TRY_GOTO(onp_table_open(app, path, ONP_SQL_CREATE, &s.store, err));
    ONP_TRY_GOTO(onp_target_open(app, &s.target, &s.runner, err));
    st = validate(&s, err);
done:
    onp_runner_close(s.runner);
    onp_store_close(s.store);
    onp_block_paths_reset(&app->ctx, &s.paths);
    onp_block_paths_reset(&app->ctx, &s.networks);
    onp_free(&app->ctx, s.blocks);
    onp_free(&app->ctx, s.whole);
    onp_free(&app->ctx, s.v);
    onp_free(&app->ctx, s.network);
    onp_free(&app->ctx, s.then);
    onp_free(&app->ctx, s.sum_then);
    onp_source_close(&source);
    return st;
}

const onp_verb onp_verb_table_validate = {
    .name = "validate",
    .operands = "SPACE|CONFIG",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "measure networks of all sizes and see how well the table predicts them",
    .about =
        "In one session, in random order, the rows of the table are measured again and, six "
        "times each, networks that rows are not made of: the corners of the space and others "
        "from all over its range. A third of them calibrate the sum of rows, the others test it. "
        "What is measured is stored: rows, networks, and a calibration by all networks.",
    .options = options,
    .args_size = sizeof(validate_args),
    .run = run,
};
