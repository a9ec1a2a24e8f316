/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program is that serves the runner protocol on its standard input and output: options,
 * threads on chosen cores, the end with its driver.
 *
 *     int main(int argc, char **argv)
 *     {
 *         const onp_agent_program program = {.name = "onepath-runner-xnnpack", .open = open_engine,
 *                                            .close = close_engine,
 *                                            .about = "Measures graphs with XNNPACK"};
 *         return onp_agent_main(&program, argc, argv);
 *     }
 */
#ifndef ONP_LATENCY_MEASURE_AGENT_PROGRAM_H
#define ONP_LATENCY_MEASURE_AGENT_PROGRAM_H

#include "latency/measure/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_agent_program {
    const char *name;
    const char *about; /* what it does, for --help */
    /* Makes an engine for so many threads; the calling thread is bound to the first of the cores
     * onp_parallel_bound() by then. NULL: our executor. */
    onp_status (*open)(const onp_context *ctx, int threads, onp_engine *out, onp_error *err);
    void (*close)(void *user); /* of the engine */
} onp_agent_program;

/* The exit code. Errors are written to standard error. */
int onp_agent_main(const onp_agent_program *program, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
