/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xml.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 character at s (shortest forms, no surrogates, up to U+10FFFF), 0 when it is
 * none. s ends with a NUL, which is no tail, so nothing behind it is read. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return is_tail(s[1]) ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        const bool overlong = s[0] == 0xe0 && s[1] < 0xa0, surrogate = s[0] == 0xed && s[1] > 0x9f;
        return is_tail(s[1]) && is_tail(s[2]) && !overlong && !surrogate ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        const bool overlong = s[0] == 0xf0 && s[1] < 0x90, beyond = s[0] == 0xf4 && s[1] > 0x8f;
        return is_tail(s[1]) && is_tail(s[2]) && is_tail(s[3]) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

/* What stands for the character at s, or NULL when it stands for itself. */
static const char *entity(const unsigned char *s, size_t length)
{
    switch (s[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
        return NULL;
    default:
        break;
    }
    const bool control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
    const bool nonchar = s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe; /* U+FFFE, U+FFFF */
    return length == 0 || control || nonchar ? REPLACEMENT : NULL;
}

void onp_xml_text(onp_strbuf *s, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p != '\0') {
        const size_t length = utf8_length(p);
        const char *stands = entity(p, length);
        if (stands != NULL)
            onp_strbuf_adds(s, stands);
        else
            onp_strbuf_add(s, (const char *)p, length);
        p += length > 0 ? length : 1;
    }
}
