/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/safetensors.h"
#include "tests/test_support.h"

static char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];

static int make_place(void **state)
{
    (void)state;
    onp_test_dir_make(dir);
    onp_test_path(path, dir, "m.safetensors");
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    onp_test_dir_remove(dir);
    return 0;
}

static const uint8_t labels[3] = {7, 8, 9};
static const float weights[2][2] = {{1.5f, -2.0f}, {0.0f, 1e-30f}};
static const int64_t scalar[1] = {1};
static const double mean[1] = {0.1};
static const int64_t label_dims[] = {3}, weight_dims[] = {2, 2}, mean_dims[] = {1}, none[] = {0, 5};

static onp_status write_model(const onp_context *ctx, void *arg)
{
    (void)arg;
    onp_st_writer *w = NULL;
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_st_writer_new(ctx, path, &w, NULL));
    ONP_TRY_GOTO(onp_st_writer_meta(w, "seed", "1", NULL));
    ONP_TRY_GOTO(onp_st_writer_meta(w, "classes", "[\"a\"]", NULL));
    ONP_TRY_GOTO(onp_st_writer_add(w, "labels", ONP_ST_U8, label_dims, 1, labels, NULL));
    ONP_TRY_GOTO(onp_st_writer_add(w, "stem.weight", ONP_ST_F32, weight_dims, 2, weights, NULL));
    ONP_TRY_GOTO(onp_st_writer_add(w, "mean", ONP_ST_F64, mean_dims, 1, mean, NULL));
    ONP_TRY_GOTO(onp_st_writer_add(w, "none", ONP_ST_I32, none, 2, NULL, NULL));
    ONP_TRY_GOTO(onp_st_writer_add(w, "scalar", ONP_ST_I64, NULL, 0, scalar, NULL));
    ONP_TRY_GOTO(onp_st_writer_commit(w, NULL));
done:
    onp_st_writer_free(w);
    return st;
}

/* The bytes as the format's description says, put together by hand. */
static void writer_makes_these_bytes(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    assert_int_equal(write_model(&ctx, NULL), ONP_OK);
    static const char header[] =
        "{\"__metadata__\": {\"seed\": \"1\", \"classes\": \"[\\\"a\\\"]\"}, "
        "\"labels\": {\"dtype\": \"U8\", \"shape\": [3], \"data_offsets\": [32, 35]}, "
        "\"stem.weight\": {\"dtype\": \"F32\", \"shape\": [2, 2], \"data_offsets\": [16, 32]}, "
        "\"mean\": {\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": [0, 8]}, "
        "\"none\": {\"dtype\": \"I32\", \"shape\": [0, 5], \"data_offsets\": [32, 32]}, "
        "\"scalar\": {\"dtype\": \"I64\", \"shape\": [], \"data_offsets\": [8, 16]}}";
    uint8_t want[1024];
    memset(want, ' ', sizeof want);
    size_t length = (sizeof header - 1 + 7) / 8 * 8;
    for (int i = 0; i < 8; i++)
        want[i] = (uint8_t)(length >> (8 * i));
    memcpy(want + 8, header, sizeof header - 1);
    uint8_t *data = want + 8 + length;
    memcpy(data, mean, 8);
    memcpy(data + 8, scalar, 8);
    memcpy(data + 16, weights, 16);
    memcpy(data + 32, labels, 3);
    char *seen = NULL;
    size_t size = 0;
    assert_int_equal(onp_file_read(&ctx, path, ONP_MIB, &seen, &size, NULL), ONP_OK);
    assert_int_equal(size, 8 + length + 35);
    assert_memory_equal(seen, want, size);
    onp_free(&ctx, seen);
}

