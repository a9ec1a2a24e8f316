/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies of blocks that a device was not measured on, from those that it was.
 *
 *     onp_block_predictor *model = NULL;
 *     onp_predicted p;
 *     ONP_TRY(onp_block_predictor_fit(ctx, rows, n, &model, err));    // rows of one platform
 *     ONP_TRY_GOTO(onp_block_predictor_predict(model, &block, &p, err));
 *     // p.ns within p.lo_ns .. p.hi_ns in 95 of 100 cases
 *   done:
 *     onp_block_predictor_free(model);
 *
 * In this order:
 *
 *     line    the same op at a smaller and a larger map, or hidden width: linear in work
 *             (block_features.h), where these are no further apart than a factor of two
 *     model   non-negative coefficients of the terms of work, fitted to relative errors, times
 *             what a Gaussian process says of the rest (residual.h)
 *
 * The interval of a line comes from the known rows: how far off it is when they are left out in
 * turn.
 */
#ifndef ONP_LATENCY_PREDICT_BLOCK_PREDICTOR_H
#define ONP_LATENCY_PREDICT_BLOCK_PREDICTOR_H

#include "base/context.h"
#include "graph/block.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_PREDICTOR_MIN_ROWS 8

typedef struct onp_block_row {
    onp_block block; /* complete, no zero or identity */
    double ns;       /* above 0 */
} onp_block_row;

typedef enum onp_predict_method {
    ONP_PREDICT_MAP,   /* between two maps of the op */
    ONP_PREDICT_WIDTH, /* between two hidden widths of the op */
    ONP_PREDICT_MODEL
} onp_predict_method;
/* "map-line", "width-line", "model". */
const char *onp_predict_method_name(onp_predict_method method);

typedef struct onp_predicted {
    double ns, lo_ns, hi_ns; /* 0 < lo_ns <= ns <= hi_ns */
    onp_predict_method method;
    bool extrapolated; /* a size of the block lies outside those of the known rows of its kind: ns
                          is then at least the smallest known row */
} onp_predicted;

typedef struct onp_block_predictor onp_block_predictor;

/*
 * rows: n, borrowed for the call; several rows of one block count as their mean. Errors:
 * ONP_E_MISSING (fewer than ONP_PREDICTOR_MIN_ROWS blocks), ONP_E_RANGE (a time that is not finite
 * and above 0), ONP_E_NOMEM. Same rows, same bits. Cost: seconds for a thousand rows.
 */
onp_status onp_block_predictor_fit(const onp_context *ctx, const onp_block_row *rows, size_t n,
                                   onp_block_predictor **out, onp_error *err) ONP_MUST_USE;
void onp_block_predictor_free(onp_block_predictor *model); /* NULL allowed */

/* block: complete. Several threads may ask one model. Errors: ONP_E_MISSING when no row of the
 * block's kind is known (zero and identity too), ONP_E_NOMEM. */
onp_status onp_block_predictor_predict(const onp_block_predictor *model, const onp_block *block,
                                       onp_predicted *out, onp_error *err) ONP_MUST_USE;

/* The model (ONP_PREDICT_MODEL) when known rows are left out in turn, the terms and scales staying
 * as fitted to all: mean |relative error|, and the share of rows within 10 %. */
void onp_block_predictor_left_out(const onp_block_predictor *model, double *mape, double *within10);

/* Errors when known rows are left out in turn: mean |relative| of the n_lines rows that lie between
 * two of their op, by line. 0 rows: 0. */
void onp_block_predictor_lines(const onp_block_predictor *model, size_t *n_lines, double *mape);

#ifdef __cplusplus
}
#endif
#endif
