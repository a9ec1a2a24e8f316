/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the nearest of the known words to one that is not known.
 *
 *     onp_suggestion s = {.seen = name};
 *     for (size_t i = 0; i < n; i++)
 *         onp_suggest_consider(&s, words[i]);
 *     onp_suggest_write(&s, "--", hint, sizeof hint);
 *     return onp_fail(err, ONP_E_USAGE, "unknown option --%.80s%s", name, hint);
 */
#ifndef ONP_BASE_SUGGEST_H
#define ONP_BASE_SUGGEST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Begins with `seen`, all else zero. */
typedef struct onp_suggestion {
    const char *seen;    /* borrowed */
    const char *nearest; /* one of the words considered, borrowed; NULL: none is near */
    size_t distance;     /* of nearest */
} onp_suggestion;

/* Keeps word when it is at most two edits (a letter more, less or other) from what was seen, shares
 * a letter with it, and is nearer than those before. */
void onp_suggest_consider(onp_suggestion *s, const char *word);

/* ` (did you mean "PREFIXword"?)`, cut to out_size; "" when no word is near. */
void onp_suggest_write(const onp_suggestion *s, const char *prefix, char *out, size_t out_size);

#ifdef __cplusplus
}
#endif
#endif
