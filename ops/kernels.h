/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel table: small single-threaded float routines on tiles, one table per instruction set.
 * The generic one is portable C; the others are the same template compiled for wider vectors, to be
 * overwritten entry by entry where a benchmark earns it. The drivers in ops/call*.c cut operations
 * into tiles and call these.
 *
 *     ONP_TRY(onp_kernels_choose(&ctx, NULL, err)); // $ONEPATH_KERNELS, or the best there is
 *     ctx.kernels->load(&operand, row, 64, 0, c, tile, c);
 *
 * No routine allocates. Pointers of one call do not overlap unless it says so. Leading dimensions
 * count floats.
 */
#ifndef ONP_OPS_KERNELS_H
#define ONP_OPS_KERNELS_H

#include "base/context.h"
#include "base/philox.h"
#include "ops/operand.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest register, in floats: depthwise kernels take channels in multiples of it. */
#define ONP_LANE 16

/*
 * What a depthwise kernel walks: `rows` lines of `cols` pixels, c channels each, which it writes
 * (or, for the weight gradient, reads); and the lines of the other map that their taps meet.
 * Forward, tap v of pixel j meets column j * stride + (v - kernel / 2) * dilation of a line;
 * backward, where the other map is the gradient of the output, column
 * (j + (kernel / 2 - v) * dilation) / stride, if it is whole. Columns outside of the line count as
 * 0. Rows of the table tell of one map: without dilation tap row u of a line meets what the next
 * line's tap row u - stride does, at stride 1 backward u + 1.
 */
typedef struct onp_window {
    int kernel, stride;
    int dilation; /* 0 means 1 */
    bool backward;
    const float *const *lines; /* [rows][kernel]: what tap row u meets; NULL: nothing */
    int64_t width, pixel;      /* columns of each, floats from one to the next */
    int64_t rows, cols;
    int64_t line_y, pixel_y; /* floats from line to line, from pixel to pixel */
    int64_t c;               /* a multiple of ONP_LANE */
} onp_window;

/* Memory that the next product meets, fetched while this one runs: parts from the last to the
 * first, as far as there is time. Kernels take from it. */
typedef struct onp_ahead_part {
    const float *at;
    int64_t floats;
} onp_ahead_part;

typedef struct onp_ahead {
    onp_ahead_part part[5];
    int parts;
} onp_ahead;

/* The rows of a product: row r is `segments` runs of k floats, `step` floats apart, from x + r * ld
 * on. */
typedef struct onp_gemm_in {
    const float *x;
    int64_t ld, rows, k, segments, step;
    onp_ahead *ahead; /* or NULL */
} onp_gemm_in;

/* Where a product goes: y [rows][n] with ld; y = clamp(product + add + bias). */
typedef struct onp_gemm_out {
    float *y;
    int64_t ld;
    const float *add;  /* as y, y itself or NULL */
    const float *bias; /* [n] or NULL */
    float lo, hi;      /* no clamp when lo > hi */
} onp_gemm_out;

