/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/latency/table/table_support.h"

#include "base/file.h"

#include "latency/table/samples.h"

static void platform_json_is_canonical(void **state)
{
    onp_test_table *t = *state;
    const onp_platform p = {
        .device = "a\"b", .backend = "onepath", .threads = 2, .precision = "f32"};
    static const char wanted[] =
        "{\"backend\":\"onepath\",\"device\":\"a\\\"b\",\"precision\":\"f32\",\"threads\":2}";
    char signature[ONP_SHA256_HEX], hash[ONP_SHA256_HEX];
    onp_strbuf json;
    onp_strbuf_init(&json, &t->ctx);
    assert_int_equal(onp_platform_json(&p, &json, &t->err), ONP_OK);
    char compact[256];
    size_t n = 0;
    for (const char *c = json.text; *c != '\0'; c++) {
        if (*c != ' ')
            compact[n++] = *c;
    }
    compact[n] = '\0';
    assert_string_equal(compact, wanted);
    onp_sha256(json.text, json.length, hash);
    assert_int_equal(onp_platform_signature(&t->ctx, &p, signature, &t->err), ONP_OK);
    assert_string_equal(signature, hash);
    onp_strbuf_reset(&json);
}

static void each_field_changes_the_signature(void **state)
{
    onp_test_table *t = *state;
    const onp_platform base = {.device = "d", .backend = "b"};
    onp_platform p[12];
    char seen[12][ONP_SHA256_HEX];
    for (int i = 0; i < 12; i++)
        p[i] = base;
    p[1].device = "D", p[2].backend = "B", p[3].backend_version = "1", p[4].kernel_set = "avx2";
    p[5].kernel_hash = "1", p[6].blas_core = "1", p[7].cluster = "1", p[8].precision = "1";
    p[9].cache_mode = "chain", p[10].threads = 1, p[11].batch = 1;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(onp_platform_signature(&t->ctx, &p[i], seen[i], &t->err), ONP_OK);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

static void bad_platforms(void **state)
{
    onp_test_table *t = *state;
    int64_t id = -7;
    const struct {
        onp_platform platform;
        const char *says;
    } bad[] = {{{.backend = "b"}, "device is missing"},
               {{.device = "d", .backend = ""}, "backend is missing"},
               {{.device = "d", .backend = "b", .threads = -1}, "threads is -1"},
               {{.device = "\xff", .backend = "b"}, "device is \"\\xff\", wanted plain"},
               {{.device = "a\x1b[2J", .backend = "b"}, "device is \"a\\x1b[2J\", wanted plain"}};
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        assert_int_equal(onp_store_platform_add(t->store, &bad[i].platform, &id, &t->err),
                         ONP_E_RANGE);
        onp_assert_contains(t->err.msg, bad[i].says);
        assert_int_equal(id, -7);
    }
    assert_query(t->path, "SELECT count(*) FROM device", "0");
}

static onp_status collect_platform(void *user, const onp_platform_row *row, onp_error *err)
{
    onp_strbuf *s = user;
    (void)err;
    onp_strbuf_addf(s, "%s/%s/%s/%lld/%lld;", row->platform.device, row->platform.backend,
                    row->platform.kernel_set != NULL ? row->platform.kernel_set : "-",
                    (long long)row->platform.threads, (long long)row->n_estimates);
    return ONP_OK;
}

static void platforms_are_found_or_added(void **state)
{
    onp_test_table *t = *state;
    const onp_platform one = {.device = "phone", .backend = "onepath", .threads = 1};
    onp_platform two = one, other = one;
    int64_t a = 0, b = 0, c = 0, again = 0, found = 0;
    char signature[ONP_SHA256_HEX];
    two.threads = 2, two.kernel_set = "neon";
    other.device = "board";
    assert_int_equal(onp_store_platform_add(t->store, &one, &a, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &two, &b, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &other, &c, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &one, &again, &t->err), ONP_OK);
    assert_int_equal(again, a);
    assert_true(a != b && b != c && a != c);
    assert_query(t->path, "SELECT count(*) FROM device", "2");

    assert_int_equal(onp_store_platform_find(t->store, "board", &found, &t->err), ONP_OK);
    assert_int_equal(found, c);
    assert_int_equal(onp_store_platform_find(t->store, "phone", &found, &t->err), ONP_E_USAGE);
    onp_assert_contains(t->err.msg, "several platforms match \"phone\"");
    assert_int_equal(onp_platform_signature(&t->ctx, &two, signature, &t->err), ONP_OK);
    signature[12] = '\0';
    assert_int_equal(onp_store_platform_find(t->store, "phone", &found, &t->err), ONP_E_USAGE);
    onp_assert_contains(t->err.msg, signature);
    assert_int_equal(onp_store_platform_find(t->store, signature, &found, &t->err), ONP_OK);
    assert_int_equal(found, b);
    signature[7] = '\0'; /* too short to be one */
    assert_int_equal(onp_store_platform_find(t->store, signature, &found, &t->err), ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "devices: phone, board");
    assert_int_equal(found, b);

    onp_strbuf list;
    onp_strbuf_init(&list, &t->ctx);
    assert_int_equal(onp_store_platforms(t->store, collect_platform, &list, &t->err), ONP_OK);
    assert_string_equal(list.text,
                        "phone/onepath/-/1/0;phone/onepath/neon/2/0;board/onepath/-/1/0;");
    onp_strbuf_reset(&list);
}

