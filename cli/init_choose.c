/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/init_choose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "cli/configs.h"
#include "ops/kernels.h"
#include "supernet/space.h"

/* So many images of a class: one to test, one to validate, the rest to train; and below
 * MODEST_CLASS it is said that they are few. */
enum { LEAST_CLASS = 5, LEAST_CLASS_WITH_TEST = 3, MODEST_CLASS = 50 };
enum { MAX_VALIDATION = 5000, MAX_HOLDOUT = 10000 };

/* Images up to this side are taken as they are when all have one size. */
#define SMALL_SIDE 48

/* A search takes an hour at most where it can be made so. */
#define BUDGET_SECONDS    3600.0
#define SECONDS_PER_ROW   0.9 /* to measure a block */
#define BACKWARD          3.0 /* a step to a forward pass */
#define ARCHITECTURE_STEP 2.0 /* to a weight step */

/* Multiply-accumulates a second and thread that a search came to on a cloud machine; for any other
 * kernel set a tenth of the best. It is enough to tell minutes from hours. */
static const struct {
    const char *kernels;
    double macs_per_second;
} rates[] = {{"avx512", 25e9}, {"avx2", 14e9}, {"neon", 5e9}};
#define OTHER_RATE 2.5e9

typedef struct chooser {
    const onp_context *ctx;
    const onp_survey *s;
    const onp_init_wish *wish;
    onp_init_choice *c;
    onp_space *space; /* of c->space, with input and classes */
    onp_error *err;
} chooser;

static int64_t clamp(int64_t x, int64_t least, int64_t most)
{
    return x < least ? least : x > most ? most : x;
}

/* ---- images ---- */

static onp_status check_classes(const chooser *x)
{
    const onp_survey *s = x->s;
    const bool has_test = s->test[0] != '\0';
    const int64_t wanted = has_test ? LEAST_CLASS_WITH_TEST : LEAST_CLASS;
    const onp_survey_class *least = &s->classes[0];
    for (int32_t k = 0; k < s->n_classes; k++)
        least = s->classes[k].n_train < least->n_train ? &s->classes[k] : least;
    if (least->n_train < wanted)
        return onp_fail(x->err, ONP_E_FORMAT,
                        "%s: class %s has %lld image%s, wanted at least %lld of each: to train on, "
                        "to choose by%s",
                        s->train, least->name, (long long)least->n_train,
                        least->n_train == 1 ? "" : "s", (long long)wanted,
                        has_test ? "" : " and to test on");
    if (least->n_train < MODEST_CLASS)
        onp_log(x->ctx, ONP_LOG_WARN,
                "class %s has %lld images: with so few of a class the result is rough", least->name,
                (long long)least->n_train);
    return ONP_OK;
}

/* How many images all classes can give when none gives more than half of what it has. */
static int64_t halves(const onp_survey *s, int64_t taken_before)
{
    int64_t sum = 0;
    const int64_t each = taken_before / s->n_classes;
    for (int32_t k = 0; k < s->n_classes; k++) {
        const int64_t n = s->classes[k].n_train;
        sum += (n - (each < n / 2 ? each : n / 2)) / 2;
    }
    return sum;
}

static onp_status check_split(const chooser *x, const char *option, int64_t n, int64_t most)
{
    if (n >= 1 && n <= most)
        return ONP_OK;
    return onp_fail(x->err, ONP_E_USAGE, "%s: %lld images, wanted 1..%lld, half of what there is",
                    option, (long long)n, (long long)most);
}

