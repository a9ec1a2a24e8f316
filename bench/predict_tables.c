/* SPDX-License-Identifier: Apache-2.0 */
/* Block tables for the tasks of bench/predict, by the importers of latency/table. */
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "bench/predict.h"
#include "latency/table/import.h"

/* ---- tables ---- */

const char *bench_predict_name(const char *path)
{
    const char *name = path;
    int slashes = 0;
    for (const char *p = path + strlen(path); p > path && slashes < 2; p--)
        if (p[-1] == '/' && ++slashes < 3)
            name = slashes == 2 ? p : name;
    return name;
}

/* The first form that takes the file. why: what is wrong with it in the form that most of its rows
 * are of; empty when it is of none. */
static onp_status read_any(const onp_context *ctx, const char *path, onp_import **out,
                           onp_error *why)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; onp_import_format(i) != NULL; i++) {
        onp_error err = {0};
        onp_strbuf problems;
        size_t n = 0;
        onp_strbuf_init(&problems, ctx);
        const onp_status st = onp_import_read(ctx, onp_import_format(i), path, ONP_DUPLICATES_MEAN,
                                              &problems, out, &err);
        for (size_t c = 0; c < problems.length; c++)
            n += problems.text[c] == '\n';
        onp_strbuf_reset(&problems);
        if (st != ONP_E_FORMAT) {
            *why = err;
            return st;
        }
        if (n > 0 && n < least) {
            least = n;
            *why = err;
        }
    }
    return ONP_E_FORMAT;
}

static onp_status take_table(const onp_import *import, const char *path, bench_table *t,
                             onp_error *err)
{
    onp_import_meaning meaning;
    onp_import_describe(import, &meaning);
    *t = (bench_table){.path = path, .format = meaning.format, .n_left_out = meaning.n_left_out};
    return onp_import_rows(import, &t->rows, &t->n, err);
}

onp_status bench_predict_tables(const onp_context *ctx, const bench_files *files,
                                bench_table **tables, size_t *n, onp_error *err)
{
    bench_table *t = onp_alloc(ctx, files->n, sizeof *t);
    onp_status st = ONP_OK;
    *n = 0;
    if (t == NULL)
        return onp_fail(err, ONP_E_NOMEM, "tables: out of memory");
    for (size_t i = 0; st == ONP_OK && i < files->n; i++) {
        onp_import *import = NULL;
        onp_error why = {0};
        st = read_any(ctx, files->paths[i], &import, &why);
        if (st == ONP_OK) {
            st = take_table(import, files->paths[i], &t[*n], err);
            *n += st == ONP_OK;
        } else if (st == ONP_E_FORMAT) {
            if (why.msg[0] != '\0')
                onp_log(ctx, ONP_LOG_WARN, "left out: %s", why.msg);
            st = ONP_OK;
        } else {
            st = onp_fail(err, st, "%s", why.msg);
        }
        onp_import_free(import);
    }
    if (st == ONP_OK && *n < files->n)
        onp_log(ctx, ONP_LOG_INFO, "%zu of %zu files are block tables", *n, files->n);
    if (st == ONP_OK)
        *tables = t;
    else
        bench_predict_tables_free(ctx, t, *n);
    return st;
}

void bench_predict_tables_free(const onp_context *ctx, bench_table *tables, size_t n)
{
    for (size_t i = 0; tables != NULL && i < n; i++)
        onp_free(ctx, tables[i].rows);
    onp_free(ctx, tables);
}

/* ---- pairs ---- */

enum { PREDICTED, LO, HI, MEASURED, N_VALUES };

onp_status bench_pairs_add(bench_pairs *pairs, const onp_predicted *p, double measured_ns,
                           onp_error *err)
{
    void *values = pairs->values;
    ONP_TRY(onp_grow(pairs->ctx, &values, &pairs->capacity, pairs->n + 1,
                     N_VALUES * sizeof *pairs->values, err));
    pairs->values = values;
    double *v = pairs->values + N_VALUES * pairs->n;
    v[PREDICTED] = p->ns;
    v[LO] = p->lo_ns;
    v[HI] = p->hi_ns;
    v[MEASURED] = measured_ns;
    pairs->min_ns = pairs->n == 0 ? p->ns : fmin(pairs->min_ns, p->ns);
    pairs->n++;
    return ONP_OK;
}

onp_status bench_pairs_predict(bench_pairs *pairs, const onp_block_row *known, size_t n_known,
                               const onp_block_row *rows, size_t n, onp_error *err)
{
    onp_block_predictor *model = NULL;
    ONP_TRY(onp_block_predictor_fit(pairs->ctx, known, n_known, &model, err));
    onp_status st = ONP_OK;
    for (size_t i = 0; st == ONP_OK && i < n; i++) {
        onp_predicted p;
        st = onp_block_predictor_predict(model, &rows[i].block, &p, err);
        if (st == ONP_OK)
            st = bench_pairs_add(pairs, &p, rows[i].ns, err);
        else if (st == ONP_E_MISSING) {
            pairs->n_refused++;
            st = ONP_OK;
        }
    }
    onp_block_predictor_free(model);
    return st;
}

onp_status bench_pairs_take(bench_pairs *pairs, onp_agreement *out, onp_error *err)
{
    const size_t n = pairs->n;
    double *columns = onp_alloc(pairs->ctx, N_VALUES * n, sizeof *columns);
    onp_status st = ONP_OK;
    if (columns == NULL) {
        st = onp_fail(err, ONP_E_NOMEM, "scores: out of memory");
    } else {
        for (size_t i = 0; i < N_VALUES * n; i++)
            columns[(i % N_VALUES) * n + i / N_VALUES] = pairs->values[i];
        st = onp_agreement_take(pairs->ctx, columns, columns + LO * n, columns + HI * n,
                                columns + MEASURED * n, n, out, err);
    }
    onp_free(pairs->ctx, columns);
    onp_free(pairs->ctx, pairs->values);
    *pairs = (bench_pairs){.ctx = pairs->ctx};
    return st;
}
