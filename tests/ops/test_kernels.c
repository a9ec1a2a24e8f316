/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every entry of every kernel table against its formula in double: random
 * numbers and extreme ones, sizes around a lane, every combination of an
 * operand's parts. The bound of a result is a number of roundings times the sum
 * of the absolute values of its products. Inputs end where their memory ends,
 * so that AddressSanitizer sees a read too far; outputs are followed by guards.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

#define GUARD      16
#define EPS        ((double)FLT_EPSILON)
#define TINY       ((double)FLT_MIN)
#define MAX_BLOCKS 32

static const int64_t sizes[] = {0, 1, ONP_LANE - 1, ONP_LANE, ONP_LANE + 1, 4 * ONP_LANE + 1};

/* What numbers tensors hold; coefficients stay normal. */
typedef enum regime { NORMAL, LARGE, SMALL, ZEROS, DENORMAL, N_REGIMES } regime;

/* Memory of one case. */
typedef struct memory {
    void *block[MAX_BLOCKS];
    int n;
    uint64_t seed;
    regime regime;
} memory;

/* n + 1 floats, of which the first is skipped: nothing is aligned to a vector.
 */
static float *take(memory *m, int64_t n)
{
    assert_true(m->n < MAX_BLOCKS);
    float *p = malloc((size_t)(n + 1) * sizeof *p);
    assert_non_null(p);
    m->block[m->n++] = p;
    return p + 1;
}

static void release(memory *m)
{
    for (int i = 0; i < m->n; i++)
        free(m->block[i]);
    m->n = 0;
}

static float draw(const memory *m, int64_t i, regime r)
{
    static const double scale[N_REGIMES] = {1, 1e15, 1e-15, 1, 1e-40};
    const onp_rng rng = onp_rng_make(m->seed, ONP_RNG_TEST);
    const double x = scale[r] * onp_rng_normal(rng, (uint64_t)i, (uint32_t)m->n, 0);
    if (r == ZEROS && i % 3 != 0)
        return i % 3 == 1 ? 0.0F : -0.0F;
    return (float)x;
}

static float *numbers(memory *m, int64_t n, regime r)
{
    float *p = take(m, n);
    for (int64_t i = 0; i < n; i++)
        p[i] = draw(m, i, r);
    return p;
}

static float *tensor(memory *m, int64_t n)
{
    return numbers(m, n, m->regime);
}

static float *coefficients(memory *m, int64_t n)
{
    return numbers(m, n, NORMAL);
}

/* An output: n floats that hold no number, and guards. */
static float *output(memory *m, int64_t n)
{
    float *p = take(m, n + GUARD);
    memset(p, 0xff, (size_t)(n + GUARD) * sizeof *p);
    return p;
}

static bool untouched(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits == UINT32_MAX;
}

static void guards_hold(const float *p, int64_t n)
{
    for (int64_t i = n; i < n + GUARD; i++)
        assert_true(untouched(p[i]));
}

/* roundings: how many a result has at most; sum: of the absolute values that it
 * is made of. A result, or what it is made of, may be flushed to zero. */
static void close_to(float value, double wanted, double roundings, double sum)
{
    const double bound = roundings * (EPS * sum + TINY);
    if (!(fabs((double)value - wanted) <= bound))
        fail_msg("%.9g, wanted %.9g, bound %g", (double)value, wanted, bound);
}

static void each_table(void (*check)(const onp_kernels *k, memory *m))
{
    for (int i = 0; onp_kernels_at(i) != NULL; i++)
        for (int r = 0; r < N_REGIMES; r++) {
            memory m = {.seed = 3, .regime = (regime)r};
            check(onp_kernels_at(i), &m);
            release(&m);
        }
}

/* ---- operands ---- */

enum { AFFINE = 1, CLAMP = 2, GRAD = 4, BACKWARD = 8 };

