/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "graph/plan.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/synthetic.h"
#include "ops/kernels.h"
#include "tests/test_support.h"

static onp_block block(const char *key)
{
    onp_block b;
    onp_error err = {0};
    if (onp_block_parse(key, &b, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    return b;
}

static onp_context plain(void)
{
    onp_context ctx;
    onp_context_init(&ctx);
    assert_int_equal(onp_kernels_choose(&ctx, NULL, NULL), ONP_OK);
    return ctx;
}

static int count(const onp_graph *g, onp_op op)
{
    int n = 0;
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
        n += onp_graph_node(g, i)->op == op;
    return n;
}

static void folded_block(void **state)
{
    (void)state;
    onp_context ctx = plain();
    const onp_block b = block("mbconv in=8x8x8 out=8x8x8 k=5 e=3 s=1 skip=1");
    onp_graph *g = NULL;
    assert_int_equal(onp_measure_block_graph(&ctx, &b, 3, &g, NULL), ONP_OK);
    assert_int_equal(count(g, ONP_OP_CONV), 2);
    assert_int_equal(count(g, ONP_OP_DEPTHWISE), 1);
    assert_int_equal(count(g, ONP_OP_RELU6), 2);
    assert_int_equal(count(g, ONP_OP_ADD), 1);
    assert_int_equal(onp_graph_n_nodes(g), 6); /* no batch norm */
    assert_int_equal(onp_graph_n_macs(g), 3 * (8 * 8 * 8 * 24 + 8 * 8 * 24 * 25 + 8 * 8 * 24 * 8));
    assert_int_equal(onp_graph_n_macs(g), 3 * onp_block_n_macs(&b));
    int n_external = 0;
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++)
        n_external += onp_graph_tensor(g, t)->external;
    assert_int_equal(n_external, 7); /* input, three weights, three biases */
    assert_true(onp_graph_tensor(g, onp_graph_n_tensors(g) - 1)->keep);
    onp_graph_free(g);
}

static void network(void **state)
{
    (void)state;
    onp_context ctx = plain();
    const onp_block blocks[] = {
        block("stem in=8x8x3 out=4x4x8 k=3 s=2"),
        block("mbconv in=4x4x8 out=2x2x12 k=3 e=6 s=2 skip=0"),
        block("zero"),
        block("mix in=2x2x12 out=2x2x20"),
        block("head in=2x2x20 out=5"),
    };
    onp_graph *g = onp_graph_new(&ctx, NULL);
    int64_t macs = 0;
    for (size_t i = 0; i < ONP_COUNT(blocks); i++)
        macs += onp_block_n_macs(&blocks[i]);
    onp_tid y = onp_network_graph(g, blocks, ONP_COUNT(blocks), 2, ONP_MODE_FOLDED, 0.0);
    assert_int_equal(onp_graph_status(g, NULL), ONP_OK);
    assert_true(onp_shape_equal(onp_graph_shape(g, y), (onp_shape){2, 1, 1, 5}));
    assert_int_equal(onp_graph_n_macs(g), 2 * macs);
    assert_int_equal(onp_graph_node(g, 0)->group, 0);
    assert_int_equal(onp_graph_node(g, onp_graph_n_nodes(g) - 1)->group, 4);
    onp_graph_free(g);
}

static void refusals(void **state)
{
    (void)state;
    onp_context ctx = plain();
    const onp_block zero = block("zero");
    const onp_block apart[] = {block("stem in=8x8x3 out=4x4x8 k=3 s=2"),
                               block("mix in=4x4x9 out=4x4x20")};
    onp_graph *g = NULL;
    onp_error err = {0};
    assert_int_equal(onp_measure_block_graph(&ctx, &zero, 1, &g, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "zero");
    assert_int_equal(onp_measure_block_graph(&ctx, &apart[0], 0, &g, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "batch of 0");
    assert_null(g);

    g = onp_graph_new(&ctx, NULL);
    assert_int_equal(onp_network_graph(g, apart, 2, 1, ONP_MODE_FOLDED, 0.0), ONP_NONE);
    assert_int_equal(onp_graph_status(g, &err), ONP_E_SHAPE);
    onp_assert_contains(err.msg, "mix in=4x4x9");
    onp_graph_free(g);
}

static double spread(const float *x, int64_t n)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
        assert_true(isfinite(x[i]));
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    return sqrt(squares / (double)n - sum * sum / (double)n / (double)n);
}

/* Ten blocks deep, in both ways of writing batch norm and behind every activation, activations
 * neither vanish nor explode. */
static void activations_keep_their_spread(void **state)
{
    (void)state;
    static const struct {
        onp_block_mode mode;
        const char *key;
    } cases[] = {
        {ONP_MODE_FOLDED, "mbconv in=12x12x16 out=12x12x16 k=3 e=6 s=1 skip=0"},
        {ONP_MODE_EVAL, "mbconv in=12x12x16 out=12x12x16 k=3 e=6 s=1 skip=0"},
        {ONP_MODE_FOLDED, "mbconv in=12x12x16 out=12x12x16 k=3 e=6 s=1 skip=0 act=relu"},
        {ONP_MODE_FOLDED, "mbconv in=12x12x16 out=12x12x16 k=3 e=6 s=1 skip=0 act=hswish"},
        {ONP_MODE_FOLDED, "mbconv in=12x12x16 out=12x12x16 k=3 e=6 s=1 skip=0 act=hswish se=24"},
    };
    onp_context ctx = plain();
    onp_block blocks[10];
    blocks[0] = block("stem in=12x12x3 out=12x12x16 k=3 s=1");
    for (size_t k = 0; k < ONP_COUNT(cases); k++) {
        for (int i = 1; i < 10; i++)
            blocks[i] = block(cases[k].key);
        onp_graph *g = onp_graph_new(&ctx, NULL);
        onp_tid y = onp_network_graph(g, blocks, 10, 2, cases[k].mode, 1e-3);
        float *memory = NULL;
        onp_plan *plan = NULL;
        onp_error err = {0};
        if (onp_synthetic_fill(&ctx, g, 1, 2, &memory, &err) != ONP_OK ||
            onp_plan_new(&ctx, &plan, &err) != ONP_OK ||
            onp_plan_make(plan, g, NULL, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        onp_plan_run(plan);
        assert_in_range((int64_t)(100 * spread(onp_plan_data(plan, y), 2 * 12 * 12 * 16)), 5, 2000);
        assert_in_range((int64_t)(100 * spread(memory, 2 * 12 * 12 * 3)), 90, 110); /* the input */
        onp_plan_free(plan);
        onp_free(&ctx, memory);
        onp_graph_free(g);
    }
}

static void synthetic_refuses(void **state)
{
    (void)state;
    onp_context ctx = plain();
    onp_graph *g = onp_graph_new(&ctx, NULL);
    const onp_tid x = onp_graph_external(g, (onp_shape){2, 8, 8, 4}, NULL);
    const onp_tid y = onp_graph_add(g, ONP_OP_RELU6, &x, 1, NULL);
    float *memory = NULL;
    onp_error err = {0};
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "batch of 2, wanted 1");
    assert_null(memory);
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 0, &memory, NULL), ONP_OK);
    onp_free(&ctx, memory);
    memory = NULL;
    assert_true(y != ONP_NONE);

    onp_test_memory limited;
    onp_test_memory_init(&limited, 0);
    limited.size_limit = ONP_MIB; /* nothing may be allocated for it */
    for (int i = 0; i < 2; i++)
        assert_true(onp_graph_external(g, (onp_shape){1, 1, 1, (int64_t)1 << 30}, NULL) !=
                    ONP_NONE);
    assert_int_equal(onp_synthetic_fill(&limited.ctx, g, 1, 0, &memory, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "elements");
    assert_null(memory);
    onp_graph_free(g);
}

static onp_status build_and_fill(const onp_context *ctx, void *arg)
{
    const onp_block b = block("head in=2x2x4 out=3");
    onp_graph *g = NULL;
    float *memory = NULL;
    (void)arg;
    ONP_TRY(onp_measure_block_graph(ctx, &b, 1, &g, NULL));
    onp_status st = onp_synthetic_fill(ctx, g, 1, 1, &memory, NULL);
    onp_free(ctx, memory);
    onp_graph_free(g);
    return st;
}

static void allocation_faults(void **state)
{
    (void)state;
    onp_test_each_allocation(build_and_fill, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_block),      cmocka_unit_test(network),
        cmocka_unit_test(refusals),          cmocka_unit_test(activations_keep_their_spread),
        cmocka_unit_test(synthetic_refuses), cmocka_unit_test(allocation_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
