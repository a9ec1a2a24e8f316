/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of a supernet: where its weights lie and begin, draws, the most probable path, entropy,
 * pruning, and what is refused. */
#include "supernet/supernet.h"

#include <math.h>
#include <string.h>

#include "tests/supernet/tiny_net.h"

#define PAGE 4096

static onp_supernet *make(const onp_context *ctx, uint64_t seed)
{
    onp_position positions[TINY_POSITIONS];
    onp_supernet *net = NULL;
    onp_error err = {0};
    tiny_positions(TINY_MBCONV, positions, 9, 8);
    if (onp_supernet_new(ctx, positions, TINY_POSITIONS, TINY_EPS, seed, &net, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return net;
}

static void near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.12g, wanted %.12g within %g", value, wanted, tolerance);
}

/* Slabs begin on pages, follow each other and hold as many numbers as their block has. */
static void test_slabs(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_supernet *net = make(&ctx, 7);
    const char *end = net->memory.data;
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int c = 0; c < net->positions[i].n; c++) {
            const onp_slab *slab = &net->slabs[i][c];
            assert_int_equal(slab->floats, onp_block_n_params(&net->positions[i].candidate[c]));
            if (slab->floats == 0) {
                assert_null(slab->weights);
                continue;
            }
            assert_int_equal((uintptr_t)slab->weights % PAGE, 0);
            assert_true((const char *)slab->weights >= end);
            assert_ptr_equal(slab->momentum, slab->weights + slab->floats);
            end = (const char *)(slab->momentum + slab->floats);
        }
    assert_true(end <= (const char *)net->memory.data + net->memory.bytes);
    const int32_t path[TINY_POSITIONS] = {0, 2, 1, 0, 0, 0};
    assert_int_equal(onp_supernet_path_floats(net, path),
                     net->slabs[0][0].floats + net->slabs[2][1].floats + net->slabs[3][0].floats +
                         net->slabs[4][0].floats + net->slabs[5][0].floats);
    onp_supernet_free(net);
}

typedef struct moments {
    double n, mean, deviation, largest;
} moments;

static moments moments_of(const float *x, int64_t n)
{
    moments m = {.n = (double)n};
    for (int64_t i = 0; i < n; i++) {
        m.mean += (double)x[i] / m.n;
        m.largest = fmax(m.largest, fabs((double)x[i]));
    }
    for (int64_t i = 0; i < n; i++)
        m.deviation += pow((double)x[i] - m.mean, 2) / m.n;
    m.deviation = sqrt(m.deviation);
    return m;
}

static void check_initial(const onp_param_spec *spec, bool linear, const float *w)
{
    const onp_shape s = spec->shape;
    const moments m = moments_of(w, onp_shape_count(s));
    if (spec->role != ONP_PARAM_WEIGHT) {
        near(m.mean, spec->role == ONP_PARAM_GAMMA ? 1 : 0, 1e-12);
        near(m.deviation, 0, 1e-12);
        return;
    }
    const double bound = 1 / sqrt((double)s.w);
    const double wanted = linear ? bound / sqrt(3) : sqrt(2.0 / (double)(s.h * s.n * s.c));
    near(m.mean, 0, 5 * wanted / sqrt(m.n));
    near(m.deviation, wanted, 5 * wanted / sqrt(m.n));
    if (linear)
        assert_true(m.largest <= bound);
}

static void test_initial_weights(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_supernet *net = make(&ctx, 7), *same = make(&ctx, 7), *other = make(&ctx, 8);
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int c = 0; c < net->positions[i].n; c++) {
            const onp_slab *slab = &net->slabs[i][c];
            onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
            const onp_block *b = &net->positions[i].candidate[c];
            const int n = onp_block_params(b, ONP_MODE_TRAIN, specs);
            const float *w = slab->weights;
            for (int k = 0; k < n; k++) {
                check_initial(&specs[k], b->kind == ONP_BLOCK_HEAD, w);
                w += onp_shape_count(specs[k].shape);
            }
            for (int64_t k = 0; k < slab->floats; k++)
                assert_true(slab->momentum[k] == 0);
            assert_true(fabs(net->alpha[i][c]) < 1e-2);
            assert_true(net->second[i][c] == 0 && net->alive[i][c]);
        }
    assert_memory_equal(net->memory.data, same->memory.data, net->memory.bytes);
    assert_memory_equal(net->alpha, same->alpha, TINY_POSITIONS * sizeof *net->alpha);
    assert_memory_not_equal(net->memory.data, other->memory.data, net->memory.bytes);
    assert_true(net->alpha[1][0] != other->alpha[1][0] && net->alpha[1][0] != net->alpha[2][0]);
    onp_supernet_free(net);
    onp_supernet_free(same);
    onp_supernet_free(other);
}

static void test_draws(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_supernet *net = make(&ctx, 7);
    const double p[3] = {0.2, 0.5, 0.3};
    for (int c = 0; c < 3; c++)
        net->alpha[1][c] = log(p[c]) + 5;
    const onp_rng rng = onp_rng_make(1, ONP_RNG_PATH_WEIGHT);
    const int n = 20000;
    int count[3] = {0}, both[3][3] = {{0}};
    for (int step = 0; step < n; step++) {
        int32_t path[TINY_POSITIONS], again[TINY_POSITIONS];
        onp_supernet_draw(net, rng, (uint64_t)step, path);
        assert_int_equal(path[0] + path[4] + path[5], 0);
        count[path[1]]++;
        both[path[2]][path[3]]++;
        if (step % 1000 != 0)
            continue;
        onp_supernet_draw(net, rng, (uint64_t)step, again);
        assert_memory_equal(path, again, sizeof path);
    }
    for (int c = 0; c < 3; c++)
        near(count[c], p[c] * n, 5 * sqrt(p[c] * (1 - p[c]) * n));
    for (int a = 0; a < 3; a++) /* positions are drawn independently */
        for (int b = 0; b < 3; b++)
            near(both[a][b], n / 9.0, 5 * sqrt(n / 9.0));
    onp_supernet_free(net);
}

