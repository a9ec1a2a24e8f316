/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time and memory of supernet steps on random images; one JSON line. See usage() below.
 *
 * A weight step is forward, backward and SGD of one path. An architecture step is forward and
 * backward without weight gradients, the other candidates forward for their gates, and the update
 * of alpha is left out: it takes microseconds. A full step is in bench/full.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "bench/common.h"
#include "bench/full.h"
#include "ops/gemm.h"
#include "ops/kernels.h"
#include "supernet/space.h"
#include "supernet/step.h"

#define MAX_PATHS 1024
#define MAX_STEPS 100000

enum { MODE_WEIGHTS, MODE_TWO_PATHS, MODE_ALL_PATHS, MODE_FULL };
static const char *const mode_names[] = {"weights", "two-paths", "all-paths", "full", NULL};

enum { HOME_MEMORY, HOME_MAPPED };
static const char *const home_names[] = {"memory", "mapped", NULL};

static const onp_sgd sgd = {.lr = 0.05, .momentum = 0.9, .decay = 4e-5};

typedef struct settings {
    const char *space, *path, *paths, *label, *recompute, *weights_file;
    int mode, weights;
    int64_t threads, batch, steps, weights_mib;
    double seconds;
} settings;

typedef struct bench {
    onp_context ctx;
    settings s;
    onp_space *space;
    onp_supernet *net;
    onp_step *step;
    bench_full *full; /* of that mode */
    onp_recompute recompute;
    size_t limit_bytes; /* auto: what arena and scratch may take */
    int32_t paths[MAX_PATHS][ONP_MAX_POSITIONS];
    int n_paths;
    double loss; /* of the last step */
    bool wanted[ONP_MAX_POSITIONS][ONP_MAX_CANDIDATES];
    double gates[ONP_MAX_POSITIONS][ONP_MAX_CANDIDATES];
    double ms[MAX_STEPS];
} bench;

static void usage(FILE *out)
{
    (void)fputs(
        "usage: step --space FILE [--batch N] [--mode weights|two-paths|all-paths|full] [--threads "
        "T]\n"
        "            [--path NAME | --paths FILE] [--recompute none|cheap|blocks|sqrt|auto:MIB]\n"
        "            [--weights memory|mapped] [--weights-file FILE] [--weights-mib M]\n"
        "            [--seconds S | --steps N] [--label TEXT]\n"
        "  --space      search space (YAML)\n"
        "  --batch      images a step (64)\n"
        "  --mode       weights: a weight step; two-paths, all-paths: an architecture step; full:\n"
        "               weights and alpha by the sum over all paths, for comparison (weights)\n"
        "  --threads    of this process (all processors)\n"
        "  --path       one path for all steps, as `onepath graph --path` takes it\n"
        "  --paths      a file with one path a line, taken in turn; without either, uniform draws\n"
        "  --recompute  what the backward pass computes again (cheap; full: none)\n"
        "  --weights  where those of all paths live (memory); mapped: in a scratch file beside\n"
        "             --weights-file (./weights), --weights-mib of them in memory (0: what there "
        "is)\n"
        "  --seconds    how long (5), at least 5 steps; --steps: how many\n"
        "  --label      printed with the result\n"
        "One JSON line: ms_mean, ms_median, ms_min, images_per_s; step_mib, the growth of the "
        "peak\n"
        "resident memory over the built model; arena_bytes, the largest plan. Two steps of "
        "warm-up\n"
        "are not counted.\n",
        out);
}

static bool parse(int argc, char **argv, settings *s)
{
    *s = (settings){.batch = 64, .seconds = 5, .label = "", .weights_file = "weights"};
    const bench_option options[] = {
        {"space", BENCH_TEXT, &s->space, NULL},
        {"path", BENCH_TEXT, &s->path, NULL},
        {"paths", BENCH_TEXT, &s->paths, NULL},
        {"label", BENCH_TEXT, &s->label, NULL},
        {"mode", BENCH_CHOICE, &s->mode, mode_names},
        {"recompute", BENCH_TEXT, &s->recompute, NULL},
        {"weights", BENCH_CHOICE, &s->weights, home_names},
        {"weights-file", BENCH_TEXT, &s->weights_file, NULL},
        {"weights-mib", BENCH_INT, &s->weights_mib, NULL},
        {"threads", BENCH_INT, &s->threads, NULL},
        {"batch", BENCH_INT, &s->batch, NULL},
        {"steps", BENCH_INT, &s->steps, NULL},
        {"seconds", BENCH_REAL, &s->seconds, NULL},
    };
    if (!bench_parse(argc, argv, options, ONP_COUNT(options), NULL))
        return false;
    if (s->recompute == NULL)
        s->recompute =
            onp_recompute_names[s->mode == MODE_FULL ? ONP_RECOMPUTE_NONE : ONP_RECOMPUTE_CHEAP];
    return s->space != NULL && s->batch > 0 && s->batch <= 65536 && s->steps <= MAX_STEPS;
}

