/* SPDX-License-Identifier: Apache-2.0 */
/* Laws that the reference kernels must obey whatever the numbers are. */
#include "tests/ops/op_case.h"

#include <math.h>
#include <stdlib.h>

static void assert_close(double a, double b, double scale)
{
    if (!(fabs(a - b) <= 1e-12 * fmax(1, scale)))
        fail_msg("%.17g and %.17g differ", a, b);
}

/* <A x, g> = <x, A' g> in every input of an operation that is linear in each of its first n. */
static void check_adjoint(onp_op op, onp_attr attr, const onp_shape *in, int n_in)
{
    op_case k;
    op_case_init(&k, op, attr, in, n_in, 11);
    const int64_t n_y = onp_shape_count(k.out);
    double *g = op_random(n_y, 12);
    op_case_forward(&k);
    op_case_backward(&k, g);
    const double forward = op_dot(k.y, g, n_y);
    const double scale = sqrt(op_dot(k.y, k.y, n_y) * op_dot(g, g, n_y));
    for (int i = 0; i < n_in && op != ONP_OP_ADD; i++)
        assert_close(op_dot(k.x[i], k.gx[i], onp_shape_count(in[i])), forward, scale);
    if (op == ONP_OP_ADD) /* linear in both together */
        assert_close(op_dot(k.x[0], k.gx[0], n_y) + op_dot(k.x[1], k.gx[1], n_y), forward, scale);
    free(g);
    op_case_reset(&k);
}

static void test_adjoint(void **state)
{
    (void)state;
    const onp_shape x = {2, 9, 11, 5};
    for (int kernel = 1; kernel <= 7; kernel += 2)
        for (int stride = 1; stride <= ONP_STRIDE_MAX; stride++) {
            const onp_attr attr = {.kernel = kernel, .stride = stride};
            check_adjoint(ONP_OP_CONV, attr, (const onp_shape[]){x, {kernel, kernel, 5, 4}}, 2);
            check_adjoint(ONP_OP_DEPTHWISE, attr, (const onp_shape[]){x, {kernel, kernel, 1, 5}},
                          2);
            const onp_attr spread = {
                .kernel = kernel, .stride = stride, .dilation = 3, .groups = 5};
            check_adjoint(ONP_OP_CONV, spread, (const onp_shape[]){x, {kernel, kernel, 1, 10}}, 2);
            check_adjoint(ONP_OP_DEPTHWISE, spread, (const onp_shape[]){x, {kernel, kernel, 1, 5}},
                          2);
            check_adjoint(ONP_OP_AVG_POOL, attr, &x, 1);
        }
    check_adjoint(ONP_OP_CHANNEL_SCALE, (onp_attr){0}, (const onp_shape[]){x, {2, 1, 1, 5}}, 2);
    check_adjoint(ONP_OP_DROPOUT, (onp_attr){.rate = 0.3}, &x, 1);
    check_adjoint(ONP_OP_GLOBAL_AVG_POOL, (onp_attr){0}, &x, 1);
    check_adjoint(ONP_OP_ADD, (onp_attr){0}, (const onp_shape[]){x, x}, 2);
}

/* A map inside a frame of zeros, moved by one stride, gives the output moved by one place. */
static void test_convolution_commutes_with_shift(void **state)
{
    (void)state;
    enum { SIZE = 15, STRIDE = 2 };
    const onp_op ops[] = {ONP_OP_CONV, ONP_OP_DEPTHWISE};
    for (size_t o = 0; o < ONP_COUNT(ops); o++) {
        op_case k, moved;
        const onp_attr attr = {.kernel = 3, .stride = STRIDE};
        const onp_shape in[] = {{1, SIZE, SIZE, 1}, {3, 3, 1, 1}};
        op_case_init(&k, ops[o], attr, in, 2, 13);
        op_case_init(&moved, ops[o], attr, in, 2, 13);
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                if (i < 4 || i > 9 || j < 4 || j > 9)
                    k.x[0][i * SIZE + j] = 0;
                const bool inside = i >= STRIDE && j >= STRIDE;
                moved.x[0][i * SIZE + j] = inside ? k.x[0][(i - STRIDE) * SIZE + j - STRIDE] : 0;
            }
        op_case_forward(&k);
        op_case_forward(&moved);
        for (int64_t i = 1; i < k.out.h; i++)
            for (int64_t j = 1; j < k.out.w; j++)
                assert_close(moved.y[i * k.out.w + j], k.y[(i - 1) * k.out.w + j - 1], 1);
        op_case_reset(&k);
        op_case_reset(&moved);
    }
}

static void init_batch_norm(op_case *k)
{
    const int64_t c = 6;
    const onp_shape in[] = {{3, 5, 7, c}, {1, 1, 2, c}, {1, 1, 1, c}, {1, 1, 1, c}};
    op_case_init(k, ONP_OP_BN_APPLY, (onp_attr){.eps = 1e-3}, in, 4, 17);
    op_case_forward(k);
}

