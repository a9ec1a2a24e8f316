/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/fill.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latency/predict/block_transfer.h"
#include "latency/table/store_evidence.h"

/* The rows of one platform. */
typedef struct table {
    int64_t platform;
    char device[64];
    onp_block_row *rows;
    size_t n, capacity;
} table;

typedef struct filler {
    const onp_context *ctx;
    onp_store *store;
    const onp_fill_options *options;
    table own, *others; /* others: [n_others] */
    size_t n_others, others_capacity;
    onp_block_predictor *model;    /* NULL: too few rows */
    onp_block_transfer *transfers; /* [n_others] */
    bool *usable;                  /* [n_others]: enough blocks are on both */
    onp_fill_result result;
    int64_t run, model_row;
    int32_t n_refused;
    char refused[300]; /* keys, as many as fit */
} filler;

bool onp_estimate_is_predicted(const onp_estimate *e)
{
    return e->source == ONP_SOURCE_INTERPOLATED || e->source == ONP_SOURCE_MODELLED ||
           e->source == ONP_SOURCE_TRANSFERRED;
}

/* ---- what is known ---- */

typedef struct loading {
    const onp_context *ctx;
    table *t;
} loading;

static onp_status load_row(void *user, const char *key, const onp_estimate *e, onp_error *err)
{
    loading *l = user;
    if (onp_estimate_is_predicted(e) || e->stale_reason[0] != '\0' || e->median_ns <= 0)
        return ONP_OK;
    void *rows = l->t->rows;
    ONP_TRY(onp_grow(l->ctx, &rows, &l->t->capacity, l->t->n + 1, sizeof *l->t->rows, err));
    l->t->rows = rows;
    onp_block_row *row = &l->t->rows[l->t->n];
    ONP_TRY(onp_block_parse(key, &row->block, err));
    row->ns = (double)e->median_ns;
    l->t->n += !onp_block_is_free(&row->block);
    return ONP_OK;
}

static onp_status load_table(filler *f, table *t, onp_error *err)
{
    loading l = {.ctx = f->ctx, .t = t};
    return onp_store_estimates(f->store, t->platform, load_row, &l, err);
}

static onp_status note_other(void *user, const onp_platform_row *row, onp_error *err)
{
    filler *f = user;
    if (row->id == f->own.platform || row->n_estimates == 0)
        return ONP_OK;
    void *others = f->others;
    ONP_TRY(
        onp_grow(f->ctx, &others, &f->others_capacity, f->n_others + 1, sizeof *f->others, err));
    f->others = others;
    table *t = &f->others[f->n_others++];
    t->platform = row->id;
    (void)snprintf(t->device, sizeof t->device, "%s", row->platform.device);
    return ONP_OK;
}

static const onp_block_row *row_of(const table *t, const onp_block *b)
{
    for (size_t i = 0; i < t->n; i++)
        if (onp_block_equal(&t->rows[i].block, b))
            return &t->rows[i];
    return NULL;
}

/* A transfer from each platform that shares enough blocks. */
static onp_status fit_transfer(filler *f, size_t k, onp_error *err)
{
    onp_block_pair *pairs = onp_alloc(f->ctx, f->own.n, sizeof *pairs);
    size_t n = 0;
    if (pairs == NULL)
        return onp_fail(err, ONP_E_NOMEM, "fill: out of memory");
    for (size_t i = 0; i < f->own.n; i++) {
        const onp_block_row *other = row_of(&f->others[k], &f->own.rows[i].block);
        if (other != NULL)
            pairs[n++] = (onp_block_pair){f->own.rows[i].block, f->own.rows[i].ns, other->ns};
    }
    onp_status st = ONP_OK;
    f->usable[k] = n >= ONP_TRANSFER_MIN_PAIRS;
    if (f->usable[k])
        st = onp_block_transfer_fit(f->ctx, pairs, n, &f->transfers[k], err);
    onp_free(f->ctx, pairs);
    return st;
}

static onp_status fit_transfers(filler *f, onp_error *err)
{
    ONP_TRY(onp_store_platforms(f->store, note_other, f, err));
    f->transfers = onp_alloc(f->ctx, f->n_others, sizeof *f->transfers);
    f->usable = onp_alloc(f->ctx, f->n_others, sizeof *f->usable);
    if (f->transfers == NULL || f->usable == NULL)
        return onp_fail(err, ONP_E_NOMEM, "fill: out of memory");
    for (size_t k = 0; k < f->n_others; k++) {
        ONP_TRY(load_table(f, &f->others[k], err));
        ONP_TRY(fit_transfer(f, k, err));
    }
    return ONP_OK;
}

