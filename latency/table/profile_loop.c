/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring all of a plan, with a sentinel that tells when the device is busy. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latency/table/profile_internal.h"
#include "latency/table/quiet.h"
#include "latency/table/store_evidence.h"
#include "latency/table/store_visits.h"

#define EVERY       6   /* units between two sentinels */
#define TIME_SPENT  0.4 /* of the budget, for all once; the rest: for waiting, and again */
#define MAX_HISTORY 128 /* sentinels: so many later, a device that has changed is known */
#define MAX_WAITS   64
#define MAX_AGAIN   4 /* times that all is measured again */
#define LEAST_NS    ((int64_t)1000000)
#define MOST_NS     ((int64_t)5000000000)
#define FIRST_WAIT  ((int64_t)250000000) /* then twice as long each time, up to 8 times */
#define LONGEST     3
#define HEAT_WAIT   ((int64_t)2000000000)
#define HEAT_WAITS  60

typedef struct loop {
    onp_profile_session *s;
    onp_profile_plan *p;
    onp_profile_readings *r;
    onp_profile_progress *out;
    int32_t *work; /* pass * n_units + unit, in order */
    int32_t n_work, at;
    int32_t n_todo, n_left; /* of these, not measured: at first, and now */
    bool *enough;           /* of entries: their readings in quiet */
    bool *refused;          /* of units: the runner cannot measure it, so that it is no sentinel */
    int32_t sentinel;       /* its unit */
    int64_t since;          /* the first run that the history is of; 0: it has not begun */
    double history[MAX_HISTORY], sorted[MAX_HISTORY];
    int32_t n_history;
    double last; /* the last sentinel's value; 0: not known well enough to tell anything */
    int64_t temperature_mc;
    bool told_warm;
    int32_t n_waits;
    int64_t lost_ns; /* in waits */
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
        if (!p->units[unit].used)
            continue;
        l->n_todo += !onp_profile_reading_of(l->r, pass, unit)->done;
        order[n++] = pass * p->n_units + unit;
    }
    l->n_work += n;
}

static void order_all(loop *l)
{
    const onp_rng rng = onp_rng_make(l->s->options.seed, ONP_RNG_ORDER);
    for (int32_t pass = 0; pass < l->p->passes; pass++)
        order_pass(l, rng, pass);
    l->n_left = l->n_todo;
}

/* The unit with the most to do: its time is the steadiest. Of all that the plan has and that was
 * not refused, so that it is the same one whichever of them are measured; -1: none is left. */
