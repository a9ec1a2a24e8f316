/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "export/onnx.h"
#include "export/onnx_wire.h"

#include <onnx.pb-c.h>

/* ---- unpacking ---- */

typedef struct memory {
    ProtobufCAllocator base;
    const onp_context *ctx;
    bool failed;
} memory;

static void *memory_alloc(void *user, size_t size)
{
    memory *m = user;
    void *p = onp_alloc(m->ctx, size, 1);
    m->failed = m->failed || p == NULL;
    return p;
}

static void memory_free(void *user, void *p)
{
    onp_free(((memory *)user)->ctx, p);
}

static onp_status unpack(memory *mem, const onp_mapped_file *file, const char *path,
                         Onnx__ModelProto **out, onp_error *err)
{
    const char *why = NULL;
    if (file->size == 0 || file->size > INT32_MAX)
        return onp_fail(err, ONP_E_FORMAT, "%s: %zu bytes, an ONNX file has 1 to %" PRId32, path,
                        file->size, INT32_MAX);
    if (!onp_onnx_wire_check(&onnx__model_proto__descriptor, file->data, file->size, &why))
        return onp_fail(err, ONP_E_FORMAT, "%s: truncated or no ONNX model: %s", path, why);
    *out = onnx__model_proto__unpack(&mem->base, file->size, file->data);
    if (*out != NULL)
        return ONP_OK;
    return mem->failed ? onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path)
                       : onp_fail(err, ONP_E_FORMAT, "%s: no ONNX model", path);
}

/* ---- describing ---- */

/* Texts of a file in errors and JSON: missing ones are empty. */
static const char *text_of(const char *s)
{
    return s != NULL ? s : "";
}

/* Sets key to a text; one that is not UTF-8 is the file's fault. */
static onp_status set_text(json_t *object, const char *key, const char *value, const char *path,
                           onp_error *err)
{
    if (json_object_get(object, key) != NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"%.64s\" is there twice", path, key);
    if (json_object_set_new(object, key, json_string(text_of(value))) != 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: \"%.64s\" is not UTF-8", path, key);
    return ONP_OK;
}

static onp_status set_new(json_t *object, const char *key, json_t *value, const char *path,
                          onp_error *err)
{
    return json_object_set_new(object, key, value) == 0
               ? ONP_OK
               : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
}

/* An empty object or list below key, borrowed. */
static onp_status set_empty(json_t *object, const char *key, json_t *value, const char *path,
                            json_t **out, onp_error *err)
{
    *out = value;
    return set_new(object, key, value, path, err);
}

static onp_status describe_metadata(const Onnx__ModelProto *m, const char *path, json_t *root,
                                    onp_error *err)
{
    json_t *metadata = NULL;
    ONP_TRY(set_empty(root, "metadata", json_object(), path, &metadata, err));
    for (size_t i = 0; i < m->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = m->metadata_props[i];
        ONP_TRY(set_text(metadata, text_of(entry->key), entry->value, path, err));
    }
    return ONP_OK;
}

static json_t *dimension_to_json(const Onnx__TensorShapeProto__Dimension *d)
{
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        return json_integer(d->dim_value);
    const bool named = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    return json_string(named ? text_of(d->dim_param) : "?");
}

static onp_status describe_values(Onnx__ValueInfoProto *const *values, size_t n, const char *key,
                                  const char *path, json_t *root, onp_error *err)
{
    json_t *list = NULL;
    ONP_TRY(set_empty(root, key, json_array(), path, &list, err));
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object(), *shape = NULL;
        if (json_array_append_new(list, value) != 0)
            return onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
        ONP_TRY(set_text(value, "name", values[i]->name, path, err));
        ONP_TRY(set_empty(value, "shape", json_array(), path, &shape, err));
        const Onnx__TypeProto *type = values[i]->type;
        if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
            type->tensor_type->shape == NULL)
            continue;
        for (size_t k = 0; k < type->tensor_type->shape->n_dim; k++)
            if (json_array_append_new(shape, dimension_to_json(type->tensor_type->shape->dim[k])) !=
                0)
                return onp_fail(err, ONP_E_FORMAT, "%s: a dimension of \"%.64s\" is not UTF-8",
                                path, text_of(values[i]->name));
    }
    return ONP_OK;
}

