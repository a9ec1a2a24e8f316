/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small search for tests, on generated images: configuration, feed, supernet, database with
 * made-up latencies, and a trainer that is ready to run. Failures to set it up fail the test.
 *
 *     static int group_setup(void **state) { return tiny_cache_make(state); }   // images, once
 *     tiny_run r;
 *     const char *const sets[] = {"search.epochs=2", NULL};
 *     tiny_run_init(&r, sets);
 *     onp_trainer_run(&r.trainer, ONP_STAGE_WARMUP, &r.err);
 *     tiny_run_reset(&r);
 */
#ifndef ONP_TESTS_SEARCH_TINY_RUN_H
#define ONP_TESTS_SEARCH_TINY_RUN_H

#include "search/trainer.h"
#include "tests/test_support.h"

/* 320 images: 256 to train on, 64 held out, batches of 32; an architecture step every 2 of them.
 * Positions: stem, two choices of 3x3e1, 5x5e2, 3x3e2 and zero, one of the first three, mix, head.
 */
#define TINY_BATCHES 8

typedef struct tiny_run {
    onp_context ctx;
    onp_config cfg;
    onp_feed feed;
    onp_supernet *net;
    onp_step *step;
    onp_rundb *db;
    onp_latency_model latency;
    onp_trainer trainer;
    volatile sig_atomic_t stop;
    onp_error err;
    char dir[ONP_TEST_PATH], checkpoint[ONP_TEST_PATH];
} tiny_run;

/* Where the images are kept for all tests of a program; and one thread, as tests run beside each
 * other. */
int tiny_cache_make(void **state);
int tiny_cache_remove(void **state);

/* Writes config and space into dir; sets (may be NULL, ended by NULL) as --set has them. */
onp_status tiny_config(const onp_context *ctx, const char *dir, const char *const *sets,
                       onp_config *out, onp_error *err);
void tiny_run_init(tiny_run *r, const char *const *sets);
void tiny_run_reset(tiny_run *r);

/* Forgets the net and the trainer and makes fresh ones, as a new process does; the checkpoint, when
 * there is one, is loaded and newer rows are deleted. */
void tiny_run_restart(tiny_run *r);
/* Warm-up and search. */
onp_status tiny_run_search(tiny_run *r);

/* The rows of a query, a line each, numbers with all their digits; free(). */
char *tiny_run_query(const tiny_run *r, const char *sql);
/* The first number of a query. */
double tiny_run_number(const tiny_run *r, const char *sql);

#endif
