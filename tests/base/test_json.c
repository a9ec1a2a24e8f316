/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "tests/test_support.h"

static json_t *parse(const char *text)
{
    json_t *root = NULL;
    onp_error err = {0};
    if (onp_json_parse(text, strlen(text), "t", &root, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return root;
}

static void assert_dumps(const char *text, int indent, const char *want)
{
    onp_context ctx;
    onp_context_init(&ctx);
    onp_strbuf s;
    onp_strbuf_init(&s, &ctx);
    json_t *root = parse(text);
    assert_int_equal(onp_json_dump(root, indent, &s, NULL), ONP_OK);
    assert_string_equal(s.text, want);
    json_decref(root);
    onp_strbuf_reset(&s);
}

static void parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "net.json:1:"},
        {"{\"a\": 1,\n \"b\": }", "net.json:2:"},
        {"{\"a\": 1, \"a\": 2}", "duplicate object key"},
        {"{} x", "end of file expected"},
        {"{\"a\": [1, 2", "net.json:1:"},
        {"[1e999]", "real number overflow"},
        {"[99999999999999999999]", "too big integer"},
        {"[\"\xff\"]", "unable to decode byte 0xff"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        json_t *root = NULL;
        onp_error err = {0};
        assert_int_equal(
            onp_json_parse(rows[i].text, strlen(rows[i].text), "net.json", &root, &err),
            ONP_E_FORMAT);
        assert_null(root);
        onp_assert_contains(err.msg, rows[i].part);
    }
}

static void parse_bounds_depth(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    json_t *root = NULL;
    onp_error err = {0};
    assert_int_equal(onp_json_parse(text, DEPTH, "deep", &root, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "maximum parsing depth");
    free(text);
}

static void dump_keeps_order_and_values(void **state)
{
    (void)state;
    assert_dumps("{\"b\":1,\"a\":[true,false,null,\"x\"],\"c\":{}, \"d\":[]}", 0,
                 "{\"b\": 1, \"a\": [true, false, null, \"x\"], \"c\": {}, \"d\": []}");
    assert_dumps("{\"b\":[1,{\"c\":-2}],\"a\":[]}", 2,
                 "{\n  \"b\": [\n    1,\n    {\n      \"c\": -2\n    }\n  ],\n  \"a\": []\n}");
    assert_dumps("[\"q\\\" b\\\\ n\\n t\\t \\u0001 \xc3\xa9\"]", 0,
                 "[\"q\\\" b\\\\ n\\n t\\t \\u0001 \xc3\xa9\"]");
}

static void dump_writes_short_reals(void **state)
{
    (void)state;
    assert_dumps("[0.1, 1e-05, 3.0, 1e+300, 1e15, -0.0, 0.30000000000000004, 5e-324]", 0,
                 "[0.1, 1e-05, 3.0, 1e+300, 1e+15, -0.0, 0.30000000000000004, "
                 "4.94065645841247e-324]");
    static const double values[] = {1.0 / 3, 2.0 / 3, 0x1.fffffffffffffp1023, 1e22, 123456.789};
    onp_context ctx;
    onp_context_init(&ctx);
    for (size_t i = 0; i < ONP_COUNT(values); i++) {
        onp_strbuf s;
        onp_strbuf_init(&s, &ctx);
        json_t *real = json_real(values[i]);
        assert_int_equal(onp_json_dump(real, 0, &s, NULL), ONP_OK);
        assert_true(strtod(s.text, NULL) == values[i]);
        json_decref(real);
        onp_strbuf_reset(&s);
    }
}

static onp_status save_and_load(const onp_context *ctx, void *path)
{
    json_t *root = parse("{\"a\": [1.5, \"x\"]}"), *back = NULL;
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_json_save_file(ctx, root, 2, path, NULL));
    ONP_TRY_GOTO(onp_json_load_file(ctx, path, 100, &back, NULL));
    assert_true(json_equal(root, back));
done:
    json_decref(root);
    json_decref(back);
    return st;
}

