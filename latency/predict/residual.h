/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Gaussian process over blocks, for what a model of their work leaves: r = ln(latency / model).
 *
 *     k(x, x') = sum over layers l of  s_l^2 f_l(x) f_l(x') M(places of l)
 *              + tau^2 sum over terms t of  g_t(x) g_t(x')
 *              + s_w^2 M(places of the whole block)        (+ s_n^2 where x = x')
 *
 * M is Matern's of order 5/2, f_l the share of the block's modelled latency in layer l, g_t that in
 * term t: how fast a device is at a layer varies smoothly with that layer's sizes, and moves the
 * block by the layer's share; each coefficient of the model may be off as a whole. Length scales,
 * s_l, s_w and s_n have priors; few rows settle them badly, so predictions are the mean over draws
 * of them around the most probable ones, weighted by their probability.
 * (C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, algorithm
 * 2.1, and 5.4.2 for leaving rows out.)
 */
#ifndef ONP_LATENCY_PREDICT_RESIDUAL_H
#define ONP_LATENCY_PREDICT_RESIDUAL_H

#include "base/context.h"
#include "latency/predict/block_features.h"

typedef struct onp_residual_point {
    onp_block_place place;
    double layer[ONP_LAYER_COUNT]; /* shares of the modelled latency */
    double term[ONP_BLOCK_TERMS];
} onp_residual_point;

typedef struct onp_residual onp_residual;

/* points and r: n each, borrowed for the call; copied. Rows beyond the most that one process takes
 * are thinned out evenly. Errors: ONP_E_NOMEM, ONP_E_RANGE (no covariance of these is definite). */
onp_status onp_residual_fit(const onp_context *ctx, const onp_residual_point *points,
                            const double *r, int n, onp_residual **out,
                            onp_error *err) ONP_MUST_USE;
void onp_residual_free(onp_residual *p); /* NULL allowed */

/* Mean and standard deviation of r at x; scratch: onp_residual_scratch doubles. The deviation is of
 * a new row, and so wide that it would have held 95 % of the rows that were left out in turn. */
size_t onp_residual_scratch(const onp_residual *p);
void onp_residual_at(const onp_residual *p, const onp_residual_point *x, double *scratch,
                     double *mean, double *deviation);

/* Rows left out in turn, hyperparameters as fitted to all: mean |relative error| of the latency,
 * and the share within 10 %. */
void onp_residual_left_out(const onp_residual *p, double *mape, double *within10);

#endif
