/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ops/call_case.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "ops/ref.h"

#define GUARD     16
#define NO_NUMBER 0xff
#define EPS       ((double)FLT_EPSILON)
#define BN_EPS    1e-3

const int call_forward_parts[4] = {0, CALL_AFFINE, CALL_CLAMP, CALL_AFFINE | CALL_CLAMP};
const int call_backward_parts[8] = {0,
                                    CALL_BACKWARD,
                                    CALL_BACKWARD | CALL_CLAMP,
                                    CALL_BACKWARD | CALL_AFFINE | CALL_CLAMP,
                                    CALL_BACKWARD | CALL_GRAD,
                                    CALL_BACKWARD | CALL_GRAD | CALL_AFFINE,
                                    CALL_BACKWARD | CALL_GRAD | CALL_CLAMP,
                                    CALL_BACKWARD | CALL_GRAD | CALL_AFFINE | CALL_CLAMP};

void call_case_init(call_case *t, const onp_kernels *kernels, uint64_t seed)
{
    *t = (call_case){.seed = seed};
    onp_context_init(&t->ctx);
    t->ctx.kernels = kernels;
}

static void *take(call_case *t, int64_t n, size_t size)
{
    assert_true(t->n_blocks < CALL_MAX_BLOCKS);
    void *p = malloc((size_t)(n > 0 ? n : 1) * size);
    assert_non_null(p);
    t->block[t->n_blocks++] = p;
    return p;
}

void call_case_reset(call_case *t)
{
    for (int i = 0; i < t->n_blocks; i++)
        free(t->block[i]);
    *t = (call_case){0};
}

