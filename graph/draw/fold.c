/* SPDX-License-Identifier: Apache-2.0 */
/* Which neighbouring groups are equal: as many items, each of the same hash. */
#include "graph/draw/internal.h"

uint64_t onp_fold_hash(uint64_t seed, const int64_t *values, size_t n)
{
    uint64_t h = seed ^ 0xcbf29ce484222325U; /* FNV-1a, by whole numbers */
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint64_t)values[i]) * 0x100000001b3U;
        h ^= h >> 29;
    }
    return h;
}

static void list_items(onp_fold *f, const onp_fold_item *items, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        f->start[items[i].group + 2]++;
    for (int32_t k = 0; k < f->n_groups; k++)
        f->start[k + 1] += f->start[k];
    for (int32_t i = 0; i < n; i++) { /* count is not yet in use: how far each group is filled */
        const int32_t k = items[i].group + 1;
        f->place[i] = f->count[k]++;
        f->list[f->start[k] + f->place[i]] = i;
    }
}

static bool equal_groups(const onp_fold *f, const onp_fold_item *items, int32_t a, int32_t b)
{
    const int32_t n = f->start[a + 1] - f->start[a];
    if (n != f->start[b + 1] - f->start[b])
        return false;
    for (int32_t i = 0; i < n; i++) {
        const onp_fold_item *x = &items[f->list[f->start[a] + i]];
        const onp_fold_item *y = &items[f->list[f->start[b] + i]];
        if (x->hash != y->hash || x->backward != y->backward)
            return false;
    }
    return true;
}

static void find_equals(onp_fold *f, const onp_fold_item *items, bool unfold)
{
    int32_t before = -1; /* the group that the one before is drawn as; empty groups are passed */
    for (int32_t k = 0; k < f->n_groups; k++) {
        f->rep[k] = k;
        f->count[k] = 0;
        if (f->start[k] == f->start[k + 1])
            continue;
        if (k > 0 && before > 0 && !unfold && equal_groups(f, items, before, k))
            f->rep[k] = before;
        before = f->rep[k];
        f->count[before]++;
    }
}

onp_status onp_fold_make(const onp_context *ctx, const onp_fold_item *items, int32_t n, bool unfold,
                         onp_fold *out, onp_error *err)
{
    int32_t last = -1;
    for (int32_t i = 0; i < n; i++)
        last = items[i].group > last ? items[i].group : last;
    const size_t n_groups = (size_t)last + 2;
    *out = (onp_fold){.ctx = ctx, .n_groups = last + 2};
    out->start = onp_alloc(ctx, n_groups + 2, sizeof *out->start);
    out->list = onp_alloc(ctx, (size_t)n, sizeof *out->list);
    out->place = onp_alloc(ctx, (size_t)n, sizeof *out->place);
    out->rep = onp_alloc(ctx, n_groups, sizeof *out->rep);
    out->count = onp_alloc(ctx, n_groups, sizeof *out->count);
    if (out->start == NULL || out->list == NULL || out->place == NULL || out->rep == NULL ||
        out->count == NULL) {
        onp_fold_reset(out);
        return onp_fail(err, ONP_E_NOMEM, "drawing: no memory for %d items", n);
    }
    list_items(out, items, n);
    find_equals(out, items, unfold);
    return ONP_OK;
}

void onp_fold_reset(onp_fold *f)
{
    onp_free(f->ctx, f->start);
    onp_free(f->ctx, f->list);
    onp_free(f->ctx, f->place);
    onp_free(f->ctx, f->rep);
    onp_free(f->ctx, f->count);
    *f = (onp_fold){.ctx = f->ctx};
}