static onp_status read_recompute(bench *b, onp_error *err)
{
    const char *text = b->s.recompute;
    char *end = NULL;
    for (int i = 0; i < ONP_RECOMPUTE_COUNT; i++)
        if (strcmp(text, onp_recompute_names[i]) == 0) {
            b->recompute = (onp_recompute)i;
            return ONP_OK;
        }
    const long long mib = strncmp(text, "auto:", 5) == 0 ? strtoll(text + 5, &end, 10) : 0;
    if (mib < 1 || *end != '\0' || b->s.mode == MODE_FULL)
        return onp_fail(err, ONP_E_USAGE,
                        "--recompute %s: wanted none, cheap, blocks, sqrt or (but for full) "
                        "auto:MIB",
                        text);
    b->limit_bytes = (size_t)mib * ONP_MIB;
    return ONP_OK;
}

static onp_status read_paths(bench *b, onp_error *err)
{
    if (b->s.path != NULL) {
        b->n_paths = 1;
        return onp_space_path_parse(b->space, b->s.path, b->paths[0], err);
    }
    if (b->s.paths == NULL)
        return ONP_OK;
    char *text = NULL;
    size_t size = 0;
    ONP_TRY(onp_file_read(&b->ctx, b->s.paths, ONP_MIB, &text, &size, err));
    onp_status st = ONP_OK;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && st == ONP_OK;
         line = strtok_r(NULL, "\n", &rest)) {
        st = b->n_paths < MAX_PATHS
                 ? onp_space_path_parse(b->space, line, b->paths[b->n_paths], err)
                 : onp_fail(err, ONP_E_RANGE, "%s: more than %d paths", b->s.paths, MAX_PATHS);
        b->n_paths++;
    }
    onp_free(&b->ctx, text);
    return st;
}

static onp_status build(bench *b, onp_error *err)
{
    ONP_TRY(read_recompute(b, err));
    ONP_TRY(onp_kernels_choose(&b->ctx, NULL, err));
    ONP_TRY(onp_parallel_start((int)b->s.threads, true, err));
    ONP_TRY(onp_space_load(&b->ctx, b->s.space, NULL, &b->space, err));
    ONP_TRY(read_paths(b, err));
    ONP_TRY(onp_supernet_new_mapped(&b->ctx, b->space->positions, b->space->n_positions, 1e-3, 1,
                                    b->s.weights == HOME_MAPPED ? b->s.weights_file : NULL,
                                    (size_t)b->s.weights_mib * ONP_MIB, &b->net, err));
    ONP_TRY(onp_step_new(&b->ctx, b->net, b->s.batch, &b->step, err));
    onp_step_set_recompute(b->step, b->recompute, b->limit_bytes);
    const onp_rng rng = onp_rng_make(1, ONP_RNG_TEST);
    const onp_space_spec *in = &b->space->spec;
    float *x = onp_step_images(b->step);
    for (int64_t i = 0; i < b->s.batch * in->in_h * in->in_w * in->in_c; i++)
        x[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 0);
    for (int64_t i = 0; i < b->s.batch; i++)
        onp_step_labels(b->step)[i] = (int32_t)(i % in->classes);
    if (b->s.mode == MODE_FULL)
        return bench_full_new(&b->ctx, b->net, b->s.batch, x, onp_step_labels(b->step), &b->full,
                              err);
    return ONP_OK;
}

/* The pair of an architecture step: this path, and the next one's candidate, or where they agree
 * the other expansion. */
static void choose_others(bench *b, const int32_t *path, const int32_t *next)
{
    memset(b->wanted, 0, sizeof b->wanted);
    for (int32_t i = 0; i < b->net->n_positions; i++) {
        const int n = b->net->positions[i].n;
        for (int c = 0; c < n && b->s.mode == MODE_ALL_PATHS; c++)
            b->wanted[i][c] = c != path[i];
        if (b->s.mode == MODE_TWO_PATHS && n > 1)
            b->wanted[i][next[i] != path[i] ? next[i] : (path[i] ^ 1) % n] = true;
    }
}

