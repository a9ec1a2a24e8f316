/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of blocks in networks, by stamps and by differences: what is resumed, what is checked
 * again. */
#include "tests/latency/table/chain_fixture.h"

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

/* A clock of whole microseconds may not see a block at all. */
static void a_block_in_no_time(void **state)
{
    fixture *f = *state;
    assert_int_equal(profile(f, "z", true), ONP_OK);
    assert_int_equal(f->result.n_measured, N_BLOCKS);
    assert_int_equal(f->result.n_noisy, 1);
    assert_query(f->t->path, COUNT("estimate", "1"), "8");
    assert_query(f->t->path, COUNT("estimate", "median_ns = 1 AND quality = 'noisy'"), "1");
    assert_int_equal(profile(f, "d", true), ONP_OK); /* not asked */
    assert_int_equal(f->result.n_known, N_BLOCKS);
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

/* The worst is the furthest off, also where all became faster; rows that were not measured are
 * none to be checked. */
static void the_worst_of_several(void **state)
{
    fixture *f = *state;
    onp_profile_drift drift;
    assert_int_equal(profile(f, "h", true), ONP_OK);
    assert_int_equal(onp_test_sql(f->t->path, "UPDATE estimate SET source = 'modelled' WHERE"
                                              " block_id = (SELECT id FROM block WHERE key LIKE"
                                              " 'stem%')"),
                     SQLITE_OK);
    assert_int_equal(recheck(f, "o", 1.0, false, &drift), ONP_OK);
    assert_int_equal(drift.n_rows, N_BLOCKS - 1);
    assert_int_equal(drift.raw.n, N_BLOCKS - 1);
    assert_true(fabs(drift.raw.median - (1 / 1.2 - 1)) < 1e-3);
    assert_true(fabs(drift.raw.worst - (1 / 3.0 - 1)) < 1e-3);
    onp_assert_contains(drift.raw.worst_key, "head ");
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
        TEST(a_block_in_no_time),
        TEST(one_missing_block),
        TEST(little_time_takes_fewer_paths),
        TEST(differences_are_the_laws),
        TEST(a_difference_that_noise_hides),
        TEST(a_difference_goes_on),
        TEST(a_known_drift_is_found),
        TEST(a_slower_device_becomes_usual),
        TEST(the_worst_of_several),
        TEST(a_part_is_checked),
        TEST(checked_without_samples),
        TEST(isolated_rows_are_checked),
        TEST(each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
