/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run folder made for tests: its files by hand, its database through the run's own interface.
 *
 *     onp_run_fixture f;
 *     onp_run_fixture_make(&f, ONP_RUN_FINISHED);
 *     assert_int_equal(onp_report_write(&f.ctx, f.dir, &f.err), ONP_OK);
 *     onp_run_fixture_remove(&f);
 */
#ifndef ONP_TESTS_REPORT_RUN_FIXTURE_H
#define ONP_TESTS_REPORT_RUN_FIXTURE_H

#include "search/rundb.h"
#include "tests/test_support.h"

typedef enum onp_run_kind {
    ONP_RUN_EMPTY,   /* nothing but its files */
    ONP_RUN_GOING,   /* two search epochs, not derived */
    ONP_RUN_FINISHED /* everything */
} onp_run_kind;

typedef struct onp_run_fixture {
    onp_context ctx;
    onp_error err;
    char dir[ONP_TEST_PATH];
} onp_run_fixture;

void onp_run_fixture_make(onp_run_fixture *f, onp_run_kind kind);
void onp_run_fixture_remove(onp_run_fixture *f);

/* The database, to add more; closed by onp_rundb_close. */
onp_rundb *onp_run_fixture_db(onp_run_fixture *f);
/* A metric of phase "result". */
void onp_run_fixture_result(onp_run_fixture *f, const char *name, double value);
/* Answers of a test: two classes, "a<b>" and "dog", and two images. */
void onp_run_fixture_answers(onp_run_fixture *f);
/* SQL on the database, past its interface. */
void onp_run_fixture_execute(const onp_run_fixture *f, const char *sql);
/* Replaces a file of the folder by a text. */
void onp_run_fixture_write(onp_run_fixture *f, const char *name, const char *text);
/* Writes the report and reads it (caller frees with onp_free). */
char *onp_run_fixture_page(onp_run_fixture *f);

#endif
