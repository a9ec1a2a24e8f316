/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expected latency of a network whose block b takes candidate j with probability p[b][j], and its
 * gradient with respect to the architecture parameters alpha, p[b] = softmax(alpha[b]). Pure
 * functions on arrays.
 *
 *     onp_block_rows rows[21];                       // p and ns of each block
 *     double expected_ns = 0, dalpha[7];
 *     ONP_TRY(onp_latency_expected(rows, 21, fixed_ns, &expected_ns, err));
 *     onp_latency_gradient(&rows[0], dalpha);        // nanoseconds per unit of alpha
 */
#ifndef ONP_LATENCY_TABLE_EXPECTED_H
#define ONP_LATENCY_TABLE_EXPECTED_H

#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_NS_MISSING ((int64_t)-1)

/* One block: n candidates. Borrowed. */
typedef struct onp_block_rows {
    const double *p;   /* probabilities; 0 for a pruned candidate */
    const int64_t *ns; /* latencies; 0 for zero, ONP_NS_MISSING where the table has no row */
    size_t n;
} onp_block_rows;

/*
 *   E = fixed_ns + sum_b sum_j p[b][j] * ns[b][j]     (ProxylessNAS: Cai, Zhu, Han, 2019, part 3.3)
 *
 * in nanoseconds, summed in this order. Errors: ONP_E_MISSING when a candidate with p > 0 has no
 * row, ONP_E_RANGE when a probability is negative or not finite (both name block and candidate);
 * *out_ns is then unchanged.
 */
onp_status onp_latency_expected(const onp_block_rows *rows, size_t n_blocks, double fixed_ns,
                                double *out_ns, onp_error *err) ONP_MUST_USE;

/*
 *   dE/dalpha_i = p_i * (F_i - sum_j p_j F_j)
 *
 * of one block, F = ns, into dalpha[n] (overwritten). A candidate with p = 0 gets exactly 0,
 * whether it has a row or not. Rows have been checked by onp_latency_expected.
 */
void onp_latency_gradient(const onp_block_rows *block, double *dalpha);

/*
 * The same for a pair a, b drawn from the block, q = softmax(alpha_a, alpha_b):
 *
 *   E = q_a F_a + q_b F_b        dE/dalpha_a = q_a q_b (F_a - F_b) = -dE/dalpha_b
 */
double onp_latency_pair_value(double q_a, double q_b, int64_t ns_a, int64_t ns_b);
double onp_latency_pair_gradient(double q_a, double q_b, int64_t ns_a, int64_t ns_b);

#ifdef __cplusplus
}
#endif
#endif
