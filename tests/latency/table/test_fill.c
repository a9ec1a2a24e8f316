/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are left out of made-up tables, and what each of the ways to predict them makes of it.
 */
#include "tests/latency/table/table_support.h"

#include <math.h>

#include "latency/table/fill.h"

enum { N_BLOCKS = 48 };

/* Kernels 3, 5, 7 and ratios 3, 6 of eight shapes. */
static void make_blocks(onp_block blocks[N_BLOCKS])
{
    static const int shapes[][4] = {{56, 24, 24, 1}, {56, 24, 40, 2}, {28, 40, 40, 1},
                                    {28, 40, 80, 2}, {14, 80, 80, 1}, {14, 80, 96, 1},
                                    {14, 96, 96, 1}, {7, 192, 192, 1}};
    for (int i = 0; i < N_BLOCKS; i++) {
        const int *s = shapes[i / 6];
        onp_block b = {.kind = ONP_BLOCK_MBCONV,
                       .in_h = s[0],
                       .in_w = s[0],
                       .in_c = s[1],
                       .out_c = s[2],
                       .stride = s[3],
                       .kernel = 3 + 2 * (i % 3),
                       .expand = i % 6 < 3 ? 3 : 6};
        assert_int_equal(onp_block_complete(&b, NULL), ONP_OK);
        blocks[i] = b;
    }
}

/* A device that is `slow` times another, and more so at small maps. */
static int64_t latency(const onp_block *b, double slow)
{
    const double ns = 2e4 + 0.1 * (double)onp_block_n_macs(b);
    return llround(ns * slow * (b->in_h < 20 && slow > 1 ? 1.1 : 1));
}

/* Every `every`-th row of a device, from `first` on, that are fresh and measured. */
static int64_t add_rows(onp_store *s, const char *device, double slow, int first, int every,
                        int n_rows)
{
    onp_block blocks[N_BLOCKS];
    int64_t platform = 0;
    const int64_t run = onp_test_run(s, device, &platform);
    make_blocks(blocks);
    for (int i = first, n = 0; i < N_BLOCKS && n < n_rows; i += every, n++) {
        char key[ONP_BLOCK_KEY];
        const onp_estimate e = {.median_ns = latency(&blocks[i], slow),
                                .source = ONP_SOURCE_MEASURED,
                                .quality = ONP_QUALITY_OK};
        onp_block_key(&blocks[i], key);
        assert_int_equal(onp_store_estimate_set(s, run, key, &e, NULL), ONP_OK);
    }
    return platform;
}

typedef struct seen {
    int n, inside;
    double worst;
    double slow;
} seen;

static void compare(void *user, const char *key, const onp_estimate *e)
{
    seen *v = user;
    onp_block b;
    assert_int_equal(onp_block_parse(key, &b, NULL), ONP_OK);
    const double truth = (double)latency(&b, v->slow), ns = (double)e->median_ns;
    assert_true(e->lo_ns > 0 && e->lo_ns <= e->median_ns && e->median_ns <= e->hi_ns);
    assert_true(onp_estimate_is_predicted(e) && e->method[0] != '\0');
    v->worst = fmax(v->worst, fabs(ns / truth - 1));
    v->inside += (double)e->lo_ns <= truth && truth <= (double)e->hi_ns;
    v->n++;
}

