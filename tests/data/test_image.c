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

/* Measures and decodes; the pixels as they are to be looked at, (h, w, c). */
static void decode(const image_bytes *bytes, onp_image_shape *shape, uint8_t *pixels)
{
    static uint8_t room[64 * 64 * 4];
    onp_error err = {0};
    const onp_image_file file = file_of(bytes);
    if (onp_image_measure(&file, shape, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_true(onp_image_decoded_bytes(shape) <= sizeof room);
    if (onp_image_decode(&file, shape, room, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    const onp_view v = onp_image_view(shape, room);
    for (int64_t i = 0; i < v.h; i++)
        for (int64_t j = 0; j < v.w; j++)
            for (int k = 0; k < v.c; k++)
                *pixels++ = v.pixels[i * v.row + j * v.column + k];
}

static void refused(const image_bytes *bytes, const onp_image_shape *wanted, const char *text)
{
    static uint8_t pixels[64 * 64 * 4];
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
        decode(&png, &shape, out);
        assert_int_equal(shape.h, H);
        assert_int_equal(shape.w, W);
        assert_int_equal(shape.c, 3);
        assert_memory_equal(out, in, W * H * 3);
        free(png.data);

        png = png_make(in, W, H, PNG_COLOR_TYPE_GRAY, 8, interlaced, false);
        decode(&png, &shape, out);
        assert_int_equal(shape.c, 1);
        assert_memory_equal(out, in, W * H);
        free(png.data);

        png = png_make(in, W, H, PNG_COLOR_TYPE_PALETTE, 8, interlaced, false);
        decode(&png, &shape, out);
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
    decode(&png, &shape, out);
    for (int i = 0; i < H; i++)
        for (int j = 0; j < W; j++) /* rows of two bytes, the first pixel on top */
            assert_int_equal(out[i * W + j], (in[2 * i + j / 8] >> (7 - j % 8) & 1) != 0 ? 255 : 0);
    free(png.data);
    png = png_make(in, W, H, PNG_COLOR_TYPE_RGB, 16, false, false);
    decode(&png, &shape, out);
    for (int i = 0; i < W * H * 3; i++) { /* 0 .. 65535 to 0 .. 255, to the nearest */
        const int wide = in[2 * i] << 8 | in[2 * i + 1];
        assert_int_equal(out[i], (wide * 255 + 32767) / 65535);
    }
    free(png.data);
}

/* v over white: v alpha + 255 (1 - alpha), alpha in 0 .. 1. */
static int on_white(int v, int alpha)
{
    return (int)(v * (alpha / 255.0) + 255 * (1 - alpha / 255.0) + 0.5);
}

static void transparency_is_laid_on_white(void **state)
{
    (void)state;
    uint8_t in[W * H * 4], out[W * H * 3];
    onp_image_shape shape;
    for (int interlaced = 0; interlaced < 2; interlaced++)
        for (int c = 1; c <= 3; c += 2) {
            fill(in, sizeof in);
            image_bytes png = png_make(in, W, H, c == 3 ? PNG_COLOR_TYPE_RGBA : PNG_COLOR_TYPE_GA,
                                       8, interlaced, false);
            decode(&png, &shape, out);
            assert_int_equal(shape.c, c);
            for (int i = 0; i < W * H * c; i++) {
                const int pixel = i / c;
                assert_int_equal(out[i],
                                 on_white(in[pixel * (c + 1) + i % c], in[pixel * (c + 1) + c]));
            }
            free(png.data);
        }
}

/* One colour that is transparent: the first of a palette, 0 in a grey or colour image. */
static void a_transparent_colour_is_white(void **state)
{
    (void)state;
    uint8_t in[W * H * 3], out[W * H * 3];
    onp_image_shape shape;
    fill(in, sizeof in);
    memset(in, 0, 6);
    image_bytes png = png_make(in, W, H, PNG_COLOR_TYPE_PALETTE, 8, false, true);
    decode(&png, &shape, out);
    assert_int_equal(shape.c, 3);
    for (int i = 0; i < W * H; i++) {
        assert_int_equal(out[3 * i], in[i] == 0 ? 255 : in[i]);
        assert_int_equal(out[3 * i + 1], in[i] == 0 ? 255 : (uint8_t)(2 * in[i]));
    }
    free(png.data);
    png = png_make(in, W, H, PNG_COLOR_TYPE_GRAY, 8, false, true);
    decode(&png, &shape, out);
    assert_int_equal(shape.c, 1);
    for (int i = 0; i < W * H; i++)
        assert_int_equal(out[i], in[i] == 0 ? 255 : in[i]);
    free(png.data);
    png = png_make(in, W, H, PNG_COLOR_TYPE_RGB, 8, false, true);
    decode(&png, &shape, out);
    for (int i = 0; i < 6; i++)
        assert_int_equal(out[i], 255);
    assert_memory_equal(out + 6, in + 6, W * H * 3 - 6);
    free(png.data);
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
            decode(&jpeg, &shape, out);
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
    decode(&jpeg, &shape, out);
    for (size_t i = 0; i < sizeof out; i++)
        assert_in_range(out[i] - in[i] + 6, 0, 12);
    free(jpeg.data);
    jpeg = jpeg_make(grey, W, H, JCS_GRAYSCALE, JPEG_BASELINE);
    decode(&jpeg, &shape, out);
    assert_int_equal(shape.c, 1);
    for (size_t i = 0; i < sizeof grey; i++)
        assert_in_range(out[i] - grey[i] + 3, 0, 6);
    free(jpeg.data);
}

/* Flat inks, 255 for none: red is what cyan and black leave of the light. */
static void inks_become_colours(void **state)
{
    (void)state;
    static const uint8_t inks[][4] = {{255, 255, 255, 255}, {255, 255, 255, 0},
                                      {0, 255, 255, 255},   {255, 0, 255, 255},
                                      {255, 255, 0, 255},   {200, 120, 40, 128}};
    uint8_t in[W * H * 4], out[W * H * 3];
    onp_image_shape shape;
    for (size_t n = 0; n < ONP_COUNT(inks); n++)
        for (int kind = JPEG_BASELINE; kind <= JPEG_REFINED; kind++) {
            for (size_t i = 0; i < sizeof in; i++)
                in[i] = inks[n][i % 4];
            image_bytes jpeg = jpeg_make(in, W, H, JCS_CMYK, (jpeg_kind)kind);
            decode(&jpeg, &shape, out);
            assert_int_equal(shape.c, 3);
            for (int i = 0; i < W * H * 3; i++) {
                const int wanted = inks[n][i % 3] * inks[n][3] / 255;
                assert_in_range(out[i] - wanted + 2, 0, 4);
            }
            free(jpeg.data);
        }
}

/* An EXIF block of one directory whose only entry is the orientation. */
static size_t make_exif(int orientation, bool big_endian, uint8_t out[26])
{
    const uint8_t little[26] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0};
    const uint8_t big[26] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1};
    memcpy(out, big_endian ? big : little, 26);
    out[big_endian ? 19 : 18] = (uint8_t)orientation;
    return 26;
}

/* The JPEG with an APP1 marker after its first two bytes. */
static image_bytes with_exif(const image_bytes *jpeg, const uint8_t *exif, size_t size)
{
    const size_t length = size + 8;
    const uint8_t head[] = {0xff, 0xe1, (uint8_t)(length >> 8), (uint8_t)length, 'E', 'x', 'i', 'f',
                            0,    0};
    image_bytes out = {malloc(jpeg->size + sizeof head + size), jpeg->size + sizeof head + size};
    assert_non_null(out.data);
    memcpy(out.data, jpeg->data, 2);
    memcpy(out.data + 2, head, sizeof head);
    memcpy(out.data + 2 + sizeof head, exif, size);
    memcpy(out.data + 2 + sizeof head + size, jpeg->data + 2, jpeg->size - 2);
    return out;
}

/* What the eight are, in the words of the EXIF standard: where in the picture to be looked at the
 * file's first row and its first column lie. */
static void orientations(void **state)
{
    (void)state;
    enum { TOP, BOTTOM, LEFT, RIGHT };
    static const int sides[9][2] = {
        {0},         {TOP, LEFT},  {TOP, RIGHT},    {BOTTOM, RIGHT}, {BOTTOM, LEFT},
        {LEFT, TOP}, {RIGHT, TOP}, {RIGHT, BOTTOM}, {LEFT, BOTTOM}};
    uint8_t in[W * H * 3], flat[W * H * 3], out[W * H * 3], exif[26];
    onp_image_shape shape;
    fill(in, sizeof in);
    image_bytes jpeg = jpeg_make(in, W, H, JCS_RGB, JPEG_BASELINE);
    decode(&jpeg, &shape, flat);
    for (int o = 0; o <= 9; o++) {
        for (int big = 0; big < 2; big++) {
            const size_t size = make_exif(o, big, exif);
            image_bytes turned = with_exif(&jpeg, exif, size);
            const int *side = sides[o >= 1 && o <= 8 ? o : 1]; /* others are none */
            const bool rows_stay = side[0] == TOP || side[0] == BOTTOM;
            decode(&turned, &shape, out);
            assert_int_equal(shape.h, rows_stay ? H : W);
            assert_int_equal(shape.w, rows_stay ? W : H);
            for (int i = 0; i < H; i++)
                for (int j = 0; j < W; j++) { /* of the file, counted from there */
                    int y = rows_stay ? i : j, x = rows_stay ? j : i;
                    if (side[0] == BOTTOM || side[1] == BOTTOM)
                        y = (int)shape.h - 1 - y;
                    if (side[0] == RIGHT || side[1] == RIGHT)
                        x = (int)shape.w - 1 - x;
                    assert_memory_equal(out + ((size_t)y * (size_t)shape.w + (size_t)x) * 3,
                                        flat + (i * W + j) * 3, 3);
                }
            free(turned.data);
        }
    }
    free(jpeg.data);
}

/* Every cut and every damaged byte of an EXIF block, in memory of exactly that size. */
static void damaged_exif_is_none(void **state)
{
    (void)state;
    uint8_t exif[26];
    for (int big = 0; big < 2; big++) {
        const size_t whole = make_exif(6, big, exif);
        assert_int_equal(onp_exif_orientation(exif, whole), 6);
        for (size_t size = 0; size <= whole; size++) {
            uint8_t *cut = malloc(size > 0 ? size : 1);
            assert_non_null(cut);
            memcpy(cut, exif, size);
            assert_int_equal(onp_exif_orientation(cut, size), size < 22 ? 1 : 6);
            for (size_t i = 0; i < size * 256; i++) {
                cut[i / 256] ^= (uint8_t)i;
                assert_in_range(onp_exif_orientation(cut, size), 1, 8);
                cut[i / 256] ^= (uint8_t)i;
            }
            free(cut);
        }
    }
}

static void other_shapes_are_refused(void **state)
{
    (void)state;
    uint8_t in[W * H * 3];
    fill(in, sizeof in);
    for (int kind = 0; kind < 2; kind++) {
        image_bytes file = kind == 0 ? jpeg_make(in, W, H, JCS_RGB, JPEG_BASELINE)
                                     : png_make(in, W, H, PNG_COLOR_TYPE_RGB, 8, false, false);
        const onp_image_shape right = {.h = H, .w = W, .c = 3, .samples = 3, .orientation = 1};
        onp_image_shape wrong[4] = {right, right, right, right};
        wrong[0].h++;
        wrong[1].w--;
        wrong[2].c = 1;
        wrong[3].samples = 4;
        for (size_t i = 0; i < ONP_COUNT(wrong); i++)
            refused(&file, &wrong[i], "has changed");
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
    const onp_image_shape wanted = {.h = H, .w = W, .c = 3, .samples = 3};
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
    const onp_image_shape wanted = {.h = H, .w = W, .c = 3, .samples = 3};
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
    static const uint8_t huge_jpeg[] = {0xff, 0xdc, 0x40, 0x00};
    static const uint8_t huge_png[] = {0x00, 0x0f, 0x42, 0x40, 0x00, 0x0f, 0x42, 0x40};
    image_bytes jpeg = make_case(0), png = make_case(2);
    uint8_t *sof = jpeg.data + find_marker(&jpeg, 0xc0) + 5;
    memcpy(sof, huge_jpeg, sizeof huge_jpeg);
    refused(&jpeg, NULL,
            "is 16384 x 65500 pixels, wanted sides of 1..65500 and at most 134217728 in all");
    free(jpeg.data);
    uint8_t *ihdr = png.data + 12; /* type, width, height, ... and the checksum of these 17 bytes */
    memcpy(ihdr + 4, huge_png, sizeof huge_png);
    const unsigned long crc = crc32(0, ihdr, 17);
    for (int i = 0; i < 4; i++)
        ihdr[17 + i] = (uint8_t)(crc >> (24 - 8 * i));
    refused(&png, NULL, "is 1000000 x 1000000 pixels, wanted sides of 1..65500");
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
    refused(&many, &(onp_image_shape){.h = H, .w = W, .c = 3, .samples = 3}, "more than 100 scans");
    free(many.data);
    free(jpeg.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_is_exact),
        cmocka_unit_test(png_of_other_depths),
        cmocka_unit_test(transparency_is_laid_on_white),
        cmocka_unit_test(a_transparent_colour_is_white),
        cmocka_unit_test(jpeg_of_flat_colours),
        cmocka_unit_test(jpeg_of_slopes),
        cmocka_unit_test(inks_become_colours),
        cmocka_unit_test(orientations),
        cmocka_unit_test(damaged_exif_is_none),
        cmocka_unit_test(other_shapes_are_refused),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(huge_sizes_are_refused),
        cmocka_unit_test(endless_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
