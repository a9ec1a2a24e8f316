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
static onp_cores bound_to; /* when bound: thread i to the i-th of them */

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

static onp_cores cores_of(const cpu_set_t *set)
{
    onp_cores cores = {{0}};
    for (int cpu = 0; cpu < CPU_SETSIZE && cpu < ONP_CORES_MAX; cpu++)
        if (CPU_ISSET((size_t)cpu, set))
            onp_cores_add(&cores, cpu);
    return cores;
}

onp_cores onp_parallel_allowed(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    (void)sched_getaffinity(0, sizeof set, &set); /* none when it fails */
    return cores_of(&set);
}

onp_cores onp_parallel_began_with(void)
{
    return bound ? cores_of(&began_with) : onp_parallel_allowed();
}

/* The index-th core of a set; -1: it has fewer. */
static int core_at(const onp_cores *cores, int index)
{
    int core = onp_cores_next(cores, 0);
    while (core >= 0 && index-- > 0)
        core = onp_cores_next(cores, core + 1);
    return core;
}

static void bind_to_core(int core)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    if (core < 0)
        return;
    CPU_SET((size_t)core, &one);
    /* a wish: slower without, not wrong; who needs it looks */
    (void)sched_setaffinity(0, sizeof one, &one);
}

static bool is_bound_to(int core)
{
    const onp_cores now = onp_parallel_allowed();
    return onp_cores_count(&now) == 1 && onp_cores_has(&now, core);
}

/* OMP_THREAD_LIMIT. */
static int openmp_limit(void)
{
#ifdef _OPENMP
    return omp_get_thread_limit();
#else
    return ONP_MAX_THREADS;
#endif
}

static onp_status check_limit(int threads, onp_error *err)
{
    if (threads <= openmp_limit())
        return ONP_OK;
    return onp_fail(err, ONP_E_RANGE, "threads: %d, but OMP_THREAD_LIMIT is %d", threads,
                    openmp_limit());
}

/* The number that is meant, or an error. */
static onp_status count_threads(int threads, int *out, onp_error *err)
{
    if (threads < 0 || threads > ONP_MAX_THREADS)
        return onp_fail(err, ONP_E_RANGE, "threads: %d is not in 0..%d", threads, ONP_MAX_THREADS);
    ONP_TRY(check_limit(threads, err));
    const int processors = onp_parallel_processors(), limit = openmp_limit();
    int most = processors < ONP_MAX_THREADS ? processors : ONP_MAX_THREADS;
    most = most < limit ? most : limit;
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

#ifdef _OPENMP
/* A region must have the threads that OpenMP has been told: of a team of one (OMP_DYNAMIC,
 * OMP_MAX_ACTIVE_LEVELS=0) OpenBLAS believes that it is outside of any, starts threads of its own
 * and waits for them for ever. */
static void want_whole_teams(void)
{
    omp_set_dynamic(0);
    if (omp_get_max_active_levels() < 1)
        omp_set_max_active_levels(1);
}
#endif

/* Starts the threads, each bound to a core of the set unless it is empty. */
static void start_threads(int threads, const onp_cores *cores)
{
    (void)sched_getaffinity(0, sizeof began_with, &began_with);
    bound_to = *cores;
    bound = onp_cores_next(cores, 0) >= 0;
#ifdef _OPENMP
    omp_set_num_threads(threads);
    want_whole_teams();
    thread_count = threads;
    flush_denormals(); /* before the region too: see onp_parallel_enter */
#    pragma omp parallel
    {
        flush_denormals();
        if (bound)
            bind_to_core(core_at(&bound_to, omp_get_thread_num()));
    }
#else
    (void)threads;
    thread_count = 1;
    flush_denormals();
    if (bound)
        bind_to_core(core_at(&bound_to, 0));
#endif
}

onp_status onp_parallel_start(int threads, bool bind, onp_error *err)
{
    ONP_TRY(count_threads(threads, &threads, err));
    if (thread_count != 0)
        return already_started(thread_count, threads, err);
    const onp_cores none = {{0}}, allowed = onp_parallel_allowed();
    start_threads(threads, bind && threads <= onp_cores_count(&allowed) ? &allowed : &none);
    return ONP_OK;
}

onp_status onp_parallel_start_on(const onp_cores *cores, int threads, onp_error *err)
{
    const int n = onp_cores_count(cores);
    char text[ONP_CORES_TEXT];
    onp_cores_text(cores, text);
    if (threads < 1 || threads > n || threads > ONP_MAX_THREADS)
        return onp_fail(err, ONP_E_RANGE, "threads: %d on %d core%s (%s), wanted 1..%d", threads, n,
                        n == 1 ? "" : "s", text, n < ONP_MAX_THREADS ? n : ONP_MAX_THREADS);
    ONP_TRY(check_limit(threads, err));
    if (thread_count != 0)
        return onp_fail(err, ONP_E_FAIL, "threads: already started, cannot be bound to cores %s",
                        text);
    start_threads(threads, cores);
    return onp_parallel_check_bound(err);
}

onp_status onp_parallel_check_bound(onp_error *err)
{
    int lost = ONP_CORES_MAX; /* the first core whose thread is not bound to it */
    if (!bound)
        return ONP_OK;
#ifdef _OPENMP
#    pragma omp parallel
    {
        const int core = core_at(&bound_to, omp_get_thread_num());
        if (!is_bound_to(core)) {
#    pragma omp critical
            lost = core < lost ? core : lost;
        }
    }
#else
    if (!is_bound_to(core_at(&bound_to, 0)))
        lost = core_at(&bound_to, 0);
#endif
    if (lost < ONP_CORES_MAX)
        return onp_fail(err, ONP_E_FAIL,
                        "threads: the one for core %d is not bound to it; the core is switched "
                        "off, or not allowed to this process",
                        lost);
    return ONP_OK;
}

onp_cores onp_parallel_bound(void)
{
    onp_cores used = {{0}};
    for (int i = 0; bound && i < thread_count; i++)
        onp_cores_add(&used, core_at(&bound_to, i));
    return used;
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
    host.dynamic = omp_get_dynamic();
    host.levels = omp_get_max_active_levels();
    omp_set_num_threads(thread_count);
    want_whole_teams();
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
    omp_set_dynamic(host.dynamic);
    omp_set_max_active_levels(host.levels);
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
        bind_to_core(core_at(&bound_to, 0));
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
