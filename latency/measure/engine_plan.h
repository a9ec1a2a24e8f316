/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own executor as an engine: a plan of the graph for inference, whose memory is kept from graph
 * to graph.
 *
 *     onp_engine engine;
 *     ONP_TRY(onp_engine_plan_new(ctx, &engine, err));
 *     ...
 *     onp_engine_plan_free(&engine);
 */
#ifndef ONP_LATENCY_MEASURE_ENGINE_PLAN_H
#define ONP_LATENCY_MEASURE_ENGINE_PLAN_H

#include "latency/measure/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ctx must have kernels and is borrowed. Errors: ONP_E_NOMEM. */
onp_status onp_engine_plan_new(const onp_context *ctx, onp_engine *out,
                               onp_error *err) ONP_MUST_USE;
/* An all-zero engine is fine. */
void onp_engine_plan_free(onp_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
