/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing against its definition in double and against Pillow; files to stored images and network
 * inputs. */
#include "tests/test_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/prepare.h"
#include "tests/data/image_support.h"
#include "tests/data/pillow_resize.h"

/* ---- resizing ---- */

static uint8_t *make_pixels(int w, int h, int c)
{
    uint8_t *out = malloc((size_t)w * (size_t)h * (size_t)c);
    uint64_t state = (uint64_t)w * 65536 + (uint64_t)h;
    assert_non_null(out);
    for (int i = 0; i < w * h * c; i++) {
        state = (state * 1103515245 + 12345) % (1U << 31);
        out[i] = (uint8_t)(state >> 16);
    }
    return out;
}

static onp_view view_of(const uint8_t *pixels, int h, int w, int c)
{
    return (onp_view){
        .pixels = pixels, .row = (ptrdiff_t)w * c, .column = c, .h = h, .w = w, .c = c};
}

static void resize(const onp_view *v, int h, int w, uint8_t *out)
{
    void *scratch = malloc(onp_resize_scratch_bytes(v->h, v->w, v->c, h, w));
    assert_non_null(scratch);
    onp_resize(v, h, w, scratch, out);
    free(scratch);
}

/* The weight of input x for output i as data/resize.h says, not divided by the sum. */
static double weight(int n, int m, int i, int x)
{
    const double s = (double)n / m, S = s > 1 ? s : 1;
    const double v = 1 - fabs(x + 0.5 - (i + 0.5) * s) / S;
    return v > 0 ? v : 0;
}

/* A line of n values, `step` apart, to m values. */
static void slow_line(const double *in, int n, int step, int m, double *out, int out_step)
{
    for (int i = 0; i < m; i++) {
        double sum = 0, total = 0;
        for (int x = 0; x < n; x++) {
            sum += weight(n, m, i, x) * in[x * step];
            total += weight(n, m, i, x);
        }
        out[i * out_step] = sum / total;
    }
}

/* Two passes in double; no rounding between, so a byte may be off by one. */
static void against_double(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 7, 16, 31, 64};
    const int n = ONP_COUNT(sizes);
    for (int t = 0; t < n * n * n * n; t++) {
        const int h = sizes[t % n], w = sizes[t / n % n], to_h = sizes[t / n / n % n],
                  to_w = sizes[t / n / n / n], c = t % 2 == 0 ? 1 : 3;
        static double in[64 * 64 * 3], between[64 * 64 * 3], wanted[64 * 64 * 3];
        static uint8_t out[64 * 64 * 3];
        uint8_t *pixels = make_pixels(w, h, c);
        const onp_view v = view_of(pixels, h, w, c);
        resize(&v, to_h, to_w, out);
        for (int i = 0; i < w * h * c; i++)
            in[i] = pixels[i];
        for (int k = 0; k < c; k++) {
            for (int i = 0; i < h; i++)
                slow_line(in + i * w * c + k, w, c, to_w, between + i * to_w * c + k, c);
            for (int j = 0; j < to_w; j++)
                slow_line(between + j * c + k, h, to_w * c, to_h, wanted + j * c + k, to_w * c);
        }
        for (int i = 0; i < to_h * to_w * c; i++)
            assert_true(fabs(out[i] - wanted[i]) <= 1.001);
        free(pixels);
    }
}

static void as_pillow(void **state)
{
    (void)state;
    for (size_t t = 0; t < ONP_COUNT(pillow_resized); t++) {
        const int w = pillow_resized[t].w, h = pillow_resized[t].h, c = pillow_resized[t].c;
        const int to_w = pillow_resized[t].to_w, to_h = pillow_resized[t].to_h;
        const size_t size = (size_t)to_w * (size_t)to_h * (size_t)c;
        uint8_t *pixels = make_pixels(w, h, c), *out = malloc(size);
        char hex[ONP_SHA256_HEX];
        const onp_view v = view_of(pixels, h, w, c);
        resize(&v, to_h, to_w, out);
        onp_sha256(out, size, hex);
        assert_string_equal(hex, pillow_resized[t].sha256);
        free(out);
        free(pixels);
    }
}