/* Of one device, the platform that is what is wanted, or none. */
static void platforms_are_chosen(void **state)
{
    onp_test_table *t = *state;
    const onp_platform chain = {.device = "d", .backend = "a", .threads = 1, .cache_mode = "chain"};
    onp_platform isolated = chain, two = chain, wanted = {.threads = 1, .cache_mode = "chain"};
    const onp_platform from_file = {.device = "e", .backend = "import:csv"};
    int64_t a = 0, b = 0, c = 0, d = 0, found = 0;
    isolated.cache_mode = "isolated";
    two.threads = 2;
    assert_int_equal(onp_store_platform_add(t->store, &chain, &a, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &isolated, &b, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &two, &c, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_add(t->store, &from_file, &d, &t->err), ONP_OK);
    assert_int_equal(onp_store_platform_choose(t->store, "d", &wanted, &found, &t->err), ONP_OK);
    assert_int_equal(found, a);
    wanted.threads = 0;
    assert_int_equal(onp_store_platform_choose(t->store, "d", &wanted, &found, &t->err),
                     ONP_E_USAGE);
    onp_assert_contains(t->err.msg, "(a, threads 2, chain)");
    wanted.threads = 4;
    assert_int_equal(onp_store_platform_choose(t->store, "d", &wanted, &found, &t->err),
                     ONP_E_FAIL);
    onp_assert_contains(t->err.msg, "no platform of \"d\" with threads 4, chain; there are:");
    onp_assert_contains(t->err.msg, "(a, threads 1, isolated)");
    /* nothing is known of where a file is from */
    assert_int_equal(onp_store_platform_choose(t->store, "e", &wanted, &found, &t->err), ONP_OK);
    assert_int_equal(found, d);
    assert_int_equal(onp_store_platform_choose(t->store, "f", &wanted, &found, &t->err),
                     ONP_E_MISSING);
}

static void descriptions(void **state)
{
    const onp_platform p = {.device = "d",
                            .backend = "b",
                            .backend_version = "2",
                            .kernel_set = "avx2",
                            .blas_core = "Zen",
                            .cluster = "0-3",
                            .precision = "f32",
                            .cache_mode = "chain",
                            .threads = 4,
                            .batch = 1};
    const onp_platform few = {.device = "d", .threads = 2};
    char text[256], cut[12];
    (void)state;
    onp_platform_describe(&p, text, sizeof text);
    assert_string_equal(text, "b, version 2, avx2 kernels, BLAS Zen, threads 4, cores 0-3, f32, "
                              "batch 1, chain");
    onp_platform_describe(&few, text, sizeof text);
    assert_string_equal(text, "threads 2");
    onp_platform_describe(&p, cut, sizeof cut);
    assert_string_equal(cut, "b, version ");
}

static void no_platforms(void **state)
{
    onp_test_table *t = *state;
    int64_t id = 0;
    assert_int_equal(onp_store_platform_find(t->store, "pixel1", &id, &t->err), ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "no platform of a device \"pixel1\"; devices: none");
    onp_assert_contains(t->err.msg, "latency.db");
}

static void runs(void **state)
{
    onp_test_table *t = *state;
    const onp_run_info info = {.tool_version = "1", .command = "profile", .seed = 5};
    int64_t platform = 0, unknown = 0, run = onp_test_run(t->store, "d", &platform);
    assert_query(t->path, "SELECT status || ifnull(ended_unix_ns, '-') FROM run", "running-");
    assert_int_equal(onp_store_run_end(t->store, run, ONP_RUN_INTERRUPTED, &t->err), ONP_OK);
    assert_query(t->path, "SELECT status FROM run WHERE ended_unix_ns >= started_unix_ns",
                 "interrupted");
    assert_int_equal(onp_store_run_end(t->store, run, ONP_RUN_DONE, &t->err), ONP_E_RANGE);
    assert_int_equal(onp_store_run_start(t->store, 99, &info, &unknown, &t->err), ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "FOREIGN KEY");
    assert_int_equal(unknown, 0);
}

static const int64_t samples[6] = {1200345, 1199876, 1201000, INT64_MAX, 1, 1};
static const onp_measurement good = {.n = 6,
                                     .n_rejected = 1,
                                     .inner_reps = 4,
                                     .min_ns = 1,
                                     .p05_ns = 2,
                                     .median_ns = 1200345,
                                     .mean_ns = 1200400,
                                     .trimmed_mean_ns = 1200350,
                                     .p90_ns = 1201000,
                                     .p99_ns = 1201001,
                                     .mad_ns = 400,
                                     .cv = 0.0125,
                                     .ci95_lo_ns = 1199876,
                                     .ci95_hi_ns = 1201000,
                                     .normalized_median_ns = 1180000,
                                     .clock_khz = 2600000,
                                     .quality = ONP_QUALITY_NOISY,
                                     .reason = "cv above 1 %",
                                     .samples_ns = samples,
                                     .n_samples = 6};

static void measurements_keep_every_field(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0, id = 0, run = onp_test_run(t->store, "d", &platform);
    assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_A, &good, &id, &t->err),
                     ONP_OK);
    assert_query(t->path,
                 "SELECT concat FROM (SELECT n || ' ' || n_rejected || ' ' || inner_reps || ' ' ||"
                 " min_ns || ' ' || p05_ns || ' ' || median_ns || ' ' || mean_ns || ' ' ||"
                 " trimmed_mean_ns || ' ' || p90_ns || ' ' || p99_ns || ' ' || mad_ns || ' ' || cv"
                 " || ' ' || ci95_lo_ns || ' ' || ci95_hi_ns || ' ' || normalized_median_ns || ' '"
                 " || clock_khz || ' ' || quality || ' ' || reason AS concat FROM measurement)",
                 "6 1 4 1 2 1200345 1200400 1200350 1201000 1201001 400 0.0125 1199876 1201000"
                 " 1180000 2600000 noisy cv above 1 %");
    assert_query(t->path, "SELECT key FROM measurement m JOIN block b ON b.id = m.block_id",
                 ONP_TEST_KEY_A);
    assert_query(t->path, "SELECT hex(samples) FROM sample WHERE n = 6 AND format = 'delta-varint'",
                 "B2C39201"             /* 1200345 -> zigzag 2400690 = 0x24a1b2 */
                 "A907"                 /* -469 -> 937 */
                 "C811"                 /* 1124 -> 2248 */
                 "AEB2EDFEFFFFFFFFFF01" /* 9223372036853574807 -> 18446744073707149614 */
                 "FBFFFFFFFFFFFFFFFF01" /* 1 - INT64_MAX -> 2 * INT64_MAX - 3 */ "00");
}

