/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval_images.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/input.h"
#include "base/text.h"
#include "supernet/step.h"

enum { BATCH = 16, DEFAULT_TOP = 3 };

typedef struct session {
    onp_app *app;
    const onp_model *m;
    onp_step *step;
    float *logits;           /* (BATCH, classes) */
    double *p;               /* (classes) */
    const char *name[BATCH]; /* the files of the batch */
    int64_t n;               /* so many */
    int32_t top;
    int n_read, n_bad;
} session;

/* The name of class k, or its number where the model has no names. */
static const char *class_name(const onp_model *m, int32_t k, char number[32])
{
    if (m->input.class_names != NULL)
        return m->input.class_names[k];
    (void)snprintf(number, 32, "%d", (int)k);
    return number;
}

/* ---- one image ---- */

static void softmax(const float *logits, int32_t n, double *p)
{
    double most = (double)logits[0], sum = 0;
    for (int32_t k = 1; k < n; k++)
        most = (double)logits[k] > most ? (double)logits[k] : most;
    for (int32_t k = 0; k < n; k++)
        sum += p[k] = exp((double)logits[k] - most);
    for (int32_t k = 0; k < n; k++)
        p[k] /= sum;
}

/* The most probable class of those not taken yet, which it marks. */
static int32_t take_best(double *p, int32_t n, double *value)
{
    int32_t best = 0;
    for (int32_t k = 1; k < n; k++)
        best = p[k] > p[best] ? k : best;
    *value = p[best];
    p[best] = -1;
    return best;
}

static void print_line(session *s, const char *name)
{
    char number[32], shown[PATH_MAX];
    onp_text_make_plain(name, shown, sizeof shown);
    (void)printf("%s:", shown);
    for (int32_t i = 0; i < s->top; i++) {
        double p;
        const int32_t k = take_best(s->p, s->m->input.n_classes, &p);
        (void)printf("%s %s %.2f %%", i > 0 ? "," : "", class_name(s->m, k, number), 100 * p);
    }
    (void)printf("\n");
}

static onp_status print_json(session *s, const char *name, onp_error *err)
{
    json_t *image = json_string(name), *classes = json_array();
    char number[32];
    if (image == NULL) {
        json_decref(classes);
        return onp_fail(err, ONP_E_FORMAT, "%s: JSON needs a name in UTF-8", name);
    }
    for (int32_t i = 0; i < s->top; i++) {
        double p;
        const int32_t k = take_best(s->p, s->m->input.n_classes, &p);
        if (json_array_append_new(classes,
                                  json_pack("{s:s, s:i, s:f}", "name", class_name(s->m, k, number),
                                            "index", (int)k, "probability", p)) != 0) {
            json_decref(image);
            json_decref(classes);
            return onp_fail(err, ONP_E_NOMEM, "out of memory");
        }
    }
    return onp_app_print(s->app, json_pack("{s:o, s:o}", "image", image, "classes", classes), err);
}

/* ---- all ---- */

static onp_status flush_batch(session *s, onp_error *err)
{
    const int32_t n_classes = s->m->input.n_classes;
    onp_step_result r;
    if (s->n == 0)
        return ONP_OK;
    memset(onp_step_labels(s->step), 0, (size_t)s->n * sizeof(int32_t)); /* none is known */
    ONP_TRY(onp_step_infer(s->step, s->n, s->m->path, s->m->stats, s->logits, &r, err));
    for (int64_t i = 0; i < s->n; i++) {
        softmax(s->logits + i * n_classes, n_classes, s->p);
        if (s->app->args->json)
            ONP_TRY(print_json(s, s->name[i], err));
        else
            print_line(s, s->name[i]);
    }
    s->n = 0;
    return ONP_OK;
}

static onp_status read_image(session *s, const char *file, const onp_transform *t, onp_error *err)
{
    const onp_prepare how = onp_input_prepare(s->m);
    onp_prepared image;
    ONP_TRY(onp_image_prepare_file(&s->app->ctx, file, &how, &image, err));
    onp_prepared_input(&image, t, onp_step_images(s->step) + s->n * t->h * t->w * how.c);
    onp_prepared_free(&image);
    s->name[s->n++] = file;
    s->n_read++;
    return ONP_OK;
}

static onp_status run(session *s, char *const *files, int n, bool skip_bad, onp_error *err)
{
    const onp_transform t = onp_input_transform(s->m);
    for (int i = 0; i < n; i++) {
        onp_error why = {0};
        onp_status st = read_image(s, files[i], &t, &why);
        if (st != ONP_OK && (!skip_bad || st == ONP_E_NOMEM)) {
            ONP_TRY(flush_batch(s, err));
            return onp_fail(err, st == ONP_E_NOMEM ? st : ONP_E_FORMAT, "%s", why.msg);
        }
        if (st != ONP_OK) {
            s->n_bad++;
            onp_log(&s->app->ctx, ONP_LOG_WARN, "%s: left out", why.msg);
        }
        if (s->n == BATCH)
            ONP_TRY(flush_batch(s, err));
    }
    ONP_TRY(flush_batch(s, err));
    if (s->n_read == 0)
        return onp_fail(err, ONP_E_FORMAT, "not one of %d files is a readable image", n);
    if (s->n_bad > 0)
        onp_log(&s->app->ctx, ONP_LOG_WARN, "%d of %d files are no readable image", s->n_bad, n);
    return ONP_OK;
}

onp_status onp_eval_images(onp_app *app, const onp_model *m, char *const *files, int n, int64_t top,
                           bool skip_bad, onp_error *err)
{
    const int32_t n_classes = m->input.n_classes;
    const int64_t wanted = top > 0 ? top : DEFAULT_TOP;
    session s = {.app = app, .m = m, .top = (int32_t)(wanted < n_classes ? wanted : n_classes)};
    s.logits = onp_alloc(&app->ctx, (size_t)BATCH * (size_t)n_classes, sizeof *s.logits);
    s.p = onp_alloc(&app->ctx, (size_t)n_classes, sizeof *s.p);
    onp_status st = s.logits != NULL && s.p != NULL
                        ? onp_step_new(&app->ctx, m->net, BATCH, &s.step, err)
                        : onp_fail(err, ONP_E_NOMEM, "eval: out of memory");
    if (st == ONP_OK)
        st = run(&s, files, n, skip_bad, err);
    onp_step_free(s.step);
    onp_free(&app->ctx, s.logits);
    onp_free(&app->ctx, s.p);
    return st;
}
