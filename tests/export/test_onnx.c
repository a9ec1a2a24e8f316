/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX files: what is written, read back by protobuf-c, is the network; the same network gives the
 * same bytes; damaged and hostile files are one error. */
#include <stdlib.h>
#include <string.h>

#include <onnx.pb-c.h>

#include "base/file.h"
#include "export/onnx_wire.h"
#include "tests/export/op_nets.h"
#include "tests/test_support.h"

#define MOBILE 3 /* of op_net_cases: squeeze and excite, hard swish, a residual */

typedef struct fixture {
    op_net net;
    onp_error err;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    json_t *metadata;
    char *bytes;
    size_t size;
    Onnx__ModelProto *model;
} fixture;

static void save(fixture *f, const char *name)
{
    onp_test_path(f->path, f->dir, name);
    if (onp_onnx_save(&f->net.ctx, &f->net.onnx, f->path, &f->err) != ONP_OK)
        fail_msg("%s", f->err.msg);
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    onp_test_dir_make(f->dir);
    op_net_build(&f->net, &op_net_cases[MOBILE], 2);
    f->metadata = json_pack("{s:s, s:s, s:s}", "mean", "0.5,0.25", "class_names",
                            "[\"K\xc3\xbche\", \"a\"]", "a", "");
    f->net.onnx.metadata = f->metadata;
    save(f, "model.onnx");
    assert_int_equal(onp_file_read(&f->net.ctx, f->path, ONP_MIB, &f->bytes, &f->size, &f->err),
                     ONP_OK);
    f->model = onnx__model_proto__unpack(NULL, f->size, (const uint8_t *)f->bytes);
    assert_non_null(f->model);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    onnx__model_proto__free_unpacked(f->model, NULL);
    onp_free(&f->net.ctx, f->bytes);
    json_decref(f->metadata);
    op_net_free(&f->net);
    onp_test_dir_remove(f->dir);
    free(f);
    return 0;
}

/* ---- what is written ---- */

static void test_head_of_the_file(void **state)
{
    const fixture *f = *state;
    const Onnx__ModelProto *m = f->model;
    assert_int_equal(m->ir_version, 7);
    assert_int_equal(m->n_opset_import, 1);
    assert_string_equal(m->opset_import[0]->domain, "");
    assert_int_equal(m->opset_import[0]->version, 13);
    assert_string_equal(m->producer_name, "onepath");
    assert_string_equal(m->graph->name, "mobile");
    assert_int_equal(m->n_metadata_props, 3);
    assert_string_equal(m->metadata_props[0]->key, "mean");
    assert_string_equal(m->metadata_props[0]->value, "0.5,0.25");
    assert_string_equal(m->metadata_props[1]->key, "class_names");
    assert_string_equal(m->metadata_props[1]->value, "[\"K\xc3\xbche\", \"a\"]");
    assert_string_equal(m->metadata_props[2]->value, "");
}

static void check_end(const Onnx__ValueInfoProto *v, const char *name, const int64_t *rest, int n)
{
    const Onnx__TypeProto__Tensor *t = v->type->tensor_type;
    assert_string_equal(v->name, name);
    assert_int_equal(t->elem_type, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    assert_int_equal(t->shape->n_dim, n + 1);
    assert_string_equal(t->shape->dim[0]->dim_param, "N");
    for (int i = 0; i < n; i++)
        assert_int_equal(t->shape->dim[i + 1]->dim_value, rest[i]);
}

static void test_ends(void **state)
{
    const fixture *f = *state;
    const Onnx__GraphProto *g = f->model->graph;
    assert_int_equal(g->n_input, 1);
    assert_int_equal(g->n_output, 1);
    check_end(g->input[0], "input", (const int64_t[]){3, 16, 14}, 3);
    check_end(g->output[0], "logits", (const int64_t[]){6}, 1);
}

static const Onnx__TensorProto *initializer(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(g->initializer[i]->name, name) == 0)
            return g->initializer[i];
    return NULL;
}

