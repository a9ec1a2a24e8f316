/* SPDX-License-Identifier: Apache-2.0 */
/* Latency of a folded network; one JSON line. See usage() below. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parallel.h"
#include "bench/common.h"
#include "bench/season.h"
#include "ops/gemm.h"
#include "ops/kernels.h"
#include "supernet/fold.h"
#include "supernet/space.h"

typedef struct bench {
    onp_context ctx;
    const char *network, *path, *image, *dump, *save;
    int64_t threads, batch;
    double seconds;
    onp_model *model;
    onp_folded net;
    onp_plan *plan;
} bench;

static void usage(FILE *out)
{
    (void)fputs(
        "usage: infer MODEL|ARCH|SPACE [--path NAME] [--threads T] [--batch N] [--seconds S]\n"
        "             [--image FILE] [--dump NAME] [--save FOLDER]\n"
        "  MODEL      a folder with arch.json and model.safetensors\n"
        "  ARCH       a net.config JSON; SPACE: YAML, its path by --path. Both get random weights\n"
        "  --threads  of this process (1)\n"
        "  --batch    images at a time (1)\n"
        "  --seconds  how long (3)\n"
        "  --image    float32 input, [batch][channels][rows][columns]; else random numbers\n"
        "  --dump     writes NAME.in.f32 (as --image) and NAME.out.f32, the logits\n"
        "  --save     writes the network with its weights as a MODEL\n"
        "One JSON line: ms_median, ms_min, ms_p90, runs; max_error, the largest difference of a\n"
        "logit to the same network with its batch norms not folded; arena_bytes.\n",
        out);
}

/* ---- the network ---- */

static onp_status open_space(bench *b, onp_error *err)
{
    onp_space *space = NULL;
    int32_t path[ONP_MAX_POSITIONS];
    onp_block *blocks = NULL;
    ONP_TRY(onp_space_load(&b->ctx, b->network, NULL, &space, err));
    onp_status st = b->path != NULL
                        ? onp_space_path_parse(space, b->path, path, err)
                        : onp_fail(err, ONP_E_USAGE, "%s is a space: wanted --path", b->network);
    if (st == ONP_OK &&
        (blocks = onp_alloc(&b->ctx, (size_t)space->n_positions, sizeof *blocks)) == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "out of memory");
    for (int32_t i = 0; st == ONP_OK && i < space->n_positions; i++)
        blocks[i] = space->positions[i].candidate[path[i]];
    if (st == ONP_OK)
        st = onp_model_new(&b->ctx, blocks, space->n_positions, ONP_ARCH_BN_EPS, 1, &b->model, err);
    onp_free(&b->ctx, blocks);
    onp_space_free(space);
    return st;
}

static onp_status open_network(bench *b, onp_error *err)
{
    struct stat s;
    const char *dot = strrchr(b->network, '.');
    if (stat(b->network, &s) == 0 && S_ISDIR(s.st_mode))
        return onp_model_load(&b->ctx, b->network, &b->model, err);
    if (dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)) {
        ONP_TRY(open_space(b, err));
    } else {
        onp_arch *arch = NULL;
        ONP_TRY(onp_arch_load(&b->ctx, b->network, &arch, err));
        ONP_TRY(onp_model_from_arch(&b->ctx, arch, 1, &b->model, err));
    }
    return bench_season(b->model, 1, err);
}

/* ---- input and output ---- */

/* Between our order, [h][w][c], and that of files, [c][h][w]. */
static void reorder(const onp_arch *a, int64_t batch, const float *from, float *to, bool to_file)
{
    const int64_t pixels = (int64_t)a->in_h * a->in_w, c = a->in_c;
    for (int64_t n = 0; n < batch; n++)
        for (int64_t i = 0; i < pixels; i++)
            for (int64_t k = 0; k < c; k++) {
                const int64_t ours = (n * pixels + i) * c + k, file = (n * c + k) * pixels + i;
                to[to_file ? file : ours] = from[to_file ? ours : file];
            }
}

static onp_status read_input(bench *b, onp_error *err)
{
    const int64_t n = b->net.n_input;
    if (b->image == NULL) {
        const onp_rng rng = onp_rng_make(2, ONP_RNG_SYNTHETIC);
        for (int64_t i = 0; i < n; i++)
            b->net.input[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 0);
        return ONP_OK;
    }
    char *data = NULL;
    size_t size = 0;
    ONP_TRY(onp_file_read(&b->ctx, b->image, ONP_GIB, &data, &size, err));
    onp_status st = ONP_OK;
    if (size == (size_t)n * sizeof(float))
        reorder(b->model->arch, b->batch, (const float *)(const void *)data, b->net.input, false);
    else
        st = onp_fail(err, ONP_E_FORMAT, "%s: %zu bytes, wanted %zu", b->image, size,
                      (size_t)n * sizeof(float));
    onp_free(&b->ctx, data);
    return st;
}

