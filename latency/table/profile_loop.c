/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring all of a plan, with a sentinel that tells when the device is not what it was. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "latency/table/profile_internal.h"
#include "latency/table/store_evidence.h"
#include "latency/table/store_visits.h"

#define EVERY       20   /* units between two sentinels */
#define DRIFT_PAUSE 0.03 /* of the sentinel: wait, and repeat what came since it was right */
#define DRIFT_FAIL  0.05 /* at the end: the run fails */
#define MAX_PAUSES  5
#define MAX_HISTORY 1024
#define LEAST_NS    ((int64_t)1000000)
#define MOST_NS     ((int64_t)5000000000)
#define FIRST_WAIT  ((int64_t)250000000) /* then twice as long each time */
#define WAITS       4
#define HEAT_WAIT   ((int64_t)2000000000)
#define HEAT_WAITS  60

/* What a sentinel told. */
typedef struct look {
    double value; /* as in the history */
    double drift; /* from it; 0 when this is not known */
    bool sharp;   /* known well enough to tell */
    int64_t temperature_mc;
} look;

typedef struct loop {
    onp_profile_session *s;
    onp_profile_plan *p;
    onp_profile_readings *r;
    onp_profile_progress *out;
    int32_t *work; /* pass * n_units + unit, in order */
    int32_t n_work, n_left;
    int32_t sentinel; /* its unit */
    /* the sentinels that were right, as times at one clock (normalised) or as they were */
    double history[MAX_HISTORY];
    int32_t n_history;
    look last;
    int64_t first_run; /* of what was taken over; 0: nothing was */
    double median[MAX_HISTORY];
} loop;

/* ---- order ---- */

/* Random, so that no drift of the device looks like a property of some kind of block. A function of
 * the seed and the plan alone: a profile that was stopped goes on in the same order. */
static void order_pass(loop *l, onp_rng rng, int32_t pass)
{
    const onp_profile_plan *p = l->p;
    int32_t *order = l->work + l->n_work;
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_units; i++) {
        const int32_t j =
            (int32_t)onp_rng_below(rng, (uint64_t)i, (uint32_t)pass, 0, (uint64_t)i + 1);
        order[i] = order[j]; /* inside out: R. Durstenfeld, "Algorithm 235", CACM 1964 */
        order[j] = i;
    }
    for (int32_t i = 0; i < p->n_units; i++) {
        const int32_t unit = order[i];
        if (p->units[unit].used && !onp_profile_reading_of(l->r, pass, unit)->done)
            order[n++] = pass * p->n_units + unit;
    }
    l->n_work += n;
}

static void order_all(loop *l)
{
    const onp_rng rng = onp_rng_make(l->s->options.seed, ONP_RNG_ORDER);
    l->n_work = 0;
    for (int32_t pass = 0; pass < l->p->passes; pass++)
        order_pass(l, rng, pass);
    l->n_left = l->n_work;
}

/* The unit with the most to do: its time is the steadiest. Of all that the plan has, so that it is
 * the same one whichever of them are measured. */
static int32_t choose_sentinel(const onp_profile_plan *p)
{
    int32_t best = -1;
    int64_t most = -1;
    for (int32_t i = 0; i < p->n_units && !p->units[i].whole; i++) {
        int64_t macs = 0;
        for (int32_t k = 0; k < p->units[i].n; k++)
            macs += onp_block_n_macs(&p->blocks[p->units[i].start + k]);
        if (macs > most) {
            most = macs;
            best = i;
        }
    }
    return best;
}

/* ---- time ---- */

/* For the next graph: its share of what is left, but not less than half of what each has from the
 * start. */
static int64_t share_ns(const loop *l)
{
    const onp_profile_options *o = &l->s->options;
    if (l->s->mode != ONP_PROFILE_CHAIN && o->max_block_ns > 0)
        return o->max_block_ns / l->p->passes + 1;
    const int64_t left = l->out->budget_ns - (onp_now_ns() - l->s->start_ns);
    const int64_t n = l->n_left + l->n_left / EVERY + 2, all = l->n_work + l->n_work / EVERY + 2;
    const int64_t least = l->out->budget_ns / all / 2;
    int64_t share = left / n;
    share = share < least ? least : share;
    return share < LEAST_NS ? LEAST_NS : share > MOST_NS ? MOST_NS : share;
}

