/* SPDX-License-Identifier: Apache-2.0 */
/* What names a device, and what one says of itself: a line, then its answer. */
#include <stdlib.h>
#include <string.h>

#include "latency/measure/remote.h"
#include "latency/measure/words.h"
#include "tests/fuzz/parsers.h"

/* Words that are quoted and split again are the same. */
static void check_words(const onp_context *ctx, const onp_target *t)
{
    char again[ONP_TARGET_TEXT];
    size_t n = 0;
    onp_strbuf line;
    onp_strbuf_init(&line, ctx);
    const char *word = t->words;
    for (size_t i = 0; i < t->n_words; i++, word = onp_words_next(word)) {
        onp_strbuf_adds(&line, i > 0 ? " " : "");
        onp_words_quote(&line, word);
    }
    const size_t length = (size_t)(word - t->words);
    if (onp_words_split(line.text, again, sizeof again, &n, NULL) != ONP_OK || n != t->n_words ||
        memcmp(again, t->words, length) != 0)
        abort();
    onp_strbuf_reset(&line);
}

static bool look(fuzz_input *in, const onp_target *t, const char *answer)
{
    onp_error err = {0};
    onp_remote r;
    onp_remote_init(&r, &in->ctx, t, NULL);
    onp_strbuf_adds(&r.said, answer);
    const bool taken = fuzz_accepted(onp_remote_take_look(&r, &err), &err);
    if (taken && (r.folder[0] != '/' || r.arch[0] == '\0'))
        abort();
    onp_remote_reset(&r);
    return taken;
}

bool fuzz_target(fuzz_input *in)
{
    onp_error err = {0};
    onp_target t;
    char *text = calloc(in->size + 1, 1);
    if (text == NULL)
        return false;
    if (in->size > 0)
        memcpy(text, in->data, in->size);
    char *answer = text + strcspn(text, "\n");
    if (*answer != '\0')
        *answer++ = '\0';
    bool taken = fuzz_accepted(onp_target_parse(text, &t, &err), &err);
    if (taken && t.kind == ONP_TARGET_EXEC)
        check_words(&in->ctx, &t);
    if (taken && (t.kind == ONP_TARGET_SSH || t.kind == ONP_TARGET_ADB))
        taken = look(in, &t, answer);
    free(text);
    return taken;
}
