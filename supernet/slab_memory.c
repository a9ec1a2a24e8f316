/* SPDX-License-Identifier: Apache-2.0 */
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
    if (fd >= 0)
        (void)close(fd);
    if (p == MAP_FAILED)
        return onp_fail(err, ONP_E_NOMEM, "supernet: no memory for %zu MiB of weights: %s",
                        bytes / ONP_MIB, strerror(why));
    *out = (onp_slab_memory){.data = p, .bytes = bytes, .mapped = file != NULL};
    return ONP_OK;
}

void onp_slab_memory_close(onp_slab_memory *m)
{
    if (m->data != NULL)
        (void)munmap(m->data, m->bytes);
    *m = (onp_slab_memory){0};
}

void onp_slab_memory_want(const onp_slab_memory *m, void *at, size_t bytes)
{
    if (m->mapped)
        (void)madvise(at, bytes, MADV_WILLNEED);
}

void onp_slab_memory_drop(const onp_slab_memory *m, void *at, size_t bytes)
{
    /* a hole in the file, where its system has holes: else the numbers stay and are not read */
    (void)madvise(at, bytes, m->mapped ? MADV_REMOVE : MADV_DONTNEED);
}
