/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution calls against the double reference: maps that cross the borders
 * of tiles and bands, lanes with tails, strides on odd maps, every kind of
 * operand, biases, clamps and column sums, on every kernel table. The bound
 * counts the products of a result and scales with the sum of their absolute
 * values.
 */
#include <math.h>
#include <string.h>

#include "ops/ref.h"
#include "tests/ops/call_case.h"

typedef struct conv_case {
    onp_shape in;
    int64_t out_c;
    int kernel, stride, dilation, groups;
} conv_case;

static const conv_case dense[] = {
    /* pointwise: around tiles of 16 rows, then eight tiles and a rest, then
       tiles of 512 */
    {{1, 1, 1, 1}, 1, 1, 1, 1, 1},
    {{1, 3, 5, 7}, 9, 1, 1, 1, 1},
    {{1, 4, 4, 16}, 5, 1, 1, 1, 1},
    {{1, 1, 17, 3}, 17, 1, 1, 1, 1},
    {{3, 43, 1, 8}, 33, 1, 1, 1, 1},
    {{1, 241, 17, 3}, 5, 1, 1, 1, 1},
    /* k x k: one band, several bands of an image, kernels wider than the map,
       strides */
    {{2, 7, 5, 3}, 4, 3, 1, 1, 1},
    {{2, 40, 37, 24}, 16, 3, 1, 1, 1},
    {{1, 41, 37, 24}, 7, 5, 2, 1, 1},
    {{1, 40, 31, 5}, 3, 7, 3, 1, 1},
    {{2, 11, 10, 3}, 6, 3, 4, 1, 1},
    {{2, 9, 7, 5}, 6, 1, 2, 1, 1},
    {{1, 5, 6, 2}, 3, 15, 1, 1, 1},
    {{1, 1, 1, 4}, 3, 5, 3, 1, 1},
    {{3, 16, 16, 3}, 8, 3, 2, 1, 1},
};

/* Dilation, groups and both: taps that only ever meet the padding, strides, odd and single channels
 * of a group, many bands of an image, weights and tiles of several parts. */
static const conv_case spread[] = {
    {{1, 1, 1, 1}, 1, 3, 1, 2, 1},     {{2, 7, 5, 3}, 4, 3, 1, 2, 1},
    {{2, 30, 17, 12}, 16, 3, 1, 3, 1}, {{1, 41, 17, 24}, 7, 5, 2, 2, 1},
    {{1, 40, 31, 5}, 3, 7, 3, 5, 1},   {{2, 11, 10, 3}, 6, 3, 4, 3, 1},
    {{2, 9, 7, 6}, 6, 1, 2, 4, 2},     {{1, 5, 6, 2}, 3, 3, 1, 32, 1},
    {{2, 9, 7, 6}, 6, 1, 1, 1, 3},     {{2, 9, 7, 6}, 9, 3, 1, 1, 3},
    {{2, 9, 7, 5}, 10, 3, 2, 1, 5},    {{3, 16, 16, 34}, 18, 3, 2, 2, 2},
    {{1, 13, 14, 64}, 96, 5, 1, 2, 4}, {{3, 43, 1, 8}, 32, 1, 1, 1, 8},
    {{1, 1, 1, 4}, 4, 5, 3, 3, 4},     {{1, 12, 20, 66}, 132, 3, 3, 4, 33},
};

/* Weight gradients so large that fewer of them are kept apart. */
static const conv_case wide[] = {
    {{1, 20, 10, 200}, 200, 1, 1, 1, 1},
    {{1, 20, 10, 400}, 400, 1, 1, 1, 1},
    {{2, 9, 9, 40}, 100, 3, 2, 1, 1},
};

