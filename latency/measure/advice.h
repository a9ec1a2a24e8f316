/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a device that cannot be used, by what ssh, adb or a shell said.
 *
 *     onp_advice("error: device unauthorized.")    // "unlock the phone and allow USB debugging
 * ..."
 */
#ifndef ONP_LATENCY_MEASURE_ADVICE_H
#define ONP_LATENCY_MEASURE_ADVICE_H

#ifdef __cplusplus
extern "C" {
#endif

/* One sentence without an end; NULL when nothing in text is known. */
const char *onp_advice(const char *text);

#ifdef __cplusplus
}
#endif
#endif
