/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to measure. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "latency/table/profile_internal.h"

#define PATH_NS       ((int64_t)100000000) /* a path is worth its overhead when it has so long */
#define LEAST_VALUES  6                    /* what a 95 % interval needs */
#define BUDGET_MAX_NS ((int64_t)240 * 1000000000)
#define BLOCK_NS      ((int64_t)800000000)

/* ---- entries ---- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const onp_profile_entry *)a)->key, ((const onp_profile_entry *)b)->key);
}

/* Each block once, free ones left out, by key. */
static onp_status list_entries(const onp_context *ctx, const onp_block *blocks, int32_t n,
                               onp_profile_plan *p, onp_error *err)
{
    p->entries = onp_alloc(ctx, (size_t)n, sizeof *p->entries);
    if (p->entries == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %" PRId32 " blocks", n);
    int32_t n_all = 0;
    for (int32_t i = 0; i < n; i++)
        if (!onp_block_is_free(&blocks[i])) {
            p->entries[n_all].block = &blocks[i];
            onp_block_key(&blocks[i], p->entries[n_all++].key);
        }
    qsort(p->entries, (size_t)n_all, sizeof *p->entries, compare_entries);
    for (int32_t i = 0; i < n_all; i++)
        if (i == 0 || compare_entries(&p->entries[p->n_entries - 1], &p->entries[i]) != 0)
            p->entries[p->n_entries++] = p->entries[i];
    return ONP_OK;
}

static int32_t find_entry(const onp_profile_plan *p, const onp_block *b)
{
    onp_profile_entry wanted = {.block = b};
    onp_block_key(b, wanted.key);
    const onp_profile_entry *found =
        bsearch(&wanted, p->entries, (size_t)p->n_entries, sizeof *p->entries, compare_entries);
    return found != NULL ? (int32_t)(found - p->entries) : -1;
}

/* ---- units ---- */

/* Room for them and the networks. */
static onp_status allocate_units(const onp_profile_session *s, int32_t n_units, int32_t n_slots,
                                 onp_profile_plan *p, onp_error *err)
{
    const onp_block_paths *networks = s->options.networks;
    const size_t n_whole = networks != NULL ? (size_t)networks->n : 0;
    const size_t n_all = (size_t)n_slots + (n_whole > 0 ? (size_t)networks->start[n_whole] : 0);
    p->units = onp_alloc(s->ctx, (size_t)n_units + n_whole, sizeof *p->units);
    p->blocks = onp_alloc(s->ctx, n_all, sizeof *p->blocks);
    p->entry_of = onp_alloc(s->ctx, n_all, sizeof *p->entry_of);
    if (p->units == NULL || p->blocks == NULL || p->entry_of == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %" PRId32 " graphs", n_units);
    return ONP_OK;
}

static void add_unit(onp_profile_plan *p, const onp_block *blocks, int32_t n, const char *key)
{
    onp_profile_unit *u = &p->units[p->n_units++];
    *u = (onp_profile_unit){.start = p->n_slots, .n = n, .used = true};
    memcpy(u->key, key, strlen(key) + 1);
    for (int32_t i = 0; i < n; i++) {
        p->blocks[p->n_slots] = blocks[i];
        p->entry_of[p->n_slots++] = find_entry(p, &blocks[i]);
    }
}

/* The same path twice says nothing new. */
static bool is_new(const onp_profile_plan *p, const char *key)
{
    for (int32_t i = 0; i < p->n_units; i++)
        if (strcmp(p->units[i].key, key) == 0)
            return false;
    return true;
}

/* Paths stay in their order: the first ones cover most. */
static onp_status list_paths(const onp_profile_session *s, onp_profile_plan *p, onp_error *err)
{
    const onp_block_paths *paths = s->options.paths;
    ONP_TRY(allocate_units(s, paths->n, paths->start[paths->n], p, err));
    for (int32_t i = 0; i < paths->n; i++) {
        char hash[ONP_SHA256_HEX];
        const onp_block *blocks = onp_block_path(paths, i);
        const int32_t n = onp_block_path_length(paths, i);
        ONP_TRY(onp_block_path_hash(s->ctx, blocks, n, hash, err));
        if (n > 0 && is_new(p, hash))
            add_unit(p, blocks, n, hash);
    }
    return ONP_OK;
}

/* The block of the paths with the fewest multiply-accumulates whose output b takes. */
static const onp_block *cheapest_feed(const onp_block_paths *paths, const onp_block *b)
{
    const onp_block *best = NULL;
    const int32_t n = paths->start[paths->n];
    for (int32_t i = 0; i < n; i++) {
        const onp_block *f = &paths->blocks[i];
        if (f->out_h == b->in_h && f->out_w == b->in_w && f->out_c == b->in_c &&
            f->kind != ONP_BLOCK_HEAD &&
            (best == NULL || onp_block_n_macs(f) < onp_block_n_macs(best)))
            best = f;
    }
    return best;
}

static onp_status list_single(const onp_profile_session *s, onp_profile_plan *p, onp_error *err)
{
    ONP_TRY(allocate_units(s, p->n_entries, p->n_entries, p, err));
    for (int32_t i = 0; i < p->n_entries; i++) {
        add_unit(p, p->entries[i].block, 1, p->entries[i].key);
        if (s->mode == ONP_PROFILE_DIFFERENCE)
            p->units[i].feed = cheapest_feed(s->options.paths, p->entries[i].block);
    }
    return ONP_OK;
}

/* Behind all others; what is made of a network is no row. */
static onp_status list_networks(const onp_profile_session *s, onp_profile_plan *p, onp_error *err)
{
    const onp_block_paths *networks = s->options.networks;
    for (int32_t i = 0; networks != NULL && i < networks->n; i++) {
        char hash[ONP_SHA256_HEX];
        const onp_block *blocks = onp_block_path(networks, i);
        const int32_t n = onp_block_path_length(networks, i), start = p->n_slots;
        ONP_TRY(onp_block_path_hash(s->ctx, blocks, n, hash, err));
        add_unit(p, blocks, n, hash);
        p->units[p->n_units - 1].whole = true;
        for (int32_t k = start; k < p->n_slots; k++)
            p->entry_of[k] = -1;
    }
    return ONP_OK;
}

int32_t onp_profile_find_unit(const onp_profile_plan *p, const char *key)
{
    for (int32_t i = 0; i < p->n_units; i++)
        if (strcmp(p->units[i].key, key) == 0)
            return i;
    return -1;
}

/* ---- all of it ---- */

static onp_status check_covered(const onp_profile_plan *p, onp_error *err)
{
    for (int32_t e = 0; e < p->n_entries; e++) {
        bool found = false;
        for (int32_t i = 0; i < p->n_slots && !found; i++)
            found = p->entry_of[i] == e;
        if (!found)
            return onp_fail(err, ONP_E_USAGE, "profile: block \"%s\" stands in no path",
                            p->entries[e].key);
    }
    return ONP_OK;
}

static onp_status hash_plan(const onp_profile_session *s, onp_profile_plan *p, onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, s->ctx);
    onp_strbuf_addf(&text, "%s%s %" PRId32 " %" PRIu64 "\n", s->check ? "check " : "",
                    onp_profile_mode_names[s->mode], p->passes, s->options.seed);
    for (int32_t i = 0; i < p->n_units; i++)
        onp_strbuf_addf(&text, "%s\n", p->units[i].key);
    onp_status st = onp_strbuf_status(&text, err);
    if (st == ONP_OK)
        onp_sha256(text.text, text.length, p->hash);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status make(const onp_profile_session *s, const onp_block *blocks, int32_t n,
                       onp_profile_plan *p, onp_error *err)
{
    ONP_TRY(list_entries(s->ctx, blocks, n, p, err));
    if (s->mode == ONP_PROFILE_CHAIN)
        ONP_TRY(list_paths(s, p, err));
    else
        ONP_TRY(list_single(s, p, err));
    ONP_TRY(check_covered(p, err));
    ONP_TRY(list_networks(s, p, err));
    return hash_plan(s, p, err);
}

onp_status onp_profile_plan_make(const onp_profile_session *s, const onp_block *blocks, int32_t n,
                                 onp_profile_plan *out, onp_error *err)
{
    *out = (onp_profile_plan){.passes = s->options.passes};
    if (s->options.paths == NULL && s->mode != ONP_PROFILE_ISOLATED)
        return onp_fail(err, ONP_E_USAGE, "mode %s: needs networks that the blocks stand in",
                        onp_profile_mode_names[s->mode]);
    onp_status st = make(s, blocks, n, out, err);
    if (st != ONP_OK)
        onp_profile_plan_reset(s, out);
    return st;
}

void onp_profile_plan_reset(const onp_profile_session *s, onp_profile_plan *p)
{
    onp_free(s->ctx, p->entries);
    onp_free(s->ctx, p->units);
    onp_free(s->ctx, p->blocks);
    onp_free(s->ctx, p->entry_of);
    *p = (onp_profile_plan){0};
}

/* ---- as much of it as there is time for ---- */

int64_t onp_profile_budget(const onp_profile_session *s, const onp_profile_plan *p)
{
    const onp_profile_options *o = &s->options;
    int64_t n = 0;
    if (o->budget_ns > 0)
        return o->budget_ns;
    for (int32_t i = 0; i < p->n_entries; i++)
        n += p->entries[i].wanted;
    n *= o->max_block_ns > 0 ? o->max_block_ns : BLOCK_NS;
    return s->mode == ONP_PROFILE_CHAIN && n > BUDGET_MAX_NS ? BUDGET_MAX_NS : n;
}

static bool has_wanted(const onp_profile_plan *p, const onp_profile_unit *u)
{
    for (int32_t i = u->start; i < u->start + u->n; i++)
        if (p->entry_of[i] >= 0 && p->entries[p->entry_of[i]].wanted)
            return true;
    return false;
}

/* Does u have a block that the units before it, in all passes, give no interval? */
static bool is_needed(const onp_profile_plan *p, const onp_profile_unit *u)
{
    for (int32_t i = u->start; i < u->start + u->n; i++) {
        const onp_profile_entry *e = p->entry_of[i] >= 0 ? &p->entries[p->entry_of[i]] : NULL;
        if (e != NULL && e->wanted && e->n_slots * p->passes < LEAST_VALUES)
            return true;
    }
    return false;
}

void onp_profile_plan_trim(const onp_profile_session *s, onp_profile_plan *p, int64_t budget_ns)
{
    const int64_t most = budget_ns / p->passes / PATH_NS;
    int64_t n = 0;
    for (int32_t i = 0; i < p->n_entries; i++)
        p->entries[i].n_slots = 0;
    for (int32_t i = 0; i < p->n_units; i++) {
        onp_profile_unit *u = &p->units[i];
        u->used = u->whole || (has_wanted(p, u) &&
                               (s->mode != ONP_PROFILE_CHAIN || n < most || is_needed(p, u)));
        n += u->used;
        for (int32_t k = u->start; u->used && k < u->start + u->n; k++)
            if (p->entry_of[k] >= 0)
                p->entries[p->entry_of[k]].n_slots++;
    }
}
