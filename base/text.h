/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from outside on its way to a terminal. Plain text is UTF-8 without control characters (C0,
 * DEL, C1): it stays on its line and cannot steer what shows it. Names from files are refused
 * unless plain; messages, which quote anything, are made plain by onp_fail and onp_log.
 *
 *     char shown[256];
 *     onp_text_make_plain("a\x1b[2Jb\n", shown, sizeof shown);    // a\x1b[2Jb\n, in visible
 * letters
 */
#ifndef ONP_BASE_TEXT_H
#define ONP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

bool onp_text_is_plain(const char *text);

/* Copies text; \n, \t, \r and \xNN stand for the bytes that are not plain. Cut at size - 1 bytes,
 * never inside a character or an escape. size: at least 1; text and out do not overlap. */
void onp_text_make_plain(const char *text, char *out, size_t size);

#define ONP_TEXT_UTC 24 /* bytes */
/* Nanoseconds since 1970 as "2026-11-21T15:04:05Z"; "" for 0, or what has no such date. */
void onp_text_utc(int64_t unix_ns, char out[ONP_TEXT_UTC]);

#ifdef __cplusplus
}
#endif
#endif
