/* SPDX-License-Identifier: Apache-2.0 */
/* onepath bench ARCH|RUN: the latency of a whole network, measured and predicted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/interrupt.h"
#include "cli/predict.h"
#include "cli/run_options.h"
#include "cli/source.h"
#include "cli/table.h"
#include "cli/target.h"
#include "latency/measure/stats.h"
#include "latency/table/profile.h"

enum { MAX_ROUNDS = 99, ROUNDS_ALONE = 1, ROUNDS_AGAINST = 9 };
#define SECONDS_ALONE   5.0
#define SECONDS_AGAINST 1.0

typedef struct bench_args {
    onp_args all;
    onp_target_args target;
    const char *vs, *mode;
    int64_t rounds;
    double seconds;
} bench_args;

static const onp_option options[] = {
    ONP_OPTIONS_TARGET(bench_args, target),
    ONP_OPTION_KERNELS,
    ONP_OPTION_DB,
    ONP_OPTION_MODE(bench_args, mode),
    {"vs", ONP_OPTION_TEXT, "ARCH|RUN", "a second network, measured in turn with the first",
     offsetof(bench_args, vs), 0, 0},
    {"rounds", ONP_OPTION_INT, "N", "measurements of each network (default: 1, with --vs 9)",
     offsetof(bench_args, rounds), 1, MAX_ROUNDS},
    {"max-seconds", ONP_OPTION_REAL, "S", "time of one measurement (default: 5, with --vs 1)",
     offsetof(bench_args, seconds), 0.01, 3600},
    ONP_OPTION_END,
};

typedef struct contender {
    const char *name;
    onp_source source;
    onp_measurement round[MAX_ROUNDS];
    int64_t median_ns, lo_ns, hi_ns; /* of one round: its interval; of several: their range */
    int64_t n_samples;
    int n_noisy; /* rounds */
    onp_prediction predicted;
} contender;

typedef struct bench {
    onp_app *app;
    const bench_args *args;
    onp_runner *runner;
    contender *c; /* 1, with --vs 2 */
    int n, rounds;
    double ratio, ratio_lo, ratio_hi; /* second / first: median and range over the rounds */
} bench;

/* ---- measuring ---- */

/* Networks take turns at being first, so that what changes slowly meets both alike. */
static onp_status measure_rounds(bench *b, const onp_profile_options *profile, onp_error *err)
{
    for (int i = 0; i < b->rounds * b->n; i++) {
        const int round = i / b->n;
        contender *c = &b->c[(i + round) % b->n];
        const onp_arch *arch = c->source.arch;
        ONP_TRY(onp_profile_network(NULL, b->runner, arch->blocks, arch->n_blocks, NULL, profile,
                                    &c->round[round], err));
        onp_progress_step(b->app->progress, i + 1, "%s", c->name);
    }
    return ONP_OK;
}

static onp_status measure(bench *b, onp_error *err)
{
    const double seconds = b->args->seconds > 0 ? b->args->seconds
                           : b->n > 1           ? SECONDS_AGAINST
                                                : SECONDS_ALONE;
    const onp_profile_options profile = {.max_block_ns = (int64_t)(seconds * 1e9),
                                         .stop = onp_interrupt_flag()};
    onp_progress_begin(b->app->progress, "bench", (int64_t)b->rounds * b->n);
    onp_status st = measure_rounds(b, &profile, err);
    onp_progress_end(b->app->progress);
    return st;
}

static void summarise(contender *c, int rounds)
{
    int64_t medians[MAX_ROUNDS];
    c->lo_ns = rounds > 1 ? c->round[0].median_ns : c->round[0].ci95_lo_ns;
    c->hi_ns = rounds > 1 ? c->round[0].median_ns : c->round[0].ci95_hi_ns;
    for (int i = 0; i < rounds; i++) {
        const onp_measurement *m = &c->round[i];
        medians[i] = m->median_ns;
        c->n_samples += m->n;
        c->n_noisy += m->quality != ONP_QUALITY_OK;
        if (rounds > 1 && m->median_ns < c->lo_ns)
            c->lo_ns = m->median_ns;
        if (rounds > 1 && m->median_ns > c->hi_ns)
            c->hi_ns = m->median_ns;
    }
    c->median_ns = onp_stats_median(medians, (size_t)rounds);
}

