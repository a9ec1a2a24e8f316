/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/safetensors.h"

#define FORMAT      "onepath-model-1"
#define MAX_CLASSES 65536
#define MAX_SIDE    4096

static onp_status attach_net(onp_model *m, uint64_t seed, onp_error *err)
{
    const onp_arch *arch = m->arch;
    const size_t n = (size_t)arch->n_blocks;
    onp_position *positions = onp_alloc(m->ctx, n, sizeof *positions);
    m->path = onp_alloc(m->ctx, n, sizeof *m->path);
    if (positions == NULL || m->path == NULL) {
        onp_free(m->ctx, positions);
        return onp_fail(err, ONP_E_NOMEM, "model: out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        positions[i].n = 1;
        positions[i].candidate[0] = arch->blocks[i];
    }
    onp_status st =
        onp_supernet_new(m->ctx, positions, arch->n_blocks, arch->bn_eps, seed, &m->net, err);
    onp_free(m->ctx, positions);
    if (st != ONP_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n_specs = onp_block_params(&arch->blocks[i], ONP_MODE_EVAL, specs);
        for (int k = 0; k < n_specs; k++)
            m->n_stats += specs[k].role == ONP_PARAM_STATS ? onp_shape_count(specs[k].shape) : 0;
    }
    m->stats = onp_alloc(m->ctx, (size_t)m->n_stats, sizeof *m->stats);
    m->input.n_classes = arch->blocks[n - 1].out_c;
    m->input.image_h = arch->in_h;
    m->input.image_w = arch->in_w;
    m->input.fit = "none";
    m->input.color_order = arch->in_c == 1 ? "gray" : "RGB";
    for (int c = 0; c < ONP_MODEL_MAX_CHANNELS; c++)
        m->input.deviation[c] = 1;
    return m->stats != NULL ? ONP_OK : onp_fail(err, ONP_E_NOMEM, "model: out of memory");
}

onp_status onp_model_from_arch(const onp_context *ctx, onp_arch *arch, uint64_t seed,
                               onp_model **out, onp_error *err)
{
    onp_model *m = onp_alloc(ctx, 1, sizeof *m);
    if (m == NULL) {
        onp_arch_free(arch);
        return onp_fail(err, ONP_E_NOMEM, "model: out of memory");
    }
    m->ctx = ctx;
    m->arch = arch;
    onp_status st = attach_net(m, seed, err);
    if (st != ONP_OK) {
        onp_model_free(m);
        return st;
    }
    *out = m;
    return ONP_OK;
}

onp_status onp_model_new(const onp_context *ctx, const onp_block *blocks, int32_t n, double bn_eps,
                         uint64_t seed, onp_model **out, onp_error *err)
{
    onp_arch *arch = NULL;
    ONP_TRY(onp_arch_from_blocks(ctx, blocks, n, bn_eps, ONP_ARCH_BN_MOMENTUM, &arch, err));
    return onp_model_from_arch(ctx, arch, seed, out, err);
}

void onp_model_free(onp_model *m)
{
    if (m == NULL)
        return;
    for (int32_t i = 0; m->owned_names != NULL && i < m->input.n_classes; i++)
        onp_free(m->ctx, m->owned_names[i]);
    onp_free(m->ctx, m->owned_names);
    onp_arch_free(m->arch);
    onp_supernet_free(m->net);
    onp_free(m->ctx, m->path);
    onp_free(m->ctx, m->stats);
    onp_free(m->ctx, m);
}

/* ---- tensors ---- */

/* Visits the tensors of a model in file order. */
typedef onp_status (*tensor_visit)(void *user, const char *name, const int64_t *dims, int n_dims,
                                   float *data, onp_error *err);

static int tensor_dims(const onp_param_spec *spec, int64_t dims[4])
{
    const onp_shape s = spec->shape;
    if (spec->role == ONP_PARAM_WEIGHT) {
        dims[0] = s.n;
        dims[1] = s.h;
        dims[2] = s.w;
        dims[3] = s.c;
        return 4;
    }
    if (spec->role == ONP_PARAM_STATS) {
        dims[0] = 2;
        dims[1] = s.c;
        return 2;
    }
    dims[0] = s.c;
    return 1;
}

static onp_status visit_tensors(const onp_model *m, tensor_visit visit, void *user, onp_error *err)
{
    float *stats = m->stats;
    for (int32_t i = 0; i < m->arch->n_blocks; i++) {
        onp_param_spec specs[ONP_BLOCK_MAX_PARAMS];
        const int n = onp_block_params(&m->arch->blocks[i], ONP_MODE_EVAL, specs);
        float *weights = m->net->slabs[i][0].weights;
        for (int k = 0; k < n; k++) {
            float **from = specs[k].role == ONP_PARAM_STATS ? &stats : &weights;
            char name[128];
            int64_t dims[4];
            const int n_dims = tensor_dims(&specs[k], dims);
            (void)snprintf(name, sizeof name, "blocks.%d.%s", (int)i, specs[k].name);
            ONP_TRY(visit(user, name, dims, n_dims, *from, err));
            *from += onp_shape_count(specs[k].shape);
        }
    }
    return ONP_OK;
}

static onp_status write_tensor(void *user, const char *name, const int64_t *dims, int n_dims,
                               float *data, onp_error *err)
{
    return onp_st_writer_add(user, name, ONP_ST_F32, dims, n_dims, data, err);
}

static onp_status read_tensor(void *user, const char *name, const int64_t *dims, int n_dims,
                              float *data, onp_error *err)
{
    const void *from = NULL;
    size_t count = 1;
    ONP_TRY(onp_st_find(user, name, ONP_ST_F32, dims, n_dims, &from, err));
    for (int i = 0; i < n_dims; i++)
        count *= (size_t)dims[i];
    memcpy(data, from, count * sizeof *data);
    return ONP_OK;
}

/* ---- metadata ---- */

static onp_status reals_meta(onp_st_writer *w, const char *key, const double *values, int n,
                             onp_error *err)
{
    char text[ONP_MODEL_MAX_CHANNELS * 32] = "";
    for (int i = 0; i < n; i++) {
        const size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%.17g", i > 0 ? "," : "", values[i]);
    }
    return onp_st_writer_meta(w, key, text, err);
}

static onp_status names_meta(const onp_model *m, onp_st_writer *w, onp_error *err)
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
        st = onp_st_writer_meta(w, "class_names", text.text, err);
    onp_strbuf_reset(&text);
    json_decref(names);
    return st;
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
        {"input", out->input},   {"color_order", a->in_c == 1 ? "gray" : "RGB"},
        {"bn_eps", out->bn_eps},
    };
    memcpy(out->pairs, pairs, sizeof pairs);
    return ONP_OK;
}

