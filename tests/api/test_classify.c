/* SPDX-License-Identifier: Apache-2.0 */
/* From an image file to probabilities: against pixels that are cropped and normalised here. */
#include "tests/api/support.h"

#include <math.h>
#include <stdlib.h>

#include "tests/data/image_support.h"

#define SIDE 10 /* of the file; the network takes the middle API_SIDE of it */

static void make_pixels(uint8_t *pixels)
{
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        pixels[i] = (uint8_t)(i * i * 7 + i / 5);
}

/* x = (byte / 255 - mean) / deviation, with those of api_model_make. */
static void normalise(const uint8_t *pixels, float *x)
{
    const int edge = (SIDE - API_SIDE) / 2;
    for (int i = 0; i < API_SIDE; i++)
        for (int j = 0; j < API_SIDE; j++)
            for (int c = 0; c < 3; c++) {
                const double byte = pixels[((i + edge) * SIDE + j + edge) * 3 + c];
                x[(i * API_SIDE + j) * 3 + c] = (float)((byte / 255 - 0.1 * (c + 1)) / 0.5);
            }
}

typedef struct fixture {
    char dir[ONP_TEST_PATH], image[ONP_TEST_PATH];
    image_bytes png;
    uint8_t pixels[SIDE * SIDE * 3];
    float wanted[API_CLASSES]; /* probabilities */
} fixture;

static void expect_classes(fixture *f)
{
    float x[API_PIXELS], logits[API_CLASSES];
    double sum = 0;
    onepath_context *ctx = api_context();
    onepath_model *m = NULL;
    onepath_error err;
    normalise(f->pixels, x);
    api_ok(onepath_model_open(ctx, f->dir, NULL, &m, &err), &err);
    api_ok(onepath_model_infer(m, x, 1, logits, &err), &err);
    for (int k = 0; k < API_CLASSES; k++)
        sum += exp((double)logits[k]);
    for (int k = 0; k < API_CLASSES; k++)
        f->wanted[k] = (float)(exp((double)logits[k]) / sum);
    onepath_model_close(m);
    onepath_context_free(ctx);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onepath_context_free(api_context()); /* one thread, for all that follows */
    onp_test_dir_make(f->dir);
    onp_test_path(f->image, f->dir, "image.png");
    api_model_make_for(f->dir, 1, SIDE);
    make_pixels(f->pixels);
    f->png = png_make(f->pixels, SIDE, SIDE, PNG_COLOR_TYPE_RGB, 8, false, false);
    onp_test_write(f->image, f->png.data, f->png.size);
    expect_classes(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_test_dir_remove(f->dir);
    free(f->png.data);
    free(f);
    return 0;
}

static void assert_wanted(const fixture *f, const float *p)
{
    float sum = 0;
    for (int k = 0; k < API_CLASSES; k++) {
        assert_true(fabsf(p[k] - f->wanted[k]) < 1e-5F);
        sum += p[k];
    }
    assert_true(fabsf(sum - 1) < 1e-5F);
}

static onepath_status classify(const fixture *f, api_memory *memory, onepath_error *err)
{
    const onepath_options o = api_options(memory);
    float by_file[API_CLASSES], by_bytes[API_CLASSES];
    onepath_context *ctx = NULL;
    onepath_model *m = NULL;
    onepath_status st = onepath_context_new(&o, &ctx, err);
    if (st == ONEPATH_OK)
        st = onepath_model_open(ctx, f->dir, NULL, &m, err);
    if (st == ONEPATH_OK)
        st = onepath_model_classify_file(m, f->image, by_file, err);
    if (st == ONEPATH_OK)
        st = onepath_model_classify_bytes(m, f->png.data, f->png.size, by_bytes, err);
    onepath_model_close(m);
    onepath_context_free(ctx);
    if (st == ONEPATH_OK) {
        assert_wanted(f, by_file);
        assert_wanted(f, by_bytes);
    }
    return st;
}

static void test_probabilities(void **state)
{
    api_memory memory = {0};
    onepath_error err;
    api_ok(classify(*state, &memory, &err), &err);
    assert_int_equal(memory.n_live, 0);
}

static void test_each_allocation_fails(void **state)
{
    onepath_status st = ONEPATH_E_NOMEM;
    onepath_error err;
    for (long n = 1; st != ONEPATH_OK; n++) {
        api_memory memory = {.fail_at = n};
        st = classify(*state, &memory, &err);
        if (st != ONEPATH_OK && st != ONEPATH_E_NOMEM)
            fail_msg("allocation %ld fails: %s", n, err.text);
        assert_int_equal(memory.n_live, 0);
    }
}

static void test_wrong_images(void **state)
{
    const fixture *f = *state;
    float p[API_CLASSES] = {7, 7, 7, 7, 7};
    char path[ONP_TEST_PATH];
    onepath_context *ctx = api_context();
    onepath_model *m = NULL;
    onepath_error err;
    api_ok(onepath_model_open(ctx, f->dir, NULL, &m, &err), &err);
    onp_test_path(path, f->dir, "arch.json");
    assert_int_equal(onepath_model_classify_file(m, path, p, &err), ONEPATH_E_FORMAT);
    onp_assert_contains(err.text, "arch.json");
    assert_int_not_equal(onepath_model_classify_file(m, "/not/there.png", p, &err), ONEPATH_OK);
    onp_assert_contains(err.text, "/not/there.png");
    for (size_t size = 0; size < f->png.size; size += 1 + f->png.size / 50)
        assert_int_equal(onepath_model_classify_bytes(m, f->png.data, size, p, &err),
                         ONEPATH_E_FORMAT);
    for (int k = 0; k < API_CLASSES; k++)
        assert_true(p[k] == 7);
    api_ok(onepath_model_classify_file(m, f->image, p, &err), &err); /* none of it is left */
    assert_wanted(f, p);
    onepath_model_close(m);
    onepath_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_wrong_images),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
