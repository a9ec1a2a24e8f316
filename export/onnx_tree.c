/* SPDX-License-Identifier: Apache-2.0 */
#include "export/onnx_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* protobuf-c has no const. */
#define TEXT(s) ((char *)(uintptr_t)(s))

typedef struct onp_onnx_chunk {
    struct onp_onnx_chunk *next;
    void *data;
} onp_onnx_chunk;

void onp_onnx_tree_init(onp_onnx_tree *t, const onp_context *ctx)
{
    *t = (onp_onnx_tree){.ctx = ctx};
    onnx__graph_proto__init(&t->graph);
}

void onp_onnx_tree_reset(onp_onnx_tree *t)
{
    for (onp_onnx_chunk *c = t->chunks, *next; c != NULL; c = next) {
        next = c->next;
        onp_free(t->ctx, c->data);
        onp_free(t->ctx, c);
    }
    onp_free(t->ctx, t->graph.node);
    onp_free(t->ctx, t->graph.initializer);
    *t = (onp_onnx_tree){.ctx = t->ctx};
}

onp_status onp_onnx_tree_status(const onp_onnx_tree *t, onp_error *err)
{
    return t->failed ? onp_fail(err, ONP_E_NOMEM, "onnx: out of memory") : ONP_OK;
}

void *onp_onnx_take(onp_onnx_tree *t, size_t count, size_t size)
{
    onp_onnx_chunk *c = t->failed ? NULL : onp_alloc(t->ctx, 1, sizeof *c);
    void *data = c != NULL ? onp_alloc(t->ctx, count, size) : NULL;
    if (data == NULL) {
        onp_free(t->ctx, c);
        t->failed = true;
        return NULL;
    }
    *c = (onp_onnx_chunk){.next = t->chunks, .data = data};
    t->chunks = c;
    return data;
}

char *onp_onnx_text(onp_onnx_tree *t, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char *copy = onp_onnx_take(t, strlen(text) + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, strlen(text));
    return copy;
}

/* Room for one more pointer in a list of the graph; false sticks. */
static bool grow(onp_onnx_tree *t, void **list, size_t *cap, size_t n)
{
    if (t->failed || onp_grow(t->ctx, list, cap, n + 1, sizeof(void *), NULL) != ONP_OK)
        t->failed = true;
    return !t->failed;
}

Onnx__NodeProto *onp_onnx_node(onp_onnx_tree *t, const char *op, const char *name,
                               const char *const *in, size_t n_in, const char *out)
{
    Onnx__NodeProto *n = onp_onnx_take(t, 1, sizeof *n);
    char **ends = onp_onnx_take(t, n_in + 1, sizeof *ends);
    Onnx__AttributeProto **attrs = onp_onnx_take(t, ONP_ONNX_MAX_ATTRS, sizeof(void *));
    void *list = t->graph.node;
    const bool room = grow(t, &list, &t->node_cap, t->graph.n_node);
    t->graph.node = list;
    if (!room || n == NULL || ends == NULL)
        return NULL;
    onnx__node_proto__init(n);
    n->op_type = TEXT(op);
    n->name = TEXT(name);
    for (size_t i = 0; i < n_in; i++)
        ends[i] = TEXT(in[i]);
    ends[n_in] = TEXT(out);
    n->input = ends;
    n->n_input = n_in;
    n->output = ends + n_in;
    n->n_output = 1;
    n->attribute = attrs;
    t->graph.node[t->graph.n_node++] = n;
    return n;
}

static Onnx__AttributeProto *attribute(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name,
                                       Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a = onp_onnx_take(t, 1, sizeof *a);
    if (n == NULL || a == NULL)
        return NULL;
    onnx__attribute_proto__init(a);
    a->name = TEXT(name);
    a->has_type = true;
    a->type = type;
    n->attribute[n->n_attribute++] = a;
    return a;
}

