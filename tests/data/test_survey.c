/* SPDX-License-Identifier: Apache-2.0 */
/* What a folder or archive of images is taken for, and what is said of one that is none. */
#include "data/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/data/image_support.h"
#include "tests/test_support.h"

typedef struct fixture {
    onp_context ctx;
    onp_error err;
    char dir[ONP_TEST_PATH], cache[ONP_TEST_PATH], images[ONP_TEST_PATH];
    onp_survey s;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    onp_context_init(&f.ctx);
    onp_test_dir_make(f.dir);
    onp_test_path(f.cache, f.dir, "cache");
    onp_test_path(f.images, f.dir, "images");
    assert_int_equal(onp_dir_make(f.images, NULL), ONP_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    onp_survey_free(&f->s);
    onp_test_dir_remove(f->dir);
    return 0;
}

static void run(const char *command)
{
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own text */
}

static void put(const fixture *f, const char *name, const void *data, size_t size)
{
    char path[ONP_TEST_PATH], above[ONP_TEST_PATH];
    onp_test_path(path, f->images, name);
    assert_int_equal(onp_path_dir(above, sizeof above, path, NULL), ONP_OK);
    assert_int_equal(onp_dir_make(above, NULL), ONP_OK);
    onp_test_write(path, data, size);
}

/* A grey or colour image in each of the named files, which a space separates. */
static void put_images(const fixture *f, const char *names, int w, int h, int colour_type)
{
    static const uint8_t pixels[64 * 64 * 3];
    image_bytes png = png_make(pixels, w, h, colour_type, 8, false, false);
    char name[ONP_TEST_PATH];
    for (int n = 0; sscanf(names, " %255s%n", name, &n) == 1; names += n)
        put(f, name, png.data, png.size);
    free(png.data);
}

static onp_status look(fixture *f, const char *path, bool skip_bad)
{
    onp_survey_free(&f->s);
    f->err = (onp_error){0};
    return onp_survey_take(&f->ctx, path, f->cache, skip_bad, &f->s, &f->err);
}

static void assert_found(fixture *f, const char *train, const char *test)
{
    char path[ONP_TEST_PATH];
    if (look(f, f->images, false) != ONP_OK)
        fail_msg("%s", f->err.msg);
    onp_test_path(path, f->images, train);
    if (train[0] == '\0')
        path[strlen(path) - 1] = '\0'; /* the slash */
    assert_string_equal(f->s.train, path);
    if (test != NULL)
        onp_test_path(path, f->images, test);
    assert_string_equal(f->s.test, test != NULL ? path : "");
}

static void test_class_folders(void **state)
{
    fixture *f = *state;
    put_images(f, "b/1.png b/2.png b/3.PNG", 20, 10, PNG_COLOR_TYPE_RGB);
    put_images(f, "a-b/1.png a-b/.x.png", 7, 30, PNG_COLOR_TYPE_GRAY);
    put_images(f, "train/1.png", 40, 64, PNG_COLOR_TYPE_RGB); /* a class, the railway's */
    put(f, "b/Thumbs.db", "x", 1);
    put(f, "notes.txt", "x", 1);
    assert_found(f, "", NULL);
    const onp_survey *s = &f->s;
    assert_string_equal(s->format, "image-folder");
    assert_int_equal(s->n_classes, 3);
    assert_string_equal(s->classes[0].name, "a-b");
    assert_int_equal(s->classes[1].n_train, 3);
    assert_int_equal(s->n_train, 5);
    assert_int_equal(s->n_test, 0);
    assert_int_equal(s->n_grey, 1);
    assert_false(s->one_size);
    assert_int_equal(s->short_side, 10); /* 7 10 10 10 40 */
    assert_int_equal(s->h, 10);          /* 10 10 10 30 64 */
    assert_int_equal(s->w, 20);
    assert_int_equal(s->least_side, 7);
    assert_int_equal(s->most_side, 64);
}

static void test_parts(void **state)
{
    fixture *f = *state;
    put_images(f, "flowers/Train/a/1.png flowers/Train/a/2.png flowers/Train/b/1.png", 8, 8,
               PNG_COLOR_TYPE_RGB);
    assert_found(f, "flowers/Train", NULL);
    put_images(f, "flowers/val/a/3.png flowers/val/b/3.png", 8, 8, PNG_COLOR_TYPE_RGB);
    assert_found(f, "flowers/Train", "flowers/val");
    assert_int_equal(f->s.n_test, 2);
    assert_int_equal(f->s.classes[0].n_test, 1);
    assert_true(f->s.one_size);
    put_images(f, "flowers/test/4.png", 8, 8, PNG_COLOR_TYPE_RGB);
    assert_found(f, "flowers/Train", "flowers/val");
    assert_true(f->s.test_has_no_labels);
    put_images(f, "flowers/test/a/4.png flowers/test/b/4.png", 8, 8, PNG_COLOR_TYPE_RGB);
    assert_found(f, "flowers/Train", "flowers/test");
    onp_assert_contains(f->s.unused, "flowers/val");
    put_images(f, "flowers/test/c/4.png", 8, 8, PNG_COLOR_TYPE_RGB);
    assert_int_equal(look(f, f->images, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "its class 3 is c, of ");
}

static void test_archive(void **state)
{
    fixture *f = *state;
    char command[3 * ONP_TEST_PATH], path[ONP_TEST_PATH];
    put_images(f, "f/train/a/1.png f/train/b/1.png f/test/a/1.png f/test/b/1.png", 9, 8,
               PNG_COLOR_TYPE_RGB);
    (void)snprintf(command, sizeof command,
                   "cd %s && tar -czf i.tgz ./f && rm -r f && mkdir .hidden", f->images);
    run(command);
    assert_found(f, "i.tgz/f/train", "i.tgz/f/test"); /* the only thing in the folder */
    assert_int_equal(f->s.n_train, 2);
    onp_test_path(path, f->images, "i.tgz");
    assert_int_equal(look(f, path, false), ONP_OK);
    assert_int_equal(f->s.w, 9);
}

static void test_idx(void **state)
{
    fixture *f = *state;
    static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0,
                                     1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6},
                         labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 1};
    put(f, "m/train-images-idx3-ubyte", images, sizeof images);
    put(f, "m/train-labels-idx1-ubyte", labels, sizeof labels);
    put(f, "m/t10k-images-idx3-ubyte", images, sizeof images);
    put(f, "m/t10k-labels-idx1-ubyte", labels, sizeof labels);
    assert_found(f, "m", "m");
    assert_string_equal(f->s.format, "idx");
    assert_int_equal(f->s.n_classes, 2);
    assert_int_equal(f->s.classes[1].n_test, 2);
    assert_int_equal(f->s.n_grey, 6);
    assert_int_equal(f->s.w, 2);
    char command[2 * ONP_TEST_PATH], path[ONP_TEST_PATH];
    (void)snprintf(command, sizeof command, "cd %s && tar -czf m.tar.gz m", f->images);
    run(command);
    onp_test_path(path, f->images, "m.tar.gz");
    assert_int_equal(look(f, path, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "m.tar.gz: holds IDX files, wanted them in a folder");
}

static void test_cifar(void **state)
{
    fixture *f = *state;
    static uint8_t batch[10 * 3073];
    char command[2 * ONP_TEST_PATH], path[ONP_TEST_PATH];
    static const char names[] = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
    for (int i = 0; i < 10; i++)
        batch[i * 3073] = (uint8_t)i;
    for (int i = 1; i <= 6; i++) {
        (void)snprintf(path, sizeof path, "cifar-10-batches-bin/data_batch_%d.bin", i);
        put(f, i < 6 ? path : "cifar-10-batches-bin/test_batch.bin", batch, sizeof batch);
    }
    put(f, "cifar-10-batches-bin/batches.meta.txt", names, sizeof names - 1);
    assert_found(f, "cifar-10-batches-bin", "cifar-10-batches-bin");
    assert_string_equal(f->s.format, "cifar-10");
    assert_int_equal(f->s.n_train, 50);
    assert_int_equal(f->s.classes[9].n_test, 1);
    (void)snprintf(command, sizeof command, "cd %s && tar -czf c.tar.gz cifar-10-batches-bin",
                   f->images);
    run(command);
    onp_test_path(path, f->images, "c.tar.gz");
    if (look(f, path, false) != ONP_OK)
        fail_msg("%s", f->err.msg);
    assert_string_equal(f->s.train, path);
    assert_int_equal(f->s.n_train, 50);
}

static void test_bad_files(void **state)
{
    fixture *f = *state;
    put_images(f, "a/1.png b/1.png", 8, 8, PNG_COLOR_TYPE_RGB);
    put(f, "a/0.png", "no image", 8);
    put(f, "b/9.png", "", 0);
    assert_int_equal(look(f, f->images, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "a/0.png: ");
    assert_int_equal(look(f, f->images, true), ONP_OK);
    assert_int_equal(f->s.n_bad, 2);
    assert_int_equal(f->s.n_train, 2);
    onp_assert_contains(f->s.bad.text, "b/9.png: ");
    put(f, "a/1.png", "x", 1);
    put(f, "b/1.png", "x", 1);
    assert_int_equal(look(f, f->images, true), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "not one of its 4 files is a readable image");
}

static void test_what_is_refused(void **state)
{
    fixture *f = *state;
    char missing[ONP_TEST_PATH];
    static const struct {
        const char *add, *says; /* each is added to what is there */
    } steps[] = {
        {"", "images: is empty"},
        {"1.png 2.png", "images: has 2 files, but no folders; wanted one sub-folder"},
        {"only/1.png", "images: has one class only, only"},
    };
    onp_test_path(missing, f->dir, "missing");
    assert_int_equal(look(f, missing, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "missing: No such file or directory");
    for (size_t i = 0; i < ONP_COUNT(steps); i++) {
        put_images(f, steps[i].add, 4, 4, PNG_COLOR_TYPE_RGB);
        assert_int_equal(look(f, f->images, false), ONP_E_FORMAT);
        onp_assert_contains(f->err.msg, steps[i].says);
        assert_null(f->s.classes);
    }
    onp_test_path(missing, f->images, "1.png");
    assert_int_equal(look(f, missing, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "is neither a folder nor a .tar.gz");
}

static void test_too_deep(void **state)
{
    fixture *f = *state;
    put_images(f, "x/a/1.png y/b/1.png", 4, 4, PNG_COLOR_TYPE_RGB);
    assert_int_equal(look(f, f->images, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "images: its folders hold folders (x/a)");
    put_images(f, "train/only/1.png", 4, 4, PNG_COLOR_TYPE_RGB);
    assert_int_equal(look(f, f->images, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "train: has 1 class (only), wanted 2..");
    put_images(f, "train/two/1.png train/two/more/1.png", 4, 4, PNG_COLOR_TYPE_RGB);
    assert_int_equal(look(f, f->images, false), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "train/two/more: is not a file");
}

static onp_status look_once(const onp_context *ctx, void *arg)
{
    fixture *f = arg;
    onp_survey s;
    const onp_status st = onp_survey_take(ctx, f->images, f->cache, true, &s, NULL);
    onp_survey_free(&s);
    return st;
}

static void test_no_memory(void **state)
{
    fixture *f = *state;
    put_images(f, "train/a/1.png train/b/1.png test/a/1.png test/b/1.png", 4, 4,
               PNG_COLOR_TYPE_RGB);
    put(f, "train/a/2.png", "x", 1);
    onp_test_each_allocation(look_once, f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_class_folders),   TEST(test_parts),
        TEST(test_archive),         TEST(test_idx),
        TEST(test_cifar),           TEST(test_bad_files),
        TEST(test_what_is_refused), TEST(test_too_deep),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
