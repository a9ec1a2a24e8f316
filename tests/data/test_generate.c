/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in images: the same bytes from the same seed, beyond a linear model, yet told apart. */
#include "tests/test_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/generate.h"

#define SIDE    ONP_GENERATE_SIDE
#define PIXELS  (SIDE * SIDE)
#define CLASSES ONP_GENERATE_CLASSES

static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    uint8_t images[20][PIXELS], again[PIXELS], other[PIXELS];
    char hex[ONP_SHA256_HEX];
    for (int i = 0; i < 20; i++)
        assert_int_equal(onp_generate_image(1, ONP_PART_TRAIN, i, images[i]), i % CLASSES);
    for (int i = 19; i >= 0; i--) {
        (void)onp_generate_image(1, ONP_PART_TRAIN, i, again);
        assert_memory_equal(again, images[i], PIXELS);
        (void)onp_generate_image(2, ONP_PART_TRAIN, i, other);
        assert_memory_not_equal(other, images[i], PIXELS);
        (void)onp_generate_image(1, ONP_PART_TEST, i, other);
        assert_memory_not_equal(other, images[i], PIXELS);
    }
    /* A change of the generator shows here; IDENTITY_VERSION in data/dataset.c then grows. */
    onp_sha256(images, sizeof images, hex);
    assert_string_equal(hex, "e22df982910cdbb702886ce8ff0fdc1c213f887b0bc7be5b0845a3f1fd44d41b");
}

/* Opening the format gives these images, whatever thread drew them, and labels in equal number. */
static void test_pack_holds_the_images(void **state)
{
    (void)state;
    enum { N = 1003 };
    onp_context ctx;
    onp_dataset ds;
    onp_error err = {0};
    char dir[ONP_TEST_PATH];
    uint8_t image[PIXELS];
    onp_context_init(&ctx);
    onp_test_dir_make(dir);
    onp_source source = {
        .format = "generated", .part = ONP_PART_TEST, .cache_dir = dir, .n_images = N, .seed = 5};
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
    assert_int_equal(ds.n, N);
    assert_int_equal(ds.n_classes, CLASSES);
    assert_string_equal(ds.class_names[0], "disc");
    assert_string_equal(ds.class_names[9], "corner");
    for (int64_t i = N - 1; i >= 0; i--) {
        assert_int_equal(onp_generate_image(5, ONP_PART_TEST, i, image), ds.labels[i]);
        assert_memory_equal(image, ds.images + i * PIXELS, PIXELS);
    }
    onp_dataset_close(&ds);
    source.n_images = 0;
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
    assert_int_equal(ds.n, 4000);
    onp_dataset_close(&ds);
    onp_test_dir_remove(dir);
}

typedef struct samples {
    int n;
    float *x; /* (n, PIXELS), -1 .. 1 */
    int32_t *labels;
} samples;

static samples draw(onp_part part, int n)
{
    samples s = {.n = n,
                 .x = malloc((size_t)n * PIXELS * sizeof *s.x),
                 .labels = malloc((size_t)n * sizeof *s.labels)};
    assert_non_null(s.x);
    assert_non_null(s.labels);
    for (int i = 0; i < n; i++) {
        uint8_t image[PIXELS];
        s.labels[i] = onp_generate_image(3, part, i, image);
        for (int p = 0; p < PIXELS; p++)
            s.x[i * PIXELS + p] = ((float)image[p] - 127.5F) / 64;
    }
    return s;
}

static void scores_of(const float w[CLASSES][PIXELS + 1], const float *x, float scores[CLASSES])
{
    for (int k = 0; k < CLASSES; k++) {
        float sum = w[k][PIXELS];
        for (int p = 0; p < PIXELS; p++)
            sum += w[k][p] * x[p];
        scores[k] = sum;
    }
}

static int best_of(const float scores[CLASSES])
{
    int best = 0;
    for (int k = 1; k < CLASSES; k++)
        if (scores[k] > scores[best])
            best = k;
    return best;
}

/* One image's step of stochastic gradient descent on the cross entropy of softmax(w x). */
static void descend(float w[CLASSES][PIXELS + 1], const float *x, int label, float rate)
{
    float p[CLASSES], sum = 0;
    scores_of((const float(*)[PIXELS + 1]) w, x, p);
    float top = p[best_of(p)];
    for (int k = 0; k < CLASSES; k++)
        sum += p[k] = expf(p[k] - top);
    for (int k = 0; k < CLASSES; k++) {
        float g = rate * (p[k] / sum - (k == label ? 1.0F : 0.0F));
        for (int q = 0; q < PIXELS; q++)
            w[k][q] -= g * x[q];
        w[k][PIXELS] -= g;
    }
}

