/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations: names, rules, shapes, costs and each documented error. */
#include "ops/op.h"

#include <math.h>
#include <stdio.h>

#include "tests/test_support.h"

static void test_names(void **state)
{
    (void)state;
    for (int op = 0; op < ONP_OP_COUNT; op++) {
        const onp_op_def *def = onp_op_get((onp_op)op);
        assert_int_equal(onp_op_by_name(def->name), op); /* so names differ */
        assert_true(def->min_in >= 1 && def->min_in <= def->max_in);
        assert_true(def->max_in <= ONP_OP_MAX_IN);
        assert_true(def->n_out >= 1 && def->n_out <= ONP_OP_MAX_OUT);
        assert_true((def->infer != NULL) == (op < ONP_OP_CONV_BWD_DATA));
    }
    assert_string_equal(onp_op_get(ONP_OP_GLOBAL_AVG_POOL)->name, "global-avg-pool");
    assert_int_equal(onp_op_by_name("conv2d"), ONP_OP_COUNT);
    assert_int_equal(onp_op_by_name(""), ONP_OP_COUNT);
}

static void check_rule(const onp_op_def *def, int r)
{
    const onp_grad_rule *rule = &def->rules[r];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a table that counts r has rules */
    const onp_op_def *backward = onp_op_get(rule->op);
    const bool linear = rule->op == ONP_OP_CHANNEL_SCALE || rule->op == ONP_OP_DROPOUT;
    assert_true((backward->infer == NULL) != linear); /* those two are their own gradients */
    assert_true(rule->n_in >= backward->min_in && rule->n_in <= backward->max_in);
    assert_int_equal(rule->n_out, backward->n_out);
    assert_true(rule->optional_input == 0 || rule->optional_input >= def->min_in);
    for (int i = 0; i < rule->n_in; i++) {
        const int code = rule->in[i];
        if (code >= ONP_FROM_RULE(0, 0)) {
            const int earlier = (code - ONP_FROM_RULE(0, 0)) / 4;
            assert_true(earlier < r);
            assert_true((code - ONP_FROM_RULE(0, 0)) % 4 < def->rules[earlier].n_out);
        } else if (code != ONP_FROM_GY) {
            assert_in_range(code, ONP_FROM_X(0), ONP_FROM_X(def->max_in - 1));
        }
    }
    for (int o = 0; o < rule->n_out; o++)
        assert_true(rule->out[o] >= -1 && rule->out[o] < def->max_in);
}

static void test_rules_are_well_formed(void **state)
{
    (void)state;
    for (int op = 0; op < ONP_OP_COUNT; op++) {
        const onp_op_def *def = onp_op_get((onp_op)op);
        assert_true((def->rules != NULL) == (def->n_rules > 0));
        for (int r = 0; r < def->n_rules; r++)
            check_rule(def, r);
    }
    assert_null(onp_op_get(ONP_OP_BN_STATS)->rules);
    assert_true(onp_op_get(ONP_OP_ADD)->pass_gradient);
}

static const onp_attr k3s2 = {.kernel = 3, .stride = 2}, k3s1 = {.kernel = 3, .stride = 1};

static void check_shape(onp_op op, onp_attr attr, const onp_shape *in, int n_in, onp_shape want)
{
    onp_shape out;
    assert_int_equal(onp_op_get(op)->infer(in, n_in, &attr, &out, NULL), ONP_OK);
    assert_true(onp_shape_equal(out, want));
}

#define SHAPES(...) ((const onp_shape[]){__VA_ARGS__})

