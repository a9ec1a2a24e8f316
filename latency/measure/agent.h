/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner's side of the protocol: answers one driver until it says bye or its end closes. The
 * program onepath-agent is this function and its options.
 *
 *     onp_agent_options options = {.batch = 1};
 *     ONP_TRY(onp_kernels_choose(&ctx, NULL, err));
 *     ONP_TRY(onp_parallel_start(1, true, err));
 *     ONP_TRY(onp_agent_serve(&ctx, &options, 0, 1, err));
 */
#ifndef ONP_LATENCY_MEASURE_AGENT_H
#define ONP_LATENCY_MEASURE_AGENT_H

#include "latency/measure/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_agent_options {
    const char *device;       /* name of this device; NULL: found out */
    int64_t batch;            /* the batch of what is measured; 0: 1 */
    const onp_engine *engine; /* what runs the graphs; NULL: our executor */
} onp_agent_options;

/*
 * Reads requests from in_fd and answers each on out_fd. ctx must have kernels, and the threads must
 * have been started (with another engine, those of that engine). A graph that cannot be measured is
 * answered by an error and the service goes on. Returns ONP_OK after bye or at the end of in_fd.
 * Errors: ONP_E_FORMAT when a request is none (it has been answered by an error with id 0),
 * ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_agent_serve(const onp_context *ctx, const onp_agent_options *options, int in_fd,
                           int out_fd, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
