/* SPDX-License-Identifier: Apache-2.0 */
/* The pickles were written by Python 3.11 and NumPy 1.26. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "latency/table/pickle.h"
#include "tests/test_support.h"

#define BYTES(literal) (literal), sizeof(literal) - 1

/* The data as one line of JSON, or the error. */
static void load(const char *data, size_t size, char *out, size_t room)
{
    onp_context ctx;
    onp_error err = {0};
    onp_strbuf text;
    json_t *root = NULL;
    onp_context_init(&ctx);
    onp_strbuf_init(&text, &ctx);
    onp_status st = onp_pickle_load(&ctx, "x.pkl", data, size, &root, &err);
    if (st == ONP_OK)
        assert_int_equal(onp_json_dump(root, 0, &text, &err), ONP_OK);
    else
        assert_true(st == ONP_E_FORMAT && root == NULL);
    (void)snprintf(out, room, "%s", st == ONP_OK ? text.text : err.msg);
    onp_strbuf_reset(&text);
    json_decref(root);
}

#define assert_loads(literal, json)                                                                \
    do {                                                                                           \
        char text_[512];                                                                           \
        load(BYTES(literal), text_, sizeof text_);                                                 \
        assert_string_equal(text_, (json));                                                        \
    } while (0)

#define assert_refused(literal, part)                                                              \
    do {                                                                                           \
        char text_[512];                                                                           \
        load(BYTES(literal), text_, sizeof text_);                                                 \
        onp_assert_contains(text_, (part));                                                        \
    } while (0)

/* [1, (2, -3.5), {"a": [True, None]}, "ü", 2**40, -2**33, 70000] */
static void every_protocol(void **state)
{
    (void)state;
    static const char json[] =
        "[1, [2, -3.5], {\"a\": [true, null]}, \"\xc3\xbc\", 1099511627776, -8589934592, 70000]";
    assert_loads("(lp0\nI1\na(I2\nF-3.5\ntp1\na(dp2\nVa\np3\n(lp4\nI01\naNasaV\xc3\xbc\np5\n"
                 "aL1099511627776L\naL-8589934592L\naI70000\na.",
                 json);
    assert_loads("]q\0(K\1(K\2G\xc0\x0c\0\0\0\0\0\0tq\1}q\2X\1\0\0\0aq\3]q\4(I01\nNesX\2\0\0\0"
                 "\xc3\xbcq\5L1099511627776L\nL-8589934592L\nJp\x11\1\0e.",
                 json);
    assert_loads("\x80\3]q\0(K\1K\2G\xc0\x0c\0\0\0\0\0\0\x86q\1}q\2X\1\0\0\0aq\3]q\4(\x88Nes"
                 "X\2\0\0\0\xc3\xbcq\5\x8a\6\0\0\0\0\0\1\x8a\5\0\0\0\0\xfeJp\x11\1\0e.",
                 json);
    assert_loads("\x80\4\x95:\0\0\0\0\0\0\0]\x94(K\1K\2G\xc0\x0c\0\0\0\0\0\0\x86\x94}\x94\x8c\1a"
                 "\x94]\x94(\x88Nes\x8c\2\xc3\xbc\x94\x8a\6\0\0\0\0\0\1\x8a\5\0\0\0\0\xfeJp\x11"
                 "\1\0e.",
                 json);
}

static void ordered_dicts(void **state)
{
    (void)state;
    static const char json[] = "{\"base\": 9.5, \"key\": {\"8\": 0.25, \"300\": -7}}";
    assert_loads("ccollections\nOrderedDict\np0\n(tRp1\nVbase\np2\nF9.5\nsVkey\np3\ng0\n(tRp4\n"
                 "I8\nF0.25\nsI300\nI-7\nss.",
                 json);
    assert_loads("\x80\3ccollections\nOrderedDict\nq\0)Rq\1(X\4\0\0\0baseq\2G@#\0\0\0\0\0\0"
                 "X\3\0\0\0keyq\3h\0)Rq\4(K\x08G?\xd0\0\0\0\0\0\0M,\1J\xf9\xff\xff\xffuu.",
                 json);
    assert_loads("\x80\4\x95T\0\0\0\0\0\0\0\x8c\x0b"
                 "collections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94(\x8c\4base\x94G@#\0\0\0\0"
                 "\0\0\x8c\3key\x94h\2)R\x94(K\x08G?\xd0\0\0\0\0\0\0M,\1J\xf9\xff\xff\xffuu.",
                 json);
}

/* [np.float64(1.5), np.int64(-200)] */
static void numpy_numbers(void **state)
{
    (void)state;
    assert_loads("\x80\2]q\0(cnumpy.core.multiarray\nscalar\nq\1cnumpy\ndtype\nq\2X\2\0\0\0f8q\3"
                 "\x89\x88\x87q\4Rq\5(K\3X\1\0\0\0<q\6NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq"
                 "\7bc_codecs\nencode\nq\x08X\t\0\0\0\0\0\0\0\0\0\xc3\xb8?q\tX\6\0\0\0latin1q\n"
                 "\x86q\x0bRq\x0c\x86q\rRq\x0eh\1h\2X\2\0\0\0i8q\x0f\x89\x88\x87q\x10Rq\x11(K\3h"
                 "\6NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq\x12"
                 "bh\x08X\x0f\0\0\0008\xc3\xbf\xc3\xbf\xc3\xbf\xc3\xbf\xc3\xbf\xc3\xbf\xc3\xbfq"
                 "\x13h\n\x86q\x14Rq\x15\x86q\x16Rq\x17"
                 "e.",
                 "[1.5, -200]");
    assert_refused("\x80\2cnumpy\ndtype\nX\2\0\0\0O8\x89\x88\x87R.", "no number");
}