static const conv_case depthwise[] = {
    {{1, 1, 1, 1}, 0, 3, 1, 1, 1},
    {{2, 7, 5, 3}, 0, 3, 1, 1, 1},
    {{2, 9, 7, 16}, 0, 5, 1, 1, 1},
    {{2, 60, 120, 17}, 0, 3, 1, 1, 1},
    {{1, 61, 119, 33}, 0, 5, 2, 1, 1},
    {{1, 61, 121, 24}, 0, 7, 3, 1, 1},
    {{2, 11, 10, 20}, 0, 9, 1, 1, 1},
    {{2, 11, 10, 20}, 0, 3, 4, 1, 1},
    {{2, 9, 7, 5}, 0, 1, 2, 1, 1},
    {{1, 5, 6, 2}, 0, 15, 2, 1, 1},
    {{1, 1, 1, 4}, 0, 7, 3, 1, 1},
    {{3, 16, 16, 31}, 0, 3, 2, 1, 1},
    /* whole lanes, which plain operands give in place; many images; parts of
     * channels, and bands of an image that share lines */
    {{1, 14, 14, 160}, 0, 7, 1, 1, 1},
    {{9, 8, 8, 48}, 0, 5, 1, 1, 1},
    {{9, 7, 7, 40}, 0, 3, 2, 1, 1},
    {{1, 33, 40, 144}, 0, 5, 2, 1, 1},
    {{9, 40, 33, 144}, 0, 7, 1, 1, 1},
    {{9, 41, 35, 72}, 0, 3, 2, 1, 1},
};

/* Lines that one line meets with lines between them, in a ring and in place; strides; more bands of
 * an image than one; kernels wider than the map. */
static const conv_case spread_depthwise[] = {
    {{1, 1, 1, 1}, 0, 3, 1, 2, 1},     {{2, 7, 5, 3}, 0, 3, 1, 2, 1},
    {{2, 9, 7, 16}, 0, 5, 1, 3, 1},    {{2, 60, 120, 17}, 0, 3, 1, 4, 1},
    {{1, 61, 59, 33}, 0, 5, 2, 2, 1},  {{1, 61, 51, 24}, 0, 7, 3, 3, 1},
    {{2, 11, 10, 20}, 0, 3, 4, 2, 1},  {{1, 5, 6, 2}, 0, 3, 2, 32, 1},
    {{9, 8, 8, 48}, 0, 5, 1, 2, 1},    {{1, 33, 40, 144}, 0, 5, 2, 3, 1},
    {{8, 20, 17, 144}, 0, 7, 1, 2, 1}, {{8, 21, 25, 72}, 0, 3, 2, 5, 1},
};

typedef enum direction { FORWARD, DATA, WEIGHT } direction;

/* One call and its operation. */
typedef struct plan {
    onp_call call;
    onp_op op;
    onp_shape w, out_shape; /* of the weights, of what the call writes */
    onp_attr attr;
    double products; /* of one result */
} plan;

static plan make_plan(const conv_case *c, bool is_depthwise, direction d)
{
    static const onp_call_kind kind[2][3] = {
        {ONP_CALL_CONV, ONP_CALL_CONV_DATA, ONP_CALL_CONV_WEIGHT},
        {ONP_CALL_DEPTHWISE, ONP_CALL_DEPTHWISE_DATA, ONP_CALL_DEPTHWISE_WEIGHT}};
    static const onp_op op[2][3] = {
        {ONP_OP_CONV, ONP_OP_CONV_BWD_DATA, ONP_OP_CONV_BWD_WEIGHT},
        {ONP_OP_DEPTHWISE, ONP_OP_DEPTHWISE_BWD_DATA, ONP_OP_DEPTHWISE_BWD_WEIGHT}};
    plan p = {.op = op[is_depthwise][d],
              .attr = {.kernel = c->kernel,
                       .stride = c->stride,
                       .dilation = c->dilation,
                       .groups = c->groups}};
    const int64_t out_c = is_depthwise ? c->in.c : c->out_c;
    const onp_shape out = {c->in.n, (c->in.h + c->stride - 1) / c->stride,
                           (c->in.w + c->stride - 1) / c->stride, out_c};
    p.w = (onp_shape){c->kernel, c->kernel, is_depthwise ? 1 : c->in.c / c->groups, out_c};
    p.call = (onp_call){.kind = kind[is_depthwise][d],
                        .kernel = c->kernel,
                        .stride = c->stride,
                        .dilation = c->dilation,
                        .groups = c->groups,
                        .in = c->in,
                        .out = out,
                        .lo = 1};
    p.out_shape = d == FORWARD ? out : d == DATA ? c->in : p.w;
    const double taps = (double)c->kernel * c->kernel;
    p.products = d == WEIGHT    ? (double)(out.n * out.h * out.w)
                 : is_depthwise ? taps
                                : taps * (double)(d == FORWARD ? c->in.c : out_c) / c->groups;
    return p;
}

