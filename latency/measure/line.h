/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines from a file descriptor, each of bounded length.
 *
 *     onp_line_reader in;
 *     onp_line_reader_init(&in, ctx, ONP_PROTOCOL_MAX_LINE);
 *     while (!onp_line_reader_next(&in, &line, &length)) {
 *         ONP_TRY_GOTO(onp_line_reader_fill(&in, fd, &got, err));
 *         if (got == 0)
 *             break;                       // end of file
 *     }
 *   done:
 *     onp_line_reader_reset(&in);
 */
#ifndef ONP_LATENCY_MEASURE_LINE_H
#define ONP_LATENCY_MEASURE_LINE_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_line_reader {
    const onp_context *ctx; /* borrowed */
    char *data;
    size_t capacity, length;
    size_t start;   /* of the line to come */
    size_t scanned; /* no newline before this */
    size_t max_line;
} onp_line_reader;

void onp_line_reader_init(onp_line_reader *r, const onp_context *ctx, size_t max_line);
void onp_line_reader_reset(onp_line_reader *r);

/* True and the next whole line without its end ("\n" or "\r\n"); it lives until the next fill. */
bool onp_line_reader_next(onp_line_reader *r, const char **line, size_t *length);

/*
 * One read() of fd. *got: bytes read; 0 at the end of the file; -1 when a descriptor that does not
 * block has nothing now. Errors: ONP_E_FORMAT when the line has reached max_line bytes without an
 * end, ONP_E_IO, ONP_E_NOMEM.
 */
onp_status onp_line_reader_fill(onp_line_reader *r, int fd, long *got, onp_error *err) ONP_MUST_USE;

/* Bytes that have been read and not been given out. */
size_t onp_line_reader_left(const onp_line_reader *r);

/* Writes all of text to a descriptor that blocks. Errors: ONP_E_IO. */
onp_status onp_line_write(int fd, const char *text, size_t length, onp_error *err) ONP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
