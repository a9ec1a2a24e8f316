/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of blocks in networks, by stamps and by differences, against a scripted runner whose
 * times obey a known law: what is resumed, what was busy, what is checked again. */
#include "latency/table/profile_check.h"
#include "tests/latency/table/fake_runner.h"
#include "tests/latency/table/table_support.h"

#include <math.h>

#define COUNT(table, where) "SELECT count(*) FROM " table " WHERE " where
#define LAST_RUN(column)    "SELECT " column " FROM run ORDER BY id DESC LIMIT 1"

/* Two positions with three candidates each: nine networks, in which each candidate stands in three.
 * Two questions go to the sentinel before the first path, one after every sixth. */
enum { N_BLOCKS = 8, N_PATHS = 9, PASSES = 2, GRAPHS = N_PATHS * PASSES, SCRIPT = 128 };
#define SENTINEL(i) (1 + 7 * (i))
#define PATH(i)     (2 + (i) + (i) / 6)

typedef struct fixture {
    onp_test_table *t;
    onp_block blocks[N_BLOCKS];
    onp_block_paths paths;
    onp_profile_options options;
    onp_profile_result result;
    onp_error err;
} fixture;

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

static void make_blocks(fixture *f)
{
    static const char *const keys[N_BLOCKS] = {
        "stem in=8x8x1 out=8x8x4 k=3 s=1",
        "mbconv in=8x8x4 out=8x8x4 k=3 e=1 s=1 skip=1",
        "mbconv in=8x8x4 out=8x8x4 k=5 e=1 s=1 skip=1",
        "mbconv in=8x8x4 out=8x8x4 k=7 e=1 s=1 skip=1",
        "mbconv in=8x8x4 out=4x4x8 k=3 e=3 s=2 skip=0",
        "mbconv in=8x8x4 out=4x4x8 k=5 e=3 s=2 skip=0",
        "mbconv in=8x8x4 out=4x4x8 k=7 e=3 s=2 skip=0",
        "head in=4x4x8 out=2",
    };
    for (int i = 0; i < N_BLOCKS; i++)
        f->blocks[i] = parse(keys[i]);
    assert_int_equal(onp_block_paths_init(&f->t->ctx, N_PATHS, 4, &f->paths, NULL), ONP_OK);
    for (int i = 0; i < N_PATHS; i++) {
        const onp_block path[] = {f->blocks[0], f->blocks[1 + i % 3], f->blocks[4 + i / 3],
                                  f->blocks[7]};
        onp_block_paths_add(&f->paths, path, 4);
    }
}

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    void *t = NULL;
    assert_int_equal(onp_test_table_setup(&t), 0);
    f.t = t;
    make_blocks(&f);
    f.options = (onp_profile_options){
        .paths = &f.paths, .space = "nine", .passes = PASSES, .seed = 3, .stop = &stop};
    stop = 0;
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    onp_block_paths_reset(&f->t->ctx, &f->paths);
    return onp_test_table_teardown((void **)&f->t);
}

static int64_t fake_ns(const onp_block *b)
{
    return ONP_FAKE_NS((int64_t)b->in_h * b->in_w * b->in_c);
}

static onp_runner *open_runner(const fixture *f, const char *script, bool stamps)
{
    return stamps ? onp_fake_open_stamping(&f->t->ctx, script)
                  : onp_fake_open(&f->t->ctx, script, 1);
}

static onp_status profile(fixture *f, const char *script, bool stamps)
{
    onp_runner *r = open_runner(f, script, stamps);
    stop = 0;
    f->err = (onp_error){0};
    onp_status st =
        onp_profile(f->t->store, r, f->blocks, N_BLOCKS, &f->options, &f->result, &f->err);
    onp_runner_close(r);
    return st;
}

/* n letters o, the one at `at` (from 0) replaced. */
static const char *script_with(char script[SCRIPT], int n, int at, char letter)
{
    memset(script, 'o', (size_t)n);
    script[n] = '\0';
    script[at] = letter;
    return script;
}

