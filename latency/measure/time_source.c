/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getcpu */
#include "latency/measure/time_source.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/progress.h"
#include "latency/measure/clock.h"

#define SLICE_NS  1000000 /* what an involuntary switch costs at least, for want of accounts */
#define STAT_SIZE (32 * ONP_KIB) /* of /proc/stat: the lines of some 400 cores */

/* What one thread sees of itself; written by it alone, a cache line or more apart. */
typedef struct eye {
    int schedstat_fd; /* -1: none */
    int core;         /* -1: not known */
    int64_t n_moves, waited_ns;
    onp_cores seen;
} eye;

typedef struct observer {
    const onp_context *ctx;
    onp_device device;
    eye *eyes; /* of each thread */
    int n_eyes;
    bool accounts; /* the kernel keeps them */
    int stat_fd;
    int64_t tick_ns, stolen_ns, stolen_at_ns;
    char stat[STAT_SIZE];
} observer;

static int64_t now(void *user)
{
    (void)user;
    return onp_now_ns();
}

/* ---- threads ---- */

/* The second number of "RUN_NS WAIT_NS SLICES"; -1: not there, or not kept. */
static int64_t read_waited(int fd)
{
    char text[96];
    const ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    if (n <= 0)
        return -1;
    text[n] = '\0';
    char *end = NULL;
    const long long ran = strtoll(text, &end, 10);
    return ran > 0 ? strtoll(end, NULL, 10) : -1;
}

static void open_eye(void *arg, int64_t tile, int thread)
{
    eye *e = &((observer *)arg)->eyes[tile];
    (void)thread;
    *e = (eye){.schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC),
               .core = -1};
}

static void use_eye(void *arg, int64_t tile, int thread)
{
    observer *o = arg;
    eye *e = &o->eyes[tile];
    (void)thread;
    const int core = sched_getcpu();
    e->n_moves += e->core >= 0 && core != e->core;
    e->core = core;
    if (core >= 0 && core < ONP_CORES_MAX)
        onp_cores_add(&e->seen, core);
    if (o->accounts)
        e->waited_ns = read_waited(e->schedstat_fd);
}

static int64_t waited(const observer *o)
{
    int64_t sum = 0;
    struct rusage usage;
    if (!o->accounts)
        return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw * (int64_t)SLICE_NS : 0;
    for (int i = 0; i < o->n_eyes; i++)
        sum += o->eyes[i].waited_ns;
    return sum;
}

static onp_cores cores_seen(const observer *o)
{
    onp_cores all = {{0}};
    for (int i = 0; i < o->n_eyes; i++)
        for (size_t k = 0; k < ONP_COUNT(all.bits); k++)
            all.bits[k] |= o->eyes[i].seen.bits[k];
    return all;
}

/* ---- what a host takes ---- */

/* The eighth number of a line "cpuN ...", in ticks; 0 when the core is not one of ours. */
static int64_t stolen_ticks(const char *line, const onp_cores *ours)
{
    char *at = NULL;
    const long core = strtol(line + strlen("cpu"), &at, 10);
    if (core < 0 || core >= ONP_CORES_MAX || !onp_cores_has(ours, (int)core))
        return 0;
    long long value = 0;
    for (int i = 0; i < 8; i++)
        value = strtoll(at, &at, 10);
    return value;
}

static void read_stolen(observer *o)
{
    const int64_t now_ns = onp_now_ns();
    if (o->stat_fd < 0 || now_ns - o->stolen_at_ns < ONP_TIME_STOLEN_NS)
        return;
    o->stolen_at_ns = now_ns;
    const ssize_t n = pread(o->stat_fd, o->stat, sizeof o->stat - 1, 0);
    if (n <= 0)
        return;
    o->stat[n] = '\0';
    const onp_cores ours = cores_seen(o);
    int64_t ticks = 0;
    for (const char *line = strchr(o->stat, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        if (strncmp(line + 1, "cpu", strlen("cpu")) != 0)
            break; /* the lines of cores come first */
        ticks += stolen_ticks(line + 1, &ours);
    }
    o->stolen_ns = ticks * o->tick_ns;
}

/* ---- the source ---- */

static void look(void *user, onp_sight *out)
{
    observer *o = user;
    onp_parallel_for(o->n_eyes, use_eye, o);
    read_stolen(o);
    *out = (onp_sight){.clock_khz = onp_clock_khz(),
                       .temperature_mc = onp_device_temperature_mc(&o->device),
                       .waited_ns = waited(o),
                       .stolen_ns = o->stolen_ns};
    for (int i = 0; i < o->n_eyes; i++)
        out->n_moves += o->eyes[i].n_moves;
}

static void begin(void *user)
{
    observer *o = user;
    for (int i = 0; i < o->n_eyes; i++)
        o->eyes[i].seen = (onp_cores){{0}};
}

static onp_status end(void *user, onp_cores *seen, onp_error *err)
{
    *seen = cores_seen(user);
    return onp_parallel_check_bound(err);
}

onp_status onp_time_source_open(const onp_context *ctx, onp_time_source *out, onp_error *err)
{
    observer *o = onp_alloc(ctx, 1, sizeof *o);
    if (o == NULL)
        return onp_fail(err, ONP_E_NOMEM, "time source: out of memory");
    o->ctx = ctx;
    o->n_eyes = onp_parallel_threads();
    o->eyes = onp_alloc(ctx, (size_t)o->n_eyes, sizeof *o->eyes);
    if (o->eyes == NULL) {
        onp_free(ctx, o);
        return onp_fail(err, ONP_E_NOMEM, "time source: no memory for %d threads", o->n_eyes);
    }
    onp_device_read("", &o->device);
    onp_parallel_for(o->n_eyes, open_eye, o);
    o->accounts = true;
    for (int i = 0; i < o->n_eyes; i++)
        o->accounts = o->accounts && read_waited(o->eyes[i].schedstat_fd) >= 0;
    o->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    const long ticks = sysconf(_SC_CLK_TCK);
    o->tick_ns = ticks > 0 ? 1000000000 / ticks : 10000000;
    *out = (onp_time_source){.now_ns = now, .look = look, .begin = begin, .end = end, .user = o};
    return ONP_OK;
}

void onp_time_source_close(const onp_context *ctx, onp_time_source *source)
{
    observer *o = source->user;
    if (o == NULL)
        return;
    for (int i = 0; i < o->n_eyes; i++)
        if (o->eyes[i].schedstat_fd >= 0)
            (void)close(o->eyes[i].schedstat_fd);
    if (o->stat_fd >= 0)
        (void)close(o->stat_fd);
    onp_free(ctx, o->eyes);
    onp_free(ctx, o);
    *source = (onp_time_source){0};
}
