/* SPDX-License-Identifier: Apache-2.0 */
/* The program onepath-runner-xnnpack behind the driver: what it says of itself, times of a network
 * and of its blocks, on one thread and on two, and a graph that it cannot run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/measure/block_graph.h"
#include "latency/measure/driver.h"
#include "tests/test_support.h"

static const char *const network[] = {
    "stem in=20x18x3 out=10x9x8 k=3 s=2",
    "mbconv in=10x9x8 out=10x9x8 k=3 e=6 s=1 skip=1",
    "mbconv in=10x9x8 out=5x5x16 k=5 e=3 s=2 skip=0 act=hswish se=8",
    "head in=5x5x16 out=6",
};
#define N_BLOCKS ONP_COUNT(network)

static const onp_stop_rule quick = {.warmup_calls = 1,
                                    .warmup_min_ns = 1000000,
                                    .sample_min_ns = 100000,
                                    .samples_min = 5,
                                    .samples_max = 20,
                                    .time_min_ns = 1000000,
                                    .time_max_ns = 200000000};

typedef struct fixture {
    onp_context ctx;
    onp_graph *g;
    onp_runner *r;
    onp_error err;
} fixture;

static void start(fixture *f, const char *threads)
{
    char program[ONP_TEST_PATH];
    (void)snprintf(program, sizeof program, "%s/onepath-runner-xnnpack", getenv("ONEPATH_BINARY"));
    const char *argv[] = {program, "--threads", threads, "--batch", "2", "--device", "board", NULL};
    if (onp_runner_open(&f->ctx, argv, NULL, &f->r, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_block blocks[N_BLOCKS];
    onp_context_init(&f->ctx);
    f->g = onp_graph_new(&f->ctx, NULL);
    for (size_t i = 0; i < N_BLOCKS; i++)
        if (onp_block_parse(network[i], &blocks[i], &f->err) != ONP_OK)
            return -1;
    (void)onp_network_graph(f->g, blocks, N_BLOCKS, 2, ONP_MODE_FOLDED, 0.0);
    *state = f;
    return onp_graph_status(f->g, &f->err) == ONP_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_runner_close(f->r);
    onp_graph_free(f->g);
    free(f);
    return 0;
}

static void facts(void **state)
{
    fixture *f = *state;
    start(f, "1");
    const onp_runner_facts *says = onp_runner_get_facts(f->r);
    assert_string_equal(says->device, "board");
    assert_string_equal(says->backend, "xnnpack");
    assert_int_equal(strlen(says->kernel_hash), 64);
    assert_string_equal(says->kernel_set, "");
    assert_string_equal(says->blas_core, "");
    assert_int_equal(says->threads, 1);
    assert_int_equal(says->batch, 2);
    assert_true(says->takes_graph && says->stamps && !says->takes_onnx);
}

static void measured(fixture *f)
{
    onp_timing t;
    if (onp_runner_measure(f->r, f->g, &(onp_measure_options){.rule = &quick}, &t, &f->err) !=
        ONP_OK)
        fail_msg("%s", f->err.msg);
    assert_true(t.n >= 3 && t.stats.min_ns > 0);
    assert_int_equal(t.n_groups, 0);
    onp_timing_reset(&f->ctx, &t);
    if (onp_runner_measure(f->r, f->g, &(onp_measure_options){.rule = &quick, .stamps = true}, &t,
                           &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
    assert_int_equal(t.n_groups, N_BLOCKS);
    for (size_t i = 0; i < t.n; i++) {
        int64_t sum = 0;
        for (size_t k = 0; k < N_BLOCKS; k++)
            sum += onp_timing_group(&t, k)[i];
        assert_in_range(sum, t.samples_ns[i] - 8, t.samples_ns[i] + 8); /* rounded, each of them */
    }
    onp_timing_reset(&f->ctx, &t);
}

static void times_and_stamps(void **state)
{
    fixture *f = *state;
    start(f, "1");
    measured(f);
}

static void two_threads(void **state)
{
    fixture *f = *state;
    start(f, "2");
    assert_int_equal(onp_runner_get_facts(f->r)->threads, 2);
    measured(f);
}

/* It is an answer, and the next graph is measured. */
static void refusal(void **state)
{
    fixture *f = *state;
    start(f, "1");
    onp_graph *g = onp_graph_new(&f->ctx, NULL);
    const onp_tid x = onp_graph_external(g, (onp_shape){2, 5, 4, 3}, NULL);
    onp_graph_keep(g, onp_graph_add(g, ONP_OP_BN_STATS, &x, 1, NULL));
    onp_timing t;
    assert_int_equal(onp_runner_measure(f->r, g, NULL, &t, &f->err), ONP_E_DEVICE);
    onp_assert_contains(f->err.msg, "xnnpack: node 0: bn-stats cannot run here");
    assert_true(onp_runner_is_alive(f->r));
    measured(f);
    onp_graph_free(g);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(facts),
        TEST(times_and_stamps),
        TEST(two_threads),
        TEST(refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