static void networks_and_failures(void **state)
{
    onp_test_table *t = *state;
    char hash[ONP_SHA256_HEX];
    const onp_measurement failed = {.quality = ONP_QUALITY_FAILED, .reason = "killed"};
    onp_measurement empty = failed;
    int64_t platform = 0, run = onp_test_run(t->store, "d", &platform);
    onp_sha256("x", 1, hash);
    assert_int_equal(onp_store_measure_network(t->store, run, hash, &good, NULL, &t->err), ONP_OK);
    assert_query(t->path, "SELECT network FROM measurement WHERE block_id IS NULL", hash);
    assert_int_equal(onp_store_measure_network(t->store, run, "abc", &good, NULL, &t->err),
                     ONP_E_RANGE);
    assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_A, &failed, NULL, &t->err),
                     ONP_OK);
    empty.quality = ONP_QUALITY_OK;
    assert_int_equal(onp_store_measure_block(t->store, run, ONP_TEST_KEY_B, &empty, NULL, &t->err),
                     ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "CHECK constraint");
    assert_query(t->path, "SELECT count(*) FROM block",
                 "1"); /* the key of the refused row is gone */
    assert_query(t->path, "SELECT count(*) FROM measurement", "2");
}

static void bad_keys(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 5};
    int64_t platform = 0, run = onp_test_run(t->store, "d", &platform);
    assert_int_equal(onp_store_estimate_set(t->store, run, "conv?", &e, &t->err), ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "conv?");
    assert_int_equal(onp_store_estimate_set(t->store, run, "zero", &e, &t->err), ONP_E_FORMAT);
    onp_assert_contains(t->err.msg, "by definition");
    assert_int_equal(onp_store_measure_block(t->store, run, "zero", &good, NULL, &t->err),
                     ONP_E_FORMAT);
    assert_int_equal(onp_store_estimate_set(t->store, 99, ONP_TEST_KEY_A, &e, &t->err),
                     ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "no run 99");
    assert_query(t->path, "SELECT count(*) FROM block", "0");
}

