/* SPDX-License-Identifier: Apache-2.0 */
#include "search/manifest.h"

#include <string.h>
#include <time.h>

#include "base/text.h"
#include "ops/gemm.h"
#include "ops/kernels.h"

enum { SCHEMA = 1 };

/* Texts at the top, beside the objects "config" and "facts" and the list "done". */
static const char *const same_run[] = {"data_hash", "space_hash", NULL};
static const char *const same_bits[] = {"build", "kernel_set", "blas_core", NULL};
static const char *const others[] = {"version", "hash", "started", "updated", NULL};

static onp_status set(json_t *object, const char *key, const char *text, onp_error *err)
{
    json_t *value = json_string(text);
    if (json_object_set_new(object, key, value) == 0)
        return ONP_OK;
    if (value == NULL && text != NULL && strlen(text) < 4096)
        return onp_fail(err, ONP_E_RANGE, "manifest: \"%s\" is not text in UTF-8", key);
    return onp_fail(err, ONP_E_NOMEM, "out of memory for the manifest");
}

/* ---- a new one ---- */

typedef struct collector {
    json_t *config;
    onp_strbuf text; /* what the hash is of */
} collector;

static onp_status collect(void *user, const char *key, const char *value, onp_error *err)
{
    collector *c = user;
    onp_strbuf_addf(&c->text, "%s=%s\n", key, value);
    return set(c->config, key, value, err);
}

/* "config" and "hash": of the keys, the data and the space. */
static onp_status set_config(json_t *m, const onp_run_options *o, onp_error *err)
{
    char hex[ONP_SHA256_HEX];
    collector c = {.config = json_object_get(m, "config")};
    onp_strbuf_init(&c.text, o->cfg->ctx);
    onp_status st = onp_config_each(o->cfg, collect, &c, err);
    onp_strbuf_addf(&c.text, "data=%s\nspace=%s\n", o->data_hash, o->space_hash);
    if (st == ONP_OK)
        st = onp_strbuf_status(&c.text, err);
    if (st == ONP_OK) {
        onp_sha256(c.text.text, c.text.length, hex);
        st = set(m, "hash", hex, err);
    }
    onp_strbuf_reset(&c.text);
    return st;
}

static onp_status set_time(json_t *m, const char *key, onp_error *err)
{
    char text[ONP_TEXT_UTC];
    onp_text_utc((int64_t)time(NULL) * 1000000000, text);
    if (text[0] == '\0')
        return onp_fail(err, ONP_E_FAIL, "the clock has no date");
    return set(m, key, text, err);
}

static onp_status fill(json_t *m, const onp_context *ctx, const onp_run_options *o, onp_error *err)
{
    const char *const texts[][2] = {
        {"version", ONEPATH_VERSION},
        {"build", o->build},
        {"kernel_set", ctx->kernels != NULL ? ctx->kernels->name : "none"},
        {"blas_core", onp_blas_core()},
        {"data_hash", o->data_hash},
        {"space_hash", o->space_hash},
    };
    if (json_object_set_new(m, "schema", json_integer(SCHEMA)) != 0 ||
        json_object_set_new(m, "seed", json_integer(o->cfg->seed)) != 0)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for the manifest");
    for (size_t i = 0; i < ONP_COUNT(texts); i++)
        ONP_TRY(set(m, texts[i][0], texts[i][1], err));
    ONP_TRY(set_time(m, "started", err));
    ONP_TRY(set_time(m, "updated", err));
    if (json_object_set_new(m, "done", json_array()) != 0 ||
        json_object_set_new(m, "facts", json_object()) != 0 ||
        json_object_set_new(m, "config", json_object()) != 0)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for the manifest");
    return set_config(m, o, err);
}

onp_status onp_manifest_make(const onp_context *ctx, const onp_run_options *options, json_t **out,
                             onp_error *err)
{
    json_t *m = json_object();
    if (m == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for the manifest");
    onp_status st = fill(m, ctx, options, err);
    if (st != ONP_OK) {
        json_decref(m);
        return st;
    }
    *out = m;
    return ONP_OK;
}

/* ---- one from a file ---- */

static onp_status check_texts(const json_t *m, const char *const *keys, const char *path,
                              onp_error *err)
{
    const char *text = NULL;
    for (; *keys != NULL; keys++)
        ONP_TRY(onp_json_get_string(m, *keys, &text, path, err));
    return ONP_OK;
}

static onp_status check_strings(json_t *object, const char *name, const char *path, onp_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value) if (!json_is_string(value)) return onp_fail(
        err, ONP_E_FORMAT, "%s: %s.%.64s is not a string", path, name, key);
    return ONP_OK;
}

