/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/model_meta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FORMAT      "onepath-model-1"
#define MAX_CLASSES 65536
#define MAX_SIDE    4096

/* ---- writing ---- */

static onp_status set(json_t *to, const char *key, const char *text, onp_error *err)
{
    return json_object_set_new(to, key, json_string(text)) == 0
               ? ONP_OK
               : onp_fail(err, ONP_E_NOMEM, "model: out of memory");
}

static onp_status reals_meta(json_t *to, const char *key, const double *values, int n,
                             onp_error *err)
{
    char text[ONP_MODEL_MAX_CHANNELS * 32] = "";
    for (int i = 0; i < n; i++) {
        const size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%.17g", i > 0 ? "," : "", values[i]);
    }
    return set(to, key, text, err);
}

static onp_status names_meta(const onp_model *m, json_t *to, onp_error *err)
{
    if (m->input.class_names == NULL)
        return ONP_OK;
    json_t *names = json_array();
    for (int32_t i = 0; names != NULL && i < m->input.n_classes; i++)
        if (json_array_append_new(names, json_string(m->input.class_names[i])) != 0) {
            json_decref(names);
            return onp_fail(err, ONP_E_FORMAT, "class name %d is not UTF-8", (int)i);
        }
    onp_strbuf text;
    onp_strbuf_init(&text, m->ctx);
    onp_status st = names != NULL ? onp_json_dump(names, 0, &text, err)
                                  : onp_fail(err, ONP_E_NOMEM, "model: out of memory");
    if (st == ONP_OK)
        st = set(to, "class_names", text.text, err);
    onp_strbuf_reset(&text);
    json_decref(names);
    return st;
}

static const char *color_order(int channels)
{
    return channels == 1 ? "gray" : "RGB";
}

/* Metadata that has one right value for an architecture: written, and compared when read. */
typedef struct fixed_meta {
    char hash[ONP_SHA256_HEX], input[48], bn_eps[32];
    const char *pairs[5][2]; /* key, value */
} fixed_meta;

static onp_status fixed_of(const onp_model *m, const char *path, fixed_meta *out, onp_error *err)
{
    const onp_arch *a = m->arch;
    if (a->in_c > ONP_MODEL_MAX_CHANNELS)
        return onp_fail(err, ONP_E_FORMAT, "%s: %d input channels, wanted 1..%d", path,
                        (int)a->in_c, ONP_MODEL_MAX_CHANNELS);
    ONP_TRY(onp_arch_hash(a, out->hash, err));
    (void)snprintf(out->input, sizeof out->input, "%dx%dx%d", (int)a->in_h, (int)a->in_w,
                   (int)a->in_c);
    (void)snprintf(out->bn_eps, sizeof out->bn_eps, "%.17g", a->bn_eps);
    const char *const pairs[][2] = {
        {"format", FORMAT},      {"arch_hash", out->hash},
        {"input", out->input},   {"color_order", color_order(a->in_c)},
        {"bn_eps", out->bn_eps},
    };
    memcpy(out->pairs, pairs, sizeof pairs);
    return ONP_OK;
}

static onp_status size_meta(const onp_model *m, json_t *to, onp_error *err)
{
    const onp_model_input *in = &m->input;
    char image[48], resize[16] = "none";
    (void)snprintf(image, sizeof image, "%dx%d", (int)in->image_h, (int)in->image_w);
    if (in->resize_side > 0)
        (void)snprintf(resize, sizeof resize, "%d", (int)in->resize_side);
    ONP_TRY(set(to, "image", image, err));
    ONP_TRY(set(to, "resize", resize, err));
    return set(to, "fit", in->resize_side > 0 ? in->fit : "none", err);
}

static onp_status write_all(const onp_model *m, const char *path, json_t *to, onp_error *err)
{
    fixed_meta fixed;
    const int c = (int)m->arch->in_c;
    ONP_TRY(fixed_of(m, path, &fixed, err));
    for (int i = 0; i < (int)ONP_COUNT(fixed.pairs); i++)
        ONP_TRY(set(to, fixed.pairs[i][0], fixed.pairs[i][1], err));
    ONP_TRY(reals_meta(to, "mean", m->input.mean, c, err));
    ONP_TRY(reals_meta(to, "deviation", m->input.deviation, c, err));
    ONP_TRY(size_meta(m, to, err));
    return names_meta(m, to, err);
}

onp_status onp_model_meta_write(const onp_model *m, const char *path, json_t **out, onp_error *err)
{
    json_t *meta = json_object();
    onp_status st = meta != NULL ? write_all(m, path, meta, err)
                                 : onp_fail(err, ONP_E_NOMEM, "model: out of memory");
    if (st == ONP_OK)
        *out = meta;
    else
        json_decref(meta);
    return st;
}

/* ---- reading ---- */

static onp_status read_text(const onp_meta_source *f, const char *key, const char **out,
                            onp_error *err)
{
    *out = f->get(f->from, key);
    if (*out == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"%s\" is missing", f->path, key);
    return ONP_OK;
}

static onp_status read_reals(const onp_meta_source *f, const char *key, int n, double *out,
                             onp_error *err)
{
    const char *text = NULL;
    ONP_TRY(read_text(f, key, &text, err));
    const char *at = text;
    for (int i = 0; i < n; i++) {
        char *end = NULL;
        out[i] = strtod(at, &end);
        if (end == at || *end != (i + 1 < n ? ',' : '\0') || !isfinite(out[i]))
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: metadata \"%s\" is \"%.60s\", wanted %d numbers", f->path, key,
                            text, n);
        at = end + 1;
    }
    return ONP_OK;
}

