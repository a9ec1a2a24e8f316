/* SPDX-License-Identifier: Apache-2.0 */
/* Opening data sets: IDX folders into pack files, reuse, damage, and the real ones where present.
 */
#include "tests/test_support.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"

#define N 30
#define H 4
#define W 3

typedef struct fixture {
    char dir[ONP_TEST_PATH], cache[ONP_TEST_PATH];
    uint8_t images[16 + N * H * W], labels[8 + N];
} fixture;

static void write_part(const fixture *f, const char *images, const char *labels)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, f->dir, images);
    onp_test_write(path, f->images, sizeof f->images);
    onp_test_path(path, f->dir, labels);
    onp_test_write(path, f->labels, sizeof f->labels);
}

static int setup(void **state)
{
    static fixture f;
    static const uint8_t header[16] = {0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, H, 0, 0, 0, W};
    static const uint8_t label_header[8] = {0, 0, 8, 1, 0, 0, 0, N};
    onp_test_dir_make(f.dir);
    onp_test_path(f.cache, f.dir, "cache/below");
    memcpy(f.images, header, sizeof header);
    memcpy(f.labels, label_header, sizeof label_header);
    for (int i = 0; i < N * H * W; i++)
        f.images[16 + i] = (uint8_t)(i * 11);
    for (int i = 0; i < N; i++)
        f.labels[8 + i] = (uint8_t)(i * 7 % 3);
    write_part(&f, "train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    onp_test_dir_remove(((fixture *)*state)->dir);
    return 0;
}

static onp_source source_of(const fixture *f)
{
    return (onp_source){.format = "idx", .path = f->dir, .cache_dir = f->cache};
}

static void pack_path(const fixture *f, const onp_dataset *ds, char out[ONP_TEST_PATH])
{
    char name[80];
    (void)snprintf(name, sizeof name, "%s.pack", ds->hash);
    onp_test_path(out, f->cache, name);
}

static int files_in(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void check_values(const fixture *f, const onp_dataset *ds)
{
    assert_int_equal(ds->n, N);
    assert_int_equal(ds->h, H);
    assert_int_equal(ds->w, W);
    assert_int_equal(ds->c, 1);
    assert_int_equal(ds->n_classes, 3);
    assert_int_equal(onp_dataset_image_bytes(ds), H * W);
    assert_memory_equal(ds->images, f->images + 16, N * H * W);
    for (int i = 0; i < N; i++)
        assert_int_equal(ds->labels[i], i * 7 % 3);
    assert_string_equal(ds->class_names[0], "0");
    assert_string_equal(ds->class_names[2], "2");
    assert_int_equal(strlen(ds->hash), 64);
    assert_int_equal((uintptr_t)ds->images % 64, 0);
}

static void test_values_and_reuse(void **state)
{
    fixture *f = *state;
    onp_test_memory m;
    onp_dataset ds;
    onp_error err = {0};
    onp_source source = source_of(f);
    char path[ONP_TEST_PATH];
    struct stat first, second;
    onp_test_memory_init(&m, 0);
    assert_int_equal(onp_dataset_open(&m.ctx, &source, &ds, &err), ONP_OK);
    check_values(f, &ds);
    pack_path(f, &ds, path);
    onp_dataset_close(&ds);
    assert_int_equal(m.n_live, 0);
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(onp_dataset_open(&m.ctx, &source, &ds, &err), ONP_OK);
    check_values(f, &ds);
    onp_dataset_close(&ds);
    onp_dataset_close(&ds); /* twice is harmless */
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino); /* read, not written */
    assert_int_equal(files_in(f->cache), 1);       /* no temporary file */
}

static void test_changed_source_gives_another_pack(void **state)
{
    fixture *f = *state;
    onp_context ctx;
    onp_dataset a, b, c;
    onp_source source = source_of(f);
    onp_context_init(&ctx);
    assert_int_equal(onp_dataset_open(&ctx, &source, &a, NULL), ONP_OK);
    f->images[20] ^= 1;
    write_part(f, "train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    assert_int_equal(onp_dataset_open(&ctx, &source, &b, NULL), ONP_OK);
    check_values(f, &b);
    source.n_classes = 5;
    assert_int_equal(onp_dataset_open(&ctx, &source, &c, NULL), ONP_OK);
    assert_int_equal(c.n_classes, 5);
    assert_string_not_equal(a.hash, b.hash);
    assert_string_not_equal(b.hash, c.hash);
    onp_dataset_close(&a);
    onp_dataset_close(&b);
    onp_dataset_close(&c);
}

typedef struct log_lines {
    int n;
    char last[1024];
} log_lines;

static void keep_line(void *user, onp_log_level level, const char *line)
{
    log_lines *l = user;
    l->n += level == ONP_LOG_WARN;
    (void)snprintf(l->last, sizeof l->last, "%s", line);
}

/* Each damage to a pack file is found, told and repaired. */
static void test_damaged_packs_are_made_anew(void **state)
{
    fixture *f = *state;
    onp_context ctx;
    onp_dataset ds;
    onp_error err = {0};
    onp_source source = source_of(f);
    log_lines lines = {0};
    char path[ONP_TEST_PATH], *good = NULL;
    size_t size = 0;
    onp_context_init(&ctx);
    ctx.log = keep_line;
    ctx.log_user = &lines;
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
    pack_path(f, &ds, path);
    onp_dataset_close(&ds);
    assert_int_equal(onp_file_read(&ctx, path, ONP_MIB, &good, &size, &err), ONP_OK);
    assert_int_equal(lines.n, 0);

    static const size_t cuts[] = {0, 7, 8, 127, 128, 130, 192, 300};
    for (size_t i = 0; i < ONP_COUNT(cuts); i++) {
        assert_true(cuts[i] < size);
        onp_test_write(path, good, cuts[i]);
        assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
        check_values(f, &ds);
        onp_dataset_close(&ds);
        assert_int_equal(lines.n, (int)i + 1);
        onp_assert_contains(lines.last, "making it anew");
    }
    /* offsets of the header (data/pack.h), of the names at 128 and of the first label */
    static const struct {
        size_t at;
        const char *text;
    } flips[] = {{0, "is not a pack file"},    {8, "version"},
                 {12, "byte order"},           {16, "wanted"},
                 {23, "number of images is"},  {27, "image height is"},
                 {31, "image width is"},       {35, "number of channels is"},
                 {39, "number of classes is"}, {47, "for the class names and"},
                 {48, "holds source"},         {133, "class names"},
                 {195, "label of image 0 is"}};
    for (size_t i = 0; i < ONP_COUNT(flips); i++) {
        char kept = good[flips[i].at];
        good[flips[i].at] ^= (char)0x81;
        onp_test_write(path, good, size);
        good[flips[i].at] = kept;
        assert_int_equal(onp_dataset_open(&ctx, &source, &ds, &err), ONP_OK);
        check_values(f, &ds);
        onp_dataset_close(&ds);
        onp_assert_contains(lines.last, flips[i].text);
    }
    onp_free(&ctx, good);
}

static void expect_failure(const onp_source *source, onp_status st, const char *text)
{
    onp_test_memory m;
    onp_dataset ds;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    assert_int_equal(onp_dataset_open(&m.ctx, source, &ds, &err), st);
    onp_assert_contains(err.msg, text);
    assert_null(ds.images);
    assert_int_equal(ds.n, 0);
    assert_int_equal(m.n_live, 0);
}

static void test_errors(void **state)
{
    fixture *f = *state;
    onp_source source = source_of(f);
    source.format = "idxx";
    expect_failure(&source, ONP_E_CONFIG,
                   "\"idxx\", wanted one of: idx image-folder cifar-10 cifar-100 generated");
    source = source_of(f);
    source.path = NULL;
    expect_failure(&source, ONP_E_CONFIG, "needs the path");
    source.path = "/no/such/folder";
    expect_failure(&source, ONP_E_FORMAT, "/no/such/folder: no such folder");
    source = source_of(f);
    source.part = ONP_PART_TEST;
    expect_failure(&source, ONP_E_FORMAT, "has no file t10k-images-idx3-ubyte[.gz]");
    source = source_of(f);
    source.n_classes = 2;
    expect_failure(&source, ONP_E_FORMAT, "label of image 2 is 2, wanted below 2");
    source.n_classes = 257;
    expect_failure(&source, ONP_E_CONFIG, "257 classes, wanted 0..256");
    source = (onp_source){.format = "generated", .cache_dir = f->cache, .n_images = -1};
    expect_failure(&source, ONP_E_CONFIG, "-1 images");
    source = (onp_source){.format = "generated", .cache_dir = f->cache, .n_classes = 9};
    expect_failure(&source, ONP_E_CONFIG, "9 classes, it has 10");
}

/* A failed decode leaves nothing behind, not even a temporary file. */
static void test_failed_build_leaves_nothing(void **state)
{
    fixture *f = *state;
    onp_source source = source_of(f);
    char cache[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onp_test_path(cache, f->dir, "other-cache");
    source.cache_dir = cache;
    source.part = ONP_PART_TEST;
    write_part(f, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
    onp_test_path(path, f->dir, "t10k-images-idx3-ubyte");
    onp_test_write(path, f->images, sizeof f->images - 1);
    expect_failure(&source, ONP_E_FORMAT, "t10k-images-idx3-ubyte: has 375 bytes, wanted 376");
    onp_test_write(path, f->images, sizeof f->images);
    f->labels[7]--;
    onp_test_path(path, f->dir, "t10k-labels-idx1-ubyte");
    onp_test_write(path, f->labels, sizeof f->labels - 1);
    f->labels[7]++;
    expect_failure(&source, ONP_E_FORMAT, "has 29 labels, wanted 30");
    assert_int_equal(files_in(cache), 0);
    write_part(f, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
}

/* 4-dimensional files carry their channels; more than four are refused. */
static void test_colour_images(void **state)
{
    fixture *f = *state;
    onp_context ctx;
    onp_dataset ds;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    uint8_t bytes[20 + 2 * 2 * 2 * 3] = {0, 0, 8, 4, 0, 0, 0, 2, 0, 0,
                                         0, 2, 0, 0, 0, 2, 0, 0, 0, 3};
    static const uint8_t labels[10] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};
    for (size_t i = 20; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    onp_context_init(&ctx);
    onp_test_path(dir, f->dir, "colour");
    assert_int_equal(onp_dir_make(dir, NULL), ONP_OK);
    onp_test_path(path, dir, "train-labels-idx1-ubyte");
    onp_test_write(path, labels, sizeof labels);
    onp_test_path(path, dir, "train-images-idx4-ubyte");
    onp_test_write(path, bytes, sizeof bytes);
    onp_source source = {.format = "idx", .path = dir, .cache_dir = f->cache};
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
    assert_int_equal(ds.c, 3);
    assert_memory_equal(ds.images, bytes + 20, sizeof bytes - 20);
    onp_dataset_close(&ds);
    bytes[15] = 1; /* 2 x 2 x 1 with 6 channels: as many bytes */
    bytes[19] = 6;
    onp_test_write(path, bytes, sizeof bytes);
    expect_failure(&source, ONP_E_FORMAT, "number of channels is 6, wanted 1..4");
}

static onp_status open_anew(const onp_context *ctx, void *arg)
{
    const onp_source *source = arg;
    onp_dataset ds;
    char name[ONP_TEST_PATH];
    onp_status st = onp_dataset_open(ctx, source, &ds, NULL);
    if (st == ONP_OK) {
        (void)snprintf(name, sizeof name, "%s/%s.pack", source->cache_dir, ds.hash);
        (void)unlink(name); /* so that each run decodes */
    }
    onp_dataset_close(&ds);
    return st;
}

static void test_failing_allocations(void **state)
{
    fixture *f = *state;
    char cache[ONP_TEST_PATH];
    onp_source source = source_of(f);
    onp_test_path(cache, f->dir, "failing");
    source.cache_dir = cache;
    onp_test_each_allocation(open_anew, &source);
    source = (onp_source){.format = "generated", .cache_dir = cache, .n_images = 12};
    onp_test_each_allocation(open_anew, &source);
    assert_int_equal(files_in(cache), 0);
}

/* Counts as published: 60,000 and 10,000 images; the test labels of MNIST hold 980 zeros. */
static void check_real(const char *path, const char *cache, int zeros_of_test, int first_label)
{
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    for (int part = 0; part < 2; part++) {
        onp_source source = {
            .format = "idx", .part = (onp_part)part, .path = path, .cache_dir = cache};
        onp_dataset ds;
        int64_t zeros = 0;
        if (onp_dataset_open(&ctx, &source, &ds, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(ds.n, part == 0 ? 60000 : 10000);
        assert_int_equal(ds.h, 28);
        assert_int_equal(ds.w, 28);
        assert_int_equal(ds.c, 1);
        assert_int_equal(ds.n_classes, 10);
        for (int64_t i = 0; i < ds.n; i++)
            zeros += ds.labels[i] == 0;
        if (part == 1)
            assert_int_equal(zeros, zeros_of_test);
        else
            assert_int_equal(ds.labels[0], first_label);
        onp_dataset_close(&ds);
    }
}

static void test_mnist(void **state)
{
    fixture *f = *state;
    char path[ONP_TEST_PATH];
    const char *shared = onp_test_shared();
    if (shared == NULL)
        skip();
    onp_test_path(path, shared, "data/mnist");
    if (!onp_file_exists(path)) {
        printf("SKIPPED: no MNIST at %s\n", path);
        skip();
    }
    check_real(path, f->cache, 980, 5);
}

static void test_fashion_mnist(void **state)
{
    fixture *f = *state;
    const char *path = "/usr/share/datasets/fashion-mnist"; /* Debian: dataset-fashion-mnist */
    if (!onp_file_exists(path)) {
        printf("SKIPPED: no Fashion-MNIST at %s\n", path);
        skip();
    }
    check_real(path, f->cache, 1000, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_reuse),
        cmocka_unit_test(test_changed_source_gives_another_pack),
        cmocka_unit_test(test_damaged_packs_are_made_anew),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_failed_build_leaves_nothing),
        cmocka_unit_test(test_colour_images),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_mnist),
        cmocka_unit_test(test_fashion_mnist),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
