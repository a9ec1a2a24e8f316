/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that are no convolutions against the double reference: stores, sums alone, pooling, the
 * loss, column sums and gates, around the borders of their tiles, on every kernel table.
 */
#include <math.h>
#include <string.h>

#include "ops/ref.h"
#include "tests/ops/call_case.h"

/* Rows around 8 tiles of 16, tiles of 512, and channels around a lane and the sums' 64. */
static const onp_shape maps[] = {{1, 1, 1, 1},    {2, 7, 5, 3},    {1, 4, 4, 16},  {3, 43, 1, 17},
                                 {1, 129, 1, 65}, {1, 241, 17, 5}, {2, 9, 16, 130}};

typedef void (*check_fn)(call_case *t, onp_shape s, int variant);

static void each_table_and_map(check_fn check)
{
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        for (size_t i = 0; i < ONP_COUNT(maps); i++)
            for (int variant = 0; variant < 8; variant++) {
                call_case t;
                call_case_init(&t, onp_kernels_at(k), 5);
                check(&t, maps[i], variant);
                call_case_reset(&t);
            }
}

static int64_t rows_of(onp_shape s)
{
    return s.n * s.h * s.w;
}

static void check_store(call_case *t, onp_shape s, int variant)
{
    onp_call call = {.kind = ONP_CALL_STORE, .in = s, .out = s, .lo = 1};
    const int64_t n = onp_shape_count(s);
    const call_tensor a = call_operand(t, &call.a, rows_of(s), s.c, call_backward_parts[variant]);
    call_tensor b = {call_zeros(t, n), call_zeros(t, n)};
    if (variant % 3 != 0)
        b = call_operand(t, &call.b, rows_of(s), s.c, call_forward_parts[variant % 4]);
    static const onp_sums_kind sums[3] = {ONP_SUMS_NONE, ONP_SUMS_MOMENTS, ONP_SUMS_GRAD};
    call_prepare(t, &call, sums[variant % 3]);
    call.y = call_output(t, n);
    call_run(t, &call);
    for (int64_t i = 0; i < n; i++) {
        a.value[i] += b.value[i];
        a.sum[i] += b.sum[i];
    }
    call_close(call.y, a.value, a.sum, n, 8);
    call_check_sums(t, &call);
}

static void test_store(void **state)
{
    (void)state;
    each_table_and_map(check_store);
}

static void check_sums(call_case *t, onp_shape s, int variant)
{
    onp_call call = {.kind = ONP_CALL_SUMS, .in = s, .out = s, .lo = 1};
    (void)call_operand(t, &call.a, rows_of(s), s.c, call_backward_parts[variant]);
    call_prepare(t, &call, variant & 1 ? ONP_SUMS_MOMENTS : ONP_SUMS_GRAD);
    call_run(t, &call);
    call_check_sums(t, &call);
}

static void test_sums(void **state)
{
    (void)state;
    each_table_and_map(check_sums);
}

static void check_pool(call_case *t, onp_shape s, int variant)
{
    const onp_shape out = {s.n, 1, 1, s.c};
    onp_call call = {.kind = ONP_CALL_POOL, .in = s, .out = out, .lo = 1};
    const call_tensor a =
        call_operand(t, &call.a, rows_of(s), s.c, call_forward_parts[variant % 4]);
    const int64_t n = s.n * s.c;
    call.y = call_output(t, n);
    call_run(t, &call);
    const double *in[2] = {a.value, a.sum};
    double *y[2] = {call_zeros(t, n), call_zeros(t, n)};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_GLOBAL_AVG_POOL, NULL, &in[i], &s, 1, NULL, &y[i], &out);
    call_close(call.y, y[0], y[1], n, (double)(s.h * s.w) + 8);
}

static void test_pool(void **state)
{
    (void)state;
    each_table_and_map(check_pool);
}