typedef struct onp_kernels {
    const char *name;

    /* dst[r][j] = value of operand at row + r, channel c0 + j, for r < rows, j < cn. */
    void (*load)(const onp_operand *o, int64_t row, int64_t rows, int64_t c0, int64_t cn,
                 float *dst, int64_t ld);
    /* Per channel of y [rows][c]: the mean, and the sum of squared deviations from it. */
    void (*moments)(const float *y, int64_t rows, int64_t c, int64_t ld, float *mean, float *m2);
    /* Per channel: sum of g' and of g' * (q - mean), g' being g where the mask of `m` (q, scale,
     * shift, lo, hi, clamp) lets it pass. g is [rows][c] with ld_g; q is read at row.., channels
     * c0... mean is indexed by c0 + j as well. */
    void (*grad_sums)(const float *g, int64_t ld_g, const onp_operand *m, const float *mean,
                      int64_t row, int64_t rows, int64_t c0, int64_t c, float *sum_g,
                      float *sum_gx);
    /* y = clamp(y + bias) in place; bias may be NULL; no clamp when lo > hi. */
    void (*finish)(float *y, int64_t rows, int64_t c, int64_t ld, const float *bias, float lo,
                   float hi);
    /* dst += src, n floats. */
    void (*accumulate)(float *dst, const float *src, int64_t n);
    /* y = hswish(y), hsigmoid(y), in place; y *= their derivative at x (0 below and 1 or 0 above
     * the kinks, and on them). */
    void (*hswish)(float *y, int64_t n);
    void (*hsigmoid)(float *y, int64_t n);
    void (*hswish_bwd)(float *y, const float *x, int64_t n);
    void (*hsigmoid_bwd)(float *y, const float *x, int64_t n);
    /* y[r][j] *= s[j], dense rows. */
    void (*multiply_rows)(float *y, int64_t rows, int64_t c, const float *s);
    /* y is elements [first, first + n) of a sample: each times 1 / (1 - rate) or 0, as
     * ops/dropout.h tells. */
    void (*dropout)(float *y, int64_t n, onp_rng key, int64_t sample, int64_t first, double rate);
    /* sums[j] += sum_r a[r][j] b[r][j]. */
    void (*column_products)(const float *a, const float *b, int64_t rows, int64_t c, int64_t ld,
                            float *sums);
    /* sum_i a[i] b[i] in double. */
    double (*dot)(const float *a, const float *b, int64_t n);
    /* Depthwise convolution, w [k*k][c], w_tap floats from tap to tap:
     * y[r][j] = sum_{u,v} line(r, u)[column(j, v)] w[u][v]. */
    void (*depthwise)(const onp_window *d, const float *w, int64_t w_tap, float *y);
    /* Its weight gradient, of a backward window:
     * gw[u][v] += sum_{r,j} x[r][j] line(r, u)[column(j, v)], x in the place of y. */
    void (*depthwise_weight)(const onp_window *d, const float *x, float *gw, int64_t w_tap);
    /* Rows times a packed matrix of k * segments rows and n columns. Where segments is 1 and k odd,
     * float k of a row is read too and must be 0. */
    void (*gemm_rows)(const onp_gemm_in *in, const float *packed, int64_t n,
                      const onp_gemm_out *out);
    /* Packs rows [k0, k1) of a matrix of k * segments rows, k0 even: entry (k0 + i, j) is
     * b[i * ld_k + j * ld_n]. Where k1 is odd and not the end, row k1 is 0. In all
     * onp_gemm_packed_floats(k * segments, n). */
    void (*gemm_pack)(const float *b, int64_t ld_k, int64_t ld_n, int64_t k, int64_t segments,
                      int64_t n, int64_t k0, int64_t k1, float *packed);
    /* c [m][n] = sum_r a[r][i] b[r][j], or += unless `first`; ahead may be NULL. b and c are read
     * and written up to the next multiple of ONP_LANE columns; ldb and ldc have room. */
    void (*gemm_outer)(const float *a, int64_t lda, int64_t m, const float *b, int64_t ldb,
                       int64_t n, int64_t rows, float *c, int64_t ldc, bool first,
                       onp_ahead *ahead);
    /* SGD with Nesterov momentum and weight decay, as PyTorch has it:
     * d = g + decay * w;  m = momentum * m + d;  w -= lr * (d + momentum * m). */
    void (*sgd)(float *w, const float *g, float *m, int64_t n, float lr, float momentum,
                float decay);
} onp_kernels;

/* Floats of a packed matrix of k x n, the same for every table. */
static inline int64_t onp_gemm_packed_floats(int64_t k, int64_t n)
{
    return (k + k % 2) * ((n + ONP_LANE - 1) / ONP_LANE * ONP_LANE);
}

/*
 * Puts a table into ctx. name: "generic", "avx2", "avx512"; NULL: $ONEPATH_KERNELS, else the best
 * that the processor has. Errors: ONP_E_USAGE for a name that does not exist or that this processor
 * cannot run, listing those it can.
 */
onp_status onp_kernels_choose(onp_context *ctx, const char *name, onp_error *err) ONP_MUST_USE;

/* The i-th table that this processor can run, NULL past the last: for tests that go through all. */
const onp_kernels *onp_kernels_at(int i);

#ifdef __cplusplus
}
#endif
#endif
