/* SPDX-License-Identifier: Apache-2.0 */
#include "export/onnx.h"

#include <inttypes.h>

#include "base/file.h"
#include "export/onnx_ops.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian");

/* Where protobuf-c's pieces go: to a file or a buffer. */
typedef struct sink {
    ProtobufCBuffer base;
    onp_file_writer *writer;
    onp_strbuf *buffer;
    onp_status st;
    onp_error *err;
} sink;

static void file_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
    sink *s = (sink *)buffer;
    if (s->st == ONP_OK)
        s->st = onp_file_writer_add(s->writer, data, size, s->err);
}

static void buffer_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
    onp_strbuf_add(((sink *)buffer)->buffer, (const char *)data, size);
}

static onp_status write_file(const onp_context *ctx, const Onnx__ModelProto *m, const char *path,
                             onp_error *err)
{
    const size_t size = protobuf_c_message_get_packed_size(&m->base);
    if (size > INT32_MAX)
        return onp_fail(err, ONP_E_RANGE, "%s: %zu bytes, an ONNX file has at most %" PRId32, path,
                        size, INT32_MAX);
    sink s = {.base.append = file_append, .st = ONP_OK, .err = err};
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

/* [N][c][h][w], or [N][c] behind a linear layer. */
static Onnx__ValueInfoProto *end(onp_onnx_tree *t, const char *name, onp_shape s, bool vector)
{
    return onp_onnx_value(t, name, (const int64_t[]){s.c, s.h, s.w}, vector ? 1 : 3);
}

static void add_ends(onp_onnx_tree *t, const onp_onnx_network *net)
{
    Onnx__ValueInfoProto **ends = onp_onnx_take(t, 2, sizeof(void *));
    if (ends == NULL)
        return;
    ends[0] = end(t, "input", onp_graph_shape(net->g, net->input), false);
    ends[1] = end(t, "logits", onp_graph_shape(net->g, net->logits),
                  onp_onnx_is_linear(net->g, onp_graph_tensor(net->g, net->logits)->producer));
    t->graph.input = ends;
    t->graph.output = ends + 1;
    t->graph.n_input = t->graph.n_output = 1;
}

/* Room for the parts of a model that are one each. */
typedef struct model {
    Onnx__ModelProto proto;
    Onnx__OperatorSetIdProto opset, *opsets;
} model;

/* The graph in t as a model; m must stay where it is. */
static onp_status fill_model(onp_onnx_tree *t, const onp_onnx_network *net, model *m,
                             onp_error *err)
{
    *m = (model){.proto = ONNX__MODEL_PROTO__INIT, .opset = ONNX__OPERATOR_SET_ID_PROTO__INIT};
    add_ends(t, net);
    add_metadata(t, &m->proto, net->metadata);
    m->opsets = &m->opset;
    m->opset.domain = onp_onnx_text(t, "%s", "");
    m->opset.has_version = true;
    m->opset.version = ONP_ONNX_OPSET;
    m->proto.opset_import = &m->opsets;
    m->proto.n_opset_import = 1;
    m->proto.has_ir_version = true;
    m->proto.ir_version = ONP_ONNX_IR;
    m->proto.producer_name = onp_onnx_text(t, "onepath");
    m->proto.producer_version = onp_onnx_text(t, "%s", ONEPATH_VERSION);
    t->graph.name = onp_onnx_text(t, "%s", net->name);
    m->proto.graph = &t->graph;
    return onp_onnx_tree_status(t, err);
}

static onp_status save(onp_onnx_tree *t, const onp_onnx_network *net, const char *path,
                       onp_error *err)
{
    model m;
    ONP_TRY(onp_onnx_add_nodes(t, net, false, err));
    ONP_TRY(fill_model(t, net, &m, err));
    return write_file(t->ctx, &m.proto, path, err);
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

static onp_status encode(onp_onnx_tree *t, const onp_onnx_network *net, onp_strbuf *out,
                         onp_error *err)
{
    model m;
    ONP_TRY(onp_onnx_add_nodes(t, net, true, err));
    ONP_TRY(fill_model(t, net, &m, err));
    sink s = {.base.append = buffer_append, .buffer = out};
    (void)protobuf_c_message_pack_to_buffer(&m.proto.base, &s.base);
    return onp_strbuf_status(out, err);
}

onp_status onp_onnx_encode_synthetic(const onp_context *ctx, const onp_graph *g, onp_strbuf *out,
                                     onp_error *err)
{
    ONP_TRY(onp_graph_status(g, err));
    const int32_t n = onp_graph_n_nodes(g);
    if (n == 0)
        return onp_fail(err, ONP_E_RANGE, "onnx: the graph has no nodes");
    const onp_onnx_network net = {.g = g,
                                  .input = onp_graph_node(g, 0)->in[0],
                                  .logits = onp_graph_node(g, n - 1)->out[0],
                                  .name = "synthetic"};
    onp_onnx_tree tree;
    onp_onnx_tree_init(&tree, ctx);
    onp_status st = encode(&tree, &net, out, err);
    onp_onnx_tree_reset(&tree);
    return st;
}