static void check_pool_bwd(call_case *t, onp_shape s, int variant)
{
    const onp_shape from = {s.n, 1, 1, s.c};
    onp_call call = {.kind = ONP_CALL_POOL_BWD, .in = s, .out = s, .lo = 1};
    const call_tensor a = call_operand(t, &call.a, s.n, s.c, call_backward_parts[variant]);
    const int64_t n = onp_shape_count(s);
    call_prepare(t, &call, variant & 1 ? ONP_SUMS_GRAD : ONP_SUMS_NONE);
    call.y = call_output(t, n);
    call_run(t, &call);
    const double *in[2] = {a.value, a.sum};
    double *y[2] = {call_zeros(t, n), call_zeros(t, n)};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_GLOBAL_AVG_POOL_BWD, NULL, &in[i], &from, 1, NULL, &y[i], &s);
    call_close(call.y, y[0], y[1], n, 8);
    call_check_sums(t, &call);
}

static void test_pool_bwd(void **state)
{
    (void)state;
    each_table_and_map(check_pool_bwd);
}

/* Both directions of maxima; values are copied, so the gradient goes to the same places. */
static void check_max_pool(call_case *t, onp_shape s, int variant)
{
    const int kernel = 2 + variant % 2, stride = 1 + variant % 3 / 2;
    const onp_attr attr = {.kernel = kernel, .stride = stride};
    const onp_shape out = {s.n, (s.h + stride - 1) / stride, (s.w + stride - 1) / stride, s.c};
    onp_call call = {.kind = ONP_CALL_MAX_POOL,
                     .in = s,
                     .out = out,
                     .kernel = kernel,
                     .stride = stride,
                     .lo = 1};
    const call_tensor x =
        call_operand(t, &call.a, rows_of(s), s.c, call_forward_parts[variant % 4]);
    double *sum = call_zeros(t, onp_shape_count(out)), *y = call_zeros(t, onp_shape_count(out));
    const double *in[2] = {x.value, NULL};
    onp_ref_run(ONP_OP_MAX_POOL, &attr, in, &s, 1, NULL, &y, &out);
    for (int64_t i = 0; i < onp_shape_count(out); i++)
        sum[i] = 8 + fabs(y[i]);
    call.y = call_output(t, onp_shape_count(out));
    call_run(t, &call);
    call_close(call.y, y, sum, onp_shape_count(out), 8);

    onp_call back = call;
    back.kind = ONP_CALL_MAX_POOL_BWD;
    back.b = (onp_operand){.x = call_numbers(t, onp_shape_count(s), 0), .c = s.c};
    const call_tensor g = call_operand(t, &back.a, rows_of(out), s.c, call_backward_parts[variant]);
    back.y = call_output(t, onp_shape_count(s));
    call_run(t, &back);
    const onp_shape shapes[2] = {out, s};
    double *gx[2] = {call_zeros(t, onp_shape_count(s)), call_zeros(t, onp_shape_count(s))};
    in[1] = call_doubles(t, back.b.x, onp_shape_count(s));
    for (int i = 0; i < 2; i++) {
        in[0] = i == 0 ? g.value : g.sum;
        onp_ref_run(ONP_OP_MAX_POOL_BWD, &attr, in, shapes, 2, NULL, &gx[i], &s);
    }
    call_close(back.y, gx[0], gx[1], onp_shape_count(s), 16);
}

/* Both directions of means. */
static void check_avg_pool(call_case *t, onp_shape s, int variant)
{
    const int kernel = 2 + variant % 2 + variant / 4, stride = 1 + variant % 3;
    const onp_attr attr = {.kernel = kernel, .stride = stride};
    const onp_shape out = {s.n, (s.h + stride - 1) / stride, (s.w + stride - 1) / stride, s.c};
    const int64_t n = onp_shape_count(s), n_out = onp_shape_count(out);
    onp_call call = {.kind = ONP_CALL_AVG_POOL,
                     .in = s,
                     .out = out,
                     .kernel = kernel,
                     .stride = stride,
                     .lo = 1};
    const call_tensor x =
        call_operand(t, &call.a, rows_of(s), s.c, call_forward_parts[variant % 4]);
    call.y = call_output(t, n_out);
    call_run(t, &call);
    const double *in[2] = {x.value, x.sum};
    double *y[2] = {call_zeros(t, n_out), call_zeros(t, n_out)};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_AVG_POOL, &attr, &in[i], &s, 1, NULL, &y[i], &out);
    call_close(call.y, y[0], y[1], n_out, kernel * kernel + 8);

    call.kind = ONP_CALL_AVG_POOL_BWD;
    const call_tensor g = call_operand(t, &call.a, rows_of(out), s.c, call_backward_parts[variant]);
    call.y = call_output(t, n);
    call_run(t, &call);
    const double *gy[2] = {g.value, g.sum};
    double *gx[2] = {call_zeros(t, n), call_zeros(t, n)};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_AVG_POOL_BWD, &attr, &gy[i], &out, 1, NULL, &gx[i], &s);
    call_close(call.y, gx[0], gx[1], n, kernel * kernel + 8);
}

