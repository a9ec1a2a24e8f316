/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the published tables. The wanted values were worked out from the files by hand-written
 * scripts outside of this project, for the default widths of the ImageNet MBConv space. */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "graph/block.h"
#include "latency/table/estimate_sum.h"
#include "tests/latency/table/import_support.h"

#define N_BLOCKS     21
#define N_CANDIDATES 7
#define N_FIXED      4

typedef struct space {
    char fixed[N_FIXED][ONP_BLOCK_KEY];
    char keys[N_BLOCKS][N_CANDIDATES][ONP_BLOCK_KEY]; /* 3x3e3, 3x3e6, 5x5e3 ... 7x7e6, zero */
    size_t n[N_BLOCKS];
} space;

static void add_block(space *s, size_t b, int in_hw, int in_c, int out_c, int stride)
{
    int out_hw = (in_hw + stride - 1) / stride;
    bool same = stride == 1 && in_c == out_c;
    for (int k = 3; k <= 7; k += 2) {
        for (int e = 3; e <= 6; e += 3)
            (void)snprintf(s->keys[b][s->n[b]++], ONP_BLOCK_KEY,
                           "mbconv in=%dx%dx%d out=%dx%dx%d k=%d e=%d s=%d skip=%d", in_hw, in_hw,
                           in_c, out_hw, out_hw, out_c, k, e, stride, same);
    }
    if (same)
        (void)snprintf(s->keys[b][s->n[b]++], ONP_BLOCK_KEY, "zero");
}

static void make_space(space *s)
{
    static const int widths[] = {24, 40, 80, 96, 192, 320}, blocks[] = {4, 4, 4, 4, 4, 1},
                     strides[] = {2, 2, 2, 1, 2, 1};
    static const char *const fixed[N_FIXED] = {
        "stem in=224x224x3 out=112x112x32 k=3 s=2",
        "mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0", "mix in=7x7x320 out=7x7x1280",
        "head in=7x7x1280 out=1000"};
    int hw = 112, c = 16;
    size_t b = 0;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < N_FIXED; i++)
        (void)snprintf(s->fixed[i], ONP_BLOCK_KEY, "%s", fixed[i]);
    for (size_t stage = 0; stage < 6; stage++) {
        for (int i = 0; i < blocks[stage]; i++, b++) {
            int stride = i == 0 ? strides[stage] : 1;
            add_block(s, b, hw, c, widths[stage], stride);
            hw = (hw + stride - 1) / stride;
            c = widths[stage];
        }
    }
    assert_int_equal(b, N_BLOCKS);
}

typedef enum choice { FIXED, MIN, MIN_NO_ZERO, UNIFORM, ALL_3X3E6, MAX, N_CHOICES } choice;

static size_t extreme(onp_test_table *t, int64_t platform, const space *s, size_t b, choice which)
{
    int64_t best = 0;
    size_t at = 0;
    for (size_t j = 0; j < s->n[b] && (which != MIN_NO_ZERO || j < 6); j++) {
        onp_estimate e;
        assert_int_equal(onp_store_estimate_get(t->store, platform, s->keys[b][j], &e, &t->err),
                         ONP_OK);
        if (j == 0 || (which == MAX ? e.median_ns > best : e.median_ns < best)) {
            best = e.median_ns;
            at = j;
        }
    }
    return at;
}

static double sum_ms(onp_test_table *t, int64_t platform, const space *s, choice which)
{
    onp_weighted_key terms[N_FIXED + N_BLOCKS * N_CANDIDATES];
    onp_estimate_total total = {0};
    size_t n = 0;
    for (size_t i = 0; i < N_FIXED; i++)
        terms[n++] = (onp_weighted_key){s->fixed[i], 1};
    for (size_t b = 0; b < N_BLOCKS && which != FIXED; b++) {
        for (size_t j = 0; j < s->n[b] && which == UNIFORM; j++)
            terms[n++] = (onp_weighted_key){s->keys[b][j], 1 / (double)s->n[b]};
        if (which != UNIFORM) {
            size_t j = which == ALL_3X3E6 ? 1 : extreme(t, platform, s, b, which);
            terms[n++] = (onp_weighted_key){s->keys[b][j], 1};
        }
    }
    assert_int_equal(onp_estimate_sum(t->store, platform, terms, n, NULL, NULL, &total, &t->err),
                     ONP_OK);
    return total.sum_ns / 1e6;
}

