/* SPDX-License-Identifier: Apache-2.0 */
/* What samples are worth: which are left out for the clock, and the verdict on the rest. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latency/measure/clock.h"
#include "latency/measure/timing.h"

#define SMOOTH    5 /* samples */
#define SLOW      0.98
#define MAX_SHARE 0.2 /* of samples that may be left out */

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

/* ---- the clock ---- */

/* The median of the known clocks around sample i, fewer at the ends; 0: its own is not known. */
static int64_t smooth_clock(const onp_timing *t, size_t i)
{
    int64_t window[SMOOTH];
    size_t n = 0;
    const size_t half = SMOOTH / 2;
    const size_t first = i > half ? i - half : 0, last = i + half < t->n ? i + half : t->n - 1;
    for (size_t k = first; k <= last && t->clock_khz[i] > 0; k++)
        if (t->clock_khz[k] > 0)
            window[n++] = t->clock_khz[k];
    return n > 0 ? onp_stats_median(window, n) : 0;
}

/* The median of those of the sorted clocks that lie within 2 % on either side of a middle, where
 * most of them do. */
static int64_t usual_clock(const int64_t *sorted, size_t n)
{
    size_t low = 0, most = 0, first = 0;
    for (size_t i = 0; i < n; i++) {
        while ((2.0 - SLOW) * (double)sorted[low] < SLOW * (double)sorted[i])
            low++;
        if (i - low + 1 >= most) { /* of equals the highest */
            most = i - low + 1;
            first = low;
        }
    }
    return sorted[first + most / 2];
}

typedef struct clock_use {
    int64_t usual_khz;
    size_t n_slow, n_off; /* samples below 98 % of it; these, and those as far above it */
    size_t n_known;       /* samples whose clock is known */
} clock_use;

static bool is_slow(int64_t khz, const clock_use *use)
{
    return khz > 0 && (double)khz < SLOW * (double)use->usual_khz;
}

/* Smooth clocks in scratch[0..n-1], in the order of the samples. */
static clock_use use_of_clock(const onp_timing *t, int64_t *scratch)
{
    int64_t *smooth = scratch, *sorted = scratch + t->n;
    clock_use use = {.usual_khz = 0};
    for (size_t i = 0; i < t->n; i++) {
        smooth[i] = smooth_clock(t, i);
        if (smooth[i] > 0)
            sorted[use.n_known++] = smooth[i];
    }
    if (use.n_known == 0)
        return use;
    (void)onp_stats_median(sorted, use.n_known);
    use.usual_khz = usual_clock(sorted, use.n_known);
    for (size_t i = 0; i < t->n; i++) {
        const bool slow = is_slow(smooth[i], &use);
        const bool fast = (double)smooth[i] > (2.0 - SLOW) * (double)use.usual_khz;
        use.n_slow += slow;
        use.n_off += slow || fast;
    }
    return use;
}

static bool clock_changed(const clock_use *use)
{
    return (double)use->n_off > MAX_SHARE * (double)use->n_known;
}

/* Moves column `from` of all arrays to column `to`. */
static void move_sample(onp_timing *t, size_t to, size_t from)
{
    t->samples_ns[to] = t->samples_ns[from];
    t->clock_khz[to] = t->clock_khz[from];
    if (t->temperature_mc != NULL)
        t->temperature_mc[to] = t->temperature_mc[from];
}

/* Rows of stamps are as long as there are samples. */
static void move_stamps(onp_timing *t, const int64_t *smooth, const clock_use *use, size_t kept)
{
    for (size_t g = 0; g < t->n_groups; g++) {
        int64_t *to = t->stamps_ns + g * kept;
        for (size_t i = 0; i < t->n; i++)
            if (!is_slow(smooth[i], use))
                *to++ = t->stamps_ns[g * t->n + i];
    }
}