/* Every value is made before it is read, and once. */
static void test_values_are_made_before_they_are_read(void **state)
{
    const fixture *f = *state;
    const Onnx__GraphProto *g = f->model->graph;
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        for (size_t k = 0; k < n->n_input; k++) {
            int makers = strcmp(n->input[k], "input") == 0 ? 1 : 0;
            makers += initializer(g, n->input[k]) != NULL ? 1 : 0;
            for (size_t j = 0; j < g->n_node; j++)
                if (strcmp(g->node[j]->output[0], n->input[k]) == 0)
                    makers += j < i ? 1 : 100;
            if (makers != 1)
                fail_msg("%s: %d makers of %s", n->name, makers, n->input[k]);
        }
    }
    assert_string_equal(g->node[g->n_node - 1]->output[0], "logits");
}

/* Element by element, by the definition of both orders. */
static void test_weights(void **state)
{
    const fixture *f = *state;
    const onp_graph *ours = f->net.g;
    const Onnx__GraphProto *g = f->model->graph;
    int n_convs = 0;
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (strcmp(n->op_type, "Conv") != 0 && strcmp(n->op_type, "Gemm") != 0)
            continue;
        const onp_node *conv = NULL; /* ours in the same place */
        for (int32_t j = 0, seen = -1; seen < n_convs; j++) {
            conv = onp_graph_node(ours, j);
            seen += conv->op == ONP_OP_CONV || conv->op == ONP_OP_DEPTHWISE ? 1 : 0;
        }
        n_convs++;
        const onp_tensor *w = onp_graph_tensor(ours, conv->in[1]);
        const Onnx__TensorProto *x = initializer(g, n->input[1]);
        const onp_shape s = w->shape;
        assert_int_equal(x->raw_data.len, (size_t)onp_shape_count(s) * sizeof(float));
        assert_int_equal(x->dims[0], s.c);
        assert_int_equal(x->dims[1], s.w);
        const float *from = w->data, *to = (const float *)(const void *)x->raw_data.data;
        for (int64_t o = 0; o < s.c; o++)
            for (int64_t c = 0; c < s.w; c++)
                for (int64_t u = 0; u < s.n; u++)
                    for (int64_t v = 0; v < s.h; v++)
                        assert_true(to[((o * s.w + c) * s.n + u) * s.h + v] ==
                                    from[((u * s.h + v) * s.w + c) * s.c + o]);
        if (conv->n_in < 3)
            continue;
        const Onnx__TensorProto *b = initializer(g, n->input[2]);
        assert_int_equal(b->raw_data.len, (size_t)s.c * sizeof(float));
        assert_memory_equal(b->raw_data.data, onp_graph_tensor(ours, conv->in[2])->data,
                            b->raw_data.len);
    }
    assert_true(n_convs > 10);
}

static void test_same_bytes(void **state)
{
    fixture *f = *state;
    char *again = NULL;
    size_t size = 0;
    save(f, "again.onnx");
    assert_int_equal(onp_file_read(&f->net.ctx, f->path, ONP_MIB, &again, &size, &f->err), ONP_OK);
    assert_int_equal(size, f->size);
    assert_memory_equal(again, f->bytes, size);
    onp_free(&f->net.ctx, again);
}

static void test_description(void **state)
{
    fixture *f = *state;
    json_t *seen = NULL;
    assert_int_equal(onp_onnx_describe(&f->net.ctx, f->path, &seen, &f->err), ONP_OK);
    assert_true(json_equal(json_object_get(seen, "metadata"), f->metadata));
    assert_int_equal(json_integer_value(json_object_get(seen, "opset")), 13);
    assert_int_equal(json_integer_value(json_object_get(seen, "nodes")), f->model->graph->n_node);
    const json_t *ops = json_object_get(seen, "ops");
    assert_int_equal(json_integer_value(json_object_get(ops, "Gemm")), 1);
    assert_int_equal(json_integer_value(json_object_get(ops, "Add")), 2);
    char *input = json_dumps(json_object_get(seen, "inputs"), JSON_COMPACT);
    assert_string_equal(input, "[{\"name\":\"input\",\"shape\":[\"N\",3,16,14]}]");
    free(input);
    json_decref(seen);
}

/* ---- what cannot be written ---- */