static bool has_time(const loop *l)
{
    return onp_now_ns() - l->s->start_ns < l->out->budget_ns;
}

/* ---- the sentinel ---- */

static double median_of_history(loop *l)
{
    for (int32_t i = 0; i < l->n_history; i++)
        l->median[i] = l->history[i];
    return onp_profile_median(l->median, l->n_history);
}

static void remember(loop *l, double value)
{
    if (l->n_history < MAX_HISTORY)
        l->history[l->n_history++] = value;
}

static double scaled(int64_t ns, int64_t clock_khz)
{
    return clock_khz > 0 ? (double)ns * (double)clock_khz * 1e-6 : (double)ns;
}

static onp_status recall(void *user, int64_t run, const onp_sentinel *v, onp_error *err)
{
    loop *l = user;
    (void)err;
    if (run >= l->first_run)
        remember(l, scaled(v->median_ns, v->clock_khz));
    return ONP_OK;
}

static onp_status read_sentinel(const loop *l, onp_profile_sample *sample, onp_error *err)
{
    const onp_profile_unit *u = &l->p->units[l->sentinel];
    onp_block blocks[2] = {l->p->blocks[u->start]};
    const onp_block *from = l->p->blocks + u->start;
    int32_t n = u->n;
    if (u->feed != NULL) {
        blocks[1] = blocks[0];
        blocks[0] = *u->feed;
        from = blocks;
        n = 2;
    }
    ONP_TRY(onp_profile_read_blocks(l->s, from, n, share_ns(l), false, sample, err));
    if (sample->m.quality == ONP_QUALITY_FAILED)
        return onp_fail(err, ONP_E_DEVICE, "sentinel: %.400s", sample->failure.msg);
    return ONP_OK;
}

static bool is_sharp(const onp_measurement *m)
{
    return m->n >= ONP_STATS_MIN_INTERVAL &&
           (double)(m->ci95_hi_ns - m->ci95_lo_ns) <= 2.0 * DRIFT_PAUSE * (double)m->median_ns;
}

static double drift_of(loop *l, const look *seen)
{
    return seen->sharp && l->n_history > 0 ? seen->value / median_of_history(l) - 1.0 : 0.0;
}

/* Measures and stores it. */
static onp_status take_sentinel(loop *l, look *seen, onp_error *err)
{
    onp_profile_sample sample = {0};
    onp_status st = read_sentinel(l, &sample, err);
    if (st == ONP_OK) {
        const onp_sentinel row = {.key = l->p->units[l->sentinel].key,
                                  .seq = ++l->s->seq,
                                  .median_ns = sample.m.median_ns,
                                  .clock_khz = sample.m.clock_khz};
        st = onp_store_sentinel_add(l->s->store, l->s->run, &row, err);
        seen->value = scaled(row.median_ns, row.clock_khz);
        seen->sharp = is_sharp(&sample.m);
        seen->temperature_mc = sample.m.temperature_after_mc;
        seen->drift = drift_of(l, seen);
        l->out->n_sentinels++;
    }
    onp_profile_sample_reset(l->s, &sample);
    return st;
}

/* Where the device says that it is too warm, waits until it is not. */
static onp_status let_cool(loop *l, look *seen, onp_error *err)
{
    const int64_t limit = l->s->options.max_temperature_mc;
    for (int i = 0; i < HEAT_WAITS && limit > 0 && seen->temperature_mc > limit; i++) {
        if (onp_profile_stopped(l->s))
            return ONP_OK;
        if (i == 0)
            onp_log(l->s->ctx, ONP_LOG_INFO, "profile: %.1f C, waiting for %.1f C",
                    (double)seen->temperature_mc / 1e3, (double)limit / 1e3);
        onp_profile_sleep(l->s, HEAT_WAIT);
        ONP_TRY(take_sentinel(l, seen, err));
    }
    return ONP_OK;
}

/* The first graph that a runner measures is slower: its memory is new, and the core's clock low. */
static onp_status warm_up(const loop *l, onp_error *err)
{
    onp_profile_sample sample = {0};
    onp_status st = read_sentinel(l, &sample, err);
    onp_profile_sample_reset(l->s, &sample);
    return st;
}

