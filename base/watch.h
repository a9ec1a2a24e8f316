/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a long computation tells the program around it, after every step: where it is, in numbers.
 *
 *     const onp_watch watch = {.fn = show, .user = window};
 *     const onp_search_options options = {.watch = &watch, ...};
 */
#ifndef ONP_BASE_WATCH_H
#define ONP_BASE_WATCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum onp_phase {
    ONP_PHASE_PROFILE, /* blocks are measured */
    ONP_PHASE_WARMUP,
    ONP_PHASE_SEARCH,
    ONP_PHASE_TRAIN
} onp_phase;

/* A number that the phase does not have is NaN, a count 0. */
typedef struct onp_watch_event {
    onp_phase phase;
    int64_t step, steps;        /* done of the phase: blocks, else weight steps */
    int64_t epoch, epochs;      /* from 1 */
    double loss, accuracy;      /* on training images, mean of this epoch so far */
    double validation_accuracy; /* at the end of an epoch */
    double expected_ns;         /* latency over all paths, by their probabilities */
} onp_watch_event;

typedef struct onp_watch {
    void (*fn)(void *user, const onp_watch_event *event);
    void *user;
} onp_watch;

#ifdef __cplusplus
}
#endif
#endif
