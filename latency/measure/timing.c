/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/timing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLOOR_SAMPLES  3
#define WINDOW         5
#define TICKS          200         /* of the time source that a sample lasts at least */
#define MAX_INNER_REPS (1LL << 30) /* a callable that takes no time at all ends here */
#define EMPTY_TURNS    4096
#define MAX_WAITED     0.005 /* share of a sample that others may have had the processor */

typedef struct session {
    onp_timed what;
    onp_stop_rule rule;
    const onp_time_source *source;
    int64_t start_ns;
    int64_t need_ns; /* shortest sample */
    int64_t *scratch;
    int64_t *spent_ns; /* by each group in the sample at hand */
    double stamp_ns;   /* of a stamp; overhead_ns is that of all in a turn */
    size_t max;        /* samples that the arrays of t have room for */
    onp_timing t;
} session;

static int64_t now(const session *s)
{
    return s->source->now_ns(s->source->user);
}

static onp_sight look(const session *s)
{
    onp_sight sight = {.temperature_mc = ONP_UNKNOWN_MC};
    if (s->source->look != NULL)
        s->source->look(s->source->user, &sight);
    return sight;
}

/* ---- one sample ---- */

static void nothing(void *user)
{
    (void)user;
}

static void nothing_of_group(void *user, int32_t group)
{
    (void)user;
    (void)group;
}

/* run is read through a volatile, so that the empty loop is the same loop, with the same call. */
static int64_t time_calls(const session *s, void (*run)(void *user), int64_t reps)
{
    void (*volatile call)(void *user) = run;
    const int64_t start = now(s);
    for (int64_t i = 0; i < reps; i++)
        call(s->what.user);
    return now(s) - start;
}

/* The same in groups; each one's time in spent_ns. */
static int64_t time_groups(const session *s, void (*run)(void *user, int32_t group), int64_t reps)
{
    void (*volatile call)(void *user, int32_t group) = run;
    const int32_t n = s->what.n_groups;
    memset(s->spent_ns, 0, (size_t)n * sizeof *s->spent_ns);
    const int64_t start = now(s);
    int64_t stamp = start;
    for (int64_t i = 0; i < reps; i++)
        for (int32_t g = 0; g < n; g++) {
            call(s->what.user, g);
            const int64_t t = now(s);
            s->spent_ns[g] += t - stamp;
            stamp = t;
        }
    return stamp - start;
}

static int64_t time_sample(const session *s)
{
    return s->what.n_groups > 0 ? time_groups(s, s->what.run_group, s->t.inner_reps)
                                : time_calls(s, s->what.run, s->t.inner_reps);
}

/* Of one turn, without what the loop and its stamps take; at least `least`. */
static int64_t per_turn_ns(const session *s, int64_t elapsed_ns, double overhead_ns, int64_t least)
{
    const double ns = (double)elapsed_ns / (double)s->t.inner_reps - overhead_ns;
    return ns > (double)least ? llround(ns) : least;
}

/* ---- what the loop itself takes ---- */

/* The smallest step that the time source is seen to make. */
static int64_t tick_ns(const session *s)
{
    int64_t best = INT64_MAX, last = now(s);
    for (int i = 0; i < 1000; i++) {
        int64_t t = now(s);
        if (t > last && t - last < best)
            best = t - last;
        last = t;
    }
    return best == INT64_MAX ? 1 : best;
}

static void calibrate(session *s)
{
    const int64_t n = s->what.n_groups;
    const int64_t turns = n > 0 ? (EMPTY_TURNS + n - 1) / n : EMPTY_TURNS;
    int64_t empty = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t ns =
            n > 0 ? time_groups(s, nothing_of_group, turns) : time_calls(s, nothing, turns);
        if (ns < empty)
            empty = ns;
    }
    s->t.overhead_ns = (double)empty / (double)turns;
    s->stamp_ns = n > 0 ? s->t.overhead_ns / (double)n : 0.0;
    const int64_t ticks = TICKS * tick_ns(s);
    s->need_ns = s->rule.sample_min_ns > ticks ? s->rule.sample_min_ns : ticks;
}

/* ---- warm-up ---- */

static double median_of_window(const int64_t *x)
{
    int64_t sorted[WINDOW];
    memcpy(sorted, x, sizeof sorted);
    return (double)onp_stats_median(sorted, WINDOW);
}

static bool settled(const int64_t *window, size_t n)
{
    if (n < 2 * WINDOW)
        return false;
    double before = median_of_window(window), after = median_of_window(window + WINDOW);
    return fabs(after - before) <= 0.01 * before;
}

/* Doubles the inner repetitions until a sample is long enough: the first, cold calls may hide that
 * it is not, so that the check goes on until the end of the warm-up. */
