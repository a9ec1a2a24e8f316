/* SPDX-License-Identifier: Apache-2.0 */
/* The reference kernels against values that come from elsewhere: worked by hand, or another way of
 * computing the same. */
#include "tests/ops/op_case.h"

#include <math.h>
#include <stdlib.h>

#define EPSILON 1e-12

#define assert_near(seen, want, count) near_((seen), (want), (count), __FILE__, __LINE__)
static void near_(const double *seen, const double *want, int64_t count, const char *file, int line)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(seen[i] - want[i]) <= EPSILON * fmax(1, fabs(want[i])))) {
            print_error("element %ld is %.17g, expected %.17g\n", (long)i, seen[i], want[i]);
            _fail(file, line);
        }
}

static void run1(onp_op op, onp_attr attr, const double *x, onp_shape xs, double *y, onp_shape ys)
{
    onp_ref_run(op, &attr, &x, &xs, 1, NULL, &y, &ys);
}

static void run2(onp_op op, onp_attr attr, const double *a, onp_shape as, const double *b,
                 onp_shape bs, double *y, onp_shape ys)
{
    onp_ref_run(op, &attr, (const double *[]){a, b}, (onp_shape[]){as, bs}, 2, NULL, &y, &ys);
}

static const double one_to_nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const onp_shape map3 = {1, 3, 3, 1}, map2 = {1, 2, 2, 1}, kernel3 = {3, 3, 1, 1};

static void test_box_sums(void **state)
{
    (void)state;
    const double ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const onp_op ops[] = {ONP_OP_CONV, ONP_OP_DEPTHWISE};
    for (size_t o = 0; o < ONP_COUNT(ops); o++) {
        double y[9];
        run2(ops[o], (onp_attr){.kernel = 3, .stride = 1}, one_to_nine, map3, ones, kernel3, y,
             map3);
        assert_near(y, ((double[]){12, 21, 16, 27, 45, 33, 24, 39, 28}), 9);
        run2(ops[o], (onp_attr){.kernel = 3, .stride = 2}, one_to_nine, map3, ones, kernel3, y,
             map2);
        assert_near(y, ((double[]){12, 16, 24, 28}), 4);
        run2(ops[o], (onp_attr){.kernel = 3, .stride = 3}, one_to_nine, map3, ones, kernel3, y,
             (onp_shape){1, 1, 1, 1});
        assert_near(y, ((double[]){12}), 1);
    }
}

/* A kernel with one tap moves the map: tells rows from columns, and correlation from convolution.
 */
static void test_one_tap_shifts(void **state)
{
    (void)state;
    const double tap[] = {0, 0, 1, 0, 0, 0, 0, 0, 0}; /* u = 0, v = 2: x[i - 1][j + 1] */
    double y[9];
    run2(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1}, one_to_nine, map3, tap, kernel3, y,
         map3);
    assert_near(y, ((double[]){0, 0, 0, 2, 3, 0, 5, 6, 0}), 9);
    run2(ONP_OP_CONV_BWD_DATA, (onp_attr){.kernel = 3, .stride = 1}, one_to_nine, map3, tap,
         kernel3, y, map3);
    assert_near(y, ((double[]){0, 4, 5, 0, 7, 8, 0, 0, 0}), 9);
}

/* A unit pulse answers with the kernel turned round, cut off at the border. */
static void test_impulse_response(void **state)
{
    (void)state;
    double pulse[9] = {0}, y[9];
    pulse[0] = 1;
    run2(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1}, pulse, map3, one_to_nine, kernel3, y,
         map3);
    assert_near(y, ((double[]){5, 4, 0, 2, 1, 0, 0, 0, 0}), 9);
}

/* 2 by 2 at stride 2 starts at the corner and is cut at the border; 3 by 3 is centred. Of equal
 * taps the first gets the gradient. */