/* The operation on two inputs, and on their absolute values. */
static void reference(const plan *p, const call_tensor in[2], const onp_shape shape[2], double *y,
                      double *sum)
{
    const double *value[2] = {in[0].value, in[1].value}, *sums[2] = {in[0].sum, in[1].sum};
    onp_ref_run(p->op, &p->attr, value, shape, 2, NULL, &y, &p->out_shape);
    onp_ref_run(p->op, &p->attr, sums, shape, 2, NULL, &sum, &p->out_shape);
}

static int64_t rows_of(onp_shape s)
{
    return s.n * s.h * s.w;
}

static call_tensor weights(call_case *t, onp_call *call, onp_shape s)
{
    const int64_t n = onp_shape_count(s);
    call->w = call_numbers(t, n, 0);
    double *value = call_doubles(t, call->w, n);
    return (call_tensor){value, call_absolute(t, value, n)};
}

static void finish(const onp_call *call, int64_t n, double *y, double *sum)
{
    for (int64_t i = 0; i < n; i++) {
        const double bias = call->bias != NULL ? (double)call->bias[i % call->out.c] : 0;
        y[i] += bias;
        sum[i] += fabs(bias);
        if (call->lo <= call->hi)
            y[i] = fmin(fmax(y[i], (double)call->lo), (double)call->hi);
        const double gate = fmin(fmax(y[i] + 3, 0), 6) / 6;
        if (call->store == ONP_STORE_HSWISH) {
            sum[i] *= 1 + fabs(y[i]); /* the slope is at most 1.5 */
            y[i] *= gate;
        } else if (call->store == ONP_STORE_HSIGMOID)
            y[i] = gate;
    }
}

/* `variant` chooses the parts of operands, and with them bias, clamp and sums.
 */
static void check(const onp_kernels *k, const conv_case *c, bool is_depthwise, direction d,
                  int variant)
{
    call_case t;
    call_case_init(&t, k, 11);
    plan p = make_plan(c, is_depthwise, d);
    onp_call *call = &p.call;
    call_tensor in[2];
    onp_shape shape[2];
    const int forward = call_forward_parts[variant % 4],
              backward = call_backward_parts[variant % 8];
    if (d == FORWARD) {
        in[0] = call_operand(&t, &call->a, rows_of(call->in), call->in.c, forward);
        in[1] = weights(&t, call, p.w);
        shape[0] = call->in;
        shape[1] = p.w;
        call->bias = variant & 1 ? call_numbers(&t, call->out.c, 0) : NULL;
        call->lo = variant & 2 ? -1.0F : 1.0F;
        call->hi = variant & 2 ? 1.0F : 0.0F;
        call->store = variant % 8 == 1   ? ONP_STORE_HSWISH
                      : variant % 8 == 5 ? ONP_STORE_HSIGMOID
                                         : ONP_STORE_SUM;
        call_prepare(&t, call, variant & 4 ? ONP_SUMS_MOMENTS : ONP_SUMS_NONE);
    } else if (d == DATA) {
        in[0] = call_operand(&t, &call->a, rows_of(call->out), call->out.c, backward);
        in[1] = weights(&t, call, p.w);
        shape[0] = call->out;
        shape[1] = p.w;
        call_prepare(&t, call, variant & 1 ? ONP_SUMS_GRAD : ONP_SUMS_NONE);
    } else {
        in[0] = call_operand(&t, &call->a, rows_of(call->in), call->in.c, forward);
        in[1] = call_operand(&t, &call->b, rows_of(call->out), call->out.c, backward);
        shape[0] = call->in;
        shape[1] = call->out;
        call_prepare(&t, call, ONP_SUMS_NONE);
    }
    const int64_t n = onp_shape_count(p.out_shape);
    call->y = call_output(&t, n);
    call_run(&t, call);
    double *y = call_zeros(&t, n), *sum = call_zeros(&t, n);
    reference(&p, in, shape, y, sum);
    finish(call, n, y, sum);
    call_close(call->y, y, sum, n, p.products + 8);
    call_check_sums(&t, call);
    call_case_reset(&t);
}

/* Every case on every table; the variants go round, and the small map sees them
 * all. */
