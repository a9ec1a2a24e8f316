/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/test_support.h"

typedef struct place {
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
} place;

static int make_place(void **state)
{
    static place p;
    onp_test_dir_make(p.dir);
    onp_test_path(p.path, p.dir, "file");
    *state = &p;
    return 0;
}

static int remove_place(void **state)
{
    place *p = *state;
    onp_test_dir_remove(p->dir);
    return 0;
}

static int count_entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n - 2; /* without . and .. */
}

static void assert_holds(const char *path, const char *want)
{
    onp_context ctx;
    onp_context_init(&ctx);
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(onp_file_read(&ctx, path, ONP_MIB, &data, &size, NULL), ONP_OK);
    assert_int_equal(size, strlen(want));
    assert_string_equal(data, want);
    onp_free(&ctx, data);
}

static onp_status read_small(const onp_context *ctx, void *path)
{
    char *data = NULL;
    size_t size = 0;
    onp_error err = {0};
    ONP_TRY(onp_file_read(ctx, path, 5, &data, &size, &err));
    assert_int_equal(size, 5);
    assert_memory_equal(data, "a\0b\nc", 6);
    onp_free(ctx, data);
    return ONP_OK;
}

static void read_gives_bytes_and_a_nul(void **state)
{
    place *p = *state;
    onp_test_write(p->path, "a\0b\nc", 5);
    onp_test_each_allocation(read_small, p->path);
    onp_test_write(p->path, "", 0);
    assert_holds(p->path, "");
}

static void read_takes_files_without_a_size(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(onp_file_read(&ctx, "/proc/self/status", ONP_MIB, &data, &size, NULL), ONP_OK);
    assert_true(size > 100);
    onp_free(&ctx, data);
    assert_int_equal(onp_file_read(&ctx, "/proc/self/status", 10, &data, &size, NULL),
                     ONP_E_FORMAT);
}

