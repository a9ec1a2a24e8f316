/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the public library share: a model folder, and the caller's allocator with faults.
 *
 *     api_memory memory = {.fail_at = 3};
 *     onepath_options o = api_options(&memory);
 */
#ifndef ONP_TESTS_API_SUPPORT_H
#define ONP_TESTS_API_SUPPORT_H

#include "include/onepath.h"
#include "tests/test_support.h"

#define API_SIDE    8
#define API_IMAGES  5
#define API_CLASSES 5
#define API_BLOCKS  6

typedef struct api_memory {
    long fail_at; /* the 1-based allocation that fails; 0: none */
    long n_allocs, n_live;
} api_memory;

/* One thread, memory from malloc by way of `memory`. */
onepath_options api_options(api_memory *memory);
onepath_context *api_context(void); /* one thread, defaults */

/* A folder with a model of API_CLASSES classes on API_SIDE x API_SIDE RGB images. */
void api_model_make(const char *dir, uint64_t seed);
/* The same, of images that were resized to side x side, of which it takes the middle. */
void api_model_make_for(const char *dir, uint64_t seed, int32_t side);
/* API_IMAGES normal images. */
void api_images(float *x);
#define API_PIXELS (API_SIDE * API_SIDE * 3)

/* Fails the test with the error's text. */
void api_ok(onepath_status st, const onepath_error *err);

#endif
