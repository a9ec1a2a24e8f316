/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/profile.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "latency/table/profile_internal.h"

#define NOISY_NAMED 5 /* rows; the table knows all */

/* One profile, from plan to rows. */
typedef struct profile {
    onp_profile_session s;
    onp_profile_plan plan;
    onp_profile_readings readings;
    onp_profile_row *rows; /* of each entry */
    double *scratch;
    onp_profile_progress progress;
    onp_profile_result *result;
} profile;

/* ---- what is missing ---- */

/* Are all units with this entry measured, and is its row set by an unfinished run of this plan? */
static bool is_complete(const profile *f, int32_t entry)
{
    const onp_profile_plan *p = &f->plan;
    for (int32_t k = 0; k < p->n_slots; k++) {
        if (p->entry_of[k] != entry)
            continue;
        int32_t unit = 0;
        while (k >= p->units[unit].start + p->units[unit].n)
            unit++;
        for (int32_t pass = 0; pass < p->passes; pass++)
            if (!onp_profile_reading_of(&f->readings, pass, unit)->done)
                return false;
    }
    return true;
}

static bool is_unfinished(const profile *f, int64_t run)
{
    const int32_t n = f->plan.passes * f->plan.n_units;
    for (int32_t i = 0; i < n; i++)
        if (f->readings.of[i].done && f->readings.of[i].run == run)
            return true;
    return false;
}

/* Wanted are blocks without a fresh estimate, or with one that an unfinished run of this plan made
 * of the part it had. */
static onp_status find_wanted(profile *f, int32_t *n_wanted, onp_error *err)
{
    *n_wanted = 0;
    for (int32_t i = 0; i < f->plan.n_entries; i++) {
        onp_profile_entry *e = &f->plan.entries[i];
        const char *key = e->key;
        size_t n = 0;
        onp_estimate estimate = {0};
        ONP_TRY(onp_store_missing(f->s.store, f->s.platform, &key, 1, &e->wanted, &n, err));
        e->wanted = e->wanted || f->s.options.networks != NULL;
        if (!e->wanted) {
            ONP_TRY(onp_store_estimate_get(f->s.store, f->s.platform, key, &estimate, err));
            e->wanted = is_unfinished(f, estimate.run) && !is_complete(f, i);
        }
        *n_wanted += e->wanted;
    }
    return ONP_OK;
}

/* ---- rows ---- */

static onp_status set_row(profile *f, int32_t entry, onp_error *err)
{
    const onp_profile_entry *e = &f->plan.entries[entry];
    const onp_profile_row *row = &f->rows[entry];
    if (f->s.mode == ONP_PROFILE_CHAIN)
        ONP_TRY(onp_profile_store_row(&f->s, e, row, &f->readings, err));
    return onp_profile_store_estimate(&f->s, e, row, err);
}

/* Rows are made of all there is when no more is measured. */
static onp_status take_rows(profile *f, onp_error *err)
{
    onp_sql_tx tx;
    onp_status st = ONP_OK;
    ONP_TRY(onp_store_begin(f->s.store, &tx, err));
    for (int32_t i = 0; i < f->plan.n_entries && st == ONP_OK; i++) {
        f->rows[i] = onp_profile_take_row(&f->s, &f->plan, i, -1, &f->readings, NULL);
        if (f->plan.entries[i].wanted && f->rows[i].n > 0)
            st = set_row(f, i, err);
    }
    return onp_store_end(f->s.store, &tx, st, err);
}

static void count_rows(profile *f)
{
    onp_profile_result *r = f->result;
    for (int32_t i = 0; i < f->plan.n_entries; i++) {
        const onp_profile_entry *e = &f->plan.entries[i];
        const onp_profile_row *row = &f->rows[i];
        if (!e->wanted)
            continue;
        r->n_measured += row->n > 0;
        r->n_failed += row->n == 0 && e->failed;
        if (row->n > 0 && row->quality != ONP_QUALITY_OK) {
            if (r->n_noisy++ < NOISY_NAMED)
                onp_log(f->s.ctx, ONP_LOG_INFO, "%s: %s: %s", e->key,
                        onp_quality_name(row->quality), row->reason);
        }
    }
    if (r->n_noisy > NOISY_NAMED)
        onp_log(f->s.ctx, ONP_LOG_INFO, "and %" PRId32 " more rows that are noisy",
                r->n_noisy - NOISY_NAMED);
    r->n_graphs = f->progress.n_graphs;
    r->trust.n_sentinels = f->progress.n_sentinels;
    r->trust.n_pauses = f->progress.n_pauses;
    r->trust.n_again = f->progress.n_again;
    r->trust.drift = f->progress.drift;
}

/* What could not be measured matters when blocks are left without a row. */
static onp_status judge(const profile *f, onp_error *err)
{
    const onp_profile_result *r = f->result;
    if (f->progress.n_failed == 0)
        return ONP_OK;
    if (r->n_failed > 0)
        return onp_fail(err, ONP_E_DEVICE,
                        "%" PRId32 " of %" PRId32 " blocks could not be measured, the first: %s",
                        r->n_failed, r->n_failed + r->n_measured, f->progress.first.msg);
    onp_log(f->s.ctx, ONP_LOG_WARN, "%" PRId32 " graphs could not be measured, the first: %s",
            f->progress.n_failed, f->progress.first.msg);
    return ONP_OK;
}