static onp_status read_model(const onp_context *ctx, void *arg)
{
    (void)arg;
    onp_st_file *f = NULL;
    ONP_TRY(onp_st_open(ctx, path, &f, NULL));
    assert_string_equal(onp_st_meta(f, "seed"), "1");
    assert_null(onp_st_meta(f, "absent"));
    assert_int_equal(onp_st_count(f), 5);
    assert_string_equal(onp_st_at(f, 0)->name, "labels");
    assert_string_equal(onp_st_at(f, 4)->name, "scalar");
    assert_int_equal(onp_st_at(f, 1)->size_bytes, 16);
    const void *data = NULL;
    assert_int_equal(onp_st_find(f, "stem.weight", ONP_ST_F32, weight_dims, 2, &data, NULL),
                     ONP_OK);
    assert_int_equal((uintptr_t)data % 4, 0);
    assert_memory_equal(data, weights, sizeof weights);
    assert_int_equal(onp_st_find(f, "labels", ONP_ST_U8, label_dims, 1, &data, NULL), ONP_OK);
    assert_memory_equal(data, labels, 3);
    assert_int_equal(onp_st_find(f, "mean", ONP_ST_F64, mean_dims, 1, &data, NULL), ONP_OK);
    assert_int_equal((uintptr_t)data % 8, 0);
    assert_memory_equal(data, mean, 8);
    assert_int_equal(onp_st_find(f, "none", ONP_ST_I32, none, 2, &data, NULL), ONP_OK);
    assert_int_equal(onp_st_find(f, "scalar", ONP_ST_I64, NULL, 0, &data, NULL), ONP_OK);
    onp_st_close(f);
    return ONP_OK;
}

static void files_round_trip(void **state)
{
    (void)state;
    onp_test_each_allocation(write_model, NULL);
    onp_test_each_allocation(read_model, NULL);
    onp_st_close(NULL);
    onp_st_writer_free(NULL);
}

