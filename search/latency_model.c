/* SPDX-License-Identifier: Apache-2.0 */
#include "search/latency_model.h"

#include <math.h>
#include <string.h>

#define NORMAL_975 1.959964

static onp_status load_candidate(onp_latency_model *m, const onp_block *b, onp_rundb *db, int32_t i,
                                 int c, onp_error *err)
{
    char key[ONP_BLOCK_KEY];
    m->runs[i][c] = !onp_block_is_free(b);
    if (!m->runs[i][c])
        return ONP_OK;
    onp_block_key(b, key);
    return onp_rundb_latency_get(db, key, &m->ns[i][c], &m->sd[i][c], err);
}

onp_status onp_latency_model_load(const onp_context *ctx, const onp_supernet *net, onp_rundb *db,
                                  onp_latency_model *out, onp_error *err)
{
    const size_t n = (size_t)net->n_positions;
    onp_latency_model m = {.ctx = ctx, .n_positions = net->n_positions};
    m.ns = onp_alloc(ctx, n, sizeof *m.ns);
    m.sd = onp_alloc(ctx, n, sizeof *m.sd);
    m.runs = onp_alloc(ctx, n, sizeof *m.runs);
    onp_status st = m.ns != NULL && m.sd != NULL && m.runs != NULL
                        ? onp_rundb_calibration_get(db, &m.calibration, err)
                        : onp_fail(err, ONP_E_NOMEM, "latencies: out of memory");
    for (int32_t i = 0; i < net->n_positions && st == ONP_OK; i++)
        for (int c = 0; c < net->positions[i].n && st == ONP_OK; c++)
            st = load_candidate(&m, &net->positions[i].candidate[c], db, i, c, err);
    if (st == ONP_OK)
        *out = m;
    else
        onp_latency_model_free(&m);
    return st;
}

void onp_latency_model_free(onp_latency_model *m)
{
    if (m->ctx != NULL) {
        onp_free(m->ctx, m->ns);
        onp_free(m->ctx, m->sd);
        onp_free(m->ctx, m->runs);
    }
    *m = (onp_latency_model){0};
}

/* ---- latencies and their variance ---- */

static double scale(const onp_latency_model *m)
{
    return m->calibration.n > 0 ? m->calibration.a : 1;
}

/* What a candidate adds to the latency. */
static double cost(const onp_latency_model *m, int32_t i, int c)
{
    const double ns = (double)m->ns[i][c];
    if (m->calibration.n == 0)
        return ns;
    const bool runs = m->runs != NULL && m->runs[i][c];
    return m->calibration.a * ns + (runs ? m->calibration.b_ns : 0);
}

/* What it adds to the variance where its p is 1. */
static double variance(const onp_latency_model *m, int32_t i, int c)
{
    const double sd = m->sd != NULL ? scale(m) * m->sd[i][c] : 0;
    return sd * sd;
}

typedef struct moments {
    double latency;
    double variance; /* of the rows alone */
} moments;

static moments of_constant(const onp_latency_model *m)
{
    return (moments){m->calibration.n > 0 ? m->calibration.c_ns : 0, 0};
}

static moments of_probabilities(const onp_latency_model *m, const onp_supernet *net)
{
    moments sum = of_constant(m);
    for (int32_t i = 0; i < m->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(net, i, p);
        for (int c = 0; c < net->positions[i].n; c++) {
            sum.latency += p[c] * cost(m, i, c);
            sum.variance += p[c] * p[c] * variance(m, i, c);
        }
    }
    return sum;
}

static moments of_path(const onp_latency_model *m, const int32_t *path)
{
    moments sum = of_constant(m);
    for (int32_t i = 0; i < m->n_positions; i++) {
        sum.latency += cost(m, i, path[i]);
        sum.variance += variance(m, i, path[i]);
    }
    return sum;
}

static double deviation(const onp_latency_model *m, moments v)
{
    const double own = m->calibration.residual_sd * v.latency;
    return sqrt(v.variance + own * own);
}

static double bound(const onp_latency_model *m, moments v)
{
    return m->deviations > 0 ? v.latency + m->deviations * deviation(m, v) : v.latency;
}

double onp_latency_model_expected(const onp_latency_model *m, const onp_supernet *net)
{
    return of_probabilities(m, net).latency;
}

double onp_latency_model_bound(const onp_latency_model *m, const onp_supernet *net)
{
    return bound(m, of_probabilities(m, net));
}

