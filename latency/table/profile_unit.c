/* SPDX-License-Identifier: Apache-2.0 */
/* One unit of a plan: measured, stored, read. */
#include <stdio.h>

#include "latency/table/profile_internal.h"
#include "latency/table/store_evidence.h"

#define VALUES 6 /* differences that an interval needs, over all passes */

/* A unit in a pass, at hand while it is measured. */
typedef struct work {
    onp_profile_session *s;
    onp_profile_plan *p;
    const onp_profile_unit *u;
    int32_t pass;
    int64_t max_ns;
    onp_profile_readings *r;
} work;

static onp_profile_reading *reading_of(const work *w)
{
    return onp_profile_reading_of(w->r, w->pass, (int32_t)(w->u - w->p->units));
}

static void take_reading(const work *w, const onp_measurement *m)
{
    onp_profile_reading *r = reading_of(w);
    *r = (onp_profile_reading){.done = true,
                               .quiet = true,
                               .run = w->s->run,
                               .seq = w->s->seq,
                               .ns = m->median_ns,
                               .normalised_ns = m->normalized_median_ns,
                               .lo_ns = m->ci95_lo_ns,
                               .hi_ns = m->ci95_hi_ns,
                               .quality = m->quality};
    (void)snprintf(r->reason, sizeof r->reason, "%s", m->reason != NULL ? m->reason : "");
}

/* ---- chain ---- */

static onp_status store_path(const work *w, const onp_measurement *m, onp_error *err)
{
    const onp_profile_session *s = w->s;
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s->store, &tx, err));
    onp_status st = onp_store_network_add(s->store, w->u->key, w->p->blocks + w->u->start, w->u->n,
                                          s->options.space, err);
    if (st == ONP_OK)
        st = onp_store_measure_network(s->store, s->run, w->u->key, m, NULL, err);
    return onp_store_end(s->store, &tx, st, err);
}

static onp_status measure_whole(const work *w, onp_profile_sample *sample, onp_error *err)
{
    ONP_TRY(onp_profile_read_blocks(w->s, w->p->blocks + w->u->start, w->u->n, w->max_ns, false,
                                    sample, err));
    sample->m.pass = w->pass + 1;
    sample->m.seq = w->s->seq;
    ONP_TRY(store_path(w, &sample->m, err));
    if (sample->m.quality != ONP_QUALITY_FAILED)
        take_reading(w, &sample->m);
    return ONP_OK;
}

static onp_status measure_path(const work *w, onp_profile_sample *sample, onp_error *err)
{
    ONP_TRY(onp_profile_read_blocks(w->s, w->p->blocks + w->u->start, w->u->n, w->max_ns, true,
                                    sample, err));
    sample->m.mode = onp_profile_mode_names[ONP_PROFILE_CHAIN];
    sample->m.pass = w->pass + 1;
    sample->m.seq = w->s->seq;
    ONP_TRY(store_path(w, &sample->m, err));
    if (sample->m.quality == ONP_QUALITY_FAILED)
        return ONP_OK;
    const onp_profile_stamps stamps = {.stamps_ns = sample->timing.stamps_ns,
                                       .clocks_khz = sample->timing.clock_khz,
                                       .n = sample->timing.n};
    ONP_TRY(onp_profile_take_medians(w->s, w->u, &stamps, w->pass, w->r, err));
    take_reading(w, &sample->m);
    return ONP_OK;
}

/* ---- single blocks ---- */

/* The row is made of the passes so far. */
static onp_status store_block(const work *w, const onp_measurement *m, bool set_rows,
                              onp_error *err)
{
    const onp_profile_session *s = w->s;
    const int32_t entry = w->p->entry_of[w->u->start];
    onp_sql_tx tx;
    ONP_TRY(onp_store_begin(s->store, &tx, err));
    onp_status st = onp_store_measure_block(s->store, s->run, w->u->key, m, NULL, err);
    if (st == ONP_OK && set_rows && m->quality != ONP_QUALITY_FAILED) {
        const onp_profile_row row = onp_profile_take_row(s, w->p, entry, -1, w->r, NULL);
        st = onp_profile_store_estimate(s, &w->p->entries[entry], &row, err);
    }
    return onp_store_end(s->store, &tx, st, err);
}

static onp_status finish_block(const work *w, onp_measurement *m, bool set_rows, onp_error *err)
{
    const size_t at = (size_t)w->pass * (size_t)w->r->n_slots + (size_t)w->u->start;
    const onp_profile_reading before = *reading_of(w);
    m->mode = onp_profile_mode_names[w->s->mode];
    m->pass = w->pass + 1;
    m->seq = w->s->seq;
    if (m->quality != ONP_QUALITY_FAILED) {
        take_reading(w, m);
        w->r->ns[at] = m->median_ns;
        w->r->normalised_ns[at] = m->normalized_median_ns;
    }
    onp_status st = store_block(w, m, set_rows, err);
    if (st != ONP_OK)
        *reading_of(w) = before;
    return st;
}

static onp_status measure_alone(const work *w, bool set_rows, onp_profile_sample *sample,
                                onp_error *err)
{
    ONP_TRY(onp_profile_read_blocks(w->s, w->p->blocks + w->u->start, 1, w->max_ns, false, sample,
                                    err));
    return finish_block(w, &sample->m, set_rows, err);
}

