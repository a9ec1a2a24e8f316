/* SPDX-License-Identifier: Apache-2.0 */
#include "base/philox.h"

#include <math.h>

void onp_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53U * x0;
        uint64_t p1 = (uint64_t)0xCD9E8D57U * x2;
        uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        uint32_t y2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x1 = (uint32_t)p1;
        x3 = (uint32_t)p0;
        x0 = y0;
        x2 = y2;
        k0 += 0x9E3779B9U; /* golden ratio */
        k1 += 0xBB67AE85U; /* sqrt(3) - 1 */
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

onp_rng onp_rng_make(uint64_t seed, onp_rng_purpose purpose)
{
    uint64_t z = seed + 0x9E3779B97F4A7C15U * (uint64_t)purpose;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    return (onp_rng){{(uint32_t)z, (uint32_t)(z >> 32)}};
}

void onp_rng_block(onp_rng r, uint64_t a, uint32_t b, uint32_t c, uint32_t out[4])
{
    const uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), b, c};
    onp_philox4x32(counter, r.key, out);
}

double onp_rng_uniform(onp_rng r, uint64_t a, uint32_t b, uint32_t c, int lane)
{
    uint32_t w[4];
    onp_rng_block(r, a, b, c, w);
    uint64_t bits = ((uint64_t)w[2 * lane] << 32 | w[2 * lane + 1]) >> 11;
    return (double)bits * 0x1p-53;
}

uint64_t onp_rng_below(onp_rng r, uint64_t a, uint32_t b, uint32_t c, uint64_t n)
{
    uint32_t w[4];
    onp_rng_block(r, a, b, c, w);
    uint64_t bits = (uint64_t)w[0] << 32 | w[1];
    /* high half of the 128-bit product bits * n (D. Lemire, 2019), by 32-bit parts */
    uint64_t low = (bits & 0xFFFFFFFFU) * (n & 0xFFFFFFFFU);
    uint64_t mid1 = (bits >> 32) * (n & 0xFFFFFFFFU);
    uint64_t mid2 = (bits & 0xFFFFFFFFU) * (n >> 32);
    uint64_t carry = (low >> 32) + (mid1 & 0xFFFFFFFFU) + (mid2 & 0xFFFFFFFFU);
    return (bits >> 32) * (n >> 32) + (mid1 >> 32) + (mid2 >> 32) + (carry >> 32);
}

double onp_rng_normal(onp_rng r, uint64_t a, uint32_t b, uint32_t c)
{
    double u = 1.0 - onp_rng_uniform(r, a, b, c, 0); /* (0, 1]: its logarithm is finite */
    double v = onp_rng_uniform(r, a, b, c, 1);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