static void published_table(onp_test_table *t, const char *name, const double wanted[N_CHOICES])
{
    char path[ONP_TEST_PATH];
    space *s = malloc(sizeof *s);
    onp_import_result r = {0};
    onp_test_path(path, onp_test_shared(), name);
    make_space(s);
    if (onp_test_import(t->store, "proxylessnas", path, name, NULL, NULL, &r, &t->err) != ONP_OK)
        fail_msg("%s", t->err.msg);
    assert_int_equal(r.n_rows, 72);
    for (int which = 0; which < N_CHOICES; which++) {
        double seen = sum_ms(t, r.platform, s, (choice)which);
        if (fabs(seen - wanted[which]) > 0.00051)
            fail_msg("%s, sum %d: %.6f ms, wanted %.3f", name, which, seen, wanted[which]);
    }
    free(s);
}

static void mobile_trim(void **state)
{
    static const double wanted[N_CHOICES] = {11.364, 29.609, 76.048, 113.988, 136.466, 191.030};
    if (onp_test_shared() == NULL)
        skip();
    published_table(*state, "latency-data/han-cai-files/mobile_trim.yaml", wanted);
}

static void pixel_trim(void **state)
{
    static const double wanted[N_CHOICES] = {15.653, 32.708, 72.462, 108.951, 126.766, 180.975};
    if (onp_test_shared() == NULL)
        skip();
    published_table(*state, "latency-data/itouchz-Neural-Predictor-Tensorflow/pixel_trim.yaml",
                    wanted);
}

static void collect(void *user, const char *key)
{
    onp_strbuf_addf(user, "%s\n", key);
}

/* The released mobile network has a stage of 32 channels, which its own table does not price. */
static void a_network_outside_of_its_table(void **state)
{
    onp_test_table *t = *state;
    static const char first[] = "mbconv in=112x112x16 out=56x56x32 k=5 e=3 s=2 skip=0",
                      second[] = "mbconv in=56x56x32 out=56x56x32 k=3 e=3 s=1 skip=1",
                      third[] = "mbconv in=56x56x32 out=28x28x40 k=7 e=3 s=2 skip=0";
    static const onp_weighted_key terms[] = {
        {"stem in=224x224x3 out=112x112x32 k=3 s=2", 1},
        {"mbconv in=112x112x32 out=112x112x16 k=3 e=1 s=1 skip=0", 1},
        {first, 1},
        {second, 1},
        {"zero", 1},
        {"zero", 1},
        {third, 1},
        {"mix in=7x7x320 out=7x7x1280", 1}};
    char path[ONP_TEST_PATH];
    onp_import_result r = {0};
    onp_estimate_total total;
    onp_strbuf keys;
    if (onp_test_shared() == NULL)
        skip();
    onp_strbuf_init(&keys, &t->ctx);
    onp_test_path(path, onp_test_shared(), "latency-data/han-cai-files/mobile_trim.yaml");
    assert_int_equal(
        onp_test_import(t->store, "proxylessnas", path, "pixel1", NULL, NULL, &r, &t->err), ONP_OK);
    assert_int_equal(onp_estimate_sum(t->store, r.platform, terms, ONP_COUNT(terms), collect, &keys,
                                      &total, &t->err),
                     ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "pixel1 (import:proxylessnas): 3 missing: ");
    onp_assert_contains(t->err.msg, first);
    onp_assert_contains(t->err.msg, second);
    onp_assert_contains(t->err.msg, third);
    onp_strbuf_reset(&keys);
}

static void other_published_tables_are_refused(void **state)
{
    onp_test_table *t = *state;
    char path[ONP_TEST_PATH];
    onp_import_result r = {0};
    if (onp_test_shared() == NULL)
        skip();
    onp_test_path(path, onp_test_shared(),
                  "latency-data/han-cai-files/note10_224_lookup_table.yaml");
    assert_int_equal(
        onp_test_import(t->store, "proxylessnas", path, "note10", NULL, NULL, &r, &t->err),
        ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "96 bad rows, nothing imported");
    assert_query(t->path, "SELECT count(*) FROM device", "0");
}

