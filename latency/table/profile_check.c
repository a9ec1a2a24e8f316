/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/profile_check.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "latency/table/profile_internal.h"
#include "latency/table/store_visits.h"

#define CHECK_VALUES 12 /* of each block that is checked */

typedef struct recheck {
    onp_profile_session s;
    const onp_profile_check *check;
    onp_profile_plan plan;
    onp_profile_readings old, new;
    onp_profile_row *rows; /* of each entry: new */
    int64_t *known_ns;     /* of each entry: its estimate; 0: there is none */
    double *scratch;
    int64_t old_run; /* the newest that an estimate is of */
    onp_profile_progress progress;
    onp_profile_drift *out;
} recheck;

/* ---- choosing ---- */

static onp_status note_rows(recheck *c, onp_error *err)
{
    for (int32_t i = 0; i < c->plan.n_entries; i++) {
        onp_estimate e;
        onp_status st =
            onp_store_estimate_get(c->s.store, c->s.platform, c->plan.entries[i].key, &e, err);
        if (st != ONP_OK && st != ONP_E_MISSING)
            return st;
        if (st == ONP_E_MISSING || e.source != ONP_SOURCE_MEASURED)
            continue;
        c->known_ns[i] = e.median_ns;
        c->old_run = e.run > c->old_run ? e.run : c->old_run;
        c->out->n_rows++;
    }
    if (c->out->n_rows == 0)
        return onp_fail(err, ONP_E_MISSING, "%s: no measured rows of these blocks in mode %s",
                        onp_store_path(c->s.store), onp_profile_mode_names[c->s.mode]);
    return ONP_OK;
}

/* A sample without replacement: of n rows left and k to take, each is taken with k / n (C. Fan,
 * M. Muller, I. Rezucha, 1962). Another one for every run. */
static int32_t choose_rows(recheck *c)
{
    const onp_rng rng = onp_rng_make(c->s.options.seed, ONP_RNG_ORDER);
    int32_t left = c->out->n_rows;
    int32_t take = (int32_t)ceil(c->check->share * (double)left - 1e-9);
    const int32_t n = take < 1 ? 1 : take;
    take = n;
    for (int32_t i = 0; i < c->plan.n_entries; i++) {
        if (c->known_ns[i] == 0)
            continue;
        const uint64_t draw =
            onp_rng_below(rng, (uint64_t)c->s.run, (uint32_t)i, 1, (uint64_t)left--);
        c->plan.entries[i].wanted = draw < (uint64_t)take;
        take -= c->plan.entries[i].wanted;
    }
    return n;
}

static bool is_needed(const onp_profile_plan *p, const onp_profile_unit *u)
{
    for (int32_t k = u->start; k < u->start + u->n; k++) {
        const onp_profile_entry *e = p->entry_of[k] >= 0 ? &p->entries[p->entry_of[k]] : NULL;
        if (e != NULL && e->wanted && e->n_slots * p->passes < CHECK_VALUES)
            return true;
    }
    return false;
}

/* Returns how many units it takes. */
static int32_t choose_units(recheck *c, bool all)
{
    onp_profile_plan *p = &c->plan;
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_units; i++) {
        onp_profile_unit *u = &p->units[i];
        u->used = all || is_needed(p, u);
        n += u->used;
        for (int32_t k = u->start; u->used && k < u->start + u->n; k++)
            if (p->entry_of[k] >= 0)
                p->entries[p->entry_of[k]].n_slots++;
    }
    return n;
}

/* ---- comparing ---- */

static void note_change(onp_profile_changes *c, double *changes, double change, const char *key)
{
    if (isnan(change))
        return;
    if (c->n == 0 || fabs(change) > fabs(c->worst)) {
        c->worst = change;
        memcpy(c->worst_key, key, strlen(key) + 1);
    }
    c->within1 += fabs(change) <= 0.01;
    c->within2 += fabs(change) <= 0.02;
    c->within5 += fabs(change) <= 0.05;
    changes[c->n++] = change;
}

static double change_of(int64_t from, int64_t to)
{
    return from > 0 && to > 0 ? (double)to / (double)from - 1.0 : (double)NAN;
}

