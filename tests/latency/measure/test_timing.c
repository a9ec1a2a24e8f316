/* SPDX-License-Identifier: Apache-2.0 */
/* Timing on a clock that the test moves, so that each outcome is exact. */
#include <stdlib.h>

#include "latency/measure/clock.h"
#include "latency/measure/timing.h"
#include "tests/test_support.h"

#define MS     ((int64_t)1000000)
#define SECOND (1000 * MS)

typedef struct fake {
    int64_t t, calls;
    int64_t read_cost; /* of the clock itself */
    int64_t (*cost)(const struct fake *f);
    int64_t (*khz)(const struct fake *f);
    int64_t preempt_every; /* calls; 0: never */
} fake;

static int64_t fake_now(void *user)
{
    fake *f = user;
    f->t += f->read_cost;
    return f->t;
}

static int64_t fake_clock(void *user)
{
    const fake *f = user;
    return f->khz != NULL ? f->khz(f) : 3000000;
}

static int64_t fake_preemptions(void *user)
{
    const fake *f = user;
    return f->preempt_every > 0 ? f->calls / f->preempt_every : 0;
}

static void fake_run(void *user)
{
    fake *f = user;
    f->t += f->cost(f);
    f->calls++;
}

static onp_timing measure(fake *f, const onp_stop_rule *rule)
{
    onp_context ctx;
    onp_context_init(&ctx);
    const onp_time_source source = {fake_now, fake_clock, fake_preemptions, f};
    onp_timing t = {0};
    onp_error err = {0};
    if (onp_timing_measure(&ctx, fake_run, f, rule, &source, &t, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return t;
}

static void done(onp_timing *t)
{
    onp_context ctx;
    onp_context_init(&ctx);
    onp_timing_reset(&ctx, t);
}

static int64_t quarter_ms(const fake *f)
{
    (void)f;
    return MS / 4;
}

static void steady(void **state)
{
    (void)state;
    fake f = {.cost = quarter_ms};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.inner_reps, 4);
    assert_int_equal(t.n, 500);                                   /* time_min_ns of 1 ms samples */
    assert_true(f.t >= 8 * SECOND / 10 && f.t < 9 * SECOND / 10); /* warm-up and samples */
    assert_int_equal(t.stats.median_ns, MS / 4);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_string_equal(t.reason, "");
    assert_int_equal(t.clock_khz[0], 3000000);
    done(&t);
}

static void short_rule(void **state)
{
    (void)state;
    fake f = {.cost = quarter_ms};
    onp_timing t = measure(
        &f, &(onp_stop_rule){.warmup_min_ns = 20 * MS, .time_min_ns = 1, .samples_max = 99});
    assert_int_equal(t.n, 30); /* samples_min */
    assert_true(f.t < 60 * MS);
    done(&t);
}

/* From 3 ms down to 1 ms: five calls differ by more than 1 % all the way down. */
static int64_t settling(const fake *f)
{
    int64_t left = 300 - f->calls;
    return MS + (left > 0 ? 2 * MS * left / 300 : 0);
}

static void warms_up(void **state)
{
    (void)state;
    fake f = {.cost = settling};
    onp_timing t = measure(&f, &(onp_stop_rule){.time_max_ns = 20 * SECOND});
    assert_true(f.calls > 300 + 500 && t.samples_ns[0] == MS);
    done(&t);
}

static int64_t cold_first(const fake *f)
{
    return f->calls == 0 ? 3 * MS : MS / 10;
}

static void cold_call_hides_a_short_sample(void **state)
{
    (void)state;
    fake f = {.cost = cold_first};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.inner_reps, 16);
    assert_int_equal(t.stats.median_ns, MS / 10);
    done(&t);
}

static int64_t tenth_us(const fake *f)
{
    (void)f;
    return 100;
}

