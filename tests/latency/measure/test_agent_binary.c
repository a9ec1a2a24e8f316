/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "latency/measure/agent_binary.h"
#include "tests/test_support.h"

static void test_finding(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], file[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_error err = {0};
    onp_test_dir_make(dir);
    onp_test_path(file, dir, "onepath-agent-aarch64");
    assert_int_equal(setenv("ONEPATH_AGENTS", dir, 1), 0);
    assert_int_equal(onp_agent_binary_find("aarch64", path, sizeof path, &err), ONP_E_DEVICE);
    onp_assert_contains(err.msg, "/onepath-agent-aarch64: not there; $ONEPATH_AGENTS names");
    onp_test_write(file, "ELF", 3);
    assert_int_equal(onp_agent_binary_find("aarch64", path, sizeof path, &err), ONP_OK);
    assert_string_equal(path, file);
    assert_int_equal(onp_agent_binary_find("aarch64", path, 8, &err), ONP_E_DEVICE);
    assert_int_equal(onp_agent_binary_find("mips", path, sizeof path, &err), ONP_E_DEVICE);
    onp_assert_contains(err.msg, "is a \"mips\"; agents exist for x86_64 and aarch64");
    onp_test_dir_remove(dir);
}

static void test_what_is_missing(void **state)
{
    (void)state;
    char path[ONP_TEST_PATH];
    onp_error err = {0};
    assert_int_equal(unsetenv("ONEPATH_AGENTS"), 0);
    size_t n = 0;
    for (; onp_agent_binary_arch(n) != NULL; n++)
        if (onp_agent_binary_find(onp_agent_binary_arch(n), path, sizeof path, &err) != ONP_OK)
            onp_assert_contains(err.msg, "cmake --preset agent-");
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finding),
                                       cmocka_unit_test(test_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