static int compare_reals(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(bench *b)
{
    double ratio[MAX_ROUNDS];
    for (int i = 0; i < b->rounds; i++)
        ratio[i] = (double)b->c[1].round[i].median_ns / (double)b->c[0].round[i].median_ns;
    qsort(ratio, (size_t)b->rounds, sizeof *ratio, compare_reals);
    b->ratio = (ratio[(b->rounds - 1) / 2] + ratio[b->rounds / 2]) / 2;
    b->ratio_lo = ratio[0];
    b->ratio_hi = ratio[b->rounds - 1];
}

/* ---- predicting ---- */

/* By the latencies that a run used, when the network is a run's. *done tells whether it was. */
static onp_status predict_by_own(bench *b, contender *c, bool *done, onp_error *err)
{
    char path[ONP_APP_PATH];
    ONP_TRY(onp_path_join(path, sizeof path, c->name, "run.db", err));
    *done = onp_file_exists(path);
    return *done ? onp_predict_by_run(b->app, path, c->source.arch, &c->predicted, err) : ONP_OK;
}

static onp_status predict_by_table(bench *b, const char *path, contender *c, onp_error *err)
{
    onp_store *store = NULL;
    int64_t platform = 0;
    ONP_TRY(onp_store_open(&b->app->ctx, path, ONP_SQL_EXISTING, &store, err));
    const onp_profile_mode mode = onp_target_mode(b->args->mode, ONP_PROFILE_AUTO);
    onp_status st = onp_profile_platform(store, b->runner, 0, mode, &platform, err);
    if (st == ONP_OK)
        st = onp_predict_by_table(b->app, store, platform, c->source.arch, &c->predicted, err);
    onp_store_close(store);
    return st;
}

/* A table that is asked for comes first, then the run's own rows, then a table that is there. */
static onp_status predict(bench *b, contender *c, onp_error *err)
{
    char path[ONP_APP_PATH];
    bool done = false;
    ONP_TRY(onp_app_db_path(b->app, NULL, path, sizeof path, err));
    if (b->app->args->db == NULL)
        ONP_TRY(predict_by_own(b, c, &done, err));
    if (done)
        return ONP_OK;
    if (b->app->args->db == NULL && !onp_file_exists(path)) {
        onp_log(&b->app->ctx, ONP_LOG_INFO, "no prediction: there is no %s", path);
        return ONP_OK;
    }
    return predict_by_table(b, path, c, err);
}

/* ---- what is said of it ---- */

static double to_ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static double error_percent(const contender *c)
{
    return 100 * (c->predicted.ms / to_ms(c->median_ns) - 1);
}

static json_t *contender_to_json(const contender *c)
{
    json_t *error = c->predicted.known ? json_real(error_percent(c)) : json_null();
    json_t *root = json_pack("{s:s, s:f, s:f, s:f, s:I, s:i, s:o}", "network", c->name,
                             "measured_ms", to_ms(c->median_ns), "lo_ms", to_ms(c->lo_ns), "hi_ms",
                             to_ms(c->hi_ns), "samples", (json_int_t)c->n_samples, "noisy_rounds",
                             c->n_noisy, "prediction_error_percent", error);
    json_t *predicted = onp_prediction_to_json(&c->predicted);
    if (root == NULL || predicted == NULL || json_object_update(root, predicted) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(predicted);
    return root;
}

static json_t *bench_to_json(const bench *b, const char *label)
{
    json_t *root = contender_to_json(&b->c[0]);
    json_t *about =
        json_pack("{s:s, s:i, s:s}", "platform", label, "rounds", b->rounds, "statistic",
                  b->rounds > 1 ? "median of the rounds' medians, and their range"
                                : "median of the samples, and its 95 % interval");
    if (json_object_update(root, about) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(about);
    if (root == NULL || b->n == 1)
        return root;
    return json_pack("{s:o, s:o, s:f, s:f, s:f}", "first", root, "second",
                     contender_to_json(&b->c[1]), "ratio", b->ratio, "ratio_lo", b->ratio_lo,
                     "ratio_hi", b->ratio_hi);
}

static void print_contender(const contender *c, int rounds)
{
    (void)printf("%.4f ms  %s: median of %" PRId64 " samples in %d %s, %s %.4f..%.4f%s\n",
                 to_ms(c->median_ns), c->name, c->n_samples, rounds,
                 rounds > 1 ? "rounds" : "round", rounds > 1 ? "rounds" : "95 % interval",
                 to_ms(c->lo_ns), to_ms(c->hi_ns), c->n_noisy > 0 ? ", noisy" : "");
    char how[256];
    if (!c->predicted.known)
        return;
    onp_prediction_text(&c->predicted, how, sizeof how);
    (void)printf("%.4f ms  predicted, %+.1f %%: %s\n", c->predicted.ms, error_percent(c), how);
}

static onp_status print_bench(bench *b, onp_error *err)
{
    char label[512];
    onp_target_label(b->runner, label, sizeof label);
    if (b->app->args->json)
        return onp_app_print(b->app, bench_to_json(b, label), err);
    for (int i = 0; i < b->n; i++)
        print_contender(&b->c[i], b->rounds);
    if (b->n > 1)
        (void)printf("%.4f     second / first: median of %d rounds, %.4f..%.4f\n", b->ratio,
                     b->rounds, b->ratio_lo, b->ratio_hi);
    (void)printf("on %s\n", label);
    return ONP_OK;
}

/* ---- the verb ---- */

/* The option, else what the runs among the networks were searched for, else 0. */
static onp_status target_threads(const bench *b, int64_t *out, onp_error *err)
{
    int64_t threads = b->args->target.threads;
    for (int i = 0; i < b->n && b->args->target.threads == 0; i++) {
        int64_t n = 0;
        ONP_TRY(onp_run_target_threads(b->app, b->c[i].name, &n, err));
        if (n > 0 && threads > 0 && n != threads)
            return onp_fail(err, ONP_E_USAGE,
                            "%s is for %" PRId64 " threads, %s for %" PRId64
                            ": name one with --target-threads",
                            b->c[0].name, threads, b->c[i].name, n);
        threads = n > 0 ? n : threads;
    }
    *out = threads;
    return ONP_OK;
}

static onp_status run_bench(bench *b, onp_error *err)
{
    onp_target_args target = b->args->target;
    for (int i = 0; i < b->n; i++)
        ONP_TRY(onp_source_open(b->app, b->c[i].name, ONP_SOURCE_ARCH, &b->c[i].source, err));
    ONP_TRY(target_threads(b, &target.threads, err));
    ONP_TRY(onp_target_open(b->app, &target, &b->runner, err));
    for (int i = 0; i < b->n; i++)
        ONP_TRY(predict(b, &b->c[i], err));
    ONP_TRY(measure(b, err));
    for (int i = 0; i < b->n; i++)
        summarise(&b->c[i], b->rounds);
    if (b->n > 1)
        compare(b);
    return print_bench(b, err);
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const bench_args *a = args;
    bench b = {.app = app, .args = a, .n = a->vs != NULL ? 2 : 1};
    b.rounds = a->rounds > 0 ? (int)a->rounds : b.n > 1 ? ROUNDS_AGAINST : ROUNDS_ALONE;
    b.c = onp_alloc(&app->ctx, (size_t)b.n, sizeof *b.c);
    if (b.c == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    b.c[0].name = a->all.operands[0];
    if (b.n > 1)
        b.c[1].name = a->vs;
    onp_status st = run_bench(&b, err);
    onp_runner_close(b.runner);
    for (int i = 0; i < b.n; i++)
        onp_source_close(&b.c[i].source);
    onp_free(&app->ctx, b.c);
    return st;
}

const onp_verb onp_verb_bench = {
    .name = "bench",
    .operands = "ARCH|RUN",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "the latency of a whole network: measured, and predicted by the table",
    .options = options,
    .args_size = sizeof(bench_args),
    .run = run,
};