static void the_schema_refuses(void **state)
{
    onp_test_table *t = *state;
    int64_t p = 0, other = 0, run = onp_test_run(t->store, "d", &p);
    (void)onp_test_run(t->store, "e", &other);
    assert_int_equal(run, 1);
    assert_int_equal(p, 1);
    assert_int_equal(other, 2);
    assert_int_equal(onp_test_sql(t->path, "INSERT INTO block (id, key) VALUES (1, 'k')"), 0);
#define MEASURE(which, values)                                                                     \
    "INSERT INTO measurement (run_id, measured_unix_ns, n, n_rejected, median_ns, quality, " which \
    ") VALUES (1, 1, 1, 0, " values ")"
#define ESTIMATE(values)                                                                           \
    "INSERT INTO estimate (run_id, updated_unix_ns, quality, platform_id, block_id, median_ns,"    \
    " lo_ns, hi_ns, source) VALUES (1, 1, 'ok', " values ")"
    static const char hash[] = "hex(zeroblob(32))";
    char both[512];
    (void)snprintf(both, sizeof both, MEASURE("block_id, network", "5, 'ok', 1, %s"), hash);
    const char *const refused[] = {
        both,
        MEASURE("block_id, network", "5, 'ok', NULL, NULL"),
        MEASURE("block_id", "5, 'ok', 77"),
        MEASURE("block_id", "0, 'ok', 1"),
        MEASURE("block_id", "NULL, 'ok', 1"),
        MEASURE("block_id", "5, 'good', 1"),
        MEASURE("block_id", "'x', 'ok', 1"),
        ESTIMATE("1, 1, 0, NULL, NULL, 'measured'"),
        ESTIMATE("1, 1, 5, 6, 7, 'measured'"),
        ESTIMATE("1, 1, 5, 3, 4, 'measured'"),
        ESTIMATE("1, 1, 5, 5, 5, 'default'"),
        ESTIMATE("1, 9, 5, 5, 5, 'measured'"),
        ESTIMATE("2, 1, 5, 5, 5, 'measured'"), /* run 1 is of platform 1 */
        "INSERT INTO device (name) VALUES ('d')",
        "INSERT INTO platform (signature, device_id, backend) VALUES ('12', 1, 'b')",
        "UPDATE run SET status = 'done'",
    };
    for (size_t i = 0; i < ONP_COUNT(refused); i++) {
        if (onp_test_sql(t->path, refused[i]) != SQLITE_CONSTRAINT)
            fail_msg("not refused: %s", refused[i]);
    }
    assert_int_equal(onp_test_sql(t->path, ESTIMATE("1, 1, 5, 5, 5, 'measured'")), 0);
    assert_int_equal(onp_test_sql(t->path, ESTIMATE("1, 1, 6, 5, 7, 'measured'")),
                     SQLITE_CONSTRAINT); /* one row for each platform and block */
}

static onp_status collect_estimate(void *user, const char *key, const onp_estimate *e,
                                   onp_error *err)
{
    (void)err;
    onp_strbuf_addf(user, "%s=%lld,%s,%s;", key, (long long)e->median_ns,
                    onp_estimate_source_name(e->source), onp_quality_name(e->quality));
    return ONP_OK;
}

static onp_status stop_at_once(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    (void)key, (void)e;
    ++*(int *)user;
    return onp_fail(err, ONP_E_INTERRUPTED, "enough");
}