static void warm_up(session *s)
{
    int64_t window[2 * WINDOW];
    size_t n = 0;
    int64_t calls = 0;
    s->t.inner_reps = 1;
    for (;;) {
        int64_t elapsed = time_sample(s);
        calls += s->t.inner_reps;
        if (elapsed < s->need_ns && s->t.inner_reps < MAX_INNER_REPS) {
            s->t.inner_reps *= 2;
            n = 0;
            continue;
        }
        if (n == 2 * WINDOW) {
            memmove(window, window + 1, (n - 1) * sizeof *window);
            n--;
        }
        window[n++] = per_turn_ns(s, elapsed, s->t.overhead_ns, 1);
        const int64_t spent = now(s) - s->start_ns;
        if (calls < s->rule.warmup_calls)
            continue;
        if (spent >= s->rule.time_max_ns / 4 ||
            (spent >= s->rule.warmup_min_ns && settled(window, n)))
            return;
    }
}

/* ---- samples ---- */

static bool narrow_enough(session *s)
{
    onp_stats stats;
    onp_stats_take(s->t.samples_ns, s->t.n, s->scratch, &stats);
    return onp_stats_half_width(&stats) <= s->rule.ci_half_width;
}

static void reject(session *s, onp_reject reason)
{
    s->t.n_rejected++;
    s->t.rejected[reason]++;
}

static void keep_sample(session *s, int64_t elapsed_ns, const onp_sight *before,
                        const onp_sight *after)
{
    onp_timing *t = &s->t;
    const size_t i = t->n++;
    t->samples_ns[i] = per_turn_ns(s, elapsed_ns, t->overhead_ns, 1);
    t->clock_khz[i] = (before->clock_khz + after->clock_khz) / 2;
    t->temperature_mc[i] = after->temperature_mc;
    for (size_t g = 0; g < t->n_groups; g++)
        t->stamps_ns[g * s->max + i] = per_turn_ns(s, s->spent_ns[g], s->stamp_ns, 0);
}

/* The time that a host stole lies somewhere in the last ticks: the samples of that time go, but for
 * those needed. */
static void drop_stolen(session *s)
{
    int64_t ns = 0;
    while (s->t.n > FLOOR_SAMPLES && ns < ONP_TIME_STOLEN_NS) {
        ns += s->t.samples_ns[--s->t.n] * s->t.inner_reps;
        reject(s, ONP_REJECT_STOLEN);
    }
}

/* Whether what was seen speaks against the sample between; if so counts it as rejected. */
static bool disturbed(session *s, int64_t elapsed_ns, const onp_sight *before,
                      const onp_sight *after)
{
    const double waited_ns = (double)(after->waited_ns - before->waited_ns);
    if (after->n_moves != before->n_moves)
        reject(s, ONP_REJECT_MOVED);
    else if (after->stolen_ns != before->stolen_ns)
        reject(s, ONP_REJECT_STOLEN);
    else if (waited_ns > MAX_WAITED * (double)elapsed_ns)
        reject(s, ONP_REJECT_PREEMPTED);
    else
        return false;
    return true;
}

static void take_samples(session *s)
{
    const int64_t start = now(s);
    int64_t tries = 0, next_check = s->rule.samples_min;
    onp_sight before = look(s);
    for (;; tries++) {
        const int64_t spent = now(s) - s->start_ns;
        const int64_t n = (int64_t)s->t.n;
        const bool late = spent >= s->rule.time_max_ns || tries >= 2 * s->rule.samples_max;
        if (n == s->rule.samples_max || (late && n >= FLOOR_SAMPLES))
            return;
        if (n >= next_check && now(s) - start >= s->rule.time_min_ns) {
            if (narrow_enough(s))
                return;
            next_check = n + n / 8 + 1; /* sorting at each sample would be felt by the next */
        }
        const int64_t elapsed = time_sample(s);
        const onp_sight after = look(s);
        if (late || !disturbed(s, elapsed, &before, &after)) /* late, any is better than none */
            keep_sample(s, elapsed, &before, &after);
        if (after.stolen_ns != before.stolen_ns)
            drop_stolen(s);
        before = after;
    }
}

/* ---- the end ---- */

/* Rows of stamps become as long as there are samples; temperatures that nobody knows go. */
static void trim(const onp_context *ctx, session *s)
{
    onp_timing *t = &s->t;
    bool known = false;
    for (size_t g = 1; g < t->n_groups; g++)
        memmove(t->stamps_ns + g * t->n, t->stamps_ns + g * s->max, t->n * sizeof *t->stamps_ns);
    for (size_t i = 0; i < t->n; i++)
        known = known || t->temperature_mc[i] != ONP_UNKNOWN_MC;
    if (!known) {
        onp_free(ctx, t->temperature_mc);
        t->temperature_mc = NULL;
    }
}

