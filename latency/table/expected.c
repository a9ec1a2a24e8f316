/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/expected.h"

#include <math.h>

static onp_status check_candidate(const onp_block_rows *rows, size_t b, size_t j, onp_error *err)
{
    double p = rows[b].p[j];
    if (!isfinite(p) || p < 0)
        return onp_fail(err, ONP_E_RANGE,
                        "block %zu, candidate %zu: probability is %g, wanted 0..1", b, j, p);
    if (p > 0 && rows[b].ns[j] < 0)
        return onp_fail(err, ONP_E_MISSING, "block %zu, candidate %zu: no latency row", b, j);
    return ONP_OK;
}

static double block_mean_ns(const onp_block_rows *block)
{
    double sum = 0;
    for (size_t j = 0; j < block->n; j++) {
        if (block->p[j] > 0)
            sum += block->p[j] * (double)block->ns[j];
    }
    return sum;
}

onp_status onp_latency_expected(const onp_block_rows *rows, size_t n_blocks, double fixed_ns,
                                double *out_ns, onp_error *err)
{
    double sum = fixed_ns;
    for (size_t b = 0; b < n_blocks; b++) {
        for (size_t j = 0; j < rows[b].n; j++)
            ONP_TRY(check_candidate(rows, b, j, err));
        sum += block_mean_ns(&rows[b]);
    }
    *out_ns = sum;
    return ONP_OK;
}

void onp_latency_gradient(const onp_block_rows *block, double *dalpha)
{
    double mean = block_mean_ns(block);
    for (size_t i = 0; i < block->n; i++)
        dalpha[i] = block->p[i] > 0 ? block->p[i] * ((double)block->ns[i] - mean) : 0;
}

double onp_latency_pair_value(double q_a, double q_b, int64_t ns_a, int64_t ns_b)
{
    return q_a * (double)ns_a + q_b * (double)ns_b;
}

double onp_latency_pair_gradient(double q_a, double q_b, int64_t ns_a, int64_t ns_b)
{
    return q_a * q_b * ((double)ns_a - (double)ns_b);
}