static void test_avg_pool(void **state)
{
    (void)state;
    each_table_and_map(check_avg_pool);
}

/* Values in all parts of the hard activations, away from their kinks. */
static void spread_out(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        x[i] *= 4;
        if (fabsf(fabsf(x[i]) - 3) < 1e-3F)
            x[i] += 0.01F;
    }
}

/* a (with b) through `op`; sums: of what makes up each entry. */
static void compare_store(call_case *t, onp_call *call, onp_op op, const onp_attr *attr,
                          const call_tensor *a, const call_tensor *b, const double *sum)
{
    const onp_shape s = call->out, scale = {s.n, 1, 1, s.c};
    const onp_shape shapes[2] = {s, op == ONP_OP_CHANNEL_SCALE ? scale : s};
    const int64_t n = onp_shape_count(s);
    call_run(t, call);
    const double *in[2] = {a->value, b != NULL ? b->value : NULL};
    double *y = call_zeros(t, n);
    onp_ref_run(op, attr, in, shapes, b != NULL ? 2 : 1, NULL, &y, &s);
    call_close(call->y, y, sum, n, 16);
    call_check_sums(t, call);
}

static void check_hard(call_case *t, onp_shape s, int variant)
{
    static const struct {
        onp_op op;
        onp_call_store store;
    } kinds[4] = {{ONP_OP_HSWISH, ONP_STORE_HSWISH},
                  {ONP_OP_HSIGMOID, ONP_STORE_HSIGMOID},
                  {ONP_OP_HSWISH_BWD, ONP_STORE_HSWISH_BWD},
                  {ONP_OP_HSIGMOID_BWD, ONP_STORE_HSIGMOID_BWD}};
    const int64_t n = onp_shape_count(s);
    const int kind = variant % 4;
    const bool back = kind >= 2;
    onp_call call = {
        .kind = ONP_CALL_STORE, .store = kinds[kind].store, .in = s, .out = s, .lo = 1};
    float *x = call_numbers(t, n, 0);
    spread_out(x, n);
    call_tensor a = {call_doubles(t, x, n), NULL}, b = a;
    call.a = (onp_operand){.x = x, .c = s.c};
    if (back) {
        call.b = call.a;
        a = call_operand(t, &call.a, rows_of(s), s.c, call_backward_parts[variant]);
    }
    static const onp_sums_kind sums[3] = {ONP_SUMS_NONE, ONP_SUMS_MOMENTS, ONP_SUMS_GRAD};
    call_prepare(t, &call, sums[variant % 3]);
    call.y = call_output(t, n);
    double *sum = call_zeros(t, n);
    for (int64_t k = 0; k < n; k++) /* factors of up to (2 |x| + 3) / 6 */
        sum[k] = (back ? a.sum[k] : 1 + fabs(b.value[k])) * (3 + fabs(b.value[k]));
    compare_store(t, &call, kinds[kind].op, NULL, &a, back ? &b : NULL, sum);
}

static void test_hard(void **state)
{
    (void)state;
    each_table_and_map(check_hard);
}