static int32_t choose_sentinel(const onp_profile_plan *p, const bool *refused)
{
    int32_t best = -1;
    int64_t most = -1;
    for (int32_t i = 0; i < p->n_units && !p->units[i].whole; i++) {
        int64_t macs = 0;
        if (refused[i])
            continue;
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

static int64_t elapsed_ns(const loop *l)
{
    return onp_now_ns() - l->s->start_ns;
}

static bool has_time(const loop *l)
{
    return elapsed_ns(l) < l->out->budget_ns;
}

static bool waits(const loop *l)
{
    return l->s->mode != ONP_PROFILE_CHAIN;
}

static int64_t to_spend_ns(const loop *l)
{
    return waits(l) ? (int64_t)(TIME_SPENT * (double)l->out->budget_ns) : l->out->budget_ns;
}

/* For the next graph: its share of what is left, but not less than half of what each has from the
 * start; measured again, no more than that. */
static int64_t share_ns(const loop *l)
{
    const onp_profile_options *o = &l->s->options;
    if (l->s->mode != ONP_PROFILE_CHAIN && o->max_block_ns > 0)
        return o->max_block_ns / l->p->passes + 1;
    const int64_t left = to_spend_ns(l) - (elapsed_ns(l) - l->lost_ns);
    const int64_t n = l->n_left + l->n_left / EVERY + 2, all = l->n_todo + l->n_todo / EVERY + 2;
    const int64_t least = to_spend_ns(l) / all / 2;
    int64_t share = l->n_left > 0 ? left / n : least;
    share = share < least ? least : share;
    return share < LEAST_NS ? LEAST_NS : share > MOST_NS ? MOST_NS : share;
}

/* ---- the sentinel ---- */

static void remember(loop *l, double value)
{
    if (l->n_history == MAX_HISTORY)
        memmove(l->history, l->history + 1, (size_t)--l->n_history * sizeof *l->history);
    l->history[l->n_history++] = value;
}

static onp_status recall(void *user, int64_t run, const onp_sentinel *v, onp_error *err)
{
    loop *l = user;
    (void)err;
    if (l->since > 0 && run >= l->since)
        remember(l, onp_quiet_value(v->median_ns, v->clock_khz));
    return ONP_OK;
}

static void take_level(loop *l)
{
    if (l->n_history > 0) {
        memcpy(l->sorted, l->history, (size_t)l->n_history * sizeof *l->sorted);
        l->r->quiet_level = onp_quiet_level(l->sorted, l->n_history);
    }
    l->out->drift = onp_quiet_excess(l->r->quiet_level, l->last);
}

static bool is_busy(const loop *l)
{
    return l->out->drift > ONP_QUIET_TOLERANCE;
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
    return m->n >= ONP_STATS_MIN_INTERVAL && (double)(m->ci95_hi_ns - m->ci95_lo_ns) <=
                                                 2.0 * ONP_QUIET_TOLERANCE * (double)m->median_ns;
}

/* Measures and stores it. waiting: it is one of many at a busy time, and not for the history. */
static onp_status take_sentinel(loop *l, bool waiting, onp_error *err)
{
    onp_profile_sample sample = {0};
    onp_status st = read_sentinel(l, &sample, err);
    if (st == ONP_OK) {
        const onp_sentinel row = {.key = l->p->units[l->sentinel].key,
                                  .seq = ++l->s->seq,
                                  .median_ns = sample.m.median_ns,
                                  .clock_khz = sample.m.clock_khz};
        st = onp_store_sentinel_add(l->s->store, l->s->run, &row, err);
        l->last = is_sharp(&sample.m) ? onp_quiet_value(row.median_ns, row.clock_khz) : 0.0;
        if (l->last > 0.0 && !waiting)
            remember(l, l->last);
        take_level(l);
        l->temperature_mc = sample.m.temperature_after_mc;
        l->out->n_sentinels++;
    }
    onp_profile_sample_reset(l->s, &sample);
    return st;
}

/* Where the device says that it is too warm, waits until it is not; no longer than it helps. */
static onp_status let_cool(loop *l, onp_error *err)
{
    const int64_t limit = l->s->options.max_temperature_mc;
    const int64_t wait_ns = l->s->options.pause_ns > 0 ? l->s->options.pause_ns : HEAT_WAIT;
    const int64_t since = onp_now_ns();
    int i = 0;
    for (; i < HEAT_WAITS && limit > 0 && l->temperature_mc > limit && has_time(l); i++) {
        if (onp_profile_stopped(l->s))
            return ONP_OK;
        if (i == 0) {
            l->out->n_pauses++;
            onp_log(l->s->ctx, ONP_LOG_INFO, "profile: %.1f C, waiting for %.1f C",
                    (double)l->temperature_mc / 1e3, (double)limit / 1e3);
        }
        onp_profile_sleep(l->s, wait_ns);
        ONP_TRY(take_sentinel(l, true, err));
    }
    if (limit > 0 && l->temperature_mc > limit && !l->told_warm) {
        l->told_warm = true;
        onp_log(l->s->ctx, ONP_LOG_WARN,
                "profile: still %.1f C after %.0f s, wanted %.1f C: measured all the same",
                (double)l->temperature_mc / 1e3, (double)(onp_now_ns() - since) / 1e9,
                (double)limit / 1e3);
    }
    return ONP_OK;
}

/* Until all has been measured once, there is a share of the budget to wait in. */
static bool may_wait(const loop *l, int64_t since_ns)
{
    const int64_t lost = l->lost_ns + onp_now_ns() - since_ns;
    return has_time(l) && l->n_waits < MAX_WAITS && !onp_profile_stopped(l->s) &&
           (l->n_left == 0 || lost < l->out->budget_ns - to_spend_ns(l));
}

/* Until the device is cool enough; then, longer each time, while it is busy and there is time to:
 * in the modes without paths. The load of paths is known and taken out. */
static onp_status wait_for_device(loop *l, onp_error *err)
{
    const int64_t first_ns = l->s->options.pause_ns > 0 ? l->s->options.pause_ns : FIRST_WAIT;
    const int64_t since = onp_now_ns();
    ONP_TRY(let_cool(l, err));
    for (int i = 0; waits(l) && is_busy(l) && may_wait(l, since); i++) {
        if (i == 0) {
            l->out->n_pauses++;
            onp_log(l->s->ctx, ONP_LOG_INFO,
                    "profile: the sentinel is %.1f %% above its quiet level: waiting for the "
                    "device",
                    100.0 * l->out->drift);
        }
        l->n_waits++;
        onp_profile_sleep(l->s, first_ns << (i < LONGEST ? i : LONGEST));
        ONP_TRY(take_sentinel(l, true, err));
        ONP_TRY(let_cool(l, err));
    }
    l->lost_ns += onp_now_ns() - since;
    return ONP_OK;
}

/* The first graph that a runner measures is slower: its memory is new, and the core's clock low.
 * One that it refuses makes room for another: it can still be asked for others. */
static onp_status warm_up(loop *l, onp_error *err)
{
    onp_status st = ONP_OK;
    do {
        onp_profile_sample sample = {0};
        const int32_t next = choose_sentinel(l->p, l->refused);
        if (next < 0)
            return st;
        l->sentinel = next;
        st = read_sentinel(l, &sample, err);
        onp_profile_sample_reset(l->s, &sample);
        l->refused[next] = st != ONP_OK;
    } while (st == ONP_E_DEVICE && onp_runner_is_alive(l->s->runner));
    return st;
}

/* The history begins with the oldest fresh row, or with what was taken over. */
static onp_status take_history(loop *l, onp_error *err)
{
    const char *key = l->p->units[l->sentinel].key;
    ONP_TRY(onp_store_fresh_since(l->s->store, l->s->platform, &l->since, err));
    for (int32_t i = 0; i < l->n_work; i++) {
        const onp_profile_reading *r = &l->r->of[l->work[i]];
        if (r->done && (l->since == 0 || r->run < l->since))
            l->since = r->run;
    }
    return onp_store_sentinels(l->s->store, l->s->platform, key, recall, l, err);
}

static onp_status begin(loop *l, onp_error *err)
{
    ONP_TRY(warm_up(l, err));
    ONP_TRY(take_history(l, err));
    ONP_TRY(take_sentinel(l, false, err));
    for (int32_t i = 0; i < l->n_work; i++) { /* what was taken over may have lacked one after it */
        onp_profile_reading *r = &l->r->of[l->work[i]];
        if (r->done && !r->guarded)
            r->sentinel = fmax(r->sentinel, l->last);
    }
    return ONP_OK;
}

/* ---- one after the other ---- */

static void tell(const loop *l)
{
    const onp_watch *watch = l->s->options.watch;
    if (watch == NULL)
        return;
    const onp_watch_event event = {.phase = ONP_PHASE_PROFILE,
                                   .step = l->n_todo - l->n_left,
                                   .steps = l->n_todo,
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

static onp_status measure(loop *l, int32_t work, bool again, onp_error *err)
{
    const int32_t pass = work / l->p->n_units, unit = work % l->p->n_units;
    onp_error failure;
    if (onp_profile_stopped(l->s))
        return onp_fail(err, ONP_E_INTERRUPTED,
                        "profile: interrupted, %" PRId32 " of %" PRId32 " graphs measured",
                        l->n_todo - l->n_left, l->n_todo);
    ONP_TRY(onp_profile_measure_unit(l->s, l->p, pass, unit, share_ns(l), l->out->set_rows, l->r,
                                     &failure, err));
    l->n_left -= !again;
    l->out->n_graphs++;
    l->r->of[work].sentinel = l->last;
    onp_progress_step(l->s->options.progress, l->n_todo - l->n_left, "pass %" PRId32 "%s", pass + 1,
                      again ? ", again" : "");
    tell(l);
    return failure.msg[0] != '\0' ? count_failure(l, &l->p->units[unit], &failure, err) : ONP_OK;
}

/* Then the sentinel. What was measured between two of them belongs to the slower one. */
static onp_status measure_some(loop *l, const int32_t *some, int32_t n, bool again, onp_error *err)
{
    for (int32_t i = 0; i < n; i++)
        ONP_TRY(measure(l, some[i], again, err));
    ONP_TRY(take_sentinel(l, false, err));
    for (int32_t i = 0; i < n; i++) {
        onp_profile_reading *r = &l->r->of[some[i]];
        r->sentinel = fmax(r->sentinel, l->last);
    }
    return ONP_OK;
}

static onp_status measure_once(loop *l, onp_error *err)
{
    for (int32_t i = 0; i < l->n_work;) {
        int32_t some[EVERY], n = 0;
        for (; i < l->n_work && n < EVERY; i++)
            if (!l->r->of[l->work[i]].done)
                some[n++] = l->work[i];
        if (n == 0)
            return ONP_OK;
        ONP_TRY(wait_for_device(l, err));
        ONP_TRY(measure_some(l, some, n, false, err));
    }
    return ONP_OK;
}

/* ---- again ---- */

/* Has the unit an entry that too few readings in quiet are of? */
static bool is_needed(const loop *l, int32_t unit)
{
    const onp_profile_unit *u = &l->p->units[unit];
    for (int32_t k = u->start; k < u->start + u->n; k++)
        if (l->p->entry_of[k] >= 0 && !l->enough[l->p->entry_of[k]])
            return true;
    return false;
}

/* The next few that were measured while the device was busy, and that are needed. */
static int32_t choose_again(loop *l, int32_t some[EVERY])
{
    int32_t n = 0;
    onp_profile_find_quiet(l->p, l->r);
    onp_profile_count_quiet(l->s, l->p, l->r, l->enough);
    for (int32_t i = 0; i < l->n_work && n < EVERY; i++) {
        const int32_t work = l->work[l->at];
        const onp_profile_reading *r = &l->r->of[work];
        l->at = (l->at + 1) % l->n_work;
        if (r->done && !r->quiet && is_needed(l, work % l->p->n_units))
            some[n++] = work;
    }
    return n;
}

static onp_status forget(loop *l, onp_profile_reading *r, onp_error *err)
{
    r->done = false;
    l->out->n_again++;
    return onp_store_distrust(l->s->store, r->run, r->seq, "measured again: the device was busy",
                              err);
}

/* What time is left is for what was measured while the device was busy. */
static onp_status measure_again(loop *l, onp_error *err)
{
    int32_t some[EVERY];
    for (;;) {
        const bool more = has_time(l) && l->out->n_again < MAX_AGAIN * l->n_work;
        const int32_t n = more ? choose_again(l, some) : 0;
        if (n == 0)
            return ONP_OK;
        ONP_TRY(wait_for_device(l, err));
        if (is_busy(l) || !has_time(l) || onp_profile_stopped(l->s))
            return ONP_OK;
        for (int32_t i = 0; i < n; i++)
            ONP_TRY(forget(l, &l->r->of[some[i]], err));
        ONP_TRY(measure_some(l, some, n, true, err));
    }
}

static onp_status run(loop *l, onp_error *err)
{
    order_all(l);
    if (l->n_todo == 0)
        return ONP_OK;
    onp_progress_begin(l->s->options.progress, "profile", l->n_todo);
    ONP_TRY(begin(l, err));
    ONP_TRY(measure_once(l, err));
    return waits(l) ? measure_again(l, err) : ONP_OK;
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
    l->enough = onp_alloc(s->ctx, (size_t)p->n_entries, sizeof *l->enough);
    l->refused = onp_alloc(s->ctx, (size_t)p->n_units, sizeof *l->refused);
    onp_status st = l->work != NULL && l->enough != NULL && l->refused != NULL
                        ? run(l, err)
                        : onp_fail(err, ONP_E_NOMEM, "profile: out of memory");
    onp_progress_end(s->options.progress);
    onp_free(s->ctx, l->work);
    onp_free(s->ctx, l->enough);
    onp_free(s->ctx, l->refused);
    onp_free(s->ctx, l);
    return st;
}
