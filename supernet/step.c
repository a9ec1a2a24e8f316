/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/step_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"

void onp_step_free(onp_step *s)
{
    if (s == NULL)
        return;
    onp_graph_free(s->g);
    onp_plan_free(s->plan);
    onp_free(s->ctx, s->images);
    onp_free(s->ctx, s->labels);
    onp_free(s->ctx, s->grads);
    onp_free(s->ctx, s->grads_sums);
    onp_free(s->ctx, s->stats);
    onp_free(s->ctx, s->gates);
    onp_free(s->ctx, s->input);
    onp_free(s->ctx, s->output);
    onp_free(s->ctx, s->nodes);
    onp_free(s->ctx, s);
}

onp_status onp_step_new(const onp_context *ctx, onp_supernet *net, int64_t max_batch,
                        onp_step **out, onp_error *err)
{
    onp_step *s = onp_alloc(ctx, 1, sizeof *s);
    if (s == NULL)
        return onp_fail(err, ONP_E_NOMEM, "step: out of memory");
    const onp_block *first = &net->positions[0].candidate[0];
    const size_t n = (size_t)net->n_positions;
    const size_t pixels = (size_t)first->in_h * (size_t)first->in_w * (size_t)first->in_c;
    s->ctx = ctx;
    s->net = net;
    s->max_batch = max_batch;
    s->recompute = ONP_RECOMPUTE_CHEAP;
    s->g = onp_graph_new(ctx, err);
    s->images = onp_alloc(ctx, (size_t)max_batch, pixels * sizeof *s->images);
    s->labels = onp_alloc(ctx, (size_t)max_batch, sizeof *s->labels);
    s->gates = onp_alloc(ctx, n, sizeof *s->gates);
    s->input = onp_alloc(ctx, n, sizeof *s->input);
    s->output = onp_alloc(ctx, n, sizeof *s->output);
    s->nodes = onp_alloc(ctx, n, sizeof *s->nodes);
    onp_status st = onp_plan_new(ctx, &s->plan, err);
    if (st == ONP_OK &&
        (s->g == NULL || s->images == NULL || s->labels == NULL || s->gates == NULL ||
         s->input == NULL || s->output == NULL || s->nodes == NULL))
        st =
            onp_fail(err, ONP_E_NOMEM, "step: no memory for batches of %lld", (long long)max_batch);
    if (st != ONP_OK) {
        onp_step_free(s);
        return st;
    }
    *out = s;
    return ONP_OK;
}

void onp_step_set_recompute(onp_step *s, onp_recompute mode, size_t limit_bytes)
{
    s->recompute = mode;
    s->limit_bytes = limit_bytes;
}

void onp_step_set_frozen(onp_step *s, float *stats, int64_t piece)
{
    assert(stats != NULL || piece == 0);
    s->frozen = stats;
    s->piece = piece;
}

void onp_step_set_dropout(onp_step *s, double rate, onp_rng key)
{
    s->dropout = (onp_block_dropout){.rate = rate, .key = key};
}

float *onp_step_images(onp_step *s)
{
    return s->images;
}

int32_t *onp_step_labels(onp_step *s)
{
    return s->labels;
}

onp_plan_info onp_step_info(const onp_step *s)
{
    return onp_plan_get_info(s->plan);
}

void onp_step_add_params(onp_step *s, const onp_block *b, onp_block_mode mode, float *weights,
                         float *grads, float **stats, onp_tid *params)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    const int n = onp_block_params(b, mode, specs);
    for (int i = 0; i < n; i++) {
        const int64_t count = onp_shape_count(specs[i].shape);
        if (specs[i].role == ONP_PARAM_STATS) {
            params[i] = onp_graph_external(s->g, specs[i].shape, *stats);
            *stats += count;
            continue;
        }
        params[i] = onp_graph_param(s->g, specs[i].shape, weights, grads);
        weights += count;
        grads = grads != NULL ? grads + count : NULL;
    }
}

/* The path as a graph, from the images to the loss. grads: NULL when no weight gradient is wanted.
 */
static void build_path(onp_step *s, int64_t batch, const int32_t *path, onp_block_mode mode,
                       float *grads, float *stats, double smoothing,
                       const onp_block_dropout *dropout)
{
    const onp_supernet *net = s->net;
    const onp_block *first = &net->positions[0].candidate[0];
    assert(batch >= 1 && batch <= s->max_batch);
    onp_supernet_want(s->net, path);
    onp_graph_clear(s->g);
    onp_tid x = onp_graph_external(s->g, (onp_shape){batch, first->in_h, first->in_w, first->in_c},
                                   s->images);
    for (int32_t i = 0; i < net->n_positions; i++) {
        const onp_block *b = &net->positions[i].candidate[path[i]];
        const onp_slab *slab = &net->slabs[i][path[i]];
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        onp_step_add_params(s, b, mode, slab->weights, grads, &stats, params);
        grads = grads != NULL ? grads + slab->floats : NULL;
        onp_graph_set_group(s->g, i);
        s->input[i] = x;
        x = onp_block_build_dropout(s->g, b, mode, net->bn_eps, x, params, dropout, &s->nodes[i]);
        s->output[i] = x;
    }
    s->logits = x;
    const onp_tid in[2] = {x, onp_graph_labels(s->g, batch, s->labels)};
    s->loss = onp_graph_add(s->g, ONP_OP_SOFTMAX_CE, in, 2, &(onp_attr){.smoothing = smoothing});
    onp_graph_keep(s->g, s->loss);
}

