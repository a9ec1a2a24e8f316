/* SPDX-License-Identifier: Apache-2.0 */
/*
 * missing-rows: of each block table, the blocks are dealt into parts, and each part is predicted
 * from the others (80 %: five parts, one left out), or the others from it (34 %: three parts, one
 * known). Three deals each. Blocks of which a table has one or two of the kind (stem, head) are
 * always known. The mean over the tables is a line of its own.
 */
#include "base/philox.h"
#include "bench/predict.h"

enum { N_DEALS = 3, MIN_OF_KIND = 3, MIN_ROWS = 30 };

static const struct share {
    const char *name;
    size_t parts;
    bool one_known; /* else one is left out */
    double value;
} shares[] = {{"80%", 5, false, 0.8}, {"third", 3, true, 0.34}};

/* One deal of one table. */
typedef struct deal {
    const onp_context *ctx;
    const bench_table *table;
    onp_block_row *dealt; /* the rows, shuffled; first those that are always known */
    size_t n_fixed;
    onp_block_row *known, *left;
} deal;

static size_t count_kind(const bench_table *t, onp_block_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->rows[i].block.kind == kind;
    return n;
}

static void shuffle(deal *d, uint64_t seed, uint32_t number)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_TEST);
    const bench_table *t = d->table;
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < t->n; i++)
            if ((count_kind(t, t->rows[i].block.kind) < MIN_OF_KIND) == (pass == 0))
                d->dealt[n++] = t->rows[i];
        d->n_fixed = pass == 0 ? n : d->n_fixed;
    }
    for (size_t i = t->n; i > d->n_fixed + 1; i--) {
        const size_t j = d->n_fixed + (size_t)onp_rng_below(rng, i, number, 0, i - d->n_fixed);
        const onp_block_row row = d->dealt[i - 1];
        d->dealt[i - 1] = d->dealt[j];
        d->dealt[j] = row;
    }
}

static onp_status predict_parts(deal *d, const struct share *s, bench_pairs *pairs, onp_error *err)
{
    for (size_t part = 0; part < s->parts; part++) {
        size_t n_known = 0, n_left = 0;
        for (size_t i = 0; i < d->table->n; i++) {
            const bool mine = (i - d->n_fixed) % s->parts == part;
            if (i < d->n_fixed || mine == s->one_known)
                d->known[n_known++] = d->dealt[i];
            else
                d->left[n_left++] = d->dealt[i];
        }
        ONP_TRY(bench_pairs_predict(pairs, d->known, n_known, d->left, n_left, err));
    }
    return ONP_OK;
}

static onp_status run_share(const onp_context *ctx, const bench_table *t, const struct share *s,
                            uint64_t seed, onp_agreement *out, onp_error *err)
{
    bench_pairs pairs = {.ctx = ctx};
    deal d = {.ctx = ctx, .table = t};
    d.dealt = onp_alloc(ctx, 3 * t->n, sizeof *d.dealt);
    if (d.dealt == NULL)
        return onp_fail(err, ONP_E_NOMEM, "missing-rows: out of memory");
    d.known = d.dealt + t->n;
    d.left = d.dealt + 2 * t->n;
    onp_status st = ONP_OK;
    const uint32_t deals = t->n > 500 ? 1 : N_DEALS; /* many rows are no luck of the draw */
    for (uint32_t i = 0; st == ONP_OK && i < deals; i++) {
        shuffle(&d, seed, i);
        st = predict_parts(&d, s, &pairs, err);
    }
    const size_t n = t->n - d.n_fixed;
    const double min_ns = pairs.min_ns;
    const size_t refused = pairs.n_refused;
    if (st == ONP_OK)
        st = bench_pairs_take(&pairs, out, err);
    onp_free(ctx, pairs.values);
    onp_free(ctx, d.dealt);
    if (st != ONP_OK)
        return st;
    json_t *more = json_pack("{s:s, s:f, s:I, s:I, s:I, s:f}", "share", s->name, "known", s->value,
                             "rows", (json_int_t)n, "deals", (json_int_t)deals, "refused",
                             (json_int_t)refused, "min_ms", min_ns / 1e6);
    return bench_predict_print(ctx, "missing-rows", bench_predict_name(t->path), out, more, err);
}

static onp_status run_tables(const onp_context *ctx, const bench_table *tables, size_t n,
                             uint64_t seed, onp_error *err)
{
    size_t n_run = 0;
    for (size_t s = 0; s < ONP_COUNT(shares); s++) {
        onp_agreement mean = {0}, one;
        n_run = 0;
        for (size_t i = 0; i < n; i++) {
            if (tables[i].n < MIN_ROWS)
                continue;
            ONP_TRY(run_share(ctx, &tables[i], &shares[s], seed, &one, err));
            n_run++;
            mean.n += one.n;
            mean.mape += one.mape;
            mean.within5 += one.within5;
            mean.within10 += one.within10;
            mean.spearman += one.spearman;
            mean.coverage += one.coverage;
        }
        if (n_run < 2)
            continue;
        const double tables_run = (double)n_run;
        mean.mape /= tables_run;
        mean.within5 /= tables_run;
        mean.within10 /= tables_run;
        mean.spearman /= tables_run;
        mean.coverage /= tables_run;
        json_t *more = json_pack("{s:s, s:f, s:I}", "share", shares[s].name, "known",
                                 shares[s].value, "tables", (json_int_t)n_run);
        ONP_TRY(bench_predict_print(ctx, "missing-rows", "mean", &mean, more, err));
    }
    return n_run > 0 ? ONP_OK
                     : onp_fail(err, ONP_E_MISSING, "no block table of %d rows or more", MIN_ROWS);
}

onp_status bench_predict_missing_rows(const onp_context *ctx, const bench_folders *folders,
                                      onp_error *err)
{
    bench_files files;
    bench_table *tables = NULL;
    size_t n = 0;
    ONP_TRY(bench_predict_files(ctx, folders, &files, err));
    onp_status st = bench_predict_tables(ctx, &files, &tables, &n, err);
    if (st == ONP_OK) {
        st = run_tables(ctx, tables, n, folders->seed, err);
        bench_predict_tables_free(ctx, tables, n);
    }
    bench_predict_files_free(&files);
    return st;
}
