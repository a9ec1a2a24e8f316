/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runner that follows a script: the test program itself, started again. One letter says what it
 * does when asked the first time, the next the second time, ...; the last letter stays.
 *
 *     o  answers: nine samples around ONP_FAKE_NS(in_h * in_w * in_c) at half the clock of hello
 *     n  the same, called noisy
 *     e  answers with an error
 *     d  dies
 *     i  interrupts the test (SIGUSR1), then answers as o
 *
 *     int main(int argc, char **argv)
 *     {
 *         if (argc > 1 && strcmp(argv[1], "--fake-runner") == 0)
 *             return onp_fake_main(argv);
 *         ...
 *     }
 *     onp_runner *r = onp_fake_open(&ctx, "ooe", 1);
 */
#ifndef ONP_TESTS_LATENCY_FAKE_RUNNER_H
#define ONP_TESTS_LATENCY_FAKE_RUNNER_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latency/measure/driver.h"
#include "latency/measure/protocol.h"
#include "tests/test_support.h"

#define ONP_FAKE_NS(elements) ((int64_t)1000 * (elements))
#define ONP_FAKE_KHZ          ((int64_t)4000000)

/* ---- the runner ---- */

static inline onp_status fake_hello(int64_t batch, onp_strbuf *out)
{
    const onp_runner_facts facts = {.device = "fake",
                                    .backend = "script",
                                    .kernel_hash = "abc",
                                    .precision = "f32",
                                    .threads = 1,
                                    .batch = batch,
                                    .os = "Linux 6.1 x86_64",
                                    .governor = "performance",
                                    .compiler = "cc 1",
                                    .clock_khz = ONP_FAKE_KHZ,
                                    .temperature_mc = ONP_UNKNOWN_MC,
                                    .takes_graph = true};
    return onp_message_add_hello(&facts, out, NULL);
}

static inline onp_status fake_answer(const onp_context *ctx, const onp_message *m, char what,
                                     onp_strbuf *out)
{
    enum { N = 9 };
    int64_t samples[N], clocks[N];
    onp_graph *g = NULL;
    onp_stop_rule rule;
    bool stamps;
    const onp_error refused = {.msg = "scripted refusal"};
    if (what == 'd')
        exit(3);
    if (what == 'i')
        (void)kill(getppid(), SIGUSR1);
    if (what == 'e')
        return onp_message_add_error(m->id, &refused, out, NULL);
    ONP_TRY(onp_message_measure(ctx, m, &g, &rule, &stamps, NULL));
    const onp_shape in = onp_graph_shape(g, 0);
    for (int i = 0; i < N; i++) {
        samples[i] = ONP_FAKE_NS(in.n * in.h * in.w * in.c) + i - N / 2;
        clocks[i] = ONP_FAKE_KHZ / 2;
    }
    onp_graph_free(g);
    onp_timing t = {.n = N, .samples_ns = samples, .clock_khz = clocks, .inner_reps = 2};
    if (what == 'n') {
        t.quality = ONP_TIMING_NOISY;
        (void)snprintf(t.reason, sizeof t.reason, "scripted noise");
    }
    return onp_message_add_result(m->id, &t, out, NULL);
}

/* argv: program, --fake-runner, script, batch. */
static inline int onp_fake_main(char **argv)
{
    const char *script = argv[2];
    char *line = NULL;
    size_t capacity = 0;
    onp_context ctx;
    onp_context_init(&ctx);
    for (ssize_t n; (n = getline(&line, &capacity, stdin)) > 0;) {
        onp_message m;
        onp_strbuf out;
        onp_strbuf_init(&out, &ctx);
        onp_status st = onp_message_decode(line, (size_t)n - 1, "driver", &m, NULL);
        if (st == ONP_OK && m.kind == ONP_MESSAGE_HELLO)
            st = fake_hello(strtol(argv[3], NULL, 10), &out);
        else if (st == ONP_OK && m.kind == ONP_MESSAGE_BYE)
            onp_strbuf_adds(&out, ONP_PROTOCOL_BYE);
        else if (st == ONP_OK) {
            st = fake_answer(&ctx, &m, *script, &out);
            script += script[1] != '\0';
        }
        if (st == ONP_OK)
            (void)fputs(out.text, stdout);
        onp_message_reset(&m);
        onp_strbuf_reset(&out);
        if (st != ONP_OK || fflush(stdout) != 0)
            return 1;
    }
    free(line);
    return 0;
}

/* ---- the test's side ---- */

/* batch: what hello says; 0: nothing. */
static inline onp_runner *onp_fake_open(const onp_context *ctx, const char *script, int batch)
{
    char batch_text[16];
    onp_runner *r = NULL;
    onp_error err = {0};
    (void)snprintf(batch_text, sizeof batch_text, "%d", batch);
    const char *const argv[] = {"/proc/self/exe", "--fake-runner", script, batch_text, NULL};
    if (onp_runner_open(ctx, argv, NULL, &r, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return r;
}

#endif
