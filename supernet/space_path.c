/* SPDX-License-Identifier: Apache-2.0 */
/* The --path argument: names and indices of candidates. */
#include <stdio.h>
#include <string.h>

#include "supernet/space_internal.h"

enum { NAME = 32, LIST = 256 };

static void candidate_name(const onp_space_candidate *c, char name[NAME])
{
    const onp_block b = onp_space_block_of(c, NULL);
    onp_block_short_name(&b, name);
}

static void append_name(char list[LIST], const char *name)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, LIST - used, "%s%s", used > 0 ? ", " : "", name);
}

/* What a token means: a candidate of the file by its name or index, or else what a position has to
 * have by this name. */
typedef struct meaning {
    int index; /* of the file's list; -1 */
    char name[NAME];
} meaning;

/* Whether some position has a candidate of this name. */
static bool is_block_name(const onp_space *s, const char *name)
{
    char other[NAME];
    for (int32_t i = 0; i < s->n_positions; i++)
        for (int32_t c = 0; c < s->positions[i].n && s->positions[i].n > 1; c++) {
            onp_block_short_name(&s->positions[i].candidate[c], other);
            if (strcmp(name, other) == 0)
                return true;
        }
    return false;
}

static onp_status resolve(const onp_space *s, const char *token, size_t length, meaning *m,
                          onp_error *err)
{
    size_t index = 0, digits = strspn(token, "0123456789");
    for (size_t i = 0; i < length && i < 4; i++)
        index = index * 10 + (size_t)(token[i] - '0');
    if (digits == length && length > 0 && length <= 4 && index < s->spec.n_candidates) {
        m->index = (int)index;
        candidate_name(&s->spec.candidates[index], m->name);
        return ONP_OK;
    }
    char list[LIST] = "";
    for (size_t i = 0; i < s->spec.n_candidates; i++) {
        candidate_name(&s->spec.candidates[i], m->name);
        m->index = (int)i;
        if (strlen(m->name) == length && memcmp(m->name, token, length) == 0)
            return ONP_OK;
        append_name(list, m->name);
    }
    m->index = -1;
    (void)snprintf(m->name, NAME, "%.*s", length < NAME ? (int)length : NAME - 1, token);
    if (length < NAME && is_block_name(s, m->name))
        return ONP_OK;
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

int32_t onp_space_place(const onp_space *s, const onp_position *p, int index)
{
    const onp_block *b = &p->candidate[0];
    const bool same_map = b->in_h == b->out_h && b->in_w == b->out_w && b->stride == 1;
    int32_t place = 0;
    for (int i = 0; i < index; i++)
        place += onp_space_fits(&s->spec.candidates[i], same_map, b->in_c == b->out_c);
    return onp_space_fits(&s->spec.candidates[index], same_map, b->in_c == b->out_c) ? place : -1;
}

/* Index of what is meant among the candidates of a position; `nth` counts the blocks with a choice.
 */
static onp_status find(const onp_space *s, int32_t position, int nth, const meaning *m,
                       int32_t *index, onp_error *err)
{
    const onp_position *p = &s->positions[position];
    char list[LIST] = "", other[NAME];
    *index = m->index >= 0 ? onp_space_place(s, p, m->index) : -1;
    for (int32_t i = 0; i < p->n && *index < 0; i++) {
        onp_block_short_name(&p->candidate[i], other);
        if (m->index < 0 && strcmp(m->name, other) == 0)
            *index = i;
        append_name(list, other);
    }
    if (*index >= 0)
        return ONP_OK;
    const onp_block *b = &p->candidate[0];
    int stage, block;
    locate(s, position, &stage, &block);
    if (m->index < 0)
        return onp_fail(err, ONP_E_USAGE,
                        "path: block %d of %d (stage %d, block %d) has no %s: wanted one of %s",
                        nth, s->n_choices, stage, block, m->name, list);
    return onp_fail(
        err, ONP_E_USAGE,
        "path: block %d of %d (stage %d, block %d) cannot be %s, since its shape changes "
        "from %dx%dx%d to %dx%dx%d: wanted one of %s",
        nth, s->n_choices, stage, block, m->name, b->in_h, b->in_w, b->in_c, b->out_h, b->out_w,
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
    meaning m;
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
        onp_status st = resolve(s, text, length, &m, err);
        if (st != ONP_OK && n_tokens > 1)
            return onp_fail_prefix(err, st, "block %d of %d: ", nth + 1, s->n_choices);
        ONP_TRY(st);
        ONP_TRY(find(s, i, ++nth, &m, &path[i], err));
        if (n_tokens > 1)
            text += length + (text[length] == ',');
    }
    return ONP_OK;
}
