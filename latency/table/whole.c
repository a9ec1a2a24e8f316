/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One measurement, then what several of a network come to. */
typedef struct entry {
    onp_whole_network net;
    size_t order;
    double median_ns, normalised_ns; /* 0: not known */
    double cv, squares;
} entry;

typedef struct collector {
    const onp_context *ctx;
    entry *list;
    size_t n, capacity;
} collector;

static void clear(const onp_context *ctx, onp_whole_network *net)
{
    onp_free(ctx, net->space);
    onp_free(ctx, net->text);
    onp_free(ctx, net->blocks);
    *net = (onp_whole_network){.n = 0};
}

static onp_status copy_text(const onp_context *ctx, const char *text, char **out, onp_error *err)
{
    *out = text != NULL ? onp_strdup(ctx, text) : NULL;
    return text == NULL || *out != NULL ? ONP_OK
                                        : onp_fail(err, ONP_E_NOMEM, "network: out of memory");
}

static onp_status copy_blocks(const onp_context *ctx, const onp_measured_network *v,
                              onp_whole_network *net, onp_error *err)
{
    if (v->n_blocks == 0)
        return ONP_OK;
    net->blocks = onp_alloc(ctx, (size_t)v->n_blocks, sizeof *net->blocks);
    if (net->blocks == NULL)
        return onp_fail(err, ONP_E_NOMEM, "network: out of memory");
    memcpy(net->blocks, v->blocks, (size_t)v->n_blocks * sizeof *net->blocks);
    net->n_blocks = v->n_blocks;
    return ONP_OK;
}

static onp_status collect(void *user, const onp_measured_network *v, onp_error *err)
{
    collector *c = user;
    void *list = c->list;
    if (v->stamped)
        return ONP_OK;
    ONP_TRY(onp_grow(c->ctx, &list, &c->capacity, c->n + 1, sizeof *c->list, err));
    c->list = list;
    entry *e = &c->list[c->n];
    *e = (entry){.order = c->n++,
                 .median_ns = (double)v->median_ns,
                 .normalised_ns = (double)v->normalized_median_ns,
                 .cv = v->n > 1 ? v->cv : 0};
    e->net = (onp_whole_network){.run = v->run, .n = v->n, .quality = v->quality};
    (void)snprintf(e->net.hash, sizeof e->net.hash, "%s", v->hash);
    ONP_TRY(copy_text(c->ctx, v->space, &e->net.space, err));
    ONP_TRY(copy_text(c->ctx, v->text, &e->net.text, err));
    return copy_blocks(c->ctx, v, &e->net, err);
}

/* ---- the clock ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Entries e[0..n-1] are of one run: what each would have been at the clock that was usual in it. */
static void to_usual_clock(entry *e, size_t n, double *scratch)
{
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        if (e[i].normalised_ns > 0)
            scratch[known++] = e[i].median_ns / e[i].normalised_ns;
    if (known > 1)
        qsort(scratch, known, sizeof *scratch, by_value);
    const double usual = known > 0 ? 0.5 * (scratch[(known - 1) / 2] + scratch[known / 2]) : 0;
    for (size_t i = 0; i < n; i++) {
        const double ns = e[i].normalised_ns > 0 ? usual * e[i].normalised_ns : e[i].median_ns;
        const double weight = (double)e[i].net.n;
        e[i].net.ns = weight * ns;
        e[i].squares = weight * ns * ns * (1 + e[i].cv * e[i].cv);
    }
}

static int by_run(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = (x->net.run > y->net.run) - (x->net.run < y->net.run);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static onp_status even_out_clocks(const collector *c, onp_error *err)
{
    double *scratch = onp_alloc(c->ctx, c->n + 1, sizeof *scratch);
    if (scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "network: out of memory");
    if (c->n > 1)
        qsort(c->list, c->n, sizeof *c->list, by_run);
    for (size_t i = 0, n; i < c->n; i += n) {
        for (n = 1; i + n < c->n && c->list[i + n].net.run == c->list[i].net.run;)
            n++;
        to_usual_clock(c->list + i, n, scratch);
    }
    onp_free(c->ctx, scratch);
    return ONP_OK;
}

/* ---- each network once ---- */

static int by_hash(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = strcmp(x->net.hash, y->net.hash);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* A later measurement of the same network: of a newer run it stands alone. */
static void add(entry *first, const entry *e)
{
    if (first->net.run != e->net.run) {
        first->net.run = e->net.run;
        first->net.ns = first->squares = 0;
        first->net.n = 0;
        first->net.quality = ONP_QUALITY_OK;
    }
    first->net.ns += e->net.ns;
    first->net.n += e->net.n;
    first->squares += e->squares;
    if (e->net.quality > first->net.quality)
        first->net.quality = e->net.quality;
}

static void settle(entry *e)
{
    const double n = (double)e->net.n;
    e->net.ns /= n;
    const double variance = e->squares / n - e->net.ns * e->net.ns;
    e->net.cv = variance > 0 ? sqrt(variance) / e->net.ns : 0;
}

/* Each network once, as first measured; their number. */
static size_t merge(collector *c)
{
    size_t n = 0;
    if (c->n > 0)
        qsort(c->list, c->n, sizeof *c->list, by_hash);
    for (size_t i = 0; i < c->n; i++) {
        if (n > 0 && strcmp(c->list[n - 1].net.hash, c->list[i].net.hash) == 0) {
            add(&c->list[n - 1], &c->list[i]);
            clear(c->ctx, &c->list[i].net);
        } else {
            c->list[n++] = c->list[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        settle(&c->list[i]);
    if (n > 0)
        qsort(c->list, n, sizeof *c->list, by_order);
    return n;
}

onp_status onp_whole_networks_read(onp_store *s, int64_t platform, onp_whole_networks *out,
                                   onp_error *err)
{
    collector c = {.ctx = onp_store_context(s)};
    *out = (onp_whole_networks){.ctx = c.ctx};
    onp_status st = onp_store_networks(s, platform, collect, &c, err);
    if (st == ONP_OK)
        st = even_out_clocks(&c, err);
    if (st == ONP_OK) {
        out->list = onp_alloc(c.ctx, c.n + 1, sizeof *out->list);
        if (out->list == NULL)
            st = onp_fail(err, ONP_E_NOMEM, "network: out of memory");
    }
    if (st == ONP_OK) {
        out->n = merge(&c);
        for (size_t i = 0; i < out->n; i++)
            out->list[i] = c.list[i].net;
    }
    for (size_t i = 0; st != ONP_OK && i < c.n; i++)
        clear(c.ctx, &c.list[i].net);
    onp_free(c.ctx, c.list);
    return st;
}

void onp_whole_networks_free(onp_whole_networks *nets)
{
    for (size_t i = 0; i < nets->n; i++)
        clear(nets->ctx, &nets->list[i]);
    onp_free(nets->ctx, nets->list);
    *nets = (onp_whole_networks){.ctx = nets->ctx};
}
