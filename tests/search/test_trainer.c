/* SPDX-License-Identifier: Apache-2.0 */
/* Warm-up and search: what is counted and recorded, the alpha updates against formulas, the same
 * bits after any stop, pruning, and checkpoints that are not what they should be. */
#include "tests/search/tiny_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "search/objective.h"

static void expect_ok(onp_status st, const tiny_run *r)
{
    if (st != ONP_OK)
        fail_msg("%s", r->err.msg);
}

/* ---- what is counted and recorded ---- */

static void test_steps_and_rows(void **state)
{
    (void)state;
    tiny_run r;
    tiny_run_init(&r, NULL);
    assert_int_equal(onp_trainer_steps(&r.trainer, ONP_STAGE_WARMUP), TINY_BATCHES);
    assert_int_equal(onp_trainer_steps(&r.trainer, ONP_STAGE_SEARCH), 3 * TINY_BATCHES);
    assert_int_equal(onp_trainer_arch_steps(&r.trainer), 12);
    expect_ok(onp_trainer_run(&r.trainer, ONP_STAGE_WARMUP, &r.err), &r);
    assert_int_equal(r.trainer.cursor.stage, ONP_STAGE_SEARCH);
    assert_int_equal(r.trainer.cursor.tick, TINY_BATCHES);
    assert_int_equal(r.net->n_arch_steps, 0);
    expect_ok(onp_trainer_run(&r.trainer, ONP_STAGE_SEARCH, &r.err), &r);
    assert_int_equal(r.trainer.cursor.stage, ONP_STAGE_TRAIN);
    assert_int_equal(r.trainer.cursor.tick, 4 * TINY_BATCHES);
    assert_int_equal(r.net->n_arch_steps, 12);
    expect_ok(tiny_run_search(&r), &r); /* both are over: nothing happens */
    assert_int_equal(r.trainer.cursor.tick, 4 * TINY_BATCHES);

    char *rows = tiny_run_query(
        &r, "select tick, phase, epoch, count(*) from metric group by 1, 2, 3 order by 1");
    assert_string_equal(rows, "8 warmup 0 7\n16 search 0 9\n24 search 1 9\n32 search 2 9\n");
    free(rows);
    rows = tiny_run_query(&r, "select distinct name from metric order by name");
    assert_string_equal(rows, "architecture_learning_rate\narchitecture_loss\nentropy\n"
                              "expected_latency_ms\nlearning_rate\ntrain_accuracy\n"
                              "train_loss\nvalidation_accuracy\nvalidation_loss\n");
    free(rows);
    rows = tiny_run_query(&r, "select tick, count(*), round(sum(p), 9) from alpha group by tick");
    assert_string_equal(rows, "8 11 3\n16 11 3\n24 11 3\n32 11 3\n");
    free(rows);
    assert_true(tiny_run_number(&r, "select count(*) from event") == 0);
    assert_true(fabs(1e6 * tiny_run_number(&r, "select value from metric where name = "
                                               "'expected_latency_ms' and tick = 32") -
                     onp_latency_model_expected(&r.latency, r.net)) < 1e-6);
    tiny_run_reset(&r);
}

/* ---- what a watch is told ---- */

typedef struct told {
    int n;
    onp_watch_event last, epoch_end; /* of all, of the first epoch of the search */
} told;

static void note_event(void *user, const onp_watch_event *event)
{
    told *t = user;
    t->n++;
    assert_true(event->step >= 1 && event->step <= event->steps);
    assert_int_equal(event->epoch, 1 + (event->step - 1) / TINY_BATCHES);
    assert_true(isfinite(event->loss) && event->accuracy >= 0 && event->accuracy <= 1);
    assert_true(isnan(event->validation_accuracy) == (event->step % TINY_BATCHES != 0));
    if (event->phase == ONP_PHASE_SEARCH && event->step == TINY_BATCHES)
        t->epoch_end = *event;
    t->last = *event;
}

