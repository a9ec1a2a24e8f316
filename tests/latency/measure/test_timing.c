/* SPDX-License-Identifier: Apache-2.0 */
/* Timing on a clock that the test moves, so that each outcome is exact. */
#include <math.h>
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
    void (*see)(const struct fake *f, onp_sight *out);
} fake;

static int64_t fake_now(void *user)
{
    fake *f = user;
    f->t += f->read_cost;
    return f->t;
}

static void fake_look(void *user, onp_sight *out)
{
    const fake *f = user;
    *out = (onp_sight){.clock_khz = f->khz != NULL ? f->khz(f) : 3000000,
                       .temperature_mc = ONP_UNKNOWN_MC,
                       .waited_ns = f->preempt_every > 0 ? f->calls / f->preempt_every * MS : 0};
    if (f->see != NULL)
        f->see(f, out);
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
    const onp_time_source source = {.now_ns = fake_now, .look = fake_look, .user = f};
    const onp_timed what = {.run = fake_run, .user = f};
    onp_timing t = {0};
    onp_error err = {0};
    if (onp_timing_measure(&ctx, &what, rule, &source, &t, &err) != ONP_OK)
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

static int64_t outliers(const fake *f)
{
    return f->calls % 15 == 14 ? 3 * MS : MS;
}

static void noisy_by_variation(void **state)
{
    (void)state;
    fake f = {.cost = outliers};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    onp_assert_contains(t.reason, "coefficient of variation");
    assert_int_equal(t.stats.median_ns, MS);
    done(&t);

    f = (fake){.cost = rare_outliers}; /* kept, but no reason to doubt the median */
    t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_true(t.stats.cv > 0.25);
    assert_int_equal(t.n_rejected, 0);
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
    onp_assert_contains(t.reason, "preempted");
    done(&t);

    f = (fake){.cost = one_ms, .preempt_every = 1};
    t = measure(&f, NULL);
    assert_int_equal(t.n, 3); /* taken after the cap */
    onp_assert_contains(t.reason, "preempted");
    done(&t);
}

static void waits_in_two_of_eleven(const fake *f, onp_sight *sight)
{
    sight->waited_ns = f->calls * 2 / 11 * MS;
}

/* A fifth of all samples, not of those that are left. */
static void interrupted_not_too_often(void **state)
{
    (void)state;
    fake f = {.cost = one_ms, .see = waits_in_two_of_eleven};
    onp_timing t = measure(&f, NULL);
    assert_true(t.n_rejected * 5 > (int64_t)t.n);
    assert_int_equal(t.quality, ONP_TIMING_OK);
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
    onp_assert_contains(t.reason, "more than 2 % off the usual 3000 MHz");
    assert_int_equal(t.rejected[ONP_REJECT_CLOCK], 0);
    int64_t *scratch = calloc(2 * t.n, sizeof *scratch);
    assert_in_range(onp_timing_normalised_median(&t, 2000000, scratch), 3 * MS / 2 - 1,
                    3 * MS / 2 + 1); /* 3 million cycles at 2 GHz */
    t.clock_khz[0] = 0;
    assert_int_equal(onp_timing_normalised_median(&t, 2000000, scratch), 0);
    free(scratch);
    done(&t);
}

/* The clock falls too often for those samples to be left out. */
static int64_t falls_by_a_tenth(const fake *f)
{
    return f->calls / 10 % 10 < 4 ? 2700000 : 3000000;
}

static void keeps_what_ran_slow_too_often(void **state)
{
    (void)state;
    fake f = {.cost = one_ms, .khz = falls_by_a_tenth};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_THROTTLED);
    assert_int_equal(t.n_rejected, 0);
    assert_int_equal(t.n, 500);
    done(&t);
}

/* A tenth of the time at half the clock; twice as long. */
static int64_t dips(const fake *f)
{
    return f->calls / 10 % 10 == 9 ? 1500000 : 3000000;
}

static int64_t as_it_dips(const fake *f)
{
    return f->calls / 10 % 10 == 9 ? 2 * MS : MS;
}

