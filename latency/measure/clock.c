/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/clock.h"

#include <math.h>

#include "base/progress.h"

#define ROUNDS 4096
#define UNROLL 16

/* Written out for the machine, so that no compiler folds additions or spills between them. The
 * addend is a register: some cores add small constants without taking a cycle. */
#if defined(__x86_64__) || defined(__i386__)
#    define ADD "add %1, %0\n\t"
#elif defined(__aarch64__) || defined(__arm__)
#    define ADD "add %0, %0, %1\n\t"
#endif
#define ADD4 ADD ADD ADD ADD

static int64_t time_chain_ns(void)
{
#ifdef ADD
    unsigned long x = 0, step = 1;
    const int64_t start = onp_now_ns();
    for (int i = 0; i < ROUNDS; i++)
        __asm__ volatile(ADD4 ADD4 ADD4 ADD4 : "+r"(x) : "r"(step) : "cc");
    return onp_now_ns() - start;
#else
    return 0; /* not known on this kind of processor */
#endif
}

int64_t onp_clock_khz(void)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t ns = time_chain_ns();
        if (ns > 0 && ns < best)
            best = ns;
    }
    return best == INT64_MAX ? 0 : (int64_t)ROUNDS * UNROLL * 1000000 / best;
}

int64_t onp_clock_busy_khz(void)
{
    int64_t khz = 0;
    const int64_t start = onp_now_ns();
    do {
        khz = onp_clock_khz();
    } while (onp_now_ns() - start < 20 * 1000000);
    return khz;
}

int64_t onp_clock_normalise(int64_t ns, int64_t khz, int64_t reference_khz)
{
    if (khz <= 0 || reference_khz <= 0)
        return 0;
    return llround((double)ns * (double)khz / (double)reference_khz);
}
