/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentation against the words of data/batch.h, in double. Draws are found in what comes out, or
 * asked of data/augment.h and checked by what they must be. */
#include "tests/test_support.h"

#include <math.h>
#include <string.h>

#include "data/augment.h"

enum { N = 400, H = 20, W = 26, C = 3, OUT_H = 16, OUT_W = 12, OUT = OUT_H * OUT_W };

typedef struct pictures {
    onp_dataset ds;
    uint8_t images[N * H * W * C];
    int32_t labels[N];
} pictures;

/* Values far from 0 and 255, for what is clamped cannot be solved for. */
static const pictures *make(void)
{
    static pictures p;
    onp_rng r = onp_rng_make(3, ONP_RNG_TEST);
    for (int i = 0; i < N * H * W * C; i++)
        p.images[i] = (uint8_t)(70 + onp_rng_below(r, (uint64_t)i, 0, 0, 60));
    p.ds = (onp_dataset){.n = N, .h = H, .w = W, .c = C, .n_classes = 1};
    p.ds.images = p.images;
    p.ds.labels = p.labels;
    return &p;
}

static const onp_channel_stats stats = {
    .c = 3, .mean = {0.3, 0.4, 0.5}, .deviation = {0.2, 0.25, 0.3}};

static onp_transform transform(onp_augment a)
{
    onp_transform t = onp_transform_train(&stats, a, 9, 2);
    t.h = OUT_H;
    t.w = OUT_W;
    return t;
}

/* A value of the output, in 0 .. 255. */
static double byte_of(const float *x, int k)
{
    return ((double)x[k] * stats.deviation[k] + stats.mean[k]) * 255;
}

static int pixel(const pictures *p, int image, int i, int j, int k)
{
    return p->images[((image * H + i) * W + j) * C + k];
}

/* ---- crops ---- */

/* Each place of the crop about equally often, each value that of the image there. */
static void random_crop(void **state)
{
    (void)state;
    enum { ROWS = H - OUT_H + 1, COLUMNS = W - OUT_W + 1, EPOCHS = 20 };
    const pictures *p = make();
    const onp_transform t = transform((onp_augment){.flip = true});
    int found[ROWS][COLUMNS][2] = {{{0}}};
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (int n = 0; n < N; n++) {
            float x[OUT * C];
            const onp_crop c = onp_augment_crop(&t, n, epoch, H, W, OUT_H, OUT_W);
            assert_in_range(c.top, 0, ROWS - 1);
            assert_in_range(c.left, 0, COLUMNS - 1);
            found[c.top][c.left][c.flip]++;
            onp_batch_image(&p->ds, n, epoch, &t, x);
            for (int i = 0; i < OUT_H; i++)
                for (int j = 0; j < OUT_W; j++)
                    for (int k = 0; k < C; k++) {
                        const int from = c.left + (c.flip ? OUT_W - 1 - j : j);
                        const double v = byte_of(x + (i * OUT_W + j) * C, k);
                        assert_true(fabs(v - pixel(p, n, c.top + i, from, k)) < 1e-3);
                    }
        }
    const double mean = (double)N * EPOCHS / (ROWS * COLUMNS * 2);
    for (int i = 0; i < ROWS * COLUMNS * 2; i++)
        assert_true(fabs((&found[0][0][0])[i] - mean) < 5 * sqrt(mean));
}

static void evaluation_takes_the_middle(void **state)
{
    (void)state;
    const pictures *p = make();
    onp_transform t = onp_transform_eval(&stats);
    t.h = 13; /* of 20: from row 3 */
    t.w = 11; /* of 26: from column 7 */
    float x[13 * 11 * C];
    onp_batch_image(&p->ds, 5, 0, &t, x);
    for (int i = 0; i < 13; i++)
        for (int j = 0; j < 11; j++)
            for (int k = 0; k < C; k++)
                assert_true(fabs(byte_of(x + (i * 11 + j) * C, k) - pixel(p, 5, 3 + i, 7 + j, k)) <
                            1e-3);
}