/* The largest lines that there may be: a flat image stays flat, though its weights were rounded. */
static void flat_stays_flat(void **state)
{
    (void)state;
    enum { LONG = 65500 };
    static uint8_t line[LONG], out[64];
    for (int value = 0; value < 256; value += 51) {
        memset(line, value, sizeof line);
        for (int side = 1; side <= 61; side += 12) {
            const onp_view wide = view_of(line, 1, LONG, 1), high = view_of(line, LONG, 1, 1);
            resize(&wide, 1, side, out);
            for (int i = 0; i < side; i++)
                assert_int_equal(out[i], value);
            resize(&high, side, 1, out);
            for (int i = 0; i < side; i++)
                assert_int_equal(out[i], value);
        }
    }
}

/* Any way to look at the pixels is the same as the pixels so copied. */
static void views(void **state)
{
    (void)state;
    enum { H = 37, W = 50, C = 3 };
    uint8_t *pixels = make_pixels(W, H, C), *copy = malloc(H * W * C);
    for (int o = 1; o <= 8; o++) {
        uint8_t a[20 * 20 * C], b[20 * 20 * C], *at = copy;
        const onp_image_shape shape = {
            .h = o < 5 ? H : W, .w = o < 5 ? W : H, .c = C, .samples = C, .orientation = o};
        const onp_view whole = onp_image_view(&shape, pixels);
        const onp_view v = onp_view_part(&whole, 3, 1, whole.h - 7, whole.w - 4);
        for (int64_t i = 0; i < v.h; i++)
            for (int64_t j = 0; j < v.w; j++, at += C)
                memcpy(at, v.pixels + i * v.row + j * v.column, C);
        const onp_view plain = view_of(copy, (int)v.h, (int)v.w, C);
        resize(&v, 20, 20, a);
        resize(&plain, 20, 20, b);
        assert_memory_equal(a, b, sizeof a);
    }
    free(copy);
    free(pixels);
}

/* ---- files ---- */

enum { H = 21, W = 34 };

static image_bytes colour_png(void)
{
    uint8_t *pixels = make_pixels(W, H, 3);
    const image_bytes png = png_make(pixels, W, H, PNG_COLOR_TYPE_RGB, 8, false, false);
    free(pixels);
    return png;
}

/* Fit crop is the resize of the middle square; stretch, of everything. */
static void fits(void **state)
{
    (void)state;
    uint8_t *pixels = make_pixels(W, H, 3), wanted[10 * 10 * 3];
    image_bytes png = colour_png();
    onp_context ctx;
    onp_prepared image;
    onp_context_init(&ctx);
    for (int fit = ONP_FIT_CROP; fit <= ONP_FIT_STRETCH; fit++) {
        const onp_prepare how = {.side = 10, .fit = (onp_fit)fit};
        const onp_view whole = view_of(pixels, H, W, 3);
        const onp_view square = onp_view_part(&whole, 0, (W - H) / 2, H, H);
        resize(fit == ONP_FIT_CROP ? &square : &whole, 10, 10, wanted);
        assert_int_equal(onp_image_prepare(&ctx, "x", png.data, png.size, &how, &image, NULL), 0);
        assert_int_equal(image.h, 10);
        assert_int_equal(image.w, 10);
        assert_int_equal(image.c, 3);
        assert_memory_equal(image.pixels, wanted, sizeof wanted);
        onp_prepared_free(&image);
    }
    free(png.data);
    free(pixels);
}

static void channels(void **state)
{
    (void)state;
    uint8_t *pixels = make_pixels(W, H, 3);
    image_bytes colour = colour_png();
    image_bytes grey = png_make(pixels, W, H, PNG_COLOR_TYPE_GRAY, 8, false, false);
    onp_context ctx;
    onp_prepared image;
    onp_context_init(&ctx);
    onp_prepare how = {.c = 3};
    assert_int_equal(onp_image_prepare(&ctx, "x", grey.data, grey.size, &how, &image, NULL), 0);
    assert_int_equal(image.c, 3);
    for (int i = 0; i < H * W * 3; i++)
        assert_int_equal(image.pixels[i], pixels[i / 3]);
    onp_prepared_free(&image);
    how.c = 1;
    assert_int_equal(onp_image_prepare(&ctx, "x", colour.data, colour.size, &how, &image, NULL), 0);
    assert_int_equal(image.c, 1);
    for (int i = 0; i < H * W; i++) {
        const uint8_t *p = pixels + 3 * i;
        const double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
        assert_true(fabs(image.pixels[i] - luma) < 0.51);
    }
    onp_prepared_free(&image);
    free(grey.data);
    free(colour.data);
    free(pixels);
}