/* The letters of a script from `first` to `last`. */
static void replace(char *script, int first, int last, char letter)
{
    memset(script + first, letter, (size_t)(last - first) + 1);
}

/* Every row is `times` what the law says, its interval within `slack`. */
static void assert_rows(const fixture *f, double times, double slack)
{
    for (int i = 0; i < N_BLOCKS; i++) {
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        const double ns = times * (double)fake_ns(&f->blocks[i]);
        onp_block_key(&f->blocks[i], key);
        assert_int_equal(onp_store_estimate_get(f->t->store, f->result.platform, key, &e, NULL),
                         ONP_OK);
        assert_true(fabs((double)e.median_ns - ns) <= 1e-9 * ns + slack);
        assert_true(e.lo_ns <= e.median_ns && e.median_ns <= e.hi_ns);
        assert_true((double)(e.hi_ns - e.lo_ns) <= 2.0 * slack);
        assert_int_equal(e.source, ONP_SOURCE_MEASURED);
    }
}

static void assert_measured_once(const fixture *f)
{
    assert_query(f->t->path,
                 "SELECT count(*) || ' ' || count(DISTINCT pass || network) FROM measurement"
                 " WHERE network IS NOT NULL AND quality <> 'failed'",
                 "18 18");
}

/* ---- chain ---- */

static void rows_are_the_laws(void **state)
{
    fixture *f = *state;
    const char *path = f->t->path;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.mode, ONP_PROFILE_CHAIN);
    assert_int_equal(f->result.n_measured, N_BLOCKS);
    assert_int_equal(f->result.n_noisy, 0);
    assert_int_equal(f->result.n_graphs, GRAPHS);
    assert_rows(f, 1.0, 0.0);
    assert_measured_once(f);
    assert_query(path, "SELECT cache_mode FROM platform", "chain");
    assert_query(path, COUNT("network", "space = 'nine'"), "9");
    assert_query(path, COUNT("sample", "n_groups = 4 AND stamps IS NOT NULL"), "18");
    assert_query(path,
                 "SELECT group_concat(n_paths) FROM (SELECT m.n_paths FROM measurement m"
                 " JOIN block b ON b.id = m.block_id ORDER BY b.key)",
                 "9,3,3,3,3,3,3,9");
    assert_query(path, "SELECT min(method) || ' ' || max(method) FROM estimate",
                 "chain, 3 paths chain, 9 paths");
    assert_query(path,
                 COUNT("measurement", "block_id IS NOT NULL AND n = 2 * n_paths AND"
                                      " normalized_median_ns * 2 = median_ns"),
                 "8");
    assert_query(path, "SELECT group_concat(seq) FROM sentinel", "1,8,15,22");
    const onp_profile_trust *trust = &f->result.trust;
    assert_int_equal(trust->n_sentinels, 4);
    assert_int_equal(trust->n_again, 0);
    assert_int_equal(trust->n_networks, N_PATHS);
    assert_true(trust->between_passes == 0.0 && trust->between_passes_normalised == 0.0);
    assert_true(trust->quiet == 1.0 && trust->drift == 0.0 && trust->networks_mape == 0.0);
    assert_int_equal(profile(f, "d", true), ONP_OK); /* not asked */
    assert_int_equal(f->result.n_known, N_BLOCKS);
}

/* The two passes go through the paths in different orders, which are the seed's. */
static void order_is_the_seeds(void **state)
{
    fixture *f = *state;
    static const char orders[] =
        "SELECT group_concat(network) FROM (SELECT network FROM measurement WHERE pass = %d AND"
        " run_id = (SELECT max(id) FROM run) ORDER BY seq)";
    char sql[256], text[3][256];
    assert_int_equal(profile(f, "o", true), ONP_OK);
    for (int pass = 1; pass <= 2; pass++) {
        (void)snprintf(sql, sizeof sql, orders, pass);
        (void)onp_test_query(f->t->path, sql, text[pass - 1]);
    }
    assert_string_not_equal(text[0], text[1]);
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate"), SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_OK); /* nothing is taken over from a run that is
                                                        done */
    assert_int_equal(f->result.n_graphs, GRAPHS);
    (void)onp_test_query(f->t->path, sql, text[2]);
    assert_string_equal(text[1], text[2]);
}

