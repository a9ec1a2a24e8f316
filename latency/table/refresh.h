/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the rows of a device within reach are used: are they still right? What the rules of
 * latency/table/stale.h want measured again is, and what turns out to be stale is marked, so that
 * onp_profile() measures it anew.
 *
 *     onp_stale_verdict v;
 *     ONP_TRY(onp_refresh(store, runner, blocks, n, &options, &v, err));
 *     if (v.action == ONP_STALE_ROWS) ...      // its rows of before are stale now: v.reason
 *     ONP_TRY(onp_profile(store, runner, blocks, n, &options, &result, err));
 */
#ifndef ONP_LATENCY_TABLE_REFRESH_H
#define ONP_LATENCY_TABLE_REFRESH_H

#include "latency/table/profile.h"
#include "latency/table/stale.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * options: those of the profile to come; blocks: those that may be measured again, of which about
 * ONP_STALE_RECHECK_ROWS are, within a few seconds, when the system has changed or the rows are
 * old. Rows of the same device under other kernels become stale (onp_trust_supersede). What was
 * found out is logged. *out: ONP_STALE_FRESH, ONP_STALE_RECALIBRATE, or ONP_STALE_ROWS when rows
 * were marked now. Errors: those of onp_profile_recheck and of the store.
 */
onp_status onp_refresh(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_stale_verdict *out,
                       onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