static void test_shapes(void **state)
{
    (void)state;
    check_shape(ONP_OP_CONV, k3s2, SHAPES({4, 5, 7, 3}, {3, 3, 3, 8}), 2, (onp_shape){4, 3, 4, 8});
    check_shape(ONP_OP_CONV, (onp_attr){.kernel = 7, .stride = 4},
                SHAPES({1, 224, 225, 3}, {7, 7, 3, 8}, {1, 1, 1, 8}), 3, (onp_shape){1, 56, 57, 8});
    check_shape(ONP_OP_DEPTHWISE, k3s2, SHAPES({2, 6, 1, 5}, {3, 3, 1, 5}, {1, 1, 1, 5}), 3,
                (onp_shape){2, 3, 1, 5});
    /* the padding grows with the dilation, so the map does not shrink */
    check_shape(ONP_OP_CONV, (onp_attr){.kernel = 5, .stride = 2, .dilation = 4},
                SHAPES({4, 5, 7, 3}, {5, 5, 3, 8}), 2, (onp_shape){4, 3, 4, 8});
    check_shape(ONP_OP_DEPTHWISE, (onp_attr){.kernel = 3, .stride = 1, .dilation = 2},
                SHAPES({4, 5, 7, 3}, {3, 3, 1, 3}), 2, (onp_shape){4, 5, 7, 3});
    check_shape(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .groups = 3},
                SHAPES({4, 5, 7, 6}, {3, 3, 2, 9}), 2, (onp_shape){4, 5, 7, 9});
    check_shape(ONP_OP_MAX_POOL, k3s2, SHAPES({2, 6, 1, 5}), 1, (onp_shape){2, 3, 1, 5});
    check_shape(ONP_OP_AVG_POOL, k3s2, SHAPES({2, 7, 1, 5}), 1, (onp_shape){2, 4, 1, 5});
    check_shape(ONP_OP_HSWISH, k3s1, SHAPES({2, 6, 1, 5}), 1, (onp_shape){2, 6, 1, 5});
    check_shape(ONP_OP_HSIGMOID, k3s1, SHAPES({2, 6, 1, 5}), 1, (onp_shape){2, 6, 1, 5});
    check_shape(ONP_OP_CHANNEL_SCALE, k3s1, SHAPES({2, 6, 4, 5}, {2, 1, 1, 5}), 2,
                (onp_shape){2, 6, 4, 5});
    check_shape(ONP_OP_DROPOUT, (onp_attr){.rate = 0.5}, SHAPES({2, 6, 1, 5}), 1,
                (onp_shape){2, 6, 1, 5});
    check_shape(ONP_OP_BN_STATS, k3s2, SHAPES({2, 6, 1, 5}), 1, (onp_shape){1, 1, 2, 5});
    check_shape(ONP_OP_BN_APPLY, (onp_attr){.eps = 1e-5},
                SHAPES({2, 6, 1, 5}, {1, 1, 2, 5}, {1, 1, 1, 5}, {1, 1, 1, 5}), 4,
                (onp_shape){2, 6, 1, 5});
    check_shape(ONP_OP_RELU6, k3s1, SHAPES({2, 6, 1, 5}), 1, (onp_shape){2, 6, 1, 5});
    check_shape(ONP_OP_GLOBAL_AVG_POOL, k3s1, SHAPES({2, 6, 1, 5}), 1, (onp_shape){2, 1, 1, 5});
    check_shape(ONP_OP_ADD, k3s1, SHAPES({2, 6, 1, 5}, {2, 6, 1, 5}), 2, (onp_shape){2, 6, 1, 5});
    check_shape(ONP_OP_SOFTMAX_CE, k3s1, SHAPES({9, 1, 1, 5}, {1, 1, 1, 9}), 2,
                (onp_shape){1, 1, 1, 2});
    assert_int_equal(onp_shape_count((onp_shape){2, 3, 5, 7}), 210);
    assert_false(onp_shape_equal((onp_shape){2, 3, 5, 7}, (onp_shape){2, 3, 7, 5}));
}

static int64_t macs(onp_op op, onp_attr attr, const onp_shape *in)
{
    const onp_op_def *def = onp_op_get(op);
    onp_shape out;
    assert_int_equal(def->infer(in, 2, &attr, &out, NULL), ONP_OK);
    return def->macs(in, &out, &attr);
}