static void test_watch(void **state)
{
    (void)state;
    tiny_run r;
    told t = {0};
    const onp_watch watch = {.fn = note_event, .user = &t};
    tiny_run_init(&r, NULL);
    r.trainer.watch = &watch;
    expect_ok(tiny_run_search(&r), &r);
    assert_int_equal(t.n, 4 * TINY_BATCHES);
    assert_int_equal(t.last.phase, ONP_PHASE_SEARCH);
    assert_int_equal(t.last.epochs, 3);
    assert_true(t.last.expected_ns == onp_latency_model_expected(&r.latency, r.net));
    assert_true(t.epoch_end.loss == tiny_run_number(&r, "select value from metric where tick = 16 "
                                                        "and name = 'train_loss'"));
    assert_true(t.epoch_end.validation_accuracy ==
                tiny_run_number(&r, "select value from metric where tick = 16 and name = "
                                    "'validation_accuracy'"));
    tiny_run_reset(&r);
}

static void test_planned_architecture_steps(void **state)
{
    (void)state;
    const char *const sets[] = {"search.architecture.every=3",
                                "search.architecture.skip_first_epoch=true",
                                "search.warmup_epochs=0", NULL};
    tiny_run r;
    tiny_run_init(&r, sets);
    assert_int_equal(onp_trainer_arch_steps(&r.trainer), 2 * (TINY_BATCHES / 3));
    expect_ok(tiny_run_search(&r), &r);
    assert_int_equal(r.net->n_arch_steps, 2 * (TINY_BATCHES / 3));
    assert_int_equal(r.trainer.cursor.tick, 3 * TINY_BATCHES);
    tiny_run_reset(&r);
}

/* ---- the alpha update ---- */

static void probabilities(const tiny_run *r, double p[][ONP_MAX_CANDIDATES])
{
    for (int32_t i = 0; i < r->net->n_positions; i++)
        onp_supernet_probabilities(r->net, i, p[i]);
}

/* alpha -= lr * g / (sqrt(v / (1 - b2^t)) + eps) with v = (1 - b2) g^2 and t = 1 is lr * sign(g)
 * but for eps: g = p_i (x_i - sum_j p_j x_j), x = dCE/dg + lambda / T * F */
static void test_all_paths_update(void **state)
{
    (void)state;
    const char *const sets[] = {"search.architecture.lr=0.25", "search.loss.lambda=0.05", NULL};
    tiny_run r, twin;
    tiny_run_init(&r, sets);
    tiny_run_init(&twin, sets);
    onp_supernet_drop(r.net, 2, 1);
    onp_supernet_drop(twin.net, 2, 1);
    onp_supernet *net = twin.net;
    double p[8][ONP_MAX_CANDIDATES] = {{0}};
    double gates[8][ONP_MAX_CANDIDATES] = {{0}};
    bool wanted[8][ONP_MAX_CANDIDATES] = {{false}};
    int32_t path[8];
    assert_int_equal(net->n_positions, 6);
    probabilities(&twin, p);
    for (int32_t i = 0; i < 6; i++) {
        const onp_rng rng = onp_rng_make((uint64_t)r.cfg.seed, ONP_RNG_PATH_ARCH);
        path[i] =
            onp_alpha_draw(p[i], net->positions[i].n, onp_rng_uniform(rng, 0, (uint32_t)i, 0, 0));
        for (int c = 0; c < net->positions[i].n; c++)
            wanted[i][c] = net->alive[i][c];
    }
    onp_step_result result;
    onp_feed_batch(&twin.feed, ONP_STREAM_ARCHITECTURE, 0, 32, onp_step_images(twin.step),
                   onp_step_labels(twin.step));
    expect_ok(onp_step_gates(twin.step, 32, path, (const bool(*)[ONP_MAX_CANDIDATES])wanted, gates,
                             &result, &twin.err),
              &twin);
    expect_ok(onp_trainer_arch_step(&r.trainer, &r.err), &r);
    assert_true(onp_latency_model_expected(&twin.latency, net) > r.trainer.target_ns);
    for (int32_t i = 0; i < 6; i++)
        for (int c = 0; c < net->positions[i].n; c++) {
            double mean = 0, x[ONP_MAX_CANDIDATES];
            for (int k = 0; k < net->positions[i].n; k++) {
                x[k] = gates[i][k] + 0.05 * (double)r.latency.ns[i][k] / r.trainer.target_ns;
                mean += p[i][k] * x[k];
            }
            const double g = net->positions[i].n > 1 ? p[i][c] * (x[c] - mean) : 0;
            const double moved = -0.25 * g / (fabs(g) + 1e-8);
            assert_true(fabs(r.net->alpha[i][c] - net->alpha[i][c] - moved) < 1e-9);
            assert_true(fabs(r.net->second[i][c] - 0.001 * g * g) < 1e-15);
        }
    assert_true(r.net->alpha[2][1] == net->alpha[2][1]); /* dropped */
    assert_int_equal(r.net->n_arch_steps, 1);
    assert_true(
        fabs(r.trainer.cursor.arch_loss_sum -
             onp_objective(&r.cfg.search.loss, result.loss,
                           onp_latency_model_expected(&twin.latency, net), r.trainer.target_ns)
                 .loss) < 1e-12);
    tiny_run_reset(&r);
    tiny_run_reset(&twin);
}