float *call_numbers(call_case *t, int64_t n, double mean)
{
    const onp_rng rng = onp_rng_make(t->seed, ONP_RNG_TEST);
    float *p = take(t, n, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(mean + onp_rng_normal(rng, (uint64_t)i, (uint32_t)t->n_blocks, 0));
    return p;
}

double *call_doubles(call_case *t, const float *x, int64_t n)
{
    double *p = take(t, n, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (double)x[i];
    return p;
}

double *call_absolute(call_case *t, const double *x, int64_t n)
{
    double *p = take(t, n, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = fabs(x[i]);
    return p;
}

double *call_zeros(call_case *t, int64_t n)
{
    double *p = take(t, n, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = 0;
    return p;
}

float *call_output(call_case *t, int64_t n)
{
    float *p = take(t, n + GUARD, sizeof *p);
    memset(p, NO_NUMBER, (size_t)(n + GUARD) * sizeof *p);
    t->guard[t->n_guards].at = p;
    t->guard[t->n_guards++].floats = n;
    return p;
}

static bool guard_holds(const float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &p[i], sizeof bits);
        if (bits != UINT32_MAX)
            return false;
    }
    return true;
}

/* ---- operands ---- */

static float *away_from(float *x, const onp_operand *o, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float scale = o->scale != NULL ? o->scale[i % o->c] : 1;
        const float shift = o->scale != NULL ? o->shift[i % o->c] : 0;
        while (fabsf(scale * x[i] + shift - o->lo) < 1e-3F ||
               fabsf(scale * x[i] + shift - o->hi) < 1e-3F)
            x[i] += 0.01F / scale;
    }
    return x;
}

/* scale * raw + shift, and the sum of the absolute values. */
static double affine(const onp_operand *o, double raw, int64_t j, double *sum)
{
    const double scale = o->scale != NULL ? (double)o->scale[j] : 1;
    const double shift = o->scale != NULL ? (double)o->shift[j] : 0;
    *sum = fabs(scale * raw) + fabs(shift);
    return scale * raw + shift;
}

static bool mask_passes(const onp_operand *o, int64_t i)
{
    double sum = 0;
    const double t = affine(o, (double)o->q[i], i % o->c, &sum);
    return !o->clamp || (t > (double)o->lo && t < (double)o->hi);
}

static void operand_value(const onp_operand *o, int64_t i, double *value, double *sum)
{
    const int64_t j = i % o->c;
    if (o->q == NULL) {
        const double t = affine(o, (double)o->x[i], j, sum);
        *value = o->clamp ? fmin(fmax(t, (double)o->lo), (double)o->hi) : t;
        return;
    }
    const double raw = (double)o->q[i], g = mask_passes(o, i) ? (double)o->x[i] : 0;
    *value = g;
    *sum = fabs(g);
    if (o->ga != NULL) {
        const double a = (double)o->ga[j] * g, b = (double)o->gb[j] * raw, c = (double)o->gc[j];
        *value = a + b + c;
        *sum = fabs(a) + fabs(b) + fabs(c);
    }
}

call_tensor call_operand(call_case *t, onp_operand *o, int64_t rows, int64_t c, int parts)
{
    const int64_t n = rows * c;
    *o = (onp_operand){.lo = -0.5F, .hi = 0.75F, .clamp = (parts & CALL_CLAMP) != 0, .c = c};
    if (parts & CALL_AFFINE) {
        o->scale = call_numbers(t, c, 3);
        o->shift = call_numbers(t, c, 0);
    }
    o->x = call_numbers(t, n, 0);
    if (parts & CALL_BACKWARD)
        o->q = away_from(call_numbers(t, n, 0), o, n);
    if (parts & CALL_GRAD) {
        o->ga = call_numbers(t, c, 0);
        o->gb = call_numbers(t, c, 0);
        o->gc = call_numbers(t, c, 0);
    }
    const call_tensor r = {call_zeros(t, n), call_zeros(t, n)};
    for (int64_t i = 0; i < n; i++)
        operand_value(o, i, &r.value[i], &r.sum[i]);
    return r;
}

/* ---- running ---- */

static onp_shape summed_map(const onp_call *call)
{
    const bool data = call->kind == ONP_CALL_CONV_DATA || call->kind == ONP_CALL_CONV_BACKWARD ||
                      call->kind == ONP_CALL_DEPTHWISE_DATA ||
                      call->kind == ONP_CALL_DEPTHWISE_BACKWARD || call->kind == ONP_CALL_POOL_BWD;
    return data ? call->in : call->out;
}

void call_prepare(call_case *t, onp_call *call, onp_sums_kind sums)
{
    const onp_shape s = summed_map(call);
    call->splits = call_output(t, onp_call_split_floats(call));
    call->sums = sums;
    if (sums == ONP_SUMS_NONE)
        return;
    assert_true(onp_call_can_sum(call->kind, sums));
    call->partial = call_output(t, onp_call_partial_floats(call));
    if (sums == ONP_SUMS_MOMENTS)
        return;
    (void)call_operand(t, &call->mask, s.n * s.h * s.w, s.c,
                       CALL_BACKWARD | CALL_AFFINE | CALL_CLAMP);
    call->stats = call_numbers(t, 2 * s.c, 0);
    for (int64_t k = s.c; k < 2 * s.c; k++)
        call->stats[k] = 0.5F + fabsf(call->stats[k]);
}

void call_run(call_case *t, const onp_call *call)
{
    const int64_t need = onp_call_scratch_floats(call);
    const int64_t stride = (need + GUARD - 1) / GUARD * GUARD + GUARD;
    const int threads = onp_parallel_threads();
    float *scratch = onp_alloc(&t->ctx, (size_t)(threads * stride), sizeof *scratch);
    assert_non_null(scratch);
    memset(scratch, NO_NUMBER, (size_t)(threads * stride) * sizeof *scratch);
    onp_call_run(&t->ctx, call, scratch, stride);
    for (int i = 0; i < threads; i++)
        if (!guard_holds(scratch + i * stride + need, stride - need))
            fail_msg("call %d wrote behind its scratch", (int)call->kind);
    onp_free(&t->ctx, scratch);
    for (int i = 0; i < t->n_guards; i++)
        if (!guard_holds(t->guard[i].at + t->guard[i].floats, GUARD))
            fail_msg("call %d wrote behind output %d", (int)call->kind, i);
}

void call_close(const float *value, const double *wanted, const double *sum, int64_t n,
                double roundings)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)value[i] - wanted[i]) <= roundings * EPS * sum[i] + 1e-35))
            fail_msg("entry %lld of %lld is %.9g, wanted %.9g, bound %g", (long long)i,
                     (long long)n, (double)value[i], wanted[i], roundings * EPS * sum[i]);
}

