/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* pseudo-terminals */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/progress.h"
#include "tests/test_support.h"

/* All there is, once the other end is closed. */
static void read_text(int fd, char out[4096])
{
    size_t used = 0;
    for (ssize_t n = 1; n > 0; used += n > 0 ? (size_t)n : 0)
        n = read(fd, out + used, 4095 - used);
    out[used] = '\0';
}

static onp_context context(void)
{
    onp_context ctx;
    onp_context_init(&ctx);
    return ctx;
}

static void pipe_gets_few_plain_lines(void **state)
{
    (void)state;
    onp_context ctx = context();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    onp_progress *p = onp_progress_new(&ctx, ends[1], false);
    onp_progress_step(p, 1, "before begin");
    onp_progress_begin(p, "profile", 40);
    for (int i = 1; i <= 40; i++)
        onp_progress_step(p, i, "block %d", i);
    onp_progress_line(p, "a warning");
    onp_progress_end(p);
    onp_progress_end(p);
    onp_progress_begin(p, "count", 0);
    onp_progress_step(p, 7, "%s", "x");
    onp_progress_free(p); /* ends what was begun */
    char text[4096];
    (void)close(ends[1]);
    read_text(ends[0], text);
    assert_string_equal(text, "a warning\nprofile: 40/40  in 0s\ncount: 7  in 0s\n");
    (void)close(ends[0]);
}

static void quiet_and_null_print_nothing(void **state)
{
    (void)state;
    onp_context ctx = context();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    onp_progress *p = onp_progress_new(&ctx, ends[1], true);
    for (int i = 0; i < 2; i++) {
        onp_progress_begin(p, "x", 3);
        onp_progress_step(p, 1, "y");
        onp_progress_line(p, "z");
        onp_progress_end(p);
        onp_progress_free(p);
        p = NULL;
    }
    (void)close(ends[1]);
    char text[4096];
    read_text(ends[0], text);
    assert_string_equal(text, "");
    (void)close(ends[0]);
    onp_test_memory m;
    onp_test_memory_init(&m, 1);
    assert_null(onp_progress_new(&m.ctx, 2, false));
}

static void run_on_terminal(char text[4096])
{
    onp_context ctx = context();
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(fd >= 0);
    onp_progress *p = onp_progress_new(&ctx, fd, false);
    onp_progress_begin(p, "train", 4);
    const struct timespec pause = {.tv_nsec = 120000000};
    (void)nanosleep(&pause, NULL);
    onp_progress_step(p, 2, "%0200d", 5); /* wider than the terminal */
    onp_progress_line(p, "a warning");
    onp_progress_end(p);
    onp_progress_free(p);
    (void)close(fd);
    read_text(master, text);
    (void)close(master);
}

static void terminal_gets_a_bar(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
    run_on_terminal(text);
    onp_assert_contains(text, "\r\033[Ktrain [--------------------] 0/4");
    onp_assert_contains(text, "\r\033[Ktrain [##########----------] 2/4, 0s left  000");
    onp_assert_contains(text, "\r\033[Ka warning\r\n\r\033[Ktrain [#####"); /* drawn again below */
    onp_assert_contains(text, "\r\033[Ktrain: 2/4  in 0s\r\n");
    assert_null(strstr(text, "\033[1m"));
    for (const char *line = strstr(text, "\033[K"); line != NULL; line = strstr(line, "\033[K")) {
        line += 3;
        assert_true(strcspn(line, "\r\n") < 80); /* never wraps */
    }
    assert_int_equal(unsetenv("NO_COLOR"), 0);
    run_on_terminal(text);
    onp_assert_contains(text, "\033[1mtrain\033[0m");
    assert_int_equal(setenv("TERM", "dumb", 1), 0);
    run_on_terminal(text);
    assert_null(strstr(text, "\033"));
}

static void clock_goes_forward(void **state)
{
    (void)state;
    int64_t before = onp_now_ns();
    const struct timespec pause = {.tv_nsec = 2000000};
    (void)nanosleep(&pause, NULL);
    assert_true(onp_now_ns() - before >= 1900000); /* raw clocks may differ by parts per thousand */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipe_gets_few_plain_lines),
        cmocka_unit_test(quiet_and_null_print_nothing),
        cmocka_unit_test(terminal_gets_a_bar),
        cmocka_unit_test(clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
