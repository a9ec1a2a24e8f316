/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG and PNG files to pixels: values, what is refused, and files that lie. */
#include "tests/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "data/image.h"
#include "tests/data/image_support.h"

#define W 11
#define H 9

/* Pixel values that differ everywhere. */
static void fill(uint8_t *pixels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(i * 37 + i / 7);
}

static onp_image_file file_of(const image_bytes *bytes)
{
    return (onp_image_file){.name = "cat/7.img", .data = bytes->data, .size = bytes->size};
}

/* Measures and decodes as c channels (0: as many as there are). */
static void decode(const image_bytes *bytes, int c, onp_image_shape *shape, uint8_t *pixels)
{
    onp_error err = {0};
    const onp_image_file file = file_of(bytes);
    if (onp_image_measure(&file, shape, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    if (c > 0)
        shape->c = c;
    if (onp_image_decode(&file, shape, pixels, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void refused(const image_bytes *bytes, const onp_image_shape *wanted, const char *text)
{
    static uint8_t pixels[64 * 64 * 3];
    onp_image_shape shape = {.h = -1};
    onp_error err = {0};
    const onp_image_file file = file_of(bytes);
    const onp_status st = wanted != NULL ? onp_image_decode(&file, wanted, pixels, &err)
                                         : onp_image_measure(&file, &shape, &err);
    assert_int_equal(st, ONP_E_FORMAT);
    assert_int_equal(shape.h, -1);
    onp_assert_contains(err.msg, "cat/7.img: ");
    onp_assert_contains(err.msg, text);
}

static void png_is_exact(void **state)
{
    (void)state;
    uint8_t in[W * H * 6], out[W * H * 3];
    onp_image_shape shape;
    fill(in, sizeof in);
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        image_bytes png = png_make(in, W, H, PNG_COLOR_TYPE_RGB, 8, interlaced, false);
        decode(&png, 0, &shape, out);
        assert_int_equal(shape.h, H);
        assert_int_equal(shape.w, W);
        assert_int_equal(shape.c, 3);
        assert_memory_equal(out, in, W * H * 3);
        free(png.data);

        png = png_make(in, W, H, PNG_COLOR_TYPE_GRAY, 8, interlaced, false);
        decode(&png, 0, &shape, out);
        assert_int_equal(shape.c, 1);
        assert_memory_equal(out, in, W * H);
        decode(&png, 3, &shape, out);
        for (int i = 0; i < W * H * 3; i++)
            assert_int_equal(out[i], in[i / 3]);
        free(png.data);

        png = png_make(in, W, H, PNG_COLOR_TYPE_PALETTE, 8, interlaced, false);
        decode(&png, 0, &shape, out);
        assert_int_equal(shape.c, 3);
        for (int i = 0; i < W * H; i++) {
            assert_int_equal(out[3 * i], in[i]);
            assert_int_equal(out[3 * i + 1], (uint8_t)(2 * in[i]));
            assert_int_equal(out[3 * i + 2], 255 - in[i]);
        }
        free(png.data);
    }
}

static void png_of_other_depths(void **state)
{
    (void)state;
    uint8_t in[W * H * 6], out[W * H * 3];
    onp_image_shape shape;
    fill(in, sizeof in);
    image_bytes png = png_make(in, W, H, PNG_COLOR_TYPE_GRAY, 1, false, false);
    decode(&png, 0, &shape, out);
    for (int i = 0; i < H; i++)
        for (int j = 0; j < W; j++) /* rows of two bytes, the first pixel on top */
            assert_int_equal(out[i * W + j], (in[2 * i + j / 8] >> (7 - j % 8) & 1) != 0 ? 255 : 0);
    free(png.data);
    png = png_make(in, W, H, PNG_COLOR_TYPE_RGB, 16, false, false);
    decode(&png, 0, &shape, out);
    for (int i = 0; i < W * H * 3; i++) { /* 0 .. 65535 to 0 .. 255, to the nearest */
        const int wide = in[2 * i] << 8 | in[2 * i + 1];
        assert_int_equal(out[i], (wide * 255 + 32767) / 65535);
    }
    free(png.data);
}

static void transparency_is_refused(void **state)
{
    (void)state;
    uint8_t in[W * H * 4];
    fill(in, sizeof in);
    const struct {
        int colour;
        bool transparent;
    } cases[] = {{PNG_COLOR_TYPE_RGBA, false},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, false},
                 {PNG_COLOR_TYPE_PALETTE, true},
                 {PNG_COLOR_TYPE_GRAY, true},
                 {PNG_COLOR_TYPE_RGB, true}};
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        image_bytes png = png_make(in, W, H, cases[i].colour, 8, false, cases[i].transparent);
        refused(&png, NULL, "transparency");
        free(png.data);
    }
}

/* A flat image has no loss but that of its colour's rounding. */
static void jpeg_of_flat_colours(void **state)
{
    (void)state;
    static const uint8_t colours[][3] = {{0, 0, 0},   {255, 255, 255}, {255, 0, 0},
                                         {0, 255, 0}, {0, 0, 255},     {200, 120, 40}};
    uint8_t in[W * H * 3], out[W * H * 3];
    onp_image_shape shape;
    for (size_t k = 0; k < ONP_COUNT(colours); k++) {
        for (size_t i = 0; i < sizeof in; i++)
            in[i] = colours[k][i % 3];
        for (int kind = JPEG_BASELINE; kind <= JPEG_UNREFINED; kind++) {
            image_bytes jpeg = jpeg_make(in, W, H, JCS_RGB, (jpeg_kind)kind);
            decode(&jpeg, 0, &shape, out);
            assert_int_equal(shape.h, H);
            assert_int_equal(shape.w, W);
            assert_int_equal(shape.c, 3);
            for (size_t i = 0; i < sizeof out; i++)
                assert_in_range(out[i] - in[i] + 2, 0, 4);
            free(jpeg.data);
        }
    }
}

/* Places and channels are right: a slope of another direction in each channel, within 6 of 255. */
static void jpeg_of_slopes(void **state)
{
    (void)state;
    uint8_t in[W * H * 3], grey[W * H], out[W * H * 3];
    onp_image_shape shape;
    for (int i = 0; i < H; i++)
        for (int j = 0; j < W; j++) {
            in[3 * (i * W + j)] = (uint8_t)(20 * j);
            in[3 * (i * W + j) + 1] = (uint8_t)(25 * i);
            in[3 * (i * W + j) + 2] = (uint8_t)(200 - 10 * i - 8 * j);
            grey[i * W + j] = (uint8_t)(12 * i + 10 * j);
        }
    image_bytes jpeg = jpeg_make(in, W, H, JCS_RGB, JPEG_BASELINE);
    decode(&jpeg, 0, &shape, out);
    for (size_t i = 0; i < sizeof out; i++)
        assert_in_range(out[i] - in[i] + 6, 0, 12);
    free(jpeg.data);
    jpeg = jpeg_make(grey, W, H, JCS_GRAYSCALE, JPEG_BASELINE);
    decode(&jpeg, 0, &shape, out);
    assert_int_equal(shape.c, 1);
    for (size_t i = 0; i < sizeof grey; i++)
        assert_in_range(out[i] - grey[i] + 3, 0, 6);
    decode(&jpeg, 3, &shape, out);
    for (size_t i = 0; i < sizeof out; i++) {
        assert_int_equal(out[i], out[i - i % 3]);
        assert_in_range(out[i] - grey[i / 3] + 3, 0, 6);
    }
    free(jpeg.data);
}

static void cmyk_is_refused(void **state)
{
    (void)state;
    uint8_t in[W * H * 4];
    fill(in, sizeof in);
    image_bytes jpeg = jpeg_make(in, W, H, JCS_CMYK, JPEG_BASELINE);
    refused(&jpeg, NULL, "CMYK");
    free(jpeg.data);
}

static void other_sizes_and_colours_are_refused(void **state)
{
    (void)state;
    uint8_t in[W * H * 3];
    fill(in, sizeof in);
    for (int kind = 0; kind < 2; kind++) {
        image_bytes file = kind == 0 ? jpeg_make(in, W, H, JCS_RGB, JPEG_BASELINE)
                                     : png_make(in, W, H, PNG_COLOR_TYPE_RGB, 8, false, false);
        refused(&file, &(onp_image_shape){.h = H + 1, .w = W, .c = 3},
                "is 11 x 9 pixels (width x height), wanted 11 x 10");
        refused(&file, &(onp_image_shape){.h = H, .w = W - 1, .c = 3}, "wanted 10 x 9");
        refused(&file, &(onp_image_shape){.h = H, .w = W, .c = 1}, "is in colour, wanted grey");
        free(file.data);
    }
}

static void other_files_are_refused(void **state)
{
    (void)state;
    uint8_t text[] = "GIF89a and more";
    refused(&(image_bytes){text, sizeof text}, NULL, "neither JPEG nor PNG (16 bytes)");
    refused(&(image_bytes){NULL, 0}, NULL, "neither JPEG nor PNG (0 bytes)");
}

static image_bytes make_case(int kind)
{
    uint8_t in[W * H * 3];
    fill(in, sizeof in);
    switch (kind) {
    case 0:
        return jpeg_make(in, W, H, JCS_RGB, JPEG_BASELINE);
    case 1:
        return jpeg_make(in, W, H, JCS_RGB, JPEG_REFINED);
    case 2:
        return png_make(in, W, H, PNG_COLOR_TYPE_RGB, 8, false, false);
    default:
        return png_make(in, W, H, PNG_COLOR_TYPE_RGB, 8, true, false);
    }
}

enum { N_CASES = 4 };

/* Cut at every length, each copy in a block of exactly that size. */
static void truncated_files_are_refused(void **state)
{
    (void)state;
    const onp_image_shape wanted = {.h = H, .w = W, .c = 3};
    for (int kind = 0; kind < N_CASES; kind++) {
        image_bytes whole = make_case(kind);
        for (size_t size = 0; size < whole.size; size++) {
            image_bytes cut = {malloc(size > 0 ? size : 1), size};
            assert_non_null(cut.data);
            memcpy(cut.data, whole.data, size);
            refused(&cut, &wanted, "");
            free(cut.data);
        }
        free(whole.data);
    }
}

/* Each byte damaged in turn: pixels or a refusal, nothing else. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    const onp_image_shape wanted = {.h = H, .w = W, .c = 3};
    for (int kind = 0; kind < N_CASES; kind++) {
        image_bytes bytes = make_case(kind);
        for (size_t i = 0; i < bytes.size * ONP_COUNT(masks); i++) {
            uint8_t *byte = &bytes.data[i / ONP_COUNT(masks)], pixels[W * H * 3];
            onp_error err = {0};
            const onp_image_file file = file_of(&bytes);
            *byte ^= masks[i % ONP_COUNT(masks)];
            const onp_status st = onp_image_decode(&file, &wanted, pixels, &err);
            *byte ^= masks[i % ONP_COUNT(masks)];
            if (st != ONP_OK) {
                assert_int_equal(st, ONP_E_FORMAT);
                onp_assert_contains(err.msg, "cat/7.img: ");
            }
        }
        free(bytes.data);
    }
}

/* The offset of the last marker 0xff `code`. */
static size_t find_marker(const image_bytes *jpeg, uint8_t code)
{
    size_t at = jpeg->size - 2;
    while (at > 0 && !(jpeg->data[at] == 0xff && jpeg->data[at + 1] == code))
        at--;
    assert_true(at > 0);
    return at;
}

static void huge_sizes_are_refused(void **state)
{
    (void)state;
    static const uint8_t huge_jpeg[] = {0xff, 0xdc, 0xff, 0xdc};
    static const uint8_t huge_png[] = {0x00, 0x0f, 0x42, 0x40, 0x00, 0x0f, 0x42, 0x40};
    image_bytes jpeg = make_case(0), png = make_case(2);
    uint8_t *sof = jpeg.data + find_marker(&jpeg, 0xc0) + 5;
    memcpy(sof, huge_jpeg, sizeof huge_jpeg);
    refused(&jpeg, NULL, "is 65500 x 65500 pixels, wanted sides of 1..4096");
    free(jpeg.data);
    uint8_t *ihdr = png.data + 12; /* type, width, height, ... and the checksum of these 17 bytes */
    memcpy(ihdr + 4, huge_png, sizeof huge_png);
    const unsigned long crc = crc32(0, ihdr, 17);
    for (int i = 0; i < 4; i++)
        ihdr[17 + i] = (uint8_t)(crc >> (24 - 8 * i));
    refused(&png, NULL, "is 1000000 x 1000000 pixels, wanted sides of 1..4096");
    free(png.data);
}

/* The same pass over the pixels again and again is no damage to libjpeg. */
static void endless_scans_are_refused(void **state)
{
    (void)state;
    enum { N_SCANS = 150 };
    uint8_t in[W * H * 3];
    fill(in, sizeof in);
    image_bytes jpeg = jpeg_make(in, W, H, JCS_RGB, JPEG_UNREFINED);
    const size_t scan = find_marker(&jpeg, 0xda), end = jpeg.size - 2;
    image_bytes many = {malloc(jpeg.size + N_SCANS * (end - scan)), jpeg.size};
    assert_non_null(many.data);
    memcpy(many.data, jpeg.data, end);
    many.size = end;
    for (int i = 0; i < N_SCANS; i++, many.size += end - scan)
        memcpy(many.data + many.size, jpeg.data + scan, end - scan);
    memcpy(many.data + many.size, jpeg.data + end, 2);
    many.size += 2;
    refused(&many, &(onp_image_shape){.h = H, .w = W, .c = 3}, "more than 100 scans");
    free(many.data);
    free(jpeg.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_is_exact),
        cmocka_unit_test(png_of_other_depths),
        cmocka_unit_test(transparency_is_refused),
        cmocka_unit_test(jpeg_of_flat_colours),
        cmocka_unit_test(jpeg_of_slopes),
        cmocka_unit_test(cmyk_is_refused),
        cmocka_unit_test(other_sizes_and_colours_are_refused),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(huge_sizes_are_refused),
        cmocka_unit_test(endless_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