static void test_max_pool(void **state)
{
    (void)state;
    const double ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, gy[] = {1, 2, 3, 4};
    double y[9];
    run1(ONP_OP_MAX_POOL, (onp_attr){.kernel = 2, .stride = 2}, one_to_nine, map3, y, map2);
    assert_near(y, ((double[]){5, 6, 8, 9}), 4);
    run1(ONP_OP_MAX_POOL, (onp_attr){.kernel = 3, .stride = 2}, one_to_nine, map3, y, map2);
    assert_near(y, ((double[]){5, 6, 8, 9}), 4);
    run2(ONP_OP_MAX_POOL_BWD, (onp_attr){.kernel = 2, .stride = 2}, gy, map2, one_to_nine, map3, y,
         map3);
    assert_near(y, ((double[]){0, 0, 0, 0, 1, 2, 0, 3, 4}), 9);
    run2(ONP_OP_MAX_POOL_BWD, (onp_attr){.kernel = 3, .stride = 2}, gy, map2, ones, map3, y, map3);
    assert_near(y, ((double[]){1, 2, 0, 3, 4, 0, 0, 0, 0}), 9);
}

/* Divided by the taps within the map: 4 at a corner of 3 by 3, 1, 2 and 4 where 2 by 2 is cut. */
static void test_avg_pool(void **state)
{
    (void)state;
    double y[9];
    run1(ONP_OP_AVG_POOL, (onp_attr){.kernel = 2, .stride = 2}, one_to_nine, map3, y, map2);
    assert_near(y, ((double[]){3, 4.5, 7.5, 9}), 4);
    run1(ONP_OP_AVG_POOL, (onp_attr){.kernel = 3, .stride = 1}, one_to_nine, map3, y, map3);
    assert_near(y, ((double[]){3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7}), 9);
    run1(ONP_OP_AVG_POOL_BWD, (onp_attr){.kernel = 2, .stride = 2}, (double[]){4, 2, 6, 1}, map2, y,
         map3);
    assert_near(y, ((double[]){1, 1, 1, 1, 1, 1, 3, 3, 1}), 9);
}

static void test_hard_activations(void **state)
{
    (void)state;
    const double x[] = {-4, -3, -1.5, 0, 1, 3, 5}, gy[] = {6, 6, 6, 6, 6, 6, 6};
    const onp_shape s = {1, 1, 7, 1};
    double y[7];
    run1(ONP_OP_HSIGMOID, (onp_attr){0}, x, s, y, s);
    assert_near(y, ((double[]){0, 0, 0.25, 0.5, 2. / 3, 1, 1}), 7);
    run2(ONP_OP_HSIGMOID_BWD, (onp_attr){0}, gy, s, x, s, y, s);
    assert_near(y, ((double[]){0, 0, 1, 1, 1, 0, 0}), 7);
    run1(ONP_OP_HSWISH, (onp_attr){0}, x, s, y, s);
    assert_near(y, ((double[]){0, 0, -0.375, 0, 2. / 3, 3, 5}), 7);
    run2(ONP_OP_HSWISH_BWD, (onp_attr){0}, gy, s, x, s, y, s); /* 2 x + 3 between the kinks */
    assert_near(y, ((double[]){0, 0, 0, 3, 5, 6, 6}), 7);
}

static void test_channel_scale(void **state)
{
    (void)state;
    /* two images of 1x2 pixels and 2 channels */
    const double x[] = {1, 10, 3, 30, 5, 50, 9, 90}, s[] = {2, 3, 4, 5};
    const double gy[] = {1, 1, 1, 0, 1, 0, 2, 0};
    const onp_shape xs = {2, 1, 2, 2}, ss = {2, 1, 1, 2};
    double y[8];
    run2(ONP_OP_CHANNEL_SCALE, (onp_attr){0}, x, xs, s, ss, y, xs);
    assert_near(y, ((double[]){2, 30, 6, 90, 20, 250, 36, 450}), 8);
    run2(ONP_OP_CHANNEL_SCALE_BWD_SCALE, (onp_attr){0}, gy, xs, x, xs, y, ss);
    assert_near(y, ((double[]){4, 10, 23, 0}), 4);
    run2(ONP_OP_DOT, (onp_attr){0}, gy, xs, x, xs, y, (onp_shape){1, 1, 1, 1});
    assert_near(y, ((double[]){1 + 10 + 3 + 5 + 18}), 1);
}