onp_status onp_step_run(onp_step *s, onp_step_result *result, onp_error *err)
{
    onp_plan_run(s->plan);
    const float *loss = onp_plan_data(s->plan, s->loss);
    *result = (onp_step_result){.loss = (double)loss[0], .hits = (int64_t)loss[1]};
    if (!isfinite(result->loss))
        return onp_fail(err, ONP_E_FAIL, "the loss is %g: lower the learning rate", result->loss);
    return ONP_OK;
}

static onp_status plan_and_run(onp_step *s, onp_step_result *result, onp_error *err)
{
    ONP_TRY(onp_plan_make(s->plan, s->g, NULL, err));
    return onp_step_run(s, result, err);
}

static onp_status plan_gradient(onp_step *s, const onp_step_gradient *a, onp_recompute mode,
                                onp_error *err)
{
    build_path(s, a->batch, a->path, a->stats != NULL ? ONP_MODE_EVAL : ONP_MODE_TRAIN, a->grads,
               a->stats, a->smoothing, a->dropout);
    for (int32_t i = 0; a->hook != NULL && i < s->net->n_positions; i++)
        if (s->net->positions[i].n > 1)
            onp_graph_tap(s->g, s->output[i]);
    ONP_TRY(onp_graph_recompute(s->g, mode, err));
    ONP_TRY(onp_graph_backward(s->g, s->loss, a->hook, a->user, err));
    return onp_plan_make(s->plan, s->g, NULL, err);
}

onp_status onp_step_plan_gradient(onp_step *s, const onp_step_gradient *a, onp_error *err)
{
    if (s->limit_bytes == 0)
        return plan_gradient(s, a, s->recompute, err);
    size_t least = SIZE_MAX;
    for (int mode = 0; mode < ONP_RECOMPUTE_COUNT; mode++) {
        ONP_TRY(plan_gradient(s, a, (onp_recompute)mode, err));
        const onp_plan_info info = onp_plan_get_info(s->plan);
        const size_t bytes = info.arena_bytes + info.scratch_bytes;
        if (bytes <= s->limit_bytes)
            return ONP_OK;
        least = bytes < least ? bytes : least;
    }
    return onp_fail(err, ONP_E_NOMEM,
                    "a step of batch %lld needs %zu KiB at least, the limit is %zu KiB",
                    (long long)a->batch, (least + 1023) / 1024, s->limit_bytes / 1024);
}

/* ---- weight steps ---- */

/* Samples [first, first + n) of the batch become its first n; n is at most first. */
static void move_to_front(onp_step *s, int64_t first, int64_t n)
{
    const onp_block *b = &s->net->positions[0].candidate[0];
    const size_t pixels = (size_t)b->in_h * (size_t)b->in_w * (size_t)b->in_c;
    memcpy(s->images, s->images + (size_t)first * pixels, (size_t)n * pixels * sizeof *s->images);
    memcpy(s->labels, s->labels + first, (size_t)n * sizeof *s->labels);
}

#define SUM_FLOATS 8192

typedef struct sum_args {
    float *sums;
    const float *grads;
    int64_t floats;
    float share;
} sum_args;

static void sum_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const sum_args *a = arg;
    const int64_t first = tile * SUM_FLOATS;
    const int64_t end = first + SUM_FLOATS < a->floats ? first + SUM_FLOATS : a->floats;
    for (int64_t i = first; i < end; i++)
        a->sums[i] += a->share * a->grads[i];
}

/* Runs a batch in pieces; the gradient of its mean loss, to which each piece adds its own by its
 * share of the samples, is in grads_sums then. */
static onp_status run_pieces(onp_step *s, const onp_step_gradient *whole, int64_t floats,
                             onp_step_result *result, onp_error *err)
{
    onp_step_gradient a = *whole;
    ONP_TRY(onp_grow(s->ctx, (void **)&s->grads_sums, &s->grads_sums_cap, (size_t)floats,
                     sizeof *s->grads_sums, err));
    memset(s->grads_sums, 0, (size_t)floats * sizeof *s->grads_sums);
    *result = (onp_step_result){0};
    for (int64_t first = 0; first < whole->batch; first += a.batch) {
        const int64_t left = whole->batch - first, n = left < s->piece ? left : s->piece;
        if (first > 0)
            move_to_front(s, first, n);
        if (n != a.batch) { /* the first piece, and a last one that is shorter */
            a.batch = n;
            ONP_TRY(onp_step_plan_gradient(s, &a, err));
        }
        onp_step_result r;
        onp_plan_set_first_sample(s->plan, first);
        ONP_TRY(onp_step_run(s, &r, err));
        const double share = (double)n / (double)whole->batch;
        result->loss += share * r.loss;
        result->hits += r.hits;
        sum_args args = {s->grads_sums, s->grads, floats, (float)share};
        onp_parallel_for((floats + SUM_FLOATS - 1) / SUM_FLOATS, sum_tile, &args);
    }
    return ONP_OK;
}

