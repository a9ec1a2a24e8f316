/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/order.h"

#include <string.h>

#define NONE (-1)

/* One link of a list per step or per thing. */
typedef struct edge {
    int32_t from, to;
} edge;

typedef struct onp_order_work {
    onp_order_input in;
    int32_t *touch_at; /* [n_steps + 1]: where the touches of a step begin */
    onp_touch *touch;  /* [n_touches], by step; of one step and thing only one */
    edge *edges;       /* [2 * n_touches]: `from` runs before `to` */
    int32_t n_edges;
    int32_t *next_at; /* [n_steps + 1]: where the steps that wait for a step begin */
    int32_t *next;    /* [2 * n_touches] */
    int32_t *waits;   /* [n_steps]: for how many edges */
    int32_t *ready;   /* [n_steps] */
    int32_t *uses;    /* [n_things]: steps still to run that touch it */
    int32_t *writer;  /* [n_things]: the last one */
    int32_t *reader;  /* [n_things]: touch of the last reader since, and before that touch ... */
    int32_t *before;  /* [n_touches]: ... the reader before it */
    bool *alive;      /* [n_things] */
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
    const size_t steps = (size_t)w->in.n_steps, things = (size_t)w->in.n_things;
    const size_t touches = (size_t)w->in.n_touches;
    size_t at = 0;
    (void)cut(memory, &at, 1, sizeof *w);
    w->touch_at = cut(memory, &at, steps + 1, sizeof *w->touch_at);
    w->touch = cut(memory, &at, touches, sizeof *w->touch);
    w->edges = cut(memory, &at, 2 * touches, sizeof *w->edges);
    w->next_at = cut(memory, &at, steps + 1, sizeof *w->next_at);
    w->next = cut(memory, &at, 2 * touches, sizeof *w->next);
    w->waits = cut(memory, &at, steps, sizeof *w->waits);
    w->ready = cut(memory, &at, steps, sizeof *w->ready);
    w->uses = cut(memory, &at, things, sizeof *w->uses);
    w->writer = cut(memory, &at, things, sizeof *w->writer);
    w->reader = cut(memory, &at, things, sizeof *w->reader);
    w->before = cut(memory, &at, touches, sizeof *w->before);
    w->alive = cut(memory, &at, things, sizeof *w->alive);
    return at;
}

/* Counts in at[1 ...] become places where lists begin. */
static void add_up(int32_t *at, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        at[i + 1] += at[i];
}

/* After lists were filled with at[i]++, each begins where the one before ends. */
static void shift(int32_t *at, int32_t n)
{
    memmove(at + 1, at, (size_t)n * sizeof *at);
    at[0] = 0;
}

static void sort_touches(work *w)
{
    const onp_order_input *in = &w->in;
    memset(w->touch_at, 0, ((size_t)in->n_steps + 1) * sizeof *w->touch_at);
    for (int32_t i = 0; i < in->n_touches; i++)
        w->touch_at[in->touches[i].step + 1]++;
    add_up(w->touch_at, in->n_steps);
    for (int32_t i = 0; i < in->n_touches; i++)
        w->touch[w->touch_at[in->touches[i].step]++] = in->touches[i];
    shift(w->touch_at, in->n_steps);
    int32_t n = 0;
    for (int32_t s = 0; s < in->n_steps; s++) { /* those of one thing into one */
        const int32_t first = n, begin = w->touch_at[s], end = w->touch_at[s + 1];
        w->touch_at[s] = first;
        for (int32_t i = begin; i < end; i++) {
            const onp_touch t = w->touch[i];
            int32_t k = first;
            while (k < n && w->touch[k].thing != t.thing)
                k++;
            if (k == n)
                w->touch[n++] = t;
            else
                w->touch[k].write = w->touch[k].write || t.write;
        }
    }
    w->touch_at[in->n_steps] = n;
}

static void add_edge(work *w, int32_t from, int32_t to)
{
    if (from != NONE && from != to)
        w->edges[w->n_edges++] = (edge){from, to};
}