static void lasts_200_ticks(void **state)
{
    (void)state;
    fake f = {.cost = tenth_us, .read_cost = 20};
    onp_timing t =
        measure(&f, &(onp_stop_rule){.sample_min_ns = 1, .warmup_min_ns = 1, .time_min_ns = 1});
    assert_int_equal(t.inner_reps, 64); /* 32 last 3220 ns, 200 ticks are 4000 */
    assert_true(t.overhead_ns > 0.0);   /* a read of the clock over the turns of the empty loop */
    assert_int_equal(t.stats.median_ns, 100);
    done(&t);
}

/* Whole milliseconds from 2 to 6, in an order without pattern. */
static int64_t wild(const fake *f)
{
    return (2 + (f->calls * f->calls * 7 + f->calls * 3) % 5) * MS;
}

static void noisy_at_the_cap(void **state)
{
    (void)state;
    fake f = {.cost = wild};
    onp_timing t = measure(&f, &(onp_stop_rule){.time_max_ns = 400 * MS, .time_min_ns = 1});
    assert_true(f.t >= 400 * MS && f.t < 410 * MS);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    onp_assert_contains(t.reason, "median known within");
    done(&t);
}

static int64_t rare_outliers(const fake *f)
{
    return f->calls % 40 == 39 ? 3 * MS : MS;
}

static void noisy_by_variation(void **state)
{
    (void)state;
    fake f = {.cost = rare_outliers};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    onp_assert_contains(t.reason, "coefficient of variation");
    assert_int_equal(t.stats.median_ns, MS);
    done(&t);
}

/* The same outliers, but each one with a preemption: rejected for that reason. */
static void rejects_what_was_interrupted(void **state)
{
    (void)state;
    fake f = {.cost = rare_outliers, .preempt_every = 40};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_true(t.n_rejected > 5);
    for (size_t i = 0; i < t.n; i++)
        assert_int_equal(t.samples_ns[i], MS);
    done(&t);
}

static int64_t one_ms(const fake *f)
{
    (void)f;
    return MS;
}

static void interrupted_too_often(void **state)
{
    (void)state;
    fake f = {.cost = one_ms, .preempt_every = 3};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    onp_assert_contains(t.reason, "interrupted");
    done(&t);

    f = (fake){.cost = one_ms, .preempt_every = 1};
    t = measure(&f, NULL);
    assert_int_equal(t.n, 3); /* taken after the cap */
    onp_assert_contains(t.reason, "interrupted");
    done(&t);
}

static int64_t one_second(const fake *f)
{
    (void)f;
    return SECOND;
}

static void slower_than_the_cap(void **state)
{
    (void)state;
    fake f = {.cost = one_second};
    onp_timing t = measure(&f, &(onp_stop_rule){.time_max_ns = 800 * MS});
    assert_int_equal(t.inner_reps, 1);
    assert_int_equal(t.n, 3);
    assert_int_equal(f.calls, 6);
    onp_assert_contains(t.reason, "only 3 samples");
    done(&t);
}

static int64_t falling_clock(const fake *f)
{
    return f->calls < 600 ? 4000000 : 3000000;
}

static int64_t as_the_clock(const fake *f)
{
    return f->calls < 600 ? 3 * MS / 4 : MS;
}

static void throttled(void **state)
{
    (void)state;
    fake f = {.cost = as_the_clock, .khz = falling_clock};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_THROTTLED);
    onp_assert_contains(t.reason, "98 % of 4000 MHz");
    int64_t *scratch = calloc(t.n, sizeof *scratch);
    assert_in_range(onp_timing_normalised_median(&t, 2000000, scratch), 3 * MS / 2 - 1,
                    3 * MS / 2 + 1); /* 3 million cycles at 2 GHz */
    t.clock_khz[0] = 0;
    assert_int_equal(onp_timing_normalised_median(&t, 2000000, scratch), 0);
    free(scratch);
    done(&t);
}

static int64_t two_modes(const fake *f)
{
    return f->calls % 3 == 0 ? 12 * MS / 10 : MS;
}

