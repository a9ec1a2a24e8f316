/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: which kernel calls run in which order, and where each tensor lives in one arena. Made
 * from a graph before the step; running it allocates nothing.
 *
 *     onp_plan *p;
 *     ONP_TRY(onp_plan_new(ctx, &p, err));
 *     ONP_TRY_GOTO(onp_plan_make(p, g, NULL, err));      // again for the next path: memory is kept
 *     onp_plan_run(p);
 *     const float *logits = onp_plan_data(p, logits_tid);  // external and kept tensors
 *
 * Batch norms, ReLU6 and their gradients are not stored: the calls that read them load the raw
 * tensor through a lazy operand (ops/operand.h), and calls that write a tensor take the column sums
 * that its batch norm needs. A plan covers that by marking such outputs unstored; `stored` switches
 * it off, for tests.
 */
#ifndef ONP_GRAPH_PLAN_H
#define ONP_GRAPH_PLAN_H

#include "graph/graph.h"
#include "graph/placement.h"
#include "ops/call.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_plan onp_plan;

typedef struct onp_plan_options {
    bool stored;    /* store every tensor */
    bool inference; /* weights keep their values until the plan is made again: packed now, once */
    /* run calls in an order with a lower peak, where one is found. External tensors that are
     * written may not lie on others then */
    bool order;
} onp_plan_options;

typedef struct onp_plan_info {
    int32_t n_calls, n_buffers; /* buffers in the arena */
    int32_t n_in_place;         /* outputs that lie where an input was, in its buffer */
    onp_place_rule rule;        /* which heuristic placed them */
    size_t arena_bytes;         /* what the placement needs */
    size_t lower_bound_bytes;   /* most bytes alive at one call */
    size_t given_bound_bytes;   /* the same in the order of the graph's nodes */
    bool ordered;               /* calls run in another one */
    size_t naive_bytes;         /* every buffer its own memory, nothing in place */
    size_t scratch_bytes;       /* of all threads */
    size_t packed_bytes;        /* of packed weights */
    bool groups_apart;          /* no call covers nodes of two groups */
} onp_plan_info;

/* ctx is borrowed for the plan's life and must have kernels (onp_kernels_choose). Errors:
 * ONP_E_NOMEM. */
onp_status onp_plan_new(const onp_context *ctx, onp_plan **out, onp_error *err) ONP_MUST_USE;
void onp_plan_free(onp_plan *p);

/* Plans g, which is read now and not kept; memory of its external tensors is borrowed until the
 * last run. options may be NULL. Errors: ONP_E_NOMEM; ONP_E_SHAPE when an external tensor has no
 * memory or a tensor was never written; the plan is then empty. */
onp_status onp_plan_make(onp_plan *p, const onp_graph *g, const onp_plan_options *options,
                         onp_error *err) ONP_MUST_USE;
/* Runs all calls. */
void onp_plan_run(const onp_plan *p);
/* Runs calls first .. end-1, in the place of all when the others follow. */
void onp_plan_run_calls(const onp_plan *p, int32_t first, int32_t end);
/*
 * Where a graph whose nodes have groups 0 .. n_groups-1 can be stopped between two: group i is
 * calls end[i-1] .. end[i]-1, the first from 0. The calls are the same as ever. Errors: ONP_E_RANGE
 * when a call covers nodes of two groups, or calls of a group are not one behind the other.
 */
onp_status onp_plan_groups(const onp_plan *p, int32_t n_groups, int32_t *end,
                           onp_error *err) ONP_MUST_USE;
/* The batch of the next runs begins with this sample (0 from the start): a batch that is run in
 * pieces then meets the dropout masks that it meets as a whole. */
void onp_plan_set_first_sample(onp_plan *p, int64_t first);

/* Memory of a tensor of the planned graph: valid after a run for external and kept tensors; NULL
 * when it is not stored. */
float *onp_plan_data(const onp_plan *p, onp_tid t);
onp_plan_info onp_plan_get_info(const onp_plan *p);
/* The i-th call, for pictures and benchmarks. */
const onp_call *onp_plan_call(const onp_plan *p, int32_t i);

#ifdef __cplusplus
}
#endif
#endif
