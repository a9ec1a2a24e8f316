/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/words.h"

#include <string.h>

#include "base/text.h"

typedef struct splitter {
    const char *at;
    char *out;
    size_t size, used, n;
    char quote; /* the one that is open, or 0 */
    bool in_word;
    bool dangling; /* ended in a backslash */
} splitter;

static bool put(splitter *s, char c)
{
    if (s->used == s->size)
        return false;
    s->out[s->used++] = c;
    s->in_word = c != '\0';
    s->n += c == '\0';
    return true;
}

/* Whether the backslash at s->at takes the next character as it is. */
static bool escapes(const splitter *s)
{
    if (*s->at != '\\' || s->quote == '\'')
        return false;
    return s->quote == 0 || s->at[1] == '"' || s->at[1] == '\\';
}

/* One step; false when there is no more room. */
static bool step(splitter *s)
{
    const char c = *s->at;
    if (escapes(s)) {
        s->dangling = *++s->at == '\0';
        return s->dangling || put(s, *s->at++);
    }
    s->at++;
    if (s->quote == 0 && (c == '\'' || c == '"')) {
        s->quote = c;
        s->in_word = true; /* '' is a word */
        return true;
    }
    if (s->quote != 0 && c == s->quote) {
        s->quote = 0;
        return true;
    }
    if (s->quote == 0 && c == ' ')
        return !s->in_word || put(s, '\0');
    return put(s, c);
}

onp_status onp_words_split(const char *text,
                           char *words, /* NOLINT(readability-non-const-parameter): put writes it */
                           size_t size, size_t *n, onp_error *err)
{
    splitter s = {.at = text, .out = words, .size = size};
    if (!onp_text_is_plain(text))
        return onp_fail(err, ONP_E_USAGE, "command \"%.80s\": has control characters", text);
    bool fits = true;
    while (fits && *s.at != '\0')
        fits = step(&s);
    if (fits && s.in_word && s.quote == 0)
        fits = put(&s, '\0');
    if (!fits)
        return onp_fail(err, ONP_E_USAGE, "command \"%.80s...\": wanted less than %zu bytes", text,
                        size);
    if (s.quote != 0)
        return onp_fail(err, ONP_E_USAGE, "command \"%.80s\": %c is not closed", text, s.quote);
    if (s.dangling)
        return onp_fail(err, ONP_E_USAGE, "command \"%.80s\": ends in a backslash", text);
    if (s.n == 0)
        return onp_fail(err, ONP_E_USAGE, "the command is empty");
    *n = s.n;
    return ONP_OK;
}

const char *onp_words_next(const char *word)
{
    return word + strlen(word) + 1;
}

static bool is_harmless(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("+,-./:@_", c) != NULL);
}

void onp_words_quote(onp_strbuf *line, const char *word)
{
    if (*word == '\0')
        onp_strbuf_adds(line, "''");
    while (*word != '\0') {
        const size_t n = strcspn(word, "'\\!");
        size_t harmless = 0;
        while (harmless < n && is_harmless(word[harmless]))
            harmless++;
        const char *quote = harmless < n ? "'" : "";
        onp_strbuf_addf(line, "%s%.*s%s", quote, (int)n, word, quote);
        word += n;
        if (*word != '\0')
            onp_strbuf_addf(line, "\\%c", *word++);
    }
}
