/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/space.h"

#include <stdio.h>

#include "supernet/space_internal.h"
#include "supernet/supernet.h"

_Static_assert(3 + ONP_SPACE_MAX_FIXED + ONP_SPACE_MAX_STAGES * ONP_SPACE_MAX_BLOCKS <=
                   ONP_MAX_POSITIONS,
               "a space fits a supernet");

/* ---- positions ---- */

/* Channels under the space's width multiplier. */
static int64_t scaled(const onp_space_spec *spec, int64_t channels)
{
    return spec->width == 1 ? channels : onp_divisible((double)channels * spec->width);
}

/* A narrow network keeps its last, wide layers. */
static int64_t scaled_up(const onp_space_spec *spec, int64_t channels)
{
    return spec->width > 1 ? scaled(spec, channels) : channels;
}

/* Completes block b behind the map so far and makes it a candidate of p. */
static void add_candidate(onp_space_reader *r, onp_position *p, onp_block b, const char *key)
{
    onp_error e;
    b.in_h = r->h;
    b.in_w = r->w;
    b.in_c = r->c;
    if (onp_block_complete(&b, &e) != ONP_OK) {
        onp_space_problem(r, key, "%s", e.msg);
        return;
    }
    for (int32_t i = 0; i < p->n; i++)
        if (onp_block_equal(&p->candidate[i], &b)) {
            char name[32];
            onp_block_short_name(&b, name);
            onp_space_problem(r, key, "two of its candidates are %s here", name);
            return;
        }
    p->candidate[p->n++] = b;
}

/* The map behind p is the next one's input. */
static void close_position(onp_space_reader *r, const onp_position *p, const char *key)
{
    if (p->n == 0 && r->n_problems == 0)
        onp_space_problem(r, key,
                          "its first block has no candidate: zero, identity and pools are left out "
                          "where the shape changes");
    if (p->n == 0)
        return;
    r->h = p->candidate[0].out_h;
    r->w = p->candidate[0].out_w;
    r->c = p->candidate[0].out_c;
    if (p->n > 1)
        r->s->n_choices++;
}

static void add_fixed(onp_space_reader *r, onp_block b, const char *key)
{
    onp_position *p = &r->s->positions[r->s->n_positions++];
    if (b.stride > 1 && (r->h < b.stride || r->w < b.stride))
        onp_space_problem(r, key, "stride %d on a map of %dx%d leaves nothing to shrink", b.stride,
                          r->h, r->w);
    add_candidate(r, p, b, key);
    close_position(r, p, key);
}

static bool shrinks_too_much(const onp_space_reader *r, int64_t stride)
{
    return stride > 1 && (r->h < stride || r->w < stride);
}

/* The block of a candidate behind the map so far. */
static onp_block block_here(const onp_space_reader *r, const onp_space_candidate *c,
                            const onp_space_stage *stage, int64_t channels, int64_t stride)
{
    onp_block b = onp_space_block_of(c, stage);
    b.out_c = (int32_t)channels;
    b.stride = (int32_t)stride;
    b.skip = b.skip && stride == 1 && channels == r->c;
    return b;
}

static void add_stage_block(onp_space_reader *r, size_t stage, int block)
{
    const onp_space_spec *spec = &r->s->spec;
    const onp_space_stage *st = &spec->stages[stage];
    const int64_t stride = block == 1 ? st->stride : 1;
    const int64_t channels = scaled(spec, st->channels);
    char key[48];
    (void)snprintf(key, sizeof key, "stages.%zu", stage);
    if (shrinks_too_much(r, stride))
        onp_space_problem(r, key, "stride %d on a map of %dx%d leaves nothing to shrink",
                          (int)stride, r->h, r->w);
    onp_position *p = &r->s->positions[r->s->n_positions++];
    for (size_t i = 0; i < spec->n_candidates && r->n_problems == 0; i++) {
        const onp_space_candidate *c = &spec->candidates[i];
        if (onp_space_fits(c, stride == 1, channels == r->c))
            add_candidate(r, p, block_here(r, c, st, channels, stride), key);
    }
    close_position(r, p, key);
}

/* Positions from the spec; stops at the first problem, since all maps behind it would be wrong. */
static void add_positions(onp_space_reader *r)
{
    const onp_space_spec *spec = &r->s->spec;
    r->h = (int32_t)spec->in_h;
    r->w = (int32_t)spec->in_w;
    r->c = (int32_t)spec->in_c;
    add_fixed(r,
              (onp_block){.kind = ONP_BLOCK_STEM,
                          .out_c = (int32_t)scaled(spec, spec->stem_channels),
                          .kernel = (int32_t)spec->stem_kernel,
                          .stride = (int32_t)spec->stem_stride,
                          .act = (onp_activation)spec->stem_activation},
              "stem");
    for (size_t i = 0; i < spec->n_fixed && r->n_problems == 0; i++) {
        const onp_space_candidate *f = &spec->fixed[i];
        char key[48];
        (void)snprintf(key, sizeof key, "fixed.%zu", i);
        add_fixed(r, block_here(r, f, NULL, scaled(spec, f->channels), f->stride), key);
    }
    for (size_t i = 0; i < spec->n_stages; i++)
        for (int block = 1; block <= spec->stages[i].blocks && r->n_problems == 0; block++)
            add_stage_block(r, i, block);
    if (r->n_problems == 0)
        add_fixed(r,
                  (onp_block){.kind = ONP_BLOCK_MIX,
                              .out_c = (int32_t)scaled_up(spec, spec->mix_channels),
                              .act = (onp_activation)spec->mix_activation},
                  "mix");
    if (r->n_problems == 0)
        add_fixed(r,
                  (onp_block){.kind = ONP_BLOCK_HEAD,
                              .out_c = (int32_t)spec->classes,
                              .mid = (int32_t)scaled_up(spec, spec->head_channels),
                              .act = (onp_activation)spec->head_activation},
                  "classes");
}

