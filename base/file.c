/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static onp_status fail_errno(onp_error *err, const char *path)
{
    return onp_fail(err, ONP_E_IO, "%s: %s", path, strerror(errno));
}

/* Opens a regular file for reading. O_NONBLOCK: a FIFO is refused, not waited for. */
static onp_status open_regular(const char *path, int *fd, size_t *size, onp_error *err)
{
    int f = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f < 0)
        return fail_errno(err, path);
    struct stat st;
    onp_status result = ONP_OK;
    if (fstat(f, &st) != 0)
        result = fail_errno(err, path);
    else if (!S_ISREG(st.st_mode))
        result = onp_fail(err, ONP_E_FORMAT, "%s: is %s, wanted a regular file", path,
                          S_ISDIR(st.st_mode) ? "a folder" : "a special file");
    if (result != ONP_OK) {
        (void)close(f);
        return result;
    }
    *fd = f;
    *size = (size_t)st.st_size;
    return ONP_OK;
}

/* Reads to the end rather than to the size stat gave, which is 0 below /proc. */
static onp_status read_all(const onp_context *ctx, int fd, const char *path, size_t expected,
                           size_t max_bytes, char **data, size_t *size, onp_error *err)
{
    onp_status st = ONP_OK;
    void *block = NULL;
    size_t capacity = 0, length = 0;
    if (expected > max_bytes)
        goto too_large;
    for (size_t need = expected + 2;; need = length + 2) {
        ONP_TRY_GOTO(onp_grow(ctx, &block, &capacity, need, 1, err));
        ssize_t n = read(fd, (char *)block + length, capacity - length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            st = fail_errno(err, path);
            goto done;
        }
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > max_bytes)
            goto too_large;
    }
    ((char *)block)[length] = '\0';
    *data = block;
    *size = length;
    return ONP_OK;
too_large:
    st = onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes or more, wanted at most %zu", path,
                  expected > length ? expected : length, max_bytes);
done:
    onp_free(ctx, block);
    return st;
}

onp_status onp_file_read(const onp_context *ctx, const char *path, size_t max_bytes, char **data,
                         size_t *size, onp_error *err)
{
    int fd = -1;
    size_t expected = 0;
    ONP_TRY(open_regular(path, &fd, &expected, err));
    onp_status st = read_all(ctx, fd, path, expected, max_bytes, data, size, err);
    (void)close(fd);
    return st;
}

onp_status onp_file_map(const char *path, onp_mapped_file *out, onp_error *err)
{
    int fd = -1;
    size_t size = 0;
    ONP_TRY(open_regular(path, &fd, &size, err));
    onp_status st = ONP_OK;
    void *data = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED)
        st = fail_errno(err, path);
    else
        *out = (onp_mapped_file){.data = data, .size = size};
    (void)close(fd);
    return st;
}

void onp_file_unmap(onp_mapped_file *m)
{
    if (m->size > 0)
        (void)munmap((void *)(uintptr_t)m->data, m->size);
    *m = (onp_mapped_file){0};
}

struct onp_file_writer {
    const onp_context *ctx; /* NULL: on the stack */
    FILE *file;             /* NULL once committed or given up */
    char path[PATH_MAX], temporary[PATH_MAX];
};

/* Where a file goes that is renamed into place: not over a link, but over what it leads to; and
 * never over a device or a pipe. *mode: of the file that is there, or 0. */
static onp_status settle_path(onp_file_writer *w, const char *path, mode_t *mode, onp_error *err)
{
    struct stat s;
    ONP_TRY(onp_path_join(w->path, sizeof w->path, "", path, err));
    const bool is_link = lstat(path, &s) == 0 && S_ISLNK(s.st_mode);
    if (stat(path, &s) != 0)
        return is_link ? fail_errno(err, path) : ONP_OK; /* it leads nowhere */
    if (!S_ISREG(s.st_mode))
        return onp_fail(err, ONP_E_IO, "%s: is %s, wanted a regular file", path,
                        S_ISDIR(s.st_mode) ? "a folder" : "a special file");
    *mode = s.st_mode & 0777;
    return is_link && realpath(path, w->path) == NULL ? fail_errno(err, path) : ONP_OK;
}

/* mkstemp would make it private (0600) whatever the umask says, hence O_EXCL and a name of our own:
 * the process and the first number that is free. */
