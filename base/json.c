/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

onp_status onp_json_parse(const char *text, size_t size, const char *name, json_t **out,
                          onp_error *err)
{
    json_error_t e;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
    if (root == NULL) {
        /* it does not always know that memory was what failed, but then has no line to name */
        const bool no_memory = json_error_code(&e) == json_error_out_of_memory || e.line < 0;
        if (no_memory)
            return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", name);
        return onp_fail(err, ONP_E_FORMAT, "%s:%d:%d: %s", name, e.line, e.column, e.text);
    }
    *out = root;
    return ONP_OK;
}

onp_status onp_json_load_file(const onp_context *ctx, const char *path, size_t max_bytes,
                              json_t **out, onp_error *err)
{
    char *text = NULL;
    size_t size = 0;
    ONP_TRY(onp_file_read(ctx, path, max_bytes, &text, &size, err));
    onp_status st = onp_json_parse(text, size, path, out, err);
    onp_free(ctx, text);
    return st;
}

static void dump_string(const char *s, size_t length, onp_strbuf *out)
{
    onp_strbuf_adds(out, "\"");
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)s[i];
        /* C1 controls (U+0080 to U+009F) and DEL too: what a file holds cannot steer a terminal */
        const bool c1 = c == 0xc2 && i + 1 < length && (unsigned char)s[i + 1] < 0xa0;
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && !c1)
            continue;
        onp_strbuf_add(out, s + plain, i - plain);
        if (c1)
            c = (unsigned char)s[++i];
        plain = i + 1;
        if (c == '"' || c == '\\')
            onp_strbuf_addf(out, "\\%c", c);
        else if (c == '\n')
            onp_strbuf_adds(out, "\\n");
        else if (c == '\t')
            onp_strbuf_adds(out, "\\t");
        else
            onp_strbuf_addf(out, "\\u%04x", c);
    }
    onp_strbuf_add(out, s + plain, length - plain);
    onp_strbuf_adds(out, "\"");
}

static void dump_real(double value, onp_strbuf *out)
{
    size_t start = out->length;
    onp_strbuf_addreal(out, value);
    if (strpbrk(out->text + start, ".e") == NULL)
        onp_strbuf_adds(out, ".0"); /* else it would read back as an integer */
}

static void new_line(int indent, int depth, onp_strbuf *out)
{
    if (indent > 0)
        onp_strbuf_addf(out, "\n%*s", indent * depth, "");
}

static void dump_value(const json_t *value, int indent, int depth, onp_strbuf *out);

static void dump_item(bool first, int indent, int depth, onp_strbuf *out)
{
    if (!first)
        onp_strbuf_adds(out, indent > 0 ? "," : ", ");
    new_line(indent, depth, out);
}

static void dump_object(const json_t *object, int indent, int depth, onp_strbuf *out)
{
    onp_strbuf_adds(out, "{");
    json_t *mutable_object = (json_t *)(uintptr_t)object; /* jansson's iterator lacks const */
    void *first = json_object_iter(mutable_object);
    for (void *it = first; it != NULL; it = json_object_iter_next(mutable_object, it)) {
        const char *key = json_object_iter_key(it);
        dump_item(it == first, indent, depth + 1, out);
        dump_string(key, strlen(key), out);
        onp_strbuf_adds(out, ": ");
        dump_value(json_object_iter_value(it), indent, depth + 1, out);
    }
    if (first != NULL)
        new_line(indent, depth, out);
    onp_strbuf_adds(out, "}");
}

static void dump_array(const json_t *array, int indent, int depth, onp_strbuf *out)
{
    size_t count = json_array_size(array);
    onp_strbuf_adds(out, "[");
    for (size_t i = 0; i < count; i++) {
        dump_item(i == 0, indent, depth + 1, out);
        dump_value(json_array_get(array, i), indent, depth + 1, out);
    }
    if (count > 0)
        new_line(indent, depth, out);
    onp_strbuf_adds(out, "]");
}