static double accuracy(float w[CLASSES][PIXELS + 1], const samples *s)
{
    int right = 0;
    for (int i = 0; i < s->n; i++) {
        float scores[CLASSES];
        scores_of((const float(*)[PIXELS + 1]) w, s->x + i * PIXELS, scores);
        right += best_of(scores) == s->labels[i];
    }
    return (double)right / s->n;
}

static void test_linear_model_fails(void **state)
{
    (void)state;
    static float w[CLASSES][PIXELS + 1];
    samples train = draw(ONP_PART_TRAIN, 3000), test = draw(ONP_PART_TEST, 1000);
    for (int epoch = 0; epoch < 8; epoch++)
        for (int i = 0; i < train.n; i++)
            descend(w, train.x + i * PIXELS, train.labels[i], 0.002F / (float)(1 + epoch));
    double fitted = accuracy(w, &train), seen = accuracy(w, &test);
    printf("linear softmax: %.1f %% of 3000 training images, %.1f %% of 1000 test images\n",
           100 * fitted, 100 * seen);
    assert_true(fitted > 0.2); /* it did learn something of what it saw */
    assert_true(seen < 0.4);
    free(train.x);
    free(train.labels);
    free(test.x);
    free(test.labels);
}

/* |correlation| of an image with a shape drawn at a pose: 1 is a perfect fit up to light and sign.
 */
static double fit(const float *x, int shape, const onp_shape_pose *pose)
{
    double st = 0, stt = 0, sx = 0, sxx = 0, stx = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double t = onp_shape_coverage(shape, pose, i, j), v = (double)x[i * SIDE + j];
            st += t;
            stt += t * t;
            sx += v;
            sxx += v * v;
            stx += t * v;
        }
    double covariance = stx - st * sx / PIXELS;
    return fabs(covariance) / sqrt((stt - st * st / PIXELS) * (sxx - sx * sx / PIXELS));
}

/* The best fit of a shape over a grid of poses, the finest part of it found by going uphill. */
static double best_fit(const float *x, int shape)
{
    double best = 0;
    for (int start = 0; start < 3 * 3 * 3; start++) {
        const int column = start % 3, row = start / 3 % 3, angle = start / 9;
        double v[4] = {9 + 4.5 * column, 9 + 4.5 * row, 7.5, 0.6 * angle};
        double step[4] = {1.5, 1.5, 1, 0.4}, here = 0;
        for (int round = 0; round < 24; round++) {
            int improved = 0;
            for (int move = 0; move < 8; move++) {
                double u[4] = {v[0], v[1], v[2], v[3]};
                u[move / 2] += move % 2 != 0 ? step[move / 2] : -step[move / 2];
                if (u[2] < 5 || u[2] > 11)
                    continue;
                onp_shape_pose pose = {u[0], u[1], u[2], cos(u[3]), sin(u[3])};
                double f = fit(x, shape, &pose);
                if (f > here) {
                    here = f;
                    memcpy(v, u, sizeof v);
                    improved = 1;
                }
            }
            for (int q = 0; !improved && q < 4; q++)
                step[q] *= 0.5;
        }
        best = here > best ? here : best;
    }
    return best;
}

/* What a linear model cannot do, comparison with the drawn shapes at all poses does: the classes
 * are there to be told apart. */
static void test_classes_are_distinguishable(void **state)
{
    (void)state;
    samples test = draw(ONP_PART_TEST, 20);
    int right = 0;
    for (int i = 0; i < test.n; i++) {
        float fits[CLASSES];
        for (int k = 0; k < CLASSES; k++)
            fits[k] = (float)best_fit(test.x + i * PIXELS, k);
        right += best_of(fits) == test.labels[i];
    }
    printf("template search: %d of %d\n", right, test.n);
    assert_true(right * 100 >= test.n * 85);
    free(test.x);
    free(test.labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_pack_holds_the_images),
        cmocka_unit_test(test_linear_model_fails),
        cmocka_unit_test(test_classes_are_distinguishable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
