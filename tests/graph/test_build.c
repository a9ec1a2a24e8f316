/* SPDX-License-Identifier: Apache-2.0 */
/* Building a graph: shapes by the contract, failures that stick, memory that stays, and the
 * reference executor's own promises. */
#include <string.h>

#include "graph/ref_exec.h"
#include "tests/graph/small_net.h"

static onp_graph *new_graph(onp_context *ctx)
{
    onp_context_init(ctx);
    onp_graph *g = onp_graph_new(ctx, NULL);
    assert_non_null(g);
    return g;
}

static void shapes_and_producers(void **state)
{
    (void)state;
    onp_context ctx;
    onp_graph *g = new_graph(&ctx);
    float place[2];
    onp_tid x = onp_graph_external(g, (onp_shape){2, 9, 7, 3}, NULL);
    onp_tid w = onp_graph_param(g, (onp_shape){5, 5, 3, 4}, NULL, NULL);
    onp_graph_set_group(g, 6);
    onp_tid y =
        onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &(onp_attr){.kernel = 5, .stride = 2});
    onp_tid p = onp_graph_add(g, ONP_OP_GLOBAL_AVG_POOL, &y, 1, NULL);
    onp_graph_bind(g, p, place);
    assert_int_equal(onp_graph_status(g, NULL), ONP_OK);
    assert_true(onp_shape_equal(onp_graph_shape(g, y), (onp_shape){2, 5, 4, 4}));
    assert_true(onp_shape_equal(onp_graph_shape(g, p), (onp_shape){2, 1, 1, 4}));
    assert_true(onp_shape_equal(onp_graph_shape(g, ONP_NONE), (onp_shape){0}));
    assert_int_equal(onp_graph_n_tensors(g), 4);
    assert_int_equal(onp_graph_n_nodes(g), 2);
    assert_int_equal(onp_graph_tensor(g, x)->producer, ONP_NONE);
    assert_int_equal(onp_graph_tensor(g, p)->producer, 1);
    assert_true(onp_graph_tensor(g, p)->external);
    assert_ptr_equal(onp_graph_tensor(g, p)->data, place);
    assert_false(onp_graph_tensor(g, y)->external);
    assert_int_equal(onp_graph_node(g, 1)->group, 6);
    assert_false(onp_graph_node(g, 1)->backward);
    assert_int_equal(onp_graph_find(g, ONP_OP_CONV, &x, 1), 0);
    assert_int_equal(onp_graph_find(g, ONP_OP_CONV, &w, 1), ONP_NONE);
    assert_int_equal(onp_graph_find(g, ONP_OP_DEPTHWISE, &x, 1), ONP_NONE);
    assert_int_equal(onp_graph_n_macs(g), 2 * 5 * 4 * 4 * 5 * 5 * 3);
    onp_graph_free(g);
}

typedef struct bad_node {
    onp_op op;
    onp_tid in[ONP_OP_MAX_IN];
    int n_in;
    onp_attr attr;
    onp_status status;
    const char *part;
} bad_node;

/* Tensors: 0 is a map 2x4x4x3, 1 a kernel 3x3x3x5. */
static const bad_node bad[] = {
    {ONP_OP_CONV,
     {0},
     1,
     {.kernel = 3, .stride = 1},
     ONP_E_SHAPE,
     "conv: has 1 inputs, wanted 2..3"},
    {ONP_OP_RELU6, {0, 0}, 2, {0}, ONP_E_SHAPE, "relu6: has 2 inputs, wanted 1..1"},
    {ONP_OP_RELU6, {ONP_NONE}, 1, {0}, ONP_E_RANGE, "relu6: input 0 is tensor -1 of 2"},
    {ONP_OP_RELU6, {2}, 1, {0}, ONP_E_RANGE, "relu6: input 0 is tensor 2 of 2"},
    {ONP_OP_ADD, {0, 1}, 2, {0}, ONP_E_SHAPE, "add"},
    {ONP_OP_CONV, {0, 1}, 2, {.kernel = 5, .stride = 1}, ONP_E_SHAPE, "conv"},
    {ONP_OP_CONV, {0, 1}, 2, {.kernel = 3, .stride = 0}, ONP_E_RANGE, "conv"},
    {ONP_OP_CONV, {1, 0}, 2, {.kernel = 3, .stride = 1}, ONP_E_SHAPE, "conv"},
    {ONP_OP_RELU6_BWD, {0, 0}, 2, {0}, ONP_E_SHAPE, "relu6-bwd: not a forward operation"},
};