/* At most two per touch: of a reader one from its writer and one to the next writer. */
static void find_edges(work *w)
{
    w->n_edges = 0;
    for (int32_t i = 0; i < w->in.n_things; i++)
        w->writer[i] = w->reader[i] = NONE;
    for (int32_t s = 0; s < w->in.n_steps; s++)
        for (int32_t i = w->touch_at[s]; i < w->touch_at[s + 1]; i++) {
            const onp_touch t = w->touch[i];
            add_edge(w, w->writer[t.thing], s);
            if (!t.write) {
                w->before[i] = w->reader[t.thing];
                w->reader[t.thing] = i;
                continue;
            }
            for (int32_t r = w->reader[t.thing]; r != NONE; r = w->before[r])
                add_edge(w, w->touch[r].step, s);
            w->reader[t.thing] = NONE;
            w->writer[t.thing] = s;
        }
}

onp_status onp_order_prepare(onp_orderer *orderer, const onp_order_input *in, onp_error *err)
{
    work w = {.in = *in};
    ONP_TRY(onp_grow(orderer->ctx, &orderer->memory, &orderer->cap, lay_out(&w, NULL), 1, err));
    (void)lay_out(&w, orderer->memory);
    sort_touches(&w);
    find_edges(&w);
    orderer->work = orderer->memory;
    *orderer->work = w;
    return ONP_OK;
}

/* ---- a greedy list ---- */

/* Who waits for whom; from the last step to the first, all edges the other way round. */
static void start(work *w, bool late)
{
    const int32_t n = w->in.n_steps;
    memset(w->next_at, 0, ((size_t)n + 1) * sizeof *w->next_at);
    memset(w->waits, 0, (size_t)n * sizeof *w->waits);
    for (int32_t i = 0; i < w->n_edges; i++)
        w->next_at[(late ? w->edges[i].to : w->edges[i].from) + 1]++;
    add_up(w->next_at, n);
    for (int32_t i = 0; i < w->n_edges; i++) {
        const edge e = late ? (edge){w->edges[i].to, w->edges[i].from} : w->edges[i];
        w->next[w->next_at[e.from]++] = e.to;
        w->waits[e.to]++;
    }
    shift(w->next_at, n);
    memset(w->uses, 0, (size_t)w->in.n_things * sizeof *w->uses);
    for (int32_t i = 0; i < w->touch_at[n]; i++)
        w->uses[w->touch[i].thing]++;
    for (int32_t i = 0; i < w->in.n_things; i++) {
        w->alive[i] = late && w->in.things[i].keep;
        w->uses[i] += !late && w->in.things[i].keep; /* by the end */
    }
}

/* What is freed after the step less what it makes. */
static int64_t gain_of(const work *w, int32_t step)
{
    int64_t gain = 0;
    for (int32_t i = w->touch_at[step]; i < w->touch_at[step + 1]; i++) {
        const int32_t thing = w->touch[i].thing;
        const int64_t size = w->in.things[thing].size;
        gain += w->uses[thing] == 1 ? size : 0;
        gain -= w->alive[thing] ? 0 : size;
    }
    return gain;
}

static int32_t pick(const work *w, int32_t n_ready, bool late)
{
    int32_t best = 0;
    int64_t best_gain = INT64_MIN;
    for (int32_t i = 0; i < n_ready; i++) {
        const int64_t gain = gain_of(w, w->ready[i]);
        const bool sooner = late ? w->ready[i] > w->ready[best] : w->ready[i] < w->ready[best];
        if (gain < best_gain || (gain == best_gain && !sooner))
            continue;
        best = i;
        best_gain = gain;
    }
    return best;
}

void onp_order_by(onp_orderer *orderer, onp_order_rule rule, int32_t *order)
{
    work *w = orderer->work;
    const bool late = rule == ONP_ORDER_LATE;
    const int32_t n = w->in.n_steps;
    int32_t n_ready = 0;
    start(w, late);
    for (int32_t s = 0; s < n; s++)
        if (w->waits[s] == 0)
            w->ready[n_ready++] = s;
    for (int32_t done = 0; done < n; done++) {
        const int32_t at = pick(w, n_ready, late), step = w->ready[at];
        w->ready[at] = w->ready[--n_ready];
        order[late ? n - 1 - done : done] = step;
        for (int32_t i = w->touch_at[step]; i < w->touch_at[step + 1]; i++) {
            w->uses[w->touch[i].thing]--;
            w->alive[w->touch[i].thing] = true;
        }
        for (int32_t i = w->next_at[step]; i < w->next_at[step + 1]; i++)
            if (--w->waits[w->next[i]] == 0)
                w->ready[n_ready++] = w->next[i];
    }
}

void onp_orderer_reset(onp_orderer *orderer)
{
    onp_free(orderer->ctx, orderer->memory);
    orderer->memory = NULL;
    orderer->cap = 0;
}
