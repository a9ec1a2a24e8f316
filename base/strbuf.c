/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void onp_strbuf_init(onp_strbuf *s, const onp_context *ctx)
{
    *s = (onp_strbuf){.ctx = ctx, .text = ""}; /* capacity 0: text is not ours to free or write */
}

/* Room for `more` bytes and the NUL after what is there. */
static bool make_room(onp_strbuf *s, size_t more)
{
    if (s->failed)
        return false;
    void *block = s->capacity > 0 ? s->text : NULL;
    if (more > SIZE_MAX - s->length - 1 ||
        onp_grow(s->ctx, &block, &s->capacity, s->length + more + 1, 1, NULL) != ONP_OK) {
        s->failed = true;
        return false;
    }
    s->text = block;
    return true;
}

void onp_strbuf_add(onp_strbuf *s, const char *text, size_t length)
{
    if (length == 0 || !make_room(s, length))
        return;
    memcpy(s->text + s->length, text, length);
    s->length += length;
    s->text[s->length] = '\0';
}

void onp_strbuf_adds(onp_strbuf *s, const char *text)
{
    onp_strbuf_add(s, text, strlen(text));
}

void onp_strbuf_addf(onp_strbuf *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        s->failed = true;
    else if (n > 0 && make_room(s, (size_t)n)) {
        (void)vsnprintf(s->text + s->length, (size_t)n + 1, fmt, again);
        s->length += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void onp_strbuf_addreal(onp_strbuf *s, double value)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    onp_strbuf_adds(s, text);
}

void onp_strbuf_add_base64(onp_strbuf *s, const void *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i += 3) {
        const unsigned b1 = i + 1 < size ? p[i + 1] : 0, b2 = i + 2 < size ? p[i + 2] : 0;
        const unsigned v = (unsigned)p[i] << 16 | b1 << 8 | b2;
        const char four[] = {digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63],
                             digits[v & 63]};
        const size_t n = size - i < 3 ? size - i + 1 : 4;
        onp_strbuf_add(s, four, n);
        onp_strbuf_add(s, "==", 4 - n);
    }
}

onp_status onp_strbuf_status(const onp_strbuf *s, onp_error *err)
{
    if (s->failed)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for text of more than %zu bytes",
                        s->length);
    return ONP_OK;
}

void onp_strbuf_reset(onp_strbuf *s)
{
    if (s->capacity > 0)
        onp_free(s->ctx, s->text);
    onp_strbuf_init(s, s->ctx);
}
