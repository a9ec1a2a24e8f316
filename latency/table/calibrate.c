/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/calibrate.h"

#include "latency/table/estimate_sum.h"
#include "latency/table/whole.h"

/* Of the networks that can be used: sums of rows, blocks, measured. */
typedef struct points {
    double *memory, *sum, *ops, *measured;
} points;

static onp_status make_points(const onp_context *ctx, size_t n, points *p, onp_error *err)
{
    p->memory = onp_alloc(ctx, 3 * n + 1, sizeof *p->memory);
    p->sum = p->memory;
    if (p->memory == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    p->ops = p->memory + n;
    p->measured = p->memory + 2 * n;
    return ONP_OK;
}

/* Adds a network, unless a row is missing or stale. */
static onp_status add(onp_store *s, int64_t platform, const onp_whole_network *net, points *p,
                      onp_calibrate_result *r, onp_error *err)
{
    onp_estimate_total total;
    onp_error why = {0};
    if (net->n_blocks == 0) {
        r->n_unknown++;
        return ONP_OK;
    }
    onp_status st =
        onp_estimate_blocks(s, platform, net->blocks, net->n_blocks, NULL, NULL, &total, &why);
    if (st != ONP_OK && st != ONP_E_MISSING)
        return onp_fail(err, st, "%s", why.msg);
    if (st == ONP_E_MISSING || total.n_stale > 0 || !(total.sum_ns > 0)) {
        r->n_missing++;
        return ONP_OK;
    }
    p->sum[r->n] = total.sum_ns;
    p->ops[r->n] = total.n_ops;
    p->measured[r->n++] = net->ns;
    return ONP_OK;
}

static onp_status fit(onp_store *s, int64_t platform, const onp_whole_networks *nets, points *p,
                      onp_calibrate_result *r, onp_error *err)
{
    ONP_TRY(make_points(nets->ctx, nets->n, p, err));
    for (size_t i = 0; i < nets->n; i++)
        ONP_TRY(add(s, platform, &nets->list[i], p, r, err));
    if (r->n < ONP_CALIBRATION_MIN_NETWORKS)
        return onp_fail(err, ONP_E_MISSING,
                        "calibrate: %zu measured networks with all rows, wanted %d or more (%zu "
                        "lack rows, of %zu the blocks are not known): measure some, with table "
                        "validate",
                        r->n, ONP_CALIBRATION_MIN_NETWORKS, r->n_missing, r->n_unknown);
    ONP_TRY(
        onp_calibration_fit(nets->ctx, p->sum, p->ops, p->measured, r->n, &r->calibration, err));
    return onp_store_calibration_set(s, platform, 0, &r->calibration, err);
}

onp_status onp_calibrate(onp_store *s, int64_t platform, onp_calibrate_result *out, onp_error *err)
{
    onp_calibrate_result result = {.n = 0};
    onp_whole_networks nets;
    points p = {NULL, NULL, NULL, NULL};
    ONP_TRY(onp_whole_networks_read(s, platform, &nets, err));
    onp_status st = fit(s, platform, &nets, &p, &result, err);
    onp_free(nets.ctx, p.memory);
    onp_whole_networks_free(&nets);
    if (st == ONP_OK)
        *out = result;
    return st;
}
