/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways in which a runner can misbehave, one test each, through `exec:` and a profile: it is ended
 * with its children within the time it was given, the error is the device's (exit code 6) and says
 * what it did and said, and the rows it measured before stay.
 */
#include <signal.h>
#include <time.h>

#include "base/progress.h"
#include "latency/measure/target.h"
#include "latency/table/profile.h"
#include "tests/latency/table/fake_runner.h"
#include "tests/latency/table/table_support.h"

#define MS ((int64_t)1000000)

#define IN_TIME "did not answer in time"

/* Blocks; answers for the sentinel, and then for blocks, before it misbehaves. */
enum { N = 5, SENTINELS = 2, GOOD = 2 };

typedef struct way {
    const char *name, *wanted; /* what the error says */
    bool at_hello;
    const char *lines; /* sent in place of an answer; @: the id of the question */
    void (*then)(void);
} way;

#define HELLO_OF_VERSION_9 "{\"message\": \"hello\", \"version\": 9}\n"
#define RESULT(id, samples)                                                                        \
    "{\"message\": \"result\", \"id\": " id ", \"samples_ns\": [" samples                          \
    "], \"inner_reps\": 1, \"n_rejected\": 0}\n"

/* ---- the runner ---- */

static void say(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) != 0)
        exit(1);
}

static void hang(void)
{
    for (;;)
        (void)sleep(60);
}

static void die(void)
{
    exit(9);
}

static void crash(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

static void close_output(void)
{
    (void)close(1);
    hang();
}

static void flood_without_end(void)
{
    char text[65536];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (;;)
        say(text);
}

static void flood_with_lines(void)
{
    for (;;)
        say("{\"message\": \"alive\"}\n");
}

static void flood_errors(void)
{
    for (;;)
        (void)fputs("warning: warning\n", stderr);
}

static void send_too_many(void)
{
    for (int i = 0; i < 200000; i++)
        (void)fputs(",7", stdout);
    say("], \"inner_reps\": 1, \"n_rejected\": 0}\n");
    hang();
}

static void nest(void)
{
    say("{\"message\": ");
    for (int i = 0; i < 100000; i++)
        (void)fputs("[", stdout);
    say("\n");
    hang();
}

static const way ways[] = {
    {"hangs at hello", IN_TIME, true, "", hang},
    {"dies at hello", "ended with exit code 9", true, "", die},
    {"speaks another version", "speaks version 9 of the runner protocol", true, HELLO_OF_VERSION_9,
     hang},
    {"greets with nonsense", "\"Welcome to the device\" is no answer", true,
     "Welcome to the device\n", hang},
    {"hangs in a measurement", IN_TIME, false, "", hang},
    {"dies in a measurement", "ended with exit code 9", false, "", die},
    {"crashes", "was ended by signal 11", false, "", crash},
    {"talks nonsense", "\"bla\" is no answer", false, "bla\n", hang},
    {"answers for another graph", "answered question ", false, RESULT("@9", "7, 8, 9"), hang},
    {"answers something else", "answered \"hello\", wanted \"result\"", false,
     "{\"message\": \"hello\", \"version\": 2}\n", hang},
    {"sends a line without an end", "a line of more than", false, "", flood_without_end},
    {"floods with lines", "that it is alive", false, "", flood_with_lines},
    {"floods standard error", IN_TIME, false, "", flood_errors},
    {"speaks unasked", "bytes that nobody asked for", false, RESULT("@", "7, 8, 9") "and more\n",
     hang},
    {"ends in the middle of a line", "ended with exit code 9", false,
     "{\"message\": \"result\", \"id\": @, \"samples_ns\": [7, 8", die},
    {"closes its output and stays", "closed its output", false, "", close_output},
    {"measures negative times", "element 1 of \"samples_ns\"", false, RESULT("@", "7, -8, 9"),
     hang},
    {"measures no times", "element 0 of \"samples_ns\"", false, RESULT("@", "\"fast\""), hang},
    {"measures times that are none", "element 0 of \"samples_ns\"", false,
     RESULT("@", "9223372036854775807"), hang},
    {"measures without end", "\"samples_ns\"", false,
     "{\"message\": \"result\", \"id\": @, \"samples_ns\": [7", send_too_many},
    {"measures nothing", "\"samples_ns\"", false, RESULT("@", ""), hang},
    {"nests without end", "is no answer", false, "", nest},
    {"repeats a key", "is no answer", false,
     "{\"message\": \"result\", \"message\": \"result\", \"id\": @}\n", hang},
};

/* A child of the runner that ignores what can be ignored; that of one that dies holds its pipes. */
static long start_child(const way *w)
{
    const pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGHUP, SIG_IGN);
        if (w->then != die || w->at_hello)
            (void)close(1);
        hang();
    }
    return child;
}

