/* SPDX-License-Identifier: Apache-2.0 */
/* The --path argument: names and indices of candidates. */
#include <stdio.h>
#include <string.h>

#include "supernet/space.h"

enum { NAME = 32, LIST = 256 };

static void candidate_name(const onp_space_candidate *c, char name[NAME])
{
    const onp_block b = {.kind = c->op == ONP_SPACE_ZERO ? ONP_BLOCK_ZERO : ONP_BLOCK_MBCONV,
                         .kernel = (int32_t)c->kernel,
                         .expand = (int32_t)c->expand};
    onp_block_short_name(&b, name);
}

static void append_name(char list[LIST], const char *name)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, LIST - used, "%s%s", used > 0 ? ", " : "", name);
}

/* The short name of the candidate that a name or an index of the file's list means. */
static onp_status resolve(const onp_space *s, const char *token, size_t length, char name[NAME],
                          onp_error *err)
{
    size_t index = 0, digits = strspn(token, "0123456789");
    for (size_t i = 0; i < length && i < 4; i++)
        index = index * 10 + (size_t)(token[i] - '0');
    if (digits == length && length > 0 && length <= 4 && index < s->spec.n_candidates) {
        candidate_name(&s->spec.candidates[index], name);
        return ONP_OK;
    }
    char list[LIST] = "";
    for (size_t i = 0; i < s->spec.n_candidates; i++) {
        candidate_name(&s->spec.candidates[i], name);
        if (strlen(name) == length && memcmp(name, token, length) == 0)
            return ONP_OK;
        append_name(list, name);
    }
    return onp_fail(err, ONP_E_USAGE,
                    "path: \"%.*s\" is no candidate of space %s: wanted one of %s, or its index "
                    "from 0",
                    length < 40 ? (int)length : 40, token, s->spec.name, list);
}

/* Which block of the stages a position is, both from 1. */
static void locate(const onp_space *s, int32_t position, int *stage, int *block)
{
    int64_t i = position - 1 - (int64_t)s->spec.n_fixed;
    *stage = 0;
    while (i >= s->spec.stages[*stage].blocks)
        i -= s->spec.stages[(*stage)++].blocks;
    *stage += 1;
    *block = (int)i + 1;
}

/* Index of a name among the candidates of a position; `nth` counts the blocks with a choice. */
static onp_status find(const onp_space *s, int32_t position, int nth, const char *name,
                       int32_t *index, onp_error *err)
{
    const onp_position *p = &s->positions[position];
    char list[LIST] = "", other[NAME];
    for (int32_t i = 0; i < p->n; i++) {
        onp_block_short_name(&p->candidate[i], other);
        if (strcmp(name, other) == 0) {
            *index = i;
            return ONP_OK;
        }
        append_name(list, other);
    }
    /* every candidate of the file but zero is in every position */
    const onp_block *b = &p->candidate[0];
    int stage, block;
    locate(s, position, &stage, &block);
    return onp_fail(
        err, ONP_E_USAGE,
        "path: block %d of %d (stage %d, block %d) cannot be %s, since its shape changes "
        "from %dx%dx%d to %dx%dx%d: wanted one of %s",
        nth, s->n_choices, stage, block, name, b->in_h, b->in_w, b->in_c, b->out_h, b->out_w,
        b->out_c, list);
}

static int count_tokens(const char *text)
{
    int n = 1;
    for (; *text != '\0'; text++)
        n += *text == ',';
    return n;
}

onp_status onp_space_path_parse(const onp_space *s, const char *text, int32_t *path, onp_error *err)
{
    int n_tokens = count_tokens(text), nth = 0;
    char name[NAME];
    if (n_tokens != 1 && n_tokens != s->n_choices)
        return onp_fail(err, ONP_E_USAGE,
                        "path: %d candidates, wanted one for all blocks or one for each of the %d "
                        "blocks with a choice",
                        n_tokens, s->n_choices);
    for (int32_t i = 0; i < s->n_positions; i++) {
        path[i] = 0;
        if (s->positions[i].n == 1)
            continue;
        size_t length = strcspn(text, ",");
        onp_status st = resolve(s, text, length, name, err);
        if (st != ONP_OK && n_tokens > 1)
            return onp_fail_prefix(err, st, "block %d of %d: ", nth + 1, s->n_choices);
        ONP_TRY(st);
        ONP_TRY(find(s, i, ++nth, name, &path[i], err));
        if (n_tokens > 1)
            text += length + (text[length] == ',');
    }
    return ONP_OK;
}