static void a_dead_runner_leaves_what_it_measured(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    assert_int_equal(profile(f, script_with(script, PATH(7) + 1, PATH(7), 'd'), true),
                     ONP_E_DEVICE);
    onp_assert_contains(f->err.msg, "path \"");
    assert_int_equal(f->result.n_graphs, 8);
    assert_query(f->t->path, LAST_RUN("status"), "failed");
    assert_query(f->t->path, COUNT("estimate", "1"), "8"); /* of the part that there is */
    assert_query(f->t->path, COUNT("estimate", "quality = 'ok'"), "2");
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_resumed, 7);
    assert_int_equal(f->result.n_graphs, GRAPHS - 7);
    assert_int_equal(f->result.n_measured, N_BLOCKS);
    assert_rows(f, 1.0, 0.0);
    assert_measured_once(f);
    assert_query(f->t->path, COUNT("estimate", "quality = 'ok'"), "8");
}

/* A kill leaves a run that never ended, and no estimates. */
static void killed_goes_on(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    script_with(script, PATH(10) + 1, PATH(10), 'i');
    assert_int_equal(profile(f, script, true), ONP_E_INTERRUPTED);
    onp_assert_contains(f->err.msg, "11 of 18 graphs");
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate;"
                                              "DELETE FROM measurement WHERE pass IS NULL;"
                                              "UPDATE run SET status = 'running',"
                                              " ended_unix_ns = NULL"),
                     SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_resumed, 11);
    assert_rows(f, 1.0, 0.0);
    assert_measured_once(f);
    assert_query(f->t->path, "SELECT group_concat(status) FROM run", "running,done");
}

/* All was measured, and the end was missing. */
static void killed_before_its_rows(void **state)
{
    fixture *f = *state;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate;"
                                              "UPDATE run SET status = 'running',"
                                              " ended_unix_ns = NULL"),
                     SQLITE_OK);
    assert_int_equal(profile(f, "d", true), ONP_OK);
    assert_int_equal(f->result.n_graphs, 0);
    assert_int_equal(f->result.n_resumed, GRAPHS);
    assert_rows(f, 1.0, 0.0);
}

/* Samples that were pruned are measured again. */
static void resumes_without_samples(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    assert_int_equal(profile(f, script_with(script, 13, 12, 'i'), true), ONP_E_INTERRUPTED);
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM sample; DELETE FROM estimate"),
                     SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_graphs, GRAPHS);
    assert_rows(f, 1.0, 0.0);
}

static void damaged_samples_are_an_error(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    assert_int_equal(profile(f, script_with(script, 13, 12, 'i'), true), ONP_E_INTERRUPTED);
    assert_int_equal(onp_test_sql(f->t->path, "UPDATE sample SET stamps = x'8080'"), SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "latency.db");
    assert_int_equal(onp_test_sql(f->t->path, "UPDATE sample SET n_groups = 1 << 40"), SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "wanted at most 1000000 in all");
}

static void settings_that_are_no_json(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    assert_int_equal(profile(f, script_with(script, 13, 12, 'i'), true), ONP_E_INTERRUPTED);
    assert_int_equal(onp_test_sql(f->t->path, "UPDATE run SET settings = '{'"), SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_resumed, 0);
}

/* ---- a busy device ---- */

/* The first six paths took twice as long, and so did the sentinel after them. Their load is known
 * by the other paths: rows of enough values come out without it. */
