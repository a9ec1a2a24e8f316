/* SPDX-License-Identifier: Apache-2.0 */
/* Batches against a slow computation, and the same bits on any number of threads. */
#include "tests/test_support.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parallel.h"
#include "data/batch.h"

enum { N = 700, MAX_PIXELS = 6 * 7 * 3 };

typedef struct pictures {
    onp_dataset ds;
    uint8_t images[N * MAX_PIXELS];
    int32_t labels[N];
    int64_t all[N];
} pictures;

static pictures *make(int h, int w, int c)
{
    static pictures p;
    onp_rng r = onp_rng_make(1, ONP_RNG_TEST);
    p.ds = (onp_dataset){.n = N, .h = h, .w = w, .c = c, .n_classes = 10};
    for (int i = 0; i < N * h * w * c; i++)
        p.images[i] = (uint8_t)onp_rng_below(r, (uint64_t)i, 0, 0, i % c == 0 ? 256 : 100);
    for (int i = 0; i < N; i++) {
        p.labels[i] = i % 10;
        p.all[i] = i;
    }
    p.ds.images = p.images;
    p.ds.labels = p.labels;
    return &p;
}

static onp_channel_stats stats_of(const pictures *p)
{
    onp_context ctx;
    onp_channel_stats stats = {0};
    onp_context_init(&ctx);
    assert_int_equal(onp_channel_stats_measure(&ctx, &p->ds, p->all, N, &stats, NULL), ONP_OK);
    return stats;
}

static void test_statistics(void **state)
{
    (void)state;
    for (int c = 1; c <= 3; c++) {
        pictures *p = make(6, 7, c);
        onp_channel_stats stats = stats_of(p);
        assert_int_equal(stats.c, c);
        for (int k = 0; k < c; k++) { /* two passes over values in 0 .. 1 */
            const double n = (double)N * 6 * 7;
            double mean = 0, variance = 0;
            for (int i = 0; i < N * 42; i++)
                mean += p->images[i * c + k] / 255.0 / n;
            for (int i = 0; i < N * 42; i++)
                variance += pow(p->images[i * c + k] / 255.0 - mean, 2) / n;
            assert_true(fabs(stats.mean[k] - mean) < 1e-12);
            assert_true(fabs(stats.deviation[k] - sqrt(variance)) < 1e-12);
        }
    }
}

static void test_statistics_of_a_list(void **state)
{
    (void)state;
    onp_context ctx;
    onp_channel_stats stats = {0};
    onp_error err = {0};
    static const uint8_t images[4] = {0, 255, 51, 51};
    static const int64_t two[2] = {1, 0}, flat[2] = {2, 3};
    const onp_dataset ds = {.n = 4, .h = 1, .w = 1, .c = 1, .images = images};
    onp_context_init(&ctx);
    assert_int_equal(onp_channel_stats_measure(&ctx, &ds, two, 2, &stats, &err), ONP_OK);
    assert_true(fabs(stats.mean[0] - 0.5) < 1e-15 && fabs(stats.deviation[0] - 0.5) < 1e-15);
    stats.c = 77;
    assert_int_equal(onp_channel_stats_measure(&ctx, &ds, flat, 2, &stats, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "channel 0 is 51 in every pixel");
    assert_int_equal(onp_channel_stats_measure(&ctx, &ds, flat, 0, &stats, &err), ONP_E_RANGE);
    assert_int_equal(stats.c, 77);
}

/* One output value by definition: pad with black, crop at (dy, dx), mirror, normalise. */
static double slow_value(const pictures *p, const onp_channel_stats *s, int64_t image, int i, int j,
                         int k, int down, int right, int flip)
{
    const onp_dataset *ds = &p->ds;
    int row = i + down, column = (flip ? ds->w - 1 - j : j) + right;
    double v = 0;
    if (row >= 0 && row < ds->h && column >= 0 && column < ds->w)
        v = p->images[((image * ds->h + row) * ds->w + column) * ds->c + k] / 255.0;
    return (v - s->mean[k]) / s->deviation[k];
}

static int matches(const pictures *p, const onp_channel_stats *s, int64_t image, const float *x,
                   int down, int right, int flip)
{
    const onp_dataset *ds = &p->ds;
    for (int i = 0; i < ds->h; i++)
        for (int j = 0; j < ds->w; j++)
            for (int k = 0; k < ds->c; k++) {
                double y = slow_value(p, s, image, i, j, k, down, right, flip);
                if (fabs((double)x[(i * ds->w + j) * ds->c + k] - y) > 1e-5)
                    return 0;
            }
    return 1;
}

static void test_evaluation_transform(void **state)
{
    (void)state;
    static float x[N * MAX_PIXELS];
    int32_t labels[N];
    for (int c = 1; c <= 3; c++) {
        pictures *p = make(6, 7, c);
        onp_channel_stats stats = stats_of(p);
        onp_transform t = onp_transform_eval(&stats);
        onp_batch_fill(&p->ds, p->all, N, 3, &t, x, labels);
        for (int i = 0; i < N; i++)
            assert_true(matches(p, &stats, i, x + i * 42 * c, 0, 0, 0));
        assert_memory_equal(labels, p->labels, sizeof labels);
    }
}

/* Each augmented image is one of the (2p+1)^2 * 2 that the definition allows, each about equally
 * often. Padding beyond the size of the image leaves some all black. */
static void check_augmentation(int c, onp_augment augment)
{
    enum { MAX_KINDS = 19 * 19 * 2, EPOCHS = 8 };
    static float x[N * MAX_PIXELS];
    int found[MAX_KINDS] = {0};
    const int side = 2 * augment.pad + 1, kinds = side * side * (augment.flip ? 2 : 1);
    pictures *p = make(6, 7, c);
    onp_channel_stats stats = stats_of(p);
    onp_transform t = onp_transform_train(&stats, augment, 5, 0);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        onp_batch_fill(&p->ds, p->all, N, epoch, &t, x, NULL);
        for (int i = 0; i < N; i++) {
            int kind = 0;
            while (kind < kinds && !matches(p, &stats, i, x + i * 42 * c, kind % side - augment.pad,
                                            kind / side % side - augment.pad, kind / side / side))
                kind++;
            assert_true(kind < kinds);
            found[kind]++;
        }
    }
    if (augment.pad >= 6)
        return; /* black ones are all counted as the first kind */
    double mean = (double)N * EPOCHS / kinds;
    for (int kind = 0; kind < kinds; kind++)
        assert_true(fabs(found[kind] - mean) < 5 * sqrt(mean));
}

