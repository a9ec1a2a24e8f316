/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every differentiable operation against central differences, in double:
 *     L(x) = <g, f(x)> for a random g,  dL/dx_e ~= (L(x + h) - L(x - h)) / 2h,
 * as ||rules - differences|| < 1e-6 max(||rules||, ||differences||) for each input. Batch
 * normalisation is differenced through its statistics, unless they are frozen.
 */
#include "tests/ops/op_case.h"

#include <math.h>
#include <stdlib.h>

#define STEP      1e-5
#define TOLERANCE 1e-6

static double functional(op_case *k, const double *g)
{
    op_case_forward(k);
    return op_dot(g, k->y, onp_shape_count(k->out));
}

static double *differences(op_case *k, const double *g, int i)
{
    const int64_t count = onp_shape_count(k->in[i]);
    double *d = op_zeros(count);
    for (int64_t e = 0; e < count; e++) {
        const double x = k->x[i][e];
        k->x[i][e] = x + STEP;
        const double above = functional(k, g);
        k->x[i][e] = x - STEP;
        const double below = functional(k, g);
        k->x[i][e] = x;
        d[e] = (above - below) / (2 * STEP);
    }
    return d;
}

static void check_input(op_case *k, const double *g, int i)
{
    const int64_t count = onp_shape_count(k->in[i]);
    double *d = differences(k, g, i);
    const double size = fmax(sqrt(op_dot(d, d, count)), sqrt(op_dot(k->gx[i], k->gx[i], count)));
    const double error = op_norm_of_difference(d, k->gx[i], count);
    if (!(size > 0 && error < TOLERANCE * size))
        fail_msg("%s (kernel %d, stride %d): gradient of input %d has norm %g and differs by %g",
                 onp_op_get(k->op)->name, k->attr.kernel, k->attr.stride, i, size, error);
    free(d);
}

/* `wanted`: bit i is set where input i has a gradient. */
static void check(onp_op op, onp_attr attr, const onp_shape *in, int n_in, unsigned wanted)
{
    op_case k;
    op_case_init(&k, op, attr, in, n_in, 7);
    double *g = op_random(onp_shape_count(k.out), 8);
    if (op == ONP_OP_SOFTMAX_CE) { /* a loss: its own gradient, and none through the hits */
        g[0] = 1;
        g[1] = 0;
    }
    op_case_forward(&k);
    op_case_backward(&k, g);
    for (int i = 0; i < n_in; i++) {
        assert_int_equal(k.gx[i] != NULL, wanted >> i & 1);
        if (k.gx[i] != NULL)
            check_input(&k, g, i);
    }
    free(g);
    op_case_reset(&k);
}

static const onp_shape maps[] = {{1, 5, 7, 1}, {2, 5, 7, 3}, {1, 4, 4, 2}, {3, 1, 1, 4}};

static void convolutions(onp_op op, int64_t c_out)
{
    for (size_t m = 0; m < ONP_COUNT(maps); m++)
        for (int kernel = 1; kernel <= 7; kernel += 2)
            for (int stride = 1; stride <= ONP_STRIDE_MAX; stride++) {
                const onp_shape x = maps[m];
                const onp_shape w = op == ONP_OP_CONV ? (onp_shape){kernel, kernel, x.c, c_out}
                                                      : (onp_shape){kernel, kernel, 1, x.c};
                const onp_shape in[] = {x, w, {1, 1, 1, w.c}};
                const onp_attr attr = {.kernel = kernel, .stride = stride};
                /* a kernel that is wider than the map has taps that only ever meet the padding */
                check(op, attr, in, 2, 3);
                if (stride == 2)
                    check(op, attr, in, 3, 7);
            }
}

static void test_conv(void **state)
{
    (void)state;
    convolutions(ONP_OP_CONV, 1);
    convolutions(ONP_OP_CONV, 3);
}

static void test_depthwise(void **state)
{
    (void)state;
    convolutions(ONP_OP_DEPTHWISE, 0);
}

