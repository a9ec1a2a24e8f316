/* SPDX-License-Identifier: Apache-2.0 */
/* What is timed is ordinary arithmetic: in whole random networks of the ImageNet space no
 * activation vanishes, explodes or is a denormal. And what is stamped is what runs without stamps.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "graph/plan.h"
#include "latency/measure/block_graph.h"
#include "latency/measure/synthetic.h"
#include "ops/kernels.h"
#include "supernet/space.h"
#include "supernet/space_sample.h"
#include "tests/test_support.h"

static onp_context ctx;

static int setup(void **state)
{
    (void)state;
    onp_context_init(&ctx);
    return onp_kernels_choose(&ctx, NULL, NULL) != ONP_OK;
}

/* The first n random paths of configs/spaces/mbconv-imagenet.yaml. */
static onp_block_paths draw(int32_t n)
{
    char path[ONP_TEST_PATH];
    onp_space *space = NULL;
    onp_block_paths paths = {0};
    onp_error err = {0};
    onp_strbuf problems;
    onp_strbuf_init(&problems, &ctx);
    onp_test_path(path, onp_test_source(), "configs/spaces/mbconv-imagenet.yaml");
    if (onp_space_load(&ctx, path, &problems, &space, &err) != ONP_OK ||
        onp_space_sample(&ctx, space, 5, n, &paths, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_space_free(space);
    onp_strbuf_reset(&problems);
    return paths;
}

/* A network with synthetic values and its plan, run once. */
typedef struct network {
    onp_graph *g;
    float *memory;
    onp_plan *plan;
} network;

static network make(const onp_block_paths *paths, int32_t i, bool keep_all)
{
    network net = {.g = onp_graph_new(&ctx, NULL)};
    onp_error err = {0};
    const size_t n = (size_t)(paths->start[i + 1] - paths->start[i]);
    (void)onp_network_graph(net.g, onp_block_path(paths, i), n, 1, ONP_MODE_FOLDED, 0.0);
    for (onp_tid t = 0; keep_all && t < onp_graph_n_tensors(net.g); t++)
        if (!onp_graph_tensor(net.g, t)->external)
            onp_graph_keep(net.g, t);
    if (onp_synthetic_fill(&ctx, net.g, 1, 1, &net.memory, &err) != ONP_OK ||
        onp_plan_new(&ctx, &net.plan, &err) != ONP_OK ||
        onp_plan_make(net.plan, net.g, &(onp_plan_options){.inference = true, .order = !keep_all},
                      &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_plan_run(net.plan);
    return net;
}

static void release(network *net)
{
    onp_plan_free(net->plan);
    onp_free(&ctx, net->memory);
    onp_graph_free(net->g);
}

/* The root of the mean square of a tensor; fails on a denormal and on what is not finite. */
static double power(const float *x, int64_t n)
{
    double squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (fpclassify(x[i]) == FP_SUBNORMAL || !isfinite(x[i]))
            fail_msg("element %lld is %g", (long long)i, (double)x[i]);
        squares += (double)x[i] * (double)x[i];
    }
    return sqrt(squares / (double)n);
}

static void whole_networks_stay_ordinary(void **state)
{
    (void)state;
    onp_block_paths paths = draw(2);
    double lowest = (double)INFINITY, highest = 0.0;
    for (int32_t i = 0; i < paths.n; i++) {
        assert_true(paths.start[i + 1] - paths.start[i] > 15);
        network net = make(&paths, i, true);
        for (onp_tid t = 0; t < onp_graph_n_tensors(net.g); t++) {
            const onp_tensor *tensor = onp_graph_tensor(net.g, t);
            if (tensor->producer == ONP_NONE)
                continue;
            const double p = power(onp_plan_data(net.plan, t), onp_shape_count(tensor->shape));
            lowest = fmin(lowest, p);
            highest = fmax(highest, p);
        }
        release(&net);
    }
    assert_true(lowest > 0.05);
    assert_true(highest < 20.0);
    onp_block_paths_reset(&ctx, &paths);
}

/* The groups of a network are its blocks, they follow each other, and run one by one they make what
 * the plan makes: the same calls in the same order. */
static void groups_are_the_whole(void **state)
{
    (void)state;
    onp_block_paths paths = draw(2);
    for (int32_t i = 0; i < paths.n; i++) {
        const int32_t n = paths.start[i + 1] - paths.start[i];
        int32_t end[64], n_groups = 0;
        onp_error err = {0};
        network net = make(&paths, i, false);
        assert_int_equal(onp_measure_groups(net.g, &n_groups, NULL), ONP_OK);
        assert_int_equal(n_groups, n);
        if (onp_plan_groups(net.plan, n, end, &err) != ONP_OK)
            fail_msg("%s", err.msg);
        assert_int_equal(end[n - 1], onp_plan_get_info(net.plan).n_calls);
        const onp_node *last = onp_graph_node(net.g, onp_graph_n_nodes(net.g) - 1);
        const float *y = onp_plan_data(net.plan, last->out[0]);
        const size_t bytes = (size_t)onp_shape_count(onp_graph_shape(net.g, last->out[0])) * 4;
        float *whole = onp_alloc(&ctx, bytes, 1);
        memcpy(whole, y, bytes);
        for (int32_t k = 0; k < n; k++) {
            assert_true(end[k] > (k > 0 ? end[k - 1] : 0));
            onp_plan_run_calls(net.plan, k > 0 ? end[k - 1] : 0, end[k]);
        }
        assert_memory_equal(whole, y, bytes);
        onp_free(&ctx, whole);
        release(&net);
    }
    onp_block_paths_reset(&ctx, &paths);
}

/* x -> conv -> ReLU6 -> conv, with the ReLU6 in a group of its own: it has no call. */
static void a_call_of_two_groups_is_refused(void **state)
{
    (void)state;
    onp_graph *g = onp_graph_new(&ctx, NULL);
    const onp_attr attr = {.kernel = 1, .stride = 1};
    onp_tid x = onp_graph_external(g, (onp_shape){1, 4, 4, 8}, NULL);
    for (int32_t group = 0; group < 3; group++) {
        const onp_tid w = onp_graph_external(g, (onp_shape){1, 1, 8, 8}, NULL);
        onp_graph_set_group(g, group);
        x = group == 1 ? onp_graph_add(g, ONP_OP_RELU6, &x, 1, NULL)
                       : onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &attr);
    }
    onp_graph_keep(g, x);
    float *memory = NULL;
    onp_plan *plan = NULL;
    onp_error err = {0};
    int32_t end[3];
    assert_int_equal(onp_synthetic_fill(&ctx, g, 1, 1, &memory, NULL), ONP_OK);
    assert_int_equal(onp_plan_new(&ctx, &plan, NULL), ONP_OK);
    assert_int_equal(onp_plan_make(plan, g, &(onp_plan_options){.inference = true}, NULL), ONP_OK);
    assert_int_equal(onp_plan_groups(plan, 3, end, &err), ONP_E_RANGE);
    onp_assert_contains(err.msg, "covers nodes of two groups");
    onp_plan_free(plan);
    onp_free(&ctx, memory);
    onp_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_networks_stay_ordinary),
        cmocka_unit_test(groups_are_the_whole),
        cmocka_unit_test(a_call_of_two_groups_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