/* ---- predicting ---- */

/* By the platform whose ratio spreads least. */
static bool transfer(const filler *f, const onp_block *b, onp_predicted *p, onp_estimate *e)
{
    size_t best = f->n_others;
    for (size_t k = 0; k < f->n_others; k++)
        if (f->usable[k] && row_of(&f->others[k], b) != NULL &&
            (best == f->n_others || f->transfers[k].deviation < f->transfers[best].deviation))
            best = k;
    if (best == f->n_others)
        return false;
    onp_block_transfer_predict(&f->transfers[best], b, row_of(&f->others[best], b)->ns, p);
    e->source = ONP_SOURCE_TRANSFERRED;
    (void)snprintf(e->method, sizeof e->method, "ratio to %.60s by %zu blocks",
                   f->others[best].device, f->transfers[best].n);
    return true;
}

static void describe_model(const filler *f, const onp_predicted *p, onp_estimate *e)
{
    const bool line = p->method != ONP_PREDICT_MODEL;
    e->source = line ? ONP_SOURCE_INTERPOLATED : ONP_SOURCE_MODELLED;
    e->model = line ? 0 : f->model_row;
    (void)snprintf(e->method, sizeof e->method, "%s of %zu rows%s",
                   onp_predict_method_name(p->method), f->own.n,
                   p->extrapolated ? ", extrapolated" : "");
}

/* ONP_E_MISSING: by no means. */
static onp_status predict(filler *f, const onp_block *b, onp_estimate *e, onp_error *err)
{
    onp_predicted p = {.ns = 0}, other = {.ns = 0};
    onp_status st =
        f->model == NULL ? ONP_E_MISSING : onp_block_predictor_predict(f->model, b, &p, err);
    if (st != ONP_OK && st != ONP_E_MISSING)
        return st;
    const bool sure =
        st == ONP_OK && (p.method != ONP_PREDICT_MODEL || f->own.n >= ONP_FILL_OWN_ROWS);
    if (!sure && transfer(f, b, &other, e))
        p = other;
    else if (st == ONP_OK)
        describe_model(f, &p, e);
    else
        return ONP_E_MISSING;
    e->median_ns = llround(fmax(1, p.ns));
    e->lo_ns = (int64_t)floor(fmin(p.lo_ns, (double)e->median_ns));
    e->hi_ns = (int64_t)ceil(fmin(fmax(p.hi_ns, p.ns), 9e15));
    f->result.n_interpolated += e->source == ONP_SOURCE_INTERPOLATED;
    f->result.n_modelled += e->source == ONP_SOURCE_MODELLED;
    f->result.n_transferred += e->source == ONP_SOURCE_TRANSFERRED;
    f->result.n_extrapolated += p.extrapolated;
    return ONP_OK;
}

static void refuse(filler *f, const char *key)
{
    const size_t used = strlen(f->refused);
    const bool fits = used + strlen(key) + 8 < sizeof f->refused;
    onp_log(onp_store_context(f->store), ONP_LOG_INFO, "cannot be predicted: %s", key);
    if (used == 0 || f->refused[used - 1] != '.') /* "...": some did not fit */
        (void)snprintf(f->refused + used, sizeof f->refused - used, "%s%s", used > 0 ? "; " : "",
                       fits ? key : "...");
    f->n_refused++;
}

static onp_status fill_block(filler *f, const onp_block *b, onp_error *err)
{
    char key[ONP_BLOCK_KEY];
    onp_estimate e = {.quality = ONP_QUALITY_OK};
    onp_block_key(b, key);
    onp_status st = predict(f, b, &e, err);
    if (st == ONP_E_MISSING) {
        refuse(f, key);
        return ONP_OK;
    }
    if (st == ONP_OK && f->options->visit != NULL)
        f->options->visit(f->options->user, key, &e);
    if (st == ONP_OK && !f->options->try_only)
        st = onp_store_estimate_set(f->store, f->run, key, &e, err);
    return st;
}

static bool is_repeat(const onp_block *blocks, int32_t i)
{
    for (int32_t j = 0; j < i; j++)
        if (onp_block_equal(&blocks[j], &blocks[i]))
            return true;
    return false;
}

