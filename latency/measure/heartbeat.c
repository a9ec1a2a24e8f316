/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/heartbeat.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/parallel.h"
#include "latency/measure/line.h"

struct onp_heartbeat {
    const onp_context *ctx;
    const char *text;
    int fd;
    int64_t period_ns;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, and of writing */
    pthread_cond_t changed;
    bool on, over;
};

static struct timespec after(int64_t ns)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)((t.tv_nsec + ns) / 1000000000);
    t.tv_nsec = (long)((t.tv_nsec + ns) % 1000000000);
    return t;
}

/* With the lock: one period that is not cut short is one line. */
static void beat(onp_heartbeat *h)
{
    const struct timespec due = after(h->period_ns);
    while (h->on && !h->over)
        if (pthread_cond_timedwait(&h->changed, &h->lock, &due) != 0)
            break;
    if (!h->on || h->over)
        return;
    onp_status st = onp_line_write(h->fd, h->text, strlen(h->text), NULL);
    if (st != ONP_OK)
        h->over = true; /* nobody listens; whoever writes next learns it too */
}

static void *live(void *arg)
{
    onp_heartbeat *h = arg;
    (void)pthread_mutex_lock(&h->lock);
    while (!h->over)
        if (h->on)
            beat(h);
        else
            (void)pthread_cond_wait(&h->changed, &h->lock);
    (void)pthread_mutex_unlock(&h->lock);
    return NULL;
}

static int make_thread(onp_heartbeat *h)
{
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);
    if (failed != 0)
        return failed;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    failed = pthread_cond_init(&h->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (failed != 0)
        return failed;
    onp_parallel_unbind(); /* it would take time from what is measured */
    failed = pthread_create(&h->thread, NULL, live, h);
    onp_parallel_rebind();
    if (failed != 0)
        (void)pthread_cond_destroy(&h->changed);
    return failed;
}

onp_status onp_heartbeat_start(const onp_context *ctx, int fd, const char *text, int64_t period_ns,
                               onp_heartbeat **out, onp_error *err)
{
    onp_heartbeat *h = onp_alloc(ctx, 1, sizeof *h);
    if (h == NULL)
        return onp_fail(err, ONP_E_NOMEM, "heartbeat: out of memory");
    *h = (onp_heartbeat){.ctx = ctx, .text = text, .fd = fd, .period_ns = period_ns};
    int failed = pthread_mutex_init(&h->lock, NULL);
    if (failed == 0 && (failed = make_thread(h)) != 0)
        (void)pthread_mutex_destroy(&h->lock);
    if (failed != 0) {
        onp_free(ctx, h);
        return onp_fail(err, ONP_E_NOMEM, "heartbeat: no thread: %s", strerror(failed));
    }
    *out = h;
    return ONP_OK;
}

void onp_heartbeat_set(onp_heartbeat *h, bool on)
{
    (void)pthread_mutex_lock(&h->lock);
    h->on = on;
    (void)pthread_cond_signal(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
}

void onp_heartbeat_stop(onp_heartbeat *h)
{
    if (h == NULL)
        return;
    (void)pthread_mutex_lock(&h->lock);
    h->over = true;
    (void)pthread_cond_signal(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    (void)pthread_join(h->thread, NULL);
    (void)pthread_cond_destroy(&h->changed);
    (void)pthread_mutex_destroy(&h->lock);
    onp_free(h->ctx, h);
}