static void test_augmentation(void **state)
{
    (void)state;
    check_augmentation(1, (onp_augment){.flip = true});
    check_augmentation(1, (onp_augment){.pad = 2});
    check_augmentation(3, (onp_augment){.pad = 2, .flip = true});
    check_augmentation(1, (onp_augment){.pad = 9, .flip = true});
}

/* An image's augmentation depends on seed, stream, image and epoch, not on its place in a batch. */
static void test_augmentation_is_keyed(void **state)
{
    (void)state;
    static float batch[N * MAX_PIXELS], single[MAX_PIXELS], other[N * MAX_PIXELS];
    const size_t size = (size_t)N * 42 * 3 * sizeof(float);
    pictures *p = make(6, 7, 3);
    onp_channel_stats stats = stats_of(p);
    const onp_augment augment = {.pad = 2, .flip = true};
    onp_transform t = onp_transform_train(&stats, augment, 5, 0);
    onp_batch_fill(&p->ds, p->all, N, 1, &t, batch, NULL);
    for (int64_t i = N - 1; i >= 0; i--) {
        onp_batch_image(&p->ds, i, 1, &t, single);
        assert_memory_equal(single, batch + i * 42 * 3, 42 * 3 * sizeof(float));
    }
    onp_batch_fill(&p->ds, p->all, N, 2, &t, other, NULL);
    assert_memory_not_equal(other, batch, size);
    t = onp_transform_train(&stats, augment, 5, 1);
    onp_batch_fill(&p->ds, p->all, N, 1, &t, other, NULL);
    assert_memory_not_equal(other, batch, size);
    t = onp_transform_train(&stats, augment, 6, 0);
    onp_batch_fill(&p->ds, p->all, N, 1, &t, other, NULL);
    assert_memory_not_equal(other, batch, size);
}

/* What a process with this many threads computes, as a hash. */
static void hash_with_threads(int threads, char hex[ONP_SHA256_HEX])
{
    static struct {
        onp_channel_stats stats;
        float x[2][N * MAX_PIXELS];
    } result;
    pictures *p = make(6, 7, 3);
    if (onp_parallel_start(threads, false, NULL) != ONP_OK)
        return;
    result.stats = stats_of(p);
    onp_transform t =
        onp_transform_train(&result.stats, (onp_augment){.pad = 3, .flip = true}, 5, 0);
    onp_batch_fill(&p->ds, p->all, N, 4, &t, result.x[0], NULL);
    const onp_augment all = {
        .flip = true, .crop_scale = 0.3, .brightness = 0.4, .saturation = 0.4, .cutout = 2};
    t = onp_transform_train(&result.stats, all, 5, 0);
    onp_batch_fill(&p->ds, p->all, N, 4, &t, result.x[1], NULL);
    onp_sha256(&result, sizeof result, hex);
}

/* The number of threads is set once a process: each count has a child of its own, made before this
 * process has any thread. */
static void test_same_bits_on_any_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 7};
    char hex[ONP_COUNT(threads)][ONP_SHA256_HEX] = {{0}};
    for (size_t i = 0; i < ONP_COUNT(threads); i++) {
        int ends[2], status = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            char mine[ONP_SHA256_HEX] = {0};
            hash_with_threads(threads[i], mine);
            _exit(write(ends[1], mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], hex[i], sizeof hex[i]), sizeof hex[i]);
        close(ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(strlen(hex[i]), 64);
        assert_string_equal(hex[i], hex[0]);
    }
}

static onp_status measure(const onp_context *ctx, void *arg)
{
    const pictures *p = arg;
    onp_channel_stats stats;
    return onp_channel_stats_measure(ctx, &p->ds, p->all, N, &stats, NULL);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    onp_test_each_allocation(measure, make(6, 7, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_on_any_threads), /* first: it forks */
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_statistics_of_a_list),
        cmocka_unit_test(test_evaluation_transform),
        cmocka_unit_test(test_augmentation),
        cmocka_unit_test(test_augmentation_is_keyed),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
