/* SPDX-License-Identifier: Apache-2.0 */
/* An image written as PNG is the image that our reader finds in it. */
#include "tests/test_support.h"

#include <string.h>

#include "data/image.h"
#include "data/png.h"

enum { W = 7, H = 5, N = 2 };

static onp_context ctx;

static onp_dataset images(const uint8_t *pixels, int c)
{
    return (onp_dataset){.n = N, .h = H, .w = W, .c = c, .images = pixels, .ctx = &ctx};
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t pixels[N * H * W * 3], out[H * W * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37 + i / 7);
    for (int c = 1; c <= 3; c += 2) {
        const onp_dataset ds = images(pixels, c);
        uint8_t *png = NULL;
        size_t size = 0;
        onp_image_shape shape = {0};
        assert_int_equal(onp_png_write(&ds, 1, &png, &size, NULL), ONP_OK);
        const onp_image_file file = {.name = "x.png", .data = png, .size = size};
        assert_int_equal(onp_image_measure(&file, &shape, NULL), ONP_OK);
        assert_int_equal(shape.h, H);
        assert_int_equal(shape.w, W);
        assert_int_equal(shape.c, c);
        assert_int_equal(onp_image_decode(&file, &shape, out, NULL), ONP_OK);
        assert_memory_equal(out, pixels + (size_t)H * W * (size_t)c, (size_t)H * W * (size_t)c);
        onp_free(&ctx, png);
    }
}

static void other_channels_have_no_picture(void **state)
{
    (void)state;
    const uint8_t pixels[N * H * W * 2] = {0};
    const onp_dataset ds = images(pixels, 2);
    uint8_t *png = NULL;
    size_t size = 1;
    assert_int_equal(onp_png_write(&ds, 0, &png, &size, NULL), ONP_OK);
    assert_null(png);
    assert_int_equal(size, 0);
}

static onp_status write_one(const onp_context *failing, void *unused)
{
    (void)unused;
    const uint8_t pixels[N * H * W] = {0};
    onp_dataset ds = images(pixels, 1);
    uint8_t *png = NULL;
    size_t size = 0;
    ds.ctx = failing;
    ONP_TRY(onp_png_write(&ds, 0, &png, &size, NULL));
    onp_free(failing, png);
    return ONP_OK;
}

static void no_memory(void **state)
{
    (void)state;
    onp_test_each_allocation(write_one, NULL);
}

int main(void)
{
    onp_context_init(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_channels_have_no_picture),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