/* The network takes the middle. */
static void network_input(void **state)
{
    (void)state;
    const onp_channel_stats stats = {.c = 3, .mean = {0.5, 0.25, 0.1}, .deviation = {1, 0.5, 2}};
    uint8_t *pixels = make_pixels(W, H, 3);
    image_bytes png = colour_png();
    static float x[8 * 5 * 3];
    onp_context ctx;
    onp_prepared image;
    onp_context_init(&ctx);
    const onp_prepare how = {.h = H, .w = W};
    onp_transform t = onp_transform_eval(&stats);
    t.h = 8;
    t.w = 5;
    assert_int_equal(onp_image_prepare(&ctx, "x", png.data, png.size, &how, &image, NULL), 0);
    assert_memory_equal(image.pixels, pixels, H * W * 3);
    onp_prepared_input(&image, &t, x);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 5; j++)
            for (int k = 0; k < 3; k++) {
                const int byte = pixels[((i + 6) * W + j + 14) * 3 + k]; /* 13 / 2, 29 / 2 */
                const double wanted = (byte / 255.0 - stats.mean[k]) / stats.deviation[k];
                assert_true(fabs((double)x[(i * 5 + j) * 3 + k] - wanted) < 1e-5);
            }
    onp_prepared_free(&image);
    free(png.data);
    free(pixels);
}

static void refusals(void **state)
{
    (void)state;
    image_bytes png = colour_png();
    onp_test_memory m;
    onp_prepared image;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    const onp_prepare other = {.h = H, .w = W + 1}, any = {0};
    assert_int_equal(onp_image_prepare(&m.ctx, "cat", png.data, png.size, &other, &image, &err),
                     ONP_E_FORMAT);
    onp_assert_contains(err.msg, "cat: is 34 x 21 pixels (width x height), wanted 35 x 21");
    for (size_t size = 0; size < png.size; size += 7) {
        assert_int_equal(onp_image_prepare(&m.ctx, "cat", png.data, size, &any, &image, &err),
                         ONP_E_FORMAT);
        onp_assert_contains(err.msg, "cat: ");
        assert_null(image.pixels);
    }
    assert_int_equal(onp_image_prepare_file(&m.ctx, "/not/there.jpg", &any, &image, &err),
                     ONP_E_IO);
    onp_assert_contains(err.msg, "/not/there.jpg");
    for (int c = 2; c <= 4; c += 2) {
        const onp_prepare odd = {.side = 9, .c = c};
        assert_int_equal(onp_image_prepare(&m.ctx, "cat", png.data, png.size, &odd, &image, &err),
                         ONP_E_SHAPE);
        onp_assert_contains(err.msg, "channels are wanted, image files have 1 or 3");
    }
    uint8_t *wide = make_pixels(5000, 1, 1);
    image_bytes long_png = png_make(wide, 5000, 1, PNG_COLOR_TYPE_GRAY, 8, false, false);
    assert_int_equal(
        onp_image_prepare(&m.ctx, "cat", long_png.data, long_png.size, &any, &image, &err),
        ONP_E_FORMAT);
    onp_assert_contains(err.msg, "cat: is 5000 x 1 pixels");
    const onp_prepare small = {.side = 9, .fit = ONP_FIT_STRETCH};
    assert_int_equal(
        onp_image_prepare(&m.ctx, "cat", long_png.data, long_png.size, &small, &image, &err),
        ONP_OK);
    onp_prepared_free(&image);
    assert_int_equal(m.n_live, 0);
    free(long_png.data);
    free(wide);
    free(png.data);
}

static onp_status prepare_one(const onp_context *ctx, void *arg)
{
    const image_bytes *png = arg;
    const onp_prepare how = {.side = 8, .c = 1};
    onp_prepared image;
    const onp_status st = onp_image_prepare(ctx, "x", png->data, png->size, &how, &image, NULL);
    onp_prepared_free(&image);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    image_bytes png = colour_png();
    onp_test_each_allocation(prepare_one, &png);
    free(png.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_double),
        cmocka_unit_test(as_pillow),
        cmocka_unit_test(flat_stays_flat),
        cmocka_unit_test(views),
        cmocka_unit_test(fits),
        cmocka_unit_test(channels),
        cmocka_unit_test(network_input),
        cmocka_unit_test(refusals),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
