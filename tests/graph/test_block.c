/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: what complete checks, keys there and back, hostile keys, parameters and cost. */
#include "graph/block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test_support.h"

static onp_block mbconv(int32_t kernel, int32_t expand, int32_t stride, int32_t out_c)
{
    return (onp_block){.kind = ONP_BLOCK_MBCONV,
                       .in_h = 56,
                       .in_w = 56,
                       .in_c = 24,
                       .out_c = out_c,
                       .kernel = kernel,
                       .stride = stride,
                       .expand = expand};
}

static onp_block completed(onp_block b)
{
    onp_error err = {0};
    if (onp_block_complete(&b, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return b;
}

static void test_complete_fills(void **state)
{
    (void)state;
    onp_block b = completed(mbconv(5, 3, 2, 40));
    assert_int_equal(b.out_h, 28);
    assert_int_equal(b.out_w, 28);
    assert_int_equal(b.mid, 72);
    /* an odd map: ceil(7 / 2), ceil(5 / 2) */
    b = mbconv(3, 1, 2, 8);
    b.in_h = 7;
    b.in_w = 5;
    b = completed(b);
    assert_int_equal(b.out_h, 4);
    assert_int_equal(b.out_w, 3);
    assert_int_equal(b.mid, 24);
    b = completed(
        (onp_block){.kind = ONP_BLOCK_HEAD, .in_h = 7, .in_w = 7, .in_c = 9, .out_c = 10});
    assert_int_equal(b.out_h * 100 + b.out_w * 10 + b.kernel, 111);
    b = completed((onp_block){.kind = ONP_BLOCK_ZERO, .in_h = 7, .in_w = 5, .in_c = 9});
    assert_int_equal(b.out_h * 100 + b.out_w * 10 + b.out_c, 759);
}

static void expect_refused(onp_block b, onp_status wanted, const char *text)
{
    onp_error err = {0};
    const onp_block before = b;
    assert_int_equal(onp_block_complete(&b, &err), wanted);
    onp_assert_contains(err.msg, text);
    assert_int_equal(b.out_h, before.out_h);
    assert_int_equal(b.mid, before.mid);
    assert_int_equal(onp_block_complete(&b, NULL), wanted);
}

static void test_complete_refuses(void **state)
{
    (void)state;
    const onp_block good = mbconv(3, 3, 1, 24);
    onp_block b = good;
    b.in_h = 0;
    expect_refused(b, ONP_E_RANGE, "in_h is 0, wanted 1..65536");
    b = good;
    b.in_c = 65537;
    expect_refused(b, ONP_E_RANGE, "in_c is 65537, wanted 1..65536");
    expect_refused(mbconv(4, 3, 1, 24), ONP_E_RANGE, "kernel is 4, wanted an odd number");
    expect_refused(mbconv(33, 3, 1, 24), ONP_E_RANGE, "kernel is 33, wanted 1..31");
    expect_refused(mbconv(-1, 3, 1, 24), ONP_E_RANGE, "kernel is -1");
    expect_refused(mbconv(3, 3, 5, 24), ONP_E_RANGE, "stride is 5, wanted 1..4");
    expect_refused(mbconv(3, 0, 1, 24), ONP_E_RANGE, "expand is 0, wanted 1..32");
    expect_refused(mbconv(3, 3, 1, 0), ONP_E_RANGE, "out_c is 0");
    b = mbconv(3, 1, 1, 24);
    b.mid = 30; /* without an expansion the hidden width is the input's */
    expect_refused(b, ONP_E_RANGE, "mid is 30, wanted 24");
    b = mbconv(3, 3, 2, 24);
    b.skip = true;
    expect_refused(b, ONP_E_SHAPE, "skip adds 56x56x24 to 28x28x24");
    b = mbconv(3, 3, 1, 40);
    b.skip = true;
    expect_refused(b, ONP_E_SHAPE, "skip adds 56x56x24 to 56x56x40");
    b = (onp_block){
        .kind = ONP_BLOCK_MIX, .in_h = 4, .in_w = 4, .in_c = 4, .out_c = 8, .kernel = 3};
    expect_refused(b, ONP_E_RANGE, "kernel is 3, wanted 1");
    b.kernel = 1;
    b.skip = true;
    expect_refused(b, ONP_E_RANGE, "skip is 1");
    b = good;
    b.kind = ONP_BLOCK_KIND_COUNT;
    expect_refused(b, ONP_E_RANGE, "kind is 10, wanted 0..9");
    b = good;
    b.in_h = b.in_w = 65536;
    expect_refused(b, ONP_E_RANGE, "has more than 2147483647 elements");
    b = good;
    b.in_h = b.in_w = 4096;
    b.expand = 32; /* only the hidden map is too large */
    expect_refused(b, ONP_E_RANGE, "hidden map 4096x4096x768");
}

static const char *const good_keys[] = {
    "stem in=32x32x3 out=32x32x32 k=3 s=1",
    "stem in=224x200x3 out=112x100x32 k=3 s=2",
    "mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0",
    "mbconv in=28x28x40 out=28x28x40 k=7 e=6 s=1 skip=1",
    "mbconv in=28x28x40 out=28x28x40 k=7 e=6 s=1 skip=1 mid=150",
    "mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0",
    "mix in=4x4x192 out=4x4x640",
    "head in=4x4x640 out=10",
    "zero",
    "stem in=224x224x3 out=112x112x16 k=3 s=2 act=hswish",
    "mix in=7x7x160 out=7x7x960 act=hswish",
    "head in=7x7x960 out=1000 mid=1280 act=hswish",
    "head in=7x7x960 out=1000 mid=1280",
    "mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 act=relu se=32",
    "mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 mid=100 act=hswish se=24",
    "mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 se=32",
    "mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 se=40",
    "conv in=8x8x24 out=4x4x40 k=5 s=2",
    "conv in=8x8x24 out=8x8x40 k=3 s=1 d=2 g=4 act=relu",
    "depthwise-separable in=8x8x24 out=8x8x24 k=5 s=1 skip=1",
    "depthwise-separable in=8x8x24 out=4x4x40 k=3 s=2 skip=0 d=2",
    "max-pool in=8x8x24 out=4x4x24 k=3 s=2",
    "avg-pool in=8x8x24 out=8x8x24 k=3 s=1",
    "identity",
};

static void test_keys_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ONP_COUNT(good_keys); i++) {
        onp_block b;
        onp_error err = {0};
        char key[ONP_BLOCK_KEY];
        if (onp_block_parse(good_keys[i], &b, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        onp_block_key(&b, key);
        assert_string_equal(key, good_keys[i]);
        for (size_t j = 0; j < ONP_COUNT(good_keys); j++) {
            onp_block other;
            assert_int_equal(onp_block_parse(good_keys[j], &other, NULL), ONP_OK);
            assert_int_equal(onp_block_equal(&b, &other), i == j);
        }
    }
}

static void test_key_of_a_block(void **state)
{
    (void)state;
    char key[ONP_BLOCK_KEY], name[32];
    onp_block b = completed(mbconv(5, 3, 2, 40));
    onp_block_key(&b, key);
    assert_string_equal(key, good_keys[2]);
    onp_block_short_name(&b, name);
    assert_string_equal(name, "5x5e3");
    b = (onp_block){.kind = ONP_BLOCK_ZERO, .in_h = 8, .in_w = 8, .in_c = 8};
    b = completed(b);
    onp_block_short_name(&b, name);
    assert_string_equal(name, "zero");
    onp_block sizeless;
    assert_int_equal(onp_block_parse("zero", &sizeless, NULL), ONP_OK);
    assert_true(onp_block_equal(&b, &sizeless));
}

static void test_longest_key_fits(void **state)
{
    (void)state;
    char key[ONP_BLOCK_KEY];
    const onp_block b = {.kind = ONP_BLOCK_MBCONV,
                         .in_h = 65536,
                         .in_w = 65536,
                         .in_c = 65536,
                         .out_h = 65536,
                         .out_w = 65536,
                         .out_c = 65536,
                         .kernel = 31,
                         .stride = 4,
                         .expand = 32,
                         .mid = 65536,
                         .dilation = 32,
                         .groups = 65536,
                         .act = ONP_ACT_HSWISH,
                         .se = true};
    onp_block_key(&b, key);
    onp_assert_contains(key, "k=31 e=32 s=4 skip=0 mid=65536 d=32 g=65536 act=hswish se=16384");
}

static void test_short_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"conv in=8x8x24 out=8x8x40 k=3 s=1", "conv3x3"},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 d=2", "conv3x3d2"},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 d=2 g=4 act=relu", "conv3x3d2g4-relu"},
        {"depthwise-separable in=8x8x24 out=8x8x24 k=5 s=1 skip=1", "sep5x5"},
        {"depthwise-separable in=8x8x24 out=8x8x24 k=5 s=1 skip=1 d=3", "sep5x5d3"},
        {"max-pool in=8x8x24 out=4x4x24 k=3 s=2", "max3x3"},
        {"avg-pool in=8x8x24 out=8x8x24 k=3 s=1", "avg3x3"},
        {"identity", "identity"},
        {"mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 act=hswish se=32", "5x5e3-se-hswish"},
        {"mbconv in=28x28x40 out=28x28x40 k=7 e=6 s=1 skip=1 se=64", "7x7e6-se"},
        {"stem in=224x224x3 out=112x112x16 k=3 s=2 act=hswish", "stem"},
    };
    for (size_t i = 0; i < ONP_COUNT(names); i++) {
        onp_block b;
        char name[32];
        onp_error err = {0};
        if (onp_block_parse(names[i][0], &b, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        onp_block_short_name(&b, name);
        assert_string_equal(name, names[i][1]);
    }
}

/* Widths of MobileNetV3 (A. Howard et al., 2019, table 1): a quarter of 72, 120, 480, 672, 960. */
static void test_se_width(void **state)
{
    (void)state;
    static const int32_t widths[][2] = {{72, 24},   {120, 32},  {480, 120},
                                        {672, 168}, {960, 240}, {20, 8}};
    for (size_t i = 0; i < ONP_COUNT(widths); i++)
        assert_int_equal(onp_block_se_width(&(onp_block){.mid = widths[i][0]}), widths[i][1]);
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "wanted one of stem, mbconv, mix, head, zero, conv, depthwise-separable, max-pool, "
             "avg-pool, identity"},
        {"pool in=1x1x1 out=1x1x1", "wanted one of stem"},
        {"zero ", "does not begin with a field"},
        {" zero", "wanted one of"},
        {"zero in=1x1x1", "wanted \"zero\""},
        {"mbconv", "in_h is 0"},
        {"mix in=4x4x192", "out_c is 0"},
        {"mix in=4x4x192 out=4x4x640 ", "does not begin with a field"},
        {"mix  in=4x4x192 out=4x4x640", "does not begin with a field"},
        {"mix in=4x4x192 out=2x2x640", "wanted \"mix in=4x4x192 out=4x4x640\""},
        {"mix in=04x4x192 out=4x4x640", "wanted \"mix"},
        {"mix out=4x4x640 in=4x4x192", "wanted \"mix"},
        {"mix in=4x4x192 in=4x4x192 out=4x4x640", "wanted \"mix"},
        {"mix in=4x4x192 out=4x4x640 k=3", "kernel is 3, wanted 1"},
        {"mix in=4x4x192 out=4x4x640 k=1", "wanted \"mix"},
        {"mix in=4x4 out=4x4x640", "does not begin with a field"},
        {"mix in=4x4x4x4 out=4x4x640", "does not begin with a field"},
        {"mix in=-4x4x192 out=4x4x640", "does not begin with a field"},
        {"mix in=4x4x100000 out=4x4x640", "does not begin with a field"},
        {"mix in=4x4x99999 out=4x4x640", "in_c is 99999"},
        {"mix in=4x4x192 out=", "does not begin with a field"},
        {"mix in", "does not begin with a field"},
        {"head in=4x4x640 out=1x1x10", "does not begin with a field"},
        {"head in=4x4x640 out=", "does not begin with a field"},
        {"stem in=32x32x3 out=32x32x32 k=2 s=1", "wanted an odd number"},
        {"mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=1", "skip adds"},
        {"mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=2", "skip=0"},
        {"mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0 mid=72", "skip=0\""},
        {"mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2", "skip=0\""},
        {"mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0 pad=1", "does not begin"},
        {"Mix in=4x4x192 out=4x4x640", "wanted one of"},
        {"identity in=1x1x1", "wanted \"identity\""},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 d=1", "s=1\""},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 d=33", "dilation is 33, wanted 1..32"},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 g=1", "s=1\""},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 g=5", "groups is 5, wanted a divisor of 24 and 40"},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 g=4 d=2", "d=2 g=4\""},
        {"conv in=8x8x24 out=8x8x24 k=3 s=1 skip=1", "skip is 1, wanted 0"},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 act=relu6", "s=1\""},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 act=", "does not begin with a field"},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 act=hswishh", "does not begin with a field"},
        {"max-pool in=8x8x24 out=8x8x40 k=3 s=1", "24 channels become 40"},
        {"max-pool in=8x8x24 out=8x8x24 k=3 s=1 act=relu", "activation is 1, wanted none"},
        {"head in=4x4x640 out=10 act=relu", "activation is 1, wanted none"},
        {"mix in=4x4x192 out=4x4x640 mid=7", "mid is 7, wanted 0"},
        {"depthwise-separable in=8x8x24 out=8x8x24 k=3 s=1 skip=0 se=8", "no squeeze and excite"},
        {"mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 se=0", "se=32\""},
        {"mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 d=2", "dilation is 2, wanted 1"},
    };
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        onp_error err = {0};
        onp_block b = {.in_h = 77};
        if (onp_block_parse(bad[i][0], &b, &err) != ONP_E_FORMAT)
            fail_msg("\"%s\" was accepted", bad[i][0]);
        assert_int_equal(err.status, ONP_E_FORMAT);
        onp_assert_contains(err.msg, "block key \"");
        onp_assert_contains(err.msg, bad[i][1]);
        assert_int_equal(b.in_h, 77);
    }
}

