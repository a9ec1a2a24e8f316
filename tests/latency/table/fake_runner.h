/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runner that follows a script: the test program itself, started again. One letter says what it
 * does when asked the first time, the next the second time, ...; the last letter stays.
 *
 *     o  answers: nine samples around the sum of ONP_FAKE_NS(in_h * in_w * in_c) over the blocks of
 *        the graph, at half the clock of hello; with stamps, each block's own
 *     s  the same, a tenth slower; S: twice as slow; X: ten times
 *     h  the same as o, a fifth slower, and the last block three times as slow
 *     t  the same as o, at a quarter of the clock of hello, and so twice as slow
 *     n  as o, called noisy
 *     z  as o, the first block in no time
 *     w  as o, at 80 degrees; c: at 40. The others know no temperature
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
 *     onp_runner *r = onp_fake_open(&ctx, "ooe", 1);           // cannot stamp
 *     onp_runner *r = onp_fake_open_stamping(&ctx, "ooe");
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

static inline onp_status fake_hello(int64_t batch, bool stamps, onp_strbuf *out)
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
                                    .takes_graph = true,
                                    .stamps = stamps};
    return onp_message_add_hello(&facts, out, NULL);
}

enum { FAKE_N = 9 };

/* Time of the block whose nodes have this group: by the input of its first node. */
static inline int64_t fake_block_ns(const onp_graph *g, int32_t group)
{
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++) {
        const onp_node *node = onp_graph_node(g, i);
        const onp_shape in = onp_graph_shape(g, node->in[0]);
        if (node->group == group)
            return ONP_FAKE_NS(in.n * in.h * in.w * in.c);
    }
    return 0;
}

static inline void fake_samples(const onp_graph *g, char what, int32_t n_groups, onp_timing *t)
{
    for (int i = 0; i < FAKE_N; i++)
        t->clock_khz[i] = ONP_FAKE_KHZ / (what == 't' ? 4 : 2);
    for (int32_t k = 0; k < n_groups; k++) {
        const int64_t ns = fake_block_ns(g, k);
        const int64_t shown = what == 's'   ? ns + ns / 10
                              : what == 'h' ? (k == n_groups - 1 ? 3 * ns : ns + ns / 5)
                              : what == 'S' || what == 't' ? 2 * ns
                              : what == 'X'                ? 10 * ns
                                                           : ns;
        for (int i = 0; i < FAKE_N; i++) {
            const int64_t sample = what == 'z' && k == 0 ? 0 : shown + i - FAKE_N / 2;
            t->samples_ns[i] += sample;
            if (t->stamps_ns != NULL)
                t->stamps_ns[k * FAKE_N + i] = sample;
        }
    }
}

static inline onp_status fake_result(const onp_context *ctx, const onp_message *m, char what,
                                     const onp_graph *g, bool stamps, onp_strbuf *out)
{
    onp_timing t = {0};
    const int32_t n_groups = onp_graph_node(g, onp_graph_n_nodes(g) - 1)->group + 1;
    ONP_TRY(onp_timing_init(ctx, FAKE_N, stamps ? (size_t)n_groups : 0, &t, NULL));
    t.inner_reps = 2;
    fake_samples(g, what, n_groups, &t);
    if (what == 'w' || what == 'c') {
        t.temperature_mc = onp_alloc(ctx, FAKE_N, sizeof *t.temperature_mc);
        for (int i = 0; t.temperature_mc != NULL && i < FAKE_N; i++)
            t.temperature_mc[i] = what == 'w' ? 80000 : 40000;
    }
    if (what == 'n') {
        t.quality = ONP_TIMING_NOISY;
        (void)snprintf(t.reason, sizeof t.reason, "scripted noise");
    }
    onp_status st = onp_message_add_result(m->id, &t, out, NULL);
    onp_timing_reset(ctx, &t);
    return st;
}

static inline onp_status fake_answer(const onp_context *ctx, const onp_message *m, char what,
                                     onp_strbuf *out)
{
    onp_graph *g = NULL;
    onp_stop_rule rule;
    bool stamps = false;
    const onp_error refused = {.msg = "scripted refusal"};
    if (what == 'd')
        exit(3);
    if (what == 'i')
        (void)kill(getppid(), SIGUSR1);
    if (what == 'e')
        return onp_message_add_error(m->id, &refused, out, NULL);
    ONP_TRY(onp_message_measure(ctx, m, &g, &rule, &stamps, NULL));
    onp_status st = fake_result(ctx, m, what, g, stamps, out);
    onp_graph_free(g);
    return st;
}

/* argv: program, --fake-runner, script, batch, "stamps" or "". */
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
            st = fake_hello(strtol(argv[3], NULL, 10), argv[4][0] != '\0', &out);
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

static inline onp_runner *fake_open(const onp_context *ctx, const char *script, int batch,
                                    const char *stamps)
{
    char batch_text[16];
    onp_runner *r = NULL;
    onp_error err = {0};
    (void)snprintf(batch_text, sizeof batch_text, "%d", batch);
    const char *const argv[] = {"/proc/self/exe", "--fake-runner", script,
                                batch_text,       stamps,          NULL};
    if (onp_runner_open(ctx, argv, NULL, &r, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return r;
}

/* batch: what hello says; 0: nothing. */
static inline onp_runner *onp_fake_open(const onp_context *ctx, const char *script, int batch)
{
    return fake_open(ctx, script, batch, "");
}

static inline onp_runner *onp_fake_open_stamping(const onp_context *ctx, const char *script)
{
    return fake_open(ctx, script, 1, "stamps");
}

#endif
