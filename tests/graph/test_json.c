/* SPDX-License-Identifier: Apache-2.0 */
/* A graph through JSON text and back is the same graph; a hostile text is one clear error. */
#include <stdio.h>
#include <string.h>

#include "graph/json.h"
#include "graph/ref_exec.h"
#include "tests/graph/small_net.h"

static const onp_block blocks[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 4, .kernel = 3, .stride = 2},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 4, .kernel = 5, .expand = 3, .stride = 1, .skip = true},
    {.kind = ONP_BLOCK_HEAD, .out_c = 3, .kernel = 1, .stride = 1},
};

static void build(small_net *net)
{
    small_net_build(net, &(small_net_options){.batch = 2,
                                              .size = 7,
                                              .channels = 3,
                                              .blocks = blocks,
                                              .n_blocks = ONP_COUNT(blocks),
                                              .smoothing = 0.1,
                                              .gradients = true});
    small_net_fill(net, 3);
    onp_graph_keep(net->g, net->out[1]);
}

/* The text of a graph's JSON; onp_strbuf_reset. */
static onp_strbuf to_text(const onp_context *ctx, const onp_graph *g)
{
    onp_strbuf text;
    onp_error err = {0};
    json_t *root = NULL;
    onp_strbuf_init(&text, ctx);
    if (onp_graph_to_json(g, &root, &err) != ONP_OK ||
        onp_json_dump(root, 0, &text, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    json_decref(root);
    return text;
}

static onp_status from_text(const onp_context *ctx, const char *text, onp_graph **out,
                            onp_error *err)
{
    json_t *root = NULL;
    ONP_TRY(onp_json_parse(text, strlen(text), "text", &root, err));
    onp_status st = onp_graph_from_json(ctx, root, "measure", out, err);
    json_decref(root);
    return st;
}

static void assert_same_node(const onp_node *a, const onp_node *b)
{
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->group, b->group);
    assert_int_equal(a->n_in, b->n_in);
    assert_int_equal(a->n_out, b->n_out);
    assert_memory_equal(a->in, b->in, (size_t)a->n_in * sizeof *a->in);
    assert_memory_equal(a->out, b->out, (size_t)a->n_out * sizeof *a->out);
    assert_int_equal(a->attr.kernel, b->attr.kernel);
    assert_int_equal(a->attr.stride, b->attr.stride);
    assert_int_equal(a->attr.dilation, b->attr.dilation);
    assert_int_equal(a->attr.groups, b->attr.groups);
    assert_memory_equal(&a->attr.rate, &b->attr.rate, sizeof a->attr.rate);
    assert_memory_equal(&a->attr.key, &b->attr.key, sizeof a->attr.key);
    assert_memory_equal(&a->attr.eps, &b->attr.eps, sizeof a->attr.eps);
    assert_memory_equal(&a->attr.smoothing, &b->attr.smoothing, sizeof a->attr.smoothing);
}

static void assert_same_graph(const onp_graph *a, const onp_graph *b)
{
    assert_int_equal(onp_graph_n_tensors(a), onp_graph_n_tensors(b));
    assert_int_equal(onp_graph_n_nodes(a), onp_graph_n_nodes(b));
    for (onp_tid t = 0; t < onp_graph_n_tensors(a); t++) {
        const onp_tensor *x = onp_graph_tensor(a, t), *y = onp_graph_tensor(b, t);
        assert_true(onp_shape_equal(x->shape, y->shape));
        assert_int_equal(x->external, y->external);
        assert_int_equal(x->labels, y->labels);
        assert_int_equal(x->keep, y->keep);
        assert_int_equal(x->producer, y->producer);
        assert_null(y->data);
        assert_null(y->grad_data);
    }
    for (int32_t i = 0; i < onp_graph_n_nodes(a); i++)
        assert_same_node(onp_graph_node(a, i), onp_graph_node(b, i));
}

static void a_network_comes_back_the_same(void **state)
{
    (void)state;
    small_net net;
    onp_error err = {0};
    onp_graph *copy = NULL;
    build(&net);
    onp_strbuf text = to_text(&net.ctx, net.g);
    if (from_text(&net.ctx, text.text, &copy, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_same_graph(net.g, copy);
    onp_strbuf again = to_text(&net.ctx, copy);
    assert_string_equal(text.text, again.text);
    onp_strbuf_reset(&text);
    onp_strbuf_reset(&again);
    onp_graph_free(copy);
    small_net_free(&net);
}

/* Every attribute that a forward operation has. */
static void attributes_come_back_the_same(void **state)
{
    (void)state;
    onp_context ctx;
    onp_context_init(&ctx);
    onp_error err = {0};
    onp_graph *g = onp_graph_new(&ctx, &err), *copy = NULL;
    assert_non_null(g);
    onp_tid x = onp_graph_external(g, (onp_shape){2, 9, 9, 6}, NULL);
    const onp_tid w = onp_graph_external(g, (onp_shape){5, 5, 2, 9}, NULL);
    x = onp_graph_add(g, ONP_OP_CONV, (const onp_tid[]){x, w}, 2,
                      &(onp_attr){.kernel = 5, .stride = 2, .dilation = 3, .groups = 3});
    x = onp_graph_add(g, ONP_OP_AVG_POOL, &x, 1, &(onp_attr){.kernel = 2, .stride = 2});
    x = onp_graph_add(g, ONP_OP_HSWISH, &x, 1, NULL);
    x = onp_graph_add(g, ONP_OP_DROPOUT, &x, 1, &(onp_attr){.rate = 0.3, .key = {{UINT32_MAX, 7}}});
    const onp_tid s = onp_graph_add(g, ONP_OP_GLOBAL_AVG_POOL, &x, 1, NULL);
    const onp_tid scale = onp_graph_add(g, ONP_OP_HSIGMOID, &s, 1, NULL);
    (void)onp_graph_add(g, ONP_OP_CHANNEL_SCALE, (const onp_tid[]){x, scale}, 2, NULL);
    onp_strbuf text = to_text(&ctx, g);
    if (from_text(&ctx, text.text, &copy, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    assert_same_graph(g, copy);
    onp_strbuf_reset(&text);
    onp_graph_free(copy);
    onp_graph_free(g);
}

/* Bound to the same memory, the copy computes the same loss. */
static void the_copy_runs(void **state)
{
    (void)state;
    small_net net;
    onp_error err = {0};
    onp_graph *graphs[2] = {NULL, NULL};
    double loss[2];
    build(&net);
    graphs[0] = net.g;
    onp_strbuf text = to_text(&net.ctx, net.g);
    assert_int_equal(from_text(&net.ctx, text.text, &graphs[1], &err), ONP_OK);
    onp_ref_exec *exec = NULL;
    assert_int_equal(onp_ref_exec_new(&net.ctx, graphs[1], &exec, &err), ONP_E_SHAPE);
    onp_assert_contains(err.msg, "have no data");
    for (onp_tid t = 0; t < onp_graph_n_tensors(graphs[1]); t++)
        if (onp_graph_tensor(graphs[1], t)->external)
            onp_graph_bind(graphs[1], t, onp_graph_tensor(net.g, t)->data);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(onp_ref_exec_new(&net.ctx, graphs[i], &exec, &err), ONP_OK);
        onp_ref_exec_run(exec);
        loss[i] = onp_ref_exec_data(exec, net.loss)[0];
        onp_ref_exec_free(exec);
    }
    assert_true(loss[0] > 0.0);
    assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
    onp_strbuf_reset(&text);
    onp_graph_free(graphs[1]);
    small_net_free(&net);
}

static void the_format_is_as_documented(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    assert_non_null(g);
    onp_tid x = onp_graph_external(g, (onp_shape){1, 28, 28, 1}, NULL);
    onp_tid w = onp_graph_external(g, (onp_shape){3, 3, 1, 16}, NULL);
    onp_tid y =
        onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &(onp_attr){.kernel = 3, .stride = 1});
    onp_graph_keep(g, y);
    onp_strbuf text = to_text(&ctx, g);
    assert_string_equal(text.text,
                        "{\"tensors\": [{\"shape\": [1, 28, 28, 1], \"external\": true}, "
                        "{\"shape\": [3, 3, 1, 16], \"external\": true}, "
                        "{\"shape\": [1, 28, 28, 16], \"keep\": true}], "
                        "\"nodes\": [{\"op\": \"conv\", \"in\": [0, 1], \"out\": [2], "
                        "\"kernel\": 3, \"stride\": 1}]}");
    onp_strbuf_reset(&text);
    onp_graph_free(g);
}

static void an_empty_graph_is_a_graph(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_graph *g = NULL;
    onp_context_init(&ctx);
    assert_int_equal(from_text(&ctx, "{\"tensors\": [], \"nodes\": []}", &g, &err), ONP_OK);
    assert_int_equal(onp_graph_n_tensors(g), 0);
    onp_graph_free(g);
}

static void a_failed_graph_has_no_json(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    json_t *root = NULL;
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    assert_non_null(g);
    (void)onp_graph_fail(g, ONP_E_RANGE, "broken");
    assert_int_equal(onp_graph_to_json(g, &root, &err), ONP_E_RANGE);
    assert_null(root);
    onp_graph_free(g);
}

/* Gradients are written, for pictures, and not taken from outside. */
static void backward_nodes_are_refused(void **state)
{
    (void)state;
    small_net net;
    onp_error err = {0};
    onp_graph *copy = NULL;
    build(&net);
    assert_int_equal(onp_graph_backward(net.g, net.loss, NULL, NULL, &err), ONP_OK);
    onp_strbuf text = to_text(&net.ctx, net.g);
    assert_int_equal(from_text(&net.ctx, text.text, &copy, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, "\"softmax-ce-bwd\" is not a forward operation");
    assert_null(copy);
    onp_strbuf_reset(&text);
    small_net_free(&net);
}

/* ---- hostile text ---- */

/* clang-format off */
#define X    "{\"shape\": [2, 4, 4, 3], \"external\": true}"
#define W    "{\"shape\": [3, 3, 3, 5], \"external\": true}"
#define Y    "{\"shape\": [2, 4, 4, 5]}"
#define CONV "{\"op\": \"conv\", \"in\": [0, 1], \"out\": [2], \"kernel\": 3, \"stride\": 1}"
#define GRAPH(tensors, nodes) "{\"tensors\": [" tensors "], \"nodes\": [" nodes "]}"
#define CONV_WITH(attrs) GRAPH(X ", " W ", " Y, "{\"op\": \"conv\", \"in\": [0, 1], \"out\": [2]" attrs "}")
#define TENSOR(text) GRAPH(text, "")
#define LOSS(labels, in) GRAPH("{\"shape\": [2, 1, 1, 4], \"external\": true}, " labels ", {\"shape\": [1, 1, 1, 2]}", \
                               "{\"op\": \"softmax-ce\", \"in\": " in ", \"out\": [2]}")
#define TWO_LABELS "{\"shape\": [1, 1, 1, 2], \"external\": true, \"labels\": true}"

static const struct {
    const char *text, *part;
} hostile[] = {
    /* the outside */
    {"[]", "graph: is not an object"},
    {"{\"nodes\": []}", "key \"tensors\" is missing"},
    {"{\"tensors\": [], \"nodes\": {}}", "key \"nodes\" is an object, wanted an array"},
    {"{\"tensors\": [], \"nodes\": [], \"weights\": 1}", "key \"weights\" is unknown"},
    /* tensors */
    {TENSOR("7"), "tensor 0: is not an object"},
    {TENSOR("{}"), "key \"shape\" is missing"},
    {TENSOR("{\"shape\": [1, 1, 1], \"external\": true}"), "has 3 sizes, wanted 4"},
    {TENSOR("{\"shape\": [1, 1, 1, 1, 1], \"external\": true}"), "has 5 elements, wanted at most 4"},
    {TENSOR("{\"shape\": [1, 0, 1, 1], \"external\": true}"), "element 1 of \"shape\""},
    {TENSOR("{\"shape\": [1, 1, -3, 1], \"external\": true}"), "element 2 of \"shape\""},
    {TENSOR("{\"shape\": [1, 1, 2.5, 1], \"external\": true}"), "element 2 of \"shape\""},
    {TENSOR("{\"shape\": [9223372036854775807, 1, 1, 1], \"external\": true}"), "element 0 of \"shape\""},
    {TENSOR("{\"shape\": [65536, 65536, 65536, 65536], \"external\": true}"), "has more than 1073741824 elements"},
    {TENSOR("{\"shape\": [1, 1, 32769, 32768], \"external\": true}"), "has more than"},
    {TENSOR("{\"shape\": [1, 1, 1, 1], \"external\": 1}"), "key \"external\" is not true or false"},
    {TENSOR("{\"shape\": [1, 1, 1, 1]}"), "is neither external nor"},
    {TENSOR("{\"shape\": [1, 1, 1, 1], \"external\": true, \"data\": 3}"), "key \"data\" is unknown"},
    {TENSOR("{\"shape\": [2, 1, 1, 1], \"external\": true, \"labels\": true}"), "labels must be"},
    /* nodes */
    {GRAPH(X, "null"), "node 0: is not an object"},
    {GRAPH(X, "{\"op\": \"destroy\", \"in\": [0], \"out\": [1]}"), "\"destroy\" is not a forward operation"},
    {GRAPH(X, "{\"op\": \"relu6-bwd\", \"in\": [0, 0], \"out\": [1]}"), "\"relu6-bwd\" is not a forward operation"},
    {GRAPH(X, "{\"op\": \"gate\", \"in\": [0], \"out\": [1]}"), "\"gate\" is not a forward operation"},
    {GRAPH(X, "{\"op\": 3, \"in\": [0], \"out\": [1]}"), "key \"op\" is an integer"},
    {GRAPH(X, "{\"op\": \"relu6\", \"out\": [1]}"), "key \"in\" is missing"},
    {GRAPH(X, "{\"op\": \"relu6\", \"in\": [1], \"out\": [1]}"), "element 0 of \"in\""},
    {GRAPH(X, "{\"op\": \"relu6\", \"in\": [-1], \"out\": [0]}"), "element 0 of \"in\""},
    {GRAPH(X, "{\"op\": \"relu6\", \"in\": [4294967296], \"out\": [0]}"), "element 0 of \"in\""},
    {GRAPH(X, "{\"op\": \"relu6\", \"in\": [0], \"out\": [1]}"), "element 0 of \"out\""},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [0], \"out\": [0]}"), "which comes later"},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [1], \"out\": [1]}"), "which comes later"},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [0], \"out\": []}"), "outputs are not 1 new tensors"},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [0], \"out\": [1, 1]}"), "outputs are not 1 new tensors"},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [0], \"out\": [1, 1, 1]}"), "has 3 elements, wanted at most 2"},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [0], \"out\": [1]}, {\"op\": \"relu6\", \"in\": [0], \"out\": [1]}"),
     "node 1: its outputs are not 1 new tensors"},
    {GRAPH(X ", " X, "{\"op\": \"relu6\", \"in\": [0, 0], \"out\": [1]}"), "node 0: relu6"},
    {GRAPH(X ", " X, "{\"op\": \"add\", \"in\": [0], \"out\": [1]}"), "node 0: add"},
    {GRAPH(X ", " X, "{\"op\": \"add\", \"in\": [0, 0, 0, 0, 0, 0, 0], \"out\": [1]}"), "has 7 elements, wanted at most 6"},
    {GRAPH(X ", " W ", {\"shape\": [2, 4, 4, 3]}", "{\"op\": \"add\", \"in\": [0, 1], \"out\": [2]}"), "node 0: add"},
    {GRAPH(X ", " W ", {\"shape\": [2, 4, 4, 6]}", CONV), "tensor 2: does not fit its node, wanted shape [2, 4, 4, 5]"},
    {GRAPH(X ", " W ", {\"shape\": [2, 4, 4, 5], \"labels\": true}", CONV), "does not fit its node"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"pad\": 1"), "key \"pad\" is unknown"},
    {CONV_WITH(", \"kernel\": 3"), "node 0: conv"},
    {CONV_WITH(", \"stride\": 1"), "node 0: conv"},
    {CONV_WITH(", \"kernel\": 5, \"stride\": 1"), "node 0: conv"},
    {CONV_WITH(", \"kernel\": 33, \"stride\": 1"), "key \"kernel\" is 33"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 5"), "key \"stride\" is 5"},
    {CONV_WITH(", \"kernel\": -3, \"stride\": 1"), "key \"kernel\" is -3"},
    {CONV_WITH(", \"kernel\": 3.0, \"stride\": 1"), "key \"kernel\" is a real number"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"eps\": -1"), "key \"eps\" is -1"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"eps\": \"x\""), "key \"eps\" is a string"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"smoothing\": 1.5"), "key \"smoothing\" is 1.5"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"dilation\": 33"), "dilation"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"groups\": 2"), "2 groups"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"rate\": -1"), "key \"rate\" is -1"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"key\": [1]"), "key has 1 words, wanted 2"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"key\": [1, 4294967296]"), "key"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"group\": -2"), "key \"group\" is -2"},
    {CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"group\": 99999999999"), "key \"group\" is 99999999999"},
    /* labels where floats are read, floats where labels are read */
    {LOSS("{\"shape\": [1, 1, 1, 2], \"external\": true}", "[0, 1]"), "labels are input 1 of softmax-ce"},
    {LOSS(TWO_LABELS, "[1, 1]"), "labels are input 1 of softmax-ce"},
    {GRAPH(TWO_LABELS ", {\"shape\": [1, 1, 1, 2]}", "{\"op\": \"relu6\", \"in\": [0], \"out\": [1]}"),
     "labels are input 1 of softmax-ce"},
    {LOSS("{\"shape\": [1, 1, 1, 3], \"external\": true, \"labels\": true}", "[0, 1]"), "node 0: softmax-ce"},
};
/* clang-format on */

