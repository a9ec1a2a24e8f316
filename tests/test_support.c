/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "tests/test_support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *counting_alloc(void *user, size_t size)
{
    onp_test_memory *m = user;
    m->n_allocs++;
    if (m->n_allocs == m->fail_at || (m->size_limit > 0 && size > m->size_limit))
        return NULL;
    size_t rounded = (size + ONP_ALIGN - 1) / ONP_ALIGN * ONP_ALIGN;
    if (rounded < size)
        return NULL;
    void *p = aligned_alloc(ONP_ALIGN, rounded > 0 ? rounded : ONP_ALIGN);
    if (p != NULL)
        m->n_live++;
    return p;
}

static void counting_release(void *user, void *p)
{
    onp_test_memory *m = user;
    if (p != NULL)
        m->n_live--;
    free(p);
}

void onp_test_memory_init(onp_test_memory *m, long fail_at)
{
    *m = (onp_test_memory){.fail_at = fail_at};
    onp_context_init(&m->ctx);
    m->ctx.alloc = counting_alloc;
    m->ctx.release = counting_release;
    m->ctx.alloc_user = m;
}

void onp_test_each_allocation(onp_test_body body, void *arg)
{
    for (long n = 1;; n++) {
        onp_test_memory m;
        onp_test_memory_init(&m, n);
        onp_status st = body(&m.ctx, arg);
        if (m.n_live != 0)
            fail_msg("allocation %ld fails: %ld blocks leak", n, m.n_live);
        if (st == ONP_OK && m.n_allocs < n) {
            assert_true(n > 1);
            return;
        }
        if (st != ONP_E_NOMEM)
            fail_msg("allocation %ld fails: status is \"%s\", wanted \"%s\"", n,
                     onp_status_text(st), onp_status_text(ONP_E_NOMEM));
    }
}

void onp_test_dir_make(char path[ONP_TEST_PATH])
{
    const char *tmp = getenv("TMPDIR");
    onp_test_path(path, tmp != NULL ? tmp : "/tmp", "onepath-test-XXXXXX");
    if (mkdtemp(path) == NULL)
        fail_msg("cannot make the folder %s", path);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

void onp_test_dir_remove(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fail_msg("cannot remove the folder %s", path);
}

void onp_test_path(char out[ONP_TEST_PATH], const char *dir, const char *name)
{
    int n = snprintf(out, ONP_TEST_PATH, "%s/%s", dir, name);
    assert_true(n > 0 && n < ONP_TEST_PATH);
}

void onp_test_write(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || (size > 0 && fwrite(data, 1, size, f) != size) || fclose(f) != 0)
        fail_msg("cannot write %s", path);
}

const char *onp_test_source(void)
{
    const char *root = getenv("ONEPATH_SOURCE");
    return root != NULL ? root : ".";
}

const char *onp_test_shared(void)
{
    static char path[ONP_TEST_PATH];
    const char *given = getenv("ONEPATH_SHARED");
    if (given != NULL)
        onp_test_path(path, given, ".");
    else
        onp_test_path(path, onp_test_source(), "../shared");
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return path;
    printf("SKIPPED: no shared data at %s; set ONEPATH_SHARED to its folder\n", path);
    return NULL;
}

void onp_test_contains(const char *text, const char *part, const char *what, const char *file,
                       int line)
{
    if (text != NULL && strstr(text, part) != NULL)
        return;
    print_error("%s does not contain \"%s\":\n%s\n", what, part, text != NULL ? text : "(null)");
    _fail(file, line);
}

void onp_test_again(const char *arguments, char *line, size_t size)
{
    const char *emulator = getenv("ONEPATH_EMULATOR");
    char program[ONP_TEST_PATH], command[2 * ONP_TEST_PATH];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(n > 0);
    program[n] = '\0';
    (void)snprintf(command, sizeof command, "%s '%s' %s", emulator != NULL ? emulator : "", program,
                   arguments);
    FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c): our own path */
    assert_non_null(f);
    line[0] = '\0';
    (void)fgets(line, (int)size, f);
    if (pclose(f) != 0)
        fail_msg("%s: %s", command, line);
}