/* Lazy operands: what is loaded is the same as for a plain store. */
static void check_channel_scale(call_case *t, onp_shape s, int variant)
{
    onp_call call = {
        .kind = ONP_CALL_STORE, .store = ONP_STORE_CHANNEL_SCALE, .in = s, .out = s, .lo = 1};
    const int64_t n = onp_shape_count(s);
    const call_tensor a = call_operand(t, &call.a, rows_of(s), s.c, call_backward_parts[variant]);
    const call_tensor b = call_operand(t, &call.b, s.n, s.c, call_forward_parts[variant % 4]);
    call_prepare(t, &call, variant % 2 ? ONP_SUMS_MOMENTS : ONP_SUMS_NONE);
    call.y = call_output(t, n);
    double *sum = call_zeros(t, n);
    for (int64_t i = 0; i < n; i++)
        sum[i] = a.sum[i] * b.sum[i / (s.h * s.w * s.c) * s.c + i % s.c];
    compare_store(t, &call, ONP_OP_CHANNEL_SCALE, NULL, &a, &b, sum);

    /* and the gradient of the factors */
    onp_call dot = {.kind = ONP_CALL_CHANNEL_DOT, .in = s, .out = {s.n, 1, 1, s.c}, .lo = 1};
    const call_tensor g = call_operand(t, &dot.a, rows_of(s), s.c, call_backward_parts[variant]);
    const call_tensor x = call_operand(t, &dot.b, rows_of(s), s.c, call_forward_parts[variant % 4]);
    dot.y = call_output(t, s.n * s.c);
    call_run(t, &dot);
    double *y[2] = {call_zeros(t, s.n * s.c), call_zeros(t, s.n * s.c)};
    double *absolute = call_absolute(t, x.sum, n);
    const double *in[2][2] = {{g.value, x.value}, {g.sum, absolute}};
    const onp_shape shapes[2] = {s, s};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_CHANNEL_SCALE_BWD_SCALE, NULL, in[i], shapes, 2, NULL, &y[i], &dot.out);
    call_close(dot.y, y[0], y[1], s.n * s.c, (double)(s.h * s.w) + 8);
}

static void test_channel_scale(void **state)
{
    (void)state;
    each_table_and_map(check_channel_scale);
}

static void check_dropout(call_case *t, onp_shape s, int variant)
{
    const onp_attr attr = {.rate = variant * 0.13, .key = {{7, (uint32_t)variant}}};
    const int64_t n = onp_shape_count(s);
    onp_call call = {.kind = ONP_CALL_STORE,
                     .store = ONP_STORE_DROPOUT,
                     .in = s,
                     .out = s,
                     .lo = 1,
                     .rate = attr.rate,
                     .key = attr.key};
    const call_tensor a = call_operand(t, &call.a, rows_of(s), s.c, call_backward_parts[variant]);
    call_prepare(t, &call, variant % 2 ? ONP_SUMS_MOMENTS : ONP_SUMS_NONE);
    call.y = call_output(t, n);
    double *sum = call_zeros(t, n);
    for (int64_t i = 0; i < n; i++)
        sum[i] = a.sum[i] / (1 - attr.rate);
    compare_store(t, &call, ONP_OP_DROPOUT, &attr, &a, NULL, sum);
    /* the last sample alone, with its number */
    const onp_shape one = {1, s.h, s.w, s.c};
    const int64_t before = n - onp_shape_count(one);
    onp_call last = call;
    last.in = last.out = one;
    last.a.x += before;
    last.a.q = last.a.q != NULL ? last.a.q + before : NULL;
    last.first_sample = s.n - 1;
    last.sums = ONP_SUMS_NONE;
    last.y = call_output(t, onp_shape_count(one));
    call_run(t, &last);
    assert_memory_equal(last.y, call.y + before, (size_t)(n - before) * sizeof *last.y);
}

static void test_dropout(void **state)
{
    (void)state;
    each_table_and_map(check_dropout);
}

static void check_dot(call_case *t, onp_shape s, int variant)
{
    onp_call call = {.kind = ONP_CALL_DOT, .in = s, .out = s, .lo = 1};
    const onp_shape shapes[2] = {s, s}, scalar = {1, 1, 1, 1};
    const call_tensor a = call_operand(t, &call.a, rows_of(s), s.c, call_backward_parts[variant]);
    const call_tensor b =
        call_operand(t, &call.b, rows_of(s), s.c, call_forward_parts[variant % 4]);
    call_prepare(t, &call, ONP_SUMS_NONE);
    call.y = call_output(t, 1);
    call_run(t, &call);
    double y[2], *out[2] = {&y[0], &y[1]};
    const double *in[2][2] = {{a.value, b.value}, {a.sum, b.sum}};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_DOT, NULL, in[i], shapes, 2, NULL, &out[i], &scalar);
    call_close(call.y, &y[0], &y[1], 1, 8); /* summed in double: only operands are rounded */
}

