/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/space_sample.h"

#include <inttypes.h>
#include <math.h>

#include "base/philox.h"
#include "supernet/space_internal.h"
#include "supernet/supernet.h"

/* choice: one candidate for each position. */
static void add_path(const onp_space *s, const int32_t *choice, onp_block_paths *out)
{
    onp_block blocks[ONP_MAX_POSITIONS];
    for (int32_t i = 0; i < s->n_positions; i++)
        blocks[i] = s->positions[i].candidate[choice[i]];
    onp_block_paths_add(out, blocks, s->n_positions);
}

static onp_status check_count(const char *what, int32_t n, int32_t max, onp_error *err)
{
    if (n < 1 || n > max)
        return onp_fail(err, ONP_E_RANGE, "paths: %s is %" PRId32 ", wanted 1..%" PRId32, what, n,
                        max);
    return ONP_OK;
}

int32_t onp_space_cover_round(const onp_space *s)
{
    int32_t widest = 1;
    for (int32_t i = 0; i < s->n_positions; i++)
        if (s->positions[i].n > widest)
            widest = s->positions[i].n;
    return widest;
}

/* Candidates of one position in the n paths of a round. Where it has fewer than n, they go round
 * and round, over the rounds too. */
static void draw_column(onp_rng rng, int32_t round, int32_t position, int32_t n_candidates,
                        int32_t n, int32_t *column)
{
    for (int32_t i = 0; i < n; i++)
        column[i] = (int32_t)(((int64_t)round * n + i) % n_candidates);
    for (int32_t i = n - 1; i > 0; i--) { /* R. Durstenfeld, "Algorithm 235", CACM 1964 */
        const uint64_t j =
            onp_rng_below(rng, (uint64_t)round, (uint32_t)position, (uint32_t)i, (uint64_t)i + 1);
        const int32_t swapped = column[i];
        column[i] = column[j];
        column[j] = swapped;
    }
}

static void add_round(const onp_space *s, onp_rng rng, int32_t round, onp_block_paths *out)
{
    int32_t columns[ONP_MAX_POSITIONS][ONP_MAX_CANDIDATES], choice[ONP_MAX_POSITIONS];
    const int32_t n = onp_space_cover_round(s);
    for (int32_t i = 0; i < s->n_positions; i++)
        draw_column(rng, round, i, s->positions[i].n, n, columns[i]);
    for (int32_t path = 0; path < n; path++) {
        for (int32_t i = 0; i < s->n_positions; i++)
            choice[i] = columns[i][path];
        add_path(s, choice, out);
    }
}

onp_status onp_space_cover(const onp_context *ctx, const onp_space *s, uint64_t seed, int32_t times,
                           onp_block_paths *out, onp_error *err)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_PATH_COVER);
    const int32_t round = onp_space_cover_round(s);
    ONP_TRY(check_count("rounds", times, INT32_MAX / round, err));
    ONP_TRY(onp_block_paths_init(ctx, times * round, s->n_positions, out, err));
    for (int32_t i = 0; i < times; i++)
        add_round(s, rng, i, out);
    return ONP_OK;
}

onp_status onp_space_sample(const onp_context *ctx, const onp_space *s, uint64_t seed, int32_t n,
                            onp_block_paths *out, onp_error *err)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_PATH_SAMPLE);
    int32_t choice[ONP_MAX_POSITIONS];
    ONP_TRY(check_count("their number", n, INT32_MAX, err));
    ONP_TRY(onp_block_paths_init(ctx, n, s->n_positions, out, err));
    for (int32_t path = 0; path < n; path++) {
        for (int32_t i = 0; i < s->n_positions; i++)
            choice[i] = (int32_t)onp_rng_below(rng, (uint64_t)path, (uint32_t)i, 0,
                                               (uint64_t)s->positions[i].n);
        add_path(s, choice, out);
    }
    return ONP_OK;
}

/* How many candidates of the position have fewer multiply-accumulates, or as many and stand before
 * candidate c. */
