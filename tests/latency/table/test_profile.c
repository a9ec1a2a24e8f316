/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles against a scripted runner, and one against the real agent. */
#include "latency/measure/target.h"
#include "latency/table/profile.h"
#include "tests/latency/table/fake_runner.h"
#include "tests/latency/table/table_support.h"

#define MS ((int64_t)1000000)
#define HASH                                                                                       \
    "0123456789abcdef0123456789abcdef"                                                             \
    "0123456789abcdef0123456789abcdef"
/* Keys in the order of measuring. The first two questions are the sentinel's. */
#define ORDER                                                                                      \
    "SELECT group_concat(key) FROM (SELECT substr(b.key, 8, 8) AS key FROM measurement m"          \
    " JOIN block b ON b.id = m.block_id ORDER BY m.id)"
#define COUNT(table, where) "SELECT count(*) FROM " table " WHERE " where
#define LAST_RUN(column)    "SELECT " column " FROM run ORDER BY id DESC LIMIT 1"

enum { N = 6 }; /* distinct blocks */

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static onp_block parse(const char *key)
{
    onp_block b;
    assert_int_equal(onp_block_parse(key, &b, NULL), ONP_OK);
    return b;
}

/* N mbconvs of different inputs. */
static void make_blocks(onp_block blocks[N])
{
    for (int i = 0; i < N; i++) {
        char key[ONP_BLOCK_KEY];
        (void)snprintf(key, sizeof key, "mbconv in=%dx4x8 out=%dx4x8 k=3 e=1 s=1 skip=1", i + 2,
                       i + 2);
        blocks[i] = parse(key);
    }
}

static int64_t fake_ns(const onp_block *b)
{
    return ONP_FAKE_NS((int64_t)b->in_h * b->in_w * b->in_c);
}

/* Profiles blocks with a new runner that follows script. */
static onp_status profile(onp_test_table *t, const char *script, const onp_block *blocks, int32_t n,
                          uint64_t seed, onp_profile_result *result)
{
    const onp_profile_options options = {.seed = seed, .stop = &stop};
    onp_runner *r = onp_fake_open(&t->ctx, script, 1);
    stop = 0;
    t->err = (onp_error){0};
    onp_status st = onp_profile(t->store, r, blocks, n, &options, result, &t->err);
    onp_runner_close(r);
    return st;
}

static void assert_result(const onp_profile_result *r, int n_measured, int n_noisy, int n_failed,
                          int n_known)
{
    assert_int_equal(r->n_measured, n_measured);
    assert_int_equal(r->n_noisy, n_noisy);
    assert_int_equal(r->n_failed, n_failed);
    assert_int_equal(r->n_known, n_known);
}

static void measures_each_block_once(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[2 * N + 1];
    onp_profile_result result;
    make_blocks(blocks);
    make_blocks(blocks + N);
    blocks[2 * N] = parse("zero");
    assert_int_equal(profile(t, "o", blocks, 2 * N + 1, 1, &result), ONP_OK);
    assert_result(&result, N, 0, 0, 0);
    assert_query(t->path, COUNT("measurement", "n = 9 AND inner_reps = 2 AND quality = 'ok'"), "6");
    assert_query(t->path, COUNT("measurement", "normalized_median_ns * 2 = median_ns"), "6");
    assert_query(t->path, COUNT("measurement", "clock_khz = 2000000"), "6");
    assert_query(t->path, COUNT("sample", "n = 9"), "6");
    assert_query(t->path, LAST_RUN("status"), "done");
    for (int i = 0; i < N; i++) {
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        onp_block_key(&blocks[i], key);
        assert_int_equal(onp_store_estimate_get(t->store, result.platform, key, &e, NULL), ONP_OK);
        assert_int_equal(e.median_ns, fake_ns(&blocks[i])); /* raw, not normalised */
        assert_int_equal(e.lo_ns, fake_ns(&blocks[i]) - 3);
        assert_int_equal(e.hi_ns, fake_ns(&blocks[i]) + 3);
        assert_int_equal(e.source, ONP_SOURCE_MEASURED);
        assert_int_equal(e.quality, ONP_QUALITY_OK);
        assert_int_equal(e.run, result.run);
    }
    /* a runner that dies when asked is not asked */
    const int64_t platform = result.platform;
    assert_int_equal(profile(t, "d", blocks, 2 * N + 1, 1, &result), ONP_OK);
    assert_result(&result, 0, 0, 0, N);
    assert_int_equal(result.platform, platform);
    assert_int_equal(result.run, 0);
    assert_query(t->path, COUNT("run", "1"), "1");
}

