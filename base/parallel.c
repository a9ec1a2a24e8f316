/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_setaffinity */
#include "base/parallel.h"

#include <sched.h>
#if defined(__x86_64__)
#    include <xmmintrin.h>
#endif
#ifdef _OPENMP
#    include <omp.h>
#endif

/* The state of the process's threads, as OpenMP's own is: one per process, written by
 * onp_parallel_start and onp_parallel_embed only. */
static int thread_count; /* 0: not started */
static cpu_set_t began_with;
static bool bound;

int onp_parallel_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

/* Denormals cost a hundred cycles an operation and carry nothing a network needs. */
static void flush_denormals(void)
{
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040U); /* flush-to-zero, denormals-are-zero */
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (UINT64_C(1) << 24)));
#endif
}

static void bind_to_processor(const cpu_set_t *allowed, int index)
{
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, allowed) || index-- > 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one,
                                &one); /* binding is a wish: slower without, not wrong */
        return;
    }
}

/* The number that is meant, or an error. */
static onp_status count_threads(int threads, int *out, onp_error *err)
{
    if (threads < 0 || threads > ONP_MAX_THREADS)
        return onp_fail(err, ONP_E_RANGE, "threads: %d is not in 0..%d", threads, ONP_MAX_THREADS);
    const int processors = onp_parallel_processors();
    const int most = processors < ONP_MAX_THREADS ? processors : ONP_MAX_THREADS;
    *out = threads != 0 ? threads : most;
    return ONP_OK;
}

static onp_status already_started(int started, int wanted, onp_error *err)
{
    if (started == wanted)
        return ONP_OK;
    return onp_fail(err, ONP_E_FAIL, "threads: already started with %d, cannot change to %d",
                    started, wanted);
}

onp_status onp_parallel_start(int threads, bool bind, onp_error *err)
{
    ONP_TRY(count_threads(threads, &threads, err));
    if (thread_count != 0)
        return already_started(thread_count, threads, err);
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
#ifdef _OPENMP
    omp_set_num_threads(threads);
    thread_count = threads;
    began_with = allowed;
    bound = bind && known && threads <= onp_parallel_processors();
    flush_denormals(); /* before the region too: see onp_parallel_enter */
#    pragma omp parallel
    {
        flush_denormals();
        if (bound)
            bind_to_processor(&began_with, omp_get_thread_num());
    }
#else
    thread_count = 1;
    flush_denormals();
    (void)bind, (void)known;
#endif
    return ONP_OK;
}

onp_status onp_parallel_embed(int threads, onp_error *err)
{
    const bool any = threads == 0;
    ONP_TRY(count_threads(threads, &threads, err));
#ifndef _OPENMP
    threads = 1;
#endif
    int started = __atomic_load_n(&thread_count, __ATOMIC_SEQ_CST);
    if (started == 0 && __atomic_compare_exchange_n(&thread_count, &started, threads, false,
                                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return ONP_OK;
    if (any)
        return ONP_OK;
    return already_started(started, threads, err);
}

/* As a process begins: rounding to nearest, no traps. A program may have set others. */
static void plain_modes(void)
{
    (void)fesetenv(FE_DFL_ENV);
    flush_denormals();
}

/* The team is readied each time: OpenMP may have made another one since. This thread before it:
 * libomp puts a thread's modes back at the end of a region, and gives them to its team. */
onp_parallel_host onp_parallel_enter(void)
{
    onp_parallel_host host = {.threads = 1};
    (void)fegetenv(&host.modes);
    plain_modes();
#ifdef _OPENMP
    host.threads = omp_get_max_threads();
    omp_set_num_threads(thread_count);
#    pragma omp parallel
    plain_modes();
#endif
    return host;
}

void onp_parallel_leave(onp_parallel_host host)
{
    (void)fesetenv(&host.modes);
#ifdef _OPENMP
    omp_set_num_threads(host.threads);
#endif
}

void onp_parallel_unbind(void)
{
    if (bound)
        (void)sched_setaffinity(0, sizeof began_with, &began_with);
}

void onp_parallel_rebind(void)
{
    if (bound)
        bind_to_processor(&began_with, 0);
}

static void start_with_defaults(void)
{
    if (thread_count == 0) {
        onp_status st = onp_parallel_start(0, false, NULL);
        (void)st; /* 0 threads is always in range */
    }
}

int onp_parallel_threads(void)
{
    start_with_defaults();
    return thread_count;
}

bool onp_parallel_inside(void)
{
#ifdef _OPENMP
    return omp_get_level() > 0; /* omp_in_parallel() is false in a team of one */
#else
    return false;
#endif
}

void onp_parallel_for(int64_t n_tiles, onp_tile_fn fn, void *arg)
{
    start_with_defaults();
#ifdef _OPENMP
#    pragma omp parallel
    {
        int thread = omp_get_thread_num();
#    pragma omp for schedule(static) nowait /* the region ends with a barrier of its own */
        for (int64_t tile = 0; tile < n_tiles; tile++)
            fn(arg, tile, thread);
    }
#else
    for (int64_t tile = 0; tile < n_tiles; tile++)
        fn(arg, tile, 0);
#endif
}