static onp_operand make_operand(memory *m, int64_t rows, int64_t c, int parts)
{
    onp_operand o = {.x = tensor(m, rows * c), .lo = -0.5F, .hi = 0.75F, .c = c};
    o.clamp = (parts & CLAMP) != 0;
    o.q = parts & BACKWARD ? tensor(m, rows * c) : NULL;
    if (parts & AFFINE) {
        o.scale = coefficients(m, c);
        o.shift = coefficients(m, c);
    }
    if (parts & GRAD) {
        o.ga = coefficients(m, c);
        o.gb = coefficients(m, c);
        o.gc = coefficients(m, c);
    }
    return o;
}

/* scale * x + shift in double; *sum gets the sum of the absolute values. */
static double affine(const onp_operand *o, float x, int64_t j, double *sum)
{
    const double scale = o->scale != NULL ? (double)o->scale[j] : 1;
    const double shift = o->shift != NULL ? (double)o->shift[j] : 0;
    *sum = fabs(scale * (double)x) + fabs(shift);
    return scale * (double)x + shift;
}

/* What the mask does to a gradient: 1 passes it, 0 stops it, -1 when rounding
 * may decide. */
static int mask(const onp_operand *o, float q, int64_t j)
{
    if (!o->clamp)
        return 1;
    double sum = 0;
    const double t = affine(o, q, j, &sum);
    const double slack = o->scale != NULL ? 2 * (EPS * sum + TINY) : 0;
    if (fabs(t - (double)o->lo) <= slack || fabs(t - (double)o->hi) <= slack)
        return o->scale != NULL ? -1 : 0; /* both bounds are open */
    return t > (double)o->lo && t < (double)o->hi ? 1 : 0;
}

static void check_forward(const onp_operand *o, int64_t at, int64_t j, float value)
{
    double sum = 0;
    double v = affine(o, o->x[at + j], j, &sum);
    if (o->clamp)
        v = fmin(fmax(v, (double)o->lo), (double)o->hi);
    close_to(value, v, 2, sum);
}

static double backward_value(const onp_operand *o, int64_t at, int64_t j, bool pass, double *sum)
{
    const double g = pass ? (double)o->x[at + j] : 0, q = (double)o->q[at + j];
    if (o->ga == NULL) {
        *sum = fabs(g);
        return g;
    }
    const double a = (double)o->ga[j] * g, b = (double)o->gb[j] * q, c = (double)o->gc[j];
    *sum = fabs(a) + fabs(b) + fabs(c);
    return a + b + c;
}

static void check_backward(const onp_operand *o, int64_t at, int64_t j, float value)
{
    const int passes = mask(o, o->q[at + j], j);
    double sum = 0;
    const double v = backward_value(o, at, j, passes != 0, &sum);
    if (passes == -1) { /* either way is right */
        double other_sum = 0;
        const double other = backward_value(o, at, j, false, &other_sum);
        if (fabs((double)value - other) <= 4 * EPS * other_sum)
            return;
    }
    close_to(value, v, 4, sum);
}

static void load_case(const onp_kernels *k, memory *m, int64_t rows, int64_t cn, int parts)
{
    const int64_t row = 1, c0 = 3, c = c0 + cn, ld = cn + 2;
    const onp_operand o = make_operand(m, row + rows, c, parts);
    float *dst = output(m, rows * ld);
    k->load(&o, row, rows, c0, cn, dst, ld);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < cn; j++) {
            const int64_t at = (row + r) * c;
            if (parts & BACKWARD)
                check_backward(&o, at, c0 + j, dst[r * ld + j]);
            else
                check_forward(&o, at, c0 + j, dst[r * ld + j]);
        }
        assert_true(untouched(dst[r * ld + cn]) && untouched(dst[r * ld + cn + 1]));
    }
    guards_hold(dst, rows * ld);
    release(m);
}