static void test_no_folded_network(void **state)
{
    fixture *f = *state;
    onp_onnx_network wrong = f->net.onnx;
    wrong.logits = onp_graph_node(f->net.g, 0)->out[0];
    onp_test_path(f->path, f->dir, "wrong.onnx");
    assert_int_equal(onp_onnx_save(&f->net.ctx, &wrong, f->path, &f->err), ONP_E_SHAPE);
    onp_assert_contains(f->err.msg, "block 0: conv, wanted a linear layer at the end");
    const onp_tid x = f->net.onnx.logits;
    wrong.logits = onp_graph_add(f->net.g, ONP_OP_BN_STATS, &x, 1, NULL);
    assert_int_equal(onp_onnx_save(&f->net.ctx, &wrong, f->path, &f->err), ONP_E_SHAPE);
    onp_assert_contains(f->err.msg, "bn-stats");
    assert_false(onp_file_exists(f->path));
}

static void test_no_folder(void **state)
{
    fixture *f = *state;
    onp_test_path(f->path, f->dir, "nowhere/model.onnx");
    assert_int_equal(onp_onnx_save(&f->net.ctx, &f->net.onnx, f->path, &f->err), ONP_E_IO);
    onp_assert_contains(f->err.msg, "nowhere");
}

static onp_status save_again(const onp_context *ctx, void *arg)
{
    fixture *f = arg;
    return onp_onnx_save(ctx, &f->net.onnx, f->path, NULL);
}

static onp_status describe_again(const onp_context *ctx, void *arg)
{
    json_t *seen = NULL;
    onp_status st = onp_onnx_describe(ctx, ((fixture *)arg)->path, &seen, NULL);
    json_decref(seen);
    return st;
}

static void test_no_memory(void **state)
{
    onp_test_each_allocation(save_again, *state);
    onp_test_each_allocation(describe_again, *state);
}

/* ---- weights that a model computes ---- */

static size_t count_op(const Onnx__GraphProto *g, const char *op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_node; i++)
        n += strcmp(g->node[i]->op_type, op) == 0;
    return n;
}

static onp_status encode(onp_context *ctx, const onp_graph *g, onp_strbuf *out, onp_error *err)
{
    onp_strbuf_init(out, ctx);
    onp_status st = onp_onnx_encode_synthetic(ctx, g, out, err);
    if (st != ONP_OK)
        onp_strbuf_reset(out);
    return st;
}

/* Beside what makes weights, the nodes are those of the file; parameters need no data. */
static void test_synthetic(void **state)
{
    fixture *f = *state;
    for (onp_tid t = 0; t < onp_graph_n_tensors(f->net.g); t++)
        if (onp_graph_tensor(f->net.g, t)->external)
            onp_graph_bind(f->net.g, t, NULL);
    onp_strbuf out, again;
    assert_int_equal(encode(&f->net.ctx, f->net.g, &out, &f->err), ONP_OK);
    assert_int_equal(encode(&f->net.ctx, f->net.g, &again, &f->err), ONP_OK);
    assert_int_equal(out.length, again.length);
    assert_memory_equal(out.text, again.text, out.length);
    assert_in_range(out.length, 1, 40000);
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, out.length, (const uint8_t *)out.text);
    assert_non_null(m);
    static const char *const ops[] = {"Conv", "Gemm", "Clip",   "HardSigmoid", "GlobalAveragePool",
                                      "Add",  "Relu", "Flatten"};
    for (size_t i = 0; i < ONP_COUNT(ops); i++)
        assert_int_equal(count_op(m->graph, ops[i]), count_op(f->model->graph, ops[i]));
    const size_t n_weights = count_op(m->graph, "Conv") + count_op(m->graph, "Gemm");
    assert_int_equal(count_op(m->graph, "Tile"), n_weights);
    assert_int_equal(m->graph->n_node - f->model->graph->n_node,
                     4 * n_weights + count_op(m->graph, "ConstantOfShape"));
    assert_string_equal(m->graph->input[0]->name, "input");
    assert_string_equal(m->graph->output[0]->name, "logits");
    onnx__model_proto__free_unpacked(m, NULL);
    onp_strbuf_reset(&out);
    onp_strbuf_reset(&again);
}

