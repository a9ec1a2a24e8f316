/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status codes and error text.
 *
 * Whatever can fail returns onp_status; the innermost failure writes one line of text into the
 * caller's onp_error (which may be NULL), naming the thing, the value seen and the value wanted.
 * Outer layers may prefix where it was.
 *
 *     onp_error err = {0};
 *     if (onp_file_read(ctx, path, ONP_MIB, &data, &size, &err) != ONP_OK)
 *         fprintf(stderr, "%s\n", err.msg);
 */
#ifndef ONP_BASE_STATUS_H
#define ONP_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* code, text, process exit code (DESIGN part 7) */
#define ONP_STATUS_LIST(X)                                                                         \
    X(ONP_OK, "success", 0)                                                                        \
    X(ONP_E_FAIL, "failed", 1)                                                                     \
    X(ONP_E_NOMEM, "out of memory", 1)                                                             \
    X(ONP_E_SHAPE, "tensor shapes do not agree", 1)                                                \
    X(ONP_E_RANGE, "value out of range", 1)                                                        \
    X(ONP_E_MISSING, "a latency row is missing", 1)                                                \
    X(ONP_E_IO, "input or output failed", 1)                                                       \
    X(ONP_E_USAGE, "usage or configuration error", 2)                                              \
    X(ONP_E_CONFIG, "configuration error", 2)                                                      \
    X(ONP_E_FORMAT, "file unreadable, truncated or unsupported", 3)                                \
    X(ONP_E_BUDGET, "no network of the space meets the budget", 4)                                 \
    X(ONP_E_OVER_BUDGET, "the measured network misses the budget", 5)                              \
    X(ONP_E_DEVICE, "device unreachable or too noisy", 6)                                          \
    X(ONP_E_INTERRUPTED, "interrupted", 130)

typedef enum onp_status {
#define ONP_X(code, text, exit_code) code,
    ONP_STATUS_LIST(ONP_X)
#undef ONP_X
} onp_status;

typedef struct onp_error {
    onp_status status;
    char msg[512];
} onp_error;

#define ONP_MUST_USE     __attribute__((warn_unused_result))
#define ONP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Static text of a code, never NULL. */
const char *onp_status_text(onp_status st);

/* Process exit code of a status (DESIGN part 7). */
int onp_status_exit_code(onp_status st);

/* Writes status and text into err (may be NULL). The text is cut at 511 bytes, and plain: control
 * characters of what it quotes are escaped (base/text.h). Returns st. */
onp_status onp_fail(onp_error *err, onp_status st, const char *fmt, ...) ONP_PRINTF(3, 4);

/* Puts a prefix such as "space.yaml: block 3: " before the text err holds already. err may be NULL.
 * Returns st. */
onp_status onp_fail_prefix(onp_error *err, onp_status st, const char *fmt, ...) ONP_PRINTF(3, 4);

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time: that these return st, so that no failure is ONP_OK. */
#    define onp_fail(err, st, ...)        ((void)onp_fail(err, st, __VA_ARGS__), (st))
#    define onp_fail_prefix(err, st, ...) ((void)onp_fail_prefix(err, st, __VA_ARGS__), (st))
#endif

/* Passes a failure up. */
#define ONP_TRY(expr)                                                                              \
    do {                                                                                           \
        onp_status onp_try_st_ = (expr);                                                           \
        if (onp_try_st_ != ONP_OK)                                                                 \
            return onp_try_st_;                                                                    \
    } while (0)

/* The same where something must be released: needs `onp_status st` and a label `done`. */
#define ONP_TRY_GOTO(expr)                                                                         \
    do {                                                                                           \
        st = (expr);                                                                               \
        if (st != ONP_OK)                                                                          \
            goto done;                                                                             \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
