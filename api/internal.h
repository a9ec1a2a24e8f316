/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the public library: what stands between include/onepath.h and the folders. Every
 * public function that does more than read goes
 *
 *     onp_error e = {0};
 *     const onp_api_host host = onp_api_enter(ctx);
 *     const onp_status st = ...;                     // with &ctx->base, &e
 *     return onp_api_leave(host, st, &e, err);
 */
#ifndef ONP_API_INTERNAL_H
#define ONP_API_INTERNAL_H

#include <locale.h>

#include "base/context.h"
#include "base/parallel.h"
#include "include/onepath.h"

struct onepath_context {
    onp_context base;
    onepath_options options;
    locale_t numbers; /* in which a number has a point */
};

/* What the calling thread has of its own while the library works in it. */
typedef struct onp_api_host {
    onp_parallel_host parallel;
    locale_t locale;
} onp_api_host;

onp_api_host onp_api_enter(const onepath_context *ctx);
/* Puts the thread's own back, tells the caller (err may be NULL), returns the public status. */
onepath_status onp_api_leave(onp_api_host host, onp_status st, const onp_error *from,
                             onepath_error *err);

/* Text and status for the caller; err may be NULL. */
onepath_status onp_api_tell(onp_status st, const onp_error *from, onepath_error *err);

/*
 * Reads a struct of the caller's, which begins with its size, into `to` of `known` bytes (all zero
 * before). from may be NULL: all zero. Errors: ONP_E_USAGE naming `what` (size 0 with members set;
 * members set that this library does not know).
 */
onp_status onp_api_take(const void *from, size_t known, const char *what, void *to,
                        onp_error *err) ONP_MUST_USE;
/* Whether `to`, a struct that the caller wants filled, has a size. Errors: ONP_E_USAGE. */
onp_status onp_api_can_give(const void *to, const char *what, onp_error *err) ONP_MUST_USE;
/* Fills as much of it as the caller knows; its size stays. */
void onp_api_give(const void *from, size_t known, void *to);

#endif