static void nothing_to_measure(void **state)
{
    onp_test_table *t = *state;
    const onp_block zeros[] = {parse("zero"), parse("zero")};
    onp_profile_result result;
    assert_int_equal(profile(t, "d", zeros, 2, 1, &result), ONP_OK);
    assert_result(&result, 0, 0, 0, 0);
    assert_int_equal(profile(t, "d", NULL, 0, 1, &result), ONP_OK);
    assert_query(t->path, COUNT("run", "1"), "0");
}

static void order_is_the_seeds(void **state)
{
    onp_block blocks[N], reversed[N];
    char first[256], other[256];
    (void)state;
    make_blocks(blocks);
    for (int i = 0; i < N; i++)
        reversed[i] = blocks[N - 1 - i];
    for (int i = 0; i < 3; i++) {
        void *fresh = NULL;
        onp_profile_result result;
        assert_int_equal(onp_test_table_setup(&fresh), 0);
        onp_test_table *t = fresh;
        assert_int_equal(profile(t, "o", i == 1 ? reversed : blocks, N, i < 2 ? 7 : 8, &result),
                         ONP_OK);
        (void)onp_test_query(t->path, ORDER, i == 0 ? first : other);
        assert_query(t->path, LAST_RUN("seed"), i < 2 ? "7" : "8");
        if (i == 1)
            assert_string_equal(first, other);
        if (i == 2)
            assert_string_not_equal(first, other);
        assert_int_equal(onp_test_table_teardown(&fresh), 0);
    }
}

static void interrupted_goes_on_in_the_same_order(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    char whole[256], parts[256];
    void *other = NULL;
    make_blocks(blocks);
    assert_int_equal(profile(t, "ooooio", blocks, N, 5, &result), ONP_E_INTERRUPTED);
    onp_assert_contains(t->err.msg, "3 of 6 graphs");
    assert_result(&result, 3, 0, 0, 0);
    assert_query(t->path, LAST_RUN("status"), "interrupted");
    assert_query(t->path, COUNT("estimate", "1"), "3");
    assert_int_equal(profile(t, "o", blocks, N, 5, &result), ONP_OK);
    assert_result(&result, 3, 0, 0, 3);
    (void)onp_test_query(t->path, ORDER, parts);

    assert_int_equal(onp_test_table_setup(&other), 0);
    assert_int_equal(profile(other, "o", blocks, N, 5, &result), ONP_OK);
    (void)onp_test_query(((onp_test_table *)other)->path, ORDER, whole);
    assert_string_equal(parts, whole);
    assert_int_equal(onp_test_table_teardown(&other), 0);
}

static void interrupted_at_the_last_block_is_done(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    make_blocks(blocks);
    assert_int_equal(profile(t, "ooi", blocks, 1, 5, &result), ONP_OK);
    assert_int_equal(stop, 1);
    assert_query(t->path, LAST_RUN("status"), "done");
}

static void refused_block_is_passed_over(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    make_blocks(blocks);
    assert_int_equal(profile(t, "oooeo", blocks, N, 1, &result), ONP_E_DEVICE);
    onp_assert_contains(t->err.msg, "1 of 6 blocks could not be measured, the first: block \"mbc");
    onp_assert_contains(t->err.msg, "scripted refusal");
    assert_result(&result, N - 1, 0, 1, 0);
    assert_query(t->path, LAST_RUN("status"), "failed");
    assert_query(t->path, COUNT("estimate", "1"), "5");
    assert_query(t->path, COUNT("measurement", "quality = 'failed' AND median_ns IS NULL"), "1");
    assert_query(t->path, COUNT("measurement", "reason LIKE '%scripted refusal%'"), "1");
    assert_int_equal(profile(t, "o", blocks, N, 1, &result), ONP_OK);
    assert_result(&result, 1, 0, 0, N - 1);
}