static onp_status one_step(bench *b, int64_t i, onp_error *err)
{
    const onp_rng rng = onp_rng_make(2, ONP_RNG_TEST);
    int32_t drawn[2][ONP_MAX_POSITIONS];
    const int32_t *path = drawn[0], *next = drawn[1];
    onp_step_result r;
    if (b->full != NULL)
        return bench_full_step(b->full, b->recompute, &sgd, &r.loss, err);
    if (b->n_paths > 0) {
        path = b->paths[i % b->n_paths];
        next = b->paths[(i + 1) % b->n_paths];
    } else {
        onp_supernet_draw(b->net, rng, (uint64_t)i, drawn[0]);
        onp_supernet_draw(b->net, rng, (uint64_t)i + 1, drawn[1]);
    }
    if (b->s.mode == MODE_WEIGHTS) {
        onp_supernet_want(b->net, next);
        ONP_TRY(onp_step_train(b->step, b->s.batch, path, &sgd, 0.1, &r, err));
        b->loss = r.loss;
        return ONP_OK;
    }
    choose_others(b, path, next);
    return onp_step_gates(b->step, b->s.batch, path, (const bool(*)[ONP_MAX_CANDIDATES])b->wanted,
                          b->gates, &r, err);
}

static void print(bench *b, int64_t n, int64_t model_kib, size_t arena_bytes)
{
    const bench_stats s = bench_summarise(b->ms, n);
    const int64_t peak_kib = bench_peak_kib();
    (void)printf(
        "{\"bench\": \"step\", \"space\": \"%s\", \"mode\": \"%s\", \"batch\": %" PRId64
        ", \"threads\": %d, \"recompute\": \"%s\", \"label\": \"%s\", \"kernels\": \"%s\", "
        "\"blas_core\": \"%s\", \"ms_mean\": %.3f, \"ms_median\": %.3f, \"ms_min\": %.3f, "
        "\"steps\": %" PRId64 ", \"images_per_s\": %.1f, \"peak_rss_mib\": %.1f, "
        "\"rss_after_model_mib\": %.1f, \"step_mib\": %.1f, \"arena_bytes\": %zu, "
        "\"weights\": \"%s\", \"weights_bytes\": %zu, \"last_loss\": %.17g}\n",
        b->space->spec.name, mode_names[b->s.mode], b->s.batch, onp_parallel_threads(),
        b->s.recompute, b->s.label, b->ctx.kernels->name, onp_blas_core(), s.mean, s.median, s.min,
        n, 1e3 * (double)b->s.batch / s.mean, (double)peak_kib / 1024.0, (double)model_kib / 1024.0,
        (double)(peak_kib - model_kib) / 1024.0, arena_bytes, home_names[b->s.weights],
        b->net->memory.bytes, b->loss);
}

static onp_status run(bench *b, onp_error *err)
{
    ONP_TRY(build(b, err));
    const int64_t model_kib = bench_resident_kib();
    size_t arena_bytes = 0;
    for (int64_t i = 0; i < 2; i++)
        ONP_TRY(one_step(b, i, err));
    const int64_t end = onp_now_ns() + (int64_t)(b->s.seconds * 1e9);
    int64_t n = 0;
    while (b->s.steps > 0 ? n < b->s.steps : n < MAX_STEPS && (n < 5 || onp_now_ns() < end)) {
        const int64_t start = onp_now_ns();
        ONP_TRY(one_step(b, n, err));
        b->ms[n++] = (double)(onp_now_ns() - start) / 1e6;
        const size_t arena = b->full != NULL ? bench_full_info(b->full).arena_bytes
                                             : onp_step_info(b->step).arena_bytes;
        arena_bytes = arena > arena_bytes ? arena : arena_bytes;
    }
    print(b, n, model_kib, arena_bytes);
    return ONP_OK;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    bench *b = calloc(1, sizeof *b);
    if (b == NULL || !parse(argc, argv, &b->s)) {
        usage(stderr);
        free(b);
        return 2;
    }
    onp_error err = {0};
    onp_context_init(&b->ctx);
    onp_status st = run(b, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "error: %s\n", err.msg);
    bench_full_free(b->full);
    onp_step_free(b->step);
    onp_supernet_free(b->net);
    onp_space_free(b->space);
    free(b);
    return onp_status_exit_code(st);
}
