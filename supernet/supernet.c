/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/supernet.h"

#include <math.h>

#include "base/parallel.h"
#include "ops/kernels.h"

#define PAGE 4096

static int64_t block_floats(const onp_block *b)
{
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    int n = onp_block_params(b, ONP_MODE_TRAIN, specs);
    int64_t floats = 0;
    for (int i = 0; i < n; i++)
        floats += onp_shape_count(specs[i].shape);
    return floats;
}

static size_t slab_bytes(int64_t floats)
{
    const size_t bytes = 2 * (size_t)floats * sizeof(float);
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static onp_status check_positions(const onp_position *positions, int32_t n, onp_error *err)
{
    if (n < 1 || n > ONP_MAX_POSITIONS)
        return onp_fail(err, ONP_E_RANGE, "supernet: %d positions, wanted 1..%d", n,
                        ONP_MAX_POSITIONS);
    for (int32_t i = 0; i < n; i++) {
        if (positions[i].n < 1 || positions[i].n > ONP_MAX_CANDIDATES)
            return onp_fail(err, ONP_E_RANGE,
                            "supernet: position %d has %d candidates, wanted 1..%d", i,
                            positions[i].n, ONP_MAX_CANDIDATES);
        for (int c = 1; c < positions[i].n; c++) {
            const onp_block *a = &positions[i].candidate[0], *b = &positions[i].candidate[c];
            if (a->in_c != b->in_c || a->in_h != b->in_h || a->in_w != b->in_w ||
                a->out_c != b->out_c || a->out_h != b->out_h || a->out_w != b->out_w)
                return onp_fail(
                    err, ONP_E_SHAPE,
                    "supernet: candidates 0 and %d of position %d have different shapes", c, i);
        }
        if (i == 0)
            continue;
        const onp_block *a = &positions[i - 1].candidate[0], *b = &positions[i].candidate[0];
        if (a->out_c != b->in_c || a->out_h != b->in_h || a->out_w != b->in_w)
            return onp_fail(err, ONP_E_SHAPE,
                            "supernet: position %d gives %dx%dx%d, position %d takes %dx%dx%d",
                            i - 1, a->out_h, a->out_w, a->out_c, i, b->in_h, b->in_w, b->in_c);
    }
    return ONP_OK;
}

/* One parameter; its first number is `first` of its slab. */
typedef struct init_args {
    const onp_param_spec *spec;
    onp_block_kind kind;
    onp_rng rng;
    uint32_t slab;
    int64_t first;
    float *w;
} init_args;

#define INIT_FLOATS 8192

static void init_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const init_args *a = arg;
    const onp_shape s = a->spec->shape;
    const int64_t n = onp_shape_count(s), begin = tile * INIT_FLOATS;
    const double deviation = sqrt(2.0 / (double)(s.n * s.h * s.c));
    const double bound = 1.0 / sqrt((double)s.w);
    for (int64_t i = begin; i < n && i < begin + INIT_FLOATS; i++) {
        const uint64_t at = (uint64_t)(a->first + i);
        if (a->spec->role == ONP_PARAM_GAMMA)
            a->w[i] = 1;
        else if (a->spec->role != ONP_PARAM_WEIGHT)
            a->w[i] = 0;
        else if (a->kind == ONP_BLOCK_HEAD)
            a->w[i] = (float)(bound * (2 * onp_rng_uniform(a->rng, at, a->slab, 0, 0) - 1));
        else
            a->w[i] = (float)(deviation * onp_rng_normal(a->rng, at, a->slab, 0));
    }
}

static void init_slab(const onp_supernet *net, int32_t position, int candidate, onp_rng rng)
{
    const onp_block *b = &net->positions[position].candidate[candidate];
    onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
    int n = onp_block_params(b, ONP_MODE_TRAIN, specs);
    float *w = net->slabs[position][candidate].weights;
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        const int64_t count = onp_shape_count(specs[i].shape);
        const uint32_t slab = (uint32_t)(position * ONP_MAX_CANDIDATES + candidate);
        init_args args = {&specs[i], b->kind, rng, slab, at, w + at};
        onp_parallel_for((count + INIT_FLOATS - 1) / INIT_FLOATS, init_tile, &args);
        at += count;
    }
}

static onp_status allocate(onp_supernet *net, const onp_position *positions, const char *file,
                           onp_error *err)
{
    size_t bytes = 0;
    const size_t n = (size_t)net->n_positions;
    net->positions = onp_alloc(net->ctx, n, sizeof *net->positions);
    net->slabs = onp_alloc(net->ctx, n, sizeof *net->slabs);
    net->alpha = onp_alloc(net->ctx, n, sizeof *net->alpha);
    net->second = onp_alloc(net->ctx, n, sizeof *net->second);
    net->alive = onp_alloc(net->ctx, n, sizeof *net->alive);
    net->used = onp_alloc(net->ctx, n, sizeof *net->used);
    if (net->positions == NULL || net->slabs == NULL || net->alpha == NULL || net->second == NULL ||
        net->alive == NULL || net->used == NULL)
        return onp_fail(err, ONP_E_NOMEM, "supernet: out of memory for %d positions",
                        net->n_positions);
    for (int32_t i = 0; i < net->n_positions; i++) {
        net->positions[i] = positions[i];
        for (int c = 0; c < positions[i].n; c++) {
            net->slabs[i][c].floats = block_floats(&positions[i].candidate[c]);
            bytes += slab_bytes(net->slabs[i][c].floats);
        }
    }
    return onp_slab_memory_open(file, bytes, &net->memory, err);
}