/* ---- column sums ---- */

/* A merge of the call's partial sums, with coefficients. */
static onp_call merge_of(call_case *t, const onp_call *call, onp_call_kind kind, int n_coef)
{
    const onp_shape s = summed_map(call);
    return (onp_call){.kind = kind,
                      .in = s,
                      .out = {1, 1, 1, s.c},
                      .partial = call->partial,
                      .partial_tiling = onp_call_tiling(call),
                      .count = s.n * s.h * s.w,
                      .eps = BN_EPS,
                      .gamma = call_numbers(t, s.c, 0),
                      .beta = call_numbers(t, s.c, 0),
                      .coef = call_output(t, n_coef * s.c),
                      .stats = call->stats};
}

static const double *stored_rows(call_case *t, const onp_call *call, onp_shape s)
{
    if (call->kind != ONP_CALL_SUMS)
        return call_doubles(t, call->y, onp_shape_count(s));
    double *p = call_zeros(t, onp_shape_count(s)), sum = 0;
    for (int64_t i = 0; i < onp_shape_count(s); i++)
        operand_value(&call->a, i, &p[i], &sum);
    return p;
}

/* What the coefficients of a merge make of x, against what the operation makes
 * of it. sums: of absolute values behind the statistics; an error of the
 * variance counts by its share. */
static void check_forward_coef(call_case *t, const onp_call *merge, const double *x,
                               const double *stats, const double *sums, double roundings)
{
    const int64_t n = onp_shape_count(merge->in), c = merge->in.c;
    const onp_shape vector = {1, 1, 1, c}, shapes[4] = {merge->in, {1, 1, 2, c}, vector, vector};
    const double *in[4] = {x, stats, call_doubles(t, merge->gamma, c),
                           call_doubles(t, merge->beta, c)};
    double *y = call_zeros(t, n), *sum = call_zeros(t, n);
    float *value = call_output(t, n);
    onp_ref_run(ONP_OP_BN_APPLY, &(onp_attr){.eps = BN_EPS}, in, shapes, 4, NULL, &y, &merge->in);
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = i % c;
        const double scale = (double)merge->coef[k];
        const double share = 1 + sums[c + k] / (stats[c + k] + BN_EPS);
        value[i] = (float)(scale * x[i] + (double)merge->coef[c + k]);
        sum[i] = fabs(scale) * (fabs(x[i]) + sums[k]) * share + fabs((double)merge->beta[k]);
    }
    call_close(value, y, sum, n, roundings);
}

static void check_moments(call_case *t, const onp_call *call)
{
    const onp_shape s = summed_map(call), stats_shape = {1, 1, 2, s.c};
    const double *x = stored_rows(t, call, s);
    onp_call merge = merge_of(t, call, ONP_CALL_MOMENTS_MERGE, 2);
    merge.stats = call_output(t, 2 * s.c);
    call_run(t, &merge);
    double *stats = call_zeros(t, 2 * s.c), *sum = call_zeros(t, 2 * s.c);
    onp_ref_run(ONP_OP_BN_STATS, NULL, &x, &s, 1, NULL, &stats, &stats_shape);
    for (int64_t i = 0; i < onp_shape_count(s); i++) {
        sum[i % s.c] += fabs(x[i]) / (double)merge.count;
        sum[s.c + i % s.c] += x[i] * x[i] / (double)merge.count;
    }
    const double roundings = (double)onp_call_tiling(call).rows + 8;
    call_close(merge.stats, stats, sum, 2 * s.c, roundings);
    check_forward_coef(t, &merge, x, stats, sum, roundings);
    /* the coefficients alone, from statistics that are there already, are the
     * same */
    onp_call alone = merge;
    alone.kind = ONP_CALL_BN_COEF;
    alone.coef = call_output(t, 2 * s.c);
    call_run(t, &alone);
    call_close(alone.coef, call_doubles(t, merge.coef, 2 * s.c),
               call_absolute(t, call_doubles(t, merge.coef, 2 * s.c), 2 * s.c), s.c, 4);
}

