/* SPDX-License-Identifier: Apache-2.0 */
/* Every parser takes every file of its corpus: what was found once stays mended. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "tests/fuzz/parsers.h"
#include "tests/test_support.h"

typedef struct parser {
    const char *name, *file;
    bool (*parse)(fuzz_input *in);
} parser;

#define ROW(name_, file_) {#name_, file_, fuzz_##name_},
static const parser parsers[] = {FUZZ_PARSERS(ROW)};
#undef ROW

static bool replay(const parser *p, const char *path)
{
    onp_error err = {0};
    onp_mapped_file map = {0};
    fuzz_input in;
    if (onp_file_map(path, &map, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    fuzz_input_open(&in);
    fuzz_input_set(&in, p->file, map.data, map.size);
    const bool taken = p->parse(&in);
    fuzz_input_close(&in);
    onp_file_unmap(&map);
    return taken;
}

static void test_corpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < ONP_COUNT(parsers); i++) {
        char folder[ONP_TEST_PATH], path[ONP_TEST_PATH];
        (void)snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", onp_test_source(),
                       parsers[i].name);
        DIR *dir = opendir(folder);
        if (dir == NULL)
            fail_msg("%s: no corpus", folder);
        int n = 0, n_taken = 0;
        for (const struct dirent *e; (e = readdir(dir)) != NULL;) /* NOLINT: fail_msg left */
            if (e->d_name[0] != '.') {
                onp_test_path(path, folder, e->d_name);
                n_taken += replay(&parsers[i], path);
                n++;
            }
        (void)closedir(dir);
        if (n_taken == 0 || n_taken == n)
            fail_msg("%s: %d of %d files are accepted, wanted some, not all", folder, n_taken, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