static void read_refuses(void **state)
{
    place *p = *state;
    onp_test_memory m;
    onp_test_memory_init(&m, 0);
    char *data = NULL;
    size_t size = 9;
    onp_error err = {0};
    assert_int_equal(onp_file_read(&m.ctx, p->path, 5, &data, &size, &err), ONP_E_IO);
    onp_assert_contains(err.msg, p->path);
    onp_assert_contains(err.msg, "No such file or directory");
    onp_test_write(p->path, "123456", 6);
    assert_int_equal(onp_file_read(&m.ctx, p->path, 5, &data, &size, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "at most 5");
    assert_int_equal(m.n_allocs, 0); /* the size is known before memory is asked for */
    assert_int_equal(onp_file_read(&m.ctx, p->dir, 5, &data, &size, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "folder");
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(mkfifo(p->path, 0600), 0);
    assert_int_equal(onp_file_read(&m.ctx, p->path, 5, &data, &size, &err), ONP_E_FORMAT);
    assert_null(data);
    assert_int_equal(size, 9);
    assert_int_equal(m.n_live, 0);
}

static void map_shows_the_bytes(void **state)
{
    place *p = *state;
    onp_mapped_file m = {0};
    onp_file_unmap(&m);
    onp_error err = {0};
    assert_int_equal(onp_file_map(p->path, &m, &err), ONP_E_IO);
    assert_int_equal(onp_file_map(p->dir, &m, &err), ONP_E_FORMAT);
    onp_test_write(p->path, "", 0);
    assert_int_equal(onp_file_map(p->path, &m, &err), ONP_OK);
    assert_null(m.data);
    assert_int_equal(m.size, 0);
    onp_test_write(p->path, "bytes", 5);
    assert_int_equal(onp_file_map(p->path, &m, &err), ONP_OK);
    assert_int_equal(m.size, 5);
    assert_memory_equal(m.data, "bytes", 5);
    onp_file_unmap(&m);
    assert_null(m.data);
}

static void write_replaces_and_leaves_nothing(void **state)
{
    place *p = *state;
    onp_error err = {0};
    assert_int_equal(onp_file_write_atomic(p->path, "one", 3, &err), ONP_OK);
    assert_holds(p->path, "one");
    assert_int_equal(onp_file_write_atomic(p->path, "", 0, &err), ONP_OK);
    assert_holds(p->path, "");
    assert_int_equal(count_entries(p->dir), 1);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    mode_t mask = umask(0);
    (void)umask(mask);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
}

static void write_fails_cleanly(void **state)
{
    place *p = *state;
    char inside[ONP_TEST_PATH];
    onp_error err = {0};
    onp_test_path(inside, p->dir, "no/such/folder");
    assert_int_equal(onp_file_write_atomic(inside, "x", 1, &err), ONP_E_IO);
    onp_assert_contains(err.msg, inside);
    onp_test_path(inside, p->dir, "folder");
    assert_int_equal(onp_dir_make(inside, &err), ONP_OK); /* a file cannot replace a folder */
    assert_int_equal(onp_file_write_atomic(inside, "x", 1, &err), ONP_E_IO);
    assert_int_equal(count_entries(p->dir), 1);
    if (access("/dev/full", W_OK) == 0) {
        /* the writer never writes to the target itself, so a full device is one of its folder's */
        assert_int_equal(onp_file_write_atomic("/dev/full/x", "x", 1, &err), ONP_E_IO);
    }
}

/* What is renamed into place would take a link, a pipe or a device away. */
static void write_keeps_what_is_no_plain_file(void **state)
{
    place *p = *state;
    char link[ONP_TEST_PATH], pipe[ONP_TEST_PATH];
    onp_error err = {0};
    struct stat st;
    onp_test_path(link, p->dir, "link");
    onp_test_path(pipe, p->dir, "pipe");
    onp_test_write(p->path, "old", 3);
    assert_int_equal(chmod(p->path, 0640), 0);
    assert_int_equal(symlink(p->path, link), 0);
    assert_int_equal(onp_file_write_atomic(link, "new", 3, &err), ONP_OK);
    assert_holds(p->path, "new");
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    assert_true(stat(p->path, &st) == 0 && (st.st_mode & 0777) == 0640);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(onp_file_write_atomic(pipe, "x", 1, &err), ONP_E_IO);
    onp_assert_contains(err.msg, "special file, wanted a regular file");
    assert_true(lstat(pipe, &st) == 0 && S_ISFIFO(st.st_mode));
    assert_int_equal(count_entries(p->dir), 3);
}

static onp_status write_in_pieces(const onp_context *ctx, void *path)
{
    onp_file_writer *w = NULL;
    ONP_TRY(onp_file_writer_new(ctx, path, &w, NULL));
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(onp_file_writer_add(w, "ab", 2, NULL));
    ONP_TRY_GOTO(onp_file_writer_add(w, "", 0, NULL));
    ONP_TRY_GOTO(onp_file_writer_add(w, "cd", 2, NULL));
    ONP_TRY_GOTO(onp_file_writer_commit(w, NULL));
done:
    onp_file_writer_free(w);
    return st;
}

static void writer_commits_or_leaves_nothing(void **state)
{
    place *p = *state;
    onp_test_each_allocation(write_in_pieces, p->path);
    assert_holds(p->path, "abcd");
    onp_context ctx;
    onp_context_init(&ctx);
    onp_file_writer *w = NULL, *second = NULL;
    assert_int_equal(onp_file_writer_new(&ctx, p->path, &w, NULL), ONP_OK);
    assert_int_equal(onp_file_writer_new(&ctx, p->path, &second, NULL), ONP_OK);
    assert_int_equal(onp_file_writer_add(w, "dropped", 7, NULL), ONP_OK);
    onp_file_writer_free(w);
    onp_file_writer_free(second);
    onp_file_writer_free(NULL);
    assert_holds(p->path, "abcd");
    assert_int_equal(count_entries(p->dir), 1);
}

static void dir_make_makes_parents(void **state)
{
    place *p = *state;
    char path[ONP_TEST_PATH];
    onp_error err = {0};
    onp_test_path(path, p->dir, "a//b/c/");
    assert_int_equal(onp_dir_make(path, &err), ONP_OK);
    assert_int_equal(onp_dir_make(path, &err), ONP_OK);
    assert_true(onp_file_exists(path));
    assert_int_equal(onp_dir_make("/", &err), ONP_OK);
    assert_int_equal(onp_dir_make(".", &err), ONP_OK);
    onp_test_write(p->path, "", 0);
    assert_int_equal(onp_dir_make(p->path, &err), ONP_E_IO);
    onp_test_path(path, p->path, "below-a-file");
    assert_int_equal(onp_dir_make(path, &err), ONP_E_IO);
    assert_false(onp_file_exists(path));
}

static void lock_is_exclusive(void **state)
{
    place *p = *state;
    int lock = -1, second = -1;
    onp_error err = {0};
    assert_int_equal(onp_file_lock(p->path, &lock, &err), ONP_OK);
    assert_int_equal(onp_file_lock(p->path, &second, &err), ONP_E_FAIL);
    onp_assert_contains(err.msg, "locked");
    assert_int_equal(second, -1);
    onp_file_unlock(lock);
    assert_int_equal(onp_file_lock(p->path, &second, &err), ONP_OK);
    onp_file_unlock(second);
    assert_int_equal(onp_file_lock(p->dir, &lock, &err), ONP_E_IO);
}

static void paths_join_and_split(void **state)
{
    (void)state;
    static const struct {
        const char *base, *path, *joined, *dir;
    } rows[] = {
        {"", "a", "a", "."},     {".", "a/b", "a/b", "a"},
        {"x", "a", "x/a", "."},  {"x/", "../a", "x/../a", ".."},
        {"/", "a/", "/a/", "."}, {"x", "/a", "/a", "/"},
        {"x", "/", "/", "/"},    {"x/y", "a//b", "x/y/a//b", "a"},
    };
    char out[32];
    onp_error err = {0};
    for (size_t i = 0; i < ONP_COUNT(rows); i++) {
        assert_int_equal(onp_path_join(out, sizeof out, rows[i].base, rows[i].path, &err), ONP_OK);
        assert_string_equal(out, rows[i].joined);
        assert_int_equal(onp_path_dir(out, sizeof out, rows[i].path, &err), ONP_OK);
        assert_string_equal(out, rows[i].dir);
    }
    assert_int_equal(onp_path_join(out, 4, "ab", "c", &err), ONP_E_RANGE);
    assert_int_equal(onp_path_join(out, 5, "ab", "c", &err), ONP_OK);
    assert_int_equal(onp_path_dir(out, 3, "abc/d", &err), ONP_E_RANGE);
}

/* FIPS 180-2, appendix B */
static void sha256_matches_the_standard(void **state)
{
    (void)state;
    char hex[ONP_SHA256_HEX];
    onp_sha256(NULL, 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    onp_sha256("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    onp_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(read_gives_bytes_and_a_nul),
        TEST(read_takes_files_without_a_size),
        TEST(read_refuses),
        TEST(map_shows_the_bytes),
        TEST(write_replaces_and_leaves_nothing),
        TEST(write_fails_cleanly),
        TEST(write_keeps_what_is_no_plain_file),
        TEST(writer_commits_or_leaves_nothing),
        TEST(dir_make_makes_parents),
        TEST(lock_is_exclusive),
        cmocka_unit_test(paths_join_and_split),
        cmocka_unit_test(sha256_matches_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
