/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a plan: in which order calls run, when each buffer is alive then, which outputs take
 * over the buffer of an input that dies in the same call, and where in the arena what is left goes.
 */
#include <stddef.h>
#include <string.h>

#include "graph/plan_internal.h"
#include "graph/plan_view.h"

static bool needs_place(const onp_buffer *b)
{
    return b->external == NULL && b->first <= b->last;
}

/* Returns the floats of all buffers. */
static int64_t find_lifetimes(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_buffers; i++) {
        p->buffers[i].first = p->n_calls;
        p->buffers[i].last = -1;
    }
    for (int32_t i = 0; i < p->n_patches; i++) {
        onp_buffer *b = &p->buffers[p->patches[i].buffer];
        const int32_t at = p->position[p->patches[i].call];
        b->first = at < b->first ? at : b->first;
        b->last = at > b->last ? at : b->last;
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

/* Fields of a call whose memory its y may take; see ops/call.h. */
static bool may_lie_on(const onp_call *call, size_t field, int k)
{
    const bool a = field == offsetof(onp_call, a.x), b = field == offsetof(onp_call, b.x);
    switch (call->kind) {
    case ONP_CALL_STORE:
        return k == 0 ? a : b && call->store != ONP_STORE_CHANNEL_SCALE;
    case ONP_CALL_DEPTHWISE_DATA:
        return k == 0 && a && onp_call_can_overwrite(call);
    case ONP_CALL_DEPTHWISE_BACKWARD:
        return k == 0 && b && onp_call_can_overwrite(call);
    default:
        return k == 0 && field == offsetof(onp_call, add);
    }
}

static void find_takeovers(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_calls; i++)
        p->takeovers[i] = (onp_takeover){.y = ONP_NONE, .from = {ONP_NONE, ONP_NONE}};
    for (int32_t i = 0; i < p->n_patches; i++) {
        const onp_patch *q = &p->patches[i];
        onp_takeover *t = &p->takeovers[q->call];
        if (q->field == offsetof(onp_call, y))
            t->y = q->buffer;
        for (int k = 0; k < 2; k++)
            if (may_lie_on(&p->calls[q->call], q->field, k))
                t->from[k] = q->buffer;
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
    const int32_t at = p->position[call];
    if (t->y == ONP_NONE || t->from[k] == ONP_NONE || t->uses[k] != 1)
        return false;
    const onp_buffer *y = &p->buffers[t->y], *x = &p->buffers[p->home[t->from[k]]];
    return y != x && y->external == NULL && x->external == NULL && y->first == at &&
           x->last == at && y->floats == x->floats;
}

/* Calls in order, so that a chain of takeovers ends up in the first buffer. */
static int32_t take_over(onp_plan *p)
{
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        p->home[i] = i;
    for (int32_t i = 0; i < p->n_calls; i++) {
        const int32_t call = p->order[i];
        const int k = can_take(p, call, 0) ? 0 : 1;
        if (!can_take(p, call, k))
            continue;
        const onp_takeover *t = &p->takeovers[call];
        onp_buffer *y = &p->buffers[t->y], *x = &p->buffers[p->home[t->from[k]]];
        p->home[t->y] = p->home[t->from[k]];
        x->last = y->last;
        y->first = p->n_calls;
        y->last = -1;
        n++;
    }
    return n;
}

/* Lifetimes when calls run in this order (NULL: as they are numbered), their lower bound, and with
 * `place` where everything lies. */
static onp_status try_order(onp_plan *p, const int32_t *order, bool place, onp_error *err)
{
    for (int32_t i = 0; i < p->n_calls; i++) {
        p->order[i] = order != NULL ? order[i] : i;
        p->position[p->order[i]] = i;
    }
    p->info.naive_bytes = (size_t)find_lifetimes(p) * sizeof(float);
    p->info.n_in_place = take_over(p);
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        if (needs_place(&p->buffers[i])) {
            const onp_buffer *b = &p->buffers[i];
            p->lives[n++] = (onp_life){.size = b->floats, .first = b->first, .last = b->last};
        }
    onp_placement placed = {0};
    if (place)
        ONP_TRY(onp_place(&p->placer, p->lives, n, &placed, err));
    else
        ONP_TRY(onp_place_bound(&p->placer, p->lives, n, &placed.lower_bound, err));
    p->info.n_buffers = n;
    p->info.rule = placed.rule;
    p->info.arena_bytes = (size_t)placed.peak * sizeof(float);
    p->info.lower_bound_bytes = (size_t)placed.lower_bound * sizeof(float);
    return ONP_OK;
}

/* ---- the order of calls: none changes what a call computes, so bits stay ---- */

static onp_status prepare_orders(onp_plan *p, onp_error *err)
{
    ONP_TRY(onp_grow(p->ctx, (void **)&p->touches, &p->touches_cap, (size_t)p->n_patches,
                     sizeof *p->touches, err));
    ONP_TRY(onp_grow(p->ctx, (void **)&p->things, &p->things_cap, (size_t)p->n_buffers,
                     sizeof *p->things, err));
    for (int32_t i = 0; i < p->n_patches; i++) {
        const onp_access a = onp_plan_access(p, i);
        p->touches[i] = (onp_touch){.step = a.call, .thing = a.buffer, .write = a.write};
    }
    for (int32_t i = 0; i < p->n_buffers; i++) {
        const onp_buffer *b = &p->buffers[i];
        p->things[i] = (onp_thing){.size = b->external == NULL ? b->floats : 0, .keep = b->keep};
    }
    const onp_order_input in = {.touches = p->touches,
                                .things = p->things,
                                .n_touches = p->n_patches,
                                .n_things = p->n_buffers,
                                .n_steps = p->n_calls};
    return onp_order_prepare(&p->orderer, &in, err);
}

/* The order of calls that is placed lowest; the given one unless another is lower. */
static onp_status choose_order(onp_plan *p, onp_error *err)
{
    const size_t given = p->info.arena_bytes;
    size_t least = p->info.lower_bound_bytes;
    bool found = false;
    ONP_TRY(prepare_orders(p, err));
    for (int rule = 0; rule < ONP_ORDER_RULE_COUNT; rule++) {
        onp_order_by(&p->orderer, (onp_order_rule)rule, p->tried);
        ONP_TRY(try_order(p, p->tried, false, err));
        if (p->info.lower_bound_bytes >= least)
            continue;
        least = p->info.lower_bound_bytes;
        found = true;
        memcpy(p->best, p->tried, (size_t)p->n_calls * sizeof *p->best);
    }
    ONP_TRY(try_order(p, found ? p->best : NULL, true, err));
    p->info.ordered = found && p->info.arena_bytes < given;
    return p->info.ordered || !found ? ONP_OK : try_order(p, NULL, true, err);
}

/* The calls themselves into p->order. */
static void sort_calls(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_patches; i++)
        p->patches[i].call = p->position[p->patches[i].call];
    for (int32_t t = 0; t < p->n_tensors; t++)
        if (p->state[t].writer != ONP_NONE)
            p->state[t].writer = p->position[p->state[t].writer];
    for (int32_t begin = 0; begin < p->n_calls; begin++) { /* cycle by cycle */
        const onp_call moved = p->calls[begin];
        int32_t to = begin;
        while (p->order[to] != begin) {
            const int32_t from = p->order[to];
            p->calls[to] = p->calls[from];
            p->order[to] = to;
            to = from;
        }
        p->calls[to] = moved;
        p->order[to] = to;
    }
}

