/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/platform.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

typedef enum field_kind { REQUIRED, TEXT, NUMBER } field_kind;

typedef struct platform_field {
    const char *key;
    field_kind kind;
    const char *text;
    int64_t number;
} platform_field;

static onp_status check_field(const platform_field *f, onp_error *err)
{
    if (f->number < 0)
        return onp_fail(err, ONP_E_RANGE, "platform: %s is %lld, wanted 0 (unknown) or more",
                        f->key, (long long)f->number);
    if (f->text != NULL && !onp_text_is_plain(f->text))
        return onp_fail(err, ONP_E_RANGE, "platform: %s is \"%s\", wanted plain UTF-8 text", f->key,
                        f->text);
    if (f->kind == REQUIRED && (f->text == NULL || f->text[0] == '\0'))
        return onp_fail(err, ONP_E_RANGE, "platform: %s is missing", f->key);
    return ONP_OK;
}

static onp_status set_field(json_t *object, const platform_field *f, onp_error *err)
{
    if (f->kind == NUMBER ? f->number == 0 : f->text == NULL)
        return ONP_OK;
    json_t *value = NULL;
    if (f->kind == NUMBER) {
        value = json_integer(f->number);
    } else {
        value = json_string(f->text);
    }
    if (json_object_set_new(object, f->key, value) != 0)
        return onp_fail(err, ONP_E_NOMEM, "platform: out of memory");
    return ONP_OK;
}

onp_status onp_platform_json(const onp_platform *p, onp_strbuf *out, onp_error *err)
{
    const platform_field fields[] = {
        /* sorted: the order is the canonical one */
        {"backend", REQUIRED, p->backend, 0},   {"backend_version", TEXT, p->backend_version, 0},
        {"batch", NUMBER, NULL, p->batch},      {"blas_core", TEXT, p->blas_core, 0},
        {"cache_mode", TEXT, p->cache_mode, 0}, {"cluster", TEXT, p->cluster, 0},
        {"device", REQUIRED, p->device, 0},     {"kernel_hash", TEXT, p->kernel_hash, 0},
        {"kernel_set", TEXT, p->kernel_set, 0}, {"precision", TEXT, p->precision, 0},
        {"threads", NUMBER, NULL, p->threads},
    };
    json_t *object = json_object();
    onp_status st = ONP_OK;
    if (object == NULL)
        return onp_fail(err, ONP_E_NOMEM, "platform: out of memory");
    for (size_t i = 0; i < ONP_COUNT(fields); i++) {
        ONP_TRY_GOTO(check_field(&fields[i], err));
        ONP_TRY_GOTO(set_field(object, &fields[i], err));
    }
    ONP_TRY_GOTO(onp_json_dump(object, 0, out, err));
done:
    json_decref(object);
    return st;
}

onp_status onp_platform_signature(const onp_context *ctx, const onp_platform *p,
                                  char signature[ONP_SHA256_HEX], onp_error *err)
{
    onp_strbuf json;
    onp_strbuf_init(&json, ctx);
    onp_status st = onp_platform_json(p, &json, err);
    if (st == ONP_OK)
        onp_sha256(json.text, json.length, signature);
    onp_strbuf_reset(&json);
    return st;
}

/* A line that is written part by part. */
typedef struct line {
    char *out;
    size_t size, used;
} line;

static void add_part(line *l, const char *before, const char *value, const char *after)
{
    if (value == NULL || l->used >= l->size)
        return;
    const int n = snprintf(l->out + l->used, l->size - l->used, "%s%s%.60s%s",
                           l->used > 0 ? ", " : "", before, value, after);
    l->used += n > 0 ? (size_t)n : 0;
}

static const char *number(int64_t v, char text[24])
{
    (void)snprintf(text, 24, "%lld", (long long)v);
    return v > 0 ? text : NULL;
}

void onp_platform_describe(const onp_platform *p, char *out, size_t out_size)
{
    line l = {.out = out, .size = out_size};
    char text[24];
    out[0] = '\0';
    add_part(&l, "", p->backend, "");
    add_part(&l, "version ", p->backend_version, "");
    add_part(&l, "", p->kernel_set, " kernels");
    add_part(&l, "BLAS ", p->blas_core, "");
    add_part(&l, "threads ", number(p->threads, text), "");
    add_part(&l, "cores ", p->cluster, "");
    add_part(&l, "", p->precision, "");
    add_part(&l, "batch ", number(p->batch, text), "");
    add_part(&l, "", p->cache_mode, "");
}

static bool text_agrees(const char *a, const char *b)
{
    return a == NULL || b == NULL || strcmp(a, b) == 0;
}

bool onp_platform_agrees(const onp_platform *a, const onp_platform *b)
{
    return text_agrees(a->backend, b->backend) &&
           text_agrees(a->backend_version, b->backend_version) &&
           text_agrees(a->kernel_set, b->kernel_set) &&
           text_agrees(a->kernel_hash, b->kernel_hash) && text_agrees(a->blas_core, b->blas_core) &&
           text_agrees(a->cluster, b->cluster) && text_agrees(a->precision, b->precision) &&
           text_agrees(a->cache_mode, b->cache_mode) &&
           (a->threads == 0 || b->threads == 0 || a->threads == b->threads) &&
           (a->batch == 0 || b->batch == 0 || a->batch == b->batch);
}
