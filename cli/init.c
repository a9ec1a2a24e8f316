/* SPDX-License-Identifier: Apache-2.0 */
/* onepath init IMAGES: looks at somebody's images and writes the configuration of a search on them.
 */
#include <stdio.h>
#include <string.h>

#include "cli/init_write.h"
#include "cli/verb.h"
#include "search/config.h"
#include "search/feed.h"

#define DEFAULT_LATENCY "60%"

typedef struct init_args {
    onp_args all;
    onp_init_wish wish;
    const char *latency, *out;
    int64_t seed;
    bool skip_bad;
} init_args;

static const onp_option options[] = {
    {"max-latency", ONP_OPTION_TEXT, "20ms|60%",
     "what the network may take: a time, or a share of what the space takes on average (default: "
     "60%)",
     offsetof(init_args, latency), 0, 0},
    {"out", ONP_OPTION_TEXT, "FILE", "where the configuration goes (default: standard output)",
     offsetof(init_args, out), 0, 0},
    {"space", ONP_OPTION_TEXT, "SPACE", "a file, or the name of a space that comes along",
     offsetof(init_args, wish.space), 0, 0},
    {"resolution", ONP_OPTION_INT, "N", "side of the network's input",
     offsetof(init_args, wish.resolution), 1, ONP_DATA_MAX_SIDE},
    {"epochs", ONP_OPTION_INT, "N",
     "to train the network that is found; the search gets half of it",
     offsetof(init_args, wish.epochs), 1, 100000},
    {"validation", ONP_OPTION_INT, "N", "images to compare networks by",
     offsetof(init_args, wish.validation), 1, 1e9},
    {"holdout", ONP_OPTION_INT, "N", "images to test on, where there is no test set",
     offsetof(init_args, wish.holdout), 1, 1e9},
    {"seed", ONP_OPTION_INT, "N", "of the search (default: 1)", offsetof(init_args, seed), 1, 1e15},
    {"skip-bad", ONP_OPTION_FLAG, NULL, "leave out files that are no readable image",
     offsetof(init_args, skip_bad), 0, 0},
    ONP_OPTION_THREADS,
    ONP_OPTION_END,
};

/* ---- what was found ---- */