static void test_dilation(void **state)
{
    (void)state;
    for (size_t m = 0; m < ONP_COUNT(maps); m++)
        for (int kernel = 1; kernel <= 5; kernel += 2)
            for (int stride = 1; stride <= 3; stride++)
                for (int dilation = 2; dilation <= 4; dilation++) {
                    const onp_shape x = maps[m];
                    const onp_attr attr = {
                        .kernel = kernel, .stride = stride, .dilation = dilation};
                    check(ONP_OP_CONV, attr, (const onp_shape[]){x, {kernel, kernel, x.c, 2}}, 2,
                          3);
                    check(ONP_OP_DEPTHWISE, attr, (const onp_shape[]){x, {kernel, kernel, 1, x.c}},
                          2, 3);
                }
}

static void test_groups(void **state)
{
    (void)state;
    const onp_shape x = {2, 4, 5, 6};
    for (int groups = 1; groups <= 6; groups++)
        for (int kernel = 1; 6 % groups == 0 && kernel <= 3; kernel += 2)
            for (int dilation = 1; dilation <= 2; dilation++) {
                const onp_shape in[] = {
                    x, {kernel, kernel, 6 / groups, 2 * groups}, {1, 1, 1, 2 * groups}};
                const onp_attr attr = {
                    .kernel = kernel, .stride = 2, .dilation = dilation, .groups = groups};
                check(ONP_OP_CONV, attr, in, 3, 7);
            }
}

static void test_batch_norm(void **state)
{
    (void)state;
    const onp_shape shapes[] = {{2, 5, 7, 3}, {1, 4, 4, 1}, {8, 1, 1, 4}};
    for (size_t s = 0; s < ONP_COUNT(shapes); s++) {
        const int64_t c = shapes[s].c;
        const onp_shape in[] = {shapes[s], {1, 1, 2, c}, {1, 1, 1, c}, {1, 1, 1, c}};
        check(ONP_OP_BN_APPLY, (onp_attr){.eps = 1e-3}, in, 4, 13);
        check(ONP_OP_BN_APPLY, (onp_attr){.eps = 0.5}, in, 4, 13);
        check(ONP_OP_BN_APPLY, (onp_attr){.eps = 1e-3, .frozen = true}, in, 4, 13);
    }
}

static void test_elementwise_and_pool(void **state)
{
    (void)state;
    for (size_t m = 0; m < ONP_COUNT(maps); m++) {
        const onp_shape in[] = {maps[m], maps[m]};
        check(ONP_OP_RELU6, (onp_attr){0}, in, 1, 1);
        check(ONP_OP_RELU, (onp_attr){0}, in, 1, 1);
        check(ONP_OP_FLATTEN, (onp_attr){0}, in, 1, 1);
        check(ONP_OP_GLOBAL_AVG_POOL, (onp_attr){0}, in, 1, 1);
        for (int kernel = 1; kernel <= 5; kernel++)
            for (int stride = 1; stride <= 3; stride++)
                for (int average = 0; average < 2; average++)
                    check(average ? ONP_OP_AVG_POOL : ONP_OP_MAX_POOL,
                          (onp_attr){.kernel = kernel, .stride = stride}, in, 1, 1);
        check(ONP_OP_ADD, (onp_attr){0}, in, 2, 3);
        check(ONP_OP_HSWISH, (onp_attr){0}, in, 1, 1);
        check(ONP_OP_HSIGMOID, (onp_attr){0}, in, 1, 1);
        check(ONP_OP_DROPOUT, (onp_attr){.rate = 0.4, .key = {{1, 2}}}, in, 1, 1);
        const onp_shape scaled[] = {maps[m], {maps[m].n, 1, 1, maps[m].c}};
        check(ONP_OP_CHANNEL_SCALE, (onp_attr){0}, scaled, 2, 3);
    }
}

static void test_softmax_ce(void **state)
{
    (void)state;
    const double smoothing[] = {0, 0.1, 0.7};
    for (size_t s = 0; s < ONP_COUNT(smoothing); s++) {
        const onp_attr attr = {.smoothing = smoothing[s]};
        check(ONP_OP_SOFTMAX_CE, attr, (const onp_shape[]){{1, 1, 1, 2}, {1, 1, 1, 1}}, 2, 1);
        check(ONP_OP_SOFTMAX_CE, attr, (const onp_shape[]){{5, 1, 1, 10}, {1, 1, 1, 5}}, 2, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),       cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_dilation),   cmocka_unit_test(test_groups),
        cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_elementwise_and_pool),
        cmocka_unit_test(test_softmax_ce),
    };
    return cmocka_run_group_tests_name("ops gradients", tests, NULL, NULL);
}