static onp_status reserve_tables(onp_plan *p, onp_error *err)
{
    const size_t calls = (size_t)p->n_calls, buffers = (size_t)p->n_buffers;
    ONP_TRY(onp_grow(p->ctx, (void **)&p->takeovers, &p->takeovers_cap, calls, sizeof *p->takeovers,
                     err));
    ONP_TRY(
        onp_grow(p->ctx, (void **)&p->orders, &p->orders_cap, 4 * calls, sizeof *p->orders, err));
    ONP_TRY(onp_grow(p->ctx, (void **)&p->home, &p->home_cap, buffers, sizeof *p->home, err));
    p->order = p->orders;
    p->position = p->orders + calls;
    p->tried = p->orders + 2 * calls;
    p->best = p->orders + 3 * calls;
    return onp_grow(p->ctx, (void **)&p->lives, &p->lives_cap, buffers, sizeof *p->lives, err);
}

onp_status onp_plan_place(onp_plan *p, bool order, onp_error *err)
{
    p->info = (onp_plan_info){.n_calls = p->n_calls};
    ONP_TRY(reserve_tables(p, err));
    for (int32_t i = 0; i < p->n_buffers; i++)
        p->buffers[i].floats = (p->buffers[i].floats + 15) / 16 * 16; /* whole cache lines */
    find_takeovers(p);
    ONP_TRY(try_order(p, NULL, true, err));
    p->info.given_bound_bytes = p->info.lower_bound_bytes;
    if (order)
        ONP_TRY(choose_order(p, err));
    int32_t next = 0;
    for (int32_t i = 0; i < p->n_buffers; i++)
        if (needs_place(&p->buffers[i]))
            p->buffers[i].offset = p->lives[next++].offset;
    for (int32_t i = 0; i < p->n_patches; i++)
        p->patches[i].buffer = p->home[p->patches[i].buffer];
    for (int32_t t = 0; t < p->n_tensors; t++)
        if (p->state[t].buffer != ONP_NONE)
            p->state[t].buffer = p->home[p->state[t].buffer];
    if (p->info.ordered)
        sort_calls(p);
    return ONP_OK;
}