static void test_two_paths_keep_the_others(void **state)
{
    (void)state;
    const char *const sets[] = {"search.gradient=two-paths", "search.architecture.lr=0.3", NULL};
    tiny_run r;
    tiny_run_init(&r, sets);
    onp_supernet_drop(r.net, 1, 2);
    for (int step = 0; step < 6; step++) {
        double old[8][ONP_MAX_CANDIDATES] = {{0}}, now[8][ONP_MAX_CANDIDATES] = {{0}};
        probabilities(&r, old);
        expect_ok(onp_trainer_arch_step(&r.trainer, &r.err), &r);
        probabilities(&r, now);
        for (int32_t i = 0; i < r.net->n_positions; i++) {
            int moved = 0;
            double change = 0;
            for (int c = 0; c < r.net->positions[i].n; c++) {
                moved += fabs(now[i][c] - old[i][c]) > 1e-9 ? 1 : 0;
                change += now[i][c] - old[i][c];
            }
            assert_int_equal(moved, r.net->positions[i].n > 1 ? 2 : 0);
            assert_true(fabs(change) < 1e-12);
        }
        assert_true(now[1][2] == 0);
    }
    tiny_run_reset(&r);
}

/* At or under the target the latency does not push; above it, hard enough, it alone decides. */
static void test_hinge(void **state)
{
    (void)state;
    const char *const none[] = {"search.loss.lambda=0", NULL};
    const char *const hard[] = {"search.loss.lambda=100000", NULL};
    tiny_run a, b, c;
    tiny_run_init(&a, none);
    tiny_run_init(&b, hard);
    tiny_run_init(&c, hard);
    b.trainer.target_ns = 2 * onp_latency_model_uniform(&b.latency, b.net);
    expect_ok(onp_trainer_arch_step(&a.trainer, &a.err), &a);
    expect_ok(onp_trainer_arch_step(&b.trainer, &b.err), &b);
    expect_ok(onp_trainer_arch_step(&c.trainer, &c.err), &c);
    const double before = onp_latency_model_expected(&a.latency, a.net);
    assert_memory_equal(a.net->alpha, b.net->alpha, 6 * sizeof *a.net->alpha);
    assert_true(onp_latency_model_expected(&c.latency, c.net) < before);
    assert_true(onp_latency_model_expected(&c.latency, c.net) <
                onp_latency_model_uniform(&c.latency, c.net));
    tiny_run_reset(&a);
    tiny_run_reset(&b);
    tiny_run_reset(&c);
}