/* Any operation may be the last: the output is its map. */
static void test_synthetic_block(void **state)
{
    fixture *f = *state;
    onp_graph *g = onp_graph_new(&f->net.ctx, NULL);
    const onp_tid x = onp_graph_external(g, (onp_shape){1, 6, 5, 4}, NULL);
    const onp_tid y = onp_graph_add(g, ONP_OP_HSWISH, &x, 1, NULL);
    onp_strbuf out;
    assert_int_equal(encode(&f->net.ctx, g, &out, &f->err), ONP_OK);
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, out.length, (const uint8_t *)out.text);
    assert_non_null(m);
    assert_string_equal(m->graph->node[m->graph->n_node - 1]->output[0], "logits");
    const Onnx__TensorShapeProto *shape = m->graph->output[0]->type->tensor_type->shape;
    assert_int_equal(shape->n_dim, 4);
    assert_int_equal(shape->dim[1]->dim_value, 4);
    assert_int_equal(shape->dim[3]->dim_value, 5);
    onnx__model_proto__free_unpacked(m, NULL);
    onp_strbuf_reset(&out);

    const onp_tid other = onp_graph_external(g, (onp_shape){1, 6, 5, 4}, NULL);
    (void)onp_graph_add(g, ONP_OP_ADD, (onp_tid[]){y, other}, 2, NULL);
    assert_int_equal(encode(&f->net.ctx, g, &out, &f->err), ONP_E_SHAPE);
    onp_assert_contains(f->err.msg, "add reads another input");
    onp_graph_clear(g);
    assert_int_equal(encode(&f->net.ctx, g, &out, &f->err), ONP_E_RANGE);
    onp_assert_contains(f->err.msg, "no nodes");
    const onp_tid z = onp_graph_external(g, (onp_shape){1, 6, 5, 4}, NULL);
    (void)onp_graph_add(g, ONP_OP_BN_STATS, &z, 1, NULL);
    assert_int_equal(encode(&f->net.ctx, g, &out, &f->err), ONP_E_SHAPE);
    onp_assert_contains(f->err.msg, "bn-stats");
    onp_graph_free(g);
}

static onp_status encode_again(const onp_context *ctx, void *arg)
{
    onp_strbuf out;
    onp_strbuf_init(&out, ctx);
    onp_status st = onp_onnx_encode_synthetic(ctx, ((fixture *)arg)->net.g, &out, NULL);
    onp_strbuf_reset(&out);
    return st;
}

static void test_synthetic_no_memory(void **state)
{
    onp_test_each_allocation(encode_again, *state);
}

/* ---- what cannot be read ---- */

static onp_status describe_bytes(fixture *f, const void *bytes, size_t size)
{
    json_t *seen = NULL;
    onp_test_path(f->path, f->dir, "bad.onnx");
    onp_test_write(f->path, bytes, size);
    f->err = (onp_error){0};
    onp_status st = onp_onnx_describe(&f->net.ctx, f->path, &seen, &f->err);
    json_decref(seen);
    if (st != ONP_OK) {
        assert_null(seen);
        onp_assert_contains(f->err.msg, "bad.onnx");
    }
    return st;
}

/* Only between two entries of the metadata, which come last, is a shorter file still a model. */
static void test_truncation(void **state)
{
    fixture *f = *state;
    size_t metadata = 0;
    for (int i = 0; i < 3; i++) /* tag and length are a byte each */
        metadata += 2 + protobuf_c_message_get_packed_size(&f->model->metadata_props[i]->base);
    for (size_t cut = 0; cut < f->size - metadata; cut += 1 + cut / 50)
        assert_int_equal(describe_bytes(f, f->bytes, cut), ONP_E_FORMAT);
    assert_int_equal(describe_bytes(f, f->bytes, f->size - 1), ONP_E_FORMAT);
    assert_int_equal(describe_bytes(f, f->bytes, f->size), ONP_OK);
}

static void test_other_bytes(void **state)
{
    fixture *f = *state;
    char *bytes = malloc(f->size);
    const onp_rng rng = onp_rng_make(3, ONP_RNG_SYNTHETIC);
    for (uint64_t i = 0; i < 400; i++) {
        memcpy(bytes, f->bytes, f->size);
        for (uint32_t k = 0; k < 3; k++) /* often in the heads of messages, where it hurts */
            bytes[onp_rng_below(rng, i, k, 0, k == 0 ? f->size : 200)] =
                (char)onp_rng_below(rng, i, k, 1, 256);
        const onp_status st = describe_bytes(f, bytes, f->size);
        assert_true(st == ONP_OK || st == ONP_E_FORMAT);
    }
    free(bytes);
}

