/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of this folder share: their options, and times of something that runs again and
 * again.
 *
 *     double seconds = 1;
 *     const bench_option options[] = {{"seconds", BENCH_REAL, &seconds, NULL}};
 *     if (!bench_parse(argc, argv, options, 1, NULL))
 *         return 2;
 *     bench_stats s = bench_time(run, arg, seconds, 5);
 */
#ifndef ONP_BENCH_COMMON_H
#define ONP_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the value goes: const char *, int64_t, double, bool (no value), int (index of a choice). */
typedef enum bench_kind { BENCH_TEXT, BENCH_INT, BENCH_REAL, BENCH_FLAG, BENCH_CHOICE } bench_kind;

typedef struct bench_option {
    const char *name; /* without the dashes */
    bench_kind kind;
    void *to;
    const char *const *choices; /* CHOICE: up to a NULL */
} bench_option;

/* Reads the options, and into *operand (may be NULL: none) the one argument that is none. False:
 * something is unknown, without a value or no number that is at least 0. */
bool bench_parse(int argc, char **argv, const bench_option *options, size_t n,
                 const char **operand);

typedef struct bench_stats {
    int64_t n;
    double mean, median, min, p90; /* ms */
} bench_stats;

/* Sorts ms; n >= 1. */
bench_stats bench_summarise(double *ms, int64_t n);

/* Runs run(arg) three times, then for so long and at least min_runs times; what takes less than
 * 20 us is timed several runs at a time. */
bench_stats bench_time(void (*run)(void *arg), void *arg, double seconds, int64_t min_runs);

/* Resident memory of this process in KiB: now, and at its peak. */
int64_t bench_resident_kib(void);
int64_t bench_peak_kib(void);

#endif