static void dump_value(const json_t *value, int indent, int depth, onp_strbuf *out)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        dump_object(value, indent, depth, out);
        break;
    case JSON_ARRAY:
        dump_array(value, indent, depth, out);
        break;
    case JSON_STRING:
        dump_string(json_string_value(value), json_string_length(value), out);
        break;
    case JSON_INTEGER:
        onp_strbuf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        dump_real(json_real_value(value), out);
        break;
    case JSON_TRUE:
        onp_strbuf_adds(out, "true");
        break;
    case JSON_FALSE:
        onp_strbuf_adds(out, "false");
        break;
    case JSON_NULL:
        onp_strbuf_adds(out, "null");
        break;
    }
}

onp_status onp_json_dump(const json_t *value, int indent, onp_strbuf *out, onp_error *err)
{
    dump_value(value, indent, 0, out);
    return onp_strbuf_status(out, err);
}

onp_status onp_json_save_file(const onp_context *ctx, const json_t *value, int indent,
                              const char *path, onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, ctx);
    onp_status st = ONP_OK;
    dump_value(value, indent, 0, &text);
    onp_strbuf_adds(&text, "\n");
    ONP_TRY_GOTO(onp_strbuf_status(&text, err));
    ONP_TRY_GOTO(onp_file_write_atomic(path, text.text, text.length, err));
done:
    onp_strbuf_reset(&text);
    return st;
}

static const char *kind_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    return value != NULL ? names[json_typeof(value)] : "nothing";
}

/* The member `key`, which must be of `type`; JSON_REAL admits integers. */
static onp_status get(const json_t *object, const char *key, json_type type, const char *wanted,
                      json_t **out, const char *where, onp_error *err)
{
    if (!json_is_object(object))
        return onp_fail(err, ONP_E_FORMAT, "%s: is %s, wanted an object with key \"%s\"", where,
                        kind_name(object), key);
    json_t *value = json_object_get(object, key);
    if (value == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" is missing", where, key);
    if (json_typeof(value) != type && !(type == JSON_REAL && json_is_integer(value)))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" is %s, wanted %s", where, key,
                        kind_name(value), wanted);
    *out = value;
    return ONP_OK;
}

onp_status onp_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                            int64_t *out, const char *where, onp_error *err)
{
    json_t *value = NULL;
    ONP_TRY(get(object, key, JSON_INTEGER, "an integer", &value, where, err));
    int64_t seen = json_integer_value(value);
    if (seen < min || seen > max)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: key \"%s\" is %" PRId64 ", wanted %" PRId64 "..%" PRId64, where, key,
                        seen, min, max);
    *out = seen;
    return ONP_OK;
}

onp_status onp_json_get_real(const json_t *object, const char *key, double *out, const char *where,
                             onp_error *err)
{
    json_t *value = NULL;
    ONP_TRY(get(object, key, JSON_REAL, "a number", &value, where, err));
    *out = json_number_value(value);
    return ONP_OK;
}

onp_status onp_json_get_string(const json_t *object, const char *key, const char **out,
                               const char *where, onp_error *err)
{
    json_t *value = NULL;
    ONP_TRY(get(object, key, JSON_STRING, "a string", &value, where, err));
    *out = json_string_value(value);
    return ONP_OK;
}

onp_status onp_json_get_array(const json_t *object, const char *key, json_t **out,
                              const char *where, onp_error *err)
{
    return get(object, key, JSON_ARRAY, "an array", out, where, err);
}

onp_status onp_json_get_object(const json_t *object, const char *key, json_t **out,
                               const char *where, onp_error *err)
{
    return get(object, key, JSON_OBJECT, "an object", out, where, err);
}

onp_status onp_json_read_ints(const json_t *array, const char *key, int64_t min, int64_t max,
                              int64_t *out, const char *where, onp_error *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        out[i] = json_integer_value(item);
        if (!json_is_integer(item) || out[i] < min || out[i] > max)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: element %zu of \"%s\" is not an integer in %" PRId64 "..%" PRId64,
                            where, i, key, min, max);
    }
    return ONP_OK;
}
