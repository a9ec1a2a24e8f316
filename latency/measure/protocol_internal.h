/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the protocol share: protocol.c, protocol_hello.c, protocol_result.c. */
#ifndef ONP_LATENCY_MEASURE_PROTOCOL_INTERNAL_H
#define ONP_LATENCY_MEASURE_PROTOCOL_INTERNAL_H

#include "latency/measure/protocol.h"

#define ONP_MESSAGE_MAX_KHZ  ((int64_t)100 * 1000 * 1000)
#define ONP_MESSAGE_MAX_MC   ((int64_t)1000 * 1000) /* a thousand degrees: more is nonsense */
#define ONP_MESSAGE_MAX_CORE 4096

/* A line from what jansson packed; NULL: it had no memory. Takes root. */
onp_status onp_message_add_line(json_t *root, onp_strbuf *out, onp_error *err) ONP_MUST_USE;

/* A text that may be left out ("" then): plain, at least min and less than size bytes. */
onp_status onp_message_get_text(const json_t *object, const char *key, size_t min, size_t size,
                                char *out, const char *where, onp_error *err) ONP_MUST_USE;
/* As onp_json_get_int, but `fallback` when the key is left out. */
onp_status onp_message_get_optional(const json_t *object, const char *key, int64_t min, int64_t max,
                                    int64_t fallback, int64_t *out, const char *where,
                                    onp_error *err) ONP_MUST_USE;
/* true or false; false when the key is left out. */
onp_status onp_message_get_bool(const json_t *object, const char *key, bool *out, const char *where,
                                onp_error *err) ONP_MUST_USE;

/* Millidegrees or, for ONP_UNKNOWN_MC, null. */
json_t *onp_message_temperature(int64_t mc);
/* False when value is neither null nor a temperature. */
bool onp_message_read_temperature(const json_t *value, int64_t *mc);

#endif