/* d/dp_i of k sqrt(V) = k / sqrt(V) * (p_i (a sd_i)^2 + r^2 E cost_i) */
void onp_latency_model_slopes(const onp_latency_model *m, const onp_supernet *net,
                              double (*slopes)[ONP_MAX_CANDIDATES])
{
    const moments v = of_probabilities(m, net);
    const double r = m->calibration.residual_sd, sd = deviation(m, v);
    const double k = m->deviations > 0 && sd > 0 ? m->deviations / sd : 0;
    for (int32_t i = 0; i < m->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(net, i, p);
        for (int c = 0; c < net->positions[i].n; c++) {
            const double f = cost(m, i, c);
            slopes[i][c] = f;
            if (k > 0)
                slopes[i][c] += k * (p[c] * variance(m, i, c) + r * r * v.latency * f);
        }
    }
}

double onp_latency_model_uniform(const onp_latency_model *m, const onp_supernet *net)
{
    double sum = of_constant(m).latency;
    for (int32_t i = 0; i < m->n_positions; i++)
        for (int c = 0; c < net->positions[i].n; c++)
            sum += cost(m, i, c) / net->positions[i].n;
    return sum;
}

double onp_latency_model_path(const onp_latency_model *m, const int32_t *path)
{
    return of_path(m, path).latency;
}

void onp_latency_model_interval(const onp_latency_model *m, const int32_t *path, double *lo_ns,
                                double *hi_ns)
{
    const moments v = of_path(m, path);
    const double own = m->calibration.half95 * v.latency;
    const double half = sqrt(own * own + NORMAL_975 * NORMAL_975 * v.variance);
    *lo_ns = half > 0 ? fmax(v.latency - half, 0) : 0;
    *hi_ns = half > 0 ? v.latency + half : 0;
}

/* ---- paths ---- */

static moments changed(const onp_latency_model *m, moments v, int32_t i, int from, int to)
{
    v.latency -= cost(m, i, from) - cost(m, i, to);
    v.variance = fmax(v.variance - (variance(m, i, from) - variance(m, i, to)), 0);
    return v;
}

static void fastest_path(const onp_latency_model *m, const onp_supernet *net, int32_t *path)
{
    for (int32_t i = 0; i < m->n_positions; i++) {
        path[i] = 0;
        for (int c = 1; c < net->positions[i].n; c++)
            path[i] = cost(m, i, c) < cost(m, i, path[i]) ? c : path[i];
    }
}

/* A slower candidate whose row is more certain may have the smaller bound: single changes for as
 * long as one lowers it. */
double onp_latency_model_least(const onp_latency_model *m, const onp_supernet *net)
{
    int32_t path[ONP_MAX_POSITIONS] = {0};
    fastest_path(m, net, path);
    double least = bound(m, of_path(m, path));
    for (int32_t at = 0; at >= 0;) {
        int to = 0;
        at = -1;
        for (int32_t i = 0; i < m->n_positions; i++) {
            const int32_t from = path[i];
            for (int c = 0; c < net->positions[i].n; c++) {
                path[i] = c;
                const double now = bound(m, of_path(m, path));
                if (now < least) {
                    least = now;
                    at = i;
                    to = c;
                }
            }
            path[i] = from;
        }
        if (at >= 0)
            path[at] = to;
    }
    return least;
}

/* One position's change to a cheaper candidate that is left. */
typedef struct swap {
    int32_t position; /* -1: there is none */
    int candidate;
    double price; /* log-probability lost per nanosecond saved */
} swap;

static swap cheapest_swap(const onp_latency_model *m, const onp_supernet *net, const int32_t *path)
{
    swap best = {.position = -1, .price = HUGE_VAL};
    const moments v = of_path(m, path);
    for (int32_t i = 0; i < m->n_positions; i++) {
        const double *alpha = net->alpha[i]; /* log p but for a constant of the position */
        for (int c = 0; c < net->positions[i].n; c++) {
            const double saved = bound(m, v) - bound(m, changed(m, v, i, path[i], c));
            if (!net->alive[i][c] || c == path[i] || saved <= 0)
                continue;
            const double price = (alpha[path[i]] - alpha[c]) / saved;
            if (price < best.price)
                best = (swap){i, c, price};
        }
    }
    return best;
}

onp_status onp_latency_model_derive(const onp_latency_model *m, const onp_supernet *net,
                                    double budget_ns, int32_t *path, onp_error *err)
{
    onp_supernet_argmax(net, path);
    while (bound(m, of_path(m, path)) > budget_ns) {
        const swap s = cheapest_swap(m, net, path);
        if (s.position < 0) {
            const double least = bound(m, of_path(m, path));
            onp_supernet_argmax(net, path);
            return onp_fail(err, ONP_E_BUDGET,
                            "the cheapest network left takes %.4f ms, the budget is %.4f ms",
                            least / 1e6, budget_ns / 1e6);
        }
        path[s.position] = s.candidate;
    }
    return ONP_OK;
}