static onp_status writer_open(onp_file_writer *w, const char *path, onp_error *err)
{
    mode_t mode = 0;
    ONP_TRY(settle_path(w, path, &mode, err));
    int fd = -1;
    for (int i = 0; fd < 0 && i < 1000; i++) {
        int n = snprintf(w->temporary, sizeof w->temporary, "%s.%ld-%d.tmp", w->path,
                         (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof w->temporary)
            return onp_fail(err, ONP_E_IO, "%s: path is too long", path);
        fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return fail_errno(err, w->path);
    if (mode != 0)
        (void)fchmod(fd, mode); /* a wish: some file systems have no modes */
    w->file = fdopen(fd, "wb");
    if (w->file == NULL) {
        onp_status st = fail_errno(err, w->path);
        (void)close(fd);
        (void)unlink(w->temporary);
        return st;
    }
    return ONP_OK;
}

static void writer_drop(onp_file_writer *w)
{
    if (w->file == NULL)
        return;
    (void)fclose(w->file);
    (void)unlink(w->temporary);
    w->file = NULL;
}

/* A rename is on the disk when the folder is. Some file systems cannot sync a folder (EINVAL). */
static onp_status sync_folder(const char *path, onp_error *err)
{
    char folder[PATH_MAX];
    ONP_TRY(onp_path_dir(folder, sizeof folder, path, err));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, folder);
    onp_status st = ONP_OK;
    if (fsync(fd) != 0 && errno != EINVAL)
        st = fail_errno(err, folder);
    (void)close(fd);
    return st;
}

onp_status onp_file_writer_new(const onp_context *ctx, const char *path, onp_file_writer **out,
                               onp_error *err)
{
    onp_file_writer *w = onp_alloc(ctx, 1, sizeof *w);
    if (w == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory for a writer", path);
    w->ctx = ctx;
    onp_status st = writer_open(w, path, err);
    if (st != ONP_OK)
        onp_free(ctx, w);
    else
        *out = w;
    return st;
}

onp_status onp_file_writer_add(onp_file_writer *w, const void *data, size_t size, onp_error *err)
{
    if (size > 0 && fwrite(data, 1, size, w->file) != size)
        return fail_errno(err, w->path);
    return ONP_OK;
}

onp_status onp_file_writer_patch(onp_file_writer *w, size_t offset, const void *data, size_t size,
                                 onp_error *err)
{
    if (fseeko(w->file, (off_t)offset, SEEK_SET) != 0 ||
        (size > 0 && fwrite(data, 1, size, w->file) != size) || fseeko(w->file, 0, SEEK_END) != 0)
        return fail_errno(err, w->path);
    return ONP_OK;
}

onp_status onp_file_writer_commit(onp_file_writer *w, onp_error *err)
{
    if (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0)
        return fail_errno(err, w->path);
    if (rename(w->temporary, w->path) != 0)
        return fail_errno(err, w->path);
    (void)fclose(w->file); /* all is written: nothing is left that could fail */
    w->file = NULL;
    return sync_folder(w->path, err);
}

void onp_file_writer_free(onp_file_writer *w)
{
    if (w == NULL)
        return;
    writer_drop(w);
    onp_free(w->ctx, w);
}

onp_status onp_file_write_atomic(const char *path, const void *data, size_t size, onp_error *err)
{
    onp_file_writer w = {0};
    ONP_TRY(writer_open(&w, path, err));
    onp_status st = onp_file_writer_add(&w, data, size, err);
    if (st == ONP_OK)
        st = onp_file_writer_commit(&w, err);
    writer_drop(&w);
    return st;
}

onp_status onp_dir_make(const char *path, onp_error *err)
{
    char prefix[PATH_MAX];
    ONP_TRY(onp_path_join(prefix, sizeof prefix, "", path, err));
    for (char *p = prefix; *p != '\0'; p++) {
        if (*p != '/' || p == prefix)
            continue;
        *p = '\0';
        (void)mkdir(prefix, 0777); /* whether it worked shows in the next one */
        *p = '/';
    }
    if (mkdir(prefix, 0777) == 0)
        return ONP_OK;
    int why = errno;
    struct stat st;
    if (stat(prefix, &st) == 0 && S_ISDIR(st.st_mode))
        return ONP_OK;
    errno = why;
    return fail_errno(err, path);
}

bool onp_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool onp_file_is_same(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) == 0 && stat(b, &y) == 0)
        return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return strcmp(a, b) == 0;
}

onp_status onp_file_lock(const char *path, int *lock, onp_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_errno(err, path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *lock = fd;
        return ONP_OK;
    }
    onp_status st =
        errno == EWOULDBLOCK
            ? onp_fail(err, ONP_E_FAIL, "%s: is locked, another process is working here", path)
            : fail_errno(err, path);
    (void)close(fd);
    return st;
}

void onp_file_unlock(int lock)
{
    (void)close(lock);
}

onp_status onp_path_join(char *out, size_t out_size, const char *base_dir, const char *path,
                         onp_error *err)
{
    bool alone = path[0] == '/' || base_dir[0] == '\0' || strcmp(base_dir, ".") == 0;
    size_t length = strlen(base_dir);
    const char *slash = length > 0 && base_dir[length - 1] == '/' ? "" : "/";
    int n = alone ? snprintf(out, out_size, "%s", path)
                  : snprintf(out, out_size, "%s%s%s", base_dir, slash, path);
    if (n < 0 || (size_t)n >= out_size)
        return onp_fail(err, ONP_E_RANGE, "path of %d bytes, wanted at most %zu: %.64s...", n,
                        out_size - 1, path);
    return ONP_OK;
}

onp_status onp_program_dir(char *out, size_t out_size, onp_error *err)
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return onp_fail(err, ONP_E_IO, "/proc/self/exe: %s", strerror(errno));
    path[n] = '\0';
    return onp_path_dir(out, out_size, path, err);
}

onp_status onp_path_dir(char *out, size_t out_size, const char *path, onp_error *err)
{
    char copy[PATH_MAX];
    ONP_TRY(onp_path_join(copy, sizeof copy, "", path, err));
    return onp_path_join(out, out_size, "", dirname(copy), err);
}

void onp_sha256(const void *data, size_t size, char hex[ONP_SHA256_HEX])
{
    SHA2_CTX state;
    SHA256Init(&state);
    if (size > 0)
        SHA256Update(&state, data, size);
    (void)SHA256End(&state, hex);
}
