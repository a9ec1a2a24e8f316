/* SPDX-License-Identifier: Apache-2.0 */
/* CIFAR binaries in folders and archives: planes to pixels, labels, names, and what is refused. */
#include "tests/test_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "data/dataset.h"

enum { PIXELS = 32 * 32, MAX_RECORD = 2 + 3 * PIXELS, MAX_IMAGES = 9 };

static const char names_10[] = "airplane\nautomobile\nbird\r\ncat\ndeer\ndog\nfrog\nhorse\nship\n"
                               "truck\n\n";

typedef struct fixture {
    char dir[ONP_TEST_PATH], cache[ONP_TEST_PATH], folder[ONP_TEST_PATH], archive[ONP_TEST_PATH];
} fixture;

/* What the test's images are. */
static int label_of(int image, int n_classes)
{
    return (image * 7 + 3) % n_classes;
}

static uint8_t byte_of(int image, int pixel, int channel)
{
    return (uint8_t)(image * 31 + pixel * 3 + channel * 85 + pixel / 32);
}

/* Records of images first .. first + n-1; cifar-100 has a coarse label before. */
static size_t make_records(int first, int n, int n_classes, uint8_t *out)
{
    const uint8_t *start = out;
    for (int i = first; i < first + n; i++) {
        if (n_classes == 100)
            *out++ = 19;
        *out++ = (uint8_t)label_of(i, n_classes);
        for (int k = 0; k < 3; k++)
            for (int p = 0; p < PIXELS; p++)
                *out++ = byte_of(i, p, k);
    }
    return (size_t)(out - start);
}

static void write_file(const fixture *f, const char *name, const void *data, size_t size)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, f->folder, name);
    onp_test_write(path, data, size);
}

static void write_records(const fixture *f, const char *name, int first, int n, int n_classes)
{
    static uint8_t records[MAX_IMAGES * MAX_RECORD];
    write_file(f, name, records, make_records(first, n, n_classes, records));
}

static void remove_file(const fixture *f, const char *name)
{
    char path[ONP_TEST_PATH];
    onp_test_path(path, f->folder, name);
    assert_int_equal(unlink(path), 0);
}

static int setup(void **state)
{
    static fixture f;
    onp_test_dir_make(f.dir);
    onp_test_path(f.cache, f.dir, "cache");
    onp_test_path(f.folder, f.dir, "cifar");
    onp_test_path(f.archive, f.dir, "cifar.tar.gz");
    assert_int_equal(onp_dir_make(f.folder, NULL), ONP_OK);
    write_records(&f, "data_batch_1.bin", 0, 2, 10);
    write_records(&f, "data_batch_2.bin", 2, 3, 10);
    write_records(&f, "test_batch.bin", 5, 1, 10);
    write_file(&f, "batches.meta.txt", names_10, sizeof names_10 - 1);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    onp_test_dir_remove(((fixture *)*state)->dir);
    return 0;
}

static onp_source source_of(const fixture *f, const char *format, onp_part part, const char *path)
{
    return (onp_source){.format = format, .part = part, .path = path, .cache_dir = f->cache};
}

