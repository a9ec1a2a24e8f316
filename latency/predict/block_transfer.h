/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies of blocks on a device of which few are known, from another device's.
 *
 *     onp_block_transfer t;
 *     ONP_TRY(onp_block_transfer_fit(ctx, pairs, n, &t, err));    // blocks known on both
 *     onp_block_transfer_predict(&t, &block, other_ns, &p);
 *
 * The logarithm of the ratio of the two devices is a constant plus a little for a block's size and
 * for the shares of its layers: ridge regression, its interval from leaving pairs out in turn.
 */
#ifndef ONP_LATENCY_PREDICT_BLOCK_TRANSFER_H
#define ONP_LATENCY_PREDICT_BLOCK_TRANSFER_H

#include "latency/predict/block_predictor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_TRANSFER_MIN_PAIRS 3

typedef struct onp_block_pair {
    onp_block block;
    double ns, other_ns; /* above 0 */
} onp_block_pair;

enum { ONP_TRANSFER_FEATURES = 4 }; /* ln work, shares of expansion, depthwise, projection */

typedef struct onp_block_transfer {
    size_t n;
    double constant, slope[ONP_TRANSFER_FEATURES], centre[ONP_TRANSFER_FEATURES];
    double deviation; /* of ln, of pairs left out in turn */
} onp_block_transfer;

/* Errors: ONP_E_MISSING (fewer than ONP_TRANSFER_MIN_PAIRS), ONP_E_RANGE (a time that is not finite
 * and above 0), ONP_E_NOMEM. */
onp_status onp_block_transfer_fit(const onp_context *ctx, const onp_block_pair *pairs, size_t n,
                                  onp_block_transfer *out, onp_error *err) ONP_MUST_USE;

/* other_ns: the block on the other device. out->method stays as it is, extrapolated is false. */
void onp_block_transfer_predict(const onp_block_transfer *t, const onp_block *block,
                                double other_ns, onp_predicted *out);

#ifdef __cplusplus
}
#endif
#endif
