/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of the runner protocol: starts a runner, learns its platform, has it measure
 * graphs. A runner is an argument vector, wherever it leads: the agent on this machine, ssh, adb,
 * any other program that speaks the protocol (latency/measure/target.h knows the four).
 *
 *     onp_runner *r = NULL;
 *     ONP_TRY(onp_runner_open(ctx, (const char *const[]){"./runner", NULL}, NULL, &r, err));
 *     ONP_TRY_GOTO(onp_runner_measure(r, graph, NULL, &timing, err));
 *     printf("%s: %" PRId64 " ns\n", onp_runner_get_facts(r)->device, timing.stats.median_ns);
 *   done:
 *     onp_timing_reset(ctx, &timing);
 *     onp_runner_close(r);
 *
 * A runner that dies, hangs, floods, answers nonsense or answers another question is ended at once;
 * the error is ONP_E_DEVICE and says what it did and what it last wrote to standard error. The
 * runner is then closed by its owner and, if it matters, opened again.
 */
#ifndef ONP_LATENCY_MEASURE_DRIVER_H
#define ONP_LATENCY_MEASURE_DRIVER_H

#include "base/strbuf.h"
#include "graph/graph.h"
#include "latency/measure/facts.h"
#include "latency/measure/timing.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_runner onp_runner;

typedef struct onp_runner_options {
    const char *name;         /* NULL: argv[0]; what errors call it */
    int64_t hello_timeout_ns; /* 0: 20 s from start to hello */
    int64_t slack_ns;   /* 0: 60 s that a measurement may take beyond its stop rule's time_max_ns */
    int64_t silence_ns; /* 0: 10 s without a word end a runner that says when it is alive */
} onp_runner_options;

/*
 * Starts argv (NULL at its end, at least one entry; borrowed for the call) and waits for its hello.
 * The runner shares this process's working folder and its environment, but for what sets a number
 * of threads there (OMP_NUM_THREADS and the like). options may be NULL. *out is released by
 * onp_runner_close. Errors: ONP_E_DEVICE, ONP_E_NOMEM.
 *
 * The agent ends when the thread that opened it ends: keep that thread.
 */
onp_status onp_runner_open(const onp_context *ctx, const char *const *argv,
                           const onp_runner_options *options, onp_runner **out,
                           onp_error *err) ONP_MUST_USE;

/* The agent of this machine: onepath-agent beside the program that runs (which may be any that
 * uses the library), else where $PATH has it. Errors: ONP_E_DEVICE when it is not there. */
onp_status onp_runner_find_agent(char *path, size_t size, onp_error *err) ONP_MUST_USE;

/* What its hello said; borrowed from r. */
const onp_runner_facts *onp_runner_get_facts(const onp_runner *r);
const onp_context *onp_runner_context(const onp_runner *r);
/* False once it has failed: it answers nothing more. */
bool onp_runner_is_alive(const onp_runner *r);
/* The rule that r is sent: its defaults filled in. cv_max is 0.08 on a runner that uses several
 * threads, where the rule does not say. rule may be NULL. */
onp_stop_rule onp_runner_stop_rule(const onp_runner *r, const onp_stop_rule *rule);

/* Writes g as an ONNX model, its weights' values free to choose, for runners that take nothing
 * else. onnx: appended to. */
typedef onp_status (*onp_encode_fn)(void *user, const onp_graph *g, onp_strbuf *onnx,
                                    onp_error *err);
void onp_runner_set_encoder(onp_runner *r, onp_encode_fn fn, void *user);

typedef struct onp_measure_options {
    const onp_stop_rule *rule; /* NULL: the defaults */
    bool stamps;               /* the times of g's node groups too (onp_measure_groups) */
} onp_measure_options;

/*
 * Has g measured by onp_runner_stop_rule(r, options->rule). options may be NULL. *out is the
 * caller's (onp_timing_reset, with the runner's context); its statistics are computed here from the
 * samples sent. Errors: ONP_E_DEVICE when the runner says that it cannot measure this graph (it can
 * be asked for others), and when it fails as above (it cannot); ONP_E_USAGE when it cannot stamp,
 * or takes ONNX and there is no encoder; ONP_E_RANGE (onp_stop_rule_check, onp_measure_groups, a
 * request longer than a line may be); ONP_E_NOMEM; those of the encoder.
 */
onp_status onp_runner_measure(onp_runner *r, const onp_graph *g, const onp_measure_options *options,
                              onp_timing *out, onp_error *err) ONP_MUST_USE;

/* Says bye, waits a second at most, and kills what is left of the runner's process group. NULL is
 * fine. */
void onp_runner_close(onp_runner *r);

#ifdef __cplusplus
}
#endif
#endif
