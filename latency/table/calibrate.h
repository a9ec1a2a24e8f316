/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calibration of a platform from whole networks that its table has measurements of.
 *
 *     onp_calibrate_result r;
 *     ONP_TRY(onp_calibrate(store, platform, &r, err));
 *     printf("%zu networks, mean error %.1f %%\n", r.n, 100 * r.calibration.mape_after);
 */
#ifndef ONP_LATENCY_TABLE_CALIBRATE_H
#define ONP_LATENCY_TABLE_CALIBRATE_H

#include "latency/table/store_evidence.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_calibrate_result {
    onp_calibration calibration;
    size_t n;         /* networks it was fitted to */
    size_t n_others;  /* calibrations stored besides, each of another space */
    size_t n_unknown; /* measured ones whose blocks the table does not know */
    size_t n_missing; /* ones with a block that has no fresh row */
} onp_calibrate_result;

/*
 * Fits and stores: networks of one space by one line, since those of others differ in what they are
 * made of; where no space has enough of them, all together. *out tells that of the most networks,
 * which is stored last and so goes before the others where both hold. A network counts with the
 * mean of its medians in the newest run that measured it; those whose stamps made rows do not.
 * Errors: ONP_E_MISSING when fewer than ONP_CALIBRATION_MIN_NETWORKS are left (the message counts
 * them), ONP_E_RANGE (onp_calibration_fit), ONP_E_NOMEM, those of the store.
 */
onp_status onp_calibrate(onp_store *s, int64_t platform, onp_calibrate_result *out,
                         onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
