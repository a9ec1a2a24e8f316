/* SPDX-License-Identifier: Apache-2.0 */
/* onepath eval MODEL: accuracy of a trained network on the test set of a configuration, in all and
 * per class. */
#include <stdio.h>
#include <string.h>

#include "cli/answers.h"
#include "cli/run_options.h"
#include "cli/verb.h"
#include "search/feed.h"
#include "search/tally.h"
#include "supernet/model.h"

typedef struct eval_args {
    onp_args all;
    const char *config, *logits;
} eval_args;

static const onp_option options[] = {
    {"config", ONP_OPTION_TEXT, "CONFIG", "whose test set (default: config.yaml of the MODEL)",
     offsetof(eval_args, config), 0, 0},
    {"logits", ONP_OPTION_TEXT, "FILE",
     "write what the network answers to each image (safetensors)", offsetof(eval_args, logits), 0,
     0},
    ONP_OPTION_SET,
    ONP_OPTION_SKIP_BAD,
    ONP_OPTION_THREADS,
    ONP_OPTION_KERNELS,
    ONP_OPTION_END,
};

#define BATCH 64

/* The test set is normalised as the model asks, not as the configuration's training images would.
 */
static void use_input_of(const onp_model *m, onp_feed *feed)
{
    onp_channel_stats stats = {.c = (int)m->arch->in_c};
    for (int c = 0; c < stats.c; c++) {
        stats.mean[c] = m->input.mean[c];
        stats.deviation[c] = m->input.deviation[c];
    }
    feed->eval = onp_transform_eval(&stats);
}

static onp_status evaluate(onp_app *app, const onp_model *m, onp_feed *feed, onp_tally *t,
                           onp_answers *answers, onp_error *err)
{
    onp_step *step = NULL;
    float *logits =
        onp_alloc(&app->ctx, (size_t)BATCH * (size_t)m->input.n_classes, sizeof *logits);
    if (logits == NULL)
        return onp_fail(err, ONP_E_NOMEM, "eval: out of memory");
    const int64_t batch = feed->max_batch < BATCH ? feed->max_batch : BATCH;
    onp_status st = onp_step_new(&app->ctx, m->net, batch, &step, err);
    onp_progress_begin(app->progress, "eval", feed->n_test);
    for (int64_t first = 0; first < feed->n_test && st == ONP_OK; first += batch) {
        const int64_t n = feed->n_test - first < batch ? feed->n_test - first : batch;
        onp_step_result r;
        onp_feed_range(feed, &feed->test, feed->test_list, first, n, onp_step_images(step),
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

static const char *class_name(const onp_model *m, const onp_feed *feed, int k)
{
    return m->input.class_names != NULL ? m->input.class_names[k] : feed->test.class_names[k];
}

static onp_status show(onp_app *app, const onp_model *m, const onp_feed *feed, const onp_tally *t,
                       onp_error *err)
{
    const double accuracy = (double)t->hits / (double)t->n;
    if (app->args->json) {
        json_t *classes = json_array();
        for (int k = 0; k < m->input.n_classes; k++)
            if (json_array_append_new(classes,
                                      json_pack("{s:s, s:I, s:I}", "name", class_name(m, feed, k),
                                                "images", (json_int_t)t->images[k], "hits",
                                                (json_int_t)t->right[k])) != 0) {
                json_decref(classes);
                classes = NULL;
                break;
            }
        return onp_app_print(app,
                             json_pack("{s:f, s:I, s:I, s:o}", "test_accuracy", accuracy,
                                       "test_images", (json_int_t)t->n, "hits", (json_int_t)t->hits,
                                       "classes", classes),
                             err);
    }
    (void)printf("test accuracy: %.2f %% of %lld images\n", 100 * accuracy, (long long)t->n);
    for (int k = 0; k < m->input.n_classes; k++)
        if (t->images[k] > 0)
            (void)printf("%20s  %6.2f %% of %lld\n", class_name(m, feed, k),
                         100.0 * (double)t->right[k] / (double)t->images[k],
                         (long long)t->images[k]);
    return ONP_OK;
}

/* Class k of the data must be what the model calls class k: else every count is of something else.
 */
static onp_status check_fit(const onp_model *m, const onp_dataset *ds, onp_error *err)
{
    const onp_arch *a = m->arch;
    if (ds->h < a->in_h || ds->w < a->in_w || ds->c != a->in_c ||
        ds->n_classes != m->input.n_classes)
        return onp_fail(err, ONP_E_CONFIG,
                        "the images are %dx%dx%d of %d classes, the model takes %dx%dx%d of %d",
                        ds->h, ds->w, ds->c, ds->n_classes, (int)a->in_h, (int)a->in_w,
                        (int)a->in_c, (int)m->input.n_classes);
    for (int k = 0; m->input.class_names != NULL && k < ds->n_classes; k++)
        if (strcmp(ds->class_names[k], m->input.class_names[k]) != 0)
            return onp_fail(err, ONP_E_CONFIG,
                            "class %d of the images is \"%s\", of the model \"%s\"", k,
                            ds->class_names[k], m->input.class_names[k]);
    return ONP_OK;
}

/* logits: where to write them, or NULL. */
static onp_status eval_model(onp_app *app, const onp_model *m, const onp_config *cfg,
                             const char *logits, onp_error *err)
{
    onp_feed feed;
    ONP_TRY(onp_feed_open(&app->ctx, cfg, &feed, err));
    onp_tally t = {0};
    onp_answers answers = {.path = NULL};
    onp_status st = check_fit(m, &feed.test, err);
    if (st == ONP_OK)
        st = onp_tally_init(&app->ctx, m->input.n_classes, &t, err);
    if (st == ONP_OK)
        st = onp_answers_init(&app->ctx, logits, feed.n_test, m->input.n_classes, &answers, err);
    if (st == ONP_OK) {
        use_input_of(m, &feed);
        st = onp_feed_set_input(&feed, m->arch->in_h, m->arch->in_w, err);
    }
    if (st == ONP_OK)
        st = evaluate(app, m, &feed, &t, &answers, err);
    if (st == ONP_OK)
        st = onp_answers_save(&answers, err);
    if (st == ONP_OK)
        st = show(app, m, &feed, &t, err);
    onp_answers_reset(&answers);
    onp_tally_reset(&t);
    onp_feed_close(&feed);
    return st;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const eval_args *a = args;
    const char *folder = a->all.operands[0];
    char config[1024];
    onp_model *m = NULL;
    onp_config cfg;
    ONP_TRY(onp_path_join(config, sizeof config, folder, "config.yaml", err));
    ONP_TRY(onp_app_compute(app, err));
    ONP_TRY(onp_model_load(&app->ctx, folder, &m, err));
    onp_status st = onp_run_load_config(app, a->config != NULL ? a->config : config, &cfg, err);
    if (st == ONP_OK) {
        st = eval_model(app, m, &cfg, a->logits, err);
        onp_config_free(&cfg);
    }
    onp_model_free(m);
    return st;
}

const onp_verb onp_verb_eval = {.name = "eval",
                                .operands = "MODEL",
                                .min_operands = 1,
                                .max_operands = 1,
                                .summary =
                                    "accuracy of a trained network on the test set, per class",
                                .options = options,
                                .args_size = sizeof(eval_args),
                                .run = run};
