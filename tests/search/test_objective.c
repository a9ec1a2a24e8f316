/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three losses. Golden numbers: an independent evaluation of the released ProxylessNAS code
 * (CE 2, E 100 ms, T 80 ms). Slopes are also compared with central differences.
 */
#include "tests/test_support.h"

#include <math.h>
#include <string.h>

#include "latency/table/expected.h"
#include "search/objective.h"
#include "supernet/alpha.h"

#define MS 1e6
#define assert_near(a, b, tolerance)                                                               \
    assert_true(fabs((double)(a) - (double)(b)) <= (tolerance)*fabs((double)(b)))

static const onp_loss_config hinge = {.kind = ONP_LOSS_HINGE, .lambda = 0.1, .unit_ns = 1000000};
static const onp_loss_config linear = {
    .kind = ONP_LOSS_ADD_LINEAR, .lambda = 0.1, .unit_ns = 1000000};
static const onp_loss_config mul_log = {
    .kind = ONP_LOSS_MUL_LOG, .alpha = 0.2, .beta = 0.3, .unit_ns = 1000000};

static void golden(void **state)
{
    (void)state;
    onp_objective_value v = onp_objective(&mul_log, 2, 100 * MS, 80 * MS);
    assert_near(v.loss, 0.406004823, 2e-9);
    assert_near(v.d_expected * MS, 0.000264488482, 3e-9); /* exactly ...8481436: its last digit */
    assert_near(v.d_ce, 0.406004823 / 2, 2e-9);
    v = onp_objective(&linear, 2, 100 * MS, 80 * MS);
    assert_near(v.loss, 2.025, 1e-15);
    assert_near(v.d_expected * MS, 0.00125, 1e-14);
    assert_true(v.d_ce == 1);
    v = onp_objective(&hinge, 2, 100 * MS, 80 * MS);
    assert_near(v.loss, 2.025, 1e-15);
    assert_near(v.d_expected * MS, 0.00125, 1e-14);
}

static void at_and_below_the_target(void **state)
{
    (void)state;
    for (int e = 60; e <= 80; e += 20) {
        onp_objective_value v = onp_objective(&hinge, 2, e * MS, 80 * MS);
        assert_true(v.loss == 2 && v.d_ce == 1 && v.d_expected == 0);
    }
    onp_objective_value v = onp_objective(&linear, 2, 60 * MS, 80 * MS);
    assert_near(v.loss, 2 - 0.025, 1e-15); /* goes on rewarding speed */
    assert_near(v.d_expected * MS, 0.00125, 1e-14);
}

/* mul-log depends on what E and T are counted in, the others do not. */
static void units(void **state)
{
    (void)state;
    onp_loss_config us = mul_log;
    us.unit_ns = 1000;
    onp_objective_value v = onp_objective(&us, 2, 100 * MS, 80 * MS);
    assert_near(v.loss, 0.2 * 2 * pow(log(1e5) / log(8e4), 0.3), 1e-14);
    us.kind = ONP_LOSS_HINGE;
    us.lambda = 0.1;
    assert_near(onp_objective(&us, 2, 100 * MS, 80 * MS).loss, 2.025, 1e-15);
}

static void slopes_are_central_differences(void **state)
{
    (void)state;
    const onp_loss_config *all[] = {&hinge, &linear, &mul_log};
    const double h = 10;
    for (size_t i = 0; i < ONP_COUNT(all); i++)
        for (int k = 0; k < 6; k++) {
            const double e = 10.5 * MS * pow(1.7, k);
            onp_objective_value v = onp_objective(all[i], 2, e, 80 * MS);
            double up = onp_objective(all[i], 2, e + h * 100, 80 * MS).loss;
            double down = onp_objective(all[i], 2, e - h * 100, 80 * MS).loss;
            assert_true(fabs((up - down) / (h * 200) - v.d_expected) < 1e-5 / MS);
            up = onp_objective(all[i], 2 + 1e-5, e, 80 * MS).loss;
            down = onp_objective(all[i], 2 - 1e-5, e, 80 * MS).loss;
            assert_near((up - down) / 2e-5, v.d_ce, 1e-8);
        }
}