/* Whatever is accepted must be canonical; an exact-size copy lets ASan see a read past the end. */
static void check_hostile(const char *text)
{
    char *copy = strdup(text), key[ONP_BLOCK_KEY];
    assert_non_null(copy);
    onp_block b;
    if (onp_block_parse(copy, &b, NULL) == ONP_OK) {
        onp_block_key(&b, key);
        assert_string_equal(key, copy);
    }
    free(copy);
}

static void test_parse_hostile(void **state)
{
    (void)state;
    uint32_t lcg = 1;
    for (size_t i = 0; i < ONP_COUNT(good_keys); i++) {
        char text[ONP_BLOCK_KEY];
        size_t length = strlen(good_keys[i]);
        for (size_t cut = 0; cut < length; cut++) {
            (void)snprintf(text, sizeof text, "%.*s", (int)cut, good_keys[i]);
            check_hostile(text);
        }
        for (int n = 0; n < 2000; n++) {
            (void)snprintf(text, sizeof text, "%s", good_keys[i]);
            for (int m = 0; m < 2; m++) {
                lcg = lcg * 1664525u + 1013904223u;
                text[(lcg >> 8) % length] = (char)(1 + (lcg >> 24) % 255);
            }
            check_hostile(text);
        }
    }
    char *big = malloc(1 << 20);
    assert_non_null(big);
    memset(big, 'x', (1 << 20) - 1);
    big[(1 << 20) - 1] = '\0';
    check_hostile(big);
    memcpy(big, "mix in=1", 8);
    check_hostile(big);
    free(big);
}

