/* SPDX-License-Identifier: Apache-2.0 */
/* The finished network on disk: every bit comes back, and each way in which the two files can be
 * wrong is one error. */
#include "tests/supernet/tiny_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "supernet/model.h"

static const char *const names[TINY_CLASSES] = {"cat", "dog", "Kuh", "\xc3\xa9l\xc3\xa9phant",
                                                "a \"quoted\", name"};

typedef struct fixture {
    onp_context ctx;
    onp_model *m;
    onp_error err;
    char dir[ONP_TEST_PATH], arch[ONP_TEST_PATH], weights[ONP_TEST_PATH];
} fixture;

/* The first candidate of each position, and a zero at the last one that may be. */
static onp_model *new_model(const onp_context *ctx)
{
    onp_position positions[TINY_POSITIONS];
    onp_block blocks[TINY_POSITIONS];
    onp_model *m = NULL;
    onp_error err = {0};
    tiny_positions(TINY_MBCONV, positions, 9, 8);
    for (int i = 0; i < TINY_POSITIONS; i++)
        blocks[i] = positions[i].candidate[i == 3 ? 2 : 0];
    if (onp_model_new(ctx, blocks, TINY_POSITIONS, TINY_EPS, 5, &m, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return m;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_context_init(&f->ctx);
    onp_test_dir_make(f->dir);
    onp_test_path(f->arch, f->dir, "arch.json");
    onp_test_path(f->weights, f->dir, "model.safetensors");
    f->m = new_model(&f->ctx);
    for (int64_t i = 0; i < f->m->n_stats; i++)
        f->m->stats[i] = (float)(i + 1) / 7.0F;
    for (int c = 0; c < 3; c++) {
        f->m->input.mean[c] = (1.0 + c) / 3;
        f->m->input.deviation[c] = (2.0 + c) / 7;
    }
    f->m->input.class_names = names;
    if (onp_model_save(f->m, f->dir, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onp_model_free(f->m);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

static onp_model *load(fixture *f)
{
    onp_model *m = NULL;
    if (onp_model_load(&f->ctx, f->dir, &m, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
    return m;
}

static void test_bits_come_back(void **state)
{
    fixture *f = *state;
    onp_model *m = load(f);
    assert_int_equal(m->arch->n_blocks, TINY_POSITIONS);
    for (int i = 0; i < TINY_POSITIONS; i++) {
        assert_true(onp_block_equal(&m->arch->blocks[i], &f->m->arch->blocks[i]));
        const onp_slab *a = &m->net->slabs[i][0], *b = &f->m->net->slabs[i][0];
        assert_int_equal(a->floats, b->floats);
        if (a->floats > 0)
            assert_memory_equal(a->weights, b->weights, (size_t)a->floats * sizeof(float));
    }
    assert_int_equal(m->n_stats, f->m->n_stats);
    assert_true(m->n_stats > 0);
    assert_memory_equal(m->stats, f->m->stats, (size_t)m->n_stats * sizeof(float));
    assert_memory_equal(m->input.mean, f->m->input.mean, 3 * sizeof(double));
    assert_memory_equal(m->input.deviation, f->m->input.deviation, 3 * sizeof(double));
    assert_int_equal(m->input.image_h, 9);
    assert_int_equal(m->input.image_w, 8);
    assert_int_equal(m->input.resize_side, 0);
    assert_string_equal(m->input.fit, "none");
    assert_string_equal(m->input.color_order, "RGB");
    assert_true(m->arch->bn_eps == TINY_EPS);
    assert_int_equal(m->input.n_classes, TINY_CLASSES);
    for (int k = 0; k < TINY_CLASSES; k++)
        assert_string_equal(m->input.class_names[k], names[k]);
    onp_model_free(m);
}

static char *read_all(const char *path, size_t *size)
{
    onp_context ctx;
    char *data = NULL;
    onp_context_init(&ctx);
    assert_int_equal(onp_file_read(&ctx, path, ONP_MIB, &data, size, NULL), ONP_OK);
    return data;
}

static void test_same_bytes_when_saved_again(void **state)
{
    fixture *f = *state;
    size_t n[2];
    char *before = read_all(f->weights, &n[0]);
    onp_model *m = load(f);
    assert_int_equal(onp_model_save(m, f->dir, &f->err), ONP_OK);
    char *after = read_all(f->weights, &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(before, after, n[0]);
    onp_free(&f->ctx, before);
    onp_free(&f->ctx, after);
    onp_model_free(m);
}

static void test_resized_images(void **state)
{
    fixture *f = *state;
    static const char *const fits[] = {"crop", "stretch"};
    for (size_t i = 0; i < ONP_COUNT(fits); i++) {
        f->m->input.image_h = f->m->input.image_w = f->m->input.resize_side = 12;
        f->m->input.fit = fits[i];
        assert_int_equal(onp_model_save(f->m, f->dir, &f->err), ONP_OK);
        onp_model *m = load(f);
        assert_int_equal(m->input.image_h, 12);
        assert_int_equal(m->input.image_w, 12);
        assert_int_equal(m->input.resize_side, 12);
        assert_string_equal(m->input.fit, fits[i]);
        assert_string_equal(m->input.color_order, "RGB");
        onp_model_free(m);
    }
}

static void test_unnamed_classes(void **state)
{
    fixture *f = *state;
    f->m->input.class_names = NULL;
    assert_int_equal(onp_model_save(f->m, f->dir, &f->err), ONP_OK);
    onp_model *m = load(f);
    assert_null(m->input.class_names);
    onp_model_free(m);
}

/* ---- faults ---- */

static void refuses(fixture *f, const char *text)
{
    onp_model *m = NULL;
    f->err = (onp_error){0};
    assert_int_equal(onp_model_load(&f->ctx, f->dir, &m, &f->err), ONP_E_FORMAT);
    assert_null(m);
    onp_assert_contains(f->err.msg, text);
}

/* The weights file with one metadata value replaced (NULL: left out). */
static void with_meta(const fixture *f, const char *key, const char *value)
{
    size_t size = 0;
    char *data = read_all(f->weights, &size);
    uint64_t old = 0;
    json_error_t ignored;
    memcpy(&old, data, 8);
    json_t *header = json_loadb(data + 8, (size_t)old, 0, &ignored);
    json_t *meta = json_object_get(header, "__metadata__");
    assert_non_null(json_object_get(meta, key));
    if (value != NULL)
        assert_int_equal(json_object_set_new(meta, key, json_string(value)), 0);
    else
        assert_int_equal(json_object_del(meta, key), 0);
    char *text = json_dumps(header, JSON_COMPACT);
    assert_non_null(text);
    const size_t used = strlen(text);
    const size_t length = (used + 7) / 8 * 8; /* padded by spaces, so that data is aligned */
    char *file = malloc(8 + length + size);
    assert_non_null(file);
    const uint64_t now = length;
    memcpy(file, &now, 8);
    memset(file + 8, ' ', length);
    for (size_t i = 0; i < used; i++)
        file[8 + i] = text[i];
    memcpy(file + 8 + length, data + 8 + old, size - 8 - old);
    onp_test_write(f->weights, file, 8 + length + size - 8 - old);
    free(file);
    free(text);
    json_decref(header);
    onp_free(&f->ctx, data);
}

/* Files of before images were resized say neither their size nor a fit. */
static void test_older_files(void **state)
{
    fixture *f = *state;
    with_meta(f, "image", NULL);
    with_meta(f, "fit", NULL);
    onp_model *m = load(f);
    assert_int_equal(m->input.image_h, 9);
    assert_int_equal(m->input.image_w, 8);
    assert_int_equal(m->input.resize_side, 0);
    assert_string_equal(m->input.fit, "none");
    onp_model_free(m);
}

static void test_resized_without_fit(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {NULL, "none", "letterbox"};
    f->m->input.image_h = f->m->input.image_w = f->m->input.resize_side = 12;
    f->m->input.fit = "crop";
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        assert_int_equal(onp_model_save(f->m, f->dir, &f->err), ONP_OK);
        with_meta(f, "fit", bad[i]);
        refuses(f, "\"fit\" is \"");
    }
}

static void test_metadata_faults(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *key, *value, *text;
    } faults[] = {
        {"format", NULL, "\"format\" is missing"},
        {"format", "other-1", "\"other-1\""},
        {"arch_hash", NULL, "\"arch_hash\" is missing"},
        {"arch_hash", "0123", "\"arch_hash\" is \"0123\""},
        {"input", NULL, "\"input\" is missing"},
        {"input", "9x9x3", "\"9x8x3\""},
        {"color_order", "BGR", "\"RGB\""},
        {"resize", NULL, "\"resize\" is missing"},
        {"resize", "9", "\"resize\" is 9, but images are 9x8 pixels"},
        {"resize", "0", "\"resize\" is \"0\""},
        {"resize", "4097", "\"resize\" is \"4097\""},
        {"resize", "9 ", "\"resize\" is \"9 \""},
        {"image", "8x8", "\"image\" is \"8x8\""},
        {"image", "9x4097", "\"image\" is \"9x4097\""},
        {"image", "9x8x3", "\"image\" is \"9x8x3\""},
        {"image", "-9x-8", "\"image\" is \"-9x-8\""},
        {"bn_eps", "1e-5", "\"bn_eps\" is \"1e-5\""},
        {"mean", NULL, "\"mean\" is missing"},
        {"mean", "1,2", "wanted 3 numbers"},
        {"mean", "1,2,3,4", "wanted 3 numbers"},
        {"mean", "1,nan,3", "wanted 3 numbers"},
        {"mean", "", "wanted 3 numbers"},
        {"deviation", "1,x,1", "wanted 3 numbers"},
        {"deviation", "1,1e999,1", "wanted 3 numbers"},
        {"deviation", "1,0,1", "wanted above 0"},
        {"deviation", "1,1,-1", "wanted above 0"},
        {"class_names", "[\"a\"]", "1 class names for 5 classes"},
        {"class_names", "{}", "0 class names for 5 classes"},
        {"class_names", "[1, 2, 3, 4, 5]", "class name 0 is not plain"},
        {"class_names", "[\"a\", \"b\", \"\\u001b[2J\", \"d\", \"e\"]",
         "class name 2 is not plain"},
        {"class_names", "[\"a\",", "model.safetensors"},
    };
    for (size_t i = 0; i < ONP_COUNT(faults); i++) {
        assert_int_equal(onp_model_save(f->m, f->dir, &f->err), ONP_OK);
        with_meta(f, faults[i].key, faults[i].value);
        refuses(f, faults[i].text);
        onp_assert_contains(f->err.msg, "model.safetensors");
    }
}

static void test_truncation(void **state)
{
    fixture *f = *state;
    const char *const files[] = {f->weights, f->arch};
    for (size_t k = 0; k < ONP_COUNT(files); k++) {
        assert_int_equal(onp_model_save(f->m, f->dir, &f->err), ONP_OK);
        size_t size = 0;
        char *data = read_all(files[k], &size);
        while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == ' '))
            size--; /* white space at the end is no loss */
        for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : size / 97 + 1) {
            onp_test_write(files[k], data, cut);
            refuses(f, strrchr(files[k], '/') + 1);
        }
        onp_test_write(files[k], data, size - 1);
        refuses(f, strrchr(files[k], '/') + 1);
        onp_free(&f->ctx, data);
    }
}

static void test_missing_files(void **state)
{
    fixture *f = *state;
    assert_int_equal(unlink(f->weights), 0);
    refuses(f, "model.safetensors: No such file");
    assert_int_equal(unlink(f->arch), 0);
    refuses(f, "arch.json: No such file");
}

static void test_other_architecture(void **state)
{
    fixture *f = *state;
    onp_arch *arch = NULL;
    onp_block blocks[TINY_POSITIONS];
    memcpy(blocks, f->m->arch->blocks, sizeof blocks);
    blocks[1].skip = false; /* the tensors are the same */
    assert_int_equal(
        onp_arch_from_blocks(&f->ctx, blocks, TINY_POSITIONS, TINY_EPS, 0.1, &arch, &f->err),
        ONP_OK);
    assert_int_equal(onp_arch_save(arch, f->arch, &f->err), ONP_OK);
    onp_arch_free(arch);
    refuses(f, "\"arch_hash\"");
}

static void test_too_many_channels(void **state)
{
    fixture *f = *state;
    onp_block blocks[] = {{.kind = ONP_BLOCK_STEM,
                           .in_h = 4,
                           .in_w = 4,
                           .in_c = 5,
                           .out_c = 3,
                           .kernel = 3,
                           .stride = 1},
                          {.kind = ONP_BLOCK_HEAD, .in_h = 4, .in_w = 4, .in_c = 3, .out_c = 2}};
    onp_model *m = NULL;
    for (int i = 0; i < 2; i++)
        assert_int_equal(onp_block_complete(&blocks[i], &f->err), ONP_OK);
    assert_int_equal(onp_model_new(&f->ctx, blocks, 2, TINY_EPS, 1, &m, &f->err), ONP_OK);
    assert_int_equal(onp_model_save(m, f->dir, &f->err), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "5 input channels, wanted 1..4");
    onp_model_free(m);
}

static void test_name_that_is_no_text(void **state)
{
    fixture *f = *state;
    const char *bad[TINY_CLASSES] = {"a", "b", "\xff\xfe", "d", "e"};
    f->m->input.class_names = bad;
    assert_int_equal(onp_model_save(f->m, f->dir, &f->err), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "class name 2");
    f->m->input.class_names = names;
    onp_model_free(load(f)); /* the old files are whole */
}

static onp_status load_and_save(const onp_context *ctx, void *dir)
{
    onp_model *m = NULL;
    ONP_TRY(onp_model_load(ctx, dir, &m, NULL));
    onp_status st = onp_model_save(m, dir, NULL);
    onp_model_free(m);
    return st;
}

static void test_each_allocation_fails(void **state)
{
    fixture *f = *state;
    onp_test_each_allocation(load_and_save, f->dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bits_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_bytes_when_saved_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unnamed_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resized_images, setup, teardown),
        cmocka_unit_test_setup_teardown(test_older_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resized_without_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metadata_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_architecture, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_channels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_that_is_no_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_allocation_fails, setup, teardown),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
