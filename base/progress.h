/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress on stderr: a bar with time left on a terminal, plain lines (at most one every ten
 * seconds, and the last) elsewhere. NO_COLOR is honoured. Created by cli, passed down as a pointer
 * that may be NULL; every call accepts NULL. One thread at a time.
 *
 *     onp_progress_begin(p, "profile", n_blocks);
 *     onp_progress_step(p, i, "%s", key);
 *     onp_progress_end(p);
 */
#ifndef ONP_BASE_PROGRESS_H
#define ONP_BASE_PROGRESS_H

#include "base/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct onp_progress onp_progress;

/* fd: where to write (2); `quiet` prints nothing. NULL when there is no memory: then nothing is
 * printed. */
onp_progress *onp_progress_new(const onp_context *ctx, int fd, bool quiet);
void onp_progress_free(onp_progress *p);
void onp_progress_begin(onp_progress *p, const char *what, int64_t total);
void onp_progress_step(onp_progress *p, int64_t done, const char *fmt, ...) ONP_PRINTF(3, 4);
void onp_progress_end(onp_progress *p);
/* A line that must not be broken by the bar. */
void onp_progress_line(onp_progress *p, const char *line);

/* Monotonic clock (CLOCK_MONOTONIC_RAW where there is one), nanoseconds. */
int64_t onp_now_ns(void);

#ifdef __cplusplus
}
#endif
#endif
