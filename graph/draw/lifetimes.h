/* SPDX-License-Identifier: Apache-2.0 */
/* What the memory picture is made from: every buffer of the arena with its name and kind. */
#ifndef ONP_GRAPH_DRAW_LIFETIMES_H
#define ONP_GRAPH_DRAW_LIFETIMES_H

#include "graph/draw/internal.h"

typedef enum onp_life_kind {
    ONP_LIFE_ACTIVATION,
    ONP_LIFE_GRADIENT,
    ONP_LIFE_VECTOR,  /* statistics and coefficients */
    ONP_LIFE_SCRATCH, /* partial sums and partial weight gradients */
    ONP_LIFE_KIND_COUNT
} onp_life_kind;

typedef struct onp_lifetime {
    onp_buffer_view view;
    int32_t buffer, call; /* call: the first that touches it */
    onp_access_role role; /* of that call */
    onp_tid first, last;  /* tensors in it by time, or ONP_NONE */
    int32_t n_tensors;    /* written by different calls; above 1: in place */
    int32_t taken;        /* the first call that writes in place, or ONP_NONE */
    onp_life_kind kind;
    bool again; /* computed again in the backward pass */
} onp_lifetime;

typedef struct onp_lifetimes {
    const onp_context *ctx;
    const onp_graph *g;
    const onp_plan *plan;
    const onp_draw_options *o;
    onp_lifetime *lives; /* by buffer */
    int32_t n, n_calls;
    size_t *alive;       /* [n_calls] bytes */
    int32_t *call_nodes; /* see onp_draw_call_nodes() */
    int32_t peak;        /* call */
} onp_lifetimes;

/* Errors: ONP_E_NOMEM. Reset in any case. */
onp_status onp_lifetimes_make(onp_lifetimes *l, onp_error *err) ONP_MUST_USE;
void onp_lifetimes_reset(onp_lifetimes *l);
/* What is in it when `call` has run. */
void onp_lifetime_name(const onp_lifetimes *l, const onp_lifetime *life, int32_t call, char *out,
                       size_t size);
/* Of a block, for the axis; -2 when it is not known. */
int32_t onp_lifetimes_group(const onp_lifetimes *l, int32_t call);

#endif
