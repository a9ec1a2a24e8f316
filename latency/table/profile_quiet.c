/* SPDX-License-Identifier: Apache-2.0 */
/* Which readings rows are made of, and which are worth measuring again: see latency/table/quiet.h.
 */
#include "latency/table/profile_internal.h"
#include "latency/table/quiet.h"

#define LEAST_VALUES 6   /* of a row of paths: what a 95 % interval needs */
#define ENOUGH       0.5 /* share of the readings; when so many are quiet, no more are needed */

/* ---- choosing ---- */

static bool is_done(const onp_profile_plan *p, const onp_profile_readings *r, int32_t unit)
{
    bool done = r == NULL;
    for (int32_t pass = 0; pass < p->passes && !done; pass++)
        done = onp_profile_reading_of(r, pass, unit)->done;
    return done;
}

/* Adds what a unit in a pass tells of an entry to r->values[n..]; returns n after it. */
static int32_t add_values(const onp_profile_plan *p, int32_t entry, int32_t pass, int32_t unit,
                          const onp_profile_readings *r, int32_t n)
{
    const onp_profile_unit *u = &p->units[unit];
    const size_t base = (size_t)pass * (size_t)p->n_slots;
    for (int32_t k = u->start; k < u->start + u->n; k++)
        if (p->entry_of[k] == entry)
            r->values[n++] =
                (onp_profile_value){.unit = unit,
                                    .pass = pass,
                                    .reading = onp_profile_reading_of(r, pass, unit),
                                    .ns = r->ns[base + (size_t)k],
                                    .normalised_ns = r->normalised_ns[base + (size_t)k]};
    return n;
}

/* Fills r->values; returns how many. */
static int32_t gather(const onp_profile_plan *p, int32_t entry, int32_t pass,
                      const onp_profile_readings *r, const onp_profile_readings *also)
{
    int32_t n = 0;
    for (int32_t unit = 0; unit < p->n_units; unit++)
        for (int32_t q = pass < 0 ? 0 : pass; q < (pass < 0 ? p->passes : pass + 1); q++)
            if (onp_profile_reading_of(r, q, unit)->done && is_done(p, also, unit))
                n = add_values(p, entry, q, unit, r, n);
    return n;
}

static int32_t least_of(const onp_profile_session *s, int32_t n)
{
    const int32_t least = s->mode == ONP_PROFILE_CHAIN ? LEAST_VALUES : 1;
    return n < least ? n : least;
}

int32_t onp_profile_choose(const onp_profile_session *s, const onp_profile_plan *p, int32_t entry,
                           int32_t pass, const onp_profile_readings *r,
                           const onp_profile_readings *also, double *excess)
{
    const int32_t n = gather(p, entry, pass, r, also);
    int32_t n_chosen = 0;
    *excess = 0.0;
    if (n == 0)
        return 0;
    for (int32_t i = 0; i < n; i++)
        r->scratch_real[i] = r->values[i].reading->sentinel;
    onp_profile_sort(r->scratch_real, n);
    const double most = r->scratch_real[least_of(s, n) - 1];
    *excess = onp_quiet_excess(r->quiet_level, most);
    if (s->mode == ONP_PROFILE_CHAIN)
        return n; /* their load is taken out */
    for (int32_t i = 0; i < n; i++)
        if (r->values[i].reading->quiet || r->values[i].reading->sentinel <= most)
            r->values[n_chosen++] = r->values[i];
    return n_chosen;
}

/* ---- again ---- */

void onp_profile_find_quiet(const onp_profile_plan *p, const onp_profile_readings *r)
{
    for (int32_t i = 0; i < p->passes * p->n_units; i++)
        r->of[i].quiet = onp_quiet_excess(r->quiet_level, r->of[i].sentinel) <= ONP_QUIET_TOLERANCE;
}

static bool is_enough(const onp_profile_session *s, int32_t n_quiet, int32_t n)
{
    return n_quiet >= least_of(s, n) && (double)n_quiet >= ENOUGH * (double)n;
}

void onp_profile_count_quiet(const onp_profile_session *s, const onp_profile_plan *p,
                             const onp_profile_readings *r, bool *enough)
{
    for (int32_t i = 0; i < p->n_entries; i++) {
        const int32_t n = p->entries[i].wanted ? gather(p, i, -1, r, NULL) : 0;
        int32_t n_quiet = 0;
        for (int32_t k = 0; k < n; k++)
            n_quiet += r->values[k].reading->quiet;
        enough[i] = is_enough(s, n_quiet, n);
    }
}
