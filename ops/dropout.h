/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which elements DROPOUT keeps: element i of sample n, if word i mod 4 of the Philox block at
 * counter (i / 4, n) is at least floor(rate * 2^32). A function of key, n and i alone, so that the
 * same mask comes out on any number of threads, in the backward pass, when a forward tensor is
 * computed again, and when a batch is run in pieces.
 *
 *     uint32_t words[4];
 *     onp_dropout_words(key, n, i / 4, words);
 *     y = words[i % 4] >= onp_dropout_threshold(rate) ? x / (1 - rate) : 0;
 */
#ifndef ONP_OPS_DROPOUT_H
#define ONP_OPS_DROPOUT_H

#include "base/philox.h"

/* 0 to 2^32 - 1; rate is 0 to below 1. */
static inline uint32_t onp_dropout_threshold(double rate)
{
    return (uint32_t)(rate * 0x1p32);
}

/* Random words of elements [4 quad, 4 quad + 4) of sample n. */
static inline void onp_dropout_words(onp_rng key, int64_t n, int64_t quad, uint32_t words[4])
{
    onp_rng_block(key, (uint64_t)quad, (uint32_t)n, (uint32_t)((uint64_t)n >> 32), words);
}

#endif
