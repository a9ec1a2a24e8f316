/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of processor cores, and their text as the kernel writes it: "0-3,7".
 *
 *     onp_cores big;
 *     ONP_TRY(onp_cores_parse("4-7", &big, err));
 *     for (int core = onp_cores_next(&big, 0); core >= 0; core = onp_cores_next(&big, core + 1))
 */
#ifndef ONP_BASE_CORES_H
#define ONP_BASE_CORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_CORES_MAX  1024
#define ONP_CORES_TEXT 160 /* bytes of a set's text, its NUL too */

typedef struct onp_cores { /* all zero: none */
    uint64_t bits[ONP_CORES_MAX / 64];
} onp_cores;

bool onp_cores_has(const onp_cores *set, int core);
void onp_cores_add(onp_cores *set, int core); /* 0 <= core < ONP_CORES_MAX */
int onp_cores_count(const onp_cores *set);
/* The first core of the set from `from` on; -1: none. */
int onp_cores_next(const onp_cores *set, int from);
/* Whether all of `part` are in `whole`. */
bool onp_cores_within(const onp_cores *part, const onp_cores *whole);
onp_cores onp_cores_both(const onp_cores *a, const onp_cores *b);

/* Numbers and ranges with commas between; blanks around them are fine. Errors: ONP_E_USAGE for
 * anything else, for no core at all, and for one from ONP_CORES_MAX on; *out is then unchanged. */
onp_status onp_cores_parse(const char *text, onp_cores *out, onp_error *err) ONP_MUST_USE;
/* "" for none; ends in ",..." where it does not fit. */
void onp_cores_text(const onp_cores *set, char text[ONP_CORES_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