/* The mask is that of the words it is documented by, keeps its share, and is the same for a sample
 * wherever in a batch it stands. */
static void test_dropout(void **state)
{
    (void)state;
    enum { N = 3, SAMPLE = 4001 };
    const onp_rng key = onp_rng_make(5, ONP_RNG_DROPOUT);
    const onp_attr attr = {.rate = 0.3, .key = key};
    const onp_shape s = {N, 1, 1, SAMPLE};
    double *ones = op_zeros(N * SAMPLE), *y = op_zeros(N * SAMPLE);
    int64_t kept = 0;
    for (int i = 0; i < N * SAMPLE; i++)
        ones[i] = 1;
    run1(ONP_OP_DROPOUT, attr, ones, s, y, s);
    for (int i = 0; i < N * SAMPLE; i++) {
        uint32_t words[4];
        onp_rng_block(key, (uint64_t)(i % SAMPLE / 4), (uint32_t)(i / SAMPLE), 0, words);
        const double want = words[i % SAMPLE % 4] * 0x1p-32 < 0.3 ? 0 : 1 / 0.7;
        if (!(fabs(y[i] - want) < 1e-15))
            fail_msg("element %d is %g, expected %g", i, y[i], want);
        kept += y[i] > 0;
    }
    assert_true(fabs((double)kept / (N * SAMPLE) - 0.7) < 0.02); /* 5 deviations */
    run1(ONP_OP_DROPOUT, (onp_attr){.key = key}, ones, s, y, s);
    assert_near(y, ones, N * SAMPLE);
    free(ones);
    free(y);
}

static void test_linear_layer(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, w[] = {1, 10, 100, 2, 20, 200}, bias[] = {0.5, 0, -1};
    const double *in[] = {x, w, bias};
    const onp_shape shapes[] = {{2, 1, 1, 2}, {1, 1, 2, 3}, {1, 1, 1, 3}}, ys = {2, 1, 1, 3};
    double y[6], *out = y;
    onp_ref_run(ONP_OP_CONV, &(onp_attr){.kernel = 1, .stride = 1}, in, shapes, 3, NULL, &out, &ys);
    assert_near(y, ((double[]){5.5, 50, 499, 11.5, 110, 1099}), 6);
}

/* Fills the matrix of a convolution, a[output][input]: every pair of a place of y and a place of x
 * whose distance is a tap of the kernel. */
static void convolution_matrix(const op_case *k, double *a)
{
    const onp_shape xs = k->in[0], ys = k->out, ws = k->in[1];
    const int64_t n_x = onp_shape_count(xs), n_y = onp_shape_count(ys);
    for (int64_t e = 0; e < n_y * n_x; e++) {
        const int64_t y = e / n_x, x = e % n_x;
        const int64_t o = y % ys.c, j = y / ys.c % ys.w, i = y / ys.c / ys.w % ys.h;
        const int64_t c = x % xs.c, s = x / xs.c % xs.w, r = x / xs.c / xs.w % xs.h;
        const int64_t d = onp_attr_dilation(&k->attr), groups = onp_attr_groups(&k->attr);
        const int64_t u = r - i * k->attr.stride + k->attr.kernel / 2 * d;
        const int64_t v = s - j * k->attr.stride + k->attr.kernel / 2 * d;
        const bool tap =
            u >= 0 && u % d == 0 && u / d < ws.n && v >= 0 && v % d == 0 && v / d < ws.h;
        const bool same_image = y / (ys.h * ys.w * ys.c) == x / (xs.h * xs.w * xs.c);
        const bool same_group = c / (xs.c / groups) == o / (ys.c / groups);
        a[e] = tap && same_image && same_group
                   ? k->x[1][((u / d * ws.h + v / d) * ws.w + c % ws.w) * ws.c + o]
                   : 0;
    }
}