static void test_macs(void **state)
{
    (void)state;
    /* 112 * 112 * 32 * 27; 4 * 4 * 3 * 9 of a 7x7 map; 1280 * 1000 */
    assert_int_equal(macs(ONP_OP_CONV, k3s2, SHAPES({1, 224, 224, 3}, {3, 3, 3, 32})), 10838016);
    assert_int_equal(macs(ONP_OP_DEPTHWISE, k3s2, SHAPES({1, 7, 7, 3}, {3, 3, 1, 3})), 432);
    assert_int_equal(macs(ONP_OP_CONV, (onp_attr){.kernel = 1, .stride = 1},
                          SHAPES({1, 1, 1, 1280}, {1, 1, 1280, 1000})),
                     1280000);
    /* 4 * 5 * 7 * 9 * 9 * 2, with two of six channels for each output */
    assert_int_equal(macs(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .groups = 3},
                          SHAPES({4, 5, 7, 6}, {3, 3, 2, 9})),
                     22680);
    assert_null(onp_op_get(ONP_OP_RELU6)->macs);
    /* the largest that the bounds on shapes allow fits */
    assert_true(macs(ONP_OP_CONV, (onp_attr){.kernel = 1, .stride = 1},
                     SHAPES({1, 1, 1, ONP_SHAPE_MAX_COUNT}, {1, 1, ONP_SHAPE_MAX_COUNT, 1})) ==
                ONP_SHAPE_MAX_COUNT);
}

static void check_error(onp_op op, onp_attr attr, const onp_shape *in, int n_in, onp_status status,
                        const char *text)
{
    onp_error err = {0};
    onp_shape out = {-1, -2, -3, -4};
    const onp_op_def *def = onp_op_get(op);
    assert_int_equal(def->infer(in, n_in, &attr, &out, &err), status);
    assert_string_equal(err.msg, text);
    assert_int_equal(err.status, status);
    assert_true(onp_shape_equal(out, (onp_shape){-1, -2, -3, -4}));
    assert_int_equal(def->infer(in, n_in, &attr, &out, NULL), status);
}

static void test_convolution_errors(void **state)
{
    (void)state;
    check_error(ONP_OP_CONV, k3s1, SHAPES({1, 8, 8, 3}, {3, 3, 5, 4}), 2, ONP_E_SHAPE,
                "conv: x has 3 channels, kernel expects 5");
    check_error(ONP_OP_CONV, k3s1, SHAPES({1, 8, 8, 3}, {3, 5, 3, 4}), 2, ONP_E_SHAPE,
                "conv: kernel is 3x5x3x4, expected 3x3x3x4");
    check_error(ONP_OP_CONV, k3s1, SHAPES({1, 8, 8, 3}, {3, 3, 3, 4}, {1, 1, 1, 3}), 3, ONP_E_SHAPE,
                "conv: bias is 1x1x1x3, expected 1x1x1x4");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 1, .stride = 1},
                SHAPES({1 << 20, 8, 8, 1}, {1, 1, 1, 64}), 2, ONP_E_SHAPE,
                "conv: the output would be 1048576x8x8x64, expected 2147483648 elements at most");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 2, .stride = 1},
                SHAPES({1, 8, 8, 3}, {2, 2, 3, 4}), 2, ONP_E_RANGE,
                "conv: kernel is 2, expected an odd number");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = -3, .stride = 1},
                SHAPES({1, 8, 8, 3}, {3, 3, 3, 4}), 2, ONP_E_RANGE,
                "conv: kernel is -3, expected an odd number");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 0},
                SHAPES({1, 8, 8, 3}, {3, 3, 3, 4}), 2, ONP_E_RANGE,
                "conv: stride is 0, expected 1 to 4");
    check_error(ONP_OP_DEPTHWISE, (onp_attr){.kernel = 3, .stride = 5},
                SHAPES({1, 8, 8, 3}, {3, 3, 1, 3}), 2, ONP_E_RANGE,
                "depthwise: stride is 5, expected 1 to 4");
    check_error(ONP_OP_DEPTHWISE, k3s1, SHAPES({1, 8, 8, 3}, {3, 3, 1, 4}), 2, ONP_E_SHAPE,
                "depthwise: x has 3 channels, kernel expects 4");
    check_error(ONP_OP_DEPTHWISE, k3s1, SHAPES({1, 8, 8, 3}, {3, 3, 3, 3}), 2, ONP_E_SHAPE,
                "depthwise: kernel is 3x3x3x3, expected 3x3x1x3");
    check_error(ONP_OP_DEPTHWISE, k3s1, SHAPES({1, 8, 8, 3}, {3, 3, 1, 3}, {1, 1, 3, 1}), 3,
                ONP_E_SHAPE, "depthwise: bias is 1x1x3x1, expected 1x1x1x3");
}