static int32_t rank_of(const onp_position *p, int32_t c)
{
    const int64_t macs = onp_block_n_macs(&p->candidate[c]);
    int32_t rank = 0;
    for (int32_t i = 0; i < p->n; i++) {
        const int64_t other = onp_block_n_macs(&p->candidate[i]);
        rank += other < macs || (other == macs && i < c);
    }
    return rank;
}

/* The candidate at share u of the weights. */
static int32_t draw_tilted(const onp_position *p, double tilt, double u)
{
    double weight[ONP_MAX_CANDIDATES] = {0}, sum = 0;
    for (int32_t c = 0; c < p->n; c++) {
        const double r = p->n > 1 ? 2.0 * rank_of(p, c) / (p->n - 1) - 1 : 0;
        weight[c] = exp(tilt * r);
        sum += weight[c];
    }
    int32_t c = 0;
    double below = weight[0];
    while (c + 1 < p->n && u * sum >= below)
        below += weight[++c];
    return c;
}

onp_status onp_space_spread(const onp_context *ctx, const onp_space *s, uint64_t seed, int32_t n,
                            onp_block_paths *out, onp_error *err)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_PATH_SPREAD);
    int32_t choice[ONP_MAX_POSITIONS];
    ONP_TRY(check_count("their number", n, INT32_MAX, err));
    ONP_TRY(onp_block_paths_init(ctx, n, s->n_positions, out, err));
    for (int32_t path = 0; path < n; path++) {
        const double tilt = 4 * ((2.0 * path + 1) / n - 1);
        for (int32_t i = 0; i < s->n_positions; i++)
            choice[i] = draw_tilted(&s->positions[i], tilt,
                                    onp_rng_uniform(rng, (uint64_t)path, (uint32_t)i, 0, 0));
        add_path(s, choice, out);
    }
    return ONP_OK;
}

/* ---- families ---- */

static bool same_path(const onp_block_paths *p, int32_t a, int32_t b)
{
    const int32_t n = onp_block_path_length(p, a);
    if (n != onp_block_path_length(p, b))
        return false;
    for (int32_t i = 0; i < n; i++)
        if (!onp_block_equal(&onp_block_path(p, a)[i], &onp_block_path(p, b)[i]))
            return false;
    return true;
}

static void add_new_path(const onp_space *s, const int32_t *choice, onp_block_paths *out)
{
    add_path(s, choice, out);
    const int32_t last = out->n - 1;
    for (int32_t i = 0; i < last; i++)
        if (same_path(out, i, last)) {
            out->n = last;
            return;
        }
}

/* The path of the candidates with the fewest (sign 1) or most (-1) multiply-accumulates. */
static void add_extreme(const onp_space *s, int sign, onp_block_paths *out)
{
    int32_t choice[ONP_MAX_POSITIONS];
    for (int32_t i = 0; i < s->n_positions; i++) {
        const onp_position *p = &s->positions[i];
        choice[i] = 0;
        for (int32_t c = 1; c < p->n; c++)
            if (sign * onp_block_n_macs(&p->candidate[c]) <
                sign * onp_block_n_macs(&p->candidate[choice[i]]))
                choice[i] = c;
    }
    add_new_path(s, choice, out);
}

static void add_family(const onp_space *s, int candidate, onp_block_paths *out)
{
    int32_t choice[ONP_MAX_POSITIONS];
    for (int32_t i = 0; i < s->n_positions; i++) {
        const onp_position *p = &s->positions[i];
        const int32_t place = p->n > 1 ? onp_space_place(s, p, candidate) : 0;
        choice[i] = place >= 0 ? place : 0;
    }
    add_new_path(s, choice, out);
}

onp_status onp_space_families(const onp_context *ctx, const onp_space *s, onp_block_paths *out,
                              onp_error *err)
{
    const int32_t n = (int32_t)s->spec.n_candidates;
    ONP_TRY(onp_block_paths_init(ctx, n + 2, s->n_positions, out, err));
    add_extreme(s, 1, out);
    add_extreme(s, -1, out);
    for (int32_t i = 0; i < n; i++) {
        const onp_block b = onp_space_block_of(&s->spec.candidates[i], NULL);
        if (!onp_block_is_free(&b))
            add_family(s, i, out);
    }
    return ONP_OK;
}