/* JSON and YAML take UTF-8, and a name with a line break would break lines of the log. */
static onp_status check_name(const char *what, const char *text, onp_error *err)
{
    json_t *json = json_string(text);
    bool fine = json != NULL;
    for (const char *c = text; *c != '\0'; c++)
        fine = fine && (unsigned char)*c >= ' ' && *c != 0x7f;
    json_decref(json);
    if (fine)
        return ONP_OK;
    char shown[256];
    (void)snprintf(shown, sizeof shown, "%s", text);
    for (char *c = shown; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
    return onp_fail(
        err, ONP_E_FORMAT,
        "%s: wanted a name in UTF-8 without line breaks or other control characters for "
        "%s",
        shown, what);
}

static onp_status check_names(const onp_survey *s, onp_error *err)
{
    ONP_TRY(check_name("the images", s->train, err));
    ONP_TRY(check_name("the test images", s->test, err));
    for (int32_t k = 0; k < s->n_classes; k++)
        ONP_TRY(check_name("a class", s->classes[k].name, err));
    return ONP_OK;
}

static void tell_classes(const onp_context *ctx, const onp_survey *s)
{
    enum { MOST = 20 };
    onp_strbuf text;
    onp_strbuf_init(&text, ctx);
    for (int32_t k = 0; k < s->n_classes && k < MOST; k++)
        onp_strbuf_addf(&text, "%s%s %lld", k > 0 ? ", " : "", s->classes[k].name,
                        (long long)s->classes[k].n_train);
    if (s->n_classes > MOST)
        onp_strbuf_addf(&text, ", and %d more", (int)s->n_classes - MOST);
    if (!text.failed)
        onp_log(ctx, ONP_LOG_INFO, "%d classes: %s", (int)s->n_classes, text.text);
    onp_strbuf_reset(&text);
}

static void tell_bad(const onp_context *ctx, const onp_survey *s)
{
    if (s->n_bad == 0)
        return;
    onp_log(ctx, ONP_LOG_WARN, "%lld files are no readable image and are left out, among them",
            (long long)s->n_bad);
    for (const char *line = s->bad.text; *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        onp_log(ctx, ONP_LOG_WARN, "  %.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static void tell(const onp_context *ctx, const onp_survey *s)
{
    const int64_t all = s->n_train + s->n_test;
    const char *colour = s->n_grey == 0     ? "in colour"
                         : s->n_grey == all ? "grey"
                                            : "some of them grey";
    char sizes[128];
    if (s->one_size)
        (void)snprintf(sizes, sizeof sizes, "all %lldx%lld", (long long)s->h, (long long)s->w);
    else
        (void)snprintf(sizes, sizeof sizes,
                       "sides of %lld to %lld pixels, shorter side %lld in the middle",
                       (long long)s->least_side, (long long)s->most_side, (long long)s->short_side);
    onp_log(ctx, ONP_LOG_INFO, "%s: %s, %lld images, %s, %s", s->train, s->format,
            (long long)s->n_train, sizes, colour);
    if (s->test[0] != '\0')
        onp_log(ctx, ONP_LOG_INFO, "%s: %lld images to test on", s->test, (long long)s->n_test);
    if (s->test_has_no_labels)
        onp_log(ctx, ONP_LOG_WARN, "its test folder has no class folders and is not used");
    if (s->unused[0] != '\0')
        onp_log(ctx, ONP_LOG_WARN,
                "%s: is not used; images to compare networks by are taken from those to train on",
                s->unused);
    tell_classes(ctx, s);
    tell_bad(ctx, s);
}

/* ---- what is written ---- */

static onp_status check_latency(const char *latency, onp_error *err)
{
    onp_yaml_target target;
    if (onp_yaml_target_parse(latency, &target, err) == ONP_OK)
        return ONP_OK;
    return onp_fail_prefix(err, ONP_E_USAGE, "--max-latency: ");
}

static json_t *to_json(const onp_survey *s, const onp_init_choice *c, const char *config)
{
    json_t *classes = json_array();
    for (int32_t k = 0; k < s->n_classes; k++)
        (void)json_array_append_new(classes,
                                    json_pack("{s:s, s:I, s:I}", "name", s->classes[k].name,
                                              "train", (json_int_t)s->classes[k].n_train, "test",
                                              (json_int_t)s->classes[k].n_test));
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:s}",
        "format", s->format, "train", s->train, "test", s->test, "images", (json_int_t)s->n_train,
        "test_images", (json_int_t)s->n_test, "grey", (json_int_t)s->n_grey, "bad",
        (json_int_t)s->n_bad, "classes", classes, "space", c->space, "resolution",
        (json_int_t)c->resolution, "resize", (json_int_t)c->resize, "holdout",
        (json_int_t)c->holdout, "validation", (json_int_t)c->validation, "batch",
        (json_int_t)c->batch, "seconds", c->seconds, "config", config);
}

static onp_status write_config(onp_app *app, const init_args *a, const onp_survey *s,
                               const onp_init_choice *c, const onp_strbuf *text, onp_error *err)
{
    if (a->out != NULL)
        ONP_TRY(onp_file_write_atomic(a->out, text->text, text->length, err));
    if (a->all.json)
        return onp_app_print(app, to_json(s, c, text->text), err);
    if (a->out == NULL)
        (void)fputs(text->text, stdout);
    else
        (void)printf("%s\n", a->out);
    return ONP_OK;
}

static onp_status init(onp_app *app, const init_args *a, const onp_survey *s, onp_error *err)
{
    const onp_init_facts facts = {.latency = a->latency != NULL ? a->latency : DEFAULT_LATENCY,
                                  .seed = a->seed > 0 ? a->seed : 1,
                                  .skip_bad = a->skip_bad};
    onp_init_choice choice;
    onp_strbuf text;
    ONP_TRY(check_names(s, err));
    tell(&app->ctx, s);
    ONP_TRY(onp_init_choose(&app->ctx, s, &a->wish, &choice, err));
    ONP_TRY(check_name("the space", choice.space, err));
    onp_strbuf_init(&text, &app->ctx);
    onp_init_write(s, &choice, &facts, &text);
    onp_status st = onp_strbuf_status(&text, err);
    if (st == ONP_OK)
        st = write_config(app, a, s, &choice, &text, err);
    onp_strbuf_reset(&text);
    return st;
}

static onp_status run(onp_app *app, const void *args, onp_error *err)
{
    const init_args *a = args;
    char cache[ONP_APP_PATH];
    onp_survey *s = onp_alloc(&app->ctx, 1, sizeof *s);
    if (s == NULL)
        return onp_fail(err, ONP_E_NOMEM, "out of memory");
    onp_status st = ONP_OK;
    if (a->latency != NULL)
        st = check_latency(a->latency, err);
    if (st == ONP_OK)
        st = onp_app_compute(app, err);
    if (st == ONP_OK)
        st = onp_feed_cache_folder(NULL, cache, sizeof cache, err);
    if (st == ONP_OK)
        st = onp_survey_take(&app->ctx, a->all.operands[0], cache, a->skip_bad, s, err);
    if (st == ONP_OK)
        st = init(app, a, s, err);
    onp_survey_free(s);
    onp_free(&app->ctx, s);
    return st;
}

const onp_verb onp_verb_init = {
    .name = "init",
    .operands = "IMAGES",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "look at a folder or archive of images and write a configuration for it",
    .options = options,
    .args_size = sizeof(init_args),
    .run = run};
