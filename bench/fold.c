/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/fold.h"

#include <math.h>
#include <string.h>

#include "graph/block_build.h"

#define IMAGES 8
#define LANE   16 /* floats of a cache line */

static int64_t padded(int64_t n)
{
    return (n + LANE - 1) / LANE * LANE;
}

/* w [rows][c] and gamma, beta, mean, variance [c] -> folded w and bias. */
static void fold_conv(const float *from, int64_t rows, int64_t c, const float *stats, double eps,
                      float *w, float *bias)
{
    const float *gamma = from + rows * c, *beta = gamma + c;
    for (int64_t j = 0; j < c; j++) {
        const double scale = (double)gamma[j] / sqrt((double)stats[c + j] + eps);
        for (int64_t r = 0; r < rows; r++)
            w[r * c + j] = (float)((double)from[r * c + j] * scale);
        bias[j] = (float)((double)beta[j] - (double)stats[j] * scale);
    }
}

/* The folded parameters of one block go to *at; its share of the statistics is passed over. */
static void fold_block(onp_graph *g, const onp_block *b, const float *weights, const float **stats,
                       double eps, float **at, onp_tid *params)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    const int n = onp_block_params(b, ONP_MODE_FOLDED, specs);
    for (int i = 0; i < n; i += 2) { /* weight, bias */
        const int64_t count = onp_shape_count(specs[i].shape), c = specs[i + 1].shape.c;
        float *w = *at, *bias = w + padded(count);
        if (b->kind == ONP_BLOCK_HEAD) {
            memcpy(w, weights, (size_t)count * sizeof *w);
            memcpy(bias, weights + count, (size_t)c * sizeof *bias);
            weights += count + c;
        } else {
            fold_conv(weights, count / c, c, *stats, eps, w, bias);
            weights += count + 2 * c;
            *stats += 2 * c;
        }
        params[i] = onp_graph_external(g, specs[i].shape, w);
        params[i + 1] = onp_graph_external(g, specs[i + 1].shape, bias);
        *at = bias + padded(c);
    }
}

static int64_t folded_floats(const onp_model *m)
{
    int64_t total = 0;
    for (int32_t i = 0; i < m->arch->n_blocks; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n = onp_block_params(&m->arch->blocks[i], ONP_MODE_FOLDED, specs);
        for (int k = 0; k < n; k++)
            total += padded(onp_shape_count(specs[k].shape));
    }
    return total;
}

static void build(bench_folded *f, const onp_model *m, int64_t batch)
{
    const onp_arch *a = m->arch;
    const float *stats = m->stats;
    float *at = f->memory + padded(f->n_input) + padded(f->n_logits);
    onp_tid x = onp_graph_external(f->g, (onp_shape){batch, a->in_h, a->in_w, a->in_c}, f->input);
    for (int32_t i = 0; i < a->n_blocks; i++) {
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        onp_graph_set_group(f->g, i);
        fold_block(f->g, &a->blocks[i], m->net->slabs[i][0].weights, &stats, a->bn_eps, &at,
                   params);
        x = onp_block_build(f->g, &a->blocks[i], ONP_MODE_FOLDED, a->bn_eps, x, params, NULL);
    }
    onp_graph_bind(f->g, x, f->logits);
}

onp_status bench_fold(const onp_context *ctx, const onp_model *m, int64_t batch, bench_folded *out,
                      onp_error *err)
{
    const onp_arch *a = m->arch;
    bench_folded f = {.n_input = batch * a->in_h * a->in_w * a->in_c,
                      .n_logits = batch * a->blocks[a->n_blocks - 1].out_c};
    const int64_t total = padded(f.n_input) + padded(f.n_logits) + folded_floats(m);
    f.g = onp_graph_new(ctx, err);
    f.memory = onp_alloc(ctx, (size_t)total, sizeof *f.memory);
    onp_status st = f.g != NULL && f.memory != NULL
                        ? ONP_OK
                        : onp_fail(err, ONP_E_NOMEM, "no memory for the folded network");
    if (st == ONP_OK) {
        f.input = f.memory;
        f.logits = f.memory + padded(f.n_input);
        build(&f, m, batch);
        st = onp_graph_status(f.g, err);
    }
    if (st != ONP_OK)
        bench_folded_free(ctx, &f);
    *out = f;
    return st;
}

void bench_folded_free(const onp_context *ctx, bench_folded *f)
{
    onp_graph_free(f->g);
    onp_free(ctx, f->memory);
    *f = (bench_folded){0};
}

static void spread_norms(onp_model *m, onp_rng rng)
{
    for (int32_t i = 0; i < m->arch->n_blocks; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n = onp_block_params(&m->arch->blocks[i], ONP_MODE_TRAIN, specs);
        float *w = m->net->slabs[i][0].weights;
        for (int k = 0; k < n; k++) {
            const int64_t count = onp_shape_count(specs[k].shape);
            const bool gamma = specs[k].role == ONP_PARAM_GAMMA;
            const uint32_t stream = (uint32_t)i * ONP_BLOCK_MAX_PARAMS + (uint32_t)k;
            for (int64_t j = 0; j < count && (gamma || specs[k].role == ONP_PARAM_BETA); j++)
                w[j] = (float)((gamma ? 1.0 : 0.0) +
                               0.25 * onp_rng_normal(rng, (uint64_t)j, stream, 1));
            w += count;
        }
    }
}

onp_status bench_season(onp_model *m, uint64_t seed, onp_error *err)
{
    const onp_arch *a = m->arch;
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_SYNTHETIC);
    onp_step *step = NULL;
    spread_norms(m, rng);
    ONP_TRY(onp_step_new(m->ctx, m->net, IMAGES, &step, err));
    const int64_t pixels = (int64_t)IMAGES * a->in_h * a->in_w * a->in_c;
    for (int64_t i = 0; i < pixels; i++)
        onp_step_images(step)[i] = (float)onp_rng_normal(rng, (uint64_t)i, 0, 2);
    double *sums = onp_alloc(m->ctx, (size_t)m->n_stats, sizeof *sums);
    onp_status st = sums != NULL ? onp_step_statistics(step, IMAGES, m->path, sums, err)
                                 : onp_fail(err, ONP_E_NOMEM, "no memory for the statistics");
    if (st == ONP_OK)
        onp_step_statistics_finish(step, m->path, sums, 1, m->stats);
    onp_free(m->ctx, sums);
    onp_step_free(step);
    return st;
}
