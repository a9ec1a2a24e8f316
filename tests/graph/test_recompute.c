/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recomputation: gradients have the same bits in every mode, batch norm or not, stored or lazy; a
 * chain of 1,000 equal layers takes at least 15 times less memory by square roots, and the forward
 * nodes that are run again are as many as the mode says.
 */
#include <string.h>

#include "graph/plan.h"
#include "graph/recompute.h"
#include "ops/kernels.h"
#include "tests/graph/small_net.h"

static const onp_block blocks[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 8, .kernel = 3, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 8, .kernel = 3, .stride = 1, .expand = 3, .skip = true},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 12, .kernel = 5, .stride = 2, .expand = 2},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 12, .kernel = 3, .stride = 1, .expand = 6, .skip = true},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 12, .kernel = 3, .stride = 1, .expand = 1, .skip = true},
    {.kind = ONP_BLOCK_MIX, .out_c = 20, .kernel = 1, .stride = 1},
    {.kind = ONP_BLOCK_HEAD, .out_c = 5, .kernel = 1, .stride = 1},
};

typedef struct outcome {
    float *grads;
    int64_t n;
    size_t arena_bytes;
    int n_again; /* forward nodes in the backward pass */
} outcome;

static outcome gradients_of(onp_recompute mode, bool stored)
{
    small_net net;
    onp_error err = {0};
    onp_plan *plan = NULL;
    outcome out = {0};
    small_net_build(&net, &(small_net_options){.batch = 3,
                                               .size = 9,
                                               .channels = 3,
                                               .blocks = blocks,
                                               .n_blocks = ONP_COUNT(blocks),
                                               .gradients = true});
    small_net_fill(&net, 5);
    net.ctx.kernels = onp_kernels_at(0);
    assert_int_equal(onp_graph_recompute(net.g, mode, &err), ONP_OK);
    assert_int_equal(onp_graph_backward(net.g, net.loss, NULL, NULL, &err), ONP_OK);
    for (int32_t i = 0; i < onp_graph_n_nodes(net.g); i++)
        out.n_again += onp_graph_node(net.g, i)->repeats != ONP_NONE;
    assert_int_equal(onp_plan_new(&net.ctx, &plan, &err), ONP_OK);
    if (onp_plan_make(plan, net.g, &(onp_plan_options){.stored = stored}, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    out.arena_bytes = onp_plan_get_info(plan).arena_bytes;
    onp_plan_run(plan);
    for (int i = 0; i < net.n_params; i++)
        out.n += onp_shape_count(net.params[i].shape);
    out.grads = test_malloc((size_t)out.n * sizeof *out.grads);
    float *at = out.grads;
    for (int i = 0; i < net.n_params; i++) {
        const int64_t n = onp_shape_count(net.params[i].shape);
        memcpy(at, net.params[i].grad, (size_t)n * sizeof *at);
        at += n;
    }
    onp_plan_free(plan);
    small_net_free(&net);
    return out;
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        const outcome kept = gradients_of(ONP_RECOMPUTE_NONE, stored);
        assert_int_equal(kept.n_again, 0);
        int least = 0;
        for (int mode = ONP_RECOMPUTE_CHEAP; mode < ONP_RECOMPUTE_COUNT; mode++) {
            const outcome again = gradients_of((onp_recompute)mode, stored);
            assert_memory_equal(again.grads, kept.grads, (size_t)kept.n * sizeof *kept.grads);
            assert_true(again.n_again > least);
            assert_true(again.arena_bytes < kept.arena_bytes);
            least = again.n_again;
            test_free(again.grads);
        }
        test_free(kept.grads);
    }
}

/* ---- a chain of equal layers ---- */

#define LAYERS 1000
#define WIDTH  8
#define SIDE   12

typedef struct chain {
    onp_context ctx;
    onp_graph *g;
    float image[SIDE * SIDE * WIDTH], weight[LAYERS + 1][WIDTH * WIDTH];
    float grad[LAYERS + 1][WIDTH * WIDTH];
    int32_t label;
    size_t arena_bytes;
} chain;

static onp_tid chain_layer(chain *t, int i, onp_tid x)
{
    const onp_shape shape = {1, 1, WIDTH, WIDTH};
    for (int k = 0; k < WIDTH * WIDTH; k++) /* near the identity: numbers stay in range */
        t->weight[i][k] = (k % (WIDTH + 1) == 0 ? 1.0F : 0.01F * (float)((k * 7 + i) % 5 - 2));
    const onp_tid in[2] = {x, onp_graph_param(t->g, shape, t->weight[i], t->grad[i])};
    return onp_graph_add(t->g, ONP_OP_CONV, in, 2, &(onp_attr){.kernel = 1, .stride = 1});
}

static void run_chain(chain *t, onp_recompute mode)
{
    onp_error err = {0};
    onp_plan *plan = NULL;
    onp_graph_clear(t->g);
    onp_tid x = onp_graph_external(t->g, (onp_shape){1, SIDE, SIDE, WIDTH}, t->image);
    for (int i = 0; i < LAYERS; i++) {
        onp_graph_set_group(t->g, i);
        x = chain_layer(t, i, x);
        x = onp_graph_add(t->g, ONP_OP_RELU6, &x, 1, NULL);
    }
    onp_graph_set_group(t->g, LAYERS);
    x = chain_layer(t, LAYERS, onp_graph_add(t->g, ONP_OP_GLOBAL_AVG_POOL, &x, 1, NULL));
    const onp_tid in[2] = {x, onp_graph_labels(t->g, 1, &t->label)};
    const onp_tid loss = onp_graph_add(t->g, ONP_OP_SOFTMAX_CE, in, 2, NULL);
    assert_int_equal(onp_graph_recompute(t->g, mode, &err), ONP_OK);
    assert_int_equal(onp_graph_backward(t->g, loss, NULL, NULL, &err), ONP_OK);
    assert_int_equal(onp_plan_new(&t->ctx, &plan, &err), ONP_OK);
    if (onp_plan_make(plan, t->g, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    t->arena_bytes = onp_plan_get_info(plan).arena_bytes;
    onp_plan_run(plan);
    onp_plan_free(plan);
}

static void test_chain(void **state)
{
    (void)state;
    onp_error err = {0};
    chain *kept = test_calloc(1, sizeof *kept), *again = test_calloc(1, sizeof *again);
    chain *both[2] = {kept, again};
    for (int c = 0; c < 2; c++) {
        onp_context_init(&both[c]->ctx);
        both[c]->ctx.kernels = onp_kernels_at(0);
        both[c]->g = onp_graph_new(&both[c]->ctx, &err);
        assert_non_null(both[c]->g);
        for (int i = 0; i < SIDE * SIDE * WIDTH; i++)
            both[c]->image[i] = 0.1F * (float)(i % 37);
        run_chain(both[c], c == 0 ? ONP_RECOMPUTE_NONE : ONP_RECOMPUTE_SQRT);
    }
    assert_memory_equal(kept->grad, again->grad, sizeof kept->grad);
    assert_true(kept->grad[0][0] != 0.0F);
    print_message("chain of %d layers: %zu KiB, by square roots %zu KiB: %.1f times less\n", LAYERS,
                  kept->arena_bytes / 1024, again->arena_bytes / 1024,
                  (double)kept->arena_bytes / (double)again->arena_bytes);
    assert_true(kept->arena_bytes >= 15 * again->arena_bytes);
    for (int c = 0; c < 2; c++) {
        onp_graph_free(both[c]->g);
        test_free(both[c]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
