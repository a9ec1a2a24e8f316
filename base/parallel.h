/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that makes threads. Loops run over tiles whose number and size depend on shapes
 * only, so results do not depend on the number of threads: a tile writes its own outputs, partial
 * sums are kept per tile and merged in tile order.
 *
 *     onp_parallel_start(2, true, &err);
 *     onp_parallel_for(n_tiles, tile_fn, &args);     // tile_fn(&args, tile, thread)
 *
 * Rules (they keep OpenBLAS single threaded inside, and bits equal): the thread count is set once,
 * no region has num_threads or if, none nests, and SGEMM is called inside tiles only.
 */
#ifndef ONP_BASE_PARALLEL_H
#define ONP_BASE_PARALLEL_H

#include <fenv.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cores.h"
#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*onp_tile_fn)(void *arg, int64_t tile, int thread);

/*
 * Sets the number of threads of this process (0: one per allowed processor), binds thread i to the
 * i-th allowed processor when `bind`, and sets flush-to-zero in each. Call once, before the first
 * loop; a second call with another count is ONP_E_FAIL. Without it, the first loop starts with 0
 * and no binding. Errors: ONP_E_RANGE when threads < 0 or above ONP_MAX_THREADS or
 * OMP_THREAD_LIMIT.
 */
#define ONP_MAX_THREADS 256
onp_status onp_parallel_start(int threads, bool bind, onp_error *err) ONP_MUST_USE;

/*
 * The same with thread i bound to the i-th core of a set, and a look whether it is: where another
 * process starts with what it inherited, this one computes on these cores or not at all. Errors:
 * ONP_E_RANGE for no thread and for more threads than cores; ONP_E_FAIL when the threads have
 * started, and when the system did not bind one.
 */
onp_status onp_parallel_start_on(const onp_cores *cores, int threads, onp_error *err) ONP_MUST_USE;
/* ONP_E_FAIL when a bound thread may run elsewhere by now: the system undoes a binding to a core
 * that it switches off, and tells no one. Nothing where threads are not bound. */
onp_status onp_parallel_check_bound(onp_error *err) ONP_MUST_USE;
/* The cores that threads are bound to, thread after thread; none where they are not bound. */
onp_cores onp_parallel_bound(void);

/*
 * For a library inside a program that is not ours: embed stands in for start and leaves the calling
 * thread as it is. Any thread then computes between enter and leave, several at the same time too,
 * each with a team of its own that has the number of threads of the process and flush-to-zero, so
 * that bits are equal. leave puts back what the thread had. threads as above; 0 also takes the
 * number that is set already. Any thread may embed at any time. Errors as above.
 */
typedef struct onp_parallel_host {
    int threads, dynamic, levels; /* of the caller's own OpenMP regions */
    fenv_t modes;                 /* of its floating point: rounding, traps, denormals */
} onp_parallel_host;
onp_status onp_parallel_embed(int threads, onp_error *err) ONP_MUST_USE;
onp_parallel_host onp_parallel_enter(void);
void onp_parallel_leave(onp_parallel_host host);

/* Number of threads that loops use, at least 1. */
int onp_parallel_threads(void);

/* fn(arg, tile, thread) for tile = 0 .. n_tiles-1, tiles dealt out statically in contiguous runs.
 * Not reentrant. */
void onp_parallel_for(int64_t n_tiles, onp_tile_fn fn, void *arg);

/* Whether the caller runs in a tile. */
bool onp_parallel_inside(void);

/*
 * What a bound thread starts inherits its one processor. Around starting another program, unbind
 * gives the calling thread (the one that started the threads) the processors that the process began
 * with, and rebind binds it again. Nothing where threads are not bound.
 */
void onp_parallel_unbind(void);
void onp_parallel_rebind(void);

/* Processors the calling thread may run on: their number, and which; and what the process began
 * with, where its threads are bound. */
int onp_parallel_processors(void);
onp_cores onp_parallel_allowed(void);
onp_cores onp_parallel_began_with(void);

#ifdef __cplusplus
}
#endif
#endif
