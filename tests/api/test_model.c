/* SPDX-License-Identifier: Apache-2.0 */
/* A model folder opened, described and run: against evaluation mode, which folds nothing. */
#include "tests/api/support.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ops/kernels.h"
#include "supernet/model.h"

static char dirs[2][ONP_TEST_PATH];

static int make_folders(void **state)
{
    (void)state;
    onepath_context_free(api_context()); /* one thread, for all that follows */
    for (int i = 0; i < 2; i++) {
        onp_test_dir_make(dirs[i]);
        api_model_make(dirs[i], (uint64_t)i + 1);
    }
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        onp_test_dir_remove(dirs[i]);
    return 0;
}

static onepath_model *open_model(onepath_context *ctx, const char *dir, int64_t batch)
{
    const onepath_model_options o = {.size = sizeof o, .batch = batch};
    onepath_model *m = NULL;
    onepath_error err;
    api_ok(onepath_model_open(ctx, dir, &o, &m, &err), &err);
    return m;
}

static void test_describe(void **state)
{
    (void)state;
    onepath_context *ctx = api_context();
    onepath_model *m = open_model(ctx, dirs[0], 0);
    const onepath_model_info *info = onepath_model_describe(m);
    onp_context inner;
    onp_arch *arch = NULL;
    char path[ONP_TEST_PATH];
    onp_context_init(&inner);
    onp_test_path(path, dirs[0], "arch.json");
    assert_int_equal(onp_arch_load(&inner, path, &arch, NULL), ONP_OK);
    assert_int_equal(info->height, API_SIDE);
    assert_int_equal(info->width, API_SIDE);
    assert_int_equal(info->channels, 3);
    assert_int_equal(info->n_classes, API_CLASSES);
    assert_string_equal(info->class_names[4], "elk");
    assert_true(info->mean[2] == 0.1 * 3 && info->deviation[2] == 0.5);
    assert_string_equal(info->color_order, "RGB");
    assert_string_equal(info->fit, "none");
    assert_int_equal(info->image_width, API_SIDE);
    assert_int_equal(info->n_parameters, onp_arch_n_params(arch));
    assert_int_equal(info->n_macs, onp_arch_n_macs(arch));
    assert_true(info->memory_bytes > (size_t)info->n_parameters * sizeof(float));
    onp_arch_free(arch);
    onepath_model_close(m);
    onepath_context_free(ctx);
}

/* logits [API_IMAGES][API_CLASSES] of evaluation mode. */
static void evaluate(const char *dir, const float *x, float *logits)
{
    onp_context ctx;
    onp_model *m = NULL;
    onp_step *step = NULL;
    onp_step_result r;
    onp_context_init(&ctx);
    assert_int_equal(onp_kernels_choose(&ctx, NULL, NULL), ONP_OK);
    assert_int_equal(onp_model_load(&ctx, dir, &m, NULL), ONP_OK);
    assert_int_equal(onp_step_new(&ctx, m->net, API_IMAGES, &step, NULL), ONP_OK);
    memcpy(onp_step_images(step), x, sizeof(float) * API_IMAGES * API_PIXELS);
    assert_int_equal(onp_step_infer(step, API_IMAGES, m->path, m->stats, logits, &r, NULL), ONP_OK);
    onp_step_free(step);
    onp_model_free(m);
}

static void test_infer(void **state)
{
    (void)state;
    enum { VALUES = API_IMAGES * API_CLASSES };
    float x[API_IMAGES * API_PIXELS], wanted[VALUES], seen[VALUES + 1];
    onepath_context *ctx = api_context();
    onepath_error err;
    api_images(x);
    evaluate(dirs[0], x, wanted);
    for (int64_t batch = 1; batch <= API_IMAGES + 1; batch++) { /* whole, with a rest, too few */
        onepath_model *m = open_model(ctx, dirs[0], batch);
        seen[VALUES] = 77;
        api_ok(onepath_model_infer(m, x, API_IMAGES, seen, &err), &err);
        for (int i = 0; i < VALUES; i++)
            assert_true(fabsf(seen[i] - wanted[i]) < 1e-4F * (1 + fabsf(wanted[i])));
        assert_true(seen[VALUES] == 77);
        api_ok(onepath_model_infer(m, x, 0, NULL, &err), &err);
        assert_int_equal(onepath_model_infer(m, x, -1, seen, &err), ONEPATH_E_RANGE);
        onepath_model_close(m);
    }
    onepath_context_free(ctx);
}

