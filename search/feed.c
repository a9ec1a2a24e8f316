/* SPDX-License-Identifier: Apache-2.0 */
#include "search/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

onp_status onp_feed_cache_folder(const char *given, char *out, size_t size, onp_error *err)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (given != NULL)
        n = snprintf(out, size, "%s", given);
    else if (xdg != NULL && xdg[0] == '/')
        n = snprintf(out, size, "%s/onepath", xdg);
    else if (home != NULL && home[0] == '/')
        n = snprintf(out, size, "%s/.cache/onepath", home);
    else
        return onp_fail(err, ONP_E_CONFIG, "data.cache is not set and neither is $HOME");
    if (n < 0 || (size_t)n >= size)
        return onp_fail(err, ONP_E_CONFIG, "the path of the cache folder is longer than %zu bytes",
                        size);
    return ONP_OK;
}

/* cache: where pack files go; borrowed. */
static onp_source training_source(const onp_config *cfg, const char *cache)
{
    return (onp_source){.format = onp_dataset_formats[cfg->data.format],
                        .part = ONP_PART_TRAIN,
                        .path = cfg->data.train,
                        .cache_dir = cache,
                        .seed = (uint64_t)cfg->seed,
                        .side = (int)cfg->data.resize.side,
                        .fit = (onp_fit)cfg->data.resize.fit,
                        .skip_bad = cfg->data.skip_bad};
}

static onp_status open_data(onp_feed *f, const onp_config *cfg, onp_error *err)
{
    char cache[1024];
    ONP_TRY(onp_feed_cache_folder(cfg->data.cache, cache, sizeof cache, err));
    onp_source source = training_source(cfg, cache);
    ONP_TRY(onp_dataset_open(f->ctx, &source, &f->train, err));
    if (cfg->data.holdout > 0) {
        f->test = f->train;
        return ONP_OK;
    }
    source.part = ONP_PART_TEST;
    source.path = cfg->data.test;
    source.n_classes = f->train.n_classes;
    source.channels = f->train.c;
    return onp_dataset_open(f->ctx, &source, &f->test, err);
}

/* What the space's file says of channels and classes stands for any data. */
static onp_status fit_space(const onp_context *ctx, const onp_dataset *ds, const onp_config *cfg,
                            onp_error *err)
{
    onp_space *space = cfg->space;
    const onp_space_spec *spec = &space->spec;
    onp_status st = ONP_OK;
    if (ds->c != spec->in_c) {
        onp_log(ctx, ONP_LOG_INFO, "the images are %s: the stem of %s takes %d channel%s, not %d",
                ds->c == 1 ? "grey" : "in colour", spec->name, ds->c, ds->c == 1 ? "" : "s",
                (int)spec->in_c);
        st = onp_space_set_input(space, spec->in_h, spec->in_w, ds->c, err);
    }
    if (st == ONP_OK && ds->n_classes != spec->classes) {
        onp_log(ctx, ONP_LOG_INFO, "the images have %d classes: so has the head of %s, not %d",
                ds->n_classes, spec->name, (int)spec->classes);
        st = onp_space_set_classes(space, ds->n_classes, err);
    }
    return st == ONP_E_RANGE ? onp_fail_prefix(err, ONP_E_CONFIG, "%s: ", cfg->path) : st;
}

static onp_status check_fit(const onp_feed *f, const onp_config *cfg, onp_error *err)
{
    const onp_space_spec *spec = &cfg->space->spec;
    const onp_dataset *sets[2] = {&f->train, &f->test};
    for (int i = 0; i < 2; i++) {
        const onp_dataset *ds = sets[i];
        if (ds->h < spec->in_h || ds->w < spec->in_w || ds->c != f->train.c)
            return onp_fail(err, ONP_E_CONFIG,
                            "%s: images are %dx%dx%d, the space %s takes %dx%dx%d or more",
                            cfg->path, ds->h, ds->w, ds->c, spec->name, (int)spec->in_h,
                            (int)spec->in_w, f->train.c);
    }
    if (f->test.n_classes != f->train.n_classes)
        return onp_fail(err, ONP_E_CONFIG, "%s: %d classes to train on, %d to test", cfg->path,
                        f->train.n_classes, f->test.n_classes);
    for (int k = 0; k < f->train.n_classes; k++)
        if (strcmp(f->train.class_names[k], f->test.class_names[k]) != 0)
            return onp_fail(err, ONP_E_CONFIG, "%s: class %d is \"%s\" in train and \"%s\" in test",
                            cfg->path, k, f->train.class_names[k], f->test.class_names[k]);
    if (f->split.n_train < cfg->search.batch)
        return onp_fail(err, ONP_E_CONFIG,
                        "%s: %lld training images are left, fewer than search.batch %lld",
                        cfg->path, (long long)f->split.n_train, (long long)cfg->search.batch);
    if (f->split.n_validation < cfg->search.batch)
        return onp_fail(err, ONP_E_CONFIG,
                        "%s: data.validation is %lld, fewer than search.batch %lld", cfg->path,
                        (long long)f->split.n_validation, (long long)cfg->search.batch);
    if (f->n_all < cfg->train.batch)
        return onp_fail(err, ONP_E_CONFIG,
                        "%s: %lld images to train on, fewer than train.batch %lld", cfg->path,
                        (long long)f->n_all, (long long)cfg->train.batch);
    return ONP_OK;
}

