/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Bytes of the plain character that text begins with; 0 when there is none. */
static size_t plain_bytes(const char *text)
{
    /* of n bytes: where its characters begin (those of two bytes after C1) and the lead byte's bits
     */
    static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000}, bits[] = {0, 0x7f, 31, 15, 7};
    const unsigned char *s = (const unsigned char *)text;
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t code = s[0] & bits[n];
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) /* the text's end too */
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    const bool plain = n > 0 && s[0] < 0xf8 && code >= least[n] && code <= 0x10ffff;
    return plain && code != 0x7f && !surrogate ? n : 0;
}

bool onp_text_is_plain(const char *text)
{
    for (size_t n; *text != '\0'; text += n)
        if ((n = plain_bytes(text)) == 0)
            return false;
    return true;
}

void onp_text_make_plain(const char *text, char *out, size_t size)
{
    while (*text != '\0') {
        char escape[8];
        const char *piece = text;
        size_t n = plain_bytes(text), taken = n > 0 ? n : 1;
        if (n == 0) {
            const char *letter = strchr("\nn\tt\rr", *text);
            n = letter != NULL
                    ? (size_t)snprintf(escape, sizeof escape, "\\%c", letter[1])
                    : (size_t)snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)*text);
            piece = escape;
        }
        if (n >= size)
            break;
        memcpy(out, piece, n);
        out += n;
        size -= n;
        text += taken;
    }
    *out = '\0';
}

void onp_text_utc(int64_t unix_ns, char out[ONP_TEXT_UTC])
{
    struct tm utc;
    const time_t seconds = (time_t)(unix_ns / 1000000000);
    if (unix_ns <= 0 || gmtime_r(&seconds, &utc) == NULL ||
        strftime(out, ONP_TEXT_UTC, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        out[0] = '\0';
}