static onp_status split(chooser *x)
{
    const onp_survey *s = x->s;
    onp_init_choice *c = x->c;
    const int64_t classes = s->n_classes;
    if (s->test[0] == '\0') {
        const int64_t most = halves(s, 0);
        const int64_t fifth = clamp(s->n_train / 5, classes, MAX_HOLDOUT);
        c->holdout = x->wish->holdout > 0 ? x->wish->holdout : clamp(fifth, 1, most);
        ONP_TRY(check_split(x, "--holdout", c->holdout, most));
    } else if (x->wish->holdout > 0) {
        return onp_fail(x->err, ONP_E_USAGE, "--holdout: the images have a test set, %s", s->test);
    }
    const int64_t left = s->n_train - c->holdout, most = halves(s, c->holdout);
    const int64_t tenth = clamp(left / 10, left >= 320 ? 32 : left / 5, MAX_VALIDATION);
    c->validation = x->wish->validation > 0 ? x->wish->validation
                                            : clamp(tenth > classes ? tenth : classes, 1, most);
    ONP_TRY(check_split(x, "--validation", c->validation, most));
    c->n_train = left - c->validation;
    if (c->holdout > 0)
        onp_log(x->ctx, ONP_LOG_INFO,
                "no test set: %lld images, as evenly from all classes as they go, are kept for the "
                "test",
                (long long)c->holdout);
    onp_log(x->ctx, ONP_LOG_INFO, "%lld images to train on, %lld to compare networks by",
            (long long)c->n_train, (long long)c->validation);
    return ONP_OK;
}

/* Small sets take small batches, so that an epoch has some steps. */
static void choose_batch(chooser *x)
{
    onp_init_choice *c = x->c;
    c->batch = c->n_train >= 4096 ? 64 : c->n_train >= 1024 ? 32 : 16;
    while (c->batch > 2 && (c->batch > c->validation || c->batch * 4 > c->n_train))
        c->batch /= 2;
    if (c->batch > c->validation || c->batch > c->n_train)
        c->batch = 1;
    c->lr = 0.1 * (double)(c->batch < 8 ? 8 : c->batch) / 64;
    c->every = c->n_train / c->batch >= 100 ? 5 : 2;
}

/* ---- space and resolution ---- */

/* The spaces that come along, the widest first. */
static const struct shipped {
    const char *name;
    int64_t least, most; /* sides that they are made for */
} spaces[] = {{"mbconv-imagenet", 160, ONP_DATA_MAX_SIDE},
              {"mbconv-96", SMALL_SIDE + 1, ONP_DATA_MAX_SIDE},
              {"mbconv-cifar", 29, SMALL_SIDE},
              {"mbconv-28", 1, 28}};

static const int64_t sides[] = {224, 160, 128, 96, 64, 48, 32};

/* Details pay when there are images enough to learn them from. */
static int64_t side_by_count(int64_t n)
{
    return n < 1000 ? 64 : n < 5000 ? 96 : n < 20000 ? 128 : n < 100000 ? 160 : 224;
}

static bool is_folder(const chooser *x)
{
    return strcmp(x->s->format, "image-folder") == 0;
}

static bool taken_as_they_are(const onp_survey *s)
{
    return s->one_size && s->h == s->w && s->h <= SMALL_SIDE;
}

static int64_t first_side(const chooser *x)
{
    const onp_survey *s = x->s;
    const int64_t by_count = side_by_count(s->n_train);
    if (taken_as_they_are(s) || !is_folder(x)) /* other formats are not resized */
        return s->h < s->w ? s->h : s->w;
    for (size_t i = 0; i < ONP_COUNT(sides); i++)
        if (sides[i] <= s->short_side && sides[i] <= by_count)
            return sides[i];
    return sides[ONP_COUNT(sides) - 1];
}

static onp_status load_space(chooser *x, const char *path, int64_t side)
{
    onp_strbuf problems;
    onp_space_free(x->space);
    x->space = NULL;
    onp_strbuf_init(&problems, x->ctx);
    onp_status st = onp_space_load(x->ctx, path, &problems, &x->space, x->err);
    onp_strbuf_reset(&problems);
    ONP_TRY(st);
    const int64_t channels = x->s->n_grey == x->s->n_train + x->s->n_test ? 1 : 3;
    if (side == 0)
        side = x->space->spec.in_h;
    st = onp_space_set_input(x->space, side, side, channels, x->err);
    if (st == ONP_OK)
        st = onp_space_set_classes(x->space, x->s->n_classes, x->err);
    return st == ONP_E_RANGE ? onp_fail_prefix(x->err, ONP_E_USAGE, "%s: ", path) : st;
}

/* ---- time ---- */