static void load_is_taken_out(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    f->options.passes = 4;
    script_with(script, SENTINEL(6) + 1, 0, 'o');
    replace(script, PATH(0), SENTINEL(1), 'S');
    assert_int_equal(profile(f, script, true), ONP_OK);
    const onp_profile_trust *trust = &f->result.trust;
    assert_int_equal(trust->n_pauses, 0);
    assert_int_equal(trust->n_again, 0);
    assert_int_equal(trust->n_sentinels, 7);
    assert_true(fabs(trust->quiet - 2.0 / 3.0) < 1e-9); /* two of six times between sentinels */
    assert_true(trust->drift == 0.0);
    assert_int_equal(f->result.n_graphs, 2 * GRAPHS);
    assert_rows(f, 1.0, 1.0);
}

/* Every block has a slope of its own. */
static void load_hits_blocks_differently(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    f->options.passes = 4;
    script_with(script, SENTINEL(6) + 1, 0, 'o');
    replace(script, PATH(0), PATH(4), 'h');
    replace(script, PATH(20), PATH(23), 'h');
    assert_int_equal(profile(f, script, true), ONP_OK);
    assert_int_equal(f->result.n_noisy, 0);
    assert_rows(f, 1.0, 1.0);
}

/* All between busy sentinels: rows are noisy. */
static void a_busy_device_is_noisy(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    script_with(script, SENTINEL(3) + 1, SENTINEL(1), 'S');
    script[SENTINEL(2)] = script[SENTINEL(3)] = 'S';
    assert_int_equal(profile(f, script, true), ONP_OK);
    assert_true(f->result.trust.quiet == 0.0 && f->result.trust.drift == 1.0);
    assert_int_equal(f->result.n_noisy, N_BLOCKS);
    assert_query(f->t->path,
                 COUNT("measurement", "reason = 'a busy device: the sentinel 100.0 % above its"
                                      " quiet level'"),
                 "8");
    assert_rows(f, 1.0, 0.0);
}

/* What an earlier run stored in quiet stays quiet; what no sentinel came after does not. */
static void goes_on_while_busy(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    script_with(script, PATH(10) + 1, PATH(10), 'i');
    assert_int_equal(profile(f, script, true), ONP_E_INTERRUPTED);
    assert_int_equal(profile(f, "S", true), ONP_OK);
    assert_int_equal(f->result.n_resumed, 11);
    assert_int_equal(f->result.n_graphs, GRAPHS - 11);
    assert_true(fabs(f->result.trust.quiet - 6.0 / GRAPHS) < 1e-9);
    assert_true(f->result.n_noisy >= N_BLOCKS - 2); /* but those that stand in every path */
}

/* Blocks alone do not tell their load: the device is waited for, and they are measured again. */
static void blocks_wait(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    f->options.mode = ONP_PROFILE_ISOLATED;
    f->options.pause_ns = 1000;
    f->options.passes = 1;
    script_with(script, SENTINEL(2) + 6, 0, 'o');
    replace(script, PATH(0), SENTINEL(1) + 1, 'S');
    assert_int_equal(profile(f, script, true), ONP_OK);
    const onp_profile_trust *trust = &f->result.trust;
    assert_int_equal(trust->n_pauses, 1);
    assert_int_equal(trust->n_again, 6);
    assert_true(trust->quiet == 1.0 && trust->drift == 0.0);
    assert_int_equal(f->result.n_graphs, N_BLOCKS + 6);
    assert_int_equal(f->result.n_noisy, 0);
    assert_rows(f, 1.0, 4.0);
    assert_query(f->t->path,
                 COUNT("measurement",
                       "quality = 'failed' AND reason = 'measured again: the device was busy'"),
                 "6");
}

/* Waits end, and what is measured then is noisy. */
static void waits_end(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    f->options.mode = ONP_PROFILE_ISOLATED;
    f->options.pause_ns = 1000;
    script_with(script, SENTINEL(1) + 1, SENTINEL(1), 'S');
    assert_int_equal(profile(f, script, true), ONP_OK);
    assert_int_equal(f->result.trust.n_pauses, 1);
    assert_true(f->result.trust.drift == 1.0);
    assert_true(f->result.n_noisy > 0);
}

