/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/protocol.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "latency/measure/protocol_internal.h"

static const char *const names[] = {"hello", "measure", "result", "error", "alive", "bye"};

const char *onp_message_name(onp_message_kind kind)
{
    return kind < ONP_MESSAGE_KIND_COUNT ? names[kind] : "unknown";
}

/* ---- any message ---- */

onp_status onp_message_add_line(json_t *root, onp_strbuf *out, onp_error *err)
{
    if (root == NULL)
        return onp_fail(err, ONP_E_NOMEM, "runner protocol: out of memory for a message");
    onp_status st = onp_json_dump(root, 0, out, err);
    json_decref(root);
    onp_strbuf_adds(out, "\n");
    return st != ONP_OK ? st : onp_strbuf_status(out, err);
}

static onp_status find_kind(const json_t *root, const char *who, onp_message_kind *kind,
                            onp_error *err)
{
    if (!json_is_object(root))
        return onp_fail(err, ONP_E_FORMAT, "%s: a line is not an object", who);
    const char *name = NULL;
    ONP_TRY(onp_json_get_string(root, "message", &name, who, err));
    for (int k = 0; k < ONP_MESSAGE_KIND_COUNT; k++)
        if (strcmp(name, names[k]) == 0) {
            *kind = (onp_message_kind)k;
            return ONP_OK;
        }
    return onp_fail(err, ONP_E_FORMAT, "%s: message \"%.64s\" is unknown", who, name);
}

static bool has_id(onp_message_kind kind)
{
    return kind == ONP_MESSAGE_MEASURE || kind == ONP_MESSAGE_RESULT || kind == ONP_MESSAGE_ERROR;
}

onp_status onp_message_decode(const char *line, size_t length, const char *who, onp_message *m,
                              onp_error *err)
{
    *m = (onp_message){0};
    onp_message read = {0};
    (void)snprintf(read.where, sizeof read.where, "%s", who);
    ONP_TRY(onp_json_parse(line, length, who, &read.root, err));
    onp_status st = find_kind(read.root, who, &read.kind, err);
    if (st == ONP_OK && has_id(read.kind))
        st = onp_json_get_int(read.root, "id", 0, ONP_PROTOCOL_MAX_ID, &read.id, who, err);
    if (st == ONP_OK)
        *m = read;
    else
        json_decref(read.root);
    return st;
}

void onp_message_reset(onp_message *m)
{
    json_decref(m->root);
    *m = (onp_message){0};
}

/* ---- fields ---- */

onp_status onp_message_get_text(const json_t *object, const char *key, size_t min, size_t size,
                                char *out, const char *where, onp_error *err)
{
    const char *text = "";
    if (min > 0 || json_object_get(object, key) != NULL)
        ONP_TRY(onp_json_get_string(object, key, &text, where, err));
    const size_t length = strlen(text);
    if (length < min || length >= size)
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" has %zu bytes, wanted %zu..%zu", where,
                        key, length, min, size - 1);
    if (!onp_text_is_plain(text))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" has control characters", where, key);
    memcpy(out, text, length + 1);
    return ONP_OK;
}

onp_status onp_message_get_optional(const json_t *object, const char *key, int64_t min, int64_t max,
                                    int64_t fallback, int64_t *out, const char *where,
                                    onp_error *err)
{
    *out = fallback;
    if (json_object_get(object, key) == NULL)
        return ONP_OK;
    return onp_json_get_int(object, key, min, max, out, where, err);
}

onp_status onp_message_get_bool(const json_t *object, const char *key, bool *out, const char *where,
                                onp_error *err)
{
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    if (value != NULL && !json_is_boolean(value))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" is not true or false", where, key);
    return ONP_OK;
}

json_t *onp_message_temperature(int64_t mc)
{
    return mc != ONP_UNKNOWN_MC ? json_integer(mc) : json_null();
}

bool onp_message_read_temperature(const json_t *value, int64_t *mc)
{
    *mc = json_is_integer(value) ? json_integer_value(value) : ONP_UNKNOWN_MC;
    return json_is_null(value) ||
           (json_is_integer(value) && *mc >= -ONP_MESSAGE_MAX_MC && *mc <= ONP_MESSAGE_MAX_MC);
}

/* ---- measure ---- */

