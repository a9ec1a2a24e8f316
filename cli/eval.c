/* SPDX-License-Identifier: Apache-2.0 */
/* onepath eval MODEL [IMAGE...]: accuracy of a trained network on the test set of a configuration
 * or on other images, in all and per class; or the classes of single images. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "api/input.h"
#include "cli/answers.h"
#include "cli/eval_images.h"
#include "cli/run_options.h"
#include "cli/verb.h"
#include "data/survey.h"
#include "search/feed.h"
#include "search/tally.h"
#include "supernet/model.h"

typedef struct eval_args {
    onp_args all;
    const char *config, *data, *logits;
    int64_t top;
    bool confusion, skip_bad;
} eval_args;

static const onp_option options[] = {
    {"config", ONP_OPTION_TEXT, "CONFIG", "whose test set (default: config.yaml of the MODEL)",
     offsetof(eval_args, config), 0, 0},
    {"data", ONP_OPTION_TEXT, "IMAGES", "other images to test on: a folder or archive, see init",
     offsetof(eval_args, data), 0, 0},
    {"confusion", ONP_OPTION_FLAG, NULL, "which class was taken for which",
     offsetof(eval_args, confusion), 0, 0},
    {"top", ONP_OPTION_INT, "N", "classes to tell of a single image (default: 3)",
     offsetof(eval_args, top), 1, ONP_DATA_MAX_CLASSES},
    {"skip-bad", ONP_OPTION_FLAG, NULL, "leave out image files that cannot be read",
     offsetof(eval_args, skip_bad), 0, 0},
    {"logits", ONP_OPTION_TEXT, "FILE",
     "write what the network answers to each image (safetensors)", offsetof(eval_args, logits), 0,
     0},
    ONP_OPTION_SET,
    ONP_OPTION_THREADS,
    ONP_OPTION_KERNELS,
    ONP_OPTION_END,
};

#define BATCH 64

/* What a model is tested on. */
typedef struct test_set {
    const onp_dataset *ds;
    const int64_t *list; /* which of its images; NULL: the first n */
    int64_t n;
} test_set;

static onp_status evaluate(onp_app *app, const onp_model *m, const test_set *test, onp_tally *t,
                           onp_answers *answers, onp_error *err)
{
    /* as the model asks, not as the configuration's training images would */
    const onp_transform transform = onp_input_transform(m);
    int64_t indices[BATCH];
    onp_step *step = NULL;
    float *logits =
        onp_alloc(&app->ctx, (size_t)BATCH * (size_t)m->input.n_classes, sizeof *logits);
    if (logits == NULL)
        return onp_fail(err, ONP_E_NOMEM, "eval: out of memory");
    onp_status st = onp_step_new(&app->ctx, m->net, BATCH, &step, err);
    onp_progress_begin(app->progress, "eval", test->n);
    for (int64_t first = 0; first < test->n && st == ONP_OK; first += BATCH) {
        const int64_t n = test->n - first < BATCH ? test->n - first : BATCH;
        onp_step_result r;
        for (int64_t i = 0; i < n; i++)
            indices[i] = test->list != NULL ? test->list[first + i] : first + i;
        onp_batch_fill(test->ds, indices, n, 0, &transform, onp_step_images(step),
                       onp_step_labels(step));
        st = onp_step_infer(step, n, m->path, m->stats, logits, &r, err);
        if (st == ONP_OK) {
            onp_tally_add(t, logits, onp_step_labels(step), first, n);
            onp_answers_add(answers, logits, onp_step_labels(step), first, n);
        }
        onp_progress_step(app->progress, first + n, "%s", "");
    }
    onp_progress_end(app->progress);
    onp_step_free(step);
    onp_free(&app->ctx, logits);
    return st;
}

/* ---- what is shown ---- */

static const char *class_name(const onp_model *m, const onp_dataset *ds, int k)
{
    return m->input.class_names != NULL ? m->input.class_names[k] : ds->class_names[k];
}

static json_t *classes_to_json(const onp_model *m, const onp_dataset *ds, const onp_tally *t)
{
    json_t *classes = json_array();
    for (int k = 0; k < t->n_classes; k++) {
        json_t *one = json_pack("{s:s, s:I, s:I}", "name", class_name(m, ds, k), "images",
                                (json_int_t)t->images[k], "hits", (json_int_t)t->right[k]);
        if (one != NULL && t->images[k] > 0)
            (void)json_object_set_new(one, "accuracy",
                                      json_real((double)t->right[k] / (double)t->images[k]));
        if (json_array_append_new(classes, one) != 0) {
            json_decref(classes);
            return NULL;
        }
    }
    return classes;
}