static void hostile_text_is_refused(void **state)
{
    (void)state;
    onp_test_memory memory;
    onp_test_memory_init(&memory, 0);
    memory.size_limit = ONP_MIB;
    for (size_t i = 0; i < ONP_COUNT(hostile); i++) {
        onp_graph *g = NULL;
        onp_error err = {0};
        onp_status st = from_text(&memory.ctx, hostile[i].text, &g, &err);
        if (st != ONP_E_FORMAT || g != NULL)
            fail_msg("%s: status is \"%s\": %s", hostile[i].text, onp_status_text(st), err.msg);
        assert_int_equal(strncmp(err.msg, "measure: ", 9), 0);
        onp_assert_contains(err.msg, hostile[i].part);
        assert_int_equal(memory.n_live, 0);
        assert_int_equal(from_text(&memory.ctx, hostile[i].text, &g, NULL), ONP_E_FORMAT);
    }
}

/* The rows above differ in one thing from these, which pass. */
static void their_sound_versions_are_taken(void **state)
{
    (void)state;
    static const char *const sound[] = {
        GRAPH(X ", " W ", " Y, CONV),
        CONV_WITH(", \"kernel\": 3, \"stride\": 1, \"group\": 0, \"eps\": 0"),
        TENSOR("{\"shape\": [1, 1, 32768, 32768], \"external\": true}"),
        LOSS(TWO_LABELS, "[0, 1]"),
    };
    onp_context ctx;
    onp_context_init(&ctx);
    for (size_t i = 0; i < ONP_COUNT(sound); i++) {
        onp_graph *g = NULL;
        onp_error err = {0};
        if (from_text(&ctx, sound[i], &g, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        onp_graph_free(g);
    }
}

static void assert_too_many(size_t n_tensors, size_t n_nodes, const char *part)
{
    onp_context ctx;
    onp_error err = {0};
    onp_graph *g = NULL;
    onp_context_init(&ctx);
    json_t *tensors = json_array(), *nodes = json_array();
    for (size_t i = 0; i < n_tensors; i++)
        assert_int_equal(json_array_append_new(tensors, json_null()), 0);
    for (size_t i = 0; i < n_nodes; i++)
        assert_int_equal(json_array_append_new(nodes, json_null()), 0);
    json_t *root = json_pack("{s:o,s:o}", "tensors", tensors, "nodes", nodes);
    assert_int_equal(onp_graph_from_json(&ctx, root, "measure", &g, &err), ONP_E_FORMAT);
    onp_assert_contains(err.msg, part);
    json_decref(root);
}

static void counts_are_bounded(void **state)
{
    (void)state;
    assert_too_many(0, ONP_GRAPH_JSON_MAX_NODES + 1, "has 65537 nodes, wanted at most 65536");
    assert_too_many(ONP_GRAPH_JSON_MAX_TENSORS + 1, 0, "has 262145 tensors");
    assert_too_many(0, ONP_GRAPH_JSON_MAX_NODES, "node 0: is not an object");
}

/* Every prefix of a sound text is a syntax error or one of ours; each single byte changed is at
 * worst an error. */
static void cut_and_changed_text(void **state)
{
    (void)state;
    small_net net;
    build(&net);
    onp_strbuf text = to_text(&net.ctx, net.g);
    for (size_t n = 0; n < text.length; n++) {
        onp_graph *g = NULL;
        const char kept = text.text[n];
        text.text[n] = '\0';
        assert_int_equal(from_text(&net.ctx, text.text, &g, NULL), ONP_E_FORMAT);
        for (const char *c = "0972-]}\"x"; *c != '\0'; c++) {
            text.text[n] = *c;
            if (from_text(&net.ctx, text.text, &g, NULL) == ONP_OK)
                onp_graph_free(g);
        }
        text.text[n] = kept;
    }
    onp_strbuf_reset(&text);
    small_net_free(&net);
}

static onp_status read_sound(const onp_context *ctx, void *arg)
{
    onp_graph *g = NULL;
    onp_status st = onp_graph_from_json(ctx, arg, "measure", &g, NULL);
    onp_graph_free(g);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    small_net net;
    json_t *root = NULL;
    build(&net);
    assert_int_equal(onp_graph_to_json(net.g, &root, NULL), ONP_OK);
    onp_test_each_allocation(read_sound, root);
    json_decref(root);
    small_net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_comes_back_the_same),
        cmocka_unit_test(attributes_come_back_the_same),
        cmocka_unit_test(the_copy_runs),
        cmocka_unit_test(the_format_is_as_documented),
        cmocka_unit_test(an_empty_graph_is_a_graph),
        cmocka_unit_test(a_failed_graph_has_no_json),
        cmocka_unit_test(backward_nodes_are_refused),
        cmocka_unit_test(hostile_text_is_refused),
        cmocka_unit_test(their_sound_versions_are_taken),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(cut_and_changed_text),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
