/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/predict/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "latency/predict/agreement.h"
#include "latency/predict/linalg.h"

enum { MAX_TERMS = 3, ROUNDS = 30, TERMS_OF_B = 3, MIN_NETWORKS_OF_B = 6 };

#define HUBER         1.345 /* 95 % efficient on normal errors */
#define MAD_TO_SD     1.4826
#define LEAST_PIVOT   1e-5 /* of columns of length 1: below, they are one and the same */
#define NO_WORSE      0.98 /* a form with more terms must be better by 2 % */
#define NORMAL_975    1.959964
#define MIN_CONFORMAL 39 /* networks: fewer, and the 95 % rank is the largest residual or none */

/* The networks, and the terms of a form: a row is {sum, 1, ops} / measured, wanted 1. */
typedef struct problem {
    const double *sum, *ops, *measured;
    size_t n;
    double *weight, *scratch; /* [n] */
} problem;

static void terms_of(const problem *p, size_t i, double row[MAX_TERMS])
{
    row[0] = p->sum[i] / p->measured[i];
    row[1] = 1 / p->measured[i];
    row[2] = p->ops[i] / p->measured[i];
}

/* Weighted normal equations, columns scaled to length 1. False: columns that are one and the same.
 */
static bool weighted_fit(const problem *p, size_t left_out, int k, double theta[MAX_TERMS])
{
    double m[MAX_TERMS * MAX_TERMS] = {0}, scale[MAX_TERMS], row[MAX_TERMS];
    memset(theta, 0, MAX_TERMS * sizeof *theta);
    for (size_t i = 0; i < p->n; i++) {
        if (i == left_out)
            continue;
        terms_of(p, i, row);
        for (int r = 0; r < k; r++) {
            theta[r] += p->weight[i] * row[r];
            for (int c = 0; c <= r; c++)
                m[r * k + c] += p->weight[i] * row[r] * row[c];
        }
    }
    for (int r = 0; r < k; r++) {
        scale[r] = m[r * k + r] > 0 ? 1 / sqrt(m[r * k + r]) : 0;
        theta[r] *= scale[r];
        for (int c = 0; c <= r; c++)
            m[r * k + c] *= scale[r] * scale[c];
    }
    if (onp_cholesky(m, k, NULL) != ONP_OK)
        return false;
    for (int r = 0; r < k; r++)
        if (m[r * k + r] < LEAST_PIVOT)
            return false;
    onp_cholesky_solve(m, k, theta, 1);
    for (int r = 0; r < k; r++)
        theta[r] *= scale[r];
    return true;
}

/* Predicted / measured. */
static double ratio(const problem *p, size_t i, int k, const double theta[MAX_TERMS])
{
    double row[MAX_TERMS], sum = 0;
    terms_of(p, i, row);
    for (int r = 0; r < k; r++)
        sum += theta[r] * row[r];
    return sum;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Huber's weights of the residuals of theta. Returns whether there is any residual to weigh. */
static bool reweigh(const problem *p, size_t left_out, int k, const double theta[MAX_TERMS])
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (i != left_out)
            p->scratch[n++] = fabs(ratio(p, i, k, theta) - 1);
    qsort(p->scratch, n, sizeof *p->scratch, compare);
    const double median = 0.5 * (p->scratch[(n - 1) / 2] + p->scratch[n / 2]);
    const double limit = HUBER * MAD_TO_SD * median;
    for (size_t i = 0; i < p->n; i++) {
        const double e = fabs(ratio(p, i, k, theta) - 1);
        p->weight[i] = e <= limit ? 1 : limit / e;
    }
    return median > 1e-12;
}

/* Fits k terms to all networks but left_out (n: to all). False: singular, or not a latency. */
static bool fit(const problem *p, size_t left_out, int k, double theta[MAX_TERMS])
{
    for (size_t i = 0; i < p->n; i++)
        p->weight[i] = 1;
    for (int round = 0; round < ROUNDS; round++)
        if (!weighted_fit(p, left_out, k, theta))
            return false;
        else if (!reweigh(p, left_out, k, theta))
            break;
    for (size_t i = 0; i < p->n; i++)
        if (!(ratio(p, i, k, theta) > 0))
            return false;
    return theta[0] > 0;
}

/* Each network by a fit to the others. */
static bool leave_one_out(const problem *p, int k, double *predicted)
{
    double theta[MAX_TERMS];
    for (size_t i = 0; i < p->n; i++) {
        if (!fit(p, i, k, theta))
            return false;
        predicted[i] = p->measured[i] * ratio(p, i, k, theta);
    }
    return true;
}

double onp_student_975(double freedom)
{
    const double z = NORMAL_975, z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom);
}

static void take_residuals(const problem *p, const double *predicted, int k, onp_calibration *cal)
{
    double squares = 0;
    for (size_t i = 0; i < p->n; i++) {
        const double e = p->measured[i] / predicted[i] - 1;
        squares += e * e;
        p->scratch[i] = fabs(e);
    }
    cal->residual_sd = sqrt(squares / (double)p->n);
    qsort(p->scratch, p->n, sizeof *p->scratch, compare);
    /* Split conformal prediction: V. Vovk, A. Gammerman, G. Shafer, 2005. */
    const size_t rank = (size_t)ceil(0.95 * (double)(p->n + 1));
    cal->half95 = p->n >= MIN_CONFORMAL ? p->scratch[rank - 1]
                                        : onp_student_975((double)p->n - k) * cal->residual_sd;
}

