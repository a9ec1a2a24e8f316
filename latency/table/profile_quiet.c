/* SPDX-License-Identifier: Apache-2.0 */
/* Which readings rows are made of, and which are worth measuring again: see latency/table/quiet.h.
 */
#include <stdlib.h>

#include "latency/table/profile_internal.h"
#include "latency/table/quiet.h"

#define LEAST_VALUES 6   /* of a row of paths: what a 95 % interval needs */
#define ENOUGH       0.5 /* share of the readings; when so many are quiet, no more are needed */

bool onp_profile_is_quiet(const onp_profile_readings *r, const onp_profile_reading *reading)
{
    return onp_quiet_excess(r->quiet_level, reading->sentinel) <= ONP_QUIET_TOLERANCE;
}

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

/* Sorts r->sentinels of n values; returns how many are quiet. */
static int32_t rank(const onp_profile_readings *r, int32_t n)
{
    int32_t n_quiet = 0;
    for (int32_t i = 0; i < n; i++) {
        r->sentinels[i] = r->values[i].reading->sentinel;
        n_quiet += onp_profile_is_quiet(r, r->values[i].reading);
    }
    qsort(r->sentinels, (size_t)n, sizeof *r->sentinels, compare);
    return n_quiet;
}

int32_t onp_profile_choose(const onp_profile_session *s, const onp_profile_plan *p, int32_t entry,
                           int32_t pass, const onp_profile_readings *r,
                           const onp_profile_readings *also, double *excess)
{
    const int32_t n = gather(p, entry, pass, r, also), n_quiet = rank(r, n);
    const int32_t n_least = n_quiet > least_of(s, n) ? n_quiet : least_of(s, n);
    int32_t n_chosen = 0;
    *excess = 0.0;
    if (n == 0)
        return 0;
    const double slowest = r->sentinels[n_least - 1];
    for (int32_t i = 0; i < n; i++)
        if (r->values[i].reading->sentinel <= slowest)
            r->values[n_chosen++] = r->values[i];
    *excess = onp_quiet_excess(r->quiet_level, slowest);
    return n_chosen;
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
        enough[i] = is_enough(s, rank(r, n), n);
    }
    for (int32_t unit = 0; unit < p->n_units; unit++) {
        int32_t n = 0, n_quiet = 0;
        for (int32_t pass = 0; pass < p->passes; pass++) {
            const onp_profile_reading *reading = onp_profile_reading_of(r, pass, unit);
            n += reading->done;
            n_quiet += reading->done && onp_profile_is_quiet(r, reading);
        }
        enough[p->n_entries + unit] = 2 * n_quiet >= n;
    }
}