typedef struct visitor {
    const char *dir;
    onepath_context *ctx; /* NULL: one of its own */
    float logits[API_IMAGES * API_CLASSES];
} visitor;

static void *visit(void *arg)
{
    visitor *v = arg;
    float x[API_IMAGES * API_PIXELS];
    onepath_context *ctx = v->ctx != NULL ? v->ctx : api_context();
    onepath_model *m = open_model(ctx, v->dir, 2);
    onepath_error err;
    api_images(x);
    for (int i = 0; i < 20; i++)
        api_ok(onepath_model_infer(m, x, API_IMAGES, v->logits, &err), &err);
    onepath_model_close(m);
    if (v->ctx == NULL)
        onepath_context_free(ctx);
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    onepath_context *ctx = api_context();
    visitor together[4], alone[2];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        together[i] = (visitor){.dir = dirs[i % 2], .ctx = i < 2 ? ctx : NULL};
        assert_int_equal(pthread_create(&thread[i], NULL, visit, &together[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (int i = 0; i < 2; i++) {
        alone[i] = (visitor){.dir = dirs[i], .ctx = ctx};
        (void)visit(&alone[i]);
    }
    for (int i = 0; i < 4; i++)
        assert_memory_equal(together[i].logits, alone[i % 2].logits, sizeof alone[0].logits);
    assert_memory_not_equal(alone[0].logits, alone[1].logits, sizeof alone[0].logits);
    onepath_context_free(ctx);
}

static onepath_status use(api_memory *memory)
{
    const onepath_options o = api_options(memory);
    onepath_context *ctx = NULL;
    onepath_model *m = NULL;
    onepath_error err;
    float x[API_IMAGES * API_PIXELS], logits[API_IMAGES * API_CLASSES];
    onepath_status st = onepath_context_new(&o, &ctx, &err);
    if (st == ONEPATH_OK)
        st = onepath_model_open(ctx, dirs[0], NULL, &m, &err);
    if (st == ONEPATH_OK) {
        const long before = memory->n_allocs;
        api_images(x);
        st = onepath_model_infer(m, x, API_IMAGES, logits, &err);
        assert_int_equal(memory->n_allocs, before);
    } else {
        assert_null(m);
        assert_true(err.text[0] != '\0');
    }
    onepath_model_close(m);
    onepath_context_free(ctx);
    return st;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    onepath_status st = ONEPATH_E_NOMEM;
    for (long n = 1; st != ONEPATH_OK; n++) {
        api_memory memory = {.fail_at = n};
        st = use(&memory);
        assert_true(st == ONEPATH_OK || st == ONEPATH_E_NOMEM);
        assert_int_equal(memory.n_live, 0);
        assert_true(n > 1 || st == ONEPATH_E_NOMEM);
    }
}

static void test_wrong_folders(void **state)
{
    (void)state;
    char dir[ONP_TEST_PATH], path[ONP_TEST_PATH];
    onepath_context *ctx = api_context();
    onepath_model *m = NULL;
    onepath_error err;
    const onepath_model_options many = {.size = sizeof many, .batch = 4097};
    assert_int_equal(onepath_model_open(ctx, dirs[0], &many, &m, &err), ONEPATH_E_RANGE);
    onp_assert_contains(err.text, "4097");
    assert_int_equal(onepath_model_open(ctx, "/nowhere", NULL, &m, &err), ONEPATH_E_FORMAT);
    onp_assert_contains(err.text, "/nowhere/arch.json");
    onp_test_dir_make(dir);
    api_model_make(dir, 1);
    onp_test_path(path, dir, "model.safetensors");
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(onepath_model_open(ctx, dir, NULL, &m, &err), ONEPATH_E_FORMAT);
    onp_assert_contains(err.text, "model.safetensors");
    assert_null(m);
    onepath_model_close(NULL);
    onepath_context_free(ctx);
    onp_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),      cmocka_unit_test(test_infer),
        cmocka_unit_test(test_two_threads),   cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_wrong_folders),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
