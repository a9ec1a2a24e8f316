/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of the core this thread runs on, estimated without privileges: a chain of additions,
 * each waiting for the one before, takes one cycle each on every core of interest, so that
 * additions over time is the clock.
 *
 *     int64_t khz = onp_clock_khz();
 *     int64_t at_reference = onp_clock_normalise(sample_ns, khz, reference_khz);
 *
 * It answers what the core really did, under any governor, in a container, on a phone without
 * root. The estimate costs about 60 us and is right within half a percent on a quiet core.
 */
#ifndef ONP_LATENCY_MEASURE_CLOCK_H
#define ONP_LATENCY_MEASURE_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kilohertz. Three chains are timed and the fastest counts: an interruption only lengthens one. */
int64_t onp_clock_khz(void);

/* The clock of a core that has been kept busy for 20 ms, so that it had time to rise. */
int64_t onp_clock_busy_khz(void);

/* What a time at clock `khz` would be at `reference_khz`: ns * khz / reference_khz, rounded. 0 when
 * either clock is not known (0). */
int64_t onp_clock_normalise(int64_t ns, int64_t khz, int64_t reference_khz);

#ifdef __cplusplus
}
#endif
#endif
