/* SPDX-License-Identifier: Apache-2.0 */
/* What onp_graph_backward() appends: what is wanted and nothing else, hooks at their place, the
 * gate gradient, sums for shared tensors. Values come from explicit sums and closed forms. */
#include <math.h>

#include "graph/ref_exec.h"
#include "tests/graph/small_net.h"

/* clang-format off */
static const onp_block blocks[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 4, .kernel = 3, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 4, .kernel = 3, .expand = 3, .stride = 1, .skip = true},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 6, .kernel = 5, .expand = 1, .stride = 2},
    {.kind = ONP_BLOCK_MIX, .out_c = 8, .kernel = 1, .stride = 1},
    {.kind = ONP_BLOCK_HEAD, .out_c = 5, .kernel = 1, .stride = 1},
};
/* clang-format on */
enum { N_BLOCKS = ONP_COUNT(blocks), HEAD = N_BLOCKS - 1 };

static void build(small_net *net, bool gradients)
{
    small_net_build(net, &(small_net_options){.batch = 3,
                                              .size = 6,
                                              .channels = 3,
                                              .blocks = blocks,
                                              .n_blocks = N_BLOCKS,
                                              .gradients = gradients});
    small_net_fill(net, 11);
}

static void backward(small_net *net, onp_tap_hook hook, void *user)
{
    onp_error err = {0};
    if (onp_graph_backward(net->g, net->loss, hook, user, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static onp_ref_exec *run(small_net *net)
{
    onp_error err = {0};
    onp_ref_exec *exec = NULL;
    if (onp_ref_exec_new(&net->ctx, net->g, &exec, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    onp_ref_exec_run(exec);
    return exec;
}

static int count_ops(const onp_graph *g, onp_op op)
{
    int n = 0;
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
        n += onp_graph_node(g, i)->op == op;
    return n;
}

static int count_backward(const onp_graph *g)
{
    int n = 0;
    for (int32_t i = 0; i < onp_graph_n_nodes(g); i++)
        n += onp_graph_node(g, i)->backward;
    return n;
}

/* ---- only what is wanted ---- */

static void nothing_wanted_adds_nothing(void **state)
{
    (void)state;
    small_net net;
    build(&net, false);
    const int32_t before = onp_graph_n_nodes(net.g);
    backward(&net, NULL, NULL);
    assert_int_equal(onp_graph_n_nodes(net.g), before);
    small_net_free(&net);
}

static void all_parameters_leave_the_image_alone(void **state)
{
    (void)state;
    small_net net;
    build(&net, true);
    backward(&net, NULL, NULL);
    /* convolutions: stem; expand, project; project; mix; head. Nothing flows out of the stem. */
    assert_int_equal(count_ops(net.g, ONP_OP_CONV_BWD_WEIGHT), 6);
    assert_int_equal(count_ops(net.g, ONP_OP_CONV_BWD_DATA), 5);
    assert_int_equal(count_ops(net.g, ONP_OP_DEPTHWISE_BWD_WEIGHT), 2);
    assert_int_equal(count_ops(net.g, ONP_OP_DEPTHWISE_BWD_DATA), 2);
    assert_int_equal(count_ops(net.g, ONP_OP_COLUMN_SUM), 1);
    assert_int_equal(onp_graph_tensor(net.g, net.images)->grad, ONP_NONE);
    for (int i = 0; i < net.n_params; i++) {
        const onp_tid grad = onp_graph_tensor(net.g, net.params[i].tid)->grad;
        assert_int_not_equal(grad, ONP_NONE);
        assert_true(onp_graph_tensor(net.g, grad)->external);
        assert_ptr_equal(onp_graph_tensor(net.g, grad)->data, net.params[i].grad);
    }
    small_net_free(&net);
}

static void a_tap_needs_no_weight_gradients(void **state)
{
    (void)state;
    small_net net;
    build(&net, false);
    onp_graph_tap(net.g, net.out[2]);
    backward(&net, NULL, NULL);
    /* loss, head, pool, ReLU6, batch norm (its sums too), mix */
    assert_int_equal(count_ops(net.g, ONP_OP_CONV_BWD_WEIGHT), 0);
    assert_int_equal(count_ops(net.g, ONP_OP_DEPTHWISE_BWD_WEIGHT), 0);
    assert_int_equal(count_ops(net.g, ONP_OP_COLUMN_SUM), 0);
    assert_int_equal(count_ops(net.g, ONP_OP_CONV_BWD_DATA), 2);
    assert_int_equal(count_ops(net.g, ONP_OP_BN_BWD_SUMS), 1);
    assert_int_equal(count_backward(net.g), 7);
    assert_int_not_equal(onp_graph_tensor(net.g, net.out[2])->grad, ONP_NONE);
    assert_int_equal(onp_graph_tensor(net.g, net.out[1])->grad, ONP_NONE);
    small_net_free(&net);
}

/* A gamma alone needs the sums of its batch norm, and not the gradient behind it. */
static void a_late_parameter_stops_backward_there(void **state)
{
    (void)state;
    onp_error err = {0};
    onp_context ctx;
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    assert_non_null(g);
    float weight[6] = {0}, gamma[3] = {0}, beta[3] = {0}, grad_gamma[3];
    int32_t labels[2] = {0};
    onp_tid x = onp_graph_external(g, (onp_shape){2, 1, 1, 2}, NULL);
    onp_tid w = onp_graph_param(g, (onp_shape){1, 1, 2, 3}, weight, NULL);
    onp_tid a = onp_graph_param(g, (onp_shape){1, 1, 1, 3}, gamma, grad_gamma);
    onp_tid b = onp_graph_param(g, (onp_shape){1, 1, 1, 3}, beta, NULL);
    onp_tid y =
        onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &(onp_attr){.kernel = 1, .stride = 1});
    onp_tid s = onp_graph_add(g, ONP_OP_BN_STATS, &y, 1, NULL);
    onp_tid n =
        onp_graph_add(g, ONP_OP_BN_APPLY, (onp_tid[]){y, s, a, b}, 4, &(onp_attr){.eps = 1e-3});
    onp_tid loss = onp_graph_add(g, ONP_OP_SOFTMAX_CE,
                                 (onp_tid[]){n, onp_graph_labels(g, 2, labels)}, 2, NULL);
    assert_int_equal(onp_graph_backward(g, loss, NULL, NULL, &err), ONP_OK);
    assert_int_equal(count_backward(g), 2);
    assert_int_equal(count_ops(g, ONP_OP_SOFTMAX_CE_BWD), 1);
    assert_int_equal(count_ops(g, ONP_OP_BN_BWD_SUMS), 1);
    assert_int_equal(onp_graph_tensor(g, b)->grad, ONP_NONE);
    onp_graph_free(g);
}

/* ---- hooks and the gate ---- */

typedef struct gates {
    const small_net *net;
    int n_calls, block[N_BLOCKS];
    onp_tid gate[N_BLOCKS], grad[N_BLOCKS];
} gates;

static onp_status add_gate(void *user, onp_graph *g, onp_tid tapped, onp_tid grad, onp_error *err)
{
    gates *s = user;
    int i = 0;
    while (i < N_BLOCKS && s->net->out[i] != tapped)
        i++;
    assert_in_range(i, 0, N_BLOCKS - 1);
    /* Nothing of this block or before it is differentiated yet. */
    for (int32_t k = 0; k < onp_graph_n_nodes(g); k++)
        if (onp_graph_node(g, k)->backward)
            assert_true(onp_graph_node(g, k)->group > i);
    s->block[s->n_calls++] = i;
    s->grad[i] = grad;
    const onp_block_nodes *nodes = &s->net->nodes[i];
    onp_shape c = onp_graph_shape(g, nodes->gamma);
    const onp_shape sums_shape[2] = {c, c}, one = {1, 1, 1, 1};
    onp_graph_set_group(g, i);
    int32_t sums = onp_graph_add_node(g, ONP_OP_BN_BWD_SUMS,
                                      (onp_tid[]){grad, nodes->last_raw, nodes->last_stats}, 3,
                                      sums_shape, 2, &(onp_attr){.eps = SMALL_NET_EPS});
    const onp_tid *d = onp_graph_node(g, sums)->out;
    int32_t gate = onp_graph_add_node(
        g, ONP_OP_GATE, (onp_tid[]){nodes->gamma, d[0], nodes->beta, d[1]}, 4, &one, 1, NULL);
    s->gate[i] = onp_graph_node(g, gate)->out[0];
    onp_graph_keep(g, s->gate[i]);
    return onp_graph_status(g, err);
}

/* <dL/dy, o>, where o is the block's output without its shortcut. */
static double explicit_gate(const small_net *net, onp_ref_exec *exec, int i, onp_tid grad,
                            double *size)
{
    const double *g = onp_ref_exec_data(exec, grad), *y = onp_ref_exec_data(exec, net->out[i]);
    const double *x = onp_ref_exec_data(exec, net->in[i]);
    double sum = 0.0;
    *size = 0.0;
    for (int64_t k = 0; k < onp_shape_count(onp_graph_shape(net->g, grad)); k++) {
        const double o = net->blocks[i].skip ? y[k] - x[k] : y[k];
        sum += g[k] * o;
        *size += fabs(g[k] * o);
    }
    return sum;
}

static void check_gates(bool gradients)
{
    small_net net;
    build(&net, gradients);
    gates s = {.net = &net};
    onp_graph_tap(net.g, net.out[1]);
    onp_graph_tap(net.g, net.out[2]);
    backward(&net, add_gate, &s);
    assert_int_equal(s.n_calls, 2);
    assert_int_equal(s.block[0], 2);
    assert_int_equal(s.block[1], 1);
    onp_ref_exec *exec = run(&net);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(s.grad[i], onp_graph_tensor(net.g, net.out[i])->grad);
        double size;
        const double want = explicit_gate(&net, exec, i, s.grad[i], &size);
        const double seen = onp_ref_exec_data(exec, s.gate[i])[0];
        assert_true(fabs(want) > 1e-6 * size);
        if (!(fabs(seen - want) <= 1e-12 * size))
            fail_msg("gate of block %d is %.17g, wanted %.17g", i, seen, want);
    }
    onp_ref_exec_free(exec);
    small_net_free(&net);
}

static void gates_are_inner_products(void **state)
{
    (void)state;
    check_gates(false);
    check_gates(true);
}

/* The image is made by no node: its hook comes last. */
static onp_status note_tap(void *user, onp_graph *g, onp_tid tapped, onp_tid grad, onp_error *err)
{
    (void)err;
    onp_tid *seen = user;
    assert_int_equal(onp_graph_tensor(g, tapped)->grad, grad);
    seen[++seen[0]] = tapped;
    return ONP_OK;
}

static void hooks_come_once_each_and_backwards(void **state)
{
    (void)state;
    small_net net;
    build(&net, true);
    onp_tid seen[8] = {0};
    onp_graph_tap(net.g, net.images);
    onp_graph_tap(net.g, net.out[0]);
    onp_graph_tap(net.g, net.out[3]);
    backward(&net, note_tap, seen);
    assert_int_equal(seen[0], 3);
    assert_int_equal(seen[1], net.out[3]);
    assert_int_equal(seen[2], net.out[0]);
    assert_int_equal(seen[3], net.images);
    assert_int_equal(count_ops(net.g, ONP_OP_CONV_BWD_DATA), 6);
    small_net_free(&net);
}

static onp_status refuse(void *user, onp_graph *g, onp_tid tapped, onp_tid grad, onp_error *err)
{
    (void)user, (void)g, (void)tapped, (void)grad;
    return onp_fail(err, ONP_E_RANGE, "the hook says no");
}

static void a_failing_hook_is_passed_up(void **state)
{
    (void)state;
    small_net net;
    onp_error err = {0};
    build(&net, true);
    onp_graph_tap(net.g, net.out[1]);
    assert_int_equal(onp_graph_backward(net.g, net.loss, refuse, NULL, &err), ONP_E_RANGE);
    assert_string_equal(err.msg, "the hook says no");
    small_net_free(&net);
}

/* ---- shared tensors ---- */

/* logits = (x + x) w + x w: their gradient by x is 3 gl w', by w 3 x' gl, where gl is the gradient
 * of the logits, softmax - onehot over the batch. */
static void shared_tensors_accumulate(void **state)
{
    (void)state;
    enum { N = 2, IN = 2, OUT = 3 };
    onp_error err = {0};
    onp_context ctx;
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    assert_non_null(g);
    float xd[N * IN] = {0.5F, -1.0F, 2.0F, 0.25F}, grad_x[N * IN];
    float wd[IN * OUT] = {1.0F, -0.5F, 0.25F, 0.75F, 0.5F, -1.0F}, grad_w[IN * OUT];
    int32_t labels[N] = {2, 0};
    const onp_attr linear = {.kernel = 1, .stride = 1};
    onp_tid x = onp_graph_param(g, (onp_shape){N, 1, 1, IN}, xd, grad_x);
    onp_tid w = onp_graph_param(g, (onp_shape){1, 1, IN, OUT}, wd, grad_w);
    onp_tid twice = onp_graph_add(g, ONP_OP_ADD, (onp_tid[]){x, x}, 2, NULL);
    onp_tid a = onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){twice, w}, 2, &linear);
    onp_tid b = onp_graph_add(g, ONP_OP_CONV, (onp_tid[]){x, w}, 2, &linear);
    onp_tid logits = onp_graph_add(g, ONP_OP_ADD, (onp_tid[]){a, b}, 2, NULL);
    onp_tid loss = onp_graph_add(g, ONP_OP_SOFTMAX_CE,
                                 (onp_tid[]){logits, onp_graph_labels(g, N, labels)}, 2, NULL);
    assert_int_equal(onp_graph_backward(g, loss, NULL, NULL, &err), ONP_OK);
    onp_ref_exec *exec = NULL;
    assert_int_equal(onp_ref_exec_new(&ctx, g, &exec, &err), ONP_OK);
    onp_ref_exec_run(exec);

    double gl[N][OUT];
    for (int n = 0; n < N; n++) {
        double sum = 0.0;
        for (int o = 0; o < OUT; o++) {
            double z = 0.0;
            for (int i = 0; i < IN; i++)
                z += 3.0 * (double)xd[n * IN + i] * (double)wd[i * OUT + o];
            sum += gl[n][o] = exp(z);
        }
        for (int o = 0; o < OUT; o++)
            gl[n][o] = (gl[n][o] / sum - (labels[n] == o)) / N;
    }
    const onp_tensor *grad_of_x = onp_graph_tensor(g, onp_graph_tensor(g, x)->grad);
    const onp_tensor *grad_of_w = onp_graph_tensor(g, onp_graph_tensor(g, w)->grad);
    assert_ptr_equal(grad_of_x->data, grad_x);
    assert_ptr_equal(grad_of_w->data, grad_w);
    const double *gx = onp_ref_exec_data(exec, onp_graph_tensor(g, x)->grad);
    const double *gw = onp_ref_exec_data(exec, onp_graph_tensor(g, w)->grad);
    for (int i = 0; i < IN; i++) {
        for (int n = 0; n < N; n++) {
            double want = 0.0;
            for (int o = 0; o < OUT; o++)
                want += 3.0 * gl[n][o] * (double)wd[i * OUT + o];
            assert_true(fabs(gx[n * IN + i] - want) < 1e-14);
        }
        for (int o = 0; o < OUT; o++) {
            double want = 0.0;
            for (int n = 0; n < N; n++)
                want += 3.0 * gl[n][o] * (double)xd[n * IN + i];
            assert_true(fabs(gw[i * OUT + o] - want) < 1e-14);
        }
    }
    /* One place for each gradient: only the last sum lives there. */
    int n_bound = 0;
    for (onp_tid t = 0; t < onp_graph_n_tensors(g); t++) {
        const onp_tensor *tensor = onp_graph_tensor(g, t);
        n_bound += tensor->external && (tensor->data == grad_x || tensor->data == grad_w);
    }
    assert_int_equal(n_bound, 2);
    onp_ref_exec_free(exec);
    onp_graph_free(g);
}

/* Two parameters that are only added share one gradient, which cannot live in two places. */
static void added_parameters_are_refused(void **state)
{
    (void)state;
    onp_error err = {0};
    onp_context ctx;
    onp_context_init(&ctx);
    onp_graph *g = onp_graph_new(&ctx, &err);
    assert_non_null(g);
    float a[3] = {0.1F, 0.2F, 0.3F}, b[3] = {0}, grad_a[3], grad_b[3];
    int32_t label = 1;
    const onp_shape shape = {1, 1, 1, 3};
    onp_tid p = onp_graph_param(g, shape, a, grad_a), q = onp_graph_param(g, shape, b, grad_b);
    onp_tid sum = onp_graph_add(g, ONP_OP_ADD, (onp_tid[]){p, q}, 2, NULL);
    onp_tid loss = onp_graph_add(g, ONP_OP_SOFTMAX_CE,
                                 (onp_tid[]){sum, onp_graph_labels(g, 1, &label)}, 2, NULL);
    assert_int_equal(onp_graph_backward(g, loss, NULL, NULL, &err), ONP_E_FAIL);
    onp_assert_contains(err.msg, "is only added to another");
    onp_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_wanted_adds_nothing),
        cmocka_unit_test(all_parameters_leave_the_image_alone),
        cmocka_unit_test(a_tap_needs_no_weight_gradients),
        cmocka_unit_test(a_late_parameter_stops_backward_there),
        cmocka_unit_test(gates_are_inner_products),
        cmocka_unit_test(hooks_come_once_each_and_backwards),
        cmocka_unit_test(a_failing_hook_is_passed_up),
        cmocka_unit_test(shared_tensors_accumulate),
        cmocka_unit_test(added_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