/* Shares of the area and aspects as drawn, but for rounding and the image's own sides. */
static void resized_crops_have_their_range(void **state)
{
    (void)state;
    enum { BIG = 1000, DRAWS = 20000 };
    const onp_transform t = transform((onp_augment){.crop_scale = 0.2});
    double sum = 0, least = 1, most = 0;
    int n_wide = 0, n_clamped = 0;
    for (int n = 0; n < DRAWS; n++) {
        const onp_crop c = onp_augment_crop(&t, n, 0, BIG, BIG, 10, 10);
        const double area = (double)c.h * c.w / (BIG * BIG), aspect = (double)c.w / c.h;
        assert_true(c.h >= 1 && c.w >= 1 && c.top >= 0 && c.left >= 0);
        assert_true(c.top + c.h <= BIG && c.left + c.w <= BIG);
        assert_true(aspect > 0.748 && aspect < 1.337);
        n_wide += aspect > 1;
        if (c.h == BIG || c.w == BIG) {
            n_clamped++;
            continue;
        }
        assert_true(area > 0.199 && area < 1);
        sum += area;
        least = area < least ? area : least;
        most = area > most ? area : most;
    }
    assert_in_range(n_wide, DRAWS / 2 - 400, DRAWS / 2 + 400);
    assert_true(n_clamped < DRAWS / 4);
    assert_true(least < 0.202 && most > 0.97);
    assert_true(sum / (DRAWS - n_clamped) > 0.5 && sum / (DRAWS - n_clamped) < 0.6);
    /* at the corners too */
    const onp_crop all = onp_augment_crop(
        &(onp_transform){.train = true, .augment = {.crop_scale = 1}}, 0, 0, 1, 1, 10, 10);
    assert_true(all.h == 1 && all.w == 1 && all.top == 0 && all.left == 0);
}

static double clamped(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

/* Bilinear between the centres of the crop's pixels, edges repeated. */
static double slow_sample(const pictures *p, int image, const onp_crop *c, int i, int j, int k)
{
    const double y = clamped((i + 0.5) * c->h / OUT_H - 0.5, c->h - 1);
    const double x = clamped((j + 0.5) * c->w / OUT_W - 0.5, c->w - 1);
    double sum = 0;
    for (int u = 0; u < c->h; u++)
        for (int v = 0; v < c->w; v++) {
            const double down = 1 - fabs(u - y), right = 1 - fabs(v - x);
            if (down > 0 && right > 0)
                sum += down * right * pixel(p, image, c->top + u, c->left + v, k);
        }
    return sum;
}

static void resized_crops_are_bilinear(void **state)
{
    (void)state;
    const pictures *p = make();
    const onp_transform t = transform((onp_augment){.crop_scale = 0.05, .flip = true});
    for (int n = 0; n < N / 4; n++) {
        float x[OUT * C];
        const onp_crop c = onp_augment_crop(&t, n, 1, H, W, OUT_H, OUT_W);
        onp_batch_image(&p->ds, n, 1, &t, x);
        for (int i = 0; i < OUT_H; i++)
            for (int j = 0; j < OUT_W; j++)
                for (int k = 0; k < C; k++) {
                    const double wanted = slow_sample(p, n, &c, i, c.flip ? OUT_W - 1 - j : j, k);
                    assert_true(fabs(byte_of(x + (i * OUT_W + j) * C, k) - wanted) < 1e-3);
                }
    }
}

/* ---- colours ---- */

/* One factor for all values of an image, even over their range. */
static void brightness(void **state)
{
    (void)state;
    const pictures *p = make();
    const onp_transform t = transform((onp_augment){.brightness = 0.4});
    double least = 2, most = 0, sum = 0;
    for (int n = 0; n < N; n++) {
        float x[OUT * C];
        const onp_crop c = onp_augment_crop(&t, n, 0, H, W, OUT_H, OUT_W);
        onp_batch_image(&p->ds, n, 0, &t, x);
        const double factor = byte_of(x, 0) / pixel(p, n, c.top, c.left, 0);
        assert_true(factor > 0.5999 && factor < 1.4001);
        for (int i = 0; i < OUT; i++)
            for (int k = 0; k < C; k++) {
                const int v = pixel(p, n, c.top + i / OUT_W, c.left + i % OUT_W, k);
                assert_true(fabs(byte_of(x + i * C, k) - v * factor) < 2e-2);
            }
        least = fmin(least, factor);
        most = fmax(most, factor);
        sum += factor;
    }
    assert_true(least < 0.62 && most > 1.38 && fabs(sum / N - 1) < 0.06);
}

static double grey_of(const double v[3])
{
    return 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2];
}

/* One factor for all distances from grey; grey stays. */
static void saturation(void **state)
{
    (void)state;
    const pictures *p = make();
    const onp_transform t = transform((onp_augment){.saturation = 0.5});
    double least = 2, most = 0;
    for (int n = 0; n < N; n++) {
        float x[OUT * C];
        double best = 0, factor = 1;
        const onp_crop c = onp_augment_crop(&t, n, 0, H, W, OUT_H, OUT_W);
        onp_batch_image(&p->ds, n, 0, &t, x);
        for (int turn = 0; turn < 2; turn++) /* find it where it shows best, then check */
            for (int i = 0; i < OUT; i++) {
                double v[3];
                for (int k = 0; k < C; k++)
                    v[k] = pixel(p, n, c.top + i / OUT_W, c.left + i % OUT_W, k);
                const double grey = grey_of(v);
                for (int k = 0; k < C; k++) {
                    const double seen = byte_of(x + i * C, k) - grey, was = v[k] - grey;
                    if (turn == 1)
                        assert_true(fabs(seen - was * factor) < 2e-2);
                    else if (fabs(was) > best) {
                        best = fabs(was);
                        factor = seen / was;
                    }
                }
            }
        assert_true(factor > 0.4999 && factor < 1.5001);
        least = fmin(least, factor);
        most = fmax(most, factor);
    }
    assert_true(least < 0.53 && most > 1.47);
}

