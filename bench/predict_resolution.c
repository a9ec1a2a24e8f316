/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolution: the tables of all folders that are the same ops at other maps, at least half of the
 * smaller one's, are one series; each but the smallest and the largest is left out in turn, and
 * predicted from the others. Where a series has a resolution twice it is of several devices, and
 * falls into one for each name of file and folder, digits aside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/predict.h"

enum { MIN_TABLES = 3 };

/* A table as a member of a series. */
typedef struct member {
    const bench_table *table;
    uint64_t *ops; /* of the table's rows: hashes of their ops, sorted */
    int32_t size;  /* height of the largest map */
    size_t series; /* the first table of those of the same ops */
} member;

/* The op: the block as it would be on one map. */
static uint64_t op_of(const onp_block *b)
{
    char key[ONP_BLOCK_KEY];
    onp_block op = *b;
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    op.in_h = op.in_w = op.out_h = op.out_w = 1;
    onp_block_key(&op, key);
    for (const char *p = key; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return h;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void describe(const bench_table *t, uint64_t *ops, member *m)
{
    *m = (member){.table = t, .ops = ops};
    for (size_t i = 0; i < t->n; i++) {
        ops[i] = op_of(&t->rows[i].block);
        if (t->rows[i].block.in_h > m->size)
            m->size = t->rows[i].block.in_h;
    }
    if (t->n > 1)
        qsort(ops, t->n, sizeof *ops, by_value);
}

static bool same_ops(const member *a, const member *b)
{
    size_t shared = 0;
    for (size_t i = 0, j = 0; i < a->table->n && j < b->table->n;) {
        const int order = by_value(&a->ops[i], &b->ops[j]);
        shared += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    const size_t smaller = a->table->n < b->table->n ? a->table->n : b->table->n;
    return strcmp(a->table->format, b->table->format) == 0 && 2 * shared >= smaller;
}

/* Names, their digits left out. */
static int compare_names(const member *a, const member *b)
{
    const char *x = a->table->path, *y = b->table->path;
    for (;; x++, y++) {
        x += strspn(x, "0123456789");
        y += strspn(y, "0123456789");
        if (*x != *y || *x == '\0')
            return (unsigned char)*x - (unsigned char)*y;
    }
}

static int by_size(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->series != y->series)
        return (x->series > y->series) - (x->series < y->series);
    return x->size != y->size ? (x->size > y->size) - (x->size < y->size)
                              : strcmp(x->table->path, y->table->path);
}

static int by_name(const void *a, const void *b)
{
    const int order = compare_names(a, b);
    return order != 0 ? order : by_size(a, b);
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
    size_t left_out = 0;
    onp_status st = ONP_OK;
    for (size_t i = 0; st == ONP_OK && i < n; i++) {
        if (m[i].size == m[0].size || m[i].size == m[n - 1].size)
            continue;
        const size_t n_known = gather(m, n, m[i].size, known);
        st = bench_pairs_predict(&pairs, known, n_known, m[i].table->rows, m[i].table->n, err);
        left_out++;
    }
    const size_t refused = pairs.n_refused;
    if (st == ONP_OK)
        st = bench_pairs_take(&pairs, &a, err);
    onp_free(ctx, pairs.values);
    if (st != ONP_OK)
        return st;
    char name[256];
    (void)snprintf(name, sizeof name, "%.100s .. %.100s", bench_predict_name(m[0].table->path),
                   bench_predict_name(m[n - 1].table->path));
    json_t *more = json_pack("{s:I, s:I, s:I, s:i, s:i}", "resolutions", (json_int_t)n, "left_out",
                             (json_int_t)left_out, "refused", (json_int_t)refused, "smallest",
                             (int)m[0].size, "largest", (int)m[n - 1].size);
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

/* Sets the series of n tables, and sorts them by it. */
static void find_series(member *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        m[i].series = i;
        for (size_t j = 0; j < i && m[i].series == i; j++)
            if (m[j].series == j && same_ops(&m[i], &m[j]))
                m[i].series = j;
    }
    if (n > 1)
        qsort(m, n, sizeof *m, by_size);
}

static int compare_folders(const member *a, const member *b)
{
    const char *x = a->table->path, *y = b->table->path;
    const char *const x_end = strrchr(x, '/'), *const y_end = strrchr(y, '/');
    const size_t n = x_end != NULL ? (size_t)(x_end - x) : 0;
    const size_t k = y_end != NULL ? (size_t)(y_end - y) : 0;
    return n != k ? (n > k) - (n < k) : strncmp(x, y, n);
}

static int by_folder(const void *a, const void *b)
{
    const int order = compare_folders(a, b);
    return order != 0 ? order : by_size(a, b);
}

/* A series of tables, or where a resolution is there twice, one for each device: by the tables'
 * names, digits aside, and where that does not do, by their folders too. depth: 0 to start with. */
static onp_status run_devices(const onp_context *ctx, member *m, size_t n, int depth, size_t *n_run,
                              onp_error *err)
{
    static int (*const order[])(const void *, const void *) = {by_name, by_folder};
    static int (*const compare[])(const member *, const member *) = {compare_names,
                                                                     compare_folders};
    const size_t sizes = n_sizes(m, n);
    if (sizes == n || depth == 2) {
        if (sizes < MIN_TABLES)
            return ONP_OK;
        ++*n_run;
        return run_series(ctx, m, n, err);
    }
    qsort(m, n, sizeof *m, order[depth]);
    for (size_t i = 0, length; i < n; i += length) {
        for (length = 1; i + length < n && compare[depth](&m[i], &m[i + length]) == 0;)
            length++;
        ONP_TRY(run_devices(ctx, m + i, length, depth + 1, n_run, err));
    }
    return ONP_OK;
}

static onp_status run_members(const onp_context *ctx, member *m, size_t n, onp_error *err)
{
    size_t n_run = 0;
    find_series(m, n);
    for (size_t i = 0, length; i < n; i += length) {
        for (length = 1; i + length < n && m[i].series == m[i + length].series;)
            length++;
        ONP_TRY(run_devices(ctx, m + i, length, 0, &n_run, err));
    }
    return n_run > 0 ? ONP_OK
                     : onp_fail(err, ONP_E_MISSING,
                                "no block tables of the same ops at %d resolutions", MIN_TABLES);
}

static onp_status run_tables(const onp_context *ctx, const bench_table *tables, size_t n,
                             onp_error *err)
{
    size_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += tables[i].n;
    member *m = onp_alloc(ctx, n, sizeof *m);
    uint64_t *ops = onp_alloc(ctx, rows, sizeof *ops);
    onp_status st = ONP_OK;
    if (m == NULL || ops == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "resolution: out of memory");
    for (size_t i = 0, at = 0; st == ONP_OK && i < n; at += tables[i++].n)
        describe(&tables[i], ops + at, &m[i]);
    if (st == ONP_OK)
        st = run_members(ctx, m, n, err);
    onp_free(ctx, m);
    onp_free(ctx, ops);
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