static int64_t dips_a_little(const fake *f)
{
    return f->calls / 10 % 10 == 9 ? 2850000 : 3000000;
}

static void tells_the_heat_of_dips(const fake *f, onp_sight *sight)
{
    sight->temperature_mc = dips(f) < 3000000 ? 90000 : 40000;
}

static void rejects_what_ran_slow(void **state)
{
    (void)state;
    fake f = {.cost = as_it_dips, .khz = dips};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_true(t.n_rejected > 30);
    assert_int_equal(t.rejected[ONP_REJECT_CLOCK], t.n_rejected);
    assert_int_equal(t.stats.median_ns, MS);
    done(&t);

    f = (fake){.cost = one_ms, .khz = dips_a_little}; /* by 5 % */
    t = measure(&f, NULL);
    assert_true(t.rejected[ONP_REJECT_CLOCK] > 30);
    done(&t);

    f = (fake){.cost = as_it_dips, .khz = dips, .see = tells_the_heat_of_dips};
    t = measure(&f, NULL);
    size_t n_hot = 0; /* all but those at the bounds went with their samples */
    for (size_t i = 0; i < t.n; i++)
        n_hot += t.temperature_mc[i] == 90000;
    assert_true(t.rejected[ONP_REJECT_CLOCK] > 30 && n_hot < t.n / 20);
    done(&t);
}

/* Each ninth estimate is far off, and nothing else is: the estimate was wrong. */
static int64_t wrong_estimates(const fake *f)
{
    return f->calls % 9 == 0 ? 2700000 : 3000000 + f->calls % 5 * 3000;
}

static void trusts_no_single_estimate(void **state)
{
    (void)state;
    fake f = {.cost = one_ms, .khz = wrong_estimates};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_int_equal(t.n_rejected, 0);
    done(&t);
}

static void sees_a_move(const fake *f, onp_sight *sight)
{
    sight->n_moves = f->calls / 50;
    sight->temperature_mc = f->calls % 2 == 0 ? 41000 + f->calls : ONP_UNKNOWN_MC;
}

static void sees_theft(const fake *f, onp_sight *sight)
{
    sight->stolen_ns = f->calls / 100 * 10 * MS;
}

static void rejects_what_moved_or_was_stolen(void **state)
{
    (void)state;
    fake f = {.cost = one_ms, .see = sees_a_move};
    onp_timing t = measure(&f, NULL);
    assert_int_equal(t.quality, ONP_TIMING_OK);
    assert_true(t.n_rejected > 5);
    assert_int_equal(t.rejected[ONP_REJECT_MOVED], t.n_rejected);
    assert_non_null(t.temperature_mc);
    bool known = false, unknown = false;
    for (size_t i = 0; i < t.n; i++) {
        known = known || t.temperature_mc[i] > 41000;
        unknown = unknown || t.temperature_mc[i] == ONP_UNKNOWN_MC;
    }
    assert_true(known && unknown);
    done(&t);

    f = (fake){.cost = one_ms, .see = sees_theft};
    t = measure(&f, NULL);
    assert_true(t.rejected[ONP_REJECT_STOLEN] >= 20); /* the tick is 10 ms, looked at each 20 ms */
    assert_int_equal(t.rejected[ONP_REJECT_STOLEN], t.n_rejected);
    assert_null(t.temperature_mc); /* never known */
    done(&t);
}

/* Three groups that take 1, 20 and 300 us; a read of the clock takes 40 ns. */
static void fake_group(void *user, int32_t group)
{
    fake *f = user;
    f->t += group == 0 ? 1000 : group == 1 ? 20000 : 300000;
    f->calls += group == 2;
}