/* Mean beta and variance gamma^2 var / (var + eps) in each channel of y. */
static void test_batch_norm_moments(void **state)
{
    (void)state;
    op_case k;
    init_batch_norm(&k);
    const int64_t c = k.out.c;
    const onp_shape stats_shape = {1, 1, 2, c};
    double *stats = op_zeros(2 * c);
    onp_ref_run(ONP_OP_BN_STATS, &k.attr, (const double *[]){k.y}, &k.out, 1, NULL, &stats,
                &stats_shape);
    for (int64_t j = 0; j < c; j++) {
        const double var = k.x[1][c + j], gamma = k.x[2][j];
        assert_close(stats[j], k.x[3][j], 10);
        assert_close(stats[c + j], gamma * gamma * var / (var + k.attr.eps), 10);
    }
    free(stats);
    op_case_reset(&k);
}

/* Batch norm does not see a constant added to x: its gradient sums to 0 in each channel. */
static void test_batch_norm_gradient_is_centred(void **state)
{
    (void)state;
    op_case k;
    init_batch_norm(&k);
    const int64_t count = onp_shape_count(k.out), c = k.out.c;
    double *g = op_random(count, 18);
    op_case_backward(&k, g);
    for (int64_t j = 0; j < c; j++) {
        double sum = 0;
        for (int64_t e = j; e < count; e += c)
            sum += k.gx[0][e];
        assert_close(sum, 0, 100);
    }
    free(g);
    op_case_reset(&k);
}

/* One pixel in all: y is beta whatever x is, so x has no gradient. */
static void test_batch_norm_of_one_pixel(void **state)
{
    (void)state;
    const onp_shape in[] = {{1, 1, 1, 2}, {1, 1, 2, 2}, {1, 1, 1, 2}, {1, 1, 1, 2}};
    op_case k;
    op_case_init(&k, ONP_OP_BN_APPLY, (onp_attr){.eps = 1e-5}, in, 4, 19);
    op_case_forward(&k);
    op_case_backward(&k, (const double[]){3, -4});
    for (int j = 0; j < 2; j++) {
        assert_close(k.y[j], k.x[3][j], 1);
        assert_close(k.gx[0][j], 0, 1);
    }
    op_case_reset(&k);
}

/* The gate of a candidate that ends in batch norm is <gy, o>, o the candidate's output. */
static void test_gate_is_inner_product(void **state)
{
    (void)state;
    op_case k;
    init_batch_norm(&k);
    const int64_t count = onp_shape_count(k.out);
    double *g = op_random(count, 20), gate, *out = &gate;
    op_case_backward(&k, g);
    const double *in[] = {k.x[2], k.gx[2], k.x[3], k.gx[3]};
    const onp_shape shapes[] = {k.in[2], k.in[2], k.in[3], k.in[3]}, scalar = {1, 1, 1, 1};
    onp_ref_run(ONP_OP_GATE, &k.attr, in, shapes, 4, NULL, &out, &scalar);
    assert_true(fabs(gate) > 0.1);
    assert_close(gate, op_dot(g, k.y, count), (double)count);
    free(g);
    op_case_reset(&k);
}

/* Rows of the gradient sum to 0, and neither loss nor gradient sees a constant added to a row. */
static void test_softmax_ignores_a_constant(void **state)
{
    (void)state;
    const int64_t rows = 6, classes = 10;
    const onp_shape in[] = {{rows, 1, 1, classes}, {1, 1, 1, rows}};
    op_case k, lifted;
    op_case_init(&k, ONP_OP_SOFTMAX_CE, (onp_attr){.smoothing = 0.1}, in, 2, 21);
    op_case_init(&lifted, ONP_OP_SOFTMAX_CE, (onp_attr){.smoothing = 0.1}, in, 2, 21);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < classes; c++)
            lifted.x[0][r * classes + c] += 3.25 * (double)r;
    const double one[] = {1, 0};
    op_case_forward(&k);
    op_case_forward(&lifted);
    op_case_backward(&k, one);
    op_case_backward(&lifted, one);
    assert_close(k.y[0], lifted.y[0], 10);
    assert_true(k.y[1] == lifted.y[1]);
    for (int64_t n = 0; n < rows; n++) {
        double sum = 0;
        for (int64_t e = n * classes; e < (n + 1) * classes; e++) {
            sum += k.gx[0][e];
            assert_close(k.gx[0][e], lifted.gx[0][e], 1);
        }
        assert_close(sum, 0, 1);
    }
    op_case_reset(&k);
    op_case_reset(&lifted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adjoint),
        cmocka_unit_test(test_convolution_commutes_with_shift),
        cmocka_unit_test(test_batch_norm_moments),
        cmocka_unit_test(test_batch_norm_gradient_is_centred),
        cmocka_unit_test(test_batch_norm_of_one_pixel),
        cmocka_unit_test(test_gate_is_inner_product),
        cmocka_unit_test(test_softmax_ignores_a_constant),
    };
    return cmocka_run_group_tests_name("ops laws", tests, NULL, NULL);
}
