/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/placement.h"

#include <string.h>

const char *const onp_place_rule_names[ONP_PLACE_RULE_COUNT] = {"by-size", "by-length",
                                                                "by-breadth", "in-time"};

/* Of the rule by length: 8 end within 1 % of the lower bound on training steps of mobile networks,
 * and take less time than the other rules together. */
#define ROUNDS 8

/* Sorted falling by major, then minor, then rising by id. */
typedef struct key {
    int64_t major, minor;
    int32_t id;
} key;

typedef struct span {
    int64_t begin, end;
    int32_t first, last;
} span;

/* Memory of one run, cut from the placer's. */
typedef struct work {
    onp_life *lives;
    int32_t n, n_steps;
    int64_t *alive;  /* [n_steps + 1]: what is alive at a step */
    int64_t *widest; /* [2 * n_steps]: tree of maxima over `alive` */
    int64_t *best;   /* [n]: the best offsets so far */
    key *keys;       /* [n] */
    span *placed;    /* [n + 1], by begin; holes of the rule in time */
    int32_t *next;   /* [n]: lives that end at the same step */
    int32_t *ends;   /* [n_steps]: the first of them, or -1 */
} work;

/* The next count * size bytes; NULL while sizes are only added up. */
static void *cut(char *memory, size_t *at, size_t count, size_t size)
{
    void *p = memory != NULL ? memory + *at : NULL;
    *at += (count * size + 63) / 64 * 64;
    return p;
}

static size_t lay_out(work *w, char *memory)
{
    size_t at = 0;
    const size_t n = (size_t)w->n, steps = (size_t)w->n_steps;
    w->alive = cut(memory, &at, steps + 1, sizeof *w->alive);
    w->widest = cut(memory, &at, 2 * steps, sizeof *w->widest);
    w->best = cut(memory, &at, n, sizeof *w->best);
    w->keys = cut(memory, &at, n, sizeof *w->keys);
    w->placed = cut(memory, &at, n + 1, sizeof *w->placed);
    w->next = cut(memory, &at, n, sizeof *w->next);
    w->ends = cut(memory, &at, steps, sizeof *w->ends);
    return at;
}

static onp_status start(work *w, onp_placer *placer, onp_life *lives, int32_t n, onp_error *err)
{
    *w = (work){.lives = lives, .n = n};
    for (int32_t i = 0; i < n; i++)
        w->n_steps = lives[i].last >= w->n_steps ? lives[i].last + 1 : w->n_steps;
    ONP_TRY(onp_grow(placer->ctx, &placer->memory, &placer->cap, lay_out(w, NULL), 1, err));
    (void)lay_out(w, placer->memory);
    return ONP_OK;
}

/* Fills w->alive; returns its maximum. */
static int64_t sweep(work *w)
{
    memset(w->alive, 0, ((size_t)w->n_steps + 1) * sizeof *w->alive);
    for (int32_t i = 0; i < w->n; i++) {
        w->alive[w->lives[i].first] += w->lives[i].size;
        w->alive[w->lives[i].last + 1] -= w->lives[i].size;
    }
    int64_t most = 0;
    for (int32_t s = 0; s < w->n_steps; s++) {
        w->alive[s] += s > 0 ? w->alive[s - 1] : 0;
        most = w->alive[s] > most ? w->alive[s] : most;
    }
    return most;
}

static bool before(key a, key b)
{
    if (a.major != b.major)
        return a.major > b.major;
    return a.minor != b.minor ? a.minor > b.minor : a.id < b.id;
}

static void sink(key *keys, int32_t root, int32_t n)
{
    const key moved = keys[root];
    for (int32_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && before(keys[child], keys[child + 1]))
            child++;
        if (!before(moved, keys[child]))
            break;
        keys[root] = keys[child];
    }
    keys[root] = moved;
}

/* Heap sort: in place, and no order of keys makes it slow. */
static void sort(key *keys, int32_t n)
{
    for (int32_t i = n / 2 - 1; i >= 0; i--)
        sink(keys, i, n);
    for (int32_t i = n - 1; i > 0; i--) {
        const key first = keys[0];
        keys[0] = keys[i];
        keys[i] = first;
        sink(keys, 0, i);
    }
}