/* A message may hold a message may hold ...: graph, node, attribute, and the graph of a loop. */
static void test_nesting(void **state)
{
    fixture *f = *state;
    static uint8_t bytes[1 << 16];
    static const uint8_t tags[3] = {0x32, 0x2a, 0x0a}; /* attribute.g, node.attribute, graph.node */
    size_t at = sizeof bytes;
    for (int i = 0; i < 301; i++) { /* from inside, so that lengths are known */
        const size_t length = sizeof bytes - at;
        at -= 4;
        bytes[at] = i < 300 ? tags[i % 3] : 0x3a; /* model.graph */
        bytes[at + 1] = (uint8_t)((length & 0x7f) | 0x80);
        bytes[at + 2] = (uint8_t)((length >> 7 & 0x7f) | 0x80);
        bytes[at + 3] = (uint8_t)(length >> 14);
    }
    assert_int_equal(describe_bytes(f, bytes + at, sizeof bytes - at), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "nested too deep");
}

static void test_too_many_fields(void **state)
{
    fixture *f = *state;
    const size_t size = 2 * (size_t)(ONP_ONNX_MAX_FIELDS + 1);
    uint8_t *bytes = calloc(1, size);
    for (size_t i = 0; i < size; i += 2)
        bytes[i] = 0x72; /* an empty metadata entry */
    assert_int_equal(describe_bytes(f, bytes, size), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "too many fields");
    free(bytes);
}

static void expect_fault(fixture *f, const char *text)
{
    const size_t size = onnx__model_proto__get_packed_size(f->model);
    uint8_t *bytes = malloc(size);
    (void)onnx__model_proto__pack(f->model, bytes);
    assert_int_equal(describe_bytes(f, bytes, size), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, text);
    free(bytes);
}

static void test_faults(void **state)
{
    fixture *f = *state;
    Onnx__ModelProto *m = f->model;
    Onnx__GraphProto *graph = m->graph;
    char *key = m->metadata_props[2]->key, bad[] = "\xff", twice[] = "mean";

    m->metadata_props[2]->key = twice;
    expect_fault(f, "\"mean\" is there twice");
    m->metadata_props[2]->key = bad;
    expect_fault(f, "is not UTF-8");
    m->metadata_props[2]->key = key;

    Onnx__TensorProto *x = graph->initializer[0];
    x->dims[0]++;
    expect_fault(f, "bytes, wanted");
    x->dims[0] = INT64_MAX;
    expect_fault(f, "a shape that no file can hold");
    x->dims[0] = -1;
    expect_fault(f, "a shape that no file can hold");
    x->dims[0] = 8;

    m->graph = NULL;
    expect_fault(f, "it has no graph");
    m->graph = graph;
    m->has_ir_version = false;
    expect_fault(f, "it has no IR version");
    m->has_ir_version = true;
    m->opset_import[0]->version = 0;
    expect_fault(f, "it names no opset");
}

static void test_graph_twice(void **state)
{
    fixture *f = *state;
    char *bytes = malloc(2 * f->size);
    memcpy(bytes, f->bytes, f->size);
    memcpy(bytes + f->size, f->bytes, f->size);
    assert_int_equal(describe_bytes(f, bytes, 2 * f->size), ONP_E_FORMAT);
    onp_assert_contains(f->err.msg, "there twice");
    free(bytes);
}

static void test_missing_file(void **state)
{
    fixture *f = *state;
    json_t *seen = NULL;
    onp_test_path(f->path, f->dir, "nowhere.onnx");
    assert_int_equal(onp_onnx_describe(&f->net.ctx, f->path, &seen, &f->err), ONP_E_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_head_of_the_file),
        TEST(test_ends),
        TEST(test_values_are_made_before_they_are_read),
        TEST(test_weights),
        TEST(test_same_bytes),
        TEST(test_description),
        TEST(test_no_folded_network),
        TEST(test_no_folder),
        TEST(test_no_memory),
        TEST(test_synthetic),
        TEST(test_synthetic_block),
        TEST(test_synthetic_no_memory),
        TEST(test_truncation),
        TEST(test_other_bytes),
        TEST(test_nesting),
        TEST(test_too_many_fields),
        TEST(test_faults),
        TEST(test_graph_twice),
        TEST(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