static void test_gradient_that_is_not_finite(void **state)
{
    (void)state;
    tiny_run r;
    tiny_run_init(&r, NULL);
    r.trainer.target_ns = 0;
    assert_int_equal(onp_trainer_arch_step(&r.trainer, &r.err), ONP_E_FAIL);
    onp_assert_contains(r.err.msg, "candidate 0 at position 1 is inf");
    for (int c = 0; c < 4; c++)
        assert_true(isfinite(r.net->alpha[1][c]));
    tiny_run_reset(&r);
}

/* ---- stopped and resumed ---- */

static void assert_same_net(const onp_supernet *a, const onp_supernet *b)
{
    for (int32_t i = 0; i < a->n_positions; i++)
        for (int c = 0; c < a->positions[i].n; c++) {
            const onp_slab *x = &a->slabs[i][c], *y = &b->slabs[i][c];
            assert_int_equal(a->alive[i][c], b->alive[i][c]);
            assert_memory_equal(&a->alpha[i][c], &b->alpha[i][c], sizeof(double));
            assert_memory_equal(&a->second[i][c], &b->second[i][c], sizeof(double));
            if (!a->alive[i][c] || x->floats == 0)
                continue;
            assert_memory_equal(x->weights, y->weights, (size_t)x->floats * sizeof(float));
            assert_memory_equal(x->momentum, y->momentum, (size_t)x->floats * sizeof(float));
        }
    assert_int_equal(a->n_arch_steps, b->n_arch_steps);
}

static void assert_same_rows(const tiny_run *a, const tiny_run *b)
{
    static const char *const queries[] = {
        "select tick, phase, epoch, name, value from metric order by tick, phase, name",
        "select tick, epoch, position, name, alpha, p, alive from alpha order by 1, 3, candidate",
        "select tick, phase, epoch, kind, text from event order by tick, text"};
    for (size_t i = 0; i < ONP_COUNT(queries); i++) {
        char *x = tiny_run_query(a, queries[i]), *y = tiny_run_query(b, queries[i]);
        assert_string_equal(x, y);
        free(x);
        free(y);
    }
}

static const char *const pruning[] = {"search.prune.below=0.22", "search.prune.from_epoch=1",
                                      "search.architecture.lr=0.3", NULL};
static const char *const pruning_two[] = {"search.prune.below=0.22", "search.prune.from_epoch=1",
                                          "search.architecture.lr=0.3", "search.gradient=two-paths",
                                          NULL};

static const char *const mapped[] = {"search.prune.below=0.22",    "search.prune.from_epoch=1",
                                     "search.architecture.lr=0.3", "weights=mapped",
                                     "weights_limit_mib=3",        NULL};

/* A stop after every single batch, each time a new net from the checkpoint. */
static void stopped_each_batch(const char *const *sets, const char *const *part_sets)
{
    tiny_run whole, parts;
    tiny_run_init(&whole, sets);
    tiny_run_init(&parts, part_sets);
    expect_ok(tiny_run_search(&whole), &whole);
    parts.stop = 1;
    onp_status st = ONP_E_INTERRUPTED;
    int n = 0;
    for (; st == ONP_E_INTERRUPTED && n < 100; n++) {
        st = tiny_run_search(&parts);
        tiny_run_restart(&parts);
    }
    expect_ok(st, &parts);
    assert_int_equal(n, 4 * TINY_BATCHES + 1);
    assert_same_net(whole.net, parts.net);
    assert_same_rows(&whole, &parts);
    assert_memory_equal(&whole.trainer.cursor, &parts.trainer.cursor, sizeof(onp_cursor));
    tiny_run_reset(&whole);
    tiny_run_reset(&parts);
}

static void test_stopped_each_batch(void **state)
{
    (void)state;
    stopped_each_batch(pruning, pruning);
    stopped_each_batch(pruning_two, pruning_two);
    stopped_each_batch(pruning, mapped); /* where weights live changes no bit */
    stopped_each_batch(mapped, pruning);
}

static void run_batches(tiny_run *r, int n)
{
    r->stop = 1;
    while (n-- > 0)
        assert_int_equal(tiny_run_search(r), ONP_E_INTERRUPTED);
    r->stop = 0;
}