static void failures_stick(void **state)
{
    (void)state;
    onp_context ctx;
    onp_graph *g = new_graph(&ctx);
    for (size_t i = 0; i < ONP_COUNT(bad); i++) {
        onp_error err = {0};
        onp_graph_clear(g);
        onp_tid x = onp_graph_external(g, (onp_shape){2, 4, 4, 3}, NULL);
        (void)onp_graph_external(g, (onp_shape){3, 3, 3, 5}, NULL);
        assert_int_equal(onp_graph_add(g, bad[i].op, bad[i].in, bad[i].n_in, &bad[i].attr),
                         ONP_NONE);
        /* What comes after is ignored, and does not hide the first failure. */
        assert_int_equal(onp_graph_add(g, ONP_OP_RELU6, &x, 1, NULL), ONP_NONE);
        assert_int_equal(onp_graph_external(g, (onp_shape){1, 1, 1, 1}, NULL), ONP_NONE);
        assert_int_equal(onp_graph_labels(g, 3, NULL), ONP_NONE);
        assert_int_equal(onp_graph_fail(g, ONP_E_IO, "later"), ONP_NONE);
        onp_graph_keep(g, ONP_NONE);
        onp_graph_tap(g, ONP_NONE);
        onp_graph_bind(g, ONP_NONE, NULL);
        assert_int_equal(onp_graph_n_tensors(g), 2);
        assert_int_equal(onp_graph_n_nodes(g), 0);
        assert_int_equal(onp_graph_status(g, &err), bad[i].status);
        assert_int_equal(err.status, bad[i].status);
        onp_assert_contains(err.msg, bad[i].part);
        assert_int_equal(onp_graph_status(g, NULL), bad[i].status);
        assert_int_equal(onp_graph_backward(g, 0, NULL, NULL, NULL), bad[i].status);
        onp_ref_exec *exec = NULL;
        assert_int_equal(onp_ref_exec_new(&ctx, g, &exec, NULL), bad[i].status);
        assert_null(exec);
    }
    onp_graph_clear(g);
    assert_int_equal(onp_graph_status(g, NULL), ONP_OK);
    onp_graph_free(g);
}

static void blocks_refuse_another_input(void **state)
{
    (void)state;
    onp_context ctx;
    onp_error err = {0};
    onp_graph *g = new_graph(&ctx);
    onp_block b = {.kind = ONP_BLOCK_MIX,
                   .in_h = 4,
                   .in_w = 4,
                   .in_c = 3,
                   .out_c = 8,
                   .kernel = 1,
                   .stride = 1};
    assert_int_equal(onp_block_complete(&b, &err), ONP_OK);
    const onp_tid params[3] = {ONP_NONE, ONP_NONE, ONP_NONE};
    onp_tid x = onp_graph_external(g, (onp_shape){2, 4, 4, 5}, NULL);
    assert_int_equal(onp_block_build(g, &b, ONP_MODE_TRAIN, 1e-3, x, params, NULL), ONP_NONE);
    assert_int_equal(onp_graph_status(g, &err), ONP_E_SHAPE);
    assert_string_equal(err.msg, "mix in=4x4x3 out=4x4x8: its input is 4x4x5");
    /* A failed graph is passed through. */
    assert_int_equal(onp_block_build(g, &b, ONP_MODE_TRAIN, 1e-3, ONP_NONE, params, NULL),
                     ONP_NONE);
    onp_graph_free(g);
}

static void only_a_loss_has_a_gradient(void **state)
{
    (void)state;
    onp_context ctx;
    onp_graph *g = new_graph(&ctx);
    onp_tid x = onp_graph_external(g, (onp_shape){2, 1, 1, 3}, NULL);
    onp_tid y = onp_graph_add(g, ONP_OP_RELU6, &x, 1, NULL);
    const onp_tid wrong[] = {x, y, ONP_NONE, 99};
    for (size_t i = 0; i < ONP_COUNT(wrong); i++) {
        onp_error err = {0};
        assert_int_equal(onp_graph_backward(g, wrong[i], NULL, NULL, &err), ONP_E_SHAPE);
        onp_assert_contains(err.msg, "is not a loss");
        assert_int_equal(onp_graph_n_nodes(g), 1);
    }
    onp_graph_free(g);
}

/* clang-format off */
static const onp_block blocks[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 4, .kernel = 3, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 4, .kernel = 3, .expand = 2, .stride = 1, .skip = true},
    {.kind = ONP_BLOCK_HEAD, .out_c = 3, .kernel = 1, .stride = 1},
};
/* clang-format on */

/* The graph's memory comes from the context: build, differentiate and run it again on a context
 * whose n-th allocation fails. Parameters are those of a network built beforehand. */
