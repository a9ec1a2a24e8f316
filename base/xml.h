/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from outside in HTML and SVG.
 *
 *     onp_strbuf_adds(s, "<text>");
 *     onp_xml_text(s, name);               // escaped
 *     onp_strbuf_adds(s, "</text>");
 */
#ifndef ONP_BASE_XML_H
#define ONP_BASE_XML_H

#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Escaped for text and for quoted attributes. Bytes that are not UTF-8 and control characters that
 * HTML does not allow become U+FFFD. */
void onp_xml_text(onp_strbuf *s, const char *text);

#ifdef __cplusplus
}
#endif
#endif
