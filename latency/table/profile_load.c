/* SPDX-License-Identifier: Apache-2.0 */
/* What a device's other work does to rows of paths, and rows without it. */
#include <math.h>

#include "latency/table/profile_internal.h"

#define LEAST_VALUES 8     /* fewer give no line */
#define ROUNDS       5     /* of reweighting */
#define HUBER        1.345 /* deviations; 95 % as good as least squares where errors are normal */
#define SPREAD       1.0   /* of slopes around 1: a standard deviation */
#define NO_SCATTER   1e-9

static int64_t at_one_clock(int64_t ns, int64_t normalised_ns)
{
    return normalised_ns > 0 ? normalised_ns : ns;
}

/* ---- load ---- */

/* A path's time over what its blocks usually take; 0: unknown. without: a block of it, left out of
 * both; NULL: none. */
static double load_of(const onp_profile_plan *p, const onp_profile_readings *r,
                      const onp_profile_readings *as, int32_t pass, int32_t unit,
                      const onp_profile_value *without, int32_t entry)
{
    const onp_profile_unit *u = &p->units[unit];
    const size_t base = (size_t)pass * (size_t)p->n_slots;
    int64_t took = 0, usual = 0;
    if (u->whole || !onp_profile_reading_of(r, pass, unit)->done)
        return 0.0;
    for (int32_t k = u->start; k < u->start + u->n; k++) {
        if (p->entry_of[k] < 0 || as->usual_ns[p->entry_of[k]] == 0)
            return 0.0;
        took += at_one_clock(r->ns[base + (size_t)k], r->normalised_ns[base + (size_t)k]);
        usual += as->usual_ns[p->entry_of[k]];
    }
    if (without != NULL) {
        took -= at_one_clock(without->ns, without->normalised_ns);
        usual -= as->usual_ns[entry];
    }
    return took > 0 && usual > 0 ? (double)took / (double)usual : 0.0;
}

double onp_profile_load(const onp_profile_plan *p, const onp_profile_readings *r,
                        const onp_profile_readings *as)
{
    int32_t n = 0;
    for (int32_t i = 0; i < p->passes * p->n_units; i++) {
        const double load = load_of(p, r, as, i / p->n_units, i % p->n_units, NULL, 0);
        if (load > 0.0)
            r->scratch_real[n++] = load;
    }
    return n > 0 ? onp_profile_median(r->scratch_real, n) : (double)NAN;
}

void onp_profile_take_load(const onp_profile_session *s, const onp_profile_plan *p,
                           onp_profile_readings *r)
{
    for (int32_t i = 0; i < p->n_entries; i++) {
        double excess;
        const int32_t n =
            s->mode == ONP_PROFILE_CHAIN ? onp_profile_choose(s, p, i, -1, r, NULL, &excess) : 0;
        for (int32_t k = 0; k < n; k++)
            r->scratch[k] = at_one_clock(r->values[k].ns, r->values[k].normalised_ns);
        r->usual_ns[i] = n > 0 ? onp_stats_median(r->scratch, (size_t)n) : 0;
    }
    r->load = onp_profile_load(p, r, r);
}

/* ---- the line ---- */

/* y = a + b x. */
typedef struct line {
    double a, b, scatter;
} line;

/* Weighted least squares, b held near 1 as if it had been measured with a standard deviation of
 * SPREAD: without points far apart, a block is slowed down as much as the rest of its path. */
static double solve(const onp_profile_point *points, int32_t n, line *out)
{
    const double pull = out->scatter * out->scatter / (SPREAD * SPREAD);
    double w = 0.0, x = 0.0, y = 0.0, xx = pull, xy = pull;
    for (int32_t i = 0; i < n; i++) {
        w += points[i].weight;
        x += points[i].weight * points[i].x;
        y += points[i].weight * points[i].y;
    }
    x /= w;
    y /= w;
    for (int32_t i = 0; i < n; i++) {
        xx += points[i].weight * (points[i].x - x) * (points[i].x - x);
        xy += points[i].weight * (points[i].x - x) * (points[i].y - y);
    }
    out->b = xy / xx;
    out->a = y - out->b * x;
    return 1.0 / w + x * x / xx; /* of a: its variance, but for that of the points */
}

/* P. Huber, "Robust regression", Annals of Statistics 1973. *error: standard error of a. */
static line fit(onp_profile_point *points, int32_t n, double *scratch, double *error)
{
    line l = {.scatter = 0.01};
    double variance = 0.0, squares = 0.0, weights = 0.0;
    for (int32_t i = 0; i < n; i++)
        points[i].weight = 1.0;
    for (int round = 0; round < ROUNDS; round++) {
        variance = solve(points, n, &l);
        for (int32_t i = 0; i < n; i++)
            scratch[i] = fabs(points[i].y - l.a - l.b * points[i].x);
        l.scatter = 1.4826 * onp_profile_median(scratch, n) + NO_SCATTER;
        squares = weights = 0.0;
        for (int32_t i = 0; i < n; i++) {
            const double off = fabs(points[i].y - l.a - l.b * points[i].x);
            const double most = HUBER * l.scatter;
            points[i].weight = off > most ? most / off : 1.0;
            squares += points[i].weight * points[i].weight * off * off;
            weights += points[i].weight;
        }
    }
    *error = sqrt(variance * squares / (n - 2)) * n / weights;
    return l;
}

bool onp_profile_without_load(const onp_profile_plan *p, int32_t entry, int32_t n,
                              const onp_profile_readings *r, double *ns, double *error)
{
    const onp_profile_readings *as = r->as != NULL ? r->as : r;
    const double usual = (double)as->usual_ns[entry];
    if (n < LEAST_VALUES || !(as->load > 0.0) || usual == 0.0)
        return false;
    for (int32_t i = 0; i < n; i++) {
        const onp_profile_value *v = &r->values[i];
        if ((v->normalised_ns > 0) != (r->values[0].normalised_ns > 0))
            return false; /* of two kinds */
        const double load = load_of(p, r, as, v->pass, v->unit, v, entry);
        if (load == 0.0)
            return false;
        r->points[i] = (onp_profile_point){
            .x = load / as->load - 1.0, .y = (double)at_one_clock(v->ns, v->normalised_ns) / usual};
    }
    const line l = fit(r->points, n, r->scratch_real, error);
    *ns = l.a * usual;
    *error *= usual;
    return *ns > 0.0;
}
