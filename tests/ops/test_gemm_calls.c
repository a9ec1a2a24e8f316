/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointwise calls against the double reference where test_calls.c does not go: both gradients in
 * one pass, residuals beside and in place of the result, weights packed beforehand, and channel
 * counts that use every shape of a register tile.
 */
#include <math.h>
#include <string.h>

#include "ops/ref.h"
#include "tests/ops/call_case.h"

typedef struct pointwise_case {
    onp_shape in;
    int64_t out_c;
    int kernel;
} pointwise_case;

static const pointwise_case cases[] = {
    {{1, 1, 1, 1}, 1, 1},
    {{1, 7, 7, 24}, 144, 1},
    {{1, 5, 7, 144}, 40, 1},
    {{2, 9, 11, 72}, 24, 1},
    {{1, 7, 7, 112}, 130, 1},
    {{4, 16, 9, 16}, 96, 1},
    {{1, 1, 23, 120}, 56, 1},
    {{1, 30, 41, 9}, 17, 1},
    {{1, 7, 7, 19}, 330, 1},
    {{2, 9, 8, 5}, 6, 3},
    /* so wide that the data gradient takes columns in parts */
    {{1, 3, 5, 40}, 501, 3},
};

typedef enum residual { NOTHING, BESIDE, IN_PLACE } residual;

static int64_t rows_of(onp_shape s)
{
    return s.n * s.h * s.w;
}

static onp_call make_call(const pointwise_case *c, onp_call_kind kind)
{
    onp_shape out = c->in;
    out.c = c->out_c;
    return (onp_call){
        .kind = kind, .kernel = c->kernel, .stride = 1, .in = c->in, .out = out, .lo = 1};
}

static onp_shape weight_shape(const onp_call *call)
{
    return (onp_shape){call->kernel, call->kernel, call->in.c, call->out.c};
}

static call_tensor weights(call_case *t, onp_call *call)
{
    const int64_t n = onp_shape_count(weight_shape(call));
    call->w = call_numbers(t, n, 0);
    double *value = call_doubles(t, call->w, n);
    return (call_tensor){value, call_absolute(t, value, n)};
}

/* An output of n floats, with a residual when asked for. */
static const double *begin(call_case *t, onp_call *call, int64_t n, residual kind)
{
    call->y = call_output(t, n);
    if (kind == NOTHING)
        return call_zeros(t, n);
    const float *add = call_numbers(t, n, 0);
    call->add = add;
    if (kind == IN_PLACE) {
        memcpy(call->y, add, (size_t)n * sizeof *add);
        call->add = call->y;
    }
    return call_doubles(t, add, n);
}

/* value + add is the operation on the two inputs. */
static void check_result(call_case *t, const onp_call *call, onp_op op, const call_tensor in[2],
                         const onp_shape shape[2], onp_shape out, const float *value,
                         const double *add, double products)
{
    const onp_attr attr = {.kernel = call->kernel, .stride = 1};
    const int64_t n = onp_shape_count(out);
    double *y = call_zeros(t, n), *sum = call_zeros(t, n);
    const double *values[2] = {in[0].value, in[1].value}, *sums[2] = {in[0].sum, in[1].sum};
    onp_ref_run(op, &attr, values, shape, 2, NULL, &y, &out);
    onp_ref_run(op, &attr, sums, shape, 2, NULL, &sum, &out);
    for (int64_t i = 0; add != NULL && i < n; i++) {
        y[i] += add[i];
        sum[i] += fabs(add[i]);
    }
    call_close(value, y, sum, n, products + 8);
}

