/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/xml.h"

void onp_html_text(onp_strbuf *s, const char *text)
{
    onp_xml_text(s, text);
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

/* What scrolls can be reached by keyboard. */
void onp_html_table_begin(onp_strbuf *s, const char *const *heads)
{
    onp_strbuf_adds(s, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\">"
                       "<table><thead><tr>");
    for (; *heads != NULL; heads++) {
        const bool number = **heads == '#';
        onp_strbuf_adds(s, number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        onp_html_text(s, *heads + number);
        onp_strbuf_adds(s, "</th>");
    }
    onp_strbuf_adds(s, "</tr></thead><tbody>\n");
}

void onp_html_table_end(onp_strbuf *s)
{
    onp_strbuf_adds(s, "</tbody></table></div>\n");
}

void onp_html_figure_begin(onp_strbuf *s, const char *attributes)
{
    onp_strbuf_addf(s, "<figure %s><figcaption>", attributes);
}

/* Open, for those who have no script. */
void onp_html_figure_table(onp_strbuf *s, const char *const *heads, bool behind)
{
    onp_strbuf_addf(s, "</figcaption><details%s open=\"open\"><summary>Numbers</summary>",
                    behind ? " class=\"behind\"" : "");
    onp_html_table_begin(s, heads);
}

void onp_html_figure_end(onp_strbuf *s)
{
    onp_strbuf_adds(s, "</table></div></details></figure>\n");
}

void onp_html_cell_text(onp_strbuf *s, const char *text)
{
    onp_strbuf_adds(s, "<td>");
    onp_html_text(s, text);
    onp_strbuf_adds(s, "</td>");
}