/* Multiply-accumulates of one image through a uniformly drawn path. */
static double macs_of(const onp_space *space)
{
    double sum = 0;
    for (int32_t i = 0; i < space->n_positions; i++)
        for (int32_t j = 0; j < space->positions[i].n; j++) {
            const onp_block *b = &space->positions[i].candidate[j];
            if (b->kind != ONP_BLOCK_ZERO)
                sum += (double)onp_block_n_macs(b) / space->positions[i].n;
        }
    return sum;
}

static onp_status rows_of(const chooser *x, int32_t *n)
{
    onp_block *blocks = NULL;
    ONP_TRY(onp_space_blocks(x->ctx, x->space, &blocks, n, x->err));
    onp_free(x->ctx, blocks);
    return ONP_OK;
}

static double rate_of(const onp_context *ctx)
{
    double rate = OTHER_RATE;
    for (size_t i = 0; i < ONP_COUNT(rates); i++)
        if (strcmp(ctx->kernels->name, rates[i].kernels) == 0)
            rate = rates[i].macs_per_second;
    return rate * onp_parallel_threads();
}

static double seconds_of(const chooser *x)
{
    const onp_init_choice *c = x->c;
    const double image = BACKWARD * macs_of(x->space) / rate_of(x->ctx);
    const double weights = (double)c->n_train * image;
    const double all = (double)(c->n_train + c->validation) * image;
    const double search = weights * (1 + ARCHITECTURE_STEP / (double)c->every);
    return weights * (double)c->warmup_epochs + search * (double)c->epochs +
           all * (double)c->train_epochs;
}

static void set_epochs(onp_init_choice *c, int64_t train)
{
    c->train_epochs = train;
    c->epochs = clamp(train / 2, 3, 40);
    c->warmup_epochs = clamp(train / 6, 1, 10);
}

/* As many epochs as help, then as many as there is time for. */
static void choose_epochs(chooser *x)
{
    onp_init_choice *c = x->c;
    const int64_t least = 6;
    if (x->wish->epochs > 0) {
        set_epochs(c, x->wish->epochs);
        c->seconds = seconds_of(x);
        return;
    }
    /* of the smallest sets an epoch is a few steps */
    const int64_t steps = c->n_train / c->batch > 0 ? c->n_train / c->batch : 1;
    int64_t train = clamp(400000 / (c->n_train + 1), 10, clamp(1500 / steps, 60, 200));
    for (;;) {
        set_epochs(c, train);
        c->seconds = seconds_of(x);
        if (c->seconds <= BUDGET_SECONDS || train == least)
            return;
        train = clamp(train * 4 / 5, least, train - 1);
    }
}

/* ---- space, side and epochs together ---- */

static onp_status given_space(chooser *x)
{
    const char *name = x->wish->space;
    char path[ONP_APP_PATH];
    if (strchr(name, '/') == NULL && !onp_file_exists(name)) {
        ONP_TRY(onp_configs_space(name, path, sizeof path, x->err));
    } else {
        char *whole = realpath(name, NULL);
        if (whole == NULL)
            return onp_fail(x->err, ONP_E_USAGE, "--space: %s: no such file", name);
        onp_status st = onp_path_join(path, sizeof path, "", whole, x->err);
        free(whole);
        ONP_TRY(st);
    }
    memcpy(x->c->space, path, sizeof path);
    x->c->resolution = x->wish->resolution > 0 ? x->wish->resolution : 0;
    ONP_TRY(load_space(x, path, x->c->resolution));
    x->c->resolution = x->space->spec.in_h;
    choose_epochs(x);
    return ONP_OK;
}

/* Takes the first space for `side` that there is time for; false: none was. The last stays. */
static onp_status try_side(chooser *x, int64_t side, bool *fits)
{
    *fits = false;
    x->c->resolution = side;
    for (size_t i = 0; i < ONP_COUNT(spaces) && !*fits; i++) {
        if (side < spaces[i].least || side > spaces[i].most)
            continue;
        ONP_TRY(onp_configs_space(spaces[i].name, x->c->space, sizeof x->c->space, x->err));
        ONP_TRY(load_space(x, x->c->space, side));
        choose_epochs(x);
        *fits = x->c->seconds <= BUDGET_SECONDS;
    }
    return ONP_OK;
}

