/* SPDX-License-Identifier: Apache-2.0 */
/* What a table keeps beside its rows: sentinels, networks, models, validations, staleness. */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "latency/table/samples.h"
#include "latency/table/store_evidence.h"

static const char hash_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char hash_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static onp_block parse(const char *key)
{
    onp_block b;
    onp_error err = {0};
    assert_int_equal(onp_block_parse(key, &b, &err), ONP_OK);
    return b;
}

static void a_measurement_with_all_it_has(void **state)
{
    onp_test_table *t = *state;
    const int64_t samples[] = {100, 101}, clocks[] = {2000, 1999}, heat[] = {40000, -5};
    const int64_t stamps[] = {1, 2, 3, 4, 5, 6};
    onp_measurement m = {.n = 2,
                         .median_ns = 100,
                         .clock_khz = 2000,
                         .clock_min_khz = 1999,
                         .samples_ns = samples,
                         .clocks_khz = clocks,
                         .temperatures_mc = heat,
                         .n_samples = 2,
                         .stamps_ns = stamps,
                         .n_groups = 3,
                         .mode = "chain",
                         .pass = 2,
                         .seq = 31,
                         .n_paths = 9,
                         .overhead_ns = 0.25,
                         .temperature_before_mc = 40000,
                         .temperature_after_mc = 41000,
                         .cores = "4-7"};
    int64_t platform = 0, run = onp_test_run(t->store, "d", &platform);
    assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_A, &m, NULL, &t->err),
                     ONP_OK);
    assert_query(t->path,
                 "SELECT mode || ' ' || pass || ' ' || seq || ' ' || n_paths || ' ' ||"
                 " overhead_ns || ' ' || clock_min_khz || ' ' || temperature_before_mc || ' ' ||"
                 " temperature_after_mc || ' ' || cores FROM measurement",
                 "chain 2 31 9 0.25 1999 40000 41000 4-7");
    uint8_t bytes[2 * ONP_SAMPLE_MAX_BYTES];
    char hex[64] = "";
    size_t n = onp_samples_encode(heat, 2, bytes);
    for (size_t i = 0; i < n; i++)
        (void)snprintf(hex + 2 * i, 3, "%02X", bytes[i]);
    assert_query(t->path, "SELECT hex(temperatures) FROM sample", hex);
    assert_query(t->path, "SELECT n_groups || ' ' || hex(stamps) FROM sample", "3 020202020202");
    m.mode = "sometimes";
    assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_A, &m, NULL, &t->err),
                     ONP_E_RANGE);
    m = (onp_measurement){.n = 1, .median_ns = 5}; /* unknown is NULL */
    assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_B, &m, NULL, &t->err),
                     ONP_OK);
    assert_query(t->path,
                 "SELECT count(*) FROM measurement WHERE pass IS NULL AND seq IS NULL AND "
                 "cores IS NULL AND temperature_after_mc IS NULL AND mode IS NULL",
                 "1");
}

static onp_status collect_sentinel(void *user, int64_t run, const onp_sentinel *v, onp_error *err)
{
    (void)err;
    onp_strbuf_addf(user, "%lld.%lld %s %lld %lld;", (long long)run, (long long)v->seq, v->key,
                    (long long)v->median_ns, (long long)v->clock_khz);
    return ONP_OK;
}

static void sentinels(void **state)
{
    onp_test_table *t = *state;
    onp_sentinel v = {.key = "k", .seq = 1, .median_ns = 50, .clock_khz = 7};
    onp_strbuf list;
    int64_t p = 0, other = 0, run = onp_test_run(t->store, "d", &p);
    int64_t elsewhere = onp_test_run(t->store, "e", &other);
    int64_t later = onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_store_sentinel_add(t->store, later, &v, &t->err), ONP_OK);
    assert_int_equal(onp_store_sentinel_add(t->store, elsewhere, &v, &t->err), ONP_OK);
    v.seq = 21, v.clock_khz = 0;
    assert_int_equal(onp_store_sentinel_add(t->store, run, &v, &t->err), ONP_OK);
    assert_int_equal(onp_store_sentinel_add(t->store, run, &v, &t->err), ONP_E_RANGE);
    v.seq = 1, v.key = "j";
    assert_int_equal(onp_store_sentinel_add(t->store, run, &v, &t->err), ONP_OK);
    onp_strbuf_init(&list, &t->ctx);
    assert_int_equal(onp_store_sentinels(t->store, p, "k", collect_sentinel, &list, &t->err),
                     ONP_OK);
    assert_string_equal(list.text, "1.21 k 50 0;3.1 k 50 7;");
    onp_strbuf_reset(&list);
    assert_int_equal(onp_store_sentinels(t->store, p, NULL, collect_sentinel, &list, &t->err),
                     ONP_OK);
    assert_string_equal(list.text, "1.1 j 50 0;1.21 k 50 0;3.1 k 50 7;");
    onp_strbuf_reset(&list);
}