static onp_status size_meta(const onp_model *m, onp_st_writer *w, onp_error *err)
{
    const onp_model_input *in = &m->input;
    char image[48], resize[16] = "none";
    (void)snprintf(image, sizeof image, "%dx%d", (int)in->image_h, (int)in->image_w);
    if (in->resize_side > 0)
        (void)snprintf(resize, sizeof resize, "%d", (int)in->resize_side);
    ONP_TRY(onp_st_writer_meta(w, "image", image, err));
    ONP_TRY(onp_st_writer_meta(w, "resize", resize, err));
    return onp_st_writer_meta(w, "fit", in->resize_side > 0 ? in->fit : "none", err);
}

static onp_status write_meta(const onp_model *m, const char *path, onp_st_writer *w, onp_error *err)
{
    fixed_meta fixed;
    const int c = (int)m->arch->in_c;
    ONP_TRY(fixed_of(m, path, &fixed, err));
    for (int i = 0; i < (int)ONP_COUNT(fixed.pairs); i++)
        ONP_TRY(onp_st_writer_meta(w, fixed.pairs[i][0], fixed.pairs[i][1], err));
    ONP_TRY(reals_meta(w, "mean", m->input.mean, c, err));
    ONP_TRY(reals_meta(w, "deviation", m->input.deviation, c, err));
    ONP_TRY(size_meta(m, w, err));
    return names_meta(m, w, err);
}