static onp_status choose_space(chooser *x)
{
    const int64_t side = x->wish->resolution > 0 ? x->wish->resolution : first_side(x);
    bool fits = false;
    if (x->wish->space != NULL)
        return given_space(x);
    ONP_TRY(try_side(x, side, &fits));
    if (x->wish->resolution > 0 || taken_as_they_are(x->s) || !is_folder(x))
        return ONP_OK;
    for (size_t i = 0; i < ONP_COUNT(sides) && !fits && sides[i] >= 64; i++)
        if (sides[i] < side)
            ONP_TRY(try_side(x, sides[i], &fits));
    return ONP_OK;
}

/* Small images move by some pixels; of photographs a part is taken, from images stored a little
 * larger. */
static void choose_images(chooser *x)
{
    const onp_survey *s = x->s;
    onp_init_choice *c = x->c;
    const bool as_they_are =
        s->one_size && (!is_folder(x) || (s->h == s->w && s->h == c->resolution));
    const bool small = c->resolution <= SMALL_SIDE, grey = s->n_grey == s->n_train + s->n_test;
    c->flip = !grey || !small; /* small and grey are signs and letters, as a rule */
    if (small)
        c->pad = clamp(c->resolution / 8, 1, 4);
    else
        c->crop_scale = 0.35;
    if (!as_they_are)
        c->resize = small ? c->resolution : (c->resolution * 9 / 8 + 7) / 8 * 8;
    if (!small && !grey)
        c->brightness = c->saturation = 0.2;
}

static onp_status check_input(const chooser *x)
{
    const onp_survey *s = x->s;
    const int64_t most = s->h < s->w ? s->h : s->w;
    if (is_folder(x) || x->c->resolution <= most)
        return ONP_OK;
    return onp_fail(x->err, ONP_E_USAGE,
                    "a resolution of %lld, but the images are %lldx%lld and format %s is not "
                    "resized: wanted at most %lld",
                    (long long)x->c->resolution, (long long)s->h, (long long)s->w, s->format,
                    (long long)most);
}

static void tell(const chooser *x, int32_t n_rows)
{
    const onp_init_choice *c = x->c;
    const long long side = (long long)c->resolution;
    const double minutes = ceil(c->seconds / 60);
    onp_log(x->ctx, ONP_LOG_INFO, "space %s at %lldx%lld: %d blocks with a choice, %d latency rows",
            x->space->spec.name, side, side, (int)x->space->n_choices, (int)n_rows);
    if (c->resize > 0)
        onp_log(x->ctx, ONP_LOG_INFO,
                "images are stored at %lldx%lld: the shorter side resized, the middle cut out",
                (long long)c->resize, (long long)c->resize);
    onp_log(x->ctx, ONP_LOG_INFO,
            "%lld warm-up, %lld search and %lld training epochs, batch %lld: some %.0f minute%s "
            "on this machine",
            (long long)c->warmup_epochs, (long long)c->epochs, (long long)c->train_epochs,
            (long long)c->batch, minutes, minutes > 1 ? "s" : "");
    if (c->seconds > 1.5 * BUDGET_SECONDS)
        onp_log(x->ctx, ONP_LOG_WARN,
                "that is long: --resolution, --epochs or --space ask for less");
}

static onp_status choose(chooser *x)
{
    int32_t n_rows = 0;
    ONP_TRY(check_classes(x));
    ONP_TRY(split(x));
    choose_batch(x);
    ONP_TRY(choose_space(x));
    ONP_TRY(check_input(x));
    choose_images(x);
    ONP_TRY(rows_of(x, &n_rows));
    x->c->seconds += n_rows * SECONDS_PER_ROW;
    tell(x, n_rows);
    return ONP_OK;
}

onp_status onp_init_choose(const onp_context *ctx, const onp_survey *s, const onp_init_wish *wish,
                           onp_init_choice *out, onp_error *err)
{
    *out = (onp_init_choice){.resolution = 0};
    chooser x = {.ctx = ctx, .s = s, .wish = wish, .c = out, .err = err};
    const onp_status st = choose(&x);
    onp_space_free(x.space);
    return st;
}
