/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/stale.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

/* A verdict stands unless it is severer than the one before. */
static void raise(onp_stale_verdict *v, onp_stale_action action, const char *fmt, ...)
    ONP_PRINTF(3, 4);
static void raise(onp_stale_verdict *v, onp_stale_action action, const char *fmt, ...)
{
    va_list args;
    if (action <= v->action)
        return;
    v->action = action;
    va_start(args, fmt);
    (void)vsnprintf(v->reason, sizeof v->reason, fmt, args);
    va_end(args);
}

static void judge_sentinel(const onp_stale_facts *f, onp_stale_verdict *v)
{
    if (f->sentinel_then <= 0 || f->sentinel_now <= 0)
        return;
    const double change = f->sentinel_now / f->sentinel_then - 1;
    if (fabs(change) <= ONP_STALE_SENTINEL)
        return;
    raise(v, ONP_STALE_ROWS, "the sentinel is %+.1f %% off its history", 100 * change);
    v->stop = true;
}

static void judge_validation(const onp_stale_facts *f, onp_stale_verdict *v)
{
    if (f->n_validated > 0 && f->validated_mape > ONP_STALE_MAPE)
        raise(v, ONP_STALE_RECALIBRATE, "validated with a mean error of %.1f %%",
              100 * f->validated_mape);
    if (f->n_validated > 0 && fabs(f->validated_bias) > ONP_STALE_BIAS)
        raise(v, ONP_STALE_RECALIBRATE, "validated with a bias of %+.1f %%",
              100 * f->validated_bias);
}

void onp_stale_judge(const onp_stale_facts *f, onp_stale_verdict *out)
{
    const int64_t day_ns = (int64_t)86400 * 1000000000;
    const int64_t days = f->oldest_unix_ns > 0 ? (f->now_unix_ns - f->oldest_unix_ns) / day_ns : 0;
    *out = (onp_stale_verdict){.action = ONP_STALE_FRESH};
    judge_sentinel(f, out);
    if (f->imported && f->n_calibrated < ONP_STALE_NETWORKS)
        raise(out, ONP_STALE_IMPORTED, "imported, not measured from here");
    if (!f->imported && f->os_then != NULL && f->os_now != NULL &&
        strcmp(f->os_then, f->os_now) != 0)
        raise(out, ONP_STALE_RECHECK, "measured under %.40s, this is %.40s", f->os_then, f->os_now);
    if (!f->imported && days >= ONP_STALE_DAYS)
        raise(out, ONP_STALE_RECHECK, "measured %lld days ago", (long long)days);
    judge_validation(f, out);
}

void onp_stale_recheck(double median_change, int64_t n, onp_stale_verdict *out)
{
    out->action = fabs(median_change) > ONP_STALE_CHANGE ? ONP_STALE_ROWS : ONP_STALE_FRESH;
    (void)snprintf(out->reason, sizeof out->reason, "checked again: %lld rows changed by %+.1f %%",
                   (long long)n, 100 * median_change);
}
