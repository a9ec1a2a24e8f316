/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a plan: when each buffer is alive, which outputs take over the buffer of an input that
 * dies in the same call, and where in the arena what is left goes.
 */
#include <stddef.h>

#include "graph/plan_internal.h"

static bool needs_place(const onp_buffer *b)
{
    return b->external == NULL && b->first <= b->last;
}

/* Returns the floats of all buffers. */
static int64_t find_lifetimes(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_buffers; i++) {
        onp_buffer *b = &p->buffers[i];
        b->floats = (b->floats + 15) / 16 * 16; /* whole cache lines */
        b->first = p->n_calls;
        b->last = -1;
    }
    for (int32_t i = 0; i < p->n_patches; i++) {
        onp_buffer *b = &p->buffers[p->patches[i].buffer];
        const int32_t call = p->patches[i].call;
        b->first = call < b->first ? call : b->first;
        b->last = call > b->last ? call : b->last;
    }
    for (int32_t i = 0; i < p->n_buffers; i++)
        if (p->buffers[i].keep)
            p->buffers[i].last = p->n_calls;
    int64_t floats = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        floats += needs_place(&p->buffers[i]) ? p->buffers[i].floats : 0;
    return floats;
}

/* ---- in place: ops/call.h says which inputs y may lie on ---- */

static void find_takeovers(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_calls; i++)
        p->takeovers[i] = (onp_takeover){.y = ONP_NONE, .from = {ONP_NONE, ONP_NONE}};
    for (int32_t i = 0; i < p->n_patches; i++) {
        const onp_patch *q = &p->patches[i];
        onp_takeover *t = &p->takeovers[q->call];
        const bool store = p->calls[q->call].kind == ONP_CALL_STORE;
        if (q->field == offsetof(onp_call, y))
            t->y = q->buffer;
        else if (q->field == offsetof(onp_call, add) ||
                 (store && q->field == offsetof(onp_call, a.x)))
            t->from[0] = q->buffer;
        else if (store && q->field == offsetof(onp_call, b.x))
            t->from[1] = q->buffer;
    }
    for (int32_t i = 0; i < p->n_patches; i++) {
        onp_takeover *t = &p->takeovers[p->patches[i].call];
        for (int k = 0; k < 2; k++)
            t->uses[k] += t->from[k] == p->patches[i].buffer;
    }
}

/* y is written first by this call, and the input read for the last time, in this one way only. */
static bool can_take(const onp_plan *p, int32_t call, int k)
{
    const onp_takeover *t = &p->takeovers[call];
    if (t->y == ONP_NONE || t->from[k] == ONP_NONE || t->uses[k] != 1)
        return false;
    const onp_buffer *y = &p->buffers[t->y], *x = &p->buffers[p->home[t->from[k]]];
    return y != x && y->external == NULL && x->external == NULL && y->first == call &&
           x->last == call && !x->keep && y->floats == x->floats;
}

/* Calls in order, so that a chain of takeovers ends up in the first buffer. */
static int32_t take_over(onp_plan *p)
{
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        p->home[i] = i;
    for (int32_t call = 0; call < p->n_calls; call++) {
        const int k = can_take(p, call, 0) ? 0 : 1;
        if (!can_take(p, call, k))
            continue;
        const onp_takeover *t = &p->takeovers[call];
        onp_buffer *y = &p->buffers[t->y], *x = &p->buffers[p->home[t->from[k]]];
        p->home[t->y] = p->home[t->from[k]];
        x->last = y->last;
        x->keep = y->keep;
        y->first = p->n_calls;
        y->last = -1;
        n++;
    }
    for (int32_t i = 0; i < p->n_patches; i++)
        p->patches[i].buffer = p->home[p->patches[i].buffer];
    for (int32_t t = 0; t < p->n_tensors; t++)
        if (p->state[t].buffer != ONP_NONE)
            p->state[t].buffer = p->home[p->state[t].buffer];
    return n;
}

static onp_status reserve_tables(onp_plan *p, onp_error *err)
{
    ONP_TRY(onp_grow(p->ctx, (void **)&p->takeovers, &p->takeovers_cap, (size_t)p->n_calls,
                     sizeof *p->takeovers, err));
    ONP_TRY(onp_grow(p->ctx, (void **)&p->home, &p->home_cap, (size_t)p->n_buffers, sizeof *p->home,
                     err));
    return onp_grow(p->ctx, (void **)&p->lives, &p->lives_cap, (size_t)p->n_buffers,
                    sizeof *p->lives, err);
}

onp_status onp_plan_place(onp_plan *p, onp_error *err)
{
    ONP_TRY(reserve_tables(p, err));
    const int64_t naive = find_lifetimes(p);
    find_takeovers(p);
    const int32_t n_in_place = take_over(p);
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        if (needs_place(&p->buffers[i])) {
            const onp_buffer *b = &p->buffers[i];
            p->lives[n++] = (onp_life){.size = b->floats, .first = b->first, .last = b->last};
        }
    onp_placement placed;
    ONP_TRY(onp_place(&p->placer, p->lives, n, &placed, err));
    int32_t next = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        if (needs_place(&p->buffers[i]))
            p->buffers[i].offset = p->lives[next++].offset;
    p->info = (onp_plan_info){.n_calls = p->n_calls,
                              .n_buffers = n,
                              .n_in_place = n_in_place,
                              .rule = placed.rule,
                              .arena_bytes = (size_t)placed.peak * sizeof(float),
                              .lower_bound_bytes = (size_t)placed.lower_bound * sizeof(float),
                              .naive_bytes = (size_t)naive * sizeof(float)};
    return ONP_OK;
}
