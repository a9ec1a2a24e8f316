/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers without state: Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011). A number is a function of (seed, purpose) and a
 * counter of four words, so the same number comes out on any thread, in any order and after a
 * resume.
 *
 *     onp_rng r = onp_rng_make(seed, ONP_RNG_PATH);
 *     double u = onp_rng_uniform(r, step, block, 0, 0);       // [0, 1)
 */
#ifndef ONP_BASE_PHILOX_H
#define ONP_BASE_PHILOX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a number is for: part of the key, so that no two uses share a stream. Append only: values
 * are part of "same seed, same bits". */
typedef enum onp_rng_purpose {
    ONP_RNG_INIT_WEIGHTS = 1, /* counter: element, slab */
    ONP_RNG_INIT_ALPHA,
    ONP_RNG_PATH_WEIGHT, /* path of a weight step; counter: step, block */
    ONP_RNG_PATH_ARCH,   /* path of an architecture step */
    ONP_RNG_SPLIT,       /* validation split */
    ONP_RNG_SHUFFLE,     /* order of samples; counter: index, epoch, stream */
    ONP_RNG_AUGMENT,     /* counter: sample, epoch, use */
    ONP_RNG_DROPOUT,
    ONP_RNG_GENERATE,    /* the built-in image generator */
    ONP_RNG_SYNTHETIC,   /* synthetic weights and inputs of measured graphs */
    ONP_RNG_ORDER,       /* order of measurements */
    ONP_RNG_TEST,        /* tests and benchmarks */
    ONP_RNG_PATH_COVER,  /* balanced paths that are measured; counter: round, position, index */
    ONP_RNG_PATH_SAMPLE, /* independent ones; counter: path, position */
    ONP_RNG_PATH_SPREAD  /* ones of all sizes; counter: path, position */
} onp_rng_purpose;

typedef struct onp_rng {
    uint32_t key[2];
} onp_rng;

/* The raw block function: 4 counter words and 2 key words to 4 random words. */
void onp_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Key of (seed, purpose): the 64-bit seed mixed with the purpose by splitmix64's finaliser. */
onp_rng onp_rng_make(uint64_t seed, onp_rng_purpose purpose);

/* Four words at counter (a low, a high, b, c). */
void onp_rng_block(onp_rng r, uint64_t a, uint32_t b, uint32_t c, uint32_t out[4]);

/* Uniform in [0, 1) with 53 bits; `lane` 0 or 1 chooses which half of the block at (a, b, c). */
double onp_rng_uniform(onp_rng r, uint64_t a, uint32_t b, uint32_t c, int lane);

/* Uniform integer in [0, n), n >= 1, without modulo bias beyond 2^-64 * n. */
uint64_t onp_rng_below(onp_rng r, uint64_t a, uint32_t b, uint32_t c, uint64_t n);

/* Standard normal (Box and Muller, 1958) from the block at (a, b, c). */
double onp_rng_normal(onp_rng r, uint64_t a, uint32_t b, uint32_t c);

#ifdef __cplusplus
}
#endif
#endif
