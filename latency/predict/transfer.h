/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies of networks on a device of which only a few networks have been measured, from what
 * other devices' tables say of them all.
 *
 *     const onp_transfer_input in = {.n = 5000, .n_sources = 18, .source_ns = sums,
 *                                    .n_positions = 22, .n_codes = 9, .codes = choices,
 *                                    .measured_ns = measured};    // 0: not measured
 *     ONP_TRY(onp_transfer_predict(ctx, &in, ns, lo_ns, hi_ns, err));
 *
 * Model: the logarithm of the latency is a Gaussian process (C. Rasmussen, C. Williams, "Gaussian
 * Processes for Machine Learning", 2006, 2.2 and 2.7) with a free constant. Its prior mean is what
 * one source says, or their mean; its covariance has three parts: what the sources differ by among
 * one another, a little for each choice of a block, and noise. Which mean, and how much of each, is
 * weighed by the likelihood of the few measurements (Bayesian model averaging over a fixed grid),
 * so that a source that behaves like the device counts, and one that does not is left out.
 */
#ifndef ONP_LATENCY_PREDICT_TRANSFER_H
#define ONP_LATENCY_PREDICT_TRANSFER_H

#include <stdint.h>

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_TRANSFER_MIN_NETWORKS 3
#define ONP_TRANSFER_MAX_NETWORKS 200 /* measured; above, a table of one's own is better */
#define ONP_TRANSFER_MAX_SOURCES  64

/* Borrowed. Networks that were measured and such that were not: all of them say what is common. */
typedef struct onp_transfer_input {
    size_t n;
    int n_sources;
    const double *source_ns;   /* [n][n_sources], above 0 */
    int n_positions;           /* 0: nothing is known but the sources */
    int n_codes;               /* of each position */
    const int32_t *codes;      /* [n][n_positions]: the block chosen, 0..n_codes - 1 */
    const double *measured_ns; /* [n]; 0: not measured */
} onp_transfer_input;

/*
 * ns, lo_ns, hi_ns [n]: prediction and 95 % interval of one measurement of the network, for the
 * measured ones too. Errors: ONP_E_RANGE (a value outside; fewer or more measured networks or
 * sources than above), ONP_E_NOMEM.
 */
onp_status onp_transfer_predict(const onp_context *ctx, const onp_transfer_input *in, double *ns,
                                double *lo_ns, double *hi_ns, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