/* At another clock, times are other times; rows and sentinels are scaled. */
static void clocks_are_evened_out(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    script_with(script, SENTINEL(3) + 1, 4, 't');
    script[SENTINEL(1)] = script[PATH(6)] = script[PATH(14)] = script[SENTINEL(3)] = 't';
    assert_int_equal(profile(f, script, true), ONP_OK);
    assert_int_equal(f->result.trust.n_pauses, 0);
    assert_true(f->result.trust.between_passes_normalised == 0.0);
    assert_rows(f, 1.0, 0.0);
}

/* ---- a warm device ---- */

/* Too warm at the second sentinel: two more are measured, until it has cooled down. */
static void a_warm_device_is_waited_for(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    f->options.max_temperature_mc = 60000;
    f->options.pause_ns = 1000;
    script_with(script, SENTINEL(3) + 3, 0, 'o');
    replace(script, SENTINEL(1), SENTINEL(1) + 1, 'w');
    script[SENTINEL(1) + 2] = 'c';
    assert_int_equal(profile(f, script, true), ONP_OK);
    assert_int_equal(f->result.trust.n_sentinels, 4 + 2);
    assert_int_equal(f->result.n_graphs, GRAPHS);
    assert_int_equal(f->result.n_noisy, 0);
    assert_rows(f, 1.0, 0.0);
}

/* One that stays warm is measured all the same. */
static void a_device_that_stays_warm(void **state)
{
    fixture *f = *state;
    f->options.max_temperature_mc = 60000;
    f->options.pause_ns = 1000;
    assert_int_equal(profile(f, "w", true), ONP_OK);
    assert_int_equal(f->result.trust.n_sentinels, 4 + 3 * 60); /* none behind the last */
    assert_rows(f, 1.0, 0.0);
}

/* ---- what cannot be measured ---- */

static void a_refused_path(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    assert_int_equal(profile(f, script_with(script, 30, 5, 'e'), true), ONP_OK);
    assert_int_equal(f->result.n_failed, 0);
    assert_int_equal(f->result.n_noisy, 2);
    assert_query(f->t->path, COUNT("measurement", "reason = 'stood in only 5 graphs'"), "2");
    assert_query(f->t->path, COUNT("measurement", "reason LIKE '%scripted refusal%'"), "1");
    assert_rows(f, 1.0, 0.0);
}

static void all_paths_refused(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    script_with(script, SENTINEL(3) + 1, 0, 'o');
    for (int i = 0; i < GRAPHS; i++)
        script[PATH(i)] = 'e';
    assert_int_equal(profile(f, script, true), ONP_E_DEVICE);
    onp_assert_contains(f->err.msg, "scripted refusal");
    assert_int_equal(f->result.n_measured, 0);
    assert_int_equal(f->result.n_failed, N_BLOCKS);
    assert_query(f->t->path, COUNT("estimate", "1"), "0");
}

static void modes_that_cannot_be(void **state)
{
    fixture *f = *state;
    f->options.mode = ONP_PROFILE_CHAIN;
    assert_int_equal(profile(f, "o", false), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, "cannot stamp");
    f->options.paths = NULL;
    assert_int_equal(profile(f, "o", true), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, "mode chain: needs networks");
    f->options.mode = ONP_PROFILE_AUTO;
    f->options.paths = &f->paths;
    f->blocks[0] = parse("stem in=9x9x1 out=9x9x4 k=3 s=1");
    assert_int_equal(profile(f, "o", true), ONP_E_USAGE);
    onp_assert_contains(f->err.msg, "block \"stem in=9x9x1 out=9x9x4 k=3 s=1\" stands in no path");
    f->options.passes = 101;
    assert_int_equal(profile(f, "o", true), ONP_E_RANGE);
    f->options.passes = 0;
    f->options.budget_ns = -1;
    assert_int_equal(profile(f, "o", true), ONP_E_RANGE);
}

