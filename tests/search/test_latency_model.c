/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies of a supernet against sums by hand, and the path that is derived within a budget
 * against all paths. */
#include "tests/test_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/latency_model.h"

/* stem, three positions of {3x3e1, 5x5e1, 3x3e2, zero}, head */
enum { N = 5, CHOICES = 4 };

static const int64_t latencies[N][CHOICES] = {
    {100}, {40, 60, 90, 0}, {50, 80, 70, 0}, {30, 30, 200, 0}, {25}};
static const double alphas[N][CHOICES] = {
    {0.3}, {0.5, -0.25, 1.0, 0.75}, {1.0, 2.0, 0.0, -1.0}, {0.0, 0.1, 1.5, -3.0}, {0}};

typedef struct fixture {
    onp_context ctx;
    onp_supernet *net;
    onp_rundb *db;
    onp_latency_model m;
    onp_error err;
    char dir[ONP_TEST_PATH];
} fixture;

static void expect_ok(onp_status st, const fixture *f)
{
    if (st != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static void make_net(fixture *f)
{
    const onp_block stem = {.kind = ONP_BLOCK_STEM,
                            .in_h = 6,
                            .in_w = 6,
                            .in_c = 1,
                            .out_c = 4,
                            .kernel = 3,
                            .stride = 1};
    const onp_block mbconv = {.kind = ONP_BLOCK_MBCONV,
                              .in_h = 6,
                              .in_w = 6,
                              .in_c = 4,
                              .out_c = 4,
                              .kernel = 3,
                              .expand = 1,
                              .stride = 1,
                              .skip = true};
    const onp_block head = {.kind = ONP_BLOCK_HEAD, .in_h = 6, .in_w = 6, .in_c = 4, .out_c = 3};
    onp_position positions[N] = {{1, {stem}}, {0}, {0}, {0}, {1, {head}}};
    for (int i = 0; i < N; i++) {
        if (positions[i].n == 0) {
            positions[i].n = CHOICES;
            for (int c = 0; c < CHOICES; c++)
                positions[i].candidate[c] = mbconv;
            positions[i].candidate[1].kernel = 5;
            positions[i].candidate[2].expand = 2;
            positions[i].candidate[3] =
                (onp_block){.kind = ONP_BLOCK_ZERO, .in_h = 6, .in_w = 6, .in_c = 4};
        }
        for (int c = 0; c < positions[i].n; c++)
            expect_ok(onp_block_complete(&positions[i].candidate[c], &f->err), f);
    }
    expect_ok(onp_supernet_new(&f->ctx, positions, N, 1e-3, 1, &f->net, &f->err), f);
    for (int i = 0; i < N; i++)
        memcpy(f->net->alpha[i], alphas[i], sizeof alphas[i]);
}

static int setup(void **state)
{
    char path[ONP_TEST_PATH];
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    make_net(f);
    onp_test_dir_make(f->dir);
    onp_test_path(path, f->dir, "run.db");
    expect_ok(onp_rundb_open(&f->ctx, path, &f->db, &f->err), f);
    f->m = (onp_latency_model){.ctx = &f->ctx, .n_positions = N};
    f->m.ns = onp_alloc(&f->ctx, N, sizeof *f->m.ns);
    for (int i = 0; i < N; i++)
        memcpy(f->m.ns[i], latencies[i], sizeof latencies[i]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_latency_model_free(&f->m);
    onp_rundb_close(f->db);
    onp_supernet_free(f->net);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

/* ---- loading ---- */

static void set(fixture *f, int position, int candidate, int64_t ns)
{
    char key[ONP_BLOCK_KEY];
    onp_block_key(&f->net->positions[position].candidate[candidate], key);
    expect_ok(onp_rundb_latency_set(f->db, key, ns, 0, "measured", "ok", &f->err), f);
}

static void test_load(void **state)
{
    fixture *f = *state;
    onp_latency_model m = {0};
    set(f, 0, 0, 100);
    set(f, 1, 0, 40);
    set(f, 1, 2, 90);
    set(f, 4, 0, 25);
    assert_int_equal(onp_latency_model_load(&f->ctx, f->net, f->db, &m, &f->err), ONP_E_MISSING);
    onp_assert_contains(f->err.msg, "mbconv in=6x6x4 out=6x6x4 k=5 e=1 s=1 skip=1");
    assert_null(m.ns);
    set(f, 1, 1, 60); /* zero needs none */
    expect_ok(onp_latency_model_load(&f->ctx, f->net, f->db, &m, &f->err), f);
    assert_int_equal(m.n_positions, N);
    for (int i = 1; i < 4; i++)
        for (int c = 0; c < CHOICES; c++)
            assert_int_equal(m.ns[i][c], latencies[1][c]);
    assert_int_equal(m.ns[0][0], 100);
    assert_int_equal(m.ns[4][0], 25);
    onp_latency_model_free(&m);
    onp_latency_model_free(&m); /* all zero */
}

/* How well a row is known comes with it; no network is said to take less than nothing. */
static void test_load_deviations(void **state)
{
    fixture *f = *state;
    onp_latency_model m = {0};
    const int32_t path[N] = {0, 3, 3, 3, 0};
    char key[ONP_BLOCK_KEY];
    double lo = -1, hi = -1;
    for (int c = 0; c < 3; c++)
        set(f, 1, c, latencies[1][c]);
    set(f, 4, 0, 25);
    onp_block_key(&f->net->positions[0].candidate[0], key);
    expect_ok(onp_rundb_latency_set(f->db, key, 100, 12.5, "modelled", "ok", &f->err), f);
    expect_ok(onp_latency_model_load(&f->ctx, f->net, f->db, &m, &f->err), f);
    assert_true(m.sd[0][0] == 12.5 && m.sd[1][0] == 0 && m.sd[1][3] == 0);
    assert_true(m.runs[0][0] && m.runs[1][2] && !m.runs[1][3]);
    onp_latency_model_interval(&m, path, &lo, &hi);
    assert_true(fabs(lo - (125 - 1.959964 * 12.5)) < 1e-9);
    assert_true(fabs(hi - (125 + 1.959964 * 12.5)) < 1e-9);
    m.sd[0][0] = 125;
    onp_latency_model_interval(&m, path, &lo, &hi);
    assert_true(lo == 0 && fabs(hi - (125 + 1.959964 * 125)) < 1e-9);
    onp_latency_model_free(&m);
}

static onp_status load(const onp_context *ctx, void *arg)
{
    const fixture *f = arg;
    onp_latency_model m = {0};
    ONP_TRY(onp_latency_model_load(ctx, f->net, f->db, &m, NULL));
    onp_latency_model_free(&m);
    return ONP_OK;
}

static void test_load_without_memory(void **state)
{
    fixture *f = *state;
    set(f, 0, 0, 100);
    for (int c = 0; c < 3; c++)
        set(f, 1, c, 40);
    set(f, 4, 0, 25);
    onp_test_each_allocation(load, f);
}

/* ---- sums ---- */

static double expected_by_hand(const onp_supernet *net)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double above = 0, below = 0;
        for (int c = 0; c < net->positions[i].n; c++) {
            const double e = net->alive[i][c] ? exp(alphas[i][c]) : 0;
            above += e * (double)latencies[i][c];
            below += e;
        }
        sum += above / below;
    }
    return sum;
}

static void test_sums(void **state)
{
    fixture *f = *state;
    assert_true(fabs(onp_latency_model_expected(&f->m, f->net) - expected_by_hand(f->net)) < 1e-9);
    /* 125 fixed, then the means of {40, 60, 90, 0}, {50, 80, 70, 0}, {30, 30, 200, 0} */
    assert_true(fabs(onp_latency_model_uniform(&f->m, f->net) - (125 + 47.5 + 50 + 65)) < 1e-9);
    assert_int_equal(onp_latency_model_least(&f->m, f->net), 125);
    const int32_t path[N] = {0, 2, 1, 3, 0};
    assert_int_equal(onp_latency_model_path(&f->m, path), 125 + 90 + 80);
    onp_supernet_drop(f->net, 3, 2);
    assert_true(fabs(onp_latency_model_expected(&f->m, f->net) - expected_by_hand(f->net)) < 1e-9);
}

/* The golden network's numbers of one position: E = sum p F. */
static void test_golden_position(void **state)
{
    fixture *f = *state;
    static const double alpha[CHOICES] = {0.5, -0.25, 0, 0.75};
    static const int64_t ns[CHOICES] = {2000, 3500, 1000, 5000};
    const double below = exp(0.5) + exp(-0.25) + 1 + exp(0.75);
    const double e = (2000 * exp(0.5) + 3500 * exp(-0.25) + 1000 + 5000 * exp(0.75)) / below;
    const double others = expected_by_hand(f->net);
    const double before = onp_latency_model_expected(&f->m, f->net);
    onp_supernet *net = f->net;
    double p[CHOICES], old = 0;
    onp_alpha_softmax(net->alpha[1], NULL, CHOICES, p);
    for (int c = 0; c < CHOICES; c++)
        old += p[c] * (double)f->m.ns[1][c];
    memcpy(net->alpha[1], alpha, sizeof alpha);
    memcpy(f->m.ns[1], ns, sizeof ns);
    assert_true(fabs(before - others) < 1e-9);
    assert_true(fabs(onp_latency_model_expected(&f->m, net) - (before - old + e)) < 1e-9);
}

/* ---- calibration and its uncertainty ---- */

/* 1.2 x sum + 0.5 x blocks + 7, rows known to 10 %, the calibration to 3 %. */
static void calibrate(fixture *f, double deviations)
{
    f->m.calibration = (onp_calibration){
        .a = 1.2, .b_ns = 0.5, .c_ns = 7, .residual_sd = 0.03, .half95 = 0.07, .n = 20};
    f->m.deviations = deviations;
    f->m.sd = onp_alloc(&f->ctx, N, sizeof *f->m.sd);
    f->m.runs = onp_alloc(&f->ctx, N, sizeof *f->m.runs);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < CHOICES; c++) {
            f->m.sd[i][c] = 0.1 * (double)latencies[i][c];
            f->m.runs[i][c] = latencies[i][c] > 0;
        }
}

/* Wanted: the formulas of the header, in NumPy. */
static void test_calibrated(void **state)
{
    fixture *f = *state;
    const int32_t path[N] = {0, 2, 1, 2, 0};
    double lo = 0, hi = 0;
    onp_latency_model_interval(&f->m, path, &lo, &hi);
    assert_true(lo == 0 && hi == 0);
    calibrate(f, 2);
    assert_true(fabs(onp_latency_model_expected(&f->m, f->net) - 475.21201204061765) < 1e-9);
    assert_true(fabs(onp_latency_model_bound(&f->m, f->net) - 527.3064093821266) < 1e-9);
    assert_true(fabs(onp_latency_model_uniform(&f->m, f->net) - 354.125) < 1e-9);
    assert_true(fabs(onp_latency_model_least(&f->m, f->net) - 184.49283676770006) < 1e-9);
    assert_true(fabs(onp_latency_model_path(&f->m, path) - 603.5) < 1e-9);
    onp_latency_model_interval(&f->m, path, &lo, &hi);
    assert_true(fabs(lo - 530.1027237298318) < 1e-9);
    assert_true(fabs(hi - 676.8972762701682) < 1e-9);
    f->m.deviations = 0;
    assert_true(onp_latency_model_bound(&f->m, f->net) ==
                onp_latency_model_expected(&f->m, f->net));
}

/* By alpha, against central differences; a dropped candidate has no part in it. */
static void check_gradient(fixture *f)
{
    const double h = 1e-5;
    double slopes[N][ONP_MAX_CANDIDATES] = {{0}};
    onp_latency_model_slopes(&f->m, f->net, slopes);
    for (int32_t i = 1; i < 4; i++) {
        double p[ONP_MAX_CANDIDATES], mean = 0;
        onp_supernet_probabilities(f->net, i, p);
        for (int c = 0; c < CHOICES; c++)
            mean += p[c] * slopes[i][c];
        for (int c = 0; c < CHOICES; c++) {
            double *alpha = &f->net->alpha[i][c];
            const double old = *alpha;
            *alpha = old + h;
            const double above = onp_latency_model_bound(&f->m, f->net);
            *alpha = old - h;
            const double below = onp_latency_model_bound(&f->m, f->net);
            *alpha = old;
            const double wanted = p[c] * (slopes[i][c] - mean);
            assert_true(fabs((above - below) / (2 * h) - wanted) < 1e-6);
        }
    }
}

static void test_gradient(void **state)
{
    fixture *f = *state;
    check_gradient(f);
    calibrate(f, 0);
    check_gradient(f);
    f->m.deviations = 1.645;
    onp_supernet_drop(f->net, 2, 1);
    check_gradient(f);
    f->m.calibration = onp_calibration_none(); /* rows alone */
    check_gradient(f);
}

/* The path keeps its bound, not only its latency, within the budget. */
static void test_derive_by_the_bound(void **state)
{
    fixture *f = *state;
    int32_t path[N];
    calibrate(f, 2);
    expect_ok(onp_latency_model_derive(&f->m, f->net, 675, path, &f->err), f);
    assert_int_equal(path[3], 2); /* the argmax path: 674.65 */
    expect_ok(onp_latency_model_derive(&f->m, f->net, 674, path, &f->err), f);
    assert_true(onp_latency_model_path(&f->m, path) < 603);
    expect_ok(onp_latency_model_derive(&f->m, f->net, 184.5, path, &f->err), f);
    assert_int_equal(onp_latency_model_derive(&f->m, f->net, 184.4, path, &f->err), ONP_E_BUDGET);
}

/* The fastest candidate's row is uncertain, another's is not: that one's bound is the smallest. */
static void test_least_bound(void **state)
{
    fixture *f = *state;
    f->m.sd = onp_alloc(&f->ctx, N, sizeof *f->m.sd);
    f->m.ns[1][3] = 30; /* of 40, 60, 90 and this one */
    f->m.sd[1][3] = 50;
    f->m.deviations = 2;
    assert_true(fabs(onp_latency_model_least(&f->m, f->net) - (100 + 40 + 25)) < 1e-9);
}

/* ---- derivation ---- */

static void assert_path(const int32_t *path, int a, int b, int c)
{
    assert_int_equal(path[0], 0);
    assert_int_equal(path[1], a);
    assert_int_equal(path[2], b);
    assert_int_equal(path[3], c);
    assert_int_equal(path[4], 0);
}

static void derive(fixture *f, double budget, int32_t path[N])
{
    expect_ok(onp_latency_model_derive(&f->m, f->net, budget, path, &f->err), f);
    assert_true((double)onp_latency_model_path(&f->m, path) <= budget);
}

static void test_derive_argmax(void **state)
{
    fixture *f = *state;
    int32_t path[N];
    derive(f, 1e9, path);
    assert_path(path, 2, 1, 2); /* 125 + 90 + 80 + 200 = 495 */
    derive(f, 495, path);
    assert_path(path, 2, 1, 2);
}

/* Prices in log-probability per ns, from the argmax path 2 1 2:
 *   position 1: to 3x3e1 0.5/50, to 5x5e1 1.25/30, to zero 0.25/90
 *   position 2: to 3x3e1 1/30, to 3x3e2 2/10, to zero 3/80
 *   position 3: to 3x3e1 1.5/170, to 5x5e1 1.4/170, to zero 4.5/200 */
static void test_derive_swaps(void **state)
{
    fixture *f = *state;
    int32_t path[N];
    derive(f, 494, path);
    assert_path(path, 3, 1, 2); /* 405 */
    derive(f, 404, path);
    assert_path(path, 3, 1, 1); /* 235 */
    derive(f, 234, path);
    assert_path(path, 3, 0, 1); /* 1/30 = 0.0333 is below 3/80 = 0.0375: 205 */
    derive(f, 204, path);
    assert_path(path, 3, 3, 1); /* 2/50 below 3.1/30: 155 */
    derive(f, 125, path);
    assert_path(path, 3, 3, 3);
}

static void test_derive_infeasible(void **state)
{
    fixture *f = *state;
    int32_t path[N];
    assert_int_equal(onp_latency_model_derive(&f->m, f->net, 124.9, path, &f->err), ONP_E_BUDGET);
    assert_path(path, 2, 1, 2); /* the argmax path */
    onp_assert_contains(f->err.msg, "0.0001 ms");
}

static void test_derive_uses_no_pruned(void **state)
{
    fixture *f = *state;
    int32_t path[N];
    onp_supernet_drop(f->net, 1, 3);
    derive(f, 494, path);
    assert_path(path, 2, 1, 1); /* 1.4/170 is the least now: 325 */
    onp_supernet_drop(f->net, 2, 3);
    onp_supernet_drop(f->net, 3, 3);
    derive(f, 245, path);
    assert_path(path, 0, 0, 1); /* 125 + 40 + 50 + 30 */
    assert_int_equal(onp_latency_model_derive(&f->m, f->net, 244, path, &f->err), ONP_E_BUDGET);
}

/* exp() of so little is 0: it is alive all the same. */
static void test_derive_uses_the_improbable(void **state)
{
    fixture *f = *state;
    int32_t path[N];
    for (int i = 1; i < 4; i++)
        f->net->alpha[i][3] = -2000;
    derive(f, 125, path);
    assert_path(path, 3, 3, 3);
}

/* Whatever alphas are: a path within the budget is found whenever there is one. */
static void test_derive_finds_one(void **state)
{
    fixture *f = *state;
    const onp_rng rng = onp_rng_make(1, ONP_RNG_TEST);
    for (uint64_t trial = 0; trial < 300; trial++) {
        int64_t least = 125;
        for (uint32_t i = 1; i < 4; i++) {
            int64_t cheapest = INT64_MAX;
            for (uint32_t c = 0; c < CHOICES; c++) {
                f->net->alpha[i][c] = onp_rng_normal(rng, trial, i, c);
                f->m.ns[i][c] = (int64_t)onp_rng_below(rng, trial, i, 8 + c, 100);
                cheapest = f->m.ns[i][c] < cheapest ? f->m.ns[i][c] : cheapest;
            }
            least += cheapest;
        }
        int32_t path[N];
        derive(f, (double)least, path);
        assert_int_equal(onp_latency_model_derive(&f->m, f->net, (double)least - 1, path, NULL),
                         ONP_E_BUDGET);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_deviations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_without_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_golden_position, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calibrated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gradient, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_by_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_least_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_argmax, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_swaps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_infeasible, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_uses_no_pruned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_uses_the_improbable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_derive_finds_one, setup, teardown),
    };
    return cmocka_run_group_tests_name("latency model", tests, NULL, NULL);
}
