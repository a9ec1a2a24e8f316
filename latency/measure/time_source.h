/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where time comes from, and what else went on meanwhile. Tests bring a clock of their own.
 *
 *     onp_time_source here;
 *     ONP_TRY(onp_time_source_open(ctx, &here, err));
 *     here.look(here.user, &before);
 *     ...
 *     here.look(here.user, &after);
 *     if (after.waited_ns - before.waited_ns > 0) ...              // others ran in our place
 *     onp_time_source_close(ctx, &here);
 */
#ifndef ONP_LATENCY_MEASURE_TIME_SOURCE_H
#define ONP_LATENCY_MEASURE_TIME_SOURCE_H

#include "latency/measure/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is seen between two samples; what counts "so far" begins anywhere. */
typedef struct onp_sight {
    int64_t clock_khz;      /* of the calling thread's core; 0: not known */
    int64_t temperature_mc; /* ONP_UNKNOWN_MC: not known */
    int64_t waited_ns;      /* so far: our threads could have run, and others did */
    int64_t stolen_ns;      /* so far: the host of a virtual machine took the cores used */
    int64_t n_moves;        /* so far: threads that were seen on another core than before */
} onp_sight;

typedef struct onp_time_source {
    int64_t (*now_ns)(void *user);
    void (*look)(void *user, onp_sight *out); /* NULL: nothing but the time is known */
    /* Begins a measurement: cores seen before are forgotten. Then: those seen since, and a failure
     * when a thread is no longer bound. Both NULL, or none. */
    void (*begin)(void *user);
    onp_status (*end)(void *user, onp_cores *seen, onp_error *err);
    void *user;
} onp_time_source;

/*
 * This machine. look() takes some 70 us, most of them for the clock (latency/measure/clock.h). What
 * others took comes from the kernel's accounts of each thread (/proc/thread-self/schedstat) or,
 * without them, is a millisecond for each involuntary switch; what a host stole has the resolution
 * of its tick, 10 ms, and is asked for every 20 ms. Errors: ONP_E_NOMEM.
 */
#define ONP_TIME_STOLEN_NS ((int64_t)20000000)
onp_status onp_time_source_open(const onp_context *ctx, onp_time_source *out,
                                onp_error *err) ONP_MUST_USE;
void onp_time_source_close(const onp_context *ctx, onp_time_source *source);

#ifdef __cplusplus
}
#endif
#endif