/* The most that is alive at any step of [first, last]. */
static int64_t widest_over(const work *w, int32_t first, int32_t last)
{
    int64_t most = 0;
    for (int32_t a = first + w->n_steps, b = last + w->n_steps + 1; a < b; a /= 2, b /= 2) {
        if (a % 2 == 1 && w->widest[a++] > most)
            most = w->widest[a - 1];
        if (b % 2 == 1 && w->widest[--b] > most)
            most = w->widest[b];
    }
    return most;
}

static void make_keys(work *w, onp_place_rule rule)
{
    if (rule == ONP_PLACE_BY_BREADTH) {
        memcpy(w->widest + w->n_steps, w->alive, (size_t)w->n_steps * sizeof *w->widest);
        for (int32_t i = w->n_steps - 1; i > 0; i--)
            w->widest[i] =
                w->widest[2 * i] > w->widest[2 * i + 1] ? w->widest[2 * i] : w->widest[2 * i + 1];
    }
    for (int32_t i = 0; i < w->n; i++) {
        const onp_life *l = &w->lives[i];
        key *k = &w->keys[i];
        if (rule == ONP_PLACE_BY_SIZE)
            *k = (key){l->size, l->last - l->first, i};
        else if (rule == ONP_PLACE_BY_LENGTH)
            *k = (key){l->last - l->first, l->size, i};
        else if (rule == ONP_PLACE_BY_BREADTH)
            *k = (key){widest_over(w, l->first, l->last), l->size, i};
        else
            *k = (key){-(int64_t)l->first, l->size, i};
    }
    sort(w->keys, w->n);
}

