/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole networks: the gradient of every parameter, as onp_graph_backward() builds it and the
 * reference executor computes it, is the central difference of the loss,
 *
 *   dL/dw_i = (L(w_i + h) - L(w_i - h)) / 2h + O(h^2),
 *
 * in double. Activations have no derivative at their kinks (ReLU6 at 0 and 6), so an element whose
 * difference moves any input of one across them is not compared; another one is taken for it.
 */
#include <math.h>

#include "base/philox.h"
#include "graph/ref_exec.h"
#include "tests/graph/small_net.h"

#define STEP      1e-5
#define TOLERANCE 1e-6 /* of the norm of what is compared */
#define FLOOR     1e-4 /* of the largest gradient: below it rounding of the loss is all there is */
#define N_SAMPLES 6
#define N_TRIES   24

typedef struct check {
    small_net net;
    onp_ref_exec *exec;
} check;

/* Where an operation has no derivative. */
typedef struct kinks {
    onp_op op;
    double low, high;
} kinks;

static const kinks all_kinks[] = {{ONP_OP_RELU6, 0, 6},
                                  {ONP_OP_RELU, 0, HUGE_VAL},
                                  {ONP_OP_HSWISH, -3, 3},
                                  {ONP_OP_HSIGMOID, -3, 3}};

static const kinks *kinks_of(onp_op op)
{
    for (size_t i = 0; i < ONP_COUNT(all_kinks); i++)
        if (all_kinks[i].op == op)
            return &all_kinks[i];
    return NULL;
}

/* Where the inputs of all activations lie (below, between, above their kinks), as one number;
 * counts too. Largest elements of pools are not in it: two of them are hardly ever as close as the
 * step. */
static uint64_t regions(const check *c, int64_t counts[3])
{
    uint64_t hash = 1469598103934665603U; /* FNV-1a */
    for (int32_t i = 0; i < onp_graph_n_nodes(c->net.g); i++) {
        const onp_node *node = onp_graph_node(c->net.g, i);
        const kinks *at = kinks_of(node->op);
        if (at == NULL)
            continue;
        const double *x = onp_ref_exec_data(c->exec, node->in[0]);
        for (int64_t k = 0; k < onp_shape_count(onp_graph_shape(c->net.g, node->in[0])); k++) {
            const unsigned region = x[k] <= at->low ? 0 : x[k] < at->high ? 1 : 2;
            hash = (hash ^ region) * 1099511628211U;
            if (counts != NULL)
                counts[region]++;
        }
    }
    return hash;
}

/* The central difference of the loss along one element; false when it crosses a kink. */
static bool central_difference(check *c, double *element, uint64_t home, double *out)
{
    const double *loss = onp_ref_exec_data(c->exec, c->net.loss);
    const double middle = *element;
    *element = middle + STEP;
    onp_ref_exec_run(c->exec);
    const double above = loss[0];
    bool smooth = regions(c, NULL) == home;
    *element = middle - STEP;
    onp_ref_exec_run(c->exec);
    const double below = loss[0];
    smooth = smooth && regions(c, NULL) == home;
    *element = middle;
    *out = (above - below) / (2.0 * STEP);
    return smooth;
}