static onp_status allocate(onp_space_reader *r)
{
    onp_space *s = r->s;
    size_t n = 3 + s->spec.n_fixed; /* stem, mix, head */
    for (size_t i = 0; i < s->spec.n_stages; i++)
        n += (size_t)s->spec.stages[i].blocks;
    s->positions = onp_alloc(s->ctx, n, sizeof *s->positions);
    if (s->positions == NULL)
        return onp_fail(r->err, ONP_E_NOMEM, "%s: out of memory for the space", r->name);
    return ONP_OK;
}

onp_status onp_space_from_doc(const onp_context *ctx, const onp_yaml_doc *doc, const char *name,
                              onp_strbuf *problems, onp_space **out, onp_error *err)
{
    onp_space *s = onp_alloc(ctx, 1, sizeof *s);
    if (s == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for the space", name);
    s->ctx = ctx;
    onp_space_reader r = {.doc = doc, .name = name, .problems = problems, .err = err, .s = s};
    onp_status st = onp_yaml_bind(doc, onp_space_fields, &s->spec, problems, err);
    if (st != ONP_OK)
        goto done;
    onp_space_check_spec(&r);
    if (r.n_problems == 0) {
        ONP_TRY_GOTO(allocate(&r));
        add_positions(&r);
    }
    if (r.n_problems > 0) {
        st = ONP_E_CONFIG;
        goto done;
    }
    *out = s;
    s = NULL;
done:
    onp_space_free(s);
    return st;
}

onp_status onp_space_load(const onp_context *ctx, const char *path, onp_strbuf *problems,
                          onp_space **out, onp_error *err)
{
    onp_yaml_doc *doc = NULL;
    ONP_TRY(onp_yaml_load(ctx, path, &doc, err));
    onp_status st = onp_space_from_doc(ctx, doc, path, problems, out, err);
    onp_yaml_free(doc);
    return st;
}

void onp_space_free(onp_space *s)
{
    if (s == NULL)
        return;
    onp_yaml_release(s->ctx, onp_space_fields, &s->spec);
    onp_free(s->ctx, s->positions);
    onp_free(s->ctx, s);
}

/* ---- what the data decides ---- */

onp_status onp_space_set_input(onp_space *s, int64_t h, int64_t w, int64_t c, onp_error *err)
{
    const int64_t sizes[] = {h, w, c};
    for (size_t i = 0; i < ONP_COUNT(sizes); i++)
        if (sizes[i] < 1 || sizes[i] > ONP_SPACE_MAX_SIZE)
            return onp_fail(err, ONP_E_RANGE, "space %s: input %lldx%lldx%lld, wanted 1..%d each",
                            s->spec.name, (long long)h, (long long)w, (long long)c,
                            ONP_SPACE_MAX_SIZE);
    onp_space next = *s;
    next.spec.in_h = h;
    next.spec.in_w = w;
    next.spec.in_c = c;
    next.n_positions = next.n_choices = 0;
    onp_space_reader r = {.name = s->spec.name, .err = err, .s = &next};
    ONP_TRY(allocate(&r)); /* positions only: the lists of the spec stay */
    add_positions(&r);
    onp_free(s->ctx, r.n_problems == 0 ? s->positions : next.positions);
    if (r.n_problems > 0)
        return ONP_E_RANGE;
    *s = next;
    return ONP_OK;
}

onp_status onp_space_set_classes(onp_space *s, int64_t n_classes, onp_error *err)
{
    if (n_classes < 2 || n_classes > ONP_SPACE_MAX_SIZE)
        return onp_fail(err, ONP_E_RANGE, "space %s: %lld classes, wanted 2..%d", s->spec.name,
                        (long long)n_classes, ONP_SPACE_MAX_SIZE);
    s->spec.classes = n_classes;
    s->positions[s->n_positions - 1].candidate[0].out_c = (int32_t)n_classes;
    return ONP_OK;
}

/* ---- what a space tells ---- */

double onp_space_n_vectors(const onp_space *s, uint64_t *exact)
{
    double product = 1;
    uint64_t whole = 1;
    for (int i = 0; i < s->n_positions; i++) {
        uint64_t n = (uint64_t)s->positions[i].n;
        product *= (double)n;
        whole = whole > UINT64_MAX / n ? 0 : whole * n; /* once 0, it stays 0 */
    }
    if (exact != NULL)
        *exact = whole;
    return product;
}

static bool contains(const onp_block *blocks, int32_t n, const onp_block *b)
{
    for (int i = 0; i < n; i++)
        if (onp_block_equal(&blocks[i], b))
            return true;
    return false;
}

onp_status onp_space_blocks(const onp_context *ctx, const onp_space *s, onp_block **blocks,
                            int32_t *n, onp_error *err)
{
    size_t most = 0;
    for (int i = 0; i < s->n_positions; i++)
        most += (size_t)s->positions[i].n;
    onp_block *all = onp_alloc(ctx, most, sizeof *all);
    if (all == NULL)
        return onp_fail(err, ONP_E_NOMEM, "space %s: out of memory for its blocks", s->spec.name);
    int32_t count = 0;
    for (int i = 0; i < s->n_positions; i++)
        for (int j = 0; j < s->positions[i].n; j++) {
            const onp_block *b = &s->positions[i].candidate[j];
            if (!onp_block_is_free(b) && !contains(all, count, b))
                all[count++] = *b;
        }
    *blocks = all;
    *n = count;
    return ONP_OK;
}