/* Measures the sentinel; *first: what it told at once. It waits, longer each time, while it is off.
 */
static onp_status check_sentinel(loop *l, bool wait, look *first, onp_error *err)
{
    const int64_t pause_ns = l->s->options.pause_ns > 0 ? l->s->options.pause_ns : FIRST_WAIT;
    ONP_TRY(take_sentinel(l, first, err));
    ONP_TRY(let_cool(l, first, err));
    look now = *first;
    for (int i = 0; i < WAITS && wait && fabs(now.drift) > DRIFT_PAUSE; i++) {
        if (i == 0)
            onp_log(l->s->ctx, ONP_LOG_INFO,
                    "profile: the sentinel is %+.1f %% off: waiting for the device",
                    100.0 * now.drift);
        onp_profile_sleep(l->s, pause_ns << i);
        if (onp_profile_stopped(l->s))
            return ONP_OK;
        ONP_TRY(take_sentinel(l, &now, err));
    }
    l->last = now;
    l->out->drift = now.drift;
    if (now.sharp)
        remember(l, now.value);
    return ONP_OK;
}

/* ---- before and after ---- */

static void forget(loop *l, bool all)
{
    int32_t n = 0;
    for (int32_t i = 0; i < l->p->passes * l->p->n_units; i++)
        if (l->r->of[i].done && (all || !l->r->of[i].guarded)) {
            l->r->of[i].done = false;
            n++;
        }
    l->out->n_forgotten += n;
    if (n > 0)
        onp_log(l->s->ctx, ONP_LOG_INFO,
                "profile: the device is not what it was: %" PRId32 " graphs are measured again", n);
    if (all)
        l->n_history = 0;
}

/* The first sentinel. What was taken over is measured again when the device has changed since. */
static onp_status begin(loop *l, onp_error *err)
{
    look first = {0};
    const char *key = l->p->units[l->sentinel].key;
    for (int32_t i = 0; i < l->p->passes * l->p->n_units; i++)
        if (l->r->of[i].done && (l->first_run == 0 || l->r->of[i].run < l->first_run))
            l->first_run = l->r->of[i].run;
    if (l->first_run > 0)
        ONP_TRY(onp_store_sentinels(l->s->store, l->s->platform, key, recall, l, err));
    const bool resumed = l->n_history > 0;
    ONP_TRY(warm_up(l, err));
    ONP_TRY(check_sentinel(l, resumed, &first, err));
    if (!resumed || onp_profile_stopped(l->s))
        return ONP_OK;
    if (fabs(l->last.drift) > DRIFT_FAIL) {
        forget(l, true);
        remember(l, l->last.value);
    } else if (fabs(first.drift) > DRIFT_PAUSE) {
        forget(l, false);
    }
    return ONP_OK;
}

/* What was measured since the sentinel was right is measured again. */
static onp_status repeat(loop *l, int32_t from, int32_t to, int64_t first_seq, double drift,
                         onp_error *err)
{
    char reason[64];
    (void)snprintf(reason, sizeof reason, "sentinel %+.1f %% off after it", 100.0 * drift);
    l->out->n_pauses++;
    for (int32_t i = from; i < to; i++)
        l->r->of[l->work[i]].done = false;
    l->n_left += to - from;
    return onp_store_distrust(l->s->store, l->s->run, first_seq, reason, err);
}

/* A last sentinel too far off fails the run; another one goes on from when it was right. */
static onp_status end(loop *l, int32_t from, int64_t first_seq, onp_error *err)
{
    if (!(fabs(l->out->drift) > DRIFT_FAIL))
        return ONP_OK;
    ONP_TRY(repeat(l, from, l->n_work, first_seq, l->out->drift, err));
    l->out->drifted = true;
    return onp_fail(err, ONP_E_DEVICE,
                    "the sentinel ends %+.1f %% off the median of %" PRId32
                    ", wanted at most %.0f %%: is the device busy or hot? what was measured before "
                    "stays",
                    100.0 * l->out->drift, l->n_history, 100.0 * DRIFT_FAIL);
}

/* ---- one after the other ---- */