/* Killed after rows of an epoch were committed and before its checkpoint took the place of one from
 * within the epoch, or of none. */
static void test_killed_before_the_checkpoint(void **state)
{
    (void)state;
    tiny_run whole;
    tiny_run_init(&whole, pruning);
    expect_ok(tiny_run_search(&whole), &whole);
    static const int kept[] = {0, 3, TINY_BATCHES, 3 * TINY_BATCHES - 1};
    for (size_t i = 0; i < ONP_COUNT(kept); i++) {
        tiny_run r;
        char *old = NULL;
        size_t size = 0;
        tiny_run_init(&r, pruning);
        run_batches(&r, kept[i]);
        if (kept[i] > 0)
            expect_ok(onp_file_read(&r.ctx, r.checkpoint, ONP_MIB, &old, &size, &r.err), &r);
        run_batches(&r, TINY_BATCHES); /* over the end of an epoch */
        if (kept[i] > 0)
            onp_test_write(r.checkpoint, old, size);
        else
            assert_int_equal(remove(r.checkpoint), 0);
        onp_free(&r.ctx, old);
        tiny_run_restart(&r);
        assert_int_equal(r.trainer.cursor.tick, kept[i]);
        expect_ok(tiny_run_search(&r), &r);
        assert_same_net(whole.net, r.net);
        assert_same_rows(&whole, &r);
        tiny_run_reset(&r);
    }
    tiny_run_reset(&whole);
}

/* ---- pruning ---- */

static void test_pruning(void **state)
{
    (void)state;
    tiny_run r;
    tiny_run_init(&r, pruning);
    run_batches(&r, 2 * TINY_BATCHES); /* warm-up and the first epoch */
    assert_true(tiny_run_number(&r, "select count(*) from event") == 0);
    run_batches(&r, TINY_BATCHES);
    const double n = tiny_run_number(&r, "select count(*) from event where kind = 'prune'");
    assert_true(n > 0);
    assert_true(n == tiny_run_number(&r, "select count(*) from event where tick = 24"));
    assert_true(n == tiny_run_number(&r, "select sum(alive = 0) from alpha where tick = 24"));
    assert_true(0 == tiny_run_number(&r, "select sum(p) from alpha where tick = 24 and alive = 0"));
    double alpha[6][ONP_MAX_CANDIDATES];
    memcpy(alpha, r.net->alpha, sizeof alpha);
    expect_ok(tiny_run_search(&r), &r);
    for (int32_t i = 0; i < r.net->n_positions; i++) {
        assert_true(onp_supernet_n_alive(r.net, i) >= 1);
        double p[ONP_MAX_CANDIDATES], sum = 0;
        onp_supernet_probabilities(r.net, i, p);
        for (int c = 0; c < r.net->positions[i].n; c++) {
            sum += p[c];
            if (r.net->alive[i][c])
                continue;
            assert_true(p[c] == 0 && r.net->second[i][c] == 0);
        }
        assert_true(fabs(sum - 1) < 1e-12);
    }
    tiny_run_reset(&r);
}

/* ---- checkpoints ---- */

static void refuses(tiny_run *r, const char *text)
{
    const onp_cursor before = r->trainer.cursor;
    r->err = (onp_error){0};
    assert_int_equal(onp_trainer_load(&r->trainer, &r->err), ONP_E_FORMAT);
    onp_assert_contains(r->err.msg, "checkpoint.safetensors");
    onp_assert_contains(r->err.msg, text);
    assert_memory_equal(&before, &r->trainer.cursor, sizeof before);
}

static void test_truncated_checkpoint(void **state)
{
    (void)state;
    tiny_run r;
    char *data = NULL;
    size_t size = 0;
    tiny_run_init(&r, NULL);
    run_batches(&r, 3);
    expect_ok(onp_file_read(&r.ctx, r.checkpoint, ONP_MIB, &data, &size, &r.err), &r);
    for (size_t cut = 0; cut < size; cut += cut < 32 ? 1 : size / 101 + 1) {
        onp_checkpoint_info info;
        onp_test_write(r.checkpoint, data, cut);
        refuses(&r, "");
        assert_int_equal(onp_checkpoint_peek(&r.ctx, r.checkpoint, &info, NULL), ONP_E_FORMAT);
    }
    onp_test_write(r.checkpoint, data, size);
    expect_ok(onp_trainer_load(&r.trainer, &r.err), &r);
    onp_free(&r.ctx, data);
    tiny_run_reset(&r);
}