void onp_timing_reject_slow_clock(onp_timing *t, int64_t *scratch)
{
    const clock_use use = use_of_clock(t, scratch);
    if (use.n_slow == 0 || clock_changed(&use))
        return;
    move_stamps(t, scratch, &use, t->n - use.n_slow);
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!is_slow(scratch[i], &use))
            move_sample(t, kept++, i);
    t->n = kept;
    t->n_rejected += (int64_t)use.n_slow;
    t->rejected[ONP_REJECT_CLOCK] += (int64_t)use.n_slow;
}

/* ---- the verdict ---- */

static void verdict(onp_timing *t, onp_timing_quality q, const char *fmt, ...) ONP_PRINTF(3, 4);
static void verdict(onp_timing *t, onp_timing_quality q, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->quality = q;
    (void)vsnprintf(t->reason, sizeof t->reason, fmt, ap);
    va_end(ap);
}

/* Standard deviation over mean of the samples without the slowest twentieth: what an interrupt
 * or a host takes is not always seen, and a few such samples leave the median where it is. */
static double usual_variation(const onp_timing *t, int64_t *sorted)
{
    const size_t kept = t->n - t->n / 20;
    memcpy(sorted, t->samples_ns, t->n * sizeof *sorted);
    (void)onp_stats_median(sorted, t->n);
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < kept; i++)
        sum += (double)sorted[i];
    const double mean = sum / (double)kept;
    for (size_t i = 0; i < kept; i++)
        squares += ((double)sorted[i] - mean) * ((double)sorted[i] - mean);
    return kept > 1 ? sqrt(squares / (double)(kept - 1)) / mean : 0.0;
}

/* "5 of 20 samples rejected: 3 preempted, 2 clock" */
static void say_rejected(onp_timing *t)
{
    verdict(t, ONP_TIMING_NOISY, "%" PRId64 " of %" PRId64 " samples rejected", t->n_rejected,
            t->stats.n + t->n_rejected);
    const char *before = ":";
    for (int r = 0; r < ONP_REJECT_COUNT; r++) {
        const size_t used = strlen(t->reason);
        if (t->rejected[r] == 0)
            continue;
        (void)snprintf(t->reason + used, sizeof t->reason - used, "%s %" PRId64 " %s", before,
                       t->rejected[r], onp_reject_name((onp_reject)r));
        before = ",";
    }
}

void onp_timing_judge(onp_timing *t, const onp_stop_rule *rule, int64_t *scratch)
{
    const onp_stop_rule r = onp_stop_rule_resolve(rule);
    const clock_use use = use_of_clock(t, scratch);
    onp_stats_take(t->samples_ns, t->n, scratch, &t->stats);
    const onp_stats *s = &t->stats;
    const double cv = usual_variation(t, scratch);
    t->quality = ONP_TIMING_OK;
    t->reason[0] = '\0';
    if (clock_changed(&use))
        verdict(t, ONP_TIMING_THROTTLED, "%zu of %zu samples more than 2 %% off the usual %.0f MHz",
                use.n_off, use.n_known, (double)use.usual_khz / 1e3);
    else if (s->bimodal)
        verdict(t, ONP_TIMING_BIMODAL, "two modes, %" PRId64 " ns and %" PRId64 " ns",
                s->mode_lo_ns, s->mode_hi_ns);
    else if ((double)t->n_rejected > MAX_SHARE * (double)(s->n + t->n_rejected))
        say_rejected(t);
    else if (s->n < ONP_STATS_MIN_INTERVAL)
        verdict(t, ONP_TIMING_NOISY, "only %" PRId64 " samples within the time limit", s->n);
    else if (onp_stats_half_width(s) > r.ci_half_width)
        verdict(t, ONP_TIMING_NOISY, "median known within %.1f %%, wanted %.1f %%",
                100.0 * onp_stats_half_width(s), 100.0 * r.ci_half_width);
    else if (cv > r.cv_max)
        verdict(t, ONP_TIMING_NOISY, "coefficient of variation %.1f %%, wanted %.1f %%", 100.0 * cv,
                100.0 * r.cv_max);
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