static void test_dilation_and_group_errors(void **state)
{
    (void)state;
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .dilation = 33},
                SHAPES({1, 8, 8, 3}, {3, 3, 3, 4}), 2, ONP_E_RANGE,
                "conv: dilation is 33, expected 1 to 32");
    check_error(ONP_OP_DEPTHWISE, (onp_attr){.kernel = 3, .stride = 1, .dilation = -1},
                SHAPES({1, 8, 8, 3}, {3, 3, 1, 3}), 2, ONP_E_RANGE,
                "depthwise: dilation is -1, expected 1 to 32");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .groups = 2},
                SHAPES({1, 8, 8, 3}, {3, 3, 3, 4}), 2, ONP_E_RANGE,
                "conv: 2 groups of 3 channels to 4, expected a divisor of both");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .groups = 2},
                SHAPES({1, 8, 8, 4}, {3, 3, 2, 3}), 2, ONP_E_RANGE,
                "conv: 2 groups of 4 channels to 3, expected a divisor of both");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .groups = -2},
                SHAPES({1, 8, 8, 4}, {3, 3, 2, 4}), 2, ONP_E_RANGE,
                "conv: -2 groups of 4 channels to 4, expected a divisor of both");
    check_error(ONP_OP_CONV, (onp_attr){.kernel = 3, .stride = 1, .groups = 2},
                SHAPES({1, 8, 8, 4}, {3, 3, 4, 4}), 2, ONP_E_SHAPE,
                "conv: x has 4 channels, kernel expects 8");
}

static void test_batch_norm_errors(void **state)
{
    (void)state;
    const onp_shape x = {2, 4, 4, 5}, stats = {1, 1, 2, 5}, vector = {1, 1, 1, 5};
    const onp_attr attr = {.eps = 1e-5};
    check_error(ONP_OP_BN_APPLY, attr, SHAPES(x, vector, vector, vector), 4, ONP_E_SHAPE,
                "bn-apply: stats is 1x1x1x5, expected 1x1x2x5");
    check_error(ONP_OP_BN_APPLY, attr, SHAPES(x, stats, {1, 1, 1, 4}, vector), 4, ONP_E_SHAPE,
                "bn-apply: gamma is 1x1x1x4, expected 1x1x1x5");
    check_error(ONP_OP_BN_APPLY, attr, SHAPES(x, stats, vector, x), 4, ONP_E_SHAPE,
                "bn-apply: beta is 2x4x4x5, expected 1x1x1x5");
    const onp_shape in[] = {x, stats, vector, vector};
    check_error(ONP_OP_BN_APPLY, (onp_attr){0}, in, 4, ONP_E_RANGE,
                "bn-apply: eps is 0, expected above 0");
    check_error(ONP_OP_BN_APPLY, (onp_attr){.eps = (double)INFINITY}, in, 4, ONP_E_RANGE,
                "bn-apply: eps is inf, expected above 0");
}