static void by_the_model(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N_BLOCKS];
    onp_fill_result r;
    seen v = {.slow = 1};
    onp_fill_options o = {.command = "fill", .visit = compare, .user = &v, .try_only = true};
    make_blocks(blocks);
    const int64_t platform = add_rows(t->store, "phone", 1, 0, 2, N_BLOCKS);
    add_rows(t->store, "phone", 1, 1, 6, N_BLOCKS); /* 32 of 48 */
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_known, 32);
    assert_int_equal(r.n_modelled, 16);
    assert_int_equal(v.n, 16);
    assert_true(v.worst < 0.03);
    assert_true(v.inside >= 14);
    assert_query(t->path, "SELECT count(*) FROM estimate", "32"); /* a try */
    o.try_only = false;
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_query(t->path, "SELECT count(*) FROM estimate WHERE source = 'modelled'", "16");
    assert_query(t->path,
                 "SELECT trained_on || ' ' || (loo_mape > 0 AND loo_mape < 0.03) || ' ' ||"
                 " (loo_within10 > 0.95) || ' ' || count(e.model_id)"
                 " FROM model JOIN estimate e ON e.model_id = model.id",
                 "32 1 1 16");
    assert_query(t->path, "SELECT status || ' ' || command FROM run ORDER BY id DESC", "done fill");
    /* what was predicted is there, and no ground to predict more from */
    v.n = 0;
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_known, N_BLOCKS);
    assert_int_equal(v.n, 0);
    assert_int_equal(onp_test_sql(t->path,
                                  "DELETE FROM estimate WHERE block_id = (SELECT"
                                  " max(block_id) FROM estimate WHERE source = 'modelled')"),
                     SQLITE_OK);
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_modelled, 1);
    assert_query(t->path, "SELECT DISTINCT method FROM estimate WHERE source = 'modelled'",
                 "model of 32 rows");
    assert_query(t->path, "SELECT trained_on FROM model ORDER BY id DESC", "32");
}

static void from_another_platform(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N_BLOCKS];
    onp_fill_result r;
    seen v = {.slow = 2};
    const onp_fill_options o = {.visit = compare, .user = &v};
    make_blocks(blocks);
    add_rows(t->store, "known", 1, 0, 1, N_BLOCKS);
    add_rows(t->store, "of other blocks", 1, 0, 1, 2);
    const int64_t platform = add_rows(t->store, "new", 2, 0, 5, N_BLOCKS); /* 10 */
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_transferred, 38);
    assert_true(v.worst < 0.1); /* 10 % more at small maps */
    assert_true(v.inside >= 34);
    assert_query(t->path,
                 "SELECT DISTINCT source || ' ' || method FROM estimate WHERE source <> 'measured'",
                 "transferred ratio to known by 10 blocks");
}

/* By the one of several whose ratio is the steadier, while there are few rows; each block once. */
static void from_the_likest(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[2 * N_BLOCKS];
    onp_fill_result r;
    const onp_fill_options o = {.command = NULL};
    make_blocks(blocks);
    make_blocks(blocks + N_BLOCKS);
    for (int i = 0; i < 2; i++) { /* before and after the like one */
        const int64_t other = add_rows(t->store, i == 0 ? "early" : "later", 1, 0, 1, N_BLOCKS);
        char sql[160];
        (void)snprintf(sql, sizeof sql,
                       "UPDATE estimate SET median_ns = median_ns * (1 + block_id * 7 %% 4)"
                       " WHERE platform_id = %lld",
                       (long long)other);
        assert_int_equal(onp_test_sql(t->path, sql), SQLITE_OK);
        if (i == 0)
            (void)add_rows(t->store, "like", 1, 0, 1, N_BLOCKS);
    }
    int64_t platform = add_rows(t->store, "new", 2, 0, 5, N_BLOCKS); /* 10 */
    assert_int_equal(onp_fill(t->store, platform, blocks, 2 * N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_known, 10);
    assert_int_equal(r.n_transferred, 38);
    assert_query(t->path, "SELECT group_concat(DISTINCT method) FROM estimate",
                 "ratio to like by 10 blocks");
    /* from so many rows on its own are the better ground */
    platform = add_rows(t->store, "measured", 2, 0, 1, ONP_FILL_OWN_ROWS);
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS, &o, &r, &t->err), ONP_OK);
    assert_int_equal(r.n_modelled, N_BLOCKS - ONP_FILL_OWN_ROWS);
    assert_int_equal(r.n_transferred, 0);
    assert_int_equal(r.n_extrapolated, r.n_modelled); /* all of more channels */
    assert_query(t->path, "SELECT DISTINCT method FROM estimate WHERE source = 'modelled'",
                 "model of 30 rows, extrapolated");
}