static void test_foreign_checkpoint(void **state)
{
    (void)state;
    tiny_run r;
    onp_checkpoint_info info;
    tiny_run_init(&r, NULL);
    expect_ok(onp_checkpoint_peek(&r.ctx, r.checkpoint, &info, &r.err), &r);
    assert_false(info.found);
    assert_int_equal(onp_trainer_load(&r.trainer, &r.err), ONP_E_IO);
    run_batches(&r, 3);
    expect_ok(onp_checkpoint_peek(&r.ctx, r.checkpoint, &info, &r.err), &r);
    assert_true(info.found && info.stage == ONP_STAGE_WARMUP && info.tick == 3);
    assert_string_equal(info.belongs_to, r.trainer.net_hash);
    r.trainer.net_hash = "another";
    refuses(&r, "belongs to 0123456789abcdef..., this run is another...");
    onp_test_write(r.checkpoint, "", 0);
    refuses(&r, "");
    tiny_run_reset(&r);
}

/* A checkpoint of another space: every tensor that does not fit is named. */
/* Statistics that training keeps come back with every bit, and a checkpoint without is refused. */
static void test_checkpoint_with_statistics(void **state)
{
    (void)state;
    enum { N = 6 };
    const float kept[N] = {-0.0F, 1.0F / 3, 1e-30F, 2, 0.7F, 5};
    float stats[N];
    tiny_run r;
    tiny_run_init(&r, NULL);
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    memcpy(stats, kept, sizeof stats);
    r.trainer.stats = stats;
    r.trainer.n_stats = N;
    assert_int_equal(onp_trainer_load(&r.trainer, &r.err), ONP_E_FORMAT);
    onp_assert_contains(r.err.msg, "statistics");
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    memset(stats, 0, sizeof stats);
    expect_ok(onp_trainer_load(&r.trainer, &r.err), &r);
    assert_memory_equal(stats, kept, sizeof stats);
    r.trainer.n_stats = N - 1;
    assert_int_equal(onp_trainer_load(&r.trainer, &r.err), ONP_E_FORMAT);
    onp_assert_contains(r.err.msg, "statistics");
    tiny_run_reset(&r);
}

static void test_checkpoint_of_another_net(void **state)
{
    (void)state;
    tiny_run r;
    tiny_run_init(&r, NULL);
    onp_supernet *other = NULL;
    expect_ok(onp_supernet_new(&r.ctx, r.net->positions + 1, 3, 1e-3, 1, &other, &r.err), &r);
    r.trainer.net = other;
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    r.trainer.net = r.net;
    refuses(&r, "alpha.0.0");
    onp_supernet_free(other);
    tiny_run_reset(&r);
}

