/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples one by one instead of a batch, where they do not depend on each other: with frozen batch
 * norm and with none. The mean of the samples' gradients is the batch's, with every kernel table,
 * and the memory is a fraction of the batch's.
 */
#include <math.h>
#include <string.h>

#include "graph/plan.h"
#include "graph/recompute.h"
#include "ops/kernels.h"
#include "tests/graph/small_net.h"

#define BATCH 32
#define SIZE  32

/* clang-format off */
static const onp_block blocks[] = {
    {.kind = ONP_BLOCK_STEM, .out_c = 16, .kernel = 3, .stride = 1},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 16, .kernel = 3, .expand = 3, .stride = 1, .skip = true},
    {.kind = ONP_BLOCK_MBCONV, .out_c = 24, .kernel = 5, .expand = 3, .stride = 2},
    {.kind = ONP_BLOCK_MIX, .out_c = 32, .kernel = 1, .stride = 1},
    {.kind = ONP_BLOCK_HEAD, .out_c = 10, .kernel = 1, .stride = 1},
};
/* clang-format on */

typedef struct planned {
    small_net net;
    onp_plan *plan;
} planned;

static void start(planned *p, int batch, onp_block_mode mode, const onp_kernels *kernels)
{
    onp_error err = {0};
    small_net_build(&p->net, &(small_net_options){.batch = batch,
                                                  .size = SIZE,
                                                  .channels = 3,
                                                  .blocks = blocks,
                                                  .n_blocks = ONP_COUNT(blocks),
                                                  .mode = mode,
                                                  .smoothing = 0.1,
                                                  .gradients = true});
    small_net_fill(&p->net, 5); /* parameters are the same for every batch */
    p->net.ctx.kernels = kernels;
    if (onp_graph_recompute(p->net.g, ONP_RECOMPUTE_CHEAP, &err) != ONP_OK ||
        onp_graph_backward(p->net.g, p->net.loss, NULL, NULL, &err) != ONP_OK ||
        onp_plan_new(&p->net.ctx, &p->plan, &err) != ONP_OK ||
        onp_plan_make(p->plan, p->net.g, NULL, &err) != ONP_OK)
        fail_msg("%s", err.msg);
}

static void stop(planned *p)
{
    onp_plan_free(p->plan);
    small_net_free(&p->net);
}

static void take_sample(planned *one, const planned *all, int i)
{
    const size_t pixels = (size_t)SIZE * SIZE * 3;
    memcpy(one->net.images_data, all->net.images_data + (size_t)i * pixels, pixels * sizeof(float));
    one->net.labels_data[0] = all->net.labels_data[i];
}

/* Adds the gradients of all parameters to sums, one behind the other; returns how many floats. */
static int64_t add_gradients(const small_net *net, double *sums)
{
    int64_t at = 0;
    for (int i = 0; i < net->n_params; i++)
        for (int64_t k = 0;
             net->params[i].grad != NULL && k < onp_shape_count(net->params[i].shape); k++, at++)
            if (sums != NULL)
                sums[at] += (double)net->params[i].grad[k];
    return at;
}

static void check(onp_block_mode mode, const onp_kernels *kernels)
{
    planned all, one;
    start(&all, BATCH, mode, kernels);
    start(&one, 1, mode, kernels);
    const int64_t n = add_gradients(&all.net, NULL);
    double *sums = onp_alloc(&all.net.ctx, (size_t)n, 2 * sizeof *sums);
    assert_non_null(sums);
    double *batch = sums + n, loss = 0, hits = 0;
    onp_plan_run(all.plan);
    (void)add_gradients(&all.net, batch);
    for (int i = 0; i < BATCH; i++) {
        take_sample(&one, &all, i);
        onp_plan_run(one.plan);
        (void)add_gradients(&one.net, sums);
        loss += (double)one.net.loss_data[0] / BATCH;
        hits += (double)one.net.loss_data[1];
    }
    assert_true(fabs(loss - (double)all.net.loss_data[0]) < 1e-5);
    assert_true(hits == (double)all.net.loss_data[1]);
    double norm = 0, error = 0;
    for (int64_t k = 0; k < n; k++) {
        norm += batch[k] * batch[k];
        error += pow(sums[k] / BATCH - batch[k], 2);
    }
    if (!(norm > 0 && sqrt(error) <= 1e-5 * sqrt(norm)))
        fail_msg("mode %d, %s: the gradients differ by %g of %g", (int)mode, kernels->name,
                 sqrt(error), sqrt(norm));
    const size_t small = onp_plan_get_info(one.plan).arena_bytes;
    const size_t large = onp_plan_get_info(all.plan).arena_bytes;
    if (16 * small > large)
        fail_msg("mode %d, %s: %zu bytes for one sample, %zu for %d", (int)mode, kernels->name,
                 small, large, BATCH);
    onp_free(&all.net.ctx, sums);
    stop(&all);
    stop(&one);
}

static void check_tables(onp_block_mode mode)
{
    for (int k = 0; onp_kernels_at(k) != NULL; k++)
        check(mode, onp_kernels_at(k));
}

static void samples_under_frozen_statistics(void **state)
{
    (void)state;
    check_tables(ONP_MODE_EVAL);
}

static void samples_without_batch_norm(void **state)
{
    (void)state;
    check_tables(ONP_MODE_FOLDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_under_frozen_statistics),
        cmocka_unit_test(samples_without_batch_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