static void compare(recheck *c)
{
    double *raw = c->scratch, *normalised = raw + c->plan.n_entries;
    double *same_load = normalised + c->plan.n_entries;
    onp_profile_drift *out = c->out;
    out->load = onp_profile_load(&c->plan, &c->new, &c->old) / c->old.load - 1.0;
    for (int32_t i = 0; i < c->plan.n_entries; i++) {
        const onp_profile_entry *e = &c->plan.entries[i];
        if (!e->wanted || c->rows[i].n == 0)
            continue;
        onp_profile_row from = onp_profile_take_row(&c->s, &c->plan, i, -1, &c->old, &c->new);
        onp_profile_row to = c->rows[i];
        if (from.n > 0)
            to = onp_profile_take_row(&c->s, &c->plan, i, -1, &c->new, &c->old);
        else
            from.raw_ns = c->known_ns[i];
        note_change(&out->raw, raw, change_of(from.raw_ns, to.raw_ns), e->key);
        note_change(&out->normalised, normalised, change_of(from.normalised_ns, to.normalised_ns),
                    e->key);
        if (from.n == 0 || isnan(out->load))
            continue;
        c->new.as = &c->old;
        to = onp_profile_take_row(&c->s, &c->plan, i, -1, &c->new, &c->old);
        c->new.as = NULL;
        if (!from.without_load || !to.without_load)
            continue;
        note_change(&out->same_load, same_load, change_of(from.normalised_ns, to.normalised_ns),
                    e->key);
    }
    out->same_load.median = onp_profile_median(same_load, out->same_load.n);
    out->raw.median = onp_profile_median(raw, out->raw.n);
    out->normalised.median = onp_profile_median(normalised, out->normalised.n);
}

/* ---- rows ---- */

static onp_status store_row(recheck *c, int32_t i, onp_error *err)
{
    const onp_profile_entry *e = &c->plan.entries[i];
    if (c->s.mode == ONP_PROFILE_CHAIN)
        ONP_TRY(onp_profile_store_row(&c->s, e, &c->rows[i], &c->new, err));
    return c->check->update ? onp_profile_store_estimate(&c->s, e, &c->rows[i], err) : ONP_OK;
}

static onp_status take_rows(recheck *c, onp_error *err)
{
    onp_sql_tx tx;
    onp_status st = ONP_OK;
    ONP_TRY(onp_store_begin(c->s.store, &tx, err));
    for (int32_t i = 0; i < c->plan.n_entries && st == ONP_OK; i++) {
        const onp_profile_entry *e = &c->plan.entries[i];
        c->rows[i] = onp_profile_take_row(&c->s, &c->plan, i, -1, &c->new, NULL);
        if (!e->wanted)
            continue;
        c->out->n_measured += c->rows[i].n > 0;
        c->out->n_failed += c->rows[i].n == 0 && e->failed;
        c->out->n_noisy += c->rows[i].n > 0 && c->rows[i].quality != ONP_QUALITY_OK;
        if (c->rows[i].n > 0)
            st = store_row(c, i, err);
    }
    return onp_store_end(c->s.store, &tx, st, err);
}

/* ---- all of it ---- */

static onp_status measure(recheck *c, onp_error *err)
{
    const int64_t given_ns = c->s.options.budget_ns;
    const bool all = c->check->share >= 1.0;
    (void)choose_rows(c);
    const int32_t n_used = choose_units(c, all && c->s.mode == ONP_PROFILE_CHAIN);
    c->progress.budget_ns =
        given_ns > 0 ? given_ns / c->plan.n_units * n_used : onp_profile_budget(&c->s, &c->plan);
    onp_status st = onp_profile_loop(&c->s, &c->plan, &c->new, &c->progress, err);
    c->old.quiet_level = c->new.quiet_level; /* one sentinel, on one platform */
    onp_profile_find_quiet(&c->plan, &c->old);
    onp_profile_find_quiet(&c->plan, &c->new);
    onp_profile_take_load(&c->s, &c->plan, &c->old);
    onp_profile_take_load(&c->s, &c->plan, &c->new);
    onp_profile_take_clock(&c->plan, &c->old);
    onp_profile_take_clock(&c->plan, &c->new);
    onp_status taken = take_rows(c, st == ONP_OK ? err : NULL);
    compare(c);
    onp_profile_take_trust(&c->s, &c->plan, &c->new, c->rows, c->scratch, &c->out->trust);
    c->out->trust.n_sentinels = c->progress.n_sentinels;
    c->out->trust.n_pauses = c->progress.n_pauses;
    c->out->trust.n_again = c->progress.n_again;
    c->out->trust.drift = c->progress.drift;
    if (st == ONP_OK)
        st = taken;
    if (st == ONP_OK && c->out->n_failed > 0)
        return onp_fail(err, ONP_E_DEVICE,
                        "%" PRId32 " blocks could not be measured, the first: %s", c->out->n_failed,
                        c->progress.first.msg);
    return st;
}

