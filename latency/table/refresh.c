/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/refresh.h"

#include <inttypes.h>
#include <stdio.h>

#include "latency/table/profile_check.h"
#include "latency/table/trust.h"

#define RECHECK_NS ((int64_t)10 * 1000000000)

typedef struct refresh {
    onp_store *store;
    onp_runner *runner;
    const onp_block *blocks;
    int32_t n;
    const onp_profile_options *options;
    int64_t platform;
} refresh;

/* How many of the blocks have a row, each block counted as often as it is there. */
static onp_status count_rows(const refresh *f, int32_t *n_rows, onp_error *err)
{
    *n_rows = 0;
    for (int32_t i = 0; i < f->n; i++) {
        char key[ONP_BLOCK_KEY];
        onp_estimate e;
        if (onp_block_is_free(&f->blocks[i]))
            continue;
        onp_block_key(&f->blocks[i], key);
        onp_status st = onp_store_estimate_get(f->store, f->platform, key, &e, NULL);
        if (st != ONP_OK && st != ONP_E_MISSING)
            return onp_store_estimate_get(f->store, f->platform, key, &e, err);
        *n_rows += st == ONP_OK && e.source == ONP_SOURCE_MEASURED;
    }
    return ONP_OK;
}

static onp_status look_again(const refresh *f, onp_stale_verdict *out, onp_error *err)
{
    onp_profile_options options = *f->options;
    onp_profile_drift drift;
    int32_t n_rows = 0;
    ONP_TRY(count_rows(f, &n_rows, err));
    out->action = ONP_STALE_FRESH;
    if (n_rows == 0) /* of other blocks: not a matter of this space */
        return ONP_OK;
    const double share = (double)ONP_STALE_RECHECK_ROWS / n_rows;
    const onp_profile_check check = {.share = share < 1 ? share : 1};
    options.budget_ns = (int64_t)((double)RECHECK_NS / check.share); /* it is for all rows */
    options.networks = NULL;
    onp_log(onp_store_context(f->store), ONP_LOG_INFO,
            "latencies: %s: some rows are measured again", out->reason);
    onp_error why = {0};
    onp_status st =
        onp_profile_recheck(f->store, f->runner, f->blocks, f->n, &options, &check, &drift, &why);
    if (st == ONP_E_DEVICE && onp_runner_is_alive(f->runner)) { /* too busy to tell */
        (void)snprintf(out->reason, sizeof out->reason, "could not be checked: %.90s", why.msg);
        return ONP_OK;
    }
    if (st != ONP_OK)
        return onp_fail(err, st, "%s", why.msg);
    const onp_profile_changes *changes = drift.normalised.n > 0 ? &drift.normalised : &drift.raw;
    if (changes->n > 0)
        onp_stale_recheck(changes->median, changes->n, out);
    return ONP_OK;
}

onp_status onp_refresh(onp_store *s, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_stale_verdict *out, onp_error *err)
{
    const onp_context *ctx = onp_store_context(s);
    refresh f = {.store = s, .runner = r, .blocks = blocks, .n = n, .options = options};
    onp_trust trust;
    int64_t n_stale = 0;
    ONP_TRY(onp_profile_platform(s, r, options->batch, options->mode, &f.platform, err));
    ONP_TRY(onp_trust_supersede(s, f.platform, &n_stale, err));
    if (n_stale > 0)
        onp_log(ctx, ONP_LOG_INFO,
                "latencies: %" PRId64 " rows of other kernels on this device are stale now",
                n_stale);
    ONP_TRY(onp_trust_take(s, f.platform, onp_runner_get_facts(r)->os, &trust, err));
    *out = trust.verdict;
    if (out->action == ONP_STALE_RECHECK)
        ONP_TRY(look_again(&f, out, err));
    if (out->action == ONP_STALE_ROWS)
        ONP_TRY(onp_store_stale_set(s, f.platform, out->reason, NULL, err));
    if (out->reason[0] != '\0')
        onp_log(ctx, out->action == ONP_STALE_FRESH ? ONP_LOG_INFO : ONP_LOG_WARN,
                "latencies: %s%s", out->reason,
                out->action == ONP_STALE_ROWS          ? ": its rows are stale"
                : out->action == ONP_STALE_RECALIBRATE ? ": onepath table validate calibrates anew"
                                                       : "");
    return ONP_OK;
}
