/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/progress.h"

#define MAX_SAMPLES   20000
#define MIN_SAMPLE_NS 20000

static bool read_choice(const bench_option *o, const char *value)
{
    for (int i = 0; o->choices[i] != NULL; i++)
        if (strcmp(value, o->choices[i]) == 0) {
            *(int *)o->to = i;
            return true;
        }
    return false;
}

static bool read_value(const bench_option *o, const char *value)
{
    char *end = NULL;
    switch (o->kind) {
    case BENCH_TEXT:
        *(const char **)o->to = value;
        return true;
    case BENCH_CHOICE:
        return read_choice(o, value);
    case BENCH_INT:
        *(int64_t *)o->to = strtoll(value, &end, 10);
        return end != value && *end == '\0' && *(int64_t *)o->to >= 0;
    case BENCH_REAL:
        *(double *)o->to = strtod(value, &end);
        return end != value && *end == '\0' && *(double *)o->to >= 0;
    case BENCH_FLAG:
        break;
    }
    return false;
}

bool bench_parse(int argc, char **argv, const bench_option *options, size_t n, const char **operand)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            if (operand == NULL || *operand != NULL)
                return false;
            *operand = argv[i];
            continue;
        }
        size_t k = 0;
        while (k < n && strcmp(argv[i] + 2, options[k].name) != 0)
            k++;
        if (k == n)
            return false;
        if (options[k].kind == BENCH_FLAG)
            *(bool *)options[k].to = true;
        else if (++i == argc || !read_value(&options[k], argv[i]))
            return false;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bench_stats bench_summarise(double *ms, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ms[i];
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    return (bench_stats){.n = n,
                         .mean = sum / (double)n,
                         .median = 0.5 * (ms[(n - 1) / 2] + ms[n / 2]),
                         .min = ms[0],
                         .p90 = ms[n * 9 / 10]};
}

static double time_runs(void (*run)(void *), void *arg, int64_t n)
{
    const int64_t start = onp_now_ns();
    for (int64_t i = 0; i < n; i++)
        run(arg);
    return (double)(onp_now_ns() - start) / (1e6 * (double)n);
}

bench_stats bench_time(void (*run)(void *arg), void *arg, double seconds, int64_t min_runs)
{
    static const bench_stats none;
    double *ms = calloc(MAX_SAMPLES, sizeof *ms);
    if (ms == NULL)
        return none;
    (void)time_runs(run, arg, 2);
    const double once = 1e6 * time_runs(run, arg, 1);
    const int64_t reps = once < MIN_SAMPLE_NS ? (int64_t)(MIN_SAMPLE_NS / (once + 1)) + 1 : 1;
    const int64_t end = onp_now_ns() + (int64_t)(seconds * 1e9);
    int64_t n = 0;
    while (n < MAX_SAMPLES && (n < min_runs || onp_now_ns() < end))
        ms[n++] = time_runs(run, arg, reps);
    const bench_stats s = bench_summarise(ms, n);
    free(ms);
    return s;
}

int64_t bench_resident_kib(void)
{
    char line[128] = "";
    FILE *f = fopen("/proc/self/statm", "r"); /* pages in all, pages resident, ... */
    if (f != NULL) {
        if (fgets(line, sizeof line, f) == NULL)
            line[0] = '\0';
        (void)fclose(f);
    }
    const char *second = strchr(line, ' ');
    const long pages = second != NULL ? strtol(second, NULL, 10) : 0;
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int64_t bench_peak_kib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}
