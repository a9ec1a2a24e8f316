/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: one that a user wrote is split into words here, without a shell; words that a
 * shell on another machine will read are quoted.
 *
 *     ONP_TRY(onp_words_split("node 'my runner.js' --threads 2", words, sizeof words, &n, err));
 *     // words: "node\0my runner.js\0--threads\0" "2\0", n: 4
 *     onp_words_quote(&line, "it's");         // it\'s
 */
#ifndef ONP_LATENCY_MEASURE_WORDS_H
#define ONP_LATENCY_MEASURE_WORDS_H

#include "base/strbuf.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Blanks separate words; '...' and "..." keep them together and may stand inside a word; a
 * backslash takes the next character as it is, within "..." only before " and backslash. Nothing
 * else has a meaning: no variables, no wildcards, no pipes. Words are written one behind the other,
 * each with its NUL. Errors: ONP_E_USAGE (a quote that is not closed, a backslash at the end, no
 * word at all, a control character, more than fits).
 */
onp_status onp_words_split(const char *text, char *words, size_t size, size_t *n,
                           onp_error *err) ONP_MUST_USE;

/* The word behind `word`; valid as long as there are more. */
const char *onp_words_next(const char *word);

/*
 * Appends word such that a shell reads it as one word, itself: letters, digits and +,-./:@_ as
 * they are, ' and \ and ! with a backslash, all else within '...'. sh, zsh and fish read that
 * alike as long as word has no control characters, which is the caller's duty.
 */
void onp_words_quote(onp_strbuf *line, const char *word);

#ifdef __cplusplus
}
#endif
#endif
