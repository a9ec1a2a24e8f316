/* SPDX-License-Identifier: Apache-2.0 */
/* The first signal sets the flag; a second one, of the same kind or the other, is no longer caught.
 */
#include "tests/test_support.h"

#include "cli/interrupt.h"

static void is_default(int number)
{
    struct sigaction now;
    assert_int_equal(sigaction(number, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
}

static void test_signals(void **state)
{
    (void)state;
    const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < ONP_COUNT(numbers); i++) {
        const volatile sig_atomic_t *flag = onp_interrupt_flag();
        assert_int_equal(*flag, i == 0 ? 0 : numbers[i - 1]);
        assert_int_equal(raise(numbers[i]), 0);
        assert_int_equal(*flag, numbers[i]);
        is_default(SIGINT);
        is_default(SIGTERM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals)};
    return cmocka_run_group_tests_name("interrupt", tests, NULL, NULL);
}