static void bimodal(void **state)
{
    (void)state;
    fake f = {.cost = two_modes};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_BIMODAL);
    onp_assert_contains(t.reason, "1000000 ns and 1200000 ns");
    done(&t);
}

static void refuses_rules(void **state)
{
    (void)state;
    static const struct {
        onp_stop_rule rule;
        const char *part;
    } rows[] = {
        {{.warmup_calls = -1}, "warmup_calls is -1"},
        {{.warmup_min_ns = INT64_MAX}, "warmup_min_ns"},
        {{.sample_min_ns = -5}, "sample_min_ns"},
        {{.samples_min = ONP_TIMING_MAX_SAMPLES + 1}, "samples_min is 100001"},
        {{.samples_max = ONP_TIMING_MAX_SAMPLES + 1}, "samples_max is 100001"},
        {{.time_min_ns = -1}, "time_min_ns"},
        {{.time_max_ns = 3601 * SECOND}, "time_max_ns"},
        {{.ci_half_width = 1.5}, "ci_half_width is 1.5"},
        {{.cv_max = 2.0}, "cv_max is 2"},
    };
    onp_context ctx;
    onp_context_init(&ctx);
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        fake f = {.cost = one_ms};
        onp_timing t = {0};
        onp_error err = {0};
        assert_int_equal(onp_timing_measure(&ctx, fake_run, &f, &rows[i].rule, NULL, &t, &err),
                         ONP_E_RANGE);
        onp_assert_contains(err.msg, rows[i].part);
        assert_null(t.samples_ns);
        assert_int_equal(f.calls, 0);
    }
}

static onp_status timing_body(const onp_context *ctx, void *arg)
{
    fake f = {.cost = one_ms};
    const onp_time_source source = {fake_now, NULL, NULL, &f};
    onp_timing t = {0};
    (void)arg;
    ONP_TRY(onp_timing_measure(ctx, fake_run, &f, NULL, &source, &t, NULL));
    assert_int_equal(t.clock_khz[0], 0); /* not known */
    assert_int_equal(t.quality, ONP_TIMING_OK);
    onp_timing_reset(ctx, &t);
    return ONP_OK;
}

static void allocation_faults(void **state)
{
    (void)state;
    onp_test_each_allocation(timing_body, NULL);
}

static void spin(void *user)
{
    int *x = user;
    for (int i = 0; i < 20000; i++)
        *(volatile int *)x += i & 1;
}

static void this_machine(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_timing t = {0};
    int x = 0;
    const onp_stop_rule rule = {
        .warmup_min_ns = 1, .sample_min_ns = 1, .time_min_ns = 1, .time_max_ns = 50 * MS};
    assert_int_equal(onp_timing_measure(&ctx, spin, &x, &rule, NULL, &t, NULL), ONP_OK);
    assert_true(t.n >= 3);
    assert_true(t.stats.min_ns > 0);
    assert_true(onp_clock_khz() >= 0);
    onp_timing_reset(&ctx, &t);
    assert_int_equal(onp_clock_normalise(1000, 3000000, 2000000), 1500);
    assert_int_equal(onp_clock_normalise(1000, 0, 2000000), 0);
    assert_int_equal(onp_clock_normalise(1000, 3000000, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady),
        cmocka_unit_test(short_rule),
        cmocka_unit_test(warms_up),
        cmocka_unit_test(cold_call_hides_a_short_sample),
        cmocka_unit_test(lasts_200_ticks),
        cmocka_unit_test(noisy_at_the_cap),
        cmocka_unit_test(noisy_by_variation),
        cmocka_unit_test(rejects_what_was_interrupted),
        cmocka_unit_test(interrupted_too_often),
        cmocka_unit_test(slower_than_the_cap),
        cmocka_unit_test(throttled),
        cmocka_unit_test(bimodal),
        cmocka_unit_test(refuses_rules),
        cmocka_unit_test(allocation_faults),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