onp_status onp_supernet_new(const onp_context *ctx, const onp_position *positions, int32_t n,
                            double bn_eps, uint64_t seed, onp_supernet **out, onp_error *err)
{
    return onp_supernet_new_mapped(ctx, positions, n, bn_eps, seed, NULL, 0, out, err);
}

onp_status onp_supernet_new_mapped(const onp_context *ctx, const onp_position *positions, int32_t n,
                                   double bn_eps, uint64_t seed, const char *file,
                                   size_t resident_bytes, onp_supernet **out, onp_error *err)
{
    ONP_TRY(check_positions(positions, n, err));
    onp_supernet *net = onp_alloc(ctx, 1, sizeof *net);
    if (net == NULL)
        return onp_fail(err, ONP_E_NOMEM, "supernet: out of memory");
    net->ctx = ctx;
    net->n_positions = n;
    net->bn_eps = bn_eps;
    net->resident_limit = resident_bytes;
    onp_status st = allocate(net, positions, file, err);
    if (st != ONP_OK) {
        onp_supernet_free(net);
        return st;
    }
    const onp_rng weights = onp_rng_make(seed, ONP_RNG_INIT_WEIGHTS);
    const onp_rng alphas = onp_rng_make(seed, ONP_RNG_INIT_ALPHA);
    char *memory = net->memory.data;
    for (int32_t i = 0; i < n; i++)
        for (int c = 0; c < positions[i].n; c++) {
            onp_slab *slab = &net->slabs[i][c];
            net->alive[i][c] = true;
            net->alpha[i][c] = 1e-3 * onp_rng_normal(alphas, (uint64_t)c, (uint32_t)i, 0);
            if (slab->floats == 0)
                continue;
            slab->weights = (float *)(void *)memory;
            slab->momentum = slab->weights + slab->floats;
            memory += slab_bytes(slab->floats);
            init_slab(net, i, c, weights);
            onp_supernet_use(net, i, c);
        }
    *out = net;
    return ONP_OK;
}

void onp_supernet_free(onp_supernet *net)
{
    if (net == NULL)
        return;
    onp_slab_memory_close(&net->memory);
    onp_free(net->ctx, net->positions);
    onp_free(net->ctx, net->slabs);
    onp_free(net->ctx, net->alpha);
    onp_free(net->ctx, net->second);
    onp_free(net->ctx, net->alive);
    onp_free(net->ctx, net->used);
    onp_free(net->ctx, net);
}

void onp_supernet_probabilities(const onp_supernet *net, int32_t position, double *p)
{
    onp_alpha_softmax(net->alpha[position], net->alive[position], net->positions[position].n, p);
}

int onp_supernet_n_alive(const onp_supernet *net, int32_t position)
{
    int n = 0;
    for (int c = 0; c < net->positions[position].n; c++)
        n += net->alive[position][c] ? 1 : 0;
    return n;
}

void onp_supernet_draw(const onp_supernet *net, onp_rng rng, uint64_t step, int32_t *path)
{
    for (int32_t i = 0; i < net->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(net, i, p);
        path[i] =
            onp_alpha_draw(p, net->positions[i].n, onp_rng_uniform(rng, step, (uint32_t)i, 0, 0));
    }
}

/* ---- what of it is in memory ---- */

static void evict(onp_supernet *net, int32_t position, int candidate)
{
    const onp_slab *slab = &net->slabs[position][candidate];
    onp_slab_memory_evict(&net->memory, slab->weights, slab_bytes(slab->floats));
}

/* Down to the limit, the longest unused first, none that was used after `since`. */
static void trim(onp_supernet *net, int64_t since)
{
    while (net->resident > net->resident_limit) {
        int64_t oldest = since + 1;
        int32_t position = 0;
        int candidate = 0;
        for (int32_t i = 0; i < net->n_positions; i++)
            for (int c = 0; c < net->positions[i].n; c++)
                if (net->used[i][c] > 0 && net->used[i][c] < oldest) {
                    oldest = net->used[i][c];
                    position = i;
                    candidate = c;
                }
        if (oldest > since)
            return;
        evict(net, position, candidate);
        net->used[position][candidate] = 0;
        net->resident -= slab_bytes(net->slabs[position][candidate].floats);
    }
}

/* Whether it came into memory now. */
static bool stamp(onp_supernet *net, int32_t position, int candidate)
{
    const onp_slab *slab = &net->slabs[position][candidate];
    if (slab->weights == NULL)
        return false;
    const bool comes = net->used[position][candidate] == 0;
    net->used[position][candidate] = ++net->n_uses;
    net->resident += comes ? slab_bytes(slab->floats) : 0;
    return comes;
}

