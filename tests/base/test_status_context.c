/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "tests/test_support.h"

static void status_has_text_and_exit_code(void **state)
{
    (void)state;
    assert_string_equal(onp_status_text(ONP_OK), "success");
    assert_int_equal(onp_status_exit_code(ONP_OK), 0);
    assert_int_equal(onp_status_exit_code(ONP_E_MISSING), 1);
    assert_int_equal(onp_status_exit_code(ONP_E_CONFIG), 2);
    assert_int_equal(onp_status_exit_code(ONP_E_FORMAT), 3);
    assert_int_equal(onp_status_exit_code(ONP_E_BUDGET), 4);
    assert_int_equal(onp_status_exit_code(ONP_E_OVER_BUDGET), 5);
    assert_int_equal(onp_status_exit_code(ONP_E_DEVICE), 6);
    assert_int_equal(onp_status_exit_code(ONP_E_INTERRUPTED), 130);
    assert_int_equal(onp_status_exit_code((onp_status)999), 1); /* unknown codes are failures */
    assert_non_null(onp_status_text((onp_status)999));
}

static void fail_writes_and_prefixes(void **state)
{
    (void)state;
    onp_error err = {0};
    assert_int_equal(onp_fail(&err, ONP_E_SHAPE, "x has %d channels", 3), ONP_E_SHAPE);
    assert_int_equal(onp_fail_prefix(&err, ONP_E_CONFIG, "block %d: ", 2), ONP_E_CONFIG);
    assert_int_equal(err.status, ONP_E_CONFIG);
    assert_string_equal(err.msg, "block 2: x has 3 channels");
    assert_int_equal(onp_fail(NULL, ONP_E_IO, "unseen"), ONP_E_IO);
    assert_int_equal(onp_fail_prefix(NULL, ONP_E_IO, "unseen"), ONP_E_IO);
}

static void fail_cuts_long_text(void **state)
{
    (void)state;
    onp_error err = {0};
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)onp_fail(&err, ONP_E_FAIL, "%s", longer);
    assert_int_equal(strlen(err.msg), 511);
    (void)onp_fail_prefix(&err, ONP_E_FAIL, "ab: ");
    assert_int_equal(strlen(err.msg), 511);
    assert_memory_equal(err.msg, "ab: xx", 6);
    (void)onp_fail_prefix(&err, ONP_E_FAIL, "%s", longer);
    assert_int_equal(strlen(err.msg), 511);
}

static void text_is_plain_without_controls(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "", " ~", "\xc3\xbc", "\xc2\xa0", "\xe2\x82\xac", "\xf0\x9f\x90\x88", "\xf4\x8f\xbf\xbf"};
    static const char *const not_plain[] = {"a\n",
                                            "\x1b[2J",
                                            "\x7f",
                                            "\xc2\x9b\x1b",
                                            "\x9b",
                                            "a\xff",
                                            "\xc3",
                                            "\xe2\x82",
                                            "\xc0\xaf",
                                            "\xe0\x80\xaf",
                                            "\xed\xa0\x80",
                                            "\xf4\x90\x80\x80",
                                            "\xf8\x88\x80\x80\x80"};
    char shown[64];
    for (size_t i = 0; i < ONP_COUNT(plain); i++) {
        assert_true(onp_text_is_plain(plain[i]));
        onp_text_make_plain(plain[i], shown, sizeof shown);
        assert_string_equal(shown, plain[i]);
    }
    for (size_t i = 0; i < ONP_COUNT(not_plain); i++) {
        assert_false(onp_text_is_plain(not_plain[i]));
        onp_text_make_plain(not_plain[i], shown, sizeof shown);
        assert_true(onp_text_is_plain(shown));
    }
    onp_text_make_plain("a\x1b[2J\tb\xc2\x9b\xc3\xbc\n", shown, sizeof shown);
    assert_string_equal(shown, "a\\x1b[2J\\tb\\xc2\\x9b\xc3\xbc\\n");
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    char shown[8];
    onp_text_make_plain("abcdef\xc3\xbc", shown, sizeof shown);
    assert_string_equal(shown, "abcdef");
    onp_text_make_plain("abcde\x01", shown, sizeof shown);
    assert_string_equal(shown, "abcde");
    onp_text_make_plain("abc", shown, 1);
    assert_string_equal(shown, "");
}

static void messages_are_plain(void **state)
{
    (void)state;
    onp_error err = {0};
    (void)onp_fail(&err, ONP_E_FORMAT, "%s: bad", "a\x1b[2J\nb");
    assert_string_equal(err.msg, "a\\x1b[2J\\nb: bad");
    (void)onp_fail_prefix(&err, ONP_E_FORMAT, "%s: ", "\r");
    assert_string_equal(err.msg, "\\r: a\\x1b[2J\\nb: bad");
}

static void alloc_is_zeroed_and_aligned(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    for (size_t n = 0; n < 200; n += 7) {
        unsigned char *p = onp_alloc(&ctx, n, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % ONP_ALIGN, 0);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(p[i], 0);
        onp_free(&ctx, p);
    }
    onp_free(&ctx, NULL);
}