/* How many spans, which are by begin, begin at or before `at`. */
static int32_t count_before(const span *spans, int32_t n, int64_t at)
{
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t middle = (low + high) / 2;
        if (spans[middle].begin <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(span *spans, int32_t n, int32_t at, span s)
{
    memmove(spans + at + 1, spans + at, (size_t)(n - at) * sizeof *spans);
    spans[at] = s;
}

static void erase(span *spans, int32_t n, int32_t at)
{
    memmove(spans + at, spans + at + 1, (size_t)(n - at - 1) * sizeof *spans);
}

/* The smallest gap that holds l between those placed ones that it meets, else above them all. */
static int64_t find_gap(const span *placed, int32_t n, const onp_life *l)
{
    int64_t end = 0, best = -1, best_size = INT64_MAX;
    for (int32_t i = 0; i < n; i++) {
        const span *p = &placed[i];
        if (p->last < l->first || l->last < p->first)
            continue;
        const int64_t gap = p->begin - end;
        if (gap >= l->size && gap < best_size) {
            best = end;
            best_size = gap;
        }
        end = p->end > end ? p->end : end;
    }
    return best >= 0 ? best : end;
}

static int64_t place_in_gaps(work *w)
{
    int64_t peak = 0;
    for (int32_t i = 0; i < w->n; i++) {
        onp_life *l = &w->lives[w->keys[i].id];
        l->offset = find_gap(w->placed, i, l);
        const int64_t end = l->offset + l->size;
        insert(w->placed, i, count_before(w->placed, i, l->offset),
               (span){l->offset, end, l->first, l->last});
        peak = end > peak ? end : peak;
    }
    return peak;
}

/* ---- in time ---- */

typedef struct heap {
    span *holes; /* by begin, no two touch; all below top */
    int32_t n;
    int64_t top;
} heap;

static void give_back(heap *h, int64_t begin, int64_t end)
{
    const int32_t at = count_before(h->holes, h->n, begin);
    const bool left = at > 0 && h->holes[at - 1].end == begin;
    const bool right = at < h->n && h->holes[at].begin == end;
    if (begin == end)
        return;
    if (left && right) {
        h->holes[at - 1].end = h->holes[at].end;
        erase(h->holes, h->n--, at);
    } else if (left)
        h->holes[at - 1].end = end;
    else if (right)
        h->holes[at].begin = begin;
    else
        insert(h->holes, h->n++, at, (span){.begin = begin, .end = end});
}

static int64_t take(heap *h, int64_t size)
{
    int32_t best = -1;
    int64_t best_size = INT64_MAX;
    for (int32_t i = 0; i < h->n; i++) {
        const int64_t hole = h->holes[i].end - h->holes[i].begin;
        if (hole >= size && hole < best_size) {
            best = i;
            best_size = hole;
        }
    }
    const bool at_top = h->n > 0 && h->holes[h->n - 1].end == h->top;
    if (best < 0 && at_top && size > 0) { /* a hole that is too small, but can grow */
        const int64_t begin = h->holes[--h->n].begin;
        h->top = begin + size;
        return begin;
    }
    if (best < 0 || size == 0) {
        h->top += size;
        return h->top - size;
    }
    const int64_t begin = h->holes[best].begin;
    h->holes[best].begin += size;
    if (best_size == size)
        erase(h->holes, h->n--, best);
    return begin;
}

static int64_t place_in_time(work *w)
{
    heap h = {.holes = w->placed};
    for (int32_t s = 0; s < w->n_steps; s++)
        w->ends[s] = -1;
    int32_t done = 0; /* steps whose lives were given back */
    for (int32_t i = 0; i < w->n; i++) {
        const int32_t id = w->keys[i].id;
        onp_life *l = &w->lives[id];
        for (; done < l->first; done++)
            for (int32_t k = w->ends[done]; k >= 0; k = w->next[k])
                give_back(&h, w->lives[k].offset, w->lives[k].offset + w->lives[k].size);
        l->offset = take(&h, l->size);
        w->next[id] = w->ends[l->last];
        w->ends[l->last] = id;
    }
    return h.top;
}

/* ---- the best of them ---- */

/* A thousandth is not worth the time of another try. */
static bool is_far(const onp_placement *p)
{
    return p->peak - p->lower_bound > p->lower_bound / 1024;
}

/* What ends highest is placed first the next time. */
static void move_up(work *w, int64_t peak)
{
    int32_t k = 0;
    while (w->lives[w->keys[k].id].offset + w->lives[w->keys[k].id].size != peak)
        k++;
    const key moved = w->keys[k];
    memmove(w->keys + 1, w->keys, (size_t)k * sizeof *w->keys);
    w->keys[0] = moved;
}

/* Keeps the offsets in w->best when they are better than `out`. */
static void try_rule(work *w, onp_place_rule rule, onp_placement *out)
{
    const int rounds = rule == ONP_PLACE_BY_LENGTH ? ROUNDS : 1;
    make_keys(w, rule);
    for (int round = 0; round < rounds && is_far(out); round++) {
        const int64_t peak = rule == ONP_PLACE_IN_TIME ? place_in_time(w) : place_in_gaps(w);
        if (peak < out->peak) {
            out->peak = peak;
            out->rule = rule;
            for (int32_t i = 0; i < w->n; i++)
                w->best[i] = w->lives[i].offset;
        }
        if (round + 1 < rounds && is_far(out))
            move_up(w, peak);
    }
}

static onp_status place(onp_placer *placer, int first, int last, onp_life *lives, int32_t n,
                        onp_placement *out, onp_error *err)
{
    work w;
    ONP_TRY(start(&w, placer, lives, n, err));
    *out = (onp_placement){.peak = INT64_MAX, .lower_bound = sweep(&w)};
    for (int rule = first; rule <= last && is_far(out); rule++)
        try_rule(&w, (onp_place_rule)rule, out);
    for (int32_t i = 0; i < n; i++)
        lives[i].offset = w.best[i];
    return ONP_OK;
}

onp_status onp_place_by(onp_placer *placer, onp_place_rule rule, onp_life *lives, int32_t n,
                        onp_placement *out, onp_error *err)
{
    return place(placer, (int)rule, (int)rule, lives, n, out, err);
}

onp_status onp_place(onp_placer *placer, onp_life *lives, int32_t n, onp_placement *out,
                     onp_error *err)
{
    const int first = n > ONP_PLACE_MAX_PAIRED ? (int)ONP_PLACE_IN_TIME : (int)ONP_PLACE_BY_SIZE;
    return place(placer, first, (int)ONP_PLACE_RULE_COUNT - 1, lives, n, out, err);
}

onp_status onp_place_bound(onp_placer *placer, onp_life *lives, int32_t n, int64_t *lower_bound,
                           onp_error *err)
{
    work w;
    ONP_TRY(start(&w, placer, lives, n, err));
    *lower_bound = sweep(&w);
    return ONP_OK;
}

void onp_placer_reset(onp_placer *placer)
{
    onp_free(placer->ctx, placer->memory);
    placer->memory = NULL;
    placer->cap = 0;
}
