/* SPDX-License-Identifier: Apache-2.0 */
/* What came out of a plan, and out of an earlier run of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "latency/measure/clock.h"
#include "latency/table/profile_internal.h"
#include "latency/table/store_visits.h"

onp_status onp_profile_readings_init(const onp_context *ctx, const onp_profile_plan *p,
                                     onp_profile_readings *out, onp_error *err)
{
    const size_t n = (size_t)p->passes * (size_t)p->n_slots;
    *out = (onp_profile_readings){.n_units = p->n_units, .n_slots = p->n_slots};
    out->of = onp_alloc(ctx, (size_t)p->passes * (size_t)p->n_units, sizeof *out->of);
    out->ns = onp_alloc(ctx, n, 5 * sizeof *out->ns);
    out->values = onp_alloc(ctx, n, sizeof *out->values);
    out->scratch_real = onp_alloc(ctx, n, sizeof *out->scratch_real);
    out->points = onp_alloc(ctx, n, sizeof *out->points);
    out->usual_ns = onp_alloc(ctx, (size_t)p->n_entries, sizeof *out->usual_ns);
    if (out->of == NULL || out->ns == NULL || out->values == NULL || out->scratch_real == NULL ||
        out->points == NULL || out->usual_ns == NULL) {
        onp_profile_readings_reset(ctx, out);
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for its readings");
    }
    out->normalised_ns = out->ns + n;
    out->values_ns = out->ns + 2 * n;
    out->normalised_values_ns = out->ns + 3 * n;
    out->scratch = out->ns + 4 * n;
    return ONP_OK;
}

void onp_profile_readings_reset(const onp_context *ctx, onp_profile_readings *r)
{
    onp_free(ctx, r->of);
    onp_free(ctx, r->ns);
    onp_free(ctx, r->values);
    onp_free(ctx, r->scratch_real);
    onp_free(ctx, r->points);
    onp_free(ctx, r->usual_ns);
    *r = (onp_profile_readings){0};
}

onp_status onp_profile_take_medians(const onp_profile_session *s, const onp_profile_unit *u,
                                    const onp_profile_stamps *stamps, int32_t pass,
                                    onp_profile_readings *r, onp_error *err)
{
    const size_t n = stamps->n, at = (size_t)pass * (size_t)r->n_slots + (size_t)u->start;
    const int64_t reference_khz = onp_runner_get_facts(s->runner)->clock_khz;
    int64_t *scratch = onp_alloc(s->ctx, n, sizeof *scratch);
    if (scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %zu samples", n);
    for (size_t g = 0; g < (size_t)u->n; g++) {
        const int64_t *ns = stamps->stamps_ns + g * n;
        bool known = stamps->clocks_khz != NULL && reference_khz > 0;
        memcpy(scratch, ns, n * sizeof *scratch);
        r->ns[at + g] = onp_stats_median(scratch, n);
        for (size_t i = 0; i < n && known; i++) {
            known = stamps->clocks_khz[i] > 0;
            scratch[i] = onp_clock_normalise(ns[i], stamps->clocks_khz[i], reference_khz);
        }
        r->normalised_ns[at + g] = known ? onp_stats_median(scratch, n) : 0;
    }
    onp_free(s->ctx, scratch);
    return ONP_OK;
}

/* ---- taking over ---- */

typedef struct take_over {
    const onp_profile_session *s;
    const onp_profile_plan *p;
    onp_profile_readings *r;
} take_over;

static int64_t to_reference(const onp_profile_session *s, int64_t ns, int64_t khz)
{
    return onp_clock_normalise(ns, khz, onp_runner_get_facts(s->runner)->clock_khz);
}

static onp_status take_visit(void *user, const onp_visit *v, onp_error *err)
{
    const take_over *t = user;
    const int32_t unit = v->key != NULL ? onp_profile_find_unit(t->p, v->key) : -1;
    const bool chain = t->s->mode == ONP_PROFILE_CHAIN;
    if (unit < 0 || v->pass < 1 || v->pass > t->p->passes)
        return ONP_OK;
    const onp_profile_unit *u = &t->p->units[unit];
    const int32_t pass = (int32_t)v->pass - 1;
    const size_t at = (size_t)pass * (size_t)t->r->n_slots + (size_t)u->start;
    if (chain && (v->stamps_ns == NULL || v->n_samples == 0 || v->n_groups != (size_t)u->n))
        return ONP_OK; /* pruned: measured again */
    onp_profile_reading *reading = onp_profile_reading_of(t->r, pass, unit);
    *reading = (onp_profile_reading){
        .done = true,
        .quiet = true,
        .guarded = v->sentinel_after > 0.0,
        .run = v->run,
        .seq = v->seq,
        .sentinel = fmax(v->sentinel_before, v->sentinel_after),
        .ns = v->median_ns,
        .normalised_ns = to_reference(t->s, v->normalized_median_ns, v->reference_khz),
        .lo_ns = v->ci95_lo_ns,
        .hi_ns = v->ci95_hi_ns,
        .quality = v->quality};
    (void)snprintf(reading->reason, sizeof reading->reason, "%s",
                   v->reason != NULL ? v->reason : "");
    if (!chain) {
        t->r->ns[at] = reading->ns;
        t->r->normalised_ns[at] = reading->normalised_ns;
        return ONP_OK;
    }
    const onp_profile_stamps stamps = {
        .stamps_ns = v->stamps_ns, .clocks_khz = v->clocks_khz, .n = v->n_samples};
    return onp_profile_take_medians(t->s, u, &stamps, pass, t->r, err);
}

onp_status onp_profile_take_over(const onp_profile_session *s, const onp_profile_plan *p,
                                 const char *plan_hash, int64_t done, onp_profile_readings *r,
                                 onp_error *err)
{
    take_over t = {.s = s, .p = p, .r = r};
    const onp_visit_query q = {
        .platform = s->platform, .plan = plan_hash != NULL ? plan_hash : p->hash, .done = done};
    return onp_store_visits(s->store, &q, take_visit, &t, err);
}
