/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/full.h"

#include <math.h>

#include "base/parallel.h"
#include "graph/block_build.h"
#include "ops/kernels.h"

#define SMOOTHING  0.1
#define ALPHA_RATE 1e-3
#define SGD_FLOATS 8192

/* A candidate's place in the memory of its own: its gradients, and gamma and beta of its last batch
 * norm times its probability. */
typedef struct part {
    float *grads, *scaled;
    int64_t c; /* of the last batch norm; 0: zero, or the only candidate */
} part;

struct bench_full {
    const onp_context *ctx;
    onp_supernet *net;
    int64_t batch;
    float *images, *memory;
    int32_t *labels;
    part (*parts)[ONP_MAX_CANDIDATES];
    onp_graph *g;
    onp_plan *plan;
    onp_tid loss;
};

void bench_full_free(bench_full *f)
{
    if (f == NULL)
        return;
    onp_graph_free(f->g);
    onp_plan_free(f->plan);
    onp_free(f->ctx, f->parts);
    onp_free(f->ctx, f->memory);
    onp_free(f->ctx, f);
}

onp_plan_info bench_full_info(const bench_full *f)
{
    return onp_plan_get_info(f->plan);
}

/* Deals out memory; counts alone when there is none yet. */
static size_t place(bench_full *f)
{
    float *at = f->memory;
    size_t total = 0;
    for (int32_t i = 0; i < f->net->n_positions; i++)
        for (int j = 0; j < f->net->positions[i].n; j++) {
            part *p = &f->parts[i][j];
            const onp_block *b = &f->net->positions[i].candidate[j];
            const int64_t floats = f->net->slabs[i][j].floats;
            p->c = f->net->positions[i].n > 1 && b->kind != ONP_BLOCK_ZERO ? b->out_c : 0;
            p->grads = at != NULL ? at + total : NULL;
            p->scaled = at != NULL ? at + total + floats : NULL;
            total += (size_t)(floats + 2 * p->c);
        }
    return total;
}

onp_status bench_full_new(const onp_context *ctx, onp_supernet *net, int64_t batch, float *images,
                          int32_t *labels, bench_full **out, onp_error *err)
{
    bench_full *f = onp_alloc(ctx, 1, sizeof *f);
    if (f == NULL)
        return onp_fail(err, ONP_E_NOMEM, "full: out of memory");
    f->ctx = ctx;
    f->net = net;
    f->batch = batch;
    f->images = images;
    f->labels = labels;
    f->parts = onp_alloc(ctx, (size_t)net->n_positions, sizeof *f->parts);
    f->memory = f->parts != NULL ? onp_alloc(ctx, place(f), sizeof *f->memory) : NULL;
    f->g = onp_graph_new(ctx, err);
    onp_status st = onp_plan_new(ctx, &f->plan, err);
    if (st == ONP_OK && (f->memory == NULL || f->g == NULL))
        st = onp_fail(err, ONP_E_NOMEM, "full: out of memory");
    if (st != ONP_OK) {
        bench_full_free(f);
        return st;
    }
    (void)place(f);
    *out = f;
    return ONP_OK;
}

/* One candidate on x, without its shortcut. */
static onp_tid build_candidate(bench_full *f, int32_t position, int candidate, onp_tid x, bool skip)
{
    onp_block b = f->net->positions[position].candidate[candidate];
    const part *p = &f->parts[position][candidate];
    float *weights = f->net->slabs[position][candidate].weights, *grads = p->grads;
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    onp_tid params[ONP_BLOCK_MAX_PARAMS];
    const int n = onp_block_params(&b, ONP_MODE_TRAIN, specs);
    for (int i = 0; i < n; i++) {
        const int64_t count = onp_shape_count(specs[i].shape);
        float *data = weights;
        if (p->c > 0 && i >= n - 2) /* the last batch norm's gamma and beta */
            data = p->scaled + (i - (n - 2)) * p->c;
        params[i] = onp_graph_param(f->g, specs[i].shape, data, grads);
        weights += count;
        grads += count;
    }
    b.skip = skip;
    return onp_block_build(f->g, &b, ONP_MODE_TRAIN, f->net->bn_eps, x, params, NULL);
}

static onp_tid add(onp_graph *g, onp_tid a, onp_tid b)
{
    const onp_tid both[2] = {a, b};
    return a == ONP_NONE ? b : onp_graph_add(g, ONP_OP_ADD, both, 2, NULL);
}

static onp_tid build_position(bench_full *f, int32_t i, onp_tid x)
{
    const onp_position *position = &f->net->positions[i];
    onp_graph_set_group(f->g, i);
    if (position->n == 1)
        return build_candidate(f, i, 0, x, position->candidate[0].skip);
    onp_tid y = ONP_NONE;
    for (int j = 0; j < position->n; j++)
        if (position->candidate[j].kind != ONP_BLOCK_ZERO)
            y = add(f->g, y, build_candidate(f, i, j, x, false));
    return position->candidate[0].skip ? add(f->g, y, x) : y;
}