static onp_status read_text(const onp_st_file *f, const char *path, const char *key,
                            const char **out, onp_error *err)
{
    *out = onp_st_meta(f, key);
    if (*out == NULL)
        return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"%s\" is missing", path, key);
    return ONP_OK;
}

static onp_status read_reals(const onp_st_file *f, const char *path, const char *key, int n,
                             double *out, onp_error *err)
{
    const char *text = NULL;
    ONP_TRY(read_text(f, path, key, &text, err));
    const char *at = text;
    for (int i = 0; i < n; i++) {
        char *end = NULL;
        out[i] = strtod(at, &end);
        if (end == at || *end != (i + 1 < n ? ',' : '\0') || !isfinite(out[i]))
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: metadata \"%s\" is \"%.60s\", wanted %d numbers", path, key, text,
                            n);
        at = end + 1;
    }
    return ONP_OK;
}

/* "none" or a side; *out is 0 for none. */
static onp_status read_side(const onp_st_file *f, const char *path, int32_t *out, onp_error *err)
{
    const char *text = NULL;
    char *end = NULL;
    *out = 0;
    ONP_TRY(read_text(f, path, "resize", &text, err));
    if (strcmp(text, "none") == 0)
        return ONP_OK;
    const long side = strtol(text, &end, 10);
    if (end == text || *end != '\0' || side < 1 || side > MAX_SIDE)
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"resize\" is \"%.60s\", wanted none or 1..%d", path, text,
                        MAX_SIDE);
    *out = (int32_t)side;
    return ONP_OK;
}

/* Files of before there was resizing have neither "image" nor "fit": their images were as large as
 * the input. */
static onp_status read_size(onp_model *m, const onp_st_file *f, const char *path, onp_error *err)
{
    static const char *const fits[] = {"crop", "stretch"};
    onp_model_input *in = &m->input;
    const char *image = onp_st_meta(f, "image"), *fit = onp_st_meta(f, "fit");
    int h = in->image_h, w = in->image_w, length = 0;
    ONP_TRY(read_side(f, path, &in->resize_side, err));
    if (image != NULL &&
        (sscanf(image, "%5dx%5d%n", &h, &w, &length) != 2 || image[length] != '\0' ||
         h < m->arch->in_h || w < m->arch->in_w || h > MAX_SIDE || w > MAX_SIDE))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"image\" is \"%.60s\", wanted HxW of %dx%d..%dx%d", path,
                        image, (int)m->arch->in_h, (int)m->arch->in_w, MAX_SIDE, MAX_SIDE);
    if (in->resize_side > 0 && (h != in->resize_side || w != in->resize_side))
        return onp_fail(err, ONP_E_FORMAT,
                        "%s: metadata \"resize\" is %d, but images are %dx%d pixels", path,
                        (int)in->resize_side, h, w);
    in->image_h = h;
    in->image_w = w;
    if (in->resize_side == 0)
        return ONP_OK;
    for (size_t i = 0; i < ONP_COUNT(fits); i++)
        if (fit != NULL && strcmp(fit, fits[i]) == 0) {
            in->fit = fits[i];
            return ONP_OK;
        }
    return onp_fail(err, ONP_E_FORMAT, "%s: metadata \"fit\" is \"%.60s\", wanted crop or stretch",
                    path, fit != NULL ? fit : "");
}