static onp_status check(const json_t *m, const char *path, onp_error *err)
{
    int64_t number = 0;
    json_t *part = NULL;
    ONP_TRY(onp_json_get_int(m, "schema", SCHEMA, SCHEMA, &number, path, err));
    ONP_TRY(onp_json_get_int(m, "seed", 0, INT64_MAX, &number, path, err));
    ONP_TRY(check_texts(m, same_run, path, err));
    ONP_TRY(check_texts(m, same_bits, path, err));
    ONP_TRY(check_texts(m, others, path, err));
    ONP_TRY(onp_json_get_object(m, "config", &part, path, err));
    ONP_TRY(check_strings(part, "config", path, err));
    ONP_TRY(onp_json_get_object(m, "facts", &part, path, err));
    ONP_TRY(check_strings(part, "facts", path, err));
    ONP_TRY(onp_json_get_array(m, "done", &part, path, err));
    for (size_t i = 0; i < json_array_size(part); i++)
        if (!json_is_string(json_array_get(part, i)))
            return onp_fail(err, ONP_E_FORMAT, "%s: done[%zu] is not a string", path, i);
    return ONP_OK;
}

onp_status onp_manifest_load(const onp_context *ctx, const char *path, json_t **out, onp_error *err)
{
    json_t *m = NULL;
    ONP_TRY(onp_json_load_file(ctx, path, ONP_MIB, &m, err));
    onp_status st = check(m, path, err);
    if (st != ONP_OK) {
        json_decref(m);
        return st;
    }
    *out = m;
    return ONP_OK;
}

/* ---- resuming ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "not set";
}

static onp_status differs(const char *dir, const char *key, const json_t *stored, const json_t *now,
                          const char *advice, onp_error *err)
{
    return onp_fail(err, ONP_E_USAGE, "%s: %s is %.80s in this run, now %.80s (%s)", dir, key,
                    text_of(stored, key), text_of(now, key), advice);
}

/* The first key of `all` whose text is another in `other`, or NULL. */
static const char *first_difference(json_t *all, const json_t *other)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(
        all, key, value) if (strcmp(json_string_value(value), text_of(other, key)) != 0) return key;
    return NULL;
}

static const char *first_of(const char *const *keys, const json_t *a, const json_t *b)
{
    for (; *keys != NULL; keys++)
        if (strcmp(text_of(a, *keys), text_of(b, *keys)) != 0)
            return *keys;
    return NULL;
}

onp_status onp_manifest_resume(json_t *now, const json_t *stored, const char *dir, bool other_bits,
                               onp_error *err)
{
    static const char other_run[] = "change it back, or take another folder or --fresh";
    json_t *now_config = json_object_get(now, "config");
    json_t *stored_config = json_object_get(stored, "config");
    const char *key = first_difference(now_config, stored_config);
    if (key == NULL) /* a key that only the stored one has */
        key = first_difference(stored_config, now_config);
    if (key != NULL)
        return differs(dir, key, stored_config, now_config, other_run, err);
    key = first_of(same_run, stored, now);
    if (key != NULL)
        return differs(dir, key, stored, now, other_run, err);
    key = first_of(same_bits, stored, now);
    if (key != NULL && !other_bits)
        return differs(dir, key, stored, now,
                       "results may differ in their last bits: "
                       "--allow-other-bits",
                       err);
    const char *const kept[] = {"started", "done", "facts"};
    for (size_t i = 0; i < ONP_COUNT(kept); i++)
        if (json_object_set(now, kept[i], json_object_get(stored, kept[i])) != 0)
            return onp_fail(err, ONP_E_NOMEM, "out of memory for the manifest");
    return key != NULL ? onp_manifest_set_fact(now, "other_bits", key, err) : ONP_OK;
}

/* ---- its parts ---- */

const char *onp_manifest_text(const json_t *manifest, const char *key)
{
    return text_of(manifest, key);
}

bool onp_manifest_is_done(const json_t *manifest, const char *stage)
{
    const json_t *done = json_object_get(manifest, "done");
    for (size_t i = 0; i < json_array_size(done); i++)
        if (strcmp(json_string_value(json_array_get(done, i)), stage) == 0)
            return true;
    return false;
}

const char *onp_manifest_fact(const json_t *manifest, const char *key)
{
    return json_string_value(json_object_get(json_object_get(manifest, "facts"), key));
}

onp_status onp_manifest_set_done(json_t *manifest, const char *stage, onp_error *err)
{
    if (onp_manifest_is_done(manifest, stage))
        return ONP_OK;
    if (json_array_append_new(json_object_get(manifest, "done"), json_string(stage)) != 0)
        return onp_fail(err, ONP_E_NOMEM, "out of memory for the manifest");
    return ONP_OK;
}

onp_status onp_manifest_set_fact(json_t *manifest, const char *key, const char *value,
                                 onp_error *err)
{
    return set(json_object_get(manifest, "facts"), key, value, err);
}

onp_status onp_manifest_touch(json_t *manifest, onp_error *err)
{
    return set_time(manifest, "updated", err);
}