static void dead_runner_ends_it(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    make_blocks(blocks);
    assert_int_equal(profile(t, "ooood", blocks, N, 1, &result), ONP_E_DEVICE);
    onp_assert_contains(t->err.msg, "block \"mbconv in=");
    assert_result(&result, 2, 0, 1, 0);
    assert_query(t->path, LAST_RUN("status"), "failed");
    assert_int_equal(profile(t, "o", blocks, N, 1, &result), ONP_OK);
    assert_result(&result, N - 2, 0, 0, 2);
    assert_query(t->path, LAST_RUN("status"), "done");
}

static void noisy_blocks_are_used(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    make_blocks(blocks);
    assert_int_equal(profile(t, "n", blocks, N, 1, &result), ONP_OK);
    assert_result(&result, N, N, 0, 0);
    assert_query(t->path, COUNT("estimate", "quality = 'noisy'"), "6");
    assert_query(t->path, COUNT("measurement", "reason = 'scripted noise'"), "6");
    assert_query(t->path, LAST_RUN("status"), "done");
}

/* A block's rows come together or not at all. */
static void refused_estimate_leaves_no_measurement(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    make_blocks(blocks);
    assert_int_equal(onp_test_sql(t->path, "ALTER TABLE estimate ADD COLUMN no INTEGER"
                                           " CONSTRAINT 'not today' CHECK (block_id = 0)"),
                     SQLITE_OK);
    assert_int_equal(profile(t, "o", blocks, N, 1, &result), ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "not today");
    assert_result(&result, 0, 0, 0, 0);
    assert_query(t->path, COUNT("measurement", "1"), "0");
    assert_query(t->path, LAST_RUN("status"), "failed");
}

/* ---- options ---- */

static void run_row_tells_how(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N];
    onp_profile_result result;
    onp_runner *r = onp_fake_open(&t->ctx, "o", 0);
    make_blocks(blocks);
    onp_profile_options options = {
        .max_block_ns = 800 * MS, .batch = 4, .target = "exec:fake", .command = "onepath profile"};
    assert_int_equal(onp_profile(t->store, r, blocks, 1, &options, &result, &t->err), ONP_OK);
    assert_query(t->path, LAST_RUN("target"), "exec:fake");
    assert_query(t->path, LAST_RUN("command"), "onepath profile");
    assert_query(t->path, LAST_RUN("os"), "Linux 6.1 x86_64");
    assert_query(t->path, LAST_RUN("build"), "cc 1 kernels abc");
    assert_query(t->path, LAST_RUN("tool_version"), ONEPATH_VERSION);
    assert_query(t->path, LAST_RUN("settings ->> 'order'"), "random");
    assert_query(t->path, LAST_RUN("settings ->> 'governor'"), "performance");
    assert_query(t->path, LAST_RUN("settings ->> 'reference_khz'"), "4000000");
    assert_query(t->path, LAST_RUN("settings ->> '$.stop_rule.time_max_ns'"), "800000000");
    assert_query(t->path, LAST_RUN("settings ->> '$.stop_rule.warmup_min_ns'"), "200000000");
    assert_query(t->path, LAST_RUN("settings ->> '$.stop_rule.time_min_ns'"), "400000000");
    assert_query(t->path, LAST_RUN("settings ->> '$.stop_rule.samples_min'"), "30");
    assert_query(t->path, "SELECT batch FROM platform", "4");
    assert_query(t->path, "SELECT kernel_set FROM platform", "NULL");
    assert_query(t->path, "SELECT median_ns FROM estimate", "256000"); /* 4 x 2x4x8 */

    options = (onp_profile_options){.max_block_ns = -1, .batch = 4};
    assert_int_equal(onp_profile(t->store, r, blocks, N, &options, &result, &t->err), ONP_E_RANGE);
    onp_assert_contains(t->err.msg, "max_block_ns is -1");
    options.max_block_ns = INT64_MAX;
    assert_int_equal(onp_profile(t->store, r, blocks, N, &options, &result, &t->err), ONP_E_RANGE);
    options = (onp_profile_options){.max_block_ns = 1, .batch = 4};
    assert_int_equal(onp_profile(t->store, r, blocks, N, &options, &result, &t->err), ONP_OK);
    assert_query(t->path, LAST_RUN("settings ->> '$.stop_rule.warmup_min_ns'"), "1");
    assert_int_equal(onp_profile(t->store, r, blocks, 1, NULL, &result, &t->err), ONP_OK);
    assert_query(t->path, LAST_RUN("settings ->> '$.stop_rule.time_max_ns'"), "800000000");
    assert_int_equal(result.n_measured, 1); /* batch 1: another platform */
    onp_runner_close(r);
}