void onp_onnx_int(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = attribute(t, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (a == NULL)
        return;
    a->has_i = true;
    a->i = value;
}

void onp_onnx_float(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name, float value)
{
    Onnx__AttributeProto *a = attribute(t, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (a == NULL)
        return;
    a->has_f = true;
    a->f = value;
}

void onp_onnx_ints(onp_onnx_tree *t, Onnx__NodeProto *n, const char *name, const int64_t *values,
                   size_t n_values)
{
    Onnx__AttributeProto *a = attribute(t, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = onp_onnx_take(t, n_values, sizeof *copy);
    if (a == NULL || copy == NULL)
        return;
    memcpy(copy, values, n_values * sizeof *copy);
    a->ints = copy;
    a->n_ints = n_values;
}

static void *initializer(onp_onnx_tree *t, const char *name, const int64_t *dims, size_t n_dims,
                         Onnx__TensorProto__DataType type, size_t size)
{
    size_t count = 1;
    for (size_t i = 0; i < n_dims; i++)
        count *= (size_t)dims[i];
    Onnx__TensorProto *x = onp_onnx_take(t, 1, sizeof *x);
    int64_t *shape = onp_onnx_take(t, n_dims, sizeof *shape);
    void *data = onp_onnx_take(t, count, size);
    void *list = t->graph.initializer;
    const bool room = grow(t, &list, &t->initializer_cap, t->graph.n_initializer);
    t->graph.initializer = list;
    if (!room || x == NULL || shape == NULL)
        return NULL;
    onnx__tensor_proto__init(x);
    for (size_t i = 0; i < n_dims; i++)
        shape[i] = dims[i];
    x->dims = shape;
    x->n_dims = n_dims;
    x->has_data_type = true;
    x->data_type = (int32_t)type;
    x->name = TEXT(name);
    x->has_raw_data = true;
    x->raw_data = (ProtobufCBinaryData){.len = count * size, .data = data};
    t->graph.initializer[t->graph.n_initializer++] = x;
    return data;
}

float *onp_onnx_initializer(onp_onnx_tree *t, const char *name, const int64_t *dims, size_t n_dims)
{
    return initializer(t, name, dims, n_dims, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, sizeof(float));
}

void onp_onnx_initializer_ints(onp_onnx_tree *t, const char *name, const int64_t *values, size_t n)
{
    const int64_t count = (int64_t)n;
    int64_t *data =
        initializer(t, name, &count, 1, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, sizeof *data);
    if (data != NULL)
        memcpy(data, values, n * sizeof *data);
}

Onnx__ValueInfoProto *onp_onnx_value(onp_onnx_tree *t, const char *name, const int64_t *rest,
                                     size_t n_rest)
{
    struct value {
        Onnx__ValueInfoProto info;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
        Onnx__TensorShapeProto shape;
    } *v = onp_onnx_take(t, 1, sizeof *v);
    Onnx__TensorShapeProto__Dimension *dims = onp_onnx_take(t, n_rest + 1, sizeof *dims);
    Onnx__TensorShapeProto__Dimension **list = onp_onnx_take(t, n_rest + 1, sizeof(void *));
    if (v == NULL || dims == NULL || list == NULL)
        return NULL;
    for (size_t i = 0; i <= n_rest; i++) {
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        if (i == 0) {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dims[i].dim_param = TEXT("N");
        } else {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i].dim_value = rest[i - 1];
        }
        list[i] = &dims[i];
    }
    onnx__tensor_shape_proto__init(&v->shape);
    v->shape.dim = list;
    v->shape.n_dim = n_rest + 1;
    onnx__type_proto__tensor__init(&v->tensor);
    v->tensor.has_elem_type = true;
    v->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    v->tensor.shape = &v->shape;
    onnx__type_proto__init(&v->type);
    v->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    v->type.tensor_type = &v->tensor;
    onnx__value_info_proto__init(&v->info);
    v->info.name = TEXT(name);
    v->info.type = &v->type;
    return &v->info;
}