static double norm(const double *x, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* Compares N_SAMPLES elements of the gradient `g` of the tensor t with differences. g is a copy:
 * each difference runs the whole graph again. */
static void check_tensor(check *c, const char *name, onp_tid t, const double *g, double floor_norm,
                         uint64_t home)
{
    const int64_t count = onp_shape_count(onp_graph_shape(c->net.g, t));
    const int wanted = count < N_SAMPLES ? (int)count : N_SAMPLES;
    const onp_rng rng = onp_rng_make(7, ONP_RNG_TEST);
    double seen[N_SAMPLES], error[N_SAMPLES];
    int n = 0;
    for (int try = 0; try < N_TRIES && n < wanted; try++) {
        uint64_t i = onp_rng_below(rng, (uint64_t)try, (uint32_t)t, 1, (uint64_t)count);
        double difference;
        if (!central_difference(c, onp_ref_exec_data(c->exec, t) + i, home, &difference))
            continue;
        seen[n] = difference;
        error[n++] = g[i] - difference;
    }
    if (n < wanted)
        fail_msg("%s: only %d of %d differences without a kink", name, n, wanted);
    const double scale = fmax(norm(seen, n), floor_norm);
    if (!(norm(error, n) <= TOLERANCE * scale))
        fail_msg("%s: gradient is off by %g of %g", name, norm(error, n), scale);
}

static double *copy_gradient(const check *c, onp_tid t)
{
    const onp_tid grad = onp_graph_tensor(c->net.g, t)->grad;
    assert_int_not_equal(grad, ONP_NONE);
    const onp_shape shape = onp_graph_shape(c->net.g, grad);
    assert_true(onp_shape_equal(shape, onp_graph_shape(c->net.g, t)));
    double *copy = onp_alloc(&c->net.ctx, (size_t)onp_shape_count(shape), sizeof *copy);
    assert_non_null(copy);
    for (int64_t i = 0; i < onp_shape_count(shape); i++)
        copy[i] = onp_ref_exec_data(c->exec, grad)[i];
    return copy;
}

static void start(check *c, const small_net_options *o, uint64_t seed)
{
    onp_error err = {0};
    small_net_build(&c->net, o);
    small_net_fill(&c->net, seed);
    for (int i = 0; i < o->n_blocks; i++)
        if (o->perturbed)
            onp_graph_tap(c->net.g, c->net.out[i]);
    if (onp_graph_backward(c->net.g, c->net.loss, NULL, NULL, &err) != ONP_OK ||
        onp_ref_exec_new(&c->net.ctx, c->net.g, &c->exec, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_ref_exec_run(c->exec);
}

static void stop(check *c)
{
    onp_ref_exec_free(c->exec);
    small_net_free(&c->net);
}

static void check_network(const small_net_options *o, uint64_t seed)
{
    check c;
    start(&c, o, seed);
    int64_t counts[3] = {0};
    const uint64_t home = regions(&c, counts);
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);

    double *gradients[SMALL_NET_MAX_PARAMS] = {NULL}, largest = 0.0;
    for (int i = 0; i < c.net.n_params; i++) {
        if (c.net.params[i].grad == NULL) /* statistics that are constants */
            continue;
        gradients[i] = copy_gradient(&c, c.net.params[i].tid);
        largest = fmax(largest, norm(gradients[i], onp_shape_count(c.net.params[i].shape)));
    }
    assert_true(largest > 1e-3);
    for (int i = 0; i < c.net.n_params; i++) {
        if (gradients[i] == NULL)
            continue;
        check_tensor(&c, c.net.params[i].name, c.net.params[i].tid, gradients[i], FLOOR * largest,
                     home);
        onp_free(&c.net.ctx, gradients[i]);
    }
    stop(&c);
}

/* clang-format off */
#define STEM(c, s)            {.kind = ONP_BLOCK_STEM, .out_c = (c), .kernel = 3, .stride = (s)}
#define MBCONV(c, k, e, s, a) {.kind = ONP_BLOCK_MBCONV, .out_c = (c), .kernel = (k), .expand = (e), \
                               .stride = (s), .skip = (a)}
#define ZERO                  {.kind = ONP_BLOCK_ZERO}
#define MIX(c)                {.kind = ONP_BLOCK_MIX, .out_c = (c), .kernel = 1, .stride = 1}
#define HEAD(c)               {.kind = ONP_BLOCK_HEAD, .out_c = (c), .kernel = 1, .stride = 1}
/* clang-format on */

static const onp_block mixed[] = {STEM(4, 1),
                                  MBCONV(4, 3, 1, 1, false),
                                  MBCONV(5, 3, 3, 2, false),
                                  MBCONV(5, 5, 2, 1, true),
                                  ZERO,
                                  MBCONV(6, 7, 3, 1, false),
                                  MIX(8),
                                  HEAD(5)};
static const onp_block strided[] = {STEM(4, 2), MBCONV(4, 3, 1, 1, true), ZERO,
                                    MBCONV(6, 5, 3, 2, false), HEAD(3)};
static const onp_block skips[] = {STEM(3, 1), MBCONV(3, 3, 2, 1, true), MBCONV(3, 3, 3, 1, true),
                                  MBCONV(3, 3, 1, 1, true), HEAD(4)};

static const onp_block kinds[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 4, .kernel = 3, .stride = 1, .act = ONP_ACT_HSWISH},
    {.kind = ONP_BLOCK_CONV, .out_c = 6, .kernel = 3, .stride = 1, .dilation = 2, .groups = 2},
    {.kind = ONP_BLOCK_AVG_POOL, .out_c = 6, .kernel = 3, .stride = 2},
    {.kind = ONP_BLOCK_SEPARABLE,
     .out_c = 6,
     .kernel = 3,
     .stride = 1,
     .dilation = 2,
     .skip = true},
    {.kind = ONP_BLOCK_MAX_POOL, .out_c = 6, .kernel = 3, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV,
     .out_c = 6,
     .kernel = 5,
     .expand = 2,
     .stride = 1,
     .skip = true,
     .act = ONP_ACT_HSWISH,
     .se = true},
    {.kind = ONP_BLOCK_MIX, .out_c = 8, .act = ONP_ACT_RELU},
    {.kind = ONP_BLOCK_HEAD, .out_c = 5, .mid = 7, .act = ONP_ACT_HSWISH}};
