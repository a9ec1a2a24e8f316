/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests share: cmocka with the headers it wants, a context whose n-th allocation fails and
 * that counts what is alive, temporary folders, and the shared data.
 *
 *     static onp_status load(const onp_context *ctx, void *arg)   // returns OK or the failure,
 *     {                                                           // frees whatever it got
 *         ...
 *     }
 *     onp_test_each_allocation(load, arg); // fails the 1st, 2nd, ... allocation until load passes
 *
 *     char dir[ONP_TEST_PATH];
 *     onp_test_dir_make(dir);
 *     onp_test_dir_remove(dir);
 */
#ifndef ONP_TESTS_TEST_SUPPORT_H
#define ONP_TESTS_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/context.h"

#define ONP_TEST_PATH 1024

/* A context that counts. It must outlive what it allocated, and one thread at a time allocates. */
typedef struct onp_test_memory {
    onp_context ctx;   /* pass &memory.ctx; alloc_user points back here, so do not copy */
    long fail_at;      /* the 1-based allocation that fails; 0: none */
    long n_allocs;     /* attempted so far */
    long n_live;       /* given out and not released */
    size_t size_limit; /* allocations above this many bytes fail; 0: no limit */
} onp_test_memory;

void onp_test_memory_init(onp_test_memory *m, long fail_at);

/*
 * Runs body with the first allocation failing, then with the second, until it succeeds. Checks that
 * each failure is ONP_E_NOMEM, that no block is alive after any run, and that there was a failure
 * to see. body gets a fresh context each time.
 */
typedef onp_status (*onp_test_body)(const onp_context *ctx, void *arg);
void onp_test_each_allocation(onp_test_body body, void *arg);

/* Makes a new folder below $TMPDIR (default /tmp) and writes its path; remove takes all in it. */
void onp_test_dir_make(char path[ONP_TEST_PATH]);
void onp_test_dir_remove(const char *path);

/* "dir/name" into out. */
void onp_test_path(char out[ONP_TEST_PATH], const char *dir, const char *name);
/* Writes size bytes to path, not through the code under test. */
void onp_test_write(const char *path, const void *data, size_t size);

/*
 * The folder of shared data: $ONEPATH_SHARED, else ../shared beside the source tree. NULL when it
 * is absent, after printing a line that begins with SKIPPED; the test then calls skip().
 */
const char *onp_test_shared(void);

/* The root of the source tree (configs and golden files). */
const char *onp_test_source(void);

/* Runs this program again with these arguments and takes the first line that it writes; it must end
 * with 0. By $ONEPATH_EMULATOR where the kernel cannot start it. */
void onp_test_again(const char *arguments, char *line, size_t size);

#define onp_assert_contains(text, part) onp_test_contains((text), (part), #text, __FILE__, __LINE__)
void onp_test_contains(const char *text, const char *part, const char *what, const char *file,
                       int line);

#endif