static void estimates(void **state)
{
    onp_test_table *t = *state;
    onp_estimate e = {.median_ns = 100, .lo_ns = 90, .hi_ns = 120}, seen = {.median_ns = -1};
    int64_t p = 0, other = 0, run = onp_test_run(t->store, "d", &p);
    int64_t run2 = onp_test_run(t->store, "e", &other);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_A, &seen, &t->err), ONP_OK);
    assert_int_equal(seen.median_ns, 100);
    assert_int_equal(seen.lo_ns, 90);
    assert_int_equal(seen.hi_ns, 120);
    assert_int_equal(seen.run, run);
    assert_int_equal(seen.source, ONP_SOURCE_MEASURED);

    seen.median_ns = -1;
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_B, &seen, &t->err),
                     ONP_E_MISSING);
    onp_assert_contains(t->err.msg, ONP_TEST_KEY_B);
    onp_assert_contains(t->err.msg, "d (onepath)");
    assert_int_equal(seen.median_ns, -1);
    assert_int_equal(onp_store_estimate_get(t->store, other, ONP_TEST_KEY_A, &seen, &t->err),
                     ONP_E_MISSING);
    assert_int_equal(onp_store_estimate_get(t->store, 99, ONP_TEST_KEY_A, &seen, &t->err),
                     ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "platform 99");

    assert_int_equal(onp_store_estimate_get(t->store, p, "zero", &seen, &t->err), ONP_OK);
    assert_int_equal(seen.median_ns, 0);
    assert_int_equal(seen.source, ONP_SOURCE_DEFINITION);

    e = (onp_estimate){.median_ns = 70,
                       .source = ONP_SOURCE_INTERPOLATED,
                       .quality = ONP_QUALITY_NOISY}; /* replaces, interval unknown */
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_A, &seen, &t->err), ONP_OK);
    assert_int_equal(seen.median_ns, 70);
    assert_int_equal(seen.hi_ns, 0);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_C, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run2, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);

    onp_strbuf list;
    onp_strbuf_init(&list, &t->ctx);
    assert_int_equal(onp_store_estimates(t->store, p, collect_estimate, &list, &t->err), ONP_OK);
    assert_string_equal(list.text, ONP_TEST_KEY_A "=70,interpolated,noisy;" ONP_TEST_KEY_C
                                                  "=70,interpolated,noisy;");
    onp_strbuf_reset(&list);
    int calls = 0;
    assert_int_equal(onp_store_estimates(t->store, p, stop_at_once, &calls, &t->err),
                     ONP_E_INTERRUPTED);
    assert_int_equal(calls, 1);
}

static void resuming_asks_what_is_missing(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 100};
    const char *const keys[] = {ONP_TEST_KEY_A, "zero", ONP_TEST_KEY_B, ONP_TEST_KEY_C};
    bool missing[4];
    size_t n = 0;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_missing(t->store, p, keys, 4, missing, &n, &t->err), ONP_OK);
    assert_int_equal(n, 2);
    assert_true(missing[0] && !missing[1] && !missing[2] && missing[3]);
}

static void batches_roll_back_and_nest(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 100}, bad = {.median_ns = -1};
    onp_sql_tx outer, inner;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);

    assert_int_equal(onp_store_begin(t->store, &outer, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    onp_status st = onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &bad, &t->err);
    assert_int_equal(st, ONP_E_RANGE);
    assert_int_equal(onp_store_end(t->store, &outer, st, &t->err), ONP_E_RANGE);
    assert_query(t->path, "SELECT count(*) FROM estimate", "0");
    assert_query(t->path, "SELECT count(*) FROM block", "0");

    assert_int_equal(onp_store_begin(t->store, &outer, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_begin(t->store, &inner, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_end(t->store, &inner, ONP_E_FAIL, &t->err), ONP_E_FAIL);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_C, &e, &t->err), ONP_OK);
    assert_query(t->path, "SELECT count(*) FROM estimate", "0"); /* not yet */
    assert_int_equal(onp_store_end(t->store, &outer, ONP_OK, &t->err), ONP_OK);
    assert_query(t->path, "SELECT group_concat(key, '|') FROM block",
                 ONP_TEST_KEY_A "|" ONP_TEST_KEY_C);
}

static void rows_survive_closing(void **state)
{
    onp_test_table *t = *state;
    const onp_estimate e = {.median_ns = 100};
    onp_estimate seen;
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    onp_store_close(t->store);
    t->store = NULL;
    assert_int_equal(onp_store_open(&t->ctx, t->path, ONP_SQL_EXISTING, &t->store, &t->err),
                     ONP_OK);
    assert_int_equal(onp_store_estimate_get(t->store, p, ONP_TEST_KEY_A, &seen, &t->err), ONP_OK);
    assert_query(t->path, "PRAGMA journal_mode", "wal");
    assert_query(t->path, "PRAGMA user_version", "3");
}

