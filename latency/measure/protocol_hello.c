/* SPDX-License-Identifier: Apache-2.0 */
/* What a runner says of itself. */
#include <inttypes.h>
#include <string.h>

#include "latency/measure/protocol_internal.h"

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
    FIELD("run", os, false),
    FIELD("run", kernel, false),
    FIELD("run", soc, false),
    FIELD("run", governor, false),
    FIELD("run", compiler, false),
    FIELD("run", allowed, false),
    FIELD("run", serial_hash, false),
};

/* ---- write ---- */

static json_t *clusters_json(const onp_runner_facts *facts)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < facts->n_clusters; i++) {
        const onp_core_cluster *c = &facts->clusters[i];
        if (json_array_append_new(array, json_pack("{s:s,s:s,s:I}", "name", c->name, "cores",
                                                   c->cores, "max_khz", (json_int_t)c->max_khz)) !=
            0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *accepts_json(const onp_runner_facts *facts)
{
    if (facts->takes_graph && facts->takes_onnx)
        return json_pack("[s,s]", "graph", "onnx");
    return json_pack("[s]", facts->takes_onnx ? "onnx" : "graph");
}

static json_t *facts_json(const onp_runner_facts *facts)
{
    json_t *root = json_pack(
        "{s:s,s:i,s:o,s:b,s:b,s:{s:I,s:I},s:{s:I,s:I,s:o,s:o}}", "message", "hello", "version",
        ONP_PROTOCOL_VERSION, "accepts", accepts_json(facts), "stamps", (int)facts->stamps, "alive",
        (int)facts->alive, "platform", "threads", (json_int_t)facts->threads, "batch",
        (json_int_t)facts->batch, "run", "clock_khz", (json_int_t)facts->clock_khz, "memory_kib",
        (json_int_t)facts->memory_kib, "temperature_mc",
        onp_message_temperature(facts->temperature_mc), "clusters", clusters_json(facts));
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
    return onp_message_add_line(
        facts != NULL ? facts_json(facts)
                      : json_pack("{s:s,s:i}", "message", "hello", "version", ONP_PROTOCOL_VERSION),
        out, err);
}

/* ---- read ---- */

onp_status onp_message_version(const onp_message *m, onp_error *err)
{
    int64_t version;
    ONP_TRY(onp_json_get_int(m->root, "version", 0, INT32_MAX, &version, m->where, err));
    if (version == ONP_PROTOCOL_VERSION)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT,
                    "%s: speaks version %" PRId64 " of the runner protocol, wanted %d: one of both "
                    "sides is %s",
                    m->where, version, ONP_PROTOCOL_VERSION,
                    version < ONP_PROTOCOL_VERSION ? "too old" : "newer");
}

static onp_status get_accepts(const onp_message *m, onp_runner_facts *out, onp_error *err)
{
    json_t *accepts = NULL;
    ONP_TRY(onp_json_get_array(m->root, "accepts", &accepts, m->where, err));
    for (size_t i = 0; i < json_array_size(accepts); i++) {
        const char *what = json_string_value(json_array_get(accepts, i));
        out->takes_graph |= what != NULL && strcmp(what, "graph") == 0;
        out->takes_onnx |= what != NULL && strcmp(what, "onnx") == 0;
    }
    if (out->takes_graph || out->takes_onnx)
        return ONP_OK;
    return onp_fail(err, ONP_E_FORMAT, "%s: accepts neither \"graph\" nor \"onnx\"", m->where);
}

static onp_status get_cluster(const onp_message *m, const json_t *item, onp_core_cluster *out,
                              onp_error *err)
{
    if (!json_is_object(item))
        return onp_fail(err, ONP_E_FORMAT, "%s: one of \"clusters\" is not an object", m->where);
    ONP_TRY(onp_message_get_text(item, "name", 0, sizeof out->name, out->name, m->where, err));
    ONP_TRY(onp_message_get_text(item, "cores", 1, sizeof out->cores, out->cores, m->where, err));
    return onp_message_get_optional(item, "max_khz", 0, ONP_MESSAGE_MAX_KHZ, 0, &out->max_khz,
                                    m->where, err);
}

static onp_status get_clusters(const onp_message *m, const json_t *run, onp_runner_facts *out,
                               onp_error *err)
{
    json_t *clusters = NULL;
    if (json_object_get(run, "clusters") == NULL)
        return ONP_OK;
    ONP_TRY(onp_json_get_array(run, "clusters", &clusters, m->where, err));
    if (json_array_size(clusters) > ONP_DEVICE_CLUSTERS)
        return onp_fail(err, ONP_E_FORMAT, "%s: %zu clusters, wanted at most %d", m->where,
                        json_array_size(clusters), ONP_DEVICE_CLUSTERS);
    out->n_clusters = (int32_t)json_array_size(clusters);
    for (int32_t i = 0; i < out->n_clusters; i++)
        ONP_TRY(get_cluster(m, json_array_get(clusters, (size_t)i), &out->clusters[i], err));
    return ONP_OK;
}

static onp_status get_run(const onp_message *m, const json_t *run, onp_runner_facts *out,
                          onp_error *err)
{
    const json_t *temperature = json_object_get(run, "temperature_mc");
    out->temperature_mc = ONP_UNKNOWN_MC;
    ONP_TRY(onp_message_get_optional(run, "clock_khz", 0, ONP_MESSAGE_MAX_KHZ, 0, &out->clock_khz,
                                     m->where, err));
    ONP_TRY(onp_message_get_optional(run, "memory_kib", 0, INT64_MAX, 0, &out->memory_kib, m->where,
                                     err));
    if (temperature != NULL && !onp_message_read_temperature(temperature, &out->temperature_mc))
        return onp_fail(err, ONP_E_FORMAT, "%s: key \"temperature_mc\" is no temperature",
                        m->where);
    return get_clusters(m, run, out, err);
}

onp_status onp_message_facts(const onp_message *m, onp_runner_facts *out, onp_error *err)
{
    onp_runner_facts facts = {0};
    json_t *platform = NULL, *run = NULL;
    ONP_TRY(get_accepts(m, &facts, err));
    ONP_TRY(onp_message_get_bool(m->root, "stamps", &facts.stamps, m->where, err));
    if (facts.stamps && !facts.takes_graph)
        return onp_fail(
            err, ONP_E_FORMAT,
            "%s: \"stamps\" is true, wanted false where \"accepts\" is without \"graph\": "
            "they are of a graph's groups",
            m->where);
    ONP_TRY(onp_message_get_bool(m->root, "alive", &facts.alive, m->where, err));
    ONP_TRY(onp_json_get_object(m->root, "platform", &platform, m->where, err));
    if (json_object_get(m->root, "run") != NULL)
        ONP_TRY(onp_json_get_object(m->root, "run", &run, m->where, err));
    for (size_t i = 0; i < ONP_COUNT(text_fields); i++) {
        const text_field *f = &text_fields[i];
        ONP_TRY(onp_message_get_text(f->object[0] == 'p' ? platform : run, f->key, f->required,
                                     ONP_FACT, (char *)&facts + f->offset, m->where, err));
    }
    ONP_TRY(onp_json_get_int(platform, "threads", 0, 65536, &facts.threads, m->where, err));
    ONP_TRY(onp_json_get_int(platform, "batch", 0, 65536, &facts.batch, m->where, err));
    ONP_TRY(get_run(m, run, &facts, err));
    *out = facts;
    return ONP_OK;
}
