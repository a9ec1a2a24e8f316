/* SPDX-License-Identifier: Apache-2.0 */
/* Version, status, options of any age, and what a call leaves of the thread that made it. */
#include "tests/api/support.h"

#include <fenv.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_version_and_status(void **state)
{
    (void)state;
    char text[32];
    (void)snprintf(text, sizeof text, "%d.%d.%d", ONEPATH_VERSION_MAJOR, ONEPATH_VERSION_MINOR,
                   ONEPATH_VERSION_PATCH);
    assert_string_equal(onepath_version(), text);
    assert_string_equal(ONEPATH_VERSION, text);
    for (int i = ONEPATH_OK; i <= ONEPATH_E_INTERRUPTED; i++) {
        assert_string_equal(onepath_status_text((onepath_status)i), onp_status_text((onp_status)i));
        for (int j = 0; j < i && i != ONEPATH_E_CONFIG; j++)
            assert_string_not_equal(onepath_status_text((onepath_status)i),
                                    onepath_status_text((onepath_status)j));
    }
    assert_non_null(onepath_status_text((onepath_status)999));
}

static void refuses(const onepath_options *o, onepath_status wanted, const char *text)
{
    onepath_context *ctx = NULL;
    onepath_error err;
    assert_int_equal(onepath_context_new(o, &ctx, &err), wanted);
    assert_int_equal(err.status, wanted);
    onp_assert_contains(err.text, text);
    assert_null(ctx);
    assert_int_equal(onepath_context_new(o, &ctx, NULL), wanted); /* a text is not needed */
}

static void test_options(void **state)
{
    (void)state;
    onepath_context *ctx = NULL;
    onepath_error err;
    api_memory memory = {0};
    onepath_options o = api_options(&memory);
    o.size = 0;
    refuses(&o, ONEPATH_E_USAGE, "size is 0");
    o = api_options(&memory);
    o.release = NULL;
    refuses(&o, ONEPATH_E_USAGE, "both alloc and release");
    o = api_options(&memory);
    o.kernels = "quantum";
    refuses(&o, ONEPATH_E_USAGE, "\"quantum\"");
    o = api_options(&memory);
    o.threads = -1;
    refuses(&o, ONEPATH_E_RANGE, "-1");
    o.threads = 257;
    refuses(&o, ONEPATH_E_RANGE, "257");
    memory = (api_memory){.fail_at = 1};
    o = api_options(&memory);
    assert_int_equal(onepath_context_new(&o, &ctx, &err), ONEPATH_E_NOMEM);
    assert_int_equal(memory.n_live, 0);

    memory = (api_memory){0};
    o = api_options(&memory);
    o.kernels = "generic";
    api_ok(onepath_context_new(&o, &ctx, &err), &err);
    assert_int_equal(err.status, ONEPATH_OK);
    assert_true(memory.n_live > 0);
    onepath_context_free(ctx);
    assert_int_equal(memory.n_live, 0);
    onepath_context_free(NULL);

    o = api_options(&memory);
    o.threads = 2; /* the process has one */
    refuses(&o, ONEPATH_E_FAIL, "already started with 1");
    assert_int_equal(memory.n_live, 0);
    api_ok(onepath_context_new(&(onepath_options){0}, &ctx, &err), &err); /* all zero */
    onepath_context_free(ctx);
    api_ok(onepath_context_new(NULL, &ctx, &err), &err);
    onepath_context_free(ctx);
}

/* A program built with a header that is older or newer than the library. */
static void test_other_ages(void **state)
{
    (void)state;
    onepath_context *ctx = NULL;
    onepath_error err;
    struct {
        onepath_options now;
        int64_t later;
    } newer = {.now = {.size = sizeof newer, .threads = 1}};
    api_ok(onepath_context_new(&newer.now, &ctx, &err), &err);
    onepath_context_free(ctx);
    ctx = NULL;
    newer.later = 1;
    refuses(&newer.now, ONEPATH_E_USAGE, "does not know");
    onepath_options older = {.size = offsetof(onepath_options, kernels), .threads = 1};
    older.kernels = "not there yet";
    api_ok(onepath_context_new(&older, &ctx, &err), &err);
    onepath_context_free(ctx);
}

/* Also where numbers have a comma: files are read and written with a point. */
static void test_the_threads_own(void **state)
{
    (void)state;
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    char dir[ONP_TEST_PATH], text[16];
    onepath_context *ctx = api_context();
    onepath_model *m = NULL;
    onepath_error err;
    const char *set = NULL;
    onp_test_dir_make(dir);
    api_model_make(dir, 1);
    for (size_t i = 0; i < ONP_COUNT(commas) && set == NULL; i++)
        set = setlocale(LC_ALL, commas[i]);
    if (set == NULL)
        printf("SKIPPED: no locale with a decimal comma is installed\n");
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, set != NULL ? "0,5" : "0.5");
    assert_int_equal(fesetround(FE_UPWARD), 0);
    api_ok(onepath_model_open(ctx, dir, NULL, &m, &err), &err);
    assert_true(onepath_model_describe(m)->deviation[0] == 0.5);
    onepath_model_close(m);
    assert_int_equal(fegetround(), FE_UPWARD);
    (void)fesetround(FE_TONEAREST);
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, set != NULL ? "0,5" : "0.5");
    (void)setlocale(LC_ALL, "C");
    onepath_context_free(ctx);
    onp_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_and_status),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_other_ages),
        cmocka_unit_test(test_the_threads_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