static void another_batch_is_refused(void **state)
{
    onp_test_table *t = *state;
    int64_t platform = 0;
    onp_runner *r = onp_fake_open(&t->ctx, "o", 2);
    assert_int_equal(onp_profile_platform(t->store, r, 1, ONP_PROFILE_ISOLATED, &platform, &t->err),
                     ONP_E_USAGE);
    onp_assert_contains(t->err.msg, "a batch of 2, asked for one of 1");
    assert_int_equal(
        onp_profile_platform(t->store, r, -1, ONP_PROFILE_ISOLATED, &platform, &t->err),
        ONP_E_USAGE);
    assert_int_equal(platform, 0);
    assert_int_equal(onp_profile_platform(t->store, r, 0, ONP_PROFILE_ISOLATED, &platform, &t->err),
                     ONP_OK);
    assert_query(t->path, "SELECT batch FROM platform", "2");
    onp_runner_close(r);
}

/* ---- networks ---- */

static void networks(void **state)
{
    onp_test_table *t = *state;
    const onp_block blocks[] = {parse("stem in=8x8x1 out=8x8x4 k=3 s=1"), parse("zero"),
                                parse("head in=8x8x4 out=2")};
    const onp_block apart[] = {blocks[0], parse("head in=8x8x5 out=2")};
    onp_measurement m = {0};
    onp_runner *r = onp_fake_open(&t->ctx, "onoeed", 1);
    assert_int_equal(onp_profile_network(t->store, r, blocks, 3, NULL, NULL, &m, &t->err), ONP_OK);
    assert_int_equal(m.median_ns, 320000);
    assert_int_equal(m.ci95_lo_ns, 319991);
    assert_int_equal(m.n, 9);
    assert_query(t->path, COUNT("run", "1"), "0");

    assert_int_equal(onp_profile_network(t->store, r, blocks, 3, HASH, NULL, &m, &t->err), ONP_OK);
    assert_int_equal(m.quality, ONP_QUALITY_NOISY);
    assert_null(m.reason);
    assert_null(m.samples_ns);
    assert_query(t->path, "SELECT network FROM measurement", HASH);
    assert_query(t->path, COUNT("sample", "n = 9"), "1");
    assert_query(t->path, LAST_RUN("status"), "done");
    assert_query(t->path, LAST_RUN("settings ->> 'order'"), "NULL");

    m.median_ns = 1;
    assert_int_equal(onp_profile_network(t->store, r, blocks, 3, "short", NULL, &m, &t->err),
                     ONP_E_RANGE);
    assert_query(t->path, LAST_RUN("status"), "failed");
    assert_int_equal(onp_profile_network(t->store, r, blocks, 3, HASH, NULL, &m, &t->err),
                     ONP_E_DEVICE);
    onp_assert_contains(t->err.msg, "scripted refusal");
    assert_query(t->path, COUNT("measurement", "quality = 'failed'"), "1");
    assert_int_equal(onp_profile_network(t->store, r, apart, 2, NULL, NULL, &m, &t->err),
                     ONP_E_SHAPE);
    const onp_profile_options stopped = {.stop = &stop};
    stop = 1;
    assert_int_equal(onp_profile_network(t->store, r, blocks, 3, HASH, &stopped, &m, &t->err),
                     ONP_E_INTERRUPTED);
    assert_int_equal(m.median_ns, 1);
    onp_runner_close(r);
}