static onp_status collect_network(void *user, const onp_measured_network *v, onp_error *err)
{
    (void)err;
    onp_strbuf_addf(user, "%.4s %s %lld%s", v->hash, v->space != NULL ? v->space : "-",
                    (long long)v->median_ns, v->stamped ? " stamped" : "");
    for (int32_t i = 0; i < v->n_blocks; i++) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(&v->blocks[i], key);
        onp_strbuf_addf(user, " [%s]", key);
    }
    onp_strbuf_adds(user, ";");
    return ONP_OK;
}

static void networks(void **state)
{
    onp_test_table *t = *state;
    const onp_block blocks[] = {parse(ONP_TEST_KEY_A), parse("zero")};
    const onp_measurement m = {.n = 1, .median_ns = 9};
    const onp_measurement chain = {.n = 1, .median_ns = 8, .mode = "chain"};
    const onp_measurement failed = {.quality = ONP_QUALITY_FAILED};
    onp_strbuf list;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_store_network_add(t->store, hash_a, blocks, 2, "s", &t->err), ONP_OK);
    assert_int_equal(onp_store_network_add(t->store, hash_a, blocks, 1, "t", &t->err), ONP_OK);
    assert_int_equal(onp_store_network_add(t->store, "aa", blocks, 1, "t", &t->err), ONP_E_RANGE);
    assert_int_equal(onp_store_measure_network(t->store, run, hash_b, &m, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash_a, &m, NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash_a, &failed, NULL, &t->err),
                     ONP_OK);
    assert_int_equal(onp_store_measure_network(t->store, run, hash_b, &chain, NULL, &t->err),
                     ONP_OK);
    onp_strbuf_init(&list, &t->ctx);
    assert_int_equal(onp_store_networks(t->store, p, collect_network, &list, &t->err), ONP_OK);
    assert_string_equal(list.text,
                        "bbbb - 9;aaaa s 9 [" ONP_TEST_KEY_A "] [zero];bbbb - 8 stamped;");
    static const char *const damaged[] = {"{}", "[", "[]", "[1]", "[\"conv?\"]"};
    for (size_t i = 0; i < ONP_COUNT(damaged); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof sql, "UPDATE network SET encoding = '%s'", damaged[i]);
        assert_int_equal(onp_test_sql(t->path, sql), SQLITE_OK);
        onp_strbuf_reset(&list);
        assert_int_equal(onp_store_networks(t->store, p, collect_network, &list, &t->err),
                         ONP_E_FORMAT);
    }
    onp_strbuf_reset(&list);
}

static void models_give_rows(void **state)
{
    onp_test_table *t = *state;
    const onp_model_info info = {.kind = "physical",
                                 .trained_on = 12,
                                 .loo_mape = 0.02,
                                 .loo_within10 = 1,
                                 .coverage95 = (double)NAN};
    onp_estimate e = {.median_ns = 5, .source = ONP_SOURCE_MODELLED, .method = "physical"}, seen;
    int64_t p = 0, other = 0, model = 0, run = onp_test_run(t->store, "d", &p);
    int64_t elsewhere = onp_test_run(t->store, "e", &other);
    assert_int_equal(onp_store_model_add(t->store, p, &info, &model, &t->err), ONP_OK);
    e.model = model;
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_A, &seen, &t->err), ONP_OK);
    assert_int_equal(seen.model, model);
    assert_int_equal(seen.source, ONP_SOURCE_MODELLED);
    assert_string_equal(seen.method, "physical");
    assert_query(t->path, "SELECT ifnull(coverage95, '-') || loo_mape FROM model", "-0.02");
    /* a model is of one platform */
    assert_int_equal(onp_store_estimate_set(t->store, elsewhere, ONP_TEST_KEY_A, &e, &t->err),
                     ONP_E_RANGE);
}

static onp_status collect_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    (void)err;
    onp_strbuf_addf(user, "%lld rows, %lld noisy, %lld stale (%s): %s;",
                    (long long)row->n_estimates, (long long)row->n_noisy, (long long)row->n_stale,
                    row->stale_reason != NULL ? row->stale_reason : "-", row->sources);
    return ONP_OK;
}