static void check_load(const onp_kernels *k, memory *m)
{
    static const int combinations[] = {0,
                                       AFFINE,
                                       CLAMP,
                                       AFFINE | CLAMP,
                                       BACKWARD,
                                       BACKWARD | AFFINE,
                                       BACKWARD | CLAMP,
                                       BACKWARD | AFFINE | CLAMP,
                                       BACKWARD | GRAD,
                                       BACKWARD | GRAD | AFFINE,
                                       BACKWARD | GRAD | CLAMP,
                                       BACKWARD | GRAD | AFFINE | CLAMP};
    for (size_t i = 0; i < ONP_COUNT(combinations); i++)
        for (size_t s = 0; s < ONP_COUNT(sizes); s++)
            for (int64_t rows = 0; rows < 4; rows++)
                load_case(k, m, rows, sizes[s], combinations[i]);
}

static void test_load(void **state)
{
    (void)state;
    each_table(check_load);
}

/* At the ends of the clamp a value passes forward and its gradient does not; a
 * forward value that is no number stays none, so that a loss shows it. */
static void test_ends_of_the_clamp(void **state)
{
    (void)state;
    const float q[5] = {0, 6, 3, -0.0F, 7}, g[5] = {1, 2, 3, 4, 5}, bad[2] = {NAN, -INFINITY};
    for (int i = 0; onp_kernels_at(i) != NULL; i++) {
        const onp_kernels *k = onp_kernels_at(i);
        onp_operand o = {.x = g, .q = q, .clamp = true, .lo = 0, .hi = 6, .c = 5};
        float y[5];
        k->load(&o, 0, 1, 0, 5, y, 5);
        assert_true(y[0] == 0 && y[1] == 0 && y[2] == 3 && y[3] == 0 && y[4] == 0);
        o = (onp_operand){.x = q, .clamp = true, .lo = 0, .hi = 6, .c = 5};
        k->load(&o, 0, 1, 0, 5, y, 5);
        assert_true(y[0] == 0 && y[1] == 6 && y[2] == 3 && y[3] == 0 && y[4] == 6);
        o = (onp_operand){.x = bad, .clamp = true, .lo = 0, .hi = 6, .c = 2};
        k->load(&o, 0, 1, 0, 2, y, 2);
        assert_true(isnan(y[0]) && y[1] == 0);
        memcpy(y, bad, sizeof bad);
        k->finish(y, 1, 2, 2, NULL, 0, 6);
        assert_true(isnan(y[0]) && y[1] == 0);
    }
}

/* ---- column sums ---- */

static void moments_case(const onp_kernels *k, memory *m, int64_t rows, int64_t c)
{
    const int64_t ld = c + 3;
    const float *y = tensor(m, rows * ld);
    float *mean = output(m, c), *m2 = output(m, c);
    k->moments(y, rows, c, ld, mean, m2);
    guards_hold(mean, c);
    guards_hold(m2, c);
    const double n = (double)(rows > 0 ? rows : 1);
    for (int64_t j = 0; j < c; j++) {
        double sum = 0, sum_abs = 0, squares = 0;
        for (int64_t r = 0; r < rows; r++) {
            sum += (double)y[r * ld + j];
            sum_abs += fabs((double)y[r * ld + j]);
        }
        for (int64_t r = 0; r < rows; r++)
            squares += pow((double)y[r * ld + j] - sum / n, 2);
        close_to(mean[j], sum / n, n + 2, sum_abs / n);
        /* a mean that is off by d adds n d^2 */
        const double d = (n + 2) * EPS * sum_abs / n;
        close_to(m2[j], squares, n + 6, squares + n * d * d / EPS);
    }
    release(m);
}

static void check_moments(const onp_kernels *k, memory *m)
{
    for (size_t s = 0; s < ONP_COUNT(sizes); s++)
        for (size_t r = 0; r < ONP_COUNT(sizes); r++)
            moments_case(k, m, sizes[r], sizes[s]);
}

static void test_moments(void **state)
{
    (void)state;
    each_table(check_moments);
}