static onp_status write_floats(const char *name, const char *end, const float *x, int64_t n,
                               onp_error *err)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s%s", name, end);
    FILE *f = fopen(path, "wb");
    const bool whole = f != NULL && fwrite(x, sizeof *x, (size_t)n, f) == (size_t)n;
    const bool closed = f != NULL && fclose(f) == 0;
    return whole && closed ? ONP_OK : onp_fail(err, ONP_E_IO, "%s: cannot be written", path);
}

static onp_status dump(bench *b, onp_error *err)
{
    float *x = onp_alloc(&b->ctx, (size_t)b->net.n_input, sizeof *x);
    if (x == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    reorder(b->model->arch, b->batch, b->net.input, x, true);
    onp_status st = write_floats(b->dump, ".in.f32", x, b->net.n_input, err);
    if (st == ONP_OK)
        st = write_floats(b->dump, ".out.f32", b->net.logits, b->net.n_logits, err);
    onp_free(&b->ctx, x);
    return st;
}

/* ---- running ---- */

/* Against evaluation mode, which applies batch norms instead of folding them. */
static onp_status compare(bench *b, double *max_error, onp_error *err)
{
    onp_step *step = NULL;
    onp_step_result r;
    ONP_TRY(onp_step_new(&b->ctx, b->model->net, b->batch, &step, err));
    float *logits = onp_alloc(&b->ctx, (size_t)b->net.n_logits, sizeof *logits);
    memcpy(onp_step_images(step), b->net.input, (size_t)b->net.n_input * sizeof(float));
    onp_status st = logits != NULL ? onp_step_infer(step, b->batch, b->model->path, b->model->stats,
                                                    logits, &r, err)
                                   : onp_fail(err, ONP_E_NOMEM, "out of memory");
    *max_error = 0;
    for (int64_t i = 0; st == ONP_OK && i < b->net.n_logits; i++)
        *max_error = fmax(*max_error, fabs((double)logits[i] - (double)b->net.logits[i]));
    onp_free(&b->ctx, logits);
    onp_step_free(step);
    return st;
}

static void run_plan(void *arg)
{
    onp_plan_run(arg);
}

static onp_status run(bench *b, onp_error *err)
{
    double error = 0;
    ONP_TRY(onp_kernels_choose(&b->ctx, NULL, err));
    ONP_TRY(onp_parallel_start((int)b->threads, true, err));
    ONP_TRY(open_network(b, err));
    ONP_TRY(onp_model_fold(b->model, b->batch, &b->net, err));
    ONP_TRY(read_input(b, err));
    ONP_TRY(onp_plan_new(&b->ctx, &b->plan, err));
    ONP_TRY(onp_plan_make(b->plan, b->net.g, &(onp_plan_options){.inference = true, .order = true},
                          err));
    onp_plan_run(b->plan);
    ONP_TRY(compare(b, &error, err));
    if (b->dump != NULL)
        ONP_TRY(dump(b, err));
    if (b->save != NULL)
        ONP_TRY(onp_model_save(b->model, b->save, err));
    const bench_stats s = bench_time(run_plan, b->plan, b->seconds, 10);
    const onp_plan_info info = onp_plan_get_info(b->plan);
    (void)printf("{\"bench\": \"infer\", \"network\": \"%s\", \"path\": \"%s\", \"batch\": %" PRId64
                 ", \"threads\": %d, \"kernels\": \"%s\", \"blas_core\": \"%s\", "
                 "\"ms_median\": %.4f, \"ms_min\": %.4f, \"ms_p90\": %.4f, \"runs\": %" PRId64
                 ", \"n_macs\": %" PRId64 ", \"max_error\": %.2e, \"arena_bytes\": %zu, "
                 "\"scratch_bytes\": %zu}\n",
                 b->network, b->path != NULL ? b->path : "", b->batch, onp_parallel_threads(),
                 b->ctx.kernels->name, onp_blas_core(), s.median, s.min, s.p90, s.n,
                 onp_arch_n_macs(b->model->arch), error, info.arena_bytes, info.scratch_bytes);
    return ONP_OK;
}

int main(int argc, char **argv)
{
    bench b = {.threads = 1, .batch = 1, .seconds = 3};
    const bench_option options[] = {
        {"path", BENCH_TEXT, &b.path, NULL},   {"threads", BENCH_INT, &b.threads, NULL},
        {"batch", BENCH_INT, &b.batch, NULL},  {"seconds", BENCH_REAL, &b.seconds, NULL},
        {"image", BENCH_TEXT, &b.image, NULL}, {"dump", BENCH_TEXT, &b.dump, NULL},
        {"save", BENCH_TEXT, &b.save, NULL},
    };
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (!bench_parse(argc, argv, options, ONP_COUNT(options), &b.network) || b.network == NULL ||
        b.batch < 1 || b.batch > 4096) {
        usage(stderr);
        return 2;
    }
    onp_error err = {0};
    onp_context_init(&b.ctx);
    const onp_status st = run(&b, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "error: %s\n", err.msg);
    onp_plan_free(b.plan);
    onp_folded_free(&b.net);
    onp_model_free(b.model);
    return onp_status_exit_code(st);
}
