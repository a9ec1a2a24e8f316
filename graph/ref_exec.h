/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs any graph in double precision with the reference kernels, everything stored: what tests
 * compare with and what gradient checks difference.
 *
 *     onp_ref_exec *r;
 *     ONP_TRY(onp_ref_exec_new(ctx, g, &r, err));        // copies what external tensors hold
 *     onp_ref_exec_data(r, w)[3] += 1e-5;                // change a parameter
 *     onp_ref_exec_run(r);
 *     double loss = onp_ref_exec_data(r, loss_tid)[0];
 *     onp_ref_exec_free(r);
 */
#ifndef ONP_GRAPH_REF_EXEC_H
#define ONP_GRAPH_REF_EXEC_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_ref_exec onp_ref_exec;

/* A double array for each tensor; external ones that hold data are converted from float (the
 * graph's own memory is never written). g is borrowed and must not change while r lives. Errors:
 * ONP_E_NOMEM, ONP_E_SHAPE when labels have no data. */
onp_status onp_ref_exec_new(const onp_context *ctx, const onp_graph *g, onp_ref_exec **out,
                            onp_error *err) ONP_MUST_USE;
void onp_ref_exec_free(onp_ref_exec *r);
/* Runs all nodes in order. */
void onp_ref_exec_run(onp_ref_exec *r);
/* The array of a tensor (NULL for labels): dense, NHWC. */
double *onp_ref_exec_data(onp_ref_exec *r, onp_tid t);

#ifdef __cplusplus
}
#endif
#endif
