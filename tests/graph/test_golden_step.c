/* SPDX-License-Identifier: Apache-2.0 */
/* The double executor, and the float executor with every kernel table, against two stored steps of
 * PyTorch in float64. */
#include <string.h>

#include "graph/plan.h"
#include "graph/ref_exec.h"
#include "ops/kernels.h"
#include "tests/graph/golden_step.h"

static void write_double(void *user, onp_tid t, const double *data, int64_t count)
{
    memcpy(onp_ref_exec_data(user, t), data, (size_t)count * sizeof *data);
}

static void run_double(void *user)
{
    onp_ref_exec_run(user);
}

static void read_double(void *user, onp_tid t, double *data, int64_t count)
{
    memcpy(data, onp_ref_exec_data(user, t), (size_t)count * sizeof *data);
}

static void double_executor(void **state)
{
    (void)state;
    golden_step s;
    golden_step_open(&s);
    onp_error err = {0};
    onp_ref_exec *exec = NULL;
    if (onp_ref_exec_new(&s.net.ctx, s.net.g, &exec, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    const golden_engine engine = {
        .user = exec, .write = write_double, .run = run_double, .read = read_double};
    golden_step_compare(&s, &engine, 1e-9);
    onp_ref_exec_free(exec);
    golden_step_close(&s);
}

typedef struct float_engine {
    golden_step step;
    onp_plan *plan;
    float *momentum[SMALL_NET_MAX_PARAMS];
} float_engine;

static void write_float(void *user, onp_tid t, const double *data, int64_t count)
{
    const float_engine *f = user;
    float *to = onp_graph_tensor(f->step.net.g, t)->data;
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)data[i];
}

static void run_float(void *user)
{
    const float_engine *f = user;
    onp_plan_run(f->plan);
}

static void read_float(void *user, onp_tid t, double *data, int64_t count)
{
    const float_engine *f = user;
    const float *from = onp_graph_tensor(f->step.net.g, t)->data;
    for (int64_t i = 0; i < count; i++)
        data[i] = (double)from[i];
}

static void update_float(void *user, int i)
{
    const float_engine *f = user;
    const small_net_param *p = &f->step.net.params[i];
    f->step.net.ctx.kernels->sgd(p->data, p->grad, f->momentum[i], onp_shape_count(p->shape),
                                 (float)f->step.lr, (float)f->step.momentum, (float)f->step.decay);
}

static void compare_table(const onp_kernels *kernels, bool stored)
{
    float_engine f = {0};
    onp_error err = {0};
    golden_step_open(&f.step);
    small_net *net = &f.step.net;
    net->ctx.kernels = kernels;
    for (int i = 0; i < net->n_params; i++) {
        f.momentum[i] =
            onp_alloc(&net->ctx, (size_t)onp_shape_count(net->params[i].shape), sizeof(float));
        assert_non_null(f.momentum[i]);
    }
    if (onp_plan_new(&net->ctx, &f.plan, &err) != ONP_OK ||
        onp_plan_make(f.plan, net->g, &(onp_plan_options){.stored = stored}, &err) != ONP_OK)
        fail_msg("%s", err.msg);
    const golden_engine engine = {.user = &f,
                                  .write = write_float,
                                  .run = run_float,
                                  .read = read_float,
                                  .update = update_float};
    golden_step_compare(&f.step, &engine, 1e-4);
    onp_plan_free(f.plan);
    for (int i = 0; i < net->n_params; i++)
        onp_free(&net->ctx, f.momentum[i]);
    golden_step_close(&f.step);
}

static void float_executor(void **state)
{
    (void)state;
    for (int k = 0; onp_kernels_at(k) != NULL; k++) {
        compare_table(onp_kernels_at(k), false);
        compare_table(onp_kernels_at(k), true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(double_executor),
        cmocka_unit_test(float_executor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
