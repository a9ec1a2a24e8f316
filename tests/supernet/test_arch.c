/* SPDX-License-Identifier: Apache-2.0 */
/* arch.json: the released networks, what is kept and what is refused, hostile files. */
#include "supernet/arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test_support.h"

/* A small network with every kind of block, keys of other dialects and two we do not know. */
static const char small[] =
    "{\"zebra\": [1, 2.5], \"name\": \"ProxylessNASNets\","
    " \"bn\": {\"momentum\": 0.05, \"eps\": 1e-05, \"ws_eps\": null},"
    " \"first_conv\": {\"name\": \"ConvLayer\", \"kernel_size\": [3, 3], \"stride\": [2, 2],"
    "   \"in_channels\": 1, \"out_channels\": 4, \"use_bn\": true, \"act_func\": \"relu6\"},"
    " \"blocks\": ["
    "  {\"name\": \"MobileInvertedResidualBlock\", \"mobile_inverted_conv\":"
    "    {\"name\": \"MBInvertedConvLayer\", \"in_channels\": 4, \"out_channels\": 4,"
    "     \"kernel_size\": 5, \"stride\": 1, \"expand_ratio\": 3, \"mid_channels\": 10,"
    "     \"num_bits\": 8}, \"shortcut\": null},"
    "  {\"name\": \"MobileInvertedResidualBlock\", \"mobile_inverted_conv\":"
    "    {\"name\": \"ZeroLayer\", \"stride\": 1}, \"shortcut\":"
    "    {\"name\": \"IdentityLayer\", \"in_channels\": 4, \"out_channels\": 4,"
    "     \"use_bn\": false, \"act_func\": null}},"
    "  {\"name\": \"MobileInvertedResidualBlock\", \"mobile_inverted_conv\":"
    "    {\"name\": \"MBInvertedConvLayer\", \"in_channels\": 4, \"out_channels\": 4,"
    "     \"kernel_size\": 3, \"stride\": 1, \"expand_ratio\": 1, \"mid_channels\": null,"
    "     \"act_func\": \"relu6\", \"use_se\": false}, \"shortcut\":"
    "    {\"name\": \"IdentityLayer\", \"in_channels\": 4, \"out_channels\": 4}}],"
    " \"feature_mix_layer\": {\"name\": \"ConvLayer\", \"kernel_size\": 1, \"stride\": 1,"
    "   \"in_channels\": 4, \"out_channels\": 8, \"act_func\": \"relu6\"},"
    " \"classifier\": {\"name\": \"LinearLayer\", \"in_features\": 8, \"out_features\": 3,"
    "   \"bias\": true, \"dropout_rate\": 0.2},"
    " \"resolution\": [9, 6]}";

static const char *const small_keys[] = {
    "stem in=9x6x1 out=5x3x4 k=3 s=2",
    "mbconv in=5x3x4 out=5x3x4 k=5 e=3 s=1 skip=0 mid=10",
    "zero",
    "mbconv in=5x3x4 out=5x3x4 k=3 e=1 s=1 skip=1",
    "mix in=5x3x4 out=5x3x8",
    "head in=5x3x8 out=3",
};

static onp_context context(void)
{
    onp_context ctx;
    onp_context_init(&ctx);
    return ctx;
}

static void check_keys(const onp_arch *a)
{
    assert_int_equal(a->n_blocks, ONP_COUNT(small_keys));
    for (int32_t i = 0; i < a->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&a->blocks[i], key);
        assert_string_equal(key, small_keys[i]);
    }
}