/* The lines, with the id that is in the request. */
static void say_lines(const char *lines, const char *request)
{
    const char *id = strstr(request, "\"id\": ");
    const int length = (int)strcspn(lines, "@");
    if (lines[length] == '\0' || id == NULL)
        (void)printf("%s", lines);
    else
        (void)printf("%.*s%ld%s", length, lines, strtol(id + 6, NULL, 10), lines + length + 1);
    say("");
}

/* argv: program, --misbehave, number of the way, file for the numbers of its processes. */
static int misbehave(char **argv)
{
    const way *w = &ways[strtol(argv[2], NULL, 10)];
    FILE *f = fopen(argv[3], "w");
    if (f == NULL)
        return 1;
    (void)fprintf(f, "%ld %ld\n", (long)getpid(), start_child(w));
    (void)fclose(f);
    (void)signal(SIGTERM, SIG_IGN);
    char *line = NULL;
    size_t capacity = 0;
    onp_context ctx;
    onp_context_init(&ctx);
    for (int n_asked = 0;; n_asked++) {
        const ssize_t n = getline(&line, &capacity, stdin);
        if (n <= 0)
            hang(); /* it should end with its input */
        if (w->at_hello || n_asked == SENTINELS + GOOD + 1) {
            (void)fprintf(stderr, "now: %s\n", w->name);
            say_lines(w->lines, line);
            w->then();
        }
        onp_message m;
        onp_strbuf out;
        onp_strbuf_init(&out, &ctx);
        if (onp_message_decode(line, (size_t)n - 1, "driver", &m, NULL) != ONP_OK ||
            (n_asked == 0 ? fake_hello(1, false, &out) : fake_answer(&ctx, &m, 'o', &out)) !=
                ONP_OK)
            return 1;
        say(out.text);
        onp_message_reset(&m);
        onp_strbuf_reset(&out);
    }
}

/* ---- the test's side ---- */

/* True when the process is no more, or waits to be reaped by whoever inherited it. */
static bool is_dead(long pid)
{
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return true;
    const bool read = fgets(text, sizeof text, f) != NULL;
    (void)fclose(f);
    return !read || strstr(text, ") Z ") != NULL;
}

static void assert_dead(const char *path)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    (void)fclose(f);
    char *end = NULL;
    const long runner = strtol(text, &end, 10), child = strtol(end, NULL, 10);
    assert_true(runner > 1 && child > 1);
    for (int i = 0; i < 500 && !(is_dead(runner) && is_dead(child)); i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * MS}, NULL);
    assert_true(is_dead(runner));
    assert_true(is_dead(child));
}

static onp_runner *open_way(onp_test_table *t, const char *pids, size_t i, onp_status *st)
{
    char text[ONP_TEST_PATH + 64];
    onp_target target;
    onp_runner *r = NULL;
    (void)snprintf(text, sizeof text, "exec:/proc/self/exe --misbehave %zu '%s'", i, pids);
    assert_int_equal(onp_target_parse(text, &target, NULL), ONP_OK);
    /* those that hang are not waited for as long as those that talk on a busy machine */
    const bool hangs = strcmp(ways[i].wanted, IN_TIME) == 0;
    const onp_target_options options = {
        .threads = 1,
        .runner = {.hello_timeout_ns = hangs && ways[i].at_hello ? 500 * MS : 0,
                   .slack_ns = hangs ? 300 * MS : 30000 * MS}};
    *st = onp_runner_open_target(&t->ctx, &target, &options, &r, &t->err);
    return r;
}

