/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolution: the tables of all folders that are the same ops at other maps are one series; each
 * but the smallest and the largest is left out in turn, and predicted from the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/predict.h"

enum { MIN_TABLES = 3 };

/* A table as a member of a series. */
typedef struct member {
    const bench_table *table;
    char ops[ONP_BLOCK_KEY]; /* what all of a series share: a digest of their ops */
    int32_t size;            /* height of the largest map */
} member;

/* The op: the block as it would be on one map. */
static void op_of(const onp_block *b, char key[ONP_BLOCK_KEY])
{
    onp_block op = *b;
    op.in_h = op.in_w = op.out_h = op.out_w = 1;
    onp_block_key(&op, key);
}

static uint64_t hash(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}

/* Which ops, in whatever order; and the size. */
static member describe(const bench_table *t)
{
    member m = {.table = t};
    uint64_t sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        char key[ONP_BLOCK_KEY];
        op_of(&t->rows[i].block, key);
        sum += hash(key);
        if (t->rows[i].block.in_h > m.size)
            m.size = t->rows[i].block.in_h;
    }
    (void)snprintf(m.ops, sizeof m.ops, "%s %zu %016llx", t->format, t->n, (unsigned long long)sum);
    return m;
}

static int by_series(const void *a, const void *b)
{
    const member *x = a, *y = b;
    const int order = strcmp(x->ops, y->ops);
    if (order != 0)
        return order;
    return x->size != y->size ? (x->size > y->size) - (x->size < y->size)
                              : strcmp(x->table->path, y->table->path);
}

/* All rows of the series but those of the size. */
static size_t gather(const member *m, size_t n, int32_t without, onp_block_row *known)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; m[i].size != without && j < m[i].table->n; j++)
            known[count++] = m[i].table->rows[j];
    return count;
}

static onp_status predict_sizes(const onp_context *ctx, const member *m, size_t n,
                                onp_block_row *known, onp_error *err)
{
    bench_pairs pairs = {.ctx = ctx};
    onp_agreement a;
    size_t refused = 0, left_out = 0;
    onp_status st = ONP_OK;
    for (size_t i = 0; st == ONP_OK && i < n; i++) {
        if (m[i].size == m[0].size || m[i].size == m[n - 1].size)
            continue;
        const size_t n_known = gather(m, n, m[i].size, known);
        st = bench_pairs_predict(&pairs, known, n_known, m[i].table->rows, m[i].table->n, &refused,
                                 err);
        left_out++;
    }
    if (st == ONP_OK)
        st = bench_pairs_take(&pairs, &a, err);
    onp_free(ctx, pairs.values);
    if (st != ONP_OK)
        return st;
    char name[256];
    (void)snprintf(name, sizeof name, "%.100s .. %.100s", bench_predict_name(m[0].table->path),
                   bench_predict_name(m[n - 1].table->path));
    json_t *more =
        json_pack("{s:I, s:I, s:i, s:i}", "resolutions", (json_int_t)n, "left_out",
                  (json_int_t)left_out, "smallest", (int)m[0].size, "largest", (int)m[n - 1].size);
    return bench_predict_print(ctx, "resolution", name, &a, more, err);
}

static onp_status run_series(const onp_context *ctx, const member *m, size_t n, onp_error *err)
{
    size_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += m[i].table->n;
    onp_block_row *known = onp_alloc(ctx, rows, sizeof *known);
    if (known == NULL)
        return onp_fail(err, ONP_E_NOMEM, "resolution: out of memory");
    onp_status st = predict_sizes(ctx, m, n, known, err);
    onp_free(ctx, known);
    return st;
}

static size_t n_sizes(const member *m, size_t n)
{
    size_t sizes = n > 0;
    for (size_t i = 1; i < n; i++)
        sizes += m[i].size != m[i - 1].size;
    return sizes;
}

static onp_status run_tables(const onp_context *ctx, const bench_table *tables, size_t n,
                             onp_error *err)
{
    member *m = onp_alloc(ctx, n, sizeof *m);
    if (m == NULL)
        return onp_fail(err, ONP_E_NOMEM, "resolution: out of memory");
    for (size_t i = 0; i < n; i++)
        m[i] = describe(&tables[i]);
    if (n > 1)
        qsort(m, n, sizeof *m, by_series);
    onp_status st = ONP_OK;
    size_t n_run = 0;
    for (size_t i = 0, length; st == ONP_OK && i < n; i += length) {
        for (length = 1; i + length < n && strcmp(m[i].ops, m[i + length].ops) == 0;)
            length++;
        if (n_sizes(m + i, length) < MIN_TABLES)
            continue;
        st = run_series(ctx, m + i, length, err);
        n_run++;
    }
    onp_free(ctx, m);
    if (st == ONP_OK && n_run == 0)
        return onp_fail(err, ONP_E_MISSING, "no block tables of the same ops at %d resolutions",
                        MIN_TABLES);
    return st;
}

onp_status bench_predict_resolution(const onp_context *ctx, const bench_folders *folders,
                                    onp_error *err)
{
    bench_files files;
    bench_table *tables = NULL;
    size_t n = 0;
    ONP_TRY(bench_predict_files(ctx, folders, &files, err));
    onp_status st = bench_predict_tables(ctx, &files, &tables, &n, err);
    if (st == ONP_OK) {
        st = run_tables(ctx, tables, n, err);
        bench_predict_tables_free(ctx, tables, n);
    }
    bench_predict_files_free(&files);
    return st;
}