/* ---- little time, few blocks missing ---- */

static void one_missing_block(void **state)
{
    fixture *f = *state;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(onp_test_sql(f->t->path,
                                  "DELETE FROM estimate WHERE block_id = (SELECT id FROM block"
                                  " WHERE key LIKE 'mbconv in=8x8x4 out=8x8x4 k=5%')"),
                     SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_known, N_BLOCKS - 1);
    assert_int_equal(f->result.n_measured, 1);
    assert_int_equal(f->result.n_graphs, 3 * PASSES); /* the paths that it stands in */
    assert_rows(f, 1.0, 0.0);
}

static void little_time_takes_fewer_paths(void **state)
{
    fixture *f = *state;
    onp_block_paths many = {0};
    assert_int_equal(onp_block_paths_init(&f->t->ctx, 2 * N_PATHS, 4, &many, NULL), ONP_OK);
    for (int i = 0; i < N_PATHS; i++)
        onp_block_paths_add(&many, onp_block_path(&f->paths, i), 4);
    for (int i = 0; i < N_PATHS; i++) { /* nine more, without the first position's block */
        const onp_block *b = onp_block_path(&f->paths, i);
        const onp_block path[] = {b[0], b[2], b[3]};
        onp_block_paths_add(&many, path, 3);
    }
    f->options.paths = &many;
    f->options.budget_ns = 1;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_graphs, GRAPHS);
    assert_int_equal(f->result.n_noisy, 0);
    f->options.seed++;
    f->options.budget_ns = (int64_t)60 * 1000000000;
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate"), SQLITE_OK);
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(f->result.n_graphs, GRAPHS + 3 * PASSES); /* six of the nine are the same */
    onp_block_paths_reset(&f->t->ctx, &many);
}

/* ---- difference ---- */

static void differences_are_the_laws(void **state)
{
    fixture *f = *state;
    assert_int_equal(profile(f, "o", false), ONP_OK);
    assert_int_equal(f->result.mode, ONP_PROFILE_DIFFERENCE);
    assert_int_equal(f->result.n_measured, N_BLOCKS);
    assert_int_equal(f->result.n_noisy, 0);
    assert_rows(f, 1.0, 3.0); /* the stem has no block before it: its interval is of samples */
    assert_query(f->t->path, "SELECT cache_mode FROM platform", "difference");
    assert_query(f->t->path, COUNT("measurement", "mode = 'difference' AND n = 3"), "14");
    assert_query(f->t->path, "SELECT method FROM estimate LIMIT 1", "difference");
    assert_int_equal(profile(f, "d", false), ONP_OK);
    assert_int_equal(f->result.n_known, N_BLOCKS);
}

static void a_difference_that_noise_hides(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    for (int i = 0; i < SCRIPT - 1; i++)
        script[i] = i < 2 || i % 2 == 0 ? 'o' : 'X';
    script[SCRIPT - 1] = '\0';
    f->options.budget_ns = 1; /* no time to wait for the sentinel */
    assert_int_equal(profile(f, script, false), ONP_E_DEVICE);
    assert_true(f->result.n_measured < N_BLOCKS);
    assert_query(f->t->path,
                 "SELECT count(*) > 0 FROM measurement WHERE quality = 'failed'"
                 " AND reason LIKE '%lost in the noise'",
                 "1");
    assert_query(f->t->path, COUNT("estimate", "median_ns <= 0"), "0");
}

static void a_difference_goes_on(void **state)
{
    fixture *f = *state;
    char script[SCRIPT];
    assert_int_equal(profile(f, script_with(script, 30, 29, 'i'), false), ONP_E_INTERRUPTED);
    const int32_t n = f->result.n_graphs;
    assert_true(n > 0 && n < N_BLOCKS * PASSES);
    assert_int_equal(profile(f, "o", false), ONP_OK);
    assert_true(f->result.n_graphs + n == N_BLOCKS * PASSES);
    assert_query(f->t->path,
                 "SELECT count(*) || ' ' || count(DISTINCT pass || block_id) FROM measurement",
                 "16 16");
    assert_rows(f, 1.0, 3.0);
}