static onp_status read_names(onp_model *m, const onp_st_file *f, const char *path, onp_error *err)
{
    const char *text = onp_st_meta(f, "class_names");
    if (text == NULL)
        return ONP_OK;
    json_t *names = NULL;
    ONP_TRY(onp_json_parse(text, strlen(text), path, &names, err));
    onp_status st = ONP_OK;
    const size_t n = json_array_size(names);
    if (n != (size_t)m->input.n_classes || n > MAX_CLASSES)
        st = onp_fail(err, ONP_E_FORMAT, "%s: %zu class names for %d classes", path, n,
                      (int)m->input.n_classes);
    if (st == ONP_OK)
        m->owned_names = onp_alloc(m->ctx, n, sizeof *m->owned_names);
    if (st == ONP_OK && m->owned_names == NULL)
        st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < n && st == ONP_OK; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name == NULL)
            st = onp_fail(err, ONP_E_FORMAT, "%s: class name %zu is not a text", path, i);
        else if ((m->owned_names[i] = onp_strdup(m->ctx, name)) == NULL)
            st = onp_fail(err, ONP_E_NOMEM, "%s: out of memory", path);
    }
    m->input.class_names = st == ONP_OK ? (const char *const *)m->owned_names : NULL;
    json_decref(names);
    return st;
}

static onp_status read_meta(onp_model *m, const onp_st_file *f, const char *path, onp_error *err)
{
    fixed_meta fixed;
    const int c = (int)m->arch->in_c;
    ONP_TRY(fixed_of(m, path, &fixed, err));
    for (int i = 0; i < (int)ONP_COUNT(fixed.pairs); i++) {
        const char *text = NULL;
        ONP_TRY(read_text(f, path, fixed.pairs[i][0], &text, err));
        if (strcmp(text, fixed.pairs[i][1]) != 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: metadata \"%s\" is \"%.64s\", arch.json and this program want "
                            "\"%s\"",
                            path, fixed.pairs[i][0], text, fixed.pairs[i][1]);
    }
    ONP_TRY(read_size(m, f, path, err));
    ONP_TRY(read_reals(f, path, "mean", c, m->input.mean, err));
    ONP_TRY(read_reals(f, path, "deviation", c, m->input.deviation, err));
    for (int i = 0; i < c; i++)
        if (m->input.deviation[i] <= 0)
            return onp_fail(err, ONP_E_FORMAT,
                            "%s: metadata \"deviation\"[%d] is %g, wanted above 0", path, i,
                            m->input.deviation[i]);
    return read_names(m, f, path, err);
}

/* ---- files ---- */

onp_status onp_model_save(const onp_model *m, const char *folder, onp_error *err)
{
    char path[1024];
    ONP_TRY(onp_path_join(path, sizeof path, folder, "arch.json", err));
    ONP_TRY(onp_arch_save(m->arch, path, err));
    ONP_TRY(onp_path_join(path, sizeof path, folder, "model.safetensors", err));
    onp_st_writer *w = NULL;
    ONP_TRY(onp_st_writer_new(m->ctx, path, &w, err));
    onp_status st = write_meta(m, path, w, err);
    if (st == ONP_OK)
        st = visit_tensors(m, write_tensor, w, err);
    if (st == ONP_OK)
        st = onp_st_writer_commit(w, err);
    onp_st_writer_free(w);
    return st;
}

static onp_status load(const onp_context *ctx, const char *folder, onp_model **out, onp_error *err)
{
    char path[1024];
    onp_arch *arch = NULL;
    onp_st_file *f = NULL;
    ONP_TRY(onp_path_join(path, sizeof path, folder, "arch.json", err));
    ONP_TRY(onp_arch_load(ctx, path, &arch, err));
    ONP_TRY(onp_model_from_arch(ctx, arch, 0, out, err));
    ONP_TRY(onp_path_join(path, sizeof path, folder, "model.safetensors", err));
    ONP_TRY(onp_st_open(ctx, path, &f, err));
    onp_status st = read_meta(*out, f, path, err);
    if (st == ONP_OK)
        st = visit_tensors(*out, read_tensor, f, err);
    onp_st_close(f);
    return st;
}

onp_status onp_model_load(const onp_context *ctx, const char *folder, onp_model **out,
                          onp_error *err)
{
    onp_model *m = NULL;
    onp_status st = load(ctx, folder, &m, err);
    if (st != ONP_OK) {
        onp_model_free(m);
        /* a model without one of its files is a damaged model; the text stays */
        return st == ONP_E_IO ? onp_fail_prefix(err, ONP_E_FORMAT, "%s", "") : st;
    }
    *out = m;
    return ONP_OK;
}
