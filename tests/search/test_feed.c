/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is fed with: disjoint streams, batches that depend on nothing but their number, and
 * configurations that do not fit the data. */
#include "tests/search/tiny_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = 28 * 28 };

typedef struct fixture {
    onp_context ctx;
    onp_config cfg;
    onp_feed feed;
    onp_error err;
    char dir[ONP_TEST_PATH];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    onp_test_dir_make(f->dir);
    if (tiny_config(&f->ctx, f->dir, NULL, &f->cfg, &f->err) != ONP_OK ||
        onp_feed_open(&f->ctx, &f->cfg, &f->feed, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_feed_close(&f->feed);
    onp_feed_close(&f->feed); /* all zero */
    onp_config_free(&f->cfg);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

/* ---- streams ---- */

static void mark(const int64_t *list, int64_t n, int add, int *seen)
{
    for (int64_t i = 0; i < n; i++)
        seen[list[i]] += add;
}

static void test_splits_are_disjoint(void **state)
{
    fixture *f = *state;
    const onp_feed *d = &f->feed;
    assert_int_equal(d->split.n_train, 256);
    assert_int_equal(d->split.n_validation, 64);
    assert_int_equal(d->n_all, 320);
    int *seen = calloc((size_t)d->train.n, sizeof *seen);
    mark(d->split.train, 256, 1, seen);
    mark(d->split.validation, 64, 10, seen);
    mark(d->all, 320, 100, seen);
    int train = 0, validation = 0;
    for (int64_t i = 0; i < d->train.n; i++) {
        assert_true(seen[i] == 0 || seen[i] == 101 || seen[i] == 110);
        train += seen[i] == 101 ? 1 : 0;
        validation += seen[i] == 110 ? 1 : 0;
    }
    assert_int_equal(train, 256);
    assert_int_equal(validation, 64);
    free(seen);
}

/* Batches of each stream hold images of its list, each at most once in an epoch, in another order
 * in the next. The images of a batch are left in d->indices. */
static void test_streams_keep_to_their_lists(void **state)
{
    fixture *f = *state;
    onp_feed *d = &f->feed;
    const struct {
        onp_stream stream;
        int64_t batch, batches, n;
        const int64_t *list;
    } streams[] = {{ONP_STREAM_WEIGHTS, 30, 8, 256, d->split.train},
                   {ONP_STREAM_ARCHITECTURE, 30, 2, 64, d->split.validation},
                   {ONP_STREAM_RETRAIN, 64, 5, 320, d->all}};
    float *images = malloc(64 * PIXELS * sizeof *images);
    int32_t labels[64];
    int *seen = malloc((size_t)d->train.n * sizeof *seen);
    for (size_t s = 0; s < ONP_COUNT(streams); s++) {
        const int64_t batch = streams[s].batch, batches = streams[s].batches;
        int64_t first[2] = {0};
        assert_int_equal(onp_feed_batches(d, streams[s].stream, batch), batches);
        for (int64_t step = 0; step < 2 * batches; step++) {
            if (step % batches == 0) {
                memset(seen, 0, (size_t)d->train.n * sizeof *seen);
                mark(streams[s].list, streams[s].n, 1, seen);
            }
            onp_feed_batch(d, streams[s].stream, step, batch, images, labels);
            if (step % batches == 0)
                first[step / batches] = d->indices[0] * 100000 + d->indices[1];
            for (int64_t i = 0; i < batch; i++) {
                assert_int_equal(seen[d->indices[i]], 1);
                seen[d->indices[i]] = 2;
                assert_int_equal(labels[i], d->train.labels[d->indices[i]]);
            }
        }
        assert_true(first[0] != first[1]);
    }
    free(images);
    free(seen);
}

/* The same batch whatever was asked for before, also in a feed opened anew. */
static void test_batches_have_no_history(void **state)
{
    fixture *f = *state;
    static const int64_t steps[] = {0, 3, 7, 8, 21};
    float *images[2];
    int32_t labels[2][32];
    for (int i = 0; i < 2; i++)
        images[i] = malloc(32 * PIXELS * sizeof *images[i]);
    for (int s = 0; s < ONP_STREAM_COUNT; s++)
        for (size_t i = 0; i < ONP_COUNT(steps); i++) {
            onp_feed other;
            assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &other, &f->err), ONP_OK);
            onp_feed_batch(&f->feed, (onp_stream)s, steps[i], 32, images[0], labels[0]);
            onp_feed_batch(&other, (onp_stream)s, steps[i], 32, images[1], labels[1]);
            assert_memory_equal(images[0], images[1], 32 * PIXELS * sizeof *images[0]);
            assert_memory_equal(labels[0], labels[1], sizeof labels[0]);
            onp_feed_close(&other);
        }
    for (int i = 0; i < 2; i++)
        free(images[i]);
}

/* The held-out stream sees images as evaluation does; the others shift and mirror them. */
static void test_only_training_is_augmented(void **state)
{
    fixture *f = *state;
    onp_feed *d = &f->feed;
    float *batch = malloc(32 * PIXELS * sizeof *batch),
          *plain = malloc(32 * PIXELS * sizeof *plain);
    int32_t labels[2][32];
    for (int s = 0; s < ONP_STREAM_COUNT; s++) {
        int64_t list[32];
        onp_feed_batch(d, (onp_stream)s, 1, 32, batch, labels[0]);
        memcpy(list, d->indices, sizeof list);
        onp_feed_range(d, &d->train, list, 0, 32, plain, labels[1]);
        assert_memory_equal(labels[0], labels[1], sizeof labels[0]);
        size_t n_other = 0;
        for (size_t i = 0; i < (size_t)32 * PIXELS; i++)
            n_other += batch[i] != plain[i];
        assert_true((n_other == 0) == (s == ONP_STREAM_ARCHITECTURE));
    }
    free(batch);
    free(plain);
}

static void test_range(void **state)
{
    fixture *f = *state;
    onp_feed *d = &f->feed;
    float *images = malloc(3 * PIXELS * sizeof *images);
    int32_t labels[3];
    onp_feed_range(d, &d->test, NULL, 5, 3, images, labels);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(labels[i], d->test.labels[5 + i]);
        for (int k = 0; k < PIXELS; k++) {
            const double byte = d->test.images[(5 + i) * PIXELS + k];
            const double x = (byte / 255 - d->stats.mean[0]) / d->stats.deviation[0];
            assert_true((double)images[i * PIXELS + k] - x < 1e-5 &&
                        x - (double)images[i * PIXELS + k] < 1e-5);
        }
    }
    free(images);
}

