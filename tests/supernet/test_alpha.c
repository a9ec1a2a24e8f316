/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture parameters: golden numbers computed independently from the formulas of the paper,
 * and laws.
 */
#include <math.h>

#include "supernet/alpha.h"
#include "tests/test_support.h"

static const double alpha0[4] = {0.5, -0.25, 0, 0.75};
static const double gate[4] = {1.2, -0.4, 0.3, 0.9};

static void near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.12g, wanted %.12g", value, wanted);
}

static void near_all(const double *values, const double *wanted, int n)
{
    for (int i = 0; i < n; i++)
        near(values[i], wanted[i], 5e-10);
}

static void test_softmax_and_gradient(void **state)
{
    (void)state;
    const double p_wanted[4] = {0.297360395, 0.140463105, 0.180358196, 0.381818305};
    const double g_wanted[4] = {0.149158601, -0.154283433, -0.071853112, 0.076977944};
    double p[4], grad[4] = {0};
    onp_alpha_softmax(alpha0, NULL, 4, p);
    near_all(p, p_wanted, 4);
    onp_alpha_gradient(gate, p, 4, grad);
    near_all(grad, g_wanted, 4);
    near(onp_alpha_entropy(p, 4), 1.312882236, 5e-10);
}

static void test_pair_update(void **state)
{
    (void)state;
    const double p_wanted[4] = {0.297360395, 0.140668573, 0.180358196, 0.381612836};
    double alpha[4], second[4] = {0}, grad[4] = {0}, p[4];
    for (int i = 0; i < 4; i++)
        alpha[i] = alpha0[i];
    const double q3 = 1 / (1 + exp(alpha[1] - alpha[3]));
    near(q3, 0.731058579, 5e-10);
    grad[3] = onp_alpha_pair_gradient(q3, gate[3], gate[1]);
    grad[1] = -grad[3];
    near(grad[3], 0.255595513, 5e-10);
    onp_alpha_adam(alpha, second, grad, NULL, 4, 1, 1e-3);
    near(alpha[3], 0.749, 1e-9); /* eps of Adam: 1e-8 relative to the gradient */
    near(alpha[1], -0.249, 1e-9);
    near(alpha[0], 0.5, 0);
    near(onp_alpha_rescale(alpha, 3, 1, alpha0[3], alpha0[1]), -0.000461723794, 1e-10);
    near(alpha[3], 0.749461724, 1e-9);
    near(alpha[1], -0.248538276, 1e-9);
    onp_alpha_softmax(alpha, NULL, 4, p);
    near_all(p, p_wanted, 4);
}

static void test_large_alphas(void **state)
{
    (void)state;
    const double alpha[3] = {1000, 999, -1000};
    const bool alive[3] = {false, true, true};
    double p[3], scaled[3] = {1000, 998, -1000};
    onp_alpha_softmax(alpha, NULL, 3, p);
    near(p[0] + p[1] + p[2], 1, 1e-15);
    near(p[0], 1 / (1 + exp(-1)), 1e-12);
    near(onp_alpha_rescale(scaled, 0, 1, 1000, 999), log1p(exp(-2)) - log1p(exp(-1)), 1e-12);
    onp_alpha_softmax(alpha, alive, 3, p);
    near(p[0], 0, 0);
    near(p[1], 1, 1e-15);
}

static void test_draws(void **state)
{
    (void)state;
    const double p[4] = {0.25, 0, 0.5, 0.25};
    const int n = 40000;
    int count[4] = {0}, pairs[4][4] = {{0}};
    for (int i = 0; i < n; i++) {
        const int row = i / 200, column = i % 200;
        const double u = (column + 0.5) / 200, v = (row + 0.5) / 200;
        int a = -1, b = -1;
        count[onp_alpha_draw(p, 4, u)]++;
        assert_true(onp_alpha_draw_pair(p, 4, u, v, &a, &b));
        assert_int_not_equal(a, b);
        pairs[a][b]++;
    }
    assert_int_equal(count[1], 0);
    near(count[0], 0.25 * n, 1);
    near(count[2], 0.5 * n, 1);
    near(pairs[0][2], 0.25 * n * 0.5 / 0.75, 0.01 * n); /* p_a p_b / (1 - p_a) */
    near(pairs[2][3], 0.5 * n * 0.25 / 0.5, 0.01 * n);
    assert_int_equal(pairs[0][1] + pairs[2][1] + pairs[3][1], 0);
    const double one[3] = {0, 1, 0};
    int a = -1, b = 0;
    assert_false(onp_alpha_draw_pair(one, 3, 0.5, 0.5, &a, &b));
    assert_int_equal(a, 1);
    assert_int_equal(b, -1);
    assert_int_equal(onp_alpha_draw(p, 4, 0.9999999999999999), 3);
}

/* An alpha whose gradient is 0 does not move, whatever came before: beta1 is 0. */
static void test_adam_holds_still(void **state)
{
    (void)state;
    double alpha[2] = {0, 0}, second[2] = {0};
    const double push[2] = {1, 1}, half[2] = {1, 0};
    onp_alpha_adam(alpha, second, push, NULL, 2, 1, 0.01);
    const double before = alpha[1];
    onp_alpha_adam(alpha, second, half, NULL, 2, 2, 0.01);
    near(alpha[1], before, 0);
    near(alpha[0], -0.02, 1e-6);
    const bool alive[2] = {true, false};
    const double held = second[1];
    onp_alpha_adam(alpha, second, push, alive, 2, 3, 0.01);
    near(alpha[1], before, 0);
    near(second[1], held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_and_gradient), cmocka_unit_test(test_pair_update),
        cmocka_unit_test(test_large_alphas),         cmocka_unit_test(test_draws),
        cmocka_unit_test(test_adam_holds_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
