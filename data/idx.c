/* SPDX-License-Identifier: Apache-2.0 */
#include "data/idx.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDX_UBYTE  0x08
#define BUFFER     (256 * 1024)
#define MAX_RATIO  1032 /* deflate: at best 258 bytes from two bits */
#define READ_CHUNK ((size_t)1 << 20)

/* What zlib says is wrong, as an error about the file. */
static onp_status fail_gz(const onp_idx *f, onp_error *err)
{
    int code = Z_OK;
    const char *text = gzerror(f->file, &code);
    if (code == Z_ERRNO)
        return onp_fail(err, ONP_E_IO, "%s: %s", f->path, strerror(errno));
    if (code == Z_MEM_ERROR)
        return onp_fail(err, ONP_E_NOMEM, "%s: no memory to unpack it", f->path);
    if (code == Z_BUF_ERROR)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: compressed data is cut short after %zu bytes of data, wanted %zu",
                        f->path, f->read_bytes, f->size_bytes);
    return onp_fail(err, ONP_E_FORMAT, "%s: compressed data is damaged: %s", f->path, text);
}

/* Reads up to size bytes; *got is less at the end of the file. */
static onp_status read_some(const onp_idx *f, void *out, size_t size, size_t *got, onp_error *err)
{
    *got = 0;
    while (*got < size) {
        size_t want = size - *got < READ_CHUNK ? size - *got : READ_CHUNK;
        int n = gzread(f->file, (char *)out + *got, (unsigned)want);
        if (n < 0)
            return fail_gz(f, err);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    int code = Z_OK;
    (void)gzerror(f->file, &code);
    return *got < size && code != Z_OK ? fail_gz(f, err) : ONP_OK;
}

static uint32_t big_endian(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static onp_status read_header_word(const onp_idx *f, int word, uint32_t *out, onp_error *err)
{
    uint8_t b[4];
    size_t got = 0;
    ONP_TRY(read_some(f, b, sizeof b, &got, err));
    if (got < sizeof b)
        return onp_fail(err, ONP_E_FORMAT, "%s: ends after %zu bytes, inside its header", f->path,
                        (size_t)word * 4 + got);
    *out = big_endian(b);
    return ONP_OK;
}

static onp_status read_header(onp_idx *f, int min_dims, int max_dims, onp_error *err)
{
    uint32_t magic = 0;
    ONP_TRY(read_header_word(f, 0, &magic, err));
    uint32_t low = IDX_UBYTE << 8 | (uint32_t)min_dims, high = IDX_UBYTE << 8 | (uint32_t)max_dims;
    if (magic < low || magic > high)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: magic number is 0x%08x, wanted 0x%08x..0x%08x (IDX of unsigned bytes, "
                        "%d..%d dimensions)",
                        f->path, magic, low, high, min_dims, max_dims);
    f->n_dims = (int)(magic & 0xff);
    f->size_bytes = 1;
    for (int d = 0; d < f->n_dims; d++) {
        uint32_t size = 0;
        ONP_TRY(read_header_word(f, d + 1, &size, err));
        int64_t most = d == 0 ? ONP_DATA_MAX_IMAGES : ONP_DATA_MAX_SIDE;
        if (size < 1 || size > most)
            return onp_fail(err, ONP_E_FORMAT, "%s: dimension %d is %u, wanted 1..%lld", f->path, d,
                            size, (long long)most);
        f->dims[d] = size;
        if (!onp_mul_size(f->size_bytes, size, &f->size_bytes) ||
            f->size_bytes > (size_t)ONP_DATA_MAX_BYTES)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: the header speaks of more than %lld bytes of data, which is the "
                            "most that is read",
                            f->path, (long long)ONP_DATA_MAX_BYTES);
    }
    return ONP_OK;
}

/* A header may promise what the file cannot hold: found before memory is taken for it. */
static onp_status check_size(const onp_idx *f, int64_t file_bytes, onp_error *err)
{
    size_t seen = (size_t)file_bytes, wanted = (size_t)(4 + 4 * f->n_dims) + f->size_bytes;
    if (gzdirect(f->file) && seen != wanted)
        return onp_fail(err, ONP_E_FORMAT, "%s: has %zu bytes, wanted %zu for its header's sizes",
                        f->path, seen, wanted);
    if (!gzdirect(f->file) && wanted / MAX_RATIO > seen)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: has %zu compressed bytes, too few for the %zu that its header wants",
                        f->path, seen, wanted);
    return ONP_OK;
}

/* O_NONBLOCK: a FIFO is refused, not waited for. */
static onp_status open_file(onp_idx *f, int64_t *file_bytes, onp_error *err)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        onp_status st = onp_fail(err, ONP_E_IO, "%s: %s", f->path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return st;
    }
    if (!S_ISREG(info.st_mode)) {
        (void)close(fd);
        return onp_fail(err, ONP_E_FORMAT, "%s: is not a regular file", f->path);
    }
    *file_bytes = info.st_size;
    f->file = gzdopen(fd, "rb");
    if (f->file == NULL) {
        (void)close(fd);
        return onp_fail(err, ONP_E_NOMEM, "%s: no memory to read it", f->path);
    }
    (void)gzbuffer(f->file, BUFFER);
    return ONP_OK;
}

onp_status onp_idx_open(const char *path, int min_dims, int max_dims, onp_idx *out, onp_error *err)
{
    int64_t file_bytes = 0;
    *out = (onp_idx){.path = path};
    onp_status st = open_file(out, &file_bytes, err);
    if (st == ONP_OK)
        st = read_header(out, min_dims, max_dims, err);
    if (st == ONP_OK)
        st = check_size(out, file_bytes, err);
    if (st != ONP_OK)
        onp_idx_close(out);
    return st;
}

onp_status onp_idx_read(onp_idx *f, void *out, size_t size, onp_error *err)
{
    size_t got = 0;
    ONP_TRY(read_some(f, out, size, &got, err));
    f->read_bytes += got;
    if (got < size)
        return onp_fail(err, ONP_E_FORMAT, "%s: ends after %zu bytes of data, wanted %zu", f->path,
                        f->read_bytes, f->size_bytes);
    return ONP_OK;
}

onp_status onp_idx_end(onp_idx *f, onp_error *err)
{
    uint8_t byte;
    size_t got = 0;
    ONP_TRY(read_some(f, &byte, 1, &got, err)); /* at the end zlib compares the checksum */
    if (got > 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: has more than the %zu bytes of data it should",
                        f->path, f->size_bytes);
    return ONP_OK;
}

void onp_idx_close(onp_idx *f)
{
    if (f->file != NULL)
        (void)gzclose(f->file);
    *f = (onp_idx){0};
}
