/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/draw/lifetimes.h"

#include <stdio.h>
#include <stdlib.h>

static onp_life_kind kind_of(const onp_lifetimes *l, const onp_lifetime *life)
{
    if (life->role == ONP_ACCESS_PARTIAL || life->role == ONP_ACCESS_SPLITS)
        return ONP_LIFE_SCRATCH;
    if (life->first == ONP_NONE || life->role != ONP_ACCESS_ROWS)
        return ONP_LIFE_VECTOR;
    const onp_node *n = onp_graph_node(l->g, onp_graph_tensor(l->g, life->first)->producer);
    return n->backward && n->repeats == ONP_NONE ? ONP_LIFE_GRADIENT : ONP_LIFE_ACTIVATION;
}

/* Tensors in order of time, which is their order of number where they share a buffer. */
static void add_tensors(onp_lifetimes *l)
{
    for (onp_tid t = 0; t < onp_graph_n_tensors(l->g); t++) {
        const int32_t buffer = onp_plan_tensor_buffer(l->plan, t);
        const int32_t node = onp_graph_tensor(l->g, t)->producer;
        if (buffer == ONP_NONE || node == ONP_NONE)
            continue;
        onp_lifetime *life = &l->lives[buffer];
        const bool new_writer =
            life->last == ONP_NONE ||
            onp_plan_tensor_writer(l->plan, t) != onp_plan_tensor_writer(l->plan, life->last);
        if (life->first == ONP_NONE)
            life->first = t;
        else if (new_writer && life->taken == ONP_NONE)
            life->taken = onp_plan_tensor_writer(l->plan, t);
        life->n_tensors += new_writer;
        life->last = t;
        life->again = life->again || onp_graph_node(l->g, node)->repeats != ONP_NONE;
    }
}

static void add_accesses(onp_lifetimes *l)
{
    for (int32_t i = 0; i < onp_plan_n_accesses(l->plan); i++) {
        const onp_access a = onp_plan_access(l->plan, i);
        onp_lifetime *life = &l->lives[a.buffer];
        if (a.call != life->view.first || (life->call != ONP_NONE && !a.write))
            continue;
        life->call = a.call;
        life->role = a.role;
    }
}

static void add_alive(onp_lifetimes *l)
{
    for (int32_t i = 0; i < l->n; i++) { /* differences, then their sums */
        const onp_buffer_view *v = &l->lives[i].view;
        if (!v->placed || v->first >= l->n_calls)
            continue;
        l->alive[v->first] += v->bytes;
        if (v->last + 1 < l->n_calls)
            l->alive[v->last + 1] -= v->bytes; /* wraps, and back */
    }
    for (int32_t c = 1; c < l->n_calls; c++) {
        l->alive[c] += l->alive[c - 1];
        if (l->alive[c] > l->alive[l->peak])
            l->peak = c;
    }
}

onp_status onp_lifetimes_make(onp_lifetimes *l, onp_error *err)
{
    l->n = onp_plan_n_buffers(l->plan);
    l->n_calls = onp_plan_get_info(l->plan).n_calls;
    l->lives = onp_alloc(l->ctx, (size_t)l->n, sizeof *l->lives);
    l->alive = onp_alloc(l->ctx, (size_t)l->n_calls + 1, sizeof *l->alive);
    if (l->lives == NULL || l->alive == NULL)
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d buffers", l->n);
    ONP_TRY(onp_draw_call_nodes(l->ctx, l->g, l->plan, &l->call_nodes, err));
    for (int32_t i = 0; i < l->n; i++)
        l->lives[i] = (onp_lifetime){.view = onp_plan_buffer_view(l->plan, i),
                                     .buffer = i,
                                     .call = ONP_NONE,
                                     .first = ONP_NONE,
                                     .last = ONP_NONE,
                                     .taken = ONP_NONE};
    add_tensors(l);
    add_accesses(l);
    for (int32_t i = 0; i < l->n; i++)
        l->lives[i].kind = kind_of(l, &l->lives[i]);
    add_alive(l);
    return ONP_OK;
}

void onp_lifetimes_reset(onp_lifetimes *l)
{
    onp_free(l->ctx, l->lives);
    onp_free(l->ctx, l->alive);
    onp_free(l->ctx, l->call_nodes);
}

/* Of those that share the buffer, the last that is written by then. */
static onp_tid tensor_at(const onp_lifetimes *l, const onp_lifetime *life, int32_t call)
{
    onp_tid found = life->first;
    if (life->n_tensors <= 1)
        return life->last;
    for (onp_tid t = life->first; t <= life->last; t++)
        if (onp_plan_tensor_buffer(l->plan, t) == life->buffer &&
            onp_plan_tensor_writer(l->plan, t) <= call)
            found = t;
    return found;
}

void onp_lifetime_name(const onp_lifetimes *l, const onp_lifetime *life, int32_t call, char *out,
                       size_t size)
{
    static const char *const what[] = {[ONP_ACCESS_ROWS] = "rows",
                                       [ONP_ACCESS_VECTOR] = "vector",
                                       [ONP_ACCESS_COEF] = "coefficients",
                                       [ONP_ACCESS_PARTIAL] = "sums of tiles",
                                       [ONP_ACCESS_SPLITS] = "partial weight gradients"};
    if (life->first != ONP_NONE) {
        onp_draw_tensor_name(l->g, l->o, tensor_at(l, life, call), out, size);
        return;
    }
    const int32_t node = life->call == ONP_NONE ? ONP_NONE : l->call_nodes[life->call];
    char group[64];
    onp_draw_group_name(l->o, node == ONP_NONE ? -1 : onp_graph_node(l->g, node)->group, group,
                        sizeof group);
    (void)snprintf(out, size, "%s %s", group, what[life->role]);
}

int32_t onp_lifetimes_group(const onp_lifetimes *l, int32_t call)
{
    const int32_t node = l->call_nodes[call];
    return node == ONP_NONE ? -2 : onp_graph_node(l->g, node)->group;
}

/* ---- the peak ---- */

static int by_bytes(const void *a, const void *b)
{
    const onp_peak_entry *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->buffer < y->buffer ? -1 : x->buffer > y->buffer;
}

onp_status onp_draw_peak(const onp_context *ctx, const onp_graph *g, const onp_plan *plan,
                         const onp_draw_options *options, onp_peak *out, onp_error *err)
{
    onp_lifetimes l = {.ctx = ctx, .g = g, .plan = plan, .o = options};
    onp_status st = ONP_OK;
    *out = (onp_peak){0};
    ONP_TRY_GOTO(onp_lifetimes_make(&l, err));
    out->call = l.peak;
    out->bytes = l.alive[l.peak];
    out->entries = onp_alloc(ctx, (size_t)l.n, sizeof *out->entries);
    if (out->entries == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d buffers", l.n);
        goto done;
    }
    for (int32_t i = 0; i < l.n; i++) {
        const onp_buffer_view *v = &l.lives[i].view;
        if (!v->placed || v->first > l.peak || v->last < l.peak)
            continue;
        onp_peak_entry *e = &out->entries[out->n++];
        *e = (onp_peak_entry){.buffer = i, .bytes = v->bytes};
        onp_lifetime_name(&l, &l.lives[i], l.peak, e->name, sizeof e->name);
    }
    qsort(out->entries, (size_t)out->n, sizeof *out->entries, by_bytes);
done:
    onp_lifetimes_reset(&l);
    return st;
}