/* ---- checking again ---- */

static onp_status recheck(fixture *f, const char *script, double share, bool update,
                          onp_profile_drift *drift)
{
    onp_runner *r = open_runner(f, script, true);
    const onp_profile_check check = {.share = share, .update = update};
    onp_status st = onp_profile_recheck(f->t->store, r, f->blocks, N_BLOCKS, &f->options, &check,
                                        drift, &f->err);
    onp_runner_close(r);
    return st;
}

static void assert_changes(const onp_profile_changes *c, int32_t n, double change)
{
    assert_int_equal(c->n, n);
    assert_true(fabs(c->median - change) < 1e-6 && fabs(c->worst - change) < 1e-6);
    assert_int_equal(c->within1, fabs(change) < 0.01 ? n : 0);
    assert_int_equal(c->within5, fabs(change) < 0.05 ? n : 0);
}

static void a_known_drift_is_found(void **state)
{
    fixture *f = *state;
    onp_profile_drift drift;
    assert_int_equal(recheck(f, "o", 1.0, false, &drift), ONP_E_MISSING);
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(recheck(f, "o", 1.0, false, &drift), ONP_OK);
    assert_changes(&drift.raw, N_BLOCKS, 0.0);
    assert_changes(&drift.normalised, N_BLOCKS, 0.0);
    assert_int_equal(recheck(f, "s", 1.0, false, &drift), ONP_OK);
    assert_changes(&drift.raw, N_BLOCKS, 0.1);
    assert_changes(&drift.normalised, N_BLOCKS, 0.1);
    assert_int_equal(drift.n_measured, N_BLOCKS);
    assert_int_equal(recheck(f, "t", 1.0, false, &drift), ONP_OK); /* the clock alone */
    assert_changes(&drift.raw, N_BLOCKS, 1.0);
    assert_changes(&drift.normalised, N_BLOCKS, 0.0);
    assert_rows(f, 1.0, 0.0); /* untouched */
    assert_query(f->t->path, COUNT("run", "settings ->> 'check' = 1"), "3");

    assert_int_equal(recheck(f, "s", 1.0, true, &drift), ONP_OK);
    assert_rows(f, 1.1, 0.0);
    assert_int_equal(recheck(f, "s", 1.0, false, &drift), ONP_OK); /* against what is new */
    assert_changes(&drift.normalised, N_BLOCKS, 0.0);
    assert_int_equal(profile(f, "d", true), ONP_OK); /* nothing is missing for it */
}

/* A device that stays slower is taken for what it is when its sentinels are most of the history. */
static void a_slower_device_becomes_usual(void **state)
{
    fixture *f = *state;
    onp_profile_drift drift;
    f->options.passes = 4; /* lines take eight values */
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(recheck(f, "S", 1.0, false, &drift), ONP_OK);
    assert_true(drift.trust.drift == 1.0 && drift.trust.quiet == 0.0);
    assert_int_equal(drift.n_noisy, N_BLOCKS);
    for (int i = 0; i < 16 && drift.trust.quiet == 0.0; i++)
        assert_int_equal(recheck(f, "S", 1.0, false, &drift), ONP_OK);
    assert_true(drift.trust.drift == 0.0 && drift.trust.quiet == 1.0);
    assert_int_equal(drift.n_noisy, 0);
    assert_changes(&drift.normalised, N_BLOCKS, 1.0);
    assert_changes(&drift.same_load, N_BLOCKS, 0.0);
    assert_true(fabs(drift.load - 1.0) < 1e-3);
}