static void missing_rows_are_all_listed(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 1000, .quality = ONP_QUALITY_NOISY};
    int64_t platform = 0, run = onp_test_run(t->store, "d", &platform);
    onp_weighted_key terms[] = {{ONP_TEST_KEY_A, 2}, {"zero", 1},           {ONP_TEST_KEY_B, 1},
                                {ONP_TEST_KEY_C, 1}, {ONP_TEST_KEY_B, 0.5}, {ONP_TEST_KEY_A, 0.25}};
    onp_estimate_total total = {.sum_ns = -1};
    onp_strbuf keys;
    onp_strbuf_init(&keys, &t->ctx);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(
        onp_estimate_sum(t->store, platform, terms, 6, collect, &keys, &total, &t->err),
        ONP_E_MISSING);
    assert_string_equal(keys.text, ONP_TEST_KEY_B "\n" ONP_TEST_KEY_C "\n");
    onp_assert_contains(t->err.msg, "2 missing: " ONP_TEST_KEY_B "; " ONP_TEST_KEY_C);
    onp_assert_contains(t->err.msg, "d (onepath)");
    assert_int_equal(t->err.status, ONP_E_MISSING);
    assert_true(total.sum_ns == -1);
    onp_strbuf_reset(&keys);

    terms[2].weight = terms[3].weight = terms[4].weight = 0; /* not used: need not be there */
    assert_int_equal(onp_estimate_sum(t->store, platform, terms, 6, NULL, NULL, &total, &t->err),
                     ONP_OK);
    assert_true(total.sum_ns == 2250);
    assert_int_equal(total.n_rows, 2);
    assert_int_equal(total.n_noisy, 2);
}

/* Blocks by their share, and how many of the rows are of which kind. */
static void rows_are_counted(void **state)
{
    onp_test_table *t = *state;
    onp_estimate e = {.median_ns = 1000, .quality = ONP_QUALITY_BIMODAL};
    int64_t platform = 0, run = onp_test_run(t->store, "d", &platform);
    const onp_weighted_key terms[] = {
        {ONP_TEST_KEY_A, 2}, {"zero", 1}, {ONP_TEST_KEY_B, 0.25}, {ONP_TEST_KEY_C, 0.5}};
    onp_estimate_total total;
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_stale_set(t->store, platform, "old", NULL, &t->err), ONP_OK);
    e.quality = ONP_QUALITY_OK, e.source = ONP_SOURCE_IMPORTED;
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
    e.source = ONP_SOURCE_MODELLED;
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_C, &e, &t->err), ONP_OK);
    assert_int_equal(onp_estimate_sum(t->store, platform, terms, 4, NULL, NULL, &total, &t->err),
                     ONP_OK);
    assert_true(total.sum_ns == 2750 && total.n_ops == 2.75);
    assert_int_equal(total.n_rows, 3);
    assert_int_equal(total.n_noisy, 1);
    assert_int_equal(total.n_predicted, 1);
    assert_int_equal(total.n_stale, 1);
}

static void a_long_list_is_cut_not_lost(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0;
    char key[64][ONP_BLOCK_KEY];
    onp_weighted_key terms[64];
    onp_estimate_total total;
    onp_strbuf keys;
    onp_strbuf_init(&keys, &t->ctx);
    (void)onp_test_run(t->store, "d", &platform);
    for (int i = 0; i < 64; i++) {
        (void)snprintf(key[i], ONP_BLOCK_KEY, "mix in=7x7x%d out=7x7x8", i + 1);
        terms[i] = (onp_weighted_key){key[i], 1};
    }
    assert_int_equal(
        onp_estimate_sum(t->store, platform, terms, 64, collect, &keys, &total, &t->err),
        ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "64 missing: mix in=7x7x1 out=7x7x8; mix in=7x7x2 ");
    onp_assert_contains(keys.text, "mix in=7x7x64 out=7x7x8\n");
    onp_strbuf_reset(&keys);
}

static void bad_weights(void **state)
{
    onp_test_table *t = *state;
    const double bad[] = {(double)NAN, (double)INFINITY, -1};
    onp_estimate_total total;
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        const onp_weighted_key term = {ONP_TEST_KEY_A, bad[i]};
        assert_int_equal(onp_estimate_sum(t->store, 1, &term, 1, NULL, NULL, &total, &t->err),
                         ONP_E_RANGE);
        onp_assert_contains(t->err.msg, ONP_TEST_KEY_A);
    }
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(mobile_trim),
        WITH_STORE(pixel_trim),
        WITH_STORE(a_network_outside_of_its_table),
        WITH_STORE(other_published_tables_are_refused),
        WITH_STORE(missing_rows_are_all_listed),
        WITH_STORE(rows_are_counted),
        WITH_STORE(a_long_list_is_cut_not_lost),
        WITH_STORE(bad_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