static onp_status profile(onp_test_table *t, onp_runner *r, onp_profile_result *result)
{
    onp_block blocks[N];
    for (int i = 0; i < N; i++) {
        char key[ONP_BLOCK_KEY];
        (void)snprintf(key, sizeof key, "mbconv in=%dx4x8 out=%dx4x8 k=3 e=1 s=1 skip=1", i + 2,
                       i + 2);
        assert_int_equal(onp_block_parse(key, &blocks[i], NULL), ONP_OK);
    }
    const onp_profile_options options = {.max_block_ns = 50 * MS, .seed = 1};
    return onp_profile(t->store, r, blocks, N, &options, result, &t->err);
}

static void ends_it(onp_test_table *t, size_t i)
{
    const way *w = &ways[i];
    char pids[ONP_TEST_PATH], query[256], wanted[64];
    onp_profile_result result = {0};
    onp_status st;
    onp_test_path(pids, t->dir, "pids");
    const int64_t start_ns = onp_now_ns();
    onp_runner *r = open_way(t, pids, i, &st);
    assert_int_equal(st == ONP_OK, !w->at_hello);
    if (st == ONP_OK)
        st = profile(t, r, &result);
    assert_int_equal(st, ONP_E_DEVICE);
    assert_int_equal(onp_status_exit_code(st), 6);
    onp_assert_contains(t->err.msg, "runner exec:/proc/self/exe --misbehave");
    onp_assert_contains(t->err.msg, w->wanted);
    if (w->then != flood_errors) {
        (void)snprintf(wanted, sizeof wanted, "it said: now: %s", w->name);
        onp_assert_contains(t->err.msg, wanted);
    }
    assert_true(r == NULL || !onp_runner_is_alive(r));
    onp_runner_close(r);
    assert_dead(pids);
    assert_true(onp_now_ns() - start_ns < 20000 * MS); /* and not a minute */
    (void)onp_test_query(t->path, "SELECT count(*) FROM estimate", query);
    assert_int_equal(strtol(query, NULL, 10), result.n_measured);
    assert_int_equal(result.n_measured > 0, !w->at_hello);
}

static size_t number_of(const char *name)
{
    size_t i = 0;
    while (strcmp(ways[i].name, name) != 0)
        i++;
    return i;
}

/* cmocka's initial state is the way; the store replaces it. */
typedef struct fixture {
    onp_test_table *table;
    size_t way;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    void *table = NULL;
    assert_non_null(f);
    f->way = number_of(*state);
    assert_int_equal(onp_test_table_setup(&table), 0);
    f->table = table;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    void *table = f->table;
    const int failed = onp_test_table_teardown(&table);
    free(f);
    return failed;
}

static void test_way(void **state)
{
    const fixture *f = *state;
    ends_it(f->table, f->way);
}

/* One that does all that it is asked and stays when it should end. */
static void stays(void **state)
{
    const fixture *f = *state;
    char pids[ONP_TEST_PATH];
    onp_status st;
    onp_test_path(pids, f->table->dir, "pids");
    onp_runner *r = open_way(f->table, pids, f->way, &st);
    assert_int_equal(st, ONP_OK);
    const int64_t start_ns = onp_now_ns();
    onp_runner_close(r);
    assert_true(onp_now_ns() - start_ns < 20000 * MS);
    assert_dead(pids);
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--misbehave") == 0)
        return misbehave(argv);
    enum { N_WAYS = ONP_COUNT(ways) };
    struct CMUnitTest tests[N_WAYS + 1];
    for (size_t i = 0; i < N_WAYS; i++)
        tests[i] = (struct CMUnitTest){ways[i].name, test_way, setup, teardown,
                                       (void *)(uintptr_t)ways[i].name};
    tests[N_WAYS] = (struct CMUnitTest){"stays when it should end", stays, setup, teardown,
                                        (void *)(uintptr_t)ways[number_of("talks nonsense")].name};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