static void compare_with_matrix(int64_t h, int64_t w, int64_t channels, onp_attr attr)
{
    const int groups = onp_attr_groups(&attr);
    const onp_shape in[] = {{2, h, w, channels},
                            {attr.kernel, attr.kernel, channels / groups, 2 * groups}};
    op_case k;
    op_case_init(&k, ONP_OP_CONV, attr, in, 2, 3);
    const int64_t n_x = onp_shape_count(k.in[0]), n_y = onp_shape_count(k.out);
    double *a = op_zeros(n_x * n_y), *y = op_zeros(n_y), *gx = op_zeros(n_x);
    double *gy = op_random(n_y, 4);
    convolution_matrix(&k, a);
    for (int64_t r = 0; r < n_y; r++)
        for (int64_t c = 0; c < n_x; c++) {
            y[r] += a[r * n_x + c] * k.x[0][c];
            gx[c] += a[r * n_x + c] * gy[r];
        }
    op_case_forward(&k);
    op_case_backward(&k, gy);
    assert_near(k.y, y, n_y);
    assert_near(k.gx[0], gx, n_x);
    free(a);
    free(y);
    free(gx);
    free(gy);
    op_case_reset(&k);
}

static void test_conv_is_a_matrix(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 7; kernel += 2)
        for (int stride = 1; stride <= ONP_STRIDE_MAX; stride++) {
            const onp_attr attr = {.kernel = kernel, .stride = stride};
            compare_with_matrix(5, 7, 3, attr);
            compare_with_matrix(6, 4, 3, attr);
            compare_with_matrix(1, 2, 3, attr);
        }
}

static void test_dilation_and_groups_are_matrices(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 5; kernel += 2)
        for (int stride = 1; stride <= 3; stride++)
            for (int dilation = 1; dilation <= 4; dilation++)
                for (int groups = 1; groups <= 3; groups++) {
                    const onp_attr attr = {
                        .kernel = kernel, .stride = stride, .dilation = dilation, .groups = groups};
                    compare_with_matrix(5, 7, 2 * groups, attr);
                    compare_with_matrix(1, 3, groups, attr);
                }
}

/* w[u][v][c][o] of the dense convolution is the depthwise kernel where o == c, else 0. */
static void compare_with_dense(int kernel, int stride, int dilation)
{
    const int64_t c = 3;
    const onp_attr attr = {.kernel = kernel, .stride = stride, .dilation = dilation};
    op_case deep, dense;
    op_case_init(&deep, ONP_OP_DEPTHWISE, attr,
                 (const onp_shape[]){{2, 5, 7, c}, {kernel, kernel, 1, c}, {1, 1, 1, c}}, 3, 5);
    op_case_init(&dense, ONP_OP_CONV, attr,
                 (const onp_shape[]){{2, 5, 7, c}, {kernel, kernel, c, c}, {1, 1, 1, c}}, 3, 5);
    for (int64_t e = 0; e < kernel * kernel * c * c; e++)
        dense.x[1][e] = e / c % c == e % c ? deep.x[1][e / c / c * c + e % c] : 0;
    double *gy = op_random(onp_shape_count(deep.out), 6);
    op_case_forward(&deep);
    op_case_forward(&dense);
    op_case_backward(&deep, gy);
    op_case_backward(&dense, gy);
    assert_near(deep.y, dense.y, onp_shape_count(deep.out));
    assert_near(deep.gx[0], dense.gx[0], onp_shape_count(deep.in[0]));
    for (int64_t e = 0; e < kernel * kernel * c; e++)
        assert_near(&deep.gx[1][e], &dense.gx[1][e / c * c * c + e % c * (c + 1)], 1);
    assert_near(deep.gx[2], dense.gx[2], c);
    free(gy);
    op_case_reset(&deep);
    op_case_reset(&dense);
}

static void test_depthwise_is_block_diagonal(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 7; kernel += 2)
        for (int stride = 1; stride <= ONP_STRIDE_MAX; stride++)
            for (int dilation = 1; dilation <= 3; dilation++)
                compare_with_dense(kernel, stride, dilation);
}