static void between_maps(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[30];
    onp_fill_result r;
    int64_t platform = 0;
    const int64_t run = onp_test_run(t->store, "maps", &platform);
    const onp_fill_options o = {.command = NULL};
    for (int i = 0; i < 30; i++) {
        char key[ONP_BLOCK_KEY];
        (void)snprintf(key, sizeof key, "conv in=%dx%dx16 out=%dx%dx32 k=3 s=1", 20 + i, 20 + i,
                       20 + i, 20 + i);
        assert_int_equal(onp_block_parse(key, &blocks[i], NULL), ONP_OK);
        const onp_estimate e = {.median_ns = 1000LL * (20 + i) * (20 + i)};
        if (i != 7)
            assert_int_equal(onp_store_estimate_set(t->store, run, key, &e, NULL), ONP_OK);
    }
    if (onp_fill(t->store, platform, blocks, 30, &o, &r, &t->err) != ONP_OK)
        fail_msg("%s", t->err.msg);
    assert_int_equal(r.n_interpolated, 1);
    assert_query(t->path,
                 "SELECT median_ns || ' ' || method FROM estimate WHERE source = 'interpolated'",
                 "729000 map-line of 29 rows");
}

/* Too little is known: nothing is stored, and the keys are named. */
static void refuses(void **state)
{
    onp_test_table *t = *state;
    onp_block blocks[N_BLOCKS + 1];
    onp_fill_result r;
    const onp_fill_options o = {.command = NULL};
    make_blocks(blocks);
    const int64_t platform = add_rows(t->store, "new", 1, 0, 1, 4);
    assert_int_equal(onp_fill(t->store, platform, blocks, 6, &o, &r, &t->err), ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "2 blocks cannot be predicted from the 4 rows of new");
    onp_assert_contains(t->err.msg, "mbconv in=56x56x24 out=56x56x24 k=5 e=6 s=1 skip=0");
    add_rows(t->store, "new", 1, 0, 1, 40);
    assert_int_equal(
        onp_block_parse("stem in=224x224x3 out=112x112x32 k=3 s=2", &blocks[N_BLOCKS], NULL),
        ONP_OK);
    assert_int_equal(onp_fill(t->store, platform, blocks, N_BLOCKS + 1, &o, &r, &t->err),
                     ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "1 blocks cannot be predicted");
    assert_query(t->path, "SELECT count(*) FROM estimate", "40");
    /* stale rows are no ground */
    assert_int_equal(onp_store_stale_set(t->store, platform, "old", NULL, NULL), ONP_OK);
    assert_int_equal(onp_fill(t->store, platform, blocks, 6, &o, &r, &t->err), ONP_E_MISSING);
    onp_assert_contains(t->err.msg, "6 blocks cannot be predicted from the 0 rows");
}

static onp_status fills(const onp_context *ctx, void *arg)
{
    const char *path = arg;
    onp_block blocks[N_BLOCKS];
    onp_fill_result r;
    onp_store *s = NULL;
    int64_t platform = 0;
    const onp_fill_options o = {.try_only = true};
    make_blocks(blocks);
    ONP_TRY(onp_store_open(ctx, path, ONP_SQL_EXISTING, &s, NULL));
    onp_status st = onp_store_platform_find(s, "new", &platform, NULL);
    if (st == ONP_OK)
        st = onp_fill(s, platform, blocks, N_BLOCKS, &o, &r, NULL);
    onp_store_close(s);
    return st;
}

static void each_allocation(void **state)
{
    onp_test_table *t = *state;
    add_rows(t->store, "known", 1, 0, 1, N_BLOCKS);
    add_rows(t->store, "new", 2, 0, 5, N_BLOCKS);
    onp_test_each_allocation(fills, t->path);
}

#define fill_test(f)                                                                               \
    cmocka_unit_test_setup_teardown(f, onp_test_table_setup, onp_test_table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {fill_test(by_the_model),    fill_test(from_another_platform),
                                       fill_test(from_the_likest), fill_test(between_maps),
                                       fill_test(refuses),         fill_test(each_allocation)};
    return cmocka_run_group_tests_name("table_fill", tests, NULL, NULL);
}