static onp_status make_streams(onp_feed *f, const onp_config *cfg, onp_error *err)
{
    const uint64_t seed = (uint64_t)cfg->seed;
    const onp_augment augment = {.pad = (int)cfg->data.augment.pad,
                                 .flip = cfg->data.augment.flip,
                                 .crop_scale = cfg->data.augment.crop_scale,
                                 .brightness = cfg->data.augment.brightness,
                                 .saturation = cfg->data.augment.saturation,
                                 .cutout = (int)cfg->data.augment.cutout};
    const int64_t *list[ONP_STREAM_COUNT] = {f->split.train, f->split.validation, f->all};
    const int64_t n[ONP_STREAM_COUNT] = {f->split.n_train, f->split.n_validation, f->n_all};
    f->eval = onp_transform_eval(&f->stats);
    for (uint32_t i = 0; i < ONP_STREAM_COUNT; i++) {
        ONP_TRY(onp_sampler_init(f->ctx, &f->sampler[i], seed, i, list[i], n[i], err));
        f->transform[i] = i == ONP_STREAM_ARCHITECTURE
                              ? f->eval
                              : onp_transform_train(&f->stats, augment, seed, i);
    }
    f->max_batch = cfg->search.batch > cfg->train.batch ? cfg->search.batch : cfg->train.batch;
    f->indices = onp_alloc(f->ctx, (size_t)f->max_batch, sizeof *f->indices);
    if (f->indices == NULL)
        return onp_fail(err, ONP_E_NOMEM, "data: out of memory");
    return onp_feed_set_input(f, cfg->space->spec.in_h, cfg->space->spec.in_w, err);
}

onp_status onp_feed_set_input(onp_feed *f, int64_t h, int64_t w, onp_error *err)
{
    const onp_dataset *ds = &f->train;
    if (h > ds->h || w > ds->w)
        return onp_fail(err, ONP_E_CONFIG, "the network takes %dx%d pixels, the images have %dx%d",
                        (int)h, (int)w, ds->h, ds->w);
    for (int i = 0; i < ONP_STREAM_COUNT; i++) {
        f->transform[i].h = (int)h;
        f->transform[i].w = (int)w;
    }
    f->eval.h = (int)h;
    f->eval.w = (int)w;
    return ONP_OK;
}

static onp_status open_all(onp_feed *f, const onp_config *cfg, onp_error *err)
{
    ONP_TRY(open_data(f, cfg, err));
    const onp_split_options options = {.seed = (uint64_t)cfg->seed,
                                       .holdout = cfg->data.holdout,
                                       .limit = cfg->data.limit,
                                       .validation = cfg->data.validation};
    ONP_TRY(onp_split_make(f->ctx, &f->train, &options, &f->split, err));
    f->test_list = cfg->data.holdout > 0 ? f->split.holdout : NULL;
    f->n_test = cfg->data.holdout > 0 ? f->split.n_holdout : f->test.n;
    f->n_all = f->split.n_train + f->split.n_validation;
    f->all = onp_alloc(f->ctx, (size_t)f->n_all, sizeof *f->all);
    if (f->all == NULL)
        return onp_fail(err, ONP_E_NOMEM, "data: out of memory");
    memcpy(f->all, f->split.train, (size_t)f->split.n_train * sizeof *f->all);
    memcpy(f->all + f->split.n_train, f->split.validation,
           (size_t)f->split.n_validation * sizeof *f->all);
    ONP_TRY(check_fit(f, cfg, err));
    ONP_TRY(fit_space(f->ctx, &f->train, cfg, err));
    ONP_TRY(onp_channel_stats_measure(f->ctx, &f->train, f->split.train, f->split.n_train,
                                      &f->stats, err));
    return make_streams(f, cfg, err);
}

onp_status onp_feed_fit_space(const onp_context *ctx, const onp_config *cfg, onp_error *err)
{
    char cache[1024];
    onp_dataset ds;
    ONP_TRY(onp_feed_cache_folder(cfg->data.cache, cache, sizeof cache, err));
    const onp_source source = training_source(cfg, cache);
    ONP_TRY(onp_dataset_open(ctx, &source, &ds, err));
    const onp_status st = fit_space(ctx, &ds, cfg, err);
    onp_dataset_close(&ds);
    return st;
}

onp_status onp_feed_open(const onp_context *ctx, const onp_config *cfg, onp_feed *out,
                         onp_error *err)
{
    *out = (onp_feed){.ctx = ctx};
    onp_status st = open_all(out, cfg, err);
    if (st != ONP_OK)
        onp_feed_close(out);
    return st;
}

void onp_feed_close(onp_feed *f)
{
    if (f->ctx == NULL)
        return;
    for (int i = 0; i < ONP_STREAM_COUNT; i++)
        onp_sampler_reset(&f->sampler[i]);
    onp_free(f->ctx, f->indices);
    onp_free(f->ctx, f->all);
    onp_split_free(&f->split);
    if (f->test.file.data != f->train.file.data)
        onp_dataset_close(&f->test);
    onp_dataset_close(&f->train);
    *f = (onp_feed){0};
}

int64_t onp_feed_batches(const onp_feed *f, onp_stream stream, int64_t batch)
{
    return f->sampler[stream].n / batch;
}

void onp_feed_batch(onp_feed *f, onp_stream stream, int64_t step, int64_t batch, float *images,
                    int32_t *labels)
{
    onp_sampler *s = &f->sampler[stream];
    const int64_t per_epoch = onp_feed_batches(f, stream, batch);
    const int64_t epoch = step / per_epoch;
    onp_sampler_take(s, epoch * s->n + step % per_epoch * batch, batch, f->indices);
    onp_batch_fill(&f->train, f->indices, batch, epoch, &f->transform[stream], images, labels);
}

void onp_feed_range(const onp_feed *f, const onp_dataset *ds, const int64_t *list, int64_t first,
                    int64_t n, float *images, int32_t *labels)
{
    for (int64_t i = 0; i < n; i++)
        f->indices[i] = list != NULL ? list[first + i] : first + i;
    onp_batch_fill(ds, f->indices, n, 0, &f->eval, images, labels);
}
