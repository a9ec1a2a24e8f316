/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A residual network with ReLU, max pooling and flattening: the float plan against the double
 * reference, loss and every gradient, lazily and stored, with every kernel table.
 */
#include <math.h>

#include "base/philox.h"
#include "graph/plan.h"
#include "graph/ref_exec.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define MAX_PARAMS 16
#define FLOATS     65536

typedef struct net {
    onp_context ctx;
    onp_graph *g;
    float memory[FLOATS];
    size_t used;
    onp_tid params[MAX_PARAMS], loss;
    int n_params;
    int32_t labels[3];
} net;

static float *take(net *t, onp_shape s, double mean, double deviation)
{
    const onp_rng r = onp_rng_make(31, ONP_RNG_TEST);
    float *p = t->memory + t->used;
    t->used += (size_t)onp_shape_count(s);
    assert_true(t->used <= FLOATS);
    for (int64_t i = 0; i < onp_shape_count(s); i++)
        p[i] = (float)(mean + deviation * onp_rng_normal(r, (uint64_t)i, (uint32_t)t->used, 0));
    return p;
}

static onp_tid param(net *t, onp_shape s, double mean, double deviation)
{
    float *data = take(t, s, mean, deviation);
    return t->params[t->n_params++] = onp_graph_param(t->g, s, data, take(t, s, 0, 1));
}

static onp_tid conv_bn(net *t, onp_tid x, int kernel, int stride, int64_t c_out)
{
    const int64_t c = onp_graph_shape(t->g, x).c;
    const double deviation = sqrt(2.0 / (double)(kernel * kernel * c));
    const onp_tid in[2] = {x, param(t, (onp_shape){kernel, kernel, c, c_out}, 0, deviation)};
    const onp_tid raw =
        onp_graph_add(t->g, ONP_OP_CONV, in, 2, &(onp_attr){.kernel = kernel, .stride = stride});
    const onp_tid bn[4] = {raw, onp_graph_add(t->g, ONP_OP_BN_STATS, &raw, 1, NULL),
                           param(t, (onp_shape){1, 1, 1, c_out}, 3, 0.1),
                           param(t, (onp_shape){1, 1, 1, c_out}, 0.2, 0.1)};
    return onp_graph_add(t->g, ONP_OP_BN_APPLY, bn, 4, &(onp_attr){.eps = 1e-3});
}

static onp_tid one(net *t, onp_op op, onp_tid x, int kernel, int stride)
{
    return onp_graph_add(t->g, op, &x, 1, &(onp_attr){.kernel = kernel, .stride = stride});
}

static void build(net *t)
{
    onp_error err = {0};
    onp_context_init(&t->ctx);
    t->g = onp_graph_new(&t->ctx, &err);
    assert_non_null(t->g);
    const onp_shape in = {3, 15, 13, 3};
    onp_tid x = onp_graph_external(t->g, in, take(t, in, 0, 1));
    x = one(t, ONP_OP_RELU, conv_bn(t, x, 3, 1, 10), 0, 0);
    x = one(t, ONP_OP_MAX_POOL, x, 3, 2);
    onp_tid y = one(t, ONP_OP_RELU, conv_bn(t, x, 1, 1, 5), 0, 0);
    y = conv_bn(t, y, 3, 1, 10);
    x = onp_graph_add(t->g, ONP_OP_ADD, (const onp_tid[]){y, x}, 2, NULL);
    x = one(t, ONP_OP_MAX_POOL, one(t, ONP_OP_RELU, x, 0, 0), 2, 2);
    x = one(t, ONP_OP_FLATTEN, x, 0, 0);
    const int64_t c = onp_graph_shape(t->g, x).c;
    const onp_tid linear[3] = {x, param(t, (onp_shape){1, 1, c, 7}, 0, 0.05),
                               param(t, (onp_shape){1, 1, 1, 7}, 0, 0.1)};
    x = onp_graph_add(t->g, ONP_OP_CONV, linear, 3, &(onp_attr){.kernel = 1, .stride = 1});
    const onp_tid both[2] = {x, onp_graph_labels(t->g, 3, t->labels)};
    t->loss = onp_graph_add(t->g, ONP_OP_SOFTMAX_CE, both, 2, NULL);
    onp_graph_keep(t->g, t->loss);
    if (onp_graph_backward(t->g, t->loss, NULL, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static double distance(const float *a, const double *b, int64_t n)
{
    double diff = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(diff) / fmax(sqrt(norm), 1e-3);
}

static void compare(net *t, onp_ref_exec *ref, bool stored)
{
    onp_error err = {0};
    onp_plan *plan = NULL;
    assert_int_equal(onp_plan_new(&t->ctx, &plan, &err), ONP_OK);
    if (onp_plan_make(plan, t->g, &(onp_plan_options){.stored = stored}, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_plan_run(plan);
    assert_true(distance(onp_plan_data(plan, t->loss), onp_ref_exec_data(ref, t->loss), 2) < 1e-5);
    for (int i = 0; i < t->n_params; i++) {
        const onp_tensor *p = onp_graph_tensor(t->g, t->params[i]);
        const double d =
            distance(p->grad_data, onp_ref_exec_data(ref, p->grad), onp_shape_count(p->shape));
        if (!(d < 1e-4))
            fail_msg("parameter %d: gradient differs by %g", i, d);
    }
    onp_plan_free(plan);
}

static void test_against_reference(void **state)
{
    (void)state;
    onp_error err = {0};
    onp_ref_exec *ref = NULL;
    net *t = test_calloc(1, sizeof *t);
    build(t);
    assert_int_equal(onp_ref_exec_new(&t->ctx, t->g, &ref, &err), ONP_OK);
    onp_ref_exec_run(ref);
    for (int k = 0; onp_kernels_at(k) != NULL; k++) {
        t->ctx.kernels = onp_kernels_at(k);
        compare(t, ref, false);
        compare(t, ref, true);
    }
    onp_ref_exec_free(ref);
    onp_graph_free(t->g);
    test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
