/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/block_predictor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "latency/predict/block_lines.h"
#include "latency/predict/linalg.h"
#include "latency/predict/residual.h"

#define PRIOR_WEIGHT 0.01 /* of the coefficients that a fit begins with, in rows */
enum { MIN_LINES = 10 };  /* left-out rows that give an interval */

/* How far lines are off when rows are left out. */
typedef struct line_errors {
    size_t n;
    double mape, limit; /* limit: of |ln(line / row)|, 95 % are within */
} line_errors;

struct onp_block_predictor {
    const onp_context *ctx;
    onp_block_row *rows; /* by block, each once */
    double *work;
    size_t n;
    double coefficients[ONP_BLOCK_TERMS];
    double min_ns;
    line_errors lines[2]; /* MAP, WIDTH */
    onp_residual *residual;
};

const char *onp_predict_method_name(onp_predict_method method)
{
    static const char *const names[] = {"map-line", "width-line", "model"};
    return names[method];
}

/* ---- rows ---- */

static int compare_rows(const void *a, const void *b)
{
    char x[ONP_BLOCK_KEY], y[ONP_BLOCK_KEY];
    onp_block_key(&((const onp_block_row *)a)->block, x);
    onp_block_key(&((const onp_block_row *)b)->block, y);
    const int order = strcmp(x, y);
    const double p = ((const onp_block_row *)a)->ns, q = ((const onp_block_row *)b)->ns;
    return order != 0 ? order : (p > q) - (p < q); /* the order of the file does not matter */
}

/* Rows of one block become their mean. */
static void merge_rows(onp_block_predictor *m)
{
    size_t kept = 0;
    for (size_t i = 0, same; i < m->n; i += same) {
        double sum = 0;
        for (same = 0;
             i + same < m->n && onp_block_equal(&m->rows[i].block, &m->rows[i + same].block);)
            sum += m->rows[i + same++].ns;
        m->rows[kept] = m->rows[i];
        m->rows[kept++].ns = sum / (double)same;
    }
    m->n = kept;
}

static onp_status take_rows(onp_block_predictor *m, const onp_block_row *rows, size_t n,
                            onp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(rows[i].ns) || rows[i].ns <= 0)
            return onp_fail(err, ONP_E_RANGE, "predictor: row %zu has %g ns, wanted more than 0", i,
                            rows[i].ns);
        if (!onp_block_is_free(&rows[i].block))
            m->rows[m->n++] = rows[i];
    }
    if (m->n > 1)
        qsort(m->rows, m->n, sizeof *m->rows, compare_rows);
    merge_rows(m);
    if (m->n < ONP_PREDICTOR_MIN_ROWS)
        return onp_fail(err, ONP_E_MISSING, "predictor: %zu blocks are known, wanted %d or more",
                        m->n, ONP_PREDICTOR_MIN_ROWS);
    m->min_ns = m->rows[0].ns;
    for (size_t i = 0; i < m->n; i++) {
        m->work[i] = onp_block_work(&m->rows[i].block);
        m->min_ns = fmin(m->min_ns, m->rows[i].ns);
    }
    return ONP_OK;
}

/* ---- the model of work ---- */

/*
 * x >= 0 that minimises  sum over rows ((a x) / ns - 1)^2  +  a little of  sum over terms
 * (w_t (x_t / x0_t - 1))^2: x0 are the costs of block_features.h at the table's speed, w_t how much
 * of the rows term t makes up. The second sum decides where the rows cannot.
 */
static onp_status fit_work(onp_block_predictor *m, double *a, double *b, onp_error *err)
{
    const size_t n = m->n, terms = ONP_BLOCK_TERMS;
    double speed = 0, z[ONP_BLOCK_TERMS];
    for (size_t i = 0; i < n; i++)
        speed += log(m->rows[i].ns / m->work[i]) / (double)n;
    speed = exp(speed);
    memset(a, 0, (n + terms) * terms * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * terms;
        onp_block_terms(&m->rows[i].block, row);
        for (size_t t = 0; t < terms; t++)
            row[t] *= speed * onp_block_term_cost((onp_block_term)t) / m->rows[i].ns;
        b[i] = 1;
    }
    for (size_t t = 0; t < terms; t++) {
        double squares = 0;
        for (size_t i = 0; i < n; i++)
            squares += a[i * terms + t] * a[i * terms + t];
        b[n + t] = a[(n + t) * terms + t] = sqrt(PRIOR_WEIGHT * squares);
        z[t] = 1;
    }
    ONP_TRY(onp_nnls(m->ctx, a, (int)(n + terms), ONP_BLOCK_TERMS, b, z, err));
    for (size_t t = 0; t < terms; t++) /* a term that no row has: as the costs say */
        m->coefficients[t] =
            speed * onp_block_term_cost((onp_block_term)t) * (b[n + t] > 0 ? z[t] : 1);
    return ONP_OK;
}