onp_status onp_step_train(onp_step *s, int64_t batch, const int32_t *path, const onp_sgd *sgd,
                          double smoothing, onp_step_result *result, onp_error *err)
{
    const int64_t floats = onp_supernet_path_floats(s->net, path);
    const bool pieces = s->piece > 0 && s->piece < batch;
    ONP_TRY(
        onp_grow(s->ctx, (void **)&s->grads, &s->grads_cap, (size_t)floats, sizeof *s->grads, err));
    const onp_step_gradient a = {.batch = batch,
                                 .path = path,
                                 .grads = s->grads,
                                 .stats = s->frozen,
                                 .smoothing = smoothing,
                                 .dropout = &s->dropout};
    if (pieces) {
        ONP_TRY(run_pieces(s, &a, floats, result, err));
    } else {
        ONP_TRY(onp_step_plan_gradient(s, &a, err));
        ONP_TRY(onp_step_run(s, result, err));
    }
    onp_supernet_sgd(s->net, path, pieces ? s->grads_sums : s->grads, sgd->lr, sgd->momentum,
                     sgd->decay);
    return ONP_OK;
}

/* ---- evaluation ---- */

onp_status onp_step_evaluate(onp_step *s, int64_t batch, const int32_t *path,
                             onp_step_result *result, onp_error *err)
{
    build_path(s, batch, path, ONP_MODE_TRAIN, NULL, NULL, 0, NULL);
    return plan_and_run(s, result, err);
}

/* Visits the batch norms of a path: `at` is where one's [2][c] begins. */
typedef void (*stats_visit)(void *user, int64_t at, int64_t c);

static int64_t visit_stats(const onp_step *s, const int32_t *path, stats_visit visit, void *user)
{
    int64_t at = 0;
    for (int32_t i = 0; i < s->net->n_positions; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n =
            onp_block_params(&s->net->positions[i].candidate[path[i]], ONP_MODE_EVAL, specs);
        for (int k = 0; k < n; k++) {
            if (specs[k].role != ONP_PARAM_STATS)
                continue;
            if (visit != NULL)
                visit(user, at, specs[k].shape.c);
            at += onp_shape_count(specs[k].shape);
        }
    }
    return at;
}

int64_t onp_step_n_stats(const onp_step *s, const int32_t *path)
{
    return visit_stats(s, path, NULL, NULL);
}

typedef struct moment_args {
    const float *batch;
    double *sums;
    const double *all;
    float *stats;
    double n_batches;
} moment_args;

static void add_moments(void *user, int64_t at, int64_t c)
{
    const moment_args *a = user;
    for (int64_t k = at; k < at + c; k++) {
        const double mean = (double)a->batch[k];
        a->sums[k] += mean;
        a->sums[k + c] += (double)a->batch[k + c] + mean * mean;
    }
}

static void finish_moments(void *user, int64_t at, int64_t c)
{
    const moment_args *a = user;
    for (int64_t k = at; k < at + c; k++) {
        const double mean = a->all[k] / a->n_batches;
        const double variance = a->all[k + c] / a->n_batches - mean * mean;
        a->stats[k] = (float)mean;
        a->stats[k + c] = (float)(variance > 0 ? variance : 0);
    }
}

onp_status onp_step_statistics(onp_step *s, int64_t batch, const int32_t *path, double *sums,
                               onp_error *err)
{
    const int64_t n = onp_step_n_stats(s, path);
    ONP_TRY(onp_grow(s->ctx, (void **)&s->stats, &s->stats_cap, (size_t)n, sizeof *s->stats, err));
    build_path(s, batch, path, ONP_MODE_TRAIN, NULL, NULL, 0, NULL);
    float *at = s->stats;
    for (int32_t i = 0; i < s->net->n_positions; i++)
        for (int k = 0; k < s->nodes[i].n_stats; k++) {
            onp_graph_bind(s->g, s->nodes[i].stats[k], at);
            at += onp_shape_count(onp_graph_shape(s->g, s->nodes[i].stats[k]));
        }
    onp_step_result result;
    ONP_TRY(plan_and_run(s, &result, err));
    moment_args args = {.batch = s->stats};
    args.sums = sums;
    (void)visit_stats(s, path, add_moments, &args);
    return ONP_OK;
}

void onp_step_statistics_finish(const onp_step *s, const int32_t *path, const double *sums,
                                int64_t n_batches, float *stats)
{
    moment_args args = {.all = sums, .n_batches = (double)n_batches};
    args.stats = stats;
    (void)visit_stats(s, path, finish_moments, &args);
}

onp_status onp_step_infer(onp_step *s, int64_t batch, const int32_t *path, float *stats,
                          float *logits, onp_step_result *result, onp_error *err)
{
    build_path(s, batch, path, ONP_MODE_EVAL, NULL, stats, 0, NULL);
    if (logits != NULL)
        onp_graph_bind(s->g, s->logits, logits);
    return plan_and_run(s, result, err);
}