static const onp_block excited[] = {
    STEM(4, 2),
    {.kind = ONP_BLOCK_CONV, .out_c = 5, .kernel = 5, .stride = 2, .act = ONP_ACT_RELU},
    {.kind = ONP_BLOCK_IDENTITY},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 6, .kernel = 3, .expand = 1, .stride = 1, .se = true},
    {.kind = ONP_BLOCK_MBCONV,
     .out_c = 6,
     .kernel = 3,
     .expand = 3,
     .stride = 2,
     .se = true,
     .act = ONP_ACT_RELU},
    HEAD(3)};

static void parameters_of_other_kinds(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 3,
                                       .size = 8,
                                       .channels = 3,
                                       .blocks = kinds,
                                       .n_blocks = ONP_COUNT(kinds),
                                       .gradients = true},
                  5);
    check_network(&(small_net_options){.batch = 4,
                                       .size = 12,
                                       .channels = 3,
                                       .blocks = excited,
                                       .n_blocks = ONP_COUNT(excited),
                                       .gradients = true},
                  6);
}

static void parameters_of_a_mixed_network(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 3,
                                       .size = 6,
                                       .channels = 3,
                                       .blocks = mixed,
                                       .n_blocks = ONP_COUNT(mixed),
                                       .gradients = true},
                  1);
}

static void parameters_with_smoothing(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 3,
                                       .size = 6,
                                       .channels = 3,
                                       .blocks = mixed,
                                       .n_blocks = ONP_COUNT(mixed),
                                       .smoothing = 0.1,
                                       .gradients = true},
                  2);
}

static void parameters_of_odd_maps(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 4,
                                       .size = 9,
                                       .channels = 1,
                                       .blocks = strided,
                                       .n_blocks = ONP_COUNT(strided),
                                       .smoothing = 0.3,
                                       .gradients = true},
                  3);
}

static void parameters_behind_nested_skips(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 4,
                                       .size = 5,
                                       .channels = 2,
                                       .blocks = skips,
                                       .n_blocks = ONP_COUNT(skips),
                                       .gradients = true},
                  4);
}

static void parameters_under_frozen_statistics(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 3,
                                       .size = 6,
                                       .channels = 3,
                                       .blocks = mixed,
                                       .n_blocks = ONP_COUNT(mixed),
                                       .mode = ONP_MODE_EVAL,
                                       .smoothing = 0.1,
                                       .gradients = true},
                  6);
}

static void parameters_without_batch_norm(void **state)
{
    (void)state;
    check_network(&(small_net_options){.batch = 4,
                                       .size = 5,
                                       .channels = 2,
                                       .blocks = skips,
                                       .n_blocks = ONP_COUNT(skips),
                                       .mode = ONP_MODE_FOLDED,
                                       .gradients = true},
                  7);
}

/* dL/dy of a block's output y is the difference along a zero z in y + z. */
static void block_outputs(void **state)
{
    (void)state;
    check c;
    start(&c,
          &(small_net_options){.batch = 3,
                               .size = 6,
                               .channels = 3,
                               .blocks = mixed,
                               .n_blocks = ONP_COUNT(mixed),
                               .perturbed = true},
          5);
    const uint64_t home = regions(&c, NULL);
    for (int i = 0; i < c.net.n_blocks; i++) {
        double *g = copy_gradient(&c, c.net.out[i]);
        const double size = norm(g, onp_shape_count(onp_graph_shape(c.net.g, c.net.out[i])));
        check_tensor(&c, "block output", c.net.zero[i], g, FLOOR * size, home);
        onp_free(&c.net.ctx, g);
    }
    stop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_of_a_mixed_network),
        cmocka_unit_test(parameters_of_other_kinds),
        cmocka_unit_test(parameters_with_smoothing),
        cmocka_unit_test(parameters_of_odd_maps),
        cmocka_unit_test(parameters_behind_nested_skips),
        cmocka_unit_test(parameters_under_frozen_statistics),
        cmocka_unit_test(parameters_without_batch_norm),
        cmocka_unit_test(block_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