static void test_cursor_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        onp_cursor cursor;
        const char *text;
    } faults[] = {
        {{.stage = 4}, "stage"},
        {{.stage = ONP_STAGE_SEARCH, .epoch = 3}, "epoch 3"},
        {{.stage = ONP_STAGE_WARMUP, .epoch = 1}, "epoch 1"},
        {{.stage = ONP_STAGE_SEARCH, .batch = 8, .images = 256}, "batch 8"},
        {{.stage = ONP_STAGE_COUNT, .batch = 1}, "batch 1"},
        {{.stage = ONP_STAGE_SEARCH, .tick = 1000}, "step 1000"},
        {{.stage = ONP_STAGE_SEARCH, .batch = 2, .images = 63}, "63 images"},
        {{.stage = ONP_STAGE_SEARCH, .batch = 2, .images = 64, .hits = 65}, "65 of them"},
        {{.stage = ONP_STAGE_SEARCH, .arch_steps = 1}, "1 architecture steps"},
        {{.stage = ONP_STAGE_SEARCH, .loss_sum = (double)NAN}, "\"loss_sum\""},
        {{.stage = ONP_STAGE_SEARCH, .epoch = -1}, "\"epoch\" is \"-1\""},
        {{.stage = ONP_STAGE_SEARCH, .tick = INT64_MAX}, "\"tick\""},
    };
    tiny_run r;
    tiny_run_init(&r, NULL);
    for (size_t i = 0; i < ONP_COUNT(faults); i++) {
        r.trainer.cursor = faults[i].cursor;
        expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
        r.trainer.cursor = (onp_cursor){0};
        refuses(&r, faults[i].text);
    }
    r.net->n_arch_steps = 13;
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    refuses(&r, "\"n_arch_steps\" is 13, wanted 0..12");
    tiny_run_reset(&r);
}

static void test_alphas_that_cannot_be(void **state)
{
    (void)state;
    tiny_run r;
    tiny_run_init(&r, NULL);
    r.net->alpha[1][2] = (double)NAN;
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    refuses(&r, "alpha.1.0[2] is nan");
    r.net->alpha[1][2] = 0;
    r.net->second[3][1] = -1e-3;
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    refuses(&r, "second.3.0[1] is -0.001");
    r.net->second[3][1] = 0;
    for (int c = 0; c < 4; c++)
        r.net->alive[2][c] = false;
    expect_ok(onp_trainer_save(&r.trainer, &r.err), &r);
    refuses(&r, "no candidate of position 2 is alive");
    tiny_run_reset(&r);
}

static void test_wrong_stage(void **state)
{
    (void)state;
    tiny_run r;
    tiny_run_init(&r, NULL);
    run_batches(&r, 1);
    assert_int_equal(onp_trainer_run(&r.trainer, ONP_STAGE_TRAIN, &r.err), ONP_E_FORMAT);
    onp_assert_contains(r.err.msg, "is of the warmup, wanted one of the train");
    tiny_run_reset(&r);
}

/* ---- recalibration ---- */

static void test_a_batch_above_all_recalibration_images(void **state)
{
    (void)state;
    const char *const sets[] = {"data.limit=2400", "train.batch=2304", NULL};
    tiny_run r;
    int32_t path[8];
    tiny_run_init(&r, sets);
    onp_supernet_argmax(r.net, path);
    const int64_t n = onp_step_n_stats(r.step, path);
    float *stats = onp_alloc(&r.ctx, (size_t)n, sizeof *stats);
    expect_ok(onp_recalibrate(r.step, &r.feed, r.feed.all, r.feed.n_all, 2304, path, stats, &r.err),
              &r);
    for (int64_t i = 0; i < n; i++)
        assert_true(isfinite((double)stats[i]));
    onp_free(&r.ctx, stats);
    tiny_run_reset(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_and_rows),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_planned_architecture_steps),
        cmocka_unit_test(test_all_paths_update),
        cmocka_unit_test(test_two_paths_keep_the_others),
        cmocka_unit_test(test_hinge),
        cmocka_unit_test(test_gradient_that_is_not_finite),
        cmocka_unit_test(test_stopped_each_batch),
        cmocka_unit_test(test_killed_before_the_checkpoint),
        cmocka_unit_test(test_pruning),
        cmocka_unit_test(test_truncated_checkpoint),
        cmocka_unit_test(test_foreign_checkpoint),
        cmocka_unit_test(test_checkpoint_with_statistics),
        cmocka_unit_test(test_checkpoint_of_another_net),
        cmocka_unit_test(test_cursor_that_cannot_be),
        cmocka_unit_test(test_alphas_that_cannot_be),
        cmocka_unit_test(test_wrong_stage),
        cmocka_unit_test(test_a_batch_above_all_recalibration_images),
    };
    return cmocka_run_group_tests_name("trainer", tests, tiny_cache_make, tiny_cache_remove);
}