/* dx by the coefficients against BN_BWD_APPLY; g' is the gradient behind the
 * mask. */
static void check_backward_coef(call_case *t, const onp_call *call, const onp_call *merge,
                                const double *masked)
{
    const onp_shape s = merge->in, vector = {1, 1, 1, s.c};
    const int64_t n = onp_shape_count(s), c = s.c;
    const onp_shape shapes[6] = {s, s, {1, 1, 2, c}, vector, vector, vector};
    const double *q = call_doubles(t, call->mask.q, n);
    const double *in[6] = {masked,
                           q,
                           call_doubles(t, call->stats, 2 * c),
                           call_doubles(t, merge->gamma, c),
                           call_doubles(t, merge->dgamma, c),
                           call_doubles(t, merge->dbeta, c)};
    double *gx = call_zeros(t, n), *sum = call_zeros(t, n);
    float *value = call_output(t, n);
    onp_ref_run(ONP_OP_BN_BWD_APPLY, &(onp_attr){.eps = BN_EPS}, in, shapes, 6, NULL, &gx, &s);
    for (int64_t i = 0; i < n; i++) {
        const double a = (double)merge->coef[i % c] * masked[i];
        const double b = (double)merge->coef[c + i % c] * q[i];
        const double d = (double)merge->coef[2 * c + i % c];
        value[i] = (float)(a + b + d);
        const double mean = fabs((double)merge->coef[c + i % c] * (double)call->stats[i % c]);
        sum[i] = fabs(a) + fabs(b) + fabs(d) + mean; /* d is a difference of b's mean and more */
    }
    call_close(value, gx, sum, n, 8);
}

static void check_grad(call_case *t, const onp_call *call)
{
    const onp_shape s = summed_map(call), vector = {1, 1, 1, s.c};
    const int64_t n = onp_shape_count(s), c = s.c;
    onp_call merge = merge_of(t, call, ONP_CALL_GRAD_MERGE, 3);
    merge.dgamma = call_output(t, c);
    merge.dbeta = call_output(t, c);
    call_run(t, &merge);
    double *masked = call_zeros(t, n), *sums = call_zeros(t, 2 * c);
    const double *g = stored_rows(t, call, s);
    for (int64_t i = 0; i < n; i++) {
        masked[i] = mask_passes(&call->mask, i) ? g[i] : 0;
        const double x = fabs((double)call->mask.q[i]) + fabs((double)call->stats[i % c]);
        sums[i % c] += fabs(masked[i]) * x / sqrt((double)call->stats[c + i % c] + BN_EPS);
        sums[c + i % c] += fabs(masked[i]);
    }
    const double *in[3] = {masked, call_doubles(t, call->mask.q, n),
                           call_doubles(t, call->stats, 2 * c)};
    double *out[2] = {call_zeros(t, c), call_zeros(t, c)};
    const onp_shape in_shape[3] = {s, s, {1, 1, 2, c}}, out_shape[2] = {vector, vector};
    onp_ref_run(ONP_OP_BN_BWD_SUMS, &(onp_attr){.eps = BN_EPS}, in, in_shape, 3, NULL, out,
                out_shape);
    const double roundings = (double)onp_call_tiling(call).rows + 8;
    call_close(merge.dgamma, out[0], sums, c, roundings);
    call_close(merge.dbeta, out[1], sums + c, c, roundings);
    check_backward_coef(t, call, &merge, masked);
    onp_call alone = merge;
    alone.kind = ONP_CALL_GRAD_COEF;
    alone.coef = call_output(t, 3 * c);
    call_run(t, &alone);
    assert_memory_equal(alone.coef, merge.coef, (size_t)(3 * c) * sizeof *merge.coef);
}

void call_check_sums(call_case *t, const onp_call *call)
{
    if (call->sums == ONP_SUMS_MOMENTS)
        check_moments(t, call);
    else if (call->sums == ONP_SUMS_GRAD)
        check_grad(t, call);
}