static void a_unit_that_is_too_large(void **state)
{
    (void)state;
    onp_error err = {0};
    assert_int_equal(onp_objective_check(&mul_log, 1000001, 2 * MS, &err), ONP_OK);
    assert_int_equal(onp_objective_check(&mul_log, 1000000, 2 * MS, &err), ONP_E_CONFIG);
    onp_assert_contains(err.msg, "unit (1 ms) must be below the target (2 ms)");
    assert_int_equal(onp_objective_check(&mul_log, 3000000, 0.5 * MS, &err), ONP_E_CONFIG);
    assert_int_equal(onp_objective_check(&hinge, 1, 0.5 * MS, &err), ONP_OK);
}

/* ---- a latency-only loss moves alpha ---- */

enum { BLOCKS = 3, CANDIDATES = 4 };
static const int64_t ns[BLOCKS][CANDIDATES] = {
    {2000000, 3500000, 1000000, 5000000}, {900000, 800000, 700000, 0}, {400, 100, 90000, 7000000}};

typedef struct edge {
    double alpha[CANDIDATES], second[CANDIDATES], p[CANDIDATES];
} edge;

static double expected(edge *edges)
{
    onp_block_rows rows[BLOCKS];
    double e = 0;
    onp_error err = {0};
    for (int b = 0; b < BLOCKS; b++) {
        onp_alpha_softmax(edges[b].alpha, NULL, CANDIDATES, edges[b].p);
        rows[b] = (onp_block_rows){.p = edges[b].p, .ns = ns[b], .n = CANDIDATES};
    }
    assert_int_equal(onp_latency_expected(rows, BLOCKS, 500000, &e, &err), ONP_OK);
    return e;
}

/* One step on latency alone, its slope v.d_expected. */
static void step(edge *edges, double slope, int64_t n)
{
    for (int b = 0; b < BLOCKS; b++) {
        onp_block_rows rows = {.p = edges[b].p, .ns = ns[b], .n = CANDIDATES};
        double grad[CANDIDATES];
        onp_latency_gradient(&rows, grad);
        for (int k = 0; k < CANDIDATES; k++)
            grad[k] *= slope;
        onp_alpha_adam(edges[b].alpha, edges[b].second, grad, NULL, CANDIDATES, n, 0.02);
    }
}

static void hinge_goes_to_the_target_and_stops(void **state)
{
    (void)state;
    edge edges[BLOCKS] = {{{0}, {0}, {0}}};
    double e = expected(edges), target = 0.6 * e;
    const double start = e;
    int n = 0;
    for (; n < 1000 && e > target; n++) {
        onp_objective_value v = onp_objective(&hinge, 0, e, target);
        assert_true(v.d_expected > 0);
        step(edges, v.d_expected, n + 1);
        double next = expected(edges);
        assert_true(next < e);
        e = next;
    }
    assert_true(n > 5 && n < 1000);
    assert_true(e <= target && e > target - 0.02 * start); /* no further than one step */
    edge before[BLOCKS];
    memcpy(before, edges, sizeof before);
    for (int i = 0; i < 10; i++)
        step(edges, onp_objective(&hinge, 0, e, target).d_expected, n + i + 1);
    for (int b = 0; b < BLOCKS; b++)
        assert_memory_equal(before[b].alpha, edges[b].alpha, sizeof before[b].alpha);
    step(edges, onp_objective(&linear, 0, e, target).d_expected, n + 11);
    assert_true(expected(edges) < e); /* add-linear does not stop */
}

/* A margin moves the hinge, not the slope's meaning: no push up to T (1 - margin). */
static void hinge_with_a_margin(void **state)
{
    (void)state;
    onp_loss_config cfg = hinge;
    cfg.margin = 0.2;
    onp_objective_value v = onp_objective(&cfg, 2, 80e6, 100e6);
    assert_true(v.loss == 2 && v.d_ce == 1 && v.d_expected == 0);
    v = onp_objective(&cfg, 2, 96e6, 100e6);
    assert_true(fabs(v.loss - 2.02) < 1e-12 && fabs(v.d_expected - 0.1 / 80e6) < 1e-20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hinge_with_a_margin),
        cmocka_unit_test(golden),
        cmocka_unit_test(at_and_below_the_target),
        cmocka_unit_test(units),
        cmocka_unit_test(slopes_are_central_differences),
        cmocka_unit_test(a_unit_that_is_too_large),
        cmocka_unit_test(hinge_goes_to_the_target_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