static void test_batch_norm(void **state)
{
    (void)state;
    /* two channels of two pixels: 1, 3 and 10, 10; eps 3 makes the first deviation 2 */
    const double x[] = {1, 10, 3, 10}, gamma[] = {4, 7}, beta[] = {10, -1};
    const onp_shape xs = {2, 1, 1, 2}, ss = {1, 1, 2, 2}, vs = {1, 1, 1, 2};
    double stats[4], y[4], *out = y;
    run1(ONP_OP_BN_STATS, (onp_attr){0}, x, xs, stats, ss);
    assert_near(stats, ((double[]){2, 10, 1, 0}), 4);
    onp_ref_run(ONP_OP_BN_APPLY, &(onp_attr){.eps = 3}, (const double *[]){x, stats, gamma, beta},
                (const onp_shape[]){xs, ss, vs, vs}, 4, NULL, &out, &xs);
    assert_near(y, ((double[]){8, -1, 12, -1}), 4);

    /* gy = 1, 2 and 1, 5:  dgamma = -1/2 + 2/2, 0;  dbeta = 3, 6 */
    const double gy[] = {1, 1, 2, 5};
    double dgamma[2], dbeta[2], *sums[] = {dgamma, dbeta};
    onp_ref_run(ONP_OP_BN_BWD_SUMS, &(onp_attr){.eps = 3}, (const double *[]){gy, x, stats},
                (const onp_shape[]){xs, xs, ss}, 3, NULL, sums, (const onp_shape[]){vs, vs});
    assert_near(dgamma, ((double[]){0.5, 0}), 2);
    assert_near(dbeta, ((double[]){3, 6}), 2);

    /* gx = 4/2 (1 - 3/2 + 1/2 * 0.5/2),  2 (2 - 3/2 - 1/2 * 0.5/2) and 7/sqrt 3 (-+ 2) */
    onp_ref_run(ONP_OP_BN_BWD_APPLY, &(onp_attr){.eps = 3},
                (const double *[]){gy, x, stats, gamma, dgamma, dbeta},
                (const onp_shape[]){xs, xs, ss, vs, vs, vs}, 6, NULL, &out, &xs);
    assert_near(y, ((double[]){-0.75, -14 / sqrt(3), 0.75, 14 / sqrt(3)}), 4);
}

static void test_elementwise(void **state)
{
    (void)state;
    const double x[] = {-1, 0, 1e-9, 3, 6 - 1e-9, 6, 7}, gy[] = {1, 2, 3, 4, 5, 6, 7};
    const onp_shape s = {1, 1, 7, 1};
    double y[7];
    run1(ONP_OP_RELU6, (onp_attr){0}, x, s, y, s);
    assert_near(y, ((double[]){0, 0, 1e-9, 3, 6 - 1e-9, 6, 6}), 7);
    run2(ONP_OP_RELU6_BWD, (onp_attr){0}, gy, s, x, s, y, s);
    assert_near(y, ((double[]){0, 0, 3, 4, 5, 0, 0}), 7);
    run2(ONP_OP_ADD, (onp_attr){0}, gy, s, x, s, y, s);
    assert_near(y, ((double[]){0, 2, 3 + 1e-9, 7, 11 - 1e-9, 12, 14}), 7);
    run1(ONP_OP_RELU6, (onp_attr){0}, &(const double){(double)NAN}, (onp_shape){1, 1, 1, 1}, y,
         (onp_shape){1, 1, 1, 1});
    assert_true(isnan(y[0]));
}

static void test_pool_and_column_sum(void **state)
{
    (void)state;
    /* two images of 1x2 pixels and 2 channels */
    const double x[] = {1, 10, 3, 30, 5, 50, 9, 90};
    const onp_shape xs = {2, 1, 2, 2}, ps = {2, 1, 1, 2};
    double y[8];
    run1(ONP_OP_GLOBAL_AVG_POOL, (onp_attr){0}, x, xs, y, ps);
    assert_near(y, ((double[]){2, 20, 7, 70}), 4);
    run1(ONP_OP_GLOBAL_AVG_POOL_BWD, (onp_attr){0}, (const double[]){2, 20, 7, 70}, ps, y, xs);
    assert_near(y, ((double[]){1, 10, 1, 10, 3.5, 35, 3.5, 35}), 8);
    run1(ONP_OP_COLUMN_SUM, (onp_attr){0}, x, xs, y, (onp_shape){1, 1, 1, 2});
    assert_near(y, ((double[]){18, 180}), 2);
}

