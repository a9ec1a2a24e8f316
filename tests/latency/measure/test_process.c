/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are run to their end, and what a child inherits. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "latency/measure/advice.h"
#include "latency/measure/process.h"
#include "tests/test_support.h"

#define SECOND ((int64_t)1000000000)

static onp_context ctx;

static int setup(void **state)
{
    (void)state;
    onp_context_init(&ctx);
    return 0;
}

typedef struct ended {
    onp_status st;
    onp_error err;
    char output[256], said[256];
    int exit_code;
} ended;

static ended run(const char *script, const char *input, size_t max_output, int64_t timeout_ns)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    ended e = {.exit_code = -1};
    onp_process p;
    const char *output = NULL;
    size_t n = 0;
    e.st = onp_process_start_with(&ctx, argv, input, max_output, &p, &e.err);
    if (e.st != ONP_OK)
        return e;
    e.st = onp_process_wait(&p, onp_now_ns() + timeout_ns, &output, &n, &e.exit_code, &e.err);
    if (e.st == ONP_OK)
        (void)snprintf(e.output, sizeof e.output, "%.*s", (int)n, output);
    onp_process_end(&p, 0);
    onp_process_said(&p, e.said, sizeof e.said);
    return e;
}

static void ends(void **state)
{
    (void)state;
    ended e = run("echo one; echo two >&2; exit 3", NULL, 4096, 20 * SECOND);
    assert_int_equal(e.st, ONP_OK);
    assert_int_equal(e.exit_code, 3);
    assert_string_equal(e.output, "one\n");
    assert_string_equal(e.said, "two");
    e = run("kill -9 $$", NULL, 4096, 20 * SECOND);
    assert_int_equal(e.exit_code, 137);
    assert_string_equal(e.output, "");
    /* one that closes its output and talks on */
    e = run(
        "exec 1>&-; for i in 1 2 3 4 5; do head -c 50000 /dev/zero | tr '\\0' x >&2; done; exit 4",
        NULL, 4096, 20 * SECOND);
    assert_int_equal(e.exit_code, 4);
    /* what it leaves behind may hold the pipe open */
    e = run("sleep 30 & echo left", NULL, 4096, 20 * SECOND);
    assert_int_equal(e.exit_code, 0);
    assert_string_equal(e.output, "left\n");
}

/* What it leaves behind talks on. */
static void leaves_a_flood(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "while :; do echo flood >&2; done & exit 5", NULL};
    onp_process p;
    onp_error err = {0};
    const char *line = NULL;
    size_t n = 0;
    assert_int_equal(onp_process_start(&ctx, argv, 4096, &p, &err), ONP_OK);
    assert_int_equal(onp_process_next(&p, onp_now_ns() + 20 * SECOND, &line, &n, &err),
                     ONP_E_DEVICE);
    onp_assert_contains(err.msg, "ended with exit code 5");
    onp_process_end(&p, 0);
}

/* One that left its group, as a shell with job control can be, is ended all the same. */
static void leaves_its_group(void **state)
{
    (void)state;
    const char *const argv[] = {"python3", "-c",
                                "import os, time; os.setpgid(0, os.getpgid(os.getppid()));"
                                "print('left', flush=True); time.sleep(60)",
                                NULL};
    onp_process p;
    onp_error err = {0};
    const char *line = NULL;
    size_t n = 0;
    assert_int_equal(onp_process_start(&ctx, argv, 4096, &p, &err), ONP_OK);
    assert_int_equal(onp_process_next(&p, onp_now_ns() + 20 * SECOND, &line, &n, &err), ONP_OK);
    const pid_t pid = p.pid;
    onp_process_end(&p, 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void reads_a_file(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "input");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 300000; i++)
        (void)fputc('a', f);
    (void)fclose(f);
    ended e = run("wc -c", path, 4096, 20 * SECOND);
    assert_int_equal(e.st, ONP_OK);
    assert_int_equal(strtol(e.output, NULL, 10), 300000);
    e = run("wc -c", NULL, 4096, 20 * SECOND);
    assert_int_equal(strtol(e.output, NULL, 10), 0);
    onp_test_path(path, dir, "missing");
    e = run("wc -c", path, 4096, 20 * SECOND);
    assert_int_equal(e.st, ONP_E_IO);
    onp_assert_contains(e.err.msg, "missing: No such file");
    onp_test_dir_remove(dir);
}

