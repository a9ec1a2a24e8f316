/* SPDX-License-Identifier: Apache-2.0 */
/*
 * widths: of a block table with many hidden widths of one op, those that are multiples of 16 (then
 * 32, 64) are known and the others predicted.
 */
#include <string.h>

#include "bench/predict.h"

enum { MIN_WIDTHS = 4 }; /* of an op, for a table to be one of widths */

static bool same_op(const onp_block *a, const onp_block *b)
{
    onp_block x = *a;
    x.mid = b->mid;
    x.expand = b->expand;
    return onp_block_equal(&x, b);
}

/* Rows of the ops that have several hidden widths, to the front; how many. */
static size_t keep_widths(onp_block_row *rows, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        for (size_t j = 0; j < n; j++)
            same +=
                rows[i].block.kind == ONP_BLOCK_MBCONV && same_op(&rows[i].block, &rows[j].block);
        if (same < MIN_WIDTHS)
            continue;
        const onp_block_row row = rows[i];
        memmove(rows + kept + 1, rows + kept, (i - kept) * sizeof *rows);
        rows[kept++] = row;
    }
    return kept;
}

static onp_status run_step(const onp_context *ctx, const bench_table *t, const onp_block_row *rows,
                           size_t n, int step, onp_block_row *split, onp_error *err)
{
    bench_pairs pairs = {.ctx = ctx};
    onp_agreement a;
    size_t n_known = 0, n_left = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].block.mid % step == 0)
            split[n_known++] = rows[i];
        else
            split[n - ++n_left] = rows[i];
    if (n_known < ONP_PREDICTOR_MIN_ROWS || n_left == 0)
        return ONP_OK;
    onp_status st = bench_pairs_predict(&pairs, split, n_known, split + n_known, n_left, err);
    const double min_ns = pairs.min_ns;
    const size_t refused = pairs.n_refused;
    if (st == ONP_OK)
        st = bench_pairs_take(&pairs, &a, err);
    onp_free(ctx, pairs.values);
    if (st != ONP_OK)
        return st;
    json_t *more = json_pack("{s:i, s:I, s:I, s:I, s:f}", "known_every", step, "known",
                             (json_int_t)n_known, "refused", (json_int_t)refused, "not_measured",
                             (json_int_t)t->n_left_out, "min_ms", min_ns / 1e6);
    return bench_predict_print(ctx, "widths", bench_predict_name(t->path), &a, more, err);
}

static onp_status run_table(const onp_context *ctx, const bench_table *t, size_t *n_run,
                            onp_error *err)
{
    onp_block_row *rows = onp_alloc(ctx, 2 * t->n, sizeof *rows);
    if (rows == NULL)
        return onp_fail(err, ONP_E_NOMEM, "widths: out of memory");
    memcpy(rows, t->rows, t->n * sizeof *rows);
    const size_t n = keep_widths(rows, t->n);
    onp_status st = ONP_OK;
    for (int step = 16; st == ONP_OK && n > 0 && step <= 64; step *= 2)
        st = run_step(ctx, t, rows, n, step, rows + t->n, err);
    *n_run += n > 0;
    onp_free(ctx, rows);
    return st;
}

onp_status bench_predict_widths(const onp_context *ctx, const bench_folders *folders,
                                onp_error *err)
{
    bench_files files;
    bench_table *tables = NULL;
    size_t n = 0, n_run = 0;
    ONP_TRY(bench_predict_files(ctx, folders, &files, err));
    onp_status st = bench_predict_tables(ctx, &files, &tables, &n, err);
    for (size_t i = 0; st == ONP_OK && i < n; i++)
        st = run_table(ctx, &tables[i], &n_run, err);
    bench_predict_tables_free(ctx, tables, n);
    bench_predict_files_free(&files);
    if (st == ONP_OK && n_run == 0)
        return onp_fail(err, ONP_E_MISSING, "no block table with %d hidden widths of an op",
                        MIN_WIDTHS);
    return st;
}
