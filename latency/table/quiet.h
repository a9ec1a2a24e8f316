/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a device busy with something else? Its sentinel, one graph that is measured again and again,
 * tells: neighbours on a shared cache or memory, other programs and heat make it slower for seconds
 * or minutes, and nothing makes it faster than it is on a quiet device. Hence the quiet level: what
 * the sentinel takes when nothing disturbs it, a low quantile of what it was seen to take.
 *
 *     const double level = onp_quiet_level(values, n);
 *     if (onp_quiet_excess(level, value) > ONP_QUIET_TOLERANCE)
 *         ...                            // what was measured just now is measured again
 */
#ifndef ONP_LATENCY_TABLE_QUIET_H
#define ONP_LATENCY_TABLE_QUIET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_QUIET_TOLERANCE 0.02 /* above the level; more: busy */
#define ONP_QUIET_DOUBTFUL  0.05 /* rows of such a time are noisy */

/* A sentinel's value: nanoseconds at 1 GHz where the clock is known (not 0), so that clocks do not
 * look like neighbours; else as time passed. */
static inline double onp_quiet_value(int64_t median_ns, int64_t clock_khz)
{
    return clock_khz > 0 ? (double)median_ns * (double)clock_khz * 1e-6 : (double)median_ns;
}

/* The value that a tenth of values[0..n-1], n > 0, lie below: so one of them that is too small by
 * mistake counts for nothing once there are ten. Sorts them. */
double onp_quiet_level(double *values, int32_t n);

/* value / level - 1; 0 where either is 0, unknown. */
static inline double onp_quiet_excess(double level, double value)
{
    return level > 0.0 && value > 0.0 ? value / level - 1.0 : 0.0;
}

#ifdef __cplusplus
}
#endif
#endif
