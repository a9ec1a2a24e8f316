/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement: every buffer that is alive at some call gets an offset in one arena, such that no two
 * that are alive together overlap. Greedy by size (Y. Pisarchyk, J. Lee, "Efficient memory
 * management for deep neural net inference", 2020): the largest first, each at the lowest offset
 * that is free over its lifetime.
 */
#include <stdlib.h>

#include "graph/plan_internal.h"

static bool needs_place(const onp_buffer *b)
{
    return b->external == NULL && b->first <= b->last;
}

static void find_lifetimes(onp_plan *p)
{
    for (int32_t i = 0; i < p->n_buffers; i++) {
        p->buffers[i].first = p->n_calls;
        p->buffers[i].last = -1;
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
}

static size_t most_alive(const onp_plan *p)
{
    size_t most = 0;
    for (int32_t call = 0; call < p->n_calls; call++) {
        size_t floats = 0;
        for (int32_t i = 0; i < p->n_buffers; i++) {
            const onp_buffer *b = &p->buffers[i];
            if (needs_place(b) && b->first <= call && call <= b->last)
                floats += (size_t)b->floats;
        }
        most = floats > most ? floats : most;
    }
    return most * sizeof(float);
}

/* Larger first; among equals the earlier one, so that the order is the same everywhere. */
static bool before(const onp_plan *p, int32_t a, int32_t b)
{
    const int64_t fa = p->buffers[a].floats, fb = p->buffers[b].floats;
    return fa != fb ? fa > fb : a < b;
}

static void sort_by_size(const onp_plan *p, int32_t *order, int32_t n)
{
    for (int32_t gap = n / 2; gap > 0; gap /= 2)
        for (int32_t i = gap; i < n; i++) {
            const int32_t id = order[i];
            int32_t j = i;
            for (; j >= gap && before(p, id, order[j - gap]); j -= gap)
                order[j] = order[j - gap];
            order[j] = id;
        }
}

/* Lowest gap among the placed buffers, which are in order of offset; returns where b goes in that
 * order. */
static int32_t place_one(const onp_plan *p, const int32_t *placed, int32_t n_placed, onp_buffer *b)
{
    int64_t offset = 0;
    for (int32_t i = 0; i < n_placed; i++) {
        const onp_buffer *other = &p->buffers[placed[i]];
        if (other->last < b->first || b->last < other->first)
            continue;
        if (offset + b->floats <= other->offset)
            break;
        if (other->offset + other->floats > offset)
            offset = other->offset + other->floats;
    }
    b->offset = offset;
    int32_t at = n_placed;
    while (at > 0 && p->buffers[placed[at - 1]].offset > offset)
        at--;
    return at;
}

onp_status onp_plan_place(onp_plan *p, onp_error *err)
{
    find_lifetimes(p);
    ONP_TRY(onp_grow(p->ctx, (void **)&p->order, &p->order_cap, 2 * (size_t)p->n_buffers + 1,
                     sizeof *p->order, err));
    int32_t n = 0, n_placed = 0;
    size_t naive = 0;
    for (int32_t i = 0; i < p->n_buffers; i++) {
        onp_buffer *b = &p->buffers[i];
        b->floats = (b->floats + 15) / 16 * 16; /* whole cache lines */
        if (!needs_place(b))
            continue;
        p->order[n++] = i;
        naive += (size_t)b->floats * sizeof(float);
    }
    sort_by_size(p, p->order, n);
    int32_t *placed = p->order + p->n_buffers;
    int64_t top = 0;
    for (int32_t i = 0; i < n; i++) {
        onp_buffer *b = &p->buffers[p->order[i]];
        const int32_t at = place_one(p, placed, n_placed, b);
        for (int32_t k = n_placed; k > at; k--)
            placed[k] = placed[k - 1];
        placed[at] = p->order[i];
        n_placed++;
        top = b->offset + b->floats > top ? b->offset + b->floats : top;
    }
    p->info = (onp_plan_info){.n_calls = p->n_calls,
                              .n_buffers = n,
                              .arena_bytes = (size_t)top * sizeof(float),
                              .lower_bound_bytes = most_alive(p),
                              .naive_bytes = naive};
    return ONP_OK;
}