void onp_supernet_want(onp_supernet *net, const int32_t *path)
{
    if (!net->memory.mapped)
        return;
    const int64_t since = net->n_uses;
    bool comes[ONP_MAX_POSITIONS] = {false};
    for (int32_t i = 0; i < net->n_positions; i++)
        comes[i] = stamp(net, i, path[i]) || net->resident_limit == 0;
    if (net->resident_limit > 0)
        trim(net, since);
    for (int32_t i = 0; i < net->n_positions; i++) {
        const onp_slab *slab = &net->slabs[i][path[i]];
        if (comes[i] && slab->weights != NULL)
            onp_slab_memory_want(&net->memory, slab->weights, slab_bytes(slab->floats));
    }
}

void onp_supernet_use(onp_supernet *net, int32_t position, int candidate)
{
    const onp_slab *slab = &net->slabs[position][candidate];
    if (net->resident_limit == 0 || slab->weights == NULL)
        return;
    const int64_t since = net->n_uses;
    (void)stamp(net, position, candidate);
    onp_slab_memory_write(&net->memory, slab->weights, slab_bytes(slab->floats));
    trim(net, since);
}

void onp_supernet_unuse(onp_supernet *net, int32_t position, int candidate)
{
    const onp_slab *slab = &net->slabs[position][candidate];
    if (net->resident_limit > 0 && slab->weights != NULL && net->used[position][candidate] == 0)
        evict(net, position, candidate);
}

void onp_supernet_argmax(const onp_supernet *net, int32_t *path)
{
    for (int32_t i = 0; i < net->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(net, i, p);
        path[i] = 0;
        for (int c = 1; c < net->positions[i].n; c++)
            if (p[c] > p[path[i]])
                path[i] = c;
    }
}

double onp_supernet_entropy(const onp_supernet *net)
{
    double sum = 0;
    int choices = 0;
    for (int32_t i = 0; i < net->n_positions; i++) {
        if (net->positions[i].n < 2)
            continue;
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(net, i, p);
        sum += onp_alpha_entropy(p, net->positions[i].n);
        choices++;
    }
    return choices > 0 ? sum / choices : 0;
}

void onp_supernet_drop(onp_supernet *net, int32_t position, int candidate)
{
    onp_slab *slab = &net->slabs[position][candidate];
    net->alive[position][candidate] = false;
    net->second[position][candidate] = 0;
    if (net->used[position][candidate] > 0)
        net->resident -= slab_bytes(slab->floats);
    net->used[position][candidate] = 0;
    if (slab->weights != NULL)
        onp_slab_memory_drop(&net->memory, slab->weights, slab_bytes(slab->floats));
}

int onp_supernet_prune(onp_supernet *net, int32_t position, double below, bool *dropped)
{
    const int n = net->positions[position].n;
    double p[ONP_MAX_CANDIDATES];
    onp_supernet_probabilities(net, position, p);
    int best = 0, count = 0;
    for (int c = 1; c < n; c++)
        if (p[c] > p[best])
            best = c;
    for (int c = 0; c < n; c++) {
        const bool drop = net->alive[position][c] && c != best && p[c] < below;
        if (dropped != NULL)
            dropped[c] = drop;
        if (!drop)
            continue;
        onp_supernet_drop(net, position, c);
        count++;
    }
    return count;
}

int64_t onp_supernet_path_floats(const onp_supernet *net, const int32_t *path)
{
    int64_t floats = 0;
    for (int32_t i = 0; i < net->n_positions; i++)
        floats += net->slabs[i][path[i]].floats;
    return floats;
}

typedef struct sgd_args {
    const onp_kernels *k;
    const onp_slab *slab;
    const float *grads;
    float lr, momentum, decay;
} sgd_args;

#define SGD_FLOATS 8192

static void sgd_tile(void *arg, int64_t tile, int thread)
{
    (void)thread;
    const sgd_args *a = arg;
    const int64_t first = tile * SGD_FLOATS;
    const int64_t n = a->slab->floats - first < SGD_FLOATS ? a->slab->floats - first : SGD_FLOATS;
    a->k->sgd(a->slab->weights + first, a->grads + first, a->slab->momentum + first, n, a->lr,
              a->momentum, a->decay);
}

void onp_supernet_sgd(onp_supernet *net, const int32_t *path, const float *grads, double lr,
                      double momentum, double decay)
{
    for (int32_t i = 0; i < net->n_positions; i++) {
        const onp_slab *slab = &net->slabs[i][path[i]];
        sgd_args args = {net->ctx->kernels, slab, grads, (float)lr, (float)momentum, (float)decay};
        onp_parallel_for((slab->floats + SGD_FLOATS - 1) / SGD_FLOATS, sgd_tile, &args);
        if (net->resident_limit > 0 && slab->weights != NULL) /* written when it must go */
            onp_slab_memory_write(&net->memory, slab->weights, slab_bytes(slab->floats));
        grads += slab->floats;
    }
}
