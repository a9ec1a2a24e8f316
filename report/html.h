/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of HTML, appended to a string. All text from outside goes through here; the markup is well
 * formed as XML too, so that a test can check it strictly.
 *
 *     onp_strbuf_adds(page, "<td>");
 *     onp_html_text(page, name);               // escaped
 *     onp_html_ms(page, 0.8125);               // <data value="0.8125">0.8125</data> ms
 *     onp_strbuf_adds(page, "</td>");
 *
 * Numbers are rounded for the eye and exact in the value of their <data> element.
 */
#ifndef ONP_REPORT_HTML_H
#define ONP_REPORT_HTML_H

#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Escaped for text and for quoted attributes. Bytes that are not UTF-8 and control characters that
 * HTML does not allow become U+FFFD. */
void onp_html_text(onp_strbuf *s, const char *text);

/* A finite number as <data>; shown: the text for the eye. */
void onp_html_number(onp_strbuf *s, double value, const char *shown);
/* An integer with commas between thousands: 4,080,512. */
void onp_html_count(onp_strbuf *s, int64_t value);
/* Milliseconds with their unit; digits by size. */
void onp_html_ms(onp_strbuf *s, double ms);
/* A share as a percentage with its sign. */
void onp_html_percent(onp_strbuf *s, double share);
/* A dash in place of a number, and why there is none. */
void onp_html_missing(onp_strbuf *s, const char *why);

/* A table in a frame that scrolls sideways: begin with its column heads (NULL ends them; a head
 * that begins with '#' is of numbers), rows of cells, end. */
void onp_html_table_begin(onp_strbuf *s, const char *const *heads);
void onp_html_table_end(onp_strbuf *s);
void onp_html_cell_text(onp_strbuf *s, const char *text); /* <td>, escaped */

/*
 * A chart: a figure that page.js draws from the table in it, which stays readable without. Begin
 * (attributes: data-chart and what its kind takes, as markup), the caption's text as markup,
 * onp_html_figure_table (behind: the chart stands for it, page.js folds it), rows, an optional
 * <tfoot> after "</tbody>", end.
 */
void onp_html_figure_begin(onp_strbuf *s, const char *attributes);
void onp_html_figure_table(onp_strbuf *s, const char *const *heads, bool behind);
void onp_html_figure_end(onp_strbuf *s);

#ifdef __cplusplus
}
#endif
#endif
