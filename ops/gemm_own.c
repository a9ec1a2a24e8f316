/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/gemm_own.h"

#include <string.h>

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Columns of A become rows; a few cache lines of it at a time, which stay while it is read. */
#define TRANSPOSED 16

static void transpose(const float *a, int64_t lda, int64_t rows, int64_t depth, float *to,
                      int64_t ld)
{
    for (int64_t p = 0; p < depth; p += TRANSPOSED, a += TRANSPOSED * lda) {
        const int64_t n = smaller(TRANSPOSED, depth - p);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t q = 0; q < n; q++)
                to[r * ld + p + q] = a[q * lda + r];
    }
}

/* Rows [i, i + rows) of op(A), columns [p, p + depth), with an even number of floats each and a 0
 * behind an odd depth, as kernels read them. */
static onp_gemm_in block_of_a(const onp_sgemm_job *j, int64_t i, int64_t rows, int64_t p,
                              int64_t depth, float *scratch)
{
    const int64_t ld = depth + depth % 2;
    onp_gemm_in in = {.x = scratch, .ld = ld, .rows = rows, .k = depth, .segments = 1};
    if (!j->trans_a && depth % 2 == 0) {
        in.x = j->a + i * j->lda + p;
        in.ld = j->lda;
        return in;
    }
    if (j->trans_a)
        transpose(j->a + p * j->lda + i, j->lda, rows, depth, scratch, ld);
    for (int64_t r = 0; r < rows; r++, scratch += ld) {
        if (!j->trans_a)
            memcpy(scratch, j->a + (i + r) * j->lda + p, (size_t)depth * sizeof *scratch);
        if (depth % 2 != 0)
            scratch[depth] = 0;
    }
    return in;
}

/* C [m][n..] (+)= op(A) times the packed block of op(B) that begins at row p and column j0. */
static void multiply_block(const onp_kernels *k, const onp_sgemm_job *j, int64_t p, int64_t depth,
                           int64_t j0, int64_t n, const float *packed, float *scratch)
{
    for (int64_t i = 0; i < j->m; i += ONP_SGEMM_OWN_ROWS) {
        const int64_t rows = smaller(ONP_SGEMM_OWN_ROWS, j->m - i);
        const onp_gemm_in in = block_of_a(j, i, rows, p, depth, scratch);
        float *c = j->c + i * j->ldc + j0;
        const onp_gemm_out out = {.y = c, .ld = j->ldc, .add = j->add || p > 0 ? c : NULL, .lo = 1};
        k->gemm_rows(&in, packed, n, &out);
    }
}

void onp_sgemm_own(const onp_kernels *k, const onp_sgemm_job *j, float *scratch)
{
    float *packed = scratch + ONP_SGEMM_OWN_DEPTH * ONP_SGEMM_OWN_ROWS;
    const int64_t ld_k = j->trans_b ? 1 : j->ldb, ld_n = j->trans_b ? j->ldb : 1;
    for (int64_t j0 = 0; j0 < j->n; j0 += ONP_SGEMM_OWN_COLUMNS) {
        const int64_t n = smaller(ONP_SGEMM_OWN_COLUMNS, j->n - j0);
        int64_t p = 0;
        do { /* once when k is 0: C is then 0 or as it was */
            const int64_t depth = smaller(ONP_SGEMM_OWN_DEPTH, j->k - p);
            k->gemm_pack(j->b + p * ld_k + j0 * ld_n, ld_k, ld_n, depth, 1, n, 0, depth, packed);
            multiply_block(k, j, p, depth, j0, n, packed, scratch);
            p += depth;
        } while (p < j->k);
    }
}