/* "none" or a side; *out is 0 for none. */
static onp_status read_side(const onp_meta_source *f, int32_t *out, onp_error *err)
{
    const char *text = NULL;
    char *end = NULL;
    *out = 0;
    ONP_TRY(read_text(f, "resize", &text, err));
    if (strcmp(text, "none") == 0)
        return ONP_OK;
    const long side = strtol(text, &end, 10);
    if (end == text || *end != '\0' || side < 1 || side > MAX_SIDE)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"resize\" is \"%.60s\", wanted none or 1..%d", f->path, text,
                        MAX_SIDE);
    *out = (int32_t)side;
    return ONP_OK;
}

/* Files of before there was resizing have neither "image" nor "fit": their images were as large as
 * the input. */
static onp_status read_size(const onp_meta_source *f, const int32_t hwc[3], onp_model_input *in,
                            onp_error *err)
{
    static const char *const fits[] = {"crop", "stretch"};
    const char *image = f->get(f->from, "image"), *fit = f->get(f->from, "fit");
    int h = (int)hwc[0], w = (int)hwc[1], length = 0;
    ONP_TRY(read_side(f, &in->resize_side, err));
    if (image != NULL &&
        (sscanf(image, "%5dx%5d%n", &h, &w, &length) != 2 || image[length] != '\0' || h < hwc[0] ||
         w < hwc[1] || h > MAX_SIDE || w > MAX_SIDE))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"image\" is \"%.60s\", wanted HxW of %dx%d..%dx%d", f->path,
                        image, (int)hwc[0], (int)hwc[1], MAX_SIDE, MAX_SIDE);
    if (in->resize_side > 0 && (h != in->resize_side || w != in->resize_side))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"resize\" is %d, but images are %dx%d pixels", f->path,
                        (int)in->resize_side, h, w);
    in->image_h = h;
    in->image_w = w;
    in->fit = "none";
    if (in->resize_side == 0)
        return ONP_OK;
    for (size_t i = 0; i < ONP_COUNT(fits); i++)
        if (fit != NULL && strcmp(fit, fits[i]) == 0) {
            in->fit = fits[i];
            return ONP_OK;
        }
    return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"fit\" is \"%.60s\", wanted crop or stretch",
                    f->path, fit != NULL ? fit : "");
}

void onp_model_names_free(const onp_context *ctx, char **names, int32_t n)
{
    for (int32_t i = 0; names != NULL && i < n; i++)
        onp_free(ctx, names[i]);
    onp_free(ctx, names);
}

static onp_status read_names(const onp_context *ctx, const onp_meta_source *f, onp_model_input *in,
                             char ***out, onp_error *err)
{
    const char *text = f->get(f->from, "class_names");
    if (text == NULL)
        return ONP_OK;
    json_t *list = NULL;
    ONP_TRY(onp_json_parse(text, strlen(text), f->path, &list, err));
    onp_status st = ONP_OK;
    char **names = NULL;
    const size_t n = json_array_size(list);
    if (n != (size_t)in->n_classes || n > MAX_CLASSES)
        st = onp_fail(err, ONP_E_FORMAT, "%s: %zu class names for %d classes", f->path, n,
                      (int)in->n_classes);
    else if ((names = onp_alloc(ctx, n, sizeof *names)) == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", f->path);
    *out = names;
    for (size_t i = 0; i < n && st == ONP_OK; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL || !onp_text_is_plain(name))
            st = onp_fail(err, ONP_E_FORMAT, "%s: class name %zu is not plain UTF-8 text", f->path,
                          i);
        else if ((names[i] = onp_strdup(ctx, name)) == NULL)
            st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", f->path);
    }
    in->class_names = st == ONP_OK ? (const char *const *)names : NULL;
    json_decref(list);
    return st;
}

onp_status onp_model_meta_read_input(const onp_context *ctx, const onp_meta_source *source,
                                     const int32_t hwc[3], onp_model_input *in, char ***names,
                                     onp_error *err)
{
    const int c = (int)hwc[2];
    *names = NULL;
    if (c < 1 || c > ONP_MODEL_MAX_CHANNELS)
        return onp_fail(err, ONP_E_FORMAT, "%s: %d input channels, wanted 1..%d", source->path, c,
                        ONP_MODEL_MAX_CHANNELS);
    in->color_order = color_order(c);
    ONP_TRY(read_size(source, hwc, in, err));
    ONP_TRY(read_reals(source, "mean", c, in->mean, err));
    ONP_TRY(read_reals(source, "deviation", c, in->deviation, err));
    for (int i = 0; i < c; i++)
        if (in->deviation[i] <= 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: metadata \"deviation\"[%d] is %g, wanted above 0", source->path, i,
                            in->deviation[i]);
    return read_names(ctx, source, in, names, err);
}

onp_status onp_model_meta_read(onp_model *m, const onp_meta_source *source, onp_error *err)
{
    fixed_meta fixed;
    const int32_t hwc[3] = {m->arch->in_h, m->arch->in_w, m->arch->in_c};
    ONP_TRY(fixed_of(m, source->path, &fixed, err));
    for (int i = 0; i < (int)ONP_COUNT(fixed.pairs); i++) {
        const char *text = NULL;
        ONP_TRY(read_text(source, fixed.pairs[i][0], &text, err));
        if (strcmp(text, fixed.pairs[i][1]) != 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: metadata \"%s\" is \"%.64s\", arch.json and this program want "
                            "\"%s\"",
                            source->path, fixed.pairs[i][0], text, fixed.pairs[i][1]);
    }
    return onp_model_meta_read_input(m->ctx, source, hwc, &m->input, &m->owned_names, err);
}
