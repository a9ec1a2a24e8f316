/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cores.h"
#include "tests/test_support.h"

static void expect_text(const char *text, const char *wanted, int count)
{
    onp_cores set;
    char back[ONP_CORES_TEXT];
    assert_int_equal(onp_cores_parse(text, &set, NULL), ONP_OK);
    onp_cores_text(&set, back);
    assert_string_equal(back, wanted);
    assert_int_equal(onp_cores_count(&set), count);
}

static void test_texts(void **state)
{
    (void)state;
    expect_text("0", "0", 1);
    expect_text("0-3,7", "0-3,7", 5);
    expect_text(" 4 - 7 , 0-1,2\n", "0-2,4-7", 7);
    expect_text("1023,5,5", "5,1023", 2);
    expect_text("63-64", "63-64", 2);
    expect_text("0-1023", "0-1023", 1024);
    static const char *const bad[] = {
        "",   ",",  "a",  "3-1", "1024", "0-1024", "1,,2",  "1 2",
        "-1", "1-", "1,", "0x1", "1;2",  "all",    "1-2-3", "99999999999999999999"};
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        onp_cores set = {{1}};
        onp_error err = {0};
        assert_int_equal(onp_cores_parse(bad[i], &set, &err), ONP_E_USAGE);
        onp_assert_contains(err.msg, "wanted numbers and ranges");
        assert_int_equal(onp_cores_count(&set), 1);
    }
}

/* Every other core of all: more ranges than the text holds. */
static void test_long_text(void **state)
{
    (void)state;
    onp_cores set = {{0}};
    char text[ONP_CORES_TEXT];
    onp_cores_text(&set, text);
    assert_string_equal(text, "");
    for (int core = 0; core < ONP_CORES_MAX; core += 2)
        onp_cores_add(&set, core);
    onp_cores_text(&set, text);
    assert_true(strlen(text) < ONP_CORES_TEXT);
    assert_string_equal(text + strlen(text) - 4, ",...");
}

static void test_sets(void **state)
{
    (void)state;
    onp_cores a, b;
    assert_int_equal(onp_cores_parse("0-3", &a, NULL), ONP_OK);
    assert_int_equal(onp_cores_parse("2-5", &b, NULL), ONP_OK);
    const onp_cores both = onp_cores_both(&a, &b);
    assert_int_equal(onp_cores_count(&both), 2);
    assert_true(onp_cores_within(&both, &a) && onp_cores_within(&both, &b));
    assert_false(onp_cores_within(&a, &b));
    assert_int_equal(onp_cores_next(&b, 0), 2);
    assert_int_equal(onp_cores_next(&b, 6), -1);
    assert_false(onp_cores_has(&b, -1) || onp_cores_has(&b, ONP_CORES_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts),
                                       cmocka_unit_test(test_long_text),
                                       cmocka_unit_test(test_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