static void limits(void **state)
{
    (void)state;
    ended e = run("sleep 30", NULL, 4096, SECOND / 5);
    assert_int_equal(e.st, ONP_E_DEVICE);
    onp_assert_contains(e.err.msg, "did not end in time");
    e = run("exec 1>&-; sleep 30", NULL, 4096, SECOND / 5);
    assert_int_equal(e.st, ONP_E_DEVICE);
    onp_assert_contains(e.err.msg, "did not end in time");
    e = run("cat /dev/zero", NULL, 4096, 20 * SECOND);
    assert_int_equal(e.st, ONP_E_DEVICE);
    onp_assert_contains(e.err.msg, "more than 4096 bytes");
}

static void threads_are_not_inherited(void **state)
{
    (void)state;
    static const char *const gone[] = {"OMP_NUM_THREADS", "GOMP_CPU_AFFINITY", "KMP_AFFINITY",
                                       "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE_X"};
    static const char *const kept[] = {"OPENBLAS_CORETYPE", "OMP_TOOL", "OMPX"};
    for (size_t i = 0; i < ONP_COUNT(gone); i++)
        assert_int_equal(setenv(gone[i], "onepath", 1), 0);
    for (size_t i = 0; i < ONP_COUNT(kept); i++)
        assert_int_equal(setenv(kept[i], "onepath", 1), 0);
    ended e = run("env | grep -c =onepath", NULL, 4096, 20 * SECOND);
    for (size_t i = 0; i < ONP_COUNT(gone); i++)
        (void)unsetenv(gone[i]);
    for (size_t i = 0; i < ONP_COUNT(kept); i++)
        (void)unsetenv(kept[i]);
    assert_string_equal(e.output, "3\n");
}

static void advises(void **state)
{
    (void)state;
    assert_null(onp_advice("all is well"));
    onp_assert_contains(onp_advice("Host key verification failed."), "by hand");
    /* the more telling text comes first, wherever it stands */
    onp_assert_contains(onp_advice("pi@board: Permission denied (publickey,password)."),
                        "ssh-copy-id");
    onp_assert_contains(onp_advice("sh: agent: Permission denied"), "does not let it run");
    const char *const argv[] = {"sh", "-c", "echo 'error: device unauthorized.' >&2; exit 1", NULL};
    onp_process p;
    onp_error err = {0};
    const char *output;
    size_t n;
    int code;
    assert_int_equal(onp_process_start_with(&ctx, argv, NULL, 4096, &p, &err), ONP_OK);
    assert_int_equal(onp_process_wait(&p, onp_now_ns() + 20 * SECOND, &output, &n, &code, &err),
                     ONP_OK);
    onp_process_end(&p, 0);
    (void)onp_fail(&err, ONP_E_DEVICE, "ended with exit code %d", code);
    assert_int_equal(onp_process_failed(&p, "adb:R58", ONP_E_DEVICE, &err), ONP_E_DEVICE);
    assert_string_equal(
        err.msg, "runner adb:R58: ended with exit code 1; it said: error: device unauthorized. "
                 "(unlock the phone and allow USB debugging for this computer)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),           cmocka_unit_test(leaves_its_group),
        cmocka_unit_test(leaves_a_flood), cmocka_unit_test(reads_a_file),
        cmocka_unit_test(limits),         cmocka_unit_test(threads_are_not_inherited),
        cmocka_unit_test(advises),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