/* ---- all of it ---- */

/* Those measured whole are the last units. */
static void take_networks(const profile *f)
{
    const onp_block_paths *networks = f->s.options.networks;
    for (int32_t i = 0; networks != NULL && i < networks->n; i++)
        for (int32_t pass = 0; pass < f->plan.passes; pass++) {
            const onp_profile_reading *r =
                onp_profile_reading_of(&f->readings, pass, f->plan.n_units - networks->n + i);
            const double at_rows = (double)r->normalised_ns * f->readings.slowdown;
            onp_profile_whole *out = &f->s.options.whole[pass * networks->n + i];
            *out = (onp_profile_whole){.ns = 0};
            if (!r->done)
                continue;
            out->ns = r->normalised_ns > 0 ? llround(at_rows) : r->ns;
            out->raw_ns = r->ns;
        }
}

static onp_status measure(profile *f, onp_error *err)
{
    onp_status st = onp_profile_loop(&f->s, &f->plan, &f->readings, &f->progress, err);
    onp_profile_find_quiet(&f->plan, &f->readings);
    onp_profile_take_clock(&f->plan, &f->readings);
    onp_profile_take_load(&f->s, &f->plan, &f->readings);
    take_networks(f);
    onp_status taken = take_rows(f, st == ONP_OK ? err : NULL);
    count_rows(f);
    onp_profile_take_trust(&f->s, &f->plan, &f->readings, f->rows, f->scratch, &f->result->trust);
    if (st == ONP_OK)
        st = taken;
    return st == ONP_OK ? judge(f, err) : st;
}

static int32_t count_done(const profile *f)
{
    int32_t n = 0;
    for (int32_t pass = 0; pass < f->plan.passes; pass++)
        for (int32_t unit = 0; unit < f->plan.n_units; unit++)
            n += onp_profile_reading_of(&f->readings, pass, unit)->done;
    return n;
}

static int32_t count_used(const onp_profile_plan *p)
{
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_units; i++)
        n += p->units[i].used;
    return n;
}

static onp_status profile_missing(profile *f, onp_error *err)
{
    const int64_t budget_ns = onp_profile_budget(&f->s, &f->plan);
    onp_profile_plan_trim(&f->s, &f->plan, budget_ns);
    const int32_t n_used = count_used(&f->plan);
    const onp_profile_run_info info = {.order = "random",
                                       .plan = f->plan.hash,
                                       .n_units = n_used,
                                       .budget_ns = budget_ns,
                                       .graph_ns =
                                           budget_ns / (n_used > 0 ? n_used : 1) / f->plan.passes};
    f->progress.set_rows = f->s.mode != ONP_PROFILE_CHAIN;
    f->progress.budget_ns = budget_ns;
    f->result->n_resumed = count_done(f);
    ONP_TRY(onp_profile_start_run(&f->s, &info, err));
    f->result->run = f->s.run;
    return onp_profile_end_run(&f->s, measure(f, err), err);
}

static onp_status allocate(profile *f, onp_error *err)
{
    const size_t n = (size_t)f->plan.n_entries;
    ONP_TRY(onp_profile_readings_init(f->s.ctx, &f->plan, &f->readings, err));
    f->rows = onp_alloc(f->s.ctx, n, sizeof *f->rows);
    f->scratch = onp_alloc(f->s.ctx, 2 * n, sizeof *f->scratch);
    if (f->rows == NULL || f->scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "profile: no memory for %zu rows", n);
    return ONP_OK;
}

static onp_status run(profile *f, const onp_block *blocks, int32_t n, onp_error *err)
{
    int32_t n_wanted = 0;
    ONP_TRY(onp_profile_plan_make(&f->s, blocks, n, &f->plan, err));
    ONP_TRY(allocate(f, err));
    if (f->s.options.networks == NULL)
        ONP_TRY(onp_profile_take_over(&f->s, &f->plan, NULL, 0, &f->readings, err));
    ONP_TRY(find_wanted(f, &n_wanted, err));
    f->result->n_known = f->plan.n_entries - n_wanted;
    return n_wanted > 0 ? profile_missing(f, err) : ONP_OK;
}

onp_status onp_profile(onp_store *store, onp_runner *r, const onp_block *blocks, int32_t n,
                       const onp_profile_options *options, onp_profile_result *result,
                       onp_error *err)
{
    profile f = {.result = result};
    assert(n >= 0);
    *result = (onp_profile_result){.n_measured = 0};
    onp_profile_no_trust(&result->trust);
    ONP_TRY(
        onp_profile_open(store, r, options, options != NULL && options->paths != NULL, &f.s, err));
    result->mode = f.s.mode;
    ONP_TRY(onp_profile_platform(store, r, f.s.batch, f.s.mode, &f.s.platform, err));
    result->platform = f.s.platform;
    onp_status st = run(&f, blocks, n, err);
    onp_free(f.s.ctx, f.rows);
    onp_free(f.s.ctx, f.scratch);
    onp_profile_readings_reset(f.s.ctx, &f.readings);
    onp_profile_plan_reset(&f.s, &f.plan);
    return st;
}
