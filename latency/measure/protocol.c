/* SPDX-License-Identifier: Apache-2.0 */
#include "latency/measure/protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_SAMPLE_NS ((int64_t)1000000 * 1000000000) /* eleven days: more is nonsense */
#define MAX_CLOCK_KHZ ((int64_t)100 * 1000 * 1000)

static const char *const names[] = {"hello", "measure", "result", "error", "bye"};

const char *onp_message_name(onp_message_kind kind)
{
    return kind < ONP_MESSAGE_KIND_COUNT ? names[kind] : "unknown";
}

/* ---- any message ---- */

/* A line from what jansson packed; NULL: it had no memory. Takes root. */
static onp_status add_line(json_t *root, onp_strbuf *out, onp_error *err)
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

/* ---- hello ---- */

typedef struct text_field {
    const char *object, *key;
    size_t offset;
    bool required;
} text_field;

#define FIELD(object, name, required)                                                              \
    {                                                                                              \
        object, #name, offsetof(onp_runner_facts, name), required                                  \
    }
static const text_field text_fields[] = {
    FIELD("platform", device, true),
    FIELD("platform", backend, true),
    FIELD("platform", backend_version, false),
    FIELD("platform", kernel_set, false),
    FIELD("platform", kernel_hash, false),
    FIELD("platform", blas_core, false),
    FIELD("platform", cluster, false),
    FIELD("platform", precision, true),
    FIELD("platform", cache_mode, true),
    FIELD("run", os, false),
    FIELD("run", governor, false),
    FIELD("run", compiler, false),
};

static json_t *facts_json(const onp_runner_facts *facts)
{
    json_t *root = json_pack("{s:s,s:i,s:[s],s:{s:I,s:I},s:{s:I}}", "message", "hello", "version",
                             ONP_PROTOCOL_VERSION, "accepts", "graph", "platform", "threads",
                             (json_int_t)facts->threads, "batch", (json_int_t)facts->batch, "run",
                             "clock_khz", (json_int_t)facts->clock_khz);
    int failed = root == NULL;
    for (size_t i = 0; i < ONP_COUNT(text_fields) && failed == 0; i++) {
        const text_field *f = &text_fields[i];
        const char *text = (const char *)facts + f->offset;
        if (text[0] != '\0')
            failed =
                json_object_set_new(json_object_get(root, f->object), f->key, json_string(text));
    }
    if (failed == 0)
        return root;
    json_decref(root);
    return NULL;
}

onp_status onp_message_add_hello(const onp_runner_facts *facts, onp_strbuf *out, onp_error *err)
{
    return add_line(
        facts != NULL ? facts_json(facts)
                      : json_pack("{s:s,s:i}", "message", "hello", "version", ONP_PROTOCOL_VERSION),
        out, err);
}

onp_status onp_message_version(const onp_message *m, onp_error *err)
{
    int64_t version;
    return onp_json_get_int(m->root, "version", ONP_PROTOCOL_VERSION, ONP_PROTOCOL_VERSION,
                            &version, m->where, err);
}

static onp_status get_text(const onp_message *m, const text_field *f, onp_runner_facts *out,
                           onp_error *err)
{
    json_t *object = NULL;
    const char *text = "";
    ONP_TRY(onp_json_get_object(m->root, f->object, &object, m->where, err));
    if (f->required || json_object_get(object, f->key) != NULL)
        ONP_TRY(onp_json_get_string(object, f->key, &text, m->where, err));
    if (strlen(text) >= ONP_FACT || (f->required && text[0] == '\0'))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"%s\" has %zu bytes, wanted %d..%d", m->where,
                        f->key, strlen(text), (int)f->required, ONP_FACT - 1);
    (void)snprintf((char *)out + f->offset, ONP_FACT, "%s", text);
    return ONP_OK;
}

static onp_status check_accepts(const onp_message *m, onp_error *err)
{
    json_t *accepts = NULL;
    ONP_TRY(onp_json_get_array(m->root, "accepts", &accepts, m->where, err));
    for (size_t i = 0; i < json_array_size(accepts); i++) {
        const char *what = json_string_value(json_array_get(accepts, i));
        if (what != NULL && strcmp(what, "graph") == 0)
            return ONP_OK;
    }
    return onp_fail(err, ONP_E_FORMAT, "%s: does not accept \"graph\"", m->where);
}

