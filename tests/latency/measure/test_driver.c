/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against the real agent and against runners that misbehave. */
#define _GNU_SOURCE /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/process.h"
#include "latency/measure/target.h"
#include "tests/test_support.h"

#define MS ((int64_t)1000000)

static const onp_stop_rule quick = {.warmup_min_ns = 1,
                                    .sample_min_ns = 1,
                                    .samples_min = 8,
                                    .samples_max = 8,
                                    .time_min_ns = 1,
                                    .time_max_ns = 200 * MS};

static const onp_measure_options quickly = {.rule = &quick};

static onp_context ctx;

static int setup(void **state)
{
    (void)state;
    onp_context_init(&ctx);
    return 0;
}

static onp_graph *small_graph(int64_t batch)
{
    onp_block b;
    onp_graph *g = NULL;
    assert_int_equal(onp_block_parse("mbconv in=4x4x8 out=2x2x8 k=3 e=3 s=2 skip=0", &b, NULL),
                     ONP_OK);
    assert_int_equal(onp_measure_block_graph(&ctx, &b, batch, &g, NULL), ONP_OK);
    return g;
}

/* ---- the real agent ---- */

static onp_runner *open_agent(const onp_target_options *options)
{
    char path[ONP_TEST_PATH];
    const char *binary = getenv("ONEPATH_BINARY");
    if (binary == NULL) {
        (void)printf("SKIPPED: ONEPATH_BINARY is not set, so the agent is not known\n");
        skip();
    }
    onp_test_path(path, binary, "onepath-agent");
    const onp_target local = {.kind = ONP_TARGET_LOCAL};
    onp_target_options with_path = *options;
    with_path.agent = path;
    onp_runner *r = NULL;
    onp_error err = {0};
    if (onp_runner_open_target(&ctx, &local, &with_path, &r, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return r;
}

static void agent_measures(void **state)
{
    (void)state;
    onp_runner *r = open_agent(
        &(onp_target_options){.threads = 1, .kernels = "generic", .batch = 2, .device = "bench 7"});
    const onp_runner_facts *facts = onp_runner_get_facts(r);
    assert_string_equal(facts->device, "bench 7");
    assert_string_equal(facts->backend, "onepath");
    assert_string_equal(facts->kernel_set, "generic");
    assert_true(facts->takes_graph && !facts->takes_onnx);
    assert_true(facts->stamps && facts->alive);
    char allowed[ONP_CORES_TEXT];
    const onp_cores here = onp_parallel_allowed();
    onp_cores_text(&here, allowed);
    assert_string_equal(facts->allowed, allowed); /* not the one that it bound itself to */
    assert_int_equal(facts->threads, 1);
    assert_int_equal(facts->batch, 2);

    onp_graph *good = small_graph(2), *other = small_graph(1);
    for (int i = 0; i < 2; i++) {
        onp_timing t = {0};
        onp_error err = {0};
        if (onp_runner_measure(r, good, &quickly, &t, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(t.n, 8);
        assert_true(t.stats.min_ns > 0);
        onp_timing_reset(&ctx, &t);
        /* refused, and the runner goes on */
        assert_int_equal(onp_runner_measure(r, other, &quickly, &t, &err), ONP_E_DEVICE);
        onp_assert_contains(err.msg, "cannot measure this");
        onp_assert_contains(err.msg, "batch of 1, wanted 2");
        assert_null(t.samples_ns);
    }
    onp_graph_free(good);
    onp_graph_free(other);
    onp_runner_close(r);
}

static void agent_two_threads(void **state)
{
    (void)state;
    onp_runner *r = open_agent(&(onp_target_options){.threads = 2});
    onp_graph *g = small_graph(1);
    onp_timing t = {0};
    assert_int_equal(onp_runner_get_facts(r)->threads, 2);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, NULL), ONP_OK);
    onp_timing_reset(&ctx, &t);
    onp_graph_free(g);
    onp_runner_close(r);
}

static void agent_options(void **state)
{
    (void)state;
    char path[ONP_TEST_PATH];
    const char *binary = getenv("ONEPATH_BINARY");
    if (binary == NULL)
        skip();
    onp_test_path(path, binary, "onepath-agent");
    static const struct {
        const char *option, *value, *part;
    } rows[] = {
        {"--kernels", "cray", "kernel set \"cray\""},
        {"--threads", "0", "--threads is \"0\""},
        {"--threads", "2x", "--threads is \"2x\""},
        {"--colour", "red", "unknown option --colour"},
        {"--batch", NULL, "its value is missing"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        const char *const argv[] = {path, rows[i].option, rows[i].value, NULL};
        onp_runner *r = NULL;
        onp_error err = {0};
        assert_int_equal(onp_runner_open(&ctx, argv, NULL, &r, &err), ONP_E_DEVICE);
        onp_assert_contains(err.msg, "exit code 2; it said: onepath-agent:");
        onp_assert_contains(err.msg, rows[i].part);
    }
}

/* However it was started, it is another process of the same id by the time that it answers. */
static void agent_drops_threads(void **state)
{
    (void)state;
    static const char hello[] = "{\"message\": \"hello\", \"version\": 2}\n";
    char path[ONP_TEST_PATH], file[64], text[65536];
    const char *binary = getenv("ONEPATH_BINARY"), *line = NULL;
    size_t length = 0;
    if (binary == NULL)
        skip();
    onp_test_path(path, binary, "onepath-agent");
    const char *const argv[] = {
        "env", "OMP_THREAD_LIMIT=1", "OPENBLAS_VERBOSE=1", "HOME=/there", path, "--device", "me",
        NULL};
    onp_process p;
    onp_error err = {0};
    assert_int_equal(onp_process_start(&ctx, argv, 65536, &p, &err), ONP_OK);
    if (onp_process_ask(&p, hello, strlen(hello), onp_now_ns() + 20000 * MS, &line, &length,
                        &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_non_null(memmem(line, length, "\"device\": \"me\"", strlen("\"device\": \"me\"")));
    (void)snprintf(file, sizeof file, "/proc/%ld/environ", (long)p.pid);
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    const size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    onp_process_end(&p, 0);
    assert_non_null(memmem(text, n, "HOME=/there", strlen("HOME=/there")));
    assert_null(memmem(text, n, "OMP_THREAD_LIMIT", strlen("OMP_THREAD_LIMIT")));
    assert_null(memmem(text, n, "OPENBLAS_VERBOSE", strlen("OPENBLAS_VERBOSE")));
}

/* ---- runners that misbehave ---- */

#define HELLO "read request; " SAY_HELLO
#define SAY_HELLO                                                                                  \
    "echo '{\"message\": \"hello\", \"version\": 2, \"accepts\": [\"graph\"], "                    \
    "\"platform\": {\"device\": \"d\", \"backend\": \"b\", \"precision\": \"f32\", "               \
    "\"threads\": 1, \"batch\": 1}, \"run\": {}}'; "
#define READ_ALIVE READ_HELLO_ALIVE "read request; "
#define READ_HELLO_ALIVE                                                                           \
    "read request; echo '{\"message\": \"hello\", \"version\": 2, \"accepts\": [\"graph\"], "      \
    "\"alive\": true, \"stamps\": true, \"platform\": {\"device\": \"d\", \"backend\": \"b\", "    \
    "\"precision\": \"f32\", \"threads\": 1, \"batch\": 1}, \"run\": {}}'; "
#define ALIVE "echo '{\"message\": \"alive\"}'; "
#define RESULT                                                                                     \
    "read request; echo '{\"message\": \"result\", \"id\": 1, \"samples_ns\": [7, 8, 9], "         \
    "\"inner_reps\": 1, \"n_rejected\": 0}'; "

static onp_status open_shell(const char *script, onp_runner **r, onp_error *err)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const onp_runner_options options = {
        .hello_timeout_ns = 1500 * MS, .slack_ns = 300 * MS, .silence_ns = 100 * MS};
    return onp_runner_open(&ctx, argv, &options, r, err);
}

static void no_hello(void **state)
{
    (void)state;
    static const struct {
        const char *script, *part;
    } rows[] = {
        {"echo out of paper >&2; exit 3", "ended with exit code 3; it said: out of paper"},
        {"kill -9 $$", "ended by signal 9"},
        {"exec 1>&-; sleep 20", "closed its output"},
        {"sleep 20", "did not answer in time"},
        {"read request; echo hello there", "\"hello there\" is no answer"},
        {"read request; echo '{}'", "\"message\" is missing"},
        {"read request; echo '{\"message\": \"bye\"}'", "answered \"bye\", wanted \"hello\""},
        {"read request; echo '{\"message\": \"error\", \"id\": 0, \"text\": \"no licence\"}'",
         "wanted \"hello\": no licence"},
        {"read request; echo '{\"message\": \"hello\", \"version\": 1}'",
         "speaks version 1 of the runner protocol, wanted 2: one of both sides is too old"},
        {"exec cat /dev/zero", "a line of more than"},
        {"while :; do echo noise >&2; done", "did not answer in time; it said:"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_runner *r = NULL;
        onp_error err = {0};
        assert_int_equal(open_shell(rows[i].script, &r, &err), ONP_E_DEVICE);
        assert_int_equal(err.status, ONP_E_DEVICE);
        assert_null(r);
        onp_assert_contains(err.msg, "runner sh: ");
        onp_assert_contains(err.msg, rows[i].part);
    }
}

static void cannot_start(void **state)
{
    (void)state;
    const char *const argv[] = {"/nonexistent/agent", NULL};
    onp_runner *r = NULL;
    onp_error err = {0};
    assert_int_equal(onp_runner_open(&ctx, argv, NULL, &r, &err), ONP_E_DEVICE);
    onp_assert_contains(err.msg, "/nonexistent/agent: cannot be started");
    /* there is no agent beside this test */
    assert_int_equal(
        onp_runner_open_target(&ctx, &(onp_target){.kind = ONP_TARGET_LOCAL}, NULL, &r, &err),
        ONP_E_DEVICE);
    onp_assert_contains(err.msg, "onepath-agent: ");
    assert_null(r);
}

static void no_result(void **state)
{
    (void)state;
    static const struct {
        const char *script, *part;
    } rows[] = {
        {HELLO "read request; exit 9", "ended with exit code 9"},
        {HELLO "read request; sleep 20", "did not answer in time"},
        {HELLO "read request; echo more; sleep 20", "\"more\" is no answer"},
        {HELLO "read request; echo '{\"message\": \"result\", \"id\": 2}'",
         "answered question 2, wanted an answer to 1"},
        {HELLO "read request; echo '{\"message\": \"error\", \"id\": 0, \"text\": \"what?\"}'",
         "wanted \"result\": what?"},
        {HELLO "read request; echo '{\"message\": \"result\", \"id\": 1, \"samples_ns\": [0]}'",
         "element 0 of \"samples_ns\""},
        {HELLO "read request; exec cat /dev/zero", "a line of more than"},
        {READ_ALIVE "sleep 20", "was not heard of for 0.1 s"},
        {READ_ALIVE ALIVE "sleep 20", "was not heard of for 0.1 s"},
        {READ_ALIVE "while :; do " ALIVE "done", "times in 0 s that it is alive"},
        {READ_ALIVE "while :; do sleep 0.08; " ALIVE "done", "did not answer in time"},
        {"read request; exec 0<&-; " SAY_HELLO "sleep 20", "closed its input"},
    };
    onp_graph *g = small_graph(1);
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        onp_runner *r = NULL;
        onp_timing t = {0};
        onp_error err = {0};
        if (open_shell(rows[i].script, &r, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_E_DEVICE);
        onp_assert_contains(err.msg, rows[i].part);
        assert_null(t.samples_ns);
        assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_E_DEVICE);
        onp_assert_contains(err.msg, "has failed before");
        onp_runner_close(r);
    }
    onp_graph_free(g);
}

/* Words of life before an answer; stamps of what was asked for. */
static void waits_for_the_living(void **state)
{
    (void)state;
    onp_graph *g = small_graph(1);
    onp_runner *r = NULL;
    onp_timing t = {0};
    onp_error err = {0};
    const onp_measure_options stamped = {.rule = &quick, .stamps = true};
#define STAMPED "echo '{\"message\": \"result\", \"id\": 1, \"samples_ns\": [7], \"stamps_ns\": "
    if (open_shell(READ_ALIVE ALIVE "sleep 0.06; " ALIVE "sleep 0.06; " STAMPED "[[6]]}'; cat", &r,
                   &err) != ONP_OK)
        fail_msg("%s", err.msg);
    if (onp_runner_measure(r, g, &stamped, &t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(t.stats.median_ns, 7);
    assert_int_equal(onp_timing_group(&t, 0)[0], 6);
    onp_timing_reset(&ctx, &t);
    onp_runner_close(r);

    assert_int_equal(open_shell(READ_ALIVE STAMPED "[[3], [3]]}'; cat", &r, &err), ONP_OK);
    assert_int_equal(onp_runner_measure(r, g, &stamped, &t, &err), ONP_E_DEVICE);
    onp_assert_contains(err.msg, "answered stamps of 2 groups, wanted 1");
    assert_null(t.samples_ns);
    onp_runner_close(r);

    assert_int_equal(open_shell(HELLO "cat", &r, &err), ONP_OK); /* announces nothing */
    assert_int_equal(onp_runner_measure(r, g, &stamped, &t, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "cannot stamp the bounds of blocks");
    assert_true(onp_runner_is_alive(r));
    onp_runner_close(r);
    onp_graph_free(g);
}

/* More blocks than one has, so that the request is longer than what a slow link carries in a
 * second. */
static onp_graph *long_graph(size_t n)
{
    onp_block b;
    onp_graph *g = onp_graph_new(&ctx, NULL);
    onp_block *blocks = calloc(n, sizeof *blocks);
    assert_int_equal(onp_block_parse("mbconv in=4x4x8 out=4x4x8 k=3 e=3 s=1 skip=1", &b, NULL),
                     ONP_OK);
    for (size_t i = 0; i < n; i++)
        blocks[i] = b;
    (void)onp_network_graph(g, blocks, n, 1, ONP_MODE_FOLDED, 0.0);
    free(blocks);
    return g;
}

/* The time that a rule allows comes on top of the slack, that of a long request on top of the
 * silence. */
static void waits_as_long_as_it_may_take(void **state)
{
    (void)state;
    static const onp_stop_rule slow = {.time_max_ns = 20000 * MS};
    static const onp_measure_options slowly = {.rule = &slow};
    onp_graph *small = small_graph(1), *large = long_graph(300);
    onp_runner *r = NULL;
    onp_timing t = {0};
    onp_error err = {0};
#define ANSWER "echo '{\"message\": \"result\", \"id\": 1, \"samples_ns\": [7]}'; cat"
    assert_int_equal(open_shell(HELLO "read request; sleep 0.6; " ANSWER, &r, &err), ONP_OK);
    if (onp_runner_measure(r, small, &slowly, &t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_timing_reset(&ctx, &t);
    onp_runner_close(r);
    assert_int_equal(
        open_shell(READ_HELLO_ALIVE "sleep 0.4; head -n 1 >/dev/null; " ANSWER, &r, &err), ONP_OK);
    if (onp_runner_measure(r, large, &slowly, &t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_timing_reset(&ctx, &t);
    onp_runner_close(r);
    onp_graph_free(small);
    onp_graph_free(large);
}

/* Threads share what a device does else: their samples may vary more, unless the rule says how
 * much. */
static void rule_by_threads(void **state)
{
    (void)state;
    const onp_stop_rule strict = {.cv_max = 0.02};
    for (int threads = 1; threads <= 2; threads++) {
        char script[512];
        onp_runner *r = NULL;
        onp_error err = {0};
        (void)snprintf(script, sizeof script,
                       "read request; echo '{\"message\": \"hello\", \"version\": 2, \"accepts\": "
                       "[\"graph\"], \"platform\": {\"device\": \"d\", \"backend\": \"b\", "
                       "\"precision\": \"f32\", \"threads\": %d, \"batch\": 1}, \"run\": {}}'; cat",
                       threads);
        assert_int_equal(open_shell(script, &r, &err), ONP_OK);
        assert_true(onp_runner_stop_rule(r, NULL).cv_max == (threads > 1 ? 0.08 : 0.03));
        assert_true(onp_runner_stop_rule(r, &strict).cv_max == 0.02);
        onp_runner_close(r);
    }
}

/* A runner that says bye has time to put its things away. */
static void lets_it_end(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH], script[4096];
    onp_runner *r = NULL;
    onp_error err = {0};
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "ended");
    (void)snprintf(script, sizeof script,
                   HELLO "read request; echo '{\"message\": \"bye\"}'; sleep 0.2; : >'%s'", path);
    assert_int_equal(open_shell(script, &r, &err), ONP_OK);
    onp_runner_close(r);
    assert_true(onp_file_exists(path));
    onp_test_dir_remove(dir);
}

/* Beside the program there is none: the folders of $PATH in turn. */
static void finds_the_agent_in_the_path(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], agent[ONP_TEST_PATH], path[ONP_TEST_PATH + 64], found[4096] = "";
    const char *const before = getenv("PATH");
    char *const kept = before != NULL ? strdup(before) : NULL;
    onp_error err = {0};
    onp_test_dir_make(dir);
    onp_test_path(agent, dir, "onepath-agent");
    assert_int_equal(symlink("/bin/sh", agent), 0);
    (void)snprintf(path, sizeof path, "/nonexistent::%s:/usr/bin", dir);
    assert_int_equal(setenv("PATH", path, 1), 0);
    onp_status st = onp_runner_find_agent(found, sizeof found, &err);
    assert_int_equal(kept != NULL ? setenv("PATH", kept, 1) : unsetenv("PATH"), 0);
    free(kept);
    if (st != ONP_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(found, agent);
    onp_test_dir_remove(dir);
}

static onp_status encode(void *user, const onp_graph *g, onp_strbuf *onnx, onp_error *err)
{
    assert_int_equal(onp_graph_n_nodes(g), 5);
    if (*(const bool *)user)
        return onp_fail(err, ONP_E_SHAPE, "cannot be written");
    onp_strbuf_adds(onnx, "model");
    return ONP_OK;
}

/* A runner that takes nothing but ONNX is sent what the encoder writes. */
static void sends_onnx(void **state)
{
    (void)state;
    onp_graph *g = small_graph(1);
    onp_runner *r = NULL;
    onp_timing t = {0};
    onp_error err = {0};
    bool broken = true;
    const char *script =
        "read request; echo '{\"message\": \"hello\", \"version\": 2, \"accepts\": [\"onnx\"], "
        "\"platform\": {\"device\": \"d\", \"backend\": \"b\", \"precision\": \"f32\", "
        "\"threads\": 1, \"batch\": 1}, \"run\": {}}'; read request; case $request in "
        "*'\"onnx\": \"bW9kZWw=\"'*) echo '{\"message\": \"result\", \"id\": 3, \"samples_ns\": "
        "[5]}'; "
        "esac; cat";
    assert_int_equal(open_shell(script, &r, &err), ONP_OK);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "takes ONNX only");
    onp_runner_set_encoder(r, encode, &broken);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_E_SHAPE);
    broken = false;
    if (onp_runner_measure(r, g, &quickly, &t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(t.stats.median_ns, 5);
    onp_timing_reset(&ctx, &t);
    onp_runner_close(r);

    /* one that takes both is sent the graph */
    script =
        "read request; echo '{\"message\": \"hello\", \"version\": 2, \"accepts\": [\"onnx\", "
        "\"graph\"], \"platform\": {\"device\": \"d\", \"backend\": \"b\", \"precision\": \"f32\", "
        "\"threads\": 1, \"batch\": 1}, \"run\": {}}'; read request; case $request in "
        "*'\"graph\": {'*) echo '{\"message\": \"result\", \"id\": 1, \"samples_ns\": [6]}'; esac; "
        "cat";
    assert_int_equal(open_shell(script, &r, &err), ONP_OK);
    if (onp_runner_measure(r, g, &quickly, &t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(t.stats.median_ns, 6);
    onp_timing_reset(&ctx, &t);
    onp_runner_close(r);
    onp_graph_free(g);
}

/* Two lines in one write: the second is found before the next question. */
static void speaks_unasked(void **state)
{
    (void)state;
    onp_graph *g = small_graph(1);
    onp_runner *r = NULL;
    onp_timing t = {0};
    onp_error err = {0};
    assert_int_equal(
        open_shell(HELLO "read request; printf '%s\\n%s\\n' '{\"message\": \"result\", \"id\": 1, "
                         "\"samples_ns\": [7, 8, 9], \"inner_reps\": 1, \"n_rejected\": 0}' more; "
                         "sleep 20",
                   &r, &err),
        ONP_OK);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_OK);
    assert_int_equal(t.stats.median_ns, 8);
    onp_timing_reset(&ctx, &t);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_E_DEVICE);
    onp_assert_contains(err.msg, "sent 5 bytes that nobody asked for");
    onp_runner_close(r);
    onp_graph_free(g);
}

/* A request larger than any pipe, to a runner that never reads it. */
static void never_reads(void **state)
{
    (void)state;
    onp_graph *g = long_graph(3000);
    onp_runner *r = NULL;
    onp_timing t = {0};
    onp_error err = {0};
    assert_int_equal(open_shell(HELLO "sleep 20", &r, &err), ONP_OK);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_E_DEVICE);
    onp_assert_contains(err.msg, "did not answer in time");
    onp_runner_close(r);
    onp_graph_free(g);
}

/* True when the process is no more, or waits to be reaped by whoever inherited it. */
static bool is_dead(long pid)
{
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return true;
    bool read = fgets(text, sizeof text, f) != NULL;
    (void)fclose(f);
    return !read || strstr(text, ") Z ") != NULL;
}

/* The children of a runner go with it, whether it failed or was closed. */
static void ends_the_group(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH], script[4096];
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "pid");
    for (int closed = 0; closed < 2; closed++) {
        onp_runner *r = NULL;
        onp_error err = {0};
        (void)snprintf(script, sizeof script, "sleep 30 & echo $! >'%s'; %s wait", path,
                       closed ? HELLO : "");
        assert_int_equal(open_shell(script, &r, &err), closed ? ONP_OK : ONP_E_DEVICE);
        onp_runner_close(r);
        char text[32] = "";
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        (void)fclose(f);
        long pid = strtol(text, NULL, 10);
        assert_true(pid > 1);
        for (int i = 0; i < 200 && !is_dead(pid); i++)
            (void)nanosleep(&(struct timespec){.tv_nsec = 10 * MS}, NULL);
        assert_true(is_dead(pid));
    }
    onp_test_dir_remove(dir);
}

static void refuses_rule(void **state)
{
    (void)state;
    onp_graph *g = small_graph(1);
    onp_runner *r = NULL;
    onp_timing t = {0};
    onp_error err = {0};
    assert_int_equal(open_shell(HELLO RESULT, &r, &err), ONP_OK);
    assert_int_equal(
        onp_runner_measure(
            r, g, &(onp_measure_options){.rule = &(onp_stop_rule){.samples_min = -1}}, &t, &err),
        ONP_E_RANGE);
    assert_int_equal(onp_runner_measure(r, g, &quickly, &t, &err), ONP_OK); /* still there */
    onp_timing_reset(&ctx, &t);
    onp_runner_close(r);
    onp_runner_close(NULL);
    onp_graph_free(g);
}

static onp_status session_body(const onp_context *c, void *arg)
{
    const char *const argv[] = {"sh", "-c", HELLO RESULT, NULL};
    onp_runner *r = NULL;
    onp_timing t = {0};
    ONP_TRY(onp_runner_open(c, argv, NULL, &r, NULL));
    onp_status st = onp_runner_measure(r, arg, &quickly, &t, NULL);
    onp_timing_reset(c, &t);
    onp_runner_close(r);
    return st;
}

static void allocation_faults(void **state)
{
    (void)state;
    onp_graph *g = small_graph(1);
    onp_test_each_allocation(session_body, g);
    onp_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_measures),
        cmocka_unit_test(agent_two_threads),
        cmocka_unit_test(agent_options),
        cmocka_unit_test(agent_drops_threads),
        cmocka_unit_test(no_hello),
        cmocka_unit_test(cannot_start),
        cmocka_unit_test(no_result),
        cmocka_unit_test(speaks_unasked),
        cmocka_unit_test(waits_for_the_living),
        cmocka_unit_test(waits_as_long_as_it_may_take),
        cmocka_unit_test(rule_by_threads),
        cmocka_unit_test(lets_it_end),
        cmocka_unit_test(finds_the_agent_in_the_path),
        cmocka_unit_test(sends_onnx),
        cmocka_unit_test(never_reads),
        cmocka_unit_test(ends_the_group),
        cmocka_unit_test(refuses_rule),
        cmocka_unit_test(allocation_faults),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