static void a_part_is_checked(void **state)
{
    fixture *f = *state;
    onp_profile_drift drift;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(recheck(f, "s", 0.3, false, &drift), ONP_OK);
    assert_int_equal(drift.n_rows, N_BLOCKS);
    assert_int_equal(drift.n_measured, 3);
    assert_changes(&drift.normalised, 3, 0.1);
    assert_int_equal(recheck(f, "o", 0.0, false, &drift), ONP_OK);
    assert_int_equal(drift.n_measured, 1);
    assert_int_equal(recheck(f, "o", 1.5, false, &drift), ONP_E_RANGE);
}

/* Without the samples, rows as they are serve. */
static void checked_without_samples(void **state)
{
    fixture *f = *state;
    onp_profile_drift drift;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM sample"), SQLITE_OK);
    assert_int_equal(recheck(f, "s", 1.0, false, &drift), ONP_OK);
    assert_changes(&drift.raw, N_BLOCKS, 0.1);
    assert_int_equal(drift.normalised.n, 0);
    assert_true(isnan(drift.normalised.median));
}

static void isolated_rows_are_checked(void **state)
{
    fixture *f = *state;
    onp_profile_drift drift;
    f->options.mode = ONP_PROFILE_ISOLATED;
    assert_int_equal(profile(f, "o", true), ONP_OK);
    assert_query(f->t->path, "SELECT cache_mode FROM platform", "isolated");
    assert_int_equal(recheck(f, "s", 1.0, false, &drift), ONP_OK);
    assert_changes(&drift.normalised, N_BLOCKS, 0.1);
    assert_rows(f, 1.0, 3.0);
}

/* ---- memory ---- */

/* A profile of another seed each time: of one path, in a store that lives on. */
static onp_status profile_and_check(const onp_context *ctx, void *arg)
{
    fixture *f = arg;
    onp_profile_result result;
    onp_profile_drift drift;
    onp_runner *r = NULL;
    const onp_profile_check check = {.share = 1.0};
    const char *const argv[] = {"/proc/self/exe", "--fake-runner", "o", "1", "stamps", NULL};
    onp_block_paths one = f->paths;
    one.n = 1;
    f->options.paths = &one;
    f->options.passes = 1;
    f->options.seed++;
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate"), SQLITE_OK);
    onp_status st = onp_runner_open(ctx, argv, NULL, &r, NULL);
    if (st == ONP_OK)
        st = onp_profile(f->t->store, r, one.blocks, 4, &f->options, &result, NULL);
    if (st == ONP_OK)
        st = onp_profile_recheck(f->t->store, r, one.blocks, 4, &f->options, &check, &drift, NULL);
    onp_runner_close(r);
    return st;
}

static void each_allocation(void **state)
{
    onp_test_each_allocation(profile_and_check, *state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--fake-runner") == 0)
        return onp_fake_main(argv);
    (void)signal(SIGUSR1, on_signal);
    const struct CMUnitTest tests[] = {
        TEST(rows_are_the_laws),
        TEST(order_is_the_seeds),
        TEST(a_dead_runner_leaves_what_it_measured),
        TEST(killed_goes_on),
        TEST(killed_before_its_rows),
        TEST(resumes_without_samples),
        TEST(damaged_samples_are_an_error),
        TEST(settings_that_are_no_json),
        TEST(load_is_taken_out),
        TEST(load_hits_blocks_differently),
        TEST(a_busy_device_is_noisy),
        TEST(goes_on_while_busy),
        TEST(a_warm_device_is_waited_for),
        TEST(a_device_that_stays_warm),
        TEST(blocks_wait),
        TEST(waits_end),
        TEST(clocks_are_evened_out),
        TEST(a_refused_path),
        TEST(all_paths_refused),
        TEST(modes_that_cannot_be),
        TEST(one_missing_block),
        TEST(little_time_takes_fewer_paths),
        TEST(differences_are_the_laws),
        TEST(a_difference_that_noise_hides),
        TEST(a_difference_goes_on),
        TEST(a_known_drift_is_found),
        TEST(a_slower_device_becomes_usual),
        TEST(a_part_is_checked),
        TEST(checked_without_samples),
        TEST(isolated_rows_are_checked),
        TEST(each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
