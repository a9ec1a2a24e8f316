/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 40, FURTHEST = 2 };

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace) from a to b; many for long words, which are no typing mistakes.
 */
static size_t edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    size_t row[LONGEST + 1]; /* row[j]: distance from a's first i letters to b's first j */
    if (na > LONGEST || nb > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = min_of(replace, min_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[nb];
}

void onp_suggest_consider(onp_suggestion *s, const char *word)
{
    size_t limit = s->nearest != NULL ? s->distance : FURTHEST + 1;
    size_t d = edit_distance(s->seen, word);
    /* a word of two letters is not meant by one with none of them */
    if (d < limit && d < strlen(word)) {
        s->nearest = word;
        s->distance = d;
    }
}

void onp_suggest_write(const onp_suggestion *s, const char *prefix, char *out, size_t out_size)
{
    out[0] = '\0';
    if (s->nearest != NULL)
        (void)snprintf(out, out_size, " (did you mean \"%s%s\"?)", prefix, s->nearest);
}