static void test_argmax_and_entropy(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_supernet *net = make(&ctx, 7);
    memset(net->alpha, 0, TINY_POSITIONS * sizeof *net->alpha);
    int32_t path[TINY_POSITIONS];
    near(onp_supernet_entropy(net), log(3), 1e-7);
    onp_supernet_argmax(net, path); /* the first of equals */
    for (int i = 0; i < TINY_POSITIONS; i++)
        assert_int_equal(path[i], 0);
    net->alpha[1][2] = net->alpha[2][1] = net->alpha[2][2] = 1;
    onp_supernet_argmax(net, path);
    assert_true(path[1] == 2 && path[2] == 1 && path[3] == 0);
    onp_supernet_drop(net, 1, 2); /* what is gone is not the most probable */
    onp_supernet_argmax(net, path);
    assert_int_equal(path[1], 0);
    const double p = exp(1) / (1 + 2 * exp(1)), q = 1 / (1 + 2 * exp(1));
    near(onp_supernet_entropy(net), (log(2) - 2 * p * log(p) - q * log(q) + log(3)) / 3, 1e-7);
    onp_supernet_free(net);
}

static bool all_zero(const onp_slab *slab)
{
    for (int64_t k = 0; k < 2 * slab->floats; k++)
        if (slab->weights[k] != 0)
            return false;
    return true;
}

static void test_prune(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_supernet *net = make(&ctx, 7);
    const double p[3] = {0.3, 0.1, 0.6};
    for (int c = 0; c < 3; c++) {
        net->alpha[2][c] = log(p[c]);
        net->second[2][c] = 1;
    }
    bool dropped[ONP_MAX_CANDIDATES] = {true, true, true};
    assert_int_equal(onp_supernet_prune(net, 2, 0.05, dropped), 0);
    assert_true(!dropped[0] && !dropped[1] && !dropped[2]);
    assert_int_equal(onp_supernet_prune(net, 2, 0.2, dropped), 1);
    assert_true(!dropped[0] && dropped[1] && !dropped[2]);
    assert_int_equal(onp_supernet_n_alive(net, 2), 2);
    double left[ONP_MAX_CANDIDATES];
    onp_supernet_probabilities(net, 2, left);
    near(left[0], 1.0 / 3, 1e-12);
    near(left[1], 0, 0);
    near(left[2], 2.0 / 3, 1e-12);
    assert_true(all_zero(&net->slabs[2][1]) && net->second[2][1] == 0);
    assert_false(all_zero(&net->slabs[2][0]) || all_zero(&net->slabs[2][2]));
    assert_true(net->second[2][0] == 1 && net->second[2][2] == 1);
    const onp_rng rng = onp_rng_make(1, ONP_RNG_PATH_ARCH);
    for (uint64_t step = 0; step < 1000; step++) {
        int32_t path[TINY_POSITIONS];
        onp_supernet_draw(net, rng, step, path);
        assert_int_not_equal(path[2], 1);
    }
    /* the most probable one stays, whatever the threshold; the dropped one is not counted again */
    assert_int_equal(onp_supernet_prune(net, 2, 2, dropped), 1);
    assert_true(dropped[0] && !dropped[1] && !dropped[2]);
    assert_int_equal(onp_supernet_prune(net, 2, 2, NULL), 0);
    assert_int_equal(onp_supernet_n_alive(net, 2), 1);
    onp_supernet_probabilities(net, 2, left);
    near(left[2], 1, 1e-15);
    assert_int_equal(onp_supernet_prune(net, 0, 2, dropped), 0); /* a fixed position */
    onp_supernet_drop(net, 1, 2);                                /* zero has no weights */
    assert_int_equal(onp_supernet_n_alive(net, 1), 2);
    onp_supernet_free(net);
}

static void refuse(onp_position *positions, int32_t n, onp_status wanted, const char *text)
{
    onp_test_memory m;
    onp_error err = {0};
    onp_supernet *net = NULL;
    onp_test_memory_init(&m, 0);
    assert_int_equal(onp_supernet_new(&m.ctx, positions, n, TINY_EPS, 7, &net, &err), wanted);
    onp_assert_contains(err.msg, text);
    assert_null(net);
    assert_int_equal(m.n_live, 0);
}

static void test_refused(void **state)
{
    (void)state;
    onp_position good[TINY_POSITIONS], p[TINY_POSITIONS];
    tiny_positions(TINY_MBCONV, good, 9, 8);
    refuse(good, 0, ONP_E_RANGE, "0 positions");
    refuse(good, ONP_MAX_POSITIONS + 1, ONP_E_RANGE, "513 positions");
    memcpy(p, good, sizeof p);
    p[2].n = 0;
    refuse(p, TINY_POSITIONS, ONP_E_RANGE, "position 2 has 0 candidates");
    p[2].n = ONP_MAX_CANDIDATES + 1;
    refuse(p, TINY_POSITIONS, ONP_E_RANGE, "position 2 has 65 candidates");
    memcpy(p, good, sizeof p);
    p[2].candidate[1].out_c++;
    refuse(p, TINY_POSITIONS, ONP_E_SHAPE, "candidates 0 and 1 of position 2");
    memcpy(p, good, sizeof p);
    p[3] = p[1];
    refuse(p, TINY_POSITIONS, ONP_E_SHAPE, "position 2 gives 5x4x10, position 3 takes 9x8x6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slabs), cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_draws), cmocka_unit_test(test_argmax_and_entropy),
        cmocka_unit_test(test_prune), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
