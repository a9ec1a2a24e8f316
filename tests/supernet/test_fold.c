/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network of any kind of block, saved, loaded and folded, gives the logits of evaluation mode, in
 * which its batch norms are operations of their own.
 */
#include "supernet/fold.h"

#include <math.h>

#include "ops/kernels.h"
#include "tests/supernet/tiny_net.h"

#define BATCH 5

static void expect_ok(onp_status st, const onp_error *err)
{
    if (st != ONP_OK)
        fail_msg("%s", err->msg);
}

/* The weights of the tiny net's path, and statistics of about 0 and 1. */
static onp_model *model_of(const onp_context *ctx, const tiny_net *t, const int32_t *path)
{
    onp_block blocks[TINY_POSITIONS];
    onp_model *m = NULL;
    onp_error err = {0};
    for (int i = 0; i < TINY_POSITIONS; i++)
        blocks[i] = t->net->positions[i].candidate[path[i]];
    expect_ok(onp_model_new(ctx, blocks, TINY_POSITIONS, TINY_EPS, 5, &m, &err), &err);
    for (int i = 0; i < TINY_POSITIONS; i++)
        for (int64_t k = 0; k < m->net->slabs[i][0].floats; k++)
            m->net->slabs[i][0].weights[k] = t->net->slabs[i][path[i]].weights[k];
    const onp_rng rng = onp_rng_make(6, ONP_RNG_TEST);
    for (int64_t k = 0; k < m->n_stats; k++) /* none is below 0, for some are variances */
        m->stats[k] = (float)(0.2 + onp_rng_uniform(rng, (uint64_t)k, 0, 0, 0));
    for (int c = 0; c < 3; c++)
        m->input.deviation[c] = 1;
    return m;
}

static void check_path(const onp_context *ctx, const tiny_net *t, const int32_t *path)
{
    char dir[ONP_TEST_PATH];
    onp_error err = {0};
    onp_model *m = model_of(ctx, t, path), *loaded = NULL;
    onp_step *step = NULL;
    onp_step_result result;
    onp_folded folded;
    onp_plan *plan = NULL;
    float logits[BATCH * TINY_CLASSES];
    onp_test_dir_make(dir);
    expect_ok(onp_model_save(m, dir, &err), &err);
    expect_ok(onp_model_load(ctx, dir, &loaded, &err), &err);
    onp_test_dir_remove(dir);
    expect_ok(onp_step_new(ctx, m->net, BATCH, &step, &err), &err);
    expect_ok(onp_model_fold(loaded, BATCH, &folded, &err), &err);
    for (int64_t i = 0; i < folded.n_input; i++)
        onp_step_images(step)[i] = folded.input[i] = onp_step_images(t->step)[i];
    expect_ok(onp_step_infer(step, BATCH, m->path, m->stats, logits, &result, &err), &err);
    expect_ok(onp_plan_new(ctx, &plan, &err), &err);
    expect_ok(onp_plan_make(plan, folded.g, NULL, &err), &err);
    onp_plan_run(plan);
    double norm = 0, error = 0;
    for (int64_t i = 0; i < folded.n_logits; i++) {
        norm += pow((double)logits[i], 2);
        error += pow((double)logits[i] - (double)folded.logits[i], 2);
    }
    if (!(norm > 0 && sqrt(error) <= 1e-5 * sqrt(norm)))
        fail_msg("path %d %d %d: the logits differ by %g of %g", path[1], path[2], path[3],
                 sqrt(error), sqrt(norm));
    onp_plan_free(plan);
    onp_folded_free(&folded);
    onp_step_free(step);
    onp_model_free(loaded);
    onp_model_free(m);
}

static void test_folded_logits(void **state)
{
    onp_context ctx;
    onp_error err = {0};
    onp_context_init(&ctx);
    expect_ok(onp_kernels_choose(&ctx, NULL, &err), &err);
    tiny_net t;
    tiny_net_init_of(&t, tiny_of(state), &ctx, 9, 8, BATCH);
    for (int p = 0; p < 27; p++) {
        int32_t path[TINY_POSITIONS];
        tiny_path(p, path);
        check_path(&ctx, &t, path);
    }
    tiny_net_reset(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folded_logits),
        cmocka_unit_test_prestate(test_folded_logits, &tiny_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