onp_status onp_message_facts(const onp_message *m, onp_runner_facts *out, onp_error *err)
{
    onp_runner_facts facts = {0};
    json_t *platform = NULL, *run = NULL;
    ONP_TRY(check_accepts(m, err));
    for (size_t i = 0; i < ONP_COUNT(text_fields); i++)
        ONP_TRY(get_text(m, &text_fields[i], &facts, err));
    ONP_TRY(onp_json_get_object(m->root, "platform", &platform, m->where, err));
    ONP_TRY(onp_json_get_int(platform, "threads", 0, 65536, &facts.threads, m->where, err));
    ONP_TRY(onp_json_get_int(platform, "batch", 0, 65536, &facts.batch, m->where, err));
    ONP_TRY(onp_json_get_object(m->root, "run", &run, m->where, err));
    if (json_object_get(run, "clock_khz") != NULL)
        ONP_TRY(
            onp_json_get_int(run, "clock_khz", 0, MAX_CLOCK_KHZ, &facts.clock_khz, m->where, err));
    *out = facts;
    return ONP_OK;
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

onp_status onp_message_add_measure(int64_t id, const onp_graph *g, const onp_stop_rule *rule,
                                   onp_strbuf *out, onp_error *err)
{
    const onp_stop_rule resolved = onp_stop_rule_resolve(rule);
    json_t *graph = NULL;
    ONP_TRY(onp_graph_to_json(g, &graph, err));
    return add_line(json_pack("{s:s,s:I,s:o,s:o}", "message", "measure", "id", (json_int_t)id,
                              "stop", onp_stop_rule_to_json(&resolved), "graph", graph),
                    out, err);
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
                               onp_stop_rule *rule, onp_error *err)
{
    onp_stop_rule read = {0};
    json_t *graph = NULL;
    ONP_TRY(get_rule(m, &read, err));
    ONP_TRY(onp_json_get_object(m->root, "graph", &graph, m->where, err));
    ONP_TRY(onp_graph_from_json(ctx, graph, m->where, g, err));
    *rule = read;
    return ONP_OK;
}

/* ---- result ---- */

static json_t *ints_json(const int64_t *values, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(array, json_integer(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

onp_status onp_message_add_result(int64_t id, const onp_timing *t, onp_strbuf *out, onp_error *err)
{
    return add_line(json_pack("{s:s,s:I,s:o,s:o,s:I,s:I,s:f,s:s,s:s}", "message", "result", "id",
                              (json_int_t)id, "samples_ns", ints_json(t->samples_ns, t->n),
                              "clock_khz", ints_json(t->clock_khz, t->n), "inner_reps",
                              (json_int_t)t->inner_reps, "n_rejected", (json_int_t)t->n_rejected,
                              "overhead_ns", t->overhead_ns, "quality",
                              onp_timing_quality_name(t->quality), "reason", t->reason),
                    out, err);
}

static onp_status get_ints(const onp_message *m, const char *key, int64_t min, int64_t max,
                           size_t n, int64_t *out, onp_error *err)
{
    json_t *array = NULL;
    ONP_TRY(onp_json_get_array(m->root, key, &array, m->where, err));
    if (json_array_size(array) != n)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"%s\" has %zu elements, wanted %zu", m->where, key,
                        json_array_size(array), n);
    return onp_json_read_ints(array, key, min, max, out, m->where, err);
}

static onp_status get_quality(const onp_message *m, onp_timing *t, onp_error *err)
{
    const char *name = NULL, *reason = "";
    ONP_TRY(onp_json_get_string(m->root, "quality", &name, m->where, err));
    if (json_object_get(m->root, "reason") != NULL)
        ONP_TRY(onp_json_get_string(m->root, "reason", &reason, m->where, err));
    for (int q = 0; q < ONP_TIMING_QUALITY_COUNT; q++)
        if (strcmp(name, onp_timing_quality_name((onp_timing_quality)q)) == 0) {
            t->quality = (onp_timing_quality)q;
            (void)snprintf(t->reason, sizeof t->reason, "%.*s", ONP_TIMING_REASON - 1, reason);
            return ONP_OK;
        }
    return onp_fail(err, ONP_E_FORMAT, "%s: quality \"%.64s\" is unknown", m->where, name);
}

static onp_status get_result(const onp_context *ctx, const onp_message *m,
                             const onp_stop_rule *rule, onp_timing *t, onp_error *err)
{
    ONP_TRY(get_ints(m, "samples_ns", 1, MAX_SAMPLE_NS, t->n, t->samples_ns, err));
    if (json_object_get(m->root, "clock_khz") != NULL) /* else all 0: not known */
        ONP_TRY(get_ints(m, "clock_khz", 0, MAX_CLOCK_KHZ, t->n, t->clock_khz, err));
    ONP_TRY(onp_json_get_int(m->root, "inner_reps", 1, INT64_MAX, &t->inner_reps, m->where, err));
    ONP_TRY(onp_json_get_int(m->root, "n_rejected", 0, INT32_MAX, &t->n_rejected, m->where, err));
    if (json_object_get(m->root, "overhead_ns") != NULL)
        ONP_TRY(onp_json_get_real(m->root, "overhead_ns", &t->overhead_ns, m->where, err));
    int64_t *scratch = onp_alloc(ctx, t->n, sizeof *scratch);
    if (scratch == NULL)
        return onp_fail(err, ONP_E_NOMEM, "%s: no memory for %zu samples", m->where, t->n);
    onp_timing_judge(t, rule, scratch);
    onp_free(ctx, scratch);
    return json_object_get(m->root, "quality") != NULL ? get_quality(m, t, err) : ONP_OK;
}

onp_status onp_message_result(const onp_context *ctx, const onp_message *m,
                              const onp_stop_rule *rule, onp_timing *t, onp_error *err)
{
    json_t *samples = NULL;
    onp_timing read = {0};
    ONP_TRY(onp_json_get_array(m->root, "samples_ns", &samples, m->where, err));
    const size_t n = json_array_size(samples);
    if (n < 1 || n > ONP_TIMING_MAX_SAMPLES)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"samples_ns\" has %zu elements, wanted 1..%d",
                        m->where, n, ONP_TIMING_MAX_SAMPLES);
    ONP_TRY(onp_timing_init(ctx, n, &read, err));
    onp_status st = get_result(ctx, m, rule, &read, err);
    if (st == ONP_OK)
        *t = read;
    else
        onp_timing_reset(ctx, &read);
    return st;
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
    return add_line(
        json_pack("{s:s,s:I,s:s}", "message", "error", "id", (json_int_t)id, "text", text), out,
        err);
}

onp_status onp_message_error_text(const onp_message *m, const char **text, onp_error *err)
{
    return onp_json_get_string(m->root, "text", text, m->where, err);
}
