/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same bits on any number of threads: the program runs itself with 1, 2, 3 and 8 of them (the
 * number is set once in a process) and compares what each prints: hashes of weights, momentum,
 * gates, statistics and logits after steps whose calls have many tiles.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parallel.h"
#include "ops/kernels.h"
#include "tests/supernet/tiny_net.h"

#define BATCH 6
#define SIZE  48
#define LINE  256

/* FNV-1a */
static uint64_t hash(const void *data, size_t size)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * UINT64_C(1099511628211);
    return h;
}

typedef struct results {
    double gates[TINY_POSITIONS][ONP_MAX_CANDIDATES];
    onp_step_result trained[3], pieces, inferred;
    float logits[BATCH * TINY_CLASSES];
} results;

static onp_status steps(tiny_net *t, results *r, onp_error *err)
{
    static const bool wanted[TINY_POSITIONS][ONP_MAX_CANDIDATES] = {
        {false}, {true, true, true}, {true, true, true}, {true, true, true}};
    const onp_sgd sgd = {.lr = 0.05, .momentum = 0.9, .decay = 1e-4};
    int32_t path[TINY_POSITIONS];
    for (int i = 0; i < 3; i++) {
        tiny_path(13 * i, path);
        ONP_TRY(onp_step_train(t->step, BATCH, path, &sgd, 0.1, &r->trained[i], err));
    }
    tiny_path(4, path);
    ONP_TRY(onp_step_gates(t->step, BATCH, path, wanted, r->gates, &r->inferred, err));
    double sums[1024] = {0};
    float stats[1024];
    assert_true(onp_step_n_stats(t->step, path) <= (int64_t)ONP_COUNT(sums));
    ONP_TRY(onp_step_statistics(t->step, BATCH, path, sums, err));
    onp_step_statistics_finish(t->step, path, sums, 1, stats);
    onp_step_set_frozen(t->step, stats, 4); /* in pieces of 4 and 2 */
    onp_step_set_dropout(t->step, 0.3, onp_rng_make(5, ONP_RNG_TEST));
    ONP_TRY(onp_step_train(t->step, BATCH, path, &sgd, 0.1, &r->pieces, err));
    tiny_net_images(t, 2);
    return onp_step_infer(t->step, BATCH, path, stats, r->logits, &r->inferred, err);
}

/* The child: prints its hashes. */
static int run(int threads, tiny_candidates which)
{
    onp_context ctx;
    onp_error err = {0};
    static results r; /* all of its bytes are defined */
    tiny_net t;
    onp_context_init(&ctx);
    onp_status st = onp_parallel_start(threads, threads <= 2, &err);
    if (st == ONP_OK)
        st = onp_kernels_choose(&ctx, NULL, &err);
    if (st == ONP_OK) {
        tiny_net_init_of(&t, which, &ctx, SIZE, SIZE, BATCH);
        st = steps(&t, &r, &err);
        printf("%016llx %016llx loss %.9g\n",
               (unsigned long long)hash(t.net->memory.data, t.net->memory.bytes),
               (unsigned long long)hash(&r, sizeof r), r.inferred.loss);
        tiny_net_reset(&t);
    }
    if (st != ONP_OK)
        printf("%s\n", err.msg);
    return st == ONP_OK ? 0 : 1;
}

static void run_child(int threads, tiny_candidates which, char line[LINE])
{
    char arguments[32];
    (void)snprintf(arguments, sizeof arguments, "%d %d", threads, (int)which);
    onp_test_again(arguments, line, LINE);
}

static void test_same_bits(void **state)
{
    const tiny_candidates which = tiny_of(state);
    char first[LINE], line[LINE];
    run_child(1, which, first);
    onp_assert_contains(first, "loss");
    static const int others[] = {2, 3, 8};
    for (size_t i = 0; i < ONP_COUNT(others); i++) {
        run_child(others[i], which, line);
        assert_string_equal(line, first);
    }
}

/* Whatever OpenMP was told before: teams stay whole, no program waits for threads that never come.
 */
static void test_environment(void **state)
{
    static const struct {
        const char *name, *value;
        int threads;
    } all[] = {{"OMP_THREAD_LIMIT", "1", 0}, {"OMP_MAX_ACTIVE_LEVELS", "0", 2}};
    const tiny_candidates which = tiny_of(state);
    char first[LINE], line[LINE];
    run_child(1, which, first);
    for (size_t i = 0; i < ONP_COUNT(all); i++) {
        assert_int_equal(setenv(all[i].name, all[i].value, 1), 0);
        run_child(all[i].threads, which, line);
        assert_int_equal(unsetenv(all[i].name), 0);
        assert_string_equal(line, first);
    }
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return run((int)strtol(argv[1], NULL, 10), (tiny_candidates)strtol(argv[2], NULL, 10));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits),
                                       cmocka_unit_test(test_environment),
                                       cmocka_unit_test_prestate(test_same_bits, &tiny_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
