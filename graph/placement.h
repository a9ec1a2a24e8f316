/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement: where in one arena things of known size and lifetime lie, such that no two that are
 * alive at the same step overlap. Knows nothing of graphs.
 *
 *     onp_placer placer = {.ctx = ctx};                       // its memory is kept from run to run
 *     onp_life lives[] = {{.size = 4096, .last = 2}, {.size = 64, .first = 3, .last = 3}};
 *     onp_placement result;
 *     ONP_TRY(onp_place(&placer, lives, 2, &result, err));    // lives[i].offset, result.peak
 *     onp_placer_reset(&placer);
 *
 * Four heuristics run and the best is kept; no more are tried within 1/1024 of the bound:
 *     by size     the largest first, each into the smallest gap over its lifetime (Y. Pisarchyk,
 *                 J. Lee, "Efficient memory management for deep neural net inference", 2020)
 *     by length   the same, but first what is alive longest; then a few times more, with what ended
 *                 highest placed before all else
 *     by breadth  the same, but first what is alive at the step with most bytes alive (same paper)
 *     in time     in order of the first step, each into the smallest hole, as a heap would
 * All but the last look at every pair, so above ONP_PLACE_MAX_PAIRED lives it runs alone.
 */
#ifndef ONP_GRAPH_PLACEMENT_H
#define ONP_GRAPH_PLACEMENT_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_PLACE_MAX_PAIRED 8192

typedef struct onp_life {
    int64_t size;        /* at least 0, any unit; offsets are sums of sizes, so they align alike */
    int32_t first, last; /* steps from 0, both included, first <= last */
    int64_t offset;      /* out */
} onp_life;

typedef enum onp_place_rule {
    ONP_PLACE_BY_SIZE,
    ONP_PLACE_BY_LENGTH,
    ONP_PLACE_BY_BREADTH,
    ONP_PLACE_IN_TIME,
    ONP_PLACE_RULE_COUNT
} onp_place_rule;

/* "by-size", "by-length", "by-breadth", "in-time" */
extern const char *const onp_place_rule_names[ONP_PLACE_RULE_COUNT];

typedef struct onp_placement {
    int64_t peak;        /* highest end of anything */
    int64_t lower_bound; /* most that is alive at one step */
    onp_place_rule rule; /* whose offsets these are */
} onp_placement;

/* Set ctx (borrowed), all else zero. */
typedef struct onp_placer {
    const onp_context *ctx;
    void *memory;
    size_t cap;
} onp_placer;

/* Fills the offsets of lives; equal lives get equal offsets. Errors: ONP_E_NOMEM, offsets are then
 * undefined. */
onp_status onp_place(onp_placer *placer, onp_life *lives, int32_t n, onp_placement *out,
                     onp_error *err) ONP_MUST_USE;
/* The same by one rule, for comparisons. */
onp_status onp_place_by(onp_placer *placer, onp_place_rule rule, onp_life *lives, int32_t n,
                        onp_placement *out, onp_error *err) ONP_MUST_USE;
/* The lower bound alone. */
onp_status onp_place_bound(onp_placer *placer, onp_life *lives, int32_t n, int64_t *lower_bound,
                           onp_error *err) ONP_MUST_USE;
void onp_placer_reset(onp_placer *placer);

#ifdef __cplusplus
}
#endif
#endif