static void check_param(const onp_param_spec *s, const char *name, onp_param_role role, int64_t n,
                        int64_t w, int64_t c)
{
    assert_string_equal(s->name, name);
    assert_int_equal(s->role, role);
    assert_int_equal(s->shape.n, n);
    assert_int_equal(s->shape.h, n);
    assert_int_equal(s->shape.w, w);
    assert_int_equal(s->shape.c, c);
}

static void test_params(void **state)
{
    (void)state;
    onp_param_spec p[ONP_BLOCK_MAX_PARAMS];
    onp_block b = completed(mbconv(5, 3, 2, 40));
    assert_int_equal(onp_block_params(&b, ONP_MODE_TRAIN, p), 9);
    check_param(&p[0], "expand.weight", ONP_PARAM_WEIGHT, 1, 24, 72);
    check_param(&p[1], "expand.bn.gamma", ONP_PARAM_GAMMA, 1, 1, 72);
    check_param(&p[2], "expand.bn.beta", ONP_PARAM_BETA, 1, 1, 72);
    check_param(&p[3], "depthwise.weight", ONP_PARAM_WEIGHT, 5, 1, 72);
    check_param(&p[6], "project.weight", ONP_PARAM_WEIGHT, 1, 72, 40);
    check_param(&p[8], "project.bn.beta", ONP_PARAM_BETA, 1, 1, 40);
    assert_int_equal(onp_block_params(&b, ONP_MODE_EVAL, p), 12);
    check_param(&p[3], "expand.bn.stats", ONP_PARAM_STATS, 1, 2, 72);
    check_param(&p[11], "project.bn.stats", ONP_PARAM_STATS, 1, 2, 40);
    assert_int_equal(onp_block_params(&b, ONP_MODE_FOLDED, p), 6);
    check_param(&p[2], "depthwise.weight", ONP_PARAM_WEIGHT, 5, 1, 72);
    check_param(&p[5], "project.bias", ONP_PARAM_BIAS, 1, 1, 40);

    b = completed(mbconv(3, 1, 1, 24));
    assert_int_equal(onp_block_params(&b, ONP_MODE_TRAIN, p), 6);
    assert_string_equal(p[0].name, "depthwise.weight");
    assert_int_equal(onp_block_parse(good_keys[0], &b, NULL), ONP_OK);
    assert_int_equal(onp_block_params(&b, ONP_MODE_EVAL, p), 4);
    check_param(&p[0], "conv.weight", ONP_PARAM_WEIGHT, 3, 3, 32);
    assert_int_equal(onp_block_parse("head in=4x4x640 out=10", &b, NULL), ONP_OK);
    for (int mode = ONP_MODE_TRAIN; mode <= ONP_MODE_FOLDED; mode++) {
        assert_int_equal(onp_block_params(&b, (onp_block_mode)mode, p), 2);
        check_param(&p[0], "linear.weight", ONP_PARAM_WEIGHT, 1, 640, 10);
        check_param(&p[1], "linear.bias", ONP_PARAM_BIAS, 1, 1, 10);
    }
    assert_int_equal(onp_block_parse("head in=7x7x960 out=1000 mid=1280 act=hswish", &b, NULL),
                     ONP_OK);
    for (int mode = ONP_MODE_TRAIN; mode <= ONP_MODE_FOLDED; mode++) {
        assert_int_equal(onp_block_params(&b, (onp_block_mode)mode, p), 3);
        check_param(&p[0], "hidden.weight", ONP_PARAM_WEIGHT, 1, 960, 1280);
        check_param(&p[2], "linear.bias", ONP_PARAM_BIAS, 1, 1, 1000);
    }
    assert_int_equal(
        onp_block_parse("mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 se=32", &b, NULL),
        ONP_OK);
    assert_int_equal(onp_block_params(&b, ONP_MODE_EVAL, p), 16);
    check_param(&p[8], "squeeze.weight", ONP_PARAM_WEIGHT, 1, 120, 32);
    check_param(&p[9], "squeeze.bias", ONP_PARAM_BIAS, 1, 1, 32);
    check_param(&p[10], "excite.weight", ONP_PARAM_WEIGHT, 1, 32, 120);
    check_param(&p[12], "project.weight", ONP_PARAM_WEIGHT, 1, 120, 40);
    assert_int_equal(onp_block_params(&b, ONP_MODE_FOLDED, p), 10);
    check_param(&p[7], "excite.bias", ONP_PARAM_BIAS, 1, 1, 120);
    assert_int_equal(onp_block_parse("conv in=8x8x24 out=8x8x40 k=3 s=1 d=2 g=4", &b, NULL),
                     ONP_OK);
    assert_int_equal(onp_block_params(&b, ONP_MODE_TRAIN, p), 3);
    check_param(&p[0], "conv.weight", ONP_PARAM_WEIGHT, 3, 6, 40);
    assert_int_equal(
        onp_block_parse("depthwise-separable in=8x8x24 out=4x4x40 k=3 s=2 skip=0 d=2", &b, NULL),
        ONP_OK);
    assert_int_equal(onp_block_params(&b, ONP_MODE_FOLDED, p), 4);
    check_param(&p[0], "depthwise.weight", ONP_PARAM_WEIGHT, 3, 1, 24);
    check_param(&p[2], "project.weight", ONP_PARAM_WEIGHT, 1, 24, 40);
    static const char *const without[] = {"zero", "identity", "max-pool in=8x8x2 out=8x8x2 k=3 s=1",
                                          "avg-pool in=8x8x2 out=8x8x2 k=3 s=1"};
    for (size_t i = 0; i < ONP_COUNT(without); i++) {
        assert_int_equal(onp_block_parse(without[i], &b, NULL), ONP_OK);
        assert_int_equal(onp_block_params(&b, ONP_MODE_EVAL, p), 0);
    }
}