static void executes_nothing(void **state)
{
    (void)state;
    assert_refused("cposix\nsystem\n(S'true'\ntR.", "it calls posix.system, wanted plain data");
    assert_refused("\x80\4\x8c\x08"
                   "builtins\x8c\5print\x93.",
                   "it calls builtins.print");
    assert_refused("(S'x'\nios\nsystem\n.", "opcode 0x69 makes no plain data");
    assert_refused("\x80\2ccollections\nOrderedDict\n)\x81.", "opcode 0x81");
    assert_refused("\x80\2}K\1R.", "calls what is no name");
    assert_refused("\x80\2]K\1b.", "sets the state");
}

static void damaged(void **state)
{
    (void)state;
    assert_refused("", "byte 0 of the pickle: the file ends");
    assert_refused("\x80\3]q\0(G@#\0\0", "byte 6 of the pickle: the file ends");
    assert_refused("\x80\5N.", "a protocol beyond 4");
    assert_refused("\x80\2N.N.", "bytes behind the end");
    assert_refused("\x80\2NN.", "does not hold one value");
    assert_refused("\x80\2(.", "does not hold one value");
    assert_refused("\x80\2e.", "no mark");
    assert_refused("\x80\2(e.", "no list to fill");
    assert_refused("\x80\2(K\1e.", "no list to fill");
    assert_refused("\x80\2K\1K\2a.", "no list to fill");
    assert_refused("\x80\2}(K\1u.", "a key without a value");
    assert_refused("\x80\2}K\1K\2sK\1K\3s.", "twice");
    assert_refused("\x80\2}NNs.", "a key that is neither");
    assert_refused("\x80\2G\x7f\xf0\0\0\0\0\0\0.", "not finite");
    assert_refused("\x80\2X\1\0\0\0\xff.", "not UTF-8");
    assert_refused("\x80\2X\xff\xff\xff\xff.", "the file ends");
    assert_refused("\x80\2\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "the file ends");
    assert_refused("\x80\2\x8a\x09\1\1\1\1\1\1\1\1\1.", "beyond 64 bits");
    assert_refused("I99999999999999999999\n.", "no number");
    assert_refused("\x80\2h\1.", "refers to nothing");
    assert_refused("\x80\2Nr\xff\xff\xff\xff.", "a million values");
    assert_refused("\x80\4\x95\xff\0\0\0\0\0\0\0N.", "a frame beyond the file");
    assert_refused("PK\3\4", ".pkl: ");
}

/* What would make a ring, or a tree of any depth. */
static void rings_and_depth(void **state)
{
    (void)state;
    char deep[200] = "\x80\2]";
    assert_refused("\x80\2]q\0h\0a.", "to a list or dict a second time");
    assert_refused("\x80\2}q\0]h\0a.", "a second time");
    assert_refused("\x80\2ccollections\nOrderedDict\nq\0K\1K\2s.", "no dict to fill");
    memset(deep + 3, '\x85', 100);
    deep[103] = '.';
    char text[512];
    load(deep, 104, text, sizeof text);
    onp_assert_contains(text, "more than 32");
}

static onp_status load_lists(const onp_context *ctx, void *arg)
{
    json_t *root = NULL;
    (void)arg;
    onp_status st =
        onp_pickle_load(ctx, "x", BYTES("\x80\2]q\0(K\1K\2\x86X\1\0\0\0aq\1h\1e."), &root, NULL);
    json_decref(root);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    onp_test_each_allocation(load_lists, NULL);
}

static json_t *load_file(const char *name)
{
    char path[ONP_TEST_PATH];
    onp_context ctx;
    onp_error err = {0};
    char *data = NULL;
    size_t size = 0;
    json_t *root = NULL;
    onp_test_path(path, onp_test_shared(), name);
    onp_context_init(&ctx);
    onp_status st = onp_file_read(&ctx, path, ONP_PICKLE_MAX_BYTES, &data, &size, &err);
    if (st == ONP_OK)
        st = onp_pickle_load(&ctx, path, data, size, &root, &err);
    if (st != ONP_OK)
        fail_msg("%s", err.msg);
    onp_free(&ctx, data);
    return root;
}

static void published_files(void **state)
{
    (void)state;
    if (onp_test_shared() == NULL)
        skip();
    json_t *root = load_file("latency-data/help-fbnet/arch.pt");
    assert_int_equal(json_array_size(root), 5000);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(root, 0), 21)), 5);
    json_decref(root);

    root = load_file("latency-data/help-fbnet/latency/gold_6240.pt");
    assert_true(json_real_value(json_array_get(root, 1)) == 34.72897856399417);
    json_decref(root);

    root = load_file("latency-data/help-ofa/ofa_archs.pt");
    const json_t *first = json_array_get(json_object_get(root, "arch"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "r")), 204);
    json_decref(root);

    root = load_file("latency-data/tfnas-widths/latency_cpu.pkl");
    assert_int_equal(json_object_size(root), 67);
    const json_t *widths = json_object_get(root, "MBInvertedResBlock_112_16_0_24_k3_s2_relu");
    assert_true(json_real_value(json_object_get(widths, "8")) == 0.18636664322444396);
    json_decref(root);

    root = load_file("latency-data/oneproxy-nb201/eagle_gtx.pickle");
    assert_int_equal(json_array_size(root), 1999);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_protocol), cmocka_unit_test(ordered_dicts),
        cmocka_unit_test(numpy_numbers),  cmocka_unit_test(executes_nothing),
        cmocka_unit_test(damaged),        cmocka_unit_test(rings_and_depth),
        cmocka_unit_test(no_memory),      cmocka_unit_test(published_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