static void tell(const loop *l)
{
    const onp_watch *watch = l->s->options.watch;
    if (watch == NULL)
        return;
    const onp_watch_event event = {.phase = ONP_PHASE_PROFILE,
                                   .step = l->n_work - l->n_left,
                                   .steps = l->n_work,
                                   .loss = (double)NAN,
                                   .accuracy = (double)NAN,
                                   .validation_accuracy = (double)NAN,
                                   .expected_ns = (double)NAN};
    watch->fn(watch->user, &event);
}

/* Counts a graph that could not be measured. A dead runner is a failure at once. */
static onp_status count_failure(loop *l, const onp_profile_unit *u, const onp_error *failure,
                                onp_error *err)
{
    const bool path = l->s->mode == ONP_PROFILE_CHAIN;
    for (int32_t k = u->start; k < u->start + u->n; k++)
        if (l->p->entry_of[k] >= 0)
            l->p->entries[l->p->entry_of[k]].failed = true;
    if (l->out->n_failed++ == 0)
        (void)onp_fail(&l->out->first, ONP_E_DEVICE, "%s \"%s\": %.350s", path ? "path" : "block",
                       u->key, failure->msg);
    if (onp_runner_is_alive(l->s->runner))
        return ONP_OK;
    return onp_fail(err, ONP_E_DEVICE, "%s \"%s\": %.350s", path ? "path" : "block", u->key,
                    failure->msg);
}

static onp_status measure(loop *l, int32_t i, onp_error *err)
{
    const int32_t pass = l->work[i] / l->p->n_units, unit = l->work[i] % l->p->n_units;
    onp_error failure;
    if (onp_profile_stopped(l->s))
        return onp_fail(err, ONP_E_INTERRUPTED,
                        "profile: interrupted, %" PRId32 " of %" PRId32 " graphs measured",
                        l->n_work - l->n_left, l->n_work);
    ONP_TRY(onp_profile_measure_unit(l->s, l->p, pass, unit, share_ns(l), l->out->set_rows, l->r,
                                     &failure, err));
    l->n_left--;
    l->out->n_graphs++;
    onp_progress_step(l->s->options.progress, l->n_work - l->n_left, "pass %" PRId32, pass + 1);
    tell(l);
    return failure.msg[0] != '\0' ? count_failure(l, &l->p->units[unit], &failure, err) : ONP_OK;
}

static onp_status measure_all(loop *l, onp_error *err)
{
    int32_t good = 0, last_good = 0;
    int64_t good_seq = l->s->seq, last_seq = good_seq;
    for (int32_t i = 0; i < l->n_work;) {
        look first = {0};
        ONP_TRY(measure(l, i++, err));
        if (i - good < EVERY && i < l->n_work)
            continue;
        const bool may_wait = l->out->n_pauses < MAX_PAUSES && has_time(l);
        ONP_TRY(check_sentinel(l, may_wait, &first, err));
        if (fabs(first.drift) > DRIFT_PAUSE && may_wait && !onp_profile_stopped(l->s)) {
            ONP_TRY(repeat(l, good, i, good_seq + 1, first.drift, err));
            i = good;
        }
        last_good = good;
        last_seq = good_seq;
        good = i;
        good_seq = l->s->seq;
    }
    return end(l, last_good, last_seq + 1, err);
}

static onp_status run(loop *l, onp_error *err)
{
    l->sentinel = choose_sentinel(l->p);
    order_all(l);
    if (l->n_work == 0)
        return ONP_OK;
    onp_progress_begin(l->s->options.progress, "profile", l->n_work);
    ONP_TRY(begin(l, err));
    order_all(l); /* begin may have found more to do */
    return measure_all(l, err);
}

onp_status onp_profile_loop(onp_profile_session *s, onp_profile_plan *p, onp_profile_readings *r,
                            onp_profile_progress *progress, onp_error *err)
{
    loop *l = onp_alloc(s->ctx, 1, sizeof *l);
    progress->drift = (double)NAN;
    if (l == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: out of memory");
    *l = (loop){.s = s, .p = p, .r = r, .out = progress};
    l->work = onp_alloc(s->ctx, (size_t)p->passes * (size_t)p->n_units, sizeof *l->work);
    onp_status st =
        l->work != NULL ? run(l, err) : onp_fail(err, ONP_E_NOMEM, "profile: out of memory");
    onp_progress_end(s->options.progress);
    onp_free(s->ctx, l->work);
    onp_free(s->ctx, l);
    return st;
}