static onp_status allocate(recheck *c, onp_error *err)
{
    const size_t n = (size_t)c->plan.n_entries;
    ONP_TRY(onp_profile_readings_init(c->s.ctx, &c->plan, &c->old, err));
    ONP_TRY(onp_profile_readings_init(c->s.ctx, &c->plan, &c->new, err));
    c->rows = onp_alloc(c->s.ctx, n, sizeof *c->rows);
    c->known_ns = onp_alloc(c->s.ctx, n, sizeof *c->known_ns);
    c->scratch = onp_alloc(c->s.ctx, 3 * n, sizeof *c->scratch);
    if (c->rows == NULL || c->known_ns == NULL || c->scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %zu rows", n);
    return ONP_OK;
}

static onp_status run(recheck *c, const onp_block *blocks, int32_t n, onp_error *err)
{
    char old_plan[ONP_SHA256_HEX];
    ONP_TRY(onp_profile_plan_make(&c->s, blocks, n, &c->plan, err));
    ONP_TRY(allocate(c, err));
    ONP_TRY(note_rows(c, err));
    ONP_TRY(onp_store_run_plan(c->s.store, c->old_run, old_plan, err));
    if (old_plan[0] != '\0')
        ONP_TRY(onp_profile_take_over(&c->s, &c->plan, old_plan, c->old_run, &c->old, err));
    const onp_profile_run_info info = {.order = "random",
                                       .plan = c->plan.hash,
                                       .n_units = c->plan.n_units,
                                       .budget_ns = c->s.options.budget_ns,
                                       .check = c->check->share};
    ONP_TRY(onp_profile_start_run(&c->s, &info, err));
    c->out->run = c->s.run;
    return onp_profile_end_run(&c->s, measure(c, err), err);
}

onp_status onp_profile_recheck(onp_store *store, onp_runner *r, const onp_block *blocks, int32_t n,
                               const onp_profile_options *options, const onp_profile_check *check,
                               onp_profile_drift *out, onp_error *err)
{
    const onp_profile_changes none = {.median = (double)NAN, .worst = (double)NAN};
    recheck c = {.check = check, .out = out};
    assert(n >= 0);
    *out = (onp_profile_drift){
        .raw = none, .normalised = none, .same_load = none, .load = (double)NAN};
    onp_profile_no_trust(&out->trust);
    if (!(check->share >= 0.0 && check->share <= 1.0))
        return onp_fail(err, ONP_E_RANGE, "check: a share of %g, wanted 0..1", check->share);
    ONP_TRY(
        onp_profile_open(store, r, options, options != NULL && options->paths != NULL, &c.s, err));
    c.s.check = true;
    out->mode = c.s.mode;
    ONP_TRY(onp_profile_platform(store, r, c.s.batch, c.s.mode, &c.s.platform, err));
    out->platform = c.s.platform;
    onp_status st = run(&c, blocks, n, err);
    onp_free(c.s.ctx, c.rows);
    onp_free(c.s.ctx, c.known_ns);
    onp_free(c.s.ctx, c.scratch);
    onp_profile_readings_reset(c.s.ctx, &c.old);
    onp_profile_readings_reset(c.s.ctx, &c.new);
    onp_profile_plan_reset(&c.s, &c.plan);
    return st;
}
