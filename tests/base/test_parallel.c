/* SPDX-License-Identifier: Apache-2.0 */
/* The thread count is set once per process, so each count runs in a child of its own and sends back
 * what its tiles wrote. */
#include <fenv.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "tests/test_support.h"

enum { TILES = 1003 };

typedef struct tiles {
    double sum[TILES];
    int visits[TILES];
    int n_threads;
} tiles;

static void work(void *arg, int64_t tile, int thread)
{
    tiles *t = arg;
    onp_rng r = onp_rng_make(1, ONP_RNG_TEST);
    for (uint32_t i = 0; i < 50; i++)
        t->sum[tile] += onp_rng_normal(r, (uint64_t)tile, i, 0);
    t->visits[tile] += thread >= 0 && thread < t->n_threads ? 1 : 1000;
}

static void run_child(int threads, int fd)
{
    static tiles t;
    if (onp_parallel_start(threads, true, NULL) != ONP_OK)
        _exit(2);
    t.n_threads = onp_parallel_threads();
    onp_parallel_for(0, work, &t);
    onp_parallel_for(TILES, work, &t);
    for (size_t done = 0; done < sizeof t;) {
        ssize_t n = write(fd, (const char *)&t + done, sizeof t - done);
        if (n <= 0)
            _exit(3);
        done += (size_t)n;
    }
    _exit(0);
}

static void run_with(int threads, tiles *out)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(threads, ends[1]);
    (void)close(ends[1]);
    for (size_t done = 0; done < sizeof *out;) {
        ssize_t n = read(ends[0], (char *)out + done, sizeof *out - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    (void)close(ends[0]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A thread of another program: its rounding is its own before and after, not between. */
static void *visit(void *arg)
{
    tiles *t = arg;
    (void)fesetround(FE_UPWARD);
    onp_parallel_host host = onp_parallel_enter();
    t->n_threads = onp_parallel_threads();
    onp_parallel_for(TILES, work, t);
    onp_parallel_leave(host);
    return fegetround() == FE_UPWARD ? t : NULL;
}

static bool visits_agree(int threads)
{
    static tiles t[3], start;
    pthread_t id[3];
    bool right = onp_parallel_embed(threads, NULL) == ONP_OK &&
                 onp_parallel_embed(0, NULL) == ONP_OK &&
                 onp_parallel_embed(threads + 1, NULL) == ONP_E_FAIL;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&id[i], NULL, visit, &t[i]) != 0)
            return false;
    for (int i = 0; i < 3; i++) {
        void *back = NULL;
        right = pthread_join(id[i], &back) == 0 && back == &t[i] && right;
    }
    start.n_threads = threads;
    onp_parallel_host host = onp_parallel_enter();
    onp_parallel_for(TILES, work, &start);
    onp_parallel_leave(host);
    for (int i = 0; i < 3; i++)
        right = memcmp(&t[i], &start, sizeof start) == 0 && right; /* NOLINT: the same bits */
    return right;
}

static void visitors_compute_side_by_side(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(visits_agree(threads) ? 0 : 1);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void tiles_do_not_depend_on_threads(void **state)
{
    (void)state;
    static tiles one, many;
    run_with(1, &one);
    static const int counts[] = {2, 3, 8};
    for (size_t k = 0; k < ONP_COUNT(counts); k++) {
        run_with(counts[k], &many);
        for (int i = 0; i < TILES; i++)
            assert_int_equal(many.visits[i], 1);
        assert_memory_equal(many.sum, one.sum, sizeof one.sum);
    }
}

/* Runs last: it starts this process's own threads. */
static void start_checks_its_count(void **state)
{
    (void)state;
    onp_error err = {0};
    assert_int_equal(onp_parallel_start(-1, false, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "-1");
    assert_int_equal(onp_parallel_start(ONP_MAX_THREADS + 1, false, &err), ONP_E_RANGE);
    assert_true(onp_parallel_processors() >= 1);
    assert_int_equal(onp_parallel_start(1, false, &err), ONP_OK);
    assert_int_equal(onp_parallel_threads(), 1);
    assert_int_equal(onp_parallel_start(1, true, &err), ONP_OK); /* the same count again */
    assert_int_equal(onp_parallel_start(2, false, &err), ONP_E_FAIL);
    onp_assert_contains(err.msg, "already started with 1");
    assert_int_equal(onp_parallel_threads(), 1);
}

/* What a bound thread starts would inherit one processor: unbind gives back all that there were. */
static void unbinding(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int all = onp_parallel_processors();
        onp_parallel_unbind(); /* nothing before the start */
        bool right = onp_parallel_processors() == all;
        right = onp_parallel_start(all, true, NULL) == ONP_OK && right;
        right = onp_parallel_processors() == 1 && right;
        onp_parallel_unbind();
        right = onp_parallel_processors() == all && right;
        onp_parallel_rebind();
        right = onp_parallel_processors() == 1 && right;
        _exit(right ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* In a child: bound to the last core that there is, one thread. */
static bool binds_to_last(void)
{
    const onp_cores all = onp_parallel_allowed();
    onp_cores last = {{0}}, bound;
    onp_error err = {0};
    for (int core = onp_cores_next(&all, 0); core >= 0; core = onp_cores_next(&all, core + 1)) {
        memset(&last, 0, sizeof last);
        onp_cores_add(&last, core);
    }
    bound = onp_parallel_bound();
    bool right = onp_cores_count(&bound) == 0 && onp_parallel_check_bound(NULL) == ONP_OK;
    right = onp_parallel_start_on(&last, 2, &err) == ONP_E_RANGE && right;
    right = strstr(err.msg, "threads: 2 on 1 core (") != NULL && right;
    right = onp_parallel_start_on(&last, 1, NULL) == ONP_OK && right;
    right = onp_parallel_start_on(&last, 1, NULL) == ONP_E_FAIL && right;
    bound = onp_parallel_bound();
    const onp_cores now = onp_parallel_allowed();
    right =
        memcmp(&bound, &last, sizeof last) == 0 && memcmp(&now, &last, sizeof last) == 0 && right;
    right = onp_parallel_check_bound(NULL) == ONP_OK && right;
    onp_parallel_unbind(); /* stands for what a core that goes off does */
    return right && (onp_cores_count(&all) == 1 || onp_parallel_check_bound(&err) == ONP_E_FAIL);
}

/* No machine has this core, or may run on it. */
static bool refuses_absent_core(void)
{
    onp_cores absent = {{0}};
    onp_error err = {0};
    onp_cores_add(&absent, ONP_CORES_MAX - 1);
    return onp_parallel_start_on(&absent, 1, &err) == ONP_E_FAIL &&
           strstr(err.msg, "core 1023 is not bound") != NULL;
}

static void binding_to_cores(void **state)
{
    (void)state;
    static bool (*const bodies[])(void) = {binds_to_last, refuses_absent_core};
    for (size_t i = 0; i < ONP_COUNT(bodies); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(bodies[i]() ? 0 : 1);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binding_to_cores),
        cmocka_unit_test(unbinding),
        cmocka_unit_test(visitors_compute_side_by_side),
        cmocka_unit_test(tiles_do_not_depend_on_threads),
        cmocka_unit_test(start_checks_its_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
