/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, probabilities and losses of logits worked out by hand; the worst images in order. */
#include <math.h>

#include "tests/test_support.h"

#include "search/tally.h"

static onp_context ctx;

static void one_answer(void **state)
{
    (void)state;
    /* odds 1 : 3 : 4, so probabilities 1/8, 3/8, 1/2 */
    const float logits[] = {0, (float)log(3), (float)log(4)};
    const onp_answer a = onp_tally_answer(logits, 3, 1, 7);
    assert_int_equal(a.image, 7);
    assert_int_equal(a.truth, 1);
    assert_int_equal(a.answer, 2);
    assert_true(fabs(a.p - 0.5) < 1e-6);
    assert_true(fabs(a.loss - log(8.0 / 3)) < 1e-6);
    const float equal[] = {-1e30f, 1000, 1000};
    assert_int_equal(onp_tally_answer(equal, 3, 0, 0).answer, 1);
    assert_true(onp_tally_answer(equal, 3, 0, 0).p == 0.5);
    assert_true(onp_tally_answer(equal, 3, 0, 0).loss > 9e29);
}

static void answers_are_counted(void **state)
{
    (void)state;
    const float logits[] = {1, 0, 0, 1, 5, 0, 0, 2};
    const int32_t labels[] = {0, 0, 1, 1};
    onp_tally t;
    assert_int_equal(onp_tally_init(&ctx, 2, &t, NULL), ONP_OK);
    onp_tally_add(&t, logits, labels, 10, 4);
    onp_tally_add(&t, logits, labels, 14, 2);
    assert_int_equal(t.n, 6);
    assert_int_equal(t.hits, 3);
    const int64_t wanted[] = {2, 2, 1, 1};
    for (int i = 0; i < 4; i++)
        assert_int_equal(t.confusion[i], wanted[i]);
    assert_int_equal(t.images[0], 4);
    assert_int_equal(t.right[0], 2);
    assert_int_equal(t.images[1], 2);
    assert_int_equal(t.right[1], 1);
    const int64_t worst[] = {12, 11, 15, 10, 14, 13}; /* equal losses: the earlier first */
    assert_int_equal(t.n_worst, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(t.worst[i].image, worst[i]);
    onp_tally_reset(&t);
    onp_tally_reset(&t);
}

/* Losses in an order that mixes rising and falling; the largest are kept. */
static void the_worst_are_kept(void **state)
{
    (void)state;
    enum { N = 97 };
    onp_tally t;
    assert_int_equal(onp_tally_init(&ctx, 2, &t, NULL), ONP_OK);
    for (int64_t i = 0; i < N; i++) {
        const float logits[] = {(float)(i * 31 % N), 0};
        onp_tally_add(&t, logits, &(int32_t){1}, i, 1);
    }
    assert_int_equal(t.n_worst, ONP_TALLY_WORST);
    for (int i = 0; i < ONP_TALLY_WORST; i++)
        assert_int_equal(t.worst[i].image * 31 % N, N - 1 - i);
    onp_tally_reset(&t);
}

static void many_classes_have_no_matrix(void **state)
{
    (void)state;
    onp_tally t;
    const int32_t n = ONP_TALLY_MAX_CONFUSION + 1;
    float *logits = onp_alloc(&ctx, (size_t)n, sizeof *logits);
    assert_non_null(logits);
    logits[5] = 1;
    assert_int_equal(onp_tally_init(&ctx, n, &t, NULL), ONP_OK);
    assert_null(t.confusion);
    onp_tally_add(&t, logits, &(int32_t){5}, 0, 1);
    assert_int_equal(t.right[5], 1);
    onp_tally_reset(&t);
    onp_free(&ctx, logits);
}

static onp_status count_something(const onp_context *failing, void *unused)
{
    (void)unused;
    onp_tally t;
    const onp_status st = onp_tally_init(failing, 3, &t, NULL);
    onp_tally_reset(&t);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    onp_test_each_allocation(count_something, NULL);
}

int main(void)
{
    onp_context_init(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answer),         cmocka_unit_test(answers_are_counted),
        cmocka_unit_test(the_worst_are_kept), cmocka_unit_test(many_classes_have_no_matrix),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