static void grad_sums_case(const onp_kernels *k, memory *m, int64_t rows, int64_t cn, int parts)
{
    const int64_t row = 2, c0 = 1, c = c0 + cn, ld = cn + 1;
    const onp_operand o = make_operand(m, row + rows, c, parts);
    const float *g = tensor(m, rows * ld), *mean = coefficients(m, c);
    float *sum_g = output(m, cn), *sum_gx = output(m, cn);
    k->grad_sums(g, ld, &o, mean, row, rows, c0, cn, sum_g, sum_gx);
    guards_hold(sum_g, cn);
    guards_hold(sum_gx, cn);
    for (int64_t j = 0; j < cn; j++) {
        double s[2] = {0}, s_abs[2] = {0}, unsure[2] = {0};
        for (int64_t r = 0; r < rows; r++) {
            const float q = o.q[(row + r) * c + c0 + j];
            const int passes = mask(&o, q, c0 + j);
            const double v = passes == 0 ? 0 : (double)g[r * ld + j];
            const double x = (double)q - (double)mean[c0 + j];
            const double x_abs = fabs((double)q) + fabs((double)mean[c0 + j]);
            s[0] += v;
            s[1] += v * x;
            s_abs[0] += fabs(v);
            s_abs[1] += fabs(v) * x_abs;
            unsure[0] += passes == -1 ? fabs(v) : 0;
            unsure[1] += passes == -1 ? fabs(v) * x_abs : 0;
        }
        const double n = (double)rows + 3;
        close_to(sum_g[j], s[0], n, s_abs[0] + unsure[0] / EPS);
        close_to(sum_gx[j], s[1], n, s_abs[1] + unsure[1] / EPS);
    }
    release(m);
}

static void check_grad_sums(const onp_kernels *k, memory *m)
{
    static const int combinations[] = {0, AFFINE, CLAMP, AFFINE | CLAMP};
    for (size_t i = 0; i < ONP_COUNT(combinations); i++)
        for (size_t s = 0; s < ONP_COUNT(sizes); s++)
            for (size_t r = 0; r < ONP_COUNT(sizes); r++)
                grad_sums_case(k, m, sizes[r], sizes[s], BACKWARD | combinations[i]);
}

static void test_grad_sums(void **state)
{
    (void)state;
    each_table(check_grad_sums);
}

/* ---- element-wise ---- */

static void finish_case(const onp_kernels *k, memory *m, int64_t rows, int64_t c, int parts)
{
    const int64_t ld = c + 1;
    const float *before = tensor(m, rows * ld);
    const float *bias = parts & AFFINE ? coefficients(m, c) : NULL;
    const float lo = parts & CLAMP ? -0.5F : 1, hi = parts & CLAMP ? 0.75F : 0;
    float *y = output(m, rows * ld);
    memcpy(y, before, (size_t)(rows * ld) * sizeof *y);
    k->finish(y, rows, c, ld, bias, lo, hi);
    for (int64_t r = 0; r < rows; r++) {
        const float *from = before + r * ld;
        for (int64_t j = 0; j < c; j++) {
            const double b = bias != NULL ? (double)bias[j] : 0;
            double v = (double)from[j] + b;
            if (parts & CLAMP)
                v = fmin(fmax(v, (double)lo), (double)hi);
            close_to(y[r * ld + j], v, 1, fabs((double)from[j]) + fabs(b));
        }
        assert_memory_equal(&y[r * ld + c], &from[c], sizeof *y);
    }
    guards_hold(y, rows * ld);
    release(m);
}

static void accumulate_case(const onp_kernels *k, memory *m, int64_t n)
{
    const float *a = tensor(m, n), *b = tensor(m, n);
    float *dst = output(m, n);
    memcpy(dst, a, (size_t)n * sizeof *dst);
    k->accumulate(dst, b, n);
    for (int64_t i = 0; i < n; i++)
        close_to(dst[i], (double)a[i] + (double)b[i], 1, fabs((double)a[i]) + fabs((double)b[i]));
    guards_hold(dst, n);
    release(m);
}