static void judge(session *s)
{
    onp_cores seen = {{0}};
    onp_error lost = {0};
    onp_status st = ONP_OK;
    if (s->source->end != NULL)
        st = s->source->end(s->source->user, &seen, &lost);
    onp_cores_text(&seen, s->t.cores);
    onp_timing_reject_slow_clock(&s->t, s->scratch);
    onp_timing_judge(&s->t, &s->rule, s->scratch);
    if (st != ONP_OK) {
        s->t.quality = ONP_TIMING_NOISY;
        (void)snprintf(s->t.reason, sizeof s->t.reason, "%.*s", ONP_TIMING_REASON - 1, lost.msg);
    }
}

/* ---- all of it ---- */

onp_status onp_timing_init(const onp_context *ctx, size_t n, size_t n_groups, onp_timing *t,
                           onp_error *err)
{
    t->samples_ns = onp_alloc(ctx, n, sizeof *t->samples_ns);
    t->clock_khz = onp_alloc(ctx, n, sizeof *t->clock_khz);
    if (n_groups > 0)
        t->stamps_ns = onp_alloc(ctx, n * n_groups, sizeof *t->stamps_ns);
    t->n = n;
    t->n_groups = n_groups;
    if (t->samples_ns != NULL && t->clock_khz != NULL && (n_groups == 0 || t->stamps_ns != NULL))
        return ONP_OK;
    onp_timing_reset(ctx, t);
    return onp_fail(err, ONP_E_NOMEM, "timing: no memory for %zu samples", n);
}

void onp_timing_reset(const onp_context *ctx, onp_timing *t)
{
    onp_free(ctx, t->samples_ns);
    onp_free(ctx, t->clock_khz);
    onp_free(ctx, t->temperature_mc);
    onp_free(ctx, t->stamps_ns);
    *t = (onp_timing){0};
}

static onp_status allocate(const onp_context *ctx, session *s, onp_error *err)
{
    const size_t n_groups = (size_t)s->what.n_groups;
    s->max = (size_t)s->rule.samples_max;
    ONP_TRY(onp_timing_init(ctx, s->max, n_groups, &s->t, err));
    s->t.n = 0;
    s->t.temperature_mc = onp_alloc(ctx, s->max, sizeof *s->t.temperature_mc);
    s->scratch = onp_alloc(ctx, 2 * s->max, sizeof *s->scratch);
    s->spent_ns = onp_alloc(ctx, n_groups + 1, sizeof *s->spent_ns);
    if (s->t.temperature_mc != NULL && s->scratch != NULL && s->spent_ns != NULL)
        return ONP_OK;
    return onp_fail(err, ONP_E_NOMEM, "timing: no memory for %zu samples", s->max);
}

static void run_session(const onp_context *ctx, session *s)
{
    s->start_ns = now(s);
    if (s->source->begin != NULL)
        s->source->begin(s->source->user);
    calibrate(s);
    warm_up(s);
    take_samples(s);
    trim(ctx, s);
    judge(s);
}

static onp_status measure(const onp_context *ctx, session *s, onp_timing *out, onp_error *err)
{
    onp_status st = allocate(ctx, s, err);
    if (st == ONP_OK) {
        run_session(ctx, s);
        *out = s->t;
    } else {
        onp_timing_reset(ctx, &s->t);
    }
    onp_free(ctx, s->scratch);
    onp_free(ctx, s->spent_ns);
    return st;
}

onp_status onp_timing_measure(const onp_context *ctx, const onp_timed *what,
                              const onp_stop_rule *rule, const onp_time_source *source,
                              onp_timing *out, onp_error *err)
{
    session s = {.what = *what, .rule = onp_stop_rule_resolve(rule), .source = source};
    ONP_TRY(onp_stop_rule_check(&s.rule, err));
    if (what->n_groups > ONP_TIMING_MAX_STAMPS / FLOOR_SAMPLES)
        return onp_fail(err, ONP_E_RANGE, "timing: %" PRId32 " groups, wanted at most %d",
                        what->n_groups, ONP_TIMING_MAX_STAMPS / FLOOR_SAMPLES);
    if (what->n_groups > 0 && s.rule.samples_max > ONP_TIMING_MAX_STAMPS / what->n_groups)
        s.rule.samples_max = ONP_TIMING_MAX_STAMPS / what->n_groups;
    if (source != NULL)
        return measure(ctx, &s, out, err);
    onp_time_source here;
    ONP_TRY(onp_time_source_open(ctx, &here, err));
    s.source = &here;
    onp_status st = measure(ctx, &s, out, err);
    onp_time_source_close(ctx, &here);
    return st;
}