static onp_status describe_nodes(const Onnx__GraphProto *g, const char *path, json_t *root,
                                 onp_error *err)
{
    json_t *ops = NULL;
    ONP_TRY(set_new(root, "nodes", json_integer((json_int_t)g->n_node), path, err));
    ONP_TRY(set_empty(root, "ops", json_object(), path, &ops, err));
    for (size_t i = 0; i < g->n_node; i++) {
        const char *op = text_of(g->node[i]->op_type);
        const json_int_t n = json_integer_value(json_object_get(ops, op));
        if (json_object_set_new(ops, op, json_integer(n + 1)) != 0)
            return onp_fail(err, ONP_E_FORMAT, "%s: the operation of node %zu is not UTF-8", path,
                            i);
    }
    return ONP_OK;
}

/* Elements of a tensor; its bytes must be as many. */
static onp_status count_elements(const Onnx__TensorProto *x, const char *path, int64_t *out,
                                 onp_error *err)
{
    size_t count = 1;
    bool fits = true;
    for (size_t i = 0; i < x->n_dims; i++)
        fits = fits && x->dims[i] >= 0 && onp_mul_size(count, (size_t)x->dims[i], &count);
    if (!fits || count > INT32_MAX)
        return onp_fail(err, ONP_E_FORMAT, "%s: tensor \"%.64s\" has a shape that no file can hold",
                        path, text_of(x->name));
    const bool is_float = x->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    if (x->has_raw_data && is_float && x->raw_data.len != count * sizeof(float))
        return onp_fail(err, ONP_E_FORMAT, "%s: tensor \"%.64s\" has %zu bytes, wanted %zu", path,
                        text_of(x->name), x->raw_data.len, count * sizeof(float));
    *out = (int64_t)count;
    return ONP_OK;
}

static onp_status describe_initializers(const Onnx__GraphProto *g, const char *path, json_t *root,
                                        onp_error *err)
{
    int64_t elements = 0;
    for (size_t i = 0; i < g->n_initializer; i++) {
        int64_t count = 0;
        ONP_TRY(count_elements(g->initializer[i], path, &count, err));
        elements += count;
    }
    ONP_TRY(set_new(root, "initializers", json_integer((json_int_t)g->n_initializer), path, err));
    return set_new(root, "elements", json_integer(elements), path, err);
}

static onp_status describe_versions(const Onnx__ModelProto *m, const char *path, json_t *root,
                                    onp_error *err)
{
    char producer[256];
    int64_t opset = 0;
    (void)snprintf(producer, sizeof producer, "%.127s %.127s", text_of(m->producer_name),
                   text_of(m->producer_version));
    for (size_t i = 0; i < m->n_opset_import; i++)
        if (text_of(m->opset_import[i]->domain)[0] == '\0')
            opset = m->opset_import[i]->version;
    if (opset <= 0)
        return onp_fail(err, ONP_E_FORMAT, "%s: truncated or no ONNX model: it names no opset",
                        path);
    ONP_TRY(set_text(root, "name", m->graph->name, path, err));
    ONP_TRY(set_text(root, "producer", producer, path, err));
    ONP_TRY(set_new(root, "ir_version", json_integer(m->ir_version), path, err));
    return set_new(root, "opset", json_integer(opset), path, err);
}

static onp_status describe(const Onnx__ModelProto *m, const char *path, json_t *root,
                           onp_error *err)
{
    const Onnx__GraphProto *g = m->graph;
    if (g == NULL || !m->has_ir_version)
        return onp_fail(err, ONP_E_FORMAT, "%s: no ONNX model: it has no %s", path,
                        g == NULL ? "graph" : "IR version");
    ONP_TRY(describe_versions(m, path, root, err));
    ONP_TRY(describe_values(g->input, g->n_input, "inputs", path, root, err));
    ONP_TRY(describe_values(g->output, g->n_output, "outputs", path, root, err));
    ONP_TRY(describe_nodes(g, path, root, err));
    ONP_TRY(describe_initializers(g, path, root, err));
    return describe_metadata(m, path, root, err);
}

onp_status onp_onnx_describe(const onp_context *ctx, const char *path, json_t **out, onp_error *err)
{
    memory mem = {.base = {memory_alloc, memory_free, &mem}, .ctx = ctx};
    onp_mapped_file file = {0};
    Onnx__ModelProto *model = NULL;
    ONP_TRY(onp_file_map(path, &file, err));
    onp_status st = unpack(&mem, &file, path, &model, err);
    onp_file_unmap(&file);
    json_t *root = st == ONP_OK ? json_object() : NULL;
    if (st == ONP_OK)
        st = root != NULL ? describe(model, path, root, err)
                          : onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    if (model != NULL)
        onnx__model_proto__free_unpacked(model, &mem.base);
    if (st != ONP_OK) {
        json_decref(root);
        return st;
    }
    *out = root;
    return ONP_OK;
}
