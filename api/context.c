/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <string.h>

#include "ops/kernels.h"

/* The two lists are one: a status goes through as it is. */
_Static_assert((int)ONEPATH_E_INTERRUPTED == (int)ONP_E_INTERRUPTED &&
                   (int)ONEPATH_E_MISSING == (int)ONP_E_MISSING &&
                   (int)ONEPATH_E_FORMAT == (int)ONP_E_FORMAT,
               "public and internal status codes differ");
_Static_assert((int)ONEPATH_LOG_ERROR == (int)ONP_LOG_ERROR, "log levels differ");

const char *onepath_version(void)
{
    return ONEPATH_VERSION;
}

const char *onepath_status_text(onepath_status status)
{
    return onp_status_text((onp_status)status);
}

/* ---- every call ---- */

onp_api_host onp_api_enter(const onepath_context *ctx)
{
    return (onp_api_host){.parallel = onp_parallel_enter(), .locale = uselocale(ctx->numbers)};
}

onepath_status onp_api_leave(onp_api_host host, onp_status st, const onp_error *from,
                             onepath_error *err)
{
    (void)uselocale(host.locale);
    onp_parallel_leave(host.parallel);
    return onp_api_tell(st, from, err);
}

onepath_status onp_api_tell(onp_status st, const onp_error *from, onepath_error *err)
{
    if (err == NULL)
        return (onepath_status)st;
    *err = (onepath_error){.status = (onepath_status)st};
    if (st != ONP_OK) {
        _Static_assert(sizeof err->text >= sizeof from->msg, "a text may not fit");
        memcpy(err->text, from->msg, sizeof from->msg);
    }
    return (onepath_status)st;
}

/* ---- the caller's memory and log ---- */

/* The caller's allocator aligns as malloc does: room to align further, and what it gave right
 * before what is given on. */
static void *aligned_alloc_by(void *user, size_t size)
{
    const onepath_options *o = user;
    size_t bytes;
    if (__builtin_add_overflow(size, ONP_ALIGN + sizeof(void *), &bytes))
        return NULL;
    char *given = o->alloc(o->alloc_user, bytes);
    if (given == NULL)
        return NULL;
    const uintptr_t least = (uintptr_t)(given + sizeof(void *));
    const size_t skip = (ONP_ALIGN - least % ONP_ALIGN) % ONP_ALIGN;
    char *p = given + sizeof(void *) + skip;
    memcpy(p - sizeof given, &given, sizeof given);
    return p;
}

static void aligned_release_by(void *user, void *p)
{
    const onepath_options *o = user;
    void *given;
    if (p == NULL)
        return;
    memcpy(&given, (char *)p - sizeof given, sizeof given);
    o->release(o->alloc_user, given);
}

static void log_by(void *user, onp_log_level level, const char *line)
{
    const onepath_options *o = user;
    o->log(o->log_user, (onepath_log_level)level, line);
}

static void route(onp_context *base, onepath_options *o)
{
    onp_context_init(base);
    if (o->alloc != NULL) {
        base->alloc = aligned_alloc_by;
        base->release = aligned_release_by;
        base->alloc_user = o;
    }
    if (o->log != NULL) {
        base->log = log_by;
        base->log_user = o;
    }
}

/* ---- a context ---- */

static onp_status make(const onp_context *base, const onepath_options *o, onepath_context **out,
                       onp_error *err)
{
    onepath_context *ctx = onp_alloc(base, 1, sizeof *ctx);
    const locale_t numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (ctx == NULL || numbers == (locale_t)0) {
        onp_free(base, ctx);
        if (numbers != (locale_t)0)
            freelocale(numbers);
        return onp_fail(err, ONP_E_NOMEM, "context: out of memory");
    }
    *ctx = (onepath_context){.options = *o, .numbers = numbers};
    ctx->options.kernels = NULL; /* was borrowed for the call */
    route(&ctx->base, &ctx->options);
    ctx->base.kernels = base->kernels;
    *out = ctx;
    return ONP_OK;
}

static onp_status new_context(const onepath_options *options, onepath_context **out, onp_error *err)
{
    onepath_options o = {0};
    onp_context base;
    onepath_context *ctx = NULL;
    ONP_TRY(onp_api_take(options, sizeof o, "onepath_options", &o, err));
    if ((o.alloc == NULL) != (o.release == NULL))
        return onp_fail(err, ONP_E_USAGE,
                        "onepath_options: wanted both alloc and release, or none");
    route(&base, &o);
    ONP_TRY(onp_kernels_choose(&base, o.kernels, err));
    ONP_TRY(make(&base, &o, &ctx, err));
    const onp_status st = onp_parallel_embed(o.threads, err);
    if (st == ONP_OK)
        *out = ctx;
    else
        onepath_context_free(ctx);
    return st;
}

onepath_status onepath_context_new(const onepath_options *options, onepath_context **out,
                                   onepath_error *err)
{
    onp_error e = {0};
    const onp_status st = new_context(options, out, &e);
    return onp_api_tell(st, &e, err);
}

void onepath_context_free(onepath_context *ctx)
{
    if (ctx == NULL)
        return;
    freelocale(ctx->numbers);
    onepath_options options = ctx->options; /* outlives what it releases */
    onp_context base;
    route(&base, &options);
    onp_free(&base, ctx);
}
