/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/calibrate.h"

#include <stdio.h>
#include <string.h>

#include "latency/table/estimate_sum.h"

typedef struct network {
    char hash[ONP_SHA256_HEX];
    int64_t run; /* the newest */
    double ns;   /* sum over n measurements of it */
    size_t n;
    bool known, usable;
    double sum_ns, n_ops;
} network;

typedef struct collector {
    onp_store *store;
    int64_t platform;
    network *networks;
    size_t n, capacity;
    onp_calibrate_result *out;
} collector;

static onp_status count(void *user, const onp_measured_network *v, onp_error *err)
{
    (void)v, (void)err;
    ((collector *)user)->capacity++;
    return ONP_OK;
}

static network *find(collector *c, const char *hash)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->networks[i].hash, hash) == 0)
            return &c->networks[i];
    if (c->n == c->capacity) /* another process has measured more since */
        return NULL;
    network *added = &c->networks[c->n++];
    *added = (network){.n = 0};
    (void)snprintf(added->hash, sizeof added->hash, "%s", hash);
    return added;
}

/* The sum of its rows, once. A row that is missing or stale leaves it out. */
static onp_status predict(collector *c, network *x, const onp_measured_network *v, onp_error *err)
{
    onp_estimate_total total;
    onp_error why = {0};
    x->known = v->n_blocks > 0;
    if (!x->known)
        return ONP_OK;
    onp_status st = onp_estimate_blocks(c->store, c->platform, v->blocks, v->n_blocks, NULL, NULL,
                                        &total, &why);
    if (st == ONP_E_MISSING)
        return ONP_OK;
    if (st != ONP_OK)
        return onp_fail(err, st, "%s", why.msg);
    x->usable = total.n_stale == 0 && total.sum_ns > 0;
    x->sum_ns = total.sum_ns;
    x->n_ops = total.n_ops;
    return ONP_OK;
}

static onp_status add(void *user, const onp_measured_network *v, onp_error *err)
{
    collector *c = user;
    if (v->stamped)
        return ONP_OK;
    network *x = find(c, v->hash);
    if (x == NULL)
        return ONP_OK;
    if (x->run == 0)
        ONP_TRY(predict(c, x, v, err));
    if (x->run != v->run) { /* oldest first */
        x->run = v->run;
        x->ns = 0;
        x->n = 0;
    }
    x->ns += (double)v->median_ns;
    x->n++;
    return ONP_OK;
}

static onp_status fit(collector *c, onp_error *err)
{
    const onp_context *ctx = onp_store_context(c->store);
    double *memory = onp_alloc(ctx, 3 * c->n + 1, sizeof *memory);
    double *sum = memory, *ops = memory + c->n, *measured = memory + 2 * c->n;
    onp_calibrate_result *r = c->out;
    if (memory == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    for (size_t i = 0; i < c->n; i++) {
        const network *x = &c->networks[i];
        r->n_unknown += !x->known;
        r->n_missing += x->known && !x->usable;
        if (!x->usable)
            continue;
        sum[r->n] = x->sum_ns;
        ops[r->n] = x->n_ops;
        measured[r->n++] = x->ns / (double)x->n;
    }
    onp_status st = ONP_OK;
    if (r->n < ONP_CALIBRATION_MIN_NETWORKS)
        st = onp_fail(err, ONP_E_MISSING,
                      "calibrate: %zu measured networks with all rows, wanted %d or more (%zu lack "
                      "rows, of %zu the blocks are not known): measure some, with table validate",
                      r->n, ONP_CALIBRATION_MIN_NETWORKS, r->n_missing, r->n_unknown);
    else
        st = onp_calibration_fit(ctx, sum, ops, measured, r->n, &r->calibration, err);
    onp_free(ctx, memory);
    return st;
}

onp_status onp_calibrate(onp_store *s, int64_t platform, onp_calibrate_result *out, onp_error *err)
{
    onp_calibrate_result result = {.n = 0};
    collector c = {.store = s, .platform = platform, .out = &result};
    ONP_TRY(onp_store_networks(s, platform, count, &c, err));
    c.networks = onp_alloc(onp_store_context(s), c.capacity + 1, sizeof *c.networks);
    if (c.networks == NULL)
        return onp_fail(err, ONP_E_NOMEM, "calibrate: out of memory");
    onp_status st = onp_store_networks(s, platform, add, &c, err);
    if (st == ONP_OK)
        st = fit(&c, err);
    if (st == ONP_OK)
        st = onp_store_calibration_set(s, platform, 0, &result.calibration, err);
    onp_free(onp_store_context(s), c.networks);
    if (st == ONP_OK)
        *out = result;
    return st;
}