static void test_dot(void **state)
{
    (void)state;
    each_table_and_map(check_dot);
}

static void test_max_pool(void **state)
{
    (void)state;
    each_table_and_map(check_max_pool);
}

/* A store onto one of its inputs gives the bits of a store elsewhere. */
static void check_store_in_place(call_case *t, onp_shape s, int variant)
{
    const int64_t n = onp_shape_count(s);
    const onp_call_store stores[4] = {ONP_STORE_SUM, ONP_STORE_HSWISH_BWD, ONP_STORE_HSIGMOID_BWD,
                                      ONP_STORE_SUM};
    onp_call call = {
        .kind = ONP_CALL_STORE, .store = stores[variant % 4], .in = s, .out = s, .lo = 1};
    (void)call_operand(t, &call.a, rows_of(s), s.c, call_forward_parts[variant % 4]);
    (void)call_operand(t, &call.b, rows_of(s), s.c, call_forward_parts[variant / 2]);
    call.y = call_output(t, n);
    call_run(t, &call);
    for (int k = 0; k < 2; k++) {
        onp_call over = call;
        onp_operand *o = k == 0 ? &over.a : &over.b;
        over.y = call_output(t, n);
        memcpy(over.y, o->x, (size_t)n * sizeof *over.y);
        o->x = over.y;
        call_run(t, &over);
        assert_memory_equal(over.y, call.y, (size_t)n * sizeof *over.y);
    }
}

static void test_store_in_place(void **state)
{
    (void)state;
    each_table_and_map(check_store_in_place);
}

static void check_column_sum(call_case *t, onp_shape s, int variant)
{
    (void)variant;
    const onp_shape vector = {1, 1, 1, s.c};
    onp_call call = {.kind = ONP_CALL_COLUMN_SUM, .in = s, .out = vector, .lo = 1};
    const call_tensor a = call_operand(t, &call.a, rows_of(s), s.c, 0);
    call.y = call_output(t, s.c);
    call_run(t, &call);
    const double *in[2] = {a.value, a.sum};
    double *y[2] = {call_zeros(t, s.c), call_zeros(t, s.c)};
    for (int i = 0; i < 2; i++)
        onp_ref_run(ONP_OP_COLUMN_SUM, NULL, &in[i], &s, 1, NULL, &y[i], &vector);
    call_close(call.y, y[0], y[1], s.c, 2); /* summed in double */
}

static void test_column_sum(void **state)
{
    (void)state;
    each_table_and_map(check_column_sum);
}

static void check_gate(call_case *t, onp_shape s, int variant)
{
    (void)variant;
    const onp_shape vector = {1, 1, 1, s.c}, one = {1, 1, 1, 1};
    const onp_shape shapes[4] = {vector, vector, vector, vector};
    float *x[4];
    const double *value[4];
    double y = 0, sum = 0;
    for (int i = 0; i < 4; i++) {
        x[i] = call_numbers(t, s.c, 0);
        value[i] = call_doubles(t, x[i], s.c);
    }
    const onp_call call = {.kind = ONP_CALL_GATE,
                           .out = vector,
                           .gamma = x[0],
                           .dgamma = x[1],
                           .beta = x[2],
                           .dbeta = x[3],
                           .y = call_output(t, 1)};
    call_run(t, &call);
    double *out = &y;
    onp_ref_run(ONP_OP_GATE, NULL, value, shapes, 4, NULL, &out, &one);
    for (int64_t k = 0; k < s.c; k++)
        sum += fabs(value[0][k] * value[1][k]) + fabs(value[2][k] * value[3][k]);
    call_close(call.y, &y, &sum, 1, 2); /* summed in double */
}

static void test_gate(void **state)
{
    (void)state;
    each_table_and_map(check_gate);
}

