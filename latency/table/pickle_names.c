/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/table/pickle_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char mark[] = "\x01name";

static const char *const known[] = {
    "collections OrderedDict",
    "_codecs encode",
    "numpy dtype",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
};

enum { ORDERED_DICT, ENCODE, DTYPE, SCALAR, SCALAR_NEW };

static onp_status fail(const char *file, size_t at, const char *what, onp_error *err)
{
    return onp_fail(err, ONP_E_FORMAT, "%s: byte %zu of the pickle: %s", file, at, what);
}

static const char *name_of(const json_t *value)
{
    return json_string_value(json_object_get(value, mark));
}

bool onp_pickle_is_name(const json_t *value)
{
    return name_of(value) != NULL;
}

bool onp_pickle_is_reserved(const char *key)
{
    return key[0] == mark[0];
}

static onp_status new_name(const char *text, json_t **out, onp_error *err)
{
    *out = json_pack("{s:s}", mark, text);
    return *out != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "pickle: out of memory");
}

onp_status onp_pickle_name(const char *file, size_t at, const char *module, const char *member,
                           json_t **out, onp_error *err)
{
    const size_t n = strlen(module);
    for (size_t i = 0; i < ONP_COUNT(known); i++)
        if (strncmp(known[i], module, n) == 0 && known[i][n] == ' ' &&
            strcmp(known[i] + n + 1, member) == 0)
            return new_name(known[i], out, err);
    return onp_fail(err, ONP_E_FORMAT,
                    "%s: byte %zu of the pickle: it calls %.80s.%.80s, wanted plain data", file, at,
                    module, member);
}