static void sgd_case(const onp_kernels *k, memory *m, int64_t n)
{
    const float lr = 0.05F, momentum = 0.9F, decay = 4e-5F;
    const float *g = tensor(m, n), *w0 = tensor(m, n), *m0 = tensor(m, n);
    float *w = output(m, n), *mom = output(m, n);
    memcpy(w, w0, (size_t)n * sizeof *w);
    memcpy(mom, m0, (size_t)n * sizeof *mom);
    k->sgd(w, g, mom, n, lr, momentum, decay);
    for (int64_t i = 0; i < n; i++) {
        const double weight = (double)w0[i], step = (double)lr, keep = (double)momentum;
        const double d = (double)g[i] + (double)decay * weight;
        const double new_m = keep * (double)m0[i] + d;
        const double d_abs = fabs((double)g[i]) + (double)decay * fabs(weight);
        const double m_abs = keep * fabs((double)m0[i]) + d_abs;
        close_to(mom[i], new_m, 4, m_abs);
        close_to(w[i], weight - step * (d + keep * new_m), 8,
                 fabs(weight) + step * (d_abs + keep * m_abs));
    }
    guards_hold(w, n);
    guards_hold(mom, n);
    release(m);
}

static void check_elementwise(const onp_kernels *k, memory *m)
{
    for (size_t s = 0; s < ONP_COUNT(sizes); s++) {
        for (int parts = 0; parts < 4; parts++)
            for (int64_t rows = 0; rows < 4; rows++)
                finish_case(k, m, rows, sizes[s], parts);
        accumulate_case(k, m, sizes[s]);
        sgd_case(k, m, sizes[s]);
    }
}

static void test_elementwise(void **state)
{
    (void)state;
    each_table(check_elementwise);
}

/* ---- depthwise ---- */

/* A walked map of rows x cols pixels, and the lines of the other one, every third of which is
 * none. */
typedef struct window_case {
    onp_window d;
    const float *lines[3 * 9];
} window_case;

static void make_window(memory *m, window_case *t, int kernel, int stride, bool backward,
                        int64_t cols, int64_t rows)
{
    const int64_t c = 2 * ONP_LANE, pixel = c + 1;
    const int64_t width = backward ? (cols + stride - 1) / stride : cols * stride;
    t->d = (onp_window){.kernel = kernel, .stride = stride, .backward = backward, .c = c};
    t->d.lines = t->lines;
    t->d.width = width;
    t->d.pixel = pixel;
    t->d.rows = rows;
    t->d.cols = cols;
    t->d.pixel_y = c + 3;
    t->d.line_y = cols * (c + 3);
    const float *met[2 * 3 + 9];
    for (int i = 0; i < (int)ONP_COUNT(met); i++)
        met[i] = i % 3 == 2 ? NULL : tensor(m, width * pixel);
    for (int r = 0; r < rows; r++)
        for (int u = 0; u < kernel; u++)
            t->lines[r * kernel + u] = met[backward ? r + kernel - 1 - u : r * stride + u];
}

/* Column of a line that tap v of pixel j meets, or -1. */
static int64_t column(const onp_window *d, int64_t j, int v)
{
    int64_t at = j * d->stride + v - d->kernel / 2;
    if (d->backward) {
        const int64_t spread = j + d->kernel / 2 - v;
        at = spread >= 0 && spread % d->stride == 0 ? spread / d->stride : -1;
    }
    return at < d->width ? at : -1;
}

static void depthwise_case(const onp_kernels *k, memory *m, const onp_window *d)
{
    const int64_t tap = d->c + 2, n = d->rows * d->line_y;
    const float *w = coefficients(m, d->kernel * d->kernel * tap);
    float *y = output(m, n);
    k->depthwise(d, w, tap, y);
    for (int64_t at = 0; at < n; at++) {
        const int64_t lane = at % d->pixel_y, j = at / d->pixel_y % d->cols, i = at / d->line_y;
        if (lane >= d->c) {
            assert_true(untouched(y[at]));
            continue;
        }
        double sum = 0, sum_abs = 0;
        for (int t = 0; t < d->kernel * d->kernel; t++) {
            const float *line = d->lines[i * d->kernel + t / d->kernel];
            const int64_t from = column(d, j, t % d->kernel);
            if (line == NULL || from < 0)
                continue;
            const double p = (double)line[from * d->pixel + lane] * (double)w[t * tap + lane];
            sum += p;
            sum_abs += fabs(p);
        }
        close_to(y[at], sum, (double)(d->kernel * d->kernel) + 1, sum_abs);
    }
    guards_hold(y, n);
}

