/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sync_file_range */
#include "supernet/slab_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A file of our own: O_EXCL neither follows a link nor takes what is there. */
static onp_status create(const char *file, int *fd, onp_error *err)
{
    char name[PATH_MAX];
    for (int i = 0; i < 1000; i++) {
        const int n = snprintf(name, sizeof name, "%s.%ld-%d.tmp", file, (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof name)
            return onp_fail(err, ONP_E_IO, "%.64s...: path is too long", file);
        *fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (*fd >= 0) {
            (void)unlink(name); /* the descriptor, then the mapping, keep it */
            return ONP_OK;
        }
        if (errno != EEXIST)
            break;
    }
    return onp_fail(err, ONP_E_IO, "%s: %s", name, strerror(errno));
}

/* Every byte is allocated: what is missing later would be SIGBUS. */
static onp_status allocate(int fd, const char *file, size_t bytes, onp_error *err)
{
    int why = EFBIG;
    if (bytes <= (size_t)INT64_MAX)
        do
            why = posix_fallocate(fd, 0, (off_t)bytes);
        while (why == EINTR);
    if (why == 0)
        return ONP_OK;
    struct statvfs fs = {0};
    const bool known = fstatvfs(fd, &fs) == 0;
    return onp_fail(err, ONP_E_IO, "%s: no room for %zu bytes of weights, %lld bytes are free: %s",
                    file, bytes, known ? (long long)fs.f_bavail * (long long)fs.f_frsize : -1LL,
                    strerror(why));
}

onp_status onp_slab_memory_open(const char *file, size_t bytes, onp_slab_memory *out,
                                onp_error *err)
{
    int fd = -1;
    if (file != NULL) {
        ONP_TRY(create(file, &fd, err));
        const onp_status st = allocate(fd, file, bytes, err);
        if (st != ONP_OK) {
            (void)close(fd);
            return st;
        }
    }
    const int flags = file != NULL ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    const int why = errno;
    if (p == MAP_FAILED && fd >= 0)
        (void)close(fd);
    if (p == MAP_FAILED)
        return onp_fail(err, ONP_E_NOMEM, "supernet: no memory for %zu MiB of weights: %s",
                        bytes / ONP_MIB, strerror(why));
    *out = (onp_slab_memory){.data = p, .bytes = bytes, .mapped = file != NULL, .fd = fd};
    return ONP_OK;
}

void onp_slab_memory_close(onp_slab_memory *m)
{
    if (m->data != NULL)
        (void)munmap(m->data, m->bytes);
    if (m->mapped)
        (void)close(m->fd);
    *m = (onp_slab_memory){0};
}

/* The pages around a range, from the beginning of m. */
static size_t pages_around(const onp_slab_memory *m, const void *at, size_t bytes, size_t *first)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t begin = (size_t)((const char *)at - m->data), end = begin + bytes;
    const size_t up = (end + page - 1) / page * page;
    *first = begin / page * page;
    return (up < m->bytes ? up : m->bytes) - *first;
}

void onp_slab_memory_want(const onp_slab_memory *m, void *at, size_t bytes)
{
    size_t first = 0;
    const size_t n = pages_around(m, at, bytes, &first);
    if (m->mapped)
        (void)madvise(m->data + first, n, MADV_WILLNEED);
}

void onp_slab_memory_write(const onp_slab_memory *m, void *at, size_t bytes)
{
    size_t first = 0;
    const size_t n = pages_around(m, at, bytes, &first);
    if (m->mapped)
        (void)sync_file_range(m->fd, (off_t)first, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

void onp_slab_memory_evict(const onp_slab_memory *m, void *at, size_t bytes)
{
    size_t first = 0;
    const size_t n = pages_around(m, at, bytes, &first);
    if (!m->mapped)
        return;
    /* the cache keeps pages that are dirty or mapped */
    (void)sync_file_range(m->fd, (off_t)first, (off_t)n,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
    (void)madvise(m->data + first, n, MADV_DONTNEED);
    (void)posix_fadvise(m->fd, (off_t)first, (off_t)n, POSIX_FADV_DONTNEED);
}

void onp_slab_memory_drop(const onp_slab_memory *m, void *at, size_t bytes)
{
    /* a hole in the file, where its system has holes: else the numbers stay and are not read */
    (void)madvise(at, bytes, m->mapped ? MADV_REMOVE : MADV_DONTNEED);
}