static void files_round_trip(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "a.json");
    onp_test_each_allocation(save_and_load, path);
    onp_context ctx;
    onp_context_init(&ctx);
    json_t *root = NULL;
    onp_error err = {0};
    assert_int_equal(onp_json_load_file(&ctx, path, 5, &root, &err), ONP_E_FORMAT);
    onp_test_write(path, "{\"a\": [1.5,", 11);
    assert_int_equal(onp_json_load_file(&ctx, path, 100, &root, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "a.json:1:11: ");
    onp_test_path(path, dir, "absent.json");
    assert_int_equal(onp_json_load_file(&ctx, path, 100, &root, &err), ONP_E_IO);
    assert_null(root);
    onp_test_dir_remove(dir);
}

static void get_takes_values(void **state)
{
    (void)state;
    json_t *root = parse("{\"i\": 7, \"r\": 2.5, \"s\": \"text\", \"a\": [1], \"o\": {\"k\": 1}}");
    int64_t i = 0;
    double r = 0;
    const char *s = NULL;
    json_t *a = NULL, *o = NULL;
    assert_int_equal(onp_json_get_int(root, "i", 7, 7, &i, "f", NULL), ONP_OK);
    assert_int_equal(i, 7);
    assert_int_equal(onp_json_get_real(root, "r", &r, "f", NULL), ONP_OK);
    assert_true(r == 2.5);
    assert_int_equal(onp_json_get_real(root, "i", &r, "f", NULL), ONP_OK);
    assert_true(r == 7.0);
    assert_int_equal(onp_json_get_string(root, "s", &s, "f", NULL), ONP_OK);
    assert_string_equal(s, "text");
    assert_int_equal(onp_json_get_array(root, "a", &a, "f", NULL), ONP_OK);
    assert_int_equal(json_array_size(a), 1);
    assert_int_equal(onp_json_get_object(root, "o", &o, "f", NULL), ONP_OK);
    assert_int_equal(onp_json_get_int(o, "k", 0, 9, &i, "f", NULL), ONP_OK);
    json_decref(root);
}

static void get_names_what_is_wrong(void **state)
{
    (void)state;
    json_t *root = parse("{\"i\": 99, \"s\": \"text\", \"r\": 1.5, \"n\": null}");
    int64_t i = 5;
    const char *s = NULL;
    json_t *a = NULL;
    double r = 5;
    onp_error err = {0};
    assert_int_equal(onp_json_get_int(root, "kernel", 1, 31, &i, "f: blocks[2]", &err),
                     ONP_E_FORMAT);
    assert_string_equal(err.msg, "f: blocks[2]: key \"kernel\" is missing");
    assert_int_equal(onp_json_get_int(root, "i", 1, 31, &i, "f", &err), ONP_E_FORMAT);
    assert_string_equal(err.msg, "f: key \"i\" is 99, wanted 1..31");
    assert_int_equal(onp_json_get_int(root, "s", 1, 31, &i, "f", &err), ONP_E_FORMAT);
    assert_string_equal(err.msg, "f: key \"s\" is a string, wanted an integer");
    assert_int_equal(onp_json_get_int(root, "r", 1, 31, &i, "f", &err), ONP_E_FORMAT);
    assert_int_equal(onp_json_get_real(root, "s", &r, "f", &err), ONP_E_FORMAT);
    assert_int_equal(onp_json_get_string(root, "n", &s, "f", &err), ONP_E_FORMAT);
    assert_string_equal(err.msg, "f: key \"n\" is null, wanted a string");
    assert_int_equal(onp_json_get_array(root, "s", &a, "f", &err), ONP_E_FORMAT);
    assert_int_equal(onp_json_get_object(root, "s", &a, "f", &err), ONP_E_FORMAT);
    json_t *list = parse("[]");
    assert_int_equal(onp_json_get_int(list, "i", 0, 1, &i, "f", &err), ONP_E_FORMAT);
    assert_string_equal(err.msg, "f: is an array, wanted an object with key \"i\"");
    assert_int_equal(onp_json_get_int(NULL, "i", 0, 1, &i, "f", &err), ONP_E_FORMAT);
    assert_int_equal(i, 5);
    assert_true(r == 5);
    assert_null(s);
    assert_null(a);
    json_decref(list);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(parse_bounds_depth),
        cmocka_unit_test(dump_keeps_order_and_values),
        cmocka_unit_test(dump_writes_short_reals),
        cmocka_unit_test(files_round_trip),
        cmocka_unit_test(get_takes_values),
        cmocka_unit_test(get_names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
