/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well predicted latencies agree with measured ones.
 *
 *     onp_agreement a;
 *     ONP_TRY(onp_agreement_take(ctx, predicted_ns, lo_ns, hi_ns, measured_ns, n, &a, err));
 *     printf("MAPE %.2f %%, Spearman %.3f\n", 100 * a.mape, a.spearman);
 */
#ifndef ONP_LATENCY_PREDICT_AGREEMENT_H
#define ONP_LATENCY_PREDICT_AGREEMENT_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of n pairs of a predicted p and a measured m, with the relative error e = p / m - 1. */
typedef struct onp_agreement {
    size_t n;
    double rmse_ns;           /* sqrt(mean (p - m)^2) */
    double mape;              /* mean |e|; 0.02 is 2 % */
    double bias;              /* mean e */
    double within5, within10; /* share with |e| <= 0.05, 0.10 */
    double spearman;          /* correlation of ranks, equal values share their mean rank */
    double kendall;           /* tau-b (M. G. Kendall, 1945) */
    double coverage;          /* share with lo <= m <= hi; NAN without intervals */
} onp_agreement;

/*
 * Nanoseconds (any unit, the same for all). lo, hi: both NULL when there are no intervals. Where
 * all predictions or all measurements are equal, there is no order to compare: both correlations
 * are 0.
 * Errors: ONP_E_RANGE (n is 0; a value that is not finite; a measurement that is not above 0),
 * ONP_E_NOMEM.
 */
onp_status onp_agreement_take(const onp_context *ctx, const double *predicted, const double *lo,
                              const double *hi, const double *measured, size_t n,
                              onp_agreement *out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
