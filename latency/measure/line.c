/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/line.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (64 * ONP_KIB)

void onp_line_reader_init(onp_line_reader *r, const onp_context *ctx, size_t max_line)
{
    *r = (onp_line_reader){.ctx = ctx, .max_line = max_line};
}

void onp_line_reader_reset(onp_line_reader *r)
{
    onp_free(r->ctx, r->data);
    onp_line_reader_init(r, r->ctx, r->max_line);
}

bool onp_line_reader_next(onp_line_reader *r, const char **line, size_t *length)
{
    if (r->scanned == r->length)
        return false;
    const char *end = memchr(r->data + r->scanned, '\n', r->length - r->scanned);
    if (end == NULL) {
        r->scanned = r->length;
        return false;
    }
    *line = r->data + r->start;
    *length = (size_t)(end - *line);
    r->start = r->scanned = (size_t)(end - r->data) + 1;
    if (*length > 0 && end[-1] == '\r')
        --*length;
    return true;
}

size_t onp_line_reader_left(const onp_line_reader *r)
{
    return r->length - r->start;
}

onp_status onp_line_reader_fill(onp_line_reader *r, int fd, long *got, onp_error *err)
{
    const size_t left = onp_line_reader_left(r);
    if (left >= r->max_line)
        return onp_fail(err, ONP_E_FORMAT, "a line of more than %zu bytes", r->max_line);
    if (r->start > 0) {
        memmove(r->data, r->data + r->start, left);
        r->scanned -= r->start;
        r->length = left;
        r->start = 0;
    }
    ONP_TRY(onp_grow(r->ctx, (void **)&r->data, &r->capacity, left + CHUNK, 1, err));
    ssize_t n;
    do {
        n = read(fd, r->data + left, CHUNK);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return onp_fail(err, ONP_E_IO, "read: %s", strerror(errno));
    if (n > 0)
        r->length += (size_t)n;
    *got = (long)n;
    return ONP_OK;
}

onp_status onp_line_write(int fd, const char *text, size_t length, onp_error *err)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return onp_fail(err, ONP_E_IO, "write: %s", strerror(errno));
        text += n;
        length -= (size_t)n;
    }
    return ONP_OK;
}