static void find_names_what_differs(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    assert_int_equal(write_model(&ctx, NULL), ONP_OK);
    onp_st_file *f = NULL;
    assert_int_equal(onp_st_open(&ctx, path, &f, NULL), ONP_OK);
    static const int64_t wrong[] = {2, 3};
    const void *data = NULL;
    onp_error err = {0};
    assert_int_equal(onp_st_find(f, "stem", ONP_ST_F32, wrong, 2, &data, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "m.safetensors: tensor \"stem\" is missing");
    assert_int_equal(onp_st_find(f, "stem.weight", ONP_ST_F32, wrong, 2, &data, &err),
                     ONP_E_FORMAT);
    onp_assert_contains(err.msg, "tensor \"stem.weight\" is F32 [2, 2], wanted F32 [2, 3]");
    assert_int_equal(onp_st_find(f, "stem.weight", ONP_ST_F32, wrong, 1, &data, &err),
                     ONP_E_FORMAT);
    assert_int_equal(onp_st_find(f, "scalar", ONP_ST_F64, NULL, 0, &data, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "is I64 [], wanted F64 []");
    assert_null(data);
    onp_st_close(f);
}

static void writer_refuses(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_st_writer *w = NULL;
    onp_error err = {0};
    assert_int_equal(onp_st_writer_new(&ctx, path, &w, &err), ONP_OK);
    assert_int_equal(onp_st_writer_meta(w, "k", "1", &err), ONP_OK);
    assert_int_equal(onp_st_writer_meta(w, "k", "2", &err), ONP_E_FAIL);
    assert_int_equal(onp_st_writer_meta(w, "v", "\xff", &err), ONP_E_FORMAT);
    assert_int_equal(onp_st_writer_meta(w, "\xff", "v", &err), ONP_E_FORMAT);
    assert_int_equal(onp_st_writer_add(w, "x", ONP_ST_U8, label_dims, 1, labels, &err), ONP_OK);
    assert_int_equal(onp_st_writer_add(w, "x", ONP_ST_U8, label_dims, 1, labels, &err), ONP_E_FAIL);
    onp_assert_contains(err.msg, "\"x\" is there already");
    assert_int_equal(onp_st_writer_add(w, "__metadata__", ONP_ST_U8, label_dims, 1, labels, &err),
                     ONP_E_FAIL);
    static const int64_t negative[] = {-1}, nine[9] = {0}, huge[] = {INT64_MAX, 4};
    assert_int_equal(onp_st_writer_add(w, "y", ONP_ST_U8, negative, 1, labels, &err), ONP_E_SHAPE);
    assert_int_equal(onp_st_writer_add(w, "y", ONP_ST_U8, nine, 9, labels, &err), ONP_E_SHAPE);
    assert_int_equal(onp_st_writer_add(w, "y", ONP_ST_U8, huge, 2, labels, &err), ONP_E_SHAPE);
    onp_st_writer_free(w);
    assert_false(onp_file_exists(path)); /* never committed */
    char nowhere[ONP_TEST_PATH];
    onp_test_path(nowhere, dir, "no/folder");
    assert_int_equal(onp_st_writer_new(&ctx, nowhere, &w, &err), ONP_OK);
    assert_int_equal(onp_st_writer_commit(w, &err), ONP_E_IO);
    onp_st_writer_free(w);
}

/* Writes a file of this header and `size` bytes of data, and opens it. */
static void assert_refused(const char *header, size_t size, const char *part)
{
    uint8_t bytes[1024] = {0};
    size_t length = strlen(header);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    for (size_t i = 0; i < length; i++)
        bytes[8 + i] = (uint8_t)header[i];
    onp_test_write(path, bytes, 8 + length + size);
    onp_test_memory m;
    onp_test_memory_init(&m, 0);
    onp_st_file *f = NULL;
    onp_error err = {0};
    if (onp_st_open(&m.ctx, path, &f, &err) != ONP_E_FORMAT)
        fail_msg("taken: %s", header);
    onp_assert_contains(err.msg, "m.safetensors");
    onp_assert_contains(err.msg, part);
    assert_null(f);
    assert_int_equal(m.n_live, 0);
}

#define TENSOR(name, dtype, shape, range)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" range "}"

static void open_refuses_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t size;
        const char *part;
    } rows[] = {
        {"", 0, ":1:"},
        {"{\"a\": ", 0, ":1:"},
        {"[]     ", 0, "not an object"},
        {"{\"__metadata__\":3}", 0, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":3}}", 0, "metadata \"k\" is not a string"},
        {"{\"a\":3}", 0, "tensor \"a\": is an integer, wanted an object"},
        {"{" TENSOR("a", "F16", "[1]", "[0,2]") "}", 2, "type F16"},
        {"{" TENSOR("a", "U8", "3", "[0,3]") "}", 3, "\"shape\" is an integer"},
        {"{" TENSOR("a", "U8", "[1.5]", "[0,3]") "}", 3, "shape[0] is not an integer"},
        {"{" TENSOR("a", "U8", "[-3]", "[0,3]") "}", 3, "shape[0]"},
        {"{" TENSOR("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, "shape has 9 entries"},
        {"{" TENSOR("a", "U8", "[3]", "[0]") "}", 3, "wanted a range in 0..3"},
        {"{" TENSOR("a", "U8", "[3]", "[3,0]") "}", 3, "wanted a range in 0..3"},
        {"{" TENSOR("a", "U8", "[4]", "[0,4]") "}", 3, "bytes 0..4, wanted a range in 0..3"},
        {"{" TENSOR("a", "U8", "[2]", "[0,3]") "}", 3, "its shape is not that of its 3 bytes"},
        {"{" TENSOR("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0, "its shape"},
        {"{" TENSOR("a", "U8", "[1]", "[0,1]") "," TENSOR("a", "U8", "[1]", "[1,2]") "}", 2,
         "duplicate"},
        {"{" TENSOR("a", "U8", "[2]", "[0,2]") "," TENSOR("b", "U8", "[2]", "[1,3]") "}", 3,
         "tensor \"b\" leaves a gap or overlaps"},
        {"{" TENSOR("a", "U8", "[1]", "[0,1]") "," TENSOR("b", "U8", "[1]", "[2,3]") "}", 3,
         "tensor \"b\" leaves a gap or overlaps"},
        {"{" TENSOR("a", "U8", "[1]", "[0,1]") "}", 3, "2 bytes after the last tensor"},
        {"{" TENSOR("a", "F32", "[1]", "[1,5]") "," TENSOR("b", "U8", "[1]", "[0,1]") "}", 5,
         "not aligned"},
    };
    for (size_t i = 0; i < ONP_COUNT(rows); i++)
        assert_refused(rows[i].header, rows[i].size, rows[i].part);
}

static void open_refuses_cut_files(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_st_file *f = NULL;
    onp_error err = {0};
    assert_int_equal(onp_st_open(&ctx, path, &f, &err), ONP_E_IO);
    assert_int_equal(write_model(&ctx, NULL), ONP_OK);
    char *whole = NULL;
    size_t size = 0;
    assert_int_equal(onp_file_read(&ctx, path, ONP_MIB, &whole, &size, NULL), ONP_OK);
    for (size_t n = 0; n < size; n++) {
        onp_test_write(path, whole, n);
        assert_int_equal(onp_st_open(&ctx, path, &f, &err), ONP_E_FORMAT);
    }
    onp_test_write(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    assert_int_equal(onp_st_open(&ctx, path, &f, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "header of 18446744073709551615 bytes, wanted at most 2");
    assert_null(f);
    onp_free(&ctx, whole);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writer_makes_these_bytes), TEST(files_round_trip),     TEST(find_names_what_differs),
        TEST(writer_refuses),           TEST(open_refuses_headers), TEST(open_refuses_cut_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
