/* SPDX-License-Identifier: Apache-2.0 */
#include "export/onnx.h"

#include <inttypes.h>

#include "base/file.h"
#include "export/onnx_ops.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

/* Where protobuf-c's pieces go. */
typedef struct sink {
    ProtobufCBuffer base;
    onp_file_writer *writer;
    onp_status st;
    onp_error *err;
} sink;

static void sink_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
    sink *s = (sink *)buffer;
    if (s->st == ONP_OK)
        s->st = onp_file_writer_add(s->writer, data, size, s->err);
}

static onp_status write_model(const onp_context *ctx, const Onnx__ModelProto *m, const char *path,
                              onp_error *err)
{
    const size_t size = protobuf_c_message_get_packed_size(&m->base);
    if (size > INT32_MAX)
        return onp_fail(err, ONP_E_RANGE, "%s: %zu bytes, an ONNX file has at most %" PRId32, path,
                        size, INT32_MAX);
    sink s = {.base.append = sink_append, .st = ONP_OK, .err = err};
    ONP_TRY(onp_file_writer_new(ctx, path, &s.writer, err));
    (void)protobuf_c_message_pack_to_buffer(&m->base, &s.base);
    if (s.st == ONP_OK)
        s.st = onp_file_writer_commit(s.writer, err);
    onp_file_writer_free(s.writer);
    return s.st;
}

static void add_metadata(onp_onnx_tree *t, Onnx__ModelProto *m, const json_t *metadata)
{
    const size_t n = json_object_size(metadata);
    Onnx__StringStringEntryProto *entry = onp_onnx_take(t, n, sizeof *entry);
    Onnx__StringStringEntryProto **list = onp_onnx_take(t, n, sizeof(void *));
    if (entry == NULL || list == NULL)
        return;
    m->metadata_props = list;
    json_t *object = (json_t *)(uintptr_t)metadata; /* jansson's iterators have no const */
    for (void *it = json_object_iter(object); it != NULL; it = json_object_iter_next(object, it)) {
        onnx__string_string_entry_proto__init(entry);
        entry->key = (char *)(uintptr_t)json_object_iter_key(it);
        entry->value = (char *)(uintptr_t)json_string_value(json_object_iter_value(it));
        m->metadata_props[m->n_metadata_props++] = entry++;
    }
}

static void add_ends(onp_onnx_tree *t, const onp_onnx_network *net)
{
    const onp_shape x = onp_graph_shape(net->g, net->input),
                    y = onp_graph_shape(net->g, net->logits);
    Onnx__ValueInfoProto **ends = onp_onnx_take(t, 2, sizeof(void *));
    if (ends == NULL)
        return;
    ends[0] = onp_onnx_value(t, "input", (const int64_t[]){x.c, x.h, x.w}, 3);
    ends[1] = onp_onnx_value(t, "logits", &y.c, 1);
    t->graph.input = ends;
    t->graph.output = ends + 1;
    t->graph.n_input = t->graph.n_output = 1;
}

static onp_status save(onp_onnx_tree *t, const onp_onnx_network *net, const char *path,
                       onp_error *err)
{
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    ONP_TRY(onp_onnx_add_nodes(t, net, err));
    add_ends(t, net);
    add_metadata(t, &model, net->metadata);
    opset.domain = onp_onnx_text(t, "%s", "");
    opset.has_version = true;
    opset.version = ONP_ONNX_OPSET;
    model.opset_import = &opsets;
    model.n_opset_import = 1;
    model.has_ir_version = true;
    model.ir_version = ONP_ONNX_IR;
    model.producer_name = onp_onnx_text(t, "onepath");
    model.producer_version = onp_onnx_text(t, "%s", ONEPATH_VERSION);
    t->graph.name = onp_onnx_text(t, "%s", net->name);
    model.graph = &t->graph;
    ONP_TRY(onp_onnx_tree_status(t, err));
    return write_model(t->ctx, &model, path, err);
}

onp_status onp_onnx_save(const onp_context *ctx, const onp_onnx_network *net, const char *path,
                         onp_error *err)
{
    onp_onnx_tree tree;
    onp_onnx_tree_init(&tree, ctx);
    onp_status st = save(&tree, net, path, err);
    onp_onnx_tree_reset(&tree);
    return st;
}
