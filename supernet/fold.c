/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/fold.h"

#include <math.h>
#include <string.h>

#include "graph/block_build.h"

#define LANE 16 /* floats of a cache line */

static int64_t padded(int64_t n)
{
    return (n + LANE - 1) / LANE * LANE;
}

/* Where the parameters of evaluation mode are read, and the folded ones written. */
typedef struct folding {
    const float *weights, *stats;
    double eps;
    float *to;
} folding;

/* One convolution, its weights [rows][c] and a bias behind them, with its batch norm: gamma, beta,
 * mean and variance of [c]. */
static void fold_norm(folding *f, int64_t rows, int64_t c, float *w, float *bias)
{
    const float *gamma = f->weights + rows * c, *beta = gamma + c;
    const float *mean = f->stats, *variance = mean + c;
    for (int64_t j = 0; j < c; j++) {
        const double scale = (double)gamma[j] / sqrt((double)variance[j] + f->eps);
        for (int64_t r = 0; r < rows; r++)
            w[r * c + j] = (float)((double)f->weights[r * c + j] * scale);
        bias[j] = (float)((double)beta[j] - (double)mean[j] * scale);
    }
    f->weights += (rows + 2) * c;
    f->stats += 2 * c;
}

/* A layer without batch norm: `count` weights and n biases. */
static void copy_layer(folding *f, int64_t count, int64_t n, float *w, float *bias)
{
    memcpy(w, f->weights, (size_t)count * sizeof *w);
    memcpy(bias, f->weights + count, (size_t)n * sizeof *bias);
    f->weights += count + n;
}

static void fold_block(folding *f, onp_graph *g, const onp_block *b, onp_tid *params)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS], eval[ONP_BLOCK_MAX_PARAMS];
    const int n = onp_block_params(b, ONP_MODE_FOLDED, specs);
    (void)onp_block_params(b, ONP_MODE_EVAL, eval);
    for (int i = 0, e = 0; i < n;) { /* a weight, and a bias behind it unless it has none */
        const int64_t count = onp_shape_count(specs[i].shape), c = specs[i].shape.c;
        const bool biased = i + 1 < n && specs[i + 1].role == ONP_PARAM_BIAS;
        const bool norm = biased && eval[e + 1].role == ONP_PARAM_GAMMA;
        float *w = f->to, *bias = w + padded(count);
        f->to = bias + (biased ? padded(c) : 0);
        if (norm)
            fold_norm(f, count / c, c, w, bias);
        else
            copy_layer(f, count, biased ? c : 0, w, bias);
        params[i] = onp_graph_external(g, specs[i].shape, w);
        if (biased)
            params[i + 1] = onp_graph_external(g, specs[i + 1].shape, bias);
        i += biased ? 2 : 1;
        e += norm ? 4 : biased ? 2 : 1;
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

static void build(onp_folded *out, const onp_model *m, int64_t batch)
{
    const onp_arch *a = m->arch;
    folding f = {.stats = m->stats,
                 .eps = a->bn_eps,
                 .to = out->memory + padded(out->n_input) + padded(out->n_logits)};
    onp_tid x =
        onp_graph_external(out->g, (onp_shape){batch, a->in_h, a->in_w, a->in_c}, out->input);
    out->input_tid = x;
    for (int32_t i = 0; i < a->n_blocks; i++) {
        onp_tid params[ONP_BLOCK_MAX_PARAMS];
        onp_graph_set_group(out->g, i);
        f.weights = m->net->slabs[i][0].weights;
        fold_block(&f, out->g, &a->blocks[i], params);
        x = onp_block_build(out->g, &a->blocks[i], ONP_MODE_FOLDED, a->bn_eps, x, params, NULL);
    }
    onp_graph_bind(out->g, x, out->logits);
    out->logits_tid = x;
}

onp_status onp_model_fold(const onp_model *m, int64_t batch, onp_folded *out, onp_error *err)
{
    const onp_arch *a = m->arch;
    onp_folded f = {.ctx = m->ctx,
                    .n_input = batch * a->in_h * a->in_w * a->in_c,
                    .n_logits = batch * a->blocks[a->n_blocks - 1].out_c};
    const int64_t total = padded(f.n_input) + padded(f.n_logits) + folded_floats(m);
    f.g = onp_graph_new(m->ctx, err);
    f.memory = onp_alloc(m->ctx, (size_t)total, sizeof *f.memory);
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
        onp_folded_free(&f);
    *out = f;
    return st;
}

void onp_folded_free(onp_folded *f)
{
    onp_graph_free(f->g);
    if (f->memory != NULL)
        onp_free(f->ctx, f->memory);
    *f = (onp_folded){0};
}