static void build(bench_full *f)
{
    const onp_block *first = &f->net->positions[0].candidate[0];
    onp_graph_clear(f->g);
    onp_tid x = onp_graph_external(
        f->g, (onp_shape){f->batch, first->in_h, first->in_w, first->in_c}, f->images);
    for (int32_t i = 0; i < f->net->n_positions; i++)
        x = build_position(f, i, x);
    const onp_tid in[2] = {x, onp_graph_labels(f->g, f->batch, f->labels)};
    f->loss = onp_graph_add(f->g, ONP_OP_SOFTMAX_CE, in, 2, &(onp_attr){.smoothing = SMOOTHING});
    onp_graph_keep(f->g, f->loss);
}

/* Gamma and beta of a candidate's last batch norm: the end of its slab. */
static float *last_norm(const bench_full *f, int32_t i, int j)
{
    const onp_slab *slab = &f->net->slabs[i][j];
    return slab->weights + slab->floats - 2 * f->parts[i][j].c;
}

static void scale_gates(bench_full *f)
{
    for (int32_t i = 0; i < f->net->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(f->net, i, p);
        for (int j = 0; j < f->net->positions[i].n; j++) {
            const part *a = &f->parts[i][j];
            if (a->c == 0)
                continue;
            const float *norm = last_norm(f, i, j);
            for (int64_t k = 0; k < 2 * a->c; k++)
                a->scaled[k] = (float)p[j] * norm[k];
        }
    }
}

/*
 * With gamma' = p gamma and beta' = p beta: dgamma = p dgamma', and dL/dp = sum of gamma dgamma' +
 * beta dbeta'; then alpha by the derivative of softmax.
 */
static void finish_gates(bench_full *f)
{
    for (int32_t i = 0; i < f->net->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES], gate[ONP_MAX_CANDIDATES] = {0}, mean = 0;
        const int n = f->net->positions[i].n;
        onp_supernet_probabilities(f->net, i, p);
        for (int j = 0; j < n; j++) {
            const part *a = &f->parts[i][j];
            if (a->c == 0)
                continue;
            const float *norm = last_norm(f, i, j);
            float *grad = a->grads + f->net->slabs[i][j].floats - 2 * a->c;
            for (int64_t k = 0; k < 2 * a->c; k++) {
                gate[j] += (double)norm[k] * (double)grad[k];
                grad[k] *= (float)p[j];
            }
            mean += p[j] * gate[j];
        }
        for (int j = 0; j < n; j++)
            f->net->alpha[i][j] -= ALPHA_RATE * p[j] * (gate[j] - mean);
    }
}

typedef struct sgd_args {
    const onp_kernels *k;
    const onp_slab *slab;
    const float *grads;
    const onp_sgd *sgd;
} sgd_args;

static void sgd_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const sgd_args *a = arg;
    const int64_t at = tile * SGD_FLOATS;
    const int64_t n = a->slab->floats - at < SGD_FLOATS ? a->slab->floats - at : SGD_FLOATS;
    a->k->sgd(a->slab->weights + at, a->grads + at, a->slab->momentum + at, n, (float)a->sgd->lr,
              (float)a->sgd->momentum, (float)a->sgd->decay);
}

static void update(bench_full *f, const onp_sgd *sgd)
{
    for (int32_t i = 0; i < f->net->n_positions; i++)
        for (int j = 0; j < f->net->positions[i].n; j++) {
            const onp_slab *slab = &f->net->slabs[i][j];
            sgd_args args = {f->ctx->kernels, slab, f->parts[i][j].grads, sgd};
            onp_parallel_for((slab->floats + SGD_FLOATS - 1) / SGD_FLOATS, sgd_tile, &args);
        }
}

onp_status bench_full_step(bench_full *f, onp_recompute recompute, const onp_sgd *sgd, double *loss,
                           onp_error *err)
{
    scale_gates(f);
    build(f);
    ONP_TRY(onp_graph_recompute(f->g, recompute, err));
    ONP_TRY(onp_graph_backward(f->g, f->loss, NULL, NULL, err));
    ONP_TRY(onp_plan_make(f->plan, f->g, NULL, err));
    onp_plan_run(f->plan);
    *loss = (double)onp_plan_data(f->plan, f->loss)[0];
    if (!isfinite(*loss))
        return onp_fail(err, ONP_E_FAIL, "the loss is %g", *loss);
    finish_gates(f);
    update(f, sgd);
    return ONP_OK;
}