static onp_status fill_blocks(filler *f, const onp_block *blocks, int32_t n, const bool *missing,
                              onp_error *err)
{
    char label[128];
    for (int32_t i = 0; i < n; i++)
        if (missing[i])
            ONP_TRY(fill_block(f, &blocks[i], err));
    if (f->n_refused == 0)
        return ONP_OK;
    onp_store_platform_label(f->store, f->own.platform, label, sizeof label);
    return onp_fail(err, ONP_E_MISSING,
                    "%d blocks cannot be predicted from the %zu rows of %.60s: %s", f->n_refused,
                    f->own.n, label, f->refused);
}

static onp_status store_model(filler *f, onp_error *err)
{
    onp_model_info info = {.kind = "non-negative least squares, Gaussian process",
                           .trained_on = (int64_t)f->own.n,
                           .coverage95 = (double)NAN};
    if (f->model == NULL)
        return ONP_OK;
    onp_block_predictor_left_out(f->model, &info.loo_mape, &info.loo_within10);
    return onp_store_model_add(f->store, f->own.platform, &info, &f->model_row, err);
}

static onp_status store_blocks(filler *f, const onp_block *blocks, int32_t n, const bool *missing,
                               onp_error *err)
{
    const onp_run_info info = {.tool_version = ONEPATH_VERSION,
                               .target = "fill",
                               .command = f->options->command,
                               .settings = "{\"fill\": \"predicted rows\"}"};
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(f->store, &tx, err));
    onp_status st = onp_store_run_start(f->store, f->own.platform, &info, &f->run, err);
    if (st == ONP_OK)
        st = store_model(f, err);
    if (st == ONP_OK)
        st = fill_blocks(f, blocks, n, missing, err);
    if (st == ONP_OK)
        st = onp_store_run_end(f->store, f->run, ONP_RUN_DONE, err);
    return onp_store_end(f->store, &tx, st, err);
}

static onp_status fit_all(filler *f, onp_error *err)
{
    onp_error few = {0};
    ONP_TRY(load_table(f, &f->own, err));
    onp_status st = onp_block_predictor_fit(f->ctx, f->own.rows, f->own.n, &f->model, &few);
    if (st != ONP_OK && st != ONP_E_MISSING)
        return onp_fail(err, st, "%s", few.msg);
    return fit_transfers(f, err);
}

/* missing: [n], which blocks have no fresh estimate; repeats have. */
static onp_status find_missing(filler *f, const onp_block *blocks, int32_t n, bool *missing,
                               int32_t *n_missing, onp_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        char key[ONP_BLOCK_KEY];
        const char *keys[1] = {key};
        size_t count = 0;
        if (onp_block_is_free(&blocks[i]) || is_repeat(blocks, i))
            continue;
        onp_block_key(&blocks[i], key);
        ONP_TRY(onp_store_missing(f->store, f->own.platform, keys, 1, &missing[i], &count, err));
        *n_missing += missing[i];
        f->result.n_known += !missing[i];
    }
    return ONP_OK;
}

static void reset(filler *f)
{
    for (size_t k = 0; k < f->n_others; k++)
        onp_free(f->ctx, f->others[k].rows);
    onp_free(f->ctx, f->others);
    onp_free(f->ctx, f->own.rows);
    onp_free(f->ctx, f->transfers);
    onp_free(f->ctx, f->usable);
    onp_block_predictor_free(f->model);
}

onp_status onp_fill(onp_store *s, int64_t platform, const onp_block *blocks, int32_t n,
                    const onp_fill_options *options, onp_fill_result *out, onp_error *err)
{
    const onp_context *ctx = onp_store_context(s);
    filler f = {.ctx = ctx, .store = s, .options = options, .own = {.platform = platform}};
    int32_t n_missing = 0;
    bool *missing = onp_alloc(ctx, (size_t)n, sizeof *missing);
    if (missing == NULL)
        return onp_fail(err, ONP_E_NOMEM, "fill: out of memory");
    onp_status st = find_missing(&f, blocks, n, missing, &n_missing, err);
    if (st == ONP_OK && n_missing > 0) {
        st = fit_all(&f, err);
        if (st == ONP_OK)
            st = options->try_only ? fill_blocks(&f, blocks, n, missing, err)
                                   : store_blocks(&f, blocks, n, missing, err);
    }
    if (st == ONP_OK)
        *out = f.result;
    reset(&f);
    onp_free(ctx, missing);
    return st;
}
