/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing string, for text that is written piece by piece (JSON, HTML, SVG). A failure sticks:
 * append without checking, check once at the end.
 *
 *     onp_strbuf s;
 *     onp_strbuf_init(&s, ctx);
 *     onp_strbuf_addf(&s, "%d", 3);
 *     ONP_TRY_GOTO(onp_strbuf_status(&s, err));
 *     use(s.text, s.length);
 *   done:
 *     onp_strbuf_reset(&s);
 */
#ifndef ONP_BASE_STRBUF_H
#define ONP_BASE_STRBUF_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_strbuf {
    const onp_context *ctx; /* borrowed */
    char *text;             /* NUL-terminated; "" before the first append */
    size_t length, capacity;
    bool failed;
} onp_strbuf;

void onp_strbuf_init(onp_strbuf *s, const onp_context *ctx);
void onp_strbuf_add(onp_strbuf *s, const char *text, size_t length);
void onp_strbuf_adds(onp_strbuf *s, const char *text);
void onp_strbuf_addf(onp_strbuf *s, const char *fmt, ...) ONP_PRINTF(2, 3);
/* A finite number with the fewest digits (15, 16 or 17) that read back as the same double. */
void onp_strbuf_addreal(onp_strbuf *s, double value);
/* Bytes in base64 (RFC 4648), with padding. */
void onp_strbuf_add_base64(onp_strbuf *s, const void *bytes, size_t size);
/* ONP_OK, or ONP_E_NOMEM if any append failed. */
onp_status onp_strbuf_status(const onp_strbuf *s, onp_error *err) ONP_MUST_USE;
/* Frees the text; the buffer is empty and usable again. */
void onp_strbuf_reset(onp_strbuf *s);

#ifdef __cplusplus
}
#endif
#endif