/* Ordinary logits, and such that exp() of them leaves the range of numbers. */
static void check_softmax(call_case *t, onp_shape s, int variant)
{
    const onp_shape logits = {rows_of(s), 1, 1, s.c}, labels = {1, 1, 1, logits.n};
    const onp_shape shapes[2] = {logits, labels}, result = {1, 1, 1, 2};
    const int64_t n = onp_shape_count(logits);
    const onp_attr attr = {.smoothing = variant & 1 ? 0.1 : 0};
    onp_call call = {.kind = ONP_CALL_SOFTMAX,
                     .in = logits,
                     .out = logits,
                     .lo = 1,
                     .smoothing = attr.smoothing};
    float *x = call_numbers(t, n, 0);
    for (int64_t i = 0; i < n && (variant & 2) != 0; i++)
        x[i] *= 1000;
    int32_t *label = onp_alloc(&t->ctx, (size_t)logits.n, sizeof *label);
    assert_non_null(label);
    for (int64_t i = 0; i < logits.n; i++)
        label[i] = (int32_t)(i * 7 % s.c);
    call.a = (onp_operand){.x = x, .c = s.c};
    call.labels = label;
    call_prepare(t, &call, ONP_SUMS_NONE);
    call.y = call_output(t, 2);
    call_run(t, &call);
    const double *in[2] = {call_doubles(t, x, n), NULL};
    double *wanted = call_zeros(t, n + 2), sum[2] = {0};
    onp_ref_run(ONP_OP_SOFTMAX_CE, &attr, in, shapes, 2, label, &wanted, &result);
    sum[0] = fabs(wanted[0]);
    call_close(call.y, wanted, sum, 2, 4);
    call.kind = ONP_CALL_SOFTMAX_BWD;
    call.y = call_output(t, n);
    call_run(t, &call);
    onp_ref_run(ONP_OP_SOFTMAX_CE_BWD, &attr, in, shapes, 2, label, &wanted, &logits);
    double *one = call_zeros(t, n); /* entries lie between -1/n and 1/n */
    for (int64_t i = 0; i < n; i++)
        one[i] = 1.0 / (double)logits.n;
    call_close(call.y, wanted, one, n, 2);
    onp_free(&t->ctx, label);
}

static void test_softmax(void **state)
{
    (void)state;
    each_table_and_map(check_softmax);
}

/* Tiles merge to the same statistics as one pass over all rows, also where the mean is far from 0:
 * a sum of squares minus the square of the mean would lose them. */
static void test_moments_of_a_large_mean(void **state)
{
    (void)state;
    const onp_shape s = {1, 100, 33, 3};
    call_case t;
    call_case_init(&t, onp_kernels_at(0), 9);
    float *x = call_numbers(&t, onp_shape_count(s), 1000);
    onp_call call = {.kind = ONP_CALL_SUMS, .in = s, .out = s, .lo = 1};
    call.a = (onp_operand){.x = x, .c = s.c};
    call_prepare(&t, &call, ONP_SUMS_MOMENTS);
    call_run(&t, &call);
    onp_call merge = {.kind = ONP_CALL_MOMENTS_MERGE,
                      .in = s,
                      .out = {1, 1, 1, s.c},
                      .partial = call.partial,
                      .partial_tiling = onp_call_tiling(&call),
                      .stats = call_output(&t, 2 * s.c)};
    call_run(&t, &merge);
    const double *in = call_doubles(&t, x, onp_shape_count(s));
    double *stats = call_zeros(&t, 2 * s.c);
    const onp_shape shape = {1, 1, 2, s.c};
    onp_ref_run(ONP_OP_BN_STATS, NULL, &in, &s, 1, NULL, &stats, &shape);
    for (int64_t k = 0; k < s.c; k++) {
        assert_true(fabs((double)merge.stats[k] - stats[k]) < 2e-4);
        assert_true(fabs((double)merge.stats[s.c + k] - stats[s.c + k]) < 1e-4);
    }
    call_case_reset(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_bwd),
        cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_store_in_place),
        cmocka_unit_test(test_avg_pool),
        cmocka_unit_test(test_hard),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_channel_scale),
        cmocka_unit_test(test_dot),
        cmocka_unit_test(test_column_sum),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_moments_of_a_large_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
