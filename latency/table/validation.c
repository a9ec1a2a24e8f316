/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/validation.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/philox.h"

/* ---- which networks ---- */

typedef struct ranked {
    double value;
    int32_t index;
} ranked;

/* Ties by index, so that the order is one. */
static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

onp_status onp_validation_choose(const onp_context *ctx, const double *cost, int32_t n_pool,
                                 int32_t n_always, int32_t n, uint64_t seed, int32_t *chosen,
                                 onp_error *err)
{
    const onp_rng rng = onp_rng_make(seed, ONP_RNG_ORDER);
    const int32_t n_rest = n_pool - n_always, n_bins = n - n_always;
    assert(n_always <= n && n <= n_pool);
    ranked *rest = onp_alloc(ctx, (size_t)n_rest + 1, sizeof *rest);
    if (rest == NULL)
        return onp_fail(err, ONP_E_NOMEM, "validation: out of memory");
    for (int32_t i = 0; i < n_rest; i++)
        rest[i] = (ranked){cost[n_always + i], n_always + i};
    qsort(rest, (size_t)n_rest, sizeof *rest, by_value);
    for (int32_t i = 0; i < n_always; i++)
        chosen[i] = i;
    for (int32_t bin = 0; bin < n_bins; bin++) {
        const int64_t from = (int64_t)bin * n_rest / n_bins;
        const int64_t to = (int64_t)(bin + 1) * n_rest / n_bins;
        const uint64_t drawn = onp_rng_below(rng, (uint64_t)bin, 0, 0, (uint64_t)(to - from));
        chosen[n_always + bin] = rest[from + (int64_t)drawn].index;
    }
    qsort(chosen, (size_t)n, sizeof *chosen, by_number);
    onp_free(ctx, rest);
    return ONP_OK;
}

/* ---- what they say ---- */

double onp_validated_ns(const onp_validated *v)
{
    return v->repeated_ns > 0 ? (v->measured_ns + v->repeated_ns) / 2 : v->measured_ns;
}

/* Those networks of v that are wanted, as arrays. */
typedef struct columns {
    double *sum, *ops, *measured, *predicted, *lo, *hi;
    size_t n;
} columns;

typedef enum part { ALL, CALIBRATION, TEST } part;

static columns columns_of(const onp_validated *v, size_t n, part wanted,
                          double *memory) /* NOLINT(readability-non-const-parameter): written */
{
    columns c = {memory,         memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n,
                 memory + 5 * n, 0};
    for (size_t i = 0; i < n; i++) {
        if (wanted != ALL && v[i].test != (wanted == TEST))
            continue;
        c.sum[c.n] = v[i].sum_ns;
        c.ops[c.n] = v[i].n_ops;
        c.measured[c.n] = onp_validated_ns(&v[i]);
        c.predicted[c.n] = v[i].predicted_ns;
        c.lo[c.n] = v[i].lo_ns;
        c.hi[c.n++] = v[i].hi_ns;
    }
    return c;
}

/* Every third by the sum, with both ends. */
static void split(onp_validated *v, size_t n, ranked *order)
{
    const size_t n_fit =
        n / 3 > ONP_CALIBRATION_MIN_NETWORKS ? n / 3 : ONP_CALIBRATION_MIN_NETWORKS;
    for (size_t i = 0; i < n; i++) {
        order[i] = (ranked){v[i].sum_ns, (int32_t)i};
        v[i].test = true;
    }
    qsort(order, n, sizeof *order, by_value);
    for (size_t i = 0; i < n_fit; i++)
        v[order[i * (n - 1) / (n_fit - 1)].index].test = false;
}

static void predict(onp_validated *v, size_t n, const onp_calibration *cal)
{
    for (size_t i = 0; i < n; i++) {
        v[i].predicted_ns = onp_calibration_apply(cal, v[i].sum_ns, v[i].n_ops);
        onp_calibration_interval(cal, v[i].predicted_ns, &v[i].lo_ns, &v[i].hi_ns);
    }
}

static double noise_of(const onp_validated *v, size_t n)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].repeated_ns > 0) {
            sum += fabs(v[i].repeated_ns / v[i].measured_ns - 1);
            count++;
        }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static void find_worst(const onp_validated *v, size_t n, ranked *order, onp_validation_report *out)
{
    size_t n_test = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].test)
            order[n_test++] =
                (ranked){-fabs(v[i].predicted_ns / onp_validated_ns(&v[i]) - 1), (int32_t)i};
    qsort(order, n_test, sizeof *order, by_value);
    out->n_test = n_test;
    out->n_worst = n_test < ONP_VALIDATION_WORST ? n_test : ONP_VALIDATION_WORST;
    for (size_t i = 0; i < out->n_worst; i++)
        out->worst[i] = (size_t)order[i].index;
}

static onp_status judge(const onp_context *ctx, onp_validated *v, size_t n, double *memory,
                        ranked *order, onp_validation_report *r, onp_error *err)
{
    columns c = columns_of(v, n, ALL, memory);
    ONP_TRY(onp_agreement_take(ctx, c.sum, NULL, NULL, c.measured, c.n, &r->plain, err));
    ONP_TRY(onp_calibration_fit(ctx, c.sum, c.ops, c.measured, c.n, &r->all, err));
    split(v, n, order);
    c = columns_of(v, n, CALIBRATION, memory);
    ONP_TRY(onp_calibration_fit(ctx, c.sum, c.ops, c.measured, c.n, &r->used, err));
    predict(v, n, &r->used);
    c = columns_of(v, n, TEST, memory);
    ONP_TRY(onp_agreement_take(ctx, c.sum, NULL, NULL, c.measured, c.n, &r->before, err));
    ONP_TRY(onp_agreement_take(ctx, c.predicted, c.lo, c.hi, c.measured, c.n, &r->after, err));
    r->noise = noise_of(v, n);
    find_worst(v, n, order, r);
    return ONP_OK;
}

onp_status onp_validation_judge(const onp_context *ctx, onp_validated *v, size_t n,
                                onp_validation_report *out, onp_error *err)
{
    onp_validation_report report = {.n = n};
    if (n < ONP_VALIDATION_MIN)
        return onp_fail(err, ONP_E_RANGE, "validation: %zu networks, wanted %d or more", n,
                        ONP_VALIDATION_MIN);
    double *memory = onp_alloc(ctx, 6 * n, sizeof *memory);
    ranked *order = onp_alloc(ctx, n, sizeof *order);
    onp_status st = memory != NULL && order != NULL
                        ? judge(ctx, v, n, memory, order, &report, err)
                        : onp_fail(err, ONP_E_NOMEM, "validation: out of memory");
    onp_free(ctx, memory);
    onp_free(ctx, order);
    if (st == ONP_OK)
        *out = report;
    return st;
}
