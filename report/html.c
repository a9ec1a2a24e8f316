/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

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

void onp_html_text(onp_strbuf *s, const char *text)
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

void onp_html_number(onp_strbuf *s, double value, const char *shown)
{
    onp_strbuf_adds(s, "<data value=\"");
    onp_strbuf_addreal(s, value);
    onp_strbuf_addf(s, "\">%s</data>", shown);
}

void onp_html_count(onp_strbuf *s, int64_t value)
{
    char digits[32], shown[48];
    size_t used = 0;
    const int n = snprintf(digits, sizeof digits, "%" PRId64, value);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
            shown[used++] = ',';
        shown[used++] = digits[i];
    }
    shown[used] = '\0';
    onp_strbuf_addf(s, "<data value=\"%s\">%s</data>", digits, shown);
}

void onp_html_ms(onp_strbuf *s, double ms)
{
    char shown[400];
    const double size = fabs(ms);
    (void)snprintf(shown, sizeof shown, "%.*f", size < 10 ? 4 : size < 100 ? 3 : 2, ms);
    onp_html_number(s, ms, shown);
    onp_strbuf_adds(s, " ms");
}

void onp_html_percent(onp_strbuf *s, double share)
{
    char shown[400];
    (void)snprintf(shown, sizeof shown, "%.2f", 100 * share);
    onp_html_number(s, share, shown);
    onp_strbuf_adds(s, " %");
}

void onp_html_missing(onp_strbuf *s, const char *why)
{
    onp_strbuf_adds(s, "<span class=\"missing\">\xe2\x80\x93 <small>");
    onp_html_text(s, why);
    onp_strbuf_adds(s, "</small></span>");
}

void onp_html_table_begin(onp_strbuf *s, const char *const *heads)
{
    onp_strbuf_adds(s, "<div class=\"scroll\"><table><thead><tr>");
    for (; *heads != NULL; heads++) {
        const bool number = **heads == '#';
        onp_strbuf_adds(s, number ? "<th class=\"n\">" : "<th>");
        onp_html_text(s, *heads + number);
        onp_strbuf_adds(s, "</th>");
    }
    onp_strbuf_adds(s, "</tr></thead><tbody>\n");
}

void onp_html_table_end(onp_strbuf *s)
{
    onp_strbuf_adds(s, "</tbody></table></div>\n");
}

void onp_html_cell_text(onp_strbuf *s, const char *text)
{
    onp_strbuf_adds(s, "<td>");
    onp_html_text(s, text);
    onp_strbuf_adds(s, "</td>");
}