/* ---- memory ---- */

static onp_status profile_two(const onp_context *ctx, void *arg)
{
    const onp_context *plain = arg;
    const onp_block blocks[] = {parse(ONP_TEST_KEY_A), parse(ONP_TEST_KEY_B)};
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_store *s = NULL;
    onp_profile_result result;
    onp_measurement m;
    onp_runner *r = NULL;
    const char *const argv[] = {"/proc/self/exe", "--fake-runner", "o", "1", "", NULL};
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "latency.db");
    onp_status st = onp_store_open(plain, path, ONP_SQL_CREATE, &s, NULL);
    if (st == ONP_OK)
        st = onp_runner_open(ctx, argv, NULL, &r, NULL);
    if (st == ONP_OK)
        st = onp_profile(s, r, blocks, 2, NULL, &result, NULL);
    if (st == ONP_OK)
        st = onp_profile_network(s, r, blocks, 2, HASH, NULL, &m, NULL);
    onp_runner_close(r);
    onp_store_close(s);
    onp_test_dir_remove(dir);
    return st;
}

static void each_allocation(void **state)
{
    onp_test_table *t = *state;
    onp_test_each_allocation(profile_two, &t->ctx);
}

/* ---- the real agent ---- */

static void real_agent(void **state)
{
    onp_test_table *t = *state;
    const char *binary = getenv("ONEPATH_BINARY");
    if (binary == NULL) {
        (void)printf("SKIPPED: ONEPATH_BINARY is not set, so the agent is not known\n");
        skip();
    }
    char agent[ONP_TEST_PATH];
    onp_test_path(agent, binary, "onepath-agent");
    const onp_block blocks[] = {parse("mbconv in=4x4x8 out=2x2x8 k=3 e=3 s=2 skip=0"),
                                parse("head in=2x2x8 out=3")};
    const onp_target local = {.kind = ONP_TARGET_LOCAL};
    const onp_profile_options options = {.max_block_ns = 20 * MS};
    onp_runner *r = NULL;
    onp_profile_result result;
    onp_measurement m = {0};
    assert_int_equal(
        onp_runner_open_target(&t->ctx, &local, &(onp_target_options){.agent = agent}, &r, &t->err),
        ONP_OK);
    assert_int_equal(onp_profile(t->store, r, blocks, 2, &options, &result, &t->err), ONP_OK);
    assert_int_equal(result.n_measured, 2);
    assert_int_equal(onp_profile(t->store, r, blocks, 2, &options, &result, &t->err), ONP_OK);
    assert_int_equal(result.n_known, 2);
    assert_int_equal(onp_profile_network(t->store, r, blocks, 2, HASH, &options, &m, &t->err),
                     ONP_OK);
    assert_true(m.min_ns > 0 && m.median_ns >= m.min_ns);
    assert_query(t->path, COUNT("estimate", "median_ns > 0 AND source = 'measured'"), "2");
    assert_query(t->path, "SELECT backend FROM platform", "onepath");
    onp_runner_close(r);
}

#define STORE_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, onp_test_table_setup, onp_test_table_teardown)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--fake-runner") == 0)
        return onp_fake_main(argv);
    (void)signal(SIGUSR1, on_signal);
    const struct CMUnitTest tests[] = {
        STORE_TEST(measures_each_block_once),
        STORE_TEST(nothing_to_measure),
        cmocka_unit_test(order_is_the_seeds),
        STORE_TEST(interrupted_goes_on_in_the_same_order),
        STORE_TEST(interrupted_at_the_last_block_is_done),
        STORE_TEST(refused_block_is_passed_over),
        STORE_TEST(dead_runner_ends_it),
        STORE_TEST(noisy_blocks_are_used),
        STORE_TEST(refused_estimate_leaves_no_measurement),
        STORE_TEST(run_row_tells_how),
        STORE_TEST(another_batch_is_refused),
        STORE_TEST(networks),
        STORE_TEST(each_allocation),
        STORE_TEST(real_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