/* A page that is not what it was is found when the file is opened, not when it is read some day. */
static void a_damaged_page(void **state)
{
    static const onp_sql_mode modes[] = {ONP_SQL_READ, ONP_SQL_EXISTING, ONP_SQL_CREATE};
    onp_test_table *t = *state;
    char text[256], *data = NULL;
    size_t size = 0;
    int64_t p = 0;
    (void)onp_test_run(t->store, "d", &p);
    const size_t page = strtoul(
        onp_test_query(t->path, "SELECT rootpage FROM sqlite_master WHERE name = 'estimate'", text),
        NULL, 10);
    onp_store_close(t->store);
    t->store = NULL;
    assert_int_equal(onp_file_read(&t->ctx, t->path, ONP_MIB, &data, &size, NULL), ONP_OK);
    assert_true(page > 1 && size >= page * 4096);
    memset(data + (page - 1) * 4096, 0x5a, 4096);
    onp_test_write(t->path, data, size);
    onp_free(&t->ctx, data);
    for (size_t i = 0; i < ONP_COUNT(modes); i++) {
        assert_int_equal(onp_store_open(&t->ctx, t->path, modes[i], &t->store, &t->err),
                         ONP_E_FORMAT);
        onp_assert_contains(t->err.msg, "damaged or truncated database");
        assert_null(t->store);
    }
}

/* Who only reads sees one state, whatever others write meanwhile. */
static void a_reader_sees_one_state(void **state)
{
    onp_test_table *t = *state;
    onp_store *reader = NULL;
    onp_estimate e = {.median_ns = 100};
    int64_t p = 0, run = onp_test_run(t->store, "d", &p);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_open(&t->ctx, t->path, ONP_SQL_READ, &reader, &t->err), ONP_OK);
    e.median_ns = 200;
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_set(t->store, run, ONP_TEST_KEY_B, &e, &t->err), ONP_OK);
    assert_int_equal(onp_store_estimate_get(reader, p, ONP_TEST_KEY_A, &e, &t->err), ONP_OK);
    assert_int_equal(e.median_ns, 100);
    assert_int_equal(onp_store_estimate_get(reader, p, ONP_TEST_KEY_B, &e, &t->err), ONP_E_MISSING);
    onp_store_close(reader);
}

static void samples_round_trip(void **state)
{
    (void)state;
    const int64_t values[] = {0, -1, INT64_MAX, INT64_MIN, 1, 63, 64, -64, -65, 1000000};
    const size_t n = ONP_COUNT(values);
    uint8_t blob[ONP_COUNT(values) * ONP_SAMPLE_MAX_BYTES];
    int64_t back[ONP_COUNT(values)];
    onp_error err = {0};
    size_t size = onp_samples_encode(values, n, blob);
    assert_int_equal(onp_samples_decode(blob, size, back, n, &err), ONP_OK);
    assert_memory_equal(back, values, sizeof values);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(onp_samples_decode(blob, cut, back, n, &err), ONP_E_FORMAT);
    assert_int_equal(onp_samples_decode(blob, size, back, n - 1, &err), ONP_E_FORMAT);
    const uint8_t endless[11] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    assert_int_equal(onp_samples_decode(endless, 11, back, 1, &err), ONP_E_FORMAT);
    assert_int_equal(onp_samples_decode(NULL, 0, back, 0, &err), ONP_OK);
}

#define WITH_STORE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(platform_json_is_canonical),
        WITH_STORE(each_field_changes_the_signature),
        WITH_STORE(bad_platforms),
        WITH_STORE(platforms_are_found_or_added),
        WITH_STORE(platforms_are_chosen),
        cmocka_unit_test(descriptions),
        WITH_STORE(no_platforms),
        WITH_STORE(runs),
        WITH_STORE(measurements_keep_every_field),
        WITH_STORE(networks_and_failures),
        WITH_STORE(bad_keys),
        WITH_STORE(the_schema_refuses),
        WITH_STORE(estimates),
        WITH_STORE(resuming_asks_what_is_missing),
        WITH_STORE(batches_roll_back_and_nest),
        WITH_STORE(rows_survive_closing),
        WITH_STORE(a_damaged_page),
        WITH_STORE(a_reader_sees_one_state),
        cmocka_unit_test(samples_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