/* Opens the source; its images are first .. first + n-1. */
static void check(const onp_source *source, int first, int n, int n_classes)
{
    onp_test_memory m;
    onp_dataset ds;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    if (onp_dataset_open(&m.ctx, source, &ds, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(ds.n, n);
    assert_true(ds.h == 32 && ds.w == 32 && ds.c == 3);
    assert_int_equal(ds.n_classes, n_classes);
    for (int i = 0; i < n; i++) {
        assert_int_equal(ds.labels[i], label_of(first + i, n_classes));
        for (int p = 0; p < PIXELS; p++)
            for (int k = 0; k < 3; k++)
                assert_int_equal(ds.images[(i * PIXELS + p) * 3 + k], byte_of(first + i, p, k));
    }
    if (n_classes == 10) {
        assert_string_equal(ds.class_names[0], "airplane");
        assert_string_equal(ds.class_names[2], "bird");
        assert_string_equal(ds.class_names[9], "truck");
    }
    onp_dataset_close(&ds);
    assert_int_equal(m.n_live, 0);
}

static void refused(const onp_source *source, onp_status status, const char *text)
{
    onp_test_memory m;
    onp_dataset ds;
    onp_error err = {0};
    onp_test_memory_init(&m, 0);
    assert_int_equal(onp_dataset_open(&m.ctx, source, &ds, &err), status);
    onp_assert_contains(err.msg, text);
    assert_null(ds.images);
    assert_int_equal(m.n_live, 0);
}

static void cifar_10_in_a_folder(void **state)
{
    const fixture *f = *state;
    onp_source source = source_of(f, "cifar-10", ONP_PART_TRAIN, f->folder);
    check(&source, 0, 5, 10);
    check(&source, 0, 5, 10); /* from the cache */
    source.part = ONP_PART_TEST;
    source.n_classes = 10;
    check(&source, 5, 1, 10);
    source.n_classes = 11;
    refused(&source, ONP_E_CONFIG, "data format cifar-10: 11 classes, wanted 10");
    source.n_classes = 0;
    source.path = NULL;
    refused(&source, ONP_E_CONFIG, "needs the path of a folder");
}

static void cifar_100_by_fine_labels(void **state)
{
    const fixture *f = *state;
    char names[1000] = "";
    for (int k = 0; k < 100; k++)
        (void)snprintf(names + 8 * k, 9, "class%02d\n", k);
    write_records(f, "train.bin", 0, 9, 100);
    write_records(f, "test.bin", 4, 2, 100);
    write_file(f, "fine_label_names.txt", names, strlen(names));
    onp_source source = source_of(f, "cifar-100", ONP_PART_TRAIN, f->folder);
    check(&source, 0, 9, 100);
    source.part = ONP_PART_TEST;
    check(&source, 4, 2, 100);
}

/* The folder's files in an archive, below `prefix`, the last first. */
static void pack_archive(const fixture *f, const char *prefix)
{
    static const char *const files[] = {"batches.meta.txt", "test_batch.bin", "data_batch_2.bin",
                                        "data_batch_1.bin", "readme.html"};
    struct archive *tar = archive_write_new();
    onp_context ctx;
    onp_context_init(&ctx);
    write_file(f, "readme.html", "hello", 5);
    assert_int_equal(archive_write_add_filter_gzip(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_pax_restricted(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(tar, f->archive), ARCHIVE_OK);
    for (size_t i = 0; i < ONP_COUNT(files); i++) {
        char path[ONP_TEST_PATH], name[ONP_TEST_PATH], *data = NULL;
        size_t size = 0;
        onp_test_path(path, f->folder, files[i]);
        (void)snprintf(name, sizeof name, "%s%s", prefix, files[i]);
        assert_int_equal(onp_file_read(&ctx, path, ONP_MIB, &data, &size, NULL), ONP_OK);
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, name);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, (la_int64_t)size);
        assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(tar, data, size), size);
        archive_entry_free(entry);
        onp_free(&ctx, data);
    }
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
}

static void cifar_10_in_an_archive(void **state)
{
    const fixture *f = *state;
    static const char *const prefixes[] = {"", "./", "cifar-10-batches-bin/", "a/b/"};
    char inner[ONP_TEST_PATH];
    for (size_t i = 0; i < ONP_COUNT(prefixes); i++) {
        pack_archive(f, prefixes[i]);
        onp_source source = source_of(f, "cifar-10", ONP_PART_TRAIN, f->archive);
        check(&source, 0, 5, 10);
        source.part = ONP_PART_TEST;
        check(&source, 5, 1, 10);
    }
    onp_test_path(inner, f->archive, "a/b");
    onp_source source = source_of(f, "cifar-10", ONP_PART_TRAIN, inner);
    check(&source, 0, 5, 10);
    onp_test_path(inner, f->archive, "c");
    source.path = inner;
    refused(&source, ONP_E_FORMAT, "cifar.tar.gz: has no file data_batch_1.bin");
    assert_int_equal(truncate(f->archive, 200), 0);
    source.path = f->archive;
    refused(&source, ONP_E_FORMAT, "cifar.tar.gz: ");
}

static void without_names(void **state)
{
    const fixture *f = *state;
    const onp_source source = source_of(f, "cifar-10", ONP_PART_TRAIN, f->folder);
    onp_context ctx;
    onp_dataset ds;
    onp_context_init(&ctx);
    ctx.log = NULL;
    remove_file(f, "batches.meta.txt");
    assert_int_equal(onp_dataset_open(&ctx, &source, &ds, NULL), ONP_OK);
    assert_string_equal(ds.class_names[0], "0");
    assert_string_equal(ds.class_names[9], "9");
    onp_dataset_close(&ds);
}

static void damaged_files_are_refused(void **state)
{
    const fixture *f = *state;
    static uint8_t bytes[2 * MAX_RECORD];
    const onp_source source = source_of(f, "cifar-10", ONP_PART_TRAIN, f->folder);
    const onp_source other = source_of(f, "cifar-100", ONP_PART_TEST, f->folder);
    const size_t size = make_records(0, 2, 10, bytes);
    refused(&other, ONP_E_FORMAT, "/cifar: has no file test.bin");
    static const size_t cuts[] = {0, 1, 3072, 3074, 6145};
    for (size_t i = 0; i < ONP_COUNT(cuts); i++) {
        char text[100];
        write_file(f, "data_batch_1.bin", bytes, cuts[i]);
        (void)snprintf(text, sizeof text, "data_batch_1.bin: has %zu bytes, wanted a multiple of",
                       cuts[i]);
        refused(&source, ONP_E_FORMAT, text);
    }
    bytes[3073] = 10;
    write_file(f, "data_batch_1.bin", bytes, size);
    refused(&source, ONP_E_FORMAT, "data_batch_1.bin: label of image 1 is 10, wanted below 10");
    bytes[3073] = 9;
    write_file(f, "data_batch_1.bin", bytes, size);
    write_file(f, "batches.meta.txt", names_10, sizeof names_10 - 9);
    refused(&source, ONP_E_FORMAT, "batches.meta.txt: has 9 names, wanted 10");
    write_file(f, "batches.meta.txt", names_10, sizeof names_10);
    refused(&source, ONP_E_FORMAT, "batches.meta.txt: is no file of names");
    write_file(f, "batches.meta.txt", "", 0);
    refused(&source, ONP_E_FORMAT, "batches.meta.txt: has 0 names");
    remove_file(f, "data_batch_1.bin"); /* of two */
    refused(&source, ONP_E_FORMAT, "/cifar: has no file data_batch_1.bin");
}

static onp_status open_and_close(const onp_context *ctx, void *arg)
{
    const fixture *f = arg;
    const onp_source source = source_of(f, "cifar-10", ONP_PART_TRAIN, f->archive);
    onp_dataset ds;
    const onp_status st = onp_dataset_open(ctx, &source, &ds, NULL);
    if (st == ONP_OK) { /* make it anew the next time */
        char name[ONP_SHA256_HEX + 8], path[ONP_TEST_PATH];
        (void)snprintf(name, sizeof name, "%s.pack", ds.hash);
        onp_test_path(path, f->cache, name);
        assert_int_equal(unlink(path), 0);
    }
    onp_dataset_close(&ds);
    return st;
}

static void failing_allocations(void **state)
{
    fixture *f = *state;
    pack_archive(f, "");
    onp_test_each_allocation(open_and_close, f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cifar_10_in_a_folder), TEST(cifar_100_by_fine_labels),  TEST(cifar_10_in_an_archive),
        TEST(without_names),        TEST(damaged_files_are_refused), TEST(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
