/* SPDX-License-Identifier: Apache-2.0 */
/* Which readings rows are made of, and which are worth measuring again: see latency/table/quiet.h.
 */
#include <stdlib.h>

#include "latency/table/profile_internal.h"
#include "latency/table/quiet.h"

#define LEAST_VALUES     6   /* of a row of paths: what a 95 % interval needs */
#define ENOUGH           0.5 /* share of the readings; when so many are quiet, no more are needed */
#define LEAST_STRAINS    12  /* fewer tell nothing */
#define STRAIN_TOLERANCE 0.015 /* above their level */
#define ROUNDS           2

/* ---- choosing ---- */

static bool is_done(const onp_profile_plan *p, const onp_profile_readings *r, int32_t unit)
{
    bool done = r == NULL;
    for (int32_t pass = 0; pass < p->passes && !done; pass++)
        done = onp_profile_reading_of(r, pass, unit)->done;
    return done;
}

/* Fills r->values; returns how many. */
static int32_t gather(const onp_profile_plan *p, int32_t entry, int32_t pass,
                      const onp_profile_readings *r, const onp_profile_readings *also)
{
    int32_t n = 0;
    for (int32_t unit = 0; unit < p->n_units; unit++) {
        const onp_profile_unit *u = &p->units[unit];
        for (int32_t q = pass < 0 ? 0 : pass; q < (pass < 0 ? p->passes : pass + 1); q++) {
            const onp_profile_reading *reading = onp_profile_reading_of(r, q, unit);
            const size_t base = (size_t)q * (size_t)p->n_slots;
            if (!reading->done || !is_done(p, also, unit))
                continue;
            for (int32_t k = u->start; k < u->start + u->n; k++)
                if (p->entry_of[k] == entry)
                    r->values[n++] =
                        (onp_profile_value){.unit = unit,
                                            .reading = reading,
                                            .ns = r->ns[base + (size_t)k],
                                            .normalised_ns = r->normalised_ns[base + (size_t)k]};
        }
    }
    return n;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int32_t least_of(const onp_profile_session *s, int32_t n)
{
    const int32_t least = s->mode == ONP_PROFILE_CHAIN ? LEAST_VALUES : 1;
    return n < least ? n : least;
}

/* Sorts r->scratch_real, of n values; the one that `least` of them are not above. */
static double nth_of(const onp_profile_readings *r, int32_t n, int32_t least)
{
    qsort(r->scratch_real, (size_t)n, sizeof *r->scratch_real, compare);
    return r->scratch_real[least - 1];
}

int32_t onp_profile_choose(const onp_profile_session *s, const onp_profile_plan *p, int32_t entry,
                           int32_t pass, const onp_profile_readings *r,
                           const onp_profile_readings *also, double *excess)
{
    const int32_t n = gather(p, entry, pass, r, also), least = least_of(s, n);
    int32_t n_chosen = 0;
    *excess = 0.0;
    if (n == 0)
        return 0;
    for (int32_t i = 0; i < n; i++)
        r->scratch_real[i] = r->values[i].reading->quiet ? 0.0 : r->values[i].reading->sentinel;
    const double most = nth_of(r, n, least);
    for (int32_t i = 0; i < n; i++)
        if (r->values[i].reading->quiet || r->values[i].reading->sentinel <= most)
            r->values[n_chosen++] = r->values[i];
    for (int32_t i = 0; i < n_chosen; i++)
        r->scratch_real[i] =
            r->values[i].reading->quiet && !r->never_quiet ? 0.0 : r->values[i].reading->sentinel;
    *excess = onp_quiet_excess(r->quiet_level, nth_of(r, n_chosen, least));
    return n_chosen;
}

/* ---- what is quiet ---- */

static int64_t at_one_clock(int64_t ns, int64_t normalised_ns)
{
    return normalised_ns > 0 ? normalised_ns : ns;
}

/* Of each entry, the median of its quiet values, or of all when none is; 0: there are none. */
static void take_usual(const onp_profile_plan *p, const onp_profile_readings *r)
{
    for (int32_t i = 0; i < p->n_entries; i++) {
        const int32_t n = gather(p, i, -1, r, NULL);
        size_t n_taken = 0;
        for (int quiet = 1; quiet >= 0 && n_taken == 0; quiet--)
            for (int32_t k = 0; k < n; k++)
                if (r->values[k].reading->quiet || !quiet)
                    r->scratch[n_taken++] =
                        at_one_clock(r->values[k].ns, r->values[k].normalised_ns);
        r->usual_ns[i] = n_taken > 0 ? onp_stats_median(r->scratch, n_taken) : 0;
    }
}

/* What a path took over what its blocks usually take; 0: unknown. */
static double strain_of(const onp_profile_plan *p, const onp_profile_readings *r, int32_t pass,
                        int32_t unit)
{
    const onp_profile_unit *u = &p->units[unit];
    const size_t base = (size_t)pass * (size_t)p->n_slots;
    int64_t took = 0, usual = 0;
    if (u->whole || !onp_profile_reading_of(r, pass, unit)->done)
        return 0.0;
    for (int32_t k = u->start; k < u->start + u->n; k++) {
        if (p->entry_of[k] < 0 || r->usual_ns[p->entry_of[k]] == 0)
            return 0.0;
        took += at_one_clock(r->ns[base + (size_t)k], r->normalised_ns[base + (size_t)k]);
        usual += r->usual_ns[p->entry_of[k]];
    }
    return (double)took / (double)usual;
}

/* The sentinel's level, or, in a session that never came down to it, the one that it did. */
static double lowest_level(const onp_profile_plan *p, const onp_profile_readings *r)
{
    int32_t n = 0;
    for (int32_t i = 0; i < p->passes * p->n_units; i++)
        if (r->of[i].done && r->of[i].sentinel > 0.0)
            r->scratch_real[n++] = r->of[i].sentinel;
    const double level = n > 0 ? onp_quiet_level(r->scratch_real, n) : 0.0;
    return level > r->quiet_level ? level : r->quiet_level;
}

/* Of the strains of those readings that are quiet so far (all: of all); 0: they are too few. */
static double strain_level(const onp_profile_plan *p, const onp_profile_readings *r, bool all)
{
    int32_t n = 0;
    for (int32_t i = 0; i < p->passes * p->n_units; i++) {
        const double strain = strain_of(p, r, i / p->n_units, i % p->n_units);
        if (strain > 0.0 && (all || r->of[i].quiet))
            r->scratch_real[n++] = strain;
    }
    if (n < LEAST_STRAINS)
        return 0.0;
    return all ? onp_quiet_level(r->scratch_real, n) : nth_of(r, n, n / 4 + 1);
}

/* With those that are quiet so far as the measure. */
static void judge_strains(const onp_profile_plan *p, const onp_profile_readings *r)
{
    take_usual(p, r);
    const double of_quiet = strain_level(p, r, false), of_all = strain_level(p, r, true);
    const double level = of_quiet > 0.0 && of_quiet < of_all ? of_quiet : of_all;
    for (int32_t i = 0; i < p->passes * p->n_units && level > 0.0; i++) {
        const double strain = strain_of(p, r, i / p->n_units, i % p->n_units);
        if (strain > 0.0)
            r->of[i].quiet = onp_quiet_excess(level, strain) <= STRAIN_TOLERANCE;
    }
}

void onp_profile_find_quiet(const onp_profile_session *s, const onp_profile_plan *p,
                            onp_profile_readings *r)
{
    const double lowest = lowest_level(p, r);
    r->never_quiet = onp_quiet_excess(r->quiet_level, lowest) > ONP_QUIET_TOLERANCE;
    for (int32_t i = 0; i < p->passes * p->n_units; i++)
        r->of[i].quiet = onp_quiet_excess(lowest, r->of[i].sentinel) <= ONP_QUIET_TOLERANCE;
    for (int round = 0; round < ROUNDS && s->mode == ONP_PROFILE_CHAIN; round++)
        judge_strains(p, r);
}

/* ---- again ---- */

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
        enough[i] = n == 0 || (!r->never_quiet && is_enough(s, n_quiet, n));
    }
    for (int32_t unit = 0; unit < p->n_units; unit++) {
        int32_t n = 0, n_quiet = 0;
        for (int32_t pass = 0; pass < p->passes; pass++) {
            const onp_profile_reading *reading = onp_profile_reading_of(r, pass, unit);
            n += reading->done;
            n_quiet += reading->done && reading->quiet;
        }
        enough[p->n_entries + unit] = n == 0 || (!r->never_quiet && 2 * n_quiet >= n);
    }
}