/* Counted by hand. */
static void test_cost(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t params, macs;
    } cases[] = {
        {"stem in=224x224x3 out=112x112x32 k=3 s=2", 27 * 32 + 64, 112 * 112 * 27 * 32},
        {"mbconv in=56x56x24 out=28x28x40 k=5 e=3 s=2 skip=0", 6776, 9088128},
        {"mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0", 9 * 32 + 64 + 32 * 16 + 32,
         112 * 112 * (9 * 32 + 32 * 16)},
        {"mbconv in=28x28x40 out=28x28x40 k=7 e=6 s=1 skip=1 mid=150",
         40 * 150 + 300 + 49 * 150 + 300 + 150 * 40 + 80,
         28 * 28 * (40 * 150 + 49 * 150 + 150 * 40)},
        {"mbconv in=7x5x2 out=4x3x2 k=3 e=2 s=2 skip=0", 8 + 8 + 36 + 8 + 8 + 4,
         35 * 8 + 12 * (36 + 8)},
        {"mix in=4x4x192 out=4x4x640", 192 * 640 + 1280, 16 * 192 * 640},
        {"head in=4x4x640 out=10", 6410, 6400},
        {"zero", 0, 0},
        {"identity", 0, 0},
        {"max-pool in=8x8x24 out=4x4x24 k=3 s=2", 0, 0},
        {"conv in=8x8x24 out=4x4x40 k=5 s=2", 25 * 24 * 40 + 80, 16 * 25 * 24 * 40},
        {"conv in=8x8x24 out=8x8x40 k=3 s=1 d=2 g=4", 9 * 6 * 40 + 80, 64 * 9 * 6 * 40},
        {"depthwise-separable in=8x8x24 out=4x4x40 k=3 s=2 skip=0 d=2", 9 * 24 + 48 + 24 * 40 + 80,
         16 * (9 * 24 + 24 * 40)},
        {"head in=7x7x960 out=1000 mid=1280 act=hswish", 960 * 1280 + 1280 * 1000 + 1000,
         960 * 1280 + 1280 * 1000},
        {"mbconv in=28x28x40 out=28x28x40 k=5 e=3 s=1 skip=1 act=relu se=32",
         40 * 120 + 240 + 25 * 120 + 240 + (120 * 32 + 32 + 32 * 120 + 120) + 120 * 40 + 80,
         28 * 28 * (40 * 120 + 25 * 120 + 120 * 40) + 2 * 120 * 32},
    };
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        onp_block b;
        assert_int_equal(onp_block_parse(cases[i].key, &b, NULL), ONP_OK);
        assert_int_equal(onp_block_n_params(&b), cases[i].params);
        assert_int_equal(onp_block_n_macs(&b), cases[i].macs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete_fills),
        cmocka_unit_test(test_complete_refuses),
        cmocka_unit_test(test_keys_round_trip),
        cmocka_unit_test(test_key_of_a_block),
        cmocka_unit_test(test_longest_key_fits),
        cmocka_unit_test(test_short_names),
        cmocka_unit_test(test_se_width),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_hostile),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
