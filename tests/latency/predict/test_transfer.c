/* SPDX-License-Identifier: Apache-2.0 */
/* Three sources, 24 networks of four choices, six of them measured. Wanted values: the same model
 * in NumPy, by inverses in place of factors. */
#include <math.h>

#include "latency/predict/transfer.h"
#include "tests/test_support.h"

enum { N = 24, SOURCES = 3, POSITIONS = 4, CODES = 3 };

typedef struct fixture {
    int32_t codes[N * POSITIONS];
    double source[N * SOURCES], truth[N], measured[N], ns[N], lo[N], hi[N];
    onp_transfer_input in;
} fixture;

static void set_up(fixture *f)
{
    static const int shots[] = {1, 5, 8, 13, 17, 22};
    *f = (fixture){0};
    for (int i = 0; i < N; i++) {
        for (int p = 0; p < POSITIONS; p++)
            f->codes[i * POSITIONS + p] = (i * (p + 2) + i / 3 + p * p + i * i / 5) % CODES;
        for (int s = 0; s < SOURCES; s++)
            for (int p = 0; p < POSITIONS; p++) {
                const int c = f->codes[i * POSITIONS + p];
                f->source[i * SOURCES + s] += 10 + (7 * s + 5 * p + 3 * c + s * p * c) % 11;
            }
        const double *source = f->source + (size_t)i * SOURCES;
        f->truth[i] = 1.5 * source[1] + 0.2 * source[2] + (i % 5 - 2) * 0.25;
    }
    for (size_t i = 0; i < ONP_COUNT(shots); i++)
        f->measured[shots[i]] = f->truth[shots[i]];
    f->in = (onp_transfer_input){.n = N,
                                 .n_sources = SOURCES,
                                 .source_ns = f->source,
                                 .n_positions = POSITIONS,
                                 .n_codes = CODES,
                                 .codes = f->codes,
                                 .measured_ns = f->measured};
}

static onp_status predict(const onp_context *ctx, void *arg)
{
    fixture *f = arg;
    return onp_transfer_predict(ctx, &f->in, f->ns, f->lo, f->hi, NULL);
}

static void as_in_numpy(void **state)
{
    (void)state;
    static const struct {
        int i;
        double ns, lo, hi;
    } wanted[] = {{0, 90.08664800011879, 87.5598131441462, 92.68640323086247},
                  {1, 91.0473094169805, 89.80266617113168, 92.30920311735908},
                  {10, 98.67943763326399, 94.42565294287826, 103.1248512256294},
                  {23, 90.91893934069151, 87.14552653762378, 94.8557414162563}};
    onp_context ctx;
    fixture f;
    onp_context_init(&ctx);
    set_up(&f);
    assert_int_equal(predict(&ctx, &f), ONP_OK);
    for (size_t w = 0; w < ONP_COUNT(wanted); w++) {
        assert_true(fabs(f.ns[wanted[w].i] - wanted[w].ns) < 1e-8);
        assert_true(fabs(f.lo[wanted[w].i] - wanted[w].lo) < 1e-4);
        assert_true(fabs(f.hi[wanted[w].i] - wanted[w].hi) < 1e-4);
    }
    double error = 0;
    for (int i = 0; i < N; i++)
        error += fabs(f.ns[i] / f.truth[i] - 1) / N;
    assert_true(error < 0.004);
}

/* Times in another unit give the same, in that unit; so does a source. */
static void units_do_not_matter(void **state)
{
    (void)state;
    onp_context ctx;
    fixture f, g;
    onp_context_init(&ctx);
    set_up(&f);
    set_up(&g);
    for (int i = 0; i < N; i++) {
        g.measured[i] *= 1e6;
        g.source[i * SOURCES + 2] *= 1e-3;
    }
    assert_int_equal(predict(&ctx, &f), ONP_OK);
    assert_int_equal(predict(&ctx, &g), ONP_OK);
    for (int i = 0; i < N; i++)
        assert_true(fabs(g.ns[i] / f.ns[i] - 1e6) < 1);
}

static void refuses(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    fixture f;
    onp_context_init(&ctx);
    set_up(&f);
    f.source[4] = 0;
    assert_int_equal(onp_transfer_predict(&ctx, &f.in, f.ns, f.lo, f.hi, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "source 1 says 0 of network 1");
    set_up(&f);
    f.codes[7] = 3;
    assert_int_equal(onp_transfer_predict(&ctx, &f.in, f.ns, f.lo, f.hi, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "network 1 has choice 3, wanted 0..2");
    set_up(&f);
    for (int i = 0; i < 17; i++)
        f.measured[i] = 0;
    assert_int_equal(onp_transfer_predict(&ctx, &f.in, f.ns, f.lo, f.hi, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "2 measured networks, wanted 3..200");
    f.in.n_sources = 0;
    assert_int_equal(onp_transfer_predict(&ctx, &f.in, f.ns, f.lo, f.hi, &err), ONP_E_RANGE);
}

static void no_memory(void **state)
{
    (void)state;
    fixture f;
    set_up(&f);
    onp_test_each_allocation(predict, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_in_numpy),
                                       cmocka_unit_test(units_do_not_matter),
                                       cmocka_unit_test(refuses), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
