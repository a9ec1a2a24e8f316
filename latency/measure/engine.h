/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs the graphs that an agent measures: our own executor, or another runtime behind the same
 * five functions (latency/runners/). All get the engine's user.
 *
 *     const onp_engine engine = {.facts = facts, .prepare = prepare, .run = run,
 *                                .release = release, .user = &runtime};
 *     ONP_TRY(onp_agent_serve(ctx, &(onp_agent_options){.engine = &engine}, 0, 1, err));
 */
#ifndef ONP_LATENCY_MEASURE_ENGINE_H
#define ONP_LATENCY_MEASURE_ENGINE_H

#include "graph/graph.h"
#include "latency/measure/facts.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_engine {
    /* Changes what differs from the facts of this process (backend, its version, kernel_set, ...),
     * already filled in. */
    void (*facts)(void *user, onp_runner_facts *facts);
    /* Makes g, whose external tensors are filled and live until release, ready to be run; stamps:
     * by run_group. Errors become the answer to the request; release is then not called. */
    onp_status (*prepare)(void *user, onp_graph *g, bool stamps, onp_error *err);
    void (*run)(void *user); /* the whole graph once */
    /* The nodes of one group (graph/graph.h); NULL: it cannot stamp. All groups in turn are run. */
    void (*run_group)(void *user, int32_t group);
    /* Undoes prepare. Errors: a run that failed; the request is then answered by it. */
    onp_status (*release)(void *user, onp_error *err);
    void *user;
} onp_engine;

#ifdef __cplusplus
}
#endif
#endif