json_t *onp_pickle_bytes(const unsigned char *bytes, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < n; i++)
        if (json_array_append_new(array, json_integer(bytes[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* OrderedDict() or OrderedDict([[key, value], ...]), keys being texts. */
static onp_status ordered_dict(const char *file, size_t at, const json_t *arguments, json_t **out,
                               onp_error *err)
{
    const json_t *pairs = json_array_get(arguments, 0), *pair;
    size_t i = 0;
    if (json_array_size(arguments) > 1 || (pairs != NULL && !json_is_array(pairs)))
        return fail(file, at, "an OrderedDict of other than pairs", err);
    *out = json_object();
    if (*out == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", file);
    json_array_foreach(pairs, i, pair)
    {
        const char *key = json_string_value(json_array_get(pair, 0));
        if (key == NULL || json_array_size(pair) != 2 || onp_pickle_is_reserved(key) ||
            json_object_get(*out, key) != NULL ||
            json_object_set(*out, key, json_array_get(pair, 1)) != 0)
            return fail(file, at, "an OrderedDict of other than pairs", err);
    }
    return ONP_OK;
}

/* encode(text, "latin1"): how protocol 2 writes bytes. */
static onp_status encode(const char *file, size_t at, const json_t *arguments, json_t **out,
                         onp_error *err)
{
    const json_t *text = json_array_get(arguments, 0);
    const char *coding = json_string_value(json_array_get(arguments, 1));
    const unsigned char *p = (const unsigned char *)json_string_value(text);
    unsigned char bytes[16];
    size_t n = 0;
    if (p == NULL || coding == NULL || strcmp(coding, "latin1") != 0)
        return fail(file, at, "a text encoded other than as latin1", err);
    for (const unsigned char *end = p + json_string_length(text); p < end; n++) {
        const bool two = *p >= 0x80; /* U+0080..U+00FF: 110000xx 10xxxxxx */
        if (n == sizeof bytes || *p > 0xc3)
            return fail(file, at, "encodes more than a number", err);
        bytes[n] = (unsigned char)(two ? p[0] << 6 | (p[1] & 0x3f) : *p);
        p += two ? 2 : 1;
    }
    *out = onp_pickle_bytes(bytes, n);
    return *out != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", file);
}

static const struct {
    const char *text;
    size_t size;
    char kind; /* f, i, u */
} types[] = {{"numpy f8", 8, 'f'}, {"numpy f4", 4, 'f'}, {"numpy i8", 8, 'i'},
             {"numpy i4", 4, 'i'}, {"numpy i2", 2, 'i'}, {"numpy i1", 1, 'i'},
             {"numpy u4", 4, 'u'}, {"numpy u2", 2, 'u'}, {"numpy u1", 1, 'u'}};

static onp_status dtype(const char *file, size_t at, const json_t *arguments, json_t **out,
                        onp_error *err)
{
    const char *text = json_string_value(json_array_get(arguments, 0));
    for (size_t i = 0; text != NULL && i < ONP_COUNT(types); i++)
        if (strcmp(types[i].text + sizeof "numpy", text) == 0)
            return new_name(types[i].text, out, err);
    return fail(file, at, "a NumPy type that is no number", err);
}

onp_status onp_pickle_build(const char *file, size_t at, json_t *thing, const json_t *state,
                            json_t **out, onp_error *err)
{
    const char *name = name_of(thing);
    const char *order = json_string_value(json_array_get(state, 1));
    if (name == NULL || strncmp(name, "numpy ", 6) != 0 || order == NULL ||
        (strcmp(order, "<") != 0 && strcmp(order, "|") != 0))
        return fail(file, at, "sets the state of what is no little-endian NumPy type", err);
    *out = json_incref(thing);
    return ONP_OK;
}

/* The little-endian number in `bytes` of type i. */
static json_t *number(const unsigned char *bytes, size_t i)
{
    const size_t size = types[i].size;
    assert(size >= 1 && size <= 8);
    uint64_t bits = 0;
    for (size_t b = size; b > 0; b--)
        bits = bits << 8 | bytes[b - 1];
    if (types[i].kind == 'f') {
        const uint32_t half = (uint32_t)bits;
        double d = 0;
        float f = 0;
        memcpy(&d, &bits, sizeof d);
        memcpy(&f, &half, sizeof f);
        return json_real(size == 8 ? d : (double)f);
    }
    const uint64_t sign = (uint64_t)1 << (8 * size - 1);
    if (types[i].kind == 'i')
        bits = (bits ^ sign) - sign; /* of fewer than 8 bytes: extended */
    return json_integer((json_int_t)bits);
}

static onp_status scalar(const char *file, size_t at, const json_t *arguments, json_t **out,
                         onp_error *err)
{
    const char *type = name_of(json_array_get(arguments, 0));
    const json_t *array = json_array_get(arguments, 1);
    unsigned char bytes[8];
    for (size_t i = 0; type != NULL && i < ONP_COUNT(types); i++) {
        if (strcmp(types[i].text, type) != 0 || json_array_size(array) != types[i].size)
            continue;
        for (size_t b = 0; b < types[i].size; b++)
            bytes[b] = (unsigned char)json_integer_value(json_array_get(array, b));
        *out = number(bytes, i); /* NULL: not finite, or no memory */
        return *out != NULL ? ONP_OK : fail(file, at, "a number that is not finite", err);
    }
    return fail(file, at, "a NumPy number without type or bytes", err);
}

onp_status onp_pickle_call(const char *file, size_t at, const json_t *name, const json_t *arguments,
                           json_t **out, onp_error *err)
{
    static onp_status (*const makers[])(const char *, size_t, const json_t *, json_t **,
                                        onp_error *) = {
        [ORDERED_DICT] = ordered_dict, [ENCODE] = encode, [DTYPE] = dtype, [SCALAR] = scalar,
        [SCALAR_NEW] = scalar,
    };
    const char *text = name_of(name);
    for (size_t i = 0; text != NULL && json_is_array(arguments) && i < ONP_COUNT(known); i++)
        if (strcmp(known[i], text) == 0) {
            onp_status st = makers[i](file, at, arguments, out, err);
            if (st != ONP_OK) {
                json_decref(*out);
                *out = NULL;
            }
            return st;
        }
    return fail(file, at, "it calls what is no name", err);
}
