/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the table predict whole networks? Which networks to measure for the answer, and what their
 * measurements say: of the plain sum of rows, and of the sum calibrated on networks that are not
 * the ones it is tested on. Pure functions on arrays.
 *
 *     onp_validation_choose(cost, n_pool, n_corners, 30, seed, chosen);
 *     ...                                     // measure them, each twice, and the rows between
 *     onp_validated v[30] = {{.sum_ns = ..., .n_ops = ..., .measured_ns = ..., ...}, ...};
 *     ONP_TRY(onp_validation_judge(ctx, v, 30, &report, err));
 *     printf("MAPE %.2f %%\n", 100 * report.after.mape);
 */
#ifndef ONP_LATENCY_TABLE_VALIDATION_H
#define ONP_LATENCY_TABLE_VALIDATION_H

#include "latency/predict/agreement.h"
#include "latency/predict/calibration.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_VALIDATION_MIN   10 /* networks */
#define ONP_VALIDATION_WORST 5

/*
 * n of a pool: its first n_always, and of the rest one out of each of the other n - n_always bins
 * of as many networks each, by cost (predicted latency, or what goes with it). chosen: n indices
 * into the pool, rising. n_always <= n <= n_pool.
 * Errors: ONP_E_NOMEM.
 */
onp_status onp_validation_choose(const onp_context *ctx, const double *cost, int32_t n_pool,
                                 int32_t n_always, int32_t n, uint64_t seed, int32_t *chosen,
                                 onp_error *err) ONP_MUST_USE;

/* A network that was measured whole; nanoseconds. */
typedef struct onp_validated {
    double sum_ns, n_ops; /* of its rows; blocks that run */
    double measured_ns;
    double repeated_ns; /* measured once more, later; 0: it was not */
    double raw_ns;      /* mean of both at whatever clock there was; not looked at by judge */
    /* filled by judge: */
    bool test;                         /* false: the calibration was fitted to it */
    double predicted_ns, lo_ns, hi_ns; /* calibrated, with its 95 % interval */
} onp_validated;

/* What a network is taken to last: the mean of what was measured. */
double onp_validated_ns(const onp_validated *v);

typedef struct onp_validation_report {
    size_t n, n_test;
    onp_agreement plain;  /* all networks, the sum of rows */
    onp_agreement before; /* test networks, the sum of rows */
    onp_agreement after;  /* test networks, calibrated on the others */
    onp_calibration used; /* by `after` */
    onp_calibration all;  /* fitted to all networks: for use; with each left out in turn */
    double noise;         /* mean |repeated / measured - 1|: no prediction can be much better
                           * than half of it; NAN when none was repeated */
    size_t worst[ONP_VALIDATION_WORST]; /* test networks by |predicted / measured - 1|, falling */
    size_t n_worst;
} onp_validation_report;

/*
 * A third of the networks (five at least), evenly spread over their sums and with the least and
 * the greatest, calibrate; the others test. Errors: ONP_E_RANGE (n below ONP_VALIDATION_MIN, a
 * value that is not above 0, no calibration fits), ONP_E_NOMEM.
 */
onp_status onp_validation_judge(const onp_context *ctx, onp_validated *v, size_t n,
                                onp_validation_report *out, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