static void softmax(onp_op op, double smoothing, const double *x, int64_t n, int64_t n_classes,
                    const int32_t *labels, double *y)
{
    const onp_shape in[] = {{n, 1, 1, n_classes}, {1, 1, 1, n}};
    const onp_shape out = op == ONP_OP_SOFTMAX_CE ? (onp_shape){1, 1, 1, 2} : in[0];
    onp_ref_run(op, &(onp_attr){.smoothing = smoothing}, (const double *[]){x, NULL}, in, 2, labels,
                &y, &out);
}

static void test_softmax_ce(void **state)
{
    (void)state;
    const double x[] = {0, log(3), 0, log(3)}; /* softmax 1/4, 3/4 twice */
    const int32_t labels[] = {1, 0};
    double y[4];
    softmax(ONP_OP_SOFTMAX_CE, 0, x, 2, 2, labels, y);
    assert_near(y, ((double[]){(log(4. / 3) + log(4)) / 2, 1}), 2);
    softmax(ONP_OP_SOFTMAX_CE, 0.2, x, 1, 2, labels, y);
    assert_near(y, ((double[]){0.1 * log(4) + 0.9 * log(4. / 3), 1}), 2);
    softmax(ONP_OP_SOFTMAX_CE_BWD, 0, x, 2, 2, labels, y);
    assert_near(y, ((double[]){0.125, -0.125, -0.375, 0.375}), 4);
    softmax(ONP_OP_SOFTMAX_CE_BWD, 0.2, x, 1, 2, labels, y);
    assert_near(y, ((double[]){0.15, -0.15}), 2);
}

static void test_softmax_ce_extremes(void **state)
{
    (void)state;
    const int32_t labels[] = {1};
    double y[3];
    softmax(ONP_OP_SOFTMAX_CE, 0, (const double[]){1000, -1000, 0}, 1, 3, labels, y);
    assert_near(y, ((double[]){2000, 0}), 2);
    softmax(ONP_OP_SOFTMAX_CE_BWD, 0, (const double[]){1000, -1000, 0}, 1, 3, labels, y);
    assert_near(y, ((double[]){1, -1, 0}), 3);
    /* of equal logits the first is the answer */
    softmax(ONP_OP_SOFTMAX_CE, 0, (const double[]){2, 2, 2}, 1, 3, labels, y);
    assert_near(y, ((double[]){log(3), 0}), 2);
    softmax(ONP_OP_SOFTMAX_CE, 0, (const double[]){2, 2, 2}, 1, 3, (const int32_t[]){0}, y);
    assert_near(y, ((double[]){log(3), 1}), 2);
    softmax(ONP_OP_SOFTMAX_CE, 0, (const double[]){5}, 1, 1, (const int32_t[]){0}, y);
    assert_near(y, ((double[]){0, 1}), 2);
}

static void test_gate(void **state)
{
    (void)state;
    const double gamma[] = {1, 2}, dgamma[] = {3, 4}, beta[] = {5, 6}, dbeta[] = {7, 8};
    const onp_shape v = {1, 1, 1, 2}, in[] = {v, v, v, v}, scalar = {1, 1, 1, 1};
    double y, *out = &y;
    onp_ref_run(ONP_OP_GATE, &(onp_attr){0}, (const double *[]){gamma, dgamma, beta, dbeta}, in, 4,
                NULL, &out, &scalar);
    assert_near(&y, ((double[]){3 + 8 + 35 + 48}), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_box_sums),
        cmocka_unit_test(test_one_tap_shifts),
        cmocka_unit_test(test_impulse_response),
        cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_avg_pool),
        cmocka_unit_test(test_hard_activations),
        cmocka_unit_test(test_channel_scale),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_linear_layer),
        cmocka_unit_test(test_conv_is_a_matrix),
        cmocka_unit_test(test_dilation_and_groups_are_matrices),
        cmocka_unit_test(test_depthwise_is_block_diagonal),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_pool_and_column_sum),
        cmocka_unit_test(test_softmax_ce),
        cmocka_unit_test(test_softmax_ce_extremes),
        cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests_name("ops values", tests, NULL, NULL);
}