/* Without a test set, images of the training set that no stream sees. */
static void test_holdout(void **state)
{
    fixture *f = *state;
    onp_feed feed;
    f->cfg.data.holdout = 50;
    assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), ONP_OK);
    assert_int_equal(feed.n_test, 50);
    assert_ptr_equal(feed.test.images, feed.train.images);
    int *seen = calloc((size_t)feed.train.n, sizeof *seen);
    mark(feed.all, feed.n_all, 1, seen);
    mark(feed.test_list, feed.n_test, 1, seen);
    int n_seen = 0;
    for (int64_t i = 0; i < feed.train.n; i++) {
        assert_true(seen[i] <= 1);
        n_seen += seen[i];
    }
    assert_int_equal(n_seen, 320 + 50);
    free(seen);
    onp_feed_close(&feed);
    f->cfg.data.limit = (int64_t)20000 - 49;
    assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), ONP_E_CONFIG);
}

/* ---- what does not fit ---- */

/* Loading a configuration finds some of these before; a caller may fill one by hand. */
static void test_config_errors(void **state)
{
    fixture *f = *state;
    static const struct {
        int64_t limit, validation, search_batch, train_batch;
        const char *text;
    } faults[] = {
        {320, 64, 65, 64, "data.validation is 64, fewer than search.batch 65"},
        {100, 64, 40, 64, "36 training images are left, fewer than search.batch 40"},
        {320, 64, 32, 321, "320 images to train on, fewer than train.batch 321"},
        {64, 64, 32, 32, "64"},
        {20001, 64, 32, 32, "20001"},
    };
    for (size_t i = 0; i < ONP_COUNT(faults); i++) {
        static const onp_feed zero;
        onp_feed feed;
        f->cfg.data.limit = faults[i].limit;
        f->cfg.data.validation = faults[i].validation;
        f->cfg.search.batch = faults[i].search_batch;
        f->cfg.train.batch = faults[i].train_batch;
        assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), ONP_E_CONFIG);
        onp_assert_contains(f->err.msg, faults[i].text);
        assert_memory_equal(&feed, &zero, sizeof zero);
    }
}

/* The space's input and classes, set as if its file said so. */
static void test_space_that_does_not_fit(void **state)
{
    fixture *f = *state;
    onp_space_spec *spec = &f->cfg.space->spec;
    onp_feed feed;
    spec->in_w = 32;
    assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), ONP_E_CONFIG);
    onp_assert_contains(f->err.msg, "images are 28x28x1, the space tiny takes 28x32x1");
}

static void test_space_follows_the_data(void **state)
{
    fixture *f = *state;
    onp_space *space = f->cfg.space;
    onp_feed feed;
    assert_int_equal(onp_space_set_input(space, 28, 28, 3, NULL), ONP_OK);
    assert_int_equal(onp_space_set_classes(space, 12, NULL), ONP_OK);
    assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), ONP_OK);
    assert_int_equal(space->spec.in_c, 1);
    assert_int_equal(space->positions[0].candidate[0].in_c, 1);
    assert_int_equal(space->positions[space->n_positions - 1].candidate[0].out_c, 10);
    onp_feed_close(&feed);
}

static void test_no_cache_folder(void **state)
{
    fixture *f = *state;
    onp_feed feed;
    char *cache = f->cfg.data.cache;
    char home[ONP_TEST_PATH] = "";
    const char *old = getenv("HOME");
    if (old != NULL)
        (void)snprintf(home, sizeof home, "%s", old);
    f->cfg.data.cache = NULL;
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(onp_feed_open(&f->ctx, &f->cfg, &feed, &f->err), ONP_E_CONFIG);
    onp_assert_contains(f->err.msg, "data.cache is not set and neither is $HOME");
    f->cfg.data.cache = cache;
    assert_int_equal(setenv("HOME", home, 1), 0);
}

static onp_status open_and_close(const onp_context *ctx, void *arg)
{
    const fixture *f = arg;
    onp_feed feed;
    ONP_TRY(onp_feed_open(ctx, &f->cfg, &feed, NULL));
    onp_feed_close(&feed);
    return ONP_OK;
}

static void test_each_allocation_fails(void **state)
{
    onp_test_each_allocation(open_and_close, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_splits_are_disjoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams_keep_to_their_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches_have_no_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_training_is_augmented, setup, teardown),
        cmocka_unit_test_setup_teardown(test_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_holdout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_space_that_does_not_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_space_follows_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_cache_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_allocation_fails, setup, teardown),
    };
    return cmocka_run_group_tests_name("feed", tests, tiny_cache_make, tiny_cache_remove);
}