json_t *onp_stop_rule_to_json(const onp_stop_rule *r)
{
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f}", "warmup_calls", (json_int_t)r->warmup_calls,
        "warmup_min_ns", (json_int_t)r->warmup_min_ns, "sample_min_ns",
        (json_int_t)r->sample_min_ns, "samples_min", (json_int_t)r->samples_min, "samples_max",
        (json_int_t)r->samples_max, "time_min_ns", (json_int_t)r->time_min_ns, "time_max_ns",
        (json_int_t)r->time_max_ns, "ci_half_width", r->ci_half_width, "cv_max", r->cv_max);
}

/* Appends a request; `what` is "graph" or "onnx" and takes value. */
static onp_status add_measure(int64_t id, const onp_stop_rule *rule, bool stamps, const char *what,
                              json_t *value, onp_strbuf *out, onp_error *err)
{
    const onp_stop_rule resolved = onp_stop_rule_resolve(rule);
    return onp_message_add_line(json_pack("{s:s,s:I,s:b,s:o,s:o}", "message", "measure", "id",
                                          (json_int_t)id, "stamps", (int)stamps, "stop",
                                          onp_stop_rule_to_json(&resolved), what, value),
                                out, err);
}

onp_status onp_message_add_measure(int64_t id, const onp_graph *g, const onp_stop_rule *rule,
                                   bool stamps, onp_strbuf *out, onp_error *err)
{
    json_t *graph = NULL;
    ONP_TRY(onp_graph_to_json(g, &graph, err));
    return add_measure(id, rule, stamps, "graph", graph, out, err);
}

onp_status onp_message_add_measure_onnx(int64_t id, const void *onnx, size_t size,
                                        const onp_stop_rule *rule, onp_strbuf *out, onp_error *err)
{
    onp_strbuf text;
    onp_strbuf_init(&text, out->ctx);
    onp_strbuf_add_base64(&text, onnx, size);
    onp_status st = onp_strbuf_status(&text, err);
    if (st == ONP_OK)
        st = add_measure(id, rule, false, "onnx", json_stringn(text.text, text.length), out, err);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status get_rule(const onp_message *m, onp_stop_rule *rule, onp_error *err)
{
    json_t *stop = NULL;
    ONP_TRY(onp_json_get_object(m->root, "stop", &stop, m->where, err));
    const struct {
        const char *key;
        int64_t *value;
    } ints[] = {
        {"warmup_calls", &rule->warmup_calls},   {"warmup_min_ns", &rule->warmup_min_ns},
        {"sample_min_ns", &rule->sample_min_ns}, {"samples_min", &rule->samples_min},
        {"samples_max", &rule->samples_max},     {"time_min_ns", &rule->time_min_ns},
        {"time_max_ns", &rule->time_max_ns},
    };
    for (size_t i = 0; i < ONP_COUNT(ints); i++)
        ONP_TRY(onp_json_get_int(stop, ints[i].key, 0, INT64_MAX, ints[i].value, m->where, err));
    ONP_TRY(onp_json_get_real(stop, "ci_half_width", &rule->ci_half_width, m->where, err));
    ONP_TRY(onp_json_get_real(stop, "cv_max", &rule->cv_max, m->where, err));
    return onp_stop_rule_check(rule, err);
}

onp_status onp_message_measure(const onp_context *ctx, const onp_message *m, onp_graph **g,
                               onp_stop_rule *rule, bool *stamps, onp_error *err)
{
    onp_stop_rule read = {0};
    bool wanted = false;
    json_t *graph = NULL;
    ONP_TRY(get_rule(m, &read, err));
    ONP_TRY(onp_message_get_bool(m->root, "stamps", &wanted, m->where, err));
    ONP_TRY(onp_json_get_object(m->root, "graph", &graph, m->where, err));
    ONP_TRY(onp_graph_from_json(ctx, graph, m->where, g, err));
    *rule = read;
    *stamps = wanted;
    return ONP_OK;
}

/* ---- error ---- */

onp_status onp_message_add_error(int64_t id, const onp_error *error, onp_strbuf *out,
                                 onp_error *err)
{
    char text[sizeof error->msg]; /* ASCII: a text that was cut may end inside a character */
    size_t n = 0;
    for (; error->msg[n] != '\0'; n++) {
        text[n] = error->msg[n];
        if (text[n] < ' ' || text[n] > '~')
            text[n] = '?';
    }
    text[n] = '\0';
    return onp_message_add_line(
        json_pack("{s:s,s:I,s:s}", "message", "error", "id", (json_int_t)id, "text", text), out,
        err);
}

onp_status onp_message_error_text(const onp_message *m, const char **text, onp_error *err)
{
    return onp_json_get_string(m->root, "text", text, m->where, err);
}
