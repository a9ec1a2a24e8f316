/* SPDX-License-Identifier: Apache-2.0 */
/* A space of nine networks and what is measured of it by a scripted runner whose times obey a known
 * law. */
#ifndef ONP_TESTS_LATENCY_TABLE_CHAIN_FIXTURE_H
#define ONP_TESTS_LATENCY_TABLE_CHAIN_FIXTURE_H

#include "latency/table/profile_check.h"
#include "tests/latency/table/fake_runner.h"
#include "tests/latency/table/table_support.h"

#include <math.h>

#define COUNT(table, where) "SELECT count(*) FROM " table " WHERE " where
#define LAST_RUN(column)    "SELECT " column " FROM run ORDER BY id DESC LIMIT 1"
#define TEST(name)          cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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

static inline void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static inline onp_block parse(const char *key)
{
    onp_block b;
    assert_int_equal(onp_block_parse(key, &b, NULL), ONP_OK);
    return b;
}

static inline void make_blocks(fixture *f)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    fixture *f = *state;
    onp_block_paths_reset(&f->t->ctx, &f->paths);
    return onp_test_table_teardown((void **)&f->t);
}

static inline int64_t fake_ns(const onp_block *b)
{
    return ONP_FAKE_NS((int64_t)b->in_h * b->in_w * b->in_c);
}

static inline onp_runner *open_runner(const fixture *f, const char *script, bool stamps)
{
    return stamps ? onp_fake_open_stamping(&f->t->ctx, script)
                  : onp_fake_open(&f->t->ctx, script, 1);
}

static inline onp_status profile(fixture *f, const char *script, bool stamps)
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
static inline const char *script_with(char script[SCRIPT], int n, int at, char letter)
{
    memset(script, 'o', (size_t)n);
    script[n] = '\0';
    script[at] = letter;
    return script;
}

/* The letters of a script from `first` to `last`. */
static inline void replace(char *script, int first, int last, char letter)
{
    memset(script + first, letter, (size_t)(last - first) + 1);
}

/* Every row is `times` what the law says, its interval within `slack`. */
static inline void assert_rows(const fixture *f, double times, double slack)
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

static inline void assert_measured_once(const fixture *f)
{
    assert_query(f->t->path,
                 "SELECT count(*) || ' ' || count(DISTINCT pass || network) FROM measurement"
                 " WHERE network IS NOT NULL AND quality <> 'failed'",
                 "18 18");
}

#endif
