/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/timing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/progress.h"
#include "latency/measure/clock.h"

#define SECOND_NS      ((int64_t)1000000000)
#define FLOOR_SAMPLES  3
#define WINDOW         5
#define TICKS          200         /* of the time source that a sample lasts at least */
#define MAX_INNER_REPS (1LL << 30) /* a callable that takes no time at all ends here */
#define EMPTY_REPS     4096

/* ---- the stop rule ---- */

static const onp_stop_rule defaults = {
    .warmup_calls = 3,
    .warmup_min_ns = 3 * SECOND_NS / 10,
    .sample_min_ns = SECOND_NS / 1000,
    .samples_min = 30,
    .samples_max = 2000,
    .time_min_ns = SECOND_NS / 2,
    .time_max_ns = 5 * SECOND_NS,
    .ci_half_width = 0.01,
    .cv_max = 0.03,
};

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value != 0 ? value : fallback;
}

onp_stop_rule onp_stop_rule_resolve(const onp_stop_rule *rule)
{
    if (rule == NULL)
        return defaults;
    onp_stop_rule r = {
        .warmup_calls = or_default(rule->warmup_calls, defaults.warmup_calls),
        .warmup_min_ns = or_default(rule->warmup_min_ns, defaults.warmup_min_ns),
        .sample_min_ns = or_default(rule->sample_min_ns, defaults.sample_min_ns),
        .samples_min = or_default(rule->samples_min, defaults.samples_min),
        .samples_max = or_default(rule->samples_max, defaults.samples_max),
        .time_min_ns = or_default(rule->time_min_ns, defaults.time_min_ns),
        .time_max_ns = or_default(rule->time_max_ns, defaults.time_max_ns),
        .ci_half_width = rule->ci_half_width > 0.0 ? rule->ci_half_width : defaults.ci_half_width,
        .cv_max = rule->cv_max > 0.0 ? rule->cv_max : defaults.cv_max,
    };
    return r;
}

static onp_status check_int(const char *name, int64_t value, int64_t max, onp_error *err)
{
    if (value < 0 || value > max)
        return onp_fail(err, ONP_E_RANGE,
                        "stop rule: %s is %" PRId64 ", wanted 0 (default)..%" PRId64, name, value,
                        max);
    return ONP_OK;
}

static onp_status check_share(const char *name, double value, onp_error *err)
{
    if (!(value >= 0.0 && value <= 1.0))
        return onp_fail(err, ONP_E_RANGE, "stop rule: %s is %g, wanted 0 (default)..1", name,
                        value);
    return ONP_OK;
}

onp_status onp_stop_rule_check(const onp_stop_rule *rule, onp_error *err)
{
    const int64_t hour = 3600 * SECOND_NS;
    ONP_TRY(check_int("warmup_calls", rule->warmup_calls, 1000000, err));
    ONP_TRY(check_int("warmup_min_ns", rule->warmup_min_ns, hour, err));
    ONP_TRY(check_int("sample_min_ns", rule->sample_min_ns, hour, err));
    ONP_TRY(check_int("samples_min", rule->samples_min, ONP_TIMING_MAX_SAMPLES, err));
    ONP_TRY(check_int("samples_max", rule->samples_max, ONP_TIMING_MAX_SAMPLES, err));
    ONP_TRY(check_int("time_min_ns", rule->time_min_ns, hour, err));
    ONP_TRY(check_int("time_max_ns", rule->time_max_ns, hour, err));
    ONP_TRY(check_share("ci_half_width", rule->ci_half_width, err));
    return check_share("cv_max", rule->cv_max, err);
}

/* ---- where time comes from ---- */

static int64_t system_now(void *user)
{
    (void)user;
    return onp_now_ns();
}

static int64_t system_clock(void *user)
{
    (void)user;
    return onp_clock_khz();
}

static int64_t system_preemptions(void *user)
{
    (void)user;
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

const onp_time_source *onp_time_source_system(void)
{
    static const onp_time_source source = {system_now, system_clock, system_preemptions, NULL};
    return &source;
}

/* ---- one sample ---- */

typedef struct session {
    void (*run)(void *user);
    void *user;
    onp_stop_rule rule;
    const onp_time_source *source;
    int64_t start_ns;
    int64_t need_ns; /* shortest sample */
    int64_t *scratch;
    onp_timing t;
} session;

static int64_t now(const session *s)
{
    return s->source->now_ns(s->source->user);
}

static int64_t core_clock(const session *s)
{
    return s->source->clock_khz != NULL ? s->source->clock_khz(s->source->user) : 0;
}

static int64_t preemptions(const session *s)
{
    return s->source->preemptions != NULL ? s->source->preemptions(s->source->user) : 0;
}

static void nothing(void *user)
{
    (void)user;
}

/* run is read through a volatile, so that the empty loop is the same loop, with the same call. */
static int64_t time_calls(const session *s, void (*run)(void *user), int64_t reps)
{
    void (*volatile call)(void *user) = run;
    const int64_t start = now(s);
    for (int64_t i = 0; i < reps; i++)
        call(s->user);
    return now(s) - start;
}

static int64_t per_call_ns(const session *s, int64_t elapsed_ns)
{
    double reps = (double)s->t.inner_reps;
    double ns = ((double)elapsed_ns - reps * s->t.overhead_ns) / reps;
    return ns > 1.0 ? llround(ns) : 1;
}

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
    int64_t empty = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t ns = time_calls(s, nothing, EMPTY_REPS);
        if (ns < empty)
            empty = ns;
    }
    s->t.overhead_ns = (double)empty / EMPTY_REPS;
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
        int64_t elapsed = time_calls(s, s->run, s->t.inner_reps);
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
        window[n++] = per_call_ns(s, elapsed);
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

