/* SPDX-License-Identifier: Apache-2.0 */
#include "search/latency_model.h"

#include <math.h>

onp_status onp_latency_model_load(const onp_context *ctx, const onp_supernet *net, onp_rundb *db,
                                  onp_latency_model *out, onp_error *err)
{
    onp_latency_model m = {.ctx = ctx, .n_positions = net->n_positions};
    m.ns = onp_alloc(ctx, (size_t)net->n_positions, sizeof *m.ns);
    if (m.ns == NULL)
        return onp_fail(err, ONP_E_NOMEM, "latencies: out of memory");
    for (int32_t i = 0; i < net->n_positions; i++)
        for (int c = 0; c < net->positions[i].n; c++) {
            const onp_block *b = &net->positions[i].candidate[c];
            if (onp_block_is_free(b))
                continue;
            char key[ONP_BLOCK_KEY];
            onp_block_key(b, key);
            onp_status st = onp_rundb_latency_get(db, key, &m.ns[i][c], err);
            if (st != ONP_OK) {
                onp_latency_model_free(&m);
                return st;
            }
        }
    *out = m;
    return ONP_OK;
}

void onp_latency_model_free(onp_latency_model *m)
{
    if (m->ctx != NULL)
        onp_free(m->ctx, m->ns);
    *m = (onp_latency_model){0};
}

double onp_latency_model_expected(const onp_latency_model *m, const onp_supernet *net)
{
    double sum = 0;
    for (int32_t i = 0; i < m->n_positions; i++) {
        double p[ONP_MAX_CANDIDATES];
        onp_supernet_probabilities(net, i, p);
        for (int c = 0; c < net->positions[i].n; c++)
            sum += p[c] * (double)m->ns[i][c];
    }
    return sum;
}

double onp_latency_model_uniform(const onp_latency_model *m, const onp_supernet *net)
{
    double sum = 0;
    for (int32_t i = 0; i < m->n_positions; i++)
        for (int c = 0; c < net->positions[i].n; c++)
            sum += (double)m->ns[i][c] / net->positions[i].n;
    return sum;
}

int64_t onp_latency_model_least(const onp_latency_model *m, const onp_supernet *net)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < m->n_positions; i++) {
        int64_t least = m->ns[i][0];
        for (int c = 1; c < net->positions[i].n; c++)
            least = m->ns[i][c] < least ? m->ns[i][c] : least;
        sum += least;
    }
    return sum;
}

int64_t onp_latency_model_path(const onp_latency_model *m, const int32_t *path)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < m->n_positions; i++)
        sum += m->ns[i][path[i]];
    return sum;
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
    for (int32_t i = 0; i < m->n_positions; i++) {
        const double *alpha = net->alpha[i]; /* log p but for a constant of the position */
        for (int c = 0; c < net->positions[i].n; c++) {
            const int64_t saved = m->ns[i][path[i]] - m->ns[i][c];
            if (!net->alive[i][c] || saved <= 0)
                continue;
            const double price = (alpha[path[i]] - alpha[c]) / (double)saved;
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
    while ((double)onp_latency_model_path(m, path) > budget_ns) {
        const swap s = cheapest_swap(m, net, path);
        if (s.position < 0) {
            const int64_t least = onp_latency_model_path(m, path);
            onp_supernet_argmax(net, path);
            return onp_fail(err, ONP_E_BUDGET,
                            "the cheapest network left takes %.4f ms, the budget is %.4f ms",
                            (double)least / 1e6, budget_ns / 1e6);
        }
        path[s.position] = s.candidate;
    }
    return ONP_OK;
}