static onp_status rebuild(onp_graph *g, const small_net *net, onp_error *err)
{
    onp_tid x = onp_graph_external(g, onp_graph_shape(net->g, net->images), net->images_data);
    for (int i = 0, p = 0; i < net->n_blocks; i++) {
        onp_tid tids[ONP_BLOCK_MAX_PARAMS];
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n = onp_block_params(&net->blocks[i], ONP_MODE_TRAIN, specs);
        for (int k = 0; k < n; k++, p++)
            tids[k] = onp_graph_param(g, specs[k].shape, net->params[p].data, net->params[p].grad);
        x = onp_block_build(g, &net->blocks[i], ONP_MODE_TRAIN, SMALL_NET_EPS, x, tids, NULL);
    }
    const onp_tid in[2] = {x, onp_graph_labels(g, net->batch, net->labels_data)};
    onp_tid loss = onp_graph_add(g, ONP_OP_SOFTMAX_CE, in, 2, NULL);
    ONP_TRY(onp_graph_status(g, err));
    return onp_graph_backward(g, loss, NULL, NULL, err);
}

static onp_status build_and_run(const onp_context *ctx, void *arg)
{
    onp_error err = {0};
    onp_graph *g = onp_graph_new(ctx, &err);
    if (g == NULL)
        return err.status;
    onp_ref_exec *exec = NULL;
    onp_status st = ONP_OK;
    ONP_TRY_GOTO(rebuild(g, arg, &err));
    ONP_TRY_GOTO(onp_ref_exec_new(ctx, g, &exec, &err));
    onp_ref_exec_run(exec);
done:
    assert_int_equal(err.status, st);
    onp_ref_exec_free(exec);
    onp_graph_free(g);
    return st;
}

static void start(small_net *net)
{
    small_net_build(net, &(small_net_options){.batch = 2,
                                              .size = 5,
                                              .channels = 2,
                                              .blocks = blocks,
                                              .n_blocks = ONP_COUNT(blocks),
                                              .gradients = true});
    small_net_fill(net, 4);
}

static void no_memory(void **state)
{
    (void)state;
    small_net net;
    start(&net);
    onp_test_each_allocation(build_and_run, &net);
    small_net_free(&net);
}

static void a_cleared_graph_allocates_nothing(void **state)
{
    (void)state;
    small_net net;
    onp_test_memory memory;
    onp_error err = {0};
    start(&net);
    onp_test_memory_init(&memory, 0);
    onp_graph *g = onp_graph_new(&memory.ctx, &err);
    assert_non_null(g);
    assert_int_equal(rebuild(g, &net, &err), ONP_OK);
    const int32_t n_nodes = onp_graph_n_nodes(g), n_tensors = onp_graph_n_tensors(g);
    const long before = memory.n_allocs;
    onp_graph_clear(g);
    assert_int_equal(onp_graph_n_nodes(g), 0);
    assert_int_equal(rebuild(g, &net, &err), ONP_OK);
    assert_int_equal(onp_graph_n_nodes(g), n_nodes);
    assert_int_equal(onp_graph_n_tensors(g), n_tensors);
    assert_int_equal(memory.n_allocs, before);
    onp_graph_free(g);
    assert_int_equal(memory.n_live, 0);
    small_net_free(&net);
}

/* The executor copies what it is given and writes nothing of the graph's. */
static void the_executor_keeps_to_its_memory(void **state)
{
    (void)state;
    small_net net;
    onp_error err = {0};
    start(&net);
    assert_int_equal(onp_graph_backward(net.g, net.loss, NULL, NULL, &err), ONP_OK);
    for (int i = 0; i < net.n_params; i++)
        net.params[i].grad[0] = 42.0F;
    net.loss_data[0] = 42.0F;
    onp_ref_exec *exec = NULL;
    assert_int_equal(onp_ref_exec_new(&net.ctx, net.g, &exec, &err), ONP_OK);
    assert_null(onp_ref_exec_data(exec, net.labels));
    const double *copy = onp_ref_exec_data(exec, net.params[0].tid);
    assert_true(copy[1] - (double)net.params[0].data[1] == 0.0);
    onp_ref_exec_run(exec);
    const double first = onp_ref_exec_data(exec, net.loss)[0];
    onp_ref_exec_run(exec);
    const double second = onp_ref_exec_data(exec, net.loss)[0];
    assert_memory_equal(&first, &second, sizeof first);
    assert_true(first > 0.0);
    assert_true(net.loss_data[0] == 42.0F);
    for (int i = 0; i < net.n_params; i++)
        assert_true(net.params[i].grad[0] == 42.0F);
    onp_ref_exec_free(exec);
    onp_ref_exec_free(NULL);
    small_net_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_producers),
        cmocka_unit_test(failures_stick),
        cmocka_unit_test(blocks_refuse_another_input),
        cmocka_unit_test(only_a_loss_has_a_gradient),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(a_cleared_graph_allocates_nothing),
        cmocka_unit_test(the_executor_keeps_to_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