static void check_all(const conv_case *cases, size_t n_cases, bool is_depthwise, direction d)
{
    for (int k = 0; onp_kernels_at(k) != NULL; k++) {
        for (size_t i = 0; i < n_cases; i++)
            check(onp_kernels_at(k), &cases[i], is_depthwise, d, (int)i + 3 * k);
        const conv_case small = {{2, 7, 5, 19}, 21, 3, 2, 1, 1},
                        pointwise = {{2, 7, 5, 19}, 21, 1, 1, 1, 1};
        for (int variant = 0; variant < 8; variant++) {
            check(onp_kernels_at(k), &small, is_depthwise, d, variant);
            check(onp_kernels_at(k), &pointwise, is_depthwise, d, variant);
        }
    }
}

static void test_conv(void **state)
{
    (void)state;
    check_all(dense, ONP_COUNT(dense), false, FORWARD);
}

static void test_conv_data(void **state)
{
    (void)state;
    check_all(dense, ONP_COUNT(dense), false, DATA);
}

static void test_conv_weight(void **state)
{
    (void)state;
    check_all(dense, ONP_COUNT(dense), false, WEIGHT);
    for (size_t i = 0; i < ONP_COUNT(wide); i++)
        check(onp_kernels_at(0), &wide[i], false, WEIGHT, (int)i);
}

static void check_each(const conv_case *cases, size_t n, bool is_depthwise)
{
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < n; i++)
            for (int d = FORWARD; d <= WEIGHT; d++)
                check(onp_kernels_at(k), &cases[i], is_depthwise, (direction)d, (int)i + 3 * k);
}

static void test_spread(void **state)
{
    (void)state;
    check_each(spread, ONP_COUNT(spread), false);
    check_each(spread_depthwise, ONP_COUNT(spread_depthwise), true);
}

static void test_depthwise(void **state)
{
    (void)state;
    check_all(depthwise, ONP_COUNT(depthwise), true, FORWARD);
}

static void test_depthwise_data(void **state)
{
    (void)state;
    check_all(depthwise, ONP_COUNT(depthwise), true, DATA);
}

static void test_depthwise_weight(void **state)
{
    (void)state;
    check_all(depthwise, ONP_COUNT(depthwise), true, WEIGHT);
}

/* Both gradients of a call are what the two calls give, its sums those of what
 * it stores. */
static void check_both(const onp_kernels *k, const conv_case *c, int variant)
{
    call_case t;
    call_case_init(&t, k, 12);
    plan p = make_plan(c, true, DATA), q = make_plan(c, true, WEIGHT);
    onp_call *call = &p.call;
    const onp_shape gy = call->out, in_data[2] = {gy, p.w}, in_weight[2] = {call->in, gy};
    call->kind = ONP_CALL_DEPTHWISE_BACKWARD;
    const call_tensor x =
        call_operand(&t, &call->a, rows_of(call->in), call->in.c, call_forward_parts[variant % 4]);
    const call_tensor g =
        call_operand(&t, &call->b, rows_of(gy), gy.c, call_backward_parts[variant % 8]);
    const call_tensor w = weights(&t, call, p.w);
    call_prepare(&t, call, variant & 1 ? ONP_SUMS_GRAD : ONP_SUMS_NONE);
    const int64_t n = onp_shape_count(call->in), n_taps = onp_shape_count(p.w);
    call->y = call_output(&t, n);
    call->dw = call_output(&t, n_taps);
    call_run(&t, call);
    double *y = call_zeros(&t, n), *sum = call_zeros(&t, n);
    reference(&p, (call_tensor[2]){g, w}, in_data, y, sum);
    call_close(call->y, y, sum, n, p.products + 8);
    double *dw = call_zeros(&t, n_taps), *dw_sum = call_zeros(&t, n_taps);
    reference(&q, (call_tensor[2]){x, g}, in_weight, dw, dw_sum);
    call_close(call->dw, dw, dw_sum, n_taps, q.products + 8);
    call_check_sums(&t, call);
    call_case_reset(&t);
}

static void test_depthwise_backward(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(depthwise); i++)
            for (int variant = (int)i; variant < (int)i + 2; variant++)
                check_both(onp_kernels_at(k), &depthwise[i], variant + 3 * k);
}

