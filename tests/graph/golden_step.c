/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/graph/golden_step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the largest gradient's norm: a smaller gradient is mostly what cancellation left. */
#define GRADIENT_FLOOR 1e-3
#define N_STEPS        2

/* As in make_step.py. */
static const onp_block blocks[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 8, .kernel = 3, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 8, .kernel = 3, .expand = 1, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 12, .kernel = 3, .expand = 3, .stride = 2},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 12, .kernel = 5, .expand = 6, .stride = 1, .skip = true},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 16, .kernel = 7, .expand = 3, .stride = 1},
    {.kind = ONP_BLOCK_MIX, .out_c = 32, .kernel = 1, .stride = 1},
    {.kind = ONP_BLOCK_HEAD, .out_c = 10, .kernel = 1, .stride = 1},
};

static double number(const golden_step *s, const char *key)
{
    const char *text = onp_st_meta(s->file, key);
    if (text != NULL)
        return strtod(text, NULL);
    fail_msg("step.safetensors: no metadata \"%s\"", key);
    return 0.0;
}

/* The stored tensor "PREFIX.NAME" (or NAME alone) of `count` elements. */
static const void *stored(const golden_step *s, const char *prefix, const char *name,
                          onp_st_dtype type, int64_t count)
{
    char full[96];
    (void)snprintf(full, sizeof full, "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
    for (size_t i = 0; i < onp_st_count(s->file); i++) {
        const onp_st_tensor *t = onp_st_at(s->file, i);
        if (strcmp(t->name, full) != 0)
            continue;
        int64_t seen = 1;
        for (int k = 0; k < t->n_dims; k++)
            seen *= t->dims[k];
        if (t->type != type || seen != count)
            fail_msg("%s: has %lld elements, wanted %lld", full, (long long)seen, (long long)count);
        return t->data;
    }
    fail_msg("step.safetensors: no tensor \"%s\"", full);
    return NULL;
}

void golden_step_open(golden_step *s)
{
    onp_error err = {0};
    char path[ONP_TEST_PATH];
    *s = (golden_step){0};
    onp_context_init(&s->ctx);
    onp_test_path(path, onp_test_source(), "tests/golden/step.safetensors");
    if (onp_st_open(&s->ctx, path, &s->file, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    s->lr = number(s, "lr");
    s->momentum = number(s, "momentum");
    s->decay = number(s, "decay");
    assert_true(fabs(number(s, "bn_eps") - SMALL_NET_EPS) < 1e-15);
    small_net_build(&s->net, &(small_net_options){.batch = 8,
                                                  .size = 12,
                                                  .channels = 3,
                                                  .blocks = blocks,
                                                  .n_blocks = ONP_COUNT(blocks),
                                                  .smoothing = number(s, "smoothing"),
                                                  .gradients = true});
    memcpy(s->net.labels_data, stored(s, "", "labels", ONP_ST_I32, s->net.batch),
           (size_t)s->net.batch * sizeof(int32_t));
    if (onp_graph_backward(s->net.g, s->net.loss, NULL, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

void golden_step_close(golden_step *s)
{
    small_net_free(&s->net);
    onp_st_close(s->file);
}

/* ---- comparison ---- */

static int64_t count_of(const golden_step *s, onp_tid t)
{
    return onp_shape_count(onp_graph_shape(s->net.g, t));
}

static double *take(const golden_step *s, int64_t count)
{
    double *p = onp_alloc(&s->ctx, (size_t)count, sizeof *p);
    assert_non_null(p);
    return p;
}

static double norm(const double *x, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static void compare(const char *what, const char *name, const double *seen, const double *want,
                    int64_t count, double floor_norm, double tolerance)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += (seen[i] - want[i]) * (seen[i] - want[i]);
    const double scale = fmax(norm(want, count), floor_norm);
    if (!(sqrt(sum) <= tolerance * scale))
        fail_msg("%s %s: off by %g of %g, wanted %g", what, name, sqrt(sum) / scale, scale,
                 tolerance);
}

static void compare_outputs(const golden_step *s, const golden_engine *e, int step,
                            double tolerance)
{
    char name[16];
    const int64_t n_logits = count_of(s, s->net.logits);
    double *logits = take(s, n_logits), loss[2];
    (void)snprintf(name, sizeof name, "logits%d", step);
    e->read(e->user, s->net.logits, logits, n_logits);
    compare("output", name, logits, stored(s, "", name, ONP_ST_F64, n_logits), n_logits, 0.0,
            tolerance);
    onp_free(&s->ctx, logits);
    (void)snprintf(name, sizeof name, "loss%d", step);
    e->read(e->user, s->net.loss, loss, 2);
    compare("output", name, loss, stored(s, "", name, ONP_ST_F64, 1), 1, 0.0, tolerance);
}

static double largest_gradient(const golden_step *s, const char *prefix)
{
    double largest = 0.0;
    for (int i = 0; i < s->net.n_params; i++) {
        const small_net_param *p = &s->net.params[i];
        const int64_t count = onp_shape_count(p->shape);
        largest = fmax(largest, norm(stored(s, prefix, p->name, ONP_ST_F64, count), count));
    }
    return largest;
}

/* Moves parameter p by
 *
 *   d = g + decay w,  v = momentum v + d,  w = w - lr (d + momentum v)
 *
 * (Nesterov's momentum as PyTorch has it). */
static void update_in_double(const golden_step *s, const golden_engine *e, const small_net_param *p,
                             const double *g, double *velocity)
{
    const int64_t count = onp_shape_count(p->shape);
    double *w = take(s, count);
    e->read(e->user, p->tid, w, count);
    for (int64_t i = 0; i < count; i++) {
        const double d = g[i] + s->decay * w[i];
        velocity[i] = s->momentum * velocity[i] + d;
        w[i] -= s->lr * (d + s->momentum * velocity[i]);
    }
    e->write(e->user, p->tid, w, count);
    onp_free(&s->ctx, w);
}

/* Compares the gradient of parameter i, then where a step along it lands. */
static void compare_param(const golden_step *s, const golden_engine *e, int i, int step,
                          double *velocity, double floor_norm, double tolerance)
{
    const small_net_param *p = &s->net.params[i];
    char grad_name[8], weight_name[8];
    (void)snprintf(grad_name, sizeof grad_name, "grad%d", step);
    (void)snprintf(weight_name, sizeof weight_name, "w%d", step);
    const int64_t count = onp_shape_count(p->shape);
    double *x = take(s, count);
    e->read(e->user, onp_graph_tensor(s->net.g, p->tid)->grad, x, count);
    compare(grad_name, p->name, x, stored(s, grad_name, p->name, ONP_ST_F64, count), count,
            floor_norm, tolerance);
    if (e->update != NULL)
        e->update(e->user, i);
    else
        update_in_double(s, e, p, x, velocity);
    e->read(e->user, p->tid, x, count);
    compare(weight_name, p->name, x, stored(s, weight_name, p->name, ONP_ST_F64, count), count, 0.0,
            tolerance);
    onp_free(&s->ctx, x);
}

void golden_step_compare(golden_step *s, const golden_engine *e, double tolerance)
{
    const int64_t n_images = count_of(s, s->net.images);
    int64_t n_weights = 0;
    e->write(e->user, s->net.images, stored(s, "", "images", ONP_ST_F64, n_images), n_images);
    for (int i = 0; i < s->net.n_params; i++) {
        const small_net_param *p = &s->net.params[i];
        const int64_t count = onp_shape_count(p->shape);
        n_weights += count;
        e->write(e->user, p->tid, stored(s, "w0", p->name, ONP_ST_F64, count), count);
    }
    double *velocity = take(s, n_weights);
    for (int step = 1; step <= N_STEPS; step++) {
        char prefix[8];
        (void)snprintf(prefix, sizeof prefix, "grad%d", step);
        const double floor_norm = GRADIENT_FLOOR * largest_gradient(s, prefix);
        e->run(e->user);
        compare_outputs(s, e, step, tolerance);
        double *next = velocity;
        for (int i = 0; i < s->net.n_params; i++) {
            compare_param(s, e, i, step, next, floor_norm, tolerance);
            next += onp_shape_count(s->net.params[i].shape);
        }
    }
    onp_free(&s->ctx, velocity);
}