static void stale_rows_count_as_missing(void **state)
{
    onp_test_table *t = *state;
    const char *const keys[] = {ONP_TEST_KEY_A, ONP_TEST_KEY_B};
    onp_estimate e = {.median_ns = 5, .quality = ONP_QUALITY_NOISY}, seen;
    bool missing[2];
    size_t n_missing = 0;
    int64_t p = 0, n = 0, run = onp_test_run(t->store, "d", &p);
    for (int i = 0; i < 2; i++)
        assert_int_equal(onp_store_estimate_set(t->store, run, keys[i], &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_stale_set(t->store, p, "too old", &n, &t->err), ONP_OK);
    assert_int_equal(n, 2);
    assert_int_equal(onp_store_stale_set(t->store, p, "sentinel", &n, &t->err), ONP_OK);
    assert_int_equal(n, 0);
    assert_int_equal(onp_store_estimate_get(t->store, p, keys[0], &seen, &t->err), ONP_OK);
    assert_string_equal(seen.stale_reason, "too old");
    e.source = ONP_SOURCE_INTERPOLATED, e.quality = ONP_QUALITY_OK;
    assert_int_equal(onp_store_estimate_set(t->store, run, keys[1], &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_missing(t->store, p, keys, 2, missing, &n_missing, &t->err), ONP_OK);
    assert_true(missing[0] && !missing[1]);
    onp_strbuf list;
    onp_strbuf_init(&list, &t->ctx);
    assert_int_equal(onp_store_platforms(t->store, collect_platform, &list, &t->err), ONP_OK);
    assert_string_equal(list.text,
                        "2 rows, 1 noisy, 1 stale (too old): 1 interpolated, 1 measured;");
    onp_strbuf_reset(&list);
    assert_int_equal(onp_store_stale_set(t->store, p, NULL, &n, &t->err), ONP_OK);
    assert_int_equal(n, 1);
    assert_int_equal(onp_store_missing(t->store, p, keys, 2, missing, &n_missing, &t->err), ONP_OK);
    assert_int_equal(n_missing, 0);
}

/* One whose kernels have changed since is another platform of the same device. */
static void a_name_finds_the_fresh_platform(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 5};
    const onp_run_info info = {.tool_version = "test"};
    const onp_platform then = {.device = "d", .backend = "onepath", .kernel_hash = "1"};
    const onp_platform now = {.device = "d", .backend = "onepath", .kernel_hash = "2"};
    int64_t a = 0, b = 0, found = 0, run = 0;
    assert_int_equal(onp_store_platform_add(t->store, &then, &a, &t->err), ONP_OK);
    assert_int_equal(onp_store_run_start(t->store, a, &info, &run, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &now, &b, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_find(t->store, "d", &found, &t->err), ONP_OK);
    assert_int_equal(found, a); /* the other has no rows */
    assert_int_equal(onp_store_run_start(t->store, b, &info, &run, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_find(t->store, "d", &found, &t->err), ONP_E_USAGE);
    assert_int_equal(onp_store_stale_set(t->store, a, "old kernels", NULL, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_find(t->store, "d", &found, &t->err), ONP_OK);
    assert_int_equal(found, b);
}

static void calibrations(void **state)
{
    onp_test_table *t = *state;
    const onp_calibration cal = {.a = 1.25,
                                 .b_ns = -3,
                                 .c_ns = 4,
                                 .residual_sd = 0.01,
                                 .half95 = 0.02,
                                 .n = 12,
                                 .mape_before = 0.2,
                                 .mape_after = 0.015,
                                 .within5 = 0.75,
                                 .within10 = 1,
                                 .spearman = 0.5};
    onp_calibration first = cal, seen;
    int64_t p = 0, other = 0, run = onp_test_run(t->store, "d", &p);
    (void)onp_test_run(t->store, "e", &other);
    first.a = 7;
    assert_int_equal(onp_store_calibration_get(t->store, p, &seen, &t->err), ONP_OK);
    assert_int_equal(seen.n, 0);
    assert_true(seen.a == 1);
    assert_int_equal(onp_store_calibration_set(t->store, p, 0, &first, &t->err), ONP_OK);
    assert_int_equal(onp_store_calibration_set(t->store, p, run, &cal, &t->err), ONP_OK);
    assert_int_equal(onp_store_calibration_set(t->store, other, run, &cal, &t->err), ONP_E_RANGE);
    assert_int_equal(onp_store_calibration_get(t->store, p, &seen, &t->err), ONP_OK);
    assert_memory_equal(&seen, &cal, sizeof cal);
    assert_int_equal(onp_store_calibration_get(t->store, other, &seen, &t->err), ONP_OK);
    assert_int_equal(seen.n, 0);
}

/* Of two spaces: each counts for networks like its own, the newest where both do. */
static void calibrations_of_sizes(void **state)
{
    onp_test_table *t = *state;
    onp_calibration large = {.a = 2, .n = 9, .lo_ns = 1e6, .hi_ns = 5e6}, small = large, seen;
    int64_t p = 0;
    (void)onp_test_run(t->store, "d", &p);
    small.a = 3;
    small.lo_ns = 1e5;
    small.hi_ns = 2e5;
    assert_int_equal(onp_store_calibration_set(t->store, p, 0, &large, &t->err), ONP_OK);
    assert_int_equal(onp_store_calibration_set(t->store, p, 0, &small, &t->err), ONP_OK);
    static const struct {
        double sum_ns, a;
        int64_t n;
    } rows[] = {{3e6, 2, 9}, {1.5e5, 3, 9}, {4e5, 3, 9}, {7e5, 2, 9}, {1e3, 1, 0}, {1e9, 1, 0}};
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        assert_int_equal(onp_store_calibration_for(t->store, p, rows[i].sum_ns, 4, &seen, &t->err),
                         ONP_OK);
        assert_true(seen.a == rows[i].a);
        assert_int_equal(seen.n, rows[i].n);
    }
    assert_int_equal(onp_store_calibration_get(t->store, p, &seen, &t->err), ONP_OK);
    assert_memory_equal(&seen, &small, sizeof seen);

    /* of one of an older version the sizes are not known: it counts while it is the newest */
    assert_int_equal(onp_test_sql(t->path, "UPDATE calibration SET lo_ns = NULL, hi_ns = NULL"),
                     SQLITE_OK);
    assert_int_equal(onp_store_calibration_for(t->store, p, 1e9, 4, &seen, &t->err), ONP_OK);
    assert_true(seen.a == 3);
    assert_int_equal(onp_store_calibration_set(t->store, p, 0, &small, &t->err), ONP_OK);
    assert_int_equal(onp_store_calibration_for(t->store, p, 1e9, 4, &seen, &t->err), ONP_OK);
    assert_int_equal(seen.n, 0);
}

static onp_status collect_validation(void *user, int64_t run, int64_t started_unix_ns,
                                     const onp_validation *v, onp_error *err)
{
    (void)err;
    assert_true(started_unix_ns > 0);
    onp_strbuf_addf(user, "%lld %.2s %d %lld %lld %lld..%lld %lld %lld;", (long long)run, v->hash,
                    v->test, (long long)v->sum_ns, (long long)v->predicted_ns, (long long)v->lo_ns,
                    (long long)v->hi_ns, (long long)v->measured_ns, (long long)v->repeated_ns);
    return ONP_OK;
}

static void validations(void **state)
{
    onp_test_table *t = *state;
    onp_validation v = {.hash = hash_a, .sum_ns = 90, .predicted_ns = 100, .measured_ns = 101};
    onp_strbuf list;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p), later = onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_store_validation_add(t->store, run, &v, &t->err), ONP_OK);
    assert_int_equal(onp_store_validation_add(t->store, later, &v, &t->err), ONP_OK);
    assert_int_equal(onp_store_validation_add(t->store, later, &v, &t->err), ONP_E_RANGE);
    v = (onp_validation){.hash = hash_b,
                         .test = true,
                         .sum_ns = 80,
                         .predicted_ns = 85,
                         .lo_ns = 80,
                         .hi_ns = 90,
                         .measured_ns = 86,
                         .repeated_ns = 87};
    assert_int_equal(onp_store_validation_add(t->store, later, &v, &t->err), ONP_OK);
    assert_int_equal(onp_store_validation_add(t->store, 99, &v, &t->err), ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "no run 99");
    onp_strbuf_init(&list, &t->ctx);
    assert_int_equal(onp_store_validations(t->store, p, collect_validation, &list, &t->err),
                     ONP_OK);
    assert_string_equal(list.text, "2 bb 1 80 85 80..90 86 87;2 aa 0 90 100 0..0 101 0;");
    onp_strbuf_reset(&list);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_measurement_with_all_it_has),
        WITH_STORE(sentinels),
        WITH_STORE(networks),
        WITH_STORE(models_give_rows),
        WITH_STORE(stale_rows_count_as_missing),
        WITH_STORE(a_name_finds_the_fresh_platform),
        WITH_STORE(calibrations),
        WITH_STORE(calibrations_of_sizes),
        WITH_STORE(validations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