static void take_samples(session *s)
{
    const int64_t start = now(s);
    int64_t tries = 0, next_check = s->rule.samples_min;
    int64_t clock_before = core_clock(s);
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
        const int64_t before = preemptions(s);
        const int64_t elapsed = time_calls(s, s->run, s->t.inner_reps);
        const bool disturbed = preemptions(s) != before;
        const int64_t clock_after = core_clock(s);
        if (disturbed && !late) { /* late, a disturbed sample is better than none */
            s->t.n_rejected++;
            s->t.rejected[ONP_REJECT_PREEMPTED]++;
        } else {
            s->t.samples_ns[s->t.n] = per_call_ns(s, elapsed);
            s->t.clock_khz[s->t.n++] = (clock_before + clock_after) / 2;
        }
        clock_before = clock_after;
    }
}

/* ---- verdict ---- */

static const char *const quality_names[] = {"ok", "noisy", "throttled", "bimodal"};

const char *onp_timing_quality_name(onp_timing_quality q)
{
    return q < ONP_TIMING_QUALITY_COUNT ? quality_names[q] : "unknown";
}

const char *onp_reject_name(onp_reject r)
{
    static const char *const names[] = {"preempted", "stolen", "moved", "clock"};
    return r < ONP_REJECT_COUNT ? names[r] : "unknown";
}

static bool throttled(const onp_timing *t, int64_t *scratch, double *share, int64_t *top_khz)
{
    onp_stats clocks;
    onp_stats_take(t->clock_khz, t->n, scratch, &clocks);
    size_t n_low = 0;
    for (size_t i = 0; i < t->n; i++)
        n_low += (double)t->clock_khz[i] < 0.98 * (double)clocks.p90_ns;
    *share = (double)n_low / (double)t->n;
    *top_khz = clocks.p90_ns;
    return *share > 0.2;
}

static void verdict(onp_timing *t, onp_timing_quality q, const char *fmt, ...) ONP_PRINTF(3, 4);
static void verdict(onp_timing *t, onp_timing_quality q, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->quality = q;
    (void)vsnprintf(t->reason, sizeof t->reason, fmt, ap);
    va_end(ap);
}

void onp_timing_judge(onp_timing *t, const onp_stop_rule *rule, int64_t *scratch)
{
    const onp_stop_rule r = onp_stop_rule_resolve(rule);
    onp_stats_take(t->samples_ns, t->n, scratch, &t->stats);
    const onp_stats *s = &t->stats;
    t->quality = ONP_TIMING_OK;
    t->reason[0] = '\0';
    double share;
    int64_t khz;
    if (throttled(t, scratch, &share, &khz))
        verdict(t, ONP_TIMING_THROTTLED, "%.0f %% of the samples below 98 %% of %.0f MHz",
                100.0 * share, (double)khz / 1e3);
    else if (s->bimodal)
        verdict(t, ONP_TIMING_BIMODAL, "two modes, %" PRId64 " ns and %" PRId64 " ns",
                s->mode_lo_ns, s->mode_hi_ns);
    else if (t->n_rejected > (s->n + t->n_rejected) / 5)
        verdict(t, ONP_TIMING_NOISY, "%" PRId64 " of %" PRId64 " samples interrupted by others",
                t->n_rejected, s->n + t->n_rejected);
    else if (s->n < ONP_STATS_MIN_INTERVAL)
        verdict(t, ONP_TIMING_NOISY, "only %" PRId64 " samples within the time limit", s->n);
    else if (onp_stats_half_width(s) > r.ci_half_width)
        verdict(t, ONP_TIMING_NOISY, "median known within %.1f %%, wanted %.1f %%",
                100.0 * onp_stats_half_width(s), 100.0 * r.ci_half_width);
    else if (s->cv > r.cv_max)
        verdict(t, ONP_TIMING_NOISY, "coefficient of variation %.1f %%, wanted %.1f %%",
                100.0 * s->cv, 100.0 * r.cv_max);
}

int64_t onp_timing_normalised_median(const onp_timing *t, int64_t reference_khz, int64_t *scratch)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->clock_khz[i] <= 0 || reference_khz <= 0)
            return 0;
        scratch[i] = onp_clock_normalise(t->samples_ns[i], t->clock_khz[i], reference_khz);
    }
    return onp_stats_median(scratch, t->n);
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

onp_status onp_timing_measure(const onp_context *ctx, void (*run)(void *user), void *user,
                              const onp_stop_rule *rule, const onp_time_source *source,
                              onp_timing *out, onp_error *err)
{
    session s = {.run = run,
                 .user = user,
                 .rule = onp_stop_rule_resolve(rule),
                 .source = source != NULL ? source : onp_time_source_system()};
    ONP_TRY(onp_stop_rule_check(&s.rule, err));
    const size_t max = (size_t)s.rule.samples_max;
    ONP_TRY(onp_timing_init(ctx, max, 0, &s.t, err));
    s.scratch = onp_alloc(ctx, max, sizeof *s.scratch);
    if (s.scratch == NULL) {
        onp_timing_reset(ctx, &s.t);
        return onp_fail(err, ONP_E_NOMEM, "timing: no memory for %zu samples", max);
    }
    s.t.n = 0;
    s.start_ns = now(&s);
    calibrate(&s);
    warm_up(&s);
    take_samples(&s);
    onp_timing_judge(&s.t, &s.rule, s.scratch);
    onp_free(ctx, s.scratch);
    *out = s.t;
    return ONP_OK;
}
