/* SPDX-License-Identifier: Apache-2.0 */
/* seasoned CONFIG SEED DIR: a MODEL without training that behaves as one with it: a random path of
 * the config's space, gamma and beta with some spread, batch-norm statistics of its images, logits
 * around 0. Beside
 * it images.safetensors, the test set as the network takes it, before normalisation: "images", U8
 * [images][rows][columns][channels]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/safetensors.h"
#include "bench/season.h"
#include "ops/kernels.h"
#include "search/evaluate.h"

typedef struct seasoning {
    onp_context ctx;
    onp_config cfg;
    onp_feed feed;
    onp_model *model;
} seasoning;

static onp_status new_model(seasoning *s, uint64_t seed, onp_error *err)
{
    onp_block blocks[ONP_MAX_POSITIONS];
    const onp_space *space = s->cfg.space;
    for (int32_t i = 0; i < space->n_positions; i++) {
        const onp_position *p = &space->positions[i];
        const onp_rng rng = onp_rng_make(seed, ONP_RNG_SYNTHETIC);
        blocks[i] = p->candidate[onp_rng_below(rng, (uint64_t)i, 3, 0, (uint64_t)p->n)];
    }
    ONP_TRY(
        onp_model_new(&s->ctx, blocks, space->n_positions, ONP_ARCH_BN_EPS, seed, &s->model, err));
    bench_spread_norms(s->model, seed);
    return ONP_OK;
}

static onp_status recalibrate(seasoning *s, onp_error *err)
{
    onp_step *step = NULL;
    const int64_t batch = s->feed.max_batch;
    ONP_TRY(onp_step_new(&s->ctx, s->model->net, batch, &step, err));
    onp_status st = onp_recalibrate(step, &s->feed, s->feed.all, s->feed.n_all, batch,
                                    s->model->path, s->model->stats, err);
    onp_step_free(step);
    return st;
}

/* Mean logits of the training images, taken off the head's biases: else one class, whose bias is
 * largest, is every image's answer. */
static onp_status centre(seasoning *s, onp_error *err)
{
    onp_step *step = NULL;
    const onp_model *m = s->model;
    const int64_t batch = s->feed.max_batch, n = s->feed.n_all / batch * batch;
    const int32_t k = m->input.n_classes, last = m->arch->n_blocks - 1;
    const onp_slab *head = &m->net->slabs[last][0];
    float *bias = head->weights + head->floats - k;
    float *logits = onp_alloc(&s->ctx, (size_t)(batch * k), sizeof *logits);
    double *sums = onp_alloc(&s->ctx, (size_t)k, sizeof *sums);
    onp_status st = logits != NULL && sums != NULL
                        ? onp_step_new(&s->ctx, m->net, batch, &step, err)
                        : onp_fail(err, ONP_E_NOMEM, "out of memory");
    for (int64_t first = 0; first < n && st == ONP_OK; first += batch) {
        onp_step_result r;
        onp_feed_range(&s->feed, &s->feed.train, s->feed.all, first, batch, onp_step_images(step),
                       onp_step_labels(step));
        st = onp_step_infer(step, batch, m->path, m->stats, logits, &r, err);
        for (int64_t i = 0; i < batch * k; i++)
            sums[i % k] += (double)logits[i];
    }
    for (int32_t j = 0; j < k && st == ONP_OK; j++)
        bias[j] -= (float)(sums[j] / (double)n);
    onp_step_free(step);
    onp_free(&s->ctx, logits);
    onp_free(&s->ctx, sums);
    return st;
}

static void describe_input(seasoning *s)
{
    onp_model_input *in = &s->model->input;
    for (int c = 0; c < s->feed.train.c; c++) {
        in->mean[c] = s->feed.stats.mean[c];
        in->deviation[c] = s->feed.stats.deviation[c];
    }
    in->class_names = s->feed.train.class_names;
    in->image_h = s->feed.train.h;
    in->image_w = s->feed.train.w;
}

/* Images of the network's own size: no crop is taken. */
static onp_status save_images(seasoning *s, const char *dir, onp_error *err)
{
    char path[1024];
    onp_st_writer *w = NULL;
    const onp_dataset *ds = &s->feed.test;
    const int64_t dims[4] = {ds->n, ds->h, ds->w, ds->c};
    ONP_TRY(onp_path_join(path, sizeof path, dir, "images.safetensors", err));
    ONP_TRY(onp_st_writer_new(&s->ctx, path, &w, err));
    onp_status st = onp_st_writer_add(w, "images", ONP_ST_U8, dims, 4, ds->images, err);
    if (st == ONP_OK)
        st = onp_st_writer_commit(w, err);
    onp_st_writer_free(w);
    return st;
}

static onp_status run(seasoning *s, char **argv, onp_error *err)
{
    ONP_TRY(onp_kernels_choose(&s->ctx, NULL, err));
    ONP_TRY(onp_parallel_start(0, true, err));
    ONP_TRY(onp_config_load(&s->ctx, argv[1], NULL, 0, NULL, &s->cfg, err));
    ONP_TRY(onp_feed_open(&s->ctx, &s->cfg, &s->feed, err));
    ONP_TRY(new_model(s, strtoull(argv[2], NULL, 10), err));
    ONP_TRY(recalibrate(s, err));
    ONP_TRY(centre(s, err));
    describe_input(s);
    ONP_TRY(onp_dir_make(argv[3], err));
    ONP_TRY(onp_model_save(s->model, argv[3], err));
    return save_images(s, argv[3], err);
}

int main(int argc, char **argv)
{
    seasoning s = {.model = NULL};
    onp_error err = {0};
    if (argc != 4) {
        (void)fputs("usage: seasoned CONFIG SEED DIR\n", stderr);
        return 2;
    }
    onp_context_init(&s.ctx);
    const onp_status st = run(&s, argv, &err);
    if (st != ONP_OK)
        (void)fprintf(stderr, "error: %s\n", err.msg);
    onp_model_free(s.model);
    onp_feed_close(&s.feed);
    if (s.cfg.ctx != NULL)
        onp_config_free(&s.cfg);
    return onp_status_exit_code(st);
}
