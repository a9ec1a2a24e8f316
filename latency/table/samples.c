/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/samples.h"

#include <stdbool.h>

/* Differences are taken modulo 2^64, so that any value survives. */
size_t onp_samples_encode(const int64_t *samples, size_t n, uint8_t *out)
{
    size_t used = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t delta = (uint64_t)samples[i] - last;
        uint64_t zigzag = delta << 1 ^ (delta >> 63 != 0 ? UINT64_MAX : 0);
        last = (uint64_t)samples[i];
        for (; zigzag > 0x7f; zigzag >>= 7)
            out[used++] = (uint8_t)(zigzag | 0x80);
        out[used++] = (uint8_t)zigzag;
    }
    return used;
}

/* Advances *at past one value; false when there is none. */
static bool read_value(const uint8_t *bytes, size_t size, size_t *at, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < size; shift += 7) {
        uint64_t byte = bytes[(*at)++];
        if (shift == 63 && byte > 1)
            return false;
        *value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

onp_status onp_samples_decode(const uint8_t *bytes, size_t size, int64_t *samples, size_t n,
                              onp_error *err)
{
    size_t at = 0;
    uint64_t last = 0, zigzag = 0;
    for (size_t i = 0; i < n; i++) {
        if (!read_value(bytes, size, &at, &zigzag))
            return onp_fail(err, ONP_E_FORMAT, "samples: value %zu of %zu is damaged at byte %zu",
                            i + 1, n, at);
        last += zigzag >> 1 ^ ((zigzag & 1) != 0 ? UINT64_MAX : 0);
        samples[i] = (int64_t)last;
    }
    if (at != size)
        return onp_fail(err, ONP_E_FORMAT, "samples: %zu bytes, wanted %zu for %zu values", size,
                        at, n);
    return ONP_OK;
}