static void stamps_add_up(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    fake f = {.read_cost = 40, .khz = dips};
    const onp_time_source source = {.now_ns = fake_now, .look = fake_look, .user = &f};
    const onp_timed what = {.run_group = fake_group, .n_groups = 3, .user = &f};
    onp_timing t = {0};
    assert_int_equal(onp_timing_measure(&ctx, &what, NULL, &source, &t, NULL), ONP_OK);
    assert_int_equal(t.n_groups, 3);
    assert_int_equal(t.inner_reps, 4);
    assert_true(t.n_rejected > 0); /* columns moved together */
    assert_true(fabs(t.overhead_ns - 3 * 40) < 0.1);
    for (size_t i = 0; i < t.n; i++) {
        assert_int_equal(t.samples_ns[i], 321000);
        assert_int_equal(onp_timing_group(&t, 0)[i], 1000);
        assert_int_equal(onp_timing_group(&t, 1)[i], 20000);
        assert_int_equal(onp_timing_group(&t, 2)[i], 300000);
    }
    onp_timing_reset(&ctx, &t);

    const onp_timed many = {
        .run_group = fake_group, .n_groups = ONP_TIMING_MAX_STAMPS / 3 + 1, .user = &f};
    onp_error err = {0};
    assert_int_equal(onp_timing_measure(&ctx, &many, NULL, &source, &t, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "groups, wanted at most");
}

static onp_status lost(void *user, onp_cores *seen, onp_error *err)
{
    (void)user;
    onp_cores_add(seen, 4);
    onp_cores_add(seen, 5);
    return onp_fail(err, ONP_E_FAIL, "the thread for core 5 is not bound to it");
}

static void tells_of_a_lost_binding(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    fake f = {.cost = one_ms};
    const onp_time_source source = {.now_ns = fake_now, .look = fake_look, .end = lost, .user = &f};
    onp_timing t = {0};
    assert_int_equal(onp_timing_measure(&ctx, &(onp_timed){.run = fake_run, .user = &f}, NULL,
                                        &source, &t, NULL),
                     ONP_OK);
    assert_int_equal(t.quality, ONP_TIMING_NOISY);
    onp_assert_contains(t.reason, "core 5 is not bound");
    assert_string_equal(t.cores, "4-5");
    onp_timing_reset(&ctx, &t);
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
        assert_int_equal(onp_timing_measure(&ctx, &(onp_timed){.run = fake_run, .user = &f},
                                            &rows[i].rule, NULL, &t, &err),
                         ONP_E_RANGE);
        onp_assert_contains(err.msg, rows[i].part);
        assert_null(t.samples_ns);
        assert_int_equal(f.calls, 0);
    }
}

static onp_status timing_body(const onp_context *ctx, void *arg)
{
    fake f = {.cost = one_ms};
    const onp_time_source source = {.now_ns = fake_now, .user = &f};
    const onp_timed what = {
        .run = fake_run, .run_group = fake_group, .n_groups = arg != NULL ? 3 : 0, .user = &f};
    onp_timing t = {0};
    ONP_TRY(onp_timing_measure(ctx, &what, NULL, &source, &t, NULL));
    assert_int_equal(t.clock_khz[0], 0); /* not known */
    onp_timing_reset(ctx, &t);
    return ONP_OK;
}

static void allocation_faults(void **state)
{
    (void)state;
    int groups = 3;
    onp_test_each_allocation(timing_body, NULL);
    onp_test_each_allocation(timing_body, &groups);
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
    assert_int_equal(
        onp_timing_measure(&ctx, &(onp_timed){.run = spin, .user = &x}, &rule, NULL, &t, NULL),
        ONP_OK);
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
        cmocka_unit_test(interrupted_not_too_often),
        cmocka_unit_test(slower_than_the_cap),
        cmocka_unit_test(throttled),
        cmocka_unit_test(keeps_what_ran_slow_too_often),
        cmocka_unit_test(rejects_what_ran_slow),
        cmocka_unit_test(trusts_no_single_estimate),
        cmocka_unit_test(rejects_what_moved_or_was_stolen),
        cmocka_unit_test(stamps_add_up),
        cmocka_unit_test(tells_of_a_lost_binding),
        cmocka_unit_test(bimodal),
        cmocka_unit_test(refuses_rules),
        cmocka_unit_test(allocation_faults),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
