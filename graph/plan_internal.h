/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a plan, for lower.c (graph to calls), memory.c (placement) and plan.c. */
#ifndef ONP_GRAPH_PLAN_INTERNAL_H
#define ONP_GRAPH_PLAN_INTERNAL_H

#include "graph/order.h"
#include "graph/plan.h"

/* Memory of one tensor, or of something that only calls know of (coefficients, partial sums). */
typedef struct onp_buffer {
    int64_t floats;
    void *external; /* not NULL: lives there */
    bool keep;
    int32_t first, last; /* calls that touch it; first > last: none */
    int64_t offset;      /* floats from the start of the arena */
} onp_buffer;

/* Pointer field of a call to be filled once buffers have addresses. */
typedef struct onp_patch {
    int32_t call;
    uint32_t field; /* offsetof in onp_call */
    int32_t buffer;
    int64_t extra; /* floats into the buffer */
} onp_patch;

/* A convolution's output whose readers multiply it out again: see lower_made.c. */
typedef enum onp_made {
    ONP_MADE_NOT,
    ONP_MADE_BACKWARD, /* stored for a forward reader, not for the gradients */
    ONP_MADE_ALWAYS    /* never stored */
} onp_made;

/* What lowering knows of a tensor. */
typedef struct onp_tensor_state {
    int32_t buffer; /* ONP_NONE: not stored */
    int32_t writer; /* call that writes it, or ONP_NONE */
    int32_t coef; /* buffer of the coefficients of the batch norm (or its gradient) that made it */
    int32_t n_uses; /* nodes that read it */
    bool unstored;
    onp_made made;
} onp_tensor_state;

/* What a call's output may lie on: buffers, or ONP_NONE, and in how many ways the call uses them.
 */
typedef struct onp_takeover {
    int32_t y, from[2], uses[2];
} onp_takeover;

struct onp_plan {
    const onp_context *ctx;
    onp_call *calls;
    size_t calls_cap;
    onp_buffer *buffers;
    size_t buffers_cap;
    onp_patch *patches;
    size_t patches_cap;
    onp_tensor_state *state;
    size_t state_cap;
    onp_takeover *takeovers; /* of each call */
    size_t takeovers_cap;
    int32_t *home; /* of each buffer: itself, or the one it took over */
    size_t home_cap;
    onp_life *lives;
    size_t lives_cap;
    onp_placer placer;
    int32_t *orders; /* [4 * n_calls] */
    size_t orders_cap;
    int32_t *order;    /* the call to run i-th; calls are sorted by it in the end */
    int32_t *position; /* of each call in it */
    int32_t *tried, *best;
    onp_touch *touches;
    size_t touches_cap;
    onp_thing *things;
    size_t things_cap;
    onp_orderer orderer;
    int32_t n_calls, n_buffers, n_patches, n_tensors;
    float *arena;
    size_t arena_mapped;
    float *scratch;
    size_t scratch_mapped;
    float *packed; /* weights, when they are packed once */
    size_t packed_mapped;
    int64_t scratch_floats; /* per thread */
    onp_plan_info info;
};

/* Fills calls, buffers and patches from the graph. */
onp_status onp_plan_lower(onp_plan *p, const onp_graph *g, const onp_plan_options *options,
                          onp_error *err) ONP_MUST_USE;
/* Fills the state of every tensor before calls are made; with `stored` nothing is lazy. */
void onp_plan_mark_unstored(onp_plan *p, const onp_graph *g, bool stored);
/* Can the output of a repeated convolution do without memory? */
onp_made onp_plan_makes_again(const onp_plan *p, const onp_graph *g, int32_t node);
/* The weight gradient (operation op) of the convolution whose data gradient node `index` is: it
 * stands right behind, or behind the sum that the data gradient goes into. NULL: none. */
const onp_node *onp_plan_weight_partner(const onp_graph *g, int32_t index, onp_op op);
/* Whether every call covers nodes of one group only; after lowering, before placing. */
bool onp_plan_keeps_groups_apart(const onp_plan *p, const onp_graph *g);
/* Gives each buffer an offset in the arena and, when asked to, calls an order that lowers the peak;
 * fills the sizes of p->info. */
onp_status onp_plan_place(onp_plan *p, bool order, onp_error *err) ONP_MUST_USE;

#endif
