/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context: allocator, log, kernel set. Passed to everything that allocates, speaks or computes;
 * read-only to those who receive it, so threads may share one.
 *
 *     onp_context ctx;
 *     onp_context_init(&ctx);                    // malloc, no log, kernels chosen later
 *     float *x = onp_alloc(&ctx, n, sizeof *x);  // zeroed, aligned; NULL: overflow or no memory
 *     onp_free(&ctx, x);
 */
#ifndef ONP_BASE_CONTEXT_H
#define ONP_BASE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONP_ALIGN        64
#define ONP_KIB          ((size_t)1024)
#define ONP_MIB          ((size_t)1024 * 1024)
#define ONP_GIB          ((size_t)1024 * 1024 * 1024)
#define ONP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef enum onp_log_level {
    ONP_LOG_DEBUG,
    ONP_LOG_INFO,
    ONP_LOG_WARN,
    ONP_LOG_ERROR
} onp_log_level;

struct onp_kernels; /* ops/kernels.h */

typedef struct onp_context {
    void *(*alloc)(void *user,
                   size_t size);          /* 64-byte aligned, not zeroed; NULL when there is none */
    void (*release)(void *user, void *p); /* p may be NULL */
    void *alloc_user;
    void (*log)(void *user, onp_log_level level, const char *line); /* NULL: silent */
    void *log_user;
    const struct onp_kernels *kernels; /* set by onp_kernels_choose(); NULL until then */
} onp_context;

/* Fills ctx with the C library's allocator, no log and no kernels. */
void onp_context_init(onp_context *ctx);

/* count * size bytes, zeroed, 64-byte aligned. NULL on overflow or when there is no memory. A count
 * of 0 gives a valid pointer. Release with onp_free. */
void *onp_alloc(const onp_context *ctx, size_t count, size_t size);
void onp_free(const onp_context *ctx, void *p);

/* Copies a string; NULL when there is no memory. Release with onp_free. */
char *onp_strdup(const onp_context *ctx, const char *s);

/* Makes room for `need` elements of `elem` bytes in a growing array (*array, *cap). Growth at least
 * doubles; old elements are kept, new ones zeroed. On ONP_E_NOMEM nothing changes. */
onp_status onp_grow(const onp_context *ctx, void **array, size_t *cap, size_t need, size_t elem,
                    onp_error *err) ONP_MUST_USE;

/* a * b, or false when it does not fit size_t (then *out is unchanged). */
bool onp_mul_size(size_t a, size_t b, size_t *out);

/* One line to the context's log, made plain (base/text.h); no newline at its end. */
void onp_log(const onp_context *ctx, onp_log_level level, const char *fmt, ...) ONP_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
