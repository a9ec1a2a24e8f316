/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10 against the known-answer vectors of Random123 (kat_vectors), and its derived
 * distributions against their definitions. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "tests/test_support.h"

static void block_matches_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        uint32_t out[4];
        onp_philox4x32(rows[i].counter, rows[i].key, out);
        assert_memory_equal(out, rows[i].want, sizeof out);
    }
}

static void block_uses_every_counter_word(void **state)
{
    (void)state;
    onp_rng r = {{0xa4093822, 0x299f31d0}};
    uint32_t out[4];
    onp_rng_block(r, UINT64_C(0x85a308d3243f6a88), 0x13198a2e, 0x03707344, out);
    const uint32_t want[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    assert_memory_equal(out, want, sizeof out);
}

static void streams_differ_by_seed_and_purpose(void **state)
{
    (void)state;
    onp_rng a = onp_rng_make(1, ONP_RNG_SPLIT), b = onp_rng_make(1, ONP_RNG_SPLIT);
    onp_rng c = onp_rng_make(2, ONP_RNG_SPLIT), d = onp_rng_make(1, ONP_RNG_SHUFFLE);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
    assert_memory_not_equal(&a, &d, sizeof a);
}

/* u = floor(w0 * 2^21 + w1 / 2^11) / 2^53 */
static void uniform_is_the_top_53_bits(void **state)
{
    (void)state;
    onp_rng r = {{0, 0}};
    double want0 = floor(0x6627e8d5p0 * 0x1p21 + 0xe169c58dp0 * 0x1p-11) * 0x1p-53;
    double want1 = floor(0xbc57ac4cp0 * 0x1p21 + 0x9b00dbd8p0 * 0x1p-11) * 0x1p-53;
    assert_true(onp_rng_uniform(r, 0, 0, 0, 0) == want0);
    assert_true(onp_rng_uniform(r, 0, 0, 0, 1) == want1);
}

static void below_is_the_scaled_fraction(void **state)
{
    (void)state;
    onp_rng r = onp_rng_make(3, ONP_RNG_TEST);
    static const uint64_t limits[] = {1, 2, 7, 1000, UINT64_C(1) << 32, UINT64_C(3) << 40};
    for (size_t k = 0; k < ONP_COUNT(limits); k++)
        for (uint32_t i = 0; i < 1000; i++) {
            uint64_t x = onp_rng_below(r, i, (uint32_t)k, 0, limits[k]);
            double fraction = onp_rng_uniform(r, i, (uint32_t)k, 0, 0);
            assert_true(x < limits[k]);
            assert_true(fabs((double)x - floor(fraction * (double)limits[k])) <= 1.0);
        }
    /* n = 2^64 - 1 leaves the number, less one when it is large: the high half is exact */
    uint32_t w[4];
    onp_rng_block(r, 5, 6, 7, w);
    uint64_t bits = (uint64_t)w[0] << 32 | w[1];
    assert_int_equal(onp_rng_below(r, 5, 6, 7, UINT64_MAX), bits == 0 ? 0 : bits - 1);
}

static void moments_are_those_of_the_distribution(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    onp_rng r = onp_rng_make(11, ONP_RNG_TEST);
    double u1 = 0, u2 = 0, g1 = 0, g2 = 0, g4 = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        double u = onp_rng_uniform(r, i, 1, 0, 0) - 0.5, g = onp_rng_normal(r, i, 2, 0);
        u1 += u, u2 += u * u;
        g1 += g, g2 += g * g, g4 += g * g * g * g;
    }
    /* five standard errors */
    assert_true(fabs(u1 / COUNT) < 5 * sqrt(1.0 / 12 / COUNT));
    assert_true(fabs(u2 / COUNT - 1.0 / 12) < 5 * sqrt(1.0 / 180 / COUNT));
    assert_true(fabs(g1 / COUNT) < 5 * sqrt(1.0 / COUNT));
    assert_true(fabs(g2 / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(g4 / COUNT - 3) < 5 * sqrt(96.0 / COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_matches_known_answers),
        cmocka_unit_test(block_uses_every_counter_word),
        cmocka_unit_test(streams_differ_by_seed_and_purpose),
        cmocka_unit_test(uniform_is_the_top_53_bits),
        cmocka_unit_test(below_is_the_scaled_fraction),
        cmocka_unit_test(moments_are_those_of_the_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
