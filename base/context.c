/* SPDX-License-Identifier: Apache-2.0 */
#include "base/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void *libc_alloc(void *user, size_t size)
{
    (void)user;
    size_t rounded = (size + ONP_ALIGN - 1) / ONP_ALIGN * ONP_ALIGN;
    if (rounded < size)
        return NULL;
    return aligned_alloc(ONP_ALIGN, rounded > 0 ? rounded : ONP_ALIGN);
}

static void libc_release(void *user, void *p)
{
    (void)user;
    free(p);
}

void onp_context_init(onp_context *ctx)
{
    *ctx = (onp_context){.alloc = libc_alloc, .release = libc_release};
}

bool onp_mul_size(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

void *onp_alloc(const onp_context *ctx, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!onp_mul_size(count, size, &bytes))
        return NULL;
    void *p = ctx->alloc(ctx->alloc_user, bytes);
    if (p != NULL)
        memset(p, 0, bytes);
    return p;
}

void onp_free(const onp_context *ctx, void *p)
{
    if (p != NULL)
        ctx->release(ctx->alloc_user, p);
}

char *onp_strdup(const onp_context *ctx, const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = onp_alloc(ctx, n, 1);
    if (copy != NULL)
        memcpy(copy, s, n);
    return copy;
}

onp_status onp_grow(const onp_context *ctx, void **array, size_t *cap, size_t need, size_t elem,
                    onp_error *err)
{
    if (need <= *cap)
        return ONP_OK;
    size_t want = *cap < 8 ? 8 : *cap * 2;
    if (want < need)
        want = need;
    void *bigger = onp_alloc(ctx, want, elem);
    if (bigger == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for %zu elements of %zu bytes", want,
                        elem);
    if (*cap > 0)
        memcpy(bigger, *array, *cap * elem);
    onp_free(ctx, *array);
    *array = bigger;
    *cap = want;
    return ONP_OK;
}

void onp_log(const onp_context *ctx, onp_log_level level, const char *fmt, ...)
{
    if (ctx->log == NULL)
        return;
    char text[1024], line[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    onp_text_make_plain(text, line, sizeof line);
    ctx->log(ctx->log_user, level, line);
}
