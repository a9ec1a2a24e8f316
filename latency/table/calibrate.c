/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/calibrate.h"

#include <string.h>

#include "latency/table/estimate_sum.h"
#include "latency/table/whole.h"

/* Of the networks that can be used: sums of rows, blocks, measured; and their spaces. */
typedef struct points {
    double *memory, *sum, *ops, *measured;
    const char **space;
    size_t n;
} points;

static onp_status make_points(const onp_context *ctx, size_t n, points *p, onp_error *err)
{
    p->memory = onp_alloc(ctx, 3 * n + 1, sizeof *p->memory);
    p->space = onp_alloc(ctx, n + 1, sizeof *p->space);
    if (p->memory == NULL || p->space == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    p->sum = p->memory;
    p->ops = p->memory + n;
    p->measured = p->memory + 2 * n;
    return ONP_OK;
}

static void free_points(const onp_context *ctx, points *p)
{
    onp_free(ctx, p->memory);
    onp_free(ctx, p->space);
}

/* Those of one space, in their order; NULL: all. */
static void gather(const points *p, const char *space, points *out)
{
    out->n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (space != NULL && strcmp(p->space[i], space) != 0)
            continue;
        out->sum[out->n] = p->sum[i];
        out->ops[out->n] = p->ops[i];
        out->measured[out->n++] = p->measured[i];
    }
}

static bool is_first_of_space(const points *p, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(p->space[j], p->space[i]) == 0)
            return false;
    return true;
}

typedef struct call {
    onp_store *store;
    const onp_context *ctx;
    int64_t platform;
    points all, some;
    onp_calibrate_result result;
} call;

/* Adds a network, unless a row is missing or stale. */
static onp_status add(call *c, const onp_whole_network *net, onp_error *err)
{
    points *p = &c->all;
    onp_estimate_total total;
    onp_error why = {0};
    if (net->n_blocks == 0) {
        c->result.n_unknown++;
        return ONP_OK;
    }
    onp_status st = onp_estimate_blocks(c->store, c->platform, net->blocks, net->n_blocks, NULL,
                                        NULL, &total, &why);
    if (st != ONP_OK && st != ONP_E_MISSING)
        return onp_fail(err, st, "%s", why.msg);
    if (st == ONP_E_MISSING || total.n_stale > 0 || !(total.sum_ns > 0)) {
        c->result.n_missing++;
        return ONP_OK;
    }
    p->sum[p->n] = total.sum_ns;
    p->ops[p->n] = total.n_ops;
    p->measured[p->n] = net->ns;
    p->space[p->n++] = net->space != NULL ? net->space : "";
    return ONP_OK;
}

static onp_status fit_space(call *c, const char *space, onp_error *err)
{
    points *p = &c->some;
    onp_calibration cal;
    gather(&c->all, space, p);
    ONP_TRY(onp_calibration_fit(c->ctx, p->sum, p->ops, p->measured, p->n, &cal, err));
    ONP_TRY(onp_store_calibration_set(c->store, c->platform, 0, &cal, err));
    c->result.n_others += c->result.n > 0;
    c->result.n = p->n;
    c->result.calibration = cal;
    return ONP_OK;
}

/* The space of the most networks last; others with too few stay without. */
static onp_status fit_spaces(call *c, onp_error *err)
{
    const char *best = NULL;
    size_t most = ONP_CALIBRATION_MIN_NETWORKS - 1;
    for (size_t i = 0; i < c->all.n; i++) {
        if (!is_first_of_space(&c->all, i))
            continue;
        gather(&c->all, c->all.space[i], &c->some);
        if (c->some.n > most) {
            best = c->all.space[i];
            most = c->some.n;
        }
    }
    for (size_t i = 0; i < c->all.n && best != NULL; i++) {
        onp_error why = {0};
        if (!is_first_of_space(&c->all, i) || strcmp(c->all.space[i], best) == 0)
            continue;
        const onp_status st = fit_space(c, c->all.space[i], &why); /* ONP_E_RANGE: too few */
        if (st != ONP_OK && st != ONP_E_RANGE)
            return onp_fail(err, st, "%s", why.msg);
    }
    return fit_space(c, best, err);
}

static onp_status calibrate(call *c, const onp_whole_networks *nets, onp_error *err)
{
    const onp_calibrate_result *r = &c->result;
    ONP_TRY(make_points(nets->ctx, nets->n, &c->all, err));
    ONP_TRY(make_points(nets->ctx, nets->n, &c->some, err));
    for (size_t i = 0; i < nets->n; i++)
        ONP_TRY(add(c, &nets->list[i], err));
    if (c->all.n < ONP_CALIBRATION_MIN_NETWORKS)
        return onp_fail(err, ONP_E_MISSING,
                        "calibrate: %zu measured networks with all rows, wanted %d or more (%zu "
                        "lack rows, of %zu the blocks are not known): measure some, with table "
                        "validate",
                        c->all.n, ONP_CALIBRATION_MIN_NETWORKS, r->n_missing, r->n_unknown);
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(c->store, &tx, err));
    return onp_store_end(c->store, &tx, fit_spaces(c, err), err);
}

onp_status onp_calibrate(onp_store *s, int64_t platform, onp_calibrate_result *out, onp_error *err)
{
    onp_whole_networks nets;
    ONP_TRY(onp_whole_networks_read(s, platform, &nets, err));
    call c = {.store = s, .ctx = nets.ctx, .platform = platform};
    onp_status st = calibrate(&c, &nets, err);
    free_points(nets.ctx, &c.all);
    free_points(nets.ctx, &c.some);
    onp_whole_networks_free(&nets);
    if (st == ONP_OK)
        *out = c.result;
    return st;
}
