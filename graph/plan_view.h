/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look into a plan, for pictures and measurements: where each buffer lies and when it is alive,
 * which call touches which buffer, which call writes a tensor, and how long each call takes.
 *
 *     for (int32_t i = 0; i < onp_plan_n_buffers(p); i++) {
 *         onp_buffer_view b = onp_plan_buffer_view(p, i);
 *         if (b.placed)
 *             printf("%zu bytes at %zu, calls %d to %d\n", b.bytes, b.offset, b.first, b.last);
 *     }
 */
#ifndef ONP_GRAPH_PLAN_VIEW_H
#define ONP_GRAPH_PLAN_VIEW_H

#include "graph/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_buffer_view {
    size_t bytes, offset; /* in the arena; offset is 0 unless placed */
    int32_t first, last;  /* calls; n_calls for what is kept after the last one */
    bool placed;          /* in the arena: not external, and touched by a call */
} onp_buffer_view;

/* All buffers, external ones too. */
int32_t onp_plan_n_buffers(const onp_plan *p);
onp_buffer_view onp_plan_buffer_view(const onp_plan *p, int32_t buffer);

/* The buffer that holds a tensor, the call that writes it, and the coefficients its readers apply;
 * ONP_NONE where there is none. Tensors that share a buffer are written in place. */
int32_t onp_plan_tensor_buffer(const onp_plan *p, onp_tid t);
int32_t onp_plan_tensor_writer(const onp_plan *p, onp_tid t);
int32_t onp_plan_tensor_coef(const onp_plan *p, onp_tid t);

/* Why a call touches a buffer. */
typedef enum onp_access_role {
    ONP_ACCESS_ROWS,    /* maps, row by row */
    ONP_ACCESS_VECTOR,  /* weights, statistics, coefficients: any tile may need all of it */
    ONP_ACCESS_COEF,    /* coefficients of a batch norm, where they are made */
    ONP_ACCESS_PARTIAL, /* sums of each tile */
    ONP_ACCESS_SPLITS   /* partial weight gradients */
} onp_access_role;

typedef struct onp_access {
    int32_t call, buffer;
    onp_access_role role;
    bool write;
} onp_access;

/* In no particular order; a call may touch a buffer several times. */
int32_t onp_plan_n_accesses(const onp_plan *p);
onp_access onp_plan_access(const onp_plan *p, int32_t i);

/* onp_plan_run() with a clock: ns[n_calls] of this run. */
void onp_plan_run_timed(const onp_plan *p, double *ns);

#ifdef __cplusplus
}
#endif
#endif
