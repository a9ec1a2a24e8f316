/* SPDX-License-Identifier: Apache-2.0 */
#include "supernet/model.h"

#include <stdio.h>
#include <string.h>

#include "base/safetensors.h"
#include "supernet/model_meta.h"

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
    onp_model_names_free(m->ctx, m->owned_names, m->input.n_classes);
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

/* ---- files ---- */

static onp_status write_meta(const onp_model *m, const char *path, onp_st_writer *w, onp_error *err)
{
    json_t *meta = NULL;
    const char *key;
    json_t *text;
    onp_status st = onp_model_meta_write(m, path, &meta, err);
    json_object_foreach(meta, key, text)
    {
        if (st == ONP_OK)
            st = onp_st_writer_meta(w, key, json_string_value(text), err);
    }
    json_decref(meta);
    return st;
}

static const char *get_meta(const void *from, const char *key)
{
    return onp_st_meta(from, key);
}

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
    const onp_meta_source source = {.path = path, .from = f, .get = get_meta};
    onp_status st = onp_model_meta_read(*out, &source, err);
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