static void alloc_refuses_overflow(void **state)
{
    (void)state;
    onp_test_memory m;
    onp_test_memory_init(&m, 0);
    size_t product = 7;
    assert_false(onp_mul_size(SIZE_MAX / 2 + 1, 2, &product));
    assert_int_equal(product, 7);
    assert_true(onp_mul_size(SIZE_MAX / 2, 2, &product));
    assert_int_equal(product, SIZE_MAX - 1);
    assert_null(onp_alloc(&m.ctx, SIZE_MAX / 2 + 1, 2));
    assert_int_equal(m.n_allocs, 0); /* refused before the allocator is asked */
    onp_context ctx;
    onp_context_init(&ctx);
    assert_null(onp_alloc(&ctx, SIZE_MAX - 3, 1)); /* rounding up to the alignment overflows */
}

static void grow_keeps_old_and_zeroes_new(void **state)
{
    (void)state;
    onp_test_memory m;
    onp_test_memory_init(&m, 3);
    int *a = NULL;
    size_t cap = 0;
    onp_error err = {0};
    assert_int_equal(onp_grow(&m.ctx, (void **)&a, &cap, 1, sizeof *a, &err), ONP_OK);
    assert_true(cap >= 1);
    for (size_t i = 0; i < cap; i++)
        a[i] = (int)i + 1;
    size_t old = cap;
    assert_int_equal(onp_grow(&m.ctx, (void **)&a, &cap, old, sizeof *a, &err), ONP_OK);
    assert_int_equal(m.n_allocs, 1); /* there was room */
    assert_int_equal(onp_grow(&m.ctx, (void **)&a, &cap, old + 1, sizeof *a, &err), ONP_OK);
    assert_true(cap >= 2 * old);
    for (size_t i = 0; i < cap; i++)
        assert_int_equal(a[i], i < old ? (int)i + 1 : 0);
    int *before = a;
    size_t cap_before = cap;
    assert_int_equal(onp_grow(&m.ctx, (void **)&a, &cap, cap + 1, sizeof *a, &err), ONP_E_NOMEM);
    assert_ptr_equal(a, before);
    assert_int_equal(cap, cap_before);
    onp_assert_contains(err.msg, "out of memory");
    onp_free(&m.ctx, a);
    assert_int_equal(m.n_live, 0);
}

static void keep_line(void *user, onp_log_level level, const char *line)
{
    (void)snprintf(user, 64, "%d %s", (int)level, line);
}

static void log_goes_to_the_callback(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_log(&ctx, ONP_LOG_WARN, "silent");
    char seen[64] = "";
    ctx.log = keep_line;
    ctx.log_user = seen;
    onp_log(&ctx, ONP_LOG_WARN, "row %d", 5);
    assert_string_equal(seen, "2 row 5");
}

static void strbuf_collects(void **state)
{
    (void)state;
    onp_test_memory m;
    onp_test_memory_init(&m, 0);
    onp_strbuf s;
    onp_strbuf_init(&s, &m.ctx);
    assert_string_equal(s.text, "");
    onp_strbuf_adds(&s, "");
    onp_strbuf_addf(&s, "%s", "");
    assert_int_equal(m.n_allocs, 0);
    for (int i = 0; i < 1000; i++)
        onp_strbuf_addf(&s, "%03d,", i);
    onp_strbuf_add(&s, "a\0b", 3);
    assert_int_equal(onp_strbuf_status(&s, NULL), ONP_OK);
    assert_int_equal(s.length, 4003);
    assert_memory_equal(s.text + 4 * 517, "517,", 4);
    assert_memory_equal(s.text + 4000, "a\0b\0", 4);
    onp_strbuf_reset(&s);
    assert_int_equal(m.n_live, 0);
    assert_string_equal(s.text, "");
    onp_strbuf_adds(&s, "again");
    assert_string_equal(s.text, "again");
    onp_strbuf_reset(&s);
    assert_int_equal(m.n_live, 0);
}

static onp_status build_text(const onp_context *ctx, void *arg)
{
    (void)arg;
    onp_strbuf s;
    onp_strbuf_init(&s, ctx);
    for (int i = 0; i < 100; i++)
        onp_strbuf_addf(&s, "line %d\n", i);
    onp_status st = onp_strbuf_status(&s, NULL);
    onp_strbuf_reset(&s);
    return st;
}

static void strbuf_failure_sticks(void **state)
{
    (void)state;
    onp_test_each_allocation(build_text, NULL);
}

static onp_status copy_string(const onp_context *ctx, void *arg)
{
    char *s = onp_strdup(ctx, arg);
    if (s == NULL)
        return ONP_E_NOMEM;
    assert_string_equal(s, arg);
    onp_free(ctx, s);
    return ONP_OK;
}

static void strdup_copies(void **state)
{
    (void)state;
    char text[] = "text";
    onp_test_each_allocation(copy_string, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_has_text_and_exit_code),
        cmocka_unit_test(fail_writes_and_prefixes),
        cmocka_unit_test(fail_cuts_long_text),
        cmocka_unit_test(text_is_plain_without_controls),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(messages_are_plain),
        cmocka_unit_test(alloc_is_zeroed_and_aligned),
        cmocka_unit_test(alloc_refuses_overflow),
        cmocka_unit_test(grow_keeps_old_and_zeroes_new),
        cmocka_unit_test(log_goes_to_the_callback),
        cmocka_unit_test(strbuf_collects),
        cmocka_unit_test(strbuf_failure_sticks),
        cmocka_unit_test(strdup_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