/* Written over the gradient that it reads, a call gives the same bits. */
static void check_overwrite(const onp_kernels *k, const conv_case *c, int parts, bool both)
{
    call_case t;
    call_case_init(&t, k, 13);
    plan p = make_plan(c, true, DATA);
    onp_call *call = &p.call;
    const int64_t n = onp_shape_count(call->in);
    if (both) {
        call->kind = ONP_CALL_DEPTHWISE_BACKWARD;
        (void)call_operand(&t, &call->a, rows_of(call->in), call->in.c, CALL_AFFINE);
        call->dw = call_output(&t, onp_shape_count(p.w));
    }
    onp_operand *g = both ? &call->b : &call->a;
    (void)call_operand(&t, g, rows_of(call->out), call->out.c, parts);
    (void)weights(&t, call, p.w);
    call_prepare(&t, call, ONP_SUMS_GRAD);
    float *apart = call->y = call_output(&t, n);
    call_run(&t, call);
    if (onp_call_can_overwrite(call)) {
        call->y = call_output(&t, n);
        memcpy(call->y, g->x, (size_t)n * sizeof *apart);
        g->x = call->y;
        call_run(&t, call);
        assert_memory_equal(call->y, apart, (size_t)n * sizeof *apart);
    }
    call_case_reset(&t);
}

static void test_spread_backward(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(spread_depthwise); i++)
            check_both(onp_kernels_at(k), &spread_depthwise[i], (int)i + 3 * k);
}

static void test_overwrite(void **state)
{
    (void)state;
    const int plain = CALL_BACKWARD, lazy = plain | CALL_GRAD | CALL_AFFINE | CALL_CLAMP;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(depthwise); i++)
            for (int both = 0; both < 2; both++) {
                check_overwrite(onp_kernels_at(k), &depthwise[i], plain, both != 0);
                check_overwrite(onp_kernels_at(k), &depthwise[i], lazy, both != 0);
            }
    onp_call call = {.kind = ONP_CALL_DEPTHWISE_DATA, .kernel = 7, .stride = 1};
    const float coefficient = 1;
    call.in = call.out = (onp_shape){9, 40, 33, 144};
    assert_false(onp_call_can_overwrite(&call)); /* read where it is written */
    call.a.scale = &coefficient;
    assert_true(onp_call_can_overwrite(&call));
    call.in.n = call.out.n = 1;
    assert_false(onp_call_can_overwrite(&call)); /* cut into bands, which share lines */
    call.kind = ONP_CALL_DEPTHWISE;
    assert_false(onp_call_can_overwrite(&call));
}

/* The cases above do cross borders: some have several tiles an image, a shorter
 * last tile, several splits; and the tiles of a call cover each row once, in
 * order. */
static void test_tilings(void **state)
{
    (void)state;
    int banded = 0, split = 0;
    for (size_t i = 0; i < ONP_COUNT(dense) + ONP_COUNT(depthwise); i++)
        for (int d = FORWARD; d <= WEIGHT; d++) {
            const bool is_depthwise = i >= ONP_COUNT(dense);
            const conv_case *c = is_depthwise ? &depthwise[i - ONP_COUNT(dense)] : &dense[i];
            const plan p = make_plan(c, is_depthwise, (direction)d);
            const onp_tiling tiling = onp_call_tiling(&p.call);
            const int64_t tiles = onp_tiling_count(tiling);
            int64_t rows = 0;
            for (int64_t tile = 0; tile < tiles; tile++) {
                assert_in_range(onp_tiling_rows(tiling, tile), 1, tiling.rows);
                rows += onp_tiling_rows(tiling, tile);
            }
            const bool walks_in = d == DATA || (is_depthwise && d == WEIGHT);
            assert_int_equal(rows, rows_of(walks_in ? p.call.in : p.call.out));
            banded += tiling.groups < tiles && tiling.group % tiling.rows != 0 ? 1 : 0;
            split += onp_call_split_floats(&p.call) > onp_shape_count(p.w) ? 1 : 0;
        }
    assert_true(banded >= 6);
    assert_true(split >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tilings),          cmocka_unit_test(test_conv),
        cmocka_unit_test(test_conv_data),        cmocka_unit_test(test_conv_weight),
        cmocka_unit_test(test_depthwise),        cmocka_unit_test(test_depthwise_data),
        cmocka_unit_test(test_depthwise_weight), cmocka_unit_test(test_depthwise_backward),
        cmocka_unit_test(test_overwrite),        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_spread_backward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