static onp_status check(const double *sum, const double *ops, const double *measured, size_t n,
                        onp_error *err)
{
    if (n < ONP_CALIBRATION_MIN_NETWORKS)
        return onp_fail(err, ONP_E_RANGE, "calibration from %zu networks, wanted at least %d", n,
                        ONP_CALIBRATION_MIN_NETWORKS);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(sum[i]) || sum[i] <= 0 || !isfinite(measured[i]) || measured[i] <= 0 ||
            !isfinite(ops[i]) || ops[i] < 0)
            return onp_fail(err, ONP_E_RANGE,
                            "network %zu has a sum of %g, %g operators and measures %g, wanted "
                            "finite times above 0",
                            i, sum[i], ops[i], measured[i]);
    return ONP_OK;
}

/* The number of terms of the form that predicts best, its predictions in best; 0: none fits. */
static int choose(const problem *p, double *best, double *scratch)
{
    double least = HUGE_VAL;
    int terms = 0;
    for (int k = 1; k <= MAX_TERMS; k++) {
        if ((k == TERMS_OF_B && p->n < MIN_NETWORKS_OF_B) || !leave_one_out(p, k, scratch))
            continue;
        double error = 0;
        for (size_t i = 0; i < p->n; i++)
            error += fabs(scratch[i] / p->measured[i] - 1);
        if (terms == 0 || error < NO_WORSE * least) {
            least = error;
            terms = k;
            memcpy(best, scratch, p->n * sizeof *best);
        }
    }
    return terms;
}

typedef struct search {
    const problem *p;
    double *best, *scratch; /* [n] */
    int terms;              /* 0: no form fits */
    double theta[MAX_TERMS];
} search;

static void run_search(void *arg)
{
    search *s = arg;
    s->terms = choose(s->p, s->best, s->scratch);
    if (s->terms > 0 && !fit(s->p, s->p->n, s->terms, s->theta))
        s->terms = 0;
}

static onp_status fit_best(const onp_context *ctx, search *s, onp_calibration *out, onp_error *err)
{
    const problem *p = s->p;
    onp_agreement before, after;
    onp_linalg_run(run_search, s);
    if (s->terms == 0)
        return onp_fail(err, ONP_E_RANGE,
                        "the measured latencies of %zu networks do not grow with their sums", p->n);
    ONP_TRY(onp_agreement_take(ctx, p->sum, NULL, NULL, p->measured, p->n, &before, err));
    ONP_TRY(onp_agreement_take(ctx, s->best, NULL, NULL, p->measured, p->n, &after, err));
    *out = (onp_calibration){.a = s->theta[0],
                             .c_ns = s->terms > 1 ? s->theta[1] : 0,
                             .b_ns = s->terms > 2 ? s->theta[2] : 0,
                             .n = (int64_t)p->n,
                             .mape_before = before.mape,
                             .mape_after = after.mape,
                             .within5 = after.within5,
                             .within10 = after.within10,
                             .spearman = after.spearman};
    take_residuals(p, s->best, s->terms, out);
    out->lo_ns = out->hi_ns = p->sum[0];
    for (size_t i = 1; i < p->n; i++) {
        out->lo_ns = fmin(out->lo_ns, p->sum[i]);
        out->hi_ns = fmax(out->hi_ns, p->sum[i]);
    }
    return ONP_OK;
}

onp_status onp_calibration_fit(const onp_context *ctx, const double *sum_ns, const double *n_ops,
                               const double *measured_ns, size_t n, onp_calibration *out,
                               onp_error *err)
{
    ONP_TRY(check(sum_ns, n_ops, measured_ns, n, err));
    double *room = onp_alloc(ctx, n, 4 * sizeof *room);
    if (room == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibration: out of memory");
    const problem p = {sum_ns, n_ops, measured_ns, n, room, room + n};
    search s = {.p = &p, .best = room + 2 * n, .scratch = room + 3 * n};
    onp_status st = fit_best(ctx, &s, out, err);
    onp_free(ctx, room);
    return st;
}

onp_calibration onp_calibration_none(void)
{
    return (onp_calibration){.a = 1};
}

bool onp_calibration_holds(const onp_calibration *cal, double sum_ns, double n_ops)
{
    const double beyond = 3.0;
    const bool near =
        cal->hi_ns <= 0 || (sum_ns * beyond >= cal->lo_ns && sum_ns <= beyond * cal->hi_ns);
    return near && cal->b_ns * n_ops + cal->c_ns >= -0.5 * cal->a * sum_ns;
}

double onp_calibration_apply(const onp_calibration *cal, double sum_ns, double n_ops)
{
    return cal->a * sum_ns + cal->b_ns * n_ops + cal->c_ns;
}

void onp_calibration_interval(const onp_calibration *cal, double predicted_ns, double *lo_ns,
                              double *hi_ns)
{
    const double half = cal->half95 * predicted_ns;
    *lo_ns = half < predicted_ns ? predicted_ns - half : 0;
    *hi_ns = predicted_ns + half;
}
