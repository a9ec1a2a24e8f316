/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of blocks in networks on a device that is busy or warm, and by a runner that cannot
 * measure all. */
#include "tests/latency/table/chain_fixture.h"

/* ---- a busy device ---- */

/* The second pass took a tenth longer, and no sentinel tells why: what rows are known to is by
 * Student's t and the winsorised deviation, and that is not well enough. */
static void values_that_scatter(void **state)
{
    fixture *f = *state;
    char script[SCRIPT], key[ONP_BLOCK_KEY];
    onp_estimate e;
    const double ns = (double)fake_ns(&f->blocks[1]);
    script_with(script, PATH(GRAPHS) + 1, 0, 'o');
    for (int i = N_PATHS; i < GRAPHS; i++)
        script[PATH(i)] = 's';
    assert_int_equal(profile(f, script, true), ONP_OK);
    onp_block_key(&f->blocks[1], key); /* six values, of which four are averaged: t is 3.18 */
    assert_int_equal(onp_store_estimate_get(f->t->store, f->result.platform, key, &e, NULL),
                     ONP_OK);
    const double half = 3.18 * 0.05 * sqrt(6.0 / 5) / (4.0 / 6 * sqrt(6));
    assert_true(fabs((double)e.median_ns / (1.05 * ns) - 1) < 1e-4);
    assert_true(fabs((double)(e.hi_ns - e.lo_ns) / (2 * half * ns) - 1) < 0.03);
    assert_int_equal(e.quality, ONP_QUALITY_NOISY);
    assert_query(f->t->path,
                 "SELECT substr(reason, -14) FROM measurement m JOIN block b ON b.id = block_id"
                 " WHERE key LIKE 'mbconv in=8x8x4 out=8x8x4 k=3%'",
                 ", wanted 3.0 %");
}

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
    /* a tenth is no quiet device either */
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate"), SQLITE_OK);
    replace(script, PATH(0), SENTINEL(1), 's');
    assert_int_equal(profile(f, script, true), ONP_OK);
    assert_true(fabs(f->result.trust.quiet - 2.0 / 3.0) < 1e-9);
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
    assert_int_equal(f->result.trust.n_pauses, 3);
    assert_rows(f, 1.0, 0.0);
}

/* Whoever gave it a second does not wait for two minutes. */
static void no_time_to_cool(void **state)
{
    fixture *f = *state;
    f->options.max_temperature_mc = 60000;
    f->options.pause_ns = 1000;
    f->options.max_block_ns = 0;
    f->options.budget_ns = 1;
    assert_int_equal(profile(f, "w", true), ONP_OK);
    assert_in_range(f->result.trust.n_sentinels, 1, 4);
    assert_int_equal(f->result.trust.n_pauses, 0);
    assert_int_equal(f->result.n_measured, N_BLOCKS);
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

/* The sentinel is then another one. */
static void the_greatest_path_is_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(profile(f, "eo", true), ONP_OK);
    assert_int_equal(f->result.n_measured, N_BLOCKS);
    assert_int_equal(f->result.n_noisy, 0);
    assert_rows(f, 1.0, 0.0);
    assert_query(f->t->path, "SELECT count(*) || ' ' || count(DISTINCT key) FROM sentinel", "4 1");
    f->options.seed++;
    assert_int_equal(onp_test_sql(f->t->path, "DELETE FROM estimate"), SQLITE_OK);
    assert_int_equal(profile(f, "e", true), ONP_E_DEVICE);
    onp_assert_contains(f->err.msg, "sentinel: ");
    onp_assert_contains(f->err.msg, "scripted refusal");
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

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--fake-runner") == 0)
        return onp_fake_main(argv);
    (void)signal(SIGUSR1, on_signal);
    const struct CMUnitTest tests[] = {
        TEST(values_that_scatter),
        TEST(load_is_taken_out),
        TEST(load_hits_blocks_differently),
        TEST(a_busy_device_is_noisy),
        TEST(goes_on_while_busy),
        TEST(blocks_wait),
        TEST(waits_end),
        TEST(clocks_are_evened_out),
        TEST(a_warm_device_is_waited_for),
        TEST(a_device_that_stays_warm),
        TEST(no_time_to_cool),
        TEST(a_refused_path),
        TEST(the_greatest_path_is_refused),
        TEST(all_paths_refused),
        TEST(modes_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