/* The modelled latency, and the block as the residual's process sees it. */
static double model_point(const onp_block_predictor *m, const onp_block *b, onp_residual_point *out)
{
    double sum = 0;
    onp_block_locate(b, &out->place);
    onp_block_terms(b, out->term);
    memset(out->layer, 0, sizeof out->layer);
    for (int t = 0; t < ONP_BLOCK_TERMS; t++)
        sum += out->term[t] *= m->coefficients[t];
    for (int t = 0; t < ONP_BLOCK_TERMS; t++) {
        const onp_block_layer layer = onp_block_term_layer((onp_block_term)t);
        out->term[t] /= sum;
        if (layer < ONP_LAYER_COUNT)
            out->layer[layer] += out->term[t];
    }
    return sum;
}

static onp_status fit_residual(onp_block_predictor *m, onp_error *err)
{
    onp_residual_point *points = onp_alloc(m->ctx, m->n, sizeof *points);
    double *r = onp_alloc(m->ctx, m->n, sizeof *r);
    onp_status st = ONP_OK;
    if (points == NULL || r == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    for (size_t i = 0; st == ONP_OK && i < m->n; i++)
        r[i] = log(m->rows[i].ns / model_point(m, &m->rows[i].block, &points[i]));
    if (st == ONP_OK)
        st = onp_residual_fit(m->ctx, points, r, (int)m->n, &m->residual, err);
    onp_free(m->ctx, points);
    onp_free(m->ctx, r);
    return st;
}

/* ---- lines ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void try_lines(onp_block_predictor *m, onp_predict_method method, double *errors)
{
    line_errors *e = &m->lines[method];
    for (size_t i = 0; i < m->n; i++) {
        onp_block_line line;
        if (!onp_block_line_find(m->rows, m->work, m->n, (ptrdiff_t)i, &m->rows[i].block, method,
                                 &line))
            continue;
        e->mape += fabs(line.ns / m->rows[i].ns - 1);
        errors[e->n++] = fabs(log(line.ns / m->rows[i].ns));
    }
    if (e->n == 0)
        return;
    e->mape /= (double)e->n;
    qsort(errors, e->n, sizeof *errors, ascending);
    const size_t rank = (size_t)ceil(0.95 * (double)(e->n + 1));
    e->limit = errors[(rank < e->n ? rank : e->n) - 1];
}

void onp_block_predictor_lines(const onp_block_predictor *m, size_t *n_lines, double *mape)
{
    const line_errors *e = m->lines;
    *n_lines = e[0].n + e[1].n;
    *mape = *n_lines > 0
                ? (e[0].mape * (double)e[0].n + e[1].mape * (double)e[1].n) / (double)*n_lines
                : 0;
}

void onp_block_predictor_left_out(const onp_block_predictor *m, double *mape, double *within10)
{
    onp_residual_left_out(m->residual, mape, within10);
}

/* ---- fitting ---- */

static onp_status fit(onp_block_predictor *m, const onp_block_row *rows, size_t n, onp_error *err)
{
    const size_t terms = ONP_BLOCK_TERMS;
    m->rows = onp_alloc(m->ctx, n, sizeof *m->rows);
    m->work = onp_alloc(m->ctx, n, sizeof *m->work);
    double *scratch = onp_alloc(m->ctx, (n + terms) * (terms + 1), sizeof *scratch);
    onp_status st = ONP_OK;
    if (m->rows == NULL || m->work == NULL || scratch == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    if (st == ONP_OK)
        st = take_rows(m, rows, n, err);
    if (st == ONP_OK) {
        try_lines(m, ONP_PREDICT_MAP, scratch);
        try_lines(m, ONP_PREDICT_WIDTH, scratch);
        st = fit_work(m, scratch, scratch + (n + terms) * terms, err);
    }
    if (st == ONP_OK)
        st = fit_residual(m, err);
    onp_free(m->ctx, scratch);
    return st;
}

onp_status onp_block_predictor_fit(const onp_context *ctx, const onp_block_row *rows, size_t n,
                                   onp_block_predictor **out, onp_error *err)
{
    *out = NULL;
    onp_block_predictor *m = onp_alloc(ctx, 1, sizeof *m);
    if (m == NULL)
        return onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    m->ctx = ctx;
    onp_status st = fit(m, rows, n, err);
    if (st == ONP_OK)
        *out = m;
    else
        onp_block_predictor_free(m);
    return st;
}

void onp_block_predictor_free(onp_block_predictor *m)
{
    if (m == NULL)
        return;
    onp_residual_free(m->residual);
    onp_free(m->ctx, m->rows);
    onp_free(m->ctx, m->work);
    onp_free(m->ctx, m);
}

/* ---- predicting ---- */

enum { N_SIZES = 7 };

static void sizes_of(const onp_block *b, double v[N_SIZES])
{
    const double sizes[N_SIZES] = {b->in_h,  b->in_w,   b->in_c,  b->mid,
                                   b->out_c, b->kernel, b->stride};
    memcpy(v, sizes, sizeof sizes);
}

/* Whether rows of the one say anything of the other: what a squeeze-excite, an activation, groups
 * or a dilation cost on a device, blocks without them do not tell. */
static bool is_like(const onp_block *row, const onp_block *b)
{
    return row->kind == b->kind && row->act == b->act && row->se == b->se &&
           (row->groups > 1) == (b->groups > 1) && (row->dilation > 1) == (b->dilation > 1);
}

/* Any size outside those of the rows of the kind. *known: whether a row is like it. */
static bool extrapolates(const onp_block_predictor *m, const onp_block *b, bool *known)
{
    double lo[N_SIZES], hi[N_SIZES], v[N_SIZES];
    for (int j = 0; j < N_SIZES; j++) {
        lo[j] = (double)INFINITY;
        hi[j] = -(double)INFINITY;
    }
    *known = false;
    for (size_t i = 0; i < m->n; i++) {
        *known = *known || is_like(&m->rows[i].block, b);
        sizes_of(&m->rows[i].block, v);
        for (int j = 0; j < N_SIZES && m->rows[i].block.kind == b->kind; j++) {
            lo[j] = fmin(lo[j], v[j]);
            hi[j] = fmax(hi[j], v[j]);
        }
    }
    sizes_of(b, v);
    for (int j = 0; j < N_SIZES; j++)
        if (v[j] < lo[j] || v[j] > hi[j])
            return true;
    return false;
}

static bool predict_line(const onp_block_predictor *m, const onp_block *b,
                         onp_predict_method method, onp_predicted *out)
{
    onp_block_line line;
    const line_errors *e = &m->lines[method];
    if (e->n < MIN_LINES || !onp_block_line_find(m->rows, m->work, m->n, -1, b, method, &line))
        return false;
    *out = (onp_predicted){.ns = line.ns,
                           .lo_ns = line.ns * exp(-e->limit),
                           .hi_ns = line.ns * exp(e->limit),
                           .method = method};
    return true;
}

typedef struct question {
    const onp_block_predictor *m;
    const onp_block *block;
    double *scratch;
    onp_predicted *out;
} question;

static void run_model(void *arg)
{
    const question *q = arg;
    onp_residual_point point;
    double mean, deviation;
    const double modelled = model_point(q->m, q->block, &point);
    onp_residual_at(q->m->residual, &point, q->scratch, &mean, &deviation);
    *q->out = (onp_predicted){.ns = modelled * exp(mean),
                              .lo_ns = modelled * exp(mean - 1.96 * deviation),
                              .hi_ns = modelled * exp(mean + 1.96 * deviation),
                              .method = ONP_PREDICT_MODEL};
}

static onp_status predict_model(const onp_block_predictor *m, const onp_block *b,
                                onp_predicted *out, onp_error *err)
{
    question q = {.m = m, .block = b, .out = out};
    q.scratch = onp_alloc(m->ctx, onp_residual_scratch(m->residual), sizeof *q.scratch);
    if (q.scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "predictor: out of memory");
    onp_linalg_run(run_model, &q);
    onp_free(m->ctx, q.scratch);
    return ONP_OK;
}

onp_status onp_block_predictor_predict(const onp_block_predictor *m, const onp_block *b,
                                       onp_predicted *out, onp_error *err)
{
    bool known = false;
    const bool extrapolated = extrapolates(m, b, &known);
    onp_predicted p;
    if (!known || onp_block_is_free(b)) {
        char key[ONP_BLOCK_KEY];
        onp_block_key(b, key);
        return onp_fail(err, ONP_E_MISSING,
                        "no block like \"%s\" is known: of its kind, activation, groups, dilation, "
                        "with or without a squeeze-excite",
                        key);
    }
    if (!predict_line(m, b, ONP_PREDICT_MAP, &p) && !predict_line(m, b, ONP_PREDICT_WIDTH, &p))
        ONP_TRY(predict_model(m, b, &p, err));
    p.extrapolated = extrapolated;
    if (extrapolated) {
        p.ns = fmax(p.ns, m->min_ns);
        p.hi_ns = fmax(p.hi_ns, p.ns);
    }
    *out = p;
    return ONP_OK;
}