static void values_stay_bytes(void **state)
{
    (void)state;
    static uint8_t extremes[N * H * W * C];
    onp_dataset ds = make()->ds;
    for (int i = 0; i < N * H * W * C; i++)
        extremes[i] = i % 7 < 3 ? 255 : 0;
    ds.images = extremes;
    const onp_transform t = transform((onp_augment){.brightness = 1, .saturation = 1});
    for (int n = 0; n < N; n++) {
        float x[OUT * C];
        onp_batch_image(&ds, n, 0, &t, x);
        for (int i = 0; i < OUT * C; i++)
            assert_true(byte_of(x + i / C * C, i % C) > -1e-3 &&
                        byte_of(x + i / C * C, i % C) < 255.001);
    }
}

/* ---- cutout ---- */

/* A square of zeros, cut off at the edges; everything else as without. */
static void cutout(void **state)
{
    (void)state;
    enum { SIDE = 7 };
    const pictures *p = make();
    const onp_augment a = {.flip = true, .brightness = 0.2};
    onp_augment with = a;
    with.cutout = SIDE;
    const onp_transform t0 = transform(a), t1 = transform(with);
    int middles[OUT_H][OUT_W] = {{0}}, n_found = 0;
    for (int epoch = 0; epoch < 4; epoch++) {
        for (int n = 0; n < N; n++) {
            float x0[OUT * C], x1[OUT * C];
            bool zero[OUT];
            onp_batch_image(&p->ds, n, epoch, &t0, x0);
            onp_batch_image(&p->ds, n, epoch, &t1, x1);
            for (int i = 0; i < OUT; i++) {
                zero[i] = x1[i * C] == 0 && x1[i * C + 1] == 0 && x1[i * C + 2] == 0;
                if (!zero[i]) {
                    assert_memory_equal(x0 + i * C, x1 + i * C, C * sizeof(float));
                }
            }
            int middle = -1; /* the one whose square these are */
            for (int m = 0; m < OUT && middle < 0; m++) {
                bool same = true;
                for (int i = 0; i < OUT && same; i++) {
                    const int down = i / OUT_W - m / OUT_W + SIDE / 2;
                    const int right = i % OUT_W - m % OUT_W + SIDE / 2;
                    same = zero[i] == (down >= 0 && down < SIDE && right >= 0 && right < SIDE);
                }
                middle = same ? m : -1;
            }
            assert_true(middle >= 0);
            n_found += middles[middle / OUT_W][middle % OUT_W]++ == 0;
        }
    }
    assert_int_equal(n_found, OUT); /* everywhere, 1,600 over 192 places */
}

static void larger_than_the_image(void **state)
{
    (void)state;
    const onp_transform t = transform((onp_augment){.cutout = 4096});
    float x[OUT * C];
    onp_batch_image(&make()->ds, 0, 0, &t, x);
    for (int i = 0; i < OUT * C; i++)
        assert_true(x[i] == 0);
}

/* What one draws does not depend on the others: the same crop and flip with or without colours. */
static void uses_are_independent(void **state)
{
    (void)state;
    const onp_transform plain = transform((onp_augment){.flip = true, .crop_scale = 0.3});
    const onp_transform more = transform((onp_augment){
        .flip = true, .crop_scale = 0.3, .brightness = 1, .saturation = 1, .cutout = 3});
    for (int n = 0; n < N; n++) {
        const onp_crop a = onp_augment_crop(&plain, n, 7, H, W, OUT_H, OUT_W);
        const onp_crop b = onp_augment_crop(&more, n, 7, H, W, OUT_H, OUT_W);
        assert_true(a.top == b.top && a.left == b.left && a.h == b.h && a.w == b.w);
        assert_int_equal(a.flip, b.flip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_crop),
        cmocka_unit_test(evaluation_takes_the_middle),
        cmocka_unit_test(resized_crops_have_their_range),
        cmocka_unit_test(resized_crops_are_bilinear),
        cmocka_unit_test(brightness),
        cmocka_unit_test(saturation),
        cmocka_unit_test(values_stay_bytes),
        cmocka_unit_test(cutout),
        cmocka_unit_test(larger_than_the_image),
        cmocka_unit_test(uses_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
