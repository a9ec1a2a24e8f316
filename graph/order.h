/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order: in which sequence steps run that hand each other things of known size, such that less is
 * alive at once. Knows nothing of graphs.
 *
 *     onp_orderer orderer = {.ctx = ctx};                    // its memory is kept from run to run
 *     onp_touch touches[] = {{.step = 0, .thing = 0, .write = true}, {.step = 1, .thing = 0}};
 *     onp_order_input in = {.touches = touches, .n_touches = 2, .things = things, .n_things = 1,
 *                           .n_steps = 2};
 *     ONP_TRY(onp_order_prepare(&orderer, &in, err));
 *     onp_order_by(&orderer, ONP_ORDER_LATE, order);         // order[i]: the step to run i-th
 *     onp_orderer_reset(&orderer);
 *
 * Every order keeps each read behind the write it follows in the given order, and each write behind
 * the reads and writes before it. Two greedy lists, as no one of them is best everywhere: of the
 * steps that may run next, the one that frees most more than it makes, and of equals the first of
 * the given order,
 *     early   from the first step to the last
 *     late    from the last step to the first, where what a step reads is what it makes: things are
 *             made shortly before they are read
 */
#ifndef ONP_GRAPH_ORDER_H
#define ONP_GRAPH_ORDER_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_touch {
    int32_t step, thing;
    bool write; /* also: reads and writes */
} onp_touch;

typedef struct onp_thing {
    int64_t size; /* 0: takes no memory of ours, but is read and written in order all the same */
    bool keep;    /* alive to the end */
} onp_thing;

typedef struct onp_order_input {
    const onp_touch *touches; /* in any order; a step may touch a thing several times */
    const onp_thing *things;
    int32_t n_touches, n_things, n_steps; /* steps are numbered in the given order */
} onp_order_input;

typedef enum onp_order_rule {
    ONP_ORDER_EARLY,
    ONP_ORDER_LATE,
    ONP_ORDER_RULE_COUNT
} onp_order_rule;

/* Set ctx (borrowed), all else zero. */
typedef struct onp_orderer {
    const onp_context *ctx;
    void *memory;
    size_t cap;
    struct onp_order_work *work; /* inside of memory */
} onp_orderer;

/* Finds what must run before what. in is borrowed until the last onp_order_by. Errors:
 * ONP_E_NOMEM. */
onp_status onp_order_prepare(onp_orderer *orderer, const onp_order_input *in,
                             onp_error *err) ONP_MUST_USE;
/* Fills order[n_steps]; equal inputs give equal orders. */
void onp_order_by(onp_orderer *orderer, onp_order_rule rule, int32_t *order);
void onp_orderer_reset(onp_orderer *orderer);

#ifdef __cplusplus
}
#endif
#endif