static onp_arch *parse_small(const onp_context *ctx)
{
    onp_arch *a = NULL;
    onp_error err = {0};
    if (onp_arch_parse(ctx, small, strlen(small), "small", &a, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return a;
}

static void test_reads_small(void **state)
{
    (void)state;
    onp_context ctx = context();
    onp_arch *a = parse_small(&ctx);
    check_keys(a);
    assert_string_equal(a->name, "ProxylessNASNets");
    assert_true(a->bn_eps == 1e-5 && a->bn_momentum == 0.05);
    assert_int_equal(a->in_h * 100 + a->in_w * 10 + a->in_c, 961);
    /* a zero knows its channels by its shortcut */
    assert_int_equal(a->blocks[2].in_c, 4);
    assert_int_equal(a->blocks[2].out_h, 5);
    int64_t params = 0, macs = 0;
    params += 36 + 8;                      /* stem */
    params += 40 + 20 + 250 + 20 + 40 + 8; /* 4 -> 10, 5x5, -> 4 */
    params += 36 + 8 + 16 + 8;             /* 3x3, 4 -> 4 */
    params += 32 + 16 + 24 + 3;            /* mix, head */
    macs += 15 * 36 + 15 * (40 + 250 + 40) + 15 * (36 + 16) + 15 * 32 + 24;
    assert_int_equal(onp_arch_n_params(a), params);
    assert_int_equal(onp_arch_n_macs(a), macs);
    onp_arch_free(a);
    onp_arch_free(NULL);
}

/* The lines of small_keys through sha256sum. */
static void test_hash(void **state)
{
    (void)state;
    static const char wanted[] = "0d7615707f06217a6dd3c764dd19fad716f817a6b933e8ee1ff597f707f9780d";
    onp_context ctx = context();
    onp_arch *a = parse_small(&ctx);
    char hex[ONP_SHA256_HEX];
    assert_int_equal(onp_arch_hash(a, hex, NULL), ONP_OK);
    assert_string_equal(hex, wanted);
    a->blocks[1].kernel = 7;
    assert_int_equal(onp_arch_hash(a, hex, NULL), ONP_OK);
    assert_string_not_equal(hex, wanted);
    onp_arch_free(a);
}

/* Saved and read again: equal values, the same order of keys. */
static void check_round_trip(const onp_context *ctx, const onp_arch *a)
{
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_arch *again = NULL;
    onp_error err = {0};
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "arch.json");
    assert_int_equal(onp_arch_save(a, path, NULL), ONP_OK);
    if (onp_arch_load(ctx, path, &again, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_true(json_equal(a->json, again->json));
    char *before = json_dumps(a->json, JSON_COMPACT),
         *after = json_dumps(again->json, JSON_COMPACT);
    assert_string_equal(before, after);
    free(before);
    free(after);
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(onp_file_read(ctx, path, ONP_MIB, &text, &size, NULL), ONP_OK);
    assert_memory_equal(text, "{\n    \"", 7);
    onp_free(ctx, text);
    assert_int_equal(a->n_blocks, again->n_blocks);
    for (int32_t i = 0; i < a->n_blocks; i++)
        assert_true(onp_block_equal(&a->blocks[i], &again->blocks[i]));
    onp_arch_free(again);
    onp_test_dir_remove(dir);
}

static void test_keeps_what_it_does_not_know(void **state)
{
    (void)state;
    onp_context ctx = context();
    onp_arch *a = parse_small(&ctx);
    check_round_trip(&ctx, a);
    assert_string_equal(json_object_iter_key(json_object_iter(a->json)), "zebra");
    onp_arch_free(a);
}

static void test_from_blocks(void **state)
{
    (void)state;
    onp_context ctx = context();
    onp_arch *a = parse_small(&ctx), *b = NULL;
    onp_error err = {0};
    if (onp_arch_from_blocks(&ctx, a->blocks, a->n_blocks, 1e-3, 0.1, &b, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    check_keys(b);
    assert_true(b->bn_eps == 1e-3 && b->bn_momentum == 0.1);
    assert_int_equal(b->in_h * 100 + b->in_w * 10 + b->in_c, 961);
    check_round_trip(&ctx, b);
    onp_arch_free(b);

    /* no mix; a square input is one number */
    onp_block two[2] = {{.kind = ONP_BLOCK_STEM,
                         .in_h = 8,
                         .in_w = 8,
                         .in_c = 3,
                         .out_c = 4,
                         .kernel = 3,
                         .stride = 1},
                        {.kind = ONP_BLOCK_HEAD, .in_h = 8, .in_w = 8, .in_c = 4, .out_c = 10}};
    assert_int_equal(onp_block_complete(&two[0], NULL), ONP_OK);
    assert_int_equal(onp_block_complete(&two[1], NULL), ONP_OK);
    assert_int_equal(onp_arch_from_blocks(&ctx, two, 2, 1e-3, 0.1, &b, &err), ONP_OK);
    assert_true(json_is_null(json_object_get(b->json, "feature_mix_layer")));
    assert_int_equal(json_integer_value(json_object_get(b->json, "resolution")), 8);
    assert_int_equal(b->n_blocks, 2);
    check_round_trip(&ctx, b);
    onp_arch_free(b);

    assert_int_equal(onp_arch_from_blocks(&ctx, a->blocks, 3, 1e-3, 0.1, &b, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "wanted a stem first and a head last");
    onp_block bad[3] = {two[0], a->blocks[4], two[1]};
    assert_int_equal(onp_arch_from_blocks(&ctx, bad, 3, 1e-3, 0.1, &b, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "the layer before has 8 channels"); /* the head wants 4 */
    bad[1] = two[0];
    assert_int_equal(onp_arch_from_blocks(&ctx, bad, 3, 1e-3, 0.1, &b, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "block 2 of 3 is a stem");
    onp_arch_free(a);
}

/* Every kind of block and activation, written and read again. */
static void test_all_kinds(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "stem in=16x16x3 out=16x16x8 k=3 s=1 act=hswish",
        "conv in=16x16x8 out=16x16x8 k=5 s=1 d=2 g=4",
        "max-pool in=16x16x8 out=16x16x8 k=3 s=1",
        "avg-pool in=16x16x8 out=8x8x8 k=5 s=2",
        "identity",
        "zero",
        "depthwise-separable in=8x8x8 out=8x8x8 k=3 s=1 skip=1 d=2 act=relu",
        "depthwise-separable in=8x8x8 out=4x4x16 k=5 s=2 skip=0",
        "mbconv in=4x4x16 out=4x4x16 k=3 e=3 s=1 skip=1 mid=40 act=hswish se=16",
        "mbconv in=4x4x16 out=4x4x16 k=3 e=1 s=1 skip=0 act=relu",
        "mix in=4x4x16 out=4x4x32 act=hswish",
        "head in=4x4x32 out=10 mid=24 act=relu",
    };
    enum { N = ONP_COUNT(keys) };
    onp_context ctx = context();
    onp_block blocks[N];
    onp_error err = {0};
    onp_arch *a = NULL;
    for (int i = 0; i < N; i++) {
        if (onp_block_parse(keys[i], &blocks[i], &err) != ONP_OK)
            fail_msg("%s", err.msg);
        if (!onp_block_is_free(&blocks[i]))
            continue;
        blocks[i].in_h = blocks[i - 1].out_h;
        blocks[i].in_w = blocks[i - 1].out_w;
        blocks[i].in_c = blocks[i - 1].out_c;
        assert_int_equal(onp_block_complete(&blocks[i], &err), ONP_OK);
    }
    if (onp_arch_from_blocks(&ctx, blocks, N, 1e-3, 0.1, &a, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(a->n_blocks, N);
    for (int i = 0; i < N; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&a->blocks[i], key);
        assert_string_equal(key, keys[i]);
    }
    check_round_trip(&ctx, a);
    onp_arch_free(a);
}

/* Once-for-All writes the same network otherwise. */
static void test_once_for_all(void **state)
{
    (void)state;
    onp_context ctx = context();
    onp_arch *a = parse_small(&ctx), *b = NULL;
    onp_error err = {0};
    json_t *json = json_deep_copy(a->json), *blocks = json_object_get(json, "blocks");
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        json_t *block = json_array_get(blocks, i);
        json_t *conv = json_incref(json_object_get(block, "mobile_inverted_conv"));
        if (strcmp(json_string_value(json_object_get(conv, "name")), "ZeroLayer") == 0) {
            json_decref(conv);
            conv = json_null();
        } else {
            json_object_set_new(conv, "name", json_string("MBConvLayer"));
            json_object_set_new(conv, "in_channels", json_pack("[i]", 4));
            json_object_set_new(conv, "groups", json_null());
        }
        json_object_set_new(block, "name", json_string("ResidualBlock"));
        json_object_set_new(block, "conv", conv);
        json_object_del(block, "mobile_inverted_conv");
    }
    if (onp_arch_from_json(&ctx, json, "ofa", &b, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    check_keys(b);
    check_round_trip(&ctx, b);
    onp_arch_free(b);
    onp_arch_free(a);
}

/* `small` with the first `old` after `behind` replaced by `with`. */
static char *edited(const char *behind, const char *old, const char *with)
{
    const char *at = strstr(small, behind);
    assert_non_null(at);
    at = strstr(at, old);
    assert_non_null(at);
    size_t size = strlen(small) + strlen(with) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    (void)snprintf(text, size, "%.*s%s%s", (int)(at - small), small, with, at + strlen(old));
    return text;
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *behind, *old, *with, *wanted;
    } cases[] = {
        {"", "ProxylessNASNets", "PyramidTreeNet",
         "small: is a PyramidTreeNet, wanted ProxylessNASNets"},
        {"", "\"name\"", "\"nom\"", "small: key \"name\" is missing"},
        {"", "\"ProxylessNASNets\"", "7", "key \"name\" is an integer"},
        {"", "1e-05", "-1", "small: bn: key \"eps\" is -1, wanted above 0"},
        {"", "1e-05", "\"x\"", "small: bn: key \"eps\""},
        {"", "\"ws_eps\": null", "\"ws_eps\": 1", "key \"ws_eps\" is 1, wanted null"},
        {"", "{\"momentum\": 0.05, \"eps\": 1e-05, \"ws_eps\": null}", "[]", "key \"bn\""},
        {"", "\"first_conv\"", "\"first\"", "key \"first_conv\" is missing"},
        {"", "[3, 3]", "[5, 11]",
         "small: first_conv: key \"kernel_size\" is [5, 11], wanted two equal numbers"},
        {"", "[3, 3]", "[3, 3, 3]", "key \"kernel_size\" is not an integer in 1..31"},
        {"", "[3, 3]", "4", "small: first_conv: stem block: kernel is 4, wanted an odd number"},
        {"", "[3, 3]", "\"3\"", "key \"kernel_size\" is not an integer"},
        {"", "[3, 3]", "4294967299", "key \"kernel_size\" is not an integer in 1..31"},
        {"", "[2, 2]", "0", "key \"stride\" is not an integer in 1..4"},
        {"", "\"in_channels\": 1", "\"in_channels\": 65537", "wanted 1..65536"},
        {"", "\"use_bn\": true", "\"use_bn\": false", "key \"use_bn\" is false, wanted true"},
        {"", "\"use_bn\": true", "\"groups\": 2", "stem block: groups is 2, wanted 1"},
        {"", "\"use_bn\": true", "\"dilation\": 2", "stem block: dilation is 2, wanted 1"},
        {"", "\"use_bn\": true", "\"bias\": true", "key \"bias\" is true, wanted false"},
        {"", "\"act_func\": \"relu6\"", "\"act_func\": \"tanh\"",
         "key \"act_func\" is tanh, wanted relu6, relu or h_swish"},
        {"", "\"act_func\": \"relu6\"", "\"act_func\": null", "is no text, wanted relu6"},
        {"", "\"act_func\": \"relu6\"", "\"x\": 1", "key \"act_func\" is missing"},
        {"", "ConvLayer", "DepthConvLayer", "small: first_conv: is a DepthConvLayer"},
        {"blocks", "MobileInvertedResidualBlock", "ResBlock", "small: blocks[0]: is a ResBlock"},
        {"blocks", "\"mobile_inverted_conv\"", "\"conv\"",
         "small: blocks[0]: key \"mobile_inverted_conv\" is missing"},
        {"blocks", "MBInvertedConvLayer", "LinearLayer",
         "small: blocks[0].mobile_inverted_conv: is a LinearLayer"},
        {"blocks", "\"MBInvertedConvLayer\", \"in_channels\": 4, \"out_channels\": 4",
         "\"IdentityLayer\", \"in_channels\": 4, \"out_channels\": 8",
         "key \"out_channels\" is 8, but the layer before has 4"},
        {"blocks", "MBInvertedConvLayer", "DepthConvLayer",
         "is a DepthConvLayer without batch norm between its two convolutions"},
        {"blocks", "MBInvertedConvLayer", "PoolingLayer", "key \"pool_type\" is missing"},
        {"blocks", "{\"name\": \"MBInvertedConvLayer\"",
         "{\"name\": \"PoolingLayer\", \"pool_type\": \"sum\"",
         "key \"pool_type\" is sum, wanted max or avg"},
        {"blocks",
         "\"MBInvertedConvLayer\", \"in_channels\": 4, \"out_channels\": 4,"
         "     \"kernel_size\": 5, \"stride\": 1",
         "\"PoolingLayer\", \"pool_type\": \"max\", \"in_channels\": 4, \"out_channels\": 4,"
         " \"kernel_size\": 3, \"stride\": 2",
         "blocks[0].mobile_inverted_conv: key \"padding\" is missing"},
        {"blocks", "\"num_bits\": 8", "\"act_func\": \"swish\"", "key \"act_func\" is swish"},
        {"", "\"resolution\"", "\"final_expand_layer\": null, \"resolution\"",
         "feature_mix_layer: key \"use_bn\" is missing"},
        {"blocks", "\"in_channels\": 4", "\"in_channels\": 5",
         "key \"in_channels\" is 5, but the layer before has 4 channels"},
        {"blocks", "\"expand_ratio\": 3", "\"expand_ratio\": 2.5", "is a real number"},
        {"blocks", "\"expand_ratio\": 3", "\"expand_ratio\": 1", "mid is 10, wanted 4"},
        {"blocks", "\"mid_channels\": 10", "\"mid_channels\": \"10\"", "is a string"},
        {"blocks", "\"num_bits\": 8", "\"use_se\": 1", "key \"use_se\" is neither true nor"},
        {"blocks", "\"shortcut\": null", "\"short\": null", "key \"shortcut\" is missing"},
        {"blocks", "\"shortcut\": null", "\"shortcut\": 1", "key \"shortcut\" is an integer"},
        {"ZeroLayer", "\"stride\": 1", "\"stride\": 2", "key \"stride\" is 2, wanted 1"},
        {"ZeroLayer", "\"in_channels\": 4", "\"in_channels\": 3", "blocks[1].shortcut: key"},
        {"ZeroLayer", "\"out_channels\": 4", "\"out_channels\": 3", "blocks[1].shortcut: key"},
        {"ZeroLayer", "IdentityLayer", "PoolingLayer", "blocks[1].shortcut: is a PoolingLayer"},
        {"ZeroLayer", "\"use_bn\": false", "\"use_bn\": true", "key \"use_bn\" is true"},
        {"\"kernel_size\": 3, ", "\"stride\": 1", "\"stride\": 2", "skip adds 5x3x4 to 3x2x4"},
        {"feature_mix", "\"kernel_size\": 1", "\"kernel_size\": 3", "kernel is 3, wanted 1"},
        {"", "\"feature_mix_layer\"", "\"mix\"", "key \"feature_mix_layer\" is missing"},
        {"classifier", "\"in_features\": 8", "\"in_features\": 9", "key \"in_features\" is 9"},
        {"classifier", "\"bias\": true", "\"bias\": false", "key \"bias\" is false"},
        {"classifier", "LinearLayer", "ConvLayer", "small: classifier: is a ConvLayer"},
        {"", "[9, 6]", "0", "small: key \"resolution\" is not an integer in 1..65536"},
        {"", "[9, 6]", "[9]", "key \"resolution\""},
        {"", "\"blocks\"", "\"block\"", "key \"blocks\" is missing"},
        {"", "\"resolution\"", "\"zebra\"", "duplicate"},
    };
    onp_context ctx = context();
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        char *text = edited(cases[i].behind, cases[i].old, cases[i].with);
        onp_arch *a = NULL;
        onp_error err = {0};
        if (onp_arch_parse(&ctx, text, strlen(text), "small", &a, &err) != ONP_E_FORMAT)
            fail_msg("%s instead of %s: accepted", cases[i].with, cases[i].old);
        assert_int_equal(err.status, ONP_E_FORMAT);
        onp_assert_contains(err.msg, cases[i].wanted);
        assert_null(a);
        free(text);
    }
    onp_arch *a = NULL;
    onp_error err = {0};
    assert_int_equal(onp_arch_parse(&ctx, "[]", 2, "small", &a, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "small: is an array");
    char *text = edited("ZeroLayer", "{\"name\": \"IdentityLayer\"", "null, \"x\": {\"name\": 1");
    assert_int_equal(onp_arch_parse(&ctx, text, strlen(text), "small", &a, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "has no shortcut beside it");
    free(text);
}

static void test_too_many_blocks(void **state)
{
    (void)state;
    onp_context ctx = context();
    onp_arch *a = parse_small(&ctx), *b = NULL;
    onp_error err = {0};
    json_t *json = json_deep_copy(a->json), *blocks = json_object_get(json, "blocks");
    for (int i = 0; i < 500; i++)
        assert_int_equal(json_array_append(blocks, json_array_get(blocks, 1)), 0);
    assert_int_equal(onp_arch_from_json(&ctx, json, "small", &b, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "503 blocks, wanted at most 500");
    onp_arch_free(a);
}

/* Never a crash, a leak or another status, whatever the bytes. */
static void check_hostile(const char *text, size_t size)
{
    onp_test_memory m;
    onp_test_memory_init(&m, 0);
    m.size_limit = ONP_MIB;
    onp_arch *a = NULL;
    char *copy = malloc(size + (size == 0)); /* exact, so that ASan sees a read behind it */
    assert_non_null(copy);
    memcpy(copy, text, size);
    onp_status st = onp_arch_parse(&m.ctx, copy, size, "small", &a, NULL);
    assert_true(st == ONP_OK || st == ONP_E_FORMAT);
    assert_int_equal(st == ONP_OK, a != NULL);
    onp_arch_free(a);
    assert_int_equal(m.n_live, 0);
    free(copy);
}

static void test_hostile(void **state)
{
    (void)state;
    char text[sizeof small];
    const size_t size = sizeof small - 1;
    uint32_t lcg = 7;
    onp_context ctx = context();
    onp_arch *a = NULL;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(onp_arch_parse(&ctx, small, cut, "small", &a, NULL), ONP_E_FORMAT);
        check_hostile(small, cut);
    }
    for (int n = 0; n < 20000; n++) {
        memcpy(text, small, sizeof text);
        for (int k = 0; k < 1 + n % 3; k++) {
            static const char letters[] = "0123456789-.eE{}[]\",:nulltrue";
            lcg = lcg * 1664525u + 1013904223u;
            size_t at = (lcg >> 4) % size;
            const char letter = letters[(lcg >> 20) % (sizeof letters - 1)];
            const uint8_t byte = (uint8_t)(lcg >> 24);
            memcpy(&text[at], n % 2 == 0 ? (const void *)&byte : &letter, 1);
        }
        check_hostile(text, size);
    }
}

static onp_status all_ways(const onp_context *ctx, void *arg)
{
    onp_arch *a = NULL, *b = NULL;
    char hex[ONP_SHA256_HEX];
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_arch_parse(ctx, small, strlen(small), "small", &a, NULL));
    ONP_TRY_GOTO(onp_arch_hash(a, hex, NULL));
    ONP_TRY_GOTO(onp_arch_from_blocks(ctx, a->blocks, a->n_blocks, 1e-3, 0.1, &b, NULL));
    ONP_TRY_GOTO(onp_arch_save(b, arg, NULL));
done:
    onp_arch_free(a);
    onp_arch_free(b);
    return st;
}

static void test_no_memory(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "arch.json");
    onp_test_each_allocation(all_ways, path);
    onp_test_dir_remove(dir);
}

/* ---- released networks ---- */

static void shared_path(char path[ONP_TEST_PATH], const char *file)
{
    const char *shared = onp_test_shared();
    if (shared == NULL)
        skip();
    char folder[ONP_TEST_PATH];
    onp_test_path(folder, shared, "architectures");
    onp_test_path(path, folder, file);
}

static void test_released(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int64_t params, macs; /* as published; 0: not */
        int32_t resolution;
    } nets[] = {
        {"han-cai-files/proxyless_mobile.config", 4080512, 320427584, 224},
        {"han-cai-files/proxyless_cpu.config", 4361648, 439243864, 224},
        {"han-cai-files/proxyless_gpu.config", 7119848, 465260160, 224},
        {"han-cai-files/proxyless_mobile_14.config", 6857568, 580883408, 224},
        {"mit-han-lab-proxylessnas/proxyless-w0.25-r112_imagenet.json", 0, 0, 112},
        {"mit-han-lab-proxylessnas/proxyless-w0.3-r176_imagenet.json", 0, 0, 176},
    };
    onp_context ctx = context();
    for (size_t i = 0; i < ONP_COUNT(nets); i++) {
        char path[ONP_TEST_PATH];
        onp_arch *a = NULL;
        onp_error err = {0};
        shared_path(path, nets[i].file);
        if (onp_arch_load(&ctx, path, &a, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(a->n_blocks, 25);
        assert_int_equal(a->in_h, nets[i].resolution);
        assert_int_equal(a->in_w, nets[i].resolution);
        if (nets[i].params > 0) {
            assert_int_equal(onp_arch_n_params(a), nets[i].params);
            assert_int_equal(onp_arch_n_macs(a), nets[i].macs);
        }
        check_round_trip(&ctx, a);
        onp_arch_free(a);
    }
}

/* Networks of Once-for-All. The numbers are by a count of the layers in another language; the
 * published multiply-accumulates are 389 and 482 million, and those of Mobile are above. */
static void test_released_once_for_all(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        int64_t params, macs;
        const char *first, *last; /* keys of the first block with a choice, and of the head */
    } nets[] = {
        {"flops-389M_top1-79.1_finetune-75", 8386544, 389487856, NULL,
         "head in=7x7x1152 out=1000 mid=1536 act=hswish"},
        {"flops-482M_top1-79.6_finetune-75", 9066368, 482413168, NULL, NULL},
        {"note8_lat-22ms_top1-70.4_finetune-25", 4304592, 153092576,
         "mbconv in=112x112x16 out=56x56x24 k=3 e=3 s=2 skip=0 act=relu",
         "head in=7x7x960 out=1000 mid=1280 act=hswish"},
        {"cpu_lat-10ms_top1-71.1_finetune-25", 4158272, 321536000, NULL, NULL},
        {"1080ti_gpu64-27ms_top1-76.4_finetune-25", 6493328, 543580088, NULL, NULL},
    };
    onp_context ctx = context();
    const char *shared = onp_test_shared();
    if (shared == NULL)
        skip();
    for (size_t i = 0; i < ONP_COUNT(nets); i++) {
        char path[ONP_TEST_PATH], file[ONP_TEST_PATH], key[ONP_BLOCK_KEY];
        onp_arch *a = NULL;
        onp_error err = {0};
        onp_test_path(path, shared, "latency-data/ofa-specialized");
        onp_test_path(file, path, nets[i].folder);
        onp_test_path(path, file, "net.config");
        if (onp_arch_load(&ctx, path, &a, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(onp_arch_n_params(a), nets[i].params);
        assert_int_equal(onp_arch_n_macs(a), nets[i].macs);
        onp_block_key(&a->blocks[2], key);
        if (nets[i].first != NULL)
            assert_string_equal(key, nets[i].first);
        onp_block_key(&a->blocks[a->n_blocks - 1], key);
        if (nets[i].last != NULL)
            assert_string_equal(key, nets[i].last);
        check_round_trip(&ctx, a);
        onp_arch_free(a);
    }
}

/* Block 13 keeps 24 channels at stride 1 and has no shortcut: nothing may infer one. */
static void test_null_shortcut_is_kept(void **state)
{
    (void)state;
    char path[ONP_TEST_PATH], key[ONP_BLOCK_KEY];
    onp_context ctx = context();
    onp_arch *a = NULL;
    shared_path(path, "mit-han-lab-proxylessnas/proxyless-w0.25-r112_imagenet.json");
    assert_int_equal(onp_arch_load(&ctx, path, &a, NULL), ONP_OK);
    const onp_block *b = &a->blocks[1 + 13];
    onp_block_key(b, key);
    onp_assert_contains(key, "in=7x7x24 out=7x7x24");
    assert_false(b->skip);
    json_t *block = json_array_get(json_object_get(a->json, "blocks"), 13);
    assert_true(json_is_null(json_object_get(block, "shortcut")));
    onp_arch_free(a);
}

static void test_refused_files(void **state)
{
    (void)state;
    char path[ONP_TEST_PATH];
    onp_context ctx = context();
    onp_arch *a = NULL;
    onp_error err = {0};
    shared_path(path, "han-cai-files/proxyless_cifar.config");
    assert_int_equal(onp_arch_load(&ctx, path, &a, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "is a PyramidTreeNet, wanted ProxylessNASNets");
    shared_path(path, "dapeter-nas-for-kws/pless_sweep_0.net.config");
    assert_int_equal(onp_arch_load(&ctx, path, &a, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "kernel_size\" is [5, 11], wanted two equal numbers");
    assert_int_equal(onp_arch_load(&ctx, "/nowhere.json", &a, &err), ONP_E_IO);
    onp_assert_contains(err.msg, "/nowhere.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_small),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_keeps_what_it_does_not_know),
        cmocka_unit_test(test_from_blocks),
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_once_for_all),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_too_many_blocks),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_released),
        cmocka_unit_test(test_released_once_for_all),
        cmocka_unit_test(test_null_shortcut_is_kept),
        cmocka_unit_test(test_refused_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
