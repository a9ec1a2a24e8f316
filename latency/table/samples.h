/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw samples as a blob: the differences of successive values (the first against 0), zigzag mapped
 * to unsigned, seven bits a byte, low bits first, the top bit set on all bytes of a value but its
 * last. Neighbouring samples are alike, so that most take two or three bytes.
 *
 *     size_t size = onp_samples_encode(samples, n, blob);     // blob: n * ONP_SAMPLE_MAX_BYTES
 *     ONP_TRY(onp_samples_decode(blob, size, samples, n, err));
 */
#ifndef ONP_LATENCY_TABLE_SAMPLES_H
#define ONP_LATENCY_TABLE_SAMPLES_H

#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_SAMPLE_MAX_BYTES 10

/* Returns the number of bytes written to out, which has room for n * ONP_SAMPLE_MAX_BYTES. */
size_t onp_samples_encode(const int64_t *samples, size_t n, uint8_t *out);

/* Reads exactly n samples from exactly size bytes. Errors: ONP_E_FORMAT (cut short, bytes left
 * over, a value of more than 64 bits). */
onp_status onp_samples_decode(const uint8_t *bytes, size_t size, int64_t *samples, size_t n,
                              onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