/* ---- difference ---- */

/* What turns of "with" and "without" gave; at most VALUES of each. */
typedef struct turns {
    int64_t ns[VALUES], normalised_ns[VALUES], clock_khz[VALUES];
    size_t n;
    int64_t n_samples, n_rejected;
    bool normalised;
} turns;

/* One turn. A runner that refuses either is told by sample->m.quality. */
static onp_status take_turn(const work *w, int64_t max_ns, turns *t, onp_profile_sample *sample,
                            onp_error *err)
{
    const onp_block pair[] = {*w->u->feed, w->p->blocks[w->u->start]};
    onp_profile_sample without;
    ONP_TRY(onp_profile_read_blocks(w->s, pair, 2, max_ns, false, sample, err));
    if (sample->m.quality == ONP_QUALITY_FAILED)
        return ONP_OK;
    const onp_measurement with = sample->m;
    onp_status st = onp_profile_read_blocks(w->s, pair, 1, max_ns, false, &without, err);
    if (st == ONP_OK && without.m.quality == ONP_QUALITY_FAILED) {
        sample->failure = without.failure;
        sample->m = (onp_measurement){.quality = ONP_QUALITY_FAILED, .reason = sample->failure.msg};
    } else if (st == ONP_OK) {
        t->ns[t->n] = with.median_ns - without.m.median_ns;
        t->normalised_ns[t->n] = with.normalized_median_ns - without.m.normalized_median_ns;
        t->normalised =
            t->normalised && with.normalized_median_ns > 0 && without.m.normalized_median_ns > 0;
        t->clock_khz[t->n++] = with.clock_khz;
        t->n_samples += with.n + without.m.n;
        t->n_rejected += with.n_rejected + without.m.n_rejected;
    }
    onp_profile_sample_reset(w->s, &without);
    return st;
}

static int64_t greatest(const int64_t *x, size_t n)
{
    int64_t max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

/* Statistics are of the differences; their interval is all that was seen. */
static void take_differences(turns *t, onp_profile_sample *sample)
{
    onp_stats v;
    int64_t scratch[VALUES];
    onp_stats_take(t->ns, t->n, scratch, &v);
    if (v.median_ns <= 0) {
        (void)onp_fail(&sample->failure, ONP_E_DEVICE,
                       "with the block before it, it takes %lld ns less than that one alone: lost "
                       "in the noise",
                       (long long)-v.median_ns);
        sample->m = (onp_measurement){.quality = ONP_QUALITY_FAILED, .reason = sample->failure.msg};
        return;
    }
    const int64_t normalised = t->normalised ? onp_stats_median(t->normalised_ns, t->n) : 0;
    sample->m = (onp_measurement){.n = v.n,
                                  .n_rejected = t->n_rejected,
                                  .median_ns = v.median_ns,
                                  .mad_ns = v.mad_ns,
                                  .cv = v.mean_ns > 0 ? v.cv : 0.0,
                                  .ci95_lo_ns = v.min_ns > 0 ? v.min_ns : 1,
                                  .ci95_hi_ns = greatest(t->ns, t->n),
                                  .normalized_median_ns = normalised > 0 ? normalised : 0,
                                  .clock_khz = onp_stats_median(t->clock_khz, t->n),
                                  .samples_ns = t->ns,
                                  .n_samples = t->n};
}

static onp_status measure_difference(const work *w, bool set_rows, onp_profile_sample *sample,
                                     onp_error *err)
{
    if (w->u->feed == NULL)
        return measure_alone(w, set_rows, sample, err);
    turns t = {.normalised = true};
    size_t n = (size_t)(VALUES + w->p->passes - 1) / (size_t)w->p->passes;
    n = n < 3 ? 3 : n;
    for (size_t i = 0; i < n; i++) {
        onp_profile_sample_reset(w->s, sample);
        ONP_TRY(take_turn(w, w->max_ns / (int64_t)(2 * n), &t, sample, err));
        if (sample->m.quality == ONP_QUALITY_FAILED)
            return finish_block(w, &sample->m, set_rows, err);
    }
    take_differences(&t, sample);
    return finish_block(w, &sample->m, set_rows, err);
}

/* ---- any of them ---- */

onp_status onp_profile_measure_unit(onp_profile_session *s, onp_profile_plan *p, int32_t pass,
                                    int32_t unit, int64_t max_ns, bool set_rows,
                                    onp_profile_readings *r, onp_error *failure, onp_error *err)
{
    const work w = {.s = s, .p = p, .u = &p->units[unit], .pass = pass, .max_ns = max_ns, .r = r};
    onp_profile_sample sample = {0};
    s->seq++;
    onp_status st = w.u->whole                     ? measure_whole(&w, &sample, err)
                    : s->mode == ONP_PROFILE_CHAIN ? measure_path(&w, &sample, err)
                    : s->mode == ONP_PROFILE_DIFFERENCE
                        ? measure_difference(&w, set_rows, &sample, err)
                        : measure_alone(&w, set_rows, &sample, err);
    *failure =
        st == ONP_OK && sample.m.quality == ONP_QUALITY_FAILED ? sample.failure : (onp_error){0};
    onp_profile_sample_reset(s, &sample);
    return st;
}
