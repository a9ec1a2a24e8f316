/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the sum of a network's block latencies to the latency of the network: what a platform adds
 * for each call (submission, copies) and for each operator (dispatch), and how its blocks run
 * faster or slower in company,
 *
 *     latency = a * sum + b_ns * ops + c_ns
 *
 * fitted to networks that were measured whole.
 *
 *     onp_calibration cal;
 *     ONP_TRY(onp_calibration_fit(ctx, sum_ns, n_ops, measured_ns, n, &cal, err));
 *     const double ns = onp_calibration_apply(&cal, 48.2e6, 23);
 *     onp_calibration_interval(&cal, ns, &lo_ns, &hi_ns);
 */
#ifndef ONP_LATENCY_PREDICT_CALIBRATION_H
#define ONP_LATENCY_PREDICT_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_CALIBRATION_MIN_NETWORKS 5

typedef struct onp_calibration {
    double a, b_ns, c_ns; /* a > 0; b_ns, c_ns: 0 where they do not help, of either sign */
    /* Of measured / predicted - 1, each network predicted by a fit to the others. */
    double residual_sd;  /* root of the mean square: relative, 0.02 is 2 % */
    double half95;       /* latency is predicted * (1 +- half95) with a probability of 95 % */
    int64_t n;           /* networks */
    double lo_ns, hi_ns; /* the least and the greatest of their sums; 0: not known */
    double mape_before;  /* of the plain sum */
    double mape_after;   /* of the others' fits, as the three below */
    double within5, within10, spearman;
} onp_calibration;

/* Changes nothing: a = 1, b = c = 0, residuals 0, n 0. */
onp_calibration onp_calibration_none(void);

/*
 * Minimises Huber's loss of the relative error (P. J. Huber, 1964; scale by the median absolute
 * residual). Of the forms a, a + c and a + b + c the one is taken whose error, each network
 * predicted from the others, is the least; b takes six networks, and is left out where the
 * number of operators is the same in all or goes with the sum.
 * Arrays of n: sums above 0, operators (blocks that run) >= 0, measured above 0; nanoseconds.
 * Errors: ONP_E_RANGE (fewer than ONP_CALIBRATION_MIN_NETWORKS; a value outside; no form with
 * a > 0 and positive predictions fits), ONP_E_NOMEM.
 */
onp_status onp_calibration_fit(const onp_context *ctx, const double *sum_ns, const double *n_ops,
                               const double *measured_ns, size_t n, onp_calibration *out,
                               onp_error *err) ONP_MUST_USE;

/*
 * Whether the line may be used for a network of such a sum. Its constant parts are right about the
 * networks that it was fitted to: far from those they can be most of a prediction, or make it
 * negative. A sum may be a third of the least of theirs, and three times the greatest; of a * sum
 * the constant parts may take half away.
 */
bool onp_calibration_holds(const onp_calibration *cal, double sum_ns, double n_ops);
double onp_calibration_apply(const onp_calibration *cal, double sum_ns, double n_ops);
/* 95 % interval of a calibrated prediction; lo is never below 0. */
void onp_calibration_interval(const onp_calibration *cal, double predicted_ns, double *lo_ns,
                              double *hi_ns);

/* 97.5 % quantile of Student's t (Abramowitz and Stegun, 1964, 26.7.5), within 1 % from 5 degrees
 * of freedom on: an interval of 95 % from few residuals is so many standard deviations to either
 * side.
 */
double onp_student_975(double freedom);

#ifdef __cplusplus
}
#endif
#endif
