/* SPDX-License-Identifier: Apache-2.0 */
/* The IDX reader on good and on damaged files, plain and gzipped. */
#include "tests/test_support.h"

#include <stdio.h>
#include <string.h>

#include "data/idx.h"

#define HEADER 16
#define DATA   (3 * 4 * 5)

typedef struct folder {
    char dir[ONP_TEST_PATH], file[ONP_TEST_PATH];
    uint8_t bytes[HEADER + DATA]; /* 3 images of 4 x 5 */
} folder;

static int setup(void **state)
{
    static folder f;
    static const uint8_t header[HEADER] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5};
    onp_test_dir_make(f.dir);
    onp_test_path(f.file, f.dir, "images");
    memcpy(f.bytes, header, HEADER);
    for (int i = 0; i < DATA; i++)
        f.bytes[HEADER + i] = (uint8_t)(7 * i + 1);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    onp_test_dir_remove(((folder *)*state)->dir);
    return 0;
}

static void write_gz(const char *path, const void *data, size_t size)
{
    gzFile z = gzopen(path, "wb9");
    assert_non_null(z);
    assert_int_equal(gzwrite(z, data, (unsigned)size), (int)size);
    assert_int_equal(gzclose(z), Z_OK);
}

/* Reads the whole file as the format does. */
static onp_status read_all(const char *path, uint8_t *out, onp_error *err)
{
    onp_idx f;
    onp_status st = onp_idx_open(path, 3, 4, &f, err);
    if (st != ONP_OK) {
        assert_null(f.file);
        return st;
    }
    assert_true(f.size_bytes <= DATA); /* what a caller would have allocated */
    for (size_t at = 0; at < f.size_bytes && st == ONP_OK; at += 20)
        st = onp_idx_read(&f, out + at, f.size_bytes - at < 20 ? f.size_bytes - at : 20, err);
    if (st == ONP_OK)
        st = onp_idx_end(&f, err);
    onp_idx_close(&f);
    return st;
}

static void expect_failure(const char *path, const char *text)
{
    uint8_t out[DATA];
    onp_error err = {0};
    assert_int_equal(read_all(path, out, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, path);
    if (text != NULL)
        onp_assert_contains(err.msg, text);
}

static void test_reads_plain_and_gz(void **state)
{
    folder *f = *state;
    for (int gz = 0; gz < 2; gz++) {
        uint8_t out[DATA] = {0};
        onp_error err = {0};
        if (gz)
            write_gz(f->file, f->bytes, sizeof f->bytes);
        else
            onp_test_write(f->file, f->bytes, sizeof f->bytes);
        assert_int_equal(read_all(f->file, out, &err), ONP_OK);
        assert_memory_equal(out, f->bytes + HEADER, DATA);
    }
}

static void test_header_values(void **state)
{
    folder *f = *state;
    onp_idx idx;
    onp_test_write(f->file, f->bytes, sizeof f->bytes);
    assert_int_equal(onp_idx_open(f->file, 3, 3, &idx, NULL), ONP_OK);
    assert_int_equal(idx.n_dims, 3);
    assert_int_equal(idx.dims[0], 3);
    assert_int_equal(idx.dims[1], 4);
    assert_int_equal(idx.dims[2], 5);
    assert_int_equal(idx.size_bytes, DATA);
    onp_idx_close(&idx);
}

static void test_truncated_at_every_byte(void **state)
{
    folder *f = *state;
    for (size_t size = 0; size < sizeof f->bytes; size++) {
        onp_test_write(f->file, f->bytes, size);
        char seen[64];
        (void)snprintf(seen, sizeof seen, size < HEADER ? "after %zu bytes" : "has %zu bytes",
                       size);
        expect_failure(f->file, seen);
    }
}

static void test_truncated_gz_at_every_byte(void **state)
{
    folder *f = *state;
    onp_context ctx;
    char *packed = NULL;
    size_t size = 0;
    onp_context_init(&ctx);
    write_gz(f->file, f->bytes, sizeof f->bytes);
    assert_int_equal(onp_file_read(&ctx, f->file, ONP_MIB, &packed, &size, NULL), ONP_OK);
    for (size_t cut = 0; cut < size; cut++) {
        onp_test_write(f->file, packed, cut);
        expect_failure(f->file, NULL);
    }
    packed[size - 8] ^= 1; /* the checksum */
    onp_test_write(f->file, packed, size);
    expect_failure(f->file, "damaged");
    onp_free(&ctx, packed);
}

static void test_trailing_bytes(void **state)
{
    folder *f = *state;
    uint8_t longer[HEADER + DATA + 1] = {0};
    memcpy(longer, f->bytes, sizeof f->bytes);
    onp_test_write(f->file, longer, sizeof longer);
    expect_failure(f->file, "has 77 bytes, wanted 76");
    write_gz(f->file, longer, sizeof longer);
    expect_failure(f->file, "more than the 60 bytes");
}

static void test_wrong_headers(void **state)
{
    folder *f = *state;
    static const struct {
        int at;
        uint8_t value;
        const char *text;
    } cases[] = {
        {0, 1, "magic number is 0x01000803, wanted 0x00000803..0x00000804"},
        {2, 13, "magic number is 0x00000d03"},
        {3, 1, "magic number is 0x00000801"},
        {3, 5, "magic number is 0x00000805"},
        {7, 0, "dimension 0 is 0, wanted 1..268435456"},
        {4, 0x80, "dimension 0 is 2147483651"},
        {11, 0, "dimension 1 is 0, wanted 1..4096"},
        {14, 0x20, "dimension 2 is 8197"},
        {4, 0x01, "has 76 bytes, wanted"}, /* 16 million images */
    };
    for (size_t i = 0; i < ONP_COUNT(cases); i++) {
        uint8_t bad[sizeof f->bytes];
        memcpy(bad, f->bytes, sizeof bad);
        bad[cases[i].at] = cases[i].value;
        onp_test_write(f->file, bad, sizeof bad);
        expect_failure(f->file, cases[i].text);
    }
}

/* A small gzip file whose header speaks of gigabytes is refused before anyone allocates them. */
static void test_gz_promises_too_much(void **state)
{
    folder *f = *state;
    uint8_t bad[sizeof f->bytes];
    memcpy(bad, f->bytes, sizeof bad);
    bad[4] = 0x0f;
    write_gz(f->file, bad, sizeof bad);
    expect_failure(f->file, "too few for the");
    bad[10] = bad[14] = 0x0f;
    write_gz(f->file, bad, sizeof bad);
    expect_failure(f->file, "more than 1099511627776 bytes");
}

static void test_not_a_file(void **state)
{
    folder *f = *state;
    onp_idx idx;
    onp_error err = {0};
    assert_int_equal(onp_idx_open(f->dir, 3, 4, &idx, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "not a regular file");
    assert_int_equal(onp_idx_open("/no/such/file", 3, 4, &idx, &err), ONP_E_IO);
    onp_assert_contains(err.msg, "/no/such/file: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_plain_and_gz),
        cmocka_unit_test(test_header_values),
        cmocka_unit_test(test_truncated_at_every_byte),
        cmocka_unit_test(test_truncated_gz_at_every_byte),
        cmocka_unit_test(test_trailing_bytes),
        cmocka_unit_test(test_wrong_headers),
        cmocka_unit_test(test_gz_promises_too_much),
        cmocka_unit_test(test_not_a_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
