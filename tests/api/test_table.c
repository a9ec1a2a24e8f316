/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates from a table: the sum of rows, and every way in which there is none. */
#include "tests/api/support.h"

#include <stdlib.h>
#include <string.h>

#include "latency/table/store.h"
#include "supernet/arch.h"

typedef struct fixture {
    char dir[ONP_TEST_PATH], db[ONP_TEST_PATH];
    double sum_ns;
} fixture;

/* A row for each block of the model, but for the last `n_missing`. */
static void fill(fixture *f, const char *device, int32_t n_missing)
{
    onp_context ctx;
    onp_store *s = NULL;
    onp_arch *arch = NULL;
    char path[ONP_TEST_PATH];
    int64_t platform = 0;
    onp_context_init(&ctx);
    onp_test_path(path, f->dir, "arch.json");
    assert_int_equal(onp_arch_load(&ctx, path, &arch, NULL), ONP_OK);
    assert_int_equal(onp_store_open(&ctx, f->db, ONP_SQL_CREATE, &s, NULL), ONP_OK);
    const onp_platform p = {.device = device, .backend = "onepath", .threads = 1};
    const onp_run_info info = {.tool_version = "test"};
    int64_t run = 0;
    assert_int_equal(onp_store_platform_add(s, &p, &platform, NULL), ONP_OK);
    assert_int_equal(onp_store_run_start(s, platform, &info, &run, NULL), ONP_OK);
    f->sum_ns = 0;
    for (int32_t i = 0; i < arch->n_blocks - n_missing; i++) {
        char key[ONP_BLOCK_KEY];
        const onp_estimate e = {.median_ns = 1000 + i * 37};
        onp_block_key(&arch->blocks[i], key);
        assert_int_equal(onp_store_estimate_set(s, run, key, &e, NULL), ONP_OK);
    }
    for (int32_t i = 0; i < arch->n_blocks; i++) { /* one key may stand for several blocks */
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        onp_block_key(&arch->blocks[i], key);
        if (onp_store_estimate_get(s, platform, key, &e, NULL) == ONP_OK)
            f->sum_ns += (double)e.median_ns;
    }
    onp_store_close(s);
    onp_arch_free(arch);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onepath_context_free(api_context()); /* one thread, for all that follows */
    onp_test_dir_make(f->dir);
    onp_test_path(f->db, f->dir, "latency.db");
    api_model_make(f->dir, 1);
    fill(f, "half", 1);
    fill(f, "toy", 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

static onepath_status estimate(const fixture *f, api_memory *memory, onepath_estimate *out,
                               onepath_error *err)
{
    const onepath_options o = api_options(memory);
    onepath_context *ctx = NULL;
    onepath_table *t = NULL;
    onepath_status st = onepath_context_new(&o, &ctx, err);
    if (st == ONEPATH_OK)
        st = onepath_table_open(ctx, f->db, &t, err);
    if (st == ONEPATH_OK)
        st = onepath_table_estimate(t, f->dir, "toy", out, err);
    onepath_table_close(t);
    onepath_context_free(ctx);
    return st;
}

static void test_estimate(void **state)
{
    const fixture *f = *state;
    api_memory memory = {0};
    onepath_estimate e = {.size = sizeof e};
    onepath_error err;
    api_ok(estimate(f, &memory, &e, &err), &err);
    assert_true(e.latency_ns == f->sum_ns && f->sum_ns > 0);
    assert_int_equal(e.n_rows, API_BLOCKS);
    assert_int_equal(e.n_noisy, 0);
    assert_string_equal(e.platform, "toy (onepath)");
    assert_int_equal(e.size, sizeof e);

    struct {
        onepath_estimate old;
    } older = {.old = {.size = offsetof(onepath_estimate, n_noisy), .n_noisy = 77}};
    api_ok(estimate(f, &memory, &older.old, &err), &err);
    assert_true(older.old.latency_ns == f->sum_ns && older.old.n_noisy == 77);
}

static void test_each_allocation_fails(void **state)
{
    onepath_status st = ONEPATH_E_NOMEM;
    for (long n = 1; st != ONEPATH_OK; n++) {
        api_memory memory = {.fail_at = n};
        onepath_estimate e = {.size = sizeof e, .latency_ns = -1};
        onepath_error err;
        st = estimate(*state, &memory, &e, &err);
        if (st != ONEPATH_OK && st != ONEPATH_E_NOMEM)
            fail_msg("allocation %ld fails: %s", n, err.text);
        assert_true(st == ONEPATH_OK || e.latency_ns == -1);
        assert_int_equal(memory.n_live, 0);
    }
}

static void test_errors(void **state)
{
    const fixture *f = *state;
    char arch[ONP_TEST_PATH];
    onepath_context *ctx = api_context();
    onepath_table *t = NULL;
    onepath_estimate e = {.size = sizeof e, .latency_ns = -1}, unsized = {0};
    onepath_error err;
    onp_test_path(arch, f->dir, "arch.json");
    assert_int_equal(onepath_table_open(ctx, "/not/there.db", &t, &err), ONEPATH_E_FORMAT);
    onp_assert_contains(err.text, "/not/there.db");
    assert_int_equal(onepath_table_open(ctx, arch, &t, &err), ONEPATH_E_FORMAT);
    assert_null(t);
    api_ok(onepath_table_open(ctx, f->db, &t, &err), &err);
    assert_int_equal(onepath_table_estimate(t, arch, "fridge", &e, &err), ONEPATH_E_MISSING);
    onp_assert_contains(err.text, "fridge");
    assert_int_equal(onepath_table_estimate(t, arch, "half", &e, &err), ONEPATH_E_MISSING);
    onp_assert_contains(err.text, "head");
    assert_int_not_equal(onepath_table_estimate(t, "/not/there", "toy", &e, &err), ONEPATH_OK);
    onp_assert_contains(err.text, "/not/there");
    assert_int_equal(onepath_table_estimate(t, f->db, "toy", &e, &err), ONEPATH_E_FORMAT);
    assert_true(e.latency_ns == -1);
    assert_int_equal(onepath_table_estimate(t, arch, "toy", &unsized, &err), ONEPATH_E_USAGE);
    onp_assert_contains(err.text, "onepath_estimate: its size is 0");
    api_ok(onepath_table_estimate(t, arch, "toy", &e, &err), &err);
    onepath_table_close(t);
    onepath_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
