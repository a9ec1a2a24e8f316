/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onepath-runner-xnnpack: the agent with XNNPACK in place of our executor. XNNPACK itself flushes
 * denormals to zero while it runs.
 */
#define _GNU_SOURCE /* sched_setaffinity, dladdr */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <sha256.h>
#include <xnnpack.h>

#include "base/parallel.h"
#include "latency/measure/agent_program.h"
#include "latency/runners/xnnpack/model.h"

typedef struct runtime {
    const onp_context *ctx;
    pthreadpool_t pool; /* NULL: one thread */
    onp_xnn_model *model;
} runtime;

/* ---- threads ---- */

typedef struct binding {
    onp_cores cores;
    pthread_barrier_t all;
} binding;

/* All threads wait for each other here, so that each binds itself once. */
static void bind_thread(void *user, size_t i)
{
    binding *b = user;
    int core = onp_cores_next(&b->cores, 0);
    for (size_t k = 0; k < i && core >= 0; k++)
        core = onp_cores_next(&b->cores, core + 1);
    cpu_set_t set;
    CPU_ZERO(&set);
    if (core >= 0 && core < CPU_SETSIZE) {
        CPU_SET((size_t)core, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
    (void)pthread_barrier_wait(&b->all);
}

/* A thread inherits the one core of what starts it: the pool is made unbound, then bound. */
static onp_status open_pool(runtime *r, int threads, onp_error *err)
{
    if (threads == 1)
        return ONP_OK;
    binding b = {.cores = onp_parallel_bound()};
    onp_parallel_unbind();
    r->pool = pthreadpool_create((size_t)threads);
    onp_parallel_rebind();
    if (r->pool == NULL || pthread_barrier_init(&b.all, NULL, (unsigned)threads) != 0)
        return onp_fail(err, ONP_E_NOMEM, "xnnpack: no pool of %d threads", threads);
    if (onp_cores_count(&b.cores) == threads)
        pthreadpool_parallelize_1d(r->pool, bind_thread, &b, (size_t)threads, 0);
    (void)pthread_barrier_destroy(&b.all);
    return ONP_OK;
}

/* ---- the engine ---- */

/* SHA-256 of the library that runs: Debian's is a day of the repository, of which there are many.
 */
static void hash_library(char out[ONP_FACT])
{
    Dl_info info;
    char hex[SHA256_DIGEST_STRING_LENGTH];
    void *address = NULL;
    enum xnn_status (*function)(const struct xnn_allocator *) = xnn_initialize;
    memcpy(&address, &function, sizeof address);
    out[0] = '\0';
    if (dladdr(address, &info) != 0 && SHA256File(info.dli_fname, hex) != NULL)
        (void)snprintf(out, ONP_FACT, "%s", hex);
}

static void facts(void *user, onp_runner_facts *f)
{
    (void)user;
    (void)snprintf(f->backend, sizeof f->backend, "xnnpack");
    (void)snprintf(f->backend_version, sizeof f->backend_version, "%s", ONEPATH_XNNPACK_VERSION);
    f->kernel_set[0] = f->blas_core[0] = f->compiler[0] = '\0';
    hash_library(f->kernel_hash);
}

static onp_status prepare(void *user, onp_graph *g, bool stamps, onp_error *err)
{
    runtime *r = user;
    return onp_xnn_model_new(r->ctx, g, stamps ? ONP_XNN_BY_GROUP : ONP_XNN_WHOLE, r->pool,
                             &r->model, err);
}

static void run(void *user)
{
    onp_xnn_model_run(((runtime *)user)->model, 0);
}

/* Groups are numbered in the order of the nodes, as the runtimes are. */
static void run_group(void *user, int32_t group)
{
    onp_xnn_model_run(((runtime *)user)->model, (size_t)group);
}

static onp_status release(void *user, onp_error *err)
{
    runtime *r = user;
    onp_status st = onp_xnn_model_status(r->model, err);
    onp_xnn_model_free(r->model);
    r->model = NULL;
    return st;
}

static void close_engine(void *user)
{
    runtime *r = user;
    pthreadpool_destroy(r->pool); /* NULL is fine */
    onp_free(r->ctx, r);
}

static onp_status open_engine(const onp_context *ctx, int threads, onp_engine *out, onp_error *err)
{
    runtime *r = onp_alloc(ctx, 1, sizeof *r);
    if (r == NULL)
        return onp_fail(err, ONP_E_NOMEM, "xnnpack: out of memory");
    r->ctx = ctx;
    onp_status st = open_pool(r, threads, err);
    if (st != ONP_OK) {
        close_engine(r);
        return st;
    }
    *out = (onp_engine){.facts = facts,
                        .prepare = prepare,
                        .run = run,
                        .run_group = run_group,
                        .release = release,
                        .user = r};
    return ONP_OK;
}

int main(int argc, char **argv)
{
    const onp_agent_program program = {.name = "onepath-runner-xnnpack",
                                       .about =
                                           "Measures graphs sent on standard input with XNNPACK",
                                       .open = open_engine,
                                       .close = close_engine};
    return onp_agent_main(&program, argc, argv);
}