static void depthwise_weight_case(const onp_kernels *k, memory *m, const onp_window *d)
{
    const int64_t tap = d->c + 2, n = d->kernel * d->kernel * tap;
    const float *x = coefficients(m, d->rows * d->line_y), *before = coefficients(m, n);
    float *gw = output(m, n);
    memcpy(gw, before, (size_t)n * sizeof *gw);
    k->depthwise_weight(d, x, gw, tap);
    for (int64_t at = 0; at < n; at++) {
        const int64_t lane = at % tap;
        const int t = (int)(at / tap);
        double sum = (double)before[at], sum_abs = fabs(sum);
        for (int64_t i = 0; lane < d->c && i < d->rows; i++)
            for (int64_t j = 0; j < d->cols; j++) {
                const float *line = d->lines[i * d->kernel + t / d->kernel];
                const int64_t from = column(d, j, t % d->kernel);
                if (line == NULL || from < 0)
                    continue;
                const double p = (double)line[from * d->pixel + lane] *
                                 (double)x[i * d->line_y + j * d->pixel_y + lane];
                sum += p;
                sum_abs += fabs(p);
            }
        close_to(gw[at], sum, (double)(d->rows * d->cols) + 1, sum_abs);
    }
    guards_hold(gw, n);
}

static void check_depthwise(const onp_kernels *k, memory *m)
{
    static const int64_t cols[] = {1, 2, 3, 4, 5, 7, 8, 14, 17};
    for (int kernel = 1; kernel <= 9; kernel += 2)
        for (int stride = 1; stride <= 3; stride++)
            for (size_t j = 0; j < ONP_COUNT(cols); j++)
                for (int64_t rows = 0; rows < 3; rows++) {
                    window_case t;
                    make_window(m, &t, kernel, stride, false, cols[j], rows);
                    depthwise_case(k, m, &t.d);
                    release(m);
                    make_window(m, &t, kernel, stride, true, cols[j], rows);
                    depthwise_case(k, m, &t.d);
                    depthwise_weight_case(k, m, &t.d);
                    release(m);
                }
}

static void test_depthwise(void **state)
{
    (void)state;
    each_table(check_depthwise);
}

/* ---- choosing a table ---- */

static void test_choose(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    const char *given = getenv("ONEPATH_KERNELS");
    char *kept = given != NULL ? onp_strdup(&ctx, given) : NULL;
    (void)unsetenv("ONEPATH_KERNELS");
    assert_int_equal(onp_kernels_choose(&ctx, NULL, &err), ONP_OK);
    assert_ptr_equal(ctx.kernels, onp_kernels_at(0));
    (void)setenv("ONEPATH_KERNELS", "generic", 1);
    assert_int_equal(onp_kernels_choose(&ctx, NULL, &err), ONP_OK);
    assert_string_equal(ctx.kernels->name, "generic");
    for (int i = 0; onp_kernels_at(i) != NULL; i++) {
        assert_int_equal(onp_kernels_choose(&ctx, onp_kernels_at(i)->name, &err), ONP_OK);
        assert_ptr_equal(ctx.kernels, onp_kernels_at(i));
    }
    assert_int_equal(onp_kernels_choose(&ctx, "abacus", &err), ONP_E_USAGE);
    onp_assert_contains(err.msg, "\"abacus\"");
    onp_assert_contains(err.msg, "generic");
    (void)unsetenv("ONEPATH_KERNELS");
    if (kept != NULL)
        (void)setenv("ONEPATH_KERNELS", kept, 1);
    onp_free(&ctx, kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),        cmocka_unit_test(test_ends_of_the_clamp),
        cmocka_unit_test(test_moments),     cmocka_unit_test(test_grad_sums),
        cmocka_unit_test(test_elementwise), cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