static void test_other_errors(void **state)
{
    (void)state;
    const onp_attr none = {0};
    check_error(ONP_OP_ADD, none, SHAPES({1, 5, 7, 3}, {1, 5, 7, 4}), 2, ONP_E_SHAPE,
                "add: b is 1x5x7x4, expected 1x5x7x3");
    const onp_op pools[] = {ONP_OP_MAX_POOL, ONP_OP_AVG_POOL};
    for (size_t p = 0; p < ONP_COUNT(pools); p++) {
        const char *name = onp_op_get(pools[p])->name;
        char text[64];
        (void)snprintf(text, sizeof text, "%s: kernel is 0, expected at least 1", name);
        check_error(pools[p], (onp_attr){.stride = 1}, SHAPES({1, 5, 7, 3}), 1, ONP_E_RANGE, text);
        (void)snprintf(text, sizeof text, "%s: stride is 5, expected 1 to 4", name);
        check_error(pools[p], (onp_attr){.kernel = 2, .stride = 5}, SHAPES({1, 5, 7, 3}), 1,
                    ONP_E_RANGE, text);
    }
    check_error(ONP_OP_CHANNEL_SCALE, none, SHAPES({2, 5, 7, 3}, {1, 1, 1, 3}), 2, ONP_E_SHAPE,
                "channel-scale: scale is 1x1x1x3, expected 2x1x1x3");
    check_error(ONP_OP_DROPOUT, (onp_attr){.rate = 1}, SHAPES({1, 5, 7, 3}), 1, ONP_E_RANGE,
                "dropout: rate is 1, expected 0 to below 1");
    check_error(ONP_OP_DROPOUT, (onp_attr){.rate = -0.5}, SHAPES({1, 5, 7, 3}), 1, ONP_E_RANGE,
                "dropout: rate is -0.5, expected 0 to below 1");
    check_error(ONP_OP_SOFTMAX_CE, none, SHAPES({4, 2, 1, 5}, {1, 1, 1, 4}), 2, ONP_E_SHAPE,
                "softmax-ce: logits is 4x2x1x5, expected 4x1x1x5");
    check_error(ONP_OP_SOFTMAX_CE, none, SHAPES({4, 1, 1, 5}, {4, 1, 1, 1}), 2, ONP_E_SHAPE,
                "softmax-ce: labels is 4x1x1x1, expected 1x1x1x4");
    check_error(ONP_OP_SOFTMAX_CE, (onp_attr){.smoothing = 1}, SHAPES({4, 1, 1, 5}, {1, 1, 1, 4}),
                2, ONP_E_RANGE, "softmax-ce: smoothing is 1, expected 0 to below 1");
    check_error(ONP_OP_SOFTMAX_CE, (onp_attr){.smoothing = -0.5},
                SHAPES({4, 1, 1, 5}, {1, 1, 1, 4}), 2, ONP_E_RANGE,
                "softmax-ce: smoothing is -0.5, expected 0 to below 1");
}

/* Every forward operation: too few and too many inputs, an empty one, one whose size overflows. */
static void test_input_errors(void **state)
{
    (void)state;
    for (int op = 0; op < ONP_OP_CONV_BWD_DATA; op++) {
        const onp_op_def *def = onp_op_get((onp_op)op);
        const onp_shape good = {1, 1, 1, 1};
        onp_shape in[ONP_OP_MAX_IN] = {good, good, good, good, good, good};
        char text[256];
        const int counts[] = {0, def->min_in - 1, def->max_in + 1};
        for (size_t i = 0; i < ONP_COUNT(counts); i++) {
            (void)snprintf(text, sizeof text, "%s: %d inputs, expected %d to %d", def->name,
                           counts[i], def->min_in, def->max_in);
            check_error((onp_op)op, k3s1, in, counts[i], ONP_E_SHAPE, text);
        }
        const onp_shape bad[] = {
            {0, 1, 1, 1}, {1, -1, 1, 1}, {1, INT64_MAX, INT64_MAX, 1}, {1, 1 << 16, 1 << 16, 1}};
        const char *bad_text[] = {"0x1x1x1", "1x-1x1x1",
                                  "1x9223372036854775807x9223372036854775807x1", "1x65536x65536x1"};
        for (size_t i = 0; i < ONP_COUNT(bad); i++) {
            in[def->min_in - 1] = bad[i];
            (void)snprintf(text, sizeof text,
                           "%s: input %d is %s, expected 1 or more in each place and 2147483648 "
                           "elements at most",
                           def->name, def->min_in - 1, bad_text[i]);
            check_error((onp_op)op, k3s1, in, def->min_in, ONP_E_SHAPE, text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_rules_are_well_formed),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_convolution_errors),
        cmocka_unit_test(test_dilation_and_group_errors),
        cmocka_unit_test(test_batch_norm_errors),
        cmocka_unit_test(test_other_errors),
        cmocka_unit_test(test_input_errors),
    };
    return cmocka_run_group_tests_name("ops table", tests, NULL, NULL);
}
