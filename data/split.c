/* SPDX-License-Identifier: Apache-2.0 */
#include "data/split.h"

#include <string.h>

#include "base/philox.h"

/* Per class, and the order of images; one block each, alive during onp_split_make. */
typedef struct workspace {
    int64_t *order;      /* (n) permutation of the data set */
    int64_t *present;    /* (n_classes) images there are; then, without those held out */
    int64_t *holdout;    /* (n_classes) images to test on */
    int64_t *used;       /* (n_classes) of them, what limit leaves */
    int64_t *validation; /* (n_classes) of those, what is for validation */
    int64_t *seen;       /* (n_classes) images met so far */
} workspace;

static onp_status allocate(const onp_context *ctx, const onp_dataset *ds, workspace *ws,
                           onp_error *err)
{
    size_t classes = (size_t)ds->n_classes;
    ws->order = onp_alloc(ctx, (size_t)ds->n, sizeof *ws->order);
    ws->present = onp_alloc(ctx, classes * 5, sizeof *ws->present);
    if (ws->order == NULL || ws->present == NULL)
        return onp_fail(err, ONP_E_NOMEM, "split: out of memory for %lld images", (long long)ds->n);
    ws->holdout = ws->present + classes;
    ws->used = ws->holdout + classes;
    ws->validation = ws->used + classes;
    ws->seen = ws->validation + classes;
    return ONP_OK;
}

/* Fisher and Yates' shuffle of 0 .. n-1. */
static void permute(uint64_t seed, int64_t n, int64_t *order)
{
    onp_rng r = onp_rng_make(seed, ONP_RNG_SPLIT);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)onp_rng_below(r, (uint64_t)i, 0, 0, (uint64_t)i + 1);
        if (j < i)
            order[i] = order[j];
        order[j] = i;
    }
}

/* Deals `total` (at most the sum of `present`) to the classes in turn. */
static void deal(int64_t total, const int64_t *present, int n_classes, int64_t *quota)
{
    for (int k = 0; total > 0; k = (k + 1) % n_classes) {
        if (quota[k] == present[k])
            continue;
        quota[k]++;
        total--;
    }
}

/* The same, where those dealt are taken from training: a class gives more than half of what it has
 * only when no other can. half: (n_classes) scratch. */
static void deal_away(int64_t total, const int64_t *present, int n_classes, int64_t *half,
                      int64_t *quota)
{
    int64_t most = 0;
    for (int k = 0; k < n_classes; k++)
        most += half[k] = present[k] / 2;
    const int64_t first = total < most ? total : most;
    deal(first, half, n_classes, quota);
    deal(total - first, present, n_classes, quota);
    memset(half, 0, (size_t)n_classes * sizeof *half);
}

static onp_status count_classes(const onp_dataset *ds, int64_t *present, onp_error *err)
{
    for (int64_t i = 0; i < ds->n; i++)
        present[ds->labels[i]]++;
    for (int k = 0; k < ds->n_classes; k++)
        if (present[k] == 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "split: class %d (\"%s\") has no image, wanted at least 1 of each of "
                            "the %d classes",
                            k, ds->class_names[k], ds->n_classes);
    return ONP_OK;
}

static onp_status check_training_left(const onp_dataset *ds, const workspace *ws, onp_error *err)
{
    for (int k = 0; k < ds->n_classes; k++)
        if (ws->used[k] == ws->validation[k])
            return onp_fail(err, ONP_E_CONFIG,
                            "split: class %d (\"%s\") keeps no training image: of its %lld, %lld "
                            "are held out, %lld of the others used, %lld of these go to "
                            "validation",
                            k, ds->class_names[k], (long long)(ws->present[k] + ws->holdout[k]),
                            (long long)ws->holdout[k], (long long)ws->used[k],
                            (long long)ws->validation[k]);
    return ONP_OK;
}

static void distribute(const onp_dataset *ds, workspace *ws, onp_split *split)
{
    for (int64_t i = 0; i < ds->n; i++) {
        int32_t k = ds->labels[ws->order[i]];
        int64_t rank = ws->seen[k]++ - ws->holdout[k];
        if (rank < 0)
            split->holdout[split->n_holdout++] = ws->order[i];
        else if (rank < ws->validation[k])
            split->validation[split->n_validation++] = ws->order[i];
        else if (rank < ws->used[k])
            split->train[split->n_train++] = ws->order[i];
    }
}

/* *n: how many images are used, those held out not among them. */
static onp_status check_options(const onp_dataset *ds, const onp_split_options *o, int64_t *n,
                                onp_error *err)
{
    if (o->holdout < 0 || o->holdout >= ds->n)
        return onp_fail(err, ONP_E_CONFIG, "holdout: %lld images, wanted 0..%lld of %lld",
                        (long long)o->holdout, (long long)ds->n - 1, (long long)ds->n);
    const int64_t left = ds->n - o->holdout;
    if (o->limit < 0 || o->limit > left)
        return onp_fail(err, ONP_E_CONFIG, "limit: %lld images, wanted 0..%lld, which there are",
                        (long long)o->limit, (long long)left);
    *n = o->limit > 0 ? o->limit : left;
    if (o->validation < 0 || o->validation >= *n)
        return onp_fail(err, ONP_E_CONFIG,
                        "validation: %lld images, wanted 0..%lld of the %lld used",
                        (long long)o->validation, (long long)*n - 1, (long long)*n);
    return ONP_OK;
}

onp_status onp_split_make(const onp_context *ctx, const onp_dataset *ds,
                          const onp_split_options *options, onp_split *out, onp_error *err)
{
    int64_t n = 0;
    *out = (onp_split){0};
    ONP_TRY(check_options(ds, options, &n, err));
    workspace ws = {0};
    onp_split split = {.ctx = ctx};
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(allocate(ctx, ds, &ws, err));
    ONP_TRY_GOTO(count_classes(ds, ws.present, err));
    deal_away(options->holdout, ws.present, ds->n_classes, ws.seen, ws.holdout);
    for (int k = 0; k < ds->n_classes; k++)
        ws.present[k] -= ws.holdout[k];
    deal(n, ws.present, ds->n_classes, ws.used);
    deal_away(options->validation, ws.used, ds->n_classes, ws.seen, ws.validation);
    ONP_TRY_GOTO(check_training_left(ds, &ws, err));
    split.train = onp_alloc(ctx, (size_t)(n - options->validation), sizeof *split.train);
    split.validation = onp_alloc(ctx, (size_t)options->validation, sizeof *split.validation);
    split.holdout = onp_alloc(ctx, (size_t)options->holdout, sizeof *split.holdout);
    if (split.train == NULL || split.validation == NULL || split.holdout == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "split: out of memory for %lld images", (long long)n);
        goto done;
    }
    permute(options->seed, ds->n, ws.order);
    distribute(ds, &ws, &split);
    *out = split;
    split = (onp_split){0};
done:
    onp_split_free(&split);
    onp_free(ctx, ws.present);
    onp_free(ctx, ws.order);
    return st;
}

void onp_split_free(onp_split *split)
{
    if (split->ctx != NULL) {
        onp_free(split->ctx, split->train);
        onp_free(split->ctx, split->validation);
        onp_free(split->ctx, split->holdout);
    }
    *split = (onp_split){0};
}