/* A row per class that images are of, in it how often each was answered. */
static json_t *confusion_to_json(const onp_tally *t)
{
    json_t *rows = json_array();
    for (int32_t truth = 0; truth < t->n_classes; truth++) {
        json_t *row = json_array();
        for (int32_t k = 0; k < t->n_classes; k++)
            (void)json_array_append_new(row, json_integer(t->confusion[truth * t->n_classes + k]));
        if (json_array_append_new(rows, row) != 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

static void print_confusion(const onp_model *m, const onp_dataset *ds, const onp_tally *t)
{
    (void)printf("\n%20s  answered, for each class in this order\n", "images of");
    for (int32_t truth = 0; truth < t->n_classes; truth++) {
        (void)printf("%20s ", class_name(m, ds, truth));
        for (int32_t k = 0; k < t->n_classes; k++)
            (void)printf(" %6lld", (long long)t->confusion[truth * t->n_classes + k]);
        (void)printf("\n");
    }
}

static onp_status show(onp_app *app, const onp_model *m, const onp_dataset *ds, const onp_tally *t,
                       bool confusion, onp_error *err)
{
    const double accuracy = (double)t->hits / (double)t->n;
    if (app->args->json) {
        json_t *json = json_pack("{s:f, s:I, s:I, s:o}", "test_accuracy", accuracy, "test_images",
                                 (json_int_t)t->n, "hits", (json_int_t)t->hits, "classes",
                                 classes_to_json(m, ds, t));
        if (json != NULL && confusion &&
            json_object_set_new(json, "confusion", confusion_to_json(t)) != 0) {
            json_decref(json);
            json = NULL;
        }
        return onp_app_print(app, json, err);
    }
    (void)printf("test accuracy: %.2f %% of %lld images\n", 100 * accuracy, (long long)t->n);
    for (int k = 0; k < m->input.n_classes; k++)
        if (t->images[k] > 0)
            (void)printf("%20s  %6.2f %% of %lld\n", class_name(m, ds, k),
                         100.0 * (double)t->right[k] / (double)t->images[k],
                         (long long)t->images[k]);
    if (confusion)
        print_confusion(m, ds, t);
    return ONP_OK;
}

/* ---- on what ---- */

/* Class k of the data must be what the model calls class k: else every count is of something else.
 */
static onp_status check_fit(const onp_model *m, const onp_dataset *ds, onp_error *err)
{
    const onp_arch *a = m->arch;
    if (ds->h != m->input.image_h || ds->w != m->input.image_w || ds->c != a->in_c ||
        ds->n_classes != m->input.n_classes)
        return onp_fail(err, ONP_E_CONFIG,
                        "the images are %dx%dx%d of %d classes, the model takes %dx%dx%d of %d",
                        ds->h, ds->w, ds->c, ds->n_classes, (int)m->input.image_h,
                        (int)m->input.image_w, (int)a->in_c, (int)m->input.n_classes);
    for (int k = 0; m->input.class_names != NULL && k < ds->n_classes; k++)
        if (strcmp(ds->class_names[k], m->input.class_names[k]) != 0)
            return onp_fail(err, ONP_E_CONFIG,
                            "class %d of the images is \"%s\", of the model \"%s\"", k,
                            ds->class_names[k], m->input.class_names[k]);
    return ONP_OK;
}

static onp_status eval_set(onp_app *app, const onp_model *m, const test_set *test,
                           const eval_args *a, onp_error *err)
{
    onp_tally t = {0};
    onp_answers answers = {.path = NULL};
    onp_status st = ONP_OK;
    ONP_TRY(check_fit(m, test->ds, err));
    ONP_TRY_GOTO(onp_tally_init(&app->ctx, m->input.n_classes, &t, err));
    if (a->confusion && t.confusion == NULL) {
        st = onp_fail(err, ONP_E_USAGE, "--confusion: %d classes, wanted at most %d",
                      (int)t.n_classes, ONP_TALLY_MAX_CONFUSION);
        goto done;
    }
    ONP_TRY_GOTO(
        onp_answers_init(&app->ctx, a->logits, test->n, m->input.n_classes, &answers, err));
    ONP_TRY_GOTO(evaluate(app, m, test, &t, &answers, err));
    ONP_TRY_GOTO(onp_answers_save(&answers, err));
    st = show(app, m, test->ds, &t, a->confusion, err);
done:
    onp_answers_reset(&answers);
    onp_tally_reset(&t);
    return st;
}

/* The test set of a configuration. */
static onp_status eval_config(onp_app *app, const onp_model *m, const eval_args *a, onp_error *err)
{
    char path[ONP_APP_PATH];
    onp_config cfg;
    onp_feed feed;
    ONP_TRY(onp_path_join(path, sizeof path, a->all.operands[0], "config.yaml", err));
    ONP_TRY(onp_run_load_config(app, a->config != NULL ? a->config : path, &cfg, err));
    cfg.data.skip_bad = cfg.data.skip_bad || a->skip_bad;
    onp_status st = onp_feed_open(&app->ctx, &cfg, &feed, err);
    if (st == ONP_OK) {
        const test_set test = {.ds = &feed.test, .list = feed.test_list, .n = feed.n_test};
        st = eval_set(app, m, &test, a, err);
        onp_feed_close(&feed);
    }
    onp_config_free(&cfg);
    return st;
}

/* The test part of a folder or archive, or all of it where there are no parts. */
static onp_status eval_data(onp_app *app, const onp_model *m, const eval_args *a, onp_error *err)
{
    char cache[ONP_APP_PATH];
    onp_survey *s = onp_alloc(&app->ctx, 1, sizeof *s);
    onp_dataset ds;
    if (s == NULL)
        return onp_fail(err, ONP_E_NOMEM, "eval: out of memory");
    onp_status st = onp_feed_cache_folder(NULL, cache, sizeof cache, err);
    if (st == ONP_OK)
        st = onp_survey_take(&app->ctx, a->data, cache, a->skip_bad, s, err);
    const bool is_folder = st == ONP_OK && strcmp(s->format, "image-folder") == 0;
    const onp_source source = {.format = s->format,
                               .part = s->test[0] != '\0' ? ONP_PART_TEST : ONP_PART_TRAIN,
                               .path = s->test[0] != '\0' ? s->test : s->train,
                               .cache_dir = cache,
                               .n_classes = m->input.n_classes,
                               .side = is_folder ? m->input.resize_side : 0,
                               .fit = onp_input_prepare(m).fit,
                               .channels = is_folder ? (int)m->arch->in_c : 0,
                               .skip_bad = is_folder && a->skip_bad};
    if (st == ONP_OK)
        st = onp_dataset_open(&app->ctx, &source, &ds, err);
    if (st == ONP_OK) {
        st = eval_set(app, m, &(test_set){.ds = &ds, .n = ds.n}, a, err);
        onp_dataset_close(&ds);
    }
    onp_survey_free(s);
    onp_free(&app->ctx, s);
    return st;
}

static onp_status check_args(const eval_args *a, onp_error *err)
{
    const bool images = a->all.n_operands > 1;
    const char *of_sets = a->config != NULL   ? "config"
                          : a->data != NULL   ? "data"
                          : a->confusion      ? "confusion"
                          : a->logits != NULL ? "logits"
                          : a->all.sets.n > 0 ? "set"
                                              : NULL;
    if (images && of_sets != NULL)
        return onp_fail(err, ONP_E_USAGE, "eval: --%s is for data sets, not for single images",
                        of_sets);
    if (!images && a->top > 0)
        return onp_fail(err, ONP_E_USAGE, "eval: --top is for single images");
    if (a->data != NULL && (a->config != NULL || a->all.sets.n > 0))
        return onp_fail(err, ONP_E_USAGE, "eval: --data takes no --%s",
                        a->config != NULL ? "config" : "set");
    return ONP_OK;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const eval_args *a = args;
    char **operands = a->all.operands;
    onp_model *m = NULL;
    ONP_TRY(check_args(a, err));
    ONP_TRY(onp_app_compute(app, err));
    ONP_TRY(onp_model_load(&app->ctx, operands[0], &m, err));
    onp_status st =
        a->all.n_operands > 1
            ? onp_eval_images(app, m, operands + 1, a->all.n_operands - 1, a->top, a->skip_bad, err)
        : a->data != NULL ? eval_data(app, m, a, err)
                          : eval_config(app, m, a, err);
    onp_model_free(m);
    return st;
}

const onp_verb onp_verb_eval = {
    .name = "eval",
    .operands = "MODEL [IMAGE...]",
    .min_operands = 1,
    .max_operands = INT_MAX,
    .summary = "accuracy of a trained network on a test set, per class; or classes of images",
    .options = options,
    .args_size = sizeof(eval_args),
    .run = run};