static void check_forward(const onp_kernels *k, const pointwise_case *c, int variant)
{
    call_case t;
    call_case_init(&t, k, 21);
    onp_call call = make_call(c, ONP_CALL_CONV);
    const call_tensor x =
        call_operand(&t, &call.a, rows_of(call.in), call.in.c, call_forward_parts[variant % 4]);
    const call_tensor in[2] = {x, weights(&t, &call)};
    const onp_shape shape[2] = {call.in, weight_shape(&call)};
    call_prepare(&t, &call, variant & 1 ? ONP_SUMS_MOMENTS : ONP_SUMS_NONE);
    const double *add =
        begin(&t, &call, onp_shape_count(call.out), (residual)((variant + c->in.c) % 3));
    if (variant & 2 && onp_call_packed_floats(&call) > 0) {
        float *packed = call_output(&t, onp_call_packed_floats(&call));
        onp_call_pack(&t.ctx, &call, packed);
        call.packed = packed;
        call.w = NULL;
    }
    call_run(&t, &call);
    const double products = (double)(call.kernel * call.kernel * call.in.c);
    check_result(&t, &call, ONP_OP_CONV, in, shape, call.out, call.y, add, products);
    call_check_sums(&t, &call);
    call_case_reset(&t);
}

/* The data gradient alone, or with that of the weights. */
static void check_backward(const onp_kernels *k, const pointwise_case *c, int variant, bool both)
{
    call_case t;
    call_case_init(&t, k, 22);
    onp_call call = make_call(c, both ? ONP_CALL_CONV_BACKWARD : ONP_CALL_CONV_DATA);
    call_tensor x = {0};
    if (both)
        x = call_operand(&t, &call.a, rows_of(call.in), call.in.c, call_forward_parts[variant % 4]);
    const call_tensor g = call_operand(&t, both ? &call.b : &call.a, rows_of(call.out), call.out.c,
                                       call_backward_parts[variant % 8]);
    const call_tensor data[2] = {g, weights(&t, &call)}, weight[2] = {x, g};
    const onp_shape w = weight_shape(&call);
    const onp_shape data_shape[2] = {call.out, w}, weight_shapes[2] = {call.in, call.out};
    call_prepare(&t, &call, variant & 1 ? ONP_SUMS_GRAD : ONP_SUMS_NONE);
    const double *add =
        begin(&t, &call, onp_shape_count(call.in), (residual)((variant + c->in.c) % 3));
    call.dw = both ? call_output(&t, onp_shape_count(w)) : NULL;
    call_run(&t, &call);
    const double products = (double)(call.kernel * call.kernel * call.out.c);
    check_result(&t, &call, ONP_OP_CONV_BWD_DATA, data, data_shape, call.in, call.y, add, products);
    if (both)
        check_result(&t, &call, ONP_OP_CONV_BWD_WEIGHT, weight, weight_shapes, w, call.dw, NULL,
                     (double)rows_of(call.out));
    call_check_sums(&t, &call);
    call_case_reset(&t);
}

static void test_forward(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(cases); i++)
            for (int variant = 0; variant < 4; variant++)
                check_forward(onp_kernels_at(k), &cases[i], variant);
}

static void test_data(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(cases); i++)
            for (int variant = 0; variant < 3; variant++)
                check_backward(onp_kernels_at(k), &cases[i], (int)i + variant, false);
}

static void test_both(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(cases); i++)
            for (int variant = 0; variant < 8; variant++)
                check_backward(onp_kernels_at(k), &cases[i], variant, true);
}

/* Gradients of VGG-16's layers at 224 x 224 stay in the second-level cache: no tap matrix of an
 * image, no packed copy of all weights. */
static void test_scratch(void **state)
{
    (void)state;
    static const struct {
        int64_t size, in, out;
    } layers[] = {{224, 3, 64},   {224, 64, 64},  {112, 64, 128}, {112, 128, 128}, {56, 128, 256},
                  {56, 256, 256}, {28, 256, 512}, {28, 512, 512}, {14, 512, 512}};
    for (size_t i = 0; i < ONP_COUNT(layers); i++) {
        const int64_t size = layers[i].size;
        onp_call call = {.kind = ONP_CALL_CONV_DATA,
                         .kernel = 3,
                         .stride = 1,
                         .in = {8, size, size, layers[i].in},
                         .out = {8, size, size, layers[i].out}};
        assert_true(onp_call_scratch_floats(&call) < 256 * 1024);
        call.kind = ONP_CALL_CONV_WEIGHT;
        assert_true(onp_call_scratch_floats(&call) < 256 * 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward), cmocka_unit_test(test_data),
                                       cmocka_unit_test(test_both), cmocka_unit_test(test_scratch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
