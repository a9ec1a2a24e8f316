/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture parameters of one block (a mixed edge): probabilities, draws, gradients and the Adam
 * step, in double. Pure functions on arrays of n candidates; `alive` tells which are left after
 * pruning (NULL: all).
 *
 *     onp_alpha_softmax(alpha, alive, n, p);
 *     onp_alpha_gradient(gate, p, n, grad); // dL/dalpha_i = p_i (G_i - sum_j p_j G_j)
 *     onp_alpha_adam(alpha, second, grad, alive, n, step, lr);
 *
 * Source: H. Cai, L. Zhu, S. Han, "ProxylessNAS", ICLR 2019, sections 3.1 to 3.3, and the authors'
 * code.
 */
#ifndef ONP_SUPERNET_ALPHA_H
#define ONP_SUPERNET_ALPHA_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_MAX_CANDIDATES 64

/* p = softmax(alpha) over the candidates that are alive, 0 for the others. The maximum is taken out
 * first. */
void onp_alpha_softmax(const double *alpha, const bool *alive, int n, double *p);

/* Index drawn from p by u in [0, 1): the first whose cumulative sum exceeds u; never one with p =
 * 0. */
int onp_alpha_draw(const double *p, int n, double u);

/* Two different indices drawn from p without replacement (u, v in [0, 1)). Returns false, with *b =
 * -1, when only one candidate has p > 0. */
bool onp_alpha_draw_pair(const double *p, int n, double u, double v, int *a, int *b);

/* dL/dalpha_i = p_i (G_i - sum_j p_j G_j): the gradient through the binary gates with dL/dp_j ~
 * dL/dg_j. Added to grad. */
void onp_alpha_gradient(const double *gate, const double *p, int n, double *grad);

/* The pair's gradient: dL/dalpha_a = q_a q_b (G_a - G_b) = -dL/dalpha_b. Returns it for a. */
double onp_alpha_pair_gradient(double q_a, double gate_a, double gate_b);

/*
 * One Adam step with beta1 = 0, beta2 = 0.999, eps = 1e-8, bias corrected (D. Kingma, J. Ba, 2015):
 * a candidate with gradient 0 does not move. second: running mean of squares; step: 1 for the
 * first. Candidates that are not alive are untouched.
 */
void onp_alpha_adam(double *alpha, double *second, const double *grad, const bool *alive, int n,
                    int64_t step, double lr);

/*
 * Two-path rescaling after an update of the pair (a, b): shifts both so that their share of the
 * softmax denominator is what it was, ln((e^new_a + e^new_b) / (e^old_a + e^old_b)) being
 * subtracted. Returns that offset.
 */
double onp_alpha_rescale(double *alpha, int a, int b, double old_a, double old_b);

/* Entropy in nats as the authors log it: -sum p ln(p + 1e-8). */
double onp_alpha_entropy(const double *p, int n);

#ifdef __cplusplus
}
#endif
#endif
